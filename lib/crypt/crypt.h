/*
 * All cryptography that the device and the tools share: one header, one source per library that
 * does the work, chosen at link time (crypt_mbedtls.c: Mbed TLS 2.28 here, 3.6 inside ESP-IDF).
 *
 * Every function that returns int gives 0 or -E_XXX. Contexts live in the caller's memory, need
 * no destructor unless one is named, and hold secrets: wipe() them (or call _free) when done.
 */
#ifndef CRYPT_CRYPT_H
#define CRYPT_CRYPT_H

#include <stddef.h>
#include <stdint.h>

#define CRYPT_MD5_LEN    16u
#define CRYPT_SHA256_LEN 32u
#define CRYPT_XTS_KEY    64u /* AES-256-XTS: 32 bytes data key, 32 bytes tweak key */

/* One-shot digests; n may be 0. */
int crypt_md5(const void *p, size_t n, uint8_t out[CRYPT_MD5_LEN]);
int crypt_sha256(const void *p, size_t n, uint8_t out[CRYPT_SHA256_LEN]);

/* HMAC-SHA-256 (RFC 2104); any key length. */
int crypt_hmac_sha256(const void *key, size_t key_len, const void *p, size_t n,
                      uint8_t out[CRYPT_SHA256_LEN]);

#define CRYPT_WIFI_PMK_LEN 32u

/* The pairwise master key of WPA2-Personal: PBKDF2-HMAC-SHA-1 with 4096 rounds (IEEE 802.11, annex
 * J.4). */
int crypt_wifi_pmk(const char *passphrase, const char *ssid, uint8_t out[CRYPT_WIFI_PMK_LEN]);

/* SHA-256 piece by piece: init, update…, finish (or free to give up). */
struct crypt_sha256 {
        /* private: */
        uint64_t opaque[32];
};
int crypt_sha256_init(struct crypt_sha256 *c);
int crypt_sha256_update(struct crypt_sha256 *c, const void *p, size_t n);
int crypt_sha256_finish(struct crypt_sha256 *c, uint8_t out[CRYPT_SHA256_LEN]);
void crypt_sha256_free(struct crypt_sha256 *c);

/* MD5 piece by piece, the same way. */
struct crypt_md5 {
        /* private: */
        uint64_t opaque[24];
};
int crypt_md5_init(struct crypt_md5 *c);
int crypt_md5_update(struct crypt_md5 *c, const void *p, size_t n);
int crypt_md5_finish(struct crypt_md5 *c, uint8_t out[CRYPT_MD5_LEN]);
void crypt_md5_free(struct crypt_md5 *c);

/*
 * AES-256-XTS (IEEE 1619) with both directions ready, so that one context reads and writes a
 * store. Both halves of the key equal is -E_KEY: the mode is broken then, and Python's
 * cryptography (the reference generator's library) refuses it too.
 */
struct crypt_xts {
        /* private: */
        uint64_t opaque[160];
};
int crypt_xts_init(struct crypt_xts *c, const uint8_t key[CRYPT_XTS_KEY]);
/* n: 16 bytes or more; in and out may be the same buffer. tweak: the data unit, little endian. */
int crypt_xts_encrypt(const struct crypt_xts *c, const uint8_t tweak[16], const uint8_t *in,
                      uint8_t *out, size_t n);
int crypt_xts_decrypt(const struct crypt_xts *c, const uint8_t tweak[16], const uint8_t *in,
                      uint8_t *out, size_t n);
void crypt_xts_free(struct crypt_xts *c);

/*
 * X25519 (RFC 7748): out = scalar * point; scalar is clamped here. -E_VERIFY where the result is
 * all zero (a point of low order: the peer would choose the key).
 */
#define CRYPT_X25519_LEN 32u
extern const uint8_t crypt_x25519_base[CRYPT_X25519_LEN];
int crypt_x25519(const uint8_t scalar[CRYPT_X25519_LEN], const uint8_t point[CRYPT_X25519_LEN],
                 uint8_t out[CRYPT_X25519_LEN]);

/* AES-256-CTR as one running key stream: any piece lengths, whole 16-byte counter, big endian. */
#define CRYPT_AES256_KEY 32u
struct crypt_ctr {
        /* private: */
        uint64_t opaque[48];
};
int crypt_ctr_init(struct crypt_ctr *c, const uint8_t key[CRYPT_AES256_KEY],
                   const uint8_t counter[16]);
int crypt_ctr_xor(struct crypt_ctr *c, const uint8_t *in, uint8_t *out, size_t n);
void crypt_ctr_free(struct crypt_ctr *c);

/*
 * AES-256-GCM without associated data, any IV length. encrypt: out holds n + CRYPT_GCM_TAG bytes,
 * ciphertext then tag. decrypt: n counts the tag; out holds n - CRYPT_GCM_TAG; -E_VERIFY and out
 * wiped when the tag is wrong.
 */
#define CRYPT_GCM_TAG 16u
int crypt_gcm_encrypt(const uint8_t key[CRYPT_AES256_KEY], const uint8_t *iv, size_t iv_len,
                      const uint8_t *in, size_t n, uint8_t *out);
int crypt_gcm_decrypt(const uint8_t key[CRYPT_AES256_KEY], const uint8_t *iv, size_t iv_len,
                      const uint8_t *in, size_t n, uint8_t *out);

/* Random bytes fit for keys, or -E_RANDOM: then nothing in out may be used. */
int crypt_random(void *out, size_t n);

#endif
