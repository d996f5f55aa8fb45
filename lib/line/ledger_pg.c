/*
 * The ledger on a PostgreSQL server, for several stations. libpq is loaded when a URL asks for it:
 * it would cost every run of the tool ten milliseconds, and most lines have one station.
 *
 * Writers come one by one because each locks the head's row first. A station that dies in a
 * transaction is thrown out by the server (idle_in_transaction_session_timeout).
 */
#include "ledger_impl.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "base/err.h"

#define LIBPQ "libpq.so.5"

/* name: X(name) for each function of libpq that is used */
#define FUNCTIONS(X)            \
        X(PQconnectdbParams)    \
        X(PQfinish)             \
        X(PQstatus)             \
        X(PQerrorMessage)       \
        X(PQsetNoticeProcessor) \
        X(PQexec)               \
        X(PQexecParams)         \
        X(PQresultStatus)       \
        X(PQresultErrorField)   \
        X(PQcmdStatus)          \
        X(PQntuples)            \
        X(PQnfields)            \
        X(PQgetvalue)           \
        X(PQclear)              \
        X(PQconninfoParse)      \
        X(PQconninfoFree)       \
        X(PQfreemem)

#define MEMBER(name) __typeof__(name) *(name);
static struct {
        FUNCTIONS(MEMBER)
} pq;
#undef MEMBER
static pthread_once_t pq_once = PTHREAD_ONCE_INIT;
static char pq_error[200]; /* written once, before pq_once is through */

static void pq_load(void)
{
        void *lib = dlopen(LIBPQ, RTLD_NOW | RTLD_LOCAL);
        void *f;

        if (!lib)
                snprintf(pq_error, sizeof pq_error, "%s", dlerror());
/* POSIX: a pointer from dlsym is a function's */
#define LOAD(name)                                                           \
        if (!*pq_error && !(f = dlsym(lib, #name)))                          \
                snprintf(pq_error, sizeof pq_error, LIBPQ ": lacks " #name); \
        else if (!*pq_error)                                                 \
                memcpy(&pq.name, &f, sizeof f);
        FUNCTIONS(LOAD)
#undef LOAD
}

struct pg_db {
        struct ledger_db base;
        PGconn *conn;
        bool read_only;
        time_t tried; /* monotonic: when the last connection failed; 0: none has */
};

/* One line of libpq's words. */
static void one_line(char *out, size_t size, const char *text)
{
        const size_t n = strcspn(text, "\n");

        snprintf(out, size, "%.*s", (int)n, text);
}

static int away(struct pg_db *p, struct diag *d)
{
        char why[160];

        p->base.away = true;
        one_line(why, sizeof why, p->conn ? pq.PQerrorMessage(p->conn) : "not connected");
        return diag_set(d, E_IO,
                        "%.80s: no connection to the ledger; nothing is given out until it is "
                        "back (%s)",
                        p->base.name, why);
}

/* SQLSTATE, PostgreSQL's appendix A. */
static int code_of(const char *state)
{
        static const struct {
                const char *begin;
                int code;
        } rows[] = {
                { "23", E_EXISTS },  /* integrity constraint */
                { "25006", E_PERM }, /* read-only transaction */
                { "42501", E_PERM }, /* insufficient privilege */
                { "42", E_FORMAT },  /* no such table or column */
                { "40", E_BUSY },    /* deadlock, serialization */
                { "55P03", E_BUSY }, /* lock not available */
                { "57014", E_BUSY }, /* statement timeout */
        };

        for (size_t i = 0; state && i < sizeof rows / sizeof *rows; i++)
                if (strncmp(state, rows[i].begin, strlen(rows[i].begin)) == 0)
                        return rows[i].code;
        return E_IO;
}

/* Frees r. */
static int pg_fail(struct pg_db *p, PGresult *r, struct diag *d)
{
        const char *state = r ? pq.PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
        const int code = code_of(state);
        char why[160];
        int rc;

        if (!p->conn || pq.PQstatus(p->conn) != CONNECTION_OK) {
                rc = away(p, d);
        } else {
                one_line(why, sizeof why, pq.PQerrorMessage(p->conn));
                rc = diag_set(d, code, "%.80s: the ledger: %s%s", p->base.name, why,
                              code == E_BUSY ? "; another station holds it, try again" : "");
        }
        pq.PQclear(r);
        return rc;
}

static int pg_exec(struct ledger_db *base, const char *sql, struct diag *d)
{
        struct pg_db *p = (struct pg_db *)base;
        PGresult *r;

        if (!p->conn)
                return away(p, d);
        r = pq.PQexec(p->conn, sql);
        if (pq.PQresultStatus(r) != PGRES_COMMAND_OK && pq.PQresultStatus(r) != PGRES_TUPLES_OK)
                return pg_fail(p, r, d);
        /* COMMIT of a transaction that failed is answered with ROLLBACK, and is no error to libpq
         */
        if (strcmp(sql, "COMMIT") == 0 && strcmp(pq.PQcmdStatus(r), "COMMIT") != 0) {
                pq.PQclear(r);
                return diag_set(d, E_IO, "%.80s: the ledger's transaction was rolled back",
                                p->base.name);
        }
        pq.PQclear(r);
        return 0;
}

#define COLUMNS 64

static int pg_query(struct ledger_db *base, const char *sql, const char *const *args, size_t n,
                    ledger_row_fn *fn, void *ctx, struct diag *d)
{
        struct pg_db *p = (struct pg_db *)base;
        const char *cols[COLUMNS];
        PGresult *r;
        int rows, fields;
        int rc = 0;

        if (!p->conn)
                return away(p, d);
        r = pq.PQexecParams(p->conn, sql, (int)n, NULL, args, NULL, NULL, 0);
        if (pq.PQresultStatus(r) != PGRES_COMMAND_OK && pq.PQresultStatus(r) != PGRES_TUPLES_OK)
                return pg_fail(p, r, d);
        rows = pq.PQntuples(r);
        fields = pq.PQnfields(r);
        for (int i = 0; i < rows && rc >= 0 && fn && fields <= COLUMNS; i++) {
                for (int k = 0; k < fields; k++)
                        cols[k] = pq.PQgetvalue(r, i, k);
                rc = fn(ctx, cols, fields);
        }
        pq.PQclear(r);
        return rc < 0 ? rc : rows;
}

static void quiet(void *arg, const char *message)
{
        (void)arg;
        (void)message;
}

/* How long a station waits: for the head 10 s, for a dead peer 15 s. */
static const char session[] =
        "SET lock_timeout = '10s'; SET statement_timeout = '60s';"
        "SET idle_in_transaction_session_timeout = '30s'; SET synchronous_commit = on;"
        "SET standard_conforming_strings = on;";

static time_t seconds(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec + 1; /* never 0 */
}

static int pg_connect(struct ledger_db *base, struct diag *d)
{
        /* what the URL says comes later and counts */
        const char *const keys[] = { "connect_timeout",     "application_name",
                                     "tcp_user_timeout",    "keepalives_idle",
                                     "keepalives_interval", "dbname",
                                     "client_encoding",     NULL };
        const char *const values[] = { "5", "fctry-ledger", "15000", "10",
                                       "5", base->name,     "UTF8",  NULL };
        struct pg_db *p = (struct pg_db *)base;
        int rc;

        /* many slots ask at once: one of them waits for the server, a second long for all */
        if (p->tried && seconds() - p->tried < 2)
                return away(p, d);
        if (p->conn)
                pq.PQfinish(p->conn);
        p->conn = pq.PQconnectdbParams(keys, values, 1);
        p->tried = 0;
        if (!p->conn || pq.PQstatus(p->conn) != CONNECTION_OK) {
                p->tried = seconds();
                return away(p, d);
        }
        base->away = false;
        pq.PQsetNoticeProcessor(p->conn, quiet, NULL);
        rc = pg_exec(base, session, d);
        if (rc == 0 && p->read_only)
                rc = pg_exec(base, "SET default_transaction_read_only = on", d);
        return rc;
}

static void pg_close(struct ledger_db *base)
{
        struct pg_db *p = (struct pg_db *)base;

        if (p->conn)
                pq.PQfinish(p->conn);
        free(base->name);
        free(base);
}

static const struct ledger_db_ops pg_ops = {
        .exec = pg_exec,
        .query = pg_query,
        .connect = pg_connect,
        .close = pg_close,
        .begin = "BEGIN ISOLATION LEVEL READ COMMITTED",
        .begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        .lock_head = "SELECT seq, hash FROM fctry_head WHERE one = 1 FOR UPDATE",
        .read_head = "SELECT seq, hash FROM fctry_head WHERE one = 1",
        .make_lock = "SELECT pg_advisory_xact_lock(7302643)",
        .any_table = "SELECT 1 WHERE false", /* others may have tables beside ours */
        /* to_regclass would answer from a cache that does not know what another station has just
           made */
        .has_meta = "SELECT 1 FROM pg_catalog.pg_class"
                    " WHERE relname = 'fctry_meta' AND pg_catalog.pg_table_is_visible(oid)",
        .guard = "CREATE FUNCTION fctry_keep() RETURNS trigger LANGUAGE plpgsql AS "
                 "'BEGIN RAISE EXCEPTION ''events and units are never removed, events never "
                 "changed''; "
                 "END';"
                 "CREATE TRIGGER fctry_event_keep BEFORE UPDATE OR DELETE ON fctry_event"
                 " FOR EACH ROW EXECUTE FUNCTION fctry_keep();"
                 "CREATE TRIGGER fctry_event_stay BEFORE TRUNCATE ON fctry_event"
                 " EXECUTE FUNCTION fctry_keep();"
                 "CREATE TRIGGER fctry_unit_stay BEFORE DELETE ON fctry_unit"
                 " FOR EACH ROW EXECUTE FUNCTION fctry_keep();",
};

/* A password in a URL is in the process list and in the shell's history: it is not taken. */
static int check_url(const char *url, struct diag *d)
{
        char *error = NULL;
        PQconninfoOption *all = pq.PQconninfoParse(url, &error);
        int rc = 0;

        pq.PQfreemem(error); /* it may repeat what it could not read */
        if (!all)
                return diag_set(d, E_SYNTAX,
                                "the ledger's URL cannot be read: "
                                "postgresql://[USER@]HOST[:PORT]/DATABASE");
        for (const PQconninfoOption *o = all; o->keyword; o++)
                if (strstr(o->keyword, "password") && o->val && *o->val)
                        rc = diag_set(
                                d, E_INVAL,
                                "a password in the ledger's URL is seen by everybody; put it in "
                                "~/.pgpass, or a file that PGPASSFILE names");
        pq.PQconninfoFree(all);
        return rc;
}

int ledger_pg_open(const struct ledger_config *cfg, struct ledger_db **out, struct diag *d)
{
        struct pg_db *p;
        int rc;

        *out = NULL;
        pthread_once(&pq_once, pq_load);
        if (*pq_error)
                return diag_set(d, E_UNSUPPORTED, "PostgreSQL: %s; install libpq5", pq_error);
        if ((rc = check_url(cfg->url, d)) < 0)
                return rc;
        p = calloc(1, sizeof *p);
        if (!p || !(p->base.name = strdup(cfg->url))) {
                free(p);
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        }
        p->base.ops = &pg_ops;
        p->read_only = cfg->read_only;
        if ((rc = pg_connect(&p->base, d)) < 0)
                pg_close(&p->base);
        else
                *out = &p->base;
        return rc;
}
