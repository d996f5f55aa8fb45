/* A serial NOR flash chip as its bus sees it: opcodes over a struct flash. */
#ifndef SIM_SPINOR_H
#define SIM_SPINOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/flash.h"

struct sim_spinor {
        const struct flash *flash; /* borrowed; its size is a power of two */
        bool (*busy)(void *ctx);   /* is an erase or write still under way? NULL: never */
        void *ctx;
        uint8_t status[3]; /* registers 1 to 3; WIP and WEL are kept apart */
        bool write_enabled;
};

void sim_spinor_init(struct sim_spinor *c, const struct flash *flash);

/* One transaction on the bus. */
struct sim_spi {
        uint8_t opcode;
        uint32_t addr;      /* 24 bits; ignored by commands without one */
        const uint8_t *out; /* bytes to the chip */
        size_t out_len;
        uint8_t *in; /* room for bytes from it */
        size_t in_len;
};

/*
 * An opcode that the chip does not have reads as zeros. Commands, status bits and identification as
 * in the GigaDevice GD25Q datasheets (manufacturer C8).
 */
void sim_spinor_transfer(struct sim_spinor *c, const struct sim_spi *t);

#endif
