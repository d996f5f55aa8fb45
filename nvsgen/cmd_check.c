#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "fmt/nvs_check.h"
#include "host/json.h"
#include "nvsgen.h"
#include "show.h"

static struct nvs_source source;
static bool json, quiet, strict, rules;

static const char *const severities[] = { "note", "warning", "error" };

/* One image that is being checked. */
struct job {
        const struct nvs_image *img;
        struct json_writer *out; /* NULL: text */
};

/* "page 0 entry 5 (0xe0)": the offset is that in the file. */
static void on_text(const struct job *j, const struct nvs_finding *f)
{
        if (quiet && f->severity == NVS_NOTE)
                return;
        printf("%s: ", source.path);
        if (f->page >= 0)
                printf("page %d ", (int)f->page);
        if (f->entry >= 0)
                printf("entry %d ", (int)f->entry);
        if (f->page >= 0)
                printf("(0x%llx): ", (unsigned long long)j->img->offset + f->offset);
        printf("%s: ", severities[f->severity]);
        show_text(stdout, f->text, strlen(f->text), 0);
        printf(" [%s]\n", nvs_rule_id(f->rule));
}

static void on_finding(void *ctx, const struct nvs_finding *f)
{
        const struct job *j = ctx;

        if (!j->out) {
                on_text(j, f);
                return;
        }
        json_open(j->out, NULL, '{');
        json_str(j->out, "severity", severities[f->severity]);
        json_str(j->out, "rule", nvs_rule_id(f->rule));
        if (f->page >= 0)
                json_uint(j->out, "page", (uint64_t)f->page);
        if (f->entry >= 0)
                json_uint(j->out, "entry", (uint64_t)f->entry);
        json_uint(j->out, "offset", j->img->offset + f->offset);
        json_str(j->out, "text", f->text);
        json_close(j->out, '}');
}

static void summary_text(const struct nvs_checker *c)
{
        const uint32_t slots = nvs_page_count(c->len) * NVS_PAGE_ENTRIES;

        if (quiet && !c->count[NVS_ERROR])
                return;
        printf("%s: %s; keys %u, entries used %u of %u; errors %u, warnings %u, notes %u\n",
               source.path, c->count[NVS_ERROR] ? "damaged" : "sound", c->items, c->slots_used,
               slots, c->count[NVS_ERROR], c->count[NVS_WARNING], c->count[NVS_NOTE]);
}

static int check(const struct nvs_image *img, struct report *r)
{
        struct nvs_checker *c = calloc(1, sizeof *c);
        struct json_writer w = { .out = stdout };
        struct job j = { img, json ? &w : NULL };
        const size_t words = nvs_check_work(img->len);
        int rc = 0;

        if (!c || !(c->work = malloc(words * sizeof *c->work))) {
                rc = report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
                goto out;
        }
        c->image = img->data;
        c->len = img->len;
        c->work_len = words;
        c->found = on_finding;
        c->ctx = &j;
        if (json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "file", source.path);
                if (img->partition[0])
                        json_str(&w, "partition", img->partition);
                json_open(&w, "findings", '[');
        }
        nvs_check(c);
        if (json) {
                json_close(&w, ']');
                json_uint(&w, "errors", c->count[NVS_ERROR]);
                json_uint(&w, "warnings", c->count[NVS_WARNING]);
                json_uint(&w, "notes", c->count[NVS_NOTE]);
                json_uint(&w, "keys", c->items);
                json_uint(&w, "used", c->slots_used);
                json_close(&w, '}');
                putchar('\n');
        } else {
                summary_text(c);
        }
        if (c->count[NVS_ERROR] || (strict && c->count[NVS_WARNING]))
                rc = -E_FORMAT;
        if (!img->decrypted && nvs_looks_encrypted(img->data, img->len))
                report_error(r, E_KEY, source.path, 0, 0,
                             "give the image's keys with --key FILE, or with --hmac-key FILE");
out:
        free(c ? c->work : NULL);
        free(c);
        return rc;
}

static int list_rules(void)
{
        for (int i = 0; i < NVS_RULE_COUNT; i++)
                printf("%-20s %s\n", nvs_rule_id((enum nvs_rule)i),
                       nvs_rule_text((enum nvs_rule)i));
        return STATUS_DONE;
}

static int run(int argc, char **argv)
{
        int status = STATUS_DONE;

        if (rules)
                return list_rules();
        if (argc == 0)
                return usage_error("which image?");
        for (int i = 0; i < argc; i++) {
                struct report r = { 0 };
                struct nvs_image img;
                int rc;

                source.path = argv[i];
                rc = source_open(&source, &img, NULL, &r);
                if (rc == 0)
                        rc = check(&img, &r);
                nvs_image_free(&img);
                report_finish(&r);
                if (rc < 0 && (int)err_status(rc) > status)
                        status = (int)err_status(rc);
        }
        return status;
}

static const struct opt options[] = {
        SOURCE_OPTIONS(source),
        { 0, "json", OPT_FLAG, &json, NULL, "one JSON object an image" },
        { 0, "strict", OPT_FLAG, &strict, NULL, "warnings are failures too" },
        { 0, "rules", OPT_FLAG, &rules, NULL, "list the rules and stop" },
        { 'q', "quiet", OPT_FLAG, &quiet, NULL, "no notes, nothing about a sound image" },
        { 0 },
};

const struct command cmd_check = {
        .name = "check",
        .synopsis = "IMG...",
        .summary = "check every integrity rule of the format",
        .options = options,
        .max_args = -1,
        .run = run,
        .more = SOURCE_HELP
        "\n"
        "Error: a device would refuse or lose something (exit 1). Warning: it puts that right\n"
        "by itself, or survives it. Note: worth knowing.\n",
};
