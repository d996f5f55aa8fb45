/*
 * What ROM, bootloader and app read from eFuses before they trust the flash: secure boot with its
 * key digests, flash encryption, the keys in hardware. A few words of the register space, not the
 * tables of fmt/efuse.h, which would not fit into a bootloader. Freestanding.
 *
 * Source: chapter "eFuse Controller" of the technical reference manuals.
 */
#ifndef FMT_BOOTFUSE_H
#define FMT_BOOTFUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "fmt/flashenc.h"
#include "fmt/secboot_flash.h"

#define BOOTFUSE_KEYS 6u /* key blocks of the chips after the ESP32 */

enum bootfuse_purpose { /* of a key block */
                        BOOTFUSE_XTS256_1 = 2,
                        BOOTFUSE_XTS256_2 = 3,
                        BOOTFUSE_XTS128 = 4,
                        BOOTFUSE_HMAC_UP = 8,
                        BOOTFUSE_DIGEST0 = 9, /* and the two after it */
};

struct bootfuse {
        bool secure_boot;    /* version 2 */
        bool secure_boot_v1; /* ESP32: ABS_DONE_0, without version 2; then trust.v1, key not known
                              */
        bool revoke;         /* SECURE_BOOT_AGGRESSIVE_REVOKE */
        struct secboot_trust trust;     /* of a chip with one of both */
        bool encrypted;                 /* an odd number of bits in SPI_BOOT_CRYPT_CNT */
        uint8_t conf;                   /* ESP32: FLASH_CRYPT_CONFIG */
        uint8_t purpose[BOOTFUSE_KEYS]; /* chips after the ESP32 */
};

/* By whom an app has to be signed; NULL: by nobody. */
static inline const struct secboot_trust *bootfuse_trust(const struct bootfuse *b)
{
        return b->secure_boot || b->secure_boot_v1 ? &b->trust : NULL;
}

/* The word at an offset of the register space, as software reads it: a read-protected block gives
 * zeros. 0 or -E_XXX. */
typedef int bootfuse_word(void *ctx, uint32_t offset, uint32_t *value);

/* What the ROM of a chip can verify: a bit for each enum secboot_scheme. chip_id: as in image
 * headers. */
uint8_t bootfuse_schemes(uint16_t chip_id);

/* Returns 0 or what word returned. */
int bootfuse_read(uint16_t chip_id, bootfuse_word *word, void *ctx, struct bootfuse *b);

/*
 * The data of a key block, 32 bytes, in the order of the registers; i counts from 0 (ESP32: 0 is
 * BLOCK1). Only hardware gets those of a read-protected block.
 */
int bootfuse_key(uint16_t chip_id, unsigned i, bootfuse_word *word, void *ctx, uint8_t out[32]);

/* The ESP32's key for secure boot version 1 (BLOCK2), as in its file. */
int bootfuse_v1_key(bootfuse_word *word, void *ctx, uint8_t out[32]);

/*
 * The chip's cipher over its flash from its keys. 0; -E_NOTFOUND: no key block is for that; -E_KEY:
 * both halves of the key are equal (it was never burnt).
 */
int bootfuse_flashenc(uint16_t chip_id, const struct bootfuse *b, bootfuse_word *word, void *ctx,
                      struct flashenc *e);

#endif
