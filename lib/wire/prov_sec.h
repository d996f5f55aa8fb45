/*
 * Security 0, 1 and 2 of unified provisioning (protocomm, ESP-IDF v5.5): both ends of the handshake
 * and the sealing of messages. Bytes in, bytes out; no I/O.
 *
 * Sources: ESP-IDF components/protocomm (security0/1/2.c), RFC 7748, RFC 5054; where the originals
 * have a fault (A = 0 mod N taken by v5.5.3) the rule of the RFC holds.
 */
#ifndef WIRE_PROV_SEC_H
#define WIRE_PROV_SEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "crypt/crypt.h"
#include "crypt/srp.h"

#define PROV_MESSAGE_MAX                                                                        \
        4096u                 /* bytes of a request or response (HTTP body limit of the device) \
                               */
#define PROV_USERNAME_MAX 64u /* bytes; the stock user is "wifiprov" */
#define PROV_SALT_MAX     64u

/* Where random bytes come from; fill NULL: crypt_random. Tests replay a device with it. */
struct prov_random {
        int (*fill)(void *ctx, void *out, size_t n);
        void *ctx;
};

enum prov_phase { PROV_IDLE, PROV_HALF, PROV_READY };

/* What both ends keep of a session. */
struct prov_cipher {
        /* private: */
        int security;
        bool patch0;                   /* security 2 with the fixed 16-byte IV */
        struct crypt_ctr ctr;          /* security 1 */
        uint8_t key[CRYPT_AES256_KEY]; /* security 2 */
        uint8_t iv[16];
        bool exhausted; /* the IV counter has wrapped: no message may follow */
};

/*
 * Messages of an established session. Security 0 copies. cap: n + CRYPT_GCM_TAG bytes are always
 * enough. Return the length, -E_VERIFY (a tag that is wrong; the session goes on), -E_STATE
 * (counter used up), -E_NOSPACE.
 */
long prov_seal(struct prov_cipher *c, const uint8_t *in, size_t n, uint8_t *out, size_t cap);
long prov_open(struct prov_cipher *c, const uint8_t *in, size_t n, uint8_t *out, size_t cap);

/* --- the device's end --- */

struct prov_server_config {
        int security;       /* 0, 1 or 2 */
        const uint8_t *pop; /* security 1; pop_len 0: none. Borrowed for the server's life, like the
                               rest */
        size_t pop_len;
        const uint8_t *salt; /* security 2: 1 … PROV_SALT_MAX bytes */
        size_t salt_len;
        const uint8_t *verifier; /* security 2: SRP_LEN bytes */
        bool patch0;             /* security 2: behave as releases without the IV counter */
        struct prov_random random;
};

struct prov_server_sec {
        /* private: */
        struct prov_server_config cfg;
        enum prov_phase phase;
        struct prov_cipher cipher;
        uint8_t own[CRYPT_X25519_LEN];  /* security 1: our public key */
        uint8_t peer[CRYPT_X25519_LEN]; /* security 1: the client's */
        uint8_t b[32];                  /* security 2 */
        uint8_t A[SRP_LEN];
        uint8_t B[SRP_LEN];
        uint8_t K[SRP_HASH_LEN];
        uint8_t user[PROV_USERNAME_MAX];
        size_t user_len;
};

/* -E_INVAL: a security without what it needs. */
int prov_server_init(struct prov_server_sec *s, const struct prov_server_config *cfg);

/*
 * A message to prov-session. Returns the length of the answer, or a failure upon which the
 * transport closes without one: -E_PROTO (malformed, out of order, another security), -E_VERIFY
 * (the wrong proof of possession or password: count it), -E_RANDOM.
 */
long prov_server_handshake(struct prov_server_sec *s, const uint8_t *in, size_t n, uint8_t *out,
                           size_t cap);

static inline bool prov_server_ready(const struct prov_server_sec *s)
{
        return s->phase == PROV_READY;
}

/* Forget the session and its keys; the configuration stays. */
void prov_server_reset(struct prov_server_sec *s);

/* --- the client's end --- */

struct prov_client_config {
        int security;
        bool patch0;             /* sec_patch_ver 0 or missing in proto-ver */
        const uint8_t *username; /* security 2; borrowed until the session is established */
        size_t username_len;
        const uint8_t *secret; /* PoP or password; borrowed likewise */
        size_t secret_len;
        bool stock_x; /* security 2: x as Espressif's Python tool makes it, which drops a leading
                         zero byte of the salt and of H(user:password): for verifiers that it made,
                         1 in 128 passwords */
        struct prov_random random;
};

struct prov_client_sec {
        bool stock_differs; /* read-only, after the first answer: stock_x would make another x */
        /* private: */
        struct prov_client_config cfg;
        enum prov_phase phase;
        int step; /* requests sent */
        struct prov_cipher cipher;
        uint8_t own_private[CRYPT_X25519_LEN];
        uint8_t own[CRYPT_X25519_LEN];
        uint8_t device[CRYPT_X25519_LEN];
        uint8_t a[32];
        uint8_t A[SRP_LEN];
        uint8_t M1[SRP_HASH_LEN];
        uint8_t M2[SRP_HASH_LEN];
        uint8_t K[SRP_HASH_LEN];
};

int prov_client_init(struct prov_client_sec *c, const struct prov_client_config *cfg);

/*
 * next: the message to send to prov-session now: its length, 0 when the session is established, or
 * a failure. answer: take the device's reply. -E_VERIFY: the device does not know the secret (or is
 * not who it claims to be); -E_PROTO: reply not understood; -E_REFUSED: it answered with a status.
 */
long prov_client_next(struct prov_client_sec *c, uint8_t *out, size_t cap);
int prov_client_answer(struct prov_client_sec *c, const uint8_t *in, size_t n, struct diag *d);

/* Wipe everything. */
void prov_client_free(struct prov_client_sec *c);

#endif
