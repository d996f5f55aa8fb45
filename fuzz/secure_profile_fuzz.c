/*
 * Profiles of secure-plan. Property: what is accepted names a chip and key blocks of that chip,
 * each for one key only; what is refused has said why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/secure_profile.h"

static void take(const struct secure_profile *p, unsigned block, unsigned *used)
{
        if (block >= p->chip->block_count || !p->chip->blocks[block].purpose || *used >> block & 1)
                abort();
        *used |= 1u << block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct report r = { .silent = true };
        struct secure_profile *p;
        unsigned used = 0;
        char *text = malloc(size + 1);

        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = 0;
        if (secure_profile_parse("profile.json", text, size, &p, &r) < 0) {
                if (p || !r.errors)
                        abort();
        } else {
                if (r.errors || !p->chip || p->boot.count > SECURE_DIGESTS)
                        abort();
                if (!(p->chip->flags & EFUSE_CHIP_V1)) {
                        if (p->flash.file)
                                take(p, p->flash.block, &used);
                        if (p->flash.file && p->flash.bits == 512)
                                take(p, p->flash.second, &used);
                        if (p->nvs.file)
                                take(p, p->nvs.block, &used);
                        for (size_t i = 0; i < p->boot.count; i++)
                                take(p, p->boot.blocks[i], &used);
                }
                for (size_t i = 0; i < p->extra_count; i++)
                        if (!p->extras[i].field || !p->extras[i].value)
                                abort();
        }
        secure_profile_free(p);
        free(text);
        return 0;
}
