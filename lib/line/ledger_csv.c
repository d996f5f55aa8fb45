#include "line/ledger_csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/csv.h"
#include "line/ledger_impl.h"

enum { SERIAL, MAC, CERT_SERIAL, SERVICE, FILES, FACTORY, CERT, COLUMNS };

/* The usual names, the first one wins; in the order of struct ledger_csv_columns. */
static const char *const usual[COLUMNS][5] = {
        [SERIAL] = { "serial", "serial_no", "id", "cn" },
        [MAC] = { "mac", "mac_address" },
        [CERT_SERIAL] = { "cert_serial" },
        [SERVICE] = { "service", "service_name" },
        [FILES] = { "files" },
        [FACTORY] = { "factory", "sha256" },
        [CERT] = { "cert" },
};

struct reader {
        const char *name;
        const char *wanted[COLUMNS];
        int at[COLUMNS]; /* -1: there is none */
        bool headed;
        struct ledger_csv *out;
        struct report *r;
};

const char **ledger_csv_column(struct ledger_csv_columns *c, const char *name)
{
        const char **const fields[] = { &c->serial,  &c->mac,   &c->cert_serial,
                                        &c->service, &c->files, &c->factory };

        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                if (strcmp(name, usual[i][0]) == 0)
                        return fields[i];
        return NULL;
}

static int find_column(const struct csv_row *row, const char *name)
{
        for (size_t i = 0; i < row->count; i++)
                if (strcmp(row->fields[i].text, name) == 0)
                        return (int)i;
        return -1;
}

static int read_heading(struct reader *rd, const struct csv_row *row)
{
        rd->headed = true;
        for (int c = 0; c < COLUMNS; c++) {
                rd->at[c] = -1;
                if (rd->wanted[c]) {
                        rd->at[c] = find_column(row, rd->wanted[c]);
                        if (rd->at[c] < 0)
                                return report_error(rd->r, E_NOTFOUND, rd->name, row->line, 1,
                                                    "no column '%s'", rd->wanted[c]);
                        continue;
                }
                for (int k = 0; rd->at[c] < 0 && usual[c][k]; k++)
                        rd->at[c] = find_column(row, usual[c][k]);
        }
        if (rd->at[SERIAL] < 0)
                return report_error(rd->r, E_NOTFOUND, rd->name, row->line, 1,
                                    "no column serial, serial_no, id or cn; name it with --column "
                                    "serial=NAME");
        return 0;
}

static struct ledger_identity *new_row(struct reader *rd, uint32_t line)
{
        struct ledger_csv *c = rd->out;

        if (c->n == c->cap) {
                const size_t cap = c->cap ? 2 * c->cap : 256;
                struct ledger_identity *rows = realloc(c->rows, cap * sizeof *rows);
                uint32_t *lines;

                if (!rows)
                        return NULL;
                c->rows = rows;
                lines = realloc(c->lines, cap * sizeof *lines);
                if (!lines)
                        return NULL;
                c->lines = lines;
                c->cap = cap;
        }
        c->lines[c->n] = line;
        c->rows[c->n] = (struct ledger_identity){ 0 };
        return &c->rows[c->n++];
}

/* What can be judged of one cell alone. */
static int check_cell(struct reader *rd, int column, const struct csv_field *f)
{
        static const struct ledger_unit *const u;
        static const size_t sizes[COLUMNS] = {
                [SERIAL] = sizeof u->serial,
                [MAC] = 64,
                [CERT_SERIAL] = sizeof u->cert_serial,
                [SERVICE] = sizeof u->service,
                [FILES] = sizeof u->files,
                [FACTORY] = sizeof u->factory,
                [CERT] = sizeof u->files + 4,
        };
        char mac[LEDGER_MAC_LEN];
        struct diag d = { 0 };
        int rc = column == SERIAL ? ledger_serial_check(f->text, &d)
                                  : ledger_text_check(usual[column][0], f->text, sizes[column], &d);

        if (rc == 0 && column == MAC && *f->text && ledger_mac(f->text, mac) < 0)
                rc = diag_set(&d, E_SYNTAX, "'%.40s' is no MAC address", f->text);
        return rc < 0 ? report_error(rd->r, -rc, rd->name, f->line, f->column, "%s", d.text) : 0;
}

/* A certificate's path tells the stem of all files of the device. */
static char *stem_of(const char *cert)
{
        const char *slash = strrchr(cert, '/');
        const char *dot = strstr(slash ? slash : cert, ".crt");

        return dot ? strndup(cert, (size_t)(dot - cert)) : strdup("");
}

static int read_row(void *ctx, const struct csv_row *row)
{
        struct reader *rd = ctx;
        struct ledger_identity *id;

        if (!rd->headed)
                return read_heading(rd, row);
        if (!(id = new_row(rd, row->line)))
                return report_error(rd->r, E_NOMEM, rd->name, row->line, 0, "no memory");
        for (int c = 0; c < COLUMNS; c++) {
                const char **const fields[COLUMNS] = { &id->serial,  &id->mac,   &id->cert_serial,
                                                       &id->service, &id->files, &id->factory,
                                                       &id->files };
                const bool cell = rd->at[c] >= 0 && (size_t)rd->at[c] < row->count;
                const char *text = cell ? row->fields[rd->at[c]].text : "";

                if (c == SERIAL && !cell)
                        return report_error(rd->r, E_SYNTAX, rd->name, row->line, 0,
                                            "no serial number in this row");
                /* --inline: the certificate itself */
                if (c == CERT &&
                    (rd->at[FILES] >= 0 || strncmp(text, "-----", 5) == 0 || !strstr(text, ".crt")))
                        continue;
                if (cell) /* the file's other mistakes come in the same run */
                        check_cell(rd, c, &row->fields[rd->at[c]]);
                free((void *)(uintptr_t)*fields[c]);
                *fields[c] = c == CERT ? stem_of(text) : strdup(text);
                if (!*fields[c])
                        return report_error(rd->r, E_NOMEM, rd->name, row->line, 0, "no memory");
        }
        return 0;
}

/* ---- twice ---- */

struct sorted {
        const char *text;
        size_t at;
};

static int by_text(const void *a, const void *b)
{
        const struct sorted *x = a;
        const struct sorted *y = b;
        const int c = strcmp(x->text, y->text);

        return c ? c : (x->at > y->at) - (x->at < y->at);
}

static int find_twice(struct reader *rd, bool mac)
{
        const struct ledger_csv *c = rd->out;
        struct sorted *all = calloc(c->n + 1, sizeof *all);
        char(*macs)[LEDGER_MAC_LEN] = calloc(c->n + 1, sizeof *macs);
        size_t n = 0;
        int rc = all && macs ? 0 : report_error(rd->r, E_NOMEM, rd->name, 0, 0, "no memory");

        for (size_t i = 0; i < c->n && rc == 0; i++) {
                if (!mac)
                        all[n++] = (struct sorted){ c->rows[i].serial, i };
                else if (c->rows[i].mac && *c->rows[i].mac &&
                         ledger_mac(c->rows[i].mac, macs[i]) == 0)
                        all[n++] = (struct sorted){ macs[i], i };
        }
        if (n)
                qsort(all, n, sizeof *all, by_text);
        for (size_t i = 1; i < n && rc == 0; i++)
                if (strcmp(all[i].text, all[i - 1].text) == 0)
                        rc = report_error(rd->r, E_EXISTS, rd->name, c->lines[all[i].at], 0,
                                          "%s: stands in line %u already", all[i].text,
                                          c->lines[all[i - 1].at]);
        free(all);
        free(macs);
        return rc;
}

int ledger_csv_read(const char *name, const char *text, size_t len,
                    const struct ledger_csv_columns *columns, struct ledger_csv *out,
                    struct report *r)
{
        const struct csv_config cfg = { 0 };
        struct reader rd = { .name = name,
                             .wanted = { columns->serial, columns->mac, columns->cert_serial,
                                         columns->service, columns->files, columns->factory },
                             .out = out,
                             .r = r };
        const unsigned before = r->errors;
        int rc;

        *out = (struct ledger_csv){ 0 };
        if ((rc = csv_read(name, text, len, &cfg, read_row, &rd, r)) < 0)
                return rc;
        if (!rd.headed)
                return report_error(r, E_FORMAT, name, 1, 0, "empty: not even a heading");
        if (r->errors != before)
                return r->first_code ? -r->first_code : -E_SYNTAX;
        if ((rc = find_twice(&rd, false)) == 0)
                rc = find_twice(&rd, true);
        return rc;
}

void ledger_csv_free(struct ledger_csv *c)
{
        for (size_t i = 0; i < c->n; i++) {
                const struct ledger_identity *id = &c->rows[i];
                const char *const texts[] = { id->serial,  id->mac,   id->cert_serial,
                                              id->service, id->files, id->factory };

                for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
                        free((void *)(uintptr_t)texts[k]);
        }
        free(c->rows);
        free(c->lines);
        *c = (struct ledger_csv){ 0 };
}
