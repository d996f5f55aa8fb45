#include "fmt/secboot_v1.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define ROM_BLOCK 128u
#define HASH_LEN  32u

size_t secboot_v1_len(size_t n, bool hash_appended)
{
        return hash_appended && n % ROM_BLOCK <= HASH_LEN ? n - n % ROM_BLOCK : n;
}

/* The ROM's hardware turns blocks and words around. */
static void reverse_block(uint8_t *to, const uint8_t *from)
{
        for (unsigned i = 0; i < CRYPT_AES_BLOCK; i++)
                to[i] = from[CRYPT_AES_BLOCK - 1 - i];
}

static void swap_words(uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i += 4) {
                const uint8_t t[4] = { p[i + 3], p[i + 2], p[i + 1], p[i] };

                memcpy(p + i, t, sizeof t);
        }
}

static int feed(struct secboot_v1 *s, const uint8_t block[CRYPT_AES_BLOCK])
{
        uint8_t in[CRYPT_AES_BLOCK], out[CRYPT_AES_BLOCK];
        int rc;

        reverse_block(in, block);
        if ((rc = crypt_aes256_block(&s->aes, in, in)) < 0)
                return rc;
        reverse_block(out, in);
        swap_words(out, sizeof out);
        return crypt_sha512_update(&s->sha, out, sizeof out);
}

int secboot_v1_init(struct secboot_v1 *s, const uint8_t key[32], const uint8_t iv[SECBOOT_V1_IV])
{
        int rc = crypt_sha512_init(&s->sha, false);

        if (rc < 0)
                return rc;
        if ((rc = crypt_aes256_init(&s->aes, key, false)) == 0)
                rc = secboot_v1_update(s, iv, SECBOOT_V1_IV);
        if (rc < 0)
                secboot_v1_free(s);
        return rc;
}

int secboot_v1_update(struct secboot_v1 *s, const uint8_t *p, size_t n)
{
        int rc = n % CRYPT_AES_BLOCK ? -E_RANGE : 0;

        for (size_t at = 0; at < n && rc == 0; at += CRYPT_AES_BLOCK)
                rc = feed(s, p + at);
        return rc;
}

int secboot_v1_finish(struct secboot_v1 *s, uint8_t out[SECBOOT_V1_DIGEST])
{
        const int rc = crypt_sha512_finish(&s->sha, out);

        crypt_aes_free(&s->aes);
        swap_words(out, SECBOOT_V1_DIGEST);
        return rc;
}

void secboot_v1_free(struct secboot_v1 *s)
{
        crypt_aes_free(&s->aes);
        crypt_sha512_free(&s->sha);
}

int secboot_v1_digest(const uint8_t key[32], const uint8_t iv[SECBOOT_V1_IV], const uint8_t *image,
                      size_t n, uint8_t out[SECBOOT_V1_DIGEST])
{
        struct secboot_v1 s;
        int rc = secboot_v1_init(&s, key, iv);

        if (rc < 0)
                return rc;
        for (size_t at = 0; at < n && rc == 0; at += ROM_BLOCK) {
                uint8_t block[ROM_BLOCK];
                const size_t left = n - at;

                memset(block, 0xFF, sizeof block);
                memcpy(block, image + at, left < sizeof block ? left : sizeof block);
                rc = secboot_v1_update(&s, block, sizeof block);
        }
        if (rc == 0)
                return secboot_v1_finish(&s, out);
        secboot_v1_free(&s);
        return rc;
}

int secboot_v1_boot_verify(const struct flash *f, uint32_t offset, uint32_t len, bool hash_appended,
                           const uint8_t key[32], struct diag *d)
{
        const uint32_t n = (uint32_t)secboot_v1_len(len, hash_appended);
        uint8_t iv[SECBOOT_V1_IV], want[SECBOOT_V1_DIGEST], digest[SECBOOT_V1_DIGEST];
        struct secboot_v1 s;
        int rc;

        if ((rc = flash_read(f, 0, iv, sizeof iv)) < 0 ||
            (rc = flash_read(f, SECBOOT_V1_IV, want, sizeof want)) < 0 ||
            (rc = secboot_v1_init(&s, key, iv)) < 0)
                return diag_set(d, -rc, "the digest at 0x0 cannot be judged");
        for (uint32_t at = 0; at < n && rc == 0; at += ROM_BLOCK) {
                uint8_t block[ROM_BLOCK];

                if ((rc = flash_read(f, offset + at, block, sizeof block)) == 0)
                        rc = secboot_v1_update(&s, block, sizeof block);
        }
        if (rc == 0)
                rc = secboot_v1_finish(&s, digest);
        else
                secboot_v1_free(&s);
        if (rc < 0)
                return diag_set(d, -rc, "the digest at 0x0 cannot be judged");
        if (!bytes_equal_ct(digest, want, sizeof digest))
                return diag_set(d, E_VERIFY, "the digest at 0x0 is not this bootloader's");
        return 0;
}

static int hash_image(const struct flash *f, uint32_t offset, uint32_t len,
                      uint8_t out[CRYPT_SHA256_LEN])
{
        struct crypt_sha256 sha;
        uint8_t buf[4 * ROM_BLOCK];
        int rc = crypt_sha256_init(&sha);

        for (uint32_t n; len && rc == 0; len -= n, offset += n) {
                n = len < sizeof buf ? len : (uint32_t)sizeof buf;
                if ((rc = flash_read(f, offset, buf, n)) == 0)
                        rc = crypt_sha256_update(&sha, buf, n);
        }
        if (rc == 0)
                return crypt_sha256_finish(&sha, out);
        crypt_sha256_free(&sha);
        return rc;
}

int secboot_v1_app_verify(const struct flash *f, uint32_t offset, uint32_t len, uint32_t room,
                          const uint8_t xy[SECBOOT_V1_KEY], struct diag *d)
{
        uint8_t hash[CRYPT_SHA256_LEN], block[SECBOOT_V1_LEN];
        int rc;

        if (len > room || room - len < sizeof block)
                return diag_set(d, E_VERIFY, "not signed: no room for a signature behind it");
        if ((rc = hash_image(f, offset, len, hash)) < 0 ||
            (rc = flash_read(f, offset + len, block, sizeof block)) < 0)
                return diag_set(d, -rc, "the signature cannot be read");
        if (le32_get(block) != 0)
                return diag_set(d, E_VERIFY, "not signed");
        if (crypt_ecdsa_verify(CRYPT_P256, xy, hash, sizeof hash, block + SECBOOT_V1_AT_S) < 0)
                return diag_set(d, E_VERIFY, "the signature is not by the key of this firmware");
        return 0;
}
