/*
 * CSV files as people and spreadsheets write them: libcsv does the fields, this knows the lines
 * and the places. Reads what Python's csv module reads the same way (the references are Python):
 * blanks belong to the field, a quote inside an unquoted field is a character, text behind a
 * closing quote belongs to the field.
 */
#ifndef HOST_CSV_H
#define HOST_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/report.h"

#define CSV_FIELD_MAX ((size_t)1 << 20) /* bytes of one field */

struct csv_field {
        const char *text; /* NUL-terminated; borrowed until the row callback returns */
        size_t len;
        uint32_t line;   /* where the field begins, from 1 */
        uint32_t column; /* characters (not bytes), from 1 */
        bool quoted;
};

struct csv_row {
        const struct csv_field *fields; /* borrowed until the callback returns */
        size_t count;
        uint32_t line; /* of its first field */
};

struct csv_config {
        bool comments; /* physical lines that start with '#' are skipped, as the NVS generator does;
                          an error inside quotes, where the generator would drop them silently */
        bool keep_line_ends; /* false: CRLF and CR inside quotes become LF (Python's universal
                                newlines) */
        char delimiter; /* 0: ',' — or ';' or tab where the first row shows that a spreadsheet used
                           it (with a note) */
        uint32_t first_line; /* number of the text's first line, where it is a piece of a file; 0: 1 */
};

/*
 * Calls row for each row that is not empty. Accepts a UTF-8 byte order mark with a note. Refuses
 * (reported to r with file:line:column) NUL bytes, UTF-16, bytes that are not UTF-8, an
 * unterminated quote, a field over 1 MiB. row returns 0 to go on or a negative code to stop at
 * once; errors that it reported to r itself and wants to go on after are its own business.
 *
 * Returns 0, or the first failure of the file or of row. name is what messages call the file.
 */
int csv_read(const char *name, const char *text, size_t len, const struct csv_config *cfg,
             int (*row)(void *ctx, const struct csv_row *row), void *ctx, struct report *r);

#endif
