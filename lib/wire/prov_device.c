#include "wire/prov_device.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"

int prov_device_init(struct prov_device *d, const struct prov_device_config *cfg)
{
        memset(d, 0, sizeof *d);
        if (!cfg->ops)
                return -E_INVAL;
        d->cfg = *cfg;
        return prov_server_init(&d->sec, &cfg->sec);
}

uint32_t prov_device_new_session(struct prov_device *d)
{
        prov_server_reset(&d->sec);
        return ++d->session;
}

void prov_device_free(struct prov_device *d)
{
        prov_server_reset(&d->sec);
        wipe(d, sizeof *d);
}

/* The text of ESP-IDF's cJSON_Print, tabs and all: clients were seen to compare parts of it. */
static long version(const struct prov_device *d, uint8_t *out, size_t cap)
{
        const struct prov_server_config *s = &d->cfg.sec;
        const char *own = s->security == 0                  ? "\"no_sec\", "
                          : s->security == 1 && !s->pop_len ? "\"no_pop\", "
                                                            : "";
        char app[160] = "";
        char patch[40] = "";
        size_t n;

        if (d->cfg.app_ver && d->cfg.app_cap)
                strf(app, sizeof app,
                     "\t\"app\":\t{\n\t\t\"ver\":\t\"%s\",\n\t\t\"cap\":\t[\"%s\"]\n\t},\n",
                     d->cfg.app_ver, d->cfg.app_cap);
        else if (d->cfg.app_ver)
                strf(app, sizeof app, "\t\"app\":\t{\n\t\t\"ver\":\t\"%s\"\n\t},\n",
                     d->cfg.app_ver);
        /* releases with the fixed IV do not have the field */
        if (!(s->security == 2 && s->patch0))
                strf(patch, sizeof patch, "\t\t\"sec_patch_ver\":\t%d,\n",
                     s->security == 2 ? 1 : 0);
        n = strf((char *)out, cap,
                 "{\n%s\t\"prov\":\t{\n\t\t\"ver\":\t\"v1.1\",\n\t\t\"sec_ver\":\t%d,\n%"
                 "s\t\t\"cap\":\t[%s\"wifi_scan\"]\n\t}\n}",
                 app, s->security, patch, own);
        return n < cap ? (long)n : -E_NOSPACE;
}

static long handshake(struct prov_device *d, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
        long rc;

        if (d->locked)
                return -E_REFUSED;
        rc = prov_server_handshake(&d->sec, in, n, out, cap);
        if (rc == -E_VERIFY && ++d->wrong_proofs >= PROV_WRONG_PROOFS_MAX) {
                d->locked = true;
                prov_server_reset(&d->sec);
        }
        return rc;
}

static long config(struct prov_device *d, size_t n)
{
        const struct prov_device_ops *ops = d->cfg.ops;
        struct prov_config_msg m;
        struct prov_config_msg r = { 0 };
        int rc = prov_config_decode(&m, d->plain, n);

        if (rc < 0)
                return rc;
        r.op = m.op + 1;
        switch (m.op) {
        case PROV_CONFIG_GET_STATUS:
                ops->state(d->cfg.ctx, &r.state);
                break;
        case PROV_CONFIG_SET:
                r.status = m.set.too_long ? PROV_INVALID_ARGUMENT
                                          : (uint32_t)ops->set_config(d->cfg.ctx, &m.set);
                break;
        case PROV_CONFIG_APPLY:
                r.status = (uint32_t)ops->apply(d->cfg.ctx);
                break;
        default:
                rc = -E_PROTO; /* a response is no request */
        }
        wipe(&m, sizeof m);
        return rc < 0 ? rc : prov_config_encode(&r, d->answer, sizeof d->answer);
}

/* Only the entries that exist; past the end the status says so (v5.5.5; v5.5.3 crashes). */
static void scan_result(struct prov_device *d, const struct prov_scan_msg *m,
                        struct prov_scan_msg *r)
{
        r->count = 0;
        for (uint32_t i = 0; i < m->count; i++) {
                const uint32_t index = m->start + i;

                if (r->count == r->entries_cap || index < m->start ||
                    d->cfg.ops->scan_entry(d->cfg.ctx, index, &r->entries[r->count]) != 0) {
                        r->status = PROV_INTERNAL_ERROR;
                        break;
                }
                r->count++;
        }
}

static long scan(struct prov_device *d, size_t n)
{
        const struct prov_device_ops *ops = d->cfg.ops;
        struct prov_ap entries[PROV_SCAN_ENTRIES_MAX];
        struct prov_scan_msg m = { 0 };
        struct prov_scan_msg r = { .entries = entries, .entries_cap = PROV_SCAN_ENTRIES_MAX };
        int rc = prov_scan_decode(&m, d->plain, n);

        if (rc < 0)
                return rc;
        r.op = m.op + 1;
        switch (m.op) {
        case PROV_SCAN_START:
                r.status = (uint32_t)ops->scan_start(d->cfg.ctx, m.passive, m.group_channels,
                                                     m.period_ms);
                break;
        case PROV_SCAN_STATUS:
                ops->scan_status(d->cfg.ctx, &r.finished, &r.count);
                break;
        case PROV_SCAN_RESULT:
                scan_result(d, &m, &r);
                break;
        default:
                return -E_PROTO;
        }
        return prov_scan_encode(&r, d->answer, sizeof d->answer);
}

static long ctrl(struct prov_device *d, size_t n)
{
        struct prov_ctrl_msg m;
        struct prov_ctrl_msg r = { 0 };
        int rc = prov_ctrl_decode(&m, d->plain, n);

        if (rc < 0)
                return rc;
        r.op = m.op + 1;
        if (m.op == PROV_CTRL_RESET)
                r.status = (uint32_t)d->cfg.ops->reset(d->cfg.ctx);
        else if (m.op == PROV_CTRL_REPROV)
                r.status = (uint32_t)d->cfg.ops->reprov(d->cfg.ctx);
        else
                return -E_PROTO;
        return prov_ctrl_encode(&r, d->answer, sizeof d->answer);
}

long prov_device_request(struct prov_device *d, const char *endpoint, const uint8_t *in, size_t n,
                         uint8_t *out, size_t cap)
{
        long len;

        if (n == 0 || n > PROV_MESSAGE_MAX)
                return -E_PROTO;
        if (!strcmp(endpoint, "proto-ver"))
                return version(d, out, cap);
        if (!strcmp(endpoint, "prov-session"))
                return handshake(d, in, n, out, cap);
        if (d->locked)
                return -E_REFUSED;
        if (!prov_server_ready(&d->sec))
                return -E_STATE;
        len = prov_open(&d->sec.cipher, in, n, d->plain, sizeof d->plain);
        if (len < 0)
                return len;
        if (!strcmp(endpoint, "prov-config"))
                len = config(d, (size_t)len);
        else if (!strcmp(endpoint, "prov-scan"))
                len = scan(d, (size_t)len);
        else if (!strcmp(endpoint, "prov-ctrl"))
                len = ctrl(d, (size_t)len);
        else
                len = d->cfg.ops->custom
                              ? d->cfg.ops->custom(d->cfg.ctx, endpoint, d->plain, (size_t)len,
                                                   d->answer, sizeof d->answer)
                              : -E_NOTFOUND;
        if (len > 0)
                len = prov_seal(&d->sec.cipher, d->answer, (size_t)len, out, cap);
        wipe(d->plain, sizeof d->plain);
        wipe(d->answer, sizeof d->answer);
        return len;
}
