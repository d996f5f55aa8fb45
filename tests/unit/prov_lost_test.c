/*
 * A link that is lost while a device is provisioned: the session is made again and what was asked
 * is asked again, but nothing is done twice. The device is the machine of wire/prov_device.h; the
 * link between is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"
#include "host/prov_flow.h"
#include "wire/prov_device.h"

/* A device that joins when it is told to, and a way to it that fails from one request on. */
struct way {
        struct prov_link base;
        struct prov_device device;
        unsigned asked;     /* requests so far */
        unsigned fails_at;  /* this one is lost; 0: none */
        unsigned fails_for; /* and so many restarts after it */
        bool heard;         /* the device got it all the same, its answer is lost */
        unsigned sets, applies, resets, restarts;
        bool failed; /* the network does not take the passphrase */
};

static int on_set(void *ctx, const struct prov_credentials *c)
{
        struct way *w = ctx;

        assert_int_equal(c->ssid_len, 4);
        assert_memory_equal(c->ssid, "Home", 4);
        assert_int_equal(c->passphrase_len, 9);
        assert_memory_equal(c->passphrase, "homepass9", 9);
        w->sets++;
        return 0;
}

static int on_apply(void *ctx)
{
        struct way *w = ctx;

        return w->applies++ ? PROV_INTERNAL_ERROR : 0; /* as the outlet and ESP-IDF's manager */
}

static void on_state(void *ctx, struct prov_wifi_state *s)
{
        const struct way *w = ctx;

        s->sta_state = w->failed ? PROV_STA_FAILED : PROV_STA_CONNECTED;
        s->has_reason = w->failed;
        s->has_connected = !w->failed;
        strcpy(s->ip4, "10.7.0.20");
}

static int on_reset(void *ctx)
{
        struct way *w = ctx;

        return w->resets++ ? PROV_INTERNAL_ERROR : 0;
}

static const struct prov_device_ops ops = {
        .set_config = on_set, .apply = on_apply, .state = on_state, .reset = on_reset
};

static long way_request(struct prov_link *base, const char *endpoint, const uint8_t *in, size_t n,
                        uint8_t *out, size_t cap, struct diag *d)
{
        struct way *w = (struct way *)base;
        const bool fails = ++w->asked == w->fails_at;

        if (!fails || w->heard) {
                const long len = prov_device_request(&w->device, endpoint, in, n, out, cap);

                if (!fails)
                        return len < 0 && len != -E_NOTFOUND ? -E_REFUSED : len;
        }
        return diag_set(d, E_LINK, "gone");
}

static int way_restart(struct prov_link *base, struct diag *d)
{
        struct way *w = (struct way *)base;

        if (++w->restarts <= w->fails_for)
                return diag_set(d, E_LINK, "still gone");
        prov_device_new_session(&w->device);
        return 0;
}

static void way_close(struct prov_link *base)
{
        prov_device_free(&((struct way *)base)->device);
}

static const struct prov_link_ops way_ops = { way_request, way_restart, way_close };

static int get_pop(void *ctx, int security, const char **username, const uint8_t **secret,
                   size_t *len, struct diag *d)
{
        (void)ctx;
        (void)security;
        (void)d;
        *username = NULL;
        *secret = (const uint8_t *)"abcd1234";
        *len = 8;
        return 0;
}

static const struct prov_secrets secrets = { get_pop, NULL };

static void way_open(struct way *w)
{
        const struct prov_device_config cfg = {
                .sec = { .security = 1, .pop = (const uint8_t *)"abcd1234", .pop_len = 8 },
                .ops = &ops,
                .ctx = w
        };

        w->base.ops = &way_ops;
        w->base.patient = true;
        assert_int_equal(prov_device_init(&w->device, &cfg), 0);
}

/* What an undisturbed provisioning asks: version, two of the session, set, apply, state. */
enum { VERSION = 1, HELLO, PROOF, SET, APPLY, STATE };

static int provision(struct way *w, struct diag *d)
{
        const struct prov_join_options o = { .timeout_ms = 2500 };
        struct prov_credentials c = { .ssid_len = 4, .passphrase_len = 9 };
        struct prov_wifi_state state = { 0 };
        struct prov_session s;
        int rc;

        memcpy(c.ssid, "Home", 4);
        memcpy(c.passphrase, "homepass9", 9);
        way_open(w);
        rc = prov_session_open(&s, &w->base, -1, false, &secrets, d);
        if (rc == 0)
                rc = prov_join(&s, &c, &o, &state, d);
        if (rc == -E_VERIFY)
                assert_int_equal(prov_ctrl(&s, PROV_CTRL_RESET, NULL), 0);
        prov_session_free(&s);
        w->base.ops->close(&w->base);
        return rc;
}

static void undisturbed(void **state)
{
        struct way w = { 0 };

        (void)state;
        assert_int_equal(provision(&w, NULL), 0);
        assert_int_equal(w.asked, STATE);
}

static void lost_at_each_request(void **state)
{
        (void)state;
        for (unsigned at = VERSION; at <= STATE; at++) {
                for (int heard = 0; heard <= (at >= SET); heard++) {
                        struct way w = { .fails_at = at, .fails_for = 1, .heard = heard != 0 };
                        struct diag d = { 0 };

                        assert_int_equal(provision(&w, &d), 0);
                        assert_int_equal(d.code, 0);
                        assert_int_equal(w.restarts, 2);
                        assert_int_equal(w.sets, at == SET && heard ? 2 : 1);
                        /* the second is refused, and that is no failure */
                        assert_int_equal(w.applies, at == APPLY && heard ? 2 : 1);
                }
        }
}

/* A reset whose answer is lost is done; asked again it is refused. */
static void lost_at_the_reset(void **state)
{
        struct way w = { .failed = true, .fails_at = STATE + 1, .heard = true };

        (void)state;
        assert_int_equal(provision(&w, NULL), -E_VERIFY);
        assert_int_equal(w.resets, 2);
}

/* One that nobody has seen yet is not waited for. */
static void never_there(void **state)
{
        struct way w = { .fails_at = VERSION };
        struct prov_session s;

        (void)state;
        way_open(&w);
        w.base.patient = false;
        assert_int_equal(prov_session_open(&s, &w.base, -1, false, &secrets, NULL), -E_LINK);
        assert_int_equal(w.restarts, 0);
        prov_session_free(&s);
        w.base.ops->close(&w.base);
}

static void gone_for_good(void **state)
{
        struct way w = { .fails_at = STATE, .fails_for = 1000 };
        struct diag d = { 0 };

        (void)state;
        assert_int_equal(provision(&w, &d), -E_LINK);
        assert_string_equal(diag_text(&d),
                            "still gone; it has the credentials, and may have joined");
        assert_in_range(w.restarts, 1, 10); /* no longer than the device may take to join */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(undisturbed),       cmocka_unit_test(lost_at_each_request),
                cmocka_unit_test(lost_at_the_reset), cmocka_unit_test(never_there),
                cmocka_unit_test(gone_for_good),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
