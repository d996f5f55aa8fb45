#include "host/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/batch_files.h"
#include "host/csv.h"
#include "host/pool.h"
#include "host/progress.h"

/* What one thread does at a time. */
struct item {
        struct batch_piece values, issued_text;
        struct batch_issued issued;
        struct batch_unit units[BATCH_PIECE_RECORDS];
        size_t count;
        struct report report; /* silent: what it counts is said by trying again, in order */
};

struct run {
        struct batch_job job;
        struct batch_totals *totals;
        struct report *r;
        unsigned jobs;
        struct batch_worker *workers;
        struct item *items; /* of one round: worked on in any order, settled in theirs */
        size_t item_count;
        size_t filled; /* of them, in this round */
        struct batch_reader values, issued;
        pthread_mutex_t read_lock; /* for the three above */
        struct sha256 *values_sha, *sha;
        uint8_t values_digest[SHA256_LEN]; /* as they were checked */
        char mark[SHA256_HEX_LEN];         /* hash of the whole job */
        struct batch_set seen;
        char *issued_path;
        bool issued_there; /* PREFIX-values.csv */
        bool issue_needed;
        struct file_writer *issued_out;
        struct batch_manifest manifest;
};

static int no_memory(struct run *b)
{
        return report_error(b->r, E_NOMEM, NULL, 0, 0, "out of memory");
}

static int diag_report(struct run *b, const struct diag *d)
{
        return report_diag(b->r, NULL, d);
}

struct row_context {
        const struct batch_job *job;
        struct batch_worker *worker;
        struct item *item;
        struct report *r;
};

/* A line of blanks is no device; batch_record_length says the same. */
static bool is_blank(const struct csv_row *row)
{
        for (size_t i = 0; i < row->count; i++)
                if (row->fields[i].quoted ||
                    row->fields[i].text[strspn(row->fields[i].text, " \t")])
                        return false;
        return true;
}

static int on_row(void *ctx, const struct csv_row *row)
{
        struct row_context *c = ctx;
        struct item *it = c->item;
        const size_t n = it->count;
        const char *const *issued = NULL;
        int rc;

        if ((row->count == 1 || c->job->delimiter == '\t') && is_blank(row))
                return 0;
        if (n >= it->values.records)
                return report_error(c->r, E_BUG, c->job->cfg->values, row->line, 0,
                                    "read in another way than it was counted");
        if (n < it->issued.rows)
                issued = (const char *const *)&it->issued.cells[n * it->issued.width];
        it->units[n].index = it->values.first - 1 + n; /* the heading is a record too */
        it->count++;
        rc = batch_device(c->job, c->worker, row, issued, &it->units[n], c->r);
        return c->job->phase == BATCH_MAKE ? rc : 0;
}

static void item_clear(struct item *it)
{
        for (size_t i = 0; i < it->count; i++)
                batch_unit_free(&it->units[i]);
        it->count = 0;
        batch_issued_free(&it->issued);
}

static int item_do(struct run *b, struct batch_worker *w, struct item *it, struct report *r)
{
        const struct csv_config cfg = { .comments = true,
                                        .delimiter = b->job.delimiter,
                                        .first_line = it->values.line };
        struct row_context c = { &b->job, w, it, r };
        int rc = 0;

        item_clear(it);
        if (it->issued_text.len)
                rc = batch_issued_parse(&b->job, b->issued_path, &it->issued_text, &it->issued, r);
        if (rc == 0 && it->values.len)
                rc = csv_read(b->job.cfg->values, it->values.text, it->values.len, &cfg, on_row, &c,
                              r);
        if (rc == 0 && it->count != it->values.records)
                rc = report_error(r, E_BUG, b->job.cfg->values, it->values.line, 0,
                                  "read in another way than it was counted");
        return rc;
}

/* The next piece. Returns 1, 0 at the end of the file, or -E_XXX (reported). */
static int piece_read(struct run *b, struct item *it)
{
        struct diag d = { 0 };
        int rc = batch_reader_next(&b->values, &it->values, BATCH_PIECE_RECORDS, BATCH_PIECE_BYTES,
                                   &d);

        if (rc < 0)
                return report_diag(b->r, b->job.cfg->values, &d);
        it->issued_text.len = 0;
        if (rc == 0 || !b->issued_there || !it->values.records)
                return rc;
        rc = batch_reader_next(&b->issued, &it->issued_text, it->values.records, SIZE_MAX, &d);
        return rc < 0 ? report_diag(b->r, b->issued_path, &d) : 1;
}

/* Reading is one thread's business at a time, while the others work on what was read. */
static int work(void *ctx, unsigned worker, size_t i)
{
        struct run *b = ctx;
        const bool make = b->job.phase == BATCH_MAKE;
        struct item *it;
        int rc;

        (void)i;
        pthread_mutex_lock(&b->read_lock);
        it = &b->items[b->filled];
        rc = piece_read(b, it);
        b->filled += rc > 0;
        pthread_mutex_unlock(&b->read_lock);
        if (rc <= 0)
                return rc;
        it->report = (struct report){ .silent = true };
        rc = item_do(b, &b->workers[worker], it, make ? b->r : &it->report);
        return make ? rc : 0;
}

/* Values that come twice. */
static int settle_unique(struct run *b, const struct batch_unit *u)
{
        const struct batch_conf *c = &b->job.conf;
        size_t n = 0;
        int64_t before;

        if (!u->hashes)
                return 0;
        for (size_t i = 0; i <= c->count; i++) {
                static const struct batch_hash none;
                const bool stem = i == c->count;

                if (!stem && !c->columns[i].unique)
                        continue;
                if (stem && !b->job.cfg->fileid)
                        break; /* numbers do not repeat */
                if (memcmp(&u->hashes[n], &none, sizeof none) == 0) {
                        n++; /* not drawn yet */
                        continue;
                }
                before = batch_set_add(&b->seen, &u->hashes[n++], u->line);
                if (before < 0)
                        return no_memory(b);
                if (before == 0)
                        continue;
                if (stem)
                        report_error(b->r, E_EXISTS, b->job.cfg->values, u->line, 0,
                                     "%s: the same file name as line %" PRId64
                                     " (names that differ in case only are one on other systems); "
                                     "every device "
                                     "needs its own %s",
                                     u->stem, before, b->job.cfg->fileid);
                else
                        report_error(b->r, E_EXISTS, b->job.cfg->values, u->line, 0,
                                     "%s: the same value as in line %" PRId64
                                     ", but the rule is unique",
                                     c->columns[i].key, before);
        }
        return 0;
}

static int settle_unit(struct run *b, struct batch_unit *u)
{
        struct batch_totals *t = b->totals;
        int rc;

        switch (b->job.phase) {
        case BATCH_CHECK:
                t->devices++;
                b->issue_needed |= b->job.conf.generates && (!u->issued || b->job.cfg->force);
                return settle_unique(b, u);
        case BATCH_ISSUE:
                t->issued += !u->issued;
                return batch_issued_add(&b->job, b->issued_out, u, b->sha, &b->seen, b->r);
        default:
                t->made += u->found == BATCH_ABSENT;
                t->kept += u->found == BATCH_SAME;
                t->replaced += u->found == BATCH_DIFFERENT;
                rc = batch_manifest_add(&b->manifest, &b->job, u);
                return rc < 0 ? report_error(b->r, -rc, NULL, 0, 0,
                                             "the manifest cannot be written: %s", err_text(rc))
                              : 0;
        }
}

/* One after the other and in order, so that messages and files do not depend on the threads. */
static int settle(struct run *b, struct item *it)
{
        int rc = 0;

        if (it->report.errors || it->report.notes) {
                rc = item_do(b, &b->workers[0], it, b->r);
                rc = b->job.phase == BATCH_CHECK ? 0 : rc;
        }
        for (size_t i = 0; rc == 0 && i < it->count; i++)
                rc = settle_unit(b, &it->units[i]);
        item_clear(it);
        return rc;
}

static const char *const phase_words[] = { "checking", "issuing values", "making images" };

static int rounds(struct run *b)
{
        const uint64_t total = b->job.phase == BATCH_CHECK ? 0 : b->totals->devices;

        do {
                int rc;

                b->filled = 0;
                rc = pool_run(b->jobs, b->item_count, work, b);
                for (size_t i = 0; i < b->filled; i++)
                        if (rc == 0)
                                rc = settle(b, &b->items[i]);
                        else
                                item_clear(&b->items[i]);
                if (rc < 0)
                        return rc;
                if (interrupted())
                        return -E_CANCELLED;
                if (total && b->filled)
                        progress_show(phase_words[b->job.phase], b->values.records - 1, total,
                                      "devices");
        } while (b->filled == b->item_count);
        return 0;
}

/* Go through the values once, from the heading on. */
static int pass(struct run *b, enum batch_phase phase)
{
        struct batch_reader *values = &b->values;
        struct batch_piece heading = { 0 };
        struct diag d = { 0 };
        char *path = NULL;
        int rc;

        b->job.phase = phase;
        b->issued.fd = -1;
        if ((rc = batch_reader_open(values, b->job.cfg->values, b->values_sha, &d)) < 0) {
                batch_reader_close(values);
                return diag_report(b, &d);
        }
        while (values->records == 0 &&
               (rc = batch_reader_next(values, &heading, 1, SIZE_MAX, &d)) > 0)
                ;
        values->delimiter = b->job.delimiter;
        if (rc < 0)
                report_diag(b->r, b->job.cfg->values, &d);
        else if (b->job.conf.generates &&
                 (rc = batch_issued_open(&b->job, &b->issued, &path, b->r)) >= 0)
                b->issued_there = rc > 0;
        free(b->issued_path);
        b->issued_path = path;
        if (rc >= 0)
                rc = rounds(b);
        batch_piece_free(&heading);
        batch_reader_close(values);
        batch_reader_close(&b->issued);
        return rc;
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
                return no_memory(b);
        if (nvs_value_read(&rep->value, &cell, b->r) < 0)
                return -E_INVAL;
        return batch_rules_check(col, f->text, f->len, &rep->value, &cell.at, b->r);
}

static int on_opening(void *ctx, const struct csv_row *row)
{
        struct opening *o = ctx;
        struct run *b = o->b;

        if (row->count == 1 && is_blank(row))
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
                return no_memory(b);
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
        return rc < 0 ? no_memory(b) : 0;
}

static int check(struct run *b)
{
        char *path = batch_path(&b->job, ".", "-unfinished");
        struct blob found = { 0 };
        int rc;

        if (!path)
                return no_memory(b);
        b->job.resumed = file_exists(path) && file_load(path, FILE_LIMIT_KEY, &found, NULL) == 0;
        for (;;) {
                b->totals->devices = 0;
                batch_set_free(&b->seen);
                rc = pass(b, BATCH_CHECK);
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
        int rc = path ? file_writer_open(path, FILE_SECRET, &b->issued_out, &d) : no_memory(b);

        free(path);
        if (rc < 0)
                return d.code ? diag_report(b, &d) : rc;
        rc = batch_issued_heading(&b->job, b->issued_out);
        if (rc == 0)
                rc = pass(b, BATCH_ISSUE);
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
                return no_memory(b);
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
                return no_memory(b);
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
        rc = pass(b, BATCH_MAKE);
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
        b->item_count = 8 * (size_t)b->jobs;
        pthread_mutex_init(&b->read_lock, NULL);
        for (size_t i = 0; i < job->conf.count; i++) {
                job->unique_count += job->conf.columns[i].unique;
                job->gen_count += job->conf.columns[i].gen.kind != BATCH_GEN_NONE;
        }
        job->values_dir = path_dir(c->values);
        job->repeats = calloc(job->conf.count + 1, sizeof *job->repeats);
        b->workers = calloc(b->jobs, sizeof *b->workers);
        b->items = calloc(b->item_count, sizeof *b->items);
        b->values_sha = sha256_new();
        b->sha = sha256_new();
        if (!job->values_dir || !job->repeats || !b->workers || !b->items || !b->values_sha ||
            !b->sha)
                return no_memory(b);
        for (unsigned i = 0; i < b->jobs; i++)
                if (batch_worker_init(&b->workers[i], job) < 0)
                        return no_memory(b);
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

        for (unsigned i = 0; b->workers && i < b->jobs; i++) {
                const struct nvs_write_stats *most = &b->workers[i].most;

                if (most->entries_used > b->totals->entries_used) {
                        b->totals->entries_used = most->entries_used;
                        b->totals->entries_total = most->entries_total;
                        b->totals->size_needed = most->size_needed;
                }
                batch_worker_free(&b->workers[i], job);
        }
        free(b->workers);
        for (size_t i = 0; b->items && i < b->item_count; i++) {
                item_clear(&b->items[i]);
                batch_piece_free(&b->items[i].values);
                batch_piece_free(&b->items[i].issued_text);
        }
        free(b->items);
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
