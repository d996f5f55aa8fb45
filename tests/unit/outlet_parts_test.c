/* The outlet's small machines: button, back-off, budget, versions, endpoint, power-on, light. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_port.h"
#include "firmware/core/button.h"
#include "firmware/core/driver.h"
#include "firmware/core/version.h"

/* Edges at times (first: pressed), and the actions that come of them, one letter each. */
struct press {
        const char *name;
        uint32_t edges[12]; /* ended by 0 */
        const char *want;   /* C click, R reset, A reset all */
};

static const struct press presses[] = {
        { "nothing", { 0 }, "" },
        { "click", { 1000, 1100 }, "C" },
        { "shortest click", { 1000, 1030 }, "C" },
        { "below the settling time", { 1000, 1029 }, "" },
        { "bounce at the press", { 1000, 1003, 1006, 1200 }, "C" },
        { "bounce at the release", { 1000, 1100, 1103, 1109 }, "C" },
        { "two within the debounce time", { 1000, 1100, 1200, 1399 }, "C" },
        { "two, just apart", { 1000, 1100, 1200, 1400 }, "CC" },
        { "hold, no reset yet", { 1000, 3999 }, "C" },
        { "reset to factory", { 1000, 4000 }, "R" },
        { "reset, longest", { 1000, 10999 }, "R" },
        { "reset all", { 1000, 11000 }, "A" },
        { "a break within a hold", { 1000, 2500, 2510, 4000 }, "R" },
        { "click, then reset", { 1000, 1100, 1150, 4150 }, "CR" },
        { "never released", { 1000 }, "" },
};

/* step: every how many ms the button is looked at besides its edges; 0: only when it asks for it */
static void play(const struct press *p, unsigned step, uint64_t base)
{
        char got[16] = "";
        size_t n = 0;
        struct button b;
        unsigned edge = 0;

        button_init(&b, false, base);
        for (uint64_t t = 0; t < 20000; t++) {
                const bool is_edge = edge < 12 && p->edges[edge] && t == p->edges[edge];
                enum button_action a;

                if (!is_edge && !(step && t % step == 0) && base + t < button_due(&b))
                        continue;
                edge += is_edge;
                a = button_update(&b, edge & 1u, base + t);
                if (a != BUTTON_NONE && n < sizeof got - 1)
                        got[n++] = a == BUTTON_CLICK ? 'C' : a == BUTTON_RESET ? 'R' : 'A';
                got[n] = 0;
        }
        if (strcmp(got, p->want) != 0)
                fail_msg("%s (step %u): %s instead of %s", p->name, step, got, p->want);
}

static void test_button(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof presses / sizeof *presses; i++) {
                play(&presses[i], 0, 0);
                play(&presses[i], 1, 0);
                play(&presses[i], 10, 0xFFFFF000u); /* over the end of 32 bits */
        }
}

static void test_button_stuck(void **state)
{
        struct button b;

        (void)state;
        button_init(&b, true, 0); /* held at power-on */
        assert_int_equal(button_held(&b, 9000), 0);
        assert_int_equal(button_update(&b, false, 20000), BUTTON_NONE);
        assert_int_equal(button_update(&b, false, 20030), BUTTON_NONE);
        assert_int_equal(button_update(&b, true, 21000), BUTTON_NONE);
        assert_int_equal(button_update(&b, true, 22000), BUTTON_NONE);
        assert_int_equal(button_held(&b, 24000), 3000);
        assert_int_equal(button_update(&b, false, 24500), BUTTON_NONE);
        assert_int_equal(button_update(&b, false, 24530), BUTTON_RESET);
}

static void test_backoff(void **state)
{
        unsigned beyond = 0; /* waits that only a growing limit allows */

        (void)state;
        fake_reset();
        for (uint32_t seed = 1; seed <= 1000; seed++) {
                struct backoff b = { .base_ms = 1000, .cap_ms = 60000 };
                uint32_t limit = 1000;
                uint64_t sum = 0;

                fake.seed = seed * 2654435761u | 1u;
                for (unsigned i = 0; i < 40; i++) {
                        const uint32_t ms = backoff_next(&b, sum);

                        assert_true(ms <= limit && ms <= 60000);
                        beyond += ms > 30000;
                        sum += ms;
                        limit = limit > 30000 ? 60000 : limit * 2;
                        backoff_up(&b, sum); /* up, but not for long: still failing */
                        sum += BACKOFF_STABLE_MS - 1;
                }
                sum += 1;
                assert_true(backoff_next(&b, sum) <= 1000); /* it had lasted */
        }
        assert_true(beyond > 10000);
}

/* Full jitter: over many seeds both ends of the range are met. */
static void test_backoff_spread(void **state)
{
        uint32_t low = 0, high = 0;

        (void)state;
        fake_reset();
        for (unsigned i = 0; i < 1000; i++) {
                struct backoff b = { .base_ms = 1000, .cap_ms = 60000 };
                const uint32_t ms = backoff_next(&b, 0);

                low += ms < 250;
                high += ms > 750;
        }
        assert_in_range(low, 150, 350);
        assert_in_range(high, 150, 350);
        assert_int_equal(jitter(0), 0);
        fake.seed = 5;
        assert_true(jitter(UINT32_MAX) > 0);
}

static void test_budget(void **state)
{
        struct budget b;
        uint64_t now = 77;
        unsigned n = 0;

        (void)state;
        budget_init(&b, now);
        while (budget_take(&b, now))
                n++;
        assert_int_equal(n, BUDGET_START);
        assert_int_equal(budget_due(&b, now), 77 + BUDGET_REFILL_MS);
        assert_false(budget_take(&b, now + BUDGET_REFILL_MS - 1));
        assert_true(budget_take(&b, now + BUDGET_REFILL_MS));
        assert_false(budget_take(&b, now + BUDGET_REFILL_MS));
        now += (uint64_t)BUDGET_REFILL_MS * 1000; /* long quiet: no more than the start */
        for (n = 0; budget_take(&b, now);)
                n++;
        assert_int_equal(n, BUDGET_START);
}

static void test_version(void **state)
{
        static const struct {
                const char *low, *high;
        } rows[] = {
                { "1.0.0", "1.0.1" },         { "1.9.0", "1.10.0" },
                { "1.0", "1.0.1" },           { "v1.2", "1.3" },
                { "1.2-rc1", "1.2" },         { "1.2-rc1", "1.2-rc2" },
                { "1.2-rc9", "1.2-rc10" },    { "1.2", "1.2-3-gabcdef" },
                { "1.2-3-gab", "1.2-10-ga" }, { "", "0.0.1" },
                { "hello-world", "1" },       { "99999999998", "1.0" },
                { "1.2-beta", "1.2-3-g1" },   { "0", "00.1" },
        };
        static const char *const equal[][2] = {
                { "1.0", "1.0.0" },       { "v1.0", "1.0" },    { "", "0" },
                { "1.0-rc1", "1.0-rc1" }, { "1.0+a", "1.0+b" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (i == 11)
                        continue; /* a number beyond all reason: only that it does not wrap */
                assert_true(version_compare(rows[i].low, rows[i].high) < 0);
                assert_true(version_compare(rows[i].high, rows[i].low) > 0);
        }
        assert_true(version_compare(rows[11].low, rows[11].high) > 0);
        for (size_t i = 0; i < sizeof equal / sizeof *equal; i++)
                assert_int_equal(version_compare(equal[i][0], equal[i][1]), 0);
}

static void test_endpoint(void **state)
{
        static const struct {
                const char *text;
                int rc;
                unsigned port;
        } rows[] = {
                { "broker.example", 0, 8883 },
                { "10.0.0.1:1883", 0, 1883 },
                { "a:443", 0, 443 },
                { "", -E_SYNTAX, 0 },
                { ":1", -E_SYNTAX, 0 },
                { "a:", -E_SYNTAX, 0 },
                { "a:0", -E_SYNTAX, 0 },
                { "a:65535", 0, 65535 },
                { "a:65536", -E_SYNTAX, 0 },
                { "mqtts://a", -E_SYNTAX, 0 },
                { "a:1x", -E_SYNTAX, 0 },
                { "a b", -E_SYNTAX, 0 },
                { "a:4294967297", -E_SYNTAX, 0 },
        };
        char host[CLOUD_HOST_MAX];
        char text[CLOUD_HOST_MAX + 1];
        uint16_t port;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_int_equal(cloud_endpoint(rows[i].text, host, &port), rows[i].rc);
                if (rows[i].rc == 0)
                        assert_int_equal(port, rows[i].port);
        }
        memset(text, 'a', sizeof text);
        text[CLOUD_HOST_MAX] = 0;
        assert_int_equal(cloud_endpoint(text, host, &port), -E_SYNTAX);
        text[CLOUD_HOST_MAX - 1] = 0;
        assert_int_equal(cloud_endpoint(text, host, &port), 0);
}

static void test_poweron(void **state)
{
        static const struct {
                const char *policy, *last;
                int kept;
                bool want;
        } rows[] = {
                { NULL, NULL, -1, false },
                { NULL, "on", -1, true },
                { NULL, "off", -1, false },
                { "last", "on", -1, true },
                { "off", "on", -1, false },
                { "on", "off", -1, true },
                { "off", "on", 1, true },
                { "on", "on", 0, false },
                { "junk", "on", -1, true },
                { "on", NULL, -1, true },
                { "longer than it may be", "on", -1, true },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct poweron p;

                fake_reset();
                assert_int_equal(port_kv_mount(PORT_NVS), 0);
                if (rows[i].policy)
                        port_kv_set(PORT_NVS, OUTLET_NS, "power_on", rows[i].policy);
                if (rows[i].last)
                        port_kv_set(PORT_NVS, OUTLET_NS, "last", rows[i].last);
                poweron_load(&p);
                if (poweron_first(&p, rows[i].kept, 0) != rows[i].want)
                        fail_msg("row %zu", i);
        }
}

/* A button that is played with for an hour: writes stay within the limit, and the last state is
 * kept. */
static void test_poweron_wear(void **state)
{
        struct poweron p;
        uint64_t now = 0;
        bool on = false;

        (void)state;
        fake_reset();
        assert_int_equal(port_kv_mount(PORT_NVS), 0);
        poweron_load(&p);
        poweron_first(&p, -1, now);
        for (; now < 3600000; now += 500) {
                if (now % 4000 == 0)
                        on = !on;
                poweron_tick(&p, on, now);
        }
        assert_int_equal(fake.sets, 0); /* never stable for 5 s */
        for (; now < 7200000; now += 500) {
                if (now % 7000 == 0)
                        on = !on;
                poweron_tick(&p, on, now);
        }
        assert_in_range(fake.sets, 1, 61);
        on = true;
        for (uint64_t end = now + 70000; now < end; now += 500)
                poweron_tick(&p, on, now);
        poweron_load(&p);
        assert_true(poweron_first(&p, -1, now));
}

static const char *check_result(unsigned i)
{
        struct driver_check c = { 0 };

        return driver_check(i, &c) ? c.result : NULL;
}

static void test_driver(void **state)
{
        (void)state;
        fake_reset();
        driver_init(true, 0);
        assert_true(fake.level[19]);
        assert_string_equal(check_result(0), "ok");
        assert_string_equal(check_result(1), "ok");
        assert_null(check_result(2));
        assert_int_equal(driver_set(0, 2), -E_RANGE);
        assert_int_equal(driver_set(1, 0), -E_RANGE);
        assert_int_equal(driver_set(0, 0), 0);
        assert_false(fake.level[19]);
        assert_int_equal(driver_news().changed, 0); /* that was the cloud */
        fake.stuck_output = true;
        assert_string_equal(check_result(0), "stuck");
        fake.stuck_output = false;
        fake.level[9] = false;
        assert_string_equal(check_result(1), "pressed");
        fake.chip = 0;
        driver_init(false, 0);
        assert_true(fake.is_output[27]);
        fake.level[0] = false;
        assert_string_equal(check_result(1), "pressed");
}

/* What the light does at a time: on or off, and when it is looked at again. */
static void test_light(void **state)
{
        static const struct {
                enum driver_mood mood;
                uint64_t now;
                bool on;
                uint64_t due;
        } rows[] = {
                { DRIVER_OFFLINE, 10000, false, UINT64_MAX },
                { DRIVER_PROVISIONING, 10250, true, 10500 },
                { DRIVER_PROVISIONING, 10500, false, 11000 },
                { DRIVER_JOINING, 11099, true, 11100 },
                { DRIVER_JOINING, 11100, false, 12000 },
                { DRIVER_ONLINE, 12000, true, UINT64_MAX },
        };

        (void)state;
        fake_reset();
        driver_init(false, 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const uint64_t due = driver_tick(rows[i].mood, rows[i].now);

                if (fake.level[8] != rows[i].on || due != rows[i].due)
                        fail_msg("row %zu: %d, due %u", i, fake.level[8], (unsigned)due);
        }
}

/* The button held: the light says what a release would do, and the news what it has done. */
static void test_hold(void **state)
{
        struct driver_news news;
        unsigned changes;

        (void)state;
        fake_reset();
        driver_init(false, 0);
        fake.level[9] = false;
        driver_tick(DRIVER_OFFLINE, 20000);
        assert_int_equal(driver_tick(DRIVER_OFFLINE, 20030), 23000);
        assert_false(fake.level[8]);
        assert_int_equal(driver_tick(DRIVER_OFFLINE, 23000), 23100); /* 0.1 s on, 0.1 s off */
        assert_true(fake.level[8]);
        assert_int_equal(driver_tick(DRIVER_OFFLINE, 23100), 23200);
        assert_false(fake.level[8]);
        changes = fake.changes[8];
        for (uint64_t now = 30000; now < 31000; now += 10) /* 0.05 s on, 0.05 s off */
                driver_tick(DRIVER_OFFLINE, now);
        assert_int_equal(fake.changes[8] - changes, 20);
        fake.level[9] = true;
        driver_tick(DRIVER_OFFLINE, 31000);
        news = driver_news();
        assert_false(news.reset || news.reset_all || news.changed);
        driver_tick(DRIVER_OFFLINE, 31030);
        assert_false(fake.level[8]);
        news = driver_news();
        assert_true(news.reset && news.reset_all && !news.changed);
        news = driver_news();
        assert_false(news.reset || news.reset_all);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_button),       cmocka_unit_test(test_button_stuck),
                cmocka_unit_test(test_backoff),      cmocka_unit_test(test_backoff_spread),
                cmocka_unit_test(test_budget),       cmocka_unit_test(test_version),
                cmocka_unit_test(test_endpoint),     cmocka_unit_test(test_poweron),
                cmocka_unit_test(test_poweron_wear), cmocka_unit_test(test_driver),
                cmocka_unit_test(test_light),        cmocka_unit_test(test_hold),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
