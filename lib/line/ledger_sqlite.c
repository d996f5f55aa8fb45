/* The ledger in an SQLite file: WAL, every commit waits for the disk. */
#include "ledger_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sqlite3.h>

#include "base/err.h"
#include "host/file.h"
#include "host/pool.h"
#include "line/line_talk.h"

#define BUSY_MS 30000u /* how long another station's transaction is waited for */
#define LAST_MS 1000u  /* the same where the user has asked for the end */
#define CACHE   16u    /* prepared statements that are kept */
#define ARGS    64

struct sqlite_db {
        struct ledger_db base;
        sqlite3 *db;
        sqlite3_stmt *cache[CACHE];
        unsigned next; /* which one goes when there is another */
        uint64_t busy_since;
        bool create, read_only;
};

static int db_fail(struct sqlite_db *s, struct diag *d)
{
        const int e = sqlite3_errcode(s->db);
        const char *why = sqlite3_errmsg(s->db);
        const char *name = s->base.name;
        const int system = e == SQLITE_IOERR ? sqlite3_system_errno(s->db) : 0;

        switch (e & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return diag_set(
                        d, E_BUSY,
                        "%s: another program has held the ledger for %u s; end it and try again",
                        name, s->base.patience_ms / 1000);
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
                return diag_set(
                        d, E_FORMAT,
                        "%s: the ledger is damaged or is none (%s); put its backup there, or "
                        "name the right file",
                        name, why);
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
                return diag_set(d, E_PERM, "%s: the ledger cannot be opened or written: %s", name,
                                why);
        case SQLITE_CONSTRAINT:
                return diag_set(d, E_EXISTS, "%s: refused by the ledger's own rules: %s", name,
                                why);
        case SQLITE_NOMEM:
                return diag_set(d, E_NOMEM, "%s: no memory for the ledger", name);
        case SQLITE_ERROR:
                return diag_set(d, E_FORMAT, "%s: not a ledger of this version (%s)", name, why);
        default:
                return diag_set(d, E_IO, "%s: nothing was recorded: %s%s%s; %s", name, why,
                                system ? ": " : "", system ? strerror(system) : "",
                                e == SQLITE_FULL || system == ENOSPC
                                        ? "free some space and try again"
                                        : "look after the disk and try again");
        }
}

static int db_exec(struct ledger_db *base, const char *sql, struct diag *d)
{
        struct sqlite_db *s = (struct sqlite_db *)base;

        return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(s, d);
}

/* A statement of this text, prepared before or now. */
static int prepare(struct sqlite_db *s, const char *sql, sqlite3_stmt **out, struct diag *d)
{
        for (unsigned i = 0; i < CACHE; i++)
                if (s->cache[i] && !sqlite3_stmt_busy(s->cache[i]) &&
                    strcmp(sqlite3_sql(s->cache[i]), sql) == 0) {
                        *out = s->cache[i];
                        return 0;
                }
        if (sqlite3_prepare_v2(s->db, sql, -1, out, NULL) != SQLITE_OK)
                return db_fail(s, d);
        s->next = (s->next + 1) % CACHE;
        sqlite3_finalize(s->cache[s->next]);
        s->cache[s->next] = *out;
        return 0;
}

static int rows(struct sqlite_db *s, sqlite3_stmt *q, ledger_row_fn *fn, void *ctx, struct diag *d)
{
        const char *cols[ARGS];
        const int n = sqlite3_column_count(q);
        int count = 0;
        int e;

        if (n > ARGS)
                return -E_BUG;
        while ((e = sqlite3_step(q)) == SQLITE_ROW) {
                int rc;

                for (int i = 0; i < n; i++) {
                        cols[i] = (const char *)sqlite3_column_text(q, i);
                        if (!cols[i])
                                cols[i] = "";
                }
                if (fn && (rc = fn(ctx, cols, n)) < 0)
                        return rc;
                count++;
        }
        return e == SQLITE_DONE ? count : db_fail(s, d);
}

static int db_query(struct ledger_db *base, const char *sql, const char *const *args, size_t n,
                    ledger_row_fn *fn, void *ctx, struct diag *d)
{
        struct sqlite_db *s = (struct sqlite_db *)base;
        sqlite3_stmt *q;
        int rc = prepare(s, sql, &q, d);

        if (rc < 0)
                return rc;
        for (size_t i = 0; i < n; i++) {
                char name[8];

                /* $1 is a name to SQLite, and its number is the order of appearance */
                snprintf(name, sizeof name, "$%u", (unsigned)i + 1);
                sqlite3_bind_text(q, sqlite3_bind_parameter_index(q, name), args[i], -1,
                                  SQLITE_TRANSIENT);
        }
        rc = rows(s, q, fn, ctx, d);
        sqlite3_reset(q);
        sqlite3_clear_bindings(q);
        return rc;
}

static void disconnect(struct sqlite_db *s)
{
        for (unsigned i = 0; i < CACHE; i++) {
                sqlite3_finalize(s->cache[i]);
                s->cache[i] = NULL;
        }
        sqlite3_close(s->db);
        s->db = NULL;
}

/* Somebody else writes: wait on (1), or give up? tries counts from 0 for each wait. */
static int on_busy(void *ctx, int tries)
{
        struct sqlite_db *s = ctx;
        const struct timespec t = { 0, (tries < 10 ? 2 : 25) * 1000000L };
        const uint64_t now = talk_clock();

        if (!tries)
                s->busy_since = now;
        if (now - s->busy_since >= (interrupted() ? LAST_MS : s->base.patience_ms))
                return 0;
        nanosleep(&t, NULL);
        return 1;
}

static int db_connect(struct ledger_db *base, struct diag *d)
{
        struct sqlite_db *s = (struct sqlite_db *)base;
        const int flags = s->read_only
                                  ? SQLITE_OPEN_READONLY
                                  : SQLITE_OPEN_READWRITE | (s->create ? SQLITE_OPEN_CREATE : 0);
        const mode_t old = umask(077); /* who has which device is nobody else's business */
        int rc;

        disconnect(s);
        rc = sqlite3_open_v2(base->name, &s->db, flags, NULL) == SQLITE_OK ? 0 : db_fail(s, d);
        /* SQLite opens what it may only read without a word, and BEGIN IMMEDIATE then begins a
         * transaction that reads */
        if (rc == 0 && !s->read_only && sqlite3_db_readonly(s->db, "main") == 1)
                rc = diag_set(d, E_PERM,
                              "%s: the ledger can only be read; make file and disk writable",
                              base->name);
        if (rc == 0) {
                sqlite3_busy_handler(s->db, on_busy, s);
                if (!s->read_only)
                        rc = db_exec(base, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", d);
        }
        umask(old);
        return rc;
}

static void db_close(struct ledger_db *base)
{
        disconnect((struct sqlite_db *)base);
        free(base->name);
        free(base);
}

static const struct ledger_db_ops sqlite_ops = {
        .exec = db_exec,
        .query = db_query,
        .connect = db_connect,
        .close = db_close,
        .begin = "BEGIN IMMEDIATE",
        .begin_read = "BEGIN",
        .lock_head = "SELECT seq, hash FROM fctry_head WHERE one = 1",
        .read_head = "SELECT seq, hash FROM fctry_head WHERE one = 1",
        .make_lock = "SELECT 1",
        .any_table = "SELECT 1 FROM sqlite_master LIMIT 1",
        .has_meta = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'fctry_meta'",
        .guard = "CREATE TRIGGER fctry_event_keep BEFORE UPDATE ON fctry_event BEGIN"
                 " SELECT RAISE(ABORT, 'events are never changed'); END;"
                 "CREATE TRIGGER fctry_event_stay BEFORE DELETE ON fctry_event BEGIN"
                 " SELECT RAISE(ABORT, 'events are never removed'); END;"
                 "CREATE TRIGGER fctry_unit_stay BEFORE DELETE ON fctry_unit BEGIN"
                 " SELECT RAISE(ABORT, 'units are never removed'); END;",
};

int ledger_sqlite_open(const char *path, const struct ledger_config *cfg, struct ledger_db **out,
                       struct diag *d)
{
        struct sqlite_db *s;
        int rc;

        *out = NULL;
        if (!cfg->create && !file_exists(path))
                return diag_set(d, E_NOTFOUND,
                                "%s: there is no ledger; 'flasher ledger create' makes one", path);
        s = calloc(1, sizeof *s);
        if (!s || !(s->base.name = strdup(path))) {
                free(s);
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        }
        s->base.ops = &sqlite_ops;
        s->base.patience_ms = BUSY_MS;
        s->create = cfg->create;
        s->read_only = cfg->read_only;
        if ((rc = db_connect(&s->base, d)) < 0)
                db_close(&s->base);
        else
                *out = &s->base;
        return rc;
}
