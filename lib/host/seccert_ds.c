#include "host/seccert_ds.h"

#include <string.h>
#include <strings.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "host/x509_key.h"

/* Sources: soc_caps.h of ESP-IDF v5.5 (SOC_DIG_SIGN_SUPPORTED, SOC_RSA_MAX_BIT_LEN,
 * SOC_ECDSA_SUPPORTED, SOC_EFUSE_KEY_…). */
static const struct seccert_chip chips[] = {
        { "esp32", 0, false, 0 },      { "esp32s2", 4096, false, 6 }, { "esp32s3", 4096, false, 6 },
        { "esp32c2", 0, false, 0 },    { "esp32c3", 3072, false, 6 }, { "esp32c5", 3072, true, 6 },
        { "esp32c6", 3072, false, 6 }, { "esp32h2", 3072, true, 6 },  { "esp32p4", 4096, true, 6 },
};
const char seccert_chip_words[] =
        "esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c5, esp32c6, esp32h2, esp32p4";

const struct seccert_chip *seccert_chip_find(const char *name)
{
        for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++)
                if (strcasecmp(chips[i].name, name) == 0)
                        return &chips[i];
        return NULL;
}

void seccert_ds_context(unsigned efuse_id, unsigned bits, uint8_t out[SECCERT_DS_CONTEXT_N])
{
        memset(out, 0, SECCERT_DS_CONTEXT_N);
        out[4] = (uint8_t)efuse_id;
        le16_put(out + 6, (uint16_t)bits);
}

void seccert_sec_cfg(unsigned efuse_id, uint8_t out[SECCERT_SEC_CFG_N])
{
        memset(out, 0, SECCERT_SEC_CFG_N);
        out[0] = (uint8_t)(efuse_id + 4); /* eFuse blocks count from 0, key 0 is block 4 */
}

/* ---- the parameters: Y | M | R | digest | M' | length | padding ---- */

struct ds_numbers {
        BIGNUM *m, *y, *r; /* modulus, private exponent, 2^(2 bits) mod m */
        uint32_t m_prime;  /* -1/m mod 2^32 */
};

static void numbers_free(struct ds_numbers *n)
{
        BN_free(n->m);
        BN_clear_free(n->y);
        BN_free(n->r);
}

/* -1/m mod 2^32 by Newton's iteration; m is odd. */
static uint32_t negative_inverse(uint32_t m)
{
        uint32_t x = m; /* right in the lowest three bits */

        for (int i = 0; i < 4; i++)
                x *= 2 - m * x;
        return 0u - x;
}

static int numbers_get(EVP_PKEY *key, struct ds_numbers *n, struct diag *d)
{
        const int bits = EVP_PKEY_get_bits(key);
        BN_CTX *ctx = BN_CTX_new();
        uint8_t low[4];
        int rc = 0;

        n->r = BN_new();
        if (!ctx || !n->r || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n->m) != 1 ||
            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &n->y) != 1 ||
            BN_set_bit(n->r, 2 * bits) != 1 || BN_mod(n->r, n->r, n->m, ctx) != 1) {
                rc = openssl_fail(d, E_KEY, "the RSA key's numbers cannot be read");
        } else {
                BIGNUM *word = BN_dup(n->m);

                if (!word || BN_mask_bits(word, 32) != 1 || BN_bn2lebinpad(word, low, 4) != 4)
                        rc = openssl_fail(d, E_NOMEM, "no memory");
                else
                        n->m_prime = negative_inverse(le32_get(low));
                BN_free(word);
        }
        BN_CTX_free(ctx);
        return rc;
}

/* Y, M, R, each little endian in size bytes. */
static int numbers_put(const struct ds_numbers *n, size_t size, uint8_t *p)
{
        return BN_bn2lebinpad(n->y, p, (int)size) < 0 ||
                               BN_bn2lebinpad(n->m, p + size, (int)size) < 0 ||
                               BN_bn2lebinpad(n->r, p + 2 * size, (int)size) < 0
                       ? -E_NOMEM
                       : 0;
}

static int encrypt(const uint8_t hmac_key[SECCERT_HMAC_KEY], const uint8_t *iv, uint8_t *p,
                   size_t n)
{
        uint8_t seed[32], aes[CRYPT_SHA256_LEN];
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int done = 0;
        int rc;

        memset(seed, 0xFF, sizeof seed);
        rc = crypt_hmac_sha256(hmac_key, SECCERT_HMAC_KEY, seed, sizeof seed, aes);
        if (rc == 0 && (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, aes, iv) != 1 ||
                        EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
                        EVP_EncryptUpdate(ctx, p, &done, p, (int)n) != 1 || (size_t)done != n))
                rc = -E_NOMEM;
        EVP_CIPHER_CTX_free(ctx);
        wipe(aes, sizeof aes);
        return rc;
}

int seccert_ds_data(const struct seccert_chip *chip, EVP_PKEY *key,
                    const uint8_t hmac_key[SECCERT_HMAC_KEY], const uint8_t iv[SECCERT_DS_IV],
                    uint8_t *out, struct diag *d)
{
        const size_t size = chip->rsa_bits / 8;
        const unsigned bits = (unsigned)EVP_PKEY_get_bits(key);
        const size_t cipher = 3 * size + CRYPT_SHA256_LEN + 16;
        uint8_t text[3 * 512 + 8 + SECCERT_DS_IV]; /* what the digest is of */
        uint8_t *p = out + 4 + SECCERT_DS_IV;
        struct ds_numbers n = { 0 };
        int rc;

        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
                return diag_set(d, E_TYPE, "the digital signature peripheral takes RSA keys only");
        if (size == 0)
                return diag_set(d, E_UNSUPPORTED, "the %s has no digital signature peripheral",
                                chip->name);
        if (bits % 1024 != 0 || bits > chip->rsa_bits)
                return diag_set(
                        d, E_RANGE, "an RSA key of %u bits; the %s takes %s", bits, chip->name,
                        chip->rsa_bits > 3072 ? "1024, 2048, 3072 or 4096" : "1024, 2048 or 3072");
        rc = numbers_get(key, &n, d);
        if (rc == 0)
                rc = numbers_put(&n, size, text);
        if (rc == 0) {
                memcpy(p, text, 3 * size);
                le32_put(text + 3 * size, n.m_prime);
                le32_put(text + 3 * size + 4, bits / 32 - 1);
                memcpy(text + 3 * size + 8, iv, SECCERT_DS_IV);
                rc = crypt_sha256(text, 3 * size + 8 + SECCERT_DS_IV, p + 3 * size);
                memcpy(p + 3 * size + CRYPT_SHA256_LEN, text + 3 * size, 8);
                memset(p + 3 * size + CRYPT_SHA256_LEN + 8, 8, 8);
        }
        if (rc == 0)
                rc = encrypt(hmac_key, iv, p, cipher);
        le32_put(out, bits / 32 - 1);
        memcpy(out + 4, iv, SECCERT_DS_IV);
        numbers_free(&n);
        wipe(text, sizeof text);
        if (rc < 0) {
                wipe(out, SECCERT_DS_MAX);
                return diag_set(d, -rc, "the key's parameters cannot be encrypted");
        }
        return (int)(4 + SECCERT_DS_IV + cipher);
}
