/* crypt_random on the chip. Its generator is only one while the radio feeds it: before that there
 * are no random numbers, and so no keys. */
#include <esp_random.h>

#include "base/err.h"
#include "crypt/crypt.h"
#include "wifi.h"

int crypt_random(void *out, size_t n)
{
        if (!wifi_radio_on())
                return -E_RANDOM;
        esp_fill_random(out, n);
        return 0;
}
