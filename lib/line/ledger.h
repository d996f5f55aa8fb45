/*
 * The ledger of a production line: one row a unit, and a hash-chained event for everything that
 * ever happened to it. fctry-ledger(5) has the tables and the rules.
 *
 * A unit's way: read the MAC, ledger_claim (the next identity, committed before this returns), then
 * make, flash, verify with a ledger_step behind each, and ledger_finish. The same MAC gets the same
 * identity again, after a failure, a crash and on another station; an identity goes to one MAC
 * only, for ever. No key, passphrase or proof of possession ever enters the ledger.
 *
 * SQLite in a file, or PostgreSQL for several stations (libpq is loaded only then). All functions
 * are safe to call from several threads; each waits for the commit (SQLite: for the disk).
 *
 * A ledger that cannot be reached (server gone, disk full) gives a station error (-E_IO, -E_BUSY,
 * -E_PERM; err_status is STATUS_STATION): nothing was recorded as far as can be known, nothing may
 * be handed out. Every call tries to connect again by itself, so calling again later with the same
 * arguments is the remedy, and safe: what was recorded after all is not recorded twice.
 */
#ifndef LINE_LEDGER_H
#define LINE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/diag.h"

struct ledger;

/* Room for texts, with the NUL. Longer ones are refused (-E_RANGE), notes are cut. */
#define LEDGER_SERIAL_MAX 65u /* printable ASCII */
#define LEDGER_NAME_MAX   65u /* batches, stations, operators, slots, failure classes: UTF-8 */
#define LEDGER_HASH_MAX   65u /* SHA-256 as hexadecimal */
#define LEDGER_NOTE_MAX   256u
#define LEDGER_IMAGES_MAX 2048u
#define LEDGER_PHASES_MAX 512u
#define LEDGER_TIME_LEN   25u /* "2026-11-28T09:00:00.123Z" */
#define LEDGER_TOKEN_LEN  33u
#define LEDGER_MAC_LEN    24u /* "02:00:00:00:00:01", or eight bytes */

struct ledger_config {
        /* a path or sqlite:PATH; postgresql://[USER@]HOST[:PORT]/DATABASE[?…] as libpq takes it. A
         * password in it is refused: PGPASSFILE, ~/.pgpass or PGSERVICEFILE have it. */
        const char *url;
        const char *station, *operator; /* may be NULL to read only; copied */
        int64_t batch_time; /* seconds since 1970 that every event gets; 0: the station's clock */
        bool create;        /* make it when it is not there */
        bool read_only;     /* claims, steps and the like fail with -E_PERM */
};

/*
 * Returned: ledger_close. -E_NOTFOUND: no such file, not made; -E_FORMAT: another database or a
 * newer version of it; -E_INVAL: password in the URL; -E_UNSUPPORTED: no libpq on this machine;
 * -E_IO: not to be reached.
 */
int ledger_open(const struct ledger_config *cfg, struct ledger **out, struct diag *d);
void ledger_close(struct ledger *l); /* NULL is fine */

/* How messages call it: the path, or the URL. Borrowed. */
const char *ledger_name(const struct ledger *l);

/*
 * SQLite: how long a call waits for another program's transaction before it gives -E_BUSY. 30 s at
 * first; one second at most behind interrupted(). Not while another thread uses l.
 */
void ledger_patience(struct ledger *l, unsigned ms);

/*
 * Does it answer, and could it be written (a station asks before it takes a board)? A transaction
 * that changes nothing. 0 or the error of above; -E_PERM if it was opened to read only.
 */
int ledger_ping(struct ledger *l, struct diag *d);

enum ledger_state {
        LEDGER_FREE,     /* an imported identity that nobody has */
        LEDGER_RESERVED, /* claimed by a MAC */
        LEDGER_MADE,     /* credentials and factory image are on the station's disk */
        LEDGER_FLASHED,  /* written */
        LEDGER_VERIFIED, /* read back, post-checks done */
        LEDGER_PASSED,
        LEDGER_FAILED,
        LEDGER_REWORK,   /* had passed or failed, and somebody said that it may be done again */
        LEDGER_SCRAPPED, /* the identity is burnt */
        LEDGER_STATES
};
/* "free", "reserved", … and back; -1: none of them. */
const char *ledger_state_word(enum ledger_state s);
int ledger_state_of(const char *word);

/*
 * One row. Empty texts: not known. Those marked * are the caller's to fill between claim and finish
 * (ledger_step and ledger_finish write what has changed); the rest is the ledger's.
 */
struct ledger_unit {
        int64_t id; /* number of the event that brought it in; rises */
        char serial[LEDGER_SERIAL_MAX];
        enum ledger_state state;
        char batch[LEDGER_NAME_MAX];
        int64_t number;                    /* of a counter batch; 0 in a pool */
        char mac[LEDGER_MAC_LEN];          /* lower case with colons */
        char chip[32];                     /* * "ESP32-C3" */
        char revision[16];                 /* * "v0.4" */
        char flash_id[32];                 /* * "c84016" */
        char efuse[LEDGER_HASH_MAX];       /* * digest of the eFuses */
        char firmware[64];                 /* * version that the unit itself told */
        char cert_serial[LEDGER_HASH_MAX]; /* * hexadecimal, as certgen's index has it */
        char cert_state[16];               /* "", "revoked" */
        char service[LEDGER_NAME_MAX];     /* * of provisioning: "PROV_000001" */
        char files[256];                   /* * stem or folder of the unit's files */
        char factory[LEDGER_HASH_MAX];     /* * SHA-256 of its factory image */
        char images[LEDGER_IMAGES_MAX];    /* * ledger_image_add */
        int64_t attempt;                   /* from 1; of the latest claim */
        char station[LEDGER_NAME_MAX];     /* of the latest attempt, as are those below */
        char operator[LEDGER_NAME_MAX];
        char slot[LEDGER_NAME_MAX];
        char claimed_at[LEDGER_TIME_LEN];
        char ended_at[LEDGER_TIME_LEN];
        int64_t cycle_ms;               /* * from plug to result; monotonic clock */
        char phases[LEDGER_PHASES_MAX]; /* * ledger_phase_add */
        char failure[LEDGER_NAME_MAX];  /* class: "link", "verify", "selftest", … */
        char note[LEDGER_NOTE_MAX];     /* what was wrong, in words */
        int64_t labels;                 /* how many were printed */
        int64_t board_free;             /* 1: scrapped, but its board may have another identity */
};

/* "app=<sha256> " behind u->images; the label's old hash is replaced. "write=1234 " likewise behind
 * u->phases (milliseconds of the monotonic clock). -E_NOSPACE, -E_SYNTAX (blank or '=' in a name).
 */
int ledger_image_add(struct ledger_unit *u, const char *label, const uint8_t sha256[32]);
int ledger_phase_add(struct ledger_unit *u, const char *phase, int64_t ms);

/* "AA:BB:…", "aabb…" or "AA-BB-…" of 6 or 8 bytes to the ledger's spelling. -E_SYNTAX. */
int ledger_mac(const char *text, char out[LEDGER_MAC_LEN]);

/* Words of a device or an operator as the ledger takes them: cut to size - 1 bytes at a character,
 * blanks for control characters, '?' for what is not UTF-8. NULL: "". */
void ledger_text_clean(char *out, size_t size, const char *text);

/* ---- where identities come from ---- */

/*
 * A batch whose identities are made by a counter: template has one %u, %x or %X ("SO-%06u"), from
 * first to last (0: no end). 1: it was there already and says the same; -E_EXISTS: says another
 * thing.
 */
struct ledger_batch {
        const char *name, *template; /* borrowed */
        int64_t first, last;
};
int ledger_batch_define(struct ledger *l, const struct ledger_batch *b, struct diag *d);

/*
 * Before anything is handed out: would this batch (ledger_batch_define), or a list that is to be
 * imported, ever come to a serial number that another batch has, or that its counter comes to?
 * -E_EXISTS: the first such number is in d; or the ledger has a batch of that name that says
 * another thing. Nothing is written.
 */
int ledger_batch_clash(struct ledger *l, const struct ledger_batch *b, struct diag *d);
int ledger_list_clash(struct ledger *l, const char *batch, const char *const *serials, size_t n,
                      struct diag *d);

/* One identity of a pool. Only serial must be there. With a MAC it is that board's and no other's.
 */
struct ledger_identity {
        const char *serial, *mac, *cert_serial, *service, *files, *factory; /* borrowed; NULL: "" */
};
struct ledger_import_counts {
        size_t fresh;  /* new */
        size_t more;   /* free and in this batch already, and told more of now */
        size_t before; /* in this batch already, saying the same */
};
/*
 * All n in one transaction or none. The batch is made if it is not there. -E_EXISTS: a serial or
 * MAC that another unit has, or the same serial saying another thing; *bad (may be NULL) is its
 * index.
 */
int ledger_import(struct ledger *l, const char *batch, const struct ledger_identity *rows, size_t n,
                  struct ledger_import_counts *counts, size_t *bad, struct diag *d);

/* ---- a unit's way ---- */

struct ledger_claim {
        const char *batch, *mac, *slot;         /* borrowed */
        const char *chip, *revision, *flash_id; /* borrowed; may be NULL */
        bool rework;                            /* a unit that has passed may be done again */
        bool any_batch; /* a MAC that is a unit of another batch keeps that identity; else -E_EXISTS
                         */
        char token[LEDGER_TOKEN_LEN]; /* zero-initialise; a call that is repeated after a station
                                         error passes the same struct, so that it is one attempt */
        /* results */
        bool again;              /* this MAC had the identity before */
        bool passed;             /* with -E_STATE: it has passed already, and rework was not set */
        struct ledger_unit unit; /* valid on success and with -E_STATE, -E_EXISTS */
};

/*
 * The identity of this MAC: the one it has, or the batch's next. Committed when it returns 0.
 * -E_NOTFOUND: no such batch, or its identities are used up; -E_STATE: has passed (passed is set)
 * or is scrapped; -E_EXISTS: unit of another batch; -E_SYNTAX: mac.
 */
int ledger_claim(struct ledger *l, struct ledger_claim *c, struct diag *d);

/*
 * The unit has come to state (LEDGER_MADE, _FLASHED, _VERIFIED; the same again or a later one): the
 * caller's changed fields are recorded with it. -E_STATE: out of order, or the attempt is no longer
 * the latest one (another station has claimed the unit).
 */
int ledger_step(struct ledger *l, struct ledger_unit *u, enum ledger_state state, struct diag *d);

/*
 * The attempt is over. failure NULL: passed, which only a verified unit can have; else its class,
 * and note says it in words (may be NULL). Repeating it is fine. -E_STATE as above.
 */
int ledger_finish(struct ledger *l, struct ledger_unit *u, const char *failure, const char *note,
                  struct diag *d);

/* Something that leaves the state alone: kind is "label" (counted), "scan" or "note". Repeated
 * after a station error it may stand there twice. */
int ledger_remark(struct ledger *l, struct ledger_unit *u, const char *kind, const char *note,
                  struct diag *d);

/* A passed or failed unit may be done again, with the same identity. u is filled. */
int ledger_rework(struct ledger *l, const char *serial, const char *why, struct ledger_unit *u,
                  struct diag *d);

/*
 * Burn the identity, in any state. keep_board: its MAC may claim a new one; else the board is
 * refused from then on. 1: it was scrapped before. The certificate is the caller's to revoke, then
 * to be told with ledger_revoked (idempotent).
 */
int ledger_scrap(struct ledger *l, const char *serial, const char *why, bool keep_board,
                 struct ledger_unit *u, struct diag *d);
int ledger_revoked(struct ledger *l, struct ledger_unit *u, struct diag *d);

/* ---- looking ---- */

/* By serial, MAC (any spelling; of several units the live one) or service name. -E_NOTFOUND. */
int ledger_find(struct ledger *l, const char *word, struct ledger_unit *u, struct diag *d);

/* When a board first got this identity: rework leaves it as it is. "": none has. */
int ledger_born(struct ledger *l, const char *serial, char out[LEDGER_TIME_LEN], struct diag *d);

/* The time of the last event, by the clock of the station that wrote it. "": there is none. */
int ledger_latest(struct ledger *l, char out[LEDGER_TIME_LEN], struct diag *d);

struct ledger_filter { /* zero-initialise; NULL or "": any */
        const char *batch, *serial, *mac, *slot, *station, *failure;
        const char *since,
                *until; /* of ended_at or claimed_at: beginnings of "2026-11-28T09:00:00" */
        int state;      /* LEDGER_FREE …; use LEDGER_ANY */
        size_t limit;   /* 0: none */
        bool newest_first;
};
#define LEDGER_ANY (-1)

/*
 * fn for each unit in the order of ids; stops at a negative return and returns it. Nothing is
 * locked while fn runs (it may call the ledger); u is borrowed until it returns. Returns how many.
 */
long ledger_each(struct ledger *l, const struct ledger_filter *f,
                 int (*fn)(void *ctx, const struct ledger_unit *u), void *ctx, struct diag *d);

/* Units a state, of one batch (NULL: all). */
struct ledger_counts {
        uint64_t state[LEDGER_STATES];
};
int ledger_count(struct ledger *l, const char *batch, struct ledger_counts *out, struct diag *d);

/* One event; texts are borrowed until the callback returns. */
struct ledger_event {
        int64_t seq;
        const char *kind, *serial;
        const char *text; /* canonical JSON, see fctry-ledger(5) */
        const char *hash;
};
/* fn for each event of one unit (serial NULL: of all), in order. As ledger_each. */
long ledger_events(struct ledger *l, const char *serial,
                   int (*fn)(void *ctx, const struct ledger_event *e), void *ctx, struct diag *d);

/* ---- is it all as it was written? ---- */

struct ledger_verdict {
        int64_t events, units;
        uint64_t faults;
        char head[24 + LEDGER_HASH_MAX]; /* "SEQ:HASH" of the last event: note it elsewhere, and no
                                            one can cut or rewrite what is before it unseen */
};

/*
 * Recompute the chain from the first event (changed, removed, exchanged, inserted events; an end
 * that was cut against the head), fold the events of every unit and compare with its row, batches
 * and their counters likewise, and no serial number or MAC twice. anchor (may be NULL): a head
 * noted earlier must be in the chain. fault is called for each finding (may be NULL). One state of
 * the whole ledger is looked at; others go on writing. 0: sound; -E_VERIFY: not; -E_SYNTAX: anchor.
 */
int ledger_verify(struct ledger *l, const char *anchor, void (*fault)(void *ctx, const char *text),
                  void *ctx, struct ledger_verdict *out, struct diag *d);

/* ---- how the line is doing ---- */

struct ledger_slot_stats {
        char station[LEDGER_NAME_MAX], slot[LEDGER_NAME_MAX];
        uint64_t passed, failed;   /* attempts */
        int64_t median_ms, p95_ms; /* cycle time of those that passed and have one; 0: none */
        int64_t *cycles;           /* private */
        size_t cycle_count, cycle_cap;
};
struct ledger_class_stats {
        char name[LEDGER_NAME_MAX];
        uint64_t attempts;
};
struct ledger_report {
        uint64_t units;                  /* ended at least once */
        uint64_t passed;                 /* whose last end is a pass, and which were not scrapped */
        uint64_t first_passed;           /* whose first end is a pass */
        uint64_t attempts;               /* that ended */
        struct ledger_slot_stats *slots; /* by station and slot */
        size_t slot_count;
        struct ledger_class_stats *classes; /* of failures; the most frequent first */
        size_t class_count;
};

/* Of a batch (NULL: all), of what ended since and before until (as in a filter; NULL: any time).
 * Free with ledger_report_free in any case. */
int ledger_report(struct ledger *l, const char *batch, const char *since, const char *until,
                  struct ledger_report *out, struct diag *d);
void ledger_report_free(struct ledger_report *r);

/* ---- export ---- */

/* A heading and a row a unit. Cells that a spreadsheet would take for a formula get a ' in front.
 */
int ledger_export_csv(struct ledger *l, const struct ledger_filter *f, FILE *out, struct diag *d);
/* One object a line. */
int ledger_export_json(struct ledger *l, const struct ledger_filter *f, FILE *out, struct diag *d);
/* {"v":1,"hash":…,"event":TEXT} a line; the text's bytes are those that were hashed. */
int ledger_export_events(struct ledger *l, const char *serial, FILE *out, struct diag *d);

struct json_writer;
/* The members of a unit into an open object. */
void ledger_unit_json(struct json_writer *w, const struct ledger_unit *u);

#endif
