/*
 * A large CSV file in pieces: whole records, cut where csv_read may read them one piece at a time,
 * on several threads. Memory is that of the pieces, whatever the file's size.
 */
#ifndef HOST_BATCH_READ_H
#define HOST_BATCH_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/diag.h"
#include "host/sha256.h"

#define BATCH_RECORD_MAX ((size_t)16 << 20) /* bytes of one record */

struct batch_reader {
        const char *name; /* borrowed */
        char delimiter;   /* set by the caller once the header is known; 0: any of , ; and tab */
        uint32_t line;    /* of the next record, from 1 */
        uint64_t records; /* given out so far */
        /* private: */
        int fd;
        struct stat st;     /* as the file was when it was opened */
        struct sha256 *sha; /* of all bytes; NULL: not wanted */
        char *buf;
        size_t from, to, cap;
        bool eof;
};

/* A piece: records that follow each other. Zero-initialise; reused by each call; free at the end.
 */
struct batch_piece {
        char *text;
        size_t len, cap;
        uint32_t line;  /* of its first byte */
        uint64_t first; /* number of its first record in the file, from 0 */
        size_t records;
};

/*
 * Open a regular file (it is read twice, so no pipe). sha (may be NULL; borrowed) takes in all
 * bytes that are read.
 */
int batch_reader_open(struct batch_reader *r, const char *path, struct sha256 *sha, struct diag *d);
void batch_reader_close(struct batch_reader *r);

/*
 * The next piece: up to max records, fewer once it has bytes bytes. Blank lines and comment lines
 * are in the text but are no records. Returns 1, 0 at the end of the file, or -E_XXX: a record
 * over BATCH_RECORD_MAX, a read error, or a file that is not the one that was opened any more.
 */
int batch_reader_next(struct batch_reader *r, struct batch_piece *p, size_t max, size_t bytes,
                      struct diag *d);
void batch_piece_free(struct batch_piece *p); /* wipes */

/*
 * Length of the record (or blank or comment line) at p, with its line end; 0: it does not end in
 * these n bytes. lines gets the line ends in it; *is_record is false for blank and comment lines.
 */
size_t batch_record_length(const char *p, size_t n, char delimiter, bool eof, uint32_t *lines,
                           bool *is_record);

/* Is the file still the one that was opened? */
bool batch_reader_unchanged(const struct batch_reader *r);

#endif
