#include "fmt/secboot_v1.h"

#include <string.h>

#include "crypt/crypt.h"

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

struct engine {
        struct crypt_aes aes;
        struct crypt_sha512 sha;
};

static int feed(struct engine *e, const uint8_t block[CRYPT_AES_BLOCK])
{
        uint8_t in[CRYPT_AES_BLOCK], out[CRYPT_AES_BLOCK];
        int rc;

        reverse_block(in, block);
        if ((rc = crypt_aes256_block(&e->aes, in, in)) < 0)
                return rc;
        reverse_block(out, in);
        swap_words(out, sizeof out);
        return crypt_sha512_update(&e->sha, out, sizeof out);
}

int secboot_v1_digest(const uint8_t key[32], const uint8_t iv[SECBOOT_V1_IV], const uint8_t *image,
                      size_t n, uint8_t out[SECBOOT_V1_DIGEST])
{
        const size_t whole = (n + ROM_BLOCK - 1) / ROM_BLOCK * ROM_BLOCK;
        struct engine e;
        int rc = crypt_sha512_init(&e.sha, false);

        if (rc < 0)
                return rc;
        rc = crypt_aes256_init(&e.aes, key, false);
        for (size_t at = 0; at < SECBOOT_V1_IV && rc == 0; at += CRYPT_AES_BLOCK)
                rc = feed(&e, iv + at);
        for (size_t at = 0; at < whole && rc == 0; at += CRYPT_AES_BLOCK) {
                uint8_t block[CRYPT_AES_BLOCK];
                const size_t left = at < n ? n - at : 0;

                memset(block, 0xFF, sizeof block);
                memcpy(block, image + (left ? at : 0), left < sizeof block ? left : sizeof block);
                rc = feed(&e, block);
        }
        crypt_aes_free(&e.aes);
        if (rc == 0)
                rc = crypt_sha512_finish(&e.sha, out);
        else
                crypt_sha512_free(&e.sha);
        swap_words(out, SECBOOT_V1_DIGEST);
        return rc;
}
