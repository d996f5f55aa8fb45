#include "host/elf.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
        EHDR = 0x34,
        SHDR = 0x28,
        PHDR = 0x20,
        EM_XTENSA = 0x5E,
        EM_RISCV = 0xF3,
        SHT_PROGBITS = 1,
        SHT_STRTAB = 3,
        SHT_INIT_ARRAY = 14,
        SHT_FINI_ARRAY = 15,
        PT_LOAD = 1,
};

static int check_header(const uint8_t *p, size_t n, struct diag *d)
{
        const uint16_t machine = n >= EHDR ? le16_get(p + 18) : 0;

        if (n < 4 || memcmp(p, "\177ELF", 4))
                return diag_off(d, E_FORMAT, 0, "not an ELF file");
        if (n < EHDR)
                return diag_off(d, E_TRUNC, n, "cut short in the ELF header");
        if (p[4] != 1 || p[5] != 1 || (machine != EM_XTENSA && machine != EM_RISCV))
                return diag_off(d, E_UNSUPPORTED, 18,
                                "not for an ESP: machine 0x%x (Xtensa is 0x5e, RISC-V 0xf3), "
                                "class %u",
                                machine, p[4]);
        return 0;
}

/* The table of count entries at offset lies in the file. */
static bool fits(size_t n, uint32_t offset, size_t count, size_t entry)
{
        return offset <= n && count * entry <= n - offset;
}

static int add(struct elf *e, const struct elf_part *part, const uint8_t *p, size_t n,
               uint32_t offset, struct diag *d)
{
        if (!fits(n, offset, part->len, 1))
                return diag_off(
                        d, E_TRUNC, offset,
                        "'%s' has %u bytes at 0x%x, the file ends at 0x%zx: it is cut short",
                        part->name, part->len, offset, n);
        e->parts[e->n] = *part;
        e->parts[e->n++].data = p + offset;
        return 0;
}

/* A name of the string table, "" if it is not there or has no end. */
static const char *name_at(const uint8_t *p, size_t n, const uint8_t *strings, uint32_t index)
{
        const uint32_t offset = le32_get(strings + 16);
        const uint32_t size = le32_get(strings + 20);

        if (!fits(n, offset, size, 1) || index >= size ||
            !memchr(p + offset + index, 0, size - index))
                return "";
        return (const char *)p + offset + index;
}

static int read_sections(struct elf *e, const uint8_t *p, size_t n, struct diag *d)
{
        const uint32_t table = le32_get(p + 32);
        const uint16_t size = le16_get(p + 46);
        const uint16_t count = le16_get(p + 48);
        const uint16_t names = le16_get(p + 50);
        int rc = 0;

        if (count == 0)
                return diag_off(d, E_FORMAT, 48, "the ELF file has no sections");
        if (size != SHDR)
                return diag_off(d, E_FORMAT, 46, "section headers have 0x%x bytes instead of 0x28",
                                size);
        if (!fits(n, table, count, SHDR))
                return diag_off(d, E_TRUNC, n, "cut short: the section table is at 0x%x", table);
        if (names >= count || le32_get(p + table + names * SHDR + 4) != SHT_STRTAB)
                return diag_off(d, E_FORMAT, 50, "the ELF file has no table of section names");
        for (uint16_t i = 0; i < count && rc == 0; i++) {
                const uint8_t *s = p + table + (size_t)i * SHDR;
                const uint32_t type = le32_get(s + 4);
                const struct elf_part part = {
                        .name = name_at(p, n, p + table + names * SHDR, le32_get(s)),
                        .flags = le32_get(s + 8),
                        .addr = le32_get(s + 12),
                        .len = le32_get(s + 20),
                };

                if ((type == SHT_PROGBITS || type == SHT_INIT_ARRAY || type == SHT_FINI_ARRAY) &&
                    part.addr && part.len)
                        rc = add(e, &part, p, n, le32_get(s + 16), d);
        }
        return rc;
}

static int read_segments(struct elf *e, const uint8_t *p, size_t n, struct diag *d)
{
        const uint32_t table = le32_get(p + 28);
        const uint16_t size = le16_get(p + 42);
        const uint16_t count = le16_get(p + 44);
        int rc = 0;

        if (count == 0 || size != PHDR)
                return diag_off(d, E_FORMAT, 42, "the ELF file has no usable program headers");
        if (!fits(n, table, count, PHDR))
                return diag_off(d, E_TRUNC, n, "cut short: the program headers are at 0x%x", table);
        for (uint16_t i = 0; i < count && rc == 0; i++) {
                const uint8_t *s = p + table + (size_t)i * PHDR;
                const struct elf_part part = { .name = "",
                                               .addr = le32_get(s + 12),
                                               .len = le32_get(s + 16),
                                               .flags = le32_get(s + 24) };

                if (le32_get(s) == PT_LOAD && part.addr && part.len)
                        rc = add(e, &part, p, n, le32_get(s + 4), d);
        }
        return rc;
}

int elf_read(struct elf *e, const uint8_t *p, size_t n, bool segments, struct diag *d)
{
        int rc;

        memset(e, 0, sizeof *e);
        if ((rc = check_header(p, n, d)) < 0)
                return rc;
        e->entry = le32_get(p + 24);
        e->parts = calloc((size_t)le16_get(p + (segments ? 44 : 48)) + 1, sizeof *e->parts);
        if (!e->parts)
                return diag_set(d, E_NOMEM, "out of memory");
        rc = segments ? read_segments(e, p, n, d) : read_sections(e, p, n, d);
        if (rc < 0)
                elf_free(e);
        return rc;
}

void elf_free(struct elf *e)
{
        free(e->parts);
        e->parts = NULL;
        e->n = 0;
}
