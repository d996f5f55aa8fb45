/* An image that is accepted lies in its file; patched and unpatched again it is what it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/espimg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, bool extended)
{
        struct espimg img;
        struct espimg again;
        uint8_t *copy;

        if (espimg_read(data, size, extended, &img, NULL) < 0)
                return;
        if (img.len > size || img.count > ESPIMG_SEGMENTS_MAX)
                abort();
        for (unsigned i = 0; i < img.count; i++) {
                struct espimg_desc desc;
                struct espimg_boot_desc boot;

                if (img.segments[i].offset > size ||
                    img.segments[i].len > size - img.segments[i].offset)
                        abort();
                espimg_desc_read(data + img.segments[i].offset, img.segments[i].len, &desc);
                espimg_boot_desc_read(data + img.segments[i].offset, img.segments[i].len, &boot);
        }
        if (espimg_check(&img, NULL) < 0 || img.header.mode > 3)
                return;
        copy = malloc(size);
        if (!copy)
                abort();
        memcpy(copy, data, size);
        if (espimg_patch(copy, size, extended, img.header.mode ^ 1, -1, -1, NULL) != 1 ||
            espimg_read(copy, size, extended, &again, NULL) < 0 || espimg_check(&again, NULL) < 0)
                abort();
        if (espimg_patch(copy, size, extended, img.header.mode, -1, -1, NULL) != 1 ||
            memcmp(copy, data, size))
                abort();
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        check(data, size, true);
        check(data, size, false);
        return 0;
}
