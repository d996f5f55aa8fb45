/* Labels: templates, what they refuse, ZPL by its structure, scanned lines. Pictures are read by a
 * scanner's program in tests/cli/label.sh. */
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
#include "line/label.h"

static const struct label_data unit = {
        .serial = "SO-000017",
        .mac = "02:00:00:00:00:01",
        .service = "PROV_000017",
        .payload = "{\"ver\":\"v1\",\"name\":\"PROV_000017\",\"pop\":\"abcd2345\",\"transport\":"
                   "\"ble\"}",
        .pop = "abcd2345",
};

/* A template of one item, 50 by 25 mm at 203 dpi. */
static int one_item(const char *item, struct label **t)
{
        char text[1024];
        struct diag d = { 0 };
        const int n = snprintf(
                text, sizeof text,
                "{\"v\":1,\"width_mm\":50,\"height_mm\":25,\"dpi\":203,\"items\":[%s]}", item);

        return label_parse(text, (size_t)n, t, &d);
}

static const char *make(const struct label *t, enum label_form form, struct blob *out)
{
        struct diag d = { 0 };

        if (label_make(t, &unit, form, out, &d) < 0)
                fail_msg("%s", d.text);
        return (const char *)out->data;
}

static void test_templates(void **state)
{
        static const char *const bad[] = {
                "",
                "[]",
                "{\"v\":2}",
                "{\"v\":1,\"width_mm\":50,\"height_mm\":25,\"dpi\":203}",
                "{\"v\":1,\"width_mm\":50,\"height_mm\":25,\"dpi\":203,\"items\":[]}",
                "{\"v\":1,\"width_mm\":50,\"height_mm\":25,\"dpi\":20,\"items\":[{}]}",
                "{\"v\":1,\"width_mm\":0,\"height_mm\":25,\"dpi\":203,\"items\":[{}]}",
                "{\"v\":1,\"width_mm\":1000,\"height_mm\":1000,\"dpi\":1200,\"items\":[{}]}",
                "{\"v\":1,\"width_mm\":50,\"height_mm\":25,\"dpi\":203,\"colour\":1,\"items\":[{}]"
                "}",
                "{\"v\":1,\"width_mm\":50,\"height_mm\":25,\"dpi\":203,\"transport\":\"smoke\","
                "\"items\":[{}]}",
        };
        static const char *const bad_items[] = {
                "{}",
                "1",
                "{\"type\":\"circle\",\"x_mm\":1,\"y_mm\":1}",
                "{\"type\":\"qr\",\"x_mm\":1,\"y_mm\":1,\"text\":\"x\"}",
                "{\"type\":\"qr\",\"x_mm\":40,\"y_mm\":1,\"size_mm\":20,\"text\":\"x\"}",
                "{\"type\":\"qr\",\"x_mm\":-1,\"y_mm\":1,\"size_mm\":20,\"text\":\"x\"}",
                "{\"type\":\"qr\",\"x_mm\":1,\"y_mm\":1,\"size_mm\":20,\"text\":\"{x}\"}",
                "{\"type\":\"qr\",\"x_mm\":1,\"y_mm\":1,\"size_mm\":20,\"text\":\"{serial\"}",
                "{\"type\":\"qr\",\"x_mm\":1,\"y_mm\":1,\"size_mm\":20,\"text\":\"\"}",
                "{\"type\":\"qr\",\"x_mm\":1,\"y_mm\":1,\"size_mm\":20,\"ecc\":\"Z\",\"text\":"
                "\"x\"}",
                "{\"type\":\"text\",\"x_mm\":1,\"y_mm\":1,\"height_mm\":0,\"text\":\"x\"}",
                "{\"type\":\"text\",\"x_mm\":1,\"y_mm\":1,\"height_mm\":2,\"font\":\"x\",\"text\":"
                "\"x\"}",
                "{\"type\":\"box\",\"x_mm\":1,\"y_mm\":1,\"height_mm\":2}",
        };
        struct label *t;

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                struct diag d = { 0 };

                assert_true(label_parse(bad[i], strlen(bad[i]), &t, &d) < 0);
                assert_null(t);
                assert_true(d.code);
        }
        for (size_t i = 0; i < sizeof bad_items / sizeof *bad_items; i++) {
                if (one_item(bad_items[i], &t) == 0)
                        fail_msg("accepted: %s", bad_items[i]);
        }
        assert_int_equal(label_form_of("png"), LABEL_PNG);
        assert_int_equal(label_form_of("a.b/label.svg"), LABEL_SVG);
        assert_int_equal(label_form_of("label"), -1);
}

static void test_does_not_fit(void **state)
{
        static const char *const items[] = {
                "{\"type\":\"qr\",\"x_mm\":1,\"y_mm\":1,\"size_mm\":8,\"text\":\"{payload}\"}",
                "{\"type\":\"text\",\"x_mm\":40,\"y_mm\":1,\"height_mm\":3,\"text\":\"{serial}\"}",
                "{\"type\":\"text\",\"x_mm\":1,\"y_mm\":1,\"height_mm\":0.5,\"text\":\"{serial}\"}",
        };
        (void)state;
        for (size_t i = 0; i < sizeof items / sizeof *items; i++)
                for (int form = LABEL_ZPL; form <= LABEL_PNG; form++) {
                        struct diag d = { 0 };
                        struct label *t;
                        struct blob out;

                        assert_int_equal(one_item(items[i], &t), 0);
                        assert_int_equal(label_make(t, &unit, (enum label_form)form, &out, &d),
                                         -E_NOSPACE);
                        assert_null(out.data);
                        if (i == 0)
                                assert_non_null(strstr(diag_text(&d), "not readable in 8.0 mm; "
                                                                      "size_mm must be 1"));
                        label_free(t);
                }
}

static void test_not_known(void **state)
{
        struct label_data lacks = { .serial = "SO-1" };
        struct label *t;
        struct blob out;

        (void)state;
        assert_int_equal(
                one_item("{\"type\":\"text\",\"x_mm\":1,\"y_mm\":1,\"height_mm\":3,\"text\":"
                         "\"{firmware}\"}",
                         &t),
                0);
        assert_int_equal(label_make(t, &lacks, LABEL_SVG, &out, NULL), -E_NOTFOUND);
        lacks.firmware = "1.0\xc3\xa4";
        assert_int_equal(label_make(t, &lacks, LABEL_SVG, &out, NULL), -E_SYNTAX);
        assert_int_equal(label_make(t, &lacks, LABEL_ZPL, &out, NULL), -E_SYNTAX);
        assert_false(label_needs_prov(t));
        label_free(t);
}

static void test_zpl(void **state)
{
        struct label *t;
        struct blob out;
        const char *zpl;

        (void)state;
        assert_int_equal(
                one_item(
                        "{\"type\":\"qr\",\"x_mm\":2,\"y_mm\":2,\"size_mm\":20,\"text\":\"{payload}"
                        "\"},"
                        "{\"type\":\"text\",\"x_mm\":25,\"y_mm\":4,\"height_mm\":2,\"text\":"
                        "\"^{service}~{{x\",\"align\":\"right\"},"
                        "{\"type\":\"box\",\"x_mm\":1,\"y_mm\":23,\"width_mm\":48,\"height_mm\":1}",
                        &t),
                0);
        assert_true(label_needs_prov(t));
        zpl = make(t, LABEL_ZPL, &out);
        assert_int_equal(strncmp(zpl, "^XA\n", 4), 0);
        assert_string_equal(zpl + out.len - 4, "^XZ\n");
        assert_non_null(strstr(zpl, "^PW400\n^LL200\n^BY2,3,10\n"));
        /* 33 modules of version 4 and eight of margin in 160 dots: three dots a module */
        assert_non_null(strstr(zpl, "^BQN,2,3^FH^FDMA,{\"ver\":\"v1\",\"name\":\"PROV_5F000017\","
                                    "\"pop\":\"abcd2345\",\"transport\":\"ble\"}^FS"));
        assert_non_null(strstr(zpl, ",1,0,R^FH^FD_5EPROV_5F000017_7E{x^FS"));
        assert_non_null(strstr(zpl, "^GB384,8,8^FS"));
        blob_free_secret(&out);
        label_free(t);
}

/* Every dot that SVG names is black in no other place: the same rectangles make both. */
static void test_svg(void **state)
{
        struct label *t;
        struct blob out;
        const char *svg;

        (void)state;
        assert_int_equal(one_item("{\"type\":\"box\",\"x_mm\":1,\"y_mm\":2,\"width_mm\":10,"
                                  "\"height_mm\":5,\"line_mm\":0.25}",
                                  &t),
                         0);
        svg = make(t, LABEL_SVG, &out);
        assert_non_null(
                strstr(svg, "width=\"50.000mm\" height=\"25.000mm\" viewBox=\"0 0 400 200\""));
        assert_non_null(strstr(svg, "M8 16h80v2h-80z"));
        assert_non_null(strstr(svg, "M8 54h80v2h-80z"));
        assert_non_null(strstr(svg, "M8 18h2v36h-2z"));
        assert_non_null(strstr(svg, "M86 18h2v36h-2z"));
        blob_free_secret(&out);
        label_free(t);
}

static void test_scan(void **state)
{
        static const char other[] = "{\"ver\":\"v1\",\"name\":\"PROV_000018\",\"pop\":\"SECRET99\","
                                    "\"transport\":\"ble\"}";
        static const char old[] = "{\"ver\":\"v1\",\"name\":\"PROV_000017\",\"pop\":\"SECRET99\","
                                  "\"transport\":\"ble\"}";
        static const char *const wrong[] = {
                "", "SO-000018", "SO-00001", other, old, "{}", "\xff"
        };
        char line[300];
        struct label *t;

        (void)state;
        assert_int_equal(one_item("{\"type\":\"qr\",\"x_mm\":2,\"y_mm\":2,\"size_mm\":20,\"text\":"
                                  "\"{payload}\"},"
                                  "{\"type\":\"qr\",\"x_mm\":30,\"y_mm\":2,\"size_mm\":10,\"text\":"
                                  "\"{serial}\"}",
                                  &t),
                         0);
        assert_int_equal(label_scan_check(t, &unit, "SO-000017\r\n", NULL), 0);
        snprintf(line, sizeof line, "  %s\n", unit.payload);
        assert_int_equal(label_scan_check(t, &unit, line, NULL), 0);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                struct diag d = { 0 };

                assert_int_equal(label_scan_check(t, &unit, wrong[i], &d), -E_VERIFY);
                assert_null(strstr(d.text, "SECRET99"));
                assert_null(strstr(d.text, "abcd2345"));
        }
        label_free(t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_templates), cmocka_unit_test(test_does_not_fit),
                cmocka_unit_test(test_not_known), cmocka_unit_test(test_zpl),
                cmocka_unit_test(test_svg),       cmocka_unit_test(test_scan),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
