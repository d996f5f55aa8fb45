/* certgen batch: many devices, from a list or by number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "certgen.h"
#include "host/cert_batch.h"
#include "host/cert_list.h"
#include "host/json.h"
#include "host/progress.h"
#include "host/report.h"

static const char *devices;
static const char *cn;
static const char *cn_column;
static const char *out_dir = ".";
static const char *name_space = "mfg_ns";
static struct opt_list columns;
static int64_t count, start = 1, threads;
static bool reissue, chain;
static bool inline_values;

const struct opt batch_options[] = {
        { 0, "devices", OPT_STR, &devices, "FILE",
          "CSV with a column cn or serial_no; further columns are carried over", 0 },
        { 0, "cn-column", OPT_STR, &cn_column, "NAME", "the column with the common name", 0 },
        { 0, "count", OPT_INT, &count, "N", "N devices by number, with --cn", 0 },
        { 0, "cn", OPT_STR, &cn, "TEMPLATE", "their names, like 'SO-%06u'", 0 },
        { 0, "start", OPT_INT, &start, "N", "first number (1)", 0 },
        { 'o', "out", OPT_STR, &out_dir, "DIR",
          "folder for values.csv, config.csv and devices/ (.)", 0 },
        { 0, "namespace", OPT_STR, &name_space, "NAME", "NVS namespace in config.csv (mfg_ns)", 0 },
        { 0, "column", OPT_LIST, &columns, "OURS=NAME",
          "another name for a column of values.csv, like cert=P11_Cert", 0 },
        { 0, "inline", OPT_FLAG, &inline_values, NULL,
          "certificate and key in values.csv itself instead of their paths", 0 },
        SHAPE_OPTIONS,
        PROV_OPTIONS,
        { 0, "chain", OPT_FLAG, &chain, NULL, "put the CA's certificate behind the device's (PEM)",
          0 },
        { 0, "reissue", OPT_FLAG, &reissue, NULL, "revoke what the devices have and make it anew",
          0 },
        { 'j', "threads", OPT_INT, &threads, "N", "at most N threads (all processors)", 0 },
        { 0 },
};

/* "cert=P11_Cert" */
static int rename_columns(struct batch_config *cfg, struct diag *d)
{
        for (size_t i = 0; i < columns.count; i++) {
                const char *text = columns.items[i];
                const size_t n = strcspn(text, "=");
                unsigned c = 0;

                while (c < COL_COUNT && (strlen(batch_column_names[c]) != n ||
                                         strncmp(text, batch_column_names[c], n) != 0))
                        c++;
                if (c == COL_COUNT || !text[n] || !text[n + 1])
                        return diag_set(d, E_USAGE,
                                        "--column '%s': like cert=P11_Cert; columns are serial_no, "
                                        "cert, priv_key, pop,"
                                        " sec2_salt, sec2_verifier, service_name, qr",
                                        text);
                cfg->names[c] = text + n + 1;
        }
        return 0;
}

static int add_numbered(struct cert_batch *b, struct diag *d)
{
        int rc = 0;

        for (int64_t i = 0; i < count && rc == 0; i++) {
                char *name;

                rc = batch_name(cn, (uint64_t)(start + i), &name, d);
                if (rc == 0)
                        rc = cert_batch_add(b, name, NULL, d);
                free(name);
        }
        return rc;
}

/* The first and the longest name, before anything is made. */
static int check_numbered(struct diag *d)
{
        char *name;
        int rc;

        if (count < 1 || start < 0 || count > INT64_MAX - start)
                return diag_set(d, E_USAGE, "--count and --start: whole numbers, --count from 1");
        if ((rc = batch_name(cn, (uint64_t)(start + count - 1), &name, d)) < 0)
                return rc;
        rc = cn_check(name, d);
        free(name);
        return rc;
}

static int run(struct batch_config *cfg, struct device_list *list, struct batch_counts *counts,
               struct diag *d)
{
        struct ca_source from = common_ca();
        struct cert_batch *b;
        struct ca ca;
        char *folder = path_join(out_dir, "devices");
        int rc =
                folder ? ca_open(&from, cfg->issue.now, &ca, d) : diag_set(d, E_NOMEM, "no memory");

        if (rc < 0) {
                free(folder);
                return rc;
        }
        cfg->issue.ca = &ca;
        cfg->issue.folder = folder;
        if ((rc = file_mkdirs(folder, 0700, d)) == 0 && (rc = file_sweep(folder, d)) == 0 &&
            (rc = file_sweep(out_dir, d)) == 0 && (rc = cert_batch_open(cfg, &b, d)) == 0) {
                note_open_folder(folder);
                rc = list ? device_list_each(list, b, d) : add_numbered(b, d);
                if (rc == 0)
                        rc = cert_batch_finish(b, counts, d);
                else
                        cert_batch_abandon(b);
        }
        ca_close(&ca);
        cfg->issue.ca = NULL; /* both were this function's */
        cfg->issue.folder = NULL;
        free(folder);
        return rc;
}

static void say(const struct batch_counts *c)
{
        struct json_writer w = { .out = stdout };
        char *path = path_join(out_dir, "values.csv");

        progress_clear();
        if (common.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "batch");
                json_uint(&w, "devices", c->fresh + c->before);
                json_uint(&w, "new", c->fresh);
                json_uint(&w, "before", c->before);
                json_str(&w, "values", path);
                json_close(&w, '}');
                putchar('\n');
        } else {
                printf("%s\n", path);
                if (!common.quiet)
                        tool_error("%llu devices: %llu new, %llu had theirs before",
                                   (unsigned long long)c->fresh + c->before,
                                   (unsigned long long)c->fresh, (unsigned long long)c->before);
        }
        free(path);
}

int cmd_batch(int argc, char **argv)
{
        struct batch_config cfg = { .out_dir = out_dir,
                                    .name_space = name_space,
                                    .inline_values = inline_values };
        struct prov_config prov_cfg;
        struct profile profile = { 0 };
        struct device_list *list = NULL;
        struct batch_counts counts = { 0 };
        struct report report = { .quiet_notes = common.quiet };
        struct diag d = { 0 };
        int rc;

        (void)argc;
        (void)argv;
        if (devices ? count || cn : !count || !cn)
                return usage_error("either --devices FILE, or --count N with --cn 'SO-%%06u'");
        if (threads < 0 || threads > 256)
                return usage_error("--threads: 1 to 256");
        if (common.quiet || common.json)
                progress_disable();
        cfg.issue = (struct issue_config){ .profile = &profile,
                                           .san = shape.san.items,
                                           .san_count = shape.san.count,
                                           .reissue = reissue,
                                           .chain = chain,
                                           .threads = (unsigned)threads,
                                           .now = time(NULL) };
        cfg.total = (uint64_t)count;
        if ((rc = shape_profile("device", &profile, &d)) < 0 ||
            (rc = prov_from_options(&prov_cfg, &cfg.issue.prov, &d)) < 0 ||
            (rc = rename_columns(&cfg, &d)) < 0 || (!devices && (rc = check_numbered(&d)) < 0))
                goto out;
        if (devices) {
                if ((rc = device_list_load(devices, cn_column, &list, &report)) < 0)
                        goto out;
                cfg.extra = device_list_extra(list, &cfg.extra_count);
                cfg.total = device_list_count(list);
        }
        rc = run(&cfg, list, &counts, &d);
out:
        device_list_free(list);
        profile_free(&profile);
        if (report.errors)
                return (int)err_status(report_finish(&report));
        if (rc < 0)
                return fail_diag(&d);
        say(&counts);
        return STATUS_DONE;
}
