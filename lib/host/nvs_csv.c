/* The rows of NVS configuration files: nvs_csv.h. The value column is nvs_value.c. */
#include "host/nvs_csv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/nvs_read.h"
#include "host/csv.h"
#include "host/file.h"
#include "host/nvs_wifi.h"

enum column { COL_KEY, COL_TYPE, COL_ENCODING, COL_VALUE, COLUMNS };
static const char *const column_names[COLUMNS] = { "key", "type", "encoding", "value" };

struct loader {
        struct nvs_rows *rows;
        struct report *r;
        unsigned version;
        const char *file;   /* as messages call it */
        char *dir;          /* of the file */
        size_t at[COLUMNS]; /* columns of the four */
        size_t width;       /* of the header; 0 before it */
        const char *ns;     /* current namespace */
        uint32_t *slots;    /* rows by namespace and key: index + 1, 0: free */
        size_t slot_count;  /* a power of two */
        struct nvs_wifi wifi;
};

static int no_memory(struct loader *l)
{
        return report_error(l->r, E_NOMEM, NULL, 0, 0, "out of memory");
}

static int error_at(struct loader *l, int code, const struct csv_field *f, const char *what,
                    const char *why)
{
        return report_error(l->r, code, l->file, f->line, f->column, "%s: %s", what, why);
}

static size_t slot_of(const struct loader *l, const char *ns, const char *key)
{
        uint64_t h = 0xcbf29ce484222325u ^ (uintptr_t)ns; /* FNV-1a */

        for (; *key; key++)
                h = (h ^ (unsigned char)*key) * 0x100000001b3u;
        h ^= h >> 29;
        return (size_t)h & (l->slot_count - 1);
}

/* The slot where a key is or would be. */
static uint32_t *slot_find(const struct loader *l, const char *ns, const char *key)
{
        size_t i = slot_of(l, ns, key);

        for (;; i = (i + 1) & (l->slot_count - 1)) {
                const struct nvs_row *row = l->slots[i] ? &l->rows->rows[l->slots[i] - 1] : NULL;

                if (!row || (row->ns == ns && !strcmp(row->key, key)))
                        return &l->slots[i];
        }
}

/* Room for one more row and its slot. */
static int make_room(struct loader *l)
{
        struct nvs_rows *rows = l->rows;
        const size_t count = l->slot_count ? 2 * l->slot_count : 64;
        uint32_t *slots;

        if (rows->count == rows->cap) {
                const size_t cap = rows->cap ? 2 * rows->cap : 32;
                struct nvs_row *grown = realloc(rows->rows, cap * sizeof *grown);

                if (!grown)
                        return no_memory(l);
                rows->rows = grown;
                rows->cap = cap;
        }
        if (2 * (rows->count + 1) <= l->slot_count)
                return 0;
        if (!(slots = calloc(count, sizeof *slots)))
                return no_memory(l);
        free(l->slots);
        l->slots = slots;
        l->slot_count = count;
        for (size_t i = 0; i < rows->count; i++)
                if (rows->rows[i].key)
                        *slot_find(l, rows->rows[i].ns, rows->rows[i].key) = (uint32_t)i + 1;
        return 0;
}

/* Appends a row; value is taken, or freed on failure. key NULL: the namespace's row. */
static int row_add(struct loader *l, const char *key, struct nvs_value *value, uint32_t line)
{
        struct nvs_row row = { .ns = l->ns, .value = *value, .file = l->file, .line = line };

        if (make_room(l) < 0 || (key && !(row.key = strdup(key)))) {
                nvs_value_free(value);
                return no_memory(l);
        }
        l->rows->rows[l->rows->count++] = row;
        if (key)
                *slot_find(l, l->ns, key) = (uint32_t)l->rows->count;
        return 0;
}

static int blob_add(struct loader *l, const char *key, const uint8_t *data, size_t len)
{
        struct nvs_value v = { .type = NVS_BLOB, .len = len };

        if (*slot_find(l, l->ns, key))
                return 0; /* the files have it themselves */
        if (!(v.data = malloc(len)))
                return no_memory(l);
        memcpy(v.data, data, len);
        return row_add(l, key, &v, 0);
}

/* What is to stand before this row by the rules of the Wi-Fi library's keys. */
static int wifi_before(struct loader *l, const struct csv_field *key, const struct nvs_cell *cell)
{
        struct nvs_wifi_blob b;
        int rc = cell->is_file ? 0 : nvs_wifi_before(&l->wifi, l->ns, key->text, cell->text, &b);

        if (rc == 1) {
                rc = blob_add(l, b.key, b.data, b.len);
                wipe(&b, sizeof b);
                return rc;
        }
        if (rc == -E_UNSUPPORTED)
                return error_at(l, E_UNSUPPORTED, key, key->text, nvs_wifi_ap_elsewhere);
        return rc < 0 ? error_at(l, -rc, key, key->text, "no Wi-Fi key could be made") : 0;
}

static void wifi_behind(struct loader *l, const char *key)
{
        struct nvs_wifi_blob b[NVS_WIFI_BLOBS];
        const size_t n = nvs_wifi_behind(&l->wifi, key, b);

        for (size_t i = 0; i < n; i++)
                if (blob_add(l, b[i].key, b[i].data, b[i].len) < 0)
                        return;
}

/* What is the same for keys and namespaces. */
static int check_name(struct loader *l, const struct csv_field *f, const char *what)
{
        if (!f->len)
                return report_error(l->r, E_RANGE, l->file, f->line, f->column,
                                    "%s: empty; give it a name", what);
        if (f->len > NVS_KEY_MAX)
                return report_error(l->r, E_RANGE, l->file, f->line, f->column,
                                    "%s: %s of %zu bytes, a device takes up to %u; shorten it",
                                    f->text, what, f->len, NVS_KEY_MAX);
        if (f->text[0] == ' ' || f->text[0] == '\t' || f->text[f->len - 1] == ' ' ||
            f->text[f->len - 1] == '\t')
                report_note(l->r, l->file, f->line, f->column,
                            "the blank at an end of '%s' is part of the %s", f->text, what);
        return 0;
}

static int namespace_row(struct loader *l, const struct csv_field *f)
{
        struct nvs_rows *rows = l->rows;
        struct nvs_value index = { .type = NVS_U8, .bits = 1 };
        int rc = check_name(l, f, "namespace");

        if (rc < 0) {
                l->ns = ""; /* its keys are not to blame as well */
                return rc;
        }
        while (index.bits <= rows->names_count && strcmp(rows->names[index.bits - 1], f->text) != 0)
                index.bits++;
        if (index.bits > NVS_NS_MAX)
                return report_error(l->r, E_NOSPACE, l->file, f->line, f->column,
                                    "%s: namespace number %u, a partition holds %u", f->text,
                                    NVS_NS_MAX + 1, NVS_NS_MAX);
        if (index.bits > rows->names_count) {
                if (!(rows->names[rows->names_count] = strdup(f->text)))
                        return no_memory(l);
                rows->names_count++;
        }
        l->ns = rows->names[index.bits - 1];
        return row_add(l, NULL, &index, f->line);
}

/* The type column: 1 for a file, 0 for data; what is no known word is data, as to the reference. */
static int is_file_type(struct loader *l, const struct csv_field *f)
{
        static const char *const known[] = { "data", "file", "namespace" };
        const char *start = f->text + strspn(f->text, " \t");
        const size_t n = strcspn(start, " \t");

        if (!strcmp(f->text, "data"))
                return 0;
        if (!strcmp(f->text, "file"))
                return 1;
        for (size_t i = 0; i < 3; i++)
                if (n == strlen(known[i]) && !strncasecmp(start, known[i], n))
                        return report_error(l->r, E_SYNTAX, l->file, f->line, f->column,
                                            "type '%s': write '%s'", f->text, known[i]);
        report_note(l->r, l->file, f->line, f->column, "type '%s' is unknown and taken as data",
                    f->text);
        return 0;
}

static int check_coding(struct loader *l, const struct csv_row *row, struct nvs_cell *cell)
{
        const struct csv_field *f =
                l->at[COL_ENCODING] < row->count ? &row->fields[l->at[COL_ENCODING]] : NULL;
        const char *near;

        if (!f || !f->len)
                return report_error(
                        l->r, E_SYNTAX, l->file, row->line, f ? f->column : 0,
                        "%s: no encoding: write u8 … i64, string, hex2bin, base64 or binary",
                        cell->what);
        cell->coding = nvs_coding_of(f->text, &near);
        if (cell->coding.enc != NVS_ENC_NONE)
                return 0;
        return report_error(
                l->r, E_SYNTAX, l->file, f->line, f->column,
                near ? "%s: encoding '%s': write '%s'"
                     : "%s: encoding '%s' is unknown: there are u8 … i64, string, hex2bin, base64, "
                       "binary, blob_fill(SIZE;0xNN), blob_sz_fill(SIZE;0xNN)",
                cell->what, f->text, near);
}

/* Fields that no column of the header names: a comma that should have been quoted, if the value is
 * text. */
static int check_width(struct loader *l, const struct csv_row *row, const struct nvs_cell *cell)
{
        const enum nvs_encoding enc = cell->coding.enc;
        const struct csv_field *extra = NULL;

        for (size_t i = l->width; i < row->count && !extra; i++)
                if (row->fields[i].len)
                        extra = &row->fields[i];
        if (!extra)
                return 0;
        if (enc == NVS_ENC_STRING || enc == NVS_ENC_BINARY || enc == NVS_ENC_BLOB_FILL ||
            enc == NVS_ENC_BLOB_SZ_FILL)
                return error_at(
                        l, E_SYNTAX, extra, cell->what,
                        "more fields than columns: put quotes around a value that holds commas");
        report_note(l->r, l->file, extra->line, extra->column,
                    "%s: more fields than columns, ignored from here", cell->what);
        return 0;
}

/* The row that has this key in the current namespace already, or NULL. */
static struct nvs_row *row_before(const struct loader *l, const char *key)
{
        const uint32_t before = l->slot_count ? *slot_find(l, l->ns, key) : 0;

        return before ? &l->rows->rows[before - 1] : NULL;
}

static int check_key(struct loader *l, const struct csv_field *f)
{
        const struct nvs_row *before;

        if (check_name(l, f, "key") < 0)
                return -E_RANGE;
        if (!l->ns) {
                l->ns = ""; /* said once */
                return error_at(
                        l, E_STATE, f, f->text,
                        "stands before the first namespace: put a row 'NAME,namespace,,' above it");
        }
        if (!*l->ns)
                return -E_STATE;
        if (nvs_wifi_is_sta(f->text) && strcmp(l->ns, NVS_WIFI_NAMESPACE) != 0)
                return error_at(l, E_UNSUPPORTED, f, f->text, nvs_wifi_sta_elsewhere);
        before = row_before(l, f->text);
        if (!before || !before->line)
                return 0;
        return report_error(
                l->r, E_EXISTS, l->file, f->line, f->column,
                "%s: the namespace %s has this key already, at %s:%u; remove one of them", f->text,
                l->ns, before->file, before->line);
}

/* Reading goes on after an error in a row, so that all are told in one run. */
static void data_row(struct loader *l, const struct csv_row *row, const struct csv_field *key,
                     const struct csv_field *type)
{
        const struct csv_field *value =
                l->at[COL_VALUE] < row->count ? &row->fields[l->at[COL_VALUE]] : NULL;
        struct nvs_cell cell = {
                .what = key->text,
                .text = value ? value->text : "",
                .len = value ? value->len : 0,
                .dir = l->dir,
                .version = l->version,
                .at = { l->file, value ? value->line : row->line, value ? value->column : 0 },
        };
        struct nvs_value v;
        struct nvs_row *brought;
        const bool key_ok = check_key(l, key) == 0;
        int is_file;

        if (check_coding(l, row, &cell) < 0 || (is_file = is_file_type(l, type)) < 0 ||
            check_width(l, row, &cell) < 0)
                return;
        cell.is_file = is_file;
        if (nvs_value_read(&v, &cell, l->r) < 0)
                return;
        if (!key_ok) {
                nvs_value_free(&v);
                return;
        }
        if ((brought = row_before(l, key->text))) {
                /* the file's own value, in the place of the one that sta.ssid brought */
                nvs_value_free(&brought->value);
                brought->value = v;
                brought->file = l->file;
                brought->line = row->line;
                return;
        }
        if (wifi_before(l, key, &cell) < 0)
                nvs_value_free(&v);
        else if (row_add(l, key->text, &v, row->line) == 0)
                wifi_behind(l, key->text);
}

/* How well a field names a column: 2 exactly, or but for blanks behind it; 1 as something to mend.
 */
static int header_match(const struct csv_field *f, const char *name)
{
        const size_t len = strlen(name);
        const char *start = f->text + strspn(f->text, " \t");
        const size_t n = strcspn(start, " \t");

        if (!strncmp(f->text, name, len) && len + strspn(f->text + len, " \t") == f->len)
                return 2;
        return n == len && !strncasecmp(start, name, n);
}

static int header_column(struct loader *l, const struct csv_row *row, enum column c)
{
        const struct csv_field *near = NULL;

        l->at[c] = SIZE_MAX;
        for (size_t i = 0; i < row->count; i++) {
                const struct csv_field *f = &row->fields[i];
                const int match = header_match(f, column_names[c]);

                if (match == 2 && l->at[c] != SIZE_MAX)
                        return error_at(l, E_SYNTAX, f, f->text, "this column is there twice");
                if (match == 2)
                        l->at[c] = i;
                if (match == 2 && f->len != strlen(column_names[c]))
                        report_note(l->r, l->file, f->line, f->column,
                                    "the blanks behind '%s' are not read as a part of it",
                                    column_names[c]);
                if (match == 1)
                        near = f;
        }
        if (l->at[c] != SIZE_MAX)
                return 0;
        if (near)
                return report_error(l->r, E_SYNTAX, l->file, near->line, near->column,
                                    "column '%s': write '%s'", near->text, column_names[c]);
        return report_error(l->r, E_SYNTAX, l->file, row->line, 0,
                            "no column '%s': the first row must be key,type,encoding,value",
                            column_names[c]);
}

static int header_row(struct loader *l, const struct csv_row *row)
{
        int rc = 0;

        l->width = row->count;
        for (enum column c = COL_KEY; c < COLUMNS && rc == 0; c++)
                rc = header_column(l, row, c);
        return rc;
}

static int on_row(void *ctx, const struct csv_row *row)
{
        struct loader *l = ctx;
        const struct csv_field *key, *type;

        if (!l->width)
                return header_row(l, row);
        if (row->count == 1 && strspn(row->fields[0].text, " \t") == row->fields[0].len) {
                report_error(l->r, E_SYNTAX, l->file, row->line, 1, "a line of blanks: delete it");
                return 0;
        }
        if (l->at[COL_KEY] >= row->count || l->at[COL_TYPE] >= row->count) {
                report_error(l->r, E_SYNTAX, l->file, row->line, 0,
                             "the row ends before its type: it needs key,type,encoding,value");
                return 0;
        }
        key = &row->fields[l->at[COL_KEY]];
        type = &row->fields[l->at[COL_TYPE]];
        if (!strcmp(type->text, "namespace"))
                namespace_row(l, key);
        else
                data_row(l, row, key, type);
        return l->r->first_code == E_NOMEM ? -E_NOMEM : 0;
}

/* One file, whose text is there. */
static void load_text(struct loader *l, const char *text, size_t len)
{
        const struct csv_config cfg = { .comments = true };
        const size_t before = l->rows->count;
        const unsigned errors = l->r->errors;

        if (nvs_has_page((const uint8_t *)text, len)) {
                report_error(l->r, E_FORMAT, l->file, 0, 0,
                             "is an NVS image, not a CSV file: are the names in the wrong order?");
                return;
        }
        l->width = 0;
        csv_read(l->file, text, len, &cfg, on_row, l, l->r);
        if (!l->width && l->r->errors == errors)
                report_error(l->r, E_FORMAT, l->file, 0, 0,
                             "empty: the first row must be key,type,encoding,value");
        else if (l->rows->count == before && l->r->errors == errors)
                report_error(l->r, E_FORMAT, l->file, 0, 0,
                             "has no rows behind its header: the image would hold nothing");
}

static void load_file(struct loader *l, const char *path)
{
        struct diag d = { 0 };
        struct blob text;

        l->file = strcmp(path, "-") ? path : "stdin";
        if (file_load(path, FILE_LIMIT_TEXT, &text, &d) < 0) {
                report_diag(l->r, NULL, &d);
                return;
        }
        l->dir = path_dir(path);
        load_text(l, (const char *)text.data, text.len);
        free(l->dir);
        blob_free_secret(&text);
}

static void loader_free(struct loader *l)
{
        nvs_wifi_free(&l->wifi);
        free(l->slots);
}

int nvs_rows_load(struct nvs_rows *rows, const char *const *paths, size_t count, unsigned version,
                  struct report *r)
{
        struct loader l = { .rows = rows, .r = r, .version = version ? version : 2 };
        const unsigned errors = r->errors;

        memset(rows, 0, sizeof *rows);
        for (size_t i = 0; i < count; i++)
                load_file(&l, paths[i]);
        loader_free(&l);
        return r->errors == errors ? 0 : -r->first_code;
}

int nvs_rows_load_mem(struct nvs_rows *rows, const char *name, const char *text, size_t len,
                      struct report *r)
{
        struct loader l = { .rows = rows, .r = r, .version = 2, .file = name };
        const unsigned errors = r->errors;

        memset(rows, 0, sizeof *rows);
        load_text(&l, text, len);
        loader_free(&l);
        return r->errors == errors ? 0 : -r->first_code;
}

void nvs_rows_free(struct nvs_rows *rows)
{
        for (size_t i = 0; i < rows->count; i++) {
                nvs_value_free(&rows->rows[i].value);
                free(rows->rows[i].key);
        }
        for (size_t i = 0; i < rows->names_count; i++)
                free(rows->names[i]);
        free(rows->rows);
        memset(rows, 0, sizeof *rows);
}

int nvs_rows_write(const struct nvs_rows *rows, struct nvs_writer *w)
{
        uint64_t defined = 0;
        int rc = 0;

        for (size_t i = 0; i < rows->count; i++) {
                const struct nvs_row *row = &rows->rows[i];

                if (row->key)
                        rc = nvs_value_write(w, row->key, &row->value);
                else if (row->value.bits <= defined)
                        rc = nvs_write_namespace_again(w, (unsigned)row->value.bits);
                else
                        rc = nvs_write_namespace(w, rows->names[defined++]);
                /* after the end of the image the rest is counted */
                if (rc < 0 && rc != -E_NOSPACE)
                        break;
        }
        return rc;
}

int nvs_rows_image(const struct nvs_rows *rows, const struct nvs_write_config *cfg,
                   struct nvs_write_stats *stats, struct diag *d)
{
        struct nvs_write_config unique = *cfg;
        struct nvs_writer w;
        int rc;

        unique.keys_checked = true;
        if ((rc = nvs_writer_init(&w, &unique, d)) < 0)
                return rc;
        nvs_rows_write(rows, &w);
        return nvs_writer_finish(&w, stats);
}
