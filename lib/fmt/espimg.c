#include "fmt/espimg.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"

bool espimg_is_image(const uint8_t *p, size_t n)
{
        return n >= ESPIMG_HEADER && p[0] == ESPIMG_MAGIC &&
               p[ESPIMG_AT_COUNT] <= ESPIMG_SEGMENTS_MAX && p[ESPIMG_AT_MODE] <= 3;
}

int espimg_header_read(const uint8_t *p, size_t n, bool extended, struct espimg_header *h,
                       struct diag *d)
{
        memset(h, 0, sizeof *h);
        if (n < ESPIMG_HEADER + (extended ? ESPIMG_EXT : 0))
                return diag_off(d, E_TRUNC, n, "too short for an image header");
        if (p[0] != ESPIMG_MAGIC)
                return diag_off(d, E_FORMAT, 0, "no ESP image: begins with 0x%02x instead of 0xe9",
                                p[0]);
        h->count = p[ESPIMG_AT_COUNT];
        if (h->count > ESPIMG_SEGMENTS_MAX)
                return diag_off(d, E_FORMAT, ESPIMG_AT_COUNT,
                                "%u segments, an image has at most %u", (unsigned)h->count,
                                ESPIMG_SEGMENTS_MAX);
        h->mode = p[ESPIMG_AT_MODE];
        h->size_code = p[ESPIMG_AT_SIZE] >> 4;
        h->freq_code = p[ESPIMG_AT_SIZE] & 15;
        h->entry = le32_get(p + ESPIMG_AT_ENTRY);
        if (!extended)
                return 0;
        h->wp_pin = p[ESPIMG_AT_WP];
        memcpy(h->drv, p + ESPIMG_AT_DRV, sizeof h->drv);
        h->chip_id = le16_get(p + ESPIMG_AT_CHIP);
        h->min_rev = p[ESPIMG_AT_MIN_REV];
        h->min_rev_full = le16_get(p + ESPIMG_AT_MIN_FULL);
        h->max_rev_full = le16_get(p + ESPIMG_AT_MAX_FULL);
        h->hash_appended = p[ESPIMG_AT_HASH];
        if (h->hash_appended > 1)
                return diag_off(d, E_FORMAT, ESPIMG_AT_HASH,
                                "the byte that says whether a hash is appended is 0x%02x",
                                h->hash_appended);
        return 0;
}

void espimg_header_write(const struct espimg_header *h, bool extended, uint8_t *out)
{
        out[0] = ESPIMG_MAGIC;
        out[ESPIMG_AT_COUNT] = h->count;
        out[ESPIMG_AT_MODE] = h->mode;
        out[ESPIMG_AT_SIZE] = (uint8_t)(h->size_code << 4 | h->freq_code);
        le32_put(out + ESPIMG_AT_ENTRY, h->entry);
        if (!extended)
                return;
        memset(out + ESPIMG_HEADER, 0, ESPIMG_EXT);
        out[ESPIMG_AT_WP] = h->wp_pin;
        memcpy(out + ESPIMG_AT_DRV, h->drv, sizeof h->drv);
        le16_put(out + ESPIMG_AT_CHIP, h->chip_id);
        out[ESPIMG_AT_MIN_REV] = h->min_rev;
        le16_put(out + ESPIMG_AT_MIN_FULL, h->min_rev_full);
        le16_put(out + ESPIMG_AT_MAX_FULL, h->max_rev_full);
        out[ESPIMG_AT_HASH] = h->hash_appended;
}

uint8_t espimg_checksum(uint8_t sum, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                sum ^= p[i];
        return sum;
}

static int read_segments(const uint8_t *p, size_t n, size_t *at, struct espimg *img, struct diag *d)
{
        for (img->count = 0; img->count < img->header.count; img->count++) {
                struct espimg_segment *s = &img->segments[img->count];

                if (n - *at < ESPIMG_SEGMENT)
                        return diag_off(d, E_TRUNC, *at, "cut short in the header of segment %u",
                                        img->count);
                s->addr = le32_get(p + *at);
                s->len = le32_get(p + *at + 4);
                s->offset = *at + ESPIMG_SEGMENT;
                if (s->len > ESPIMG_SEGMENT_LIMIT)
                        return diag_off(d, E_FORMAT, *at + 4,
                                        "segment %u has 0x%x bytes, that cannot be", img->count,
                                        (unsigned)s->len);
                if (n - s->offset < s->len)
                        return diag_off(d, E_TRUNC, s->offset,
                                        "segment %u has %u bytes, the file only %u more",
                                        img->count, (unsigned)s->len, (unsigned)(n - s->offset));
                img->checksum = espimg_checksum(img->checksum, p + s->offset, s->len);
                *at = s->offset + s->len;
        }
        return 0;
}

int espimg_read(const uint8_t *p, size_t n, bool extended, struct espimg *img, struct diag *d)
{
        size_t at = ESPIMG_HEADER + (extended ? ESPIMG_EXT : 0);
        int rc;

        memset(img, 0, sizeof *img);
        img->checksum = ESPIMG_CHECKSUM_SEED;
        if ((rc = espimg_header_read(p, n, extended, &img->header, d)) < 0 ||
            (rc = read_segments(p, n, &at, img, d)) < 0)
                return rc;
        at |= 15;
        if (at >= n)
                return diag_off(d, E_TRUNC, n, "cut short: the checksum is missing");
        img->checksum_stored = p[at];
        img->len = at + 1;
        if (!img->header.hash_appended)
                return 0;
        if (n - img->len < ESPIMG_HASH_LEN)
                return diag_off(d, E_TRUNC, n, "cut short: the appended SHA-256 is missing");
        memcpy(img->hash_stored, p + img->len, ESPIMG_HASH_LEN);
        if ((rc = crypt_sha256(p, img->len, img->hash)) < 0)
                return rc;
        img->hash_there = true;
        img->len += ESPIMG_HASH_LEN;
        return 0;
}

int espimg_check(const struct espimg *img, struct diag *d)
{
        if (img->checksum != img->checksum_stored)
                return diag_set(d, E_CRC,
                                "checksum is 0x%02x, the image says 0x%02x: the file is damaged",
                                img->checksum, img->checksum_stored);
        if (img->hash_there && memcmp(img->hash, img->hash_stored, ESPIMG_HASH_LEN))
                return diag_set(d, E_CRC,
                                "the appended SHA-256 does not match: the file is damaged");
        return 0;
}

int espimg_patch(uint8_t *p, size_t n, bool extended, int mode, int freq, int size, struct diag *d)
{
        struct espimg img;
        uint8_t want[2];
        int rc = espimg_read(p, n, extended, &img, d);

        if (rc < 0)
                return rc;
        want[0] = mode < 0 ? img.header.mode : (uint8_t)mode;
        want[1] = (uint8_t)((size < 0 ? img.header.size_code : (unsigned)size) << 4 |
                            (freq < 0 ? img.header.freq_code : (unsigned)freq));
        if (!memcmp(p + ESPIMG_AT_MODE, want, 2))
                return 0;
        memcpy(p + ESPIMG_AT_MODE, want, 2);
        if (img.hash_there &&
            (rc = crypt_sha256(p, img.len - ESPIMG_HASH_LEN, p + img.len - ESPIMG_HASH_LEN)) < 0)
                return rc;
        return 1;
}

/* A text of at most n bytes, ended by NUL in out. */
static void text_get(char *out, const uint8_t *p, size_t n)
{
        memcpy(out, p, n);
        out[n] = 0;
}

int espimg_desc_read(const uint8_t *p, size_t n, struct espimg_desc *desc)
{
        memset(desc, 0, sizeof *desc);
        if (n < ESPIMG_DESC_LEN || le32_get(p) != ESPIMG_DESC_MAGIC)
                return -E_NOTFOUND;
        desc->secure_version = le32_get(p + ESPIMG_DESC_SECURE);
        text_get(desc->version, p + ESPIMG_DESC_VERSION, 32);
        text_get(desc->project, p + ESPIMG_DESC_PROJECT, 32);
        text_get(desc->time, p + ESPIMG_DESC_TIME, 16);
        text_get(desc->date, p + ESPIMG_DESC_DATE, 16);
        text_get(desc->idf, p + ESPIMG_DESC_IDF, 32);
        memcpy(desc->elf_sha, p + ESPIMG_DESC_ELF_SHA, 32);
        desc->min_blk = le16_get(p + ESPIMG_DESC_MIN_BLK);
        desc->max_blk = le16_get(p + ESPIMG_DESC_MAX_BLK);
        desc->page_log2 = p[ESPIMG_DESC_PAGE];
        return 0;
}

int espimg_boot_desc_read(const uint8_t *p, size_t n, struct espimg_boot_desc *desc)
{
        memset(desc, 0, sizeof *desc);
        if (n < ESPIMG_BOOT_LEN || p[0] != ESPIMG_BOOT_MAGIC)
                return -E_NOTFOUND;
        desc->version = le32_get(p + ESPIMG_BOOT_VERSION);
        text_get(desc->idf, p + ESPIMG_BOOT_IDF, 32);
        text_get(desc->date, p + ESPIMG_BOOT_DATE, 24);
        return 0;
}
