/* Between the two halves of the CSV reader: rows as written, and their places on flash. */
#ifndef HOST_PTABLE_ROWS_H
#define HOST_PTABLE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/ptable_csv.h"

enum ptable_size_kind {
        PTABLE_SIZE_FIXED,
        PTABLE_SIZE_UP_TO, /* a negative number: the end address */
        PTABLE_SIZE_PERCENT,
        PTABLE_SIZE_MAX,
};

struct ptable_row {
        struct ptable_entry entry; /* offset and size are filled in by the layout */
        bool has_offset;
        bool placed; /* the layout gave it an offset and a size */
        uint64_t offset;
        enum ptable_size_kind kind;
        uint64_t size; /* bytes, end address or per cent */
        uint32_t line;
        uint32_t columns[PTABLE_FIELDS];
};

struct ptable_rows {
        const char *name; /* of the file */
        const struct ptable_config *cfg;
        struct report *r;
        size_t count;
        struct ptable_row rows[PTABLE_MAX];
};

/* Give every row its offset and size. Every error goes to rows->r; returns 0 or the first. */
int ptable_rows_place(struct ptable_rows *rows);

/*
 * Read the text form into f (whose name is set). f->table holds the rows without an error of their
 * own also after a failure, so that they can be verified too.
 */
int ptable_csv_read(struct ptable_file *f, const uint8_t *p, size_t n,
                    const struct ptable_config *cfg, struct report *r);

static inline uint32_t ptable_table_offset(const struct ptable_config *cfg)
{
        return cfg->table_offset ? cfg->table_offset : PTABLE_OFFSET;
}

/* The primary bootloader and the table itself lie where they lie: they take no part in the layout.
 */
static inline bool ptable_row_is_primary(const struct ptable_row *row)
{
        return (row->entry.type == PTABLE_BOOTLOADER || row->entry.type == PTABLE_TABLE) &&
               row->entry.subtype == PTABLE_BOOT_PRIMARY;
}

#endif
