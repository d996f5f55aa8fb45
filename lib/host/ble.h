/*
 * Bluetooth LE through the Linux kernel: controllers and advertisements by its management
 * interface (so it works with Bluetooth 4 and 5 controllers and beside bluetoothd), attribute PDUs
 * over an L2CAP socket. Management needs CAP_NET_ADMIN; connecting to a known address needs
 * nothing.
 */
#ifndef HOST_BLE_H
#define HOST_BLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "wire/ble_ad.h"

struct ble; /* opaque: a controller in use */

struct ble_found {
        uint8_t address[6];   /* little-endian */
        uint8_t address_type; /* 1: public, 2: random */
        int8_t rssi;          /* dBm; 127: not known */
        struct ble_ad ad;
};

/*
 * Take a controller: adapter is "hci0", or NULL for the first that can do LE (one that is switched
 * on is preferred). It is switched on, and LE on it, if need be; ble_close switches it off again
 * then. *out is returned: close with ble_close. -E_NOTFOUND: no such controller; -E_PERM;
 * -E_UNSUPPORTED: this kernel has no Bluetooth, or the controller no LE.
 */
int ble_open(const char *adapter, struct ble **out, struct diag *d);
void ble_close(struct ble *b);             /* NULL is fine; ends advertising */
const char *ble_name(const struct ble *b); /* "hci0"; borrowed */

/*
 * Scan actively for timeout_ms. found is called with all that is known of a device each time when
 * something was added (name, services); it returns true to stop. Returns 1 if it stopped, 0 when
 * the time is up, or -E_XXX.
 */
int ble_scan(struct ble *b, unsigned timeout_ms,
             bool (*found)(void *ctx, const struct ble_found *f), void *ctx, struct diag *d);

/* An ATT channel to a device: a socket of whole PDUs. Returns the descriptor, -E_TIMEOUT (also what
 * a wrong type of address comes to), -E_LINK. */
int ble_connect(struct ble *b, const struct ble_found *f, unsigned timeout_ms, struct diag *d);

/* Advertise, connectable: one service in the advertisement, the name in the scan response. It goes
 * on after a client has left, until ble_close. */
int ble_advertise(struct ble *b, const char *name, const uint8_t *service, struct diag *d);

/* A socket that accepts ATT channels to this controller. Returns the descriptor. */
int ble_listen(struct ble *b, struct diag *d);

/* "02:11:22:33:44:55" of a little-endian address; text holds 18 bytes. */
void ble_address_text(const uint8_t *address, char *text);

#endif
