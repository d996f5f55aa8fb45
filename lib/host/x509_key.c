#include "host/x509_key.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"

static const struct {
        const char *name;
        const char *algorithm; /* as OpenSSL calls it */
        const char *group;     /* of an elliptic curve */
        const char *other;     /* another spelling, without dashes */
        unsigned bits;
} types[] = {
        [KEY_NONE] = { "other", NULL, NULL, NULL, 0 },
        [KEY_P256] = { "p256", "EC", "P-256", "prime256v1", 256 },
        [KEY_P384] = { "p384", "EC", "P-384", "secp384r1", 384 },
        [KEY_RSA2048] = { "rsa2048", "RSA", NULL, NULL, 2048 },
        [KEY_RSA3072] = { "rsa3072", "RSA", NULL, NULL, 3072 },
        [KEY_RSA4096] = { "rsa4096", "RSA", NULL, NULL, 4096 },
        [KEY_ED25519] = { "ed25519", "ED25519", NULL, NULL,
                          0 }, /* one size only; OpenSSL says 253 or 256 */
};
#define TYPES (sizeof types / sizeof *types)

int openssl_fail(struct diag *d, int code, const char *fmt, ...)
{
        const unsigned long e = ERR_peek_last_error();
        const char *reason = e ? ERR_reason_error_string(e) : NULL;
        char text[DIAG_TEXT_MAX];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        ERR_clear_error();
        return reason ? diag_set(d, code, "%s (%s)", text, reason) : diag_set(d, code, "%s", text);
}

enum key_type key_type_of(const char *word)
{
        char plain[16];
        size_t n = 0;

        for (; *word; word++) {
                if (*word == '-' || *word == '_')
                        continue;
                if (n + 1 >= sizeof plain)
                        return KEY_NONE;
                plain[n++] = (char)tolower((unsigned char)*word);
        }
        plain[n] = 0;
        for (size_t i = 1; i < TYPES; i++)
                if (!strcmp(plain, types[i].name) ||
                    (types[i].other && !strcmp(plain, types[i].other)))
                        return (enum key_type)i;
        return KEY_NONE;
}

const char *key_type_name(enum key_type type)
{
        return types[type].name;
}

enum key_type key_type_get(const EVP_PKEY *key)
{
        char group[64];
        size_t n;

        for (size_t i = 1; i < TYPES; i++) {
                if (!EVP_PKEY_is_a(key, types[i].algorithm) ||
                    (types[i].bits && EVP_PKEY_get_bits(key) != (int)types[i].bits))
                        continue;
                /* curves of the same size are told apart by name; a key in a token may have none to
                 * tell */
                if (types[i].group && EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
                    key_type_of(group) != (enum key_type)i)
                        continue;
                return (enum key_type)i;
        }
        return KEY_NONE;
}

int key_generate(enum key_type type, EVP_PKEY **out, struct diag *d)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, types[type].algorithm, NULL);
        int ok = ctx && EVP_PKEY_keygen_init(ctx) == 1;

        *out = NULL;
        if (ok && types[type].group)
                ok = EVP_PKEY_CTX_set_group_name(ctx, types[type].group) == 1;
        else if (ok && !strcmp(types[type].algorithm, "RSA"))
                ok = EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)types[type].bits) == 1;
        ok = ok && EVP_PKEY_generate(ctx, out) == 1;
        EVP_PKEY_CTX_free(ctx);
        return ok ? 0 : openssl_fail(d, E_RANDOM, "no %s key could be made", types[type].name);
}

/*
 * DER of a P-256 or P-384 private key around its secret and its point: RFC 5915 (SEC1) and RFC
 * 5208. Only these bytes differ between keys of a curve, and OpenSSL 3.0's encoder costs twice a
 * signature.
 */
struct ec_frame {
        size_t secret_len;
        const char *head[2]; /* before the secret: PKCS#8, SEC1 */
        size_t head_len[2];
        const char *middle[2]; /* between secret and point */
        size_t middle_len[2];
};
#define FRAME(h8, h1, m8, m1)                                       \
        { h8, h1 }, { sizeof(h8) - 1, sizeof(h1) - 1 }, { m8, m1 }, \
        {                                                           \
                sizeof(m8) - 1, sizeof(m1) - 1                      \
        }
static const struct ec_frame ec_p256 = {
        32,
        FRAME("\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86"
              "\x48"
              "\xce\x3d\x03\x01\x07\x04\x6d\x30\x6b\x02\x01\x01\x04\x20",
              "\x30\x77\x02\x01\x01\x04\x20", "\xa1\x44\x03\x42\x00",
              "\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\xa1\x44\x03\x42\x00"),
};
static const struct ec_frame ec_p384 = {
        48,
        FRAME("\x30\x81\xb6\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81"
              "\x04"
              "\x00\x22\x04\x81\x9e\x30\x81\x9b\x02\x01\x01\x04\x30",
              "\x30\x81\xa4\x02\x01\x01\x04\x30", "\xa1\x64\x03\x62\x00",
              "\xa0\x07\x06\x05\x2b\x81\x04\x00\x22\xa1\x64\x03\x62\x00"),
};

size_t key_point(const EVP_PKEY *key, uint8_t out[KEY_POINT_MAX])
{
        size_t n = 0;

        if (!EVP_PKEY_is_a(key, "EC") ||
            EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, out, KEY_POINT_MAX, &n) !=
                    1)
                return 0;
        /* compressed points are left to OpenSSL */
        return n && out[0] == 4 ? n : 0;
}

/* Returns the length, or 0 if this key is not for this way. out holds 256 bytes. */
static size_t ec_der(const EVP_PKEY *key, bool traditional, uint8_t *out)
{
        const enum key_type type = key_type_get(key);
        const struct ec_frame *f = type == KEY_P256 ? &ec_p256 : type == KEY_P384 ? &ec_p384 : NULL;
        uint8_t point[KEY_POINT_MAX];
        BIGNUM *secret = NULL;
        uint8_t *p = out;
        size_t n;

        if (!f || (n = key_point(key, point)) != 1 + 2 * f->secret_len ||
            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &secret) != 1)
                return 0;
        memcpy(p, f->head[traditional], f->head_len[traditional]);
        p += f->head_len[traditional];
        if (BN_bn2binpad(secret, p, (int)f->secret_len) < 0) {
                BN_clear_free(secret);
                return 0;
        }
        BN_clear_free(secret);
        p += f->secret_len;
        memcpy(p, f->middle[traditional], f->middle_len[traditional]);
        p += f->middle_len[traditional];
        memcpy(p, point, n);
        return (size_t)(p - out) + n;
}

/* DER of any private key without encryption, on OpenSSL's heap or ours: *der is freed with
 * OPENSSL_clear_free. */
static int plain_der(EVP_PKEY *key, bool traditional, uint8_t **der)
{
        PKCS8_PRIV_KEY_INFO *p8;
        uint8_t fast[256];
        const size_t n = ec_der(key, traditional, fast);
        int len;

        *der = NULL;
        if (n) {
                *der = OPENSSL_memdup(fast, n);
                wipe(fast, sizeof fast);
                return *der ? (int)n : -1;
        }
        if (traditional)
                return i2d_PrivateKey(key, der);
        p8 = EVP_PKEY2PKCS8(key);
        len = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, der) : -1;
        PKCS8_PRIV_KEY_INFO_free(p8);
        return len;
}

static const char *pem_label(const EVP_PKEY *key, bool traditional, bool encrypted)
{
        if (!traditional)
                return encrypted ? PEM_STRING_PKCS8 : PEM_STRING_PKCS8INF;
        return EVP_PKEY_is_a(key, "RSA") ? PEM_STRING_RSA : PEM_STRING_ECPRIVATEKEY;
}

/* PKCS#8 encrypted under scrypt; the parameters of `openssl pkcs8 -scrypt`. */
static int encrypted_der(EVP_PKEY *key, const struct blob *passphrase, uint8_t **der)
{
        PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
        X509_ALGOR *pbe = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, 16384, 8, 1);
        X509_SIG *sealed = NULL;
        int len = -1;

        *der = NULL;
        if (p8 && pbe)
                sealed = PKCS8_set0_pbe((const char *)passphrase->data, (int)passphrase->len, p8,
                                        pbe);
        if (sealed)
                len = i2d_X509_SIG(sealed, der);
        else
                X509_ALGOR_free(pbe);
        X509_SIG_free(sealed);
        PKCS8_PRIV_KEY_INFO_free(p8);
        return len;
}

/* Copy DER into out, or its PEM. */
static int wrap(const uint8_t *der, int len, const char *label, struct blob *out)
{
        BIO *mem;
        char *text = NULL;
        long n;

        if (!label) {
                out->data = malloc((size_t)len + 1);
                if (!out->data)
                        return -E_NOMEM;
                memcpy(out->data, der, (size_t)len);
                out->data[len] = 0;
                out->len = (size_t)len;
                return 0;
        }
        mem = BIO_new(BIO_s_secmem());
        if (!mem || PEM_write_bio(mem, label, "", der, len) <= 0) {
                BIO_free(mem);
                return -E_NOMEM;
        }
        n = BIO_get_mem_data(mem, &text);
        out->data = malloc((size_t)n + 1);
        if (out->data) {
                memcpy(out->data, text, (size_t)n);
                out->data[n] = 0;
                out->len = (size_t)n;
        }
        BIO_free(mem);
        return out->data ? 0 : -E_NOMEM;
}

int key_encode(EVP_PKEY *key, struct key_form form, const struct blob *passphrase, struct blob *out,
               struct diag *d)
{
        const enum key_type type = key_type_get(key);
        uint8_t *der;
        int len;
        int rc;

        *out = (struct blob){ 0 };
        if (form.traditional && passphrase)
                return diag_set(d, E_UNSUPPORTED,
                                "an encrypted key is stored as PKCS#8, not in the older form");
        if (form.traditional && type == KEY_ED25519)
                return diag_set(d, E_UNSUPPORTED, "an Ed25519 key has no SEC1 form; use PKCS#8");
        len = passphrase ? encrypted_der(key, passphrase, &der)
                         : plain_der(key, form.traditional, &der);
        if (len <= 0)
                return openssl_fail(d, E_KEY, "the private key cannot be exported");
        rc = wrap(der, len, form.der ? NULL : pem_label(key, form.traditional, passphrase != NULL),
                  out);
        OPENSSL_clear_free(der, (size_t)len);
        return rc < 0 ? diag_set(d, -rc, "no memory for a key") : 0;
}

int key_public_pem(EVP_PKEY *key, struct blob *out, struct diag *d)
{
        uint8_t *der = NULL;
        const int len = i2d_PUBKEY(key, &der);
        int rc;

        *out = (struct blob){ 0 };
        if (len <= 0)
                return openssl_fail(d, E_KEY, "the public key cannot be exported");
        rc = wrap(der, len, PEM_STRING_PUBLIC, out);
        OPENSSL_free(der);
        return rc < 0 ? diag_set(d, -rc, "no memory for a key") : 0;
}

struct asked {
        const struct blob *passphrase;
        bool was; /* the passphrase was asked for */
};

static int give_passphrase(char *buf, int size, int rwflag, void *ctx)
{
        struct asked *a = ctx;

        (void)rwflag;
        a->was = true;
        if (!a->passphrase || a->passphrase->len > (size_t)size)
                return -1;
        memcpy(buf, a->passphrase->data, a->passphrase->len);
        return (int)a->passphrase->len;
}

int key_decode(const char *name, const struct blob *in, const struct blob *passphrase,
               EVP_PKEY **out, struct diag *d)
{
        struct asked asked = { .passphrase = passphrase };
        const uint8_t *p = in->data;
        size_t n = in->len;
        OSSL_DECODER_CTX *ctx;

        *out = NULL;
        ctx = OSSL_DECODER_CTX_new_for_pkey(out, NULL, NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);
        if (ctx) {
                OSSL_DECODER_CTX_set_pem_password_cb(ctx, give_passphrase, &asked);
                OSSL_DECODER_from_data(ctx, &p, &n);
        }
        OSSL_DECODER_CTX_free(ctx);
        if (*out) {
                ERR_clear_error();
                return 0;
        }
        ERR_clear_error();
        if (asked.was && !passphrase)
                return diag_set(d, E_STATE, "%s: encrypted; its passphrase is needed", name);
        if (asked.was)
                return diag_set(d, E_KEY, "%s: the passphrase is wrong", name);
        return diag_set(d, E_FORMAT, "%s: not a private key (PEM or DER, PKCS#8, SEC1 or PKCS#1)",
                        name);
}

int key_id(EVP_PKEY *key, uint8_t out[KEY_ID_LEN], struct diag *d)
{
        uint8_t *der = NULL;
        const int len = i2d_PUBKEY(key, &der);
        int rc;

        if (len <= 0)
                return openssl_fail(d, E_KEY, "the public key cannot be encoded");
        rc = crypt_sha256(der, (size_t)len, out);
        OPENSSL_free(der);
        return rc < 0 ? diag_set(d, -rc, "SHA-256 failed") : 0;
}
