/*
 * What wpa_supplicant and hostapd say on their control sockets: events, STATUS, SCAN_RESULTS. Text
 * in, values out; the text comes from the air in part, so it may hold anything.
 *
 * Source: wpa_supplicant 2.10, wpa_ctrl.h, ctrl_iface.c, printf_encode of utils/common.c.
 */
#ifndef WIRE_WPA_MSG_H
#define WIRE_WPA_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WPA_SSID_MAX 32u /* bytes */

enum wpa_event {
        WPA_EV_OTHER,
        WPA_EV_CONNECTED,
        WPA_EV_DISCONNECTED,
        WPA_EV_SCANNED,     /* results are there */
        WPA_EV_SCAN_FAILED, /* busy, or the driver does not */
        WPA_EV_NOT_FOUND,   /* none of the enabled networks is in the air */
        WPA_EV_WRONG_KEY,   /* the access point does not accept the passphrase */
        WPA_EV_REJECTED,    /* it refuses for another reason */
        WPA_EV_TERMINATING, /* the daemon ends */
};

/* An event with or without its priority "<3>". */
enum wpa_event wpa_event_of(const char *text);

/* The value of "name=…" on a line of its own: its length, or -E_NOTFOUND, -E_NOSPACE (longer than
 * cap - 1). out gets a NUL. */
int wpa_value(const char *text, const char *name, char *out, size_t cap);

struct wpa_bss {
        uint8_t ssid[WPA_SSID_MAX];
        size_t ssid_len; /* 0: hidden */
        uint8_t bssid[6];
        uint32_t channel; /* 0: of no band that is known here */
        int32_t rssi;     /* dBm */
        uint32_t auth;    /* as WifiAuthMode of unified provisioning */
};

/* A line of SCAN_RESULTS (without its end). -E_SYNTAX: it is none (the heading, for one). */
int wpa_bss_parse(const char *line, size_t n, struct wpa_bss *b);

/* Channel of a frequency in MHz, 0: unknown; and back, of the 2.4 GHz band. */
uint32_t wpa_channel(uint32_t mhz);
uint32_t wpa_frequency(uint32_t channel);

/* key_mgmt of STATUS as WifiAuthMode. */
uint32_t wpa_auth(const char *key_mgmt);

#endif
