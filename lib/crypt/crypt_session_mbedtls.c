/* The session part of crypt.h (X25519, AES-CTR, AES-GCM) on Mbed TLS 2.28 and 3.6. */
#include "crypt/crypt.h"

#include <string.h>

#include <mbedtls/aes.h>
#include <mbedtls/ecp.h>
#include <mbedtls/gcm.h>

#include "base/bytes.h"
#include "base/err.h"

const uint8_t crypt_x25519_base[CRYPT_X25519_LEN] = { 9 };

/* Mbed TLS blinds the multiplication with this. */
static int ecp_random(void *ctx, unsigned char *out, size_t n)
{
        (void)ctx;
        return crypt_random(out, n) < 0 ? MBEDTLS_ERR_ECP_RANDOM_FAILED : 0;
}

int crypt_x25519(const uint8_t scalar[CRYPT_X25519_LEN], const uint8_t point[CRYPT_X25519_LEN],
                 uint8_t out[CRYPT_X25519_LEN])
{
        mbedtls_ecp_group grp;
        mbedtls_ecp_point p;
        mbedtls_ecp_point r;
        mbedtls_mpi d;
        uint8_t k[CRYPT_X25519_LEN];
        size_t len = 0;
        int rc;

        memcpy(k, scalar, sizeof k);
        k[0] &= 0xf8;
        k[31] = (uint8_t)((k[31] & 0x7f) | 0x40);
        mbedtls_ecp_group_init(&grp);
        mbedtls_ecp_point_init(&p);
        mbedtls_ecp_point_init(&r);
        mbedtls_mpi_init(&d);
        if ((rc = mbedtls_ecp_group_load(&grp, MBEDTLS_ECP_DP_CURVE25519)) == 0 &&
            (rc = mbedtls_mpi_read_binary_le(&d, k, sizeof k)) == 0 &&
            (rc = mbedtls_ecp_point_read_binary(&grp, &p, point, CRYPT_X25519_LEN)) == 0 &&
            (rc = mbedtls_ecp_mul(&grp, &r, &d, &p, ecp_random, NULL)) == 0)
                rc = mbedtls_ecp_point_write_binary(&grp, &r, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                                    out, CRYPT_X25519_LEN);
        mbedtls_mpi_free(&d);
        mbedtls_ecp_point_free(&r);
        mbedtls_ecp_point_free(&p);
        mbedtls_ecp_group_free(&grp);
        wipe(k, sizeof k);
        if (rc == MBEDTLS_ERR_ECP_RANDOM_FAILED)
                return -E_RANDOM;
        if (rc == MBEDTLS_ERR_ECP_INVALID_KEY || rc == MBEDTLS_ERR_ECP_BAD_INPUT_DATA)
                return -E_VERIFY;
        if (rc != 0 || len != CRYPT_X25519_LEN)
                return -E_BUG;
        return bytes_all(out, CRYPT_X25519_LEN, 0) ? -E_VERIFY : 0;
}

struct ctr_state {
        mbedtls_aes_context aes;
        unsigned char counter[16];
        unsigned char stream[16];
        size_t used;
};
_Static_assert(sizeof(struct ctr_state) <= sizeof(struct crypt_ctr), "crypt_ctr outgrew crypt.h");

static struct ctr_state *ctr_of(struct crypt_ctr *c)
{
        return (struct ctr_state *)(void *)c->opaque;
}

int crypt_ctr_init(struct crypt_ctr *c, const uint8_t key[CRYPT_AES256_KEY],
                   const uint8_t counter[16])
{
        struct ctr_state *s = ctr_of(c);

        memset(s, 0, sizeof *s);
        mbedtls_aes_init(&s->aes);
        memcpy(s->counter, counter, sizeof s->counter);
        return mbedtls_aes_setkey_enc(&s->aes, key, CRYPT_AES256_KEY * 8) ? -E_BUG : 0;
}

int crypt_ctr_xor(struct crypt_ctr *c, const uint8_t *in, uint8_t *out, size_t n)
{
        struct ctr_state *s = ctr_of(c);

        return mbedtls_aes_crypt_ctr(&s->aes, n, &s->used, s->counter, s->stream, in, out) ? -E_BUG
                                                                                           : 0;
}

void crypt_ctr_free(struct crypt_ctr *c)
{
        mbedtls_aes_free(&ctr_of(c)->aes);
        wipe(c, sizeof *c);
}

int crypt_gcm_encrypt(const uint8_t key[CRYPT_AES256_KEY], const uint8_t *iv, size_t iv_len,
                      const uint8_t *in, size_t n, uint8_t *out)
{
        mbedtls_gcm_context g;
        int rc;

        mbedtls_gcm_init(&g);
        rc = mbedtls_gcm_setkey(&g, MBEDTLS_CIPHER_ID_AES, key, CRYPT_AES256_KEY * 8);
        if (rc == 0)
                rc = mbedtls_gcm_crypt_and_tag(&g, MBEDTLS_GCM_ENCRYPT, n, iv, iv_len, NULL, 0, in,
                                               out, CRYPT_GCM_TAG, out + n);
        mbedtls_gcm_free(&g);
        return rc ? -E_BUG : 0;
}

int crypt_gcm_decrypt(const uint8_t key[CRYPT_AES256_KEY], const uint8_t *iv, size_t iv_len,
                      const uint8_t *in, size_t n, uint8_t *out)
{
        mbedtls_gcm_context g;
        int rc;

        if (n < CRYPT_GCM_TAG)
                return -E_VERIFY;
        n -= CRYPT_GCM_TAG;
        mbedtls_gcm_init(&g);
        rc = mbedtls_gcm_setkey(&g, MBEDTLS_CIPHER_ID_AES, key, CRYPT_AES256_KEY * 8);
        if (rc == 0)
                rc = mbedtls_gcm_auth_decrypt(&g, n, iv, iv_len, NULL, 0, in + n, CRYPT_GCM_TAG, in,
                                              out);
        mbedtls_gcm_free(&g);
        if (rc == MBEDTLS_ERR_GCM_AUTH_FAILED)
                return -E_VERIFY;
        return rc ? -E_BUG : 0;
}
