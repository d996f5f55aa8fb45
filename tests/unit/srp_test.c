/* SRP-6a against transcripts of Espressif's client and device code (tests/golden/provisioning).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "crypt/srp.h"
#include "host/file.h"
#include "host/json.h"

static long value(const cJSON *values, const char *name, uint8_t *out, size_t cap)
{
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(values, name));

        return text ? hex_decode(text, strlen(text), out, cap, NULL) : -E_NOTFOUND;
}

/* A number as 384 bytes; the transcripts leave out leading zero bytes. */
static int number(const cJSON *values, const char *name, uint8_t out[SRP_LEN])
{
        uint8_t raw[SRP_LEN];
        const long n = value(values, name, raw, sizeof raw);

        if (n < 0)
                return (int)n;
        memset(out, 0, SRP_LEN);
        memcpy(out + SRP_LEN - n, raw, (size_t)n);
        return 0;
}

static void check_session(const cJSON *params, const cJSON *values)
{
        const char *user_text = cJSON_GetStringValue(cJSON_GetObjectItem(params, "username"));
        const struct srp_bytes user = { user_text, strlen(user_text) };
        const char *pass_text = cJSON_GetStringValue(cJSON_GetObjectItem(params, "password"));
        uint8_t v[SRP_LEN], A[SRP_LEN], B[SRP_LEN], got[SRP_LEN], want[SRP_LEN];
        uint8_t a[64], b[64], salt[32], x[SRP_HASH_LEN], K[SRP_HASH_LEN], K2[SRP_HASH_LEN];
        uint8_t M1[SRP_HASH_LEN], M2[SRP_HASH_LEN];
        const long a_len = value(values, "a", a, sizeof a);
        const long b_len = value(values, "b", b, sizeof b);
        const long salt_len = value(values, "salt", salt, sizeof salt);

        if (a_len < 0 || b_len < 0 || salt_len < 0 || number(values, "verifier", v) < 0 ||
            value(values, "M2", want, sizeof want) != SRP_HASH_LEN)
                return; /* refused sessions and later sessions of one device leave them out */
        assert_int_equal(srp_x(user, (struct srp_bytes){ pass_text, strlen(pass_text) },
                               (struct srp_bytes){ salt, (size_t)salt_len }, x),
                         0);
        assert_int_equal(value(values, "x", want, sizeof want), SRP_HASH_LEN);
        assert_memory_equal(x, want, SRP_HASH_LEN);
        assert_int_equal(srp_power((struct srp_bytes){ x, sizeof x }, got), 0);
        assert_memory_equal(got, v, SRP_LEN);

        assert_int_equal(number(values, "A", A), 0);
        assert_int_equal(srp_power((struct srp_bytes){ a, (size_t)a_len }, got), 0);
        assert_memory_equal(got, A, SRP_LEN);
        assert_int_equal(number(values, "B", B), 0);
        assert_int_equal(srp_server_public(v, (struct srp_bytes){ b, (size_t)b_len }, got), 0);
        assert_memory_equal(got, B, SRP_LEN);

        assert_int_equal(srp_server_key(v, (struct srp_bytes){ b, (size_t)b_len }, A, B, K), 0);
        assert_int_equal(value(values, "K", want, sizeof want), SRP_HASH_LEN);
        assert_memory_equal(K, want, SRP_HASH_LEN);
        assert_int_equal(srp_client_key((struct srp_bytes){ a, (size_t)a_len }, x, A, B, K2), 0);
        assert_memory_equal(K2, K, SRP_HASH_LEN);

        assert_int_equal(
                srp_proofs(user, (struct srp_bytes){ salt, (size_t)salt_len }, A, B, K, M1, M2), 0);
        assert_int_equal(value(values, "M1_client", want, sizeof want), SRP_HASH_LEN);
        assert_memory_equal(M1, want, SRP_HASH_LEN);
        assert_int_equal(value(values, "M2", want, sizeof want), SRP_HASH_LEN);
        assert_memory_equal(M2, want, SRP_HASH_LEN);
}

static void test_transcripts(void **state)
{
        static const char *const names[] = { "sec2-patch0-full", "sec2-patch1-full", "sec2-short-B",
                                             "sec2-short-u" };

        (void)state;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                struct diag d = { 0 };
                char path[600];
                cJSON *j;
                const cJSON *session;

                snprintf(path, sizeof path, "tests/golden/provisioning/%s.json", names[i]);
                j = json_load(path, &d);
                assert_non_null(j);
                session = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "sessions"), 0);
                assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(session, "values"), "M2"));
                check_session(cJSON_GetObjectItem(j, "parameters"),
                              cJSON_GetObjectItem(session, "values"));
                cJSON_Delete(j);
        }
}

/* The development credentials of ESP-IDF's example; the first bytes of its verifier, from the
 * transcripts. */
static void test_stock_verifier(void **state)
{
        static const uint8_t salt[] = { 0x03, 0x6e, 0xe0, 0xc7, 0xbc, 0xb9, 0xed, 0xa8,
                                        0x4c, 0x9e, 0xac, 0x97, 0xd9, 0x3d, 0xec, 0xf4 };
        static const uint8_t head[] = { 0x7c, 0x7c, 0x85, 0x47, 0x65, 0x08, 0x94, 0x6d };
        uint8_t x[SRP_HASH_LEN], v[SRP_LEN], other[SRP_LEN];

        (void)state;
        assert_int_equal(srp_x((struct srp_bytes){ "wifiprov", 8 },
                               (struct srp_bytes){ "abcd1234", 8 },
                               (struct srp_bytes){ salt, sizeof salt }, x),
                         0);
        assert_int_equal(srp_power((struct srp_bytes){ x, sizeof x }, v), 0);
        assert_memory_equal(v, head, sizeof head);
        /* another password: another verifier */
        assert_int_equal(srp_x((struct srp_bytes){ "wifiprov", 8 },
                               (struct srp_bytes){ "abcd1235", 8 },
                               (struct srp_bytes){ salt, sizeof salt }, x),
                         0);
        assert_int_equal(srp_power((struct srp_bytes){ x, sizeof x }, other), 0);
        assert_memory_not_equal(other, v, sizeof head);
}

/* What RFC 5054, section 2.5.4, tells either side to refuse. */
static void test_refusals(void **state)
{
        static const uint8_t secret[] = { 0x80, 1, 2, 3, 4, 5, 6, 7 };
        const struct srp_bytes b = { secret, sizeof secret };
        const struct srp_bytes too_long = { secret, SRP_HASH_LEN + 1 };
        uint8_t v[SRP_LEN], B[SRP_LEN], zero[SRP_LEN] = { 0 }, n[SRP_LEN], K[SRP_HASH_LEN];
        uint8_t x[SRP_HASH_LEN] = { 1 };

        (void)state;
        assert_int_equal(srp_power(b, v), 0);
        assert_int_equal(srp_server_public(v, b, B), 0);
        assert_int_equal(srp_server_key(v, b, zero, B, K), -E_VERIFY);
        assert_int_equal(srp_client_key(b, x, v, zero, K), -E_VERIFY);
        /* g^0 = 1 */
        assert_int_equal(srp_power((struct srp_bytes){ NULL, 0 }, n), 0);
        assert_int_equal(n[SRP_LEN - 1], 1);
        assert_true(bytes_all(n, SRP_LEN - 1, 0));
        assert_int_equal(srp_power(too_long, v), -E_RANGE);
        assert_int_equal(srp_server_public(v, too_long, B), -E_RANGE);
        assert_int_equal(srp_server_key(v, too_long, v, B, K), -E_RANGE);
        assert_int_equal(srp_client_key(too_long, x, v, B, K), -E_RANGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_transcripts),
                cmocka_unit_test(test_stock_verifier),
                cmocka_unit_test(test_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
