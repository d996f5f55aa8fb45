#include "host/secboot_sign.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "fmt/bootfuse.h"
#include "host/chips.h"
#include "host/x509_key.h"

#define SIGNATURE_MAX SECBOOT_RSA_LEN

static const struct {
        const char *group;
        enum crypt_curve curve;
} curves[SECBOOT_SCHEMES] = {
        [SECBOOT_P192] = { "prime192v1", CRYPT_P192 },
        [SECBOOT_P256] = { "prime256v1", CRYPT_P256 },
        [SECBOOT_P384] = { "secp384r1", CRYPT_P384 },
};

static int wrong_key(struct diag *d)
{
        return diag_set(d, E_TYPE,
                        "secure boot takes RSA-3072 or ECDSA P-192, P-256 or P-384 keys; make one "
                        "with generate-signing-key");
}

/* The curve of an elliptic key, or -1. A key in a token may only tell its size. */
static int curve_of(EVP_PKEY *key)
{
        char group[64];
        size_t n;

        for (int s = SECBOOT_P192; s <= SECBOOT_P384; s++) {
                if (EVP_PKEY_get_bits(key) != (int)crypt_curve_len(curves[s].curve) * 8)
                        continue;
                if (EVP_PKEY_get_group_name(key, group, sizeof group, &n) != 1 ||
                    !strcmp(group, curves[s].group))
                        return s;
        }
        return -1;
}

static int rsa_of(EVP_PKEY *key, struct secboot_key *out, struct diag *d)
{
        BIGNUM *n = NULL;
        BIGNUM *e = NULL;
        int rc = 0;

        if (EVP_PKEY_get_bits(key) != (int)SECBOOT_RSA_LEN * 8)
                return wrong_key(d);
        if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
            BN_bn2binpad(n, out->number, SECBOOT_RSA_LEN) < 0)
                rc = openssl_fail(d, E_KEY, "the public key cannot be read");
        else if (BN_num_bits(e) > 32)
                rc = diag_set(d, E_KEY, "an RSA key whose exponent has more than 32 bits");
        else
                out->e = (uint32_t)BN_get_word(e);
        BN_free(n);
        BN_free(e);
        return rc;
}

/* The public half as a key of OpenSSL's own: one in a token does not tell its numbers. */
static EVP_PKEY *public_copy(EVP_PKEY *key)
{
        uint8_t *der = NULL;
        const int len = i2d_PUBKEY(key, &der);
        const uint8_t *p = der;
        EVP_PKEY *copy = len > 0 ? d2i_PUBKEY(NULL, &p, len) : NULL;

        OPENSSL_free(der);
        return copy;
}

static int ec_of(EVP_PKEY *key, int scheme, struct secboot_key *out, struct diag *d)
{
        const size_t len = crypt_curve_len(curves[scheme].curve);
        EVP_PKEY *copy = public_copy(key);
        BIGNUM *x = NULL;
        BIGNUM *y = NULL;
        int rc = 0;

        if (!copy || EVP_PKEY_get_bn_param(copy, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
            EVP_PKEY_get_bn_param(copy, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1 ||
            BN_bn2binpad(x, out->number, (int)len) < 0 ||
            BN_bn2binpad(y, out->number + len, (int)len) < 0)
                rc = openssl_fail(d, E_KEY, "the public key cannot be read");
        BN_free(x);
        BN_free(y);
        EVP_PKEY_free(copy);
        return rc;
}

int secboot_key_of(EVP_PKEY *key, struct secboot_key *out, struct diag *d)
{
        int scheme;

        memset(out, 0, sizeof *out);
        if (EVP_PKEY_is_a(key, "RSA")) {
                out->scheme = SECBOOT_RSA3072;
                return rsa_of(key, out, d);
        }
        if (!EVP_PKEY_is_a(key, "EC") || (scheme = curve_of(key)) < 0)
                return wrong_key(d);
        out->scheme = (enum secboot_scheme)scheme;
        return ec_of(key, scheme, out, d);
}

int secboot_public_decode(const char *name, const struct blob *in, EVP_PKEY **out, struct diag *d)
{
        const uint8_t *p = in->data;
        size_t n = in->len;
        OSSL_DECODER_CTX *ctx;
        int rc;

        *out = NULL;
        ctx = OSSL_DECODER_CTX_new_for_pkey(out, NULL, NULL, NULL, EVP_PKEY_PUBLIC_KEY, NULL, NULL);
        if (ctx)
                OSSL_DECODER_from_data(ctx, &p, &n);
        OSSL_DECODER_CTX_free(ctx);
        ERR_clear_error();
        if (*out)
                return 0;
        rc = key_decode(name, in, NULL, out, NULL);
        if (rc == -E_STATE)
                return diag_set(d, E_STATE, "%s: encrypted; give the public key instead", name);
        return rc < 0 ? diag_set(d, E_FORMAT, "%s: no key in it (PEM or DER)", name) : 0;
}

int secboot_public_load(const char *path, EVP_PKEY **out, struct diag *d)
{
        struct blob in = { 0 };
        int rc = file_load(path, FILE_LIMIT_KEY, &in, d);

        *out = NULL;
        if (rc == 0)
                rc = secboot_public_decode(path, &in, out, d);
        blob_free_secret(&in);
        return rc;
}

int secboot_key_make(enum secboot_scheme s, EVP_PKEY **out, struct diag *d)
{
        *out = s == SECBOOT_RSA3072 ? EVP_RSA_gen(SECBOOT_RSA_LEN * 8u)
                                    : EVP_EC_gen(curves[s].group);
        return *out ? 0 : openssl_fail(d, E_RANDOM, "no key could be made");
}

int secboot_digest_of(EVP_PKEY *key, uint8_t out[SECBOOT_KEY_DIGEST], struct diag *d)
{
        static const uint8_t no_hash[SECBOOT_HASH_MAX];
        uint8_t block[SECBOOT_BLOCK];
        struct secboot_key pub;
        int rc = secboot_key_of(key, &pub, d);

        if (rc < 0)
                return rc;
        if ((rc = secboot_block_begin(block, &pub, no_hash)) < 0 ||
            (rc = secboot_block_key_digest(block, out)) < 0)
                return diag_set(d, -rc, "no usable key");
        return 0;
}

int secboot_digest_load(const char *path, uint8_t out[SECBOOT_KEY_DIGEST], struct diag *d)
{
        EVP_PKEY *key = NULL;
        int rc = secboot_public_load(path, &key, d);

        if (rc == 0)
                rc = secboot_digest_of(key, out, d);
        EVP_PKEY_free(key);
        return rc;
}

int secboot_rom_check(const char *chip, const char *path, struct diag *d)
{
        const struct chip *c = chip_by_name(chip);
        struct secboot_key pub;
        EVP_PKEY *key = NULL;
        int rc = secboot_public_load(path, &key, d);

        if (rc == 0 && (rc = secboot_key_of(key, &pub, d)) == 0 && c && c->image_id >= 0 &&
            !(bootfuse_schemes((uint16_t)c->image_id) >> pub.scheme & 1))
                rc = diag_set(d, E_TYPE,
                              "%s: the ROM of the %s cannot verify %s: under secure boot with that "
                              "key burnt it would never boot",
                              path, c->name, secboot_scheme_name(pub.scheme));
        EVP_PKEY_free(key);
        return rc;
}

int secboot_point_of(EVP_PKEY *key, uint8_t out[SECBOOT_POINT], struct diag *d)
{
        struct secboot_key pub;

        if (!EVP_PKEY_is_a(key, "EC") || secboot_key_of(key, &pub, NULL) < 0 ||
            pub.scheme != SECBOOT_P256)
                return diag_set(d, E_TYPE,
                                "secure boot version 1 takes an ECDSA P-256 key (prime256v1)");
        memcpy(out, pub.number, SECBOOT_POINT);
        return 0;
}

/* DER of r and s to two numbers of len bytes. */
static int split_der(const uint8_t *der, size_t n, size_t len, uint8_t *rs)
{
        const uint8_t *p = der;
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
        int rc = -E_FORMAT;

        if (sig && p == der + n && BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, (int)len) > 0 &&
            BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + len, (int)len) > 0)
                rc = 0;
        ECDSA_SIG_free(sig);
        ERR_clear_error();
        return rc;
}

static const EVP_MD *md_of(enum secboot_scheme s)
{
        return secboot_hash_len(s) == CRYPT_SHA384_LEN ? EVP_sha384() : EVP_sha256();
}

/* Sign a hash: RSA gives its number, ECDSA r and s. */
static int sign_hash(EVP_PKEY *key, enum secboot_scheme s, const uint8_t *hash, uint8_t *out,
                     struct diag *d)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
        uint8_t raw[SIGNATURE_MAX];
        size_t n = sizeof raw;
        bool ok = ctx && EVP_PKEY_sign_init(ctx) == 1;

        if (ok && s == SECBOOT_RSA3072)
                ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1;
        ok = ok && EVP_PKEY_CTX_set_signature_md(ctx, md_of(s)) == 1;
        if (ok && s == SECBOOT_RSA3072)
                ok = EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
                     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) == 1;
        ok = ok && EVP_PKEY_sign(ctx, raw, &n, hash, secboot_hash_len(s)) == 1;
        EVP_PKEY_CTX_free(ctx);
        if (!ok)
                return openssl_fail(d, E_KEY, "this key does not sign; is it a private one?");
        if (s != SECBOOT_RSA3072)
                return split_der(raw, n, crypt_curve_len(curves[s].curve), out);
        if (n != SECBOOT_RSA_LEN)
                return diag_set(d, E_KEY, "an RSA signature of %zu bytes", n);
        memcpy(out, raw, n);
        return 0;
}

static int take_signature(const struct blob *sig, enum secboot_scheme s, uint8_t *out,
                          struct diag *d)
{
        if (s != SECBOOT_RSA3072) {
                if (split_der(sig->data, sig->len, crypt_curve_len(curves[s].curve), out) < 0)
                        return diag_set(d, E_FORMAT, "an ECDSA signature is given in DER");
                return 0;
        }
        if (sig->len != SECBOOT_RSA_LEN)
                return diag_set(d, E_FORMAT, "an RSA signature of %zu bytes; it has %u", sig->len,
                                SECBOOT_RSA_LEN);
        memcpy(out, sig->data, sig->len);
        return 0;
}

static int hash_image(const uint8_t *p, size_t n, enum secboot_scheme s, uint8_t *out)
{
        struct secboot_hash h;
        int rc = secboot_hash_init(&h, s);

        if (rc == 0)
                rc = secboot_hash_update(&h, p, n);
        return rc < 0 ? rc : secboot_hash_finish(&h, out);
}

/* One block over n bytes; signature NULL: with the key. */
static int make_block(const uint8_t *p, size_t n, EVP_PKEY *key, const struct blob *signature,
                      uint8_t *block, struct diag *d)
{
        uint8_t number[SIGNATURE_MAX] = { 0 };
        uint8_t hash[SECBOOT_HASH_MAX];
        struct secboot_key pub;
        int rc;

        if ((rc = secboot_key_of(key, &pub, d)) < 0)
                return rc;
        if ((rc = hash_image(p, n, pub.scheme, hash)) < 0 ||
            (rc = secboot_block_begin(block, &pub, hash)) < 0)
                return diag_set(d, -rc, "no usable key");
        rc = signature ? take_signature(signature, pub.scheme, number, d)
                       : sign_hash(key, pub.scheme, hash, number, d);
        if (rc < 0)
                return diag_set(d, -rc, "no signature was made");
        secboot_block_finish(block, number);
        return secboot_block_verify(block, hash, d);
}

static unsigned count_blocks(const uint8_t *sector)
{
        enum secboot_scheme s;
        unsigned n = 0;

        while (n < SECBOOT_BLOCKS &&
               secboot_block_read(sector + (size_t)n * SECBOOT_BLOCK, &s, NULL) == 0)
                n++;
        return n;
}

/* Valid blocks in the last sector of the file, 0 if it has none. */
static unsigned signed_already(const struct blob *f)
{
        return f->len >= SECBOOT_SECTOR && f->len % SECBOOT_SECTOR == 0
                       ? count_blocks(f->data + f->len - SECBOOT_SECTOR)
                       : 0;
}

int secboot_sign(const struct blob *image, const struct secboot_order *o, struct blob *out,
                 unsigned *signatures, struct diag *d)
{
        unsigned there = signed_already(image);
        const size_t data = there ? image->len - SECBOOT_SECTOR : image->len;
        const size_t padded = o->no_padding ? data : (size_t)secboot_padded(data);
        uint8_t *sector;
        int rc = 0;

        if (there && !o->append && !o->replace)
                return diag_set(d, E_EXISTS,
                                "is signed already (%u signature%s): --append adds to them, "
                                "--replace drops them",
                                there, there == 1 ? "" : "s");
        if (o->signatures && padded != data)
                return diag_set(d, E_RANGE,
                                "%zu bytes are no whole sectors, so a signature that was made "
                                "elsewhere cannot cover the padding; fill the image up with 0xFF "
                                "to %zu bytes first",
                                data, padded);
        if (o->replace)
                there = 0;
        if (o->count > SECBOOT_BLOCKS - there)
                return diag_set(d, E_NOSPACE, "%zu more signatures than the %u that are free of %u",
                                o->count, SECBOOT_BLOCKS - there, SECBOOT_BLOCKS);
        out->len = padded + SECBOOT_SECTOR;
        if (!(out->data = malloc(out->len + 1)))
                return diag_set(d, E_NOMEM, "no memory for an image");
        memcpy(out->data, image->data, data);
        memset(out->data + data, 0xFF, out->len - data);
        out->data[out->len] = 0;
        sector = out->data + padded;
        if (there)
                memcpy(sector, image->data + data, (size_t)there * SECBOOT_BLOCK);
        for (size_t i = 0; i < o->count && rc == 0; i++)
                rc = make_block(out->data, padded, o->keys[i],
                                o->signatures ? &o->signatures[i] : NULL,
                                sector + (there + i) * SECBOOT_BLOCK, d);
        *signatures = there + (unsigned)o->count;
        if (rc < 0)
                blob_free(out);
        return rc;
}

int secboot_inspect(const struct blob *file, struct secboot_found found[SECBOOT_BLOCKS],
                    struct diag *d)
{
        const uint8_t *sector = file->data + file->len - SECBOOT_SECTOR;
        uint8_t hash[SECBOOT_HASH_MAX];
        unsigned n = 0;

        if (file->len < SECBOOT_SECTOR)
                return diag_set(d, E_TRUNC, "%zu bytes hold no signature sector", file->len);
        for (; n < SECBOOT_BLOCKS; n++) {
                const uint8_t *block = sector + (size_t)n * SECBOOT_BLOCK;
                struct secboot_found *f = &found[n];

                memset(f, 0, sizeof *f);
                f->bad = secboot_block_read(block, &f->scheme, &f->why);
                if (f->bad == -E_NOTFOUND)
                        break;
                if (f->bad < 0)
                        continue;
                if (secboot_block_key_digest(block, f->digest) < 0 ||
                    hash_image(file->data, file->len - SECBOOT_SECTOR, f->scheme, hash) < 0)
                        return diag_set(d, E_BUG, "SHA-2 failed");
                f->bad = secboot_block_verify(block, hash, &f->why);
        }
        return (int)n;
}

/* P-256 over a SHA-256 with RFC 6979's nonce where the private number can be had. */
static int sign_v1(EVP_PKEY *key, const uint8_t *hash, uint8_t *rs, struct diag *d)
{
        uint8_t scalar[32];
        BIGNUM *secret = NULL;
        int rc;

        rc = -E_KEY;
        if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1 &&
            BN_bn2binpad(secret, scalar, sizeof scalar) > 0)
                rc = crypt_ecdsa_sign(CRYPT_P256, scalar, hash, rs);
        wipe(scalar, sizeof scalar);
        BN_clear_free(secret);
        ERR_clear_error();
        /* a token's number cannot be had: none, or 0 */
        return rc < 0 ? sign_hash(key, SECBOOT_P256, hash, rs, d) : 0;
}

int secboot_sign_v1(const struct blob *image, EVP_PKEY *key, struct blob *out, struct diag *d)
{
        uint8_t point[SECBOOT_POINT];
        uint8_t hash[CRYPT_SHA256_LEN];
        int rc = secboot_point_of(key, point, d);

        if (rc < 0)
                return rc;
        out->len = image->len + SECBOOT_V1_LEN;
        if (!(out->data = calloc(1, out->len + 1)))
                return diag_set(d, E_NOMEM, "no memory for an image");
        memcpy(out->data, image->data, image->len);
        rc = crypt_sha256(image->data, image->len, hash);
        if (rc == 0)
                rc = sign_v1(key, hash, out->data + image->len + SECBOOT_V1_AT_S, d);
        if (rc == 0)
                rc = secboot_verify_v1(out, point, d);
        if (rc < 0)
                blob_free(out);
        return rc < 0 ? diag_set(d, -rc, "no signature was made") : 0;
}

int secboot_verify_v1(const struct blob *file, const uint8_t point[SECBOOT_POINT], struct diag *d)
{
        uint8_t hash[CRYPT_SHA256_LEN];
        const uint8_t *sig;
        int rc;

        if (file->len < SECBOOT_V1_LEN)
                return diag_set(d, E_TRUNC, "%zu bytes hold no signature of version 1", file->len);
        sig = file->data + file->len - SECBOOT_V1_LEN;
        if (le32_get(sig) != 0)
                return diag_set(d, E_VERIFY, "not signed (version 1), or by another version");
        if ((rc = crypt_sha256(file->data, file->len - SECBOOT_V1_LEN, hash)) < 0)
                return diag_set(d, -rc, "SHA-256 failed");
        if (crypt_ecdsa_verify(CRYPT_P256, point, hash, sizeof hash, sig + SECBOOT_V1_AT_S) < 0)
                return diag_set(d, E_VERIFY, "the signature is not of this key over this image");
        return 0;
}
