/* What is read and written again reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/ihex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct ihex_piece piece;
        struct blob bin;
        struct blob text;
        struct blob back;
        uint32_t base;
        uint32_t base_back;

        if (ihex_read((const char *)data, size, &bin, &base, NULL) < 0)
                return 0;
        piece = (struct ihex_piece){ base, bin.data, bin.len };
        if (bin.len < 1 << 20) {
                if (ihex_write(&piece, 1, &text, NULL) < 0 ||
                    ihex_read((const char *)text.data, text.len, &back, &base_back, NULL) < 0)
                        abort();
                if (base_back != base || back.len != bin.len ||
                    memcmp(back.data, bin.data, bin.len))
                        abort();
                blob_free(&text);
                blob_free(&back);
        }
        blob_free(&bin);
        return 0;
}
