/*
 * eFuses as tables: where each chip keeps which field, what protects it, what a key block may be
 * for. Freestanding; works on an image of the controller's registers and touches no chip.
 *
 * Sources: chapters "eFuse Controller" of the technical reference manuals (register offsets,
 * fields, protection bits, key purposes), checked row by row against the tables that espefuse 4.8.1
 * and 5.2.0 works with (tests/unit/efuse_test.c).
 */
#ifndef FMT_EFUSE_H
#define FMT_EFUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EFUSE_IMAGE_MAX 0x200u /* bytes of the largest register space */
#define EFUSE_BLOCKS    11u    /* blocks a chip has at most */
#define EFUSE_DATA_MAX  32u    /* bytes of a block's data at most */
#define EFUSE_NO        0xffu  /* as a protection bit: there is none */

enum efuse_kind {
        EFUSE_BOOL,    /* one bit */
        EFUSE_UINT,    /* up to 32 bits, a number */
        EFUSE_COUNT,   /* the same; its set bits are counted, more are burnt as time goes by */
        EFUSE_BYTES,   /* whole bytes, byte 0 first */
        EFUSE_MAC,     /* an address, its last byte first */
        EFUSE_OWN_MAC, /* an address, its first byte first */
        EFUSE_CALC,    /* no bits of its own: made of other fields (host/efuse_value.h) */
};

struct efuse_field {
        const char *name; /* other spellings behind '|' */
        uint8_t block;
        uint16_t bit; /* of the block's data, from 0 */
        uint16_t len; /* bits */
        enum efuse_kind kind;
        uint8_t write_protect; /* bit of WR_DIS; EFUSE_NO */
        uint8_t read_protect;  /* bit of RD_DIS; EFUSE_NO */
};

struct efuse_block {
        const char *name;     /* other spellings behind '|' */
        uint16_t read, write; /* offsets of its registers */
        uint8_t words;
        uint8_t write_protect, read_protect; /* as above */
        const char *purpose;                 /* field that says what its key is for, or NULL */
};

enum {
        EFUSE_KEY_REVERSED = 1 << 0, /* burnt with its last byte first */
        EFUSE_KEY_SECRET = 1 << 1,   /* hardware uses it, software need not read it */
        EFUSE_KEY_DIGEST = 1 << 2,   /* of a public key for secure boot: has to stay readable */
        EFUSE_KEY_XTS = 1 << 3,      /* flash encryption */
        EFUSE_KEY_PEM = 1 << 4,      /* comes as a private EC key */
};

struct efuse_purpose {
        const char *name;
        uint8_t id;
        uint8_t flags;
};

/* One write to a timing register before a burn: value is put into the bits of mask. */
struct efuse_timing {
        uint8_t crystal; /* MHz for which it is meant; 0: ends the list */
        uint16_t offset;
        uint32_t mask, value;
};

enum {
        EFUSE_CHIP_V1 = 1 << 0,        /* the ESP32: all blocks burn at once, 3/4 coding */
        EFUSE_CHIP_ERR_SHIFT = 1 << 1, /* fail bits stand one block too late (ESP32-C3) */
        EFUSE_CHIP_KEY5_XTS = 1 << 2,  /* BLOCK_KEY5 cannot feed XTS-AES or ECDSA */
        EFUSE_CHIP_JTAG_USB = 1 << 3,  /* DIS_USB_JTAG with DIS_USB_SERIAL_JTAG stops the ROM */
        EFUSE_CHIP_VDD = 1 << 4,       /* the flash voltage can be set */
};

struct efuse_chip {
        const char *name; /* "esp32c3" */
        uint32_t base;    /* address of the controller */
        uint16_t size;    /* bytes of its register space */
        uint16_t conf, cmd;
        uint16_t rs_err, repeat_err; /* error registers; ESP32: rs_err is DEC_STATUS */
        unsigned flags;
        const struct efuse_block *blocks;
        const struct efuse_field *fields; /* in the order of blocks and bits */
        const struct efuse_purpose *purposes;
        const struct efuse_timing *timing;
        uint8_t block_count;
        uint8_t field_count;
        uint8_t purpose_count;
        struct { /* fields of BLOCK2 or BLOCK3 mean calibration only where this one has that value
                  */
                const char *field;
                uint8_t value;
        } calibration;
};

extern const struct efuse_chip efuse_esp32, efuse_esp32s2, efuse_esp32s3, efuse_esp32c3,
        efuse_esp32c6, efuse_esp32h2;

/* Words of the configuration and command registers, the same on all chips. */
#define EFUSE_CONF_WRITE 0x5a5au
#define EFUSE_CONF_READ  0x5aa5u
#define EFUSE_CMD_READ   0x1u
#define EFUSE_CMD_PGM    0x2u  /* later chips: the block's number from bit 2 */
#define EFUSE_CHECK      0x20u /* of the check words' registers, chips after the ESP32 */

/* By name ("esp32c3", "ESP32-C3"), NULL if there is none; by index, NULL behind the last. */
const struct efuse_chip *efuse_chip_of(const char *name);
const struct efuse_chip *efuse_chip_at(size_t i);

/* By name or other spelling, in either case; NULL if the chip has none. */
const struct efuse_field *efuse_field(const struct efuse_chip *c, const char *name);
const struct efuse_block *efuse_block(const struct efuse_chip *c, const char *name);
const struct efuse_purpose *efuse_purpose(const struct efuse_chip *c, const char *name);
const struct efuse_purpose *efuse_purpose_of(const struct efuse_chip *c, unsigned id);

/* The length of the first spelling: what is shown. */
size_t efuse_name_len(const char *names);

/*
 * Reading an image: the register space, little-endian words at their offsets. image has c->size
 * bytes everywhere below.
 */

/* A field of up to 32 bits; of a longer one the lowest 32. EFUSE_CALC gives 0. */
uint32_t efuse_get(const struct efuse_chip *c, const uint8_t *image, const struct efuse_field *f);

/* The same by name; 0 if the chip has no such field. */
uint32_t efuse_value(const struct efuse_chip *c, const uint8_t *image, const char *name);

/* The bits of a block's data as bytes (bit n is bit n % 8 of byte n / 8), len bits from bit. */
void efuse_bits_get(const uint8_t *data, unsigned bit, unsigned len, uint8_t *out);
void efuse_bits_or(uint8_t *data, unsigned bit, unsigned len, const uint8_t *in);

/* True if that bit of WR_DIS or RD_DIS is burnt; EFUSE_NO: false. */
bool efuse_write_protected(const struct efuse_chip *c, const uint8_t *image, unsigned bit);
bool efuse_read_protected(const struct efuse_chip *c, const uint8_t *image, unsigned bit);

/* Clear in image what read protection hides. */
void efuse_hide(const struct efuse_chip *c, uint8_t *image);

/*
 * The next key block, from index on, whose purpose is id: its index in c->blocks, or -1. from 0
 * finds the first. The ESP32 has no purposes: always -1.
 */
int efuse_key_find(const struct efuse_chip *c, const uint8_t *image, unsigned id, unsigned from);

/* What the decoder says of block i: wrong bits or bytes found, and whether it gave up. */
struct efuse_errors {
        unsigned count;
        bool fail;
};
struct efuse_errors efuse_errors(const struct efuse_chip *c, const uint8_t *image, unsigned i);

/* --- coding --- */

enum efuse_coding { EFUSE_PLAIN, EFUSE_34, EFUSE_RS, EFUSE_UNKNOWN };

/* How block i is coded on this chip. EFUSE_UNKNOWN: the ESP32's coding scheme 2. */
enum efuse_coding efuse_coding(const struct efuse_chip *c, const uint8_t *image, unsigned i);

/* Bytes of data that block i holds: 24 with 3/4 coding. */
size_t efuse_data_len(const struct efuse_chip *c, const uint8_t *image, unsigned i);

#define EFUSE_RS_CHECK 12u

/*
 * Reed-Solomon over GF(256), polynomial 0x11d, roots 2^0 … 2^11: the check bytes of 32 data bytes,
 * in the order in which they follow them.
 */
void efuse_rs_encode(const uint8_t data[32], uint8_t check[EFUSE_RS_CHECK]);

/* Four times six bytes of data, their xor, and the sum of i * (bits set in byte i), i = 1 … 6. */
void efuse_34_encode(const uint8_t data[24], uint8_t out[32]);
bool efuse_34_valid(const uint8_t coded[32]);

/* CRC-8 of an address in the order of its text (polynomial 0x8c reflected, from 0): the ESP32 keeps
 * it beside MAC and CUSTOM_MAC. */
uint8_t efuse_mac_crc(const uint8_t mac[6]);

/* --- the file of espefuse's virtual chips and of QEMU: the image reversed byte by byte --- */

void efuse_file_get(const struct efuse_chip *c, uint8_t *image, const uint8_t *file);
void efuse_file_put(const struct efuse_chip *c, const uint8_t *image, uint8_t *file);

#endif
