#include "host/cert_batch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/file.h"
#include "host/progress.h"

const char *const batch_column_names[COL_COUNT] = {
        [COL_SERIAL_NO] = "serial_no",  [COL_CERT] = "cert",
        [COL_PRIV_KEY] = "priv_key",    [COL_POP] = "pop",
        [COL_SALT] = "sec2_salt",       [COL_VERIFIER] = "sec2_verifier",
        [COL_SERVICE] = "service_name", [COL_QR] = "qr",
};

struct cert_batch {
        struct batch_config cfg;
        char *folder; /* absolute, for the paths in values.csv */
        struct file_writer *values;
        struct issue_device *devices; /* ISSUE_GROUP of them */
        char **names;                 /* their CNs */
        char **extras;                /* extra_count texts each */
        size_t fill;
        uint64_t done;
        struct batch_counts counts;
};

static unsigned columns_of(const struct batch_config *cfg)
{
        return cfg->issue.prov ? COL_COUNT : COL_POP;
}

static const char *column_name(const struct batch_config *cfg, unsigned c)
{
        return cfg->names[c] ? cfg->names[c] : batch_column_names[c];
}

int batch_name(const char *template, uint64_t number, char **out, struct diag *d)
{
        const size_t cap = strlen(template) + 64;
        char *p;
        bool used = false;

        *out = p = malloc(cap);
        if (!p)
                return diag_set(d, E_NOMEM, "no memory");
        for (const char *t = template; *t; t++) {
                bool zero;
                unsigned width;

                if (*t != '%' || t[1] == '%') {
                        *p++ = *t;
                        t += *t == '%';
                        continue;
                }
                zero = t[1] == '0';
                width = (unsigned)strtoul(t + 1, (char **)(uintptr_t)&t, 10);
                if ((*t != 'u' && *t != 'd') || used || width > 20) {
                        free(*out);
                        *out = NULL;
                        return diag_set(d, E_SYNTAX,
                                        "'%.60s': a name has one number in it, like SO-%%06u",
                                        template);
                }
                used = true;
                p += sprintf(p, zero ? "%0*llu" : "%*llu", (int)width, (unsigned long long)number);
        }
        *p = 0;
        if (used)
                return 0;
        free(*out);
        *out = NULL;
        return diag_set(d, E_SYNTAX, "'%.60s': a name has one number in it, like SO-%%06u",
                        template);
}

/* A field as Python's csv module writes it; the first of a row has no comma before it. */
static void put_field(struct file_writer *w, bool first, const char *text, size_t n)
{
        bool quote = false;

        if (!first)
                file_writer_put(w, ",", 1);
        for (size_t i = 0; i < n && !quote; i++)
                quote = strchr(",\"\r\n", text[i]) != NULL;
        if (!quote) {
                file_writer_put(w, text, n);
                return;
        }
        file_writer_put(w, "\"", 1);
        while (n) {
                const char *q = memchr(text, '"', n);
                const size_t k = q ? (size_t)(q - text) + 1 : n;

                file_writer_put(w, text, k);
                if (q)
                        file_writer_put(w, "\"", 1);
                text += k;
                n -= k;
        }
        file_writer_put(w, "\"", 1);
}

static void put_text(struct file_writer *w, bool first, const char *text)
{
        put_field(w, first, text, strlen(text));
}

static void put_header(struct cert_batch *b)
{
        for (unsigned c = 0; c < columns_of(&b->cfg); c++)
                put_text(b->values, c == 0, column_name(&b->cfg, c));
        for (size_t i = 0; i < b->cfg.extra_count; i++)
                put_text(b->values, false, b->cfg.extra[i]);
        file_writer_put(b->values, "\n", 1);
}

/* No two columns of one name: nvsgen would take the wrong one. */
static int check_names(const struct batch_config *cfg, struct diag *d)
{
        const unsigned n = columns_of(cfg);

        for (unsigned i = 0; i < n; i++)
                for (unsigned k = i + 1; k < n; k++)
                        if (!strcmp(column_name(cfg, i), column_name(cfg, k)))
                                return diag_set(d, E_SYNTAX, "two columns are called '%s'",
                                                column_name(cfg, i));
        for (size_t i = 0; i < cfg->extra_count; i++)
                for (unsigned k = 0; k < n; k++)
                        if (!strcmp(cfg->extra[i], column_name(cfg, k)))
                                return diag_set(d, E_SYNTAX,
                                                "column '%s' is made here and stands in the list "
                                                "too; rename one with --column",
                                                cfg->extra[i]);
        return 0;
}

int cert_batch_open(const struct batch_config *cfg, struct cert_batch **out, struct diag *d)
{
        struct cert_batch *b = calloc(1, sizeof *b);
        char *path = path_join(cfg->out_dir, "values.csv");
        int rc = check_names(cfg, d);

        *out = NULL;
        if (b) {
                b->cfg = *cfg;
                b->cfg.issue.keep_bytes = cfg->inline_values;
                b->folder = realpath(cfg->issue.folder, NULL);
                b->devices = calloc(ISSUE_GROUP, sizeof *b->devices);
                b->names = calloc(ISSUE_GROUP, sizeof *b->names);
                b->extras = calloc(ISSUE_GROUP * (cfg->extra_count + 1), sizeof *b->extras);
        }
        if (rc == 0 && (!b || !path || !b->folder || !b->devices || !b->names || !b->extras))
                rc = diag_set(d, E_NOMEM, "no memory for a batch");
        if (rc == 0)
                rc = file_writer_open(path, FILE_SECRET, &b->values, d);
        free(path);
        if (rc != 0) {
                cert_batch_abandon(b);
                return rc;
        }
        put_header(b);
        *out = b;
        return 0;
}

static void clear_group(struct cert_batch *b)
{
        for (size_t i = 0; i < b->fill; i++) {
                issue_device_clear(&b->devices[i]);
                b->devices[i] = (struct issue_device){ 0 };
                free(b->names[i]);
                b->names[i] = NULL;
                for (size_t k = 0; k < b->cfg.extra_count; k++) {
                        free(b->extras[i * b->cfg.extra_count + k]);
                        b->extras[i * b->cfg.extra_count + k] = NULL;
                }
        }
        b->fill = 0;
}

void cert_batch_abandon(struct cert_batch *b)
{
        if (!b)
                return;
        if (b->devices && b->names && b->extras)
                clear_group(b);
        file_writer_abandon(b->values);
        free(b->folder);
        free(b->devices);
        free(b->names);
        free(b->extras);
        free(b);
}

/* Certificate or key: its path, or its bytes (DER as base64). */
static void put_item(struct cert_batch *b, const char *path, const struct blob *bytes)
{
        const char *slash = strrchr(path, '/');
        char text[4096];
        char *base64;

        if (!b->cfg.inline_values) {
                snprintf(text, sizeof text, "%s/%s", b->folder, slash ? slash + 1 : path);
                put_text(b->values, false, text);
        } else if (!b->cfg.issue.profile->form.der) {
                put_field(b->values, false, (const char *)bytes->data, bytes->len);
        } else if ((base64 = malloc(BASE64_LEN(bytes->len)))) {
                base64_encode(bytes->data, bytes->len, base64);
                put_text(b->values, false, base64);
                wipe(base64, strlen(base64));
                free(base64);
        }
}

static void put_row(struct cert_batch *b, size_t i)
{
        const struct issue_device *dev = &b->devices[i];
        char salt[2 * SRP_SALT_LEN + 1];
        char verifier[2 * SRP_LEN + 1];

        put_text(b->values, true, dev->cn);
        put_item(b, dev->cert_path, &dev->cert);
        put_item(b, dev->key_path, &dev->key);
        if (dev->prov) {
                hex_encode(dev->prov->salt, sizeof dev->prov->salt, salt);
                hex_encode(dev->prov->verifier, sizeof dev->prov->verifier, verifier);
                put_text(b->values, false, dev->prov->pop);
                put_text(b->values, false, salt);
                put_text(b->values, false, verifier);
                put_text(b->values, false, dev->prov->service);
                put_text(b->values, false, dev->prov->payload);
        }
        for (size_t k = 0; k < b->cfg.extra_count; k++)
                put_text(b->values, false, b->extras[i * b->cfg.extra_count + k]);
        file_writer_put(b->values, "\n", 1);
}

static int flush_group(struct cert_batch *b, struct diag *d)
{
        int rc;

        if (b->fill == 0)
                return 0;
        rc = issue_group(&b->cfg.issue, b->devices, b->fill, d);
        for (size_t i = 0; i < b->fill && rc == 0; i++) {
                put_row(b, i);
                if (b->devices[i].outcome == ISSUE_NEW)
                        b->counts.fresh++;
                else
                        b->counts.before++;
        }
        b->done += b->fill;
        if (rc == 0)
                progress_show("certificates", b->done, b->cfg.total, "devices");
        clear_group(b);
        return rc;
}

int cert_batch_add(struct cert_batch *b, const char *cn, const char *const *extra, struct diag *d)
{
        const size_t i = b->fill;
        bool ok = (b->names[i] = strdup(cn)) != NULL;

        for (size_t k = 0; k < b->cfg.extra_count && ok; k++)
                ok = (b->extras[i * b->cfg.extra_count + k] = strdup(extra[k])) != NULL;
        b->devices[i] = (struct issue_device){ .cn = b->names[i] };
        b->fill++;
        if (!ok)
                return diag_set(d, E_NOMEM, "no memory for a batch");
        return b->fill == ISSUE_GROUP ? flush_group(b, d) : 0;
}

/* What nvsgen batch needs to know of the columns. */
static int write_config(const struct cert_batch *b, struct diag *d)
{
        const struct batch_config *cfg = &b->cfg;
        const bool der = cfg->issue.profile->form.der;
        const char *item = !cfg->inline_values ? (der ? "file,binary" : "file,string")
                                               : (der ? "data,base64" : "data,string");
        const char *const how[COL_COUNT] = {
                [COL_SERIAL_NO] = "data,string",
                [COL_CERT] = item,
                [COL_PRIV_KEY] = item,
                [COL_POP] = "data,string",
                [COL_SALT] = "data,hex2bin",
                [COL_VERIFIER] = "data,hex2bin",
                [COL_SERVICE] = "data,string",
                [COL_QR] = NULL, /* for the label, not for the device */
        };
        struct file_writer *w;
        char *path = path_join(cfg->out_dir, "config.csv");
        int rc = path ? file_writer_open(path, FILE_PUBLIC, &w, d)
                      : diag_set(d, E_NOMEM, "no memory");

        free(path);
        if (rc < 0)
                return rc;
        file_writer_printf(w, "%s,namespace,\n", cfg->name_space);
        for (unsigned c = 0; c < columns_of(cfg); c++)
                if (how[c])
                        file_writer_printf(w, "%s,%s\n", column_name(cfg, c), how[c]);
        return file_writer_commit(w, d);
}

int cert_batch_finish(struct cert_batch *b, struct batch_counts *counts, struct diag *d)
{
        int rc = flush_group(b, d);

        if (rc == 0 && (rc = issue_settle(&b->cfg.issue, d)) == 0)
                rc = write_config(b, d);
        if (rc == 0) {
                struct file_writer *w = b->values;

                b->values = NULL; /* commit frees it */
                rc = file_writer_commit(w, d);
        }
        *counts = b->counts;
        cert_batch_abandon(b);
        return rc;
}
