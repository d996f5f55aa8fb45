#include "sim/inflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/err.h"

int sim_inflate_begin(struct sim_inflate *s)
{
        sim_inflate_free(s);
        s->z = calloc(1, sizeof *s->z);
        if (!s->z)
                return -E_NOMEM;
        if (inflateInit(s->z) != Z_OK) {
                free(s->z);
                s->z = NULL;
                return -E_NOMEM;
        }
        return 0;
}

int sim_inflate_put(struct sim_inflate *s, const uint8_t *in, size_t n,
                    int (*sink)(void *arg, const uint8_t *p, size_t n), void *arg)
{
        uint8_t out[4096];
        int rc;

        if (!s->z)
                return -E_STATE;
        s->z->next_in = (Bytef *)(uintptr_t)in;
        s->z->avail_in = (uInt)n;
        do {
                int failed;

                s->z->next_out = out;
                s->z->avail_out = sizeof out;
                rc = inflate(s->z, Z_NO_FLUSH);
                if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
                        return -E_FORMAT;
                failed = sink(arg, out, sizeof out - s->z->avail_out);
                if (failed < 0)
                        return failed;
        } while (rc == Z_OK && (s->z->avail_in || !s->z->avail_out));
        return rc == Z_STREAM_END;
}

void sim_inflate_free(struct sim_inflate *s)
{
        if (!s->z)
                return;
        inflateEnd(s->z);
        free(s->z);
        s->z = NULL;
}
