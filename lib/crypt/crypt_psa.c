/*
 * The part of crypt.h that a device needs, on PSA: for Mbed TLS 4 (ESP-IDF 6), which has no
 * sha256.h any more. What is not here (MD5, AES-XTS, SRP, X25519 by hand) no firmware calls.
 */
#include "crypt/crypt.h"

#include <psa/crypto.h>

#include "base/bytes.h"
#include "base/err.h"

_Static_assert(sizeof(psa_hash_operation_t) <= sizeof(struct crypt_sha256),
               "psa_hash_operation_t outgrew crypt.h");

static psa_hash_operation_t *hash_of(struct crypt_sha256 *c)
{
        return (psa_hash_operation_t *)(void *)c->opaque;
}

static int status(psa_status_t rc)
{
        if (rc == PSA_ERROR_INSUFFICIENT_MEMORY)
                return -E_NOMEM;
        return rc == PSA_SUCCESS ? 0 : -E_BUG;
}

int crypt_sha256(const void *p, size_t n, uint8_t out[CRYPT_SHA256_LEN])
{
        size_t len;
        psa_status_t rc = psa_crypto_init();

        if (rc == PSA_SUCCESS)
                rc = psa_hash_compute(PSA_ALG_SHA_256, p, n, out, CRYPT_SHA256_LEN, &len);
        return status(rc);
}

int crypt_sha256_init(struct crypt_sha256 *c)
{
        psa_status_t rc = psa_crypto_init();

        *hash_of(c) = psa_hash_operation_init();
        if (rc == PSA_SUCCESS)
                rc = psa_hash_setup(hash_of(c), PSA_ALG_SHA_256);
        return status(rc);
}

int crypt_sha256_update(struct crypt_sha256 *c, const void *p, size_t n)
{
        return status(psa_hash_update(hash_of(c), p, n));
}

int crypt_sha256_finish(struct crypt_sha256 *c, uint8_t out[CRYPT_SHA256_LEN])
{
        size_t len;
        const psa_status_t rc = psa_hash_finish(hash_of(c), out, CRYPT_SHA256_LEN, &len);

        crypt_sha256_free(c);
        return status(rc);
}

void crypt_sha256_free(struct crypt_sha256 *c)
{
        (void)psa_hash_abort(hash_of(c));
        wipe(c, sizeof *c);
}
