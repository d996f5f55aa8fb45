/*
 * All cryptography that the device and the tools share: one header, one source per library that
 * does the work, chosen at link time (crypt_mbedtls.c: Mbed TLS 2.28 here, 3.6 inside ESP-IDF).
 *
 * Every function that returns int gives 0 or -E_XXX. Contexts live in the caller's memory, need
 * no destructor unless one is named, and hold secrets: wipe() them (or call _free) when done.
 */
#ifndef CRYPT_CRYPT_H
#define CRYPT_CRYPT_H

#include <stdbool.h>
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
/* AES-128-XTS in the same context: 16 bytes data key, 16 bytes tweak key. */
#define CRYPT_XTS128_KEY 32u
int crypt_xts128_init(struct crypt_xts *c, const uint8_t key[CRYPT_XTS128_KEY]);
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

/* SHA-384 and SHA-512 piece by piece; out of _finish: 48 or 64 bytes. */
#define CRYPT_SHA384_LEN 48u
#define CRYPT_SHA512_LEN 64u
struct crypt_sha512 {
        /* private: */
        uint64_t opaque[32];
};
int crypt_sha512_init(struct crypt_sha512 *c, bool sha384);
int crypt_sha512_update(struct crypt_sha512 *c, const void *p, size_t n);
int crypt_sha512_finish(struct crypt_sha512 *c, uint8_t *out);
void crypt_sha512_free(struct crypt_sha512 *c);

/* AES-256 on blocks of 16 bytes, one direction a context; in and out may be the same. */
#define CRYPT_AES_BLOCK 16u
struct crypt_aes {
        /* private: */
        bool decrypt;
        uint64_t opaque[36];
};
int crypt_aes256_init(struct crypt_aes *c, const uint8_t key[CRYPT_AES256_KEY], bool decrypt);
int crypt_aes256_block(struct crypt_aes *c, const uint8_t in[CRYPT_AES_BLOCK],
                       uint8_t out[CRYPT_AES_BLOCK]);
void crypt_aes_free(struct crypt_aes *c);

/* --- signatures: numbers are big endian and fill their field --- */

struct crypt_rsa_public {
        const uint8_t *n; /* borrowed */
        size_t len;       /* bytes of n: at most CRYPT_RSA_MAX */
        uint32_t e;
};
#define CRYPT_RSA_MAX 512u

/* RSASSA-PSS (RFC 8017) with SHA-256, MGF1 of SHA-256 and 32 bytes of salt; sig: key->len bytes.
 * -E_VERIFY: not of this key over this hash; -E_KEY: no usable key. */
int crypt_rsa_pss_verify(const struct crypt_rsa_public *key, const uint8_t hash[CRYPT_SHA256_LEN],
                         const uint8_t *sig);

/* Montgomery's constants of an odd modulus n of len bytes: r = 2^(16 * len) mod n (len bytes) and
 * *m = -1 / n mod 2^32. -E_KEY: n is even or 0. */
int crypt_montgomery(const uint8_t *n, size_t len, uint8_t *r, uint32_t *m);

enum crypt_curve { CRYPT_P192, CRYPT_P256, CRYPT_P384 };
#define CRYPT_CURVE_MAX 48u                    /* bytes of a coordinate at most */
size_t crypt_curve_len(enum crypt_curve curve); /* 24, 32, 48 */

/* ECDSA. xy: the point's X and Y, rs: r and s, each of the curve's length. -E_VERIFY; -E_KEY: no
 * point of the curve; -E_UNSUPPORTED: this build knows no such curve. */
int crypt_ecdsa_verify(enum crypt_curve curve, const uint8_t *xy, const uint8_t *hash,
                       size_t hash_len, const uint8_t *rs);

/* ECDSA with the nonce of RFC 6979 over a SHA-256: the same signature each time. scalar: the
 * private key. */
int crypt_ecdsa_sign(enum crypt_curve curve, const uint8_t *scalar,
                     const uint8_t hash[CRYPT_SHA256_LEN], uint8_t *rs);

/* Random bytes fit for keys, or -E_RANDOM: then nothing in out may be used. */
int crypt_random(void *out, size_t n);

#endif
