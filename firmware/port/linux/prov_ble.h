/* Provisioning over BLE, the device's end: a controller of this computer advertises and carries,
 * struct prov_device answers. */
#ifndef PORT_LINUX_PROV_BLE_H
#define PORT_LINUX_PROV_BLE_H

#include <stdint.h>

#include "base/diag.h"
#include "wire/prov_device.h"

struct prov_ble;

struct prov_ble_setup {
        const char *adapter;       /* "hci0"; NULL: the first */
        const char *name;          /* at most 29 bytes */
        const uint8_t *service;    /* 16 bytes, little-endian; NULL: the manager's default */
        const char *const *custom; /* the application's endpoints, NULL-terminated; may be NULL */
        uint16_t mtu;              /* 0: 256, what ESP-IDF prefers */
};

/*
 * Advertise and accept. device and what setup points to are borrowed until stop; *out is returned.
 * One client at a time; its session ends with the link, then advertising goes on. Errors of
 * ble_open, and -E_NOSPACE (too many endpoints), -E_RANGE (name too long).
 */
int prov_ble_start(struct prov_device *device, const struct prov_ble_setup *setup,
                   struct prov_ble **out, struct diag *d);

/* For an event loop: poll the descriptor for input, then run. Never blocks. */
int prov_ble_fd(const struct prov_ble *b);
void prov_ble_run(struct prov_ble *b);

void prov_ble_stop(struct prov_ble *b); /* NULL is fine */

#endif
