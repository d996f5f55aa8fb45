/*
 * Partition tables as text, and tables from files of any kind. The grammar is that of
 * gen_esp32part.py 1.5 (ESP-IDF v5.5.5), which is not quoted CSV: environment variables, lines that
 * start with '#', K and M behind numbers, blank offsets, sizes that mean "up to" (negative).
 * Ours besides: size "max" and "NN%", and what spreadsheets make of a table (quotes, ';').
 */
#ifndef HOST_PTABLE_CSV_H
#define HOST_PTABLE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fmt/ptable.h"
#include "host/file.h"
#include "host/report.h"

#define PTABLE_EXTRA_MAX 64

/* One subtype that a project adds: "app, my_slot, 0x60". */
struct ptable_extra {
        uint8_t type, subtype;
        char name[48];
};
struct ptable_extras {
        size_t count;
        struct ptable_extra items[PTABLE_EXTRA_MAX];
};

/*
 * Add one definition "TYPE, NAME, NUMBER" (the number hexadecimal, with or without 0x). Errors:
 * -E_SYNTAX, -E_RANGE, -E_EXISTS (a name or a number that is taken), -E_NOSPACE.
 */
int ptable_extra_add(struct ptable_extras *x, const char *text, struct diag *d);

/* How a file is read. Zero-initialised it reads what most projects have. */
struct ptable_config {
        uint32_t table_offset; /* 0: PTABLE_OFFSET */
        uint64_t flash_size;   /* bytes; 0: unknown, then sizes "max" and "NN%" are errors */
        bool has_primary, has_recovery; /* the two bootloader offsets are known */
        uint32_t primary_offset, recovery_offset;
        bool no_md5; /* no MD5 entry is made, and one in a binary table is an error */
        bool secure_v1;
        bool no_verify;
        const struct ptable_extras *extras; /* borrowed, NULL: none */
};

enum ptable_source { PTABLE_FROM_CSV, PTABLE_FROM_BINARY, PTABLE_FROM_DUMP };

/* A table and where its entries stand in the file, for messages. */
struct ptable_file {
        struct ptable table;
        const char *name; /* of the file; borrowed from the caller of ptable_load */
        enum ptable_source source;
        uint32_t lines[PTABLE_MAX]; /* CSV only, else 0 */
        uint32_t columns[PTABLE_MAX][PTABLE_FIELDS];
};

/*
 * Load a table from CSV, a binary table, or a flash dump that holds one at the table's offset;
 * which it is is told by the content. path "-" is standard input. The table is verified (except
 * with no_verify). Every error and note goes to r. Returns 0 or the first error; f is meaningful
 * only after 0.
 */
int ptable_load(struct ptable_file *f, const char *path, const struct ptable_config *cfg,
                struct report *r);

/* The same from memory; name is what messages call it. */
int ptable_load_mem(struct ptable_file *f, const char *name, const uint8_t *p, size_t n,
                    const struct ptable_config *cfg, struct report *r);

/* The partition of that label, or NULL and an error in r that names the labels there are. */
const struct ptable_entry *ptable_require(const struct ptable_file *f, const char *label,
                                          struct report *r);

/*
 * The table as text, byte for byte as the reference writes it. Returned in out: free with
 * blob_free. Returns 0, -E_NOMEM, or -E_FORMAT for a name that the text form cannot hold (a comma
 * in it, white space around it, "#" or a quote at its beginning, "$" before a word).
 */
int ptable_to_csv(const struct ptable *t, const struct ptable_extras *extras, struct blob *out,
                  struct diag *d);

#endif
