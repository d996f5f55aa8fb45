#include "host/sha256.h"

#include <nettle/sha2.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"

struct sha256 {
        struct sha256_ctx ctx;
};

struct sha256 *sha256_new(void)
{
        struct sha256 *h = malloc(sizeof *h);

        if (h)
                sha256_init(&h->ctx);
        return h;
}

void sha256_free(struct sha256 *h)
{
        if (h)
                wipe(h, sizeof *h);
        free(h);
}

int sha256_begin(struct sha256 *h)
{
        sha256_init(&h->ctx);
        return 0;
}

int sha256_add(struct sha256 *h, const void *p, size_t n)
{
        sha256_update(&h->ctx, n, p);
        return 0;
}

int sha256_end(struct sha256 *h, uint8_t out[SHA256_LEN])
{
        sha256_digest(&h->ctx, SHA256_LEN, out);
        return 0;
}

int sha256_of(struct sha256 *h, const void *p, size_t n, uint8_t out[SHA256_LEN])
{
        sha256_begin(h);
        sha256_add(h, p, n);
        sha256_end(h, out);
        return 0;
}
