#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "wire/slip.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

static const struct {
        const char *plain;
        size_t n;
        const char *frame;
        size_t m;
} rows[] = {
        { "", 0, "\xC0\xC0", 2 },
        { "a", 1,
          "\xC0"
          "a\xC0",
          3 },
        { "\xC0", 1, "\xC0\xDB\xDC\xC0", 4 },
        { "\xDB", 1, "\xC0\xDB\xDD\xC0", 4 },
        { "\xDB\xDC\xC0\xDD", 4, "\xC0\xDB\xDD\xDC\xDB\xDC\xDD\xC0", 8 },
};

static long encode(const void *p, size_t n, uint8_t *out, size_t cap)
{
        struct slip_encoder e;

        slip_begin(&e, out, cap);
        slip_put(&e, p, n);
        return slip_end(&e);
}

static void test_encode_every_capacity(void **state)
{
        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                for (size_t cap = 0; cap < 12; cap++) {
                        uint8_t out[16];

                        memset(out, '#', sizeof out);
                        if (cap < rows[i].m) {
                                assert_int_equal(encode(rows[i].plain, rows[i].n, out, cap),
                                                 -E_NOSPACE);
                        } else {
                                assert_int_equal(encode(rows[i].plain, rows[i].n, out, cap),
                                                 rows[i].m);
                                assert_memory_equal(out, rows[i].frame, rows[i].m);
                        }
                        for (size_t k = cap; k < sizeof out; k++)
                                assert_int_equal(out[k], '#');
                }
        }
}

/* The stream in two pieces, cut at every byte. */
static void test_decode_cut_anywhere(void **state)
{
        (void)state;
        for (size_t i = 1; i < ROWS(rows); i++) {
                for (size_t cut = 0; cut <= rows[i].m; cut++) {
                        const uint8_t *f = (const uint8_t *)rows[i].frame;
                        struct slip_decoder d;
                        uint8_t buf[8];
                        size_t used;
                        int rc;

                        slip_decoder_init(&d, buf, sizeof buf);
                        rc = slip_feed(&d, f, cut, &used);
                        assert_int_equal(used, cut);
                        if (cut < rows[i].m) {
                                assert_int_equal(rc, SLIP_MORE);
                                rc = slip_feed(&d, f + cut, rows[i].m - cut, &used);
                        }
                        assert_int_equal(rc, SLIP_FRAME);
                        assert_int_equal(d.len, rows[i].n);
                        assert_memory_equal(d.buf, rows[i].plain, rows[i].n);
                }
        }
}

/* What a stream gives: frames as text, '!' for -E_PROTO, '^' for -E_NOSPACE. */
static void test_decode_streams(void **state)
{
        static const struct {
                const char *stream;
                const char *events;
        } streams[] = {
                { "", "" },
                { "boot text\r\n", "" },
                { "ab\xC0", "" }, /* no leading END: ignored, and this END opens the next */
                { "ab\xC0xy\xC0", "xy," },
                { "\xC0\xC0\xC0"
                  "ab\xC0\xC0"
                  "cd\xC0",
                  "ab,cd," },
                { "\xC0"
                  "ab\xC0noise\xC0"
                  "cd\xC0",
                  "ab,cd," },
                { "\xC0"
                  "a\xDB"
                  "b\xC0\xC0"
                  "cd\xC0",
                  "!cd," },
                { "\xC0"
                  "a\xDB\xC0\xC0"
                  "cd\xC0",
                  "!cd," },
                { "\xC0"
                  "abcdefghi\xC0\xC0"
                  "cd\xC0",
                  "^cd," },
                { "\xC0"
                  "abcdefgh\xC0",
                  "abcdefgh," },
        };

        (void)state;
        for (size_t i = 0; i < ROWS(streams); i++) {
                const uint8_t *p = (const uint8_t *)streams[i].stream;
                size_t n = strlen(streams[i].stream);
                struct slip_decoder d;
                uint8_t buf[8];
                char events[64] = "";

                slip_decoder_init(&d, buf, sizeof buf);
                while (n) {
                        size_t used;
                        const int rc = slip_feed(&d, p, n, &used);

                        assert_true(used > 0 && used <= n);
                        if (rc == SLIP_FRAME) {
                                strncat(events, (char *)d.buf, d.len);
                                strcat(events, ",");
                        } else if (rc != SLIP_MORE) {
                                assert_true(rc == -E_PROTO || rc == -E_NOSPACE);
                                strcat(events, rc == -E_PROTO ? "!" : "^");
                        }
                        p += used;
                        n -= used;
                }
                assert_string_equal(events, streams[i].events);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_encode_every_capacity),
                cmocka_unit_test(test_decode_cut_anywhere),
                cmocka_unit_test(test_decode_streams),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
