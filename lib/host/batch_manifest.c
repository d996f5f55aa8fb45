#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/batch_files.h"
#include "host/json.h"

#define HEADING "device,id,file,size,sha256,key"
enum { COL_DEVICE, COL_ID, COL_FILE, COL_SIZE, COL_SHA256, COL_KEY, COLUMNS };

char *batch_path(const struct batch_job *job, const char *before, const char *behind)
{
        char *name = NULL;
        char *path = NULL;

        if (asprintf(&name, "%s%s%s", before, job->cfg->naming.prefix, behind) >= 0)
                path = path_join(job->cfg->outdir, name);
        free(name);
        return path;
}

/* stdio on top of a file_writer, for the JSON writer */
static ssize_t cookie_write(void *cookie, const char *data, size_t n)
{
        return file_writer_put(cookie, data, n) < 0 ? 0 : (ssize_t)n;
}

static int writer_open(const struct batch_job *job, const char *behind, struct file_writer **w,
                       struct diag *d)
{
        char *path = batch_path(job, "", behind);
        int rc = path ? file_writer_open(path, FILE_PUBLIC, w, d)
                      : diag_set(d, E_NOMEM, "out of memory");

        free(path);
        return rc;
}

int batch_manifest_open(struct batch_manifest *m, const struct batch_job *job, struct diag *d)
{
        const cookie_io_functions_t io = { .write = cookie_write };
        int rc;

        *m = (struct batch_manifest){ 0 };
        if ((rc = writer_open(job, "-manifest.csv", &m->csv, d)) < 0 ||
            (rc = writer_open(job, "-manifest.json", &m->json, d)) < 0)
                return rc;
        m->stream = fopencookie(m->json, "w", io);
        m->writer = calloc(1, sizeof *m->writer);
        if (!m->stream || !m->writer)
                return diag_set(d, E_NOMEM, "out of memory");
        m->writer->out = m->stream;
        m->writer->pretty = true;
        json_open(m->writer, NULL, '{');
        json_uint(m->writer, "v", 1);
        json_str(m->writer, "prefix", job->cfg->naming.prefix);
        json_open(m->writer, "devices", '[');
        return file_writer_printf(m->csv, HEADING "\r\n");
}

int batch_manifest_add(struct batch_manifest *m, const struct batch_job *job,
                       const struct batch_unit *u)
{
        char file[BATCH_NAME_MAX + 8];
        char key[BATCH_NAME_MAX + 16] = "";
        char hex[SHA256_HEX_LEN];
        char text[2 * SHA256_HEX_LEN];
        const char *const cells[] = { u->id, file, key };
        int rc;

        snprintf(file, sizeof file, "bin/%s.bin", u->stem);
        if (job->cfg->encryption > BATCH_SHARED_KEY)
                snprintf(key, sizeof key, "keys/keys-%s.bin", u->stem);
        hex_encode(u->sha256, SHA256_LEN, hex);
        json_open(m->writer, NULL, '{');
        json_uint(m->writer, "device", u->index + 1);
        json_str(m->writer, "id", u->id);
        json_str(m->writer, "file", file);
        json_uint(m->writer, "size", u->size);
        json_str(m->writer, "sha256", hex);
        json_str(m->writer, "key", *key ? key : NULL);
        json_close(m->writer, '}');

        m->row_len = 0;
        snprintf(text, sizeof text, "%" PRIu64, u->index + 1);
        rc = batch_csv_raw(&m->row, &m->row_len, &m->row_cap, text, strlen(text));
        for (size_t i = 0; rc == 0 && i < sizeof cells / sizeof *cells; i++) {
                if (i == 2) {
                        snprintf(text, sizeof text, ",%zu,%s", u->size, hex);
                        rc = batch_csv_raw(&m->row, &m->row_len, &m->row_cap, text, strlen(text));
                }
                if (rc == 0)
                        rc = batch_csv_raw(&m->row, &m->row_len, &m->row_cap, ",", 1);
                if (rc == 0)
                        rc = batch_csv_cell(&m->row, &m->row_len, &m->row_cap, cells[i],
                                            strlen(cells[i]));
        }
        if (rc == 0)
                rc = batch_csv_raw(&m->row, &m->row_len, &m->row_cap, "\r\n", 2);
        return rc < 0 ? rc : file_writer_put(m->csv, m->row, m->row_len);
}

int batch_manifest_commit(struct batch_manifest *m, struct diag *d)
{
        struct file_writer *csv = m->csv;
        struct file_writer *json = m->json;
        FILE *stream = m->stream;
        int rc;

        json_close(m->writer, ']');
        json_close(m->writer, '}');
        m->stream = NULL;
        if (fclose(stream) != 0)
                return diag_set(d, E_IO, "the manifest cannot be written");
        m->csv = NULL;
        if ((rc = file_writer_commit(csv, d)) < 0)
                return rc;
        m->json = NULL;
        return file_writer_commit(json, d);
}

void batch_manifest_abandon(struct batch_manifest *m)
{
        if (m->stream)
                fclose(m->stream);
        file_writer_abandon(m->csv);
        file_writer_abandon(m->json);
        free(m->writer);
        free(m->row);
        *m = (struct batch_manifest){ 0 };
}

struct loader {
        struct batch_job *job;
        struct sha256 *sha;
        const char *path;
        struct report *r;
        bool heading_seen;
};

static int not_ours(struct loader *l, uint32_t line)
{
        return report_error(l->r, E_EXISTS, l->path, line, 0,
                            "is no manifest of a batch, and would be overwritten; move it away, or "
                            "choose another prefix");
}

static int on_row(void *ctx, const struct csv_row *row)
{
        struct loader *l = ctx;
        const struct csv_field *f = row->fields;
        struct batch_hash h;
        int64_t rc;

        if (row->count != COLUMNS)
                return not_ours(l, row->line);
        if (!l->heading_seen) {
                l->heading_seen = true;
                return strcmp(f[COL_DEVICE].text, "device") || strcmp(f[COL_FILE].text, "file")
                               ? not_ours(l, row->line)
                               : 0;
        }
        if (f[COL_FILE].len < 8 || strncmp(f[COL_FILE].text, "bin/", 4) != 0)
                return not_ours(l, row->line);
        rc = batch_hash_text(l->sha, 0, f[COL_FILE].text + 4, f[COL_FILE].len - 8, &h);
        if (rc == 0)
                rc = batch_set_add(&l->job->ours, &h, 1);
        return rc < 0 ? report_error(l->r, E_NOMEM, NULL, 0, 0, "out of memory") : 0;
}

int batch_manifest_load(struct batch_job *job, struct sha256 *sha, struct report *r)
{
        const struct csv_config cfg = { .delimiter = ',' };
        char *path = batch_path(job, "", "-manifest.csv");
        struct loader l = { .job = job, .sha = sha, .path = path, .r = r };
        struct batch_reader reader;
        struct batch_piece piece = { 0 };
        struct diag d = { 0 };
        int rc;

        if (!path)
                return report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        if (!file_exists(path)) {
                free(path);
                return 0;
        }
        rc = batch_reader_open(&reader, path, NULL, &d);
        while (rc >= 0 &&
               (rc = batch_reader_next(&reader, &piece, SIZE_MAX, BATCH_PIECE_BYTES, &d)) > 0)
                rc = csv_read(path, piece.text, piece.len, &cfg, on_row, &l, r);
        if (rc < 0 && d.code)
                report_diag(r, NULL, &d);
        else if (rc == 0 && !l.heading_seen)
                rc = not_ours(&l, 0);
        batch_piece_free(&piece);
        batch_reader_close(&reader);
        free(path);
        return rc;
}
