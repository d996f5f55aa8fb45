/* A flash as a list of regions without gaps: what `map` draws, in text and in SVG. */
#ifndef PARTGEN_MAP_H
#define PARTGEN_MAP_H

#include "host/file.h"
#include "host/ptable_csv.h"

enum region_kind {
        REGION_BOOT,  /* bootloader */
        REGION_TABLE, /* the partition table */
        REGION_APP,
        REGION_NVS,
        REGION_DATA,
        REGION_OTHER, /* types of the application's own */
        REGION_HOLE,
};

struct region {
        enum region_kind kind;
        const char *name;                 /* borrowed from the table, or a constant */
        const struct ptable_entry *entry; /* NULL: no partition */
        uint64_t start, end;
};

/* Every second one a hole at worst, and bootloader, table and tail besides. */
#define REGIONS_MAX (2 * PTABLE_MAX + 6)

struct flash_map {
        const char *file;
        uint64_t flash_size;
        bool flash_given; /* else the smallest usual size that holds the table */
        uint64_t used;    /* bytes in partitions, bootloader and table */
        size_t count;
        struct region regions[REGIONS_MAX];
};

void map_build(struct flash_map *m, const struct ptable_file *f, uint32_t table_offset,
               uint64_t flash_size);

/* The drawing, returned in out (free with blob_free). -E_NOMEM. */
int map_svg(const struct flash_map *m, struct blob *out);

double map_percent(const struct flash_map *m, uint64_t size);

#endif
