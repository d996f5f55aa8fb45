#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "compare.h"
#include "host/json.h"
#include "nvsgen.h"
#include "show.h"

static struct nvs_source source;
static bool json, quiet, allow_extra;

/* What is being verified, and how it goes. */
struct verification {
        const char *conf;
        struct json_writer *out; /* NULL: text */
        size_t failures;
};

/* @any: the one of the two that there is. */
static void on_text(const struct verification *v, const struct named_value *any,
                    const struct named_value *want, const struct named_value *got)
{
        char a[64];
        char b[64];

        printf("%s: ", source.path);
        show_text(stdout, any->ns, strlen(any->ns), 0);
        putchar('/');
        show_text(stdout, any->key, strlen(any->key), 0);
        if (want)
                describe_value(want, a, sizeof a);
        if (got)
                describe_value(got, b, sizeof b);
        if (!got)
                printf(": missing, should be %s", a);
        else if (!want)
                printf(": not in %s, is %s", v->conf, b);
        else if (strcmp(a, b) != 0)
                printf(": is %s, should be %s", b, a);
        else
                printf(": %s, with another content", b);
        if (want && want->line)
                printf(" (%s:%u)", want->file, want->line);
        putchar('\n');
}

static void on_difference(void *ctx, const struct named_value *want, const struct named_value *got)
{
        struct verification *v = ctx;
        const struct named_value *any = want ? want : got;

        if (!want && allow_extra)
                return;
        v->failures++;
        if (!v->out) {
                on_text(v, any, want, got);
                return;
        }
        json_open(v->out, NULL, '{');
        json_str(v->out, "ns", any->ns);
        json_str(v->out, "key", any->key);
        json_str(v->out, "what", !got ? "missing" : !want ? "extra" : "differs");
        if (want && want->line) {
                json_str(v->out, "conf", want->file);
                json_uint(v->out, "line", want->line);
        }
        json_close(v->out, '}');
}

static int compare(const struct nvs_view *view, const struct nvs_rows *rows, struct verification *v,
                   struct report *r)
{
        size_t have = 0;
        size_t wanted = 0;
        struct named_value *got = named_from_view(view, &have);
        struct named_value *want = named_from_rows(rows, &wanted);
        struct json_writer w = { .out = stdout };
        int rc = -E_NOMEM;

        if (!got || !want) {
                report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
                goto out;
        }
        if (json) {
                v->out = &w; /* cppcheck-suppress autoVariables; taken back below */
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "file", source.path);
                json_open(&w, "differences", '[');
        }
        named_compare(want, wanted, got, have, on_difference, v);
        if (json) {
                json_close(&w, ']');
                json_bool(&w, "same", v->failures == 0);
                json_close(&w, '}');
                putchar('\n');
        } else if (v->failures) {
                printf("%s: not what %s says: %zu of %zu values\n", source.path, v->conf,
                       v->failures, wanted);
        } else if (!quiet) {
                printf("%s: holds the %zu values of %s%s\n", source.path, wanted, v->conf,
                       allow_extra ? "" : " and no others");
        }
        v->out = NULL;
        rc = v->failures ? -E_VERIFY : 0;
out:
        free(got);
        free(want);
        return rc;
}

static int run(int argc, char **argv)
{
        struct report r = { 0 };
        struct nvs_image img = { 0 };
        struct nvs_view view = { 0 };
        struct nvs_rows rows = { 0 };
        struct verification v = { .conf = argc > 2 ? "the configuration" : argv[1] };
        int rc;

        source.path = argv[0];
        rc = nvs_rows_load(&rows, (const char *const *)argv + 1, (size_t)argc - 1, 2, &r);
        if (rc == 0)
                rc = source_open(&source, &img, &view, &r);
        if (rc == 0)
                rc = compare(&view, &rows, &v, &r);
        nvs_view_free(&view);
        nvs_image_free(&img);
        nvs_rows_free(&rows);
        if (report_finish(&r) < 0)
                return (int)err_status(-r.first_code);
        return (int)err_status(rc);
}

static const struct opt options[] = {
        SOURCE_OPTIONS(source),
        { 0, "allow-extra", OPT_FLAG, &allow_extra, NULL, "other keys may be there too" },
        { 0, "json", OPT_FLAG, &json, NULL, "one JSON object" },
        { 'q', "quiet", OPT_FLAG, &quiet, NULL, "say nothing when all is as it should be" },
        { 0 },
};

const struct command cmd_verify = {
        .name = "verify",
        .synopsis = "IMG CONF.csv...",
        .summary = "does an image hold exactly the values of a configuration?",
        .options = options,
        .min_args = 2,
        .max_args = -1,
        .run = run,
        .more = SOURCE_HELP
        "\n"
        "Exit status 4 if not, with a line for each difference. What strings and blobs hold is\n"
        "never printed, only that they differ.\n",
};
