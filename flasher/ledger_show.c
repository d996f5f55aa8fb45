/* ledger show, query, export, report, verify */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "ledger_cmd.h"

/* The filter that the options ask for; 0 or an exit status. */
static int filter(struct ledger_filter *f)
{
        *f = (struct ledger_filter){ .batch = lo.batch,
                                     .mac = lo.mac,
                                     .slot = lo.slot,
                                     .station = lo.station,
                                     .failure = lo.failure,
                                     .since = lo.since,
                                     .until = lo.until,
                                     .state = LEDGER_ANY,
                                     .newest_first = lo.newest };
        if (lo.limit < 0)
                return usage_error("--limit: a number from 1");
        f->limit = (size_t)lo.limit;
        if (lo.state && (f->state = ledger_state_of(lo.state)) < 0)
                return usage_error("--state: '%s' is no state; see --help", lo.state);
        return 0;
}

/* ---- show ---- */

static void print_row(const char *name, const char *value)
{
        if (*value)
                printf("%-12s %s\n", name, value);
}

static void print_unit(const struct ledger_unit *u)
{
        char number[24];
        const struct {
                const char *name, *value;
        } rows[] = { { "serial", u->serial }, { "state", ledger_state_word(u->state) },
                     { "batch", u->batch }, { "MAC", u->mac }, { "chip", u->chip },
                     { "revision", u->revision }, { "flash", u->flash_id }, { "eFuses", u->efuse },
                     { "firmware", u->firmware }, { "certificate", u->cert_serial },
                     { "", u->cert_state }, { "service", u->service }, { "files", u->files },
                     { "factory data", u->factory }, { "images", u->images }, { "attempt", number },
                     { "station", u->station },
                     { "operator", u->operator},
                       { "slot", u->slot },
                       { "claimed", u->claimed_at },
                       { "ended", u->ended_at },
                       { "phases (ms)", u->phases },
                       { "failure", u->failure },
                       { "note", u->note } };

        snprintf(number, sizeof number, "%" PRId64, u->attempt);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                print_row(rows[i].name, rows[i].value);
        if (u->cycle_ms)
                printf("%-12s %.1f s\n", "cycle", (double)u->cycle_ms / 1000);
        if (u->labels)
                printf("%-12s %" PRId64 "\n", "labels", u->labels);
}

static const char *member(const cJSON *j, const char *name)
{
        const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, name));

        return s ? s : "?";
}

static int print_event(void *ctx, const struct ledger_event *e)
{
        cJSON *j = cJSON_Parse(e->text);
        const cJSON *set = cJSON_GetObjectItemCaseSensitive(j, "set");
        const char *failure =
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(set, "failure"));
        const char *note = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(set, "note"));

        (void)ctx;
        if (!note || !*note)
                note = member(j, "note");
        printf("%6" PRId64 "  %s  %-8s  %s%s%s%s%s%s%s\n", e->seq, member(j, "at"), e->kind,
               member(j, "station"), *member(j, "slot") ? "/" : "", member(j, "slot"),
               failure && *failure ? "  " : "", failure ? failure : "", *note ? "  " : "", note);
        cJSON_Delete(j);
        return ferror(stdout) ? -E_IO : 0;
}

int ledger_show_unit(struct ledger *l, const char *word)
{
        struct ledger_unit u;
        struct diag d = { 0 };
        struct json_writer w = { .out = stdout };
        long rc;

        if (ledger_find(l, word, &u, &d) < 0)
                return fail(NULL, &d);
        if (g.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                ledger_unit_json(&w, &u);
                json_close(&w, '}');
                putchar('\n');
                rc = ledger_export_events(l, u.serial, stdout, &d);
        } else {
                print_unit(&u);
                rc = ledger_events(l, u.serial, print_event, NULL, &d);
        }
        return d.code ? fail(NULL, &d) : (int)err_status(rc < 0 ? (int)rc : 0);
}

/* ---- query, export ---- */

static int print_line(void *ctx, const struct ledger_unit *u)
{
        const char *when = *u->ended_at ? u->ended_at : u->claimed_at;

        (void)ctx;
        printf("%-9s %-18s %-18s %" PRId64 "  %-20s %s%s%s%s%s\n", ledger_state_word(u->state),
               u->serial, *u->mac ? u->mac : "-", u->attempt, *when ? when : "-", u->station,
               *u->slot ? "/" : "", u->slot, *u->failure ? "  " : "", u->failure);
        return ferror(stdout) ? -E_IO : 0;
}

int ledger_show_query(struct ledger *l)
{
        struct ledger_filter f;
        struct diag d = { 0 };
        int status = filter(&f);
        long rc;

        if (status)
                return status;
        rc = g.json ? ledger_export_json(l, &f, stdout, &d)
                    : ledger_each(l, &f, print_line, NULL, &d);
        if (d.code)
                return fail(NULL, &d);
        if (rc >= 0 && !g.json)
                say("%ld unit%s", rc, rc == 1 ? "" : "s");
        return (int)err_status(rc < 0 ? (int)rc : 0);
}

/* All of it in memory first: a file is replaced by a whole export or not at all. */
static int export_to(struct ledger *l, const struct ledger_filter *f, FILE *out, bool json,
                     struct diag *d)
{
        if (lo.events)
                return ledger_export_events(l, NULL, out, d);
        return json ? ledger_export_json(l, f, out, d) : ledger_export_csv(l, f, out, d);
}

int ledger_show_export(struct ledger *l)
{
        const bool json = g.json || (lo.format && strcmp(lo.format, "json") == 0);
        struct ledger_filter f;
        struct diag d = { 0 };
        char *mem = NULL;
        size_t len = 0;
        FILE *out;
        int status = filter(&f);
        int rc;

        if (status)
                return status;
        if (lo.format && !json && strcmp(lo.format, "csv") != 0)
                return usage_error("--format: csv or json");
        if (lo.events && lo.format && !json)
                return usage_error("--events: they are exported as JSON only");
        if (!lo.out || strcmp(lo.out, "-") == 0)
                return export_to(l, &f, stdout, json, &d) < 0 ? fail(NULL, &d) : STATUS_DONE;
        if (!(out = open_memstream(&mem, &len)))
                return fail(NULL, &(struct diag){ .code = E_NOMEM });
        rc = export_to(l, &f, out, json, &d);
        if (fclose(out) != 0 && rc >= 0)
                rc = diag_set(&d, E_NOMEM, "no memory for the export");
        if (rc >= 0)
                rc = file_save(lo.out, mem, len, FILE_PUBLIC, &d);
        free(mem);
        return rc < 0 ? fail(NULL, &d) : STATUS_DONE;
}

/* ---- report ---- */

static double percent(uint64_t n, uint64_t of)
{
        return of ? 100.0 * (double)n / (double)of : 0;
}

static void print_report(const struct ledger_report *r, const struct ledger_counts *c)
{
        printf("units        %" PRIu64 " ended, %" PRIu64 " passed, %" PRIu64 " attempts\n",
               r->units, r->passed, r->attempts);
        printf("yield        %.1f %%\n", percent(r->passed, r->units));
        printf("first pass   %.1f %%\n", percent(r->first_passed, r->units));
        printf("states      ");
        for (int s = 0; s < LEDGER_STATES; s++)
                if (c->state[s])
                        printf(" %s %" PRIu64, ledger_state_word((enum ledger_state)s),
                               c->state[s]);
        printf("\n");
        for (size_t i = 0; i < r->slot_count; i++) {
                const struct ledger_slot_stats *s = &r->slots[i];

                printf("slot         %s/%s: %" PRIu64 " passed, %" PRIu64
                       " failed, median %.1f s, p95 %.1f s\n",
                       s->station, s->slot, s->passed, s->failed, (double)s->median_ms / 1000,
                       (double)s->p95_ms / 1000);
        }
        for (size_t i = 0; i < r->class_count; i++)
                printf("failure      %s: %" PRIu64 "\n", r->classes[i].name,
                       r->classes[i].attempts);
}

static void json_report(const struct ledger_report *r, const struct ledger_counts *c)
{
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_uint(&w, "units", r->units);
        json_uint(&w, "passed", r->passed);
        json_uint(&w, "first_passed", r->first_passed);
        json_uint(&w, "attempts", r->attempts);
        json_open(&w, "states", '{');
        for (int s = 0; s < LEDGER_STATES; s++)
                json_uint(&w, ledger_state_word((enum ledger_state)s), c->state[s]);
        json_close(&w, '}');
        json_open(&w, "slots", '[');
        for (size_t i = 0; i < r->slot_count; i++) {
                json_open(&w, NULL, '{');
                json_str(&w, "station", r->slots[i].station);
                json_str(&w, "slot", r->slots[i].slot);
                json_uint(&w, "passed", r->slots[i].passed);
                json_uint(&w, "failed", r->slots[i].failed);
                json_int(&w, "median_ms", r->slots[i].median_ms);
                json_int(&w, "p95_ms", r->slots[i].p95_ms);
                json_close(&w, '}');
        }
        json_close(&w, ']');
        json_open(&w, "failures", '{');
        for (size_t i = 0; i < r->class_count; i++)
                json_uint(&w, r->classes[i].name, r->classes[i].attempts);
        json_close(&w, '}');
        json_close(&w, '}');
        putchar('\n');
}

int ledger_show_report(struct ledger *l)
{
        struct ledger_counts counts;
        struct ledger_report r;
        struct diag d = { 0 };
        int rc = ledger_report(l, lo.batch, lo.since, lo.until, &r, &d);

        if (rc >= 0)
                rc = ledger_count(l, lo.batch, &counts, &d);
        if (rc >= 0 && g.json)
                json_report(&r, &counts);
        else if (rc >= 0)
                print_report(&r, &counts);
        ledger_report_free(&r);
        return rc < 0 ? fail(NULL, &d) : STATUS_DONE;
}

/* ---- verify ---- */

static void print_fault(void *ctx, const char *text)
{
        unsigned *shown = ctx;

        if (++*shown <= REPORT_LIMIT)
                tool_error("%s", text);
}

int ledger_show_verify(struct ledger *l)
{
        struct ledger_verdict v;
        struct json_writer w = { .out = stdout };
        struct diag d = { 0 };
        unsigned shown = 0;
        const int rc = ledger_verify(l, lo.head, print_fault, &shown, &v, &d);

        if (rc < 0 && rc != -E_VERIFY)
                return fail(NULL, &d);
        if (g.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_bool(&w, "sound", rc == 0);
                json_int(&w, "events", v.events);
                json_int(&w, "units", v.units);
                json_uint(&w, "faults", v.faults);
                json_str(&w, "head", v.head);
                json_close(&w, '}');
                putchar('\n');
        } else {
                printf("%s: %" PRId64 " events, %" PRId64 " units\nhead %s\n",
                       rc == 0 ? "sound" : "NOT SOUND", v.events, v.units, v.head);
        }
        return rc < 0 ? fail(NULL, &d) : STATUS_DONE;
}
