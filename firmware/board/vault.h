/*
 * What eFuses make of the chip, latched at each reset as in silicon: whom the ROM trusts, the
 * cipher between code and flash, keys that only hardware may use.
 */
#ifndef BOARD_VAULT_H
#define BOARD_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fmt/bootfuse.h"
#include "sim/chip.h"

struct vault {
        struct bootfuse fuse; /* read-only */
        /* The flash as code sees it; through the cipher once flash encryption is on. */
        struct flashenc_flash plain;
        /* The same for what download mode is asked to encrypt; .flash.read NULL: it may not. */
        struct flashenc_flash manual;
        /* private: */
        const struct sim_chip *chip;
        struct flashenc enc;
        bool has_key;
};

/* After a reset. Both are borrowed until the next one or vault_free; v must not move. */
void vault_latch(struct vault *v, const struct sim_chip *chip, const struct flash *raw);
void vault_free(struct vault *v); /* wipes; a zeroed v is fine */

/* Into raw as the manual encryption does it, with the key that is in eFuses now, encryption on or
 * off. -E_KEY: there is none; errors of flashenc.h and the flash. */
int vault_write_cipher(const struct vault *v, const struct flash *raw, uint32_t offset,
                       const void *p, size_t n);

/* ESP32, secure boot version 1: is the bootloader of len bytes at offset the one that the digest at
 * 0x0 is of? See secboot_v1_boot_verify(). */
int vault_check_digest(const struct vault *v, uint32_t offset, uint32_t len, struct diag *d);

/* HMAC-SHA-256 with the key in block i, whose purpose has to be HMAC_UP: else -E_PERM. */
int vault_hmac(const struct vault *v, unsigned i, const void *p, size_t n,
               uint8_t out[CRYPT_SHA256_LEN]);

#endif
