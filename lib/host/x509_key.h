/* Private and public keys: made, stored, loaded and named. OpenSSL 3 does the work. */
#ifndef HOST_X509_KEY_H
#define HOST_X509_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/diag.h"
#include "host/file.h"

enum key_type {
        KEY_NONE,
        KEY_P256,
        KEY_P384,
        KEY_RSA2048,
        KEY_RSA3072,
        KEY_RSA4096,
        KEY_ED25519,
};

/* All names that key_type_of knows, for messages: "p256, p384, …". */
#define KEY_TYPE_WORDS "p256, p384, rsa2048, rsa3072, rsa4096, ed25519"

/* "p256", "P-256", "prime256v1", "rsa-2048" …: any case; KEY_NONE if it is none. */
enum key_type key_type_of(const char *word);
const char *key_type_name(enum key_type type); /* "p256"; "other" for KEY_NONE */
enum key_type key_type_get(const EVP_PKEY *key);

/* How a private key is stored. */
struct key_form {
        bool der;         /* else PEM */
        bool traditional; /* SEC1 (elliptic curves) or PKCS#1 (RSA) instead of PKCS#8 */
};

/* Make a key. Returned: EVP_PKEY_free. */
int key_generate(enum key_type type, EVP_PKEY **out, struct diag *d);

/*
 * A private key as bytes. passphrase (NULL: none) encrypts: PKCS#8 with AES-256-CBC under scrypt
 * (N 16384, r 8, p 1); -E_UNSUPPORTED together with traditional. -E_UNSUPPORTED for the traditional
 * form of Ed25519, which has none. Returned: blob_free_secret.
 */
int key_encode(EVP_PKEY *key, struct key_form form, const struct blob *passphrase, struct blob *out,
               struct diag *d);

/* The public key as SubjectPublicKeyInfo in PEM. Returned: blob_free. */
int key_public_pem(EVP_PKEY *key, struct blob *out, struct diag *d);

/*
 * A private key from PEM or DER, PKCS#8 (plain or encrypted), SEC1 or PKCS#1. name is for messages.
 * If it is encrypted and passphrase is NULL: -E_STATE, so that the caller can ask for one and call
 * again. Other errors: -E_KEY (wrong passphrase), -E_FORMAT.
 */
int key_decode(const char *name, const struct blob *in, const struct blob *passphrase,
               EVP_PKEY **out, struct diag *d);

#define KEY_ID_LEN 32u /* SHA-256 of the SubjectPublicKeyInfo: names a key in the index */
int key_id(EVP_PKEY *key, uint8_t out[KEY_ID_LEN], struct diag *d);

/*
 * The public point of an elliptic curve key, uncompressed (65 or 97 bytes), or 0 if the key is
 * of another kind. OpenSSL 3.0's own way to SubjectPublicKeyInfo costs four times a P-256
 * signature.
 */
#define KEY_POINT_MAX 97u
size_t key_point(const EVP_PKEY *key, uint8_t out[KEY_POINT_MAX]);

/* "text: OpenSSL's reason" into d; empties OpenSSL's queue of errors. Returns -code. */
int openssl_fail(struct diag *d, int code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

#endif
