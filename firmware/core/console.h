/*
 * The factory console: lines in, lines out, for the production line. Every command is answered by
 * any number of lines and then "OK" or "ERROR why". Nothing it prints is a secret. Lines end with
 * CR LF; CR, LF or both end a command.
 *
 *   help                the commands
 *   version             project, version, chip
 *   mac                 12 hex digits
 *   fctry               which items the factory data holds, with their lengths
 *   csr [SERIAL]        the unit makes its key (once) and prints a certificate request; SERIAL is
 *                       stored as serial_no where there is none
 *   cert                the lines that follow, up to END CERTIFICATE, are the certificate for it;
 *                       with its OK the unit restarts as what it now is
 *   selftest            one token line (wire/selftest.h)
 *   lock                from now on, also after reset to factory, only "ERROR locked"
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/identity.h"

#define CONSOLE_LINE_MAX 128u  /* bytes of a command with its NUL */
#define CONSOLE_PEM_MAX  2048u /* bytes of a certificate, or of key and request, with NULs */

struct console {
        bool locked; /* read-only */
        bool made;   /* read-only: a certificate was stored; restart to use it */
        /* private: */
        const struct identity *id;
        int nvs;       /* result of its mount */
        bool too_long; /* the line that is being read */
        bool pem;      /* lines belong to a certificate */
        size_t len, text_len;
        char line[CONSOLE_LINE_MAX];
        char text[CONSOLE_PEM_MAX];
};

/* id is borrowed for ever; nvs: 0 or why it could not be mounted. */
void console_init(struct console *c, const struct identity *id, int nvs);

void console_input(struct console *c, const uint8_t *p, size_t n);

/* The self-test's token line (wire/selftest.h). Printed for `selftest`, and once at the start of a
 * unit that is not locked. Returns true for PASS. */
bool console_token(struct console *c);

/* After reset to factory has erased nvs: the lock stays. */
int console_restore_lock(const struct console *c);

#endif
