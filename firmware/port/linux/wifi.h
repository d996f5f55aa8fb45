/*
 * Wi-Fi of the port: port.h's station and what provisioning needs, on one of two backends. The
 * variable BOARD_WIFI of the environment chooses:
 *
 *   host, or not set   the machine's network stands for the access point; a list of networks
 * decides whether a join succeeds (BOARD_AIR: a file, a network a line: SSID, tab, passphrase;
 * none: open) wpa:STA[,AP]       a real interface STA, through wpa_supplicant's control socket
 *                      /run/wpa_supplicant/STA, and AP for the SoftAP, through hostapd's
 *                      /run/hostapd/AP; both interfaces belong to the port alone. Addresses are
 *                      others' business: a DHCP client on STA, 192.168.4.1/24 and a DHCP server on
 * AP.
 */
#ifndef PORT_LINUX_WIFI_H
#define PORT_LINUX_WIFI_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/port.h"
#include "wire/prov_msg.h"

#define WIFI_SSID_MAX    33u /* bytes with the NUL */
#define WIFI_PASS_MAX    65u
#define WIFI_ADDRESS_MAX 16u

struct wifi_network {
        char ssid[WIFI_SSID_MAX], passphrase[WIFI_PASS_MAX];
        uint8_t bssid[6]; /* this access point only, if has_bssid */
        bool has_bssid;
        int channel; /* looked for there only; 0: everywhere. Both are not stored. */
};

/* Who hears how an attempt ended: 0, or an enum port_wifi_reason; after 0 PORT_WIFI_LOST may come.
 */
typedef void wifi_listener(int reason);

/* What one of them does. Nothing blocks for longer than a command on a control socket. */
struct wifi_backend {
        /* spec: what BOARD_WIFI says behind the colon, or "". Called once, before all others. */
        int (*open)(const char *spec);
        /* One attempt, whose end is told within a minute. n is borrowed during the call. */
        int (*join)(const struct wifi_network *n, wifi_listener *tell);
        void (*leave)(void);
        /* Of the network that is joined: address, access point, channel, authentication. */
        void (*state)(struct prov_wifi_state *s);
        int (*rssi)(void);
        /* Networks in the air: a scan begins; it is over; the i-th network of the last one. */
        int (*scan)(void);
        bool (*scanned)(void);
        bool (*network)(uint32_t i, struct prov_ap *ap);
        /* The SoftAP; key NULL: open. where: "ADDRESS:PORT" for the server. */
        int (*ap_start)(const char *ssid, const char *key, const char **where);
        void (*ap_stop)(void);
};

extern const struct wifi_backend wifi_air, wifi_wpa;

/* The chosen one, opened. NULL: it is not to be had (it is logged why). */
const struct wifi_backend *wifi_backend(void);

/* An attempt that listener hears of instead of the app; of the backend's errors also -E_LINK: none.
 */
int wifi_join(const struct wifi_network *n, wifi_listener *listener);

/* What listener has joined is the app's network from now on. */
void wifi_take_over(void);

/* Keeps credentials that have worked (PORT_NVS). */
int wifi_store(const struct wifi_network *n);

#endif
