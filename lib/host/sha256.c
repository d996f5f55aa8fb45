#include "host/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/err.h"

struct sha256 {
        EVP_MD *md; /* fetched once: a fetch costs more than a small digest */
        EVP_MD_CTX *ctx;
};

struct sha256 *sha256_new(void)
{
        struct sha256 *h = calloc(1, sizeof *h);

        if (!h)
                return NULL;
        h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
        h->ctx = EVP_MD_CTX_new();
        if (h->md && h->ctx)
                return h;
        sha256_free(h);
        return NULL;
}

void sha256_free(struct sha256 *h)
{
        if (!h)
                return;
        EVP_MD_CTX_free(h->ctx);
        EVP_MD_free(h->md);
        free(h);
}

int sha256_begin(struct sha256 *h)
{
        return EVP_DigestInit_ex(h->ctx, h->md, NULL) == 1 ? 0 : -E_NOMEM;
}

int sha256_add(struct sha256 *h, const void *p, size_t n)
{
        return EVP_DigestUpdate(h->ctx, p, n) == 1 ? 0 : -E_NOMEM;
}

int sha256_end(struct sha256 *h, uint8_t out[SHA256_LEN])
{
        return EVP_DigestFinal_ex(h->ctx, out, NULL) == 1 ? 0 : -E_NOMEM;
}

int sha256_of(struct sha256 *h, const void *p, size_t n, uint8_t out[SHA256_LEN])
{
        int rc = sha256_begin(h);

        if (rc == 0)
                rc = sha256_add(h, p, n);
        return rc < 0 ? rc : sha256_end(h, out);
}
