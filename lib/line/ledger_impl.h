/* Inside the ledger: what its sources share. Nobody else includes this. */
#ifndef LINE_LEDGER_IMPL_H
#define LINE_LEDGER_IMPL_H

#include <pthread.h>

#include "line/ledger.h"
#include "host/sha256.h"

#define LEDGER_SCHEMA 1 /* version of the tables */

/* ---- a database: ledger_sqlite.c, ledger_pg.c ---- */

/* Columns are texts, "" for NULL; borrowed. */
typedef int ledger_row_fn(void *ctx, const char *const *cols, int n);

struct ledger_db {
        const struct ledger_db_ops *ops;
        char *name;           /* for messages; no password in it */
        bool away;            /* the last failure was a lost connection */
        unsigned patience_ms; /* ledger_patience */
};

struct ledger_db_ops {
        /* Several statements without parameters. */
        int (*exec)(struct ledger_db *db, const char *sql, struct diag *d);
        /* One statement; args are texts for $1 …. Rows go to fn (NULL: dropped). The number of
         * rows. */
        int (*query)(struct ledger_db *db, const char *sql, const char *const *args, size_t n,
                     ledger_row_fn *fn, void *ctx, struct diag *d);
        int (*connect)(struct ledger_db *db, struct diag *d); /* again; drops what was open */
        void (*close)(struct ledger_db *db);                  /* frees db */
        const char *begin; /* a transaction that writes; on SQLite it is the only one from here */
        const char *begin_read; /* one that sees one state of everything */
        const char *lock_head;  /* reads the head; on PostgreSQL it is the only writer from here */
        const char *read_head;  /* the same without taking it */
        const char *make_lock;  /* one station at a time makes the tables */
        const char *any_table;  /* a row if there are tables of somebody else (makes us refuse) */
        const char *has_meta;   /* a row if there is a ledger */
        const char *guard;      /* events cannot be changed or removed by accident */
};

int ledger_sqlite_open(const char *path, const struct ledger_config *cfg, struct ledger_db **out,
                       struct diag *d);
int ledger_pg_open(const struct ledger_config *cfg, struct ledger_db **out, struct diag *d);

/* ---- rows: ledger_row.c ---- */

enum ledger_kind { LEDGER_TEXT, LEDGER_INT, LEDGER_STATE };
enum ledger_right { LEDGER_FIXED, LEDGER_CALLER, LEDGER_OURS };

struct ledger_column {
        const char *name;
        size_t offset, size; /* in struct ledger_unit */
        enum ledger_kind kind;
        enum ledger_right right; /* LEDGER_CALLER: ledger_step takes it from the caller's struct */
};
extern const struct ledger_column ledger_columns[]; /* without id */
extern const size_t ledger_column_count;
#define LEDGER_COLUMNS_MAX 32

/* The text of a column; num is used for numbers. Borrowed from u or num. */
const char *ledger_column_get(const struct ledger_unit *u, const struct ledger_column *c,
                              char num[24]);
/* -E_RANGE: does not fit; -E_SYNTAX: no number, no state. */
int ledger_column_set(struct ledger_unit *u, const struct ledger_column *c, const char *text);

/* A row of "SELECT id, columns…". -E_FORMAT. */
int ledger_row_read(struct ledger_unit *u, const char *const *cols, int n);

/* Texts that may enter: UTF-8 without control characters, shorter than size. -E_RANGE, -E_SYNTAX.
 */
int ledger_text_check(const char *what, const char *text, size_t size, struct diag *d);
int ledger_serial_check(const char *serial, struct diag *d);

/* ---- events: ledger_chain.c ---- */

struct ledger_change {
        const char *name, *value;
};

/* What an event says; texts are borrowed. Changes stand in the order of ledger_chain_names. */
struct ledger_record {
        int64_t seq;
        const char *id, *at, *kind, *station, *operator, * slot, *serial;
        int64_t attempt;
        const char *note;
        struct ledger_change set[LEDGER_COLUMNS_MAX];
        size_t set_count;
};

/* The canonical text. Returned: free. NULL without memory. */
char *ledger_record_text(const struct ledger_record *r);

/*
 * Read a canonical text back: only what ledger_record_text writes byte for byte is taken. The texts
 * in r live in *keep, which is freed with ledger_record_free. -E_FORMAT.
 */
struct cJSON;
int ledger_record_parse(const char *text, struct ledger_record *r, struct cJSON **keep);
void ledger_record_free(struct cJSON *keep);

/* SHA-256 over "PREVIOUS\nTEXT\n" as hexadecimal. */
int ledger_chain_hash(const char *prev, const char *text, char out[LEDGER_HASH_MAX]);
#define LEDGER_GENESIS "0000000000000000000000000000000000000000000000000000000000000000"

/* ---- transactions: ledger.c ---- */

struct ledger {
        struct ledger_db *db;
        pthread_mutex_t lock;
        char station[LEDGER_NAME_MAX], operator[LEDGER_NAME_MAX];
        int64_t batch_time;
        bool read_only;
        char *insert_sql, *update_sql, *select_sql; /* made from the columns at open */
};

/* A transaction that writes. */
struct ledger_tx {
        struct ledger *l;
        char token[LEDGER_TOKEN_LEN];
        unsigned events; /* written in this transaction */
        int result;      /* of the function that ran in it */
        int64_t seq;     /* of the last event */
        char hash[LEDGER_HASH_MAX];
        char at[LEDGER_TIME_LEN];
};

/*
 * Run fn in a transaction. token "" : a new one is made (and left there). A connection that is lost
 * is made again once, and if the commit had arrived, that is success: fn has left its results in
 * ctx then; it must be able to run twice.
 */
int ledger_change(struct ledger *l, char token[LEDGER_TOKEN_LEN],
                  int (*fn)(struct ledger_tx *tx, void *ctx, struct diag *d), void *ctx,
                  struct diag *d);

/* Append an event; seq, id and at are filled in here, station and operator are the ledger's. */
int ledger_append(struct ledger_tx *tx, struct ledger_record *r, struct diag *d);

/* u replaces old (NULL: a new row): the event with what differs, then the row. u->id is set for a
 * new row. Nothing differs and old: nothing is written unless always. */
int ledger_put(struct ledger_tx *tx, const char *kind, const struct ledger_unit *old,
               struct ledger_unit *u, const char *note, bool always, struct diag *d);

/* The row of "WHERE …" behind the select into u. The number of rows: the last one is kept. */
int ledger_get(struct ledger *l, const char *where, const char *const *args, size_t n,
               struct ledger_unit *u, struct diag *d);

/* 1: the batch is there and says the same, *next is what its counter hands out next; 0: it is not;
 * -E_EXISTS: it says another thing. */
int ledger_batch_known(struct ledger *l, const struct ledger_batch *b, int64_t *next,
                       struct diag *d);

/* Begin and end of reading; one reconnection is tried. */
int ledger_read_begin(struct ledger *l, struct diag *d);
int ledger_read_end(struct ledger *l, int rc, struct diag *d);

int ledger_query(struct ledger *l, const char *sql, const char *const *args, size_t n,
                 ledger_row_fn *fn, void *ctx, struct diag *d);

/* ---- tables: ledger_sql.c ---- */
int ledger_sql_prepare(struct ledger *l,
                       struct diag *d); /* makes the statements from the columns */
int ledger_sql_open(struct ledger *l, bool create,
                    struct diag *d); /* tables there, version right */

#endif
