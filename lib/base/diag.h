/* What went wrong and where: the first failure of an operation, filled in by libraries, printed by
 * tools. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stddef.h>
#include <stdint.h>

#define DIAG_TEXT_MAX 256 /* bytes with the NUL; a longer text is cut */

/*
 * Zero-initialise before use. All functions accept d == NULL and then do nothing but
 * return the code, so a caller who does not care passes NULL.
 */
struct diag {
        int code;        /* E_XXX (positive), 0 while nothing failed */
        uint32_t line;   /* of a text input, from 1; 0 if it has none */
        uint32_t column; /* from 1; 0 if unknown */
        uint64_t offset; /* of a binary input, in bytes; valid if has_offset */
        uint8_t has_offset;
        char text[DIAG_TEXT_MAX]; /* "what: why", with the remedy; no newline */
};

/*
 * Record a failure unless one is recorded already. code is positive (E_XXX). Returns -code
 * always, so that `return diag_set(d, E_CRC, "…")` reads well.
 */
int diag_set(struct diag *d, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same at a place in a text (line, column from 1) or at a byte offset of a binary. */
int diag_at(struct diag *d, int code, uint32_t line, uint32_t column, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));
int diag_off(struct diag *d, int code, uint64_t offset, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

#if defined __clang_analyzer__ && !defined DIAG_OWN
/* The analyser sees one file at a time; this tells it what is returned. */
#define diag_set(d, code, ...)              (diag_set(d, code, __VA_ARGS__), -(code))
#define diag_at(d, code, line, column, ...) (diag_at(d, code, line, column, __VA_ARGS__), -(code))
#define diag_off(d, code, offset, ...)      (diag_off(d, code, offset, __VA_ARGS__), -(code))
#endif

/* The code of a failure: never 0, E_BUG where whoever failed did not say why. */
int diag_code(const struct diag *d);

/* The text if there is one, else the code's sentence. Never NULL; borrowed from d. */
const char *diag_text(const struct diag *d);

#endif
