/*
 * A hostile client: the input is a list of (endpoint, length, bytes) thrown at a device; sealed
 * messages are made with the real session so that the inner parsers are reached. Property: an
 * answer is never longer than its buffer, credentials are taken only in an established session,
 * five wrong proofs lock for good.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/prov_device.h"

static struct prov_device device;
static struct prov_client_sec client;
static uint8_t q[PROV_MESSAGE_MAX + 64], r[PROV_MESSAGE_MAX];
static bool established;

static int set_config(void *ctx, const struct prov_credentials *c)
{
        (void)ctx;
        if (!established || c->ssid_len > PROV_SSID_MAX || c->passphrase_len > PROV_PASSPHRASE_MAX)
                abort();
        return 0;
}

static int ok(void *ctx)
{
        (void)ctx;
        return 0;
}

static void state(void *ctx, struct prov_wifi_state *s)
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
        *count = 2;
}

static int scan_entry(void *ctx, uint32_t i, struct prov_ap *ap)
{
        (void)ctx;
        memset(ap, 0, sizeof *ap);
        return i < 2 ? 0 : PROV_INTERNAL_ERROR;
}

static const struct prov_device_ops ops = { set_config, ok, state, scan_start, scan_status,
                                            scan_entry, ok, ok,    NULL };

static int fixed_random(void *ctx, void *out, size_t n)
{
        (void)ctx;
        memset(out, 0x42, n);
        return 0;
}

static void establish(void)
{
        long n;

        while ((n = prov_client_next(&client, q, sizeof q)) > 0) {
                n = prov_device_request(&device, "prov-session", q, (size_t)n, r, sizeof r);
                if (n < 0 || prov_client_answer(&client, r, (size_t)n, NULL) < 0)
                        return;
        }
        established = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const endpoints[] = {
                "prov-session", "prov-config", "prov-scan", "prov-ctrl",
                "proto-ver",    "custom-data", ""
        };
        static const uint8_t verifier[SRP_LEN] = { [SRP_LEN - 1] = 7 };
        struct prov_device_config cfg = { .ops = &ops };
        struct prov_client_config ccfg = { .secret = (const uint8_t *)"pop", .secret_len = 3 };

        if (size < 2)
                return 0;
        /* security 2 without its slow handshake: a session of our own is not made there */
        cfg.sec = (struct prov_server_config){ .security = data[0] % 3,
                                               .pop = (const uint8_t *)"pop",
                                               .pop_len = 3,
                                               .salt = verifier,
                                               .salt_len = 16,
                                               .verifier = verifier,
                                               .random = { fixed_random, NULL } };
        ccfg.security = cfg.sec.security;
        ccfg.random = cfg.sec.random;
        established = false;
        if (prov_device_init(&device, &cfg) < 0)
                abort();
        if (cfg.sec.security < 2 && (data[1] & 1) && prov_client_init(&client, &ccfg) == 0)
                establish();
        for (size_t at = 2; at + 2 <= size;) {
                const char *endpoint = endpoints[data[at] % 7];
                size_t n = data[at + 1];
                const bool seal = established && (data[at] & 0x80);
                long len;

                at += 2;
                n = n > size - at ? size - at : n;
                memcpy(q, data + at, n);
                at += n;
                len = (long)n;
                if (seal && n)
                        len = prov_seal(&client.cipher, q, n, q, sizeof q);
                else if (!strcmp(endpoint, "prov-session"))
                        established =
                                cfg.sec.security ==
                                0; /* whatever it does, our keys are no longer the session's */
                if (len >= 0)
                        len = prov_device_request(&device, endpoint, q, (size_t)len, r, sizeof r);
                if (len > (long)sizeof r)
                        abort();
                if (len >= 0 && device.locked && strcmp(endpoint, "proto-ver") != 0)
                        abort();
                if (seal && len > 0) /* keep both key streams together */
                        prov_open(&client.cipher, r, (size_t)len, r, sizeof r);
        }
        prov_device_free(&device);
        return 0;
}
