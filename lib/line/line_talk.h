/* Lines from and to a unit's console, with deadlines. */
#ifndef LINE_TALK_H
#define LINE_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/file.h"
#include "host/link.h"

#define TALK_LINE_MAX 512u /* bytes of a line with its NUL; a longer one is cut */

/* Zero-initialise, set link (borrowed). */
struct line_talk {
        struct link *link;
        char line[TALK_LINE_MAX]; /* the last one: printable characters only */
        char last[96];            /* the last that was not empty, for messages */
        /* private: */
        uint8_t raw[1024];
        size_t at, n;
        size_t fill;
};

/* Milliseconds of the clock that deadlines are told on. */
uint64_t talk_clock(void);

/* The next line in t->line. 1, 0 at the deadline, -E_LINK, -E_CANCELLED (interrupted()). */
int talk_line(struct line_talk *t, uint64_t deadline);

/*
 * Send a command and wait for its "OK". Lines from BEGIN to END of a PEM text on the way go to pem
 * (may be NULL; returned: blob_free). -E_REFUSED: "ERROR …", said in d; -E_VERIFY: the
 * firmware died, and how; -E_TIMEOUT, -E_LINK.
 */
int talk_command(struct line_talk *t, const char *command, uint64_t deadline, struct blob *pem,
                 struct diag *d);

/* The same for a text of several lines that belong to a command that was sent with talk_send. */
int talk_send(struct line_talk *t, const char *text, size_t len, struct diag *d);
int talk_answer(struct line_talk *t, uint64_t deadline, struct blob *pem, struct diag *d);

#endif
