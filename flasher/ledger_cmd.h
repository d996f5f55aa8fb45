/* What the sources of `flasher ledger` and `flasher label` share. */
#ifndef FLASHER_LEDGER_CMD_H
#define FLASHER_LEDGER_CMD_H

#include "flasher.h"
#include "line/ledger.h"

struct ledger_options {
        const char *url, *station, *operator_name;
        /* which units */
        const char *batch, *state, *mac, *slot, *failure, *since, *until;
        int64_t limit;
        bool newest;
        /* export */
        const char *format, *out;
        bool events;
        const char *head; /* verify */
        /* what changes */
        const char *reason, *ca, *index;
        bool keep_board, no_revoke, yes;
        struct opt_list columns;
        int64_t first, last;
};
extern struct ledger_options lo;

/* Open --ledger or $FCTRY_LEDGER. 0 or an exit status after a line. */
int ledger_cmd_open(const char *url, bool create, bool read_only, struct ledger **l);

/* The names of this station and whoever works at it, as options or the system say. */
const char *ledger_cmd_station(void);
const char *ledger_cmd_operator(void);

/* --- ledger_show.c: exit statuses --- */
int ledger_show_unit(struct ledger *l, const char *word);
int ledger_show_query(struct ledger *l);
int ledger_show_export(struct ledger *l);
int ledger_show_report(struct ledger *l);
int ledger_show_verify(struct ledger *l);

/* --- ledger_edit.c: exit statuses --- */
int ledger_edit_define(struct ledger *l, const char *name, const char *template);
int ledger_edit_import(struct ledger *l, const char *batch, int count, char **files);
int ledger_edit_rework(struct ledger *l, const char *word);
int ledger_edit_scrap(struct ledger *l, const char *word);
int ledger_edit_note(struct ledger *l, const char *word, const char *text);

#endif
