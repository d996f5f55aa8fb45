/*
 * Any signed image that verifies does not any more with one bit of what is signed turned; and a
 * block that is taken apart and put together again is what it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "fmt/secboot_flash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IMAGE  SECBOOT_SECTOR
#define REGION (2 * SECBOOT_SECTOR)

static int ram_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        if (offset > f->size || len > f->size - offset)
                return -E_RANGE;
        memcpy(buf, (const uint8_t *)f->ctx + offset, len);
        return 0;
}

/* Begun from its own key and hash, a block has the same bytes before its signature. */
static void rebuild(const uint8_t *block, enum secboot_scheme s)
{
        const size_t len = s == SECBOOT_RSA3072 ? SECBOOT_RSA_AT_R
                           : s == SECBOOT_P384
                                   ? SECBOOT_EC384_AT_S
                                   : SECBOOT_EC_AT_POINT + (s == SECBOOT_P192 ? 48 : 64);
        uint8_t again[SECBOOT_BLOCK], digest[SECBOOT_KEY_DIGEST];
        struct secboot_key key;

        secboot_block_key(block, &key);
        if (key.scheme != s || secboot_block_key_digest(block, digest) < 0)
                abort();
        if (secboot_block_begin(again, &key, block + SECBOOT_AT_DIGEST) < 0)
                return; /* an even n */
        if (again[1] != block[1] || again[2] != block[2] ||
            memcmp(again + SECBOOT_AT_DIGEST, block + SECBOOT_AT_DIGEST, secboot_hash_len(s)) != 0)
                abort();
        if (memcmp(again + len - 32, block + len - 32, 32) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t region[REGION];
        const struct flash f = { .read = ram_read, .ctx = region, .size = REGION };
        struct secboot_trust trust = { .schemes = 15 };
        enum secboot_scheme s;
        size_t at;

        if (size < 2)
                return 0;
        at = (size_t)(data[0] | data[1] << 8) % IMAGE;
        memset(region, 0xFF, sizeof region);
        memcpy(region + IMAGE, data + 2, size - 2 < IMAGE ? size - 2 : IMAGE);
        if (size - 2 > IMAGE) /* the image behind its sector: small inputs are signatures alone */
                memcpy(region, data + 2 + IMAGE,
                       size - 2 - IMAGE < IMAGE ? size - 2 - IMAGE : IMAGE);
        for (unsigned i = 0; i < SECBOOT_BLOCKS; i++) {
                const uint8_t *block = region + IMAGE + i * SECBOOT_BLOCK;

                if (secboot_block_read(block, &s, NULL) < 0)
                        continue;
                rebuild(block, s);
                secboot_block_key_digest(block, trust.digest[i]);
                trust.usable |= (uint8_t)(1u << i);
        }
        if (secboot_flash_verify(&f, 0, IMAGE, REGION, &trust, NULL, NULL) < 0)
                return 0;
        region[at] ^= (uint8_t)(1u << data[0] % 8);
        if (secboot_flash_verify(&f, 0, IMAGE, REGION, &trust, NULL, NULL) != -E_VERIFY)
                abort();
        return 0;
}
