/* Provisioning as a GATT service, client against server over memory: every MTU, long messages of
 * security 2, names from descriptions or UUIDs, and devices that are something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "wire/prov_gatt.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

static int set_config(void *ctx, const struct prov_credentials *c)
{
        *(size_t *)ctx = c->ssid_len;
        return 0;
}

static int done(void *ctx)
{
        (void)ctx;
        return 0;
}

static void state_of(void *ctx, struct prov_wifi_state *s)
{
        (void)ctx;
        s->sta_state = PROV_STA_CONNECTING;
}

static int scan_start(void *ctx, bool passive, uint32_t group, uint32_t period)
{
        (void)ctx;
        (void)passive;
        (void)group;
        (void)period;
        return 0;
}

static void scan_status(void *ctx, bool *finished, uint32_t *count)
{
        (void)ctx;
        *finished = true;
        *count = 0;
}

static int scan_entry(void *ctx, uint32_t i, struct prov_ap *ap)
{
        (void)ctx;
        (void)i;
        (void)ap;
        return PROV_INTERNAL_ERROR;
}

static long custom(void *ctx, const char *endpoint, const uint8_t *in, size_t n, uint8_t *out,
                   size_t cap)
{
        (void)ctx;
        if (strcmp(endpoint, "custom-data") != 0 || cap < 600)
                return -E_NOTFOUND;
        if (in[0] == 'L') { /* longer than any value may be */
                memset(out, 'x', 600);
                return 600;
        }
        for (size_t i = 0; i < n; i++)
                out[i] = in[n - 1 - i];
        return (long)n;
}

static const struct prov_device_ops ops = { set_config, done, state_of, scan_start, scan_status,
                                            scan_entry, done, done,     custom };
static const char *const customs[] = { "custom-data", NULL };

struct pair {
        size_t ssid_len;
        struct prov_device device;
        struct prov_gatt_server server;
        struct prov_gatt_client client;
        struct prov_client_sec sec;
};
static struct pair pair;

static uint8_t verifier[SRP_LEN];
static const uint8_t salt[16] = "salt for testing";

static void start(int security, uint16_t mtu)
{
        struct prov_device_config cfg = { .ops = &ops, .ctx = &pair.ssid_len };
        uint8_t x[SRP_HASH_LEN];

        memset(&pair, 0, sizeof pair);
        cfg.sec = (struct prov_server_config){ .security = security,
                                               .pop = (const uint8_t *)"abcd1234",
                                               .pop_len = 8,
                                               .salt = salt,
                                               .salt_len = sizeof salt,
                                               .verifier = verifier };
        if (security == 2) {
                srp_x((struct srp_bytes){ "wifiprov", 8 }, (struct srp_bytes){ "abcd1234", 8 },
                      (struct srp_bytes){ salt, sizeof salt }, x);
                srp_power((struct srp_bytes){ x, sizeof x }, verifier);
        }
        assert_int_equal(prov_device_init(&pair.device, &cfg), 0);
        assert_int_equal(prov_gatt_serve(&pair.server, &pair.device, "PROV_1234",
                                         prov_gatt_uuid_example, customs, 517),
                         0);
        prov_gatt_init(&pair.client, mtu);
}

/* The client's operation to its end; counts PDUs. */
static int drive(unsigned *pdus)
{
        uint8_t q[ATT_MTU_MAX], r[ATT_MTU_MAX];
        int rc = ATT_MORE;

        while (rc == ATT_MORE) {
                const long n = prov_gatt_next(&pair.client, q, sizeof q);
                long m;

                assert_in_range(n, 1, ATT_MTU_MAX);
                m = att_server_answer(&pair.server.att, q, (size_t)n, r, sizeof r);
                assert_in_range(m, 1, ATT_MTU_MAX);
                if (pdus)
                        ++*pdus;
                rc = prov_gatt_take(&pair.client, r, (size_t)m);
        }
        return rc;
}

/* A request; the answer's length, or the failure. */
static long request(const char *endpoint, const void *in, size_t n, uint8_t *out, size_t cap)
{
        int rc = prov_gatt_request(&pair.client, endpoint, in, n, out, cap);

        if (rc == 0)
                rc = drive(NULL);
        return rc < 0 ? rc : (long)pair.client.att.len;
}

static int handshake(int security, const char *secret)
{
        const struct prov_client_config cfg = { .security = security,
                                                .username = (const uint8_t *)"wifiprov",
                                                .username_len = 8,
                                                .secret = (const uint8_t *)secret,
                                                .secret_len = strlen(secret) };
        uint8_t q[PROV_MESSAGE_MAX], r[PROV_MESSAGE_MAX];
        long n;

        assert_int_equal(prov_client_init(&pair.sec, &cfg), 0);
        while ((n = prov_client_next(&pair.sec, q, sizeof q)) > 0) {
                n = request("prov-session", q, (size_t)n, r, sizeof r);
                if (n < 0)
                        return (int)n;
                if ((n = prov_client_answer(&pair.sec, r, (size_t)n, NULL)) < 0)
                        return (int)n;
        }
        return (int)n;
}

static void test_endpoints_found(void **state)
{
        static const struct {
                const char *name;
                uint16_t handle;
        } want[] = {
                { "prov-ctrl", 8 },    { "prov-scan", 11 }, { "prov-session", 14 },
                { "prov-config", 17 }, { "proto-ver", 20 }, { "custom-data", 23 },
        };
        static const uint16_t mtus[] = { 23, 256, 517 };

        (void)state;
        for (size_t k = 0; k < ROWS(mtus); k++) {
                unsigned pdus = 0;

                start(0, mtus[k]);
                assert_int_equal(drive(&pdus), ATT_DONE);
                assert_int_equal(pair.client.count, ROWS(want));
                for (size_t i = 0; i < ROWS(want); i++) {
                        assert_string_equal(pair.client.endpoints[i].name, want[i].name);
                        assert_int_equal(pair.client.endpoints[i].handle, want[i].handle);
                }
                /* the whole search within what two seconds of a slow link (30 ms a turn) allow */
                assert_in_range(pdus, 1, mtus[k] == 23 ? 45 : 30);
        }
}

/* A whole session, with a wrong secret first; security 2's first message has 406 bytes. */
static void test_sessions(void **state)
{
        static const uint16_t mtus[] = { 23, 256, 517 };
        uint8_t q[PROV_MESSAGE_MAX], r[PROV_MESSAGE_MAX];

        (void)state;
        for (int security = 1; security <= 2; security++) {
                for (size_t k = 0; k < ROWS(mtus); k++) {
                        long n;

                        start(security, mtus[k]);
                        assert_int_equal(drive(NULL), ATT_DONE);
                        n = request("proto-ver", "---", 3, r, sizeof r);
                        assert_true(n > 50);
                        assert_non_null(memmem(r, (size_t)n, "\"ver\":\t\"v1.1\"", 13));
                        assert_true(handshake(security, "wrong") < 0);
                        assert_int_equal(pair.client.att.error, ATT_ERR_PDU);
                        assert_int_equal(pair.device.wrong_proofs, 1);
                        assert_int_equal(handshake(security, "abcd1234"), 0);
                        n = prov_seal(&pair.sec.cipher, (const uint8_t *)"forwards", 8, q,
                                      sizeof q);
                        n = request("custom-data", q, (size_t)n, r, sizeof r);
                        n = prov_open(&pair.sec.cipher, r, (size_t)n, r, sizeof r);
                        assert_int_equal(n, 8);
                        assert_memory_equal(r, "sdrawrof", 8);
                }
        }
}

static void test_refusals(void **state)
{
        uint8_t in[600] = { 'L' }, out[600];

        (void)state;
        start(0, 256);
        assert_int_equal(prov_gatt_request(&pair.client, "proto-ver", in, 1, out, sizeof out),
                         -E_STATE);
        assert_int_equal(drive(NULL), ATT_DONE);
        assert_int_equal(request("no-such", in, 1, out, sizeof out), -E_NOTFOUND);
        assert_int_equal(request("custom-data", in, 513, out, sizeof out), -E_RANGE);
        assert_int_equal(request("custom-data", in, 1, out, sizeof out), -E_REFUSED);
        assert_int_equal(handshake(0, ""), 0);
        assert_int_equal(request("custom-data", in, 1, out, sizeof out), -E_REFUSED);
        assert_int_equal(request("custom-data", "abc", 3, out, 2), -E_NOSPACE);
        assert_int_equal(request("custom-data", "abc", 3, out, 3), 3);
        assert_memory_equal(out, "cba", 3);
        /* an empty write changes nothing */
        assert_int_equal(request("custom-data", "", 0, out, sizeof out), 3);
        /* what the last client left is not there for the next */
        prov_gatt_reset(&pair.server);
        assert_int_equal(request("custom-data", "", 0, out, sizeof out), 0);
        assert_int_equal(request("custom-data", "abc", 3, out, sizeof out), -E_REFUSED);
}

/* Without descriptions the UUIDs say which endpoint is which; other characteristics have no name.
 */
static void test_names_from_uuids(void **state)
{
        (void)state;
        for (int how = 0; how < 3; how++) {
                start(0, 256);
                for (size_t i = 0; i < pair.server.att.count; i++) {
                        struct att_attribute *a = &pair.server.table[i];

                        if (!att_uuid_is16(&a->type, GATT_USER_DESCRIPTION))
                                continue;
                        if (how == 0)
                                a->type = att_uuid16(0x2904);
                        else if (how == 1)
                                a->len = 0;
                        else {
                                a->value = (const uint8_t *)"not a name";
                                a->len = 10;
                        }
                }
                assert_int_equal(drive(NULL), ATT_DONE);
                assert_string_equal(pair.client.endpoints[2].name, "prov-session");
                assert_string_equal(pair.client.endpoints[4].name, "proto-ver");
                assert_string_equal(pair.client.endpoints[5].name, "");
        }
        /* and descriptions win over UUIDs */
        start(0, 256);
        pair.server.table[8].value = (const uint8_t *)"prov-scan";
        pair.server.table[11].value = (const uint8_t *)"prov-ctrl";
        pair.server.table[8].len = pair.server.table[11].len = 9;
        assert_int_equal(drive(NULL), ATT_DONE);
        assert_string_equal(pair.client.endpoints[0].name, "prov-scan");
        assert_string_equal(pair.client.endpoints[1].name, "prov-ctrl");
}

static void test_other_devices(void **state)
{
        (void)state;
        /* a thermometer: its service is none of 128 bits */
        start(0, 23);
        pair.server.table[5].len = 2;
        assert_int_equal(drive(NULL), -E_NOTFOUND);
        /* a service of its own, without prov-session */
        start(0, 23);
        pair.server.table[14].value = (const uint8_t *)"temperature!";
        assert_int_equal(drive(NULL), -E_NOTFOUND);
        /* no attributes at all */
        start(0, 23);
        pair.server.att.count = 0;
        assert_int_equal(drive(NULL), -E_NOTFOUND);
        /* one endpoint too many */
        {
                static const char *const many[] = { "1", "2", "3",  "4",  "5",  "6", "7",
                                                    "8", "9", "10", "11", "12", NULL };

                assert_int_equal(prov_gatt_serve(&pair.server, &pair.device, "x",
                                                 prov_gatt_uuid_default, many, 517),
                                 -E_NOSPACE);
                assert_int_equal(prov_gatt_serve(&pair.server, &pair.device, "x",
                                                 prov_gatt_uuid_default, many + 1, 517),
                                 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_endpoints_found), cmocka_unit_test(test_sessions),
                cmocka_unit_test(test_refusals),        cmocka_unit_test(test_names_from_uuids),
                cmocka_unit_test(test_other_devices),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
