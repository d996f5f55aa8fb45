/* What the main program asks of MQTT beside port.h. */
#ifndef PORT_ESP_MQTT_H
#define PORT_ESP_MQTT_H

/* Waits until the connections that were ended are gone, ms at most: before a restart, so that the
 * broker has heard the farewell. */
void mqtt_settle(unsigned ms);

#endif
