/* The chip table: what Espressif publishes of each chip, and that no two rows answer to the same
 * question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/chips.h"
#include "host/jedec.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

/* esp_chip_model_t and esp_image_header_t of ESP-IDF v5.5, UF2 families of
 * github.com/microsoft/uf2. */
static void test_published(void **state)
{
        static const struct {
                const char *name;
                int id;
                uint32_t boot, uf2;
        } rows[] = {
                { "esp8266", -1, 0, 0x7eab61ed },      { "ESP32", 0, 0x1000, 0x1c5f21b0 },
                { "esp32-s2", 2, 0x1000, 0xbfdd4eee }, { "esp32c3", 5, 0, 0xd42ba06c },
                { "esp32_s3", 9, 0, 0xc47e5767 },      { "ESP32-C2", 12, 0, 0x2b88d29c },
                { "esp32c6", 13, 0, 0x540ddf62 },      { "esp32h2", 16, 0, 0x332726f6 },
                { "esp32p4", 18, 0x2000, 0x3d308e94 }, { "esp32c5", 23, 0x2000, 0xf71c0343 },
        };
        size_t n;

        (void)state;
        chips(&n);
        assert_int_equal(n, ROWS(rows));
        for (size_t i = 0; i < ROWS(rows); i++) {
                const struct chip *c = chip_by_name(rows[i].name);

                assert_non_null(c);
                assert_int_equal(c->image_id, rows[i].id);
                assert_int_equal(c->boot_offset, rows[i].boot);
                assert_int_equal(c->uf2_family, rows[i].uf2);
                assert_non_null(strstr(chip_names(), c->option));
        }
        assert_null(chip_by_name("esp32x"));
        assert_null(chip_by_name(""));
}

static void test_rows_are_distinct(void **state)
{
        size_t n;
        const struct chip *c = chips(&n);

        (void)state;
        for (size_t i = 0; i < n; i++) {
                for (const uint32_t *m = c[i].magics; *m; m++)
                        assert_ptr_equal(chip_by_magic(*m), &c[i]);
                if (c[i].image_id >= 0)
                        assert_ptr_equal(chip_by_image_id((unsigned)c[i].image_id), &c[i]);
                for (size_t k = 0; k < i; k++)
                        assert_true(c[i].uf2_family != c[k].uf2_family);
                assert_true(c[i].spi.base && c[i].mac_reg && c[i].freqs && c[i].map &&
                            c[i].features);
                assert_true(!c[i].wdt[0] || (c[i].wdt_key && c[i].swd_key && c[i].swd_feed));
                assert_true(chip_regions(&c[i], c[i].irom[0] + 0x2000) != 0);
        }
        assert_null(chip_by_magic(0));
        assert_null(chip_by_image_id(4711));
}

static void test_codes(void **state)
{
        const struct chip *c3 = chip_by_name("esp32c3");
        const struct chip *esp8266 = chip_by_name("esp8266");

        (void)state;
        assert_int_equal(chip_size_code(c3, "4MB"), 2);
        assert_int_equal(chip_size_code(esp8266, "4MB"), 4);
        assert_int_equal(chip_size_code(c3, "512KB"), -1);
        assert_int_equal(chip_freq_code(c3, "80m"), 15);
        assert_int_equal(chip_freq_code(chip_by_name("esp32c6"), "80m"), 0);
        assert_int_equal(chip_freq_code(chip_by_name("esp32h2"), "80m"), -1);
        assert_string_equal(chip_size_word(c3, 7), "128MB");
        assert_null(chip_size_word(c3, 9));
        assert_int_equal(flash_mode_code("dio"), 2);
        assert_string_equal(flash_mode_word(9), "?");
        assert_string_equal(chip_key_purpose(c3, 4), "XTS_AES_128_KEY");
        assert_string_equal(chip_key_purpose(chip_by_name("esp32h2"), 1), "ECDSA_KEY");
        assert_null(chip_key_purpose(c3, 200));
}

static void test_sizes(void **state)
{
        static const struct {
                const char *word;
                uint32_t bytes;
        } rows[] = {
                { "4MB", 4u << 20 },
                { "512KB", 512u << 10 },
                { "2MB-c1", 2u << 20 },
                { "128MB", 128u << 20 },
                { "0MB", 0 },
                { "4mb", 0 },
                { "4", 0 },
                { "MB", 0 },
                { "", 0 },
                { "4MBx", 0 },
                { "99999MB", 0 },
                { "-4MB", 0 },
        };

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++)
                assert_int_equal(flash_size_bytes(rows[i].word), rows[i].bytes);
        assert_string_equal(flash_size_text(4u << 20), "4MB");
        assert_null(flash_size_text(3u << 20));
        assert_int_equal(jedec_size(0x1640ef), 4u << 20);
        assert_int_equal(jedec_size(0x3640c2), 4u << 20);
        assert_int_equal(jedec_size(0x2019c2), 64u << 20);
        assert_int_equal(jedec_size(0xffffff), 0);
        assert_string_equal(jedec_maker(0x1640ef), "Winbond");
        assert_string_equal(jedec_maker(0x164000), "unknown");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_published),
                cmocka_unit_test(test_rows_are_distinct),
                cmocka_unit_test(test_codes),
                cmocka_unit_test(test_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
