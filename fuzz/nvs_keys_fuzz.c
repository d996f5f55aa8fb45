/* A key file that is accepted, written as a key partition, is read as the same keys. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/nvs_crypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct nvs_keys k, again;
        uint8_t image[NVS_KEYS_SIZE];
        struct crypt_xts xts;

        if (nvs_keys_parse(&k, data, size, NULL) < 0)
                return 0;
        nvs_keys_format(&k, image);
        if (nvs_keys_parse(&again, image, sizeof image, NULL) < 0 ||
            memcmp(&k, &again, sizeof k) != 0)
                abort();
        if (crypt_xts_init(&xts, k.bytes) < 0)
                abort(); /* accepted what cannot encrypt */
        crypt_xts_free(&xts);
        return 0;
}
