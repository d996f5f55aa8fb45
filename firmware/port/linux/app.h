/* The three calls behind which an application stands: port/linux's main loop calls them as outlet.h
 * describes. */
#ifndef PORT_LINUX_APP_H
#define PORT_LINUX_APP_H

#include <stdint.h>

#include "firmware/core/port.h"

/* now: milliseconds of a clock that never goes back. */
void app_start(uint64_t now);
void app_event(const struct port_event *ev, uint64_t now);
uint64_t app_tick(uint64_t now); /* when it wants to be called again */

#endif
