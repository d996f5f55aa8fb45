/* What the head of a download's answer tells, field by field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/http_head.h"

static struct http_head take(const char *const (*fields)[2])
{
        struct http_head h = { 0 };

        for (; (*fields)[0]; fields++)
                http_head_field(&h, (*fields)[0], (*fields)[1]);
        return h;
}

static void whole_answer(void **state)
{
        static const char *const fields[][2] = {
                { "Server", "x" }, { "ETag", " \"abc\"" }, { "Content-Length", "1048576" }, { 0 }
        };
        const struct http_head h = take(fields);
        const struct port_event ev = http_head_event(&h, 200);

        (void)state;
        assert_int_equal(ev.type, PORT_EV_HTTP_HEAD);
        assert_int_equal(ev.http.status, 200);
        assert_int_equal(ev.http.from, 0);
        assert_int_equal(ev.http.total, 1048576);
        assert_string_equal(ev.http.etag, "\"abc\"");
}

/* The range says what the file is, whatever comes first; the length is only this answer's. */
static void rest_of_it(void **state)
{
        static const char *const length_first[][2] = { { "content-length", "548576" },
                                                       { "CONTENT-RANGE",
                                                         "bytes 500000-1048575/1048576" },
                                                       { 0 } };
        static const char *const range_first[][2] = { { "Content-Range",
                                                        "Bytes 500000-1048575/1048576" },
                                                      { "Content-Length", "548576" },
                                                      { 0 } };
        static const char *const unknown[][2] = { { "Content-Range", "bytes 500000-1048575/*" },
                                                  { "Content-Length", "548576" },
                                                  { 0 } };

        (void)state;
        assert_int_equal(take(length_first).from, 500000);
        assert_int_equal(take(length_first).total, 1048576);
        assert_int_equal(take(range_first).from, 500000);
        assert_int_equal(take(range_first).total, 1048576);
        assert_int_equal(take(unknown).from, 500000);
        assert_int_equal(take(unknown).total, 0);
}

static void what_is_not_well_formed_says_nothing(void **state)
{
        static const char *const ranges[] = { "",
                                              "bytes",
                                              "bytes ",
                                              "bytes 1",
                                              "bytes 1-",
                                              "bytes 1-2",
                                              "bytes 1-2/",
                                              "bytes 2-1/9",
                                              "bytes 1-9/9",
                                              "bytes -1-2/9",
                                              "bytes 1-2/99999999999999999999",
                                              "items 1-2/9",
                                              "bytes */9" };
        static const char *const tags[][2] = { { "ETag", "W/\"weak\"" },  { "ETag", "bare" },
                                               { "ETa", "\"x\"" },        { "ETagg", "\"x\"" },
                                               { "Content-Length", "-" }, { 0 } };
        struct http_head h;

        (void)state;
        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
                h = (struct http_head){ 0 };
                http_head_field(&h, "Content-Range", ranges[i]);
                assert_int_equal(h.from, 0);
                assert_int_equal(h.total, 0);
        }
        h = take(tags);
        assert_string_equal(h.etag, "");
        assert_int_equal(h.total, 0);
        assert_null(http_head_event(&h, 200).http.etag);
}

static void longest_tag(void **state)
{
        struct http_head h = { 0 };
        char tag[PORT_ETAG_MAX + 1];

        (void)state;
        memset(tag, 'x', sizeof tag);
        tag[0] = '"';
        tag[PORT_ETAG_MAX] = 0; /* one too long */
        http_head_field(&h, "ETag", tag);
        assert_string_equal(h.etag, "");
        tag[PORT_ETAG_MAX - 1] = 0;
        http_head_field(&h, "ETag", tag);
        assert_string_equal(h.etag, tag);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole_answer),
                cmocka_unit_test(rest_of_it),
                cmocka_unit_test(what_is_not_well_formed_says_nothing),
                cmocka_unit_test(longest_tag),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
