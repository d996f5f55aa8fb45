/*
 * Lines of wpa_supplicant's SCAN_RESULTS, events and STATUS with what the air put into them:
 * nothing is read past its end, a network that is accepted has a name of at most 32 bytes, and the
 * name written again as printf_encode does gives the same network.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wpa_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct wpa_bss *b)
{
        char line[64 + 4 * WPA_SSID_MAX];
        struct wpa_bss c;
        int n = snprintf(line, sizeof line, "%02x:%02x:%02x:%02x:%02x:%02x\t2412\t%d\t[ESS]\t",
                         b->bssid[0], b->bssid[1], b->bssid[2], b->bssid[3], b->bssid[4],
                         b->bssid[5], (int)b->rssi);

        for (size_t i = 0; i < b->ssid_len; i++)
                n += snprintf(line + n, sizeof line - (size_t)n, "\\x%02x", b->ssid[i]);
        if (wpa_bss_parse(line, (size_t)n, &c) < 0 || c.ssid_len != b->ssid_len ||
            memcmp(c.ssid, b->ssid, b->ssid_len) != 0 || c.rssi != b->rssi ||
            memcmp(c.bssid, b->bssid, 6) != 0 || c.channel != 1)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);
        struct wpa_bss b;
        char value[33];
        int n;

        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = 0;
        if (wpa_bss_parse(text, size, &b) == 0) {
                if (b.ssid_len > WPA_SSID_MAX || b.channel > 255)
                        abort();
                again(&b);
        }
        (void)wpa_event_of(text);
        n = wpa_value(text, "ssid", value, sizeof value);
        if (n >= 0 && strlen(value) != (size_t)n)
                abort();
        free(text);
        return 0;
}
