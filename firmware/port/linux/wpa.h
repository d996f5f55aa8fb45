/* The two halves of the `wpa` backend: station (wpa.c) and access point (wpa_ap.c). */
#ifndef PORT_LINUX_WPA_H
#define PORT_LINUX_WPA_H

#include "host/wpa_ctrl.h"

/* hostapd's socket of this interface; from now on the access point is silent until it is started.
 */
int wpa_ap_open(const char *interface);
int wpa_ap_start(const char *ssid, const char *key, const char **where);
void wpa_ap_stop(void);

#endif
