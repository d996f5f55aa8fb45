/* Looking: one unit, many, their events, counts. */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define PAGE 256 /* rows read at once, with nothing locked between */

int ledger_find(struct ledger *l, const char *word, struct ledger_unit *u, struct diag *d)
{
        char mac[LEDGER_MAC_LEN] = "";
        const char *const args[] = { word };
        const char *const by_mac[] = { mac };
        int rc = ledger_read_begin(l, d);

        if (rc < 0)
                return rc;
        rc = ledger_get(l, "WHERE serial = $1", args, 1, u, d);
        /* the last row is kept: a scrapped unit only if there is no live one */
        if (rc == 0 && ledger_mac(word, mac) == 0)
                rc = ledger_get(
                        l,
                        "WHERE mac = $1 ORDER BY CASE state WHEN 'scrapped' THEN 0 ELSE 1 END,"
                        " id",
                        by_mac, 1, u, d);
        if (rc == 0 && *word)
                rc = ledger_get(l, "WHERE service = $1 ORDER BY id", args, 1, u, d);
        if (rc == 0)
                rc = diag_set(d, E_NOTFOUND,
                              "%s: no unit has this serial number, MAC or service name", word);
        rc = ledger_read_end(l, rc, d);
        return rc < 0 ? rc : 0;
}

/* ---- many ---- */

struct page {
        struct ledger_unit *units;
        int n;
};

static int keep_page(void *ctx, const char *const *cols, int n)
{
        struct page *p = ctx;

        return p->n < PAGE ? ledger_row_read(&p->units[p->n++], cols, n) : -E_BUG;
}

/* The WHERE of a filter; args are borrowed from f. Returned: free. */
struct where {
        char *text;
        const char *args[12];
        size_t n;
};

static void where_add(FILE *f, struct where *w, const char *what, const char *value)
{
        if (!value || !*value)
                return;
        w->args[w->n++] = value;
        fprintf(f, " AND %s $%zu", what, w->n);
}

static int where_make(const struct ledger_filter *f, const char *mac, const char *after,
                      struct where *w, struct diag *d)
{
        size_t len;
        FILE *out = open_memstream(&w->text, &len);

        if (!out)
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        fprintf(out, "WHERE 1 = 1");
        where_add(out, w, f->newest_first ? "id <" : "id >", after);
        where_add(out, w, "batch =", f->batch);
        where_add(out, w, "serial =", f->serial);
        where_add(out, w, "mac =", mac);
        where_add(out, w, "slot =", f->slot);
        where_add(out, w, "station =", f->station);
        where_add(out, w, "failure =", f->failure);
        where_add(out, w,
                  "state =", f->state < 0 ? NULL : ledger_state_word((enum ledger_state)f->state));
        where_add(out, w, "CASE ended_at WHEN '' THEN claimed_at ELSE ended_at END >=", f->since);
        where_add(out, w, "CASE ended_at WHEN '' THEN claimed_at ELSE ended_at END <", f->until);
        fprintf(out, " ORDER BY id%s LIMIT %d", f->newest_first ? " DESC" : "", PAGE);
        if (fclose(out) != 0)
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        return 0;
}

static int read_page(struct ledger *l, const struct ledger_filter *f, const char *after,
                     struct page *p, struct diag *d)
{
        char mac[LEDGER_MAC_LEN] = "";
        struct where w = { 0 };
        int rc;

        p->n = 0;
        if (f->mac && *f->mac && ledger_mac(f->mac, mac) < 0)
                return diag_set(d, E_SYNTAX, "'%.40s' is no MAC address", f->mac);
        rc = where_make(f, mac, after, &w, d);
        if (rc == 0 && (rc = ledger_read_begin(l, d)) == 0) {
                char *sql = NULL;

                if (asprintf(&sql, "%s%s", l->select_sql, w.text) < 0)
                        rc = diag_set(d, E_NOMEM, "no memory for the ledger");
                else
                        rc = ledger_query(l, sql, w.args, w.n, keep_page, p, d);
                free(sql);
                if (rc == -E_FORMAT)
                        diag_set(d, E_FORMAT,
                                 "%s: a row of the ledger is damaged; 'flasher ledger verify'",
                                 l->db->name);
                rc = ledger_read_end(l, rc, d);
        }
        free(w.text);
        return rc;
}

long ledger_each(struct ledger *l, const struct ledger_filter *f,
                 int (*fn)(void *ctx, const struct ledger_unit *u), void *ctx, struct diag *d)
{
        struct page p = { .units = calloc(PAGE, sizeof *p.units) };
        char after[24] = "";
        long count = 0;
        int rc = p.units ? 0 : diag_set(d, E_NOMEM, "no memory for the ledger");

        while (rc >= 0 && (rc = read_page(l, f, after, &p, d)) > 0) {
                for (int i = 0; i < p.n && rc >= 0; i++) {
                        if (f->limit && (size_t)count == f->limit)
                                goto out;
                        rc = fn(ctx, &p.units[i]);
                        count++;
                }
                if (p.n < PAGE)
                        break;
                snprintf(after, sizeof after, "%" PRId64, p.units[p.n - 1].id);
        }
out:
        free(p.units);
        return rc < 0 ? rc : count;
}

struct count {
        struct ledger_counts *out;
};

static int keep_count(void *ctx, const char *const *cols, int n)
{
        struct count *c = ctx;
        const int s = n == 2 ? ledger_state_of(cols[0]) : -1;

        if (s < 0)
                return -E_FORMAT;
        c->out->state[s] = strtoull(cols[1], NULL, 10);
        return 0;
}

int ledger_count(struct ledger *l, const char *batch, struct ledger_counts *out, struct diag *d)
{
        const char *const args[] = { batch };
        struct count c = { out };
        int rc;

        *out = (struct ledger_counts){ 0 };
        if ((rc = ledger_read_begin(l, d)) < 0)
                return rc;
        rc = batch ? ledger_query(l,
                                  "SELECT state, COUNT(*) FROM fctry_unit WHERE batch = $1"
                                  " GROUP BY state",
                                  args, 1, keep_count, &c, d)
                   : ledger_query(l, "SELECT state, COUNT(*) FROM fctry_unit GROUP BY state", NULL,
                                  0, keep_count, &c, d);
        rc = ledger_read_end(l, rc, d);
        return rc < 0 ? rc : 0;
}

/* ---- since when it is one ---- */

static int keep_time(void *ctx, const char *const *cols, int n)
{
        struct ledger_record r;
        struct cJSON *keep;

        if (n != 1 || ledger_record_parse(cols[0], &r, &keep) < 0)
                return -E_FORMAT;
        ledger_text_clean(ctx, LEDGER_TIME_LEN, r.at);
        ledger_record_free(keep);
        return 0;
}

int ledger_born(struct ledger *l, const char *serial, char out[LEDGER_TIME_LEN], struct diag *d)
{
        const char *const args[] = { serial };
        int rc = ledger_read_begin(l, d);

        *out = 0;
        if (rc < 0)
                return rc;
        rc = ledger_query(l,
                          "SELECT text FROM fctry_event WHERE serial = $1 AND kind = 'claim'"
                          " ORDER BY seq LIMIT 1",
                          args, 1, keep_time, out, d);
        rc = ledger_read_end(l, rc, d);
        return rc < 0 ? rc : 0;
}

int ledger_latest(struct ledger *l, char out[LEDGER_TIME_LEN], struct diag *d)
{
        int rc = ledger_read_begin(l, d);

        *out = 0;
        if (rc < 0)
                return rc;
        rc = ledger_query(l, "SELECT text FROM fctry_event ORDER BY seq DESC LIMIT 1", NULL, 0,
                          keep_time, out, d);
        rc = ledger_read_end(l, rc, d);
        return rc < 0 ? rc : 0;
}

/* ---- events ---- */

struct event_page {
        struct {
                int64_t seq;
                char *kind, *serial, *text, *hash;
        } e[PAGE];
        int n;
};

static int keep_event(void *ctx, const char *const *cols, int n)
{
        struct event_page *p = ctx;

        if (n != 5 || p->n == PAGE)
                return -E_FORMAT;
        p->e[p->n].seq = strtoll(cols[0], NULL, 10);
        p->e[p->n].kind = strdup(cols[1]);
        p->e[p->n].serial = strdup(cols[2]);
        p->e[p->n].text = strdup(cols[3]);
        p->e[p->n].hash = strdup(cols[4]);
        p->n++;
        return p->e[p->n - 1].kind && p->e[p->n - 1].serial && p->e[p->n - 1].text &&
                               p->e[p->n - 1].hash
                       ? 0
                       : -E_NOMEM;
}

static void event_page_clear(struct event_page *p)
{
        for (int i = 0; i < p->n; i++) {
                free(p->e[i].kind);
                free(p->e[i].serial);
                free(p->e[i].text);
                free(p->e[i].hash);
        }
        p->n = 0;
}

#define EVENT_COLUMNS "SELECT seq, kind, serial, text, hash FROM fctry_event WHERE seq > $1 "

static int read_events(struct ledger *l, const char *serial, const char *after,
                       struct event_page *p, struct diag *d)
{
        const char *const args[] = { after, serial };
        int rc = ledger_read_begin(l, d);

        if (rc < 0)
                return rc;
        rc = serial ? ledger_query(l, EVENT_COLUMNS "AND serial = $2 ORDER BY seq LIMIT 256", args,
                                   2, keep_event, p, d)
                    : ledger_query(l, EVENT_COLUMNS "ORDER BY seq LIMIT 256", args, 1, keep_event,
                                   p, d);
        return ledger_read_end(l, rc, d);
}

long ledger_events(struct ledger *l, const char *serial,
                   int (*fn)(void *ctx, const struct ledger_event *e), void *ctx, struct diag *d)
{
        struct event_page *p = calloc(1, sizeof *p);
        char after[24] = "0";
        long count = 0;
        int full = 1;
        int rc = p ? 0 : diag_set(d, E_NOMEM, "no memory for the ledger");

        while (rc >= 0 && full && (rc = read_events(l, serial, after, p, d)) > 0) {
                full = p->n == PAGE;
                snprintf(after, sizeof after, "%" PRId64, p->e[p->n - 1].seq);
                for (int i = 0; i < p->n && rc >= 0; i++) {
                        const struct ledger_event e = { p->e[i].seq, p->e[i].kind, p->e[i].serial,
                                                        p->e[i].text, p->e[i].hash };

                        rc = fn(ctx, &e);
                        count++;
                }
                event_page_clear(p);
        }
        if (p)
                event_page_clear(p);
        free(p);
        return rc < 0 ? rc : count;
}
