/* One row of values: from its cells to its files. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/batch_job.h"
#include "host/nvs_wifi.h"

void batch_unit_free(struct batch_unit *u)
{
        free(u->id);
        free(u->stem);
        free(u->hashes);
        for (char **g = u->gen; g && *g; g++) {
                wipe(*g, strlen(*g));
                free(*g);
        }
        free(u->gen);
        *u = (struct batch_unit){ 0 };
}

int batch_worker_init(struct batch_worker *w, const struct batch_job *job)
{
        *w = (struct batch_worker){ .image = malloc(job->cfg->size),
                                    .sha = sha256_new(),
                                    .values = calloc(job->conf.count, sizeof *w->values),
                                    .cells = calloc(job->conf.count, sizeof *w->cells),
                                    .pending = calloc(job->conf.count, sizeof *w->pending),
                                    .gen = calloc(job->gen_count + 1, BATCH_TEMPLATE_MAX) };
        return w->image && w->sha && w->values && w->cells && w->pending && w->gen ? 0 : -E_NOMEM;
}

void batch_worker_free(struct batch_worker *w, const struct batch_job *job)
{
        if (w->image)
                wipe(w->image, job->cfg->size);
        if (w->csv)
                wipe(w->csv, w->csv_cap);
        if (w->gen)
                wipe(w->gen, job->gen_count * BATCH_TEMPLATE_MAX);
        free(w->image);
        free(w->csv);
        free(w->values);
        free(w->cells);
        free(w->pending);
        free(w->gen);
        sha256_free(w->sha);
}

struct device {
        const struct batch_job *job;
        struct batch_worker *w;
        const struct csv_row *row;
        const char *const *issued;
        struct batch_unit *u;
        struct report *r;
};

static int device_error(const struct device *v, int code, const struct csv_field *f,
                        const struct diag *d)
{
        return report_error(v->r, code, v->job->cfg->values, f ? f->line : v->row->line,
                            f ? f->column : 0, "%s", diag_text(d));
}

/* The cell of a repeated column may be empty or say the same; anything else would be lost. */
static int repeat_cell(const struct device *v, const struct batch_column *col,
                       const struct batch_repeat *rep, struct csv_field *cell)
{
        if (cell->len && (cell->len != rep->len || memcmp(cell->text, rep->text, rep->len) != 0))
                return report_error(v->r, E_INVAL, v->job->cfg->values, cell->line, cell->column,
                                    "%s: differs from the first device's, which REPEAT gives to "
                                    "all; empty it, or "
                                    "remove REPEAT from line %u of %s",
                                    col->key, col->line, v->job->conf.name);
        cell->text = rep->text;
        cell->len = rep->len;
        return 0;
}

/* A value that the batch makes itself: as issued, from the template, or still to be drawn. */
static int gen_cell(const struct device *v, size_t i, size_t g, struct csv_field *cell)
{
        const struct batch_column *col = &v->job->conf.columns[i];
        char *text = v->w->gen + g * BATCH_TEMPLATE_MAX;
        long n;

        cell->text = text;
        if (v->issued) {
                cell->text = v->issued[ISSUED_FIXED + g];
                cell->len = strlen(cell->text);
                return 0;
        }
        if (col->gen.kind == BATCH_GEN_RANDOM) {
                v->w->pending[i] = true;
                memset(text, col->gen.alphabet[0], col->gen.length);
                text[col->gen.length] = 0;
                cell->len = col->gen.length;
                return 0;
        }
        n = batch_template_make(&col->gen, v->job->cfg->counter + v->u->index, text,
                                BATCH_TEMPLATE_MAX);
        if (n < 0)
                return report_error(v->r, E_RANGE, v->job->conf.name, col->line, 0,
                                    "%s: what the template gives is too long", col->key);
        cell->len = (size_t)n;
        return 0;
}

/* What every column holds for this device. */
static int device_cells(const struct device *v)
{
        const struct batch_conf *c = &v->job->conf;
        size_t g = 0;
        int rc = 0;

        if (v->row->count != c->width)
                return report_error(v->r, E_FORMAT, v->job->cfg->values, v->row->line, 0,
                                    "%zu values, but the heading has %zu columns; %s",
                                    v->row->count, c->width,
                                    v->row->count < c->width
                                            ? "is a comma missing?"
                                            : "put quotes around a value that has a comma in it");
        for (size_t i = 0; i < c->count; i++) {
                const struct batch_column *col = &c->columns[i];
                struct csv_field *cell = &v->w->cells[i];
                const bool gen = col->gen.kind != BATCH_GEN_NONE;

                *cell = (struct csv_field){ .text = "", .line = v->row->line };
                v->w->pending[i] = false;
                if (col->type == BATCH_NAMESPACE)
                        continue;
                if (col->source >= 0)
                        *cell = v->row->fields[col->source];
                if (v->job->repeats[i].text)
                        rc |= repeat_cell(v, col, &v->job->repeats[i], cell);
                else if (gen && !cell->len)
                        rc |= gen_cell(v, i, g, cell);
                g += gen;
        }
        return rc < 0 ? -v->r->first_code : 0;
}

static int device_name(const struct device *v)
{
        const struct batch_conf *c = &v->job->conf;
        const struct csv_field *f = NULL;
        struct diag d = { 0 };
        char number[24];
        char stem[BATCH_STEM_CAP];
        const char *id = number;

        snprintf(number, sizeof number, "%" PRIu64, v->u->index + 1);
        if (c->fileid_column >= 0)
                f = &v->w->cells[c->fileid_column];
        else if (c->fileid >= 0)
                f = &v->row->fields[c->fileid];
        if (f)
                id = f->text;
        if (batch_name_check(id, v->job->cfg->fileid ? v->job->cfg->fileid : "number", &d) < 0 ||
            batch_stem_make(&v->job->cfg->naming, v->u->index, id, stem, &d) < 0)
                return device_error(v, d.code, f, &d);
        v->u->id = strdup(id);
        v->u->stem = strdup(stem);
        return v->u->id && v->u->stem ? 0
                                      : report_error(v->r, E_NOMEM, NULL, 0, 0, "out of memory");
}

/* Cells to values, and the rules. All errors of the row are found. */
static int device_values(const struct device *v)
{
        const struct batch_conf *c = &v->job->conf;
        int rc = 0;

        for (size_t i = 0; i < c->count; i++) {
                const struct batch_column *col = &c->columns[i];
                const struct csv_field *f = &v->w->cells[i];
                const struct nvs_cell cell = { .what = col->key,
                                               .coding = col->coding,
                                               .text = f->text,
                                               .len = f->len,
                                               .is_file = col->type == BATCH_FILE,
                                               .dir = v->job->values_dir,
                                               .version = v->job->cfg->version,
                                               .at = { v->job->cfg->values, f->line, f->column } };

                if (col->type == BATCH_NAMESPACE || v->job->repeats[i].text)
                        continue;
                if (nvs_value_read(&v->w->values[i], &cell, v->r) < 0)
                        rc = -1;
                else if (!v->w->pending[i] &&
                         batch_rules_check(col, f->text, f->len, &v->w->values[i], &cell.at, v->r) <
                                 0)
                        rc = -1;
        }
        return rc < 0 ? -v->r->first_code : 0;
}

static void values_free(const struct device *v)
{
        for (size_t i = 0; i < v->job->conf.count; i++)
                nvs_value_free(&v->w->values[i]);
}

/* A value, and what comes with it where its key is one of the Wi-Fi library. */
static int device_value(const struct device *v, struct nvs_writer *w, struct nvs_wifi *wifi,
                        const char *ns, size_t i)
{
        const struct batch_column *col = &v->job->conf.columns[i];
        struct nvs_wifi_blob b[NVS_WIFI_BLOBS];
        struct diag d = { 0 };
        int rc = col->type == BATCH_FILE
                         ? 0
                         : nvs_wifi_before(wifi, ns, col->key, v->w->cells[i].text, b);

        if (rc == 1)
                nvs_write_blob(w, b->key, b->data, b->len);
        wipe(b, sizeof b);
        if (rc < 0) {
                diag_set(&d, -rc, "%s: %s", col->key,
                         rc == -E_UNSUPPORTED ? nvs_wifi_ap_elsewhere : err_text(rc));
                return device_error(v, -rc, &v->w->cells[i], &d);
        }
        nvs_value_write(w, col->key,
                        v->job->repeats[i].text ? &v->job->repeats[i].value : &v->w->values[i]);
        for (size_t k = 0, n = nvs_wifi_behind(wifi, col->key, b); k < n; k++)
                nvs_write_blob(w, b[k].key, b[k].data, b[k].len);
        return 0;
}

/* Are there files that a check has to look at? */
static bool looks(const struct batch_job *job)
{
        return job->out.had[BATCH_BIN] || job->out.had[BATCH_CSV];
}

static int device_image(const struct device *v, struct nvs_write_stats *stats)
{
        const struct batch_config *cfg = v->job->cfg;
        const struct nvs_write_config wc = { .image = v->w->image,
                                             .size = cfg->size,
                                             .version = cfg->version,
                                             .legacy_layout = cfg->legacy_layout,
                                             .keys_checked = true,
                                             .trial = v->job->phase == BATCH_CHECK &&
                                                      !looks(v->job) };
        const char *ns = "";
        struct nvs_wifi wifi = { 0 };
        struct nvs_writer w;
        struct diag d = { 0 };
        int rc = nvs_writer_init(&w, &wc, &d);

        for (size_t i = 0; rc == 0 && i < v->job->conf.count; i++) {
                const struct batch_column *col = &v->job->conf.columns[i];

                if (col->type == BATCH_NAMESPACE)
                        nvs_write_namespace(&w, ns = col->key);
                else
                        rc = device_value(v, &w, &wifi, ns, i);
        }
        nvs_wifi_free(&wifi);
        if (rc < 0)
                return rc;
        rc = nvs_writer_finish(&w, stats);
        if (rc == 0) {
                v->u->size = stats->output_size;
                if (stats->entries_used > v->w->most.entries_used)
                        v->w->most = *stats;
                return 0;
        }
        if (rc == -E_NOSPACE)
                return report_error(v->r, E_NOSPACE, cfg->values, v->row->line, 0,
                                    "%s: does not fit %zu bytes; it needs a partition of 0x%zx",
                                    v->u->stem, cfg->size, stats->size_needed);
        return device_error(v, d.code ? d.code : -rc, NULL, &d);
}

static int device_encrypt(const struct device *v, struct diag *d)
{
        struct crypt_xts xts;
        struct nvs_keys key;
        int rc;

        if (v->job->cfg->encryption == BATCH_PLAIN)
                return 0;
        if (v->job->cfg->encryption == BATCH_SHARED_KEY)
                return nvs_image_encrypt(v->w->image, v->u->size, &v->job->shared);
        rc = batch_key(v->job, v->u, &key, d);
        if (rc == 0 && v->job->cfg->encryption == BATCH_HMAC_SHARED)
                rc = nvs_image_encrypt(v->w->image, v->u->size, &v->job->shared);
        else if (rc == 0 && (rc = crypt_xts_init(&xts, key.bytes)) == 0) {
                rc = nvs_image_encrypt(v->w->image, v->u->size, &xts);
                crypt_xts_free(&xts);
        }
        wipe(&key, sizeof key);
        return rc;
}

int batch_hash_text(struct sha256 *sha, uint32_t salt, const char *text, size_t n,
                    struct batch_hash *out)
{
        uint8_t digest[SHA256_LEN] = { 0 };
        uint8_t number[4];
        int rc = sha256_begin(sha);

        le32_put(number, salt);
        if (rc == 0)
                rc = sha256_add(sha, number, sizeof number);
        if (rc == 0)
                rc = sha256_add(sha, text, n);
        if (rc == 0)
                rc = sha256_end(sha, digest);
        memcpy(out->bytes, digest, sizeof out->bytes);
        return rc;
}

/* What must not come twice: the unique columns' values, and the files' name in small letters. */
static int device_hashes(const struct device *v)
{
        const struct batch_conf *c = &v->job->conf;
        char folded[BATCH_STEM_CAP];
        size_t n = 0;
        int rc = 0;

        v->u->hashes = calloc(v->job->unique_count + 1, sizeof *v->u->hashes);
        if (!v->u->hashes)
                return -E_NOMEM;
        for (size_t i = 0; rc == 0 && i < c->count; i++) {
                const struct csv_field *f = &v->w->cells[i];

                if (!c->columns[i].unique)
                        continue;
                if (!v->w->pending[i])
                        rc = batch_hash_text(v->w->sha, (uint32_t)i + 1, f->text, f->len,
                                             &v->u->hashes[n]);
                n++;
        }
        snprintf(folded, sizeof folded, "%s", v->u->stem);
        batch_fold_case(folded);
        return rc < 0 ? rc
                      : batch_hash_text(v->w->sha, 0, folded, strlen(folded), &v->u->hashes[n]);
}

/* The row's own hash, and the generated values, for PREFIX-values.csv. */
static int device_issue(const struct device *v)
{
        const struct batch_conf *c = &v->job->conf;
        uint8_t digest[SHA256_LEN];
        char hex[SHA256_HEX_LEN];
        size_t g = 0;
        int rc = sha256_begin(v->w->sha);

        for (size_t i = 0; rc == 0 && i < v->row->count; i++) /* each with its NUL */
                rc = sha256_add(v->w->sha, v->row->fields[i].text, v->row->fields[i].len + 1);
        if (rc == 0)
                rc = sha256_end(v->w->sha, digest);
        v->u->gen = calloc(v->job->gen_count + 1, sizeof *v->u->gen);
        if (rc < 0 || !v->u->gen)
                return -E_NOMEM;
        hex_encode(digest, SHA256_LEN, hex);
        memcpy(v->u->row, hex, BATCH_ROW_HASH);
        v->u->issued = v->issued != NULL;
        for (size_t i = 0; i < c->count; i++)
                if (c->columns[i].gen.kind != BATCH_GEN_NONE &&
                    !(v->u->gen[g++] = strdup(v->w->pending[i] ? "" : v->w->cells[i].text)))
                        return -E_NOMEM;
        if (v->issued && !v->job->cfg->force &&
            (strcmp(v->issued[ISSUED_ROW], v->u->row) != 0 ||
             strcmp(v->issued[ISSUED_ID], v->u->id) != 0))
                return report_error(v->r, E_STATE, v->job->cfg->values, v->row->line, 0,
                                    "%s: not the row that its values were issued to "
                                    "(%s-values.csv, device %s); put new devices "
                                    "at the end, or say --force if this is the same device",
                                    v->u->id, v->job->cfg->naming.prefix, v->issued[ISSUED_DEVICE]);
        return 0;
}

/* May a file that is there with another content be replaced? */
static int conflict_check(const struct device *v, const char *name, enum batch_folder f)
{
        struct batch_hash h;
        int rc;

        if (v->job->cfg->force || v->job->resumed)
                return 0;
        rc = batch_hash_text(v->w->sha, 0, v->u->stem, strlen(v->u->stem), &h);
        if (rc < 0 || batch_set_find(&v->job->ours, &h))
                return rc;
        return report_error(v->r, E_EXISTS, v->job->cfg->values, v->row->line, 0,
                            "%s/%s/%s exists with another content, and no manifest calls it this "
                            "batch's; move it away, "
                            "or say --force to replace it",
                            v->job->out.path, batch_folder_names[f], name);
}

/* An image whose key is gone may be in a device already: a new key would not open it. */
static int key_gone(const struct device *v, enum batch_found there)
{
        if (there == BATCH_ABSENT || v->job->cfg->force || v->job->resumed)
                return 0;
        return report_error(v->r, E_KEY, v->job->cfg->values, v->row->line, 0,
                            "%s/bin/%s.bin exists, but not its key keys/keys-%s.bin; restore the "
                            "key, or say --force to make "
                            "both anew",
                            v->job->out.path, v->u->stem, v->u->stem);
}

static int device_look(const struct device *v)
{
        char name[BATCH_NAME_MAX + 1];
        struct diag d = { 0 };
        int found;
        int rc = device_encrypt(v, &d);

        if (rc < 0 && rc != -E_NOTFOUND)
                return device_error(v, -rc, NULL, &d);
        snprintf(name, sizeof name, "%s.bin", v->u->stem);
        found = batch_out_look(&v->job->out, BATCH_BIN, name, v->w->image, v->u->size, &d);
        if (found < 0)
                return device_error(v, -found, NULL, &d);
        if (rc == -E_NOTFOUND && (rc = key_gone(v, (enum batch_found)found)) < 0)
                return rc;
        v->u->found = (enum batch_found)found;
        if (found == BATCH_DIFFERENT && (rc = conflict_check(v, name, BATCH_BIN)) < 0)
                return rc;
        if (v->job->cfg->no_csv)
                return 0;
        snprintf(name, sizeof name, "%s.csv", v->u->stem);
        if (batch_csv_make(v->job, v->w) < 0)
                return -E_NOMEM;
        found = batch_out_look(&v->job->out, BATCH_CSV, name, v->w->csv, v->w->csv_len, &d);
        if (found < 0)
                return device_error(v, -found, NULL, &d);
        return found == BATCH_DIFFERENT ? conflict_check(v, name, BATCH_CSV) : 0;
}

/* Save data unless it is there. Returns what was found, or -E_XXX. */
static int save(const struct device *v, enum batch_folder f, const char *ending, const void *data,
                size_t len, struct diag *d)
{
        char name[BATCH_NAME_MAX + 1];
        int found;
        int rc;

        snprintf(name, sizeof name, "%s%s", v->u->stem, ending);
        found = batch_out_look(&v->job->out, f, name, data, len, d);
        if (found < 0 || found == BATCH_SAME)
                return found;
        rc = batch_out_save(&v->job->out, f, name, data, len,
                            f == BATCH_BIN && v->job->cfg->encryption ? FILE_PUBLIC : FILE_SECRET,
                            d);
        return rc < 0 ? rc : found;
}

static int device_make(const struct device *v)
{
        struct diag d = { 0 };
        int rc = device_encrypt(v, &d);

        if (rc == 0)
                rc = sha256_of(v->w->sha, v->w->image, v->u->size, v->u->sha256);
        if (rc == 0 && !v->job->cfg->no_csv && (rc = batch_csv_make(v->job, v->w)) == 0)
                rc = save(v, BATCH_CSV, ".csv", v->w->csv, v->w->csv_len, &d);
        if (rc >= 0)
                rc = save(v, BATCH_BIN, ".bin", v->w->image, v->u->size, &d);
        if (rc < 0)
                return device_error(v, -rc, NULL, &d);
        v->u->found = (enum batch_found)rc;
        return 0;
}

int batch_device(const struct batch_job *job, struct batch_worker *w, const struct csv_row *row,
                 const char *const *issued, struct batch_unit *u, struct report *r)
{
        const struct device v = { job, w, row, issued, u, r };
        struct nvs_write_stats stats;
        int rc;

        u->line = row->line;
        if ((rc = device_cells(&v)) < 0)
                return rc;
        rc = device_name(&v);
        if (rc == 0 && job->phase == BATCH_ISSUE)
                return device_issue(&v);
        if (device_values(&v) < 0)
                rc = -r->first_code;
        if (rc == 0)
                rc = device_image(&v, &stats);
        if (rc == 0 && job->phase == BATCH_CHECK && job->conf.generates)
                rc = device_issue(&v);
        if (rc == 0 && job->phase == BATCH_CHECK)
                rc = device_hashes(&v);
        if (rc == 0 && job->phase == BATCH_CHECK && looks(job))
                rc = device_look(&v);
        if (rc == 0 && job->phase == BATCH_MAKE)
                rc = device_make(&v);
        values_free(&v);
        return rc;
}
