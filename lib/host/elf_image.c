#include "host/elf_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "fmt/espimg.h"
#include "host/elf.h"

#define PAGE_DEFAULT 0x10000u
#define IMAGE_LIMIT  ((size_t)64 << 20)

/* A piece of the image: padded data at an address. */
struct seg {
        const char *name;
        uint32_t addr, flags;
        uint8_t *base; /* owned */
        uint8_t *data; /* moves up as pieces are taken off the front */
        uint32_t len;
};

struct build {
        const struct elf_image_options *opt;
        struct seg *segs;
        size_t n;
        struct seg **flash, **ram; /* into segs, sorted */
        size_t n_flash, n_ram;
        uint32_t page;
        uint32_t sha_offset;
        uint8_t elf_sha[32];
        bool sha_done;
        uint32_t entry;
        uint8_t *out;
        size_t len, cap;
        uint8_t checksum;
        unsigned count;
        struct diag *d;
};

static int put(struct build *b, const void *p, size_t n)
{
        if (n > IMAGE_LIMIT - b->len)
                return diag_set(b->d, E_NOSPACE, "the image would be larger than 64 MB");
        if (b->len + n > b->cap) {
                const size_t cap = (b->len + n) * 2;
                uint8_t *grown = realloc(b->out, cap);

                if (!grown)
                        return diag_set(b->d, E_NOMEM, "out of memory");
                b->out = grown;
                b->cap = cap;
        }
        if (p)
                memcpy(b->out + b->len, p, n);
        else
                memset(b->out + b->len, 0, n);
        b->len += n;
        return 0;
}

/* The ELF's digest may only replace zeros, inside one segment (the reference's limit is 8 bytes too
 * strict; kept). */
static int patch_sha(struct build *b, size_t at, uint32_t len)
{
        uint8_t *p = b->out + b->sha_offset;

        if (!b->sha_offset || b->sha_done || b->sha_offset < at - ESPIMG_SEGMENT ||
            b->sha_offset >= at + len)
                return 0;
        if (b->sha_offset < at || b->sha_offset - (at - ESPIMG_SEGMENT) + 32 > len)
                return diag_set(b->d, E_RANGE,
                                "the ELF's SHA-256 does not fit into a segment at offset 0x%x",
                                b->sha_offset);
        if (!bytes_all(p, 32, 0))
                return diag_set(b->d, E_EXISTS,
                                "offset 0x%x for the ELF's SHA-256 does not hold 32 zero bytes",
                                b->sha_offset);
        memcpy(p, b->elf_sha, 32);
        b->sha_done = true;
        return 0;
}

/* data NULL: zeros. counted: it is part of the checksum. */
static int save(struct build *b, uint32_t addr, const uint8_t *data, uint32_t len, bool counted)
{
        uint8_t header[ESPIMG_SEGMENT];
        int rc;

        le32_put(header, addr);
        le32_put(header + 4, len);
        if ((rc = put(b, header, sizeof header)) < 0 || (rc = put(b, data, len)) < 0 ||
            (rc = patch_sha(b, b->len - len, len)) < 0)
                return rc;
        if (counted)
                b->checksum = espimg_checksum(b->checksum, b->out + b->len - len, len);
        b->count++;
        return 0;
}

static int save_checksum(struct build *b)
{
        const int rc = put(b, NULL, 15 - b->len % 16);

        return rc < 0 ? rc : put(b, &b->checksum, 1);
}

static void free_segs(struct build *b)
{
        for (size_t i = 0; i < b->n; i++)
                free(b->segs[i].base);
        free(b->segs);
        free(b->flash);
        free(b->ram);
}

/* Copies of the ELF's parts, padded with zeros to whole words. */
static int copy_parts(struct build *b, const struct elf *e)
{
        size_t total = 0;

        b->n = b->n_flash = b->n_ram = 0;
        b->segs = calloc(e->n + 1, sizeof *b->segs);
        b->flash = calloc(e->n + 1, sizeof *b->flash);
        b->ram = calloc(e->n + 1, sizeof *b->ram);
        if (!b->segs || !b->flash || !b->ram)
                return diag_set(b->d, E_NOMEM, "out of memory");
        for (size_t i = 0; i < e->n; i++) {
                struct seg *s = &b->segs[b->n];

                total += e->parts[i].len;
                if (total > IMAGE_LIMIT)
                        return diag_set(b->d, E_NOSPACE, "the image would be larger than 64 MB");
                s->len = align_up(e->parts[i].len, 4);
                if (!(s->base = calloc(1, (size_t)s->len + 16)))
                        return diag_set(b->d, E_NOMEM, "out of memory");
                b->n++;
                s->data = s->base;
                memcpy(s->data, e->parts[i].data, e->parts[i].len);
                s->addr = e->parts[i].addr;
                s->flags = e->parts[i].flags;
                s->name = e->parts[i].name;
        }
        return 0;
}

static int by_addr(const void *a, const void *b)
{
        const struct seg *x = a;
        const struct seg *y = b;

        return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Neighbours in the table that touch, in the same memory, both code or both not, become one. */
static int merge(struct build *b)
{
        size_t kept = 0;

        for (size_t i = 1; i < b->n; i++) {
                struct seg *a = &b->segs[kept];
                struct seg *next = &b->segs[i];
                uint8_t *grown;

                if (next->addr != a->addr + a->len ||
                    (next->flags & ELF_EXEC) != (a->flags & ELF_EXEC) ||
                    chip_regions(b->opt->chip, next->addr) != chip_regions(b->opt->chip, a->addr)) {
                        const struct seg moved = *next;

                        next->base = NULL;
                        b->segs[++kept] = moved;
                        continue;
                }
                grown = realloc(a->base, (size_t)a->len + next->len + 16);
                if (!grown)
                        return diag_set(b->d, E_NOMEM, "out of memory");
                memcpy(grown + a->len, next->data, next->len);
                a->base = a->data = grown;
                a->len += next->len;
                free(next->base);
                next->base = NULL;
        }
        b->n = b->n ? kept + 1 : 0;
        if (b->n > ESPIMG_SEGMENTS_MAX)
                return diag_set(b->d, E_NOSPACE,
                                "%zu segments, an image has at most 16; merge sections in the "
                                "linker script",
                                b->n);
        return 0;
}

static bool is_flash(const struct build *b, uint32_t addr)
{
        /* ESP8266 version 3: everything above the window's start */
        return b->opt->chip->image_id < 0 ? addr > b->opt->chip->irom[0]
                                          : chip_in_flash_window(b->opt->chip, addr);
}

/* Move the one of that name to the front. */
static void to_front(struct seg **list, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++) {
                struct seg *s = list[i];

                if (strcmp(s->name, name) != 0)
                        continue;
                memmove(list + 1, list, i * sizeof *list);
                list[0] = s;
                return;
        }
}

static int sort_out(struct build *b)
{
        struct seg *sorted = b->segs;

        qsort(sorted, b->n, sizeof *sorted, by_addr);
        for (size_t i = 0; i < b->n; i++) {
                if (is_flash(b, sorted[i].addr))
                        b->flash[b->n_flash++] = &sorted[i];
                else
                        b->ram[b->n_ram++] = &sorted[i];
        }
        to_front(b->flash, b->n_flash, ".flash.appdesc");
        to_front(b->ram, b->n_ram, ".dram0.bootdesc");
        for (size_t i = 1; i < b->n_flash; i++)
                if (b->flash[i]->addr / b->page == b->flash[i - 1]->addr / b->page)
                        return diag_set(b->d, E_EXISTS,
                                        "segments at 0x%08x and 0x%08x lie in the same MMU page of "
                                        "0x%x bytes; "
                                        "merge the sections in the linker script",
                                        b->flash[i - 1]->addr, b->flash[i]->addr, b->page);
        return 0;
}

/*
 * Mapped flash can only be at the same place in its page as it has in memory: data bytes of a
 * segment that has to come before one at addr; 0: none.
 */
static uint32_t gap(const struct build *b, uint32_t addr)
{
        int64_t pad = (int64_t)(b->page - b->len % b->page) + addr % b->page - ESPIMG_SEGMENT;

        if (pad == 0 || pad == b->page)
                return 0;
        pad -= ESPIMG_SEGMENT;
        return (uint32_t)(pad < 0 ? pad + b->page : pad);
}

/* The ESP32's cache misbehaves if a mapping ends less than 0x24 bytes into a page. */
static int save_flash(struct build *b, struct seg *s, bool counted)
{
        const size_t end = (b->len + ESPIMG_SEGMENT + s->len) % b->page;
        const bool esp32 = b->opt->chip->image_id == 0;

        if (esp32 && end < 0x24) {
                const uint32_t more = 0x24 - (uint32_t)end;
                uint8_t *grown = realloc(s->base, (size_t)s->len + more);

                if (!grown)
                        return diag_set(b->d, E_NOMEM, "out of memory");
                memset(grown + s->len, 0, more);
                s->base = s->data = grown;
                s->len += more;
        }
        return save(b, s->addr, s->data, s->len, counted);
}

/* Gaps before mapped flash are filled with the front of what goes to RAM, else with zeros. */
static int save_all(struct build *b)
{
        size_t ram = 0;
        size_t flash = 0;
        int rc = 0;

        while (flash < b->n_flash && rc == 0) {
                const uint32_t pad = gap(b, b->flash[flash]->addr);
                struct seg *r = ram < b->n_ram ? b->ram[ram] : NULL;

                if (!pad) {
                        rc = save_flash(b, b->flash[flash++], true);
                } else if (r && pad > ESPIMG_SEGMENT) {
                        const uint32_t part = pad < r->len ? pad : r->len;

                        rc = save(b, r->addr, r->data, part, true);
                        r->data += part;
                        r->addr += part;
                        r->len -= part;
                        ram += r->len == 0;
                } else {
                        rc = save(b, 0, NULL, pad, true);
                }
        }
        for (; ram < b->n_ram && rc == 0; ram++)
                rc = save(b, b->ram[ram]->addr, b->ram[ram]->data, b->ram[ram]->len, true);
        return rc;
}

/* RAM first and counted; flash behind the checksum, where the ROM does not look (simple boot). */
static int save_ram_only(struct build *b)
{
        const uint32_t boot = b->opt->chip->boot_offset;
        unsigned ram_count;
        int rc = 0;

        for (size_t i = 0; i < b->n_ram && rc == 0; i++)
                rc = save(b, b->ram[i]->addr, b->ram[i]->data, b->ram[i]->len, true);
        ram_count = b->count;
        if (rc == 0)
                rc = save_checksum(b);
        for (size_t i = b->n_flash; i-- > 0 && rc == 0;) {
                int64_t pad = gap(b, b->flash[i]->addr);

                if (pad < (int64_t)boot - (int64_t)ESPIMG_SEGMENT)
                        pad += b->page;
                rc = save(b, 0, NULL, (uint32_t)(pad - boot), false);
                if (rc == 0)
                        rc = save_flash(b, b->flash[i], false);
        }
        b->count = ram_count;
        return rc;
}

/* So that the signed image ends on a page: what verifies it sees whole pages. */
static int save_secure_pad(struct build *b)
{
        const uint32_t behind = b->opt->secure_pad == 1 ? 32 + 4 + 64 + 12 : 32;
        const uint32_t past = (uint32_t)(b->len + ESPIMG_SEGMENT) % b->page;

        if (!b->opt->secure_pad)
                return 0;
        return save(b, 0, NULL, (2 * b->page - past - 16 - behind) % b->page, true);
}

static struct espimg_header header_of(const struct build *b)
{
        const struct elf_image_options *o = b->opt;
        const struct espimg_header h = {
                .count = (uint8_t)b->count,
                .mode = o->mode,
                .size_code = o->size_code,
                .freq_code = o->freq_code,
                .entry = b->entry,
                .wp_pin = ESPIMG_WP_NONE,
                .chip_id = (uint16_t)o->chip->image_id,
                .min_rev = o->min_rev,
                .min_rev_full = o->min_rev_full,
                .max_rev_full = o->max_rev_full,
                .hash_appended = !o->no_digest && !o->ram_only_header,
        };

        return h;
}

static int append_digest(struct build *b)
{
        uint8_t sha[32];

        crypt_sha256(b->out, b->len, sha);
        return put(b, sha, sizeof sha);
}

static int pad_to_size(struct build *b)
{
        const size_t len = b->len;
        const uint32_t to = b->opt->pad_to;
        int rc;

        if (!to || len % to == 0)
                return 0;
        if ((rc = put(b, NULL, to - len % to)) == 0)
                memset(b->out + len, 0xff, b->len - len);
        return rc;
}

static int build_esp32(struct build *b)
{
        struct espimg_header h;
        int rc;

        if ((rc = put(b, NULL, ESPIMG_HEADER + ESPIMG_EXT)) < 0 || (rc = sort_out(b)) < 0)
                return rc;
        if (b->opt->ram_only_header) {
                rc = save_ram_only(b);
        } else if ((rc = save_all(b)) == 0 && (rc = save_secure_pad(b)) == 0) {
                rc = save_checksum(b);
        }
        if (rc < 0)
                return rc;
        if (b->count > ESPIMG_SEGMENTS_MAX)
                return diag_set(b->d, E_NOSPACE,
                                "%u segments with those that fill gaps, an image has at most 16",
                                b->count);
        if (b->sha_offset && !b->sha_done)
                return diag_set(b->d, E_RANGE, "offset 0x%x for the ELF's SHA-256 is in no segment",
                                b->sha_offset);
        h = header_of(b);
        espimg_header_write(&h, true, b->out);
        if (h.hash_appended)
                rc = append_digest(b);
        return rc < 0 ? rc : pad_to_size(b);
}

static struct seg *irom_of(struct build *b)
{
        for (size_t i = 0; i < b->n; i++)
                if (b->segs[i].addr >= b->opt->chip->irom[0] &&
                    b->segs[i].addr < b->opt->chip->irom[1])
                        return &b->segs[i];
        return NULL;
}

/* Header, all segments but irom in the order of the file, checksum: the ESP8266's own format. */
static int save_8266_v1(struct build *b, const struct seg *irom)
{
        const size_t start = b->len;
        struct espimg_header h;
        int rc = put(b, NULL, ESPIMG_HEADER);

        b->count = 0;
        for (size_t i = 0; i < b->n && rc == 0; i++)
                if (&b->segs[i] != irom)
                        rc = save(b, b->segs[i].addr, b->segs[i].data, b->segs[i].len, true);
        if (rc == 0)
                rc = save_checksum(b);
        h = header_of(b);
        if (rc == 0)
                espimg_header_write(&h, false, b->out + start);
        return rc;
}

/* Version 2: irom first, behind a header of its own, padded to 16; a CRC-32 of everything at the
 * end. */
static int build_8266_v2(struct build *b, const struct seg *irom)
{
        struct espimg_header h = header_of(b);
        uint8_t word[4];
        uint32_t crc;
        int rc = put(b, NULL, ESPIMG_HEADER);

        if (rc < 0)
                return rc;
        h.count = ESPIMG_V2_COUNT;
        espimg_header_write(&h, false, b->out);
        b->out[0] = ESPIMG_MAGIC_V2;
        if (irom) /* its buffer has 16 zero bytes more */
                rc = save(b, 0, irom->data, align_up(irom->len, 16), false);
        if (rc == 0)
                rc = save_8266_v1(b, irom);
        if (rc < 0)
                return rc;
        crc = crc32_le(0, b->out, b->len);
        le32_put(word, crc & 0x80000000u ? ~crc : crc + 1);
        return put(b, word, sizeof word);
}

/* Version 3: flash, then RAM, by address; the first 8 bytes of .flash.rodata are room for its
 * header. */
static int build_8266_v3(struct build *b)
{
        struct espimg_header h;
        int rc;

        if ((rc = put(b, NULL, ESPIMG_HEADER)) < 0 || (rc = sort_out(b)) < 0)
                return rc;
        for (size_t i = 0; i < b->n_flash && rc == 0; i++) {
                struct seg *s = b->flash[i];
                const uint32_t drop =
                        !strcmp(s->name, ".flash.rodata") ? s->len < 8 ? s->len : 8 : 0;

                rc = save(b, s->addr, s->data + drop, s->len - drop, true);
        }
        for (size_t i = 0; i < b->n_ram && rc == 0; i++)
                rc = save(b, b->ram[i]->addr, b->ram[i]->data, b->ram[i]->len, true);
        if (rc == 0)
                rc = save_checksum(b);
        h = header_of(b);
        if (rc == 0)
                espimg_header_write(&h, false, b->out);
        if (rc == 0 && !b->opt->no_digest)
                rc = append_digest(b);
        return rc;
}

static int build_8266(struct build *b, struct elf_image *out)
{
        struct seg *irom = irom_of(b);
        int rc;

        out->has_irom = irom != NULL;
        out->irom_addr = irom ? irom->addr - b->opt->chip->irom[0] : 0;
        if (b->opt->version == 3)
                return build_8266_v3(b);
        if (b->opt->version == 2)
                return build_8266_v2(b, irom);
        rc = save_8266_v1(b, irom);
        if (rc == 0 && irom) {
                out->irom.data = irom->base;
                out->irom.len = irom->len;
                irom->base = NULL;
        }
        return rc;
}

/* What the application descriptor says of itself: its page size; and it is where the ELF's digest
 * belongs. */
static void use_descriptor(struct build *b)
{
        for (size_t i = 0; i < b->n; i++) {
                const struct seg *s = &b->segs[i];
                struct espimg_desc desc;

                if (strcmp(s->name, ".flash.appdesc") != 0 || !is_flash(b, s->addr) ||
                    espimg_desc_read(s->data, s->len, &desc) < 0)
                        continue;
                if (!b->opt->page && b->opt->chip->caps & CHIP_MMU_PAGES && desc.page_log2 >= 13 &&
                    desc.page_log2 <= 16)
                        b->page = 1u << desc.page_log2;
                if (!b->sha_offset && !b->opt->ram_only_header)
                        b->sha_offset =
                                ESPIMG_HEADER + ESPIMG_EXT + ESPIMG_SEGMENT + ESPIMG_DESC_ELF_SHA;
        }
}

static int check_options(const struct elf_image_options *o, struct diag *d)
{
        if (o->secure_pad && (o->no_digest || o->ram_only_header))
                return diag_set(d, E_INVAL, "padding for a signature needs the appended SHA-256");
        return 0;
}

int elf_image_make(const struct blob *elf, const struct elf_image_options *opt,
                   struct elf_image *out, struct diag *d)
{
        struct build b = { .opt = opt,
                           .page = opt->page ? opt->page : PAGE_DEFAULT,
                           .sha_offset = opt->sha_offset,
                           .checksum = ESPIMG_CHECKSUM_SEED,
                           .d = d };
        struct elf e = { 0 };
        int rc;

        memset(out, 0, sizeof *out);
        if ((rc = check_options(opt, d)) < 0 ||
            (rc = elf_read(&e, elf->data, elf->len, opt->use_segments, d)) < 0)
                return rc;
        b.entry = e.entry;
        crypt_sha256(elf->data, elf->len, b.elf_sha);
        rc = copy_parts(&b, &e);
        if (rc == 0 && opt->ram_only_header)
                qsort(b.segs, b.n, sizeof *b.segs, by_addr);
        if (rc == 0)
                rc = merge(&b);
        if (rc == 0 && opt->sha_auto)
                use_descriptor(&b);
        if (rc == 0)
                rc = opt->chip->image_id < 0 ? build_8266(&b, out) : build_esp32(&b);
        elf_free(&e);
        free_segs(&b);
        if (rc == 0 && (rc = put(&b, NULL, 1)) == 0) /* the NUL behind every blob */
                b.len--;
        if (rc < 0) {
                free(b.out);
                elf_image_free(out);
                return rc;
        }
        out->main.data = b.out;
        out->main.len = b.len;
        return 0;
}

void elf_image_free(struct elf_image *i)
{
        blob_free(&i->main);
        blob_free(&i->irom);
}
