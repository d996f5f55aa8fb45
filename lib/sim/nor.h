/*
 * NOR flash in memory that behaves as the chips do, with faults: for tests and the virtual board.
 *
 * - write only clears bits: one that would set a bit is -E_IO, changes nothing and is counted;
 * - erase sets whole sectors to 0xFF and is counted per sector;
 * - the power can be cut at any operation: that operation happens in part, and it and every later
 *   one return -E_IO until nor_power_on.
 *
 * An operation is one write or one erase call of any length; reads are not counted and always work
 * while there is power.
 */
#ifndef SIM_NOR_H
#define SIM_NOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/flash.h"

#define NOR_NEVER UINT64_MAX

/* What an erase that is cut leaves of each of its sectors. */
enum nor_torn_erase {
        NOR_ERASE_HEAD,  /* the first cut_bytes bytes are erased */
        NOR_ERASE_TAIL,  /* the last cut_bytes bytes are erased */
        NOR_ERASE_RANDOM /* each byte is erased, or has more bits set than before; by seed */
};

struct nor {
        struct flash flash; /* the region, for those who use it */

        /* faults; may be changed at any time */
        uint64_t cut_at;  /* operations (from 0, see ops) before the one that is cut; NOR_NEVER */
        size_t cut_bytes; /* bytes of that operation that still happen; SIZE_MAX: all of them */
        enum nor_torn_erase torn_erase;
        uint32_t seed; /* of NOR_ERASE_RANDOM */

        /* counters */
        uint64_t ops;        /* writes and erases so far */
        uint64_t violations; /* writes that would have set a bit */
        bool off;            /* the power was cut */

        /* private: */
        uint8_t *mem;
        uint32_t *wear;
};

/*
 * mem: size bytes, borrowed, as they are (not erased); size a multiple of FLASH_SECTOR, else
 * -E_RANGE. wear: one counter a sector, borrowed and set to 0, or NULL.
 */
int nor_init(struct nor *n, uint8_t *mem, uint32_t size, uint32_t *wear);

/* The power comes back; no further cut is planned. */
void nor_power_on(struct nor *n);

/* Erases of a sector so far (0 without wear counters). */
uint32_t nor_wear(const struct nor *n, uint32_t sector);

#endif
