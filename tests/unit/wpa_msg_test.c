/* What wpa_supplicant 2.10 was seen to say, and what it never should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "wire/wpa_msg.h"

static void events(void **state)
{
        static const struct {
                const char *text;
                enum wpa_event event;
        } rows[] = {
                { "<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:03:00 completed [id=0 "
                  "id_str=]",
                  WPA_EV_CONNECTED },
                { "<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:03:00 reason=15",
                  WPA_EV_DISCONNECTED },
                { "<3>CTRL-EVENT-SCAN-RESULTS ", WPA_EV_SCANNED },
                { "<3>CTRL-EVENT-SCAN-FAILED ret=-16", WPA_EV_SCAN_FAILED },
                { "<3>CTRL-EVENT-NETWORK-NOT-FOUND ", WPA_EV_NOT_FOUND },
                { "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"HomeNet\" auth_failures=1 "
                  "duration=10 "
                  "reason=WRONG_KEY",
                  WPA_EV_WRONG_KEY },
                { "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"HomeNet\" auth_failures=1 "
                  "duration=10 "
                  "reason=CONN_FAILED",
                  WPA_EV_REJECTED },
                /* a name from the air decides nothing */
                { "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\" reason=WRONG_KEY\" "
                  "auth_failures=1 "
                  "duration=10 reason=CONN_FAILED",
                  WPA_EV_REJECTED },
                { "<2>CTRL-EVENT-TERMINATING ", WPA_EV_TERMINATING },
                { "<3>CTRL-EVENT-CONNECTEDX", WPA_EV_OTHER },
                { "CTRL-EVENT-CONNECTED", WPA_EV_CONNECTED },
                { "<3>", WPA_EV_OTHER },
                { "<", WPA_EV_OTHER },
                { "", WPA_EV_OTHER },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                assert_int_equal(wpa_event_of(rows[i].text), rows[i].event);
}

static void values(void **state)
{
        static const char status[] = "bssid=02:00:00:00:03:00\nfreq=2437\nssid=bssid=x\nid=0\n"
                                     "key_mgmt=WPA2-PSK\nwpa_state=COMPLETED\n";
        char v[18];

        (void)state;
        assert_int_equal(wpa_value(status, "bssid", v, sizeof v), 17);
        assert_string_equal(v, "02:00:00:00:03:00");
        assert_int_equal(wpa_value(status, "bssid", v, 17), -E_NOSPACE);
        assert_int_equal(wpa_value(status, "wpa_state", v, sizeof v), 9);
        assert_int_equal(wpa_value(status, "state", v, sizeof v), -E_NOTFOUND);
        assert_int_equal(wpa_value("", "id", v, sizeof v), -E_NOTFOUND);
        assert_int_equal(wpa_value("id", "id", v, sizeof v), -E_NOTFOUND);
}

static void networks(void **state)
{
        static const struct {
                const char *line;
                uint32_t channel, auth;
                int32_t rssi;
                const char *ssid;
        } rows[] = {
                { "02:00:00:00:03:00\t2437\t-30\t[WPA2-PSK-CCMP][ESS]\tHomeNet", 6, 3, -30,
                  "HomeNet" },
                { "02:00:00:00:03:00\t2412\t-30\t[ESS]\topen net", 1, 0, -30, "open net" },
                { "02:00:00:00:03:00\t2484\t-91\t[WPA-PSK-TKIP][ESS]\ta", 14, 2, -91, "a" },
                { "02:00:00:00:03:00\t5180\t-91\t[WPA-PSK-CCMP+TKIP][WPA2-PSK-CCMP][ESS]\ta", 36, 4,
                  -91, "a" },
                { "02:00:00:00:03:00\t5955\t-91\t[WPA2-SAE-CCMP][ESS]\ta", 1, 6, -91, "a" },
                { "02:00:00:00:03:00\t2462\t-91\t[WPA2-PSK+SAE-CCMP][ESS]\ta", 11, 7, -91, "a" },
                { "02:00:00:00:03:00\t2462\t-91\t[WPA2-EAP-CCMP][ESS]\ta", 11, 5, -91, "a" },
                { "02:00:00:00:03:00\t2462\t-91\t[WEP][ESS]\ta", 11, 1, -91, "a" },
                { "02:00:00:00:03:00\t2462\t-91\t[WPA2-OWE-CCMP][ESS]\ta", 11, 9, -91, "a" },
                { "02:00:00:00:03:00\t2437\t-30\t[ESS]\tCaf\\xc3\\xa9 \\\"x\\\" \\\\ \\t\\n\\e", 6,
                  0, -30, "Caf\xc3\xa9 \"x\" \\ \t\n\033" },
                { "02:00:00:00:03:00\t2437\t-30\t[ESS]\t", 6, 0, -30, "" },
                { "02:00:00:00:03:00\t2437\t-30\t[ESS]\t\\x00\\x00\\x00", 6, 0, -30, "" },
                { "02:00:00:00:03:00\t1\t-30\t[ESS]\ta", 0, 0, -30, "a" },
        };
        struct wpa_bss b;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                assert_int_equal(wpa_bss_parse(rows[i].line, strlen(rows[i].line), &b), 0);
                assert_int_equal(b.channel, rows[i].channel);
                assert_int_equal(b.auth, rows[i].auth);
                assert_int_equal(b.rssi, rows[i].rssi);
                assert_int_equal(b.ssid_len, strlen(rows[i].ssid));
                assert_memory_equal(b.ssid, rows[i].ssid, b.ssid_len);
                assert_memory_equal(b.bssid, "\x02\0\0\0\x03\0", 6);
        }
}

static void no_networks(void **state)
{
        static const char whole[] = "02:00:00:00:03:00\t2437\t-30\t[ESS]\tHomeNet";
        static const char *const rows[] = {
                "bssid / frequency / signal level / flags / ssid",
                "02:00:00:00:03\t2437\t-30\t[ESS]\ta",
                "02-00-00-00-03-00\t2437\t-30\t[ESS]\ta",
                "02:00:00:00:03:00\t-2437\t-30\t[ESS]\ta",
                "02:00:00:00:03:00\t2437\t-3x\t[ESS]\ta",
                "02:00:00:00:03:00\t2437\t9999999\t[ESS]\ta",
                "02:00:00:00:03:00\t2437\t-30\t[ESS]\t\\x4",
                "02:00:00:00:03:00\t2437\t-30\t[ESS]\t\\q",
                "02:00:00:00:03:00\t2437\t-30\t[ESS]\t\\",
                "02:00:00:00:03:00\t2437\t-30\t[ESS]\t123456789012345678901234567890123",
        };
        struct wpa_bss b;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                assert_int_equal(wpa_bss_parse(rows[i], strlen(rows[i]), &b), -E_SYNTAX);
        /* cut at every byte: before the flags there is no network */
        for (size_t n = 0; n < sizeof whole - 1; n++)
                assert_int_equal(wpa_bss_parse(whole, n, &b), n < 27 ? -E_SYNTAX : 0);
}

static void channels(void **state)
{
        (void)state;
        for (uint32_t c = 1; c <= 14; c++)
                assert_int_equal(wpa_channel(wpa_frequency(c)), c);
        assert_int_equal(wpa_frequency(0), 0);
        assert_int_equal(wpa_frequency(15), 0);
        assert_int_equal(wpa_auth("NONE"), 0);
        assert_int_equal(wpa_auth("WPA2-PSK"), 3);
        assert_int_equal(wpa_auth("SAE"), 6);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(events),   cmocka_unit_test(values),
                cmocka_unit_test(networks), cmocka_unit_test(no_networks),
                cmocka_unit_test(channels),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
