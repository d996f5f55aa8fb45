/*
 * otadata. Property: a switch to a slot changes one sector only, and then that slot boots; a slot
 * that boots is one of those there are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "fmt/otadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t image[OTADATA_LEN];
        static uint8_t before[OTADATA_LEN];
        struct otadata o;
        unsigned slots;
        unsigned slot;
        unsigned copy;

        /* two records, the numbers of slots, and whether to mend the checksums */
        if (size < 2 * OTADATA_RECORD + 3) {
                if (otadata_parse(&o, data, size, NULL) == 0)
                        abort();
                return 0;
        }
        memset(image, 0xFF, sizeof image);
        memcpy(image, data, OTADATA_RECORD);
        memcpy(image + OTADATA_COPY, data + OTADATA_RECORD, OTADATA_RECORD);
        data += 2 * OTADATA_RECORD;
        slots = data[0] % OTADATA_SLOTS + 1;
        slot = data[1] % slots;
        for (unsigned i = 0; i < 2; i++)
                if (data[2] >> i & 1)
                        le32_put(image + i * OTADATA_COPY + OTADATA_AT_CRC,
                                 crc32_esp(image + i * OTADATA_COPY, 4));
        memcpy(before, image, sizeof image);
        if (otadata_parse(&o, image, sizeof image, NULL) < 0 ||
            otadata_slot(&o, slots) >= (int)slots)
                abort();
        if (otadata_switch(image, sizeof image, slot, slots, &copy, NULL) < 0) {
                if (memcmp(before, image, sizeof image) != 0)
                        abort();
                return 0;
        }
        if (copy > 1 || memcmp(image + (1 - copy) * OTADATA_COPY,
                               before + (1 - copy) * OTADATA_COPY, OTADATA_COPY) != 0)
                abort();
        if (otadata_parse(&o, image, sizeof image, NULL) < 0 ||
            otadata_slot(&o, slots) != (int)slot)
                abort();
        return 0;
}
