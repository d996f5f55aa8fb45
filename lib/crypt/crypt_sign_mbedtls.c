/* Signatures, SHA-512 and single AES blocks of crypt.h on Mbed TLS 2.28 and 3.6. */
#include "crypt/crypt.h"

#include <string.h>

#include <mbedtls/aes.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha512.h>
#include <mbedtls/version.h>

#include "base/bytes.h"
#include "base/err.h"

#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_sha512_starts mbedtls_sha512_starts_ret
#define mbedtls_sha512_update mbedtls_sha512_update_ret
#define mbedtls_sha512_finish mbedtls_sha512_finish_ret
#endif

#define FITS(type, opaque) _Static_assert(sizeof(type) <= sizeof(opaque), #type " outgrew crypt.h")

FITS(mbedtls_sha512_context, ((struct crypt_sha512 *)0)->opaque);
FITS(mbedtls_aes_context, ((struct crypt_aes *)0)->opaque);

static int status(int rc)
{
        return rc ? -E_BUG : 0;
}

static mbedtls_sha512_context *sha512_of(struct crypt_sha512 *c)
{
        return (mbedtls_sha512_context *)(void *)c->opaque;
}

int crypt_sha512_init(struct crypt_sha512 *c, bool sha384)
{
        mbedtls_sha512_init(sha512_of(c));
        return status(mbedtls_sha512_starts(sha512_of(c), sha384));
}

int crypt_sha512_update(struct crypt_sha512 *c, const void *p, size_t n)
{
        return status(mbedtls_sha512_update(sha512_of(c), p, n));
}

int crypt_sha512_finish(struct crypt_sha512 *c, uint8_t *out)
{
        const int rc = mbedtls_sha512_finish(sha512_of(c), out);

        crypt_sha512_free(c);
        return status(rc);
}

void crypt_sha512_free(struct crypt_sha512 *c)
{
        mbedtls_sha512_free(sha512_of(c));
}

static mbedtls_aes_context *aes_of(struct crypt_aes *c)
{
        return (mbedtls_aes_context *)(void *)c->opaque;
}

int crypt_aes256_init(struct crypt_aes *c, const uint8_t key[CRYPT_AES256_KEY], bool decrypt)
{
        c->decrypt = decrypt;
        mbedtls_aes_init(aes_of(c));
        return status(decrypt ? mbedtls_aes_setkey_dec(aes_of(c), key, 256)
                              : mbedtls_aes_setkey_enc(aes_of(c), key, 256));
}

int crypt_aes256_block(struct crypt_aes *c, const uint8_t in[CRYPT_AES_BLOCK],
                       uint8_t out[CRYPT_AES_BLOCK])
{
        return status(mbedtls_aes_crypt_ecb(
                aes_of(c), c->decrypt ? MBEDTLS_AES_DECRYPT : MBEDTLS_AES_ENCRYPT, in, out));
}

void crypt_aes_free(struct crypt_aes *c)
{
        mbedtls_aes_free(aes_of(c));
        wipe(c, sizeof *c);
}

static int pss_verify(mbedtls_rsa_context *rsa, const uint8_t *hash, const uint8_t *sig)
{
#if MBEDTLS_VERSION_MAJOR < 3
        return mbedtls_rsa_rsassa_pss_verify_ext(rsa, NULL, NULL, MBEDTLS_RSA_PUBLIC,
                                                 MBEDTLS_MD_SHA256, CRYPT_SHA256_LEN, hash,
                                                 MBEDTLS_MD_SHA256, CRYPT_SHA256_LEN, sig);
#else
        return mbedtls_rsa_rsassa_pss_verify_ext(rsa, MBEDTLS_MD_SHA256, CRYPT_SHA256_LEN, hash,
                                                 MBEDTLS_MD_SHA256, CRYPT_SHA256_LEN, sig);
#endif
}

int crypt_rsa_pss_verify(const struct crypt_rsa_public *key, const uint8_t hash[CRYPT_SHA256_LEN],
                         const uint8_t *sig)
{
        mbedtls_rsa_context rsa;
        uint8_t e[4];
        int rc = -E_KEY;

        for (unsigned i = 0; i < sizeof e; i++)
                e[i] = (uint8_t)(key->e >> (24 - 8 * i));
#if MBEDTLS_VERSION_MAJOR < 3
        mbedtls_rsa_init(&rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
#else
        mbedtls_rsa_init(&rsa);
        mbedtls_rsa_set_padding(&rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
#endif
        if (key->len && key->len <= CRYPT_RSA_MAX &&
            mbedtls_rsa_import_raw(&rsa, key->n, key->len, NULL, 0, NULL, 0, NULL, 0, e,
                                   sizeof e) == 0 &&
            mbedtls_rsa_complete(&rsa) == 0 && mbedtls_rsa_check_pubkey(&rsa) == 0 &&
            mbedtls_rsa_get_len(&rsa) == key->len)
                rc = pss_verify(&rsa, hash, sig) == 0 ? 0 : -E_VERIFY;
        mbedtls_rsa_free(&rsa);
        return rc;
}

int crypt_montgomery(const uint8_t *n, size_t len, uint8_t *r, uint32_t *m)
{
        mbedtls_mpi mod, x;
        uint32_t low, inv = 1;
        int rc = -E_KEY;

        if (len < 4 || len > CRYPT_RSA_MAX || !(n[len - 1] & 1))
                return -E_KEY;
        mbedtls_mpi_init(&mod);
        mbedtls_mpi_init(&x);
        if (mbedtls_mpi_read_binary(&mod, n, len) == 0 && mbedtls_mpi_lset(&x, 1) == 0 &&
            mbedtls_mpi_shift_l(&x, 16 * len) == 0 && mbedtls_mpi_mod_mpi(&x, &x, &mod) == 0 &&
            mbedtls_mpi_write_binary(&x, r, len) == 0)
                rc = 0;
        mbedtls_mpi_free(&x);
        mbedtls_mpi_free(&mod);
        low = be32_get(n + len - 4);
        for (unsigned i = 0; i < 5; i++) /* Newton: each step doubles the bits that are right */
                inv *= 2 - low * inv;
        *m = 0u - inv;
        return rc;
}

static mbedtls_ecp_group_id group_of(enum crypt_curve curve)
{
        return curve == CRYPT_P192   ? MBEDTLS_ECP_DP_SECP192R1
               : curve == CRYPT_P256 ? MBEDTLS_ECP_DP_SECP256R1
                                     : MBEDTLS_ECP_DP_SECP384R1;
}

size_t crypt_curve_len(enum crypt_curve curve)
{
        return curve == CRYPT_P192 ? 24 : curve == CRYPT_P256 ? 32 : 48;
}

static int verify(mbedtls_ecp_group *grp, const uint8_t *xy, const uint8_t *hash, size_t hash_len,
                  const uint8_t *rs, size_t len)
{
        uint8_t point[1 + 2 * CRYPT_CURVE_MAX] = { 4 };
        mbedtls_ecp_point q;
        mbedtls_mpi r, s;
        int rc = -E_KEY;

        memcpy(point + 1, xy, 2 * len);
        mbedtls_ecp_point_init(&q);
        mbedtls_mpi_init(&r);
        mbedtls_mpi_init(&s);
        if (mbedtls_ecp_point_read_binary(grp, &q, point, 1 + 2 * len) == 0 &&
            mbedtls_ecp_check_pubkey(grp, &q) == 0 && mbedtls_mpi_read_binary(&r, rs, len) == 0 &&
            mbedtls_mpi_read_binary(&s, rs + len, len) == 0)
                rc = mbedtls_ecdsa_verify(grp, hash, hash_len, &q, &r, &s) == 0 ? 0 : -E_VERIFY;
        mbedtls_mpi_free(&s);
        mbedtls_mpi_free(&r);
        mbedtls_ecp_point_free(&q);
        return rc;
}

int crypt_ecdsa_verify(enum crypt_curve curve, const uint8_t *xy, const uint8_t *hash,
                       size_t hash_len, const uint8_t *rs)
{
        mbedtls_ecp_group grp;
        int rc = -E_UNSUPPORTED;

        mbedtls_ecp_group_init(&grp);
        if (mbedtls_ecp_group_load(&grp, group_of(curve)) == 0)
                rc = verify(&grp, xy, hash, hash_len, rs, crypt_curve_len(curve));
        mbedtls_ecp_group_free(&grp);
        return rc;
}

#if defined(MBEDTLS_ECDSA_DETERMINISTIC)
/* Blinds the multiplication; the nonce itself is RFC 6979's. */
static int blind(void *ctx, unsigned char *out, size_t n)
{
        (void)ctx;
        return crypt_random(out, n) < 0 ? MBEDTLS_ERR_ECP_RANDOM_FAILED : 0;
}

int crypt_ecdsa_sign(enum crypt_curve curve, const uint8_t *scalar,
                     const uint8_t hash[CRYPT_SHA256_LEN], uint8_t *rs)
{
        const size_t len = crypt_curve_len(curve);
        mbedtls_ecp_group grp;
        mbedtls_mpi d, r, s;
        int rc = -E_UNSUPPORTED;

        mbedtls_ecp_group_init(&grp);
        mbedtls_mpi_init(&d);
        mbedtls_mpi_init(&r);
        mbedtls_mpi_init(&s);
        if (mbedtls_ecp_group_load(&grp, group_of(curve)) == 0) {
                rc = -E_KEY;
                if (mbedtls_mpi_read_binary(&d, scalar, len) == 0 &&
                    mbedtls_ecdsa_sign_det_ext(&grp, &r, &s, &d, hash, CRYPT_SHA256_LEN,
                                               MBEDTLS_MD_SHA256, blind, NULL) == 0 &&
                    mbedtls_mpi_write_binary(&r, rs, len) == 0 &&
                    mbedtls_mpi_write_binary(&s, rs + len, len) == 0)
                        rc = 0;
        }
        mbedtls_mpi_free(&s);
        mbedtls_mpi_free(&r);
        mbedtls_mpi_free(&d);
        mbedtls_ecp_group_free(&grp);
        return rc;
}
#else
int crypt_ecdsa_sign(enum crypt_curve curve, const uint8_t *scalar,
                     const uint8_t hash[CRYPT_SHA256_LEN], uint8_t *rs)
{
        (void)curve, (void)scalar, (void)hash, (void)rs;
        return -E_UNSUPPORTED;
}
#endif
