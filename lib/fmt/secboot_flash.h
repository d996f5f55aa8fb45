/* A signed image verified where it lies on flash, as ROM, bootloader and update do it.
 * Freestanding; 3 KiB of stack. */
#ifndef FMT_SECBOOT_FLASH_H
#define FMT_SECBOOT_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/secboot.h"

/* Whom a chip trusts: digests of public keys in its eFuses; version 1: one key that is part of the
 * firmware. */
struct secboot_trust {
        bool v1;               /* the ESP32's version 1 */
        const uint8_t *v1_key; /* SECBOOT_V1_KEY bytes, borrowed; NULL: nobody is trusted */
        uint8_t digest[SECBOOT_BLOCKS][SECBOOT_KEY_DIGEST];
        uint8_t usable;  /* a bit a digest: burnt and not revoked */
        uint8_t schemes; /* a bit for each enum secboot_scheme that the chip can verify */
};

/*
 * Is the image of len bytes at offset signed by somebody who is trusted? room: bytes there may be,
 * the padding and the signature sector included. One good block of a trusted key is enough, in any
 * of the three places; bytes of the sector that belong to no block are not looked at, as in the
 * ROMs. 0; -E_VERIFY with the reason; or the flash's error.
 *
 * broken (may be NULL) gets a bit for each trusted digest whose key has a block here that is whole
 * and over this very image, and whose signature is wrong all the same: what a ROM revokes under
 * SECURE_BOOT_AGGRESSIVE_REVOKE. Blocks behind the first good one are not looked at.
 */
int secboot_flash_verify(const struct flash *f, uint32_t offset, uint32_t len, uint32_t room,
                         const struct secboot_trust *trust, uint8_t *broken, struct diag *d);

#endif
