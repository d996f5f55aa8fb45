/* The board's flash: a file in memory with NOR behaviour, typical times and a power cut on request.
 */
#ifndef BOARD_FLASH_FILE_H
#define BOARD_FLASH_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"

#define FLASH_PAGE 256u

struct flash_file {
        struct flash flash;
        uint64_t operations; /* pages written and sectors or blocks erased since the start */
        uint64_t cut_at;     /* this operation (from 1) stops half done; 0: none */
        bool powerless;      /* every operation fails */
        /* Called behind every operation: typical duration in microseconds. May be NULL. */
        void (*spent)(void *ctx, uint32_t us);
        void (*lost_power)(void *ctx);
        void *ctx;
        /* private: */
        uint8_t *map;
        int fd;
};

/*
 * Open path, or make it (erased) if it is not there; NULL: memory that ends with the process. size:
 * bytes, a power of two from 64 KiB to 128 MiB; a file of another size is refused. The file is
 * locked: -E_BUSY if another board has it. What was written survives a kill of the process.
 */
int flash_file_open(struct flash_file *f, const char *path, uint32_t size, struct diag *d);
void flash_file_close(struct flash_file *f);

/* Erased all over, whatever the power is. */
void flash_file_blank(struct flash_file *f);

#endif
