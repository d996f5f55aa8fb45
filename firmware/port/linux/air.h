/*
 * The `host` Wi-Fi backend: the machine's network stands for the access point, a list of known
 * networks decides whether a join succeeds. The list is the file named by BOARD_AIR in the
 * environment: a network a line, SSID, tab, passphrase (none: open).
 */
#ifndef PORT_LINUX_AIR_H
#define PORT_LINUX_AIR_H

#include <stdbool.h>

#include "firmware/core/port.h"

#define AIR_SSID_MAX 33u /* bytes with the NUL */
#define AIR_PASS_MAX 65u
#define AIR_ADDRESS  "127.0.0.1" /* of the station, once it has joined */

struct air_network {
        char ssid[AIR_SSID_MAX], passphrase[AIR_PASS_MAX];
};

/* The i-th network of the list; false behind the last one. Wipe it after use. */
bool air_network(unsigned i, struct air_network *n);

/* 0 if the network is there and the passphrase right, else PORT_WIFI_NOT_FOUND or _WRONG_KEY. */
int air_join(const char *ssid, const char *passphrase);

/* Keeps credentials that have worked (PORT_NVS). */
int air_store(const struct air_network *n);

#endif
