/* A struct flash over the caller's memory, for images that are at hand as a whole. Freestanding. */
#ifndef FMT_FLASH_RAM_H
#define FMT_FLASH_RAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/flash.h"

/*
 * f works on image in place; image is borrowed as long as f is used. size: bytes, a multiple of
 * FLASH_SECTOR, else -E_RANGE. A write that would set a bit is -E_IO and does nothing.
 */
int flash_ram_init(struct flash *f, uint8_t *image, size_t size);

/* The same, but every write and erase is -E_PERM: image is never touched. */
int flash_ram_init_const(struct flash *f, const uint8_t *image, size_t size);

#endif
