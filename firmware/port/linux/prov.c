/* port.h's provisioning on the `host` backend: the SoftAP's HTTP server, without the access point.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "air.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "loop.h"
#include "prov_httpd.h"

#define RUN_MS   100u /* libmicrohttpd's own timers */
#define JOIN_MS  200u
#define LEAVE_MS 1000u /* the client asks once more how it went, before the service ends */

static struct prov_device device;
static struct prov_httpd *httpd;
static struct air_network creds;
static bool set;
static enum { WAITING, JOINING, FAILED, UP } progress;
static enum port_wifi_reason reason;

static void serve(int fd, short revents)
{
        (void)fd;
        (void)revents;
        prov_httpd_run(httpd);
}

static void serve_timer(void)
{
        prov_httpd_run(httpd);
        loop_timer(RUN_MS, serve_timer);
}

static int take(char *to, size_t cap, const uint8_t *p, size_t n)
{
        if (n >= cap || memchr(p, 0, n))
                return -E_RANGE;
        memcpy(to, p, n);
        to[n] = 0;
        return 0;
}

static int set_config(void *ctx, const struct prov_credentials *c)
{
        const struct port_event ev = { .type = PORT_EV_PROV_CREDENTIALS, .text = creds.ssid };

        (void)ctx;
        if (progress == JOINING || progress == UP ||
            take(creds.ssid, sizeof creds.ssid, c->ssid, c->ssid_len) < 0 ||
            take(creds.passphrase, sizeof creds.passphrase, c->passphrase, c->passphrase_len) < 0)
                return PROV_INTERNAL_ERROR;
        set = true;
        loop_post(LOOP_PROV, &ev);
        return 0;
}

static void finish(void)
{
        const struct port_event ev = { .type = PORT_EV_PROV_DONE, .text = AIR_ADDRESS };

        port_prov_stop();
        loop_post(LOOP_PROV, &ev);
}

static void join_now(void)
{
        int rc = air_join(creds.ssid, creds.passphrase);

        if (rc == 0 && air_store(&creds) < 0)
                rc = PORT_WIFI_OTHER;
        progress = rc == 0 ? UP : FAILED;
        reason = (enum port_wifi_reason)rc;
        if (rc == 0) {
                loop_timer(LEAVE_MS * 5, finish);
        } else {
                const struct port_event ev = { .type = PORT_EV_PROV_FAILED, .wifi = reason };

                loop_post(LOOP_PROV, &ev);
        }
}

static int apply(void *ctx)
{
        (void)ctx;
        if (!set || progress == JOINING || progress == UP)
                return PROV_INTERNAL_ERROR;
        progress = JOINING;
        loop_timer(JOIN_MS, join_now);
        return 0;
}

static void get_state(void *ctx, struct prov_wifi_state *s)
{
        (void)ctx;
        s->sta_state = progress == UP       ? PROV_STA_CONNECTED
                       : progress == FAILED ? PROV_STA_FAILED
                                            : PROV_STA_CONNECTING;
        if (progress == FAILED) {
                s->has_reason = true;
                s->reason = reason == PORT_WIFI_WRONG_KEY ? PROV_FAIL_AUTH : PROV_FAIL_NOT_FOUND;
        }
        if (progress != UP)
                return;
        s->has_connected = true;
        strcpy(s->ip4, AIR_ADDRESS);
        s->auth = *creds.passphrase ? 3 : 0;
        s->ssid_len = strlen(creds.ssid);
        memcpy(s->ssid, creds.ssid, s->ssid_len);
        s->channel = 1;
        loop_timer(LEAVE_MS, finish); /* it knows */
}

static int scan_start(void *ctx, bool passive, uint32_t group, uint32_t period)
{
        (void)ctx, (void)passive, (void)group, (void)period;
        return 0;
}

static void scan_status(void *ctx, bool *finished, uint32_t *count)
{
        struct air_network n;

        (void)ctx;
        *finished = true;
        for (*count = 0; *count < PROV_SCAN_ENTRIES_MAX && air_network(*count, &n); ++*count)
                ;
        wipe(&n, sizeof n);
}

static int scan_entry(void *ctx, uint32_t i, struct prov_ap *ap)
{
        struct air_network n;

        (void)ctx;
        if (!air_network(i, &n))
                return PROV_INTERNAL_ERROR;
        *ap = (struct prov_ap){ .channel = 1, .rssi = -42, .auth = *n.passphrase ? 3 : 0 };
        ap->ssid_len = strlen(n.ssid);
        memcpy(ap->ssid, n.ssid, ap->ssid_len);
        memcpy(ap->bssid, "\x02\x00\x00\x00\x00", 5);
        ap->bssid[5] = (uint8_t)i;
        wipe(&n, sizeof n);
        return 0;
}

static int again(void *ctx)
{
        (void)ctx;
        if (progress != FAILED)
                return PROV_INTERNAL_ERROR;
        progress = WAITING;
        set = false;
        return 0;
}

static int never(void *ctx)
{
        (void)ctx;
        return PROV_INTERNAL_ERROR;
}

static long no_endpoint(void *ctx, const char *endpoint, const uint8_t *in, size_t n, uint8_t *out,
                        size_t cap)
{
        (void)ctx, (void)endpoint, (void)in, (void)n, (void)out, (void)cap;
        return -E_NOTFOUND;
}

static const struct prov_device_ops ops = { set_config, apply, get_state, scan_start, scan_status,
                                            scan_entry, again, never,     no_endpoint };

/* BOARD_SOFTAP: HOST:PORT to listen on; without it any port of 127.0.0.1. */
static int listen_on(struct diag *d)
{
        const char *where = getenv("BOARD_SOFTAP");
        const char *colon = where ? strrchr(where, ':') : NULL;
        char host[64] = "127.0.0.1";
        unsigned long port = 0;

        if (colon) {
                if ((size_t)(colon - where) >= sizeof host)
                        return diag_set(d, E_RANGE, "%s: no address", where);
                memcpy(host, where, (size_t)(colon - where));
                host[colon - where] = 0;
                port = strtoul(colon + 1, NULL, 10);
        }
        return prov_httpd_start(&device, host, (uint16_t)port, &httpd, d);
}

int port_prov_start(const struct port_prov *cfg)
{
        struct prov_device_config c = { .sec = { .security = (int)cfg->security,
                                                 .pop = (const uint8_t *)cfg->pop,
                                                 .pop_len = cfg->pop ? strlen(cfg->pop) : 0,
                                                 .salt = cfg->salt,
                                                 .salt_len = cfg->salt_len,
                                                 .verifier = cfg->verifier },
                                        .ops = &ops };
        struct diag d = { 0 };
        char line[128];
        int rc;

        port_prov_stop();
        if (cfg->transport != PORT_PROV_SOFTAP)
                return -E_UNSUPPORTED;
        if ((rc = prov_device_init(&device, &c)) < 0)
                return rc;
        if ((rc = listen_on(&d)) < 0) {
                port_log(PORT_ERROR, diag_text(&d));
                prov_device_free(&device);
                return rc;
        }
        progress = WAITING;
        set = false;
        loop_watch(prov_httpd_fd(httpd), POLLIN, serve);
        loop_timer(RUN_MS, serve_timer);
        strf(line, sizeof line, "provisioning of %s on port %u", cfg->service_name,
             (unsigned)prov_httpd_port(httpd));
        port_log(PORT_INFO, line);
        return 0;
}

void port_prov_stop(void)
{
        loop_drop(LOOP_PROV);
        loop_timer_stop(serve_timer);
        loop_timer_stop(join_now);
        loop_timer_stop(finish);
        wipe(&creds, sizeof creds);
        if (!httpd)
                return;
        loop_unwatch(prov_httpd_fd(httpd));
        prov_httpd_stop(httpd);
        httpd = NULL;
        prov_device_free(&device);
}
