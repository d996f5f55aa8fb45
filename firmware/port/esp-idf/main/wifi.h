/* The station under port.h, for what else of the port needs the radio. App task only, but for
 * wifi_radio_on(). */
#ifndef PORT_ESP_WIFI_H
#define PORT_ESP_WIFI_H

#include <stdbool.h>

#include "firmware/core/port.h"

/* The driver is there after this; again is allowed. -E_XXX: it cannot be had. */
int wifi_start(void);
bool wifi_radio_on(void);

/* While provisioning has the station, it joins and this only watches; the driver may hold
 * credentials in flash that have never worked. */
int wifi_lend(void);
/* These credentials have worked: from now on port_wifi_stored(). */
int wifi_proven(void);
/* Ends that. The address where the station is up (its events are port.h's again), else NULL.
 * Borrowed until the next call. */
const char *wifi_take_back(void);

/* Why the station failed last. */
enum port_wifi_reason wifi_why(void);

#endif
