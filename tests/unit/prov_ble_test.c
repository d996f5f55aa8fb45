/* Provisioning over Bluetooth LE: the whole way from a name in the air to an answer, and each way
 * on which it fails, in a kernel that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_kernel.h"
#include "host/prov_link.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

static void air_unit(unsigned round)
{
        (void)round;
        kernel_heard(0, 1, 4, -50, BYTES("\7\11PROV_2"));
        kernel_heard(0, 1, 5, -50, BYTES(AD_NAME));
        kernel_heard(0, 1, 5, -50, BYTES(AD_UUID));
}

static void unit_start(enum mood mood)
{
        kernel_start(&kernel_plain, 1);
        kernel.air = air_unit;
        kernel.mood = mood;
        assert_true(unit_init());
}

static const struct prov_ble_config config = { .service = "PROV_1",
                                               .scan_ms = 60000,
                                               .timeout_ms = 60000 };

static long ask(struct prov_link *l, const char *endpoint, const void *in, size_t n, uint8_t *out,
                struct diag *d)
{
        return l->ops->request(l, endpoint, in, n, out, ATT_VALUE_MAX, d);
}

/* Security 0: what an endpoint gets is what was sent. */
static void handshake(struct prov_link *l)
{
        static const struct prov_client_config cfg = { .security = 0 };
        static struct prov_client_sec sec;
        uint8_t q[ATT_VALUE_MAX], r[ATT_VALUE_MAX];
        long n;

        assert_int_equal(prov_client_init(&sec, &cfg), 0);
        while ((n = prov_client_next(&sec, q, sizeof q)) > 0) {
                n = ask(l, "prov-session", q, (size_t)n, r, NULL);
                assert_true(n > 0);
                assert_int_equal(prov_client_answer(&sec, r, (size_t)n, NULL) < 0, 0);
        }
        assert_int_equal(n, 0);
}

static void test_link(void **state)
{
        static const char *const names[] = { "PROV_1", "1775244d-6b43-439b-877c-060f2d9bed07" };
        static const uint8_t zeros[ATT_VALUE_MAX + 1];
        uint8_t out[ATT_VALUE_MAX];

        (void)state;
        for (size_t i = 0; i < ROWS(names); i++) {
                const struct prov_ble_config cfg = { .service = names[i] };
                struct prov_link *l = NULL;
                struct diag d = { 0 };

                unit_start(ANSWERS);
                assert_int_equal(prov_ble_open(&cfg, &l, &d), 0);
                assert_int_equal(kernel.peer.l2_bdaddr.b[0], 5);
                handshake(l);
                assert_int_equal(ask(l, "custom-data", "abc", 3, out, &d), 3);
                assert_memory_equal(out, "cba", 3);
                /* longer than one PDU */
                assert_int_equal(ask(l, "custom-data", zeros, 400, out, &d), 400);
                assert_int_equal(l->requests, 3);
                assert_int_equal(ask(l, "nothing", zeros, 1, out, &d), -E_NOTFOUND);
                assert_non_null(strstr(diag_text(&d), ": the device has no endpoint nothing"));
                memset(&d, 0, sizeof d);
                assert_int_equal(ask(l, "custom-data", zeros, sizeof zeros, out, &d), -E_RANGE);
                assert_non_null(strstr(diag_text(&d), "at most 512 bytes, not 513"));
                memset(&d, 0, sizeof d);
                assert_int_equal(ask(l, "custom-data", "!", 1, out, &d), -E_REFUSED);
                /* a new handshake needs no new link */
                assert_int_equal(l->ops->restart(l, &d), 0);
                prov_link_close(l);
                kernel_stop();
                assert_int_equal(kernel.connects, 1);
        }
}

/* A link that is gone is made again by the next request, a while later: the kernel's rest of it has
 * to go first. */
static void test_link_lost(void **state)
{
        static const struct {
                enum mood mood;
                int rc;
                const char *text;
        } rows[] = {
                { CLOSES, -E_REFUSED, "PROV_1: the device closed the link without an answer" },
                { SILENT, -E_TIMEOUT, "PROV_1: no answer in 2 s" },
        };
        uint8_t out[ATT_VALUE_MAX];

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct prov_ble_config cfg = config;
                struct prov_link *l = NULL;
                struct diag d = { 0 };

                unit_start(ANSWERS);
                if (rows[i].mood == SILENT)
                        cfg.timeout_ms = 2900;
                assert_int_equal(prov_ble_open(&cfg, &l, NULL), 0);
                handshake(l);
                kernel.mood = rows[i].mood;
                assert_int_equal(ask(l, "custom-data", "a", 1, out, &d), rows[i].rc);
                assert_string_equal(diag_text(&d), rows[i].text);
                if (rows[i].mood == CLOSES) {
                        kernel.mood = ANSWERS;
                        assert_int_equal(l->ops->restart(l, NULL), 0);
                        handshake(l);
                        assert_int_equal(ask(l, "custom-data", "ab", 2, out, NULL), 2);
                        assert_memory_equal(out, "ba", 2);
                }
                prov_link_close(l);
                kernel_stop();
                assert_int_equal(kernel.connects, rows[i].mood == CLOSES ? 2 : 1);
        }
}

static void test_link_never_made(void **state)
{
        static const struct {
                const char *service;
                int first, then, rc;
                const char *text;
                unsigned connects;
        } rows[] = {
                { "PROV_9", 0, 0, -E_TIMEOUT, "PROV_9 is not in the air (looked for 0 s with hci0)",
                  0 },
                { "1775244d-6b43-439b-877c-060f2d9bed08", 0, 0, -E_TIMEOUT, "is not in the air",
                  0 },
                { "1775244d-6b43-439b-877c_060f2d9bed07", 0, 0, -E_TIMEOUT, "is not in the air",
                  0 },
                /* a first connection that fails is no news */
                { "PROV_1", EHOSTDOWN, 0, 0, NULL, 2 },
                { "PROV_1", EHOSTDOWN, ECONNREFUSED, -E_LINK, "Connection refused", 2 },
        };
        struct prov_link *l;
        struct diag d;

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct prov_ble_config cfg = config;

                l = NULL;
                memset(&d, 0, sizeof d);
                unit_start(ANSWERS);
                cfg.service = rows[i].service;
                if (rows[i].rc == -E_TIMEOUT)
                        cfg.scan_ms = 300;
                kernel.connect_errno[0] = rows[i].first;
                kernel.connect_errno[1] = rows[i].then;
                assert_int_equal(prov_ble_open(&cfg, &l, &d), rows[i].rc);
                assert_int_equal(l != NULL, rows[i].rc == 0);
                if (!l)
                        assert_non_null(strstr(diag_text(&d), rows[i].text));
                prov_link_close(l);
                kernel_stop();
                assert_int_equal(kernel.connects, rows[i].connects);
        }
        /* it has the name, and is in provisioning no more: no such service */
        memset(&d, 0, sizeof d);
        unit_start(ANSWERS);
        unit.gatt.att.count = 5; /* the table ends behind the generic access service */
        assert_int_equal(prov_ble_open(&config, &l, &d), -E_NOTFOUND);
        assert_non_null(strstr(diag_text(&d), "is it provisioned already?"));
        kernel_stop();
        kernel_start(&kernel_plain, 0);
        assert_int_equal(prov_ble_open(&config, &l, NULL), -E_NOTFOUND);
        assert_null(l);
        kernel_stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_link),
                cmocka_unit_test(test_link_lost),
                cmocka_unit_test(test_link_never_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
