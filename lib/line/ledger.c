/* Opening, transactions, and the one way in which a row and its event are written. */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/hex.h"
#include "crypt/crypt.h"

static int open_db(struct ledger *l, const struct ledger_config *cfg, struct diag *d)
{
        const char *url = cfg->url;

        if (strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0)
                return ledger_pg_open(cfg, &l->db, d);
        if (strncmp(url, "sqlite:", 7) == 0)
                url += 7;
        else if (strstr(url, "://"))
                return diag_set(d, E_SYNTAX,
                                "%.60s: a ledger is a path, sqlite:PATH or postgresql://…", url);
        if (!*url)
                return diag_set(d, E_SYNTAX, "the ledger's path is empty");
        return ledger_sqlite_open(url, cfg, &l->db, d);
}

static int take_names(struct ledger *l, const struct ledger_config *cfg, struct diag *d)
{
        const char *station = cfg->station ? cfg->station : "";
        const char *operator= cfg->operator? cfg->operator: "";
        int rc = ledger_text_check("station", station, LEDGER_NAME_MAX, d);

        if (rc == 0)
                rc = ledger_text_check("operator", operator, LEDGER_NAME_MAX, d);
        if (rc == 0 && cfg->batch_time < 0)
                rc = diag_set(d, E_RANGE, "a batch's time before 1970");
        if (rc < 0)
                return rc;
        strcpy(l->station, station);
        strcpy(l->operator, operator);
        l->batch_time = cfg->batch_time;
        l->read_only = cfg->read_only;
        return 0;
}

int ledger_open(const struct ledger_config *cfg, struct ledger **out, struct diag *d)
{
        struct ledger *l = calloc(1, sizeof *l);
        int rc;

        *out = NULL;
        if (!l)
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        pthread_mutex_init(&l->lock, NULL);
        if ((rc = take_names(l, cfg, d)) == 0 && (rc = ledger_sql_prepare(l, d)) == 0 &&
            (rc = open_db(l, cfg, d)) == 0)
                rc = ledger_sql_open(l, cfg->create, d);
        if (rc < 0)
                ledger_close(l);
        else
                *out = l;
        return rc;
}

void ledger_close(struct ledger *l)
{
        if (!l)
                return;
        if (l->db)
                l->db->ops->close(l->db);
        pthread_mutex_destroy(&l->lock);
        free(l->select_sql);
        free(l->insert_sql);
        free(l->update_sql);
        free(l);
}

void ledger_patience(struct ledger *l, unsigned ms)
{
        l->db->patience_ms = ms;
}

const char *ledger_name(const struct ledger *l)
{
        return l->db->name;
}

int ledger_query(struct ledger *l, const char *sql, const char *const *args, size_t n,
                 ledger_row_fn *fn, void *ctx, struct diag *d)
{
        return l->db->ops->query(l->db, sql, args, n, fn, ctx, d);
}

int ledger_read_begin(struct ledger *l, struct diag *d)
{
        const struct ledger_db_ops *ops = l->db->ops;
        struct diag first = { 0 };
        int rc;

        pthread_mutex_lock(&l->lock);
        rc = ops->exec(l->db, ops->begin_read, &first);
        if (rc < 0 && l->db->away) {
                first = (struct diag){ 0 };
                if ((rc = ops->connect(l->db, &first)) == 0)
                        rc = ops->exec(l->db, ops->begin_read, &first);
        }
        if (rc < 0) {
                diag_set(d, first.code, "%s", first.text);
                pthread_mutex_unlock(&l->lock);
        }
        return rc;
}

int ledger_read_end(struct ledger *l, int rc, struct diag *d)
{
        const int end = l->db->ops->exec(l->db, "COMMIT", rc < 0 ? NULL : d);

        if (rc >= 0 && end < 0)
                rc = end;
        pthread_mutex_unlock(&l->lock);
        return rc;
}

/* ---- transactions that write ---- */

static void time_text(int64_t batch_time, char out[LEDGER_TIME_LEN])
{
        struct timespec ts = { .tv_sec = (time_t)batch_time };
        struct tm tm;

        if (!batch_time)
                clock_gettime(CLOCK_REALTIME, &ts);
        gmtime_r(&ts.tv_sec, &tm);
        snprintf(out, LEDGER_TIME_LEN, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
                 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
                 (unsigned)tm.tm_sec % 100, (unsigned)(ts.tv_nsec / 1000000) % 1000);
}

static int keep_head(void *ctx, const char *const *cols, int n)
{
        struct ledger_tx *tx = ctx;

        if (n != 2 || strlen(cols[1]) != LEDGER_HASH_MAX - 1)
                return -E_FORMAT;
        tx->seq = strtoll(cols[0], NULL, 10);
        strcpy(tx->hash, cols[1]);
        return 0;
}

static int begin(struct ledger_tx *tx, struct diag *d)
{
        struct ledger *l = tx->l;
        int rc = l->db->ops->exec(l->db, l->db->ops->begin, d);

        if (rc < 0)
                return rc;
        tx->events = 0;
        time_text(l->batch_time, tx->at);
        rc = ledger_query(l, l->db->ops->lock_head, NULL, 0, keep_head, tx, d);
        if (rc != 1)
                return diag_set(d, rc < 0 ? -rc : E_FORMAT,
                                "%s: the ledger's head is missing or damaged; stop, and run "
                                "'flasher ledger verify'",
                                l->db->name);
        return 0;
}

static int commit(struct ledger_tx *tx, struct diag *d)
{
        struct ledger *l = tx->l;
        char seq[24];
        const char *const args[] = { seq, tx->hash };
        int rc = 0;

        if (tx->events) {
                snprintf(seq, sizeof seq, "%" PRId64, tx->seq);
                rc = ledger_query(l, "UPDATE fctry_head SET seq = $1, hash = $2 WHERE one = 1",
                                  args, 2, NULL, NULL, d);
        }
        return rc < 0 ? rc : l->db->ops->exec(l->db, "COMMIT", d);
}

/* 1: an event of this token is there. */
static int arrived(struct ledger *l, const char *token, struct diag *d)
{
        const char *const args[] = { token };

        return ledger_query(l, "SELECT 1 FROM fctry_event WHERE id = $1", args, 1, NULL, NULL, d);
}

/* doubt: it ran before, and its commit had no answer. It is looked for when nobody else can write.
 */
static int run_once(struct ledger_tx *tx, bool doubt,
                    int (*fn)(struct ledger_tx *, void *, struct diag *), void *ctx, struct diag *d)
{
        struct ledger *l = tx->l;
        int rc = begin(tx, d);

        if (rc == 0 && doubt)
                rc = arrived(l, tx->token, d);
        if (rc == 0)
                rc = tx->result = fn(tx, ctx, d);
        else if (rc < 0)
                tx->result = rc;
        if (rc >= 0)
                rc = commit(tx, d);
        if (rc < 0)
                l->db->ops->exec(l->db, "ROLLBACK", NULL);
        return rc < 0 ? rc : tx->result;
}

static int token_make(char token[LEDGER_TOKEN_LEN], struct diag *d)
{
        uint8_t r[16];

        if (*token)
                return 0;
        if (crypt_random(r, sizeof r) < 0)
                return diag_set(d, E_RANDOM, "no random numbers for the ledger");
        hex_encode(r, sizeof r, token);
        return 0;
}

int ledger_change(struct ledger *l, char token[LEDGER_TOKEN_LEN],
                  int (*fn)(struct ledger_tx *tx, void *ctx, struct diag *d), void *ctx,
                  struct diag *d)
{
        struct ledger_tx tx = { .l = l };
        struct diag first = { 0 };
        int rc = token_make(token, d);

        if (rc < 0)
                return rc;
        if (l->read_only)
                return diag_set(d, E_PERM, "%s: opened to read only", l->db->name);
        strcpy(tx.token, token);
        pthread_mutex_lock(&l->lock);
        rc = run_once(&tx, false, fn, ctx, &first);
        if (rc < 0 && l->db->away) {
                first = (struct diag){ 0 };
                rc = l->db->ops->connect(l->db, &first);
                if (rc == 0)
                        rc = run_once(&tx, tx.result >= 0 && tx.events, fn, ctx, &first);
        }
        pthread_mutex_unlock(&l->lock);
        if (rc < 0)
                diag_set(d, first.code ? first.code : -rc, "%s", diag_text(&first));
        return rc;
}

/* ---- rows and events ---- */

int ledger_append(struct ledger_tx *tx, struct ledger_record *r, struct diag *d)
{
        char id[LEDGER_TOKEN_LEN + 12];
        char seq[24];
        char hash[LEDGER_HASH_MAX];
        char *text;
        int rc;

        if (tx->events)
                snprintf(id, sizeof id, "%s.%u", tx->token, tx->events);
        else
                strcpy(id, tx->token);
        r->seq = tx->seq + 1;
        r->id = id;
        r->at = tx->at;
        r->station = tx->l->station;
        r->operator= tx->l->operator;
        text = ledger_record_text(r);
        if (!text || ledger_chain_hash(tx->hash, text, hash) < 0) {
                rc = diag_set(d, E_NOMEM, "no memory for the ledger");
        } else {
                const char *const args[] = { seq, id, r->serial, r->kind, hash, text };

                snprintf(seq, sizeof seq, "%" PRId64, r->seq);
                rc = ledger_query(tx->l,
                                  "INSERT INTO fctry_event (seq, id, serial, kind, hash, text)"
                                  " VALUES ($1, $2, $3, $4, $5, $6)",
                                  args, 6, NULL, NULL, d);
        }
        free(text);
        r->id = NULL; /* was ours */
        if (rc < 0)
                return rc;
        tx->seq = r->seq;
        tx->events++;
        strcpy(tx->hash, hash);
        return 0;
}

int ledger_put(struct ledger_tx *tx, const char *kind, const struct ledger_unit *old,
               struct ledger_unit *u, const char *note, bool always, struct diag *d)
{
        static const struct ledger_unit nothing;
        const struct ledger_unit *was = old ? old : &nothing;
        /* the event that ends an attempt has its cycle time, also if an earlier step told it */
        const bool ends =
                was->state != u->state && (u->state == LEDGER_PASSED || u->state == LEDGER_FAILED);
        struct ledger_record r = { .kind = kind,
                                   .slot = u->slot,
                                   .serial = u->serial,
                                   .attempt = u->attempt,
                                   .note = note ? note : "" };
        char num[LEDGER_COLUMNS_MAX + 1][24];
        char before[24];
        const char *args[LEDGER_COLUMNS_MAX + 1];
        int rc;

        for (size_t i = 0; i < ledger_column_count; i++) {
                const struct ledger_column *c = &ledger_columns[i];

                args[i + 1] = ledger_column_get(u, c, num[i + 1]);
                if (strcmp(args[i + 1], ledger_column_get(was, c, before)) != 0 ||
                    (!old && c->kind == LEDGER_STATE) ||
                    (ends && c->offset == offsetof(struct ledger_unit, cycle_ms)))
                        r.set[r.set_count++] = (struct ledger_change){ c->name, args[i + 1] };
        }
        if (old && !r.set_count && !always)
                return 0;
        if ((rc = ledger_append(tx, &r, d)) < 0)
                return rc;
        if (!old)
                u->id = tx->seq;
        snprintf(num[0], sizeof num[0], "%" PRId64, u->id);
        args[0] = num[0];
        rc = ledger_query(tx->l, old ? tx->l->update_sql : tx->l->insert_sql, args,
                          ledger_column_count + 1, NULL, NULL, d);
        return rc < 0 ? rc : 0;
}

struct get {
        struct ledger_unit *u;
};

static int keep_unit(void *ctx, const char *const *cols, int n)
{
        return ledger_row_read(((struct get *)ctx)->u, cols, n);
}

int ledger_get(struct ledger *l, const char *where, const char *const *args, size_t n,
               struct ledger_unit *u, struct diag *d)
{
        struct get g = { u };
        char *sql = NULL;
        int rc;

        if (asprintf(&sql, "%s%s", l->select_sql, where) < 0)
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        rc = ledger_query(l, sql, args, n, keep_unit, &g, d);
        free(sql);
        if (rc == -E_FORMAT)
                diag_set(d, E_FORMAT, "%s: a row of the ledger is damaged; 'flasher ledger verify'",
                         l->db->name);
        return rc;
}

static int change_nothing(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        (void)tx;
        (void)ctx;
        (void)d;
        return 0;
}

int ledger_ping(struct ledger *l, struct diag *d)
{
        char token[LEDGER_TOKEN_LEN] = "";

        return ledger_change(l, token, change_nothing, NULL, d);
}
