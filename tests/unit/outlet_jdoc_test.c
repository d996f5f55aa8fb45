/* The scanner against well-formed and broken documents, cut at every byte; the writer's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "firmware/core/jdoc.h"

/* All tokens, one letter each; the failure, or 0. */
static int scan(const char *p, size_t n, char *letters)
{
        struct jdoc_token t;
        struct jdoc j;
        size_t count = 0;
        int rc;

        jdoc_init(&j, p, n);
        while ((rc = jdoc_next(&j, &t)) == 0 && t.type != JDOC_END)
                if (count < 60)
                        letters[count++] = "${}[]ksntfN"[t.type];
        letters[count] = 0;
        return rc;
}

static void test_tokens(void **state)
{
        static const struct {
                const char *text, *want;
                int rc;
        } rows[] = {
                { "{}", "{}", 0 },
                { " [ ] ", "[]", 0 },
                { "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}", "{knk[tfN]k{ks}}", 0 },
                { "\"x\"", "s", 0 },
                { "-0", "n", 0 },
                { "12.5e-3", "n", 0 },
                { "01", "", -E_SYNTAX },
                { "1.", "", -E_TRUNC },
                { "1.x", "", -E_SYNTAX },
                { "1e", "", -E_TRUNC },
                { "-", "", -E_TRUNC },
                { "+1", "", -E_SYNTAX },
                { "", "", -E_TRUNC },
                { "tru", "", -E_TRUNC },
                { "trux", "", -E_SYNTAX },
                { "{\"a\"}", "{", -E_SYNTAX },
                { "{\"a\":}", "{k", -E_SYNTAX },
                { "{\"a\":1,}", "{kn", -E_SYNTAX },
                { "{,}", "{", -E_SYNTAX },
                { "[1,]", "[n", -E_SYNTAX },
                { "[1 2]", "[n", -E_SYNTAX },
                { "[1}", "[n", -E_SYNTAX },
                { "{\"a\":1]", "{kn", -E_SYNTAX },
                { "{1:2}", "{", -E_SYNTAX },
                { "[] []", "[]", -E_SYNTAX },
                { "]", "", -E_SYNTAX },
                { "\"\\x\"", "", -E_SYNTAX },
                { "\"a\tb\"", "", -E_SYNTAX },
                { "\"\xff      \"", "", -E_SYNTAX },
                { "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[n]]]]]]]]]]]]]]]]", 0 },
                { "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[", -E_RANGE },
        };
        char letters[64];

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const int rc = scan(rows[i].text, strlen(rows[i].text), letters);

                if (rc != rows[i].rc || strcmp(letters, rows[i].want) != 0)
                        fail_msg("%s: %d %s", rows[i].text, rc, letters);
        }
}

static void test_cut(void **state)
{
        static const char doc[] = "{\"state\":{\"desired\":{\"output\":true,\"n\":-12.5e+3}},"
                                  "\"t\":\"a\\u00e9\\n\xc3\xa9\",\"x\":[null,false,[]]}";
        char letters[64];

        (void)state;
        assert_int_equal(scan(doc, sizeof doc - 1, letters), 0);
        for (size_t n = 0; n < sizeof doc - 1; n++) {
                char *copy = malloc(n ? n : 1); /* for the sanitizer: nothing is read behind it */

                memcpy(copy, doc, n);
                assert_int_equal(scan(copy, n, letters), -E_TRUNC);
                free(copy);
        }
}

static void test_text(void **state)
{
        static const struct {
                const char *json, *want;
                int rc;
        } rows[] = {
                { "\"\"", "", 0 },
                { "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "a\"\\/\b\f\n\r\t", 9 },
                { "\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 6 },
                { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4 },
                { "\"\\ud83d\"", "", -E_SYNTAX },
                { "\"\\ud83dxxxxxx\"", "", -E_SYNTAX },
                { "\"\\ude00\"", "", -E_SYNTAX },
                { "\"\\u0000\"", "", -E_SYNTAX },
                { "12", "", -E_TYPE },
        };
        char out[16];

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct jdoc_token t;
                struct jdoc j;

                jdoc_init(&j, rows[i].json, strlen(rows[i].json));
                assert_int_equal(jdoc_next(&j, &t), 0);
                assert_int_equal(jdoc_text(&t, out, sizeof out), rows[i].rc);
                if (rows[i].rc < 0)
                        continue;
                assert_string_equal(out, rows[i].want);
                assert_true(jdoc_is(&t, rows[i].want));
                for (size_t cap = 0; cap <= (size_t)rows[i].rc; cap++)
                        assert_int_equal(jdoc_text(&t, out, cap), -E_NOSPACE);
        }
}

static void test_int(void **state)
{
        static const struct {
                const char *json;
                int rc;
                int64_t v;
        } rows[] = {
                { "0", 0, 0 },
                { "-7", 0, -7 },
                { "9223372036854775807", 0, INT64_MAX },
                { "9223372036854775808", -E_RANGE, 0 },
                { "99999999999999999999999", -E_RANGE, 0 },
                { "1.5", -E_TYPE, 0 },
                { "1e2", -E_TYPE, 0 },
                { "true", -E_TYPE, 0 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct jdoc_token t;
                struct jdoc j;
                int64_t v = 0;

                jdoc_init(&j, rows[i].json, strlen(rows[i].json));
                assert_int_equal(jdoc_next(&j, &t), 0);
                assert_int_equal(jdoc_int(&t, &v), rows[i].rc);
                assert_true(v == rows[i].v);
        }
}

static void test_writer(void **state)
{
        static const char want[] = "{\"a\\\"\\\\\\u0001\":12}";
        char out[64];
        struct jdoc_writer w;

        (void)state;
        for (size_t cap = 1; cap <= sizeof want; cap++) {
                memset(out, 'x', sizeof out);
                jdoc_writer_init(&w, out, cap);
                jdoc_put(&w, "{");
                jdoc_put_string(&w, "a\"\\\x01");
                jdoc_put(&w, ":%d}", 12);
                assert_int_equal(w.cut, cap < sizeof want);
                assert_int_equal(strlen(out), w.len);
                assert_true(w.len < cap && out[cap] == 'x');
        }
        assert_string_equal(out, want);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tokens), cmocka_unit_test(test_cut),
                cmocka_unit_test(test_text),   cmocka_unit_test(test_int),
                cmocka_unit_test(test_writer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
