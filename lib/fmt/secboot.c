#include "fmt/secboot.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"

/* One scheme a row: where its fields lie. */
static const struct layout {
        const char *name;
        uint8_t form, sha, curve;
        uint16_t key, key_len; /* what the key digest covers */
        uint16_t number, signature;
        uint16_t width; /* bytes of one number */
        enum crypt_curve group;
} layouts[SECBOOT_SCHEMES] = {
        [SECBOOT_RSA3072] = { "RSA-3072", SECBOOT_FORM_RSA, 0, 0, SECBOOT_RSA_AT_N,
                              SECBOOT_RSA_AT_S - SECBOOT_RSA_AT_N, SECBOOT_RSA_AT_N,
                              SECBOOT_RSA_AT_S, SECBOOT_RSA_LEN, CRYPT_P256 },
        [SECBOOT_P192] = { "ECDSA P-192", SECBOOT_FORM_EC, 0, SECBOOT_CURVE_P192,
                           SECBOOT_EC_AT_CURVE, 1 + SECBOOT_EC_AREA, SECBOOT_EC_AT_POINT,
                           SECBOOT_EC_AT_S, 24, CRYPT_P192 },
        [SECBOOT_P256] = { "ECDSA P-256", SECBOOT_FORM_EC, 0, SECBOOT_CURVE_P256,
                           SECBOOT_EC_AT_CURVE, 1 + SECBOOT_EC_AREA, SECBOOT_EC_AT_POINT,
                           SECBOOT_EC_AT_S, 32, CRYPT_P256 },
        [SECBOOT_P384] = { "ECDSA P-384", SECBOOT_FORM_EC, 1, SECBOOT_CURVE_P384,
                           SECBOOT_EC384_AT_CURVE, 1 + SECBOOT_EC384_AREA, SECBOOT_EC384_AT_POINT,
                           SECBOOT_EC384_AT_S, 48, CRYPT_P384 },
};

const char *secboot_scheme_name(enum secboot_scheme s)
{
        return layouts[s].name;
}

size_t secboot_hash_len(enum secboot_scheme s)
{
        return layouts[s].sha ? CRYPT_SHA384_LEN : CRYPT_SHA256_LEN;
}

int secboot_hash_init(struct secboot_hash *h, enum secboot_scheme s)
{
        h->sha384 = layouts[s].sha;
        return h->sha384 ? crypt_sha512_init(&h->of.sha512, true)
                         : crypt_sha256_init(&h->of.sha256);
}

int secboot_hash_update(struct secboot_hash *h, const void *p, size_t n)
{
        return h->sha384 ? crypt_sha512_update(&h->of.sha512, p, n)
                         : crypt_sha256_update(&h->of.sha256, p, n);
}

int secboot_hash_finish(struct secboot_hash *h, uint8_t out[SECBOOT_HASH_MAX])
{
        return h->sha384 ? crypt_sha512_finish(&h->of.sha512, out)
                         : crypt_sha256_finish(&h->of.sha256, out);
}

void secboot_hash_free(struct secboot_hash *h)
{
        if (h->sha384)
                crypt_sha512_free(&h->of.sha512);
        else
                crypt_sha256_free(&h->of.sha256);
}

/* Blocks are little-endian, crypt.h is big. */
static void reversed(uint8_t *to, const uint8_t *from, size_t n)
{
        for (size_t i = 0; i < n; i++)
                to[i] = from[n - 1 - i];
}

/* The scheme of a block that is one, or -1. */
static int scheme_of(const uint8_t *b)
{
        if (b[SECBOOT_AT_FORM] == SECBOOT_FORM_RSA && b[SECBOOT_AT_SHA] == 0)
                return SECBOOT_RSA3072;
        if (b[SECBOOT_AT_FORM] != SECBOOT_FORM_EC)
                return -1;
        for (int s = SECBOOT_P192; s <= SECBOOT_P384; s++)
                if (b[SECBOOT_AT_SHA] == layouts[s].sha && b[layouts[s].key] == layouts[s].curve)
                        return s;
        return -1;
}

int secboot_block_read(const uint8_t block[SECBOOT_BLOCK], enum secboot_scheme *s, struct diag *d)
{
        const uint32_t crc = crc32_le(0, block, SECBOOT_AT_CRC);
        const int scheme = scheme_of(block);

        if (block[0] != SECBOOT_MAGIC)
                return diag_set(d, E_NOTFOUND, "no signature block");
        if (le32_get(block + SECBOOT_AT_CRC) != crc)
                return diag_set(d, E_CRC, "the CRC of the signature block does not match");
        if (scheme < 0)
                return diag_set(d, E_FORMAT, "a signature block of an unknown form or curve");
        *s = (enum secboot_scheme)scheme;
        return 0;
}

void secboot_block_key(const uint8_t block[SECBOOT_BLOCK], struct secboot_key *key)
{
        const int s = scheme_of(block);
        const struct layout *l = &layouts[s];

        memset(key, 0, sizeof *key);
        key->scheme = (enum secboot_scheme)s;
        reversed(key->number, block + l->number, l->width);
        if (s == SECBOOT_RSA3072)
                key->e = le32_get(block + SECBOOT_RSA_AT_E);
        else
                reversed(key->number + l->width, block + l->number + l->width, l->width);
}

int secboot_block_key_digest(const uint8_t block[SECBOOT_BLOCK], uint8_t out[SECBOOT_KEY_DIGEST])
{
        const struct layout *l = &layouts[scheme_of(block)];

        return crypt_sha256(block + l->key, l->key_len, out);
}

/* R and M' as n makes them. */
static int montgomery(const uint8_t *n, uint8_t *r_le, uint32_t *m)
{
        uint8_t r[SECBOOT_RSA_LEN];
        const int rc = crypt_montgomery(n, SECBOOT_RSA_LEN, r, m);

        if (rc == 0)
                reversed(r_le, r, sizeof r);
        return rc;
}

static int verify_rsa(const uint8_t *block, const struct secboot_key *key, struct diag *d)
{
        const struct crypt_rsa_public pub = { key->number, SECBOOT_RSA_LEN, key->e };
        uint8_t number[SECBOOT_RSA_LEN];
        uint32_t m;

        if (montgomery(key->number, number, &m) < 0)
                return diag_set(d, E_VERIFY, "the signature block holds no RSA key");
        if (memcmp(number, block + SECBOOT_RSA_AT_R, sizeof number) != 0 ||
            m != le32_get(block + SECBOOT_RSA_AT_M))
                return diag_set(d, E_VERIFY,
                                "R or M' in the signature block do not belong to its key: a chip "
                                "would refuse it");
        reversed(number, block + SECBOOT_RSA_AT_S, sizeof number);
        return crypt_rsa_pss_verify(&pub, block + SECBOOT_AT_DIGEST, number);
}

static int verify_ec(const uint8_t *block, const struct secboot_key *key)
{
        const struct layout *l = &layouts[key->scheme];
        uint8_t rs[2 * CRYPT_CURVE_MAX];

        reversed(rs, block + l->signature, l->width);
        reversed(rs + l->width, block + l->signature + l->width, l->width);
        return crypt_ecdsa_verify(l->group, key->number, block + SECBOOT_AT_DIGEST,
                                  secboot_hash_len(key->scheme), rs);
}

int secboot_block_verify(const uint8_t block[SECBOOT_BLOCK], const uint8_t *hash, struct diag *d)
{
        struct secboot_key key;
        int rc;

        secboot_block_key(block, &key);
        if (memcmp(block + SECBOOT_AT_DIGEST, hash, secboot_hash_len(key.scheme)) != 0)
                return diag_set(d, E_VERIFY, "the signature is over another image");
        rc = key.scheme == SECBOOT_RSA3072 ? verify_rsa(block, &key, d) : verify_ec(block, &key);
        if (rc < 0)
                diag_set(d, E_VERIFY,
                         rc == -E_UNSUPPORTED ? "this curve is not known here"
                                              : "the signature is wrong");
        return rc < 0 ? -E_VERIFY : 0;
}

int secboot_block_begin(uint8_t block[SECBOOT_BLOCK], const struct secboot_key *key,
                        const uint8_t *hash)
{
        const struct layout *l = &layouts[key->scheme];
        uint32_t m;
        int rc;

        memset(block, 0, SECBOOT_BLOCK);
        block[0] = SECBOOT_MAGIC;
        block[SECBOOT_AT_FORM] = l->form;
        block[SECBOOT_AT_SHA] = l->sha;
        memcpy(block + SECBOOT_AT_DIGEST, hash, secboot_hash_len(key->scheme));
        reversed(block + l->number, key->number, l->width);
        if (key->scheme != SECBOOT_RSA3072) {
                block[l->key] = l->curve;
                reversed(block + l->number + l->width, key->number + l->width, l->width);
                return 0;
        }
        le32_put(block + SECBOOT_RSA_AT_E, key->e);
        if ((rc = montgomery(key->number, block + SECBOOT_RSA_AT_R, &m)) < 0)
                return rc;
        le32_put(block + SECBOOT_RSA_AT_M, m);
        return 0;
}

void secboot_block_finish(uint8_t block[SECBOOT_BLOCK], const uint8_t *signature)
{
        const struct layout *l = &layouts[scheme_of(block)];

        reversed(block + l->signature, signature, l->width);
        if (l->form == SECBOOT_FORM_EC)
                reversed(block + l->signature + l->width, signature + l->width, l->width);
        le32_put(block + SECBOOT_AT_CRC, crc32_le(0, block, SECBOOT_AT_CRC));
}
