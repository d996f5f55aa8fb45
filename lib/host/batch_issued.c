/*
 * PREFIX-values.csv: the values that the batch made itself, committed to disk before any image is.
 * What was issued once is read back, so that a device never gets a second value.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/batch_files.h"

#define DRAWS_MAX 1000 /* of one random value that must be unique */

void batch_issued_free(struct batch_issued *s)
{
        for (size_t i = 0; i < s->rows * s->width; i++) {
                if (s->cells[i])
                        wipe(s->cells[i], strlen(s->cells[i]));
                free(s->cells[i]);
        }
        free(s->cells);
        *s = (struct batch_issued){ 0 };
}

struct parser {
        const struct batch_job *job;
        const char *path;
        struct batch_issued *out;
        size_t cap;
        struct report *r;
        bool heading;
};

static const char *heading_cell(const struct batch_job *job, size_t n)
{
        static const char *const fixed[ISSUED_FIXED] = { "device", "id", "row" };

        if (n < ISSUED_FIXED)
                return fixed[n];
        n -= ISSUED_FIXED;
        for (size_t i = 0; i < job->conf.count; i++)
                if (job->conf.columns[i].gen.kind != BATCH_GEN_NONE && n-- == 0)
                        return job->conf.columns[i].key;
        return NULL;
}

static int heading_check(struct parser *p, const struct csv_row *row)
{
        const size_t width = ISSUED_FIXED + p->job->gen_count;
        bool same = row->count == width;

        for (size_t i = 0; same && i < width; i++)
                same = strcmp(row->fields[i].text, heading_cell(p->job, i)) == 0;
        if (same)
                return 0;
        return report_error(p->r, E_STATE, p->path, row->line, 0,
                            "was made for other generated keys than %s has; choose another prefix "
                            "for the new batch",
                            p->job->conf.name);
}

static int on_row(void *ctx, const struct csv_row *row)
{
        struct parser *p = ctx;
        struct batch_issued *s = p->out;
        const size_t width = ISSUED_FIXED + p->job->gen_count;

        if (p->heading)
                return heading_check(p, row);
        if (row->count != width)
                return report_error(p->r, E_FORMAT, p->path, row->line, 0,
                                    "damaged: %zu cells instead of %zu; restore the file",
                                    row->count, width);
        if (s->rows == p->cap) {
                char **grown = realloc(s->cells, (2 * p->cap + 8) * width * sizeof *grown);

                if (!grown)
                        return report_error(p->r, E_NOMEM, NULL, 0, 0, "out of memory");
                s->cells = grown;
                p->cap = 2 * p->cap + 8;
        }
        s->width = width;
        for (size_t i = 0; i < width; i++)
                s->cells[s->rows * width + i] = strdup(row->fields[i].text);
        s->rows++;
        for (size_t i = 0; i < width; i++)
                if (!s->cells[(s->rows - 1) * width + i])
                        return report_error(p->r, E_NOMEM, NULL, 0, 0, "out of memory");
        return 0;
}

int batch_issued_parse(const struct batch_job *job, const char *path,
                       const struct batch_piece *piece, struct batch_issued *s, struct report *r)
{
        const struct csv_config cfg = { .delimiter = ',', .first_line = piece->line };
        struct parser p = { .job = job, .path = path, .out = s, .r = r };

        *s = (struct batch_issued){ 0 };
        return csv_read(path, piece->text, piece->len, &cfg, on_row, &p, r);
}

int batch_issued_open(const struct batch_job *job, struct batch_reader *reader, char **path,
                      struct report *r)
{
        struct batch_piece piece = { 0 };
        struct csv_config cfg = { .delimiter = ',' };
        struct parser p = { .job = job, .r = r, .heading = true };
        struct diag d = { 0 };
        int rc;

        reader->fd = -1;
        *path = batch_path(job, "", "-values.csv");
        p.path = *path;
        if (!*path)
                return report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        if (!file_exists(*path))
                return 0;
        rc = batch_reader_open(reader, *path, NULL, &d);
        if (rc == 0)
                rc = batch_reader_next(reader, &piece, 1, SIZE_MAX, &d);
        if (rc < 0)
                report_diag(r, NULL, &d);
        else if (rc == 0)
                rc = report_error(
                        r, E_FORMAT, *path, 0, 0,
                        "is empty; restore the file, or remove it to issue all values anew");
        else
                rc = csv_read(*path, piece.text, piece.len, &cfg, on_row, &p, r);
        batch_piece_free(&piece);
        return rc < 0 ? rc : 1;
}

int batch_issued_heading(const struct batch_job *job, struct file_writer *w)
{
        int rc = 0;

        for (size_t i = 0; rc == 0 && i < ISSUED_FIXED + job->gen_count; i++)
                rc = file_writer_printf(w, "%s%s", i ? "," : "", heading_cell(job, i));
        return rc < 0 ? rc : file_writer_printf(w, "\r\n");
}

static int draw(const struct batch_column *col, uint32_t salt, char **value, struct sha256 *sha,
                struct batch_set *seen)
{
        char text[BATCH_RANDOM_MAX + 1];
        int64_t rc = 0;

        for (int i = 0; i < DRAWS_MAX; i++) {
                struct batch_hash h;

                if ((rc = batch_random_make(&col->gen, text)) < 0)
                        break;
                if (!col->unique)
                        break;
                if ((rc = batch_hash_text(sha, salt, text, strlen(text), &h)) < 0 ||
                    (rc = batch_set_add(seen, &h, 1)) <= 0)
                        break;
        }
        if (rc == 0) {
                free(*value);
                *value = strdup(text);
                rc = *value ? 0 : -E_NOMEM;
        }
        wipe(text, sizeof text);
        return rc > 0 ? -E_NOSPACE : (int)rc;
}

static int row_write(const struct batch_job *job, struct file_writer *w, const struct batch_unit *u)
{
        char *row = NULL;
        size_t len = 0;
        size_t cap = 0;
        char text[64];
        int rc;

        snprintf(text, sizeof text, "%" PRIu64 ",", u->index + 1);
        rc = batch_csv_raw(&row, &len, &cap, text, strlen(text));
        if (rc == 0)
                rc = batch_csv_cell(&row, &len, &cap, u->id, strlen(u->id));
        snprintf(text, sizeof text, ",%s", u->row);
        if (rc == 0)
                rc = batch_csv_raw(&row, &len, &cap, text, strlen(text));
        for (size_t g = 0; rc == 0 && g < job->gen_count; g++)
                if ((rc = batch_csv_raw(&row, &len, &cap, ",", 1)) == 0)
                        rc = batch_csv_cell(&row, &len, &cap, u->gen[g], strlen(u->gen[g]));
        if (rc == 0)
                rc = batch_csv_raw(&row, &len, &cap, "\r\n", 2);
        if (rc == 0)
                rc = file_writer_put(w, row, len);
        if (row)
                wipe(row, cap);
        free(row);
        return rc;
}

int batch_issued_add(const struct batch_job *job, struct file_writer *w, struct batch_unit *u,
                     struct sha256 *sha, struct batch_set *seen, struct report *r)
{
        size_t g = 0;

        for (size_t i = 0; i < job->conf.count; i++) {
                const struct batch_column *col = &job->conf.columns[i];
                int rc;

                if (col->gen.kind == BATCH_GEN_NONE)
                        continue;
                if (col->gen.kind == BATCH_GEN_RANDOM && !u->issued && !*u->gen[g] &&
                    (rc = draw(col, (uint32_t)i + 1, &u->gen[g], sha, seen)) < 0)
                        return report_error(r, -rc, job->conf.name, col->line, 0, "%s: %s",
                                            col->key,
                                            rc == -E_NOSPACE ? "too few characters for so many "
                                                               "unique values; make it longer"
                                                             : err_text(rc));
                g++;
        }
        return row_write(job, w, u);
}
