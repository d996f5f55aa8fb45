/*
 * What a program that runs on the virtual board says to it: the board's flash, pins and facts, over
 * a SOCK_SEQPACKET socket. One packet asks, one answers; packets of the board alone are events.
 */
#ifndef WIRE_BOARD_BUS_H
#define WIRE_BOARD_BUS_H

/* What the program finds when it starts: its UART is 0, 1 and 2. */
#define BUS_FD 3

/* Exit status 0 asks for a restart; any other status, and any signal, is a panic. */

/*
 * A packet: op u8, three zero bytes, a u32, b u32 (little-endian), data. In an answer op is the
 * question's, a is 0 or -E_XXX as two's complement, b a value.
 */
#define BUS_HEAD     12u
#define BUS_AT_A     4u
#define BUS_AT_B     8u
#define BUS_DATA_MAX 16384u

enum bus_op {
        BUS_INFO = 1, /* answer: BUS_INFO_LEN bytes */
        BUS_READ,     /* a offset, b bytes; answer: data */
        BUS_WRITE,    /* a offset, data: clears bits only */
        BUS_ERASE,    /* a offset, b bytes: whole sectors */
        BUS_EFUSE,    /* a offset of a word in the register space; answer: b */
        BUS_OUTPUT,   /* a pin, b level */
        BUS_INPUT,    /* a pin: from now on its changes are events */
        BUS_LEVEL,    /* a pin; answer: b */
        BUS_KEPT,     /* a pin; answer: b as it was before the restart, or -E_NOTFOUND */
        BUS_EVENT,    /* the board's: a pin, b level */
        /* Through the chip's flash encryption, if that is on: else the same as READ and WRITE. */
        BUS_READ_PLAIN,   /* as BUS_READ */
        BUS_WRITE_PLAIN,  /* as BUS_WRITE; if it is on, whole 16-byte blocks */
        BUS_WRITE_CIPHER, /* as BUS_WRITE, encrypted with the key in eFuses also while encryption is
                             off */
        BUS_EFUSE_SET,    /* a offset of a word in the register space, b value */
        BUS_HMAC,         /* a key block from 0, data a message; answer: its HMAC-SHA-256 */
};

/* Facts of the board. */
#define BUS_INFO_LEN   16u
#define BUS_INFO_MAC   0u  /* 6 bytes */
#define BUS_INFO_CHIP  6u  /* u16, as in image headers */
#define BUS_INFO_RESET 8u  /* u8, enum bus_reset */
#define BUS_INFO_FLASH 12u /* u32: bytes of flash */

enum bus_reset { BUS_RESET_POWER, BUS_RESET_RESTART, BUS_RESET_PANIC };

#endif
