/*
 * The device's side of unified provisioning as one machine: endpoints in, answers out. The
 * transport (HTTP, BLE, console) carries bytes and says when a session begins and ends; the
 * platform behind struct prov_device_ops scans and joins. No I/O, no clock.
 *
 * Source: ESP-IDF v5.5 protocomm, wifi_provisioning; network_provisioning 1.2 (reset, five wrong
 * proofs).
 */
#ifndef WIRE_PROV_DEVICE_H
#define WIRE_PROV_DEVICE_H

#include "wire/prov_msg.h"
#include "wire/prov_sec.h"

#define PROV_WRONG_PROOFS_MAX 5u  /* then provisioning is closed until the device restarts */
#define PROV_SCAN_ENTRIES_MAX 16u /* in one answer */

/*
 * What the platform does. int results are 0 or an enum prov_status (positive) that goes into the
 * answer. Pointers are borrowed during the call.
 */
struct prov_device_ops {
        int (*set_config)(void *ctx, const struct prov_credentials *c);
        int (*apply)(void *ctx); /* connect with what was set; must return at once */
        void (*state)(void *ctx, struct prov_wifi_state *out);
        int (*scan_start)(void *ctx, bool passive, uint32_t group_channels, uint32_t period_ms);
        void (*scan_status)(void *ctx, bool *finished, uint32_t *count);
        int (*scan_entry)(void *ctx, uint32_t index, struct prov_ap *out);
        int (*reset)(void *ctx);  /* after a failure: back to waiting for credentials */
        int (*reprov)(void *ctx); /* from any state */
        /* An application's endpoint: the length of the answer, or -E_NOTFOUND if there is none of
         * that name. */
        long (*custom)(void *ctx, const char *endpoint, const uint8_t *in, size_t n, uint8_t *out,
                       size_t cap);
};

struct prov_device_config {
        struct prov_server_config sec;
        const char *app_ver;               /* NULL: no application object in proto-ver */
        const char *app_cap;               /* its one capability, or NULL */
        const struct prov_device_ops *ops; /* borrowed for the device's life, like all of this */
        void *ctx;
};

struct prov_device {
        unsigned wrong_proofs; /* read-only: since init */
        bool locked;           /* read-only: PROV_WRONG_PROOFS_MAX reached */
        uint32_t session;      /* read-only: number of the one that runs */
        /* private: */
        struct prov_device_config cfg;
        struct prov_server_sec sec;
        uint8_t plain[PROV_MESSAGE_MAX];
        uint8_t answer[PROV_MESSAGE_MAX];
};

/* -E_INVAL: what the security needs is missing, or ops is. */
int prov_device_init(struct prov_device *d, const struct prov_device_config *cfg);

/*
 * The transport sees a new client, or the old one is gone: whatever session there was is wiped.
 * Returns the number of the new one. Several transports may serve one device: a transport whose
 * number is not d->session any more has lost its session to another, and hands no request on.
 */
uint32_t prov_device_new_session(struct prov_device *d);

/*
 * A message to an endpoint ("prov-config"). Returns the length of the answer (it may be 0), or:
 * -E_NOTFOUND no such endpoint (HTTP 404); -E_REFUSED locked; any other failure: the transport
 * closes without an answer, as the originals do.
 */
long prov_device_request(struct prov_device *d, const char *endpoint, const uint8_t *in, size_t n,
                         uint8_t *out, size_t cap);

/* Wipe everything. */
void prov_device_free(struct prov_device *d);

#endif
