/* Between the efuse_*.c files: what the chips after the ESP32 share. */
#ifndef FMT_EFUSE_TABLES_H
#define FMT_EFUSE_TABLES_H

#include "fmt/efuse.h"

extern const struct efuse_block efuse_blocks_rs[EFUSE_BLOCKS];

/* ESP32-C3 and -C6; -S2 and -S3 (with XTS-AES-256); -H2 (with ECDSA). */
enum { EFUSE_PURPOSES_128 = 10, EFUSE_PURPOSES_256 = 12, EFUSE_PURPOSES_H2 = 11 };
extern const struct efuse_purpose efuse_purposes_128[EFUSE_PURPOSES_128];
extern const struct efuse_purpose efuse_purposes_256[EFUSE_PURPOSES_256];
extern const struct efuse_purpose efuse_purposes_h2[EFUSE_PURPOSES_H2];

#endif
