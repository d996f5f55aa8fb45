/* Yield, cycle times and failures, from the events that ended an attempt. */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct reporter {
        struct ledger_report *out;
        const char *since, *until;
        char serial[LEDGER_SERIAL_MAX]; /* of the row before */
        char seq[24];
        bool ended, passed; /* of the unit that the rows are at */
        int page;
};

static struct ledger_slot_stats *slot_of(struct ledger_report *out, const char *station,
                                         const char *slot)
{
        struct ledger_slot_stats *s;

        for (size_t i = 0; i < out->slot_count; i++)
                if (strcmp(out->slots[i].station, station) == 0 &&
                    strcmp(out->slots[i].slot, slot) == 0)
                        return &out->slots[i];
        s = realloc(out->slots, (out->slot_count + 1) * sizeof *s);
        if (!s)
                return NULL;
        out->slots = s;
        s += out->slot_count++;
        *s = (struct ledger_slot_stats){ 0 };
        ledger_text_clean(s->station, sizeof s->station, station);
        ledger_text_clean(s->slot, sizeof s->slot, slot);
        return s;
}

static int count_class(struct ledger_report *out, const char *name)
{
        struct ledger_class_stats *c;

        for (size_t i = 0; i < out->class_count; i++)
                if (strcmp(out->classes[i].name, name) == 0) {
                        out->classes[i].attempts++;
                        return 0;
                }
        c = realloc(out->classes, (out->class_count + 1) * sizeof *c);
        if (!c)
                return -E_NOMEM;
        out->classes = c;
        c += out->class_count++;
        *c = (struct ledger_class_stats){ .attempts = 1 };
        ledger_text_clean(c->name, sizeof c->name, name);
        return 0;
}

static int count_cycle(struct ledger_slot_stats *s, int64_t ms)
{
        if (s->cycle_count == s->cycle_cap) {
                const size_t cap = s->cycle_cap ? 2 * s->cycle_cap : 64;
                int64_t *grown = realloc(s->cycles, cap * sizeof *grown);

                if (!grown)
                        return -E_NOMEM;
                s->cycles = grown;
                s->cycle_cap = cap;
        }
        s->cycles[s->cycle_count++] = ms;
        return 0;
}

static const char *set_of(const struct ledger_record *r, const char *name)
{
        for (size_t i = 0; i < r->set_count; i++)
                if (strcmp(r->set[i].name, name) == 0)
                        return r->set[i].value;
        return "";
}

/* The unit that the rows were at is complete. */
static void close_unit(struct reporter *p)
{
        p->out->units += p->ended;
        p->out->passed += p->passed;
        p->ended = p->passed = false;
}

static int count_end(struct reporter *p, const struct ledger_record *r)
{
        struct ledger_slot_stats *s;
        const bool pass = strcmp(r->kind, "passed") == 0;
        int64_t cycle;

        if (strcmp(r->kind, "scrap") == 0) {
                p->passed = false;
                return 0;
        }
        if ((p->since && strcmp(r->at, p->since) < 0) || (p->until && strcmp(r->at, p->until) >= 0))
                return 0;
        p->out->attempts++;
        p->out->first_passed += pass && !p->ended;
        p->ended = true;
        p->passed = pass;
        if (!(s = slot_of(p->out, r->station, r->slot)))
                return -E_NOMEM;
        if (!pass) {
                s->failed++;
                return count_class(p->out, set_of(r, "failure"));
        }
        s->passed++;
        cycle = strtoll(set_of(r, "cycle_ms"), NULL, 10);
        return cycle > 0 ? count_cycle(s, cycle) : 0;
}

static int end_row(void *ctx, const char *const *cols, int n)
{
        struct reporter *p = ctx;
        struct ledger_record r;
        struct cJSON *keep;
        int rc;

        p->page++;
        if (n != 3 || strlen(cols[0]) >= sizeof p->serial ||
            ledger_record_parse(cols[2], &r, &keep) < 0)
                return -E_FORMAT;
        if (strcmp(p->serial, cols[0]) != 0)
                close_unit(p);
        strcpy(p->serial, cols[0]);
        snprintf(p->seq, sizeof p->seq, "%s", cols[1]);
        rc = count_end(p, &r);
        ledger_record_free(keep);
        return rc;
}

static int by_number(const void *a, const void *b)
{
        const int64_t x = *(const int64_t *)a;
        const int64_t y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
        const struct ledger_slot_stats *x = a;
        const struct ledger_slot_stats *y = b;
        const int c = strcmp(x->station, y->station);

        return c ? c : strcmp(x->slot, y->slot);
}

static int by_attempts(const void *a, const void *b)
{
        const struct ledger_class_stats *x = a;
        const struct ledger_class_stats *y = b;

        return x->attempts != y->attempts ? (x->attempts < y->attempts ? 1 : -1)
                                          : strcmp(x->name, y->name);
}

/* Nearest rank: the least value that percent of all are not above. */
static int64_t rank(const struct ledger_slot_stats *s, unsigned percent)
{
        return s->cycle_count ? s->cycles[(s->cycle_count * percent + 99) / 100 - 1] : 0;
}

static void finish(struct ledger_report *out)
{
        for (size_t i = 0; i < out->slot_count; i++) {
                struct ledger_slot_stats *s = &out->slots[i];

                if (s->cycle_count)
                        qsort(s->cycles, s->cycle_count, sizeof *s->cycles, by_number);
                s->median_ms = rank(s, 50);
                s->p95_ms = rank(s, 95);
        }
        if (out->slot_count)
                qsort(out->slots, out->slot_count, sizeof *out->slots, by_name);
        if (out->class_count)
                qsort(out->classes, out->class_count, sizeof *out->classes, by_attempts);
}

int ledger_report(struct ledger *l, const char *batch, const char *since, const char *until,
                  struct ledger_report *out, struct diag *d)
{
        struct reporter p = { .out = out, .since = since, .until = until, .seq = "0" };
        const char *const args[] = { p.serial, p.seq, batch };
        int rc;

        *out = (struct ledger_report){ 0 };
        if ((rc = ledger_read_begin(l, d)) < 0)
                return rc;
        do {
                p.page = 0;
                rc = ledger_query(l,
                                  batch ? "SELECT e.serial, e.seq, e.text FROM fctry_event e"
                                          " JOIN fctry_unit u ON u.serial = e.serial"
                                          " WHERE (e.serial, e.seq) > ($1, $2) AND u.batch = $3"
                                          " AND e.kind IN ('passed', 'failed', 'scrap')"
                                          " ORDER BY e.serial, e.seq LIMIT 1000"
                                        : "SELECT e.serial, e.seq, e.text FROM fctry_event e"
                                          " WHERE (e.serial, e.seq) > ($1, $2)"
                                          " AND e.kind IN ('passed', 'failed', 'scrap')"
                                          " ORDER BY e.serial, e.seq LIMIT 1000",
                                  args, batch ? 3 : 2, end_row, &p, d);
        } while (rc >= 0 && p.page);
        if (rc == -E_FORMAT)
                diag_set(d, E_FORMAT, "%s: an event is damaged; 'flasher ledger verify'",
                         l->db->name);
        close_unit(&p);
        finish(out);
        return ledger_read_end(l, rc, d);
}

void ledger_report_free(struct ledger_report *r)
{
        for (size_t i = 0; i < r->slot_count; i++)
                free(r->slots[i].cycles);
        free(r->slots);
        free(r->classes);
        *r = (struct ledger_report){ 0 };
}
