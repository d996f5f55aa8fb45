/*
 * Signature blocks of secure boot v2: taken apart, made and verified. No allocation, no I/O; all
 * cryptography is crypt.h's. Layout: secboot_wire.h.
 */
#ifndef FMT_SECBOOT_H
#define FMT_SECBOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "crypt/crypt.h"
#include "fmt/secboot_wire.h"

enum secboot_scheme { SECBOOT_RSA3072, SECBOOT_P192, SECBOOT_P256, SECBOOT_P384 };
#define SECBOOT_SCHEMES 4u

const char *secboot_scheme_name(enum secboot_scheme s); /* "RSA-3072", "ECDSA P-256" */
size_t secboot_hash_len(enum secboot_scheme s);         /* of the image: 32 or 48 */

#define SECBOOT_HASH_MAX   CRYPT_SHA384_LEN
#define SECBOOT_KEY_DIGEST CRYPT_SHA256_LEN /* what eFuses hold of a public key */

/* The image's hash piece by piece, as a scheme wants it. */
struct secboot_hash {
        /* private: */
        bool sha384;
        union {
                struct crypt_sha256 sha256;
                struct crypt_sha512 sha512;
        } of;
};
int secboot_hash_init(struct secboot_hash *h, enum secboot_scheme s);
int secboot_hash_update(struct secboot_hash *h, const void *p, size_t n);
int secboot_hash_finish(struct secboot_hash *h, uint8_t out[SECBOOT_HASH_MAX]);
void secboot_hash_free(struct secboot_hash *h);

/* A public key as blocks hold it: n and R, or X and Y, big endian. */
struct secboot_key {
        enum secboot_scheme scheme;
        uint32_t e;                      /* RSA */
        uint8_t number[SECBOOT_RSA_LEN]; /* n, or X then Y of the curve's length */
};

/*
 * Which scheme a block uses. Judges magic, form, curve and CRC, not the signature: -E_NOTFOUND (no
 * block: its magic is missing), -E_FORMAT, -E_CRC.
 */
int secboot_block_read(const uint8_t block[SECBOOT_BLOCK], enum secboot_scheme *s, struct diag *d);

/* Of a block that secboot_block_read took. */
void secboot_block_key(const uint8_t block[SECBOOT_BLOCK], struct secboot_key *key);
int secboot_block_key_digest(const uint8_t block[SECBOOT_BLOCK], uint8_t out[SECBOOT_KEY_DIGEST]);

/*
 * Is this a good signature by the key inside the block over an image of this hash? Whether that key
 * is one to trust, the caller judges. 0, or -E_VERIFY with the reason: the image is another one, R
 * or M' do not belong to n (a ROM computes with them), the signature is wrong.
 */
int secboot_block_verify(const uint8_t block[SECBOOT_BLOCK], const uint8_t *hash, struct diag *d);

/*
 * Making one: begin writes key and hash, finish the signature (RSA: SECBOOT_RSA_LEN bytes; ECDSA: r
 * and s; big endian) and the CRC. -E_KEY: no usable key.
 */
int secboot_block_begin(uint8_t block[SECBOOT_BLOCK], const struct secboot_key *key,
                        const uint8_t *hash);
void secboot_block_finish(uint8_t block[SECBOOT_BLOCK], const uint8_t *signature);

/* The bytes of an image with its padding: where its signature sector begins. */
static inline uint64_t secboot_padded(uint64_t len)
{
        return (len + SECBOOT_SECTOR - 1) / SECBOOT_SECTOR * SECBOOT_SECTOR;
}

#endif
