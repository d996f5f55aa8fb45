/* The outlet as a whole: start, network, reset to factory, trial of a new version, secure_esp's
 * topics, factory console. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_port.h"
#include "firmware/core/button.h"
#include "wire/selftest.h"

static struct outlet o;
static struct outlet_config config;

static const char *const identity[] = { "serial_no",    "dev-1",    "cert",
                                        "-----BEGIN C", "priv_key", "-----BEGIN K",
                                        "pop",          "abcd1234", NULL };

static void unit(void)
{
        fake_reset();
        fake_fctry("mfg_ns", identity);
        fake.wifi_stored = true;
        config = (struct outlet_config){ .ca = "-----BEGIN CA", .endpoint = "h:443" };
}

static void boot(uint64_t now)
{
        outlet_start(&o, &config, now);
        outlet_tick(&o, now);
}

static void hold(uint64_t now, uint64_t ms)
{
        fake.level[9] = false;
        outlet_tick(&o, now);
        outlet_tick(&o, now + 100);
        fake.level[9] = true;
        outlet_tick(&o, now + ms);
        outlet_tick(&o, now + ms + BUTTON_SETTLE_MS);
}

static bool stored(const char *ns, const char *key)
{
        return port_kv_mount(PORT_NVS) == 0 && port_kv_get(PORT_NVS, ns, key, NULL, 0) >= 0;
}

static void test_nvs_trouble(void **state)
{
        static const struct {
                int error;
                bool formatted;
        } rows[] = { { -E_NOSPACE, true },
                     { -E_UNSUPPORTED, true },
                     { -E_IO, false },
                     { -E_NOTFOUND, false } };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                unit();
                fake.mount_error = rows[i].error;
                boot(0);
                assert_int_equal(fake.formats, rows[i].formatted);
                hold(1000, 100);
                assert_true(fake.level[19]); /* it switches all the same */
        }
}

static void test_which_network(void **state)
{
        (void)state;
        unit();
        boot(0);
        assert_int_equal(fake.joins, 1);
        assert_null(fake.wifi.ssid);
        unit();
        config.wifi_ssid = "Lab";
        boot(0);
        assert_string_equal(fake.wifi.ssid, "Lab");
        assert_string_equal(fake.wifi.passphrase, "");
        unit();
        fake.wifi_stored = false;
        boot(0);
        assert_int_equal(fake.joins, 0);
        assert_true(fake.prov_running);
        assert_string_equal(fake.prov.service_name, "PROV_ABCDEF");
        assert_string_equal(fake.prov.pop, "abcd1234");
        assert_int_equal(fake.prov.security, 1);
        fake_event(&o, &(struct port_event){ .type = PORT_EV_PROV_FAILED }, 10);
        assert_true(fake.prov_running);
        fake_event(&o, &(struct port_event){ .type = PORT_EV_PROV_DONE, .text = "a" }, 20);
        assert_int_equal(fake.connects, 1);
        assert_string_equal(fake.mqtt.alpn, "x-amzn-mqtt-ca");
}

static void test_security_2(void **state)
{
        static const char *const pairs[] = { "#sec2_salt",
                                             "0123456789abcdef",
                                             "#sec2_verifier",
                                             "v",
                                             "prov_transport",
                                             "softap",
                                             "service_key",
                                             "12345678",
                                             "service_name",
                                             "OUT_1",
                                             NULL };

        (void)state;
        unit();
        fake_fctry("mfg_ns", pairs);
        fake.wifi_stored = false;
        boot(0);
        assert_int_equal(fake.prov.security, 2);
        assert_int_equal(fake.prov.salt_len, 16);
        assert_int_equal(fake.prov.transport, PORT_PROV_SOFTAP);
        assert_string_equal(fake.prov.service_key, "12345678");
        assert_string_equal(fake.prov.service_name, "OUT_1");
}

/* Security 0 is chosen, and never where there is anything better. */
static void test_security_0(void **state)
{
        static const struct {
                const char *pairs[7];
                bool build;
                unsigned security;
                const char *said;
        } rows[] = {
                { { NULL }, false, 1, "no proof of possession" },
                { { NULL }, true, 0, "in clear text" },
                { { "prov_security", "0" }, false, 0, "in clear text" },
                { { "prov_security", "1" }, true, 1, "is not taken" },
                { { "prov_security", "00" }, false, 1, "is not taken" },
                { { "prov_security", "" }, false, 1, "no proof of possession" },
                { { "prov_security", "0", "pop", "abcd1234" }, true, 1, "is not taken" },
                { { "pop", "abcd1234" }, true, 1, NULL },
                { { "#sec2_salt", "0123", "#sec2_verifier", "v", "prov_security", "0" },
                  true,
                  2,
                  "is not taken" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                unit();
                config.security_0 = rows[i].build;
                fake_fctry("mfg_ns", rows[i].pairs);
                fake.wifi_stored = false;
                boot(0);
                assert_int_equal(fake.prov.security, rows[i].security);
                if (rows[i].said)
                        assert_non_null(strstr(fake.log, rows[i].said));
                else
                        assert_null(strstr(fake.log, "prov_security"));
        }
}

/* The console provisions beside the transport, or alone, until it is locked. */
static void test_console_transport(void **state)
{
        static const struct {
                const char *pairs[3];
                enum port_prov_transport transport;
        } rows[] = {
                { { NULL }, PORT_PROV_SOFTAP },
                { { "prov_transport", "console" }, PORT_PROV_CONSOLE },
                { { "prov_transport", "ble" }, PORT_PROV_BLE },
                { { "prov_transport", "pigeon" }, PORT_PROV_SOFTAP },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                unit();
                config.transport = PORT_PROV_SOFTAP;
                fake_fctry("mfg_ns", rows[i].pairs);
                fake.wifi_stored = false;
                boot(0);
                assert_int_equal(fake.prov.transport, rows[i].transport);
                assert_true(fake.prov_running);
                assert_true(fake.prov_cfg->console);
                fake_type(&o, "lock\r", 10);
                assert_false(fake.prov_cfg->console);
                boot(0);
                assert_false(fake.prov_cfg->console);
                assert_int_equal(strstr(fake.log, "and that is locked") != NULL,
                                 rows[i].transport == PORT_PROV_CONSOLE);
        }
}

/* A router that is away for a day, with every reason there is: the credentials stay. */
static void test_slow_router(void **state)
{
        uint64_t now = 0;
        uint64_t waited = 0;

        (void)state;
        unit();
        boot(0);
        for (unsigned i = 0; now < 86400000; i++) {
                const struct port_event ev = { .type = PORT_EV_WIFI_DOWN,
                                               .wifi = (enum port_wifi_reason)(i % 5) };
                const unsigned joins = fake.joins;
                const uint64_t down = now;

                fake_event(&o, &ev, now);
                while (fake.joins == joins)
                        outlet_tick(&o, now += 100);
                assert_true(now - down <= NET_RETRY_CAP_MS + 100);
                waited = now;
        }
        assert_true(waited > 0 && fake.formats == 0 && fake.provs == 0);
        fake_event(&o, &(struct port_event){ .type = PORT_EV_WIFI_UP, .text = "a" }, now);
        assert_int_equal(fake.connects, 1);
}

static void test_reset(void **state)
{
        static const struct {
                uint64_t ms;
                bool reset, cloud_kept;
        } rows[] = { { 2900, false, true }, { 3000, true, true }, { 10000, true, false } };
        uint8_t fctry[FAKE_PART];

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                unit();
                config.esp_topics = true;
                config.no_shadow = true;
                boot(0);
                fake_online(&o, 10);
                fake_message(&o, "/esp/update/interval", "777", 20);
                fake_type(&o, "lock\n", 30);
                port_kv_set(PORT_NVS, OUTLET_NS, "power_on", "on");
                memcpy(fctry, fake.fctry, sizeof fctry);
                hold(1000, rows[i].ms);
                assert_int_equal(fake.formats, rows[i].reset);
                assert_int_equal(fake.restarts, rows[i].reset);
                assert_memory_equal(fctry, fake.fctry, sizeof fctry);
                assert_int_equal(stored(OUTLET_NS, "power_on"), !rows[i].reset);
                assert_int_equal(stored(OUTLET_CLOUD_NS, "interval"), rows[i].cloud_kept);
                assert_true(stored(OUTLET_NS, "locked"));
                assert_int_equal(fake.wifi_stored, !rows[i].reset);
        }
}

/* A new version's trial: what has happened by when, and what comes of it. */
static void test_trial(void **state)
{
        static const struct {
                const char *name;
                bool online, stuck, cloudless, no_other;
                uint64_t until;
                unsigned marks, rolled_back, restarts;
        } rows[] = {
                { "cloud reached", true, false, false, false, 5000, 1, 0, 0 },
                { "not yet", false, false, false, false, 89000, 0, 0, 0 },
                { "too late", false, false, false, false, 91000, 0, 1, 0 },
                { "output stuck", true, true, false, false, 5000, 0, 1, 0 },
                { "no cloud wanted", true, false, true, false, 5000, 1, 0, 0 },
                { "nothing to go back to", false, false, false, true, 91000, 1, 0, 1 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                unit();
                fake.pending = true;
                fake.stuck_output = rows[i].stuck;
                fake.no_other_slot = rows[i].no_other;
                config.cloudless = rows[i].cloudless;
                boot(0);
                if (rows[i].online)
                        fake_online(&o, 100);
                for (uint64_t now = 200; now < rows[i].until; now += 100)
                        outlet_tick(&o, now);
                if (fake.marks != rows[i].marks || fake.rolled_back != rows[i].rolled_back ||
                    fake.restarts != rows[i].restarts)
                        fail_msg("%s: marks %u, rolled back %d, restarts %u", rows[i].name,
                                 fake.marks, fake.rolled_back, fake.restarts);
        }
}

static void test_rolled_back(void **state)
{
        (void)state;
        unit();
        config.esp_topics = true;
        assert_int_equal(port_kv_mount(PORT_NVS), 0);
        port_kv_set(PORT_NVS, OUTLET_NS, "ota_version", "1.1.0");
        boot(0);
        fake_online(&o, 10);
        fake_message(&o, "$aws/things/dev-1/shadow/get/rejected", "{\"code\":404}", 20);
        assert_non_null(strstr(fake_sent("/shadow/update"), "version 1.1.0 was rolled back"));
        assert_string_equal(fake_sent("/esp/log"),
                            "outlet 1.0.0 has started, update: version 1.1.0 was rolled back");
        fake_power_on(); /* it runs after all, and later a cable writes a lower one */
        fake.wifi_stored = true;
        memcpy(fake.version, "1.1.0", 6);
        boot(0);
        fake_power_on();
        fake.wifi_stored = true;
        memcpy(fake.version, "1.0.0", 6);
        boot(0);
        fake_online(&o, 10);
        fake_message(&o, "$aws/things/dev-1/shadow/get/rejected", "{\"code\":404}", 20);
        assert_null(strstr(fake_sent("/shadow/update"), "rolled back"));
}

/* What the shadow says of the last update after a restart. */
static void test_told_after_restart(void **state)
{
        static const struct {
                const char *version, *installed, *status, *told;
        } rows[] = {
                { "1.0.0", "1.1.0", "version 1.1.0 is installed, restarting",
                  "\"version 1.1.0 was rolled back\"" },
                { "1.0.0", "1.1.0", "version 1.1.0 was rolled back: it smoked",
                  "\"version 1.1.0 was rolled back: it smoked\"" },
                { "1.0.0", "1.1.0", "refused: the server answers 404",
                  "\"refused: the server answers 404\"" },
                { "1.1.0", NULL, "version 1.1.0 is installed, restarting",
                  "\"version 1.1.0 is valid\"" },
                { "1.1.0", "1.1.0", "version 1.1.0 is installed, restarting",
                  "\"version 1.1.0 is valid\"" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                unit();
                memcpy(fake.version, rows[i].version, 6);
                assert_int_equal(port_kv_mount(PORT_NVS), 0);
                port_kv_set(PORT_NVS, OUTLET_NS, "ota_status", rows[i].status);
                if (rows[i].installed)
                        port_kv_set(PORT_NVS, OUTLET_NS, "ota_version", rows[i].installed);
                boot(0);
                fake_online(&o, 10);
                fake_message(&o, "$aws/things/dev-1/shadow/get/rejected", "{\"code\":404}", 20);
                if (!strstr(fake_sent("/shadow/update"), rows[i].told))
                        fail_msg("row %zu: %s", i, fake_sent("/shadow/update"));
        }
}

/* A version that has failed its trial leaves why, and the version before it tells. */
static void test_why_rolled_back(void **state)
{
        (void)state;
        unit();
        memcpy(fake.version, "1.1.0", 6);
        fake.pending = true;
        fake.stuck_output = true;
        assert_int_equal(port_kv_mount(PORT_NVS), 0);
        port_kv_set(PORT_NVS, OUTLET_NS, "ota_version", "1.1.0");
        boot(0);
        assert_true(fake.rolled_back);
        fake_power_on();
        fake.wifi_stored = true;
        fake.pending = fake.stuck_output = false;
        memcpy(fake.version, "1.0.0", 6);
        boot(0);
        fake_online(&o, 10);
        fake_message(&o, "$aws/things/dev-1/shadow/get/rejected", "{\"code\":404}", 20);
        assert_non_null(strstr(fake_sent("/shadow/update"),
                               "version 1.1.0 was rolled back: its driver finds the hardware bad"));
}

/* A URL that nobody answers is corrected: the new one is asked while the old one would be waited
 * for, and its end is told. */
static void test_corrected_url(void **state)
{
        static const char delta[] = "{\"version\":%d,\"state\":{\"ota_url\":\"https://u/%d\"}}";
        const struct port_event lost = { .type = PORT_EV_HTTP_END, .error = -E_LINK };
        const struct port_event head = { .type = PORT_EV_HTTP_HEAD, .http = { .status = 404 } };
        char text[128];

        (void)state;
        unit();
        boot(0);
        fake_online(&o, 10);
        fake_message(&o, "$aws/things/dev-1/shadow/get/rejected", "{\"code\":404}", 20);
        snprintf(text, sizeof text, delta, 3, 1);
        fake_message(&o, "$aws/things/dev-1/shadow/update/delta", text, 30);
        snprintf(text, sizeof text, delta, 4, 2);
        fake_message(&o, "$aws/things/dev-1/shadow/update/delta", text, 40);
        assert_string_equal(fake.http.url, "https://u/1"); /* its answer is awaited */
        fake_event(&o, &lost, 50);
        outlet_tick(&o, 51);
        assert_string_equal(fake.http.url, "https://u/2");
        fake_event(&o, &head, 60);
        for (uint64_t now = 100; now < 100000; now += 1000)
                outlet_tick(&o, now);
        assert_int_equal(fake.gets, 2);
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"ota_url\":\"https://u/2\""));
        assert_non_null(strstr(fake_sent("/shadow/update"), "the server answers 404"));
}

/* ota_url in the shadow: begun once, however often the delta comes; its end is reported and
 * remembered. */
static void test_shadow_update(void **state)
{
        static const char delta[] = "{\"version\":3,\"state\":{\"ota_url\":\"https://u/1\"}}";
        const struct port_event head = { .type = PORT_EV_HTTP_HEAD, .http = { .status = 404 } };

        (void)state;
        unit();
        boot(0);
        fake_online(&o, 10);
        fake_message(&o, "$aws/things/dev-1/shadow/get/rejected", "{\"code\":404}", 20);
        fake_message(&o, "$aws/things/dev-1/shadow/update/delta", delta, 30);
        assert_int_equal(fake.gets, 1);
        assert_string_equal(fake.http.url, "https://u/1");
        fake_message(&o, "$aws/things/dev-1/shadow/update/delta", delta, 40);
        fake_event(&o, &head, 50);
        fake_message(&o, "$aws/things/dev-1/shadow/update/delta", delta, 60);
        for (uint64_t now = 100; now < 100000; now += 1000)
                outlet_tick(&o, now);
        assert_int_equal(fake.gets, 1);
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"ota_url\":\"https://u/1\""));
        assert_non_null(strstr(fake_sent("/shadow/update"), "the server answers 404"));
        fake_power_on();
        boot(0);
        fake_online(&o, 10);
        fake_message(&o, "$aws/things/dev-1/shadow/get/accepted",
                     "{\"state\":{\"desired\":{\"ota_url\":\"https://u/1\"}},\"version\":4}", 20);
        assert_int_equal(fake.gets, 0);
        assert_non_null(strstr(fake_sent("/shadow/update"), "\"ota_url\":\"https://u/1\""));
}

static void test_esp_topics(void **state)
{
        static const struct {
                const char *topic, *payload, *log;
        } rows[] = {
                { "/esp/update/interval", "300", "/esp/update/interval: done" },
                { "/esp/update/interval", "9999999", "/esp/update/interval: done" },
                { "/esp/update/interval", "299", "/esp/update/interval: value out of range" },
                { "/esp/update/interval", "10000000", "/esp/update/interval: value out of range" },
                { "/esp/update/interval", "4294967596",
                  "/esp/update/interval: value out of range" },
                { "/esp/update/interval", "3e2", "/esp/update/interval: cannot be read" },
                { "/esp/update/interval", "", "/esp/update/interval: cannot be read" },
                { "/esp/update/use_url", "1", "/esp/update/use_url: done" },
                { "/esp/update/use_url", "2", "/esp/update/use_url: cannot be read" },
                { "/esp/update/url", "https://d/x.bin", "/esp/update/url: done" },
                { "/esp/update/url", "http://d/x.bin", "/esp/update/url: cannot be read" },
        };

        (void)state;
        unit();
        config.esp_topics = true;
        boot(0);
        fake_online(&o, 10);
        assert_int_equal(fake.subscriptions, 10);
        assert_string_equal(fake_sent("/esp/log"), "outlet 1.0.0 has started");
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const char *said;

                fake_message(&o, rows[i].topic, rows[i].payload, 20);
                said = fake_sent("/esp/log");
                if (!said || strncmp(said, rows[i].log, strlen(rows[i].log)) != 0)
                        fail_msg("%s %s: %s", rows[i].topic, rows[i].payload, said);
        }
        fake_message(&o, "/esp/update/run", "", 30);
        assert_string_equal(fake.http.url, "https://d/x.bin");
        fake_message(&o, "/esp/restart", "", 40);
        assert_int_equal(fake.restarts, 1);
        fake_power_on();
        fake.wifi_stored = true;
        boot(0);
        assert_int_equal(o.topics.interval_s, 9999999);
        assert_string_equal(esptopics_url(&o.topics), "https://d/x.bin");
        unit(); /* switched off: nothing */
        boot(0);
        fake_online(&o, 10);
        fake_message(&o, "/esp/restart", "", 40);
        assert_int_equal(fake.restarts, 0);
}

/* The longest interval and 49 days later: as often as it should be, not more. */
static void test_periodic(void **state)
{
        const struct port_event head = { .type = PORT_EV_HTTP_HEAD, .http = { .status = 404 } };
        const uint64_t day = 86400000;
        uint64_t now = 0;

        (void)state;
        unit();
        config.update_url = "https://u/p";
        config.update_interval_s = 86400;
        boot(now);
        fake_online(&o, now);
        for (; now < 60 * day; now += 60000) {
                const unsigned gets = fake.gets;

                outlet_tick(&o, now);
                if (fake.gets > gets)
                        fake_event(&o, &head, now);
        }
        assert_in_range(fake.gets, 59, 67);
}

static const char *typed(const char *line)
{
        fake_forget();
        fake_type(&o, line, 1000);
        return fake.console;
}

static void test_console(void **state)
{
        struct selftest token;

        (void)state;
        unit();
        boot(0);
        assert_non_null(strstr(fake.console, "FCTRY-SELFTEST v1 PASS version=1.0.0 project=outlet "
                                             "chip=5 mac=020000abcdef serial=dev-1 slot=valid "
                                             "nvs=ok fctry=ok cert=ok output=ok button=ok crc="));
        assert_int_equal(selftest_read(&token, fake.console, fake.console_len), 0);
        assert_string_equal(typed("version\r"), "outlet 1.0.0 chip 5\r\nOK\r\n");
        assert_string_equal(typed("\nmac\r\n"), "020000abcdef\r\nOK\r\n");
        assert_non_null(strstr(typed("fctry\n"), "priv_key 12 bytes\r\n"));
        assert_null(strstr(fake.console, "BEGIN"));
        assert_null(strstr(fake.console, "abcd1234"));
        assert_string_equal(typed("what\n"), "ERROR unknown command; try help\r\n");
        assert_string_equal(typed("maX\x08"
                                  "c\n"),
                            "020000abcdef\r\nOK\r\n");
        assert_non_null(strstr(typed("csr\n"), "ERROR exists already"));
        fake.key_check = -E_VERIFY;
        assert_non_null(strstr(typed("selftest\n"), "FAIL"));
        assert_non_null(strstr(fake.console, "cert=bad"));
        assert_non_null(strstr(fake.console, "ERROR verification failed"));
        for (unsigned i = 0; i < CONSOLE_LINE_MAX; i++)
                fake_type(&o, "x", 1000);
        assert_string_equal(typed("\n"), "ERROR line too long\r\n");
        assert_string_equal(typed("lock\n"), "OK\r\n");
        assert_string_equal(typed("version\n"), "ERROR locked\r\n");
        fake_power_on();
        fake.wifi_stored = true;
        boot(0);
        assert_string_equal(fake.console, "");
        assert_string_equal(typed("selftest\n"), "ERROR locked\r\n");
}

static void test_console_csr(void **state)
{
        static const char *const none[] = { "pop", "p", NULL };
        static const char cert[] = "cert\n-----BEGIN CERTIFICATE-----\r\nAAAA\r\n"
                                   "-----END CERTIFICATE-----\r\n";
        char key[PORT_KEY_PEM_MAX];
        int n;

        (void)state;
        unit();
        fake_fctry("mfg_ns", none);
        boot(0); /* as its table says: read-only */
        assert_string_equal(typed("csr dev-9\n"), "ERROR permission denied\r\n");
        fake.fctry_writable = true;
        boot(0);
        assert_string_equal(typed("csr a/b\n"), "ERROR cannot be read as what it should be\r\n");
        assert_string_equal(typed("csr dev-9\n"), "-----BEGIN CERTIFICATE REQUEST-----\ndev-9\n"
                                                  "-----END CERTIFICATE REQUEST-----\nOK\r\n");
        n = port_kv_get(PORT_FCTRY, IDENTITY_NS, "priv_key", key, sizeof key);
        assert_true(n > 0);
        assert_non_null(strstr(typed("csr dev-9\n"), "OK")); /* again: the same key */
        assert_non_null(strstr(typed("csr dev-8\n"), "ERROR exists already"));
        fake.key_check = -E_VERIFY;
        assert_string_equal(typed(cert), "ERROR verification failed\r\n");
        fake.key_check = 0;
        assert_string_equal(typed(cert), "OK\r\n");
        assert_int_equal(fake.restarts, 1);
        fake_power_on(); /* it is what it was made */
        fake.wifi_stored = true;
        boot(0);
        assert_string_equal(o.id.serial, "dev-9");
        assert_true(o.id.complete);
        assert_non_null(strstr(fake.console, "PASS"));
        assert_null(strstr(fake.console, "PRIVATE"));
        assert_string_equal(typed(cert), "ERROR exists already\r\n");
}

/* The network goes while subscriptions are not answered: the next connection counts afresh. */
static void test_net_lost(void **state)
{
        const struct port_event lost = { .type = PORT_EV_WIFI_DOWN, .wifi = PORT_WIFI_LOST };
        uint64_t now = 20;

        (void)state;
        unit();
        boot(0);
        fake_event(&o, &(struct port_event){ .type = PORT_EV_WIFI_UP, .text = "a" }, 10);
        fake_event(&o, &(struct port_event){ .type = PORT_EV_MQTT_UP }, 10);
        fake_event(&o, &lost, now);
        assert_int_equal(fake.disconnects, 1);
        while (fake.joins < 2)
                outlet_tick(&o, now += 100);
        fake_event(&o, &(struct port_event){ .type = PORT_EV_WIFI_UP, .text = "a" }, now);
        while (fake.connects < 2)
                outlet_tick(&o, now += 100);
        fake_online(&o, now);
        assert_int_equal(o.cloud.state, CLOUD_UP);
}

/* A certificate that never ends. */
static void test_console_long(void **state)
{
        (void)state;
        unit();
        boot(0);
        fake_forget();
        fake_type(&o, "cert\n", 1000);
        for (unsigned i = 0; i < 100 && !fake.console_len; i++)
                fake_type(&o, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
                          1000);
        assert_string_equal(fake.console, "ERROR does not fit\r\n");
        assert_string_equal(typed("mac\n"), "020000abcdef\r\nOK\r\n");
}

/* A button that is stuck, or a cable's reset circuit that holds the pin, when power comes. */
static void test_held_at_start(void **state)
{
        (void)state;
        unit();
        fake.level[9] = false;
        boot(0);
        outlet_tick(&o, 5000);
        fake.level[9] = true;
        outlet_tick(&o, 12000);
        outlet_tick(&o, 12100);
        assert_int_equal(fake.formats, 0);
        assert_false(fake.level[19]);
        hold(13000, 100);
        assert_true(fake.level[19]);
}

/* The tick never asks to be called at once again, whatever the state: no busy loop. */
static void test_sleeps(void **state)
{
        uint64_t now = 0;
        unsigned ticks = 0;

        (void)state;
        unit();
        boot(0);
        fake_online(&o, 10);
        fake_message(&o, "$aws/things/dev-1/shadow/get/rejected", "{\"code\":404}", 20);
        for (; now < 3600000; ticks++) {
                const uint64_t due = outlet_tick(&o, now);

                assert_true(due > now);
                now = due;
        }
        assert_in_range(ticks, 1, 200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nvs_trouble),
                cmocka_unit_test(test_which_network),
                cmocka_unit_test(test_security_2),
                cmocka_unit_test(test_security_0),
                cmocka_unit_test(test_console_transport),
                cmocka_unit_test(test_slow_router),
                cmocka_unit_test(test_reset),
                cmocka_unit_test(test_trial),
                cmocka_unit_test(test_rolled_back),
                cmocka_unit_test(test_told_after_restart),
                cmocka_unit_test(test_why_rolled_back),
                cmocka_unit_test(test_corrected_url),
                cmocka_unit_test(test_shadow_update),
                cmocka_unit_test(test_esp_topics),
                cmocka_unit_test(test_periodic),
                cmocka_unit_test(test_console),
                cmocka_unit_test(test_console_csr),
                cmocka_unit_test(test_console_long),
                cmocka_unit_test(test_sleeps),
                cmocka_unit_test(test_net_lost),
                cmocka_unit_test(test_held_at_start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
