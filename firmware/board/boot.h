/*
 * What runs on a board: the program of the verified image at the bootloader's offset, as a process
 * of its own, with the board's flash, pins and facts behind a socket (lib/wire/board_bus.h) and the
 * UART as its standard input and output.
 *
 * Every flash operation is done here and not in the program, so that NOR rules, times and power
 * cuts hold for it as for the ROM.
 */
#ifndef BOARD_BOOT_H
#define BOARD_BOOT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "board.h"
#include "wire/board_bus.h"

struct boot {
        struct board *board;                         /* borrowed */
        uint64_t out_enabled, out_level, in_watched; /* a bit a pin */
        /* private: */
        pid_t pid;                      /* 0: nothing runs */
        int process, bus, uart;         /* pidfd and our ends of both sockets; -1: none */
        unsigned resets;                /* the board's, when the program was started */
        enum bus_reset reason;          /* of the start under way, or of the next one */
        bool button;                    /* as the program knows it */
        uint64_t out_kept_en, out_kept; /* outputs before the restart */
        size_t answer_len;              /* waits for the flash chip; 0: none */
        uint8_t answer[BUS_HEAD + BUS_DATA_MAX];
};

/* b's hooks lead here from now on. b is borrowed until boot_free. */
void boot_init(struct boot *o, struct board *b);
void boot_free(struct boot *o);

/* After board_tick: a program that the board does not run any more is killed, the button is told.
 */
void boot_tick(struct boot *o, uint64_t now);

/* When boot_tick has something to do by itself. */
uint64_t boot_due(const struct boot *o);

#define BOOT_FDS 3
void boot_poll(const struct boot *o, struct pollfd fds[BOOT_FDS]);
void boot_serve(struct boot *o, const struct pollfd fds[BOOT_FDS], uint64_t now);

/* The level at a pin: what an output drives, low under a pressed button, else pulled up. */
bool boot_level(const struct boot *o, unsigned pin);

#endif
