/* A key file that is taken is one of the schemes', and its digest is that of the block that holds
 * it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/err.h"
#include "fmt/flashenc.h"
#include "host/secboot_sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(EVP_PKEY *key)
{
        static const uint8_t hash[SECBOOT_HASH_MAX];
        uint8_t one[SECBOOT_KEY_DIGEST], two[SECBOOT_KEY_DIGEST];
        uint8_t block[SECBOOT_BLOCK];
        uint8_t point[SECBOOT_POINT];
        struct secboot_key pub, back;

        if (secboot_key_of(key, &pub, NULL) < 0 || secboot_digest_of(key, one, NULL) < 0)
                return;
        if (secboot_block_begin(block, &pub, hash) < 0 || secboot_block_key_digest(block, two) < 0)
                abort();
        secboot_block_key(block, &back);
        if (memcmp(one, two, sizeof one) != 0 || memcmp(&back, &pub, sizeof pub) != 0)
                abort();
        if ((secboot_point_of(key, point, NULL) == 0) != (pub.scheme == SECBOOT_P256))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t raw[FLASHENC_KEY_MAX];
        struct blob in = { malloc(size + 1), size };
        EVP_PKEY *key = NULL;
        int n = flashenc_key(data, size, raw);

        if ((n > 0) != (size == 16 || size == 24 || size == 32 || size == 64))
                abort();
        if (!in.data)
                return 0;
        if (size)
                memcpy(in.data, data, size);
        in.data[size] = 0;
        if (secboot_public_decode("key", &in, &key, NULL) == 0)
                check(key);
        EVP_PKEY_free(key);
        blob_free(&in);
        return 0;
}
