#include "host/cert_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/err.h"
#include "base/hex.h"
#include "crypt/crypt.h"

#define INDEX_VERSION 2     /* 1 had no dead_cn */
#define BUSY_MS       30000 /* how long a transaction of another process is waited for */

enum { STATE_CLAIMED, STATE_ISSUED, STATE_REVOKED };
#define REASON_SUPERSEDED 4 /* CRLReason, RFC 5280, 5.3.1 */

enum statement {
        Q_FIND,
        Q_CLAIM,
        Q_TAKE_OVER,
        Q_SUPERSEDE,
        Q_RECORD,
        Q_RELEASE,
        Q_BY_KEY,
        Q_WITHDRAWN,
        Q_COUNT
};

/*
 * live_cn is what makes a name unique: one row that is claimed or issued, any number of revoked
 * ones. A serial number stays taken for ever, and so does a key.
 */
static const char schema[] =
        "CREATE TABLE IF NOT EXISTS cert ("
        " id INTEGER PRIMARY KEY,"
        " cn TEXT NOT NULL,"
        " serial BLOB NOT NULL UNIQUE,"
        " state INTEGER NOT NULL,"
        " owner INTEGER,"      /* the run that claimed it */
        " key_id BLOB UNIQUE," /* SHA-256 of SubjectPublicKeyInfo */
        " cert BLOB,"
        " folder TEXT,"
        " issued_at INTEGER, not_after INTEGER, revoked_at INTEGER, reason INTEGER);"
        "CREATE UNIQUE INDEX IF NOT EXISTS live_cn ON cert(cn) WHERE state < 2;"
        "CREATE INDEX IF NOT EXISTS dead_cn ON cert(cn) WHERE state = 2;"
        /* runs whose files are all on disk for good */
        "CREATE TABLE IF NOT EXISTS run (owner INTEGER PRIMARY KEY);"
        "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);";

static const char *const queries[Q_COUNT] = {
        [Q_FIND] = "SELECT id, state, owner, serial, key_id, folder, cert,"
                   " EXISTS (SELECT 1 FROM run WHERE run.owner = cert.owner)"
                   " FROM cert WHERE cn = ?1 AND state < 2",
        [Q_CLAIM] = "INSERT INTO cert (cn, serial, state, owner) VALUES (?1, ?2, 0, ?3)",
        [Q_TAKE_OVER] = "UPDATE cert SET state = 0, owner = ?2 WHERE id = ?1",
        [Q_SUPERSEDE] =
                "UPDATE cert SET state = 2, revoked_at = unixepoch(), reason = ?2 WHERE id = ?1",
        [Q_RECORD] = "UPDATE cert SET state = 1, key_id = ?2, cert = ?3, folder = ?4,"
                     " issued_at = unixepoch(), not_after = ?5 WHERE id = ?1 AND state = 0 AND "
                     "owner = ?6",
        [Q_RELEASE] = "DELETE FROM cert WHERE id = ?1 AND state = 0 AND owner = ?2",
        [Q_BY_KEY] = "SELECT cn FROM cert WHERE key_id = ?1",
        [Q_WITHDRAWN] =
                "SELECT reason FROM cert WHERE cn = ?1 AND state = 2 ORDER BY id DESC LIMIT 1",
};

struct cert_index {
        sqlite3 *db;
        sqlite3_stmt *q[Q_COUNT];
        char *path;
        int lock_fd;
        int64_t owner; /* this run: a random number whose byte of the lock file we hold */
};

static int db_fail(struct cert_index *ix, struct diag *d)
{
        const int e = sqlite3_errcode(ix->db);
        const int code = e == SQLITE_BUSY || e == SQLITE_LOCKED      ? E_BUSY
                         : e == SQLITE_NOTADB || e == SQLITE_CORRUPT ? E_FORMAT
                         : e == SQLITE_PERM || e == SQLITE_READONLY  ? E_PERM
                         : e == SQLITE_NOMEM                         ? E_NOMEM
                                                                     : E_IO;

        if (e == SQLITE_ERROR) /* a table or column that our statements name is not there */
                return diag_set(
                        d, E_FORMAT,
                        "%s: not an index of this certgen (%s); use the certgen that made it, "
                        "or name the right file with --index",
                        ix->path, sqlite3_errmsg(ix->db));
        if (code == E_FORMAT)
                return diag_set(
                        d, code,
                        "%s: the index is damaged or is none (%s); put its backup there, or "
                        "name the right file with --index",
                        ix->path, sqlite3_errmsg(ix->db));
        return diag_set(d, code, "%s: the index: %s%s", ix->path, sqlite3_errmsg(ix->db),
                        e == SQLITE_FULL ? "; free some space and run the command again" : "");
}

static int db_exec(struct cert_index *ix, const char *sql, struct diag *d)
{
        return sqlite3_exec(ix->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(ix, d);
}

/*
 * Begin to write. durable: the commit waits for the disk. A claim does, before its key can be made;
 * a record need not, because cert_index_settle does.
 */
static int db_begin(struct cert_index *ix, bool durable, struct diag *d)
{
        return db_exec(ix,
                       durable ? "PRAGMA synchronous=FULL; BEGIN IMMEDIATE"
                               : "PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE",
                       d);
}

/* Commit if rc is 0, else roll back. Returns the first failure. */
static int db_end(struct cert_index *ix, int rc, struct diag *d)
{
        if (rc == 0)
                rc = db_exec(ix, "COMMIT", d);
        if (rc < 0)
                sqlite3_exec(ix->db, "ROLLBACK", NULL, NULL, NULL);
        return rc;
}

/* Run a prepared statement that gives no rows. */
static int db_step(struct cert_index *ix, sqlite3_stmt *s, struct diag *d)
{
        const int e = sqlite3_step(s);
        const int rc = e == SQLITE_DONE ? 0 : db_fail(ix, d);

        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
        return rc;
}

/* -1: cannot be asked; 0: free; 1: another process holds this byte. */
static int lock_held(struct cert_index *ix, int64_t owner)
{
        struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = owner, .l_len = 1 };

        if (fcntl(ix->lock_fd, F_OFD_GETLK, &fl) < 0)
                return -1;
        return fl.l_type != F_UNLCK;
}

static int lock_own(struct cert_index *ix, struct diag *d)
{
        struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
        char *path = NULL;
        uint64_t r;
        int rc = 0;

        if (asprintf(&path, "%s.lock", ix->path) < 0)
                return diag_set(d, E_NOMEM, "no memory for the index");
        ix->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (ix->lock_fd < 0)
                rc = diag_set(d, errno == EACCES || errno == EROFS ? E_PERM : E_IO,
                              "%s: cannot open: %s", path, strerror(errno));
        else if (crypt_random(&r, sizeof r) < 0)
                rc = diag_set(d, E_RANDOM, "no random numbers for the index");
        if (rc == 0) {
                ix->owner = (int64_t)(r >> 2);
                fl.l_start = ix->owner;
                if (fcntl(ix->lock_fd, F_OFD_SETLK, &fl) < 0)
                        rc = diag_set(d, E_IO, "%s: cannot be locked: %s", path, strerror(errno));
        }
        free(path);
        return rc;
}

static int check_version(struct cert_index *ix, bool upgrade, struct diag *d)
{
        sqlite3_stmt *s = NULL;
        int version = -1;
        int rc = 0;

        if (sqlite3_prepare_v2(ix->db, "PRAGMA user_version", -1, &s, NULL) != SQLITE_OK ||
            sqlite3_step(s) != SQLITE_ROW)
                rc = db_fail(ix, d);
        else
                version = sqlite3_column_int(s, 0);
        sqlite3_finalize(s);
        if (rc < 0)
                return rc;
        if (version > INDEX_VERSION)
                return diag_set(d, E_FORMAT,
                                "%s: made by a newer certgen (version %d); use that one", ix->path,
                                version);
        if (version == INDEX_VERSION || !upgrade)
                return 0;
        if ((rc = db_begin(ix, true, d)) < 0)
                return rc;
        rc = db_exec(ix, schema, d);
        if (rc == 0)
                rc = db_exec(ix, "PRAGMA user_version = 2", d);
        return db_end(ix, rc, d);
}

static int db_open(struct cert_index *ix, const char *path, int flags, struct diag *d)
{
        const int e = sqlite3_open_v2(path, &ix->db, SQLITE_OPEN_READWRITE | flags, NULL);

        if (e != SQLITE_OK)
                return db_fail(ix, d);
        sqlite3_busy_timeout(ix->db, BUSY_MS);
        return 0;
}

static int open_for_writing(struct cert_index *ix, bool create, struct diag *d)
{
        int rc = db_open(ix, ix->path, create ? SQLITE_OPEN_CREATE : 0, d);

        if (rc == 0)
                rc = db_exec(ix, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=8192;", d);
        if (rc == 0)
                rc = check_version(ix, true, d);
        return rc;
}

/* file:PATH?immutable=1, https://sqlite.org/uri.html: nothing is put beside it. Free; NULL: no
 * memory. */
static char *immutable_uri(const char *path)
{
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);

        if (!f)
                return NULL;
        fputs("file:", f);
        for (; *path; path++)
                fprintf(f, strchr("%?#", *path) ? "%%%02x" : "%c", (unsigned char)*path);
        fputs("?immutable=1", f);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

/* Is there a log with changes that are not in the index itself yet? */
static bool has_log(const struct cert_index *ix)
{
        struct stat st;
        char *wal = NULL;
        const bool has =
                asprintf(&wal, "%s-wal", ix->path) < 0 || (stat(wal, &st) == 0 && st.st_size > 0);

        free(wal);
        return has;
}

/*
 * SQLite wants to write beside a database with a log even if it is only read. Where it cannot, and
 * there is nothing in a log, the file by itself is all there is.
 */
static int open_for_reading(struct cert_index *ix, struct diag *d)
{
        char *uri;
        int rc = db_open(ix, ix->path, 0, d);

        if (rc < 0)
                return rc;
        if (sqlite3_exec(ix->db, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL) !=
            SQLITE_CANTOPEN)
                return check_version(ix, false, d);
        if (has_log(ix))
                return diag_set(d, E_PERM,
                                "%s: the last changes are in %s-wal, which cannot be read on a "
                                "disk that is read only; copy both to another one",
                                ix->path, ix->path);
        sqlite3_close(ix->db);
        ix->db = NULL;
        uri = immutable_uri(ix->path);
        rc = uri ? db_open(ix, uri, SQLITE_OPEN_URI, d)
                 : diag_set(d, E_NOMEM, "no memory for the index");
        free(uri);
        return rc < 0 ? rc : check_version(ix, false, d);
}

static int prepare(struct cert_index *ix, enum cert_index_use use, struct diag *d)
{
        const mode_t old = umask(077); /* who has which device is nobody else's business */
        int rc = use == INDEX_READ ? open_for_reading(ix, d)
                                   : open_for_writing(ix, use == INDEX_MAKE, d);

        umask(old);
        for (int i = 0; i < Q_COUNT && rc == 0; i++)
                if (sqlite3_prepare_v3(ix->db, queries[i], -1, SQLITE_PREPARE_PERSISTENT, &ix->q[i],
                                       NULL) != SQLITE_OK)
                        rc = db_fail(ix, d);
        return rc;
}

int cert_index_open(const char *path, enum cert_index_use use, struct cert_index **out,
                    struct diag *d)
{
        struct cert_index *ix = calloc(1, sizeof *ix);
        int rc;

        *out = NULL;
        if (!ix || !(ix->path = strdup(path))) {
                free(ix);
                return diag_set(d, E_NOMEM, "no memory for the index");
        }
        ix->lock_fd = -1;
        if (use != INDEX_MAKE && !file_exists(path))
                rc = diag_set(d, E_NOTFOUND, "%s: there is no index; make the CA with 'certgen ca'",
                              path);
        else if ((rc = prepare(ix, use, d)) == 0 && use != INDEX_READ)
                rc = lock_own(ix, d);
        if (rc < 0)
                cert_index_close(ix);
        else
                *out = ix;
        return rc;
}

void cert_index_close(struct cert_index *ix)
{
        if (!ix)
                return;
        for (int i = 0; i < Q_COUNT; i++)
                sqlite3_finalize(ix->q[i]);
        sqlite3_close(ix->db);
        if (ix->lock_fd >= 0)
                close(ix->lock_fd);
        free(ix->path);
        free(ix);
}

void cert_claim_clear(struct cert_claim *c)
{
        free(c->folder);
        blob_free(&c->cert);
        c->folder = NULL;
}

static int copy_blob(sqlite3_stmt *s, int column, struct blob *out, struct diag *d)
{
        const void *p = sqlite3_column_blob(s, column);
        const size_t n = (size_t)sqlite3_column_bytes(s, column);

        out->data = malloc(n + 1);
        if (!out->data)
                return diag_set(d, E_NOMEM, "no memory for the index");
        if (n)
                memcpy(out->data, p, n);
        out->data[n] = 0;
        out->len = n;
        return 0;
}

/* A row of Q_FIND that is issued. */
static int take_issued(struct cert_claim *c, sqlite3_stmt *s, struct diag *d)
{
        const char *folder = (const char *)sqlite3_column_text(s, 5);

        if (sqlite3_column_bytes(s, 4) == KEY_ID_LEN)
                memcpy(c->key_id, sqlite3_column_blob(s, 4), KEY_ID_LEN);
        c->folder = strdup(folder ? folder : "");
        if (!c->folder)
                return diag_set(d, E_NOMEM, "no memory for the index");
        c->state = CLAIM_ISSUED;
        return copy_blob(s, 6, &c->cert, d);
}

static int claim_new(struct cert_index *ix, struct cert_claim *c, struct diag *d)
{
        sqlite3_stmt *s = ix->q[Q_CLAIM];
        int rc = cert_serial_new(c->serial, d);

        if (rc < 0)
                return rc;
        sqlite3_bind_text(s, 1, c->cn, -1, SQLITE_STATIC);
        sqlite3_bind_blob(s, 2, c->serial, sizeof c->serial, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, ix->owner);
        if ((rc = db_step(ix, s, d)) < 0)
                return rc;
        c->row = sqlite3_last_insert_rowid(ix->db);
        c->state = CLAIM_MINE;
        return 0;
}

static int take_over(struct cert_index *ix, struct cert_claim *c, struct diag *d)
{
        sqlite3_stmt *s = ix->q[Q_TAKE_OVER];

        sqlite3_bind_int64(s, 1, c->row);
        sqlite3_bind_int64(s, 2, ix->owner);
        c->state = CLAIM_RESUME;
        return db_step(ix, s, d);
}

static int supersede(struct cert_index *ix, int64_t row, struct diag *d)
{
        sqlite3_stmt *s = ix->q[Q_SUPERSEDE];

        sqlite3_bind_int64(s, 1, row);
        sqlite3_bind_int(s, 2, REASON_SUPERSEDED);
        return db_step(ix, s, d);
}

/* What the index knows of a CN. */
struct known {
        int state; /* -1: nothing */
        int64_t owner;
        bool settled;
};

/* Is there a certificate that counts: of a run that ended well, or that still goes on? */
static bool is_good(struct cert_index *ix, const struct known *k)
{
        return k->state == STATE_ISSUED &&
               (k->settled || k->owner == ix->owner || lock_held(ix, k->owner) != 0);
}

static int find_cn(struct cert_index *ix, struct cert_claim *c, bool reissue, struct known *k,
                   struct diag *d)
{
        sqlite3_stmt *s = ix->q[Q_FIND];
        int rc = 0;
        int e;

        *k = (struct known){ .state = -1 };
        sqlite3_bind_text(s, 1, c->cn, -1, SQLITE_STATIC);
        e = sqlite3_step(s);
        if (e == SQLITE_ROW) {
                c->row = sqlite3_column_int64(s, 0);
                *k = (struct known){ sqlite3_column_int(s, 1), sqlite3_column_int64(s, 2),
                                     sqlite3_column_int(s, 7) };
                if (sqlite3_column_bytes(s, 3) == CERT_SERIAL_LEN)
                        memcpy(c->serial, sqlite3_column_blob(s, 3), CERT_SERIAL_LEN);
                if (!reissue && is_good(ix, k))
                        rc = take_issued(c, s, d);
        } else if (e != SQLITE_DONE) {
                rc = db_fail(ix, d);
        }
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
        return rc;
}

/*
 * Was the last certificate of this name taken back by hand? Then a batch that is repeated must not
 * hand out another one. What a reissue replaced does not count: it may have been interrupted.
 */
static int withdrawn(struct cert_index *ix, const struct cert_claim *c, struct diag *d)
{
        sqlite3_stmt *s = ix->q[Q_WITHDRAWN];
        int rc = 0;
        int e;

        sqlite3_bind_text(s, 1, c->cn, -1, SQLITE_STATIC);
        e = sqlite3_step(s);
        if (e == SQLITE_ROW && sqlite3_column_int(s, 0) != REASON_SUPERSEDED)
                rc = diag_set(d, E_EXISTS,
                              "%.64s: its certificate was revoked; --reissue makes a new one",
                              c->cn);
        else if (e != SQLITE_ROW && e != SQLITE_DONE)
                rc = db_fail(ix, d);
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
        return rc;
}

static int claim_one(struct cert_index *ix, struct cert_claim *c, bool reissue, struct diag *d)
{
        struct known k;
        bool good;
        int rc = find_cn(ix, c, reissue, &k, d);

        if (rc < 0 || c->state == CLAIM_ISSUED)
                return rc;
        if (k.state == -1 && !reissue && (rc = withdrawn(ix, c, d)) < 0)
                return rc;
        good = is_good(ix, &k);
        if (good && (rc = supersede(ix, c->row, d)) < 0)
                return rc;
        if (k.state == -1 || good)
                return claim_new(ix, c, d);
        if (k.owner == ix->owner)
                return diag_set(d, E_EXISTS, "'%s' stands there twice", c->cn);
        if (lock_held(ix, k.owner) != 0) {
                c->state = CLAIM_BUSY;
                return 0;
        }
        return take_over(ix, c, d);
}

int cert_index_claim(struct cert_index *ix, struct cert_claim *rows, size_t n, bool reissue,
                     struct diag *d)
{
        int rc = db_begin(ix, true, d);

        if (rc < 0)
                return rc;
        for (size_t i = 0; i < n && rc == 0; i++)
                if (rows[i].state == CLAIM_BUSY)
                        rc = claim_one(ix, &rows[i], reissue, d);
        return db_end(ix, rc, d);
}

static int record_one(struct cert_index *ix, const struct cert_record *r, struct diag *d)
{
        sqlite3_stmt *s = ix->q[Q_RECORD];
        int rc = 0;
        int e;

        sqlite3_bind_int64(s, 1, r->row);
        sqlite3_bind_blob(s, 2, r->key_id, KEY_ID_LEN, SQLITE_STATIC);
        sqlite3_bind_blob(s, 3, r->cert->data, (int)r->cert->len, SQLITE_STATIC);
        sqlite3_bind_text(s, 4, r->folder, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 5, r->not_after);
        sqlite3_bind_int64(s, 6, ix->owner);
        e = sqlite3_step(s);
        if (e == SQLITE_CONSTRAINT)
                rc = diag_set(d, E_EXISTS,
                              "%s: this public key was certified before; a key is used once",
                              ix->path);
        else if (e != SQLITE_DONE)
                rc = db_fail(ix, d);
        else if (sqlite3_changes(ix->db) != 1)
                rc = diag_set(d, E_BUG, "%s: a claim was lost", ix->path);
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
        return rc;
}

int cert_index_record(struct cert_index *ix, const struct cert_record *rows, size_t n,
                      struct diag *d)
{
        int rc = db_begin(ix, false, d);

        if (rc < 0)
                return rc;
        for (size_t i = 0; i < n && rc == 0; i++)
                rc = record_one(ix, &rows[i], d);
        return db_end(ix, rc, d);
}

int cert_index_settle(struct cert_index *ix, struct diag *d)
{
        char sql[96];
        int rc = db_begin(ix, true, d);

        if (rc < 0)
                return rc;
        snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO run VALUES (%lld)", (long long)ix->owner);
        return db_end(ix, db_exec(ix, sql, d), d);
}

int cert_index_release(struct cert_index *ix, const struct cert_claim *rows, size_t n,
                       struct diag *d)
{
        int rc = db_begin(ix, true, d);

        if (rc < 0)
                return rc;
        for (size_t i = 0; i < n && rc == 0; i++) {
                if (rows[i].state != CLAIM_MINE)
                        continue;
                sqlite3_bind_int64(ix->q[Q_RELEASE], 1, rows[i].row);
                sqlite3_bind_int64(ix->q[Q_RELEASE], 2, ix->owner);
                rc = db_step(ix, ix->q[Q_RELEASE], d);
        }
        return db_end(ix, rc, d);
}

int cert_index_by_key(struct cert_index *ix, const uint8_t key_id[KEY_ID_LEN], char **cn,
                      struct diag *d)
{
        sqlite3_stmt *s = ix->q[Q_BY_KEY];
        int rc = 0;
        int e;

        *cn = NULL;
        sqlite3_bind_blob(s, 1, key_id, KEY_ID_LEN, SQLITE_STATIC);
        e = sqlite3_step(s);
        if (e == SQLITE_ROW)
                *cn = strdup((const char *)sqlite3_column_text(s, 0));
        else if (e != SQLITE_DONE)
                rc = db_fail(ix, d);
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
        return rc;
}

/* A certificate's row by one query; its state, or -E_NOTFOUND. */
static int find_by(struct cert_index *ix, const char *sql, const struct blob *value, bool text,
                   int64_t *row, char serial[CERT_SERIAL_TEXT], struct diag *d)
{
        sqlite3_stmt *s = NULL;
        int state = -E_NOTFOUND;
        int e;

        if (sqlite3_prepare_v2(ix->db, sql, -1, &s, NULL) != SQLITE_OK)
                return db_fail(ix, d);
        if (text)
                sqlite3_bind_text(s, 1, (const char *)value->data, (int)value->len, SQLITE_STATIC);
        else
                sqlite3_bind_blob(s, 1, value->data, (int)value->len, SQLITE_STATIC);
        e = sqlite3_step(s);
        if (e == SQLITE_ROW) {
                *row = sqlite3_column_int64(s, 0);
                state = sqlite3_column_int(s, 1);
                if (serial)
                        snprintf(serial, CERT_SERIAL_TEXT, "%s", sqlite3_column_text(s, 2));
        } else if (e != SQLITE_DONE) {
                state = db_fail(ix, d);
        }
        sqlite3_finalize(s);
        return state;
}

#define CERT_ROW "SELECT id, state, lower(hex(serial)) FROM cert WHERE "

/* What a serial number or a CN means: its live certificate, else its last one. As find_by. */
static int find_cert(struct cert_index *ix, const char *what, int64_t *row,
                     char serial[CERT_SERIAL_TEXT], struct diag *d)
{
        const struct blob text = { (uint8_t *)(uintptr_t)what, strlen(what) };
        uint8_t number[20];
        const long n = hex_decode(what, text.len, number, sizeof number, NULL);
        int state = -E_NOTFOUND;

        /* three queries, because each of them has its own index or, the last, is rare */
        if (n > 0)
                state = find_by(ix, CERT_ROW "serial = ?1 AND state > 0",
                                &(struct blob){ number, (size_t)n }, false, row, serial, d);
        if (state == -E_NOTFOUND)
                state = find_by(ix, CERT_ROW "cn = ?1 AND state < 2 AND state > 0", &text, true,
                                row, serial, d);
        if (state == -E_NOTFOUND)
                state = find_by(ix, CERT_ROW "cn = ?1 AND state = 2 ORDER BY id DESC LIMIT 1",
                                &text, true, row, serial, d);
        if (state == -E_NOTFOUND)
                diag_set(d, E_NOTFOUND, "%s: no certificate with this name or serial number in %s",
                         what, ix->path);
        return state;
}

int cert_index_state(struct cert_index *ix, const char *cn_or_serial, struct diag *d)
{
        int64_t row;

        return find_cert(ix, cn_or_serial, &row, NULL, d);
}

int cert_index_revoke(struct cert_index *ix, const char *cn_or_serial, int reason,
                      char serial[CERT_SERIAL_TEXT], struct diag *d)
{
        int64_t row = 0;
        int state;
        int rc = db_begin(ix, true, d);

        if (rc < 0)
                return rc;
        state = find_cert(ix, cn_or_serial, &row, serial, d);
        if (state == STATE_ISSUED) {
                sqlite3_bind_int64(ix->q[Q_SUPERSEDE], 1, row);
                sqlite3_bind_int(ix->q[Q_SUPERSEDE], 2, reason);
                rc = db_step(ix, ix->q[Q_SUPERSEDE], d);
        } else if (state < 0) {
                rc = state;
        }
        rc = db_end(ix, rc, d);
        return rc < 0 ? rc : state == STATE_REVOKED;
}

int cert_index_each(struct cert_index *ix, bool revoked_only,
                    int (*fn)(void *ctx, const struct cert_entry *e), void *ctx, struct diag *d)
{
        sqlite3_stmt *s = NULL;
        int rc = 0;
        int e;

        if (sqlite3_prepare_v2(ix->db,
                               "SELECT cn, lower(hex(serial)), state, reason, issued_at, "
                               "revoked_at, not_after, cert"
                               " FROM cert WHERE state >= ?1"
                               " AND (state = 2 OR owner IN (SELECT owner FROM run)) ORDER BY id",
                               -1, &s, NULL) != SQLITE_OK)
                return db_fail(ix, d);
        sqlite3_bind_int(s, 1, revoked_only ? STATE_REVOKED : STATE_ISSUED);
        while (rc >= 0 && (e = sqlite3_step(s)) == SQLITE_ROW) {
                const struct cert_entry row = {
                        .cn = (const char *)sqlite3_column_text(s, 0),
                        .serial = (const char *)sqlite3_column_text(s, 1),
                        .revoked = sqlite3_column_int(s, 2) == STATE_REVOKED,
                        .reason = sqlite3_column_int(s, 3),
                        .issued_at = sqlite3_column_int64(s, 4),
                        .revoked_at = sqlite3_column_int64(s, 5),
                        .not_after = sqlite3_column_int64(s, 6),
                        .cert = { (uint8_t *)(uintptr_t)sqlite3_column_blob(s, 7),
                                  (size_t)sqlite3_column_bytes(s, 7) },
                };

                rc = fn(ctx, &row);
        }
        if (rc >= 0 && e != SQLITE_DONE)
                rc = db_fail(ix, d);
        sqlite3_finalize(s);
        return rc < 0 ? rc : 0;
}

/* One number out of a query that needs no arguments. */
static int query_number(struct cert_index *ix, const char *sql, uint64_t *out, struct diag *d)
{
        sqlite3_stmt *s = NULL;
        int rc = 0;

        if (sqlite3_prepare_v2(ix->db, sql, -1, &s, NULL) != SQLITE_OK ||
            sqlite3_step(s) != SQLITE_ROW)
                rc = db_fail(ix, d);
        else
                *out = (uint64_t)sqlite3_column_int64(s, 0);
        sqlite3_finalize(s);
        return rc;
}

int cert_index_next_crl(struct cert_index *ix, uint64_t *number, struct diag *d)
{
        int rc = db_begin(ix, true, d);

        if (rc < 0)
                return rc;
        rc = db_exec(ix,
                     "INSERT INTO meta VALUES ('crl', 1) ON CONFLICT (name) DO UPDATE SET value = "
                     "value + 1",
                     d);
        if (rc == 0)
                rc = query_number(ix, "SELECT value FROM meta WHERE name = 'crl'", number, d);
        return db_end(ix, rc, d);
}

int cert_index_count(struct cert_index *ix, struct cert_counts *out, struct diag *d)
{
        int rc = query_number(ix, "SELECT count(*) FROM cert WHERE state = 0", &out->claimed, d);

        if (rc == 0)
                rc = query_number(ix, "SELECT count(*) FROM cert WHERE state = 1", &out->issued, d);
        if (rc == 0)
                rc = query_number(ix, "SELECT count(*) FROM cert WHERE state = 2", &out->revoked,
                                  d);
        return rc;
}
