/*
 * What is to be seen of a line: its slots, counts and last failures. The line writes it, the
 * terminal, the JSON lines and the web page look at it.
 */
#ifndef LINE_VIEW_H
#define LINE_VIEW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "line/line_job.h"

enum line_phase {
        LINE_EMPTY,   /* waits for a board */
        LINE_CONNECT, /* reset, synchronise, which chip, may it */
        LINE_CLAIM,   /* which identity */
        LINE_MAKE,    /* credentials and factory image */
        LINE_WRITE,
        LINE_SECURE, /* eFuses */
        LINE_TEST,   /* it starts and says what it is */
        LINE_KEYS,   /* it makes its key, we sign */
        LINE_LABEL,  /* its label is printed and scanned */
        LINE_RECORD,
        LINE_PASS,
        LINE_BEFORE, /* it had passed before: nothing was done */
        LINE_FAIL,
        LINE_TROUBLE, /* the slot itself: a port that cannot be opened */
        LINE_PHASES
};
const char *line_phase_word(enum line_phase p); /* "empty", "connect", … */

/* A result: the board may go. */
static inline bool line_phase_is_result(enum line_phase p)
{
        return p == LINE_PASS || p == LINE_BEFORE || p == LINE_FAIL;
}

#define LINE_TEXT_MAX 256u

struct line_slot_view {
        char name[LINE_NAME_MAX];
        char port[128];
        enum line_phase phase;
        unsigned permille; /* of LINE_WRITE */
        uint64_t since;    /* when the board came; milliseconds of link_clock() */
        uint64_t cycle_ms; /* of a result */
        unsigned attempt;  /* of the unit, as the ledger counts */
        char mac[24], serial[65], version[64];
        char failure[20];         /* class; empty unless LINE_FAIL */
        char text[LINE_TEXT_MAX]; /* why, or what is to be done */
        char warning[160];        /* of a unit that passed: no label */
        char phases[256];         /* "connect=231 write=1200 …", milliseconds */
        uint64_t passed, failed;
};

#define LINE_FAILURES_MAX 12u /* that are remembered */

struct line_failure {
        int64_t when; /* seconds since 1970 */
        char slot[LINE_NAME_MAX], mac[24], serial[65], failure[20], text[256];
};

struct line_totals {
        uint64_t passed, failed, before;
        uint64_t cycle_ms; /* of all that passed, together */
};

/* One change, for those who print lines. Everything is borrowed until the callback returns. */
enum line_news { LINE_NEWS_SLOT, LINE_NEWS_PHASE, LINE_NEWS_RESULT, LINE_NEWS_NOTICE };

struct line_view {
        pthread_mutex_t lock;
        pthread_cond_t changed; /* monotonic */
        uint64_t version;       /* rises with every change */
        char job[65], station[65], batch[65];
        int64_t began; /* seconds since 1970 */
        bool stopping;
        char notice[256]; /* the station's own trouble, empty if none */
        struct line_slot_view slots[LINE_SLOTS_MAX];
        size_t slot_count;
        struct line_totals totals;
        struct line_failure failures[LINE_FAILURES_MAX]; /* newest first */
        size_t failure_count;
        /* called with the lock held after a change; may be NULL */
        void (*news)(void *ctx, const struct line_view *v, enum line_news what, size_t slot);
        void *ctx;
};

void line_view_init(struct line_view *v);
void line_view_free(struct line_view *v);

/* A slot more; its index, or -E_NOSPACE. */
int line_view_slot(struct line_view *v, const char *name, const char *port);

/* Change a slot under the lock: between take and done. */
struct line_slot_view *line_view_take(struct line_view *v, size_t slot);
void line_view_done(struct line_view *v, size_t slot, enum line_news what);

/* The station's trouble; NULL: over. */
void line_view_notice(struct line_view *v, const char *text);
void line_view_stopping(struct line_view *v);

/* Counts of a result, and the list of failures. Called with the lock held. */
void line_view_count(struct line_view *v, const struct line_slot_view *s);

/* The whole view as one object of JSON. Locks. */
void line_view_json(struct line_view *v, FILE *out);

/* Wait until the version is another one, or for so long. Returns the version. */
uint64_t line_view_wait(struct line_view *v, uint64_t version, unsigned timeout_ms);

#endif
