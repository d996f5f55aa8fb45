#include "wire/ble_ad.h"

#include <string.h>

#include "base/err.h"

static void take_name(struct ble_ad *ad, bool is_short, const uint8_t *p, size_t n)
{
        if (n == 0 || n >= sizeof ad->name || (is_short && ad->name[0] && !ad->name_is_short))
                return;
        memcpy(ad->name, p, n);
        ad->name[n] = 0;
        ad->name_is_short = is_short;
}

static void take_uuids(struct ble_ad *ad, const uint8_t *p, size_t n)
{
        for (; n >= 16; p += 16, n -= 16) {
                size_t i = 0;

                while (i < ad->uuid_count && memcmp(ad->uuids[i], p, 16) != 0)
                        i++;
                if (i == ad->uuid_count && i < BLE_AD_UUIDS_MAX)
                        memcpy(ad->uuids[ad->uuid_count++], p, 16);
        }
}

void ble_ad_take(struct ble_ad *ad, const uint8_t *p, size_t n)
{
        while (n >= 2 && p[0] >= 1 && p[0] <= n - 1) {
                const size_t len = p[0];

                switch (p[1]) {
                case BLE_AD_NAME:
                case BLE_AD_NAME_SHORT:
                        take_name(ad, p[1] == BLE_AD_NAME_SHORT, p + 2, len - 1);
                        break;
                case BLE_AD_UUIDS_SOME:
                case BLE_AD_UUIDS_ALL:
                        take_uuids(ad, p + 2, len - 1);
                        break;
                default:
                        break;
                }
                p += 1 + len;
                n -= 1 + len;
        }
}

long ble_ad_put(uint8_t *out, size_t cap, size_t at, enum ble_ad_type type, const void *p, size_t n)
{
        if (n > 254 || at > cap || n + 2 > cap - at)
                return -E_NOSPACE;
        out[at] = (uint8_t)(n + 1);
        out[at + 1] = (uint8_t)type;
        memcpy(out + at + 2, p, n);
        return (long)(at + 2 + n);
}
