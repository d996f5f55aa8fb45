/* A product that measures: the outlet's firmware with the driver of a water meter, whose functions
 * stand before the outlet's when this is linked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_port.h"

#define T "$aws/things/dev-1/shadow"

enum { OPEN, LITRES };
static const struct driver_property properties[] = {
        [OPEN] = { .name = "open" },
        [LITRES] = { .name = "litres", .is_number = true, .is_measured = true }
};
static int32_t value[2];
static struct driver_news news;
static unsigned sets;
static struct outlet o;

const struct driver_property *driver_properties(size_t *count)
{
        *count = sizeof properties / sizeof *properties;
        return properties;
}

int32_t driver_get(size_t property)
{
        return value[property];
}

int driver_set(size_t property, int32_t to)
{
        sets++;
        value[property] = to;
        return 0;
}

int driver_kept(void)
{
        return -1;
}

void driver_init(bool on, uint64_t now)
{
        (void)now;
        value[OPEN] = on;
}

void driver_event(const struct port_event *ev, uint64_t now)
{
        (void)ev, (void)now;
}

uint64_t driver_tick(enum driver_mood mood, uint64_t now)
{
        (void)mood, (void)now;
        return UINT64_MAX;
}

struct driver_news driver_news(void)
{
        const struct driver_news told = news;

        news = (struct driver_news){ 0 };
        return told;
}

bool driver_check(unsigned i, struct driver_check *c)
{
        (void)i, (void)c;
        return false;
}

/* Online, with the shadow's document, NULL: there is none. */
static void boot_at(uint64_t now, const char *document)
{
        static const char *const identity[] = { "serial_no", "dev-1",        "cert", "-----BEGIN C",
                                                "priv_key",  "-----BEGIN K", NULL };
        static const struct outlet_config cfg = { .ca = "-----BEGIN CA", .endpoint = "h" };

        fake_reset();
        fake_fctry("mfg_ns", identity);
        fake.wifi_stored = true;
        memset(value, 0, sizeof value);
        sets = 0;
        outlet_start(&o, &cfg, now);
        fake_online(&o, now + 10);
        fake_message(&o, document ? T "/get/accepted" : T "/get/rejected",
                     document ? document : "{\"code\":404}", now + 20);
}

static void boot(const char *document)
{
        boot_at(0, document);
}

/* The report in flight is accepted, and there is time for the next one. */
static void accept(uint64_t now)
{
        const char *token = strstr(fake_sent("/shadow/update"), "\"clientToken\"");
        char text[128] = "{\"version\":9,";

        strncat(text, token, sizeof text - strlen(text) - 1);
        fake_message(&o, T "/update/accepted", text, now);
}

static void test_measured(void **state)
{
        (void)state;
        boot(NULL);
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"open\":false,\"litres\":0"));
        accept(100);
        fake_forget();
        value[LITRES] = 7;
        news.changed = 1u << LITRES;
        outlet_tick(&o, 5000);
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"reported\":{\"litres\":7}"));
        assert_null(strstr(fake_sent("/shadow/update"), "desired"));
        accept(5100);
        fake_forget();
        value[OPEN] = 1;
        news.changed = 1u << OPEN | 1u << LITRES;
        outlet_tick(&o, 10000);
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"desired\":{\"open\":true}"));
}

/* A meter that never rests for two hours, over the 49.7 days after which 32 bits of milliseconds
 * are used up: the broker pays a message in 5 s, and what it has in the end is the last value. */
static void test_often(void **state)
{
        const uint64_t start = UINT64_C(0x100000000) - 3600000;
        uint64_t now = start;
        unsigned updates = 0;
        char last[32];

        (void)state;
        boot_at(start, NULL);
        for (; now < start + 7200000; now += 100) {
                fake_forget();
                value[LITRES]++;
                news.changed = 1u << LITRES;
                outlet_tick(&o, now);
                if (fake_sent("/shadow/update")) {
                        updates++;
                        accept(now);
                }
        }
        assert_in_range(updates, 7200 / 5, 7200 / 5 + 100);
        for (; now < start + 7200000 + 6000; now += 100) {
                outlet_tick(&o, now);
                if (fake_sent("/shadow/update"))
                        break;
        }
        snprintf(last, sizeof last, "\"litres\":%d", (int)value[LITRES]);
        assert_non_null(strstr(fake_sent("/shadow/update"), last));
}

/* A wish, as a delta and in the document after a connection: nothing is set, and it goes. */
static void test_wished(void **state)
{
        (void)state;
        boot(NULL);
        accept(100);
        fake_forget();
        fake_message(&o, T "/update/delta", "{\"version\":10,\"state\":{\"litres\":9}}", 5000);
        outlet_tick(&o, 6000);
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"reported\":{\"litres\":0}"));
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"desired\":{\"litres\":null}"));
        boot("{\"state\":{\"desired\":{\"litres\":0},\"reported\":{\"litres\":0}},\"version\":4}");
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"desired\":{\"litres\":null}"));
        assert_int_equal(sets, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_measured),
                cmocka_unit_test(test_often),
                cmocka_unit_test(test_wished),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
