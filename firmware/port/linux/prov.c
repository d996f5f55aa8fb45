/* port.h's provisioning: the device's machine behind the SoftAP's HTTP server or behind BLE, and
 * behind the console, joining through wifi.h. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "loop.h"
#include "machine.h"
#include "prov_ble.h"
#include "prov_httpd.h"
#include "wifi.h"
#include "wire/prov_console.h"

#define RUN_MS  100u  /* libmicrohttpd's own timers */
#define TOLD_MS 1000u /* the client asks once more how it went, before the service ends */
#define UNTOLD_MS \
        30000u         /* a client that does not ask any more (as wifi_provisioning's manager.c) */
#define SCAN_MS 30000u /* the list of networks is there when somebody asks */

static struct prov_device device;
static const struct wifi_backend *wifi;
static const struct port_prov *wanted; /* NULL: it does not run */
static struct prov_httpd *httpd;       /* one of these two, or only the console */
static struct prov_ble *ble;
static struct prov_console_server console;
static struct wifi_network creds;
static bool set;
static enum { WAITING, JOINING, FAILED, UP } progress;
static enum port_wifi_reason reason;

static void serve_http(int fd, short revents)
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

static void serve_ble(int fd, short revents)
{
        (void)fd;
        (void)revents;
        prov_ble_run(ble);
}

/* A locked console takes nothing: then all is the app's, which says so. */
static size_t sort_uart(const uint8_t *p, size_t n, uint8_t *rest)
{
        static char text[2 * PROV_MESSAGE_MAX + 5];
        size_t len = 0;

        for (size_t i = 0; i < n; i++) {
                long answered = 0;

                if (wanted && wanted->console)
                        len += prov_console_sort(&console, p[i], rest + len, text, sizeof text,
                                                 &answered);
                else
                        rest[len++] = p[i];
                if (answered > 0)
                        port_console_write(text, (size_t)answered);
        }
        return len;
}

static void scan_now(void)
{
        if (progress == WAITING)
                (void)wifi->scan();
        loop_timer(SCAN_MS, scan_now);
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
        creds.has_bssid = c->has_bssid;
        memcpy(creds.bssid, c->bssid, sizeof creds.bssid);
        creds.channel = c->channel;
        set = true;
        loop_post(LOOP_PROV, &ev);
        return 0;
}

static void stop(void);

static void finish(void)
{
        struct prov_wifi_state s = { 0 };
        const struct port_event ev = { .type = PORT_EV_PROV_DONE, .text = s.ip4 };

        wifi->state(&s);
        wifi_take_over();
        stop();
        loop_post(LOOP_PROV, &ev);
}

static void told(int rc)
{
        if (rc == 0 && wifi_store(&creds) < 0) {
                wifi->leave();
                rc = PORT_WIFI_OTHER;
        }
        progress = rc == 0 ? UP : FAILED;
        reason = (enum port_wifi_reason)rc;
        if (rc == 0) {
                loop_timer(UNTOLD_MS, finish);
        } else {
                const struct port_event ev = { .type = PORT_EV_PROV_FAILED, .wifi = reason };

                loop_timer_stop(finish); /* it was up, and is lost */
                loop_post(LOOP_PROV, &ev);
        }
}

static int apply(void *ctx)
{
        (void)ctx;
        if (!set || progress == JOINING || progress == UP)
                return PROV_INTERNAL_ERROR;
        progress = JOINING;
        if (wifi_join(&creds, told) < 0)
                told(PORT_WIFI_OTHER);
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
        wifi->state(s);
        s->ssid_len = strlen(creds.ssid);
        memcpy(s->ssid, creds.ssid, s->ssid_len);
        loop_timer(TOLD_MS, finish);
}

static int scan_start(void *ctx, bool passive, uint32_t group, uint32_t period)
{
        (void)ctx, (void)passive, (void)group, (void)period;
        return wifi->scan() < 0 ? PROV_INTERNAL_ERROR : 0;
}

static void scan_status(void *ctx, bool *finished, uint32_t *count)
{
        struct prov_ap ap;

        (void)ctx;
        *finished = wifi->scanned();
        for (*count = 0; *count < PROV_SCAN_ENTRIES_MAX && wifi->network(*count, &ap); ++*count)
                ;
}

static int scan_entry(void *ctx, uint32_t i, struct prov_ap *ap)
{
        (void)ctx;
        return wifi->network(i, ap) ? 0 : PROV_INTERNAL_ERROR;
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

static int split(const char *where, char *host, size_t cap, uint16_t *port)
{
        const char *colon = strrchr(where, ':');

        if (!colon || (size_t)(colon - where) >= cap)
                return -E_SYNTAX;
        memcpy(host, where, (size_t)(colon - where));
        host[colon - where] = 0;
        *port = (uint16_t)strtoul(colon + 1, NULL, 10);
        return 0;
}

static int start_softap(const struct port_prov *cfg, struct diag *d)
{
        const char *where = NULL;
        char host[64], line[128];
        uint16_t port;
        int rc = wifi->ap_start(cfg->service_name, cfg->service_key, &where);

        if (rc < 0)
                return diag_set(d, -rc, "the access point does not start: %s", err_text(rc));
        if ((rc = split(where, host, sizeof host, &port)) < 0)
                rc = diag_set(d, -rc, "BOARD_SOFTAP: ADDRESS:PORT, not %s", where);
        else
                rc = prov_httpd_start(&device, host, port, &httpd, d);
        if (rc < 0) {
                wifi->ap_stop();
                return rc;
        }
        loop_watch(prov_httpd_fd(httpd), POLLIN, serve_http);
        loop_timer(RUN_MS, serve_timer);
        strf(line, sizeof line, "provisioning of %s on port %u", cfg->service_name,
             (unsigned)prov_httpd_port(httpd));
        port_log(PORT_INFO, line);
        return 0;
}

/* BOARD_BLE: the controller, hci0; without it the first that can do LE. */
static int start_ble(const struct port_prov *cfg, struct diag *d)
{
        const struct prov_ble_setup setup = { .adapter = getenv("BOARD_BLE"),
                                              .name = cfg->service_name };
        char line[128];
        const int rc = prov_ble_start(&device, &setup, &ble, d);

        if (rc < 0)
                return rc;
        loop_watch(prov_ble_fd(ble), POLLIN, serve_ble);
        strf(line, sizeof line, "provisioning of %s over Bluetooth LE", cfg->service_name);
        port_log(PORT_INFO, line);
        return 0;
}

static int start_transport(const struct port_prov *cfg, struct diag *d)
{
        switch (cfg->transport) {
        case PORT_PROV_BLE:
                return start_ble(cfg, d);
        case PORT_PROV_SOFTAP:
                return start_softap(cfg, d);
        default:
                return 0;
        }
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
        int rc;

        port_prov_stop();
        if (!(wifi = wifi_backend()))
                return -E_LINK;
        if ((rc = prov_device_init(&device, &c)) < 0)
                return rc;
        if ((rc = start_transport(cfg, &d)) < 0) {
                port_log(PORT_ERROR, diag_text(&d));
                prov_device_free(&device);
                return rc;
        }
        wanted = cfg;
        prov_console_serve(&console, &device);
        machine_sort_uart(sort_uart);
        progress = WAITING;
        set = false;
        scan_now();
        return 0;
}

/* The service ends; what it has joined stays. */
static void stop(void)
{
        loop_timer_stop(serve_timer);
        loop_timer_stop(scan_now);
        loop_timer_stop(finish);
        wipe(&creds, sizeof creds);
        if (httpd) {
                loop_unwatch(prov_httpd_fd(httpd));
                prov_httpd_stop(httpd);
                wifi->ap_stop();
        }
        if (ble) {
                loop_unwatch(prov_ble_fd(ble));
                prov_ble_stop(ble);
        }
        if (wanted)
                prov_device_free(&device);
        wipe(&console, sizeof console);
        machine_sort_uart(NULL);
        wanted = NULL;
        httpd = NULL;
        ble = NULL;
}

void port_prov_stop(void)
{
        if (wanted)
                port_wifi_leave();
        stop();
        loop_drop(LOOP_PROV);
}
