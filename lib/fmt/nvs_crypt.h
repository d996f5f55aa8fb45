/*
 * NVS encryption: XTS-AES-256 over each used 32-byte entry slot, tweak = its byte offset in the
 * partition (ESP-IDF nvs_encrypted_partition.cpp); key partitions; the HMAC key scheme
 * (nvs_sec_provider.c). Freestanding.
 */
#ifndef FMT_NVS_CRYPT_H
#define FMT_NVS_CRYPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "crypt/crypt.h"
#include "fmt/nvs_wire.h"

#define NVS_HMAC_KEY_LEN 32u /* bytes of the eFuse HMAC key */

struct nvs_keys {
        uint8_t bytes[CRYPT_XTS_KEY]; /* data key, tweak key; wipe when done */
};

/*
 * Read a key partition image: 64 bytes alone, or with their CRC (then it is checked: -E_CRC; a
 * device refuses it too); what follows is not looked at. -E_TRUNC: shorter than 64, or cut inside
 * the CRC. -E_KEY: both halves equal, or 64 bytes that are all hexadecimal text (a hex dump taken
 * for a key).
 */
int nvs_keys_parse(struct nvs_keys *k, const uint8_t *p, size_t n, struct diag *d);

/* The key partition's image: NVS_KEYS_SIZE bytes. */
void nvs_keys_format(const struct nvs_keys *k, uint8_t out[NVS_KEYS_SIZE]);

/* Fresh random keys; -E_RANDOM. */
int nvs_keys_generate(struct nvs_keys *k);

/* The keys that a device derives from its eFuse HMAC key. */
int nvs_keys_from_hmac(struct nvs_keys *k, const uint8_t hmac_key[NVS_HMAC_KEY_LEN]);

/* The same where only hardware has the key: hmac gives HMAC-SHA-256 of n bytes, 0 or -E_XXX. */
int nvs_keys_from_hardware(struct nvs_keys *k,
                           int (*hmac)(void *ctx, const void *p, size_t n,
                                       uint8_t out[CRYPT_SHA256_LEN]),
                           void *ctx);

/*
 * Encrypt or decrypt a whole image in place: every slot that its page's bitmap calls written.
 * Pages without a valid header are left alone. len: a multiple of NVS_PAGE_SIZE.
 */
int nvs_image_encrypt(uint8_t *image, size_t len, const struct crypt_xts *xts);
int nvs_image_decrypt(uint8_t *image, size_t len, const struct crypt_xts *xts);

#endif
