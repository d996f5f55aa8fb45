/* ledger define, import, rework, scrap, note */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "host/ca.h"
#include "line/ledger_csv.h"
#include "ledger_cmd.h"

/* CRLReason cessationOfOperation, RFC 5280, 5.3.1: the unit will not be used. */
#define REASON_CESSATION 5

int ledger_edit_define(struct ledger *l, const char *name, const char *template)
{
        const struct ledger_batch b = { .name = name,
                                        .template = template,
                                        .first = lo.first ? lo.first : 1,
                                        .last = lo.last };
        struct diag d = { 0 };
        const int rc = ledger_batch_define(l, &b, &d);

        if (rc < 0)
                return fail(NULL, &d);
        say("batch %s: %s", name, rc ? "was there already, and says the same" : "defined");
        return STATUS_DONE;
}

/* --column FIELD=NAME; the names are cut in place. 0 or an exit status. */
static int read_columns(struct ledger_csv_columns *c)
{
        static char fields[16][32];

        for (size_t i = 0; i < lo.columns.count; i++) {
                const char *eq = strchr(lo.columns.items[i], '=');
                const size_t n = eq ? (size_t)(eq - lo.columns.items[i]) : 0;
                const char **column = NULL;

                if (i < 16 && n && n < sizeof fields[i] && eq[1]) {
                        memcpy(fields[i], lo.columns.items[i], n);
                        column = ledger_csv_column(c, fields[i]);
                }
                if (!column)
                        return usage_error(
                                "--column '%s': serial, mac, cert_serial, service, files or "
                                "factory, =, and the column's name",
                                lo.columns.items[i]);
                *column = eq + 1;
        }
        return 0;
}

static int import_file(struct ledger *l, const char *batch, const char *path,
                       const struct ledger_csv_columns *columns)
{
        struct ledger_import_counts n = { 0 };
        struct ledger_csv rows = { 0 };
        struct report r = { 0 };
        struct diag d = { 0 };
        struct blob text;
        size_t bad = 0;
        int rc;

        if (file_load(path, FILE_LIMIT_TEXT, &text, &d) < 0)
                return fail(NULL, &d);
        rc = ledger_csv_read(path, (const char *)text.data, text.len, columns, &rows, &r);
        blob_free_secret(&text); /* values.csv holds proofs of possession */
        if (rc == 0) {
                rc = ledger_import(l, batch, rows.rows, rows.n, &n, &bad, &d);
                if (rc < 0 && bad < rows.n && err_status(rc) != STATUS_STATION)
                        report_error(&r, -rc, path, rows.lines[bad], 0, "%s", diag_text(&d));
                else if (rc < 0)
                        report_error(&r, -rc, NULL, 0, 0, "%s", diag_text(&d));
        }
        ledger_csv_free(&rows);
        report_finish(&r);
        if (rc == 0)
                say("batch %s: %zu new, %zu told more of, %zu as before", batch, n.fresh, n.more,
                    n.before);
        return (int)err_status(rc);
}

int ledger_edit_import(struct ledger *l, const char *batch, int count, char **files)
{
        struct ledger_csv_columns columns = { 0 };
        int status = read_columns(&columns);

        for (int i = 0; i < count && status == STATUS_DONE; i++)
                status = import_file(l, batch, files[i], &columns);
        return status;
}

/* One line about what became of a unit. */
static void print_change(const char *event, const struct ledger_unit *u)
{
        struct json_writer w = { .out = stdout };

        if (!g.json) {
                printf("%s\t%s\t%s\n", event, u->serial, u->mac);
                return;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", event);
        ledger_unit_json(&w, u);
        json_close(&w, '}');
        putchar('\n');
}

int ledger_edit_rework(struct ledger *l, const char *word)
{
        struct ledger_unit u;
        struct diag d = { 0 };

        if (ledger_find(l, word, &u, &d) < 0 || ledger_rework(l, u.serial, lo.reason, &u, &d) < 0)
                return fail(NULL, &d);
        print_change("rework", &u);
        return STATUS_DONE;
}

/* Burnt is burnt: somebody has to say so. */
static int confirm(const struct ledger_unit *u)
{
        char answer[8] = "";

        if (lo.yes)
                return 0;
        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return usage_error("scrap burns %s for ever; say --yes", u->serial);
        fprintf(stderr, "Burn %s (%s) for ever? [y/N] ", u->serial, *u->mac ? u->mac : "no board");
        if (!fgets(answer, sizeof answer, stdin) || (*answer != 'y' && *answer != 'Y')) {
                tool_error("%s: left as it is", u->serial);
                return STATUS_USAGE;
        }
        return 0;
}

/* The certificate of a scrapped unit, in the index of its CA: by its number, or by the name that a
 * device's certificate has; then the ledger is told. */
static int revoke_certificate(struct ledger *l, struct ledger_unit *u, struct diag *d)
{
        const struct ca_source from = { .dir = lo.ca, .index = lo.index };
        const char *name = *u->cert_serial ? u->cert_serial : u->serial;
        struct cert_index *ix = NULL;
        int rc = ca_open_index(&from, INDEX_WRITE, &ix, d);

        if (rc == 0 && (rc = cert_index_revoke(ix, name, REASON_CESSATION, NULL, d)) < 0)
                diag_set(d, -rc, "%s: not revoked; is it another CA's?", name);
        cert_index_close(ix);
        return rc < 0 ? rc : ledger_revoked(l, u, d);
}

int ledger_edit_scrap(struct ledger *l, const char *word)
{
        struct ledger_unit u;
        struct diag d = { 0 };
        bool certificate;
        int status;

        if (ledger_find(l, word, &u, &d) < 0)
                return fail(NULL, &d);
        certificate = (*u.cert_serial || lo.ca || lo.index) && !*u.cert_state && !lo.no_revoke;
        if (certificate && !lo.ca && !lo.index)
                return usage_error(
                        "%s has certificate %s: --ca FOLDER revokes it, --no-revoke leaves "
                        "it good",
                        u.serial, u.cert_serial);
        if ((status = confirm(&u)) != 0)
                return status;
        if (ledger_scrap(l, u.serial, lo.reason, lo.keep_board, &u, &d) < 0)
                return fail(NULL, &d);
        if (certificate && revoke_certificate(l, &u, &d) < 0) {
                fail(NULL, &d);
                tool_error("%s is burnt, its certificate still good: run this again", u.serial);
                return (int)err_status(-diag_code(&d));
        }
        print_change("scrap", &u);
        if (certificate)
                say("brokers learn of it from a new list: certgen crl --ca %s",
                    lo.ca ? lo.ca : "CA");
        return STATUS_DONE;
}

int ledger_edit_note(struct ledger *l, const char *word, const char *text)
{
        struct ledger_unit u;
        struct diag d = { 0 };

        if (ledger_find(l, word, &u, &d) < 0 || ledger_remark(l, &u, "note", text, &d) < 0)
                return fail(NULL, &d);
        print_change("note", &u);
        return STATUS_DONE;
}
