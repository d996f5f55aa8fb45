/* The outlet's firmware with another product's driver, firmware/blink/driver.c, which stands before
 * the outlet's when this is linked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_port.h"
#include "firmware/core/button.h"

static struct outlet o;

static const char *const identity[] = { "serial_no", "dev-1",        "cert", "-----BEGIN C",
                                        "priv_key",  "-----BEGIN K", NULL };

static void boot(void)
{
        static const struct outlet_config cfg = { .ca = "-----BEGIN CA", .endpoint = "h" };

        fake_reset();
        fake_fctry("mfg_ns", identity);
        fake.wifi_stored = true;
        outlet_start(&o, &cfg, 0);
        fake_online(&o, 10);
        fake_message(&o, "$aws/things/dev-1/shadow/get/rejected", "{\"code\":404}", 20);
}

/* Ticks when they are due, up to a time; how often the pin has changed. */
static unsigned run_until(uint64_t from, uint64_t to)
{
        const unsigned before = fake.changes[19];

        for (uint64_t now = from; now < to;)
                now = outlet_tick(&o, now);
        return fake.changes[19] - before;
}

static void test_blinks(void **state)
{
        (void)state;
        boot();
        assert_int_equal(run_until(1020, 11020), 10); /* on and off, a second each */
        assert_non_null(strstr(fake.console, "light=ok"));
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"blink\":true,\"half_ms\":1000"));
        fake.chip = 0;
        driver_init(true, 0);
        assert_true(fake.is_output[27]);
}

static void test_button(void **state)
{
        (void)state;
        boot();
        fake.level[9] = false;
        run_until(2000, 2100);
        fake.level[9] = true;
        run_until(2100, 2200);
        assert_int_equal(run_until(2200, 29000), 0); /* its first report is not answered for 20 s */
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"desired\":{\"blink\":false}"));
        assert_int_equal(fake.restarts, 0);
        fake.level[9] = false;
        run_until(30000, 33500);
        fake.level[9] = true;
        run_until(33500, 33600);
        assert_int_equal(fake.formats, 1); /* reset to factory works with any driver */
}

static void test_cloud(void **state)
{
        (void)state;
        boot();
        fake_message(&o, "$aws/things/dev-1/shadow/update/delta",
                     "{\"version\":3,\"state\":{\"half_ms\":250}}", 30);
        assert_int_equal(run_until(1030, 3030), 8);
        fake_message(&o, "$aws/things/dev-1/shadow/update/delta",
                     "{\"version\":4,\"state\":{\"half_ms\":99}}", 3030);
        assert_int_equal(driver_get(1), 250);
        assert_int_equal(driver_set(1, 60001), -E_RANGE);
        assert_int_equal(driver_set(1, 60000), 0);
        assert_int_equal(driver_set(0, 2), -E_RANGE);
        assert_int_equal(driver_set(2, 0), -E_RANGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_blinks),
                cmocka_unit_test(test_button),
                cmocka_unit_test(test_cloud),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
