/*
 * Secure boot version 1 of the ESP32: the digest that its ROM computes over a bootloader with a key
 * in eFuses. (Its other half is an ECDSA signature behind the app: secboot_wire.h.) Freestanding.
 * Source: "Secure Boot" of the ESP-IDF v5.5 programming guide, espsecure 4.8.1.
 */
#ifndef FMT_SECBOOT_V1_H
#define FMT_SECBOOT_V1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "crypt/crypt.h"
#include "fmt/secboot_wire.h"

/*
 * Of the n bytes of an image, those that the ROM reads: it goes by blocks of 128 and does not look
 * for the appended SHA-256, so that the last, incomplete block is left out when only the hash
 * reaches into it.
 */
size_t secboot_v1_len(size_t n, bool hash_appended);

/* key: 32 bytes as in their file; n bytes of image, filled up with 0xFF to a multiple of 128. */
int secboot_v1_digest(const uint8_t key[32], const uint8_t iv[SECBOOT_V1_IV], const uint8_t *image,
                      size_t n, uint8_t out[SECBOOT_V1_DIGEST]);

/* The same piece by piece, each of whole 16-byte blocks; 128 bytes at a time make whole ones. */
struct secboot_v1 {
        /* private: */
        struct crypt_aes aes;
        struct crypt_sha512 sha;
};
int secboot_v1_init(struct secboot_v1 *s, const uint8_t key[32], const uint8_t iv[SECBOOT_V1_IV]);
int secboot_v1_update(struct secboot_v1 *s, const uint8_t *p, size_t n);
int secboot_v1_finish(struct secboot_v1 *s, uint8_t out[SECBOOT_V1_DIGEST]); /* and free */
void secboot_v1_free(struct secboot_v1 *s);

/*
 * What the ROM does: is the digest at address 0 of f that of the bootloader of len bytes
 * (hash_appended: with its SHA-256) at offset? Like the ROM it does not look at the appended hash's
 * last bytes where these do not fill a block. 0; -E_VERIFY; or the flash's error.
 */
int secboot_v1_boot_verify(const struct flash *f, uint32_t offset, uint32_t len, bool hash_appended,
                           const uint8_t key[32], struct diag *d);

/*
 * The image of len bytes at offset has a signature right behind it, at most room bytes in all: is
 * it one of the key xy (X, Y: 64 bytes, big endian)? 0, -E_VERIFY with the reason, or the flash's
 * error.
 */
int secboot_v1_app_verify(const struct flash *f, uint32_t offset, uint32_t len, uint32_t room,
                          const uint8_t xy[SECBOOT_V1_KEY], struct diag *d);

#endif
