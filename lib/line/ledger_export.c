/* Units and events as CSV and JSON. */
#include "ledger_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/json.h"

/*
 * A cell of RFC 4180. One that begins as a formula does (= + - @, tab, CR) is text to a spreadsheet
 * only with a ' in front: words of devices and operators end up in people's sheets.
 */
static void put_cell(FILE *f, const char *text)
{
        const bool formula = *text && strchr("=+-@\t\r", *text);
        const bool quote = formula || strpbrk(text, ",\";\r\n") || *text == ' ';

        if (!quote) {
                fputs(text, f);
                return;
        }
        fputs(formula ? "\"'" : "\"", f);
        for (; *text; text++) {
                if (*text == '"')
                        fputc('"', f);
                fputc(*text, f);
        }
        fputc('"', f);
}

static int out_ok(FILE *f, struct diag *d)
{
        return ferror(f) ? diag_set(d, E_IO, "the export cannot be written") : 0;
}

static int csv_unit(void *ctx, const struct ledger_unit *u)
{
        FILE *f = ctx;
        char num[24];

        for (size_t i = 0; i < ledger_column_count; i++) {
                if (i)
                        fputc(',', f);
                put_cell(f, ledger_column_get(u, &ledger_columns[i], num));
        }
        fputs("\r\n", f);
        return ferror(f) ? -E_IO : 0;
}

int ledger_export_csv(struct ledger *l, const struct ledger_filter *f, FILE *out, struct diag *d)
{
        long rc;

        for (size_t i = 0; i < ledger_column_count; i++)
                fprintf(out, "%s%s", i ? "," : "", ledger_columns[i].name);
        fputs("\r\n", out);
        rc = ledger_each(l, f, csv_unit, out, d);
        return rc < 0 && !ferror(out) ? (int)rc : out_ok(out, d);
}

/* "a=1 b=2" as an object */
static void json_list(struct json_writer *w, const char *key, const char *list, bool numbers)
{
        json_open(w, key, '{');
        while (*list) {
                const size_t n = strcspn(list, " ");
                const char *eq = memchr(list, '=', n);
                char name[64];

                if (eq) {
                        const size_t k = (size_t)(eq - list);

                        snprintf(name, sizeof name, "%.*s", (int)(k < 63 ? k : 63), list);
                        if (numbers)
                                json_int(w, name, strtoll(eq + 1, NULL, 10));
                        else
                                json_strn(w, name, eq + 1, n - k - 1);
                }
                list += n + (list[n] == ' ');
        }
        json_close(w, '}');
}

void ledger_unit_json(struct json_writer *w, const struct ledger_unit *u)
{
        char num[24];

        for (size_t i = 0; i < ledger_column_count; i++) {
                const struct ledger_column *c = &ledger_columns[i];
                const char *text = ledger_column_get(u, c, num);

                if (c->kind == LEDGER_INT)
                        json_int(w, c->name, strtoll(text, NULL, 10));
                else if (strcmp(c->name, "images") == 0)
                        json_list(w, c->name, text, false);
                else if (strcmp(c->name, "phases") == 0)
                        json_list(w, c->name, text, true);
                else
                        json_str(w, c->name, text);
        }
}

static int json_unit(void *ctx, const struct ledger_unit *u)
{
        struct json_writer w = { .out = ctx };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        ledger_unit_json(&w, u);
        json_close(&w, '}');
        putc('\n', w.out);
        return ferror(w.out) ? -E_IO : 0;
}

int ledger_export_json(struct ledger *l, const struct ledger_filter *f, FILE *out, struct diag *d)
{
        const long rc = ledger_each(l, f, json_unit, out, d);

        return rc < 0 && !ferror(out) ? (int)rc : out_ok(out, d);
}

static int put_event(void *ctx, const struct ledger_event *e)
{
        FILE *f = ctx;

        fprintf(f, "{\"v\":1,\"hash\":\"%s\",\"event\":%s}\n", e->hash, e->text);
        return ferror(f) ? -E_IO : 0;
}

int ledger_export_events(struct ledger *l, const char *serial, FILE *out, struct diag *d)
{
        const long rc = ledger_events(l, serial, put_event, out, d);

        return rc < 0 && !ferror(out) ? (int)rc : out_ok(out, d);
}
