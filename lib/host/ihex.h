/* Intel HEX files: data at 32-bit addresses as lines of text. Source: Intel, "Hexadecimal Object
 * File Format Specification", revision A. */
#ifndef HOST_IHEX_H
#define HOST_IHEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/file.h"

/* Does the text begin as a HEX file does? */
bool ihex_looks_like(const uint8_t *p, size_t n);

/*
 * Read a file into one block from its lowest to its highest address, gaps filled with 0xff.
 * Returned: free with blob_free. *base is the lowest address. Errors, with the line: -E_SYNTAX,
 * -E_CRC, -E_TRUNC (no end record), -E_NOSPACE (more than 256 MB from end to end), -E_EXISTS (a
 * byte given twice).
 */
int ihex_read(const char *text, size_t n, struct blob *out, uint32_t *base, struct diag *d);

/*
 * Write pieces that rise in address and do not overlap. Lines hold 16 bytes and end at multiples of
 * 16; an address record (type 04) stands before the first line and at each new 64 KiB, but none at
 * all if everything lies below 64 KiB: as Python's intelhex, which esptool uses, writes them.
 */
struct ihex_piece {
        uint32_t addr;
        const uint8_t *data;
        size_t len;
};
int ihex_write(const struct ihex_piece *pieces, size_t n, struct blob *out, struct diag *d);

#endif
