/* The memory maps behind the rows of chips.c. */
#ifndef HOST_CHIPS_MAP_H
#define HOST_CHIPS_MAP_H

#include "host/chips.h"

extern const struct chip_region chip_map_esp8266[];
extern const struct chip_region chip_map_esp32[];
extern const struct chip_region chip_map_esp32s2[];
extern const struct chip_region chip_map_esp32s3[];
extern const struct chip_region chip_map_esp32c2[];
extern const struct chip_region chip_map_esp32c3[];
extern const struct chip_region chip_map_esp32c5[];
extern const struct chip_region chip_map_esp32c6[];
extern const struct chip_region chip_map_esp32h2[];
extern const struct chip_region chip_map_esp32p4[];

#endif
