/* One device of provcli batch, on one of its threads. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/err.h"
#include "base/strf.h"
#include "host/pool.h"

#define AGAIN_MS 1000

/* --- radios: a device at a time --- */

static size_t radio_number(struct radios *r, const char *name)
{
        size_t i = 0;

        while (i < r->count && strcmp(r->all[i].name, name) != 0)
                i++;
        if (i == r->count && i < sizeof r->all / sizeof r->all[0]) {
                strf(r->all[i].name, sizeof r->all[i].name, "%s", name);
                r->count++;
        }
        return i < r->count ? i : 0;
}

/* The first of "hci0,hci1" that is free, waited for; its name goes to out. "" is one too. */
static size_t radio_take(struct radios *r, const char *names, char *out, size_t cap)
{
        pthread_mutex_lock(&r->lock);
        for (;;) {
                const char *p = names;

                do {
                        const size_t n = strcspn(p, ",");
                        size_t i;

                        strf(out, cap, "%.*s", (int)n, p);
                        i = radio_number(r, out);
                        if (!r->all[i].busy) {
                                r->all[i].busy = true;
                                pthread_mutex_unlock(&r->lock);
                                return i;
                        }
                        p += n + (p[n] == ',');
                } while (*p);
                pthread_cond_wait(&r->freed, &r->lock);
        }
}

static void radio_give(struct radios *r, size_t i)
{
        pthread_mutex_lock(&r->lock);
        r->all[i].busy = false;
        pthread_cond_broadcast(&r->freed);
        pthread_mutex_unlock(&r->lock);
}

/* --- the way to the device --- */

static const char *text(const struct unit *u, enum column c, const char *otherwise)
{
        return u->text[c] ? u->text[c] : otherwise;
}

static int get_secret(void *ctx, int security, const char **username, const uint8_t **secret,
                      size_t *len, struct diag *d)
{
        const struct unit *u = ctx;
        const char *s = security == 2 ? text(u, COL_PASSWORD, text(u, COL_POP, opts.password))
                                      : text(u, COL_POP, opts.pop);

        (void)d;
        *username = text(u, COL_USERNAME, opts.username ? opts.username : "wifiprov");
        *secret = (const uint8_t *)(s ? s : "");
        *len = s ? strlen(s) : 0;
        return 0;
}

struct way {
        struct prov_link *link;
        struct softap *softap;
};

static unsigned wait_ms(void)
{
        return opts.wait_s > 0 ? (unsigned)opts.wait_s * 1000 : 0;
}

static int way_lost(void *ctx, unsigned tries, struct diag *d)
{
        const struct way *w = ctx;

        (void)tries;
        return w->softap ? softap_rejoin(w->softap, d) : 0;
}

static int open_http(const struct unit *u, const char *interface, struct way *w, struct diag *d)
{
        const struct prov_http_config cfg = { .host = text(u, COL_HOST,
                                                           opts.host ? opts.host : SOFTAP_HOST),
                                              .interface = *interface ? interface : NULL,
                                              .timeout_ms = wait_ms(),
                                              .joined = w->softap != NULL,
                                              .lost = way_lost,
                                              .lost_ctx = w };

        return prov_http_open(&cfg, &w->link, d);
}

static int open_softap(const struct unit *u, const char *interface, struct way *w, struct diag *d)
{
        const char *key = text(u, COL_SERVICE_KEY, opts.service_key ? opts.service_key : "");
        const struct softap_config cfg = { .interface = *interface ? interface : NULL,
                                           .ssid = text(u, COL_SERVICE, ""),
                                           .key = (const uint8_t *)key,
                                           .key_len = strlen(key),
                                           .via = opts.join_with,
                                           .target = text(u, COL_HOST,
                                                          opts.host ? opts.host : SOFTAP_HOST) };
        const int rc = softap_join(&cfg, &w->softap, d);

        return rc < 0 ? rc : open_http(u, softap_interface(w->softap), w, d);
}

static int open_ble(const struct unit *u, const char *adapter, struct way *w, struct diag *d)
{
        const struct prov_ble_config cfg = { .adapter = *adapter ? adapter : NULL,
                                             .service = u->text[COL_SERVICE],
                                             .timeout_ms = wait_ms() };

        if (!cfg.service)
                return diag_set(d, E_FORMAT, "over BLE a device needs its service_name");
        return prov_ble_open(&cfg, &w->link, d);
}

static int open_console(const struct unit *u, const char *radio, struct way *w, struct diag *d)
{
        (void)radio;
        if (!u->text[COL_PORT])
                return diag_set(d, E_FORMAT, "over the console a device needs its port");
        return prov_console_open(u->text[COL_PORT], (unsigned)opts.baud, wait_ms(), &w->link, d);
}

static const struct kind {
        const char *name;
        enum column radio; /* COLUMNS: many at a time */
        int (*open)(const struct unit *u, const char *radio, struct way *w, struct diag *d);
} kinds[] = { { "http", COLUMNS, open_http },
              { "ble", COL_ADAPTER, open_ble },
              { "console", COLUMNS, open_console },
              { "softap", COL_INTERFACE, open_softap } };

static const struct kind *kind_of(const struct unit *u, struct diag *d)
{
        const char *name = text(u, COL_TRANSPORT,
                                u->text[COL_PORT]   ? "console"
                                : u->text[COL_HOST] ? "http"
                                : opts.transport    ? opts.transport
                                                    : "softap");

        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
                if (!strcasecmp(kinds[i].name, name))
                        return &kinds[i];
        diag_set(d, E_UNSUPPORTED,
                 "transport %s is not known here; http, softap, ble and console are", name);
        return NULL;
}

/* --- what is done there --- */

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* How strong the device hears the network. */
static int measure(struct unit *u, struct prov_session *s, const struct prov_credentials *c,
                   struct diag *d)
{
        struct prov_ap aps[64];
        const struct prov_scan_options scan = { .group_channels = 5, .period_ms = 120 };
        const long n = prov_scan(s, &scan, aps, sizeof aps / sizeof aps[0], d);

        for (long i = 0; i < n; i++)
                if (aps[i].ssid_len == c->ssid_len && !memcmp(aps[i].ssid, c->ssid, c->ssid_len) &&
                    (!u->rssi || aps[i].rssi > u->rssi))
                        u->rssi = aps[i].rssi;
        return n < 0 ? (int)n : 0;
}

static int converse(struct unit *u, struct prov_session *s, const struct batch_options *o,
                    struct prov_wifi_state *state, struct diag *d)
{
        const bool own = u->text[COL_SSID] != NULL;
        const struct prov_join_options join = {
                .timeout_ms = (unsigned)(opts.timeout_s > 0 ? opts.timeout_s * 1000 : 0)
        };
        const char *key = u->text[COL_PASSPHRASE];
        struct prov_credentials c;
        uint64_t start;
        int rc;

        if (!own && !o->ssid)
                return diag_set(d, E_USAGE, "no network: --ssid, or a column ssid");
        rc = key || own
                     ? credentials_set(&c, own ? u->text[COL_SSID] : o->ssid,
                                       (const uint8_t *)(key ? key : ""), key ? strlen(key) : 0, d)
                     : credentials_set(&c, o->ssid, o->passphrase, o->passphrase_len, d);
        if (rc < 0)
                return rc;
        printable(c.ssid, c.ssid_len, u->ssid);
        if (!o->no_scan && s->info.wifi_scan && (rc = measure(u, s, &c, d)) < 0)
                goto out;
        if (o->min_rssi && !o->no_scan && (!u->rssi || u->rssi < o->min_rssi)) {
                rc = u->rssi ? diag_set(d, E_VERIFY,
                                        "hears the network with %d dBm, weaker than %d",
                                        (int)u->rssi, (int)o->min_rssi)
                             : diag_set(d, E_VERIFY, "does not hear the network at all");
                u->word = "weak";
                goto out;
        }
        start = now_ms();
        rc = prov_join(s, &c, &join, state, d);
        u->ms = now_ms() - start;
        if (rc == -E_VERIFY) /* it waits for the next try */
                prov_ctrl(s, PROV_CTRL_RESET, NULL);
out:
        wipe_credentials(&c);
        return rc;
}

static int attempt(struct unit *u, const struct kind *k, const char *radio,
                   const struct batch_options *o, struct diag *d)
{
        const struct prov_secrets secrets = { get_secret, u };
        struct prov_wifi_state state = { 0 };
        struct prov_session s;
        struct way w = { 0 };
        char mode[16];
        int rc;

        u->word = NULL;
        rc = k->open(u, radio, &w, d);
        if (rc == 0) {
                rc = prov_session_open(&s, w.link, (int)opts.security, opts.insecure, &secrets, d);
                if (rc == 0)
                        rc = converse(u, &s, o, &state, d);
                prov_session_free(&s);
        }
        if (w.link)
                u->requests = w.link->requests;
        prov_link_close(w.link);
        (void)softap_leave(w.softap, NULL);
        if (!u->word)
                u->word = rc == 0 ? "connected" : result_word(rc, &state);
        u->status = rc < 0 ? err_status(rc) : STATUS_DONE;
        strf(u->said, sizeof u->said, "%s", rc == 0 ? "" : d->code ? diag_text(d) : err_text(rc));
        if (rc == 0) {
                strf(u->ip4, sizeof u->ip4, "%s", state.ip4);
                strf(u->auth, sizeof u->auth, "%s", prov_auth_name(state.auth, mode));
                u->channel = state.channel;
        }
        return rc;
}

int unit_provision(struct unit *u, const struct batch_options *o, struct radios *radios)
{
        struct diag d = { 0 };
        const struct kind *k = kind_of(u, &d);
        char radio[32] = "";
        const time_t now = time(NULL);
        size_t taken = 0;
        struct tm tm;
        int rc = 0;

        if (!k) {
                u->word = "failed";
                u->status = STATUS_DATA;
                strf(u->said, sizeof u->said, "%s", diag_text(&d));
        } else {
                const char *given = k->radio == COL_ADAPTER ? opts.adapter : opts.interface;
                const bool one_at_a_time = k->radio != COLUMNS;

                if (one_at_a_time)
                        taken = radio_take(radios, text(u, k->radio, given ? given : ""), radio,
                                           sizeof radio);
                else if (k->open == open_http && opts.interface)
                        strf(radio, sizeof radio, "%s", opts.interface);
                do {
                        if (u->tries++) {
                                const struct timespec pause = { AGAIN_MS / 1000, 0 };

                                nanosleep(&pause, NULL);
                        }
                        memset(&d, 0, sizeof d);
                        rc = attempt(u, k, radio, o, &d);
                } while (rc < 0 && err_status(rc) == STATUS_LINK && !interrupted() &&
                         u->tries <= o->more_tries);
                if (one_at_a_time)
                        radio_give(radios, taken);
        }
        if (gmtime_r(&now, &tm))
                strftime(u->at, sizeof u->at, "%Y-%m-%dT%H:%M:%SZ", &tm);
        return rc < 0 && err_status(rc) == STATUS_STATION ? rc : 0;
}
