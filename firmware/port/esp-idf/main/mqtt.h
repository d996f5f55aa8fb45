/* MQTT beside port.h: what the main program asks of it, and what one SDK wants otherwise. */
#ifndef PORT_ESP_MQTT_H
#define PORT_ESP_MQTT_H

#include <mqtt_client.h>

#include "firmware/core/port.h"

/* Waits until the connections that were ended are gone, ms at most: before a restart, so that the
 * broker has heard the farewell. */
void mqtt_settle(unsigned ms);

/* A client that makes one attempt. What m points to, and alpn (NULL-terminated; NULL: none), are
 * borrowed as long as it lives. NULL: out of memory. */
esp_mqtt_client_handle_t mqtt_client_new(const struct port_mqtt *m, const char **alpn);

#endif
