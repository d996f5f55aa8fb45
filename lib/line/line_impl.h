/* Between the line*.c files; nobody else includes this. */
#ifndef LINE_IMPL_H
#define LINE_IMPL_H

#include <stdatomic.h>

#include "line/ledger.h"
#include "line/line.h"
#include "line/line_factory.h"
#include "line/line_talk.h"
#include "host/link.h"
#include "host/loader.h"

struct line_station {
        const struct line_config *cfg;
        atomic_bool stop;        /* no new board */
        atomic_uint ledger_down; /* slots that wait for the ledger */
};

/* One board in a slot. */
struct line_unit {
        struct line_station *st;
        size_t slot; /* of the view */
        struct link *link;
        struct ledger_claim claim;
        struct ledger_unit *row; /* claim.unit */
        struct line_made made;
        char mac[LEDGER_MAC_LEN];
        char chip[32], revision[16], flash_id[32];
        unsigned baud; /* of this try */
        uint64_t began, phase_began;
        uint64_t spent[LINE_RECORD]; /* milliseconds a phase, of both tries together */
        enum line_phase phase;
        bool claimed; /* the ledger knows of this attempt */
        bool passed_before;
        uint64_t total, done, piece; /* progress, bytes */
        const char *failure;         /* class */
        struct diag why;
};

/*
 * The whole way of the board behind link (taken). The view has the result when it returns. *link
 * gets the link back, to wait for the board's removal; NULL if it is gone. Returns 0, or a station
 * error that stops the line.
 */
int line_unit_run(struct line_station *st, size_t slot, struct link *link, struct link **left);

/* line_boot.c: start the flashed program and let it prove itself. l is taken; u->link is set. 0 or
 * -1 with u->failure and u->why. */
int line_unit_boot(struct line_unit *u, struct loader *l);

/* The next phase in view and clock. */
void line_unit_phase(struct line_unit *u, enum line_phase p);

/* u->failure and u->why; returns -1. */
int line_unit_fail(struct line_unit *u, const char *failure, int code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* Is this the ledger's own trouble: to be tried again? */
bool line_is_station_trouble(int rc);

/* line_label.c: after PASS; a failure is a warning. */
void line_unit_label(struct line_unit *u);

/* Load the job's template and draw a sample. */
int line_label_open(struct line_kit *k, struct report *r);

#endif
