/* The self-test's token: written, read, damaged at every byte, cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "wire/selftest.h"

/* zlib's crc32, by Python. */
static const char golden[] =
        "FCTRY-SELFTEST v1 PASS version=1.2.0 project=outlet chip=5 mac=240ac4000001 "
        "serial=SO-000001 slot=valid nvs=ok fctry=ok cert=ok output=ok button=ok crc=eb69920f";

static const char *fill(struct selftest_writer *w)
{
        selftest_begin(w);
        selftest_fact(w, "version", "1.2.0");
        selftest_fact(w, "project", "outlet");
        selftest_fact(w, "chip", "5");
        selftest_fact(w, "mac", "240ac4000001");
        selftest_fact(w, "serial", "SO-000001");
        selftest_fact(w, "slot", "valid");
        selftest_check(w, "nvs", "ok");
        selftest_check(w, "fctry", "ok");
        selftest_check(w, "cert", "ok");
        selftest_check(w, "output", "ok");
        selftest_check(w, "button", "ok");
        return selftest_end(w);
}

static int read_text(struct selftest *t, const char *text)
{
        return selftest_read(t, text, strlen(text));
}

static void test_golden(void **state)
{
        struct selftest_writer w;
        struct selftest_field f;
        struct selftest t;
        char noisy[SELFTEST_MAX + 64];
        char value[64];
        unsigned facts = 0, checks = 0;

        (void)state;
        assert_string_equal(fill(&w), golden);
        assert_true(w.pass);
        snprintf(noisy, sizeof noisy, "\xff I (12) boot %s \r\n", golden);
        assert_int_equal(read_text(&t, noisy), 0);
        assert_true(t.pass);
        for (size_t at = 0; selftest_next(&t, &at, &f);) {
                facts += !f.is_check;
                checks += f.is_check && f.ok;
        }
        assert_int_equal(facts, 6);
        assert_int_equal(checks, 5);
        assert_int_equal(selftest_get(&t, "serial", value, sizeof value), 9);
        assert_string_equal(value, "SO-000001");
        assert_int_equal(selftest_get(&t, "serial", value, 9), -E_NOSPACE);
        assert_int_equal(selftest_get(&t, "crc", value, sizeof value), -E_NOTFOUND);
        assert_int_equal(selftest_get(&t, "seria", value, sizeof value), -E_NOTFOUND);
}

static void test_fail(void **state)
{
        struct selftest_writer w;
        struct selftest_field f;
        struct selftest t;
        char value[64];
        size_t at = 0;

        (void)state;
        selftest_begin(&w);
        selftest_fact(&w, "version", "1.0 \x01z\xe4");
        selftest_fact(&w, "serial", "");
        selftest_check(&w, "nvs", "bad");
        assert_int_equal(read_text(&t, selftest_end(&w)), 0);
        assert_false(t.pass || w.pass);
        assert_int_equal(selftest_get(&t, "version", value, sizeof value), 7);
        assert_string_equal(value, "1.0__z_");
        assert_int_equal(selftest_get(&t, "serial", value, sizeof value), 0);
        while (selftest_next(&t, &at, &f) && !f.is_check)
                ;
        assert_true(f.is_check && !f.ok && f.name_len == 3 && !memcmp(f.name, "nvs", 3));
}

/* Every byte damaged, every byte cut off, every version but v1: never a unit that passes. */
static void test_damaged(void **state)
{
        char line[sizeof golden];
        struct selftest t;
        const size_t len = sizeof golden - 1;

        (void)state;
        for (size_t i = 0; i < len; i++) {
                for (unsigned bit = 0; bit < 8; bit++) {
                        memcpy(line, golden, sizeof golden);
                        line[i] = (char)(line[i] ^ 1 << bit);
                        if (selftest_read(&t, line, len) == 0)
                                fail_msg("byte %zu, bit %u: taken", i, bit);
                }
        }
        for (size_t n = 0; n < len; n++)
                assert_true(selftest_read(&t, golden, n) < 0);
        assert_int_equal(read_text(&t, "FCTRY-SELFTEST v2 PASS"), -E_UNSUPPORTED);
        assert_int_equal(read_text(&t, "nothing here"), -E_NOTFOUND);
        assert_int_equal(read_text(&t, "FCTRY-SELFTEST v1 PASS version=1"), -E_CRC);
        assert_int_equal(read_text(&t, ""), -E_NOTFOUND);
}

/* Whole by their checksum, but not what the format says (zlib's crc32, by Python). */
static void test_contradictions(void **state)
{
        static const char *const lines[] = {
                "FCTRY-SELFTEST v1 PASS nvs=bad crc=aad19e4b",
                "FCTRY-SELFTEST v1 FAIL nvs=ok crc=5bf5169f",
                "FCTRY-SELFTEST v1 GOOD nvs=ok crc=244d9bd3",
                "FCTRY-SELFTEST v1 PASS nvs crc=c8a52d8a",
                "FCTRY-SELFTEST v1 PASS  nvs=ok crc=8b97e975",
                "FCTRY-SELFTEST v1 PASS NVS=ok crc=e79c7673",
                "FCTRY-SELFTEST v1 PASS =ok crc=2e338c2d",
        };
        struct selftest t;

        (void)state;
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
                if (read_text(&t, lines[i]) != -E_FORMAT)
                        fail_msg("%s: %d", lines[i], read_text(&t, lines[i]));
        assert_int_equal(read_text(&t, "FCTRY-SELFTEST v1 PASS nvs=ok crc=c88ee719"), -E_CRC);
}

/* More than fits: the unit does not pass. */
static void test_too_long(void **state)
{
        struct selftest_writer w;
        struct selftest t;
        char big[SELFTEST_MAX];

        (void)state;
        memset(big, 'x', sizeof big);
        for (size_t n = 1; n < sizeof big; n++) {
                big[n] = 0;
                selftest_begin(&w);
                selftest_fact(&w, "version", big);
                selftest_check(&w, "nvs", "ok");
                if (w.pass)
                        assert_int_equal(read_text(&t, selftest_end(&w)), 0);
                else
                        assert_true(read_text(&t, selftest_end(&w)) < 0);
                assert_true(strlen(w.line) < SELFTEST_MAX);
                assert_int_equal(w.pass, n <= 512 - 22 - 1 - 9 - 7 - 13);
                big[n] = 'x';
        }
        selftest_begin(&w);
        selftest_check(&w, "a_name_of_twenty_four_by", "ok");
        assert_false(w.pass);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),   cmocka_unit_test(test_fail),
                cmocka_unit_test(test_damaged),  cmocka_unit_test(test_contradictions),
                cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
