#include <limits.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"

/* The C library's printf is the other opinion. */
#define SAME_AS_PRINTF(...)                                              \
        do {                                                             \
                char want[128];                                          \
                char got[128];                                           \
                const int n = snprintf(want, sizeof want, __VA_ARGS__);  \
                assert_int_equal(strf(got, sizeof got, __VA_ARGS__), n); \
                assert_string_equal(got, want);                          \
        } while (0)

static void test_strf(void **state)
{
        (void)state;
        SAME_AS_PRINTF("plain");
        SAME_AS_PRINTF("%d %d %d", 0, INT_MIN, INT_MAX);
        SAME_AS_PRINTF("%u %x %X", UINT_MAX, 0xdeadbeefu, 0xdeadbeefu);
        SAME_AS_PRINTF("%lld %llu", LLONG_MIN, ULLONG_MAX);
        SAME_AS_PRINTF("%ld %lu %zu", LONG_MIN, ULONG_MAX, (size_t)-1);
        SAME_AS_PRINTF("[%5d] [%-5d] [%05d] [%05d]", 42, 42, 42, -42);
        SAME_AS_PRINTF("[%8s] [%-8s] [%.3s] [%.*s]", "abc", "abc", "abcdef", 2, "abcdef");
        SAME_AS_PRINTF("%06u%c%%", 17u, 'x');
        SAME_AS_PRINTF("%02x%02x", 1, 255);
        SAME_AS_PRINTF("[%*d] [%*d]", 6, 3, -6, 3);
}

/* What it does not know may not let a later %s take a number for a pointer. */
static void test_strf_unknown(void **state)
{
        static const char *const formats[] = { "%u %#x %s", "%u % d %s", "%u %+d %s",
                                               "%u %f %s",  "%u %",      "%u %l" };

        (void)state;
        for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
                const char *volatile fmt = formats[i]; /* the compiler would object */
                char want[32] = "7";
                char got[32];

                strcat(want, formats[i] + 2);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                assert_int_equal(strf(got, sizeof got, fmt, 7, 1, 2), strlen(want));
#pragma GCC diagnostic pop
                assert_string_equal(got, want);
        }
}

static void test_strf_every_capacity(void **state)
{
        const char *full = "abc 12 xyz";
        char buf[16];

        (void)state;
        for (size_t cap = 0; cap <= sizeof buf; cap++) {
                memset(buf, '#', sizeof buf);
                assert_int_equal(strf(buf, cap, "abc %d %s", 12, "xyz"), 10);
                if (cap) {
                        assert_memory_equal(buf, full, cap - 1 < 10 ? cap - 1 : 10);
                        assert_int_equal(buf[cap - 1 < 10 ? cap - 1 : 10], 0);
                }
                for (size_t i = cap; i < sizeof buf; i++)
                        assert_int_equal(buf[i], '#');
        }
}

/* zlib.crc32 values computed with Python 3.11's zlib. */
static void test_crc32(void **state)
{
        (void)state;
        assert_int_equal(crc32_le(0, "123456789", 9), 0xCBF43926u);
        assert_int_equal(crc32_esp("", 0), 0xFFFFFFFFu);
        assert_int_equal(crc32_le(crc32_le(0, "1234", 4), "56789", 5), 0xCBF43926u);
        assert_int_equal(crc32_esp("123456789", 9), 0xD202D277u);
        assert_int_equal(crc32_le(0, "The quick brown fox jumps over the lazy dog", 43),
                         0x414FA339u);
}

/* The same by the definition, bit by bit, whatever the length and wherever it begins and breaks. */
static void test_crc32_bits(void **state)
{
        uint8_t data[80];

        (void)state;
        for (unsigned i = 0; i < sizeof data; i++)
                data[i] = (uint8_t)(i * i * 31 + i * 7 + 3);
        for (unsigned at = 0; at < 9; at++)
                for (unsigned n = 0; n < 64; n++) {
                        uint32_t want = ~0u;

                        for (unsigned i = 0; i < 8 * n; i++) {
                                const uint32_t bit = (want ^ data[at + i / 8] >> i % 8) & 1;

                                want = want >> 1 ^ (bit ? 0xEDB88320u : 0);
                        }
                        want = ~want;
                        assert_int_equal(crc32_le(0, data + at, n), want);
                        assert_int_equal(crc32_le(crc32_le(0, data + at, n / 3), data + at + n / 3,
                                                  n - n / 3),
                                         want);
                }
}

static void test_base64(void **state)
{
        /* RFC 4648, section 10 */
        static const char *const rows[][2] = { { "", "" },
                                               { "f", "Zg==" },
                                               { "fo", "Zm8=" },
                                               { "foo", "Zm9v" },
                                               { "foob", "Zm9vYg==" },
                                               { "fooba", "Zm9vYmE=" },
                                               { "foobar", "Zm9vYmFy" } };
        static const struct {
                const char *text;
                size_t bad;
        } wrong[] = {
                { "Z", 1 },    { "Zg", 2 },   { "Zg=", 3 },   { "Zg==Zg==", 4 }, { "=", 0 },
                { "Z===", 1 }, { "Zg=a", 3 }, { "Zm9v!", 4 }, { "Zm9v=", 4 },    { "!!!!", 0 }
        };
        char text[32];
        uint8_t out[32];
        size_t bad;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const size_t n = strlen(rows[i][0]);

                base64_encode((const uint8_t *)rows[i][0], n, text);
                assert_string_equal(text, rows[i][1]);
                assert_int_equal(base64_decode(text, strlen(text), out, n, NULL), n);
                assert_memory_equal(out, rows[i][0], n);
                for (size_t cap = 0; cap < n; cap++)
                        assert_int_equal(base64_decode(text, strlen(text), out, cap, NULL),
                                         -E_NOSPACE);
        }
        assert_int_equal(base64_decode(" Zm\r\n9v\t", 8, out, sizeof out, NULL), 3);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                assert_int_equal(
                        base64_decode(wrong[i].text, strlen(wrong[i].text), out, sizeof out, &bad),
                        -E_SYNTAX);
                assert_int_equal(bad, wrong[i].bad);
        }
}

static void test_hex(void **state)
{
        uint8_t out[4];
        char text[9];
        size_t bad;

        (void)state;
        assert_int_equal(hex_decode("00fFA5", 6, out, sizeof out, NULL), 3);
        assert_memory_equal(out, "\x00\xff\xa5", 3);
        assert_int_equal(hex_decode("abc", 3, out, sizeof out, &bad), -E_SYNTAX);
        assert_int_equal(bad, 3);
        assert_int_equal(hex_decode("0x12", 4, out, sizeof out, &bad), -E_SYNTAX);
        assert_int_equal(bad, 1);
        assert_int_equal(hex_decode("0102030405", 10, out, sizeof out, NULL), -E_NOSPACE);
        hex_encode((const uint8_t *)"\x00\xff\xa5", 3, text);
        assert_string_equal(text, "00ffa5");
}

/* A failure that nobody described is not taken for success. */
static void test_diag_of_nobody(void **state)
{
        const struct diag d = { 0 };

        (void)state;
        assert_int_equal(diag_code(&d), E_BUG);
        assert_int_equal(diag_code(NULL), E_BUG);
        assert_string_equal(diag_text(&d), err_text(E_BUG));
        assert_string_equal(diag_text(NULL), err_text(E_BUG));
        assert_int_equal(err_status(-diag_code(&d)), STATUS_STATION);
}

static void test_diag_first_wins(void **state)
{
        struct diag d = { 0 };

        (void)state;
        assert_int_equal(
                diag_at(&d, E_RANGE, 17, 3, "%s: longer than %u bytes", "wifi_pass", 4000u),
                -E_RANGE);
        assert_int_equal(diag_set(&d, E_IO, "later"), -E_IO);
        assert_int_equal(d.code, E_RANGE);
        assert_int_equal(d.line, 17);
        assert_string_equal(diag_text(&d), "wifi_pass: longer than 4000 bytes");
        assert_int_equal(diag_code(&d), E_RANGE);
        assert_int_equal(diag_set(NULL, E_IO, "nobody listens"), -E_IO);
}

static void test_err_list(void **state)
{
        (void)state;
        for (int e = 0; e < E_COUNT; e++) {
                assert_true(strlen(err_text(e)) > 0);
                assert_string_equal(err_text(e), err_text(-e));
        }
        assert_string_equal(err_text(-999), "unknown error");
        assert_int_equal(err_status(3), STATUS_DONE);
        assert_int_equal(err_status(-E_LINK), STATUS_LINK);
        assert_int_equal(err_status(-999), STATUS_STATION);
}

static void test_bytes(void **state)
{
        uint8_t b[8];

        (void)state;
        le64_put(b, 0x0102030405060708u);
        assert_memory_equal(b, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
        assert_true(le64_get(b) == 0x0102030405060708u);
        be32_put(b, 0xA1B2C3D4u);
        assert_memory_equal(b, "\xA1\xB2\xC3\xD4", 4);
        assert_int_equal(be32_get(b), 0xA1B2C3D4u);
        assert_true(bytes_all(b, 0, 1));
        assert_true(bytes_equal_ct("abc", "abc", 3));
        assert_false(bytes_equal_ct("abc", "abd", 3));
        wipe(b, sizeof b);
        assert_true(bytes_all(b, sizeof b, 0));
        assert_int_equal(align_up(0x9001, 0x1000), 0xA000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_strf),
                cmocka_unit_test(test_strf_unknown),
                cmocka_unit_test(test_strf_every_capacity),
                cmocka_unit_test(test_crc32),
                cmocka_unit_test(test_crc32_bits),
                cmocka_unit_test(test_base64),
                cmocka_unit_test(test_hex),
                cmocka_unit_test(test_diag_first_wins),
                cmocka_unit_test(test_diag_of_nobody),
                cmocka_unit_test(test_err_list),
                cmocka_unit_test(test_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
