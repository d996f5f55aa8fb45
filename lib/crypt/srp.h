/*
 * SRP-6a as unified provisioning's security 2 uses it (ESP-IDF 5.5, protocomm): RFC 5054's 3072-bit
 * group, g = 5, SHA-512. Numbers are 384 bytes, big endian, padded in front with zero bytes.
 *
 * As in crypt.h: int is 0 or -E_XXX; nothing is kept between calls; secrets are the caller's to
 * wipe().
 */
#ifndef CRYPT_SRP_H
#define CRYPT_SRP_H

#include <stddef.h>
#include <stdint.h>

#define SRP_LEN      384u /* a number modulo N */
#define SRP_HASH_LEN 64u  /* SHA-512: x, K, M1, M2 */
#define SRP_SALT_LEN 16u  /* what the references use; any length works */

/* Bytes of the caller's: borrowed during the call. */
struct srp_bytes {
        const void *p;
        size_t n;
};

/* SHA-512 over count pieces one after the other. */
int srp_hash(const struct srp_bytes *parts, size_t count, uint8_t out[SRP_HASH_LEN]);

/*
 * x = H(salt | H(user | ":" | password)), with the bytes as they are: the device's C code keeps
 * leading zero bytes of salt and of the inner hash, the stock Python client (ESP-IDF 5.5.3) drops
 * them.
 */
int srp_x(struct srp_bytes user, struct srp_bytes password, struct srp_bytes salt,
          uint8_t x[SRP_HASH_LEN]);

/*
 * g^e mod N: with x the verifier that a device stores, with a client's secret a its public A. e: at
 * most SRP_HASH_LEN bytes, big endian.
 */
int srp_power(struct srp_bytes e, uint8_t out[SRP_LEN]);

/* The device's public B = (k * v + g^b) mod N. */
int srp_server_public(const uint8_t v[SRP_LEN], struct srp_bytes b, uint8_t B[SRP_LEN]);

/*
 * The key K = H(S) that both sides arrive at; S without leading zero bytes. -E_VERIFY where RFC
 * 5054 says to give up: the peer's number is 0 modulo N, or u = 0.
 */
int srp_server_key(const uint8_t v[SRP_LEN], struct srp_bytes b, const uint8_t A[SRP_LEN],
                   const uint8_t B[SRP_LEN], uint8_t K[SRP_HASH_LEN]);
int srp_client_key(struct srp_bytes a, const uint8_t x[SRP_HASH_LEN], const uint8_t A[SRP_LEN],
                   const uint8_t B[SRP_LEN], uint8_t K[SRP_HASH_LEN]);

/*
 * M1 = H(H(N) ^ H(g) | H(user) | salt | A | B | K) and M2 = H(A | M1 | K). A padded, B without
 * leading zero bytes, as they are on the wire. M2 belongs to the M1 made here.
 */
int srp_proofs(struct srp_bytes user, struct srp_bytes salt, const uint8_t A[SRP_LEN],
               const uint8_t B[SRP_LEN], const uint8_t K[SRP_HASH_LEN], uint8_t M1[SRP_HASH_LEN],
               uint8_t M2[SRP_HASH_LEN]);

#endif
