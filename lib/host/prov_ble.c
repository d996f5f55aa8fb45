/* Provisioning over BLE: the service of wire/prov_gatt.h on a channel of host/ble.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/ble.h"
#include "host/prov_link.h"
#include "wire/prov_gatt.h"

#define SCAN_MS_DEFAULT    15000u
#define TIMEOUT_MS_DEFAULT 20000u
#define CONNECT_MS         10000u
#define RECONNECT_MS       5000u /* a device that is still there advertises again at once */
#define CONNECT_TRIES      2     /* the first packets of a connection get lost now and then */
/*
 * The kernel keeps a link for two seconds after its last channel was closed. A channel that is
 * opened in that time gets the old link, which is dead if the device is; kernel 6.1 then even
 * crashes when that channel is closed (hci_chan_del of a freed link).
 */
#define LINGER_MS 2600u

struct ble_link {
        struct prov_link base;
        struct ble *ble;
        char *service;
        uint8_t uuid[PROV_GATT_UUID_LEN];
        bool by_uuid;
        struct ble_found device;
        struct prov_gatt_client gatt;
        int fd;             /* -1: not connected */
        uint64_t closed_at; /* 0: there was no link yet */
        unsigned timeout_ms;
};

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void disconnect(struct ble_link *l)
{
        if (l->fd >= 0) {
                close(l->fd);
                l->closed_at = now_ms();
        }
        l->fd = -1;
}

static void let_linger(const struct ble_link *l)
{
        const uint64_t now = now_ms();

        if (l->closed_at && now < l->closed_at + LINGER_MS)
                poll(NULL, 0, (int)(l->closed_at + LINGER_MS - now));
}

/* Gone in the middle: an ATT transaction that was not answered makes the channel useless. */
static int lost(struct ble_link *l, int code, struct diag *d)
{
        disconnect(l);
        if (code == E_TIMEOUT)
                return diag_set(d, E_TIMEOUT, "%s: no answer in %u s", l->service,
                                l->timeout_ms / 1000);
        return diag_set(d, code, "%s: the device closed the link without an answer", l->service);
}

/* Carry PDUs until the machine's operation is over. */
static int drive(struct ble_link *l, int code_if_gone, struct diag *d)
{
        const uint64_t end = now_ms() + l->timeout_ms;
        uint8_t pdu[ATT_MTU_MAX];
        int rc = ATT_MORE;

        while (rc == ATT_MORE) {
                struct pollfd p = { .fd = l->fd, .events = POLLIN };
                const uint64_t now = now_ms();
                long n;
                ssize_t got;

                while ((n = prov_gatt_next(&l->gatt, pdu, sizeof pdu)) > 0)
                        if (send(l->fd, pdu, (size_t)n, MSG_NOSIGNAL) < 0)
                                return lost(l, code_if_gone, d);
                if (now >= end || poll(&p, 1, (int)(end - now)) == 0)
                        return lost(l, E_TIMEOUT, d);
                got = recv(l->fd, pdu, sizeof pdu, 0);
                if (got < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (got <= 0)
                        return lost(l, code_if_gone, d);
                rc = prov_gatt_take(&l->gatt, pdu, (size_t)got);
        }
        return rc;
}

static int join(struct ble_link *l, struct diag *d)
{
        struct diag last = { 0 };
        int rc;

        /* a device that was lost advertises again, or not */
        for (int i = l->closed_at ? 1 : 0; l->fd < 0 && i < CONNECT_TRIES; i++) {
                memset(&last, 0, sizeof last);
                let_linger(l);
                l->fd = ble_connect(l->ble, &l->device, l->closed_at ? RECONNECT_MS : CONNECT_MS,
                                    &last);
        }
        if (l->fd < 0) {
                if (d && !d->code)
                        *d = last;
                return -last.code;
        }
        prov_gatt_init(&l->gatt, ATT_MTU_MAX);
        rc = drive(l, E_LINK, d);
        if (rc == ATT_DONE)
                return 0;
        disconnect(l);
        if (rc == -E_NOTFOUND)
                return diag_set(d, E_NOTFOUND,
                                "%s offers no provisioning; is it provisioned already?",
                                l->service);
        return diag_set(d, -rc, "%s: its services cannot be read: %s", l->service,
                        rc == -E_REFUSED ? att_error_text(l->gatt.att.error) : err_text(rc));
}

static long ble_request(struct prov_link *base, const char *endpoint, const uint8_t *in, size_t n,
                        uint8_t *out, size_t cap, struct diag *d)
{
        struct ble_link *l = (struct ble_link *)base;
        int rc;

        if (l->fd < 0 && (rc = join(l, d)) < 0)
                return rc;
        rc = prov_gatt_request(&l->gatt, endpoint, in, n, out, cap);
        if (rc == -E_NOTFOUND)
                return diag_set(d, E_NOTFOUND, "%s: the device has no endpoint %s", l->service,
                                endpoint);
        if (rc < 0)
                return diag_set(d, -rc, "%s: a message over BLE has at most %u bytes, not %zu",
                                endpoint, ATT_VALUE_MAX, n);
        base->requests++;
        rc = drive(l, E_REFUSED, d);
        if (rc == ATT_DONE)
                return (long)l->gatt.att.len;
        if (rc == -E_REFUSED)
                return diag_set(d, E_REFUSED, "%s: %s", endpoint,
                                att_error_text(l->gatt.att.error));
        return diag_set(d, -rc, "%s: the device's answer: %s", endpoint, err_text(rc));
}

/* A handshake begins anew on the same link; only one that is gone is made again. */
static int ble_restart(struct prov_link *base, struct diag *d)
{
        struct ble_link *l = (struct ble_link *)base;

        return l->fd < 0 ? join(l, d) : 0;
}

static void ble_link_close(struct prov_link *base)
{
        struct ble_link *l = (struct ble_link *)base;

        disconnect(l);
        ble_close(l->ble);
        free(l->service);
        free(l);
}

static const struct prov_link_ops ble_ops = { ble_request, ble_restart, ble_link_close };

/* "021a9004-0382-4aea-bff4-6b3f1c5adfb4": most significant byte first, the other way round on air.
 */
static bool uuid_parse(const char *text, uint8_t *uuid)
{
        static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
        char hex[33];
        size_t k = 0;

        if (strlen(text) != sizeof form - 1)
                return false;
        for (size_t i = 0; i < sizeof form - 1; i++) {
                if ((form[i] == '-') != (text[i] == '-'))
                        return false;
                if (text[i] != '-')
                        hex[k++] = text[i];
        }
        if (hex_decode(hex, k, uuid, PROV_GATT_UUID_LEN, NULL) != PROV_GATT_UUID_LEN)
                return false;
        for (size_t i = 0; i < PROV_GATT_UUID_LEN / 2; i++) {
                const uint8_t t = uuid[i];

                uuid[i] = uuid[PROV_GATT_UUID_LEN - 1 - i];
                uuid[PROV_GATT_UUID_LEN - 1 - i] = t;
        }
        return true;
}

static bool is_it(void *ctx, const struct ble_found *f)
{
        struct ble_link *l = ctx;
        bool same = !l->by_uuid && !strcmp(f->ad.name, l->service);

        for (size_t i = 0; l->by_uuid && i < f->ad.uuid_count; i++)
                same |= !memcmp(f->ad.uuids[i], l->uuid, PROV_GATT_UUID_LEN);
        if (same)
                l->device = *f;
        return same;
}

int prov_ble_open(const struct prov_ble_config *cfg, struct prov_link **out, struct diag *d)
{
        const unsigned scan_ms = cfg->scan_ms ? cfg->scan_ms : SCAN_MS_DEFAULT;
        struct ble_link *l = calloc(1, sizeof *l);
        int rc = -E_NOMEM;

        *out = NULL;
        if (!l)
                return diag_set(d, E_NOMEM, "out of memory");
        l->base.ops = &ble_ops;
        l->fd = -1;
        l->timeout_ms = cfg->timeout_ms ? cfg->timeout_ms : TIMEOUT_MS_DEFAULT;
        l->service = strdup(cfg->service);
        if (!l->service) {
                diag_set(d, E_NOMEM, "out of memory");
                goto failed;
        }
        l->by_uuid = uuid_parse(cfg->service, l->uuid);
        if ((rc = ble_open(cfg->adapter, &l->ble, d)) < 0)
                goto failed;
        rc = ble_scan(l->ble, scan_ms, is_it, l, d);
        if (rc == 0)
                rc = diag_set(d, E_TIMEOUT,
                              "%s is not in the air (looked for %u s with %s); provcli scan says "
                              "what is",
                              l->service, scan_ms / 1000, ble_name(l->ble));
        if (rc < 0 || (rc = join(l, d)) < 0)
                goto failed;
        *out = &l->base;
        return 0;
failed:
        ble_link_close(&l->base);
        return rc;
}
