#include "wire/prov_msg.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "prov.pb-c.h"

const char *prov_status_text(uint32_t status)
{
        static const char *const texts[] = {
                "done",
                "wrong security scheme",
                "wrong protocol",
                "too many sessions",
                "invalid argument (SSID over 32 or passphrase over 63 bytes?)",
                "not possible now",
                "encryption failed",
                "no such session",
        };

        return status < sizeof texts / sizeof *texts ? texts[status] : "unknown status";
}

const char *prov_auth_name(uint32_t auth, char *text)
{
        static const char *const names[] = { "open",     "WEP",  "WPA",       "WPA2", "WPA/WPA2",
                                             "WPA2-EAP", "WPA3", "WPA2/WPA3", "WAPI", "OWE" };

        if (auth < sizeof names / sizeof *names)
                return names[auth];
        strf(text, 16, "mode %u", (unsigned)auth);
        return text;
}

static ProtobufCBinaryData bytes_of(const uint8_t *p, size_t n)
{
        return (ProtobufCBinaryData){ .len = n, .data = (uint8_t *)(uintptr_t)p };
}

static long pack(const ProtobufCMessage *m, uint8_t *out, size_t cap)
{
        const size_t n = protobuf_c_message_get_packed_size(m);

        return n > cap ? -E_NOSPACE : (long)protobuf_c_message_pack(m, out);
}

/* --- configuration --- */

long prov_config_encode(const struct prov_config_msg *m, uint8_t *out, size_t cap)
{
        Prov__WifiConfig w = PROV__WIFI_CONFIG__INIT;
        Prov__Empty nothing = PROV__EMPTY__INIT;
        Prov__StatusOnly status = PROV__STATUS_ONLY__INIT;
        Prov__SetConfig set = PROV__SET_CONFIG__INIT;
        Prov__ConfigStatus state = PROV__CONFIG_STATUS__INIT;
        Prov__Connected connected = PROV__CONNECTED__INIT;
        Prov__AttemptFailed attempt = PROV__ATTEMPT_FAILED__INIT;

        w.msg = m->op;
        status.status = m->status;
        switch (m->op) {
        case PROV_CONFIG_GET_STATUS:
                w.payload_case = PROV__WIFI_CONFIG__PAYLOAD_CMD_GET_STATUS;
                w.cmd_get_status = &nothing;
                break;
        case PROV_CONFIG_GET_STATUS_RESP:
                w.payload_case = PROV__WIFI_CONFIG__PAYLOAD_RESP_GET_STATUS;
                w.resp_get_status = &state;
                state.status = m->status;
                state.sta_state = m->state.sta_state;
                if (m->state.has_reason) {
                        state.state_case = PROV__CONFIG_STATUS__STATE_FAIL_REASON;
                        state.fail_reason = m->state.reason;
                } else if (m->state.has_attempts) {
                        state.state_case = PROV__CONFIG_STATUS__STATE_ATTEMPT_FAILED;
                        state.attempt_failed = &attempt;
                        attempt.attempts_remaining = m->state.attempts_left;
                } else if (m->state.has_connected) {
                        state.state_case = PROV__CONFIG_STATUS__STATE_CONNECTED;
                        state.connected = &connected;
                        connected.ip4 = (char *)(uintptr_t)m->state.ip4;
                        connected.auth_mode = m->state.auth;
                        connected.ssid = bytes_of(m->state.ssid, m->state.ssid_len);
                        if (m->state.has_bssid)
                                connected.bssid = bytes_of(m->state.bssid, PROV_BSSID_LEN);
                        connected.channel = m->state.channel;
                }
                break;
        case PROV_CONFIG_SET:
                w.payload_case = PROV__WIFI_CONFIG__PAYLOAD_CMD_SET_CONFIG;
                w.cmd_set_config = &set;
                set.ssid = bytes_of(m->set.ssid, m->set.ssid_len);
                set.passphrase = bytes_of(m->set.passphrase, m->set.passphrase_len);
                if (m->set.has_bssid)
                        set.bssid = bytes_of(m->set.bssid, PROV_BSSID_LEN);
                set.channel = m->set.channel;
                break;
        case PROV_CONFIG_SET_RESP:
                w.payload_case = PROV__WIFI_CONFIG__PAYLOAD_RESP_SET_CONFIG;
                w.resp_set_config = &status;
                break;
        case PROV_CONFIG_APPLY:
                break; /* the stock client sends no part here */
        case PROV_CONFIG_APPLY_RESP:
                w.payload_case = PROV__WIFI_CONFIG__PAYLOAD_RESP_APPLY_CONFIG;
                w.resp_apply_config = &status;
                break;
        default:
                return -E_INVAL;
        }
        return pack(&w.base, out, cap);
}

/* Copy a field of bytes; false if it is longer than its limit. */
static bool take(uint8_t *to, size_t *len, size_t max, const ProtobufCBinaryData *from)
{
        *len = from->len > max ? max : from->len;
        if (*len)
                memcpy(to, from->data, *len);
        return from->len <= max;
}

static void decode_set(struct prov_credentials *c, const Prov__SetConfig *s)
{
        size_t n = 0;

        c->too_long = !take(c->ssid, &c->ssid_len, PROV_SSID_MAX, &s->ssid);
        if (!take(c->passphrase, &c->passphrase_len, PROV_PASSPHRASE_MAX, &s->passphrase))
                c->too_long = true;
        if (s->bssid.len &&
            (s->bssid.len != PROV_BSSID_LEN || !take(c->bssid, &n, PROV_BSSID_LEN, &s->bssid)))
                c->too_long = true;
        c->has_bssid = n == PROV_BSSID_LEN;
        c->channel = s->channel;
}

static void decode_state(struct prov_wifi_state *s, const Prov__ConfigStatus *in)
{
        size_t n;

        s->sta_state = in->sta_state;
        switch (in->state_case) {
        case PROV__CONFIG_STATUS__STATE_FAIL_REASON:
                s->has_reason = true;
                s->reason = in->fail_reason;
                break;
        case PROV__CONFIG_STATUS__STATE_ATTEMPT_FAILED:
                s->has_attempts = true;
                s->attempts_left = in->attempt_failed->attempts_remaining;
                break;
        case PROV__CONFIG_STATUS__STATE_CONNECTED:
                s->has_connected = true;
                strf(s->ip4, sizeof s->ip4, "%s", in->connected->ip4);
                s->auth = in->connected->auth_mode;
                take(s->ssid, &s->ssid_len, PROV_SSID_MAX, &in->connected->ssid);
                s->has_bssid = in->connected->bssid.len == PROV_BSSID_LEN &&
                               take(s->bssid, &n, PROV_BSSID_LEN, &in->connected->bssid);
                s->channel = in->connected->channel;
                break;
        default:
                break;
        }
}

int prov_config_decode(struct prov_config_msg *m, const uint8_t *in, size_t n)
{
        Prov__WifiConfig *w = prov__wifi_config__unpack(NULL, n, in);
        int rc = 0;

        memset(m, 0, sizeof *m);
        if (!w)
                return -E_PROTO;
        m->op = w->msg;
        switch (w->msg) {
        case PROV_CONFIG_GET_STATUS:
        case PROV_CONFIG_APPLY:
                break; /* the part is optional */
        case PROV_CONFIG_SET:
                if (w->payload_case == PROV__WIFI_CONFIG__PAYLOAD_CMD_SET_CONFIG)
                        decode_set(&m->set, w->cmd_set_config);
                else
                        rc = -E_PROTO;
                break;
        case PROV_CONFIG_GET_STATUS_RESP:
                if (w->payload_case != PROV__WIFI_CONFIG__PAYLOAD_RESP_GET_STATUS) {
                        rc = -E_PROTO;
                        break;
                }
                m->status = w->resp_get_status->status;
                decode_state(&m->state, w->resp_get_status);
                break;
        case PROV_CONFIG_SET_RESP:
                if (w->payload_case == PROV__WIFI_CONFIG__PAYLOAD_RESP_SET_CONFIG)
                        m->status = w->resp_set_config->status;
                else
                        rc = -E_PROTO;
                break;
        case PROV_CONFIG_APPLY_RESP:
                if (w->payload_case == PROV__WIFI_CONFIG__PAYLOAD_RESP_APPLY_CONFIG)
                        m->status = w->resp_apply_config->status;
                else
                        rc = -E_PROTO;
                break;
        default:
                rc = -E_PROTO;
        }
        prov__wifi_config__free_unpacked(w, NULL);
        return rc;
}

/* --- scan --- */

static long encode_entries(Prov__WifiScan *w, const struct prov_scan_msg *m, uint8_t *out,
                           size_t cap)
{
        Prov__ScanEntries list = PROV__SCAN_ENTRIES__INIT;
        Prov__ScanEntry *entries = calloc(m->count ? m->count : 1, sizeof *entries);
        Prov__ScanEntry **pointers = calloc(m->count ? m->count : 1, sizeof *pointers);
        long n = -E_NOMEM;

        if (entries && pointers) {
                for (uint32_t i = 0; i < m->count; i++) {
                        const struct prov_ap *ap = &m->entries[i];

                        entries[i] = (Prov__ScanEntry)PROV__SCAN_ENTRY__INIT;
                        entries[i].ssid = bytes_of(ap->ssid, ap->ssid_len);
                        entries[i].channel = ap->channel;
                        entries[i].rssi = ap->rssi;
                        entries[i].bssid = bytes_of(ap->bssid, PROV_BSSID_LEN);
                        entries[i].auth = ap->auth;
                        pointers[i] = &entries[i];
                }
                list.n_entries = m->count;
                list.entries = pointers;
                w->payload_case = PROV__WIFI_SCAN__PAYLOAD_RESP_RESULT;
                w->resp_result = &list;
                n = pack(&w->base, out, cap);
                w->resp_result = NULL;
        }
        free(entries);
        free(pointers);
        return n;
}

long prov_scan_encode(const struct prov_scan_msg *m, uint8_t *out, size_t cap)
{
        Prov__WifiScan w = PROV__WIFI_SCAN__INIT;
        Prov__Empty nothing = PROV__EMPTY__INIT;
        Prov__ScanStart start = PROV__SCAN_START__INIT;
        Prov__ScanStatus status = PROV__SCAN_STATUS__INIT;
        Prov__ScanRange range = PROV__SCAN_RANGE__INIT;

        w.msg = m->op;
        w.status = m->status;
        switch (m->op) {
        case PROV_SCAN_START:
                w.payload_case = PROV__WIFI_SCAN__PAYLOAD_CMD_START;
                w.cmd_start = &start;
                start.blocking = m->blocking;
                start.passive = m->passive;
                start.group_channels = m->group_channels;
                start.period_ms = m->period_ms;
                break;
        case PROV_SCAN_START_RESP:
                w.payload_case = PROV__WIFI_SCAN__PAYLOAD_RESP_START;
                w.resp_start = &nothing;
                break;
        case PROV_SCAN_STATUS:
                break; /* no part, as the stock client */
        case PROV_SCAN_STATUS_RESP:
                w.payload_case = PROV__WIFI_SCAN__PAYLOAD_RESP_STATUS;
                w.resp_status = &status;
                status.finished = m->finished;
                status.count = m->count;
                break;
        case PROV_SCAN_RESULT:
                w.payload_case = PROV__WIFI_SCAN__PAYLOAD_CMD_RESULT;
                w.cmd_result = &range;
                range.start = m->start;
                range.count = m->count;
                break;
        case PROV_SCAN_RESULT_RESP:
                return encode_entries(&w, m, out, cap);
        default:
                return -E_INVAL;
        }
        return pack(&w.base, out, cap);
}

static int decode_entries(struct prov_scan_msg *m, const Prov__ScanEntries *list)
{
        size_t n;

        if (list->n_entries > m->entries_cap)
                return -E_NOSPACE;
        m->count = (uint32_t)list->n_entries;
        for (size_t i = 0; i < list->n_entries; i++) {
                const Prov__ScanEntry *in = list->entries[i];
                struct prov_ap *ap = &m->entries[i];

                memset(ap, 0, sizeof *ap);
                if (!take(ap->ssid, &ap->ssid_len, PROV_SSID_MAX, &in->ssid) ||
                    !take(ap->bssid, &n, PROV_BSSID_LEN, &in->bssid))
                        return -E_PROTO;
                ap->channel = in->channel;
                ap->rssi = in->rssi;
                ap->auth = in->auth;
        }
        return 0;
}

static int decode_scan(struct prov_scan_msg *m, const Prov__WifiScan *w)
{
        const int part = (int)w->payload_case;

        m->op = w->msg;
        m->status = w->status;
        switch (w->msg) {
        case PROV_SCAN_START:
                if (part != PROV__WIFI_SCAN__PAYLOAD_CMD_START)
                        return -E_PROTO;
                m->blocking = w->cmd_start->blocking;
                m->passive = w->cmd_start->passive;
                m->group_channels = w->cmd_start->group_channels;
                m->period_ms = w->cmd_start->period_ms;
                return 0;
        case PROV_SCAN_STATUS_RESP:
                if (part != PROV__WIFI_SCAN__PAYLOAD_RESP_STATUS)
                        return -E_PROTO;
                m->finished = w->resp_status->finished;
                m->count = w->resp_status->count;
                return 0;
        case PROV_SCAN_RESULT:
                if (part != PROV__WIFI_SCAN__PAYLOAD_CMD_RESULT)
                        return -E_PROTO;
                m->start = w->cmd_result->start;
                m->count = w->cmd_result->count;
                return 0;
        case PROV_SCAN_RESULT_RESP:
                if (part != PROV__WIFI_SCAN__PAYLOAD_RESP_RESULT)
                        return w->status ? 0 : -E_PROTO;
                return decode_entries(m, w->resp_result);
        case PROV_SCAN_START_RESP:
        case PROV_SCAN_STATUS:
                return 0;
        default:
                return -E_PROTO;
        }
}

int prov_scan_decode(struct prov_scan_msg *m, const uint8_t *in, size_t n)
{
        const struct prov_scan_msg fresh = { .entries = m->entries, .entries_cap = m->entries_cap };
        Prov__WifiScan *w = prov__wifi_scan__unpack(NULL, n, in);
        int rc = -E_PROTO;

        *m = fresh;
        if (w)
                rc = decode_scan(m, w);
        prov__wifi_scan__free_unpacked(w, NULL);
        return rc;
}

/* --- control --- */

long prov_ctrl_encode(const struct prov_ctrl_msg *m, uint8_t *out, size_t cap)
{
        Prov__WifiCtrl w = PROV__WIFI_CTRL__INIT;
        Prov__Empty nothing = PROV__EMPTY__INIT;

        w.msg = m->op;
        w.status = m->status;
        switch (m->op) {
        case PROV_CTRL_RESET:
        case PROV_CTRL_REPROV:
                break; /* no part, as the stock client */
        case PROV_CTRL_RESET_RESP:
                w.payload_case = PROV__WIFI_CTRL__PAYLOAD_RESP_RESET;
                w.resp_reset = &nothing;
                break;
        case PROV_CTRL_REPROV_RESP:
                w.payload_case = PROV__WIFI_CTRL__PAYLOAD_RESP_REPROV;
                w.resp_reprov = &nothing;
                break;
        default:
                return -E_INVAL;
        }
        return pack(&w.base, out, cap);
}

int prov_ctrl_decode(struct prov_ctrl_msg *m, const uint8_t *in, size_t n)
{
        Prov__WifiCtrl *w = prov__wifi_ctrl__unpack(NULL, n, in);
        int rc = 0;

        memset(m, 0, sizeof *m);
        if (!w)
                return -E_PROTO;
        m->op = w->msg;
        m->status = w->status;
        if (w->msg < PROV_CTRL_RESET || w->msg > PROV_CTRL_REPROV_RESP)
                rc = -E_PROTO;
        prov__wifi_ctrl__free_unpacked(w, NULL);
        return rc;
}
