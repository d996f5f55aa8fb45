#include "settings.h"

#include <string.h>

/* Filled in where it lies in the file, so the compiler must not know what it holds. */
static const volatile uint8_t block[PAYLOAD_SETTINGS_LEN] = PAYLOAD_SETTINGS_MARK;

void settings_get(struct payload_settings *s)
{
        uint8_t copy[PAYLOAD_SETTINGS_LEN];

        for (size_t i = 0; i < sizeof copy; i++)
                copy[i] = block[i];
        memset(s, 0, sizeof *s);
        s->encrypt = (enum payload_encrypt)copy[PAYLOAD_AT_ENCRYPT];
        s->has_key = copy[PAYLOAD_AT_HAS_KEY] != 0;
        memcpy(s->key, copy + PAYLOAD_AT_KEY, sizeof s->key);
}
