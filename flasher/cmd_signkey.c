/* Keys for secure boot: made, their public half, their digest for eFuses; the digest of version 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "crypt/crypt.h"
#include "fmt/espimg.h"
#include "fmt/flashenc.h"
#include "fmt/secboot_v1.h"
#include "host/x509_key.h"
#include "sigkeys.h"

static int64_t version = 2, key_bits = 256;
static const char *scheme, *key_path, *output, *iv_path;

#define ONE_KEY                                                      \
        {                                                            \
                'k', "key|keyfile", OPT_STR, &key_path, "FILE|URI",  \
                        "public or private key: file or pkcs11: URI" \
        }

/* clang-format off */
const struct opt generate_signing_key_options[] = {
        { 'v', "version", OPT_INT, &version, "1|2", "of secure boot (2)" },
        { 's', "scheme", OPT_STR, &scheme, "SCHEME", "rsa3072 (version 2), ecdsa256 (both), ecdsa192 or ecdsa384",
          .words = "rsa3072|ecdsa256|ecdsa192|ecdsa384" },
        { 0 },
};
const struct opt digest_key_options[] = {
        ONE_KEY,
        { 'o', "output", OPT_STR, &output, "FILE", "32 bytes for burn-key (default: hexadecimal on standard output)" },
        KEY_OPTIONS,
        { 0 },
};
const struct opt extract_public_key_options[] = {
        { 'v', "version", OPT_INT, &version, "1|2", "2: PEM; 1: X and Y, 64 bytes (2)" },
        ONE_KEY,
        KEY_OPTIONS,
        { 0 },
};
const struct opt digest_private_key_options[] = {
        { 'k', "key|keyfile", OPT_STR, &key_path, "FILE", "private key of version 1 (ECDSA P-256)" },
        { 'l', "keylen|bits", OPT_INT, &key_bits, "BITS", "256, or 192 for eFuses with 3/4 coding (256)" },
        KEY_OPTIONS,
        { 0 },
};
const struct opt digest_bootloader_options[] = {
        { 'k', "key|keyfile", OPT_STR, &key_path, "FILE", "secure boot key as in eFuses: 16, 24 or 32 bytes" },
        { 'o', "output", OPT_STR, &output, "FILE", "digest and image for address 0 (default: standard output)" },
        { 0, "iv", OPT_STR, &iv_path, "FILE", "128 bytes; for tests only" },
        { 0 },
};
/* clang-format on */

static int no_key(void)
{
        return usage_error("which key? --key FILE");
}

static int generate(const char *path, enum secboot_scheme s)
{
        struct blob pem = { 0 };
        struct diag d = { 0 };
        EVP_PKEY *key = NULL;
        int rc = secboot_key_make(s, &key, &d);

        if (rc == 0)
                rc = key_encode(key, (struct key_form){ .traditional = true }, NULL, &pem, &d);
        if (rc == 0)
                rc = file_save_new(path, pem.data, pem.len, FILE_SECRET, &d);
        EVP_PKEY_free(key);
        blob_free_secret(&pem);
        if (rc < 0)
                return fail(NULL, &d);
        say("%s: %s key; who has it signs for every device that trusts it", path,
            secboot_scheme_name(s));
        return STATUS_DONE;
}

int cmd_generate_signing_key(int argc, char **argv)
{
        static const struct {
                const char *word;
                enum secboot_scheme scheme;
        } words[] = { { "rsa3072", SECBOOT_RSA3072 },
                      { "ecdsa192", SECBOOT_P192 },
                      { "ecdsa256", SECBOOT_P256 },
                      { "ecdsa384", SECBOOT_P384 } };

        (void)argc;
        if (version != 1 && version != 2)
                return usage_error("--version: 1 or 2");
        if (!scheme)
                scheme = version == 1 ? "ecdsa256" : "rsa3072";
        if (version == 1 && strcmp(scheme, "ecdsa256") != 0)
                return usage_error("--scheme: version 1 knows ecdsa256 only");
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (!strcmp(scheme, words[i].word))
                        return generate(argv[0], words[i].scheme);
        return usage_error("--scheme: '%s' is none of rsa3072, ecdsa192, ecdsa256, ecdsa384",
                           scheme);
}

int cmd_digest_key(int argc, char **argv)
{
        uint8_t raw[SECBOOT_KEY_DIGEST];
        char hex[2 * SECBOOT_KEY_DIGEST + 2];
        struct diag d = { 0 };
        EVP_PKEY *key = NULL;
        int status;

        if (!key_path && argc)
                key_path = argv[0];
        if (!key_path)
                return no_key();
        if ((status = check_output(output, &key_path, 1)) != 0 ||
            (status = public_key(key_path, &key)) != 0)
                return status;
        if (secboot_digest_of(key, raw, &d) < 0)
                status = fail(key_path, &d);
        EVP_PKEY_free(key);
        if (status != 0)
                return status;
        if (output)
                return file_save(output, raw, sizeof raw, FILE_PUBLIC, &d) < 0 ? fail(NULL, &d)
                                                                               : STATUS_DONE;
        hex_encode(raw, sizeof raw, hex);
        printf("%s\n", hex);
        return STATUS_DONE;
}

int cmd_extract_public_key(int argc, char **argv)
{
        const char *const inputs[] = { key_path };
        uint8_t point[SECBOOT_POINT];
        struct blob pem = { 0 };
        struct secboot_key pub;
        struct diag d = { 0 };
        EVP_PKEY *key = NULL;
        int status;
        int rc;

        (void)argc;
        if (!key_path)
                return no_key();
        if (version != 1 && version != 2)
                return usage_error("--version: 1 or 2");
        if ((status = check_output(argv[0], inputs, 1)) != 0 ||
            (status = public_key(key_path, &key)) != 0)
                return status;
        if (version == 1) {
                if ((rc = secboot_point_of(key, point, &d)) == 0)
                        rc = file_save(argv[0], point, sizeof point, FILE_PUBLIC, &d);
        } else if ((rc = secboot_key_of(key, &pub, &d)) == 0 &&
                   (rc = key_public_pem(key, &pem, &d)) == 0) {
                rc = file_save(argv[0], pem.data, pem.len, FILE_PUBLIC, &d);
        }
        EVP_PKEY_free(key);
        blob_free(&pem);
        return rc < 0 ? fail(key_path, &d) : STATUS_DONE;
}

/* SHA-256 of the secret number. 0 or -E_XXX. */
static int digest_scalar(EVP_PKEY *key, uint8_t out[CRYPT_SHA256_LEN], struct diag *d)
{
        uint8_t scalar[32];
        BIGNUM *n = NULL;
        struct secboot_key pub;
        int rc = secboot_key_of(key, &pub, d);

        if (rc < 0)
                return rc;
        if (pub.scheme != SECBOOT_P256)
                return diag_set(d, E_KEY, "a key of version 1 is ECDSA P-256, this is %s",
                                secboot_scheme_name(pub.scheme));
        if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &n) != 1)
                return diag_set(d, E_KEY, "a public key: the private one is needed");
        rc = BN_bn2binpad(n, scalar, sizeof scalar) == (int)sizeof scalar
                     ? crypt_sha256(scalar, sizeof scalar, out)
                     : diag_set(d, E_KEY, "no usable private key");
        BN_clear_free(n);
        wipe(scalar, sizeof scalar);
        return rc;
}

int cmd_digest_private_key(int argc, char **argv)
{
        uint8_t digest[CRYPT_SHA256_LEN];
        struct diag d = { 0 };
        EVP_PKEY *key = NULL;
        int status;

        (void)argc;
        if (!key_path)
                return no_key();
        if (key_bits != 256 && key_bits != 192)
                return usage_error("--keylen: 256 or 192");
        if ((status = check_output(argv[0], &key_path, 1)) != 0 ||
            (status = signing_key(key_path, &key)) != 0)
                return status;
        if (digest_scalar(key, digest, &d) < 0)
                status = fail(key_path, &d);
        else if (file_save_new(argv[0], digest, (size_t)key_bits / 8, FILE_SECRET, &d) < 0)
                status = fail(NULL, &d);
        EVP_PKEY_free(key);
        wipe(digest, sizeof digest);
        return status;
}

/* iv, digest, 0xFF up to a sector, the image in whole blocks of 128. */
static int make_digest(const struct blob *image, size_t n, const uint8_t *key, const uint8_t *iv,
                       struct blob *out)
{
        const size_t whole = (n + 127) / 128 * 128;

        out->len = SECBOOT_SECTOR + whole;
        if (!(out->data = malloc(out->len)))
                return -E_NOMEM;
        memset(out->data, 0xFF, out->len);
        memcpy(out->data, iv, SECBOOT_V1_IV);
        memcpy(out->data + SECBOOT_SECTOR, image->data, n);
        return secboot_v1_digest(key, iv, image->data, n, out->data + SECBOOT_V1_IV);
}

static int digest_bootloader(const struct blob *image, const struct blob *key_file,
                             const struct blob *iv_file, const char *path)
{
        uint8_t key[FLASHENC_KEY_MAX];
        uint8_t iv[SECBOOT_V1_IV];
        struct espimg img;
        struct blob out = { 0 };
        struct diag d = { 0 };
        int rc;

        if (flashenc_key(key_file->data, key_file->len, key) != 32) {
                diag_set(&d, E_KEY, "%zu bytes; a secure boot key has 16, 24 or 32", key_file->len);
                return fail(key_path, &d);
        }
        if (iv_path && iv_file->len != sizeof iv) {
                diag_set(&d, E_KEY, "%zu bytes; an IV has 128", iv_file->len);
                return fail(iv_path, &d);
        }
        if (iv_path)
                memcpy(iv, iv_file->data, sizeof iv);
        else if (crypt_random(iv, sizeof iv) < 0)
                diag_set(&d, E_RANDOM, "no random numbers to be had");
        if (d.code || espimg_read(image->data, image->len, true, &img, &d) < 0)
                return fail(path, &d);
        rc = make_digest(image, secboot_v1_len(image->len, img.header.hash_appended != 0), key, iv,
                         &out);
        if (rc < 0)
                diag_set(&d, -rc, "the digest cannot be computed");
        else
                rc = file_save(output ? output : "-", out.data, out.len, FILE_PUBLIC, &d);
        wipe(key, sizeof key);
        blob_free(&out);
        return rc < 0 ? fail(NULL, &d) : STATUS_DONE;
}

int cmd_digest_bootloader(int argc, char **argv)
{
        const char *const inputs[] = { argv[0], key_path, iv_path };
        struct blob image = { 0 }, key = { 0 }, iv = { 0 };
        struct diag d = { 0 };
        int status;

        (void)argc;
        if (!key_path)
                return no_key();
        if ((status = check_output(output, inputs, 3)) != 0)
                return status;
        note_open_file(key_path);
        if (file_load(argv[0], FILE_LIMIT_IMAGE, &image, &d) < 0 ||
            file_load(key_path, FILE_LIMIT_KEY, &key, &d) < 0 ||
            (iv_path && file_load(iv_path, FILE_LIMIT_KEY, &iv, &d) < 0))
                status = fail(NULL, &d);
        else
                status = digest_bootloader(&image, &key, &iv, argv[0]);
        blob_free(&image);
        blob_free_secret(&key);
        blob_free(&iv);
        return status;
}
