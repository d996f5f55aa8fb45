/* A signed image verified where it lies on flash, as ROM, bootloader and update do it.
 * Freestanding; 3 KiB of stack. */
#ifndef FMT_SECBOOT_FLASH_H
#define FMT_SECBOOT_FLASH_H

#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/secboot.h"

/* Whom a chip trusts: digests of public keys in its eFuses. */
struct secboot_trust {
        uint8_t digest[SECBOOT_BLOCKS][SECBOOT_KEY_DIGEST];
        uint8_t usable;  /* a bit a digest: burnt and not revoked */
        uint8_t schemes; /* a bit for each enum secboot_scheme that the chip can verify */
};

/*
 * Is the image of len bytes at offset signed by somebody who is trusted? room: bytes there may be,
 * the padding and the signature sector included. One good block of a trusted key is enough, in any
 * of the three places; bytes of the sector that belong to no block are not looked at, as in the
 * ROMs. 0; -E_VERIFY with the reason; or the flash's error.
 */
int secboot_flash_verify(const struct flash *f, uint32_t offset, uint32_t len, uint32_t room,
                         const struct secboot_trust *trust, struct diag *d);

#endif
