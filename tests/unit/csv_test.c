/* CSV: what Python's csv module makes of a text, where fields stand, and texts cut at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "host/csv.h"

struct seen {
        char text[4096]; /* fields in [brackets], rows ending in | */
        char places[1024];
        int stop_after; /* rows; 0: never */
        int rows;
};

static int on_row(void *ctx, const struct csv_row *row)
{
        struct seen *s = ctx;
        size_t n = strlen(s->text);
        size_t m = strlen(s->places);

        for (size_t i = 0; i < row->count; i++) {
                const struct csv_field *f = &row->fields[i];

                assert_int_equal(strlen(f->text), f->len);
                n += (size_t)snprintf(s->text + n, sizeof s->text - n, "[%s]", f->text);
                m += (size_t)snprintf(s->places + m, sizeof s->places - m, "%u:%u%s ", f->line,
                                      f->column, f->quoted ? "q" : "");
        }
        snprintf(s->text + n, sizeof s->text - n, "|");
        return ++s->rows == s->stop_after ? -E_CANCELLED : 0;
}

static int read_text(const char *text, size_t len, const struct csv_config *cfg, struct seen *s,
                     struct report *r)
{
        char *exact = malloc(len ? len : 1); /* so that a sanitizer sees one byte too many */
        int rc;

        memset(s->text, 0, sizeof s->text);
        memset(s->places, 0, sizeof s->places);
        s->rows = 0;
        memcpy(exact, text, len);
        rc = csv_read("t.csv", exact, len, cfg, on_row, s, r);
        free(exact);
        return rc;
}

/* Expected fields: Python 3.11, list(csv.reader(io.StringIO(text, newline=None))). */
static void test_like_python(void **state)
{
        static const struct {
                const char *text, *rows;
        } rows[] = {
                { "", "" },
                { "a", "[a]|" },
                { "a,b\nc,d\n", "[a][b]|[c][d]|" },
                { "a,b\r\nc,d\r\n", "[a][b]|[c][d]|" },
                { "a,b\rc,d\r", "[a][b]|[c][d]|" },
                { "a,\n,b\n,\n", "[a][]|[][b]|[][]|" },
                { "\n\na\n\n", "[a]|" },
                { " a , b \n", "[ a ][ b ]|" },
                { "\ta\t,\" b \"\n", "[\ta\t][ b ]|" },
                { "\"a,b\",c\n", "[a,b][c]|" },
                { "\"a\nb\",c\n", "[a\nb][c]|" },
                { "\"a\r\nb\",c\r\n", "[a\nb][c]|" },
                { "\"a\rb\"\n", "[a\nb]|" },
                { "\"a\n\n\nb\"\n", "[a\n\n\nb]|" },
                { "\"a\"\"b\",\"\"\"\"\n", "[a\"b][\"]|" },
                { "\"\",\"\"\n", "[][]|" },
                { "\"\"\n", "[]|" },
                { "a\"b\",c\n", "[a\"b\"][c]|" },
                { " \"a\"\n", "[ \"a\"]|" },
                { "\"ab\"cd,e\n", "[abcd][e]|" },
                { "\"ab\"c\"d\"e,\"f\"\n", "[abc\"d\"e][f]|" },
                { "\"ab\" ,x\n", "[ab ][x]|" },
                { "\"a\"b", "[ab]|" },
                { "\"a\nb\"c\"\n", "[a\nbc\"]|" },
                { "a\v\f\x1c\xc2\x85\xe2\x80\xa8z\n", "[a\v\f\x1c\xc2\x85\xe2\x80\xa8z]|" },
                { "#a,b\n", "[#a][b]|" },
                { "a,'b,c'\n", "[a]['b][c']|" },
                { "\\\"a\\\",b\n", "[\\\"a\\\"][b]|" },
        };
        const struct csv_config cfg = { .delimiter = ',' };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct report r = { 0 };
                struct seen s = { 0 };

                assert_int_equal(read_text(rows[i].text, strlen(rows[i].text), &cfg, &s, &r), 0);
                assert_string_equal(s.text, rows[i].rows);
        }
}

static void test_places(void **state)
{
        static const struct {
                const char *text, *places;
        } rows[] = {
                { "a,bb,c\n\n  d,\"e\",f\n", "1:1 1:3 1:6 3:1 3:5q 3:9 " },
                { "\"a\nb\",c\nd\n", "1:1q 2:4 3:1 " },
                { "\"a\"\"b\"x,c\n", "1:1q 1:9 " },
                { "\xc3\xa9\xc3\xa9,\xe2\x82\xac,x\n", "1:1 1:4 1:6 " },
                { "#x\na,b\n", "2:1 2:3 " },
                { "\xef\xbb\xbf"
                  "a,b\n",
                  "1:1 1:3 " },
        };
        const struct csv_config cfg = { .comments = true };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct report r = { .quiet_notes = true };
                struct seen s = { 0 };

                assert_int_equal(read_text(rows[i].text, strlen(rows[i].text), &cfg, &s, &r), 0);
                assert_string_equal(s.places, rows[i].places);
        }
}

static void test_options(void **state)
{
        static const struct {
                struct csv_config cfg;
                const char *text, *rows;
                unsigned notes;
        } rows[] = {
                { { .comments = true }, "#c\na,b\n#c,\"\nc\n", "[a][b]|[c]|", 0 },
                { { .comments = true }, " #a\n", "[ #a]|", 0 },
                { { .keep_line_ends = true },
                  "\"a\r\nb\",c\r\"d\re\"\n",
                  "[a\r\nb][c]|[d\re]|",
                  0 },
                { { .delimiter = ';' }, "a;b,c\n", "[a][b,c]|", 0 },
                { { 0 }, "a;b\n\"c;d\";e,f\n", "[a][b]|[c;d][e,f]|", 1 },
                { { 0 }, "a\tb\nc\td\n", "[a][b]|[c][d]|", 1 },
                { { 0 }, "a;b,c\n", "[a;b][c]|", 0 },
                { { 0 },
                  "\xef\xbb\xbf"
                  "a,b\n",
                  "[a][b]|",
                  1 },
                { { 0 }, "\xef\xbb\xbf", "", 1 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct report r = { .quiet_notes = true };
                struct seen s = { 0 };

                assert_int_equal(
                        read_text(rows[i].text, strlen(rows[i].text), &rows[i].cfg, &s, &r), 0);
                assert_string_equal(s.text, rows[i].rows);
                assert_int_equal(r.notes, rows[i].notes);
        }
}

static void test_refused(void **state)
{
        static const struct {
                const char *text;
                size_t len;
                int rc;
        } rows[] = {
                { "a,\"b\n", 5, -E_SYNTAX },
                { "a,\"", 3, -E_SYNTAX },
                { "\"a\"\"", 4, -E_SYNTAX },
                { "\"a\n#b\"\n", 7, -E_SYNTAX },
                { "a\0b\n", 4, -E_FORMAT },
                { "a\n\xff\n", 4, -E_FORMAT },
                { "a\n\xc3", 3, -E_FORMAT },
                { "\xff\xfe"
                  "a\0",
                  4, -E_FORMAT },
                { "\xfe\xff\0a", 4, -E_FORMAT },
        };
        const struct csv_config cfg = { .comments = true };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct report r = { 0 };
                struct seen s = { 0 };

                assert_int_equal(read_text(rows[i].text, rows[i].len, &cfg, &s, &r), rows[i].rc);
                assert_int_equal(r.errors, 1);
        }
}

static int count_row(void *ctx, const struct csv_row *row)
{
        *(size_t *)ctx += row->fields[0].len;
        return 0;
}

static void test_long_field(void **state)
{
        char *text = malloc(CSV_FIELD_MAX + 16);
        const struct csv_config cfg = { 0 };

        (void)state;
        for (int quoted = 0; quoted <= 1; quoted++)
                for (size_t over = 0; over <= 1; over++) {
                        struct report r = { 0 };
                        size_t seen = 0;
                        size_t n = 0;

                        if (quoted)
                                text[n++] = '"';
                        memset(text + n, 'x', CSV_FIELD_MAX + over);
                        n += CSV_FIELD_MAX + over;
                        if (quoted)
                                text[n++] = '"';
                        text[n++] = '\n';
                        assert_int_equal(csv_read("t", text, n, &cfg, count_row, &seen, &r),
                                         over ? -E_RANGE : 0);
                        assert_int_equal(seen, over ? 0 : CSV_FIELD_MAX);
                }
        free(text);
}

static void test_stop(void **state)
{
        const struct csv_config cfg = { 0 };
        struct report r = { 0 };
        struct seen s = { .stop_after = 2 };

        (void)state;
        assert_int_equal(read_text("a\nb\nc\n", 6, &cfg, &s, &r), -E_CANCELLED);
        assert_string_equal(s.text, "[a]|[b]|");
        assert_int_equal(r.errors, 0);
}

/* However the text ends: rows that were whole stay as they are, or it is an error. */
static void test_cut(void **state)
{
        static const char text[] = "k,t\n\"a\"\"b\r\nc\"x,\"d\"\r\n#no\n\xe2\x82\xac,\n";
        const struct csv_config cfg = { .comments = true };
        struct seen whole = { 0 };
        struct report none = { 0 };

        (void)state;
        assert_int_equal(read_text(text, sizeof text - 1, &cfg, &whole, &none), 0);
        for (size_t n = 0; n < sizeof text - 1; n++) {
                struct report r = { .limit = 1 };
                struct seen s = { 0 };
                const int rc = read_text(text, n, &cfg, &s, &r);
                char *last = strrchr(s.text, '|');

                assert_true(rc == 0 ? r.errors == 0 : r.errors == 1);
                if (last)
                        *last = 0;
                if (last && (last = strrchr(s.text, '|')) != NULL)
                        assert_memory_equal(s.text, whole.text, (size_t)(last - s.text));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_like_python), cmocka_unit_test(test_places),
                cmocka_unit_test(test_options),     cmocka_unit_test(test_refused),
                cmocka_unit_test(test_long_field),  cmocka_unit_test(test_stop),
                cmocka_unit_test(test_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
