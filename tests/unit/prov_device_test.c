/* A whole provisioning, client against device, over memory; and what a hostile client gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/json.h"
#include "wire/prov_device.h"

/* The air around the device: one network with a passphrase. */
struct air {
        struct prov_credentials c;
        bool set, applied;
        unsigned scans;
};

static int air_set(void *ctx, const struct prov_credentials *c)
{
        struct air *a = ctx;

        a->c = *c;
        a->set = true;
        return 0;
}

static int air_apply(void *ctx)
{
        struct air *a = ctx;

        if (!a->set || a->applied)
                return PROV_INTERNAL_ERROR;
        a->applied = true;
        return 0;
}

static void air_state(void *ctx, struct prov_wifi_state *s)
{
        struct air *a = ctx;

        if (!a->applied) {
                s->sta_state = PROV_STA_CONNECTING;
        } else if (a->c.ssid_len == 8 && !memcmp(a->c.ssid, "lab-main", 8)) {
                const bool right =
                        a->c.passphrase_len == 13 && !memcmp(a->c.passphrase, "correct horse", 13);

                s->sta_state = right ? PROV_STA_CONNECTED : PROV_STA_FAILED;
                s->has_reason = !right;
                s->reason = PROV_FAIL_AUTH;
                s->has_connected = right;
                strcpy(s->ip4, "192.168.77.23");
                s->auth = 3;
                memcpy(s->ssid, "lab-main", 8);
                s->ssid_len = 8;
                memcpy(s->bssid, "\x02\x11\x22\x33\x44\x01", 6);
                s->has_bssid = true;
                s->channel = 1;
        } else {
                s->sta_state = PROV_STA_FAILED;
                s->has_reason = true;
                s->reason = PROV_FAIL_NOT_FOUND;
        }
}

static int air_scan_start(void *ctx, bool passive, uint32_t group, uint32_t period)
{
        (void)passive;
        (void)group;
        (void)period;
        ((struct air *)ctx)->scans++;
        return 0;
}

static void air_scan_status(void *ctx, bool *finished, uint32_t *count)
{
        (void)ctx;
        *finished = true;
        *count = 3;
}

static int air_scan_entry(void *ctx, uint32_t i, struct prov_ap *ap)
{
        (void)ctx;
        if (i >= 3)
                return PROV_INTERNAL_ERROR;
        *ap = (struct prov_ap){ .channel = i + 1, .rssi = -40 - (int32_t)i, .ssid_len = 1 };
        ap->ssid[0] = (uint8_t)('a' + i);
        return 0;
}

static int air_reset(void *ctx)
{
        struct air *a = ctx;
        struct prov_wifi_state s = { 0 };

        air_state(a, &s);
        if (s.sta_state != PROV_STA_FAILED)
                return PROV_INTERNAL_ERROR;
        memset(a, 0, sizeof *a);
        return 0;
}

static long air_custom(void *ctx, const char *endpoint, const uint8_t *in, size_t n, uint8_t *out,
                       size_t cap)
{
        (void)ctx;
        (void)in;
        (void)n;
        if (strcmp(endpoint, "custom-data") != 0)
                return -E_NOTFOUND;
        if (cap < 8)
                return -E_NOSPACE;
        memcpy(out, "SUCCESS", 8);
        return 8;
}

static const struct prov_device_ops ops = { air_set,        air_apply,       air_state,
                                            air_scan_start, air_scan_status, air_scan_entry,
                                            air_reset,      air_reset,       air_custom };

static struct prov_device device;
static struct prov_client_sec client;
static struct air air;

static void start(int security, const char *client_pop)
{
        const struct prov_device_config dcfg = {
                .sec = { .security = security, .pop = (const uint8_t *)"abcd1234", .pop_len = 8 },
                .ops = &ops,
                .ctx = &air,
        };
        const struct prov_client_config ccfg = { .security = security,
                                                 .secret = (const uint8_t *)client_pop,
                                                 .secret_len = strlen(client_pop) };

        memset(&air, 0, sizeof air);
        assert_int_equal(prov_device_init(&device, &dcfg), 0);
        assert_int_equal(prov_client_init(&client, &ccfg), 0);
}

static long establish(void)
{
        uint8_t q[PROV_MESSAGE_MAX], r[PROV_MESSAGE_MAX];
        long n;

        while ((n = prov_client_next(&client, q, sizeof q)) > 0) {
                if ((n = prov_device_request(&device, "prov-session", q, (size_t)n, r, sizeof r)) <
                    0)
                        return n;
                if ((n = prov_client_answer(&client, r, (size_t)n, NULL)) < 0)
                        return n;
        }
        return n;
}

/* Seal, ask, open. Returns the length of the plain answer in out, or the device's failure. */
static long ask(const char *endpoint, const uint8_t *plain, long n, uint8_t *out, size_t cap)
{
        uint8_t q[PROV_MESSAGE_MAX], r[PROV_MESSAGE_MAX];

        assert_true(n > 0);
        n = prov_seal(&client.cipher, plain, (size_t)n, q, sizeof q);
        assert_true(n > 0);
        n = prov_device_request(&device, endpoint, q, (size_t)n, r, sizeof r);
        return n < 0 ? n : prov_open(&client.cipher, r, (size_t)n, out, cap);
}

static void ask_config(struct prov_config_msg *m)
{
        uint8_t b[512];
        long n = prov_config_encode(m, b, sizeof b);

        n = ask("prov-config", b, n, b, sizeof b);
        assert_true(n > 0);
        assert_int_equal(prov_config_decode(m, b, (size_t)n), 0);
}

static struct prov_config_msg set_message(const char *ssid, const char *pass)
{
        struct prov_config_msg m = { .op = PROV_CONFIG_SET };

        m.set.ssid_len = strlen(ssid);
        memcpy(m.set.ssid, ssid, m.set.ssid_len);
        m.set.passphrase_len = strlen(pass);
        memcpy(m.set.passphrase, pass, m.set.passphrase_len);
        return m;
}

static void test_wrong_then_right(void **state)
{
        struct prov_config_msg m;
        struct prov_ctrl_msg k = { .op = PROV_CTRL_RESET };
        uint8_t b[64];
        long n;

        (void)state;
        for (int security = 0; security <= 1; security++) {
                start(security, "abcd1234");
                assert_int_equal(establish(), 0);
                m = set_message("lab-main", "incorrect");
                ask_config(&m);
                assert_int_equal(m.status, PROV_OK);
                m = (struct prov_config_msg){ .op = PROV_CONFIG_APPLY };
                ask_config(&m);
                assert_int_equal(m.status, PROV_OK);
                m = (struct prov_config_msg){ .op = PROV_CONFIG_GET_STATUS };
                ask_config(&m);
                assert_int_equal(m.state.sta_state, PROV_STA_FAILED);
                assert_int_equal(m.state.reason, PROV_FAIL_AUTH);
                n = prov_ctrl_encode(&k, b, sizeof b);
                n = ask("prov-ctrl", b, n, b, sizeof b);
                assert_int_equal(prov_ctrl_decode(&k, b, (size_t)n), 0);
                assert_int_equal(k.status, PROV_OK);
                k.op = PROV_CTRL_RESET;

                m = set_message("lab-main", "correct horse");
                ask_config(&m);
                m = (struct prov_config_msg){ .op = PROV_CONFIG_APPLY };
                ask_config(&m);
                m = (struct prov_config_msg){ .op = PROV_CONFIG_GET_STATUS };
                ask_config(&m);
                assert_int_equal(m.state.sta_state, PROV_STA_CONNECTED);
                assert_string_equal(m.state.ip4, "192.168.77.23");
                assert_int_equal(ask("custom-data", (const uint8_t *)"hello", 5, b, sizeof b), 8);
                prov_device_free(&device);
                prov_client_free(&client);
        }
}

static void test_scan(void **state)
{
        struct prov_ap entries[8];
        struct prov_scan_msg m = {
                .op = PROV_SCAN_START, .blocking = true, .group_channels = 5, .period_ms = 120
        };
        uint8_t b[1024];
        long n;

        (void)state;
        start(1, "abcd1234");
        assert_int_equal(establish(), 0);
        n = prov_scan_encode(&m, b, sizeof b);
        n = ask("prov-scan", b, n, b, sizeof b);
        assert_int_equal(air.scans, 1);
        m = (struct prov_scan_msg){
                .op = PROV_SCAN_RESULT, .start = 0, .count = 3, .entries = entries, .entries_cap = 8
        };
        n = prov_scan_encode(&m, b, sizeof b);
        n = ask("prov-scan", b, n, b, sizeof b);
        assert_int_equal(prov_scan_decode(&m, b, (size_t)n), 0);
        assert_int_equal(m.count, 3);
        assert_int_equal(m.status, PROV_OK);
        assert_int_equal(entries[2].rssi, -42);
        /* beyond the list: what there is, and a status */
        m = (struct prov_scan_msg){ .op = PROV_SCAN_RESULT,
                                    .start = 2,
                                    .count = 0xffffffff,
                                    .entries = entries,
                                    .entries_cap = 8 };
        n = prov_scan_encode(&m, b, sizeof b);
        n = ask("prov-scan", b, n, b, sizeof b);
        assert_int_equal(prov_scan_decode(&m, b, (size_t)n), 0);
        assert_int_equal(m.count, 1);
        assert_int_equal(m.status, PROV_INTERNAL_ERROR);
}

static void test_five_wrong_proofs(void **state)
{
        (void)state;
        start(1, "wrong");
        for (unsigned i = 1; i <= PROV_WRONG_PROOFS_MAX; i++) {
                const struct prov_client_config again = { .security = 1,
                                                          .secret = (const uint8_t *)"wrong",
                                                          .secret_len = 5 };

                assert_false(device.locked);
                prov_client_init(&client, &again);
                assert_int_equal(establish(), -E_VERIFY);
                assert_int_equal(device.wrong_proofs, i);
        }
        assert_true(device.locked);
        /* now the right one is of no use either */
        {
                const struct prov_client_config right = { .security = 1,
                                                          .secret = (const uint8_t *)"abcd1234",
                                                          .secret_len = 8 };

                prov_client_init(&client, &right);
                assert_int_equal(establish(), -E_REFUSED);
        }
}

static void test_hostile(void **state)
{
        uint8_t b[PROV_MESSAGE_MAX + 1] = { 0x52, 0 };
        uint8_t out[PROV_MESSAGE_MAX];

        (void)state;
        start(1, "abcd1234");
        assert_int_equal(prov_device_request(&device, "prov-config", b, 2, out, sizeof out),
                         -E_STATE);
        assert_int_equal(prov_device_request(&device, "no-such", b, 2, out, sizeof out), -E_STATE);
        assert_int_equal(prov_device_request(&device, "proto-ver", b, 0, out, sizeof out),
                         -E_PROTO);
        assert_int_equal(prov_device_request(&device, "proto-ver", b, sizeof b, out, sizeof out),
                         -E_PROTO);
        for (size_t cap = 0; cap < 60; cap++)
                assert_int_equal(prov_device_request(&device, "proto-ver", b, 1, out, cap),
                                 -E_NOSPACE);
        assert_int_equal(establish(), 0);
        assert_int_equal(ask("no-such", b, 2, out, sizeof out), -E_NOTFOUND);
        prov_device_new_session(&device);
        assert_int_equal(prov_device_request(&device, "prov-config", b, 2, out, sizeof out),
                         -E_STATE);
        assert_int_equal(air.set, false);
}

/* The text of proto-ver as devices print it. */
static void test_version(void **state)
{
        static const struct {
                const char *file;
                int security;
                bool pop, patch0;
                const char *app;
        } rows[] = {
                { "app-version", 0, false, false, "v3.2" },
                { "sec0-full", 0, false, false, NULL },
                { "sec1-many-networks", 1, true, false, NULL },
                { "sec1-nopop-full", 1, false, false, NULL },
                { "sec2-client-sec1", 2, false, false, NULL },
                { "sec2-patch0-full", 2, false, true, NULL },
        };
        static const uint8_t blank[SRP_LEN];

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct prov_device_config cfg = {
                        .sec = { .security = rows[i].security,
                                 .pop = blank,
                                 .pop_len = rows[i].pop ? 8 : 0,
                                 .salt = blank,
                                 .salt_len = 16,
                                 .verifier = blank,
                                 .patch0 = rows[i].patch0 },
                        .app_ver = rows[i].app,
                        .app_cap = "custom-data",
                        .ops = &ops,
                };
                char path[128];
                uint8_t want[512], got[512];
                const cJSON *step;
                cJSON *j;
                long n;

                snprintf(path, sizeof path, "tests/golden/provisioning/%s.json", rows[i].file);
                assert_non_null(j = json_load(path, NULL));
                n = 0;
                cJSON_ArrayForEach(
                        step, cJSON_GetObjectItemCaseSensitive(
                                      cJSON_GetArrayItem(
                                              cJSON_GetObjectItemCaseSensitive(j, "sessions"), 0),
                                      "steps"))
                {
                        const char *endpoint =
                                cJSON_GetObjectItemCaseSensitive(step, "endpoint")->valuestring;
                        const cJSON *hex = cJSON_GetObjectItemCaseSensitive(step, "response");

                        if (n == 0 && !strcmp(endpoint, "proto-ver") && cJSON_IsString(hex))
                                n = hex_decode(hex->valuestring, strlen(hex->valuestring), want,
                                               sizeof want, NULL);
                }
                assert_true(n > 0);
                cJSON_Delete(j);
                assert_int_equal(prov_device_init(&device, &cfg), 0);
                assert_int_equal(
                        prov_device_request(&device, "proto-ver", blank, 3, got, sizeof got), n);
                assert_memory_equal(got, want, (size_t)n);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wrong_then_right),  cmocka_unit_test(test_scan),
                cmocka_unit_test(test_five_wrong_proofs), cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_version),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
