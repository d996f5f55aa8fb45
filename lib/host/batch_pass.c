/* The pass over a batch's values: read in pieces, worked on by all threads, settled in order. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/batch_run.h"
#include "host/csv.h"
#include "host/pool.h"
#include "host/progress.h"

struct row_context {
        const struct batch_job *job;
        struct batch_worker *worker;
        struct item *item;
        struct report *r;
};

bool batch_row_is_blank(const struct csv_row *row)
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

        if ((row->count == 1 || c->job->delimiter == '\t') && batch_row_is_blank(row))
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

/* The item that is read next, once it has been settled. NULL: somebody failed. */
static struct item *item_wait(struct run *b)
{
        struct item *it = NULL;

        pthread_mutex_lock(&b->lock);
        while (!b->failed && b->read_count - b->settled_count == b->item_count)
                pthread_cond_wait(&b->room, &b->lock);
        if (!b->failed)
                it = &b->items[b->read_count % b->item_count];
        pthread_mutex_unlock(&b->lock);
        return it;
}

/* Reading is one thread's business at a time, while the others work on what was read. Returns 1, 0
 * when there is nothing more to do, or -E_XXX. */
static int item_take(struct run *b, struct item **out)
{
        struct item *it;
        int rc = 0;

        pthread_mutex_lock(&b->read_lock);
        if (!b->at_end && (it = item_wait(b)) != NULL) {
                rc = piece_read(b, it);
                b->at_end = rc <= 0;
                *out = it;
        }
        if (rc > 0) {
                pthread_mutex_lock(&b->lock);
                b->read_count++;
                pthread_mutex_unlock(&b->lock);
        }
        pthread_mutex_unlock(&b->read_lock);
        return rc;
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
                        return batch_no_memory(b);
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

static const char *const phase_words[] = { "checking", "issuing values", "making images" };

/* In order, so that messages and files do not depend on the threads. */
static int settle(struct run *b, struct item *it)
{
        const uint64_t total = b->job.phase == BATCH_CHECK ? 0 : b->totals->devices;
        int rc = 0;

        if (it->report.errors || it->report.notes) {
                rc = item_do(b, &b->workers[b->jobs], it, b->r);
                rc = b->job.phase == BATCH_CHECK ? 0 : rc;
        }
        for (size_t i = 0; rc == 0 && i < it->count; i++)
                rc = settle_unit(b, &it->units[i]);
        item_clear(it);
        if (rc == 0 && total)
                progress_show(phase_words[b->job.phase], it->values.first - 1 + it->values.records,
                              total, "devices");
        return rc;
}

/* Behind b->lock, which it lets go while it settles. */
static void settle_done(struct run *b)
{
        struct item *it;

        while (!b->settling && !b->failed && b->settled_count < b->read_count &&
               (it = &b->items[b->settled_count % b->item_count])->done) {
                int rc;

                b->settling = true;
                pthread_mutex_unlock(&b->lock);
                rc = settle(b, it);
                pthread_mutex_lock(&b->lock);
                b->settling = false;
                it->done = false;
                b->settled_count++;
                b->failed = rc;
                pthread_cond_broadcast(&b->room);
        }
}

static void item_finish(struct run *b, struct item *it, int rc)
{
        pthread_mutex_lock(&b->lock);
        it->done = true;
        if (rc < 0 && !b->failed)
                b->failed = rc;
        if (b->failed)
                pthread_cond_broadcast(&b->room);
        settle_done(b);
        pthread_mutex_unlock(&b->lock);
}

/* One thread, to the end of the values. */
static int work(void *ctx, unsigned worker, size_t i)
{
        struct run *b = ctx;
        const bool make = b->job.phase == BATCH_MAKE;
        struct item *it;
        int rc;

        (void)i;
        while ((rc = item_take(b, &it)) > 0) {
                it->report = (struct report){ .silent = true };
                rc = item_do(b, &b->workers[worker], it, make ? b->r : &it->report);
                if (interrupted())
                        rc = -E_CANCELLED;
                else if (!make)
                        rc = 0;
                item_finish(b, it, rc);
        }
        return rc;
}

/* All items, with all threads. */
static int flow(struct run *b)
{
        int rc;

        b->at_end = b->settling = false;
        b->read_count = b->settled_count = 0;
        b->failed = 0;
        for (size_t i = 0; i < b->item_count; i++)
                b->items[i].done = false;
        rc = pool_run(b->jobs, b->jobs, work, b);
        for (size_t i = 0; i < b->item_count; i++)
                item_clear(&b->items[i]);
        return b->failed ? b->failed : rc;
}

int batch_pass(struct run *b, enum batch_phase phase)
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
                return report_diag(b->r, NULL, &d);
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
                rc = flow(b);
        batch_piece_free(&heading);
        batch_reader_close(values);
        batch_reader_close(&b->issued);
        return rc;
}

int batch_pass_init(struct run *b)
{
        b->item_count = 8 * (size_t)b->jobs;
        pthread_mutex_init(&b->read_lock, NULL);
        pthread_mutex_init(&b->lock, NULL);
        pthread_cond_init(&b->room, NULL);
        b->workers = calloc(b->jobs + 1, sizeof *b->workers);
        b->items = calloc(b->item_count, sizeof *b->items);
        if (!b->workers || !b->items)
                return batch_no_memory(b);
        for (unsigned i = 0; i <= b->jobs; i++)
                if (batch_worker_init(&b->workers[i], &b->job) < 0)
                        return batch_no_memory(b);
        return 0;
}

void batch_pass_free(struct run *b)
{
        for (unsigned i = 0; b->workers && i <= b->jobs; i++) {
                const struct nvs_write_stats *most = &b->workers[i].most;

                if (most->entries_used > b->totals->entries_used) {
                        b->totals->entries_used = most->entries_used;
                        b->totals->entries_total = most->entries_total;
                        b->totals->size_needed = most->size_needed;
                }
                batch_worker_free(&b->workers[i], &b->job);
        }
        free(b->workers);
        for (size_t i = 0; b->items && i < b->item_count; i++) {
                item_clear(&b->items[i]);
                batch_piece_free(&b->items[i].values);
                batch_piece_free(&b->items[i].issued_text);
        }
        free(b->items);
}
