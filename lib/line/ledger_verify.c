/* Is the ledger as it was written? The chain from its first event, and every row as its events tell
 * it. */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct batch_told { /* what events say of a batch */
        char name[LEDGER_NAME_MAX];
        char *template;
        int64_t first, last, next;
        bool seen; /* its row is there */
};

struct audit {
        struct ledger *l;
        void (*fault)(void *ctx, const char *text);
        void *ctx;
        struct ledger_verdict *out;
        /* the chain */
        int64_t seq;
        char hash[LEDGER_HASH_MAX];
        int64_t anchor_seq;
        char anchor_hash[LEDGER_HASH_MAX];
        bool anchor_seen;
        struct batch_told *batches;
        size_t batch_count;
        int page;
        /* one unit */
        struct ledger_unit *units;
        struct ledger_unit told;
        const char *serial;
};

static void fault(struct audit *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fault(struct audit *a, const char *fmt, ...)
{
        char text[512];
        va_list ap;

        a->out->faults++;
        if (!a->fault)
                return;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        a->fault(a->ctx, text);
}

/* ---- batches as events tell them ---- */

static struct batch_told *batch_of(struct audit *a, const char *name)
{
        for (size_t i = 0; i < a->batch_count; i++)
                if (strcmp(a->batches[i].name, name) == 0)
                        return &a->batches[i];
        return NULL;
}

static const char *set_of(const struct ledger_record *r, const char *name)
{
        for (size_t i = 0; i < r->set_count; i++)
                if (strcmp(r->set[i].name, name) == 0)
                        return r->set[i].value;
        return "";
}

static int batch_event(struct audit *a, const struct ledger_record *r)
{
        struct batch_told *grown = realloc(a->batches, (a->batch_count + 1) * sizeof *grown);
        struct batch_told *b;

        if (!grown)
                return -E_NOMEM;
        a->batches = grown;
        b = &grown[a->batch_count];
        *b = (struct batch_told){ .template = strdup(set_of(r, "template")),
                                  .first = strtoll(set_of(r, "first"), NULL, 10),
                                  .last = strtoll(set_of(r, "last"), NULL, 10) };
        b->next = b->first;
        ledger_text_clean(b->name, sizeof b->name, set_of(r, "batch"));
        if (!b->template)
                return -E_NOMEM;
        a->batch_count++;
        return 0;
}

/* A claim of a counter's number. */
static void number_event(struct audit *a, const struct ledger_record *r)
{
        struct batch_told *b = batch_of(a, set_of(r, "batch"));
        const int64_t number = strtoll(set_of(r, "number"), NULL, 10);

        if (b && *b->template && *set_of(r, "batch") && number >= b->next)
                b->next = number + 1;
}

/* ---- the chain ---- */

static int event_content(struct audit *a, const char *const *cols)
{
        struct ledger_record r;
        struct cJSON *keep;
        int rc = 0;

        if (ledger_record_parse(cols[5], &r, &keep) < 0) {
                fault(a, "event %" PRId64 ": its text is not one that the ledger writes", a->seq);
                return 0;
        }
        if (r.seq != a->seq || strcmp(r.id, cols[1]) != 0 || strcmp(r.serial, cols[2]) != 0 ||
            strcmp(r.kind, cols[3]) != 0)
                fault(a, "event %" PRId64 ": its columns say another thing than its text", a->seq);
        if (strcmp(r.kind, "batch") == 0)
                rc = batch_event(a, &r);
        else if (strcmp(r.kind, "claim") == 0)
                number_event(a, &r);
        ledger_record_free(keep);
        return rc;
}

static int chain_row(void *ctx, const char *const *cols, int n)
{
        struct audit *a = ctx;
        const int64_t seq = n == 6 ? strtoll(cols[0], NULL, 10) : 0;
        char hash[LEDGER_HASH_MAX];
        int rc;

        a->page++;
        a->out->events++;
        if (seq != a->seq + 1)
                fault(a, "%" PRId64 " event%s missing after event %" PRId64, seq - a->seq - 1,
                      seq == a->seq + 2 ? " is" : "s are", a->seq);
        a->seq = seq;
        if ((rc = ledger_chain_hash(a->hash, cols[5], hash)) < 0)
                return rc;
        if (strcmp(hash, cols[4]) != 0)
                fault(a,
                      "event %" PRId64
                      ": changed, moved or put in later (its hash does not follow)",
                      seq);
        /* go on from what it says: one change is one fault */
        ledger_text_clean(a->hash, sizeof a->hash, cols[4]);
        if (seq == a->anchor_seq && strcmp(a->hash, a->anchor_hash) == 0)
                a->anchor_seen = true;
        return event_content(a, cols);
}

static int head_row(void *ctx, const char *const *cols, int n)
{
        struct audit *a = ctx;
        const int64_t seq = n == 2 ? strtoll(cols[0], NULL, 10) : -1;

        if (seq > a->seq)
                fault(a, "%" PRId64 " event%s missing at the end (the head says %" PRId64 ")",
                      seq - a->seq, seq == a->seq + 1 ? " is" : "s are", seq);
        else if (seq != a->seq || strcmp(cols[1], a->hash) != 0)
                fault(a,
                      "the head says event %" PRId64 ", the last one is event %" PRId64
                      " or another one",
                      seq, a->seq);
        return 0;
}

static int check_chain(struct audit *a, struct diag *d)
{
        char after[24] = "0";
        const char *const args[] = { after };
        int rc;

        do {
                a->page = 0;
                rc = ledger_query(a->l,
                                  "SELECT seq, id, serial, kind, hash, text FROM fctry_event"
                                  " WHERE seq > $1 ORDER BY seq LIMIT 1000",
                                  args, 1, chain_row, a, d);
                snprintf(after, sizeof after, "%" PRId64, a->seq);
        } while (rc >= 0 && a->page);
        /* cppcheck-suppress uninitvar; the loop runs once at least */
        if (rc < 0)
                return rc;
        rc = ledger_query(a->l, a->l->db->ops->read_head, NULL, 0, head_row, a, d);
        if (rc == 0)
                fault(a, "the head is missing");
        if (a->anchor_seq && !a->anchor_seen)
                fault(a,
                      "event %" PRId64
                      " is not the one that was noted: history was cut or rewritten",
                      a->anchor_seq);
        snprintf(a->out->head, sizeof a->out->head, "%" PRId64 ":%s", a->seq, a->hash);
        return rc < 0 ? rc : 0;
}

/* ---- rows against events ---- */

static int told_row(void *ctx, const char *const *cols, int n)
{
        struct audit *a = ctx;
        struct ledger_record r;
        struct cJSON *keep;

        if (n != 2 || ledger_record_parse(cols[1], &r, &keep) < 0)
                return 0; /* the chain's pass has said it */
        if (!a->told.id)
                a->told.id = strtoll(cols[0], NULL, 10);
        for (size_t i = 0; i < r.set_count; i++)
                for (size_t k = 0; k < ledger_column_count; k++)
                        if (strcmp(ledger_columns[k].name, r.set[i].name) == 0)
                                ledger_column_set(&a->told, &ledger_columns[k], r.set[i].value);
        ledger_record_free(keep);
        return 0;
}

static int check_unit(struct audit *a, const struct ledger_unit *u, struct diag *d)
{
        const char *const args[] = { u->serial };
        char is[24];
        char was[24];
        int rc;

        a->out->units++;
        a->told = (struct ledger_unit){ 0 };
        rc = ledger_query(a->l, "SELECT seq, text FROM fctry_event WHERE serial = $1 ORDER BY seq",
                          args, 1, told_row, a, d);
        if (rc < 0)
                return rc;
        if (a->told.id != u->id) {
                fault(a, "unit %s: no event has brought it in", u->serial);
                return 0;
        }
        for (size_t k = 0; k < ledger_column_count; k++) {
                const char *row = ledger_column_get(u, &ledger_columns[k], is);
                const char *told = ledger_column_get(&a->told, &ledger_columns[k], was);

                if (strcmp(row, told) != 0)
                        fault(a, "unit %s: %s is '%.80s', its events say '%.80s'", u->serial,
                              ledger_columns[k].name, row, told);
        }
        return 0;
}

static int unit_row(void *ctx, const char *const *cols, int n)
{
        struct audit *a = ctx;
        struct ledger_unit *u = &a->units[a->page++];

        if (ledger_row_read(u, cols, n) < 0) {
                fault(a, "unit %.80s: its row is damaged", n > 1 ? cols[1] : "?");
                u->serial[0] = 0;
        }
        return 0;
}

#define UNIT_PAGE 100

static int check_units(struct audit *a, struct diag *d)
{
        char after[24] = "0";
        const char *const args[] = { after };
        char *sql = NULL;
        int rc;

        a->units = calloc(UNIT_PAGE, sizeof *a->units);
        if (!a->units ||
            asprintf(&sql, "%sWHERE id > $1 ORDER BY id LIMIT %d", a->l->select_sql, UNIT_PAGE) < 0)
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        do {
                a->page = 0;
                rc = ledger_query(a->l, sql, args, 1, unit_row, a, d);
                for (int i = 0; i < a->page && rc >= 0; i++) {
                        snprintf(after, sizeof after, "%" PRId64, a->units[i].id);
                        if (*a->units[i].serial)
                                rc = check_unit(a, &a->units[i], d);
                }
        } while (rc >= 0 && a->page == UNIT_PAGE);
        free(sql);
        return rc < 0 ? rc : 0;
}

static int batch_row(void *ctx, const char *const *cols, int n)
{
        struct audit *a = ctx;
        struct batch_told *b = n == 5 ? batch_of(a, cols[0]) : NULL;

        if (!b) {
                fault(a, "batch %s: no event has brought it in", cols[0]);
                return 0;
        }
        b->seen = true;
        if (strcmp(cols[1], b->template) != 0 || strtoll(cols[2], NULL, 10) != b->first ||
            strtoll(cols[3], NULL, 10) != b->last)
                fault(a, "batch %s: its row says another thing than its event", b->name);
        if (strtoll(cols[4], NULL, 10) != b->next)
                fault(a, "batch %s: the counter stands at %s, its events say %" PRId64, b->name,
                      cols[4], b->next);
        return 0;
}

static int name_row(void *ctx, const char *const *cols, int n)
{
        struct audit *a = ctx;

        fault(a, "%s: %s", n ? cols[0] : "?", a->serial);
        return 0;
}

/* What a query of single names finds is a fault of that kind. */
static int check_none(struct audit *a, const char *what, const char *sql, struct diag *d)
{
        int rc;

        a->serial = what;
        rc = ledger_query(a->l, sql, NULL, 0, name_row, a, d);
        return rc < 0 ? rc : 0;
}

static int check_tables(struct audit *a, struct diag *d)
{
        int rc = ledger_query(a->l, "SELECT name, template, first, last, next FROM fctry_batch",
                              NULL, 0, batch_row, a, d);

        for (size_t i = 0; i < a->batch_count; i++)
                if (!a->batches[i].seen)
                        fault(a, "batch %s: its row is missing", a->batches[i].name);
        if (rc >= 0)
                rc = check_none(a, "events tell of it, but its row is missing",
                                "SELECT DISTINCT serial FROM fctry_event WHERE serial <> '' AND"
                                " serial NOT IN (SELECT serial FROM fctry_unit)",
                                d);
        if (rc == 0)
                rc = check_none(a, "this serial number is there twice",
                                "SELECT serial FROM fctry_unit GROUP BY serial HAVING COUNT(*) > 1",
                                d);
        if (rc == 0)
                rc = check_none(a, "this MAC has two live units",
                                "SELECT mac FROM fctry_unit WHERE mac <> '' AND state <> 'scrapped'"
                                " GROUP BY mac HAVING COUNT(*) > 1",
                                d);
        return rc;
}

/* "SEQ:HASH" */
static int read_anchor(struct audit *a, const char *anchor, struct diag *d)
{
        char *end;

        a->anchor_seq = strtoll(anchor, &end, 10);
        if (a->anchor_seq < 0 || end == anchor || *end != ':' ||
            strlen(end + 1) != LEDGER_HASH_MAX - 1)
                return diag_set(d, E_SYNTAX, "'%.40s' is no head: SEQ:HASH, as verify prints it",
                                anchor);
        strcpy(a->anchor_hash, end + 1);
        return 0;
}

int ledger_verify(struct ledger *l, const char *anchor,
                  void (*fault_fn)(void *ctx, const char *text), void *ctx,
                  struct ledger_verdict *out, struct diag *d)
{
        struct audit *a = calloc(1, sizeof *a);
        int rc = 0;

        *out = (struct ledger_verdict){ 0 };
        if (!a)
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        *a = (struct audit){
                .l = l, .fault = fault_fn, .ctx = ctx, .out = out, .hash = LEDGER_GENESIS
        };
        if (anchor)
                rc = read_anchor(a, anchor, d);
        if (rc == 0 && (rc = ledger_read_begin(l, d)) == 0) {
                if ((rc = check_chain(a, d)) == 0 && (rc = check_units(a, d)) == 0)
                        rc = check_tables(a, d);
                rc = ledger_read_end(l, rc, d);
        }
        for (size_t i = 0; i < a->batch_count; i++)
                free(a->batches[i].template);
        free(a->batches);
        free(a->units);
        free(a);
        if (rc == 0 && out->faults)
                rc = diag_set(d, E_VERIFY,
                              "%s: %" PRIu64 " fault%s: stop, and compare with a backup",
                              l->db->name, out->faults, out->faults == 1 ? "" : "s");
        return rc;
}
