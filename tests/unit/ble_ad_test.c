/* Advertisements: names and services, in any order, cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "wire/ble_ad.h"

#define ROWS(a)   (sizeof(a) / sizeof(a)[0])
#define HEX(text) (const uint8_t *)(text), sizeof(text) - 1
#define UUID      "\xb4\xdf\x5a\x1c\x3f\x6b\xf4\xbf\xea\x4a\x82\x03\x04\x90\x1a\x02"
#define OTHER     "0123456789abcdef"

static const struct {
        const uint8_t *data;
        size_t n;
        const char *name;
        size_t uuids;
} rows[] = {
        { HEX(""), "", 0 },
        { HEX("\x02\x01\x06\x11\x07" UUID), "", 1 },
        { HEX("\x0a\x09PROV_1234"), "PROV_1234", 0 },
        { HEX("\x05\x08PROV\x0a\x09PROV_1234"), "PROV_1234", 0 },
        { HEX("\x0a\x09PROV_1234\x05\x08PROV"), "PROV_1234", 0 }, /* short does not shorten */
        { HEX("\x05\x08PROV"), "PROV", 0 },
        { HEX("\x01\x09\x02\x01\x06"), "", 0 },
        { HEX("\x21\x07" UUID OTHER), "", 2 },
        { HEX("\x11\x07" UUID "\x11\x06" UUID), "", 1 },
        { HEX("\x12\x07" UUID "x"), "", 1 },
        { HEX("\x00\x0a\x09PROV_1234"), "", 0 }, /* early termination */
        { HEX("\x0b\x09PROV_1234"), "", 0 },     /* cut short */
        { HEX("\xff\x09PROV_1234"), "", 0 },
        { HEX("\x03\xff\x09\x09\x02\x0aX\x03\x09ok"), "ok", 0 },
};

static void test_rows_and_cuts(void **state)
{
        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                for (size_t cut = 0; cut <= rows[i].n; cut++) {
                        struct ble_ad ad = { 0 };
                        uint8_t exact[64];

                        memcpy(exact, rows[i].data, cut);
                        ble_ad_take(&ad, exact, cut);
                        assert_true(ad.uuid_count <= rows[i].uuids);
                        if (cut < rows[i].n)
                                continue;
                        assert_string_equal(ad.name, rows[i].name);
                        assert_int_equal(ad.uuid_count, rows[i].uuids);
                }
        }
}

static void test_merge(void **state)
{
        struct ble_ad ad = { 0 };
        uint8_t many[17 * 8];

        (void)state;
        ble_ad_take(&ad, HEX("\x11\x07" UUID));
        ble_ad_take(&ad, HEX("\x03\x09hi"));
        assert_string_equal(ad.name, "hi");
        assert_int_equal(ad.uuid_count, 1);
        assert_memory_equal(ad.uuids[0], UUID, 16);
        /* more services than are kept */
        many[0] = 1 + 16 * 8;
        many[1] = BLE_AD_UUIDS_ALL;
        for (size_t i = 2; i < sizeof many; i++)
                many[i] = (uint8_t)i;
        ble_ad_take(&ad, many, 2 + 16 * 8);
        assert_int_equal(ad.uuid_count, BLE_AD_UUIDS_MAX);
}

static void test_put(void **state)
{
        uint8_t out[BLE_AD_MAX + 1];
        uint8_t long_field[255] = { 0 };

        (void)state;
        for (size_t cap = 0; cap <= BLE_AD_MAX; cap++) {
                long n;

                memset(out, '#', sizeof out);
                n = ble_ad_put(out, cap, 0, BLE_AD_UUIDS_ALL, UUID, 16);
                assert_int_equal(n, cap < 18 ? -E_NOSPACE : 18);
                if (n > 0)
                        n = ble_ad_put(out, cap, (size_t)n, BLE_AD_NAME, "PROV_1234", 9);
                assert_int_equal(n, cap < 29 ? -E_NOSPACE : 29);
                for (size_t i = cap; i < sizeof out; i++)
                        assert_int_equal(out[i], '#');
        }
        assert_memory_equal(out, "\x11\x07" UUID "\x0a\x09PROV_1234", 29);
        assert_int_equal(ble_ad_put(long_field, sizeof long_field, 0, BLE_AD_NAME, out, 255),
                         -E_NOSPACE);
        assert_int_equal(ble_ad_put(out, 4, 5, BLE_AD_NAME, "", 0), -E_NOSPACE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_and_cuts),
                cmocka_unit_test(test_merge),
                cmocka_unit_test(test_put),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
