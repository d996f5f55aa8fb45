/* What the board's ROM executes: the program of a verified image, unpacked if it is packed. */
#ifndef BOARD_PROGRAM_H
#define BOARD_PROGRAM_H

#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/espimg.h"

#define PROGRAM_MAX (1u << 20) /* bytes that a packed one may become */

/*
 * As payload_open(), of a packed program too. -E_FORMAT: its stream is damaged or not of the length
 * that it says.
 */
int program_open(const struct flash *f, uint32_t offset, const struct espimg *img, struct diag *d);

#endif
