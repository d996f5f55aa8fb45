#include "map.h"

#include <stdlib.h>

static enum region_kind kind_of(const struct ptable_entry *e)
{
        switch (e->type) {
        case PTABLE_APP:
                return REGION_APP;
        case PTABLE_BOOTLOADER:
                return REGION_BOOT;
        case PTABLE_TABLE:
                return REGION_TABLE;
        case PTABLE_DATA:
                return e->subtype == PTABLE_DATA_NVS || e->subtype == PTABLE_DATA_NVS_KEYS
                               ? REGION_NVS
                               : REGION_DATA;
        default:
                return REGION_OTHER;
        }
}

static void add(struct flash_map *m, struct region r)
{
        if (r.end <= r.start || m->count == REGIONS_MAX)
                return;
        m->regions[m->count++] = r;
        if (r.kind != REGION_HOLE)
                m->used += r.end - r.start;
}

static int by_start(const void *a, const void *b)
{
        const struct region *x = a;
        const struct region *y = b;

        return x->start < y->start ? -1 : x->start > y->start;
}

void map_build(struct flash_map *m, const struct ptable_file *f, uint32_t table_offset,
               uint64_t flash_size)
{
        uint64_t at = 0;
        size_t taken;

        *m = (struct flash_map){ .file = f->name, .flash_size = flash_size };
        for (size_t i = 0; i < f->table.count; i++) {
                const struct ptable_entry *e = &f->table.entries[i];

                add(m, (struct region){ kind_of(e), e->name, e, e->offset, ptable_end(e) });
        }
        if (!ptable_find_type(&f->table, PTABLE_TABLE, PTABLE_BOOT_PRIMARY, NULL))
                add(m, (struct region){ REGION_TABLE, "partition table", NULL, table_offset,
                                        (uint64_t)table_offset + PTABLE_SECTOR });
        if (!ptable_find_type(&f->table, PTABLE_BOOTLOADER, PTABLE_BOOT_PRIMARY, NULL))
                add(m, (struct region){ REGION_BOOT, "bootloader", NULL, 0, table_offset });
        qsort(m->regions, m->count, sizeof m->regions[0], by_start);
        taken = m->count;
        for (size_t i = 0; i < taken; i++) {
                add(m, (struct region){ REGION_HOLE, "unused", NULL, at, m->regions[i].start });
                if (m->regions[i].end > at)
                        at = m->regions[i].end;
        }
        add(m, (struct region){ REGION_HOLE, "unused", NULL, at, flash_size });
        qsort(m->regions, m->count, sizeof m->regions[0], by_start);
}

double map_percent(const struct flash_map *m, uint64_t size)
{
        return 100.0 * (double)size / (double)m->flash_size;
}
