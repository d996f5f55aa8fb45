/* What a scanner reads off a label: typed on standard input, sent over a serial line or a socket,
 * or told by a command. */
#ifndef LINE_SCAN_H
#define LINE_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct line_scanner {        /* texts are borrowed */
        const char *from;    /* "stdin", or a name for link_open */
        const char *command; /* instead: run by sh; the first line that it prints counts */
        unsigned seconds;    /* how long a scan is waited for */
        unsigned baud;       /* of a serial line */
};

/* Is it there? -E_IO, -E_PERM: no. A command is not tried. */
int line_scan_check(const struct line_scanner *s, struct diag *d);

/*
 * The next line, without its end (CR or LF), into out. What came before the call does not count: it
 * was read off something else. slot and serial are told to a command as FCTRY_SLOT and
 * FCTRY_SERIAL. -E_TIMEOUT; -E_CANCELLED: interrupted(); -E_IO, -E_PERM, -E_LINK: the scanner or
 * the command is gone or failed; -E_VERIFY: more than cap - 1 bytes, which no label has. A scanned
 * text may be secret.
 */
int line_scan_read(const struct line_scanner *s, const char *slot, const char *serial, char *out,
                   size_t cap, struct diag *d);

#endif
