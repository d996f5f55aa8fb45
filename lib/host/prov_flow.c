#include "host/prov_flow.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "host/json.h"

#define JOIN_MS_DEFAULT 60000u
#define SCAN_WAIT_MS    30000u
/* The device connects one second after Apply (wifi_provisioning manager.c): asking earlier is in
 * vain. */
#define FIRST_POLL_MS 1100u
#define POLL_MS       500u
#define SCAN_POLL_MS  300u
/* A device that was there may be gone for so long; how often it is looked for. */
#define LOST_MS      30000u
#define LOST_POLL_MS 300u

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void sleep_ms(unsigned ms)
{
        const struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

        nanosleep(&ts, NULL);
}

/* --- version --- */

static bool has_cap(const cJSON *list, const char *name)
{
        const cJSON *c;

        cJSON_ArrayForEach(c, list) if (cJSON_IsString(c) &&
                                        !strcasecmp(c->valuestring, name)) return true;
        return false;
}

int prov_info_parse(struct prov_info *info, const char *text, size_t n, struct diag *d)
{
        cJSON *j;
        const cJSON *prov, *v, *cap;

        memset(info, 0, sizeof *info);
        if (n >= sizeof info->text)
                return diag_set(d, E_PROTO, "the device's version text has %zu bytes", n);
        memcpy(info->text, text, n);
        j = json_parse(info->text, n, NULL);
        prov = cJSON_GetObjectItemCaseSensitive(j, "prov");
        if (!cJSON_IsObject(prov)) {
                /* old firmware answers a bare version string; it knows security 1 */
                cJSON_Delete(j);
                if (n == 0 || info->text[0] == '{' || strlen(info->text) >= sizeof info->ver)
                        return diag_set(d, E_PROTO, "the device's version is not understood");
                strf(info->ver, sizeof info->ver, "%s", info->text);
                info->security = 1;
                return 0;
        }
        v = cJSON_GetObjectItemCaseSensitive(prov, "ver");
        strf(info->ver, sizeof info->ver, "%s", cJSON_IsString(v) ? v->valuestring : "?");
        cap = cJSON_GetObjectItemCaseSensitive(prov, "cap");
        info->no_pop = has_cap(cap, "no_pop");
        info->wifi_scan = has_cap(cap, "wifi_scan");
        info->security = has_cap(cap, "no_sec") ? 0 : 1;
        v = cJSON_GetObjectItemCaseSensitive(prov, "sec_ver");
        if (cJSON_IsNumber(v)) {
                info->security = v->valueint;
                info->security_told = true;
        }
        v = cJSON_GetObjectItemCaseSensitive(prov, "sec_patch_ver");
        info->patch = cJSON_IsNumber(v) ? v->valueint : 0;
        cJSON_Delete(j);
        if (info->security < 0 || info->security > 2)
                return diag_set(d, E_UNSUPPORTED,
                                "the device wants security %d; 0, 1 and 2 are known here",
                                info->security);
        return 0;
}

int prov_info_get(struct prov_link *link, struct prov_info *info, struct diag *d)
{
        uint8_t text[sizeof info->text];
        const long n = link->ops->request(link, "proto-ver", (const uint8_t *)"---", 3, text,
                                          sizeof text - 1, d);

        return n < 0 ? (int)n : prov_info_parse(info, (const char *)text, (size_t)n, d);
}

/* --- session --- */

static int handshake(struct prov_session *s, struct diag *d)
{
        struct prov_client_config cfg = { .security = s->security,
                                          .patch0 = s->info.patch == 0,
                                          .stock_x = s->stock_x };
        uint8_t q[PROV_MESSAGE_MAX], r[PROV_MESSAGE_MAX];
        const char *username = NULL;
        unsigned step = 0;
        long n;
        int rc;

        if (s->security && s->secrets.get &&
            (rc = s->secrets.get(s->secrets.ctx, s->security, &username, &cfg.secret,
                                 &cfg.secret_len, d)) < 0)
                return rc;
        cfg.username = (const uint8_t *)username;
        cfg.username_len = username ? strlen(username) : 0;
        if ((rc = prov_client_init(&s->sec, &cfg)) < 0)
                return diag_set(d, -rc, "user name of 1 to %u bytes needed", PROV_USERNAME_MAX);
        while ((n = prov_client_next(&s->sec, q, sizeof q)) > 0) {
                struct diag quiet = { 0 };

                n = s->link->ops->request(s->link, "prov-session", q, (size_t)n, r, sizeof r,
                                          &quiet);
                if (n == -E_REFUSED && step == 1)
                        return diag_set(
                                d, E_VERIFY, "%s",
                                s->security == 2
                                        ? "the device does not accept the user name or password"
                                        : "the device does not accept the proof of possession");
                if (n == -E_REFUSED)
                        return diag_set(d, E_REFUSED,
                                        "the device takes no session; after five wrong proofs it "
                                        "must be restarted");
                if (n < 0) {
                        if (d && !d->code)
                                *d = quiet;
                        return (int)n;
                }
                if ((rc = prov_client_answer(&s->sec, r, (size_t)n, d)) < 0)
                        return rc;
                step++;
        }
        wipe(q, sizeof q);
        if (n < 0)
                return diag_set(d, (int)-n, "no session can be made here: %s", err_text((int)n));
        s->up = true;
        return 0;
}

static int greet(struct prov_session *s, int security, bool insecure, struct diag *d)
{
        struct diag first = { 0 };
        int rc;

        if ((rc = prov_info_get(s->link, &s->info, d)) < 0)
                return rc;
        s->security = security >= 0 ? security : s->info.security;
        if (s->info.security_told && s->security != s->info.security)
                return diag_set(d, E_UNSUPPORTED, "the device wants security %d, not %d",
                                s->info.security, s->security);
        if (s->security == 0 && !insecure)
                return diag_set(d, E_UNSUPPORTED,
                                "the device wants security 0: the Wi-Fi passphrase would go out in "
                                "clear text; "
                                "--insecure allows that");
        rc = handshake(s, &first);
        if (rc == -E_VERIFY && s->sec.stock_differs) {
                /*
                 * Espressif's tool drops a leading zero byte when it makes a verifier (1 password
                 * in 128): such a device knows the password under another x.
                 */
                prov_client_free(&s->sec);
                s->stock_x = true;
                if (s->link->ops->restart(s->link, NULL) == 0 && handshake(s, NULL) == 0)
                        return 0;
                s->stock_x = false;
        }
        if (rc < 0 && d && !d->code)
                *d = first;
        return rc;
}

/* Whether to ask again: the link is lost, but the device was there a moment ago. */
static bool may_return(const struct prov_session *s, long rc, uint64_t end)
{
        return rc == -E_LINK && s->link->patient && now_ms() < end;
}

int prov_session_open(struct prov_session *s, struct prov_link *link, int security, bool insecure,
                      const struct prov_secrets *secrets, struct diag *d)
{
        const uint64_t end = now_ms() + LOST_MS;
        struct diag why = { 0 };
        int rc;

        memset(s, 0, sizeof *s);
        s->link = link;
        s->secrets = *secrets;
        rc = greet(s, security, insecure, &why);
        while (may_return(s, rc, end)) {
                sleep_ms(LOST_POLL_MS);
                why = (struct diag){ 0 };
                prov_client_free(&s->sec);
                rc = link->ops->restart(link, &why);
                if (rc == 0)
                        rc = greet(s, security, insecure, &why);
        }
        if (rc < 0 && d && !d->code)
                *d = why;
        return rc;
}

void prov_session_free(struct prov_session *s)
{
        prov_client_free(&s->sec);
        wipe(s, sizeof *s);
}

/* in and out may be the same: out is written on success only. */
static long sealed_request(struct prov_session *s, const char *endpoint, const uint8_t *in,
                           size_t n, uint8_t *out, size_t cap, struct diag *d)
{
        uint8_t q[PROV_MESSAGE_MAX], r[PROV_MESSAGE_MAX];
        long len = prov_seal(&s->sec.cipher, in, n, q, sizeof q);

        if (len < 0)
                return diag_set(d, (int)-len, "message cannot be sealed: %s", err_text((int)len));
        len = s->link->ops->request(s->link, endpoint, q, (size_t)len, r, sizeof r, d);
        if (len <= 0)
                return len;
        len = prov_open(&s->sec.cipher, r, (size_t)len, q, sizeof q < cap ? sizeof q : cap);
        if (len < 0)
                return diag_set(d, len == -E_VERIFY ? E_PROTO : (int)-len,
                                "the device's answer is not from this session");
        memcpy(out, q, (size_t)len);
        wipe(q, sizeof q);
        return len;
}

static int renew(struct prov_session *s, struct diag *d)
{
        const int rc = s->link->ops->restart(s->link, d);

        prov_client_free(&s->sec);
        s->up = false;
        return rc < 0 ? rc : handshake(s, d);
}

long prov_session_request(struct prov_session *s, const char *endpoint, const uint8_t *in, size_t n,
                          uint8_t *out, size_t cap, struct diag *d)
{
        const uint64_t end = s->until ? s->until : now_ms() + LOST_MS;
        struct diag why = { 0 };
        long len = sealed_request(s, endpoint, in, n, out, cap, &why);

        /* another client took the session, or the counter is used up: once more from the start */
        if (len == -E_REFUSED || len == -E_PROTO || len == -E_STATE) {
                struct diag anew = { 0 };
                const int rc = renew(s, &anew);

                if (rc == 0 || rc == -E_LINK)
                        why = anew;
                if (rc == 0)
                        len = sealed_request(s, endpoint, in, n, out, cap, &why);
                else if (rc == -E_LINK)
                        len = rc;
        }
        while (may_return(s, len, end)) {
                s->losses++;
                why = (struct diag){ 0 };
                len = renew(s, &why);
                if (len == 0)
                        len = sealed_request(s, endpoint, in, n, out, cap, &why);
                if (len == -E_LINK)
                        sleep_ms(LOST_POLL_MS);
        }
        if (len < 0 && d && !d->code)
                *d = why;
        return len;
}

/* --- networks --- */

static int scan_exchange(struct prov_session *s, struct prov_scan_msg *m, struct diag *d)
{
        const uint32_t op = m->op;
        uint8_t b[PROV_MESSAGE_MAX];
        long n = prov_scan_encode(m, b, sizeof b);

        if (n < 0)
                return diag_set(d, E_BUG, "scan request");
        n = prov_session_request(s, "prov-scan", b, (size_t)n, b, sizeof b, d);
        if (n < 0)
                return (int)n;
        if (prov_scan_decode(m, b, (size_t)n) < 0 || m->op != op + 1)
                return diag_set(d, E_PROTO, "the device's answer to a scan is not understood");
        if (m->status)
                return diag_set(d, E_REFUSED, "the device cannot scan: %s",
                                prov_status_text(m->status));
        return 0;
}

long prov_scan(struct prov_session *s, const struct prov_scan_options *o, struct prov_ap *aps,
               size_t cap, struct diag *d)
{
        const unsigned per = o->per_request ? o->per_request : 4;
        struct prov_scan_msg m = { .op = PROV_SCAN_START,
                                   .blocking = true,
                                   .passive = o->passive,
                                   .group_channels = o->group_channels,
                                   .period_ms = o->period_ms };
        const uint64_t deadline = now_ms() + (o->timeout_ms ? o->timeout_ms : SCAN_WAIT_MS);
        size_t total, got = 0;
        int rc;

        if ((rc = scan_exchange(s, &m, d)) < 0)
                return rc;
        for (;;) {
                m = (struct prov_scan_msg){ .op = PROV_SCAN_STATUS };
                if ((rc = scan_exchange(s, &m, d)) < 0)
                        return rc;
                if (m.finished)
                        break;
                if (now_ms() > deadline)
                        return diag_set(d, E_TIMEOUT, "the device's scan does not end");
                sleep_ms(SCAN_POLL_MS);
        }
        total = m.count < cap ? m.count : cap; /* a device that lists without end is cut off here */
        while (got < total) {
                m = (struct prov_scan_msg){ .op = PROV_SCAN_RESULT,
                                            .start = (uint32_t)got,
                                            .count = (uint32_t)(total - got < per ? total - got
                                                                                  : per),
                                            .entries = aps + got,
                                            .entries_cap = total - got };
                if ((rc = scan_exchange(s, &m, d)) < 0)
                        return rc;
                if (m.count == 0)
                        break;
                got += m.count;
        }
        return (long)got;
}

/* --- credentials --- */

static int config_exchange(struct prov_session *s, struct prov_config_msg *m, struct diag *d)
{
        const uint32_t op = m->op;
        uint8_t b[PROV_MESSAGE_MAX];
        long n = prov_config_encode(m, b, sizeof b);

        if (n < 0)
                return diag_set(d, E_BUG, "configuration request");
        n = prov_session_request(s, "prov-config", b, (size_t)n, b, sizeof b, d);
        wipe(m, sizeof *m);
        if (n >= 0 && (prov_config_decode(m, b, (size_t)n) < 0 || m->op != op + 1))
                n = diag_set(d, E_PROTO,
                             "the device's answer about its configuration is not understood");
        wipe(b, sizeof b);
        return n < 0 ? (int)n : 0;
}

int prov_state_get(struct prov_session *s, struct prov_wifi_state *state, struct diag *d)
{
        struct prov_config_msg m = { .op = PROV_CONFIG_GET_STATUS };
        const int rc = config_exchange(s, &m, d);

        if (rc < 0)
                return rc;
        if (m.status)
                return diag_set(d, E_REFUSED, "the device does not tell its state: %s",
                                prov_status_text(m.status));
        *state = m.state;
        return 0;
}

/* Was it refused only because it is done, by a first request whose answer got lost? */
static bool refused(const struct prov_session *s, uint32_t status, unsigned losses_before)
{
        return status && s->losses == losses_before;
}

static int await_result(struct prov_session *s, const struct prov_join_options *o,
                        struct prov_wifi_state *state, struct diag *d)
{
        unsigned wait = FIRST_POLL_MS;
        int rc;

        for (;;) {
                sleep_ms(wait);
                if ((rc = prov_state_get(s, state, d)) < 0)
                        return rc;
                if (o->progress)
                        o->progress(o->ctx, state);
                if (state->sta_state == PROV_STA_CONNECTED)
                        return 0;
                if (state->sta_state == PROV_STA_FAILED)
                        return diag_set(d, E_VERIFY, "%s",
                                        state->has_reason && state->reason == PROV_FAIL_NOT_FOUND
                                                ? "the device does not find the network"
                                                : "the network does not accept the passphrase");
                if (now_ms() > s->until)
                        return diag_set(d, E_TIMEOUT, "the device is still connecting");
                wait = POLL_MS;
        }
}

static int set_and_apply(struct prov_session *s, const struct prov_credentials *c, struct diag *d)
{
        struct prov_config_msg m = { .op = PROV_CONFIG_SET, .set = *c };
        unsigned losses;
        int rc;

        if ((rc = config_exchange(s, &m, d)) < 0)
                return rc;
        if (m.status)
                return diag_set(d, E_REFUSED, "the device does not take the credentials: %s",
                                prov_status_text(m.status));
        losses = s->losses;
        m = (struct prov_config_msg){ .op = PROV_CONFIG_APPLY };
        if ((rc = config_exchange(s, &m, d)) < 0)
                return rc;
        if (refused(s, m.status, losses))
                return diag_set(d, E_REFUSED,
                                "the device does not apply the credentials: %s; `provcli reset` "
                                "brings it back",
                                prov_status_text(m.status));
        return 0;
}

int prov_join(struct prov_session *s, const struct prov_credentials *c,
              const struct prov_join_options *o, struct prov_wifi_state *state, struct diag *d)
{
        struct diag why = { 0 };
        int rc;

        s->until = now_ms() + (o->timeout_ms ? o->timeout_ms : JOIN_MS_DEFAULT);
        rc = set_and_apply(s, c, d);
        if (rc == 0) {
                rc = await_result(s, o, state, &why);
                if (rc == -E_LINK && s->losses)
                        diag_set(d, E_LINK, "%s; it has the credentials, and may have joined",
                                 diag_text(&why));
                else if (rc < 0 && d && !d->code)
                        *d = why;
        }
        s->until = 0;
        return rc;
}

int prov_ctrl(struct prov_session *s, enum prov_ctrl_op op, struct diag *d)
{
        struct prov_ctrl_msg m = { .op = (uint32_t)op };
        const unsigned losses = s->losses;
        uint8_t b[64];
        long n = prov_ctrl_encode(&m, b, sizeof b);

        if (n < 0)
                return diag_set(d, E_BUG, "control request");
        n = prov_session_request(s, "prov-ctrl", b, (size_t)n, b, sizeof b, d);
        if (n < 0)
                return (int)n;
        if (prov_ctrl_decode(&m, b, (size_t)n) < 0 || m.op != (uint32_t)op + 1)
                return diag_set(d, E_PROTO, "the device's answer is not understood");
        if (refused(s, m.status, losses))
                return diag_set(d, E_REFUSED, "%s",
                                op == PROV_CTRL_RESET
                                        ? "the device refuses: only a failed attempt can be reset"
                                        : "the device refuses: its application ends provisioning "
                                          "by itself");
        return 0;
}
