/* How provisioning messages reach a device: one table of operations, several transports. */
#ifndef HOST_PROV_LINK_H
#define HOST_PROV_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct prov_link;

struct prov_link_ops {
        /*
         * Send in (n > 0 bytes) to an endpoint, wait for the answer. Returns its length, or:
         * -E_REFUSED   the device closed without an answer (so it says no to a wrong proof)
         * -E_NOTFOUND  no such endpoint
         * -E_TIMEOUT, -E_LINK (gone, cannot be reached), -E_NOSPACE (answer longer than cap),
         * -E_PROTO
         */
        long (*request)(struct prov_link *l, const char *endpoint, const uint8_t *in, size_t n,
                        uint8_t *out, size_t cap, struct diag *d);
        /*
         * Begin anew with the device: forget cookies, reconnect; after -E_LINK also try to bring
         * the way to it back. 0 or as request(): -E_LINK is worth another try while `patient`.
         */
        int (*restart)(struct prov_link *l, struct diag *d);
        void (*close)(struct prov_link *l);
};

/* What every transport's object begins with. */
struct prov_link {
        const struct prov_link_ops *ops;
        unsigned requests; /* sent so far */
        bool patient;      /* the device was there a moment ago: after -E_LINK it may come back */
};

struct prov_http_config {
        const char *host; /* "192.168.4.1" or "HOST:PORT"; copied */
        const char *
                interface; /* bind to this network interface (SO_BINDTODEVICE); NULL: any; copied */
        unsigned timeout_ms; /* of one request; 0: 20 s (a scan of all channels takes some) */
        bool joined;         /* this computer was brought into the device's network: it is there */
        /*
         * The device that was there cannot be reached, for the tries'th time since its last answer,
         * and is going to be asked again: bring the way to it back, say so. 0 or -E_XXX (-E_LINK:
         * not yet). NULL: nothing can be done. lost_ctx is borrowed for the link's life.
         */
        int (*lost)(void *lost_ctx, unsigned tries, struct diag *d);
        void *lost_ctx;
};

/* The HTTP transport (SoftAP and others). *out is returned: close with prov_link_close. */
int prov_http_open(const struct prov_http_config *cfg, struct prov_link **out, struct diag *d);

struct prov_ble_config {
        const char *adapter; /* "hci0"; NULL: the first that can do LE; copied */
        const char *service; /* the device's name, or the UUID of its service as text; copied */
        unsigned scan_ms;    /* for finding it; 0: 15 s */
        unsigned timeout_ms; /* of one request; 0: 20 s */
};

/*
 * The BLE transport: finds the device, connects, finds the endpoints. *out is returned. -E_TIMEOUT:
 * nothing of that name or service is in the air; -E_NOTFOUND: it is no device in provisioning, or
 * there is no such adapter; else as ble_open and ble_connect.
 */
int prov_ble_open(const struct prov_ble_config *cfg, struct prov_link **out, struct diag *d);

/*
 * The serial console: port is any name of link_open, baud 0: 115200, timeout_ms of one request, 0:
 * 5 s, and 20 s while it scans. *out is returned. A console
 * that answered before and then is silent says no: -E_REFUSED; one that is silent upon a line longer
 * than ESP-IDF's takes (security 2): -E_RANGE.
 */
int prov_console_open(const char *port, unsigned baud, unsigned timeout_ms, struct prov_link **out,
                      struct diag *d);

static inline void prov_link_close(struct prov_link *l)
{
        if (l)
                l->ops->close(l);
}

#endif
