#include "host/uf2.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"

#define MAGIC_0    0x0A324655u
#define MAGIC_1    0x9E5D5157u
#define MAGIC_END  0x0AB16F30u
#define HAS_FAMILY 0x2000u
#define HAS_MD5    0x4000u

int uf2_append(struct blob *out, uint32_t family, uint32_t addr, const uint8_t *data, size_t len,
               size_t chunk, bool md5, struct diag *d)
{
        const size_t most = UF2_DATA - (md5 ? UF2_MD5_PART : 0);
        size_t blocks;
        uint8_t *p;

        if (chunk < UF2_CHUNK_MIN || chunk > most || chunk % 4)
                return diag_set(d, E_RANGE, "chunks have 4 to %zu bytes, in steps of 4", most);
        blocks = (len + chunk - 1) / chunk;
        p = realloc(out->data, out->len + blocks * UF2_BLOCK + 1);
        if (!p)
                return diag_set(d, E_NOMEM, "out of memory");
        out->data = p;
        p += out->len;
        out->len += blocks * UF2_BLOCK;
        memset(p, 0, blocks * UF2_BLOCK + 1);
        for (size_t i = 0; i < blocks; i++, p += UF2_BLOCK) {
                const size_t n = len - i * chunk < chunk ? len - i * chunk : chunk;
                const uint32_t at = addr + (uint32_t)(i * chunk);

                le32_put(p, MAGIC_0);
                le32_put(p + 4, MAGIC_1);
                le32_put(p + 8, HAS_FAMILY | HAS_MD5);
                le32_put(p + 12, at);
                le32_put(p + 16, (uint32_t)n);
                le32_put(p + 20, (uint32_t)i);
                le32_put(p + 24, (uint32_t)blocks);
                le32_put(p + 28, family);
                memcpy(p + 32, data + i * chunk, n);
                if (md5) {
                        le32_put(p + 32 + n, at);
                        le32_put(p + 36 + n, (uint32_t)n);
                        crypt_md5(data + i * chunk, n, p + 40 + n);
                }
                le32_put(p + 508, MAGIC_END);
        }
        return 0;
}
