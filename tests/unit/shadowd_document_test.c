/* The shadow document: what AWS answered to others, each rule and refusal, the limits, the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "host/file.h"
#include "samples/cloud/shadowd/document.h"

#define NOW 1700000000

static void update(struct document *d, const char *text, int64_t now, struct document_reply *r)
{
        document_update(d, text, strlen(text), now, r);
}

/* The member at a path like "state/desired"; fails if it is not there. */
static const cJSON *at(const cJSON *j, const char *path)
{
        char name[64];

        while (*path) {
                const size_t n = strcspn(path, "/");

                snprintf(name, sizeof name, "%.*s", (int)n, path);
                j = cJSON_GetObjectItemCaseSensitive(j, name);
                path += n + (path[n] == '/');
        }
        return j;
}

/* Is what stands at the path of text this value? Another parser than ours compares. */
static void is(const char *text, const char *path, const char *want)
{
        cJSON *j = cJSON_Parse(text);
        cJSON *w = want ? cJSON_Parse(want) : NULL;

        assert_non_null(j);
        if (want)
                assert_non_null(w);
        if (want && !cJSON_Compare(at(j, path), w, true))
                fail_msg("%s: not %s in %s", path, want, text);
        if (!want && at(j, path))
                fail_msg("%s is in %s", path, text);
        cJSON_Delete(j);
        cJSON_Delete(w);
}

/* The text of a state, as an update. */
static char *wrap(const cJSON *state)
{
        char *text = cJSON_PrintUnformatted(state);
        char *all = malloc(strlen(text) + 16);

        sprintf(all, "{\"state\":%s}", text);
        free(text);
        return all;
}

static void step(struct document *d, const cJSON *state, const cJSON *want)
{
        struct document_reply r;
        char *text = wrap(state);
        char *after = cJSON_PrintUnformatted(want);

        update(d, text, NOW, &r);
        assert_int_equal(r.code, 200);
        document_reply_free(&r);
        document_get(d, "t", NULL, 0, NOW, &r);
        assert_int_equal(r.code, 200);
        is(r.answer, "state", after);
        document_reply_free(&r);
        free(text);
        free(after);
}

static void test_verified_with_aws(void **state)
{
        struct diag diag = { 0 };
        struct blob b;
        const cJSON *row;
        unsigned n = 0;
        cJSON *rows;

        (void)state;
        assert_int_equal(file_load("tests/golden/shadow/aws-verified.json", 1 << 20, &b, &diag), 0);
        rows = cJSON_Parse((const char *)b.data);
        assert_non_null(rows);
        cJSON_ArrayForEach(row, rows)
        {
                struct document d = { 0 };

                assert_int_equal(cJSON_GetArraySize(row), 4);
                step(&d, cJSON_GetArrayItem(row, 0), cJSON_GetArrayItem(row, 1));
                step(&d, cJSON_GetArrayItem(row, 2), cJSON_GetArrayItem(row, 3));
                assert_int_equal(d.version, 2);
                document_free(&d);
                n++;
        }
        assert_int_equal(n, 20);
        cJSON_Delete(rows);
        blob_free(&b);
}

static void test_replies(void **state)
{
        struct document d = { 0 };
        struct document_reply r;

        (void)state;
        update(&d, "{\"state\":{\"desired\":{\"a\":1,\"b\":\"x\"}},\"clientToken\":\"tok\"}", NOW,
               &r);
        assert_int_equal(r.code, 200);
        is(r.answer, "",
           "{\"state\":{\"desired\":{\"a\":1,\"b\":\"x\"}},\"metadata\":{\"desired\":{\"a\":"
           "{\"timestamp\":1700000000},\"b\":{\"timestamp\":1700000000}}},\"version\":1,"
           "\"timestamp\":1700000000,\"clientToken\":\"tok\"}");
        is(r.delta, "state", "{\"a\":1,\"b\":\"x\"}");
        is(r.documents, "previous", "{\"state\":{},\"metadata\":{},\"version\":0}");
        is(r.documents, "current/version", "1");
        document_reply_free(&r);

        update(&d, "{\"state\":{\"reported\":{\"a\":1,\"c\":{\"d\":[1,2]}}},\"version\":1}",
               NOW + 5, &r);
        assert_int_equal(r.code, 200);
        is(r.answer, "state/desired", NULL);
        is(r.answer, "clientToken", NULL);
        is(r.delta, "",
           "{\"state\":{\"b\":\"x\"},\"metadata\":{\"b\":{\"timestamp\":1700000000}},\"version\":2,"
           "\"timestamp\":1700000005}");
        is(r.documents, "previous/state/reported", NULL);
        is(r.documents, "current/metadata/reported/c/d/1", NULL); /* an array's, see below */
        document_reply_free(&r);

        document_get(&d, "t", "{\"clientToken\":\"g\"}", 19, NOW + 9, &r);
        is(r.answer, "",
           "{\"state\":{\"desired\":{\"a\":1,\"b\":\"x\"},\"reported\":{\"a\":1,\"c\":{\"d\":[1,2]}"
           "},"
           "\"delta\":{\"b\":\"x\"}},\"metadata\":{\"desired\":{\"a\":{\"timestamp\":1700000000},"
           "\"b\":"
           "{\"timestamp\":1700000000}},\"reported\":{\"a\":{\"timestamp\":1700000005},\"c\":{"
           "\"d\":["
           "{\"timestamp\":1700000005},{\"timestamp\":1700000005}]}}},\"version\":2,\"timestamp\":"
           "1700000009,\"clientToken\":\"g\"}");
        document_reply_free(&r);

        update(&d, "{\"state\":{\"reported\":{\"b\":\"\\u0078\"}}}", NOW, &r); /* x, escaped */
        assert_int_equal(r.code, 200);
        assert_null(r.delta);
        document_reply_free(&r);
        document_free(&d);
}

static void test_refusals(void **state)
{
        static const struct {
                const char *text;
                int code;
                const char *message;
        } rows[] = {
                { "", 400, "Invalid JSON" },
                { "{", 400, "Invalid JSON" },
                { "[]", 400, "Invalid JSON" },
                { "7", 400, "Invalid JSON" },
                { "{\"state\":{}} x", 400, "Invalid JSON" },
                { "{\"state\":{\"desired\":{\"a\":\"\\ud800\"}}}", 400, "Invalid JSON" },
                { "{\"state\":{\"desired\":{\"\\u0000\":1}}}", 400, "Invalid JSON" },
                { "{}", 400, "Missing required node: state" },
                { "{\"state\":null}", 400, "State node must be an object" },
                { "{\"state\":[]}", 400, "State node must be an object" },
                { "{\"state\":{\"desired\":1}}", 400, "Desired node must be an object" },
                { "{\"state\":{\"reported\":[]}}", 400, "Reported node must be an object" },
                { "{\"state\":{\"x\\n\":{}}}", 400, "State contains an invalid node: 'x\n'" },
                { "{\"state\":{\"delta\":{}}}", 400, "State contains an invalid node: 'delta'" },
                { "{\"state\":{},\"version\":\"1\"}", 400, "Invalid version" },
                { "{\"state\":{},\"version\":-1}", 400, "Invalid version" },
                { "{\"state\":{},\"version\":1.5}", 400, "Invalid version" },
                { "{\"state\":{},\"version\":99999999999999999999}", 400, "Invalid version" },
                { "{\"state\":{},\"version\":4}", 409, "Version conflict" },
                { "{\"state\":{},\"version\":0}", 409, "Version conflict" },
                { "{\"state\":{},\"clientToken\":5}", 400, "Invalid clientToken" },
                { "{\"state\":{\"desired\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{}}}}}}}}", 400,
                  "JSON contains too many levels of nesting; maximum is 6" },
                { "{\"state\":{\"desired\":{\"a\":[[[[[1]]]]]}}}", 400,
                  "JSON contains too many levels of nesting; maximum is 6" },
                { "{\"state\":{\"desired\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}", 400,
                  "JSON contains too many levels of nesting; maximum is 6" },
                { "{\"state\":{\"desired\":{\"a\":\"\xff\"}}}", 415,
                  "Unsupported documented encoding; supported encoding is UTF-8" },
        };
        struct document d = { 0 };
        struct document_reply r;
        char *before, *after;

        (void)state;
        update(&d, "{\"state\":{\"desired\":{\"a\":1}}}", NOW, &r);
        document_reply_free(&r);
        before = document_store(&d);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                cJSON *j;

                update(&d, rows[i].text, NOW, &r);
                assert_int_equal(r.code, rows[i].code);
                assert_null(r.delta);
                assert_null(r.documents);
                j = cJSON_Parse(r.answer);
                assert_string_equal(at(j, "message")->valuestring, rows[i].message);
                assert_int_equal(at(j, "code")->valueint, rows[i].code);
                cJSON_Delete(j);
                document_reply_free(&r);
        }
        after = document_store(&d);
        assert_string_equal(before, after); /* a refusal changes nothing */
        free(before);
        free(after);
        document_free(&d);
}

/* The deepest that is accepted, and a token of 64 bytes; one more was refused above and is here. */
static void test_just_allowed(void **state)
{
        static const char deep[] =
                "{\"state\":{\"desired\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}}}";
        struct document d = { 0 };
        struct document_reply r;
        char text[160];

        (void)state;
        update(&d, deep, NOW, &r);
        assert_int_equal(r.code, 200);
        document_reply_free(&r);
        for (int n = 64; n <= 65; n++) {
                snprintf(text, sizeof text, "{\"state\":{},\"clientToken\":\"%0*d\"}", n, 0);
                update(&d, text, NOW, &r);
                assert_int_equal(r.code, n == 64 ? 200 : 400);
                document_reply_free(&r);
        }
        document_free(&d);
}

/* A state of exactly n bytes in one section: {"a":"…"}. */
static char *of_size(size_t n, const char *section)
{
        char *text = malloc(n + 64);
        int k = sprintf(text, "{\"state\":{\"%s\":{\"a\":\"", section);

        memset(text + k, 'x', n - 8);
        strcpy(text + k + n - 8, "\"}}}");
        return text;
}

static void test_size(void **state)
{
        struct document d = { 0 };
        struct document_reply r;
        char *text;

        (void)state;
        text = of_size(DOCUMENT_MAX, "desired");
        update(&d, text, NOW, &r);
        assert_int_equal(r.code, 200);
        document_reply_free(&r);
        free(text);
        update(&d, "{\"state\":{\"reported\":{\"b\":1}}}", NOW,
               &r); /* together they are too much */
        assert_int_equal(r.code, 413);
        document_reply_free(&r);
        update(&d, "{\"state\":{\"desired\":null,\"reported\":{\"b\":1}}}", NOW, &r);
        assert_int_equal(r.code, 200);
        document_reply_free(&r);
        text = of_size(DOCUMENT_MAX + 1, "reported");
        update(&d, text, NOW, &r);
        assert_int_equal(r.code, 413);
        document_reply_free(&r);
        free(text);
        text = of_size(DOCUMENT_REQUEST_MAX + 1, "reported");
        update(&d, text, NOW, &r);
        assert_int_equal(r.code, 413);
        document_reply_free(&r);
        free(text);
        document_free(&d);
}

static void test_nulls(void **state)
{
        static const struct {
                const char *first, *second, *want;
        } rows[] = {
                { "{\"a\":1,\"b\":2}", "{\"a\":null}", "{\"b\":2}" },
                { "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":null}}", "{\"a\":{\"c\":2}}" },
                { "{\"x\":1}", "{\"a\":{\"b\":null}}", "{\"x\":1}" },
                { "{\"x\":1}", "{\"a\":{\"b\":null,\"c\":2}}", "{\"x\":1,\"a\":{\"c\":2}}" },
                { "{\"a\":[1,2]}", "{\"a\":[null]}", "{\"a\":[null]}" },
                { "{\"a\":[1,2]}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}" },
                { "{\"a\":{\"b\":1}}", "{\"a\":7}", "{\"a\":7}" },
                { "{\"a\":1}", "{\"\\u0061\":null,\"b\":1}", "{\"b\":1}" },
                { "{\"a\":1}", "{\"b\":1,\"b\":2}", "{\"a\":1,\"b\":2}" },
                { "{\"n\":1}", "{\"n\":null,\"big\":\"\"}", "{\"big\":\"\"}" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct document d = { 0 };
                struct document_reply r;
                char text[128];

                snprintf(text, sizeof text, "{\"state\":{\"desired\":%s}}", rows[i].first);
                update(&d, text, NOW, &r);
                document_reply_free(&r);
                snprintf(text, sizeof text, "{\"state\":{\"desired\":%s}}", rows[i].second);
                update(&d, text, NOW, &r);
                document_reply_free(&r);
                document_get(&d, "t", NULL, 0, NOW, &r);
                is(r.answer, "state/desired", rows[i].want);
                document_reply_free(&r);
                document_free(&d);
        }
}

/* Numbers are not rounded, and compared as what they are. */
static void test_numbers(void **state)
{
        static const struct {
                const char *wish, *told;
                bool same;
        } rows[] = {
                { "1", "1.0", true },
                { "1e2", "100", true },
                { "0", "-0", true },
                { "1", "2", false },
                { "12345678901234567890", "12345678901234567891", false },
                { "9007199254740993", "9007199254740992", false },
                { "1", "\"1\"", false },
                { "0", "false", false },
                { "\"\\u00e9\"", "\"\xc3\xa9\"", true },
                { "\"\\/\"", "\"/\"", true },
                { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
                { "[1,2]", "[2,1]", false },
                { "[1]", "[1,2]", false },
                { "[{\"a\":1}]", "[{\"a\":1}]", true },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct document d = { 0 };
                struct document_reply r;
                char text[160];

                snprintf(text, sizeof text,
                         "{\"state\":{\"desired\":{\"n\":%s},\"reported\":{\"n\":%s}}}",
                         rows[i].wish, rows[i].told);
                update(&d, text, NOW, &r);
                assert_int_equal(r.code, 200);
                assert_int_equal(r.delta == NULL, rows[i].same);
                assert_non_null(strstr(r.answer, rows[i].wish)); /* as it was written */
                document_reply_free(&r);
                document_free(&d);
        }
}

static void test_delete(void **state)
{
        struct document d = { 0 };
        struct document_reply r;

        (void)state;
        document_delete(&d, "dev", NULL, 0, NOW, &r);
        assert_int_equal(r.code, 404);
        is(r.answer, "message", "\"No shadow exists with name: 'dev'\"");
        document_reply_free(&r);
        for (int i = 0; i < 3; i++) {
                update(&d, "{\"state\":{\"desired\":{\"a\":1}}}", NOW, &r);
                document_reply_free(&r);
        }
        document_delete(&d, "dev", "{\"clientToken\":\"x\"}", 19, NOW, &r);
        assert_int_equal(r.code, 200);
        is(r.answer, "", "{\"version\":3,\"timestamp\":1700000000,\"clientToken\":\"x\"}");
        document_reply_free(&r);
        document_get(&d, "dev", NULL, 0, NOW, &r);
        assert_int_equal(r.code, 404);
        document_reply_free(&r);

        struct document late = d; /* the same one, two days later */

        update(&d, "{\"state\":{}}", NOW + DOCUMENT_MEMORY_S - 1, &r);
        is(r.answer, "version", "4");
        document_reply_free(&r);
        update(&late, "{\"state\":{}}", NOW + DOCUMENT_MEMORY_S, &r);
        is(r.answer, "version", "1");
        document_reply_free(&r);
        document_free(&d);
        document_free(&late);
}

static void test_disk(void **state)
{
        static const char *const bad[] = {
                "",
                "{}",
                "[]",
                "{\"v\":2,\"version\":1,\"changed\":1}",
                "{\"v\":1,\"version\":0,\"changed\":1}",
                "{\"v\":1,\"version\":1,\"changed\":-1}",
                "{\"v\":1,\"version\":9223372036854775807,\"changed\":1}",
                "{\"v\":1,\"version\":1,\"changed\":1,\"state\":[]}",
                "{\"v\":1,\"version\":1,\"changed\":1,\"state\":{}}",
                "{\"v\":1,\"version\":1,\"changed\":1,\"state\":{\"x\":{}},\"metadata\":{}}",
        };
        struct document d = { 0 };
        struct document back;
        struct document_reply r;
        char *text, *again;

        (void)state;
        update(&d, "{\"state\":{\"desired\":{\"timestamp\":{\"timestamp\":[1,{\"a\":2}]}}}}", NOW,
               &r);
        document_reply_free(&r);
        update(&d, "{\"state\":{\"reported\":{\"b\":\"\\\"\"}}}", NOW + 7, &r);
        document_reply_free(&r);
        text = document_store(&d);
        assert_non_null(text);
        assert_int_equal(document_load(&back, text, strlen(text)), 0);
        again = document_store(&back);
        assert_string_equal(text, again);
        free(again);
        document_free(&back);
        for (size_t n = 0; n < strlen(text) - 1; n++) /* cut at every byte but the newline */
                assert_int_equal(document_load(&back, text, n), -E_FORMAT);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(document_load(&back, bad[i], strlen(bad[i])), -E_FORMAT);
        free(text);

        document_delete(&d, "dev", NULL, 0, NOW, &r);
        document_reply_free(&r);
        text = document_store(&d);
        assert_int_equal(document_load(&back, text, strlen(text)), 0);
        assert_null(back.state);
        assert_int_equal(back.version, 2);
        free(text);
        document_free(&back);
        document_free(&d);
}

static void test_names(void **state)
{
        char name[DOCUMENT_THING_MAX + 2];

        (void)state;
        memset(name, 'a', sizeof name);
        name[DOCUMENT_THING_MAX] = 0;
        assert_true(document_thing_ok(name));
        name[DOCUMENT_THING_MAX] = 'a';
        name[DOCUMENT_THING_MAX + 1] = 0;
        assert_false(document_thing_ok(name));
        assert_true(document_thing_ok("SO-000001:a_B"));
        assert_false(document_thing_ok(""));
        assert_false(document_thing_ok(".."));
        assert_false(document_thing_ok("a/b"));
        assert_false(document_thing_ok("+"));
        assert_false(document_thing_ok("\xc3\xa9"));
}

static void test_addresses(void **state)
{
        static const struct {
                const char *text, *thing, *rest;
        } rows[] = {
                { "/things/a/shadow", "a", "/shadow" },
                { "/things/SO-000001", "SO-000001", "" },
                { "/things/a//", "a", "//" },
                { "/things//shadow", NULL, NULL },
                { "/things/", NULL, NULL },
                { "/thing", NULL, NULL },
                { "", NULL, NULL },
                { "/things/a b/shadow", NULL, NULL },
                { "/things/../shadow", NULL, NULL },
                { "/things/+/shadow", NULL, NULL },
        };
        char out[DOCUMENT_THING_MAX + 1];
        char text[DOCUMENT_THING_MAX + 16] = "/things/";

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const char *rest = document_thing_in(rows[i].text, "/things/", out);

                assert_int_equal(rest != NULL, rows[i].thing != NULL);
                if (!rest)
                        continue;
                assert_string_equal(out, rows[i].thing);
                assert_string_equal(rest, rows[i].rest);
        }
        memset(text + 8, 'x', DOCUMENT_THING_MAX); /* the longest, and one more */
        assert_non_null(document_thing_in(text, "/things/", out));
        text[8 + DOCUMENT_THING_MAX] = 'x';
        assert_null(document_thing_in(text, "/things/", out));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_verified_with_aws),
                cmocka_unit_test(test_replies),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_just_allowed),
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_nulls),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_delete),
                cmocka_unit_test(test_disk),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_addresses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
