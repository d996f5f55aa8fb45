/* seccert_set.h: CSV files in, and out again. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "host/csv.h"
#include "host/opt.h"
#include "host/seccert_parts.h"
#include "host/x509_key.h"

enum column {
        COL_TYPE,
        COL_SUBTYPE,
        COL_VALUE,
        COL_DATA_TYPE,
        COL_KEY_TYPE,
        COL_ALGORITHM,
        COL_KEY_SIZE,
        COL_EFUSE_ID,
        COL_EFUSE_KEY,
        COLUMNS
};
static const char *const column_names[COLUMNS] = {
        "tlv_type",  "tlv_subtype", "data_value", "data_type", "priv_key_type",
        "algorithm", "key_size",    "efuse_id",   "efuse_key",
};

struct reader {
        struct seccert_set *set;
        const char *path;
        char *dir; /* of the CSV */
        int place[COLUMNS];
        bool header;
        struct report *r;
};

/* A cell without the blanks around it (the reference strips them). */
struct cell {
        char *text;
        uint32_t line, column;
};

static int cell_error(const struct reader *rd, const struct cell *c, int code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
static int cell_error(const struct reader *rd, const struct cell *c, int code, const char *fmt, ...)
{
        char text[DIAG_TEXT_MAX];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        return report_error(rd->r, code, rd->path, c->line, c->column, "%s", text);
}

static char *stripped(const struct csv_field *f)
{
        const char *p = f->text;
        size_t n = f->len;

        while (n && strchr(" \t\r\n", p[0]))
                p++, n--;
        while (n && strchr(" \t\r\n", p[n - 1]))
                n--;
        return strndup(p, n);
}

/* ---- the header ---- */

static int read_header(struct reader *rd, const struct csv_row *row)
{
        rd->header = true;
        for (size_t c = 0; c < COLUMNS; c++)
                rd->place[c] = -1;
        for (size_t i = 0; i < row->count; i++) {
                char *name = stripped(&row->fields[i]);

                for (size_t c = 0; name && c < COLUMNS; c++)
                        if (strcmp(name, column_names[c]) == 0)
                                rd->place[c] = (int)i;
                free(name);
        }
        for (size_t c = 0; c < COLUMNS; c++)
                if (rd->place[c] < 0)
                        return report_error(
                                rd->r, E_FORMAT, rd->path, row->line, 0,
                                "column %s is missing; the first row names the columns: "
                                "tlv_type,tlv_subtype,data_value,data_type,"
                                "priv_key_type,algorithm,key_size,efuse_id,efuse_key",
                                column_names[c]);
        return 0;
}

/* ---- a row ---- */

static int read_type(const struct reader *rd, const struct cell *c, struct seccert_item *it)
{
        int64_t n = 0;
        int type = seccert_type_of(c->text);

        if (type < 0 && parse_int(c->text, &n) < 0)
                return cell_error(rd, c, E_SYNTAX,
                                  "tlv_type: '%s' is neither a type's name nor its number",
                                  c->text);
        if (type < 0 && (n < 0 || n > UINT8_MAX || !seccert_type_name((unsigned)n)))
                return cell_error(rd, c, E_RANGE, "tlv_type: %s is no type; user data are 51 to 55",
                                  c->text);
        it->type = type < 0 ? (unsigned)n : (unsigned)type;
        if (it->type == SECCERT_TYPE_END)
                return cell_error(rd, c, E_RANGE,
                                  "tlv_type: %s would end the partition: leave it out", c->text);
        if (it->type == SECCERT_INTEGRITY || it->type == SECCERT_SIGNATURE)
                return cell_error(rd, c, E_RANGE,
                                  "tlv_type: %s is computed, not given: leave the row out",
                                  c->text);
        return 0;
}

static int read_number(const struct reader *rd, const struct cell *c, const char *what, int64_t max,
                       unsigned *out)
{
        int64_t n;

        if (parse_int(c->text, &n) < 0)
                return cell_error(rd, c, E_SYNTAX, "%s: '%s' is no number", what, c->text);
        if (n < 0 || n > max)
                return cell_error(rd, c, E_RANGE, "%s: %s is not within 0 … %lld", what, c->text,
                                  (long long)max);
        *out = (unsigned)n;
        return 0;
}

/* The file as it is called, or beside the CSV. */
static int value_file(const struct reader *rd, const struct cell *c, struct blob *out)
{
        struct diag d = { 0 };
        char *beside = NULL;
        const char *path = c->text;
        int rc;

        if (strcmp(path, "-") == 0)
                return cell_error(rd, c, E_SYNTAX, "data_value: the name of a file, not \"-\"");
        if (!file_exists(path) && (beside = path_join(rd->dir, path)) && file_exists(beside))
                path = beside;
        rc = file_load(path, SECCERT_SIZE * 2, out, &d);
        free(beside);
        return rc < 0 ? cell_error(rd, c, d.code, "%s", diag_text(&d)) : 0;
}

/* Blanks between the digits are allowed. */
static int value_hex(const struct reader *rd, const struct cell *c, struct blob *out)
{
        size_t n = 0;
        long len;

        for (char *p = c->text; *p; p++)
                if (*p != ' ')
                        c->text[n++] = *p;
        c->text[n] = 0;
        out->data = malloc(n / 2 + 1);
        if (!out->data)
                return cell_error(rd, c, E_NOMEM, "no memory");
        if ((len = hex_decode(c->text, n, out->data, n / 2, NULL)) < 0)
                return cell_error(
                        rd, c, E_SYNTAX,
                        "data_value: two hexadecimal digits make a byte, and '%s' does not "
                        "hold just those",
                        n > 40 ? "this" : c->text);
        out->len = (size_t)len;
        out->data[out->len] = 0;
        return 0;
}

static int value_base64(const struct reader *rd, const struct cell *c, struct blob *out)
{
        const size_t n = strlen(c->text);
        long len;

        out->data = malloc(n + 1);
        if (!out->data)
                return cell_error(rd, c, E_NOMEM, "no memory");
        if ((len = base64_decode(c->text, n, out->data, n, NULL)) < 0)
                return cell_error(rd, c, E_SYNTAX, "data_value: %s is no base64",
                                  n > 40 ? "this" : c->text);
        out->len = (size_t)len;
        out->data[out->len] = 0;
        return 0;
}

static int read_value(const struct reader *rd, const struct cell *cells, struct blob *out)
{
        const struct cell *c = &cells[COL_VALUE];
        const char *type = cells[COL_DATA_TYPE].text;

        if (!*c->text)
                return cell_error(rd, c, E_SYNTAX, "data_value is empty");
        if (strcasecmp(type, "file") == 0)
                return value_file(rd, c, out);
        if (strcasecmp(type, "hex") == 0)
                return value_hex(rd, c, out);
        if (strcasecmp(type, "base64") == 0)
                return value_base64(rd, c, out);
        if (strcasecmp(type, "string") != 0)
                return cell_error(rd, &cells[COL_DATA_TYPE], E_SYNTAX,
                                  "data_type: '%s' is none of file, string, hex, base64", type);
        out->data = (uint8_t *)strdup(c->text);
        out->len = strlen(c->text);
        return out->data ? 0 : cell_error(rd, c, E_NOMEM, "no memory");
}

static int read_key(const struct reader *rd, const struct cell *cells, struct seccert_item *it)
{
        static const char *const words[] = { "plaintext", "rsa_ds", "ecdsa_peripheral" };
        const char *kind = cells[COL_KEY_TYPE].text;
        size_t i = 0;
        int rc = 0;

        while (i < 3 && strcasecmp(words[i], kind) != 0)
                i++;
        if (i == 3)
                return cell_error(rd, &cells[COL_KEY_TYPE], E_SYNTAX,
                                  "priv_key_type: '%s' is none of plaintext, rsa_ds, "
                                  "ecdsa_peripheral",
                                  kind);
        it->key.keep = (enum seccert_keep)i;
        it->key.algorithm = cells[COL_ALGORITHM].text;
        if (*cells[COL_KEY_SIZE].text)
                rc = read_number(rd, &cells[COL_KEY_SIZE], "key_size", 4096, &it->key.bits);
        if (rc == 0 && it->key.keep != SECCERT_PLAIN)
                rc = read_number(rd, &cells[COL_EFUSE_ID], "efuse_id", 5, &it->key.efuse_id);
        if (*cells[COL_EFUSE_KEY].text)
                it->key.hmac_file = cells[COL_EFUSE_KEY].text;
        return rc;
}

static int read_cells(struct reader *rd, const struct cell *cells)
{
        struct seccert_item it = { .file = rd->path, .line = cells[COL_TYPE].line };
        char *beside = NULL;
        int rc = read_type(rd, &cells[COL_TYPE], &it);

        if (rc == 0)
                rc = read_number(rd, &cells[COL_SUBTYPE], "tlv_subtype", SECCERT_SUBTYPE_MAX,
                                 &it.subtype);
        if (rc == 0 && it.type == SECCERT_PRIV_KEY)
                rc = read_key(rd, cells, &it);
        if (rc == 0)
                rc = read_value(rd, cells, &it.data);
        if (rc < 0) {
                blob_free_secret(&it.data);
                return 0; /* reported; the other rows have their turn */
        }
        if (it.key.hmac_file && !file_exists(it.key.hmac_file) &&
            (beside = path_join(rd->dir, it.key.hmac_file)))
                it.key.hmac_file = beside;
        rc = seccert_set_add(rd->set, &it, rd->r);
        free(beside);
        return rc;
}

static int read_row(void *ctx, const struct csv_row *row)
{
        struct reader *rd = ctx;
        struct cell cells[COLUMNS] = { 0 };
        bool memory = true;
        int rc = 0;

        if (!rd->header)
                return read_header(rd, row);
        if (row->fields[0].text[0] == '#')
                return 0;
        for (size_t c = 0; c < COLUMNS; c++) {
                if ((size_t)rd->place[c] >= row->count) {
                        report_error(
                                rd->r, E_FORMAT, rd->path, row->line, 0,
                                "the row has %zu fields and none for %s: empty ones need their "
                                "commas too",
                                row->count, column_names[c]);
                        goto out;
                }
                cells[c].text = stripped(&row->fields[rd->place[c]]);
                cells[c].line = row->fields[rd->place[c]].line;
                cells[c].column = row->fields[rd->place[c]].column;
                memory = memory && cells[c].text;
        }
        rc = memory ? read_cells(rd, cells)
                    : report_error(rd->r, E_NOMEM, rd->path, row->line, 0, "no memory");
out:
        for (size_t c = 0; c < COLUMNS; c++) {
                if (cells[c].text)
                        wipe(cells[c].text, strlen(cells[c].text));
                free(cells[c].text);
        }
        return rc;
}

int seccert_set_csv_mem(struct seccert_set *s, const char *name, const char *text, size_t len,
                        struct report *r)
{
        const struct csv_config cfg = { 0 };
        struct reader rd = { .set = s, .path = name, .dir = path_dir(name), .r = r };
        const unsigned before = r->errors;

        if (csv_read(name, text, len, &cfg, read_row, &rd, r) == 0 && !rd.header)
                report_error(r, E_FORMAT, name, 0, 0, "is empty: the first row names the columns");
        free(rd.dir);
        return r->errors > before ? -r->first_code : 0;
}

int seccert_set_csv(struct seccert_set *s, const char *path, struct report *r)
{
        struct blob text = { 0 };
        struct diag d = { 0 };
        int rc = file_load(path, FILE_LIMIT_TEXT, &text, &d);

        if (rc < 0)
                report_diag(r, NULL, &d);
        else
                rc = seccert_set_csv_mem(s, path, (const char *)text.data, text.len, r);
        blob_free_secret(&text);
        return rc;
}

/* ---- out again ---- */

struct exporter {
        const char *folder;
        struct file_writer *csv;
        struct report *r;
};

static bool is_text(const struct seccert_entry *e)
{
        for (size_t i = 0; i < e->len; i++)
                if (e->data[i] < 0x20 || e->data[i] == 0x7F)
                        return false;
        return e->len > 0 && utf8_valid((const char *)e->data, e->len) && e->data[0] != ' ' &&
               e->data[e->len - 1] != ' ';
}

static void put_text(struct exporter *x, const struct seccert_entry *e)
{
        const bool quote = memchr(e->data, ',', e->len) || memchr(e->data, '"', e->len);

        file_writer_put(x->csv, "\"", quote);
        for (size_t i = 0; i < e->len; i++) {
                file_writer_put(x->csv, "\"", e->data[i] == '"');
                file_writer_put(x->csv, &e->data[i], 1);
        }
        file_writer_put(x->csv, "\"", quote);
        file_writer_printf(x->csv, ",string,,,,,\r\n");
}

static void put_hex(struct exporter *x, const struct seccert_entry *e)
{
        for (size_t i = 0; i < e->len; i++)
                file_writer_printf(x->csv, "%02X", e->data[i]);
        file_writer_printf(x->csv, ",hex,,,,,\r\n");
}

/* A key in the form that the reference's parser writes: PKCS#1, or PKCS#8 of other kinds. */
static int key_contents(const struct seccert_entry *e, struct blob *out, const char **algorithm,
                        struct diag *d)
{
        const struct blob in = { (uint8_t *)e->data, e->len };
        EVP_PKEY *key = NULL;
        int rc = key_decode("entry", &in, NULL, &key, d);

        if (rc == 0) {
                const bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
                const struct key_form form = { .der = e->data[0] == 0x30, .traditional = rsa };

                *algorithm = rsa ? "RSA" : "ECDSA";
                rc = key_encode(key, form, NULL, out, d);
        }
        EVP_PKEY_free(key);
        return rc;
}

static int put_file(struct exporter *x, const struct seccert_entry *e)
{
        static const char *const stems[] = { "cacert", "devcert", "privkey" };
        const bool der = e->len && e->data[0] == 0x30;
        const char *algorithm = "";
        struct blob contents = { 0 };
        struct diag d = { 0 };
        char name[64];
        char *path, *dir;
        int rc = 0;

        if (e->type == SECCERT_PRIV_KEY)
                rc = key_contents(e, &contents, &algorithm, &d);
        snprintf(name, sizeof name, "contents/%s_%u_%u.%s", stems[e->type], e->type, e->subtype,
                 der ? "der" : "pem");
        path = path_join(x->folder, name);
        dir = path_join(x->folder, "contents");
        if (rc == 0)
                rc = path && dir ? file_mkdirs(dir, 0700, &d) : diag_set(&d, E_NOMEM, "no memory");
        if (rc == 0 && contents.data)
                rc = file_save(path, contents.data, contents.len, FILE_SECRET, &d);
        else if (rc == 0)
                rc = file_save(path, e->data, e->len - (!der && e->len && !e->data[e->len - 1]),
                               FILE_SECRET, &d);
        file_writer_printf(x->csv, "%s,file,%s,%s,,,\r\n", name,
                           e->type == SECCERT_PRIV_KEY ? "plaintext" : "", algorithm);
        blob_free_secret(&contents);
        free(path);
        free(dir);
        return rc < 0 ? report_diag(x->r, NULL, &d) : 0;
}

static int put_entry(struct exporter *x, const struct seccert_entry *e)
{
        const char *name = seccert_type_name(e->type);

        if (e->type == SECCERT_INTEGRITY || e->type == SECCERT_SIGNATURE)
                return 0; /* computed */
        if (e->type == SECCERT_PRIV_KEY && e->flags)
                report_note(x->r, NULL, 0, 0,
                            "the private key's flags 0x%02x have no word in a CSV: its row says "
                            "plaintext",
                            e->flags);
        file_writer_printf(x->csv, "%s,%u,", name, e->subtype);
        if (e->type <= SECCERT_PRIV_KEY)
                return put_file(x, e);
        if (e->type >= SECCERT_USER_1 && is_text(e))
                put_text(x, e);
        else
                put_hex(x, e);
        return 0;
}

int seccert_export(const uint8_t *image, size_t n, const char *folder, struct report *r)
{
        struct exporter x = { .folder = folder, .r = r };
        struct seccert_entry e;
        struct diag d = { 0 };
        char *csv = path_join(folder, "esp_secure_cert_parsed.csv");
        size_t at = 0;
        int rc = csv ? file_mkdirs(folder, 0700, &d) : diag_set(&d, E_NOMEM, "no memory");

        if (rc == 0)
                rc = file_writer_open(csv, FILE_SECRET, &x.csv, &d);
        if (rc < 0) {
                report_diag(r, NULL, &d);
                goto out;
        }
        for (size_t c = 0; c < COLUMNS; c++)
                file_writer_printf(x.csv, "%s%s", column_names[c], c + 1 < COLUMNS ? "," : "\r\n");
        while (rc == 0 && seccert_next(image, n, &at, &e, NULL) == 1)
                rc = put_entry(&x, &e);
        if (rc < 0)
                file_writer_abandon(x.csv);
        else if ((rc = file_writer_commit(x.csv, &d)) < 0)
                report_diag(r, NULL, &d);
out:
        free(csv);
        return rc;
}
