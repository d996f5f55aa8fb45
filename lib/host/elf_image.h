/*
 * ESP images from ELF files. The layout (what goes where, what fills the gaps before mapped flash)
 * is that of esptool 4.8.1 and 5.3.1, byte for byte.
 */
#ifndef HOST_ELF_IMAGE_H
#define HOST_ELF_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/chips.h"
#include "host/file.h"

struct elf_image_options {
        const struct chip *chip;
        unsigned version; /* ESP8266: 1, 2 or 3 */
        uint8_t mode, size_code, freq_code;
        uint8_t min_rev;
        uint16_t min_rev_full, max_rev_full; /* major * 100 + minor */
        unsigned secure_pad;  /* 0, 1 (ESP32: secure boot v1) or 2: room so that a signed image ends
                                 on 64 KiB */
        uint32_t sha_offset;  /* where the SHA-256 of the ELF file goes; 0: nowhere */
        bool sha_auto;        /* into the application descriptor if there is one (esptool 5) */
        bool no_digest;       /* no SHA-256 behind the image */
        bool use_segments;    /* program headers instead of sections */
        bool ram_only_header; /* the header counts RAM segments only */
        uint32_t page;   /* MMU page size; 0: 64 KiB, or what the application descriptor says */
        uint32_t pad_to; /* FF up to a multiple of this; 0: none */
};

struct elf_image {
        struct blob main;   /* returned: free with blob_free */
        struct blob irom;   /* ESP8266 version 1 only: goes to its own file */
        uint32_t irom_addr; /* ESP8266: address less the start of the window */
        bool has_irom;
};

/*
 * Errors: those of elf_read; -E_NOSPACE (more than 16 segments), -E_EXISTS (two parts in one MMU
 * page), -E_RANGE, -E_INVAL (options that exclude each other).
 */
int elf_image_make(const struct blob *elf, const struct elf_image_options *opt,
                   struct elf_image *out, struct diag *d);
void elf_image_free(struct elf_image *i);

#endif
