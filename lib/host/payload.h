/*
 * A Linux program in an ESP image: what the virtual board runs. One segment holds the application's
 * or bootloader's descriptor and, right behind it, the ELF file.
 */
#ifndef HOST_PAYLOAD_H
#define HOST_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/espimg.h"
#include "host/file.h"

struct payload {
        uint16_t chip_id;
        bool bootloader;     /* with its descriptor; version and project are not in it */
        const char *version; /* at most 31 bytes, borrowed */
        const char *project; /* the same */
        uint32_t secure_version;
};

/*
 * The image around elf: checksum and SHA-256 at its end, the ELF file's SHA-256 in the descriptor,
 * no date, so that the same input makes the same image. out is returned (blob_free). -E_RANGE: a
 * text too long; -E_FORMAT: no ELF file; -E_NOSPACE: larger than a segment.
 */
int payload_pack(const struct payload *p, const struct blob *elf, struct blob *out, struct diag *d);

/*
 * The program of a verified image that begins at offset, in a file that lives in memory only
 * (memfd_create(2), closed on exec): execute it with fexecve(3). Returns the descriptor, or
 * -E_UNSUPPORTED: the image holds code for another processor.
 */
int payload_open(const struct flash *f, uint32_t offset, const struct espimg *img, struct diag *d);

#endif
