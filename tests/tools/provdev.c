/*
 * A device in provisioning for the tests of provcli: HTTP on 127.0.0.1, two networks in the air,
 * "lab-main" with the passphrase "correct horse". Prints its port and what happens to it, a line
 * each.
 *
 *   provdev SECURITY [pop=…] [user=… password=…] [patch0] [delay=MS]
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "crypt/srp.h"
#include "firmware/port/linux/prov_httpd.h"

struct air {
        struct prov_credentials c;
        bool set, applied;
        uint64_t applied_ms;
        unsigned delay_ms;
};

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int set_config(void *ctx, const struct prov_credentials *c)
{
        struct air *a = ctx;

        a->c = *c;
        a->set = true;
        printf("set ssid=%.*s channel=%d bssid=%d\n", (int)c->ssid_len, (const char *)c->ssid,
               c->channel, c->has_bssid);
        return 0;
}

static int apply(void *ctx)
{
        struct air *a = ctx;

        if (!a->set || a->applied)
                return PROV_INTERNAL_ERROR;
        a->applied = true;
        a->applied_ms = now_ms();
        puts("apply");
        return 0;
}

static bool is(const uint8_t *p, size_t n, const char *text)
{
        return n == strlen(text) && !memcmp(p, text, n);
}

static void get_state(void *ctx, struct prov_wifi_state *s)
{
        struct air *a = ctx;

        puts("status");
        s->sta_state = PROV_STA_CONNECTING;
        if (!a->applied || now_ms() - a->applied_ms < a->delay_ms)
                return;
        s->sta_state = PROV_STA_FAILED;
        if (!is(a->c.ssid, a->c.ssid_len, "lab-main")) {
                s->has_reason = true;
                s->reason = PROV_FAIL_NOT_FOUND;
        } else if (!is(a->c.passphrase, a->c.passphrase_len, "correct horse")) {
                s->has_reason = true;
                s->reason = PROV_FAIL_AUTH;
        } else {
                s->sta_state = PROV_STA_CONNECTED;
                s->has_connected = true;
                strcpy(s->ip4, "192.168.77.23");
                s->auth = 3;
                memcpy(s->ssid, "lab-main", 8);
                s->ssid_len = 8;
                memcpy(s->bssid, "\x02\x11\x22\x33\x44\x01", 6);
                s->has_bssid = true;
                s->channel = 6;
        }
}

static int scan_start(void *ctx, bool passive, uint32_t group, uint32_t period)
{
        (void)ctx;
        (void)passive;
        printf("scan group=%u period=%u\n", group, period);
        return 0;
}

static void scan_status(void *ctx, bool *finished, uint32_t *count)
{
        (void)ctx;
        *finished = true;
        *count = 6;
}

static int scan_entry(void *ctx, uint32_t i, struct prov_ap *ap)
{
        static const char *const names[] = {
                "lab-main", "Caf\xc3\xa9", "", "guest", "bell\a", "far"
        };

        (void)ctx;
        if (i >= 6)
                return PROV_INTERNAL_ERROR;
        *ap = (struct prov_ap){ .channel = 6,
                                .rssi = -41 - 7 * (int32_t)i,
                                .auth = i == 5   ? 11
                                        : i == 3 ? 0
                                                 : 3 };
        ap->ssid_len = strlen(names[i]);
        memcpy(ap->ssid, names[i], ap->ssid_len);
        memcpy(ap->bssid, "\x02\x11\x22\x33\x44", 5);
        ap->bssid[5] = (uint8_t)i;
        return 0;
}

static int reset(void *ctx)
{
        struct air *a = ctx;
        struct prov_wifi_state s = { 0 };

        get_state(a, &s);
        if (s.sta_state != PROV_STA_FAILED)
                return PROV_INTERNAL_ERROR;
        a->set = a->applied = false;
        puts("reset");
        return 0;
}

static int reprov(void *ctx)
{
        struct air *a = ctx;

        a->set = a->applied = false;
        puts("reprov");
        return 0;
}

static long custom(void *ctx, const char *endpoint, const uint8_t *in, size_t n, uint8_t *out,
                   size_t cap)
{
        (void)ctx;
        if (strcmp(endpoint, "custom-data") != 0 || cap < 8)
                return -E_NOTFOUND;
        printf("custom %.*s\n", (int)n, (const char *)in);
        memcpy(out, "SUCCESS", 8);
        return 8;
}

static const struct prov_device_ops ops = { set_config, apply, get_state, scan_start, scan_status,
                                            scan_entry, reset, reprov,    custom };

int main(int argc, char **argv)
{
        static struct prov_device device;
        static uint8_t verifier[SRP_LEN];
        static const uint8_t salt[16] = "a salt of 16 by";
        struct air air = { .delay_ms = 300 };
        struct prov_device_config cfg = { .ops = &ops, .ctx = &air };
        const char *user = "wifiprov", *password = "";
        struct prov_httpd *h;
        struct diag d = { 0 };
        uint8_t x[SRP_HASH_LEN];

        setvbuf(stdout, NULL, _IOLBF, 0);
        cfg.sec.security = argc > 1 ? atoi(argv[1]) : 0;
        for (int i = 2; i < argc; i++) {
                if (!strncmp(argv[i], "pop=", 4)) {
                        cfg.sec.pop = (const uint8_t *)argv[i] + 4;
                        cfg.sec.pop_len = strlen(argv[i] + 4);
                } else if (!strncmp(argv[i], "user=", 5)) {
                        user = argv[i] + 5;
                } else if (!strncmp(argv[i], "password=", 9)) {
                        password = argv[i] + 9;
                } else if (!strncmp(argv[i], "delay=", 6)) {
                        air.delay_ms = (unsigned)atoi(argv[i] + 6);
                } else if (!strcmp(argv[i], "patch0")) {
                        cfg.sec.patch0 = true;
                }
        }
        if (cfg.sec.security == 2) {
                srp_x((struct srp_bytes){ user, strlen(user) },
                      (struct srp_bytes){ password, strlen(password) },
                      (struct srp_bytes){ salt, sizeof salt }, x);
                srp_power((struct srp_bytes){ x, sizeof x }, verifier);
                cfg.sec.salt = salt;
                cfg.sec.salt_len = sizeof salt;
                cfg.sec.verifier = verifier;
        }
        if (prov_device_init(&device, &cfg) < 0 ||
            prov_httpd_start(&device, "127.0.0.1", 0, &h, &d) < 0) {
                fprintf(stderr, "provdev: %s\n", diag_text(&d));
                return 1;
        }
        printf("port %u\n", prov_httpd_port(h));
        for (;;) {
                struct pollfd p = { .fd = prov_httpd_fd(h), .events = POLLIN };

                poll(&p, 1, 100);
                prov_httpd_run(h);
        }
}
