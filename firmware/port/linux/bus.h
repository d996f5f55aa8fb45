/* The board that this program runs on: its flash, pins and facts (lib/wire/board_bus.h). */
#ifndef PORT_LINUX_BUS_H
#define PORT_LINUX_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/flash.h"
#include "wire/board_bus.h"

struct bus_info {
        uint8_t mac[6];
        uint16_t chip;
        enum bus_reset reset;
        uint32_t flash_size;
};

/*
 * Asks the board for its facts. -E_LINK: there is no board (the program was started by hand). One
 * thread only, as everything here.
 */
int bus_open(struct bus_info *info);

/* All of the flash; what the board refuses comes back as its error. Borrowed for ever. */
const struct flash *bus_flash(void);

/*
 * The same through the chip's flash encryption: what code, partition table, otadata and partitions
 * flagged `encrypted` are read and written by. If that is on, writes are whole 16-byte blocks.
 */
const struct flash *bus_plain(void);

/* Writes go through the cipher with the key in eFuses also while flash encryption is off; reads and
 * erases are those of bus_flash(). -E_KEY: there is no key. */
const struct flash *bus_cipher(void);

/* HMAC-SHA-256 with an eFuse key that software cannot read. -E_PERM: block i is not for that. */
int bus_hmac(unsigned i, const void *p, size_t n, uint8_t out[32]);

int bus_output(unsigned pin, bool high);
int bus_input(unsigned pin);
int bus_level(unsigned pin); /* 0, 1 or -E_XXX */
int bus_kept(unsigned pin);  /* the same; -E_NOTFOUND: nothing is known */
int bus_efuse(uint32_t offset, uint32_t *value);

/* A register of the eFuse controller: burns, if that is what it asks for. */
int bus_efuse_set(uint32_t offset, uint32_t value);

/* The next change of an input: 1 and pin and level, 0: none, -E_LINK: the board is gone. BUS_FD
 * becomes readable before that. */
int bus_event(unsigned *pin, bool *high);
/* A change has come already, while an answer was awaited: poll(2) does not show it. */
bool bus_event_waits(void);

#endif
