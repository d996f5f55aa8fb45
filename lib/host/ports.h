/* Serial ports that are plugged in, from udev. */
#ifndef HOST_PORTS_H
#define HOST_PORTS_H

#include <stddef.h>

#include "base/diag.h"

struct port_info {
        char path[64];     /* /dev/ttyUSB0 */
        char by_path[192]; /* /dev/serial/by-path/…: stays with the socket it is plugged into; may
                              be empty */
        char vendor[8], product[8]; /* hexadecimal ids of USB devices; may be empty */
        char serial[64];
        char model[128];
};

/* USB serial ports, sorted by path. *n: how many are there; at most cap are filled in. */
int ports_list(struct port_info *out, size_t cap, size_t *n, struct diag *d);

#endif
