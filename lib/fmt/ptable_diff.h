/* What happens to a unit in the field whose partition table is replaced by another. Freestanding.
 */
#ifndef FMT_PTABLE_DIFF_H
#define FMT_PTABLE_DIFF_H

#include "fmt/ptable.h"

enum ptable_impact {
        PTABLE_SAFE,     /* nothing is lost */
        PTABLE_REFORMAT, /* boots, but the content of a data partition is lost */
        PTABLE_FATAL,    /* does not boot, cannot be updated again, or loses its identity */
};

struct ptable_change {
        enum ptable_impact impact;
        const struct ptable_entry *before; /* NULL: added, or the table as a whole */
        const struct ptable_entry *after;  /* NULL: removed, or the table as a whole */
        char text[DIAG_TEXT_MAX];          /* "what: what breaks" */
};

struct ptable_diff_config {
        uint32_t before_offset, after_offset; /* where the tables lie; 0: PTABLE_OFFSET */
        void (*change)(void *ctx, const struct ptable_change *c);
        void *ctx;
};

/*
 * Compare two verified tables; every difference is told. Returns the worst impact (PTABLE_SAFE also
 * when nothing differs); *changes (may be NULL) gets the number of differences.
 *
 * The rules are what ESP-IDF v5.5.5 does on the device: the bootloader has the table's offset built
 * in, counts slots to read otadata ((seq - 1) % slots), and starts the running slot where the table
 * says; partitions are found by label; NVS takes up erased pages behind its old end, file systems
 * do not.
 */
enum ptable_impact ptable_diff(const struct ptable *before, const struct ptable *after,
                               const struct ptable_diff_config *cfg, unsigned *changes);

#endif
