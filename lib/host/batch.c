#include "host/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/batch_run.h"
#include "host/csv.h"
#include "host/pool.h"
#include "host/progress.h"

int batch_no_memory(struct run *b)
{
        return report_error(b->r, E_NOMEM, NULL, 0, 0, "out of memory");
}

static int diag_report(struct run *b, const struct diag *d)
{
        return report_diag(b->r, NULL, d);
}

/* The heading, and the first device's row for REPEAT. */
struct opening {
        struct run *b;
        bool heading_seen;
        bool row_seen;
        bool first_error;
};

static int repeat_take(struct run *b, size_t i, const struct csv_row *row)
{
        const struct batch_column *col = &b->job.conf.columns[i];
        struct batch_repeat *rep = &b->job.repeats[i];
        const struct csv_field *f = &row->fields[col->source];
        const struct nvs_cell cell = { .what = col->key,
                                       .coding = col->coding,
                                       .text = f->text,
                                       .len = f->len,
                                       .is_file = col->type == BATCH_FILE,
                                       .dir = b->job.values_dir,
                                       .version = b->job.cfg->version,
                                       .at = { b->job.cfg->values, f->line, f->column } };

        if (!f->len)
                return report_error(b->r, E_INVAL, cell.at.file, f->line, f->column,
                                    "%s: empty in the first device's row, whose value REPEAT gives "
                                    "to all; fill it in",
                                    col->key);
        rep->text = strdup(f->text);
        rep->len = f->len;
        if (!rep->text)
                return batch_no_memory(b);
        if (nvs_value_read(&rep->value, &cell, b->r) < 0)
                return -E_INVAL;
        return batch_rules_check(col, f->text, f->len, &rep->value, &cell.at, b->r);
}

static int on_opening(void *ctx, const struct csv_row *row)
{
        struct opening *o = ctx;
        struct run *b = o->b;

        if (row->count == 1 && batch_row_is_blank(row))
                return 0;
        if (!o->heading_seen) {
                o->heading_seen = true;
                return batch_conf_bind(&b->job.conf, row, b->job.cfg->values, b->job.cfg->fileid,
                                       b->r);
        }
        o->row_seen = true;
        for (size_t i = 0; i < b->job.conf.count && row->count == b->job.conf.width; i++)
                if (b->job.conf.columns[i].repeat)
                        repeat_take(b, i, row);
        return 0;
}

/* Spreadsheets of half the world write ';'. The same choice as csv_read makes for a whole file. */
static char delimiter_of(const struct batch_piece *p)
{
        if (memchr(p->text, ',', p->len))
                return ',';
        return memchr(p->text, ';', p->len) ? ';' : memchr(p->text, '\t', p->len) ? '\t' : ',';
}

static int opening_read(struct run *b)
{
        struct batch_reader values;
        struct batch_piece piece = { 0 };
        struct opening o = { .b = b };
        struct diag d = { 0 };
        int rc;

        if ((rc = batch_reader_open(&values, b->job.cfg->values, NULL, &d)) < 0) {
                batch_reader_close(&values);
                return diag_report(b, &d);
        }
        while (!o.row_seen && (rc = batch_reader_next(&values, &piece, 1, SIZE_MAX, &d)) > 0) {
                struct csv_config cfg = { .comments = true,
                                          .delimiter = b->job.delimiter,
                                          .first_line = piece.line };

                rc = csv_read(b->job.cfg->values, piece.text, piece.len, &cfg, on_opening, &o,
                              b->r);
                if (rc < 0)
                        goto out;
                if (o.heading_seen && !b->job.delimiter) {
                        b->job.delimiter = delimiter_of(&piece);
                        values.delimiter = b->job.delimiter;
                }
        }
        if (rc < 0)
                report_diag(b->r, b->job.cfg->values, &d);
        else if (!o.heading_seen)
                rc = report_error(b->r, E_FORMAT, b->job.cfg->values, 0, 0,
                                  "is empty; its first row names the columns");
        else if (!o.row_seen)
                rc = report_error(b->r, E_FORMAT, b->job.cfg->values, 0, 0,
                                  "has a heading, but no devices");
out:
        batch_piece_free(&piece);
        batch_reader_close(&values);
        return rc < 0 ? rc : 0;
}

/* What the whole job is: an unfinished run is taken up again only by the very same. */
static int mark_make(struct run *b)
{
        const struct batch_config *c = b->job.cfg;
        uint8_t digest[SHA256_LEN];
        struct blob conf;
        struct diag d = { 0 };
        char options[256];
        int rc;

        if (sha256_end(b->values_sha, b->values_digest) < 0)
                return batch_no_memory(b);
        if (file_load(c->conf, FILE_LIMIT_KEY, &conf, &d) < 0)
                return diag_report(b, &d);
        snprintf(options, sizeof options, "%zu %u %d %d %d %" PRIu64 " %u %" PRIu64 " %.80s",
                 c->size, c->version, c->legacy_layout, (int)c->encryption, c->naming.numbered,
                 c->naming.start, c->naming.width, c->counter, c->fileid ? c->fileid : "");
        rc = sha256_begin(b->sha);
        if (rc == 0)
                rc = sha256_add(b->sha, b->values_digest, sizeof b->values_digest);
        if (rc == 0)
                rc = sha256_add(b->sha, options, strlen(options) + 1);
        if (rc == 0)
                rc = sha256_add(b->sha, conf.data, conf.len);
        if (rc == 0)
                rc = sha256_end(b->sha, digest);
        blob_free(&conf);
        hex_encode(digest, SHA256_LEN, b->mark);
        return rc < 0 ? batch_no_memory(b) : 0;
}

static int check(struct run *b)
{
        char *path = batch_path(&b->job, ".", "-unfinished");
        struct blob found = { 0 };
        int rc;

        if (!path)
                return batch_no_memory(b);
        b->job.resumed = file_exists(path) && file_load(path, FILE_LIMIT_KEY, &found, NULL) == 0;
        for (;;) {
                b->totals->devices = 0;
                batch_set_free(&b->seen);
                rc = batch_pass(b, BATCH_CHECK);
                if (rc == 0 && b->r->errors)
                        rc = -b->r->first_code;
                if (rc == 0)
                        rc = mark_make(b);
                if (rc < 0 || !b->job.resumed ||
                    (found.len >= SHA256_HEX_LEN - 1 &&
                     !memcmp(found.data, b->mark, SHA256_HEX_LEN - 1)))
                        break;
                b->job.resumed =
                        false; /* another job was interrupted here: its files are not this one's */
        }
        blob_free(&found);
        free(path);
        return rc;
}

/* The rest of an older PREFIX-values.csv: devices that are not in the values any more keep theirs.
 */
static int issued_rest(struct run *b, uint64_t devices)
{
        struct batch_reader reader;
        struct batch_piece piece = { 0 };
        struct diag d = { 0 };
        uint64_t seen = 0;
        char *path;
        int rc = batch_issued_open(&b->job, &reader, &path, b->r);

        while (rc > 0 && (rc = batch_reader_next(&reader, &piece, 1, SIZE_MAX, &d)) > 0)
                if (piece.records && seen++ >= devices &&
                    (rc = file_writer_put(b->issued_out, piece.text, piece.len)) < 0)
                        break;
        if (d.code)
                report_diag(b->r, path, &d);
        batch_piece_free(&piece);
        batch_reader_close(&reader);
        free(path);
        return rc;
}

static int issue(struct run *b)
{
        struct diag d = { 0 };
        char *path = batch_path(&b->job, "", "-values.csv");
        int rc =
                path ? file_writer_open(path, FILE_SECRET, &b->issued_out, &d) : batch_no_memory(b);

        free(path);
        if (rc < 0)
                return d.code ? diag_report(b, &d) : rc;
        rc = batch_issued_heading(&b->job, b->issued_out);
        if (rc == 0)
                rc = batch_pass(b, BATCH_ISSUE);
        if (rc == 0 && b->issued_there)
                rc = issued_rest(b, b->totals->devices);
        if (rc == 0) {
                rc = file_writer_commit(b->issued_out, &d);
                if (rc < 0)
                        diag_report(b, &d);
        } else {
                file_writer_abandon(b->issued_out);
        }
        b->issued_out = NULL;
        return rc;
}

static int values_same(struct run *b)
{
        uint8_t digest[SHA256_LEN];

        if (sha256_end(b->values_sha, digest) < 0)
                return batch_no_memory(b);
        if (memcmp(digest, b->values_digest, SHA256_LEN) == 0)
                return 0;
        return report_error(
                b->r, E_STATE, b->job.cfg->values, 0, 0,
                "was changed while the images were made; run the command again for a manifest");
}

static int finish(struct run *b, const char *mark)
{
        struct diag d = { 0 };
        int rc = values_same(b);

        if (rc < 0)
                return rc;
        if (!b->job.cfg->no_sync && file_sync_tree(b->job.cfg->outdir, &d) < 0)
                return diag_report(b, &d);
        if (batch_manifest_commit(&b->manifest, &d) < 0)
                return diag_report(b, &d);
        unlink(mark);
        return 0;
}

static int make(struct run *b)
{
        const struct batch_config *c = b->job.cfg;
        const unsigned set = 1u << BATCH_BIN | (c->no_csv ? 0 : 1u << BATCH_CSV) |
                             (c->encryption > BATCH_SHARED_KEY ? 1u << BATCH_KEYS : 0);
        char *mark = batch_path(&b->job, ".", "-unfinished");
        struct diag d = { 0 };
        int rc;

        if (!mark)
                return batch_no_memory(b);
        if ((rc = file_mkdirs(c->outdir, 0777, &d)) < 0 ||
            (rc = batch_out_make(&b->job.out, set, &d)) < 0 ||
            (rc = file_sweep(c->outdir, &d)) < 0 ||
            (rc = file_save(mark, b->mark, SHA256_HEX_LEN - 1, FILE_PUBLIC, &d)) < 0) {
                diag_report(b, &d);
                goto out;
        }
        if (b->issue_needed && (rc = issue(b)) < 0)
                goto out;
        if ((rc = batch_manifest_open(&b->manifest, &b->job, &d)) < 0) {
                diag_report(b, &d);
                goto out;
        }
        rc = batch_pass(b, BATCH_MAKE);
        if (rc == 0)
                rc = finish(b, mark);
out:
        batch_manifest_abandon(&b->manifest);
        free(mark);
        return rc;
}

static int run_init(struct run *b)
{
        struct batch_job *job = &b->job;
        const struct batch_config *c = job->cfg;

        b->jobs = c->jobs ? c->jobs : pool_default_threads();
        for (size_t i = 0; i < job->conf.count; i++) {
                job->unique_count += job->conf.columns[i].unique;
                job->gen_count += job->conf.columns[i].gen.kind != BATCH_GEN_NONE;
        }
        job->values_dir = path_dir(c->values);
        job->repeats = calloc(job->conf.count + 1, sizeof *job->repeats);
        b->values_sha = sha256_new();
        b->sha = sha256_new();
        if (!job->values_dir || !job->repeats || !b->values_sha || !b->sha)
                return batch_no_memory(b);
        if (batch_pass_init(b) < 0)
                return -E_NOMEM;
        if (c->encryption == BATCH_SHARED_KEY || c->encryption == BATCH_HMAC_SHARED)
                return crypt_xts_init(&job->shared, c->shared.bytes) < 0
                               ? report_error(b->r, E_KEY, NULL, 0, 0,
                                              "the key cannot be used: both halves are equal")
                               : 0;
        return 0;
}

static void run_free(struct run *b)
{
        struct batch_job *job = &b->job;

        batch_pass_free(b);
        for (size_t i = 0; job->repeats && i < job->conf.count; i++) {
                nvs_value_free(&job->repeats[i].value);
                free(job->repeats[i].text);
        }
        free(job->repeats);
        crypt_xts_free(&job->shared);
        batch_out_close(&job->out);
        batch_set_free(&job->ours);
        batch_set_free(&b->seen);
        sha256_free(b->values_sha);
        sha256_free(b->sha);
        free(b->issued_path);
        free(job->values_dir);
        batch_conf_free(&job->conf);
}

static int run_all(struct run *b)
{
        const struct batch_config *c = b->job.cfg;
        struct diag d = { 0 };
        int rc;

        batch_name_check(c->naming.prefix, "prefix", &d);
        if (d.code)
                return report_error(b->r, d.code, NULL, 0, 0, "%s", diag_text(&d));
        if ((rc = batch_conf_load(&b->job.conf, c->conf, c->version, b->r)) < 0 ||
            (rc = run_init(b)) < 0 || (rc = opening_read(b)) < 0)
                return rc;
        if (batch_out_open(&b->job.out, c->outdir, &d) < 0)
                return diag_report(b, &d);
        if ((rc = batch_manifest_load(&b->job, b->sha, b->r)) < 0 || (rc = check(b)) < 0)
                return rc;
        return c->dry_run ? 0 : make(b);
}

int batch_run(const struct batch_config *cfg, struct batch_totals *totals, struct report *r)
{
        struct run *b = calloc(1, sizeof *b);
        int rc;

        *totals = (struct batch_totals){ 0 };
        if (!b)
                return report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        b->job.cfg = cfg;
        b->job.out = (struct batch_out){ .fd = { -1, -1, -1 } };
        b->totals = totals;
        b->r = r;
        rc = run_all(b);
        progress_clear();
        run_free(b);
        free(b);
        return rc < 0 ? rc : r->errors ? -r->first_code : 0;
}
