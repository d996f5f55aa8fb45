/* A NOR flash region as a table of operations: a file, a simulation, a partition of a real chip. */
#ifndef BASE_FLASH_H
#define BASE_FLASH_H

#include <stddef.h>
#include <stdint.h>

#define FLASH_SECTOR 4096u /* smallest erasable unit in bytes, on every supported chip */

/*
 * Offsets are relative to the region. Every operation returns 0 or -E_XXX; an operation that would
 * cross the end of the region returns -E_RANGE and does nothing.
 *
 * NOR rules: erase sets whole sectors to 0xFF (offset and len multiples of FLASH_SECTOR), write can
 * only clear bits. Writes are not atomic: power lost in the middle leaves any prefix of them, in
 * units of one byte.
 */
struct flash {
        int (*read)(const struct flash *f, uint32_t offset, void *buf, size_t len);
        int (*write)(const struct flash *f, uint32_t offset, const void *buf, size_t len);
        int (*erase)(const struct flash *f, uint32_t offset, size_t len);
        void *ctx;     /* of the implementation; borrowed */
        uint32_t size; /* bytes, a multiple of FLASH_SECTOR */
};

static inline int flash_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        return f->read(f, offset, buf, len);
}

static inline int flash_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        return f->write(f, offset, buf, len);
}

static inline int flash_erase(const struct flash *f, uint32_t offset, size_t len)
{
        return f->erase(f, offset, len);
}

#endif
