/* What a tool tells its operator: one line an error on stderr, counted, up to a limit. */
#ifndef HOST_REPORT_H
#define HOST_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define REPORT_LIMIT 50 /* errors printed; the rest is counted */

/* Zero-initialise. Safe to use from several threads. */
struct report {
        unsigned errors;
        unsigned notes;
        int first_code;     /* E_XXX of the first error, 0 if none */
        unsigned limit;     /* 0: REPORT_LIMIT */
        bool quiet_notes;   /* -q: notes are counted, not printed */
        bool silent;        /* nothing is printed, all is counted: to try something first */
        struct diag *first; /* gets the first error, its line and column included; borrowed, NULL:
                               none */
};

/*
 * "file:line:column: text". line 0 leaves out line and column, column 0 the column; file NULL
 * prints the tool's name instead. Returns -code.
 */
int report_error(struct report *r, int code, const char *file, uint32_t line, uint32_t column,
                 const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* The same from a diag (with its line and column, or its byte offset). Returns -diag_code(d). */
int report_diag(struct report *r, const char *file, const struct diag *d);

/* Something accepted but worth saying: "file:line:column: note: text". Does not change the status.
 */
void report_note(struct report *r, const char *file, uint32_t line, uint32_t column,
                 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#if defined __clang_analyzer__ && !defined REPORT_OWN
/* As in base/diag.h. */
#define report_error(r, code, ...) (report_error(r, code, __VA_ARGS__), -(code))
#endif

/* Prints how many errors were not shown, if any. Returns 0 or -first_code. */
int report_finish(struct report *r);

/* "NAME: text" on stderr, for what has no file. */
void tool_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
