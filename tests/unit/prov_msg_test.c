/*
 * Messages of unified provisioning: every plain text in the transcripts between Espressif's client
 * and device (tests/golden/provisioning) decodes, and encodes again to the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/json.h"
#include "wire/prov_msg.h"

#define DIR_GOLDEN "tests/golden/provisioning"

static struct prov_ap entries[64];
static unsigned checked;

/* Decode and encode with the endpoint's family. Returns the new length or a failure. */
static long again(const char *endpoint, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
        struct prov_config_msg config;
        struct prov_scan_msg scan = { .entries = entries, .entries_cap = 64 };
        struct prov_ctrl_msg ctrl;
        int rc;

        if (!strcmp(endpoint, "prov-config"))
                return (rc = prov_config_decode(&config, in, n)) < 0
                               ? rc
                               : prov_config_encode(&config, out, cap);
        if (!strcmp(endpoint, "prov-scan"))
                return (rc = prov_scan_decode(&scan, in, n)) < 0
                               ? rc
                               : prov_scan_encode(&scan, out, cap);
        return (rc = prov_ctrl_decode(&ctrl, in, n)) < 0 ? rc : prov_ctrl_encode(&ctrl, out, cap);
}

static void check_plain(const char *file, const char *endpoint, const cJSON *hex)
{
        uint8_t in[4096], out[4096];
        long n, m;

        if (!cJSON_IsString(hex))
                return;
        n = hex_decode(hex->valuestring, strlen(hex->valuestring), in, sizeof in, NULL);
        assert_true(n > 0);
        m = again(endpoint, in, (size_t)n, out, sizeof out);
        if (strstr(file, "too-long") || strstr(file, "passphrase-64")) {
                /* a field over its limit is cut and marked, so it cannot come back the same */
                struct prov_config_msg config;

                if (!strcmp(endpoint, "prov-config") &&
                    prov_config_decode(&config, in, (size_t)n) == 0 && config.set.too_long)
                        return;
        }
        if (m != n || memcmp(in, out, (size_t)n) != 0)
                fail_msg("%s: %s %s: %ld bytes became %ld", file, endpoint, hex->valuestring, n, m);
        /* every capacity below fails cleanly, every cut of the input is taken or refused, never
         * read past */
        for (long cap = 0; cap < n; cap++)
                assert_int_equal(again(endpoint, in, (size_t)n, out, (size_t)cap), -E_NOSPACE);
        for (long cut = 0; cut < n; cut++)
                again(endpoint, in, (size_t)cut, out, sizeof out);
        checked++;
}

static void test_transcripts(void **state)
{
        DIR *dp = opendir(DIR_GOLDEN);

        (void)state;
        assert_non_null(dp);
        for (struct dirent *e; (e = readdir(dp));) {
                char path[512];
                const cJSON *session, *step;
                cJSON *j;

                if (!strstr(e->d_name, ".json"))
                        continue;
                snprintf(path, sizeof path, DIR_GOLDEN "/%s", e->d_name);
                assert_non_null(j = json_load(path, NULL));
                cJSON_ArrayForEach(session, cJSON_GetObjectItemCaseSensitive(j, "sessions"))
                        cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(session, "steps"))
                {
                        const char *endpoint =
                                cJSON_GetObjectItemCaseSensitive(step, "endpoint")->valuestring;

                        if (strcmp(endpoint, "prov-config") && strcmp(endpoint, "prov-scan") &&
                            strcmp(endpoint, "prov-ctrl"))
                                continue;
                        check_plain(e->d_name, endpoint,
                                    cJSON_GetObjectItemCaseSensitive(step, "request_plain"));
                        check_plain(e->d_name, endpoint,
                                    cJSON_GetObjectItemCaseSensitive(step, "response_plain"));
                }
                cJSON_Delete(j);
        }
        closedir(dp);
        assert_true(checked > 100);
}

/* Rows of the facts: what a device says and what it means. */
static void test_meanings(void **state)
{
        struct prov_config_msg c;
        struct prov_scan_msg s = { .entries = entries, .entries_cap = 64 };
        struct prov_ctrl_msg k;
        uint8_t in[256];
        char text[16];
        long n;

        (void)state;
        n = hex_decode("08015a0410035001", 16, in, sizeof in, NULL);
        assert_int_equal(prov_config_decode(&c, in, (size_t)n), 0);
        assert_int_equal(c.state.sta_state, PROV_STA_FAILED);
        assert_true(c.state.has_reason && c.state.reason == PROV_FAIL_NOT_FOUND);
        n = hex_decode("08015a06100162020802", 20, in, sizeof in, NULL);
        assert_int_equal(prov_config_decode(&c, in, (size_t)n), 0);
        assert_true(c.state.has_attempts && c.state.attempts_left == 2);
        n = hex_decode("0a210a086c61622d6d61696e100118d7ffffffffffffffff0122060211223344012803", 70,
                       in + 4, sizeof in - 4, NULL);
        memcpy(in, "\x08\x05\x7a\x23", 4);
        assert_int_equal(prov_scan_decode(&s, in, (size_t)n + 4), 0);
        assert_int_equal(s.count, 1);
        assert_int_equal(entries[0].rssi, -41);
        assert_memory_equal(entries[0].ssid, "lab-main", 8);
        s.entries_cap = 0;
        assert_int_equal(prov_scan_decode(&s, in, (size_t)n + 4), -E_NOSPACE);
        n = hex_decode("080210056200", 12, in, sizeof in, NULL);
        assert_int_equal(prov_ctrl_decode(&k, in, (size_t)n), 0);
        assert_int_equal(k.status, PROV_INTERNAL_ERROR);
        /* parts that a device would crash on when they are missing */
        assert_int_equal(prov_config_decode(&c, (const uint8_t *)"\x08\x02", 2), -E_PROTO);
        assert_int_equal(prov_scan_decode(&s, (const uint8_t *)"", 0), -E_PROTO);
        assert_int_equal(prov_scan_decode(&s, (const uint8_t *)"\x08\x04", 2), -E_PROTO);
        assert_int_equal(prov_ctrl_decode(&k, (const uint8_t *)"", 0), -E_PROTO);
        assert_string_equal(prov_auth_name(3, text), "WPA2");
        assert_string_equal(prov_auth_name(4000000000u, text), "mode 4000000000");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_transcripts),
                cmocka_unit_test(test_meanings),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
