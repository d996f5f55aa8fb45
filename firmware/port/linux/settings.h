/* What a build decides and firmware/pack puts into the finished program. */
#ifndef PORT_LINUX_SETTINGS_H
#define PORT_LINUX_SETTINGS_H

#include <stdint.h>

#include "host/payload.h"

/* Copied: what the program was packed with; nothing of it if it was not said. */
void settings_get(struct payload_settings *s);

#endif
