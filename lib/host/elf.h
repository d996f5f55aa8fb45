/* 32-bit little-endian ELF files, as far as firmware images need them. Source: System V ABI,
 * chapters 4 and 5. */
#ifndef HOST_ELF_H
#define HOST_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define ELF_EXEC 0x4u /* SHF_EXECINSTR */

struct elf_part {         /* a section, or a loadable segment */
        const char *name; /* borrowed from the file; "" for segments */
        uint32_t addr;
        uint32_t flags;
        const uint8_t *data; /* borrowed from the file */
        uint32_t len;
};

struct elf {
        uint32_t entry;
        struct elf_part *parts;
        size_t n;
};

/*
 * What a loader has to put into memory, in the order of the file's tables: sections with content
 * (PROGBITS, INIT_ARRAY, FINI_ARRAY) at an address that is not 0, or with segments the PT_LOAD
 * segments by their physical address. p is borrowed until elf_free. Errors: -E_FORMAT, -E_TRUNC (a
 * table or a section goes past the end of the file), -E_UNSUPPORTED (not for an ESP), with the
 * offset.
 */
int elf_read(struct elf *e, const uint8_t *p, size_t n, bool segments, struct diag *d);
void elf_free(struct elf *e);

#endif
