/* Between the line*.c files; nobody else includes this. */
#ifndef LINE_IMPL_H
#define LINE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "line/ledger.h"
#include "line/line.h"
#include "line/line_factory.h"
#include "line/line_talk.h"
#include "host/link.h"
#include "host/loader.h"
#include "host/flash_plan.h"
#include "fmt/nvs_crypt.h"
#include "host/secure_plan.h"
#include "host/pool.h"

struct line_station {
        const struct line_config *cfg;
        atomic_bool stop;        /* no new board */
        atomic_uint ledger_down; /* waits for the ledger since it last answered */
        atomic_uint files_down;  /* the same for the disk that has keys and credentials */
        pthread_mutex_t desk;    /* where a MAC is looked for in the other slots */
        pthread_mutex_t scanner; /* one unit at a time has its label printed and scanned */
};

/* One board in a slot. */
struct line_unit {
        struct line_station *st;
        size_t slot; /* of the view */
        struct link *link;
        struct ledger_claim claim;
        struct ledger_unit *row; /* claim.unit */
        struct line_made made;
        pthread_t maker; /* makes it, beside the writing of what all units get */
        bool making;
        int made_rc;
        struct diag made_why;
        uint64_t made_ms;
        struct secure_keys keys; /* its own; wiped with the unit */
        struct nvs_keys nvs;     /* what its factory data are encrypted with */
        bool flash_done; /* it is written, and cannot be again: not with what the station has … */
        bool flash_shut; /* … or not at all: an eFuse keeps download mode away from the flash */
        char mac[LEDGER_MAC_LEN];
        char chip[32], revision[16], flash_id[32];
        unsigned baud; /* of this try */
        uint64_t began, phase_began;
        uint64_t spent[LINE_RECORD]; /* milliseconds a phase, of both tries together */
        enum line_phase phase;
        bool claimed; /* the ledger knows of this attempt */
        bool passed_before;
        bool exchanged;              /* another board has come in its place before it was ready */
        uint64_t total, done, piece; /* progress, bytes */
        const char *failure;         /* class */
        struct diag why;
};

/*
 * The whole way of the board behind link (taken). The view has the result when it returns. *link
 * gets the link back, to wait for the board's removal; NULL if it is gone. Returns 0; 1: another
 * board is there already, that nobody has looked at; or a station error that stops the line.
 */
int line_unit_run(struct line_station *st, size_t slot, struct link *link, struct link **left);

/*
 * line_boot.c: start the flashed program and let it prove itself. l is taken; u->link is set. 0 or
 * -1 with u->failure and u->why. A secured unit is started twice: behind the first burns, where it
 * may make its key, and once it is closed, where its console may be locked.
 */
enum { LINE_BOOT_KEYS = 1, LINE_BOOT_LOCK = 2 };
int line_unit_boot(struct line_unit *u, struct loader *l, unsigned what);

/*
 * The same for a unit whose download mode is closed, by us at an earlier try: it says itself which
 * one it is. l (may be NULL) is taken, u->link is set. A unit that passed is told so, one that was
 * cut off behind its last burn passes.
 */
int line_unit_closed(struct line_unit *u, struct loader *l);

/* The ledger's part, each as soon as it answers. 0, or -1 with u->failure (or u->passed_before). */
int line_unit_claim(struct line_unit *u);
/* 1: the ledger has a unit of this MAC, 0: not, -1. */
int line_unit_find(struct line_unit *u, struct ledger_unit *row);
/* Claimed, and told that its flash has what it had when it was was. */
int line_unit_reclaim(struct line_unit *u, const struct ledger_unit *was);
int line_unit_step(struct line_unit *u, enum ledger_state state);

/* Something to say of a unit that passes. */
void line_unit_warn(struct line_unit *u, const char *text);

/* line_secure.c: 0, or -1 with u->failure and u->why. */

/* Can this board become what the profile says? Nothing is written or burnt. */
int line_secure_judge(struct line_unit *u, struct loader *l);

/* The unit's keys, made where they are not there; on disk when this returns. */
int line_secure_keys(struct line_unit *u, struct loader *l);

/* Its factory data, encrypted as its firmware reads them. */
int line_secure_seal(struct line_unit *u);

/* All images, as the chip will decrypt them. */
int line_secure_write(struct line_unit *u, struct loader *l, struct flash_stats *st,
                      struct diag *d);

/* Burn and read back all but what closes the chip; then that, with the ledger told before. */
int line_secure_burn(struct line_unit *u, struct loader *l);
int line_secure_close(struct line_unit *u, struct loader *l);

/* Is a closed chip in secure download mode one of ours, as far as it says? */
int line_secure_compare(struct line_unit *u, struct loader *l);

/* Its keys are removed, where the job wants that. */
void line_secure_forget(struct line_unit *u);

/* line_secure_check.c: prove the job's security against its images and its table. */
int line_secure_open(struct line_kit *k, struct report *r);

/* The next phase in view and clock. */
void line_unit_phase(struct line_unit *u, enum line_phase p);

/* u->failure and u->why; returns -1. */
int line_unit_fail(struct line_unit *u, const char *failure, int code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* The same for a failure of the wire itself, or else what: of the thing that was done. */
int line_unit_fail_or(struct line_unit *u, const char *what, const struct diag *d);

/* No new board any more? */
static inline bool line_ends(struct line_station *st)
{
        return atomic_load(&st->stop) || interrupt_asked();
}

/*
 * line_swap.c: behind a result, on an adapter that stays when its board is exchanged. link is
 * taken; what comes back is the link of another board, or NULL: the line ends, or the adapter is
 * gone. listen notices a board that says when it gets power, as chips do. jig asks: the board waits
 * in its loader until it answers no more, then the next one is looked for. first: before the first
 * board of a jig, which may be empty.
 */
struct link *line_swap_listen(struct line_station *st, size_t slot, struct link *link);
struct link *line_swap_jig(struct line_station *st, size_t slot, struct link *link);
struct link *line_swap_first(struct line_station *st, size_t slot, struct link *link);

/* "24:0a:…" of the chip; -E_REFUSED: it does not tell. */
int line_loader_mac(struct loader *l, char text[LEDGER_MAC_LEN], struct diag *d);

/* Something for the ledger, waited for. An error of ledger_remark; d may be NULL. */
int line_unit_remark(struct line_unit *u, const char *kind, const char *note, struct diag *d);

/*
 * A key or credential of the unit could not be written or read, or could. True: the trouble is the
 * station's, was told, and some time has passed: to be tried again.
 */
bool line_unit_wait_files(struct line_unit *u, int rc, const struct diag *d);

/* line_label.c: after PASS; a failure is a warning. Not where labels are scanned. */
void line_unit_label(struct line_unit *u);

/* Where they are: before PASS. 0 or -1 with u->failure and u->why. */
int line_unit_label_scan(struct line_unit *u);

/* Is the scanner there, if labels are scanned? Errors of line_scan_check. */
int line_label_ready(const struct line_job *j, struct diag *d);

/* Load the job's template and draw a sample. */
int line_label_open(struct line_kit *k, struct report *r);

#endif
