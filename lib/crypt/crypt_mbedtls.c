/* crypt.h on Mbed TLS: the same source for 2.28 (Debian 12) and 3.6 (ESP-IDF). */
#include "crypt/crypt.h"

#include <string.h>

#include <mbedtls/aes.h>
#include <mbedtls/md.h>
#include <mbedtls/md5.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include "base/bytes.h"
#include "base/err.h"

/* 2.28 spells the functions that report errors with _ret; in 3.x these are the plain names. */
#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_md5           mbedtls_md5_ret
#define mbedtls_md5_starts    mbedtls_md5_starts_ret
#define mbedtls_md5_update    mbedtls_md5_update_ret
#define mbedtls_md5_finish    mbedtls_md5_finish_ret
#define mbedtls_sha256        mbedtls_sha256_ret
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

#define FITS(type, opaque) _Static_assert(sizeof(type) <= sizeof(opaque), #type " outgrew crypt.h")

FITS(mbedtls_sha256_context, struct crypt_sha256);
FITS(mbedtls_md5_context, struct crypt_md5);

static int status(int rc)
{
        return rc ? -E_BUG : 0;
}

int crypt_md5(const void *p, size_t n, uint8_t out[CRYPT_MD5_LEN])
{
        return status(mbedtls_md5(p, n, out));
}

int crypt_sha256(const void *p, size_t n, uint8_t out[CRYPT_SHA256_LEN])
{
        return status(mbedtls_sha256(p, n, out, 0));
}

int crypt_wifi_pmk(const char *passphrase, const char *ssid, uint8_t out[CRYPT_WIFI_PMK_LEN])
{
        const uint8_t *pass = (const uint8_t *)passphrase;
        const uint8_t *salt = (const uint8_t *)ssid;

#if MBEDTLS_VERSION_MAJOR < 3
        mbedtls_md_context_t md;
        int rc;

        mbedtls_md_init(&md);
        rc = mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), 1);
        if (rc == 0)
                rc = mbedtls_pkcs5_pbkdf2_hmac(&md, pass, strlen(passphrase), salt, strlen(ssid), 4096,
                                               CRYPT_WIFI_PMK_LEN, out);
        mbedtls_md_free(&md);
        return status(rc);
#else
        return status(mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA1, pass, strlen(passphrase), salt,
                                                    strlen(ssid), 4096, CRYPT_WIFI_PMK_LEN, out));
#endif
}

int crypt_hmac_sha256(const void *key, size_t key_len, const void *p, size_t n,
                      uint8_t out[CRYPT_SHA256_LEN])
{
        return status(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key, key_len, p,
                                      n, out));
}

static mbedtls_sha256_context *sha256_of(struct crypt_sha256 *c)
{
        return (mbedtls_sha256_context *)(void *)c->opaque;
}

int crypt_sha256_init(struct crypt_sha256 *c)
{
        mbedtls_sha256_init(sha256_of(c));
        return status(mbedtls_sha256_starts(sha256_of(c), 0));
}

int crypt_sha256_update(struct crypt_sha256 *c, const void *p, size_t n)
{
        return status(mbedtls_sha256_update(sha256_of(c), p, n));
}

int crypt_sha256_finish(struct crypt_sha256 *c, uint8_t out[CRYPT_SHA256_LEN])
{
        const int rc = mbedtls_sha256_finish(sha256_of(c), out);

        crypt_sha256_free(c);
        return status(rc);
}

void crypt_sha256_free(struct crypt_sha256 *c)
{
        mbedtls_sha256_free(sha256_of(c));
}

static mbedtls_md5_context *md5_of(struct crypt_md5 *c)
{
        return (mbedtls_md5_context *)(void *)c->opaque;
}

int crypt_md5_init(struct crypt_md5 *c)
{
        mbedtls_md5_init(md5_of(c));
        return status(mbedtls_md5_starts(md5_of(c)));
}

int crypt_md5_update(struct crypt_md5 *c, const void *p, size_t n)
{
        return status(mbedtls_md5_update(md5_of(c), p, n));
}

int crypt_md5_finish(struct crypt_md5 *c, uint8_t out[CRYPT_MD5_LEN])
{
        const int rc = mbedtls_md5_finish(md5_of(c), out);

        crypt_md5_free(c);
        return status(rc);
}

void crypt_md5_free(struct crypt_md5 *c)
{
        mbedtls_md5_free(md5_of(c));
}

struct xts_pair {
        mbedtls_aes_xts_context enc;
        mbedtls_aes_xts_context dec;
};
FITS(struct xts_pair, struct crypt_xts);

static struct xts_pair *xts_of(const struct crypt_xts *c)
{
        /* Mbed TLS does not change the context when it encrypts, but does not say const */
        return (struct xts_pair *)(uintptr_t)(const void *)c->opaque;
}

static int xts_init(struct crypt_xts *c, const uint8_t *key, unsigned len)
{
        struct xts_pair *p = xts_of(c);
        int rc;

        mbedtls_aes_xts_init(&p->enc);
        mbedtls_aes_xts_init(&p->dec);
        if (bytes_equal_ct(key, key + len / 2, len / 2))
                return -E_KEY;
        rc = mbedtls_aes_xts_setkey_enc(&p->enc, key, len * 8);
        if (rc == 0)
                rc = mbedtls_aes_xts_setkey_dec(&p->dec, key, len * 8);
        return status(rc);
}

int crypt_xts_init(struct crypt_xts *c, const uint8_t key[CRYPT_XTS_KEY])
{
        return xts_init(c, key, CRYPT_XTS_KEY);
}

int crypt_xts128_init(struct crypt_xts *c, const uint8_t key[CRYPT_XTS128_KEY])
{
        return xts_init(c, key, CRYPT_XTS128_KEY);
}

int crypt_xts_encrypt(const struct crypt_xts *c, const uint8_t tweak[16], const uint8_t *in,
                      uint8_t *out, size_t n)
{
        return status(
                mbedtls_aes_crypt_xts(&xts_of(c)->enc, MBEDTLS_AES_ENCRYPT, n, tweak, in, out));
}

int crypt_xts_decrypt(const struct crypt_xts *c, const uint8_t tweak[16], const uint8_t *in,
                      uint8_t *out, size_t n)
{
        return status(
                mbedtls_aes_crypt_xts(&xts_of(c)->dec, MBEDTLS_AES_DECRYPT, n, tweak, in, out));
}

void crypt_xts_free(struct crypt_xts *c)
{
        mbedtls_aes_xts_free(&xts_of(c)->enc);
        mbedtls_aes_xts_free(&xts_of(c)->dec);
        wipe(c, sizeof *c);
}
