#include "host/cert_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypt/crypt.h"
#include "host/csv.h"
#include "host/file.h"
#include "host/x509_profile.h"

/* Names are compared by 128 bits of their digest: 100,000 devices then take 2.4 MB. */
struct name_seen {
        uint8_t digest[16];
        uint32_t line;
};

struct device_list {
        struct blob text;
        char *path;
        const char *column;
        size_t at; /* index of the column of names */
        char **header;
        size_t columns;
        const char **extra; /* of header */
        struct name_seen *seen;
        size_t count, cap;
        struct report *r;     /* of the first pass */
        struct cert_batch *b; /* of the second */
        struct diag *d;
        bool header_passed;
        const char **values;
};

static int read_header(struct device_list *l, const struct csv_row *row)
{
        size_t n = 0;
        bool found = false;

        l->header = calloc(row->count + 1, sizeof *l->header);
        l->extra = calloc(row->count + 1, sizeof *l->extra);
        l->values = calloc(row->count + 1, sizeof *l->values);
        if (!l->header || !l->extra || !l->values)
                return report_error(l->r, E_NOMEM, l->path, 0, 0, "no memory");
        l->columns = row->count;
        for (size_t i = 0; i < row->count; i++) {
                const char *name = row->fields[i].text;

                l->header[i] = strdup(name);
                if (!l->header[i])
                        return report_error(l->r, E_NOMEM, l->path, 0, 0, "no memory");
                if (!found && (l->column ? !strcmp(name, l->column)
                                         : !strcmp(name, "cn") || !strcmp(name, "serial_no"))) {
                        l->at = i;
                        found = true;
                } else {
                        l->extra[n++] = l->header[i];
                }
        }
        if (!found)
                return report_error(l->r, E_FORMAT, l->path, row->line, 0,
                                    "no column '%s' in the header; --cn-column NAME says which one "
                                    "holds the names",
                                    l->column ? l->column : "cn' or 'serial_no");
        return 0;
}

static int keep_name(struct device_list *l, const struct csv_field *f)
{
        uint8_t digest[CRYPT_SHA256_LEN];

        if (l->count == l->cap) {
                const size_t cap = l->cap ? l->cap * 2 : 1024;
                struct name_seen *grown = realloc(l->seen, cap * sizeof *grown);

                if (!grown)
                        return report_error(l->r, E_NOMEM, l->path, 0, 0, "no memory");
                l->seen = grown;
                l->cap = cap;
        }
        if (crypt_sha256(f->text, f->len, digest) < 0)
                return report_error(l->r, E_BUG, l->path, f->line, f->column, "SHA-256 failed");
        memcpy(l->seen[l->count].digest, digest, sizeof l->seen->digest);
        l->seen[l->count++].line = f->line;
        return 0;
}

/* First pass. Bad rows are reported, all of them; only what makes no sense to go on after stops. */
static int check_row(void *ctx, const struct csv_row *row)
{
        struct device_list *l = ctx;
        struct diag d = { 0 };

        if (!l->header)
                return read_header(l, row);
        if (row->count != l->columns) {
                report_error(l->r, E_FORMAT, l->path, row->line, 0,
                             "%zu fields, the header has %zu", row->count, l->columns);
                return 0;
        }
        if (cn_check(row->fields[l->at].text, &d) < 0) {
                report_error(l->r, d.code, l->path, row->fields[l->at].line,
                             row->fields[l->at].column, "%s", d.text);
                return 0;
        }
        return keep_name(l, &row->fields[l->at]);
}

static int by_digest(const void *a, const void *b)
{
        const struct name_seen *p = a;
        const struct name_seen *q = b;
        const int c = memcmp(p->digest, q->digest, sizeof p->digest);

        return c ? c : (p->line > q->line) - (p->line < q->line);
}

static void report_twice(struct device_list *l)
{
        if (l->count)
                qsort(l->seen, l->count, sizeof *l->seen, by_digest);
        for (size_t i = 1; i < l->count; i++)
                if (!memcmp(l->seen[i].digest, l->seen[i - 1].digest, sizeof l->seen->digest))
                        report_error(l->r, E_EXISTS, l->path, l->seen[i].line, 0,
                                     "the same name as in line %u; a device stands in a list once",
                                     l->seen[i - 1].line);
        free(l->seen);
        l->seen = NULL;
}

int device_list_load(const char *path, const char *column, struct device_list **out,
                     struct report *r)
{
        struct device_list *l = calloc(1, sizeof *l);
        const struct csv_config cfg = { 0 };
        struct diag d = { 0 };
        int rc;

        *out = l;
        if (!l || !(l->path = strdup(path)))
                return report_error(r, E_NOMEM, path, 0, 0, "no memory");
        l->column = column;
        l->r = r;
        if (file_load(path, FILE_LIMIT_TEXT, &l->text, &d) < 0)
                return report_diag(r, NULL, &d);
        rc = csv_read(path, (const char *)l->text.data, l->text.len, &cfg, check_row, l, r);
        if (rc < 0)
                return rc;
        report_twice(l);
        if (!l->count && !r->errors)
                report_error(r, E_FORMAT, path, 0, 0, "no device in it");
        return r->errors ? -r->first_code : 0;
}

void device_list_free(struct device_list *l)
{
        if (!l)
                return;
        for (size_t i = 0; i < l->columns; i++)
                free(l->header[i]);
        free(l->header);
        free(l->extra);
        free(l->values);
        free(l->seen);
        free(l->path);
        blob_free_secret(&l->text);
        free(l);
}

uint64_t device_list_count(const struct device_list *l)
{
        return l->count;
}

const char *const *device_list_extra(const struct device_list *l, size_t *count)
{
        *count = l->columns - 1;
        return l->extra;
}

/* Second pass: all was found good. */
static int add_row(void *ctx, const struct csv_row *row)
{
        struct device_list *l = ctx;
        size_t n = 0;

        if (!l->header_passed) {
                l->header_passed = true;
                return 0;
        }
        for (size_t i = 0; i < row->count; i++)
                if (i != l->at)
                        l->values[n++] = row->fields[i].text;
        return cert_batch_add(l->b, row->fields[l->at].text, l->values, l->d);
}

int device_list_each(struct device_list *l, struct cert_batch *b, struct diag *d)
{
        const struct csv_config cfg = { 0 };
        struct report quiet = { .quiet_notes = true };

        l->b = b;
        l->d = d;
        l->header_passed = false;
        return csv_read(l->path, (const char *)l->text.data, l->text.len, &cfg, add_row, l, &quiet);
}
