#include "host/payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"

/* ESP32-C3: where code of that kind lies; a mapped segment has the offset of its place on flash. */
#define DROM_ADDR 0x3C000000u
#define DRAM_ADDR 0x3FCD0000u
#define MODE_DIO  2u
#define SIZE_4M   2u
#define FREQ_80M  15u
#define PIECE     4096u
#define HEAD      (ESPIMG_HEADER + ESPIMG_EXT + ESPIMG_SEGMENT)

static const uint8_t elf_magic[4] = { 0x7F, 'E', 'L', 'F' };

static bool is_packed(const uint8_t *p)
{
        return !memcmp(p, PAYLOAD_PACKED, sizeof elf_magic);
}

int payload_set(struct blob *elf, const struct payload_settings *s, struct diag *d)
{
        static const char mark[] = PAYLOAD_SETTINGS_MARK;
        uint8_t *at = memmem(elf->data, elf->len, mark, sizeof mark);
        const size_t left = at ? elf->len - (size_t)(at - elf->data) : 0;

        if (left < PAYLOAD_SETTINGS_LEN)
                return diag_set(d, E_NOTFOUND, "the program has no place for settings");
        if (memmem(at + 1, left - 1, mark, sizeof mark))
                return diag_set(d, E_EXISTS, "the program has two places for settings");
        at[PAYLOAD_AT_ENCRYPT] = (uint8_t)s->encrypt;
        at[PAYLOAD_AT_HAS_KEY] = s->has_key;
        memcpy(at + PAYLOAD_AT_KEY, s->key, sizeof s->key);
        return 0;
}

static int put_text(uint8_t *to, const char *text, const char *what, struct diag *d)
{
        const size_t n = text ? strlen(text) : 0;

        if (n > 31)
                return diag_set(d, E_RANGE, "%s '%s': longer than 31 bytes", what, text);
        if (n)
                memcpy(to, text, n);
        return 0;
}

/* Both descriptors; out is zero. */
static int put_desc(const struct payload *p, const struct blob *elf, uint8_t *out, struct diag *d)
{
        int rc;

        if (p->bootloader) {
                out[0] = ESPIMG_BOOT_MAGIC;
                le32_put(out + ESPIMG_BOOT_VERSION, 1);
                return 0;
        }
        le32_put(out, ESPIMG_DESC_MAGIC);
        le32_put(out + ESPIMG_DESC_SECURE, p->secure_version);
        if ((rc = put_text(out + ESPIMG_DESC_VERSION, p->version, "version", d)) < 0 ||
            (rc = put_text(out + ESPIMG_DESC_PROJECT, p->project, "project", d)) < 0)
                return rc;
        return crypt_sha256(elf->data, elf->len, out + ESPIMG_DESC_ELF_SHA);
}

int payload_pack(const struct payload *p, const struct blob *elf, struct blob *out, struct diag *d)
{
        const struct espimg_header h = { .count = 1,
                                         .mode = MODE_DIO,
                                         .size_code = SIZE_4M,
                                         .freq_code = FREQ_80M,
                                         .wp_pin = ESPIMG_WP_NONE,
                                         .chip_id = p->chip_id,
                                         .max_rev_full = 0xFFFF,
                                         .hash_appended = 1 };
        const size_t desc = p->bootloader ? ESPIMG_BOOT_LEN : ESPIMG_DESC_LEN;
        size_t at = HEAD;
        size_t len;
        int rc;

        if (elf->len < sizeof elf_magic ||
            (memcmp(elf->data, elf_magic, sizeof elf_magic) != 0 && !is_packed(elf->data)))
                return diag_set(d, E_FORMAT, "no ELF file");
        if (elf->len > ESPIMG_SEGMENT_LIMIT - ESPIMG_DESC_LEN - 4)
                return diag_set(d, E_NOSPACE, "%zu bytes are more than a segment holds", elf->len);
        len = (desc + elf->len + 3) / 4 * 4;
        out->data = calloc(1, HEAD + len + 16 + ESPIMG_HASH_LEN);
        if (!out->data)
                return diag_set(d, E_NOMEM, "no memory for an image");
        espimg_header_write(&h, true, out->data);
        le32_put(out->data + HEAD - 8, p->bootloader ? DRAM_ADDR : DROM_ADDR + HEAD);
        le32_put(out->data + HEAD - 4, (uint32_t)len);
        if ((rc = put_desc(p, elf, out->data + HEAD, d)) < 0) {
                blob_free(out);
                return rc;
        }
        memcpy(out->data + HEAD + desc, elf->data, elf->len);
        at = (HEAD + len) | 15;
        out->data[at++] = espimg_checksum(ESPIMG_CHECKSUM_SEED, out->data + HEAD, len);
        out->len = at + ESPIMG_HASH_LEN;
        rc = crypt_sha256(out->data, at, out->data + at);
        return rc < 0 ? diag_set(d, -rc, "SHA-256 failed") : 0;
}

static int copy(const struct flash *f, uint32_t from, uint32_t n, int fd, struct diag *d)
{
        uint8_t buf[PIECE];

        while (n) {
                const uint32_t part = n < sizeof buf ? n : (uint32_t)sizeof buf;
                const int rc = flash_read(f, from, buf, part);

                if (rc < 0)
                        return diag_set(d, -rc, "the flash cannot be read");
                if (write(fd, buf, part) != (ssize_t)part)
                        return diag_set(d, E_IO, "no memory for the program: %s", strerror(errno));
                from += part;
                n -= part;
        }
        return 0;
}

int payload_find(const struct flash *f, uint32_t offset, const struct espimg *img, uint32_t *at,
                 uint32_t *len)
{
        const struct espimg_segment *s = &img->segments[0];
        uint8_t magic = 0;
        uint32_t desc = ESPIMG_DESC_LEN;
        int rc;

        if (!img->count || !s->len)
                return -E_FORMAT;
        if ((rc = flash_read(f, offset + (uint32_t)s->offset, &magic, 1)) < 0)
                return rc;
        if (magic == ESPIMG_BOOT_MAGIC)
                desc = ESPIMG_BOOT_LEN;
        if (s->len < desc)
                return -E_FORMAT;
        *at = (uint32_t)s->offset + desc;
        *len = s->len - desc;
        return 0;
}

int payload_open(const struct flash *f, uint32_t offset, const struct espimg *img, struct diag *d)
{
        uint8_t head[sizeof elf_magic] = { 0 };
        uint32_t at, len;
        int fd;
        int rc = payload_find(f, offset, img, &at, &len);

        if (rc == 0 && len >= sizeof head)
                rc = flash_read(f, offset + at, head, sizeof head);
        if (rc < 0 && rc != -E_FORMAT)
                return diag_set(d, -rc, "the flash cannot be read");
        if (rc < 0 || memcmp(head, elf_magic, sizeof elf_magic) != 0)
                return diag_set(d, E_UNSUPPORTED, "code for another processor");
        fd = memfd_create("firmware", MFD_CLOEXEC);
        if (fd < 0)
                return diag_set(d, E_NOMEM, "no memory for the program: %s", strerror(errno));
        if ((rc = copy(f, offset + at, len, fd, d)) < 0) {
                close(fd);
                return rc;
        }
        return fd;
}
