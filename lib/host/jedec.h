/* JEDEC ids of SPI flash chips. Sources: JEDEC JEP106, makers' data sheets; capacity codes as
 * esptool 4.8.1 reads them. */
#ifndef HOST_JEDEC_H
#define HOST_JEDEC_H

#include <stdint.h>

/* id as loader_flash_id gives it: manufacturer in the low byte, memory type, capacity code. */

/* Bytes, or 0 if the code is not known. */
uint64_t jedec_size(uint32_t id);

/* Who made it; "unknown" if not known. Never NULL. */
const char *jedec_maker(uint32_t id);

#endif
