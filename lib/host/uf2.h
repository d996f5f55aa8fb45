/* UF2 files: blocks of 512 bytes that a USB bridge writes to flash. Source:
 * github.com/microsoft/uf2, README; MD5 part as in esptool 4.8.1. */
#ifndef HOST_UF2_H
#define HOST_UF2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/file.h"

#define UF2_BLOCK     512u
#define UF2_DATA      476u /* room for data */
#define UF2_MD5_PART  24u  /* address, length, MD5 behind the data */
#define UF2_CHUNK_MIN 4u

/*
 * Append the blocks of one file that goes to addr. chunk: data bytes a block, a multiple of 4, at
 * most UF2_DATA less UF2_MD5_PART with md5. Block numbers count from 0 in each file. Errors:
 * -E_RANGE, -E_NOMEM.
 */
int uf2_append(struct blob *out, uint32_t family, uint32_t addr, const uint8_t *data, size_t len,
               size_t chunk, bool md5, struct diag *d);

#endif
