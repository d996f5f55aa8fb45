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

#endif
