/*
 * The boot ROM's end of the serial loader: request bytes in, reply bytes and operations out, no
 * I/O. Answers as the recorded ROMs do (tests/golden/rom), their stale bytes and hang-ups included,
 * so that a client which works here has met them.
 */
#ifndef WIRE_ROMLDR_SERVER_H
#define WIRE_ROMLDR_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/flash.h"
#include "wire/romldr_wire.h"
#include "wire/slip.h"

/* What differs between the ROMs. */
struct romldr_rom {
        uint8_t begin_len;        /* bytes of FLASH_BEGIN and DEFL_BEGIN: 20 or 16 */
        uint8_t early_data_error; /* of FLASH_DATA before any FLASH_BEGIN */
        bool security_info;       /* knows GET_SECURITY_INFO */
        bool console;             /* FLASH_END(1) ends in the ROM's console, not in silence */
        bool rate_0_hangs;        /* CHANGE_BAUD 0 divides by it */
        const char *fault_text;   /* printed on a CPU exception; "" for none */
};
extern const struct romldr_rom romldr_rom_esp32c3; /* ESP32-C3 ROM api1-20210207 */
extern const struct romldr_rom romldr_rom_esp32;   /* ESP32 ROM of Jul 29 2019 */

enum romldr_event {
        ROMLDR_EV_COMMAND, /* answered: arg is op << 8 | error, error 0 if it was done */
        ROMLDR_EV_BAUD,    /* arg: the new rate, to be used behind what was sent so far */
        ROMLDR_EV_REBOOT,  /* the reply and C0 C0 were sent; reset the chip */
        ROMLDR_EV_LEFT,    /* FLASH_END(1): the loader is over */
        ROMLDR_EV_RUN,     /* MEM_END jumps to arg; nothing is heard until a reset */
        ROMLDR_EV_FAULT,   /* CPU exception; nothing is heard until a reset */
};

/*
 * What the server needs of the chip around it; chip comes first. read_word and write_word return a
 * negative code for an address that makes the CPU trap.
 */
struct romldr_chip_ops {
        int (*read_word)(void *chip, uint32_t addr, uint32_t *value);
        int (*write_word)(void *chip, uint32_t addr, uint32_t value);
        int (*write_ram)(void *chip, uint32_t addr, const uint8_t *p, size_t n);
        void (*security)(void *chip, uint8_t info[ROMLDR_SEC_LEN]);
        bool (*secure_download)(
                void *chip); /* asked before every command: a burn closes the door */
        /*
         * zlib streams. begin forgets the stream before. inflate consumes in and hands what comes
         * out to sink in pieces; returns 1 at the end of the stream, 0 for more, negative for bad
         * data or when sink failed.
         */
        int (*inflate_begin)(void *chip);
        int (*inflate)(void *chip, const uint8_t *in, size_t n,
                       int (*sink)(void *arg, const uint8_t *p, size_t n), void *arg);
};

/* Everything is borrowed until the next init. */
struct romldr_server_config {
        const struct romldr_rom *rom;
        const struct romldr_chip_ops *ops;
        void *chip;
        const struct flash *flash;
        const struct flash *encrypted; /* takes what the chip is to encrypt; NULL: it does not */
        void (*send)(void *ctx, const uint8_t *p, size_t n); /* to the wire */
        void (*event)(void *ctx, enum romldr_event event, uint32_t arg);
        void *ctx;
};

/* An answer that is forced: the command is not carried out. */
struct romldr_refusal {
        uint32_t after; /* commands that still go well before it, if op matches */
        uint32_t count; /* how many are refused; 0: none */
        uint8_t op;     /* only this command; 0: any */
        uint8_t error;  /* ROMLDR_ERR_… */
};

struct romldr_server {
        struct romldr_refusal refusal; /* may be set at any time between two inputs */
        /* private: */
        struct romldr_server_config cfg;
        struct slip_decoder slip;
        uint32_t chip_size; /* bytes, as SPI_SET_PARAMS said */
        uint32_t value;     /* of the last reply: stale unless READ_REG or SYNC */
        uint8_t op;         /* of the last known command */
        uint8_t error;      /* reason of the last failure: stale in some replies */
        uint8_t mode;
        uint8_t console_column;
        struct {
                uint32_t addr; /* where the next byte goes */
                uint32_t block_size;
                uint32_t seq;  /* that is expected */
                uint32_t left; /* blocks announced and not yet written */
                bool begun;
                bool stream_over;
                bool encrypted;
        } flash_job, mem_job; /* the second uses addr, block_size and seq */
        size_t held_len;
        uint8_t held[FLASH_SECTOR]; /* inflated bytes that are not on the flash yet */
        uint8_t reply[ROMLDR_READ_SLOW + ROMLDR_STATUS]; /* data and status; keeps what was there */
        uint8_t packet[ROMLDR_PACKET_MAX];               /* the same */
};

/* The state after a reset into download mode. cfg is copied. */
void romldr_server_init(struct romldr_server *s, const struct romldr_server_config *cfg);

/* n bytes from the wire, in any pieces. Replies and events come through the callbacks meanwhile. */
void romldr_server_input(struct romldr_server *s, const uint8_t *p, size_t n);

#endif
