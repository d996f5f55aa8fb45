#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "compare.h"
#include "nvsgen.h"
#include "show.h"

static struct nvs_source source;
static const char *second_key, *second_hmac;
static bool values, quiet;

static void put_side(char sign, const struct named_value *v)
{
        char text[64];

        printf("%c ", sign);
        show_text(stdout, v->ns, strlen(v->ns), 0);
        putchar('/');
        show_text(stdout, v->key, strlen(v->key), 0);
        describe_value(v, text, sizeof text);
        printf(" %s", text);
        if (values && v->value->data) {
                fputs(": ", stdout);
                show_value(stdout, v->value, 0);
        }
        putchar('\n');
}

static void on_difference(void *ctx, const struct named_value *a, const struct named_value *b)
{
        (void)ctx;
        if (a)
                put_side('-', a);
        if (b)
                put_side('+', b);
}

static int compare(const struct nvs_view *a, const struct nvs_view *b, struct report *r)
{
        size_t na = 0;
        size_t nb = 0;
        struct named_value *x = named_from_view(a, &na);
        struct named_value *y = named_from_view(b, &nb);
        int rc;

        if (!x || !y)
                rc = report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        else
                rc = named_compare(x, na, y, nb, on_difference, NULL) ? -E_VERIFY : 0;
        if (rc == 0 && !quiet)
                printf("the same %zu values\n", na);
        free(x);
        free(y);
        return rc;
}

static int run(int argc, char **argv)
{
        struct report r = { 0 };
        struct nvs_image images[2] = { 0 };
        struct nvs_view views[2] = { 0 };
        int rc = 0;

        source.key_optional = true;
        for (int i = 0; i < argc && rc == 0; i++) {
                source.path = argv[i];
                if (i == 1 && (second_key || second_hmac)) {
                        source.key = second_key;
                        source.hmac_key = second_hmac;
                }
                rc = source_open(&source, &images[i], &views[i], &r);
        }
        if (rc == 0)
                rc = compare(&views[0], &views[1], &r);
        for (int i = 0; i < 2; i++) {
                nvs_view_free(&views[i]);
                nvs_image_free(&images[i]);
        }
        report_finish(&r);
        return (int)err_status(rc);
}

static const struct opt options[] = {
        SOURCE_OPTIONS(source),
        { 0, "key2", OPT_STR, &second_key, "FILE", "NVS key file of B, where it is not A's" },
        { 0, "hmac-key2", OPT_STR, &second_hmac, "FILE", "HMAC key of B, where it is not A's" },
        { 0, "values", OPT_FLAG, &values, NULL, "show what strings and blobs hold" },
        { 'q', "quiet", OPT_FLAG, &quiet, NULL, "say nothing when they are the same" },
        { 0 },
};

const struct command cmd_diff = {
        .name = "diff",
        .synopsis = "A B",
        .summary = "compare the values of two images",
        .options = options,
        .min_args = 2,
        .max_args = 2,
        .run = run,
        .more = "A and B are images or dumps of the whole flash. What only A has is shown with "
                "'-',\n"
                "what only B has with '+', other values with both. Exit status 4 if they differ.\n",
};
