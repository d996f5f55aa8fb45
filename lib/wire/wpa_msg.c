#include "wire/wpa_msg.h"

#include <string.h>

#include "base/err.h"
#include "base/hex.h"

/* WifiAuthMode of ESP-IDF's wifi_constants.proto; 9 as its driver numbers it. */
enum { OPEN, WEP, WPA, WPA2, WPA_WPA2, WPA2_ENTERPRISE, WPA3, WPA2_WPA3, OWE = 9 };

enum wpa_event wpa_event_of(const char *text)
{
        static const struct {
                const char *word, *with; /* with: this must stand behind it; NULL: nothing need */
                enum wpa_event event;
        } events[] = {
                { "CTRL-EVENT-CONNECTED", NULL, WPA_EV_CONNECTED },
                { "CTRL-EVENT-DISCONNECTED", NULL, WPA_EV_DISCONNECTED },
                { "CTRL-EVENT-SCAN-RESULTS", NULL, WPA_EV_SCANNED },
                { "CTRL-EVENT-SCAN-FAILED", NULL, WPA_EV_SCAN_FAILED },
                { "CTRL-EVENT-NETWORK-NOT-FOUND", NULL, WPA_EV_NOT_FOUND },
                /* the name of the network stands before the reason: only what is behind counts */
                { "CTRL-EVENT-SSID-TEMP-DISABLED", " reason=WRONG_KEY", WPA_EV_WRONG_KEY },
                { "CTRL-EVENT-SSID-TEMP-DISABLED", " reason=AUTH_FAILED", WPA_EV_WRONG_KEY },
                { "CTRL-EVENT-SSID-TEMP-DISABLED", NULL, WPA_EV_REJECTED },
                { "CTRL-EVENT-TERMINATING", NULL, WPA_EV_TERMINATING },
        };

        if (text[0] == '<' && text[1] && text[2] == '>')
                text += 3;
        for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
                const size_t n = strlen(events[i].word);
                const size_t w = events[i].with ? strlen(events[i].with) : 0;

                if (strncmp(text, events[i].word, n) != 0 || (text[n] && text[n] != ' '))
                        continue;
                if (strlen(text) < n + w)
                        continue;
                if (!w || !memcmp(text + strlen(text) - w, events[i].with, w))
                        return events[i].event;
        }
        return WPA_EV_OTHER;
}

int wpa_value(const char *text, const char *name, char *out, size_t cap)
{
        const size_t n = strlen(name);

        while (text) {
                const char *next = strchr(text, '\n');
                const size_t len = next ? (size_t)(next - text) : strlen(text);

                if (len > n && !memcmp(text, name, n) && text[n] == '=') {
                        if (len - n - 1 >= cap)
                                return -E_NOSPACE;
                        memcpy(out, text + n + 1, len - n - 1);
                        out[len - n - 1] = 0;
                        return (int)(len - n - 1);
                }
                text = next ? next + 1 : NULL;
        }
        return -E_NOTFOUND;
}

uint32_t wpa_channel(uint32_t mhz)
{
        if (mhz == 2484)
                return 14;
        if (mhz >= 2412 && mhz <= 2472)
                return (mhz - 2407) / 5;
        if (mhz >= 5005 && mhz <= 5895)
                return (mhz - 5000) / 5;
        if (mhz >= 5955 && mhz <= 7115)
                return (mhz - 5950) / 5;
        return 0;
}

uint32_t wpa_frequency(uint32_t channel)
{
        if (channel == 14)
                return 2484;
        return channel >= 1 && channel <= 13 ? 2407 + 5 * channel : 0;
}

/* Where word stands in the n bytes at p. */
static bool has(const char *p, size_t n, const char *word)
{
        const size_t w = strlen(word);

        for (size_t i = 0; i + w <= n; i++)
                if (!memcmp(p + i, word, w))
                        return true;
        return false;
}

static uint32_t auth_of(const char *p, size_t n)
{
        const bool psk2 = has(p, n, "WPA2-PSK") || has(p, n, "WPA2-FT/PSK") || has(p, n, "+PSK");

        if (has(p, n, "SAE"))
                return psk2 ? WPA2_WPA3 : WPA3;
        if (has(p, n, "EAP"))
                return WPA2_ENTERPRISE;
        if (has(p, n, "OWE"))
                return OWE;
        if (has(p, n, "WPA2"))
                return has(p, n, "WPA-PSK") ? WPA_WPA2 : WPA2;
        if (has(p, n, "WPA-"))
                return WPA;
        return has(p, n, "WEP") ? WEP : OPEN;
}

uint32_t wpa_auth(const char *key_mgmt)
{
        const size_t n = strlen(key_mgmt);

        if (!strcmp(key_mgmt, "NONE"))
                return OPEN;
        return auth_of(key_mgmt, n);
}

/* The next field of a line, up to the tab; the line moves on. NULL: there is none. */
static const char *field(const char **line, size_t *left, size_t *n)
{
        const char *p = *line;
        const char *tab;

        if (!p)
                return NULL;
        tab = memchr(p, '\t', *left);
        *n = tab ? (size_t)(tab - p) : *left;
        *left = tab ? *left - *n - 1 : 0;
        *line = tab ? tab + 1 : NULL;
        return p;
}

static bool address(const char *p, size_t n, uint8_t *out)
{
        if (n != 17)
                return false;
        for (size_t i = 0; i < 6; i++)
                if (hex_decode(p + 3 * i, 2, &out[i], 1, NULL) != 1 ||
                    (i < 5 && p[3 * i + 2] != ':'))
                        return false;
        return true;
}

static bool number(const char *p, size_t n, int32_t *out)
{
        const bool minus = n && *p == '-';
        int32_t v = 0;

        if (minus)
                p++, n--;
        if (n == 0 || n > 6)
                return false;
        for (; n; p++, n--) {
                if (*p < '0' || *p > '9')
                        return false;
                v = 10 * v + (*p - '0');
        }
        *out = minus ? -v : v;
        return true;
}

/* As printf_encode writes it: \\ \" \e \n \r \t \xHH. The length, or -E_SYNTAX. */
static int unescape(const char *p, size_t n, uint8_t *out, size_t cap)
{
        static const char letters[] = "\\\"enrt";
        static const uint8_t bytes[] = { '\\', '"', 27, '\n', '\r', '\t' };
        size_t k = 0;

        for (size_t i = 0; i < n; i++) {
                uint8_t b = (uint8_t)p[i];

                if (b == '\\') {
                        const char *l;

                        if (++i >= n || !p[i])
                                return -E_SYNTAX;
                        l = strchr(letters, p[i]);
                        if (l) {
                                b = bytes[l - letters];
                        } else {
                                if (p[i] != 'x' || n - i < 3 ||
                                    hex_decode(p + i + 1, 2, &b, 1, NULL) != 1)
                                        return -E_SYNTAX;
                                i += 2;
                        }
                }
                if (k == cap)
                        return -E_SYNTAX;
                out[k++] = b;
        }
        return (int)k;
}

int wpa_bss_parse(const char *line, size_t n, struct wpa_bss *b)
{
        const char *f[4];
        size_t len[4];
        int32_t mhz;
        int ssid;

        memset(b, 0, sizeof *b);
        for (size_t i = 0; i < 4; i++)
                if ((f[i] = field(&line, &n, &len[i])) == NULL)
                        return -E_SYNTAX;
        if (!address(f[0], len[0], b->bssid) || !number(f[1], len[1], &mhz) || mhz < 0 ||
            !number(f[2], len[2], &b->rssi))
                return -E_SYNTAX;
        b->channel = wpa_channel((uint32_t)mhz);
        b->auth = auth_of(f[3], len[3]);
        /* the rest is the name; a hidden one may be as many zero bytes as it has */
        ssid = line ? unescape(line, n, b->ssid, sizeof b->ssid) : 0;
        if (ssid < 0)
                return -E_SYNTAX;
        b->ssid_len = (size_t)ssid;
        for (ssid = 0; ssid < (int)b->ssid_len && !b->ssid[ssid];)
                ssid++;
        if (ssid == (int)b->ssid_len)
                b->ssid_len = 0;
        return 0;
}
