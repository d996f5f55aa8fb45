/* Lines and fields of a partition table's text form; what they mean is ptable_csv.c's business. */
#ifndef HOST_PTABLE_TEXT_H
#define HOST_PTABLE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/file.h"
#include "host/report.h"

#define PTABLE_TEXT_FIELDS 8 /* read of a row; the table has six columns */

struct ptable_text_field {
        char *text;      /* trimmed, NUL-terminated; borrowed until the next row */
        size_t len;      /* bytes */
        uint32_t column; /* characters, from 1 */
};

/* A reader of rows. Zero-initialise, set name, text, len and r; free when done. */
struct ptable_text {
        const char *name; /* of the file, for messages */
        const char *text; /* UTF-8; borrowed */
        size_t len;
        struct report *r;
        /* the row that ptable_text_next gave */
        struct ptable_text_field fields[PTABLE_TEXT_FIELDS];
        size_t count;
        uint32_t line;
        uint32_t end_column; /* behind the row's last character */
        /* private: */
        size_t at;
        uint32_t lines;
        char *buf;         /* the line with its variables expanded */
        uint32_t *columns; /* where each byte of buf stands in the file */
        size_t used, cap;
        bool told_quotes, told_delimiter, told_comment;
};

/*
 * The next row that is neither empty nor a comment. Returns 1, 0 at the end, or the negative code
 * of an error in a row (told to r; the row is lost, go on with the next call) — except -E_NOMEM,
 * which ends it.
 */
int ptable_text_next(struct ptable_text *t);
void ptable_text_free(struct ptable_text *t);

/*
 * The bytes of a text file as UTF-8 without byte order mark; a mark tells UTF-8, UTF-16 and UTF-32
 * apart, as in the reference. Returned in out: free with blob_free. Errors: -E_FORMAT (told to r).
 */
int ptable_text_decode(const char *name, const uint8_t *p, size_t n, struct blob *out,
                       struct report *r);

#endif
