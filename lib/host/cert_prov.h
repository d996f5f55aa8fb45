/*
 * What a device needs for unified provisioning, security 1 and 2: a proof of possession, an SRP-6a
 * salt and verifier made from it, the service name, and the payload of the QR code on its label.
 */
#ifndef HOST_CERT_PROV_H
#define HOST_CERT_PROV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "crypt/srp.h"
#include "host/file.h"

#define PROV_POP_MIN 8u
#define PROV_POP_MAX 63u
#define PROV_SERVICE_MAX \
        29u /* a BLE name beside the scan response's header; a SoftAP's SSID may have 32 */
#define PROV_USER "wifiprov"

struct prov_config {
        const char *
                service; /* template with {cn}; NULL: "PROV_" and the last 6 characters of the CN */
        const char *transport; /* "ble" or "softap"; NULL: "ble" */
        const char *user;      /* of security 2; NULL: PROV_USER */
        bool user_in_qr;       /* security 2: the payload names the user */
        size_t pop_len;        /* characters; 0: PROV_POP_MIN */
        bool qr_text, qr_png, qr_svg;
};

struct prov {
        char pop[PROV_POP_MAX + 1];
        char service[PROV_SERVICE_MAX + 1];
        char payload[256];
        uint8_t salt[SRP_SALT_LEN];
        uint8_t verifier[SRP_LEN];
};

/* Refuse a configuration that no device can have. -E_SYNTAX, -E_RANGE. */
int prov_check(const struct prov_config *cfg, struct diag *d);

/*
 * The provisioning data of cn in folder/STEM.prov, made when it is not there and the same from then
 * on; then the QR files beside it, as cfg asks. All files are secret. p is the caller's to wipe().
 */
int prov_load_or_make(const struct prov_config *cfg, const char *cn, const char *stem_path,
                      struct prov *p, struct diag *d);

/*
 * Only read folder/STEM.prov: what it says of the service name holds, not cfg's; the payload is
 * made as cfg asks. -E_NOTFOUND: there is none; -E_FORMAT. p is the caller's to wipe().
 */
int prov_load(const struct prov_config *cfg, const char *stem_path, struct prov *p, struct diag *d);

#endif
