/*
 * Flash encryption as the chips do it: the ESP32's own scheme, XTS-AES of all later chips.
 * Sources: ESP32 Technical Reference Manual, chapter "Flash Encryption/Decryption"; "External
 * Memory Encryption and Decryption" of the later manuals; checked against espsecure 4.8.1.
 * Freestanding.
 */
#ifndef FMT_FLASHENC_H
#define FMT_FLASHENC_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "crypt/crypt.h"

#define FLASHENC_KEY_MAX  64u
#define FLASHENC_BLOCK    16u  /* addresses and lengths are multiples of it */
#define FLASHENC_CONF_ALL 0xFu /* FLASH_CRYPT_CONFIG as it is burnt: the whole key is tweaked */

enum flashenc_kind {
        FLASHENC_ESP32,
        FLASHENC_XTS128, /* key of 32 bytes: data key, tweak key */
        FLASHENC_XTS256, /* 64 bytes (ESP32-S2, S3) */
};

struct flashenc {
        enum flashenc_kind kind; /* read-only */
        /* private: */
        uint8_t conf;
        uint8_t key[32];
        struct crypt_xts xts;
};

/*
 * What a key file stands for: 16 bytes are hashed to 32, 24 bytes (3/4 coding) have their bytes 8
 * … 15 repeated at the end, 32 and 64 are as they are. Returns the key's length, or -E_KEY.
 */
int flashenc_key(const uint8_t *file, size_t n, uint8_t key[FLASHENC_KEY_MAX]);

/* The key as in its file (eFuses hold it with its last byte first). -E_KEY: equal halves. */
int flashenc_init_xts(struct flashenc *e, const uint8_t *key, size_t n);

/* conf: FLASH_CRYPT_CONFIG, bits above the fourth do not count. */
int flashenc_init_esp32(struct flashenc *e, const uint8_t key[32], uint8_t conf);

void flashenc_free(struct flashenc *e); /* wipes */

/*
 * n bytes that belong at address on the flash, in place. Neighbours do not matter: any run of whole
 * 16-byte blocks can be done alone. -E_RANGE: not whole blocks, or beyond what the chip can address
 * (4 GiB; ESP32: 16 MiB).
 */
int flashenc_encrypt(const struct flashenc *e, uint32_t address, uint8_t *p, size_t n);
int flashenc_decrypt(const struct flashenc *e, uint32_t address, uint8_t *p, size_t n);

/*
 * A flash seen through the cipher. Reads of any place and length; writes of whole 16-byte blocks
 * (-E_RANGE otherwise): as on the chips, where what was written once can only be erased.
 */
struct flashenc_flash {
        struct flash flash;
        /* private: */
        const struct flash *under;
        const struct flashenc *enc;
};

/* under and enc are borrowed as long as v is used; enc NULL: no cipher. */
void flashenc_flash_init(struct flashenc_flash *v, const struct flash *under,
                         const struct flashenc *enc);

#endif
