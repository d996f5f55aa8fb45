#include "fmt/espimg_flash.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"

#define PIECE 256u

struct reader {
        const struct espimg_place *place;
        struct crypt_sha256 sha;
        struct espimg *img;
        uint32_t at; /* bytes of the image read so far */
        struct diag *d;
};

/* The next n bytes of the image, into the hash too. */
static int take(struct reader *r, uint8_t *out, uint32_t n)
{
        const struct espimg_place *p = r->place;
        int rc;

        if (n > p->room - r->at)
                return diag_off(r->d, E_TRUNC, r->at, "the image is longer than its place");
        if ((rc = flash_read(p->flash, p->offset + r->at, out, n)) < 0)
                return diag_off(r->d, -rc, r->at, "the flash cannot be read");
        r->at += n;
        return crypt_sha256_update(&r->sha, out, n);
}

static int take_header(struct reader *r)
{
        struct espimg_header *h = &r->img->header;
        uint8_t raw[ESPIMG_HEADER + ESPIMG_EXT];
        int rc = take(r, raw, sizeof raw);

        if (rc < 0 || (rc = espimg_header_read(raw, sizeof raw, true, h, r->d)) < 0)
                return rc;
        if (h->chip_id != r->place->chip_id)
                return diag_off(r->d, E_FORMAT, ESPIMG_AT_CHIP,
                                "an image for chip %u, this is chip %u", (unsigned)h->chip_id,
                                (unsigned)r->place->chip_id);
        if (r->place->need_hash && !h->hash_appended)
                return diag_off(r->d, E_FORMAT, ESPIMG_AT_HASH, "no SHA-256 is appended");
        return 0;
}

static int take_segment(struct reader *r, struct espimg_segment *s)
{
        uint8_t buf[PIECE];
        int rc = take(r, buf, ESPIMG_SEGMENT);

        if (rc < 0)
                return rc;
        s->addr = le32_get(buf);
        s->len = le32_get(buf + 4);
        s->offset = r->at;
        if (s->len > ESPIMG_SEGMENT_LIMIT)
                return diag_off(r->d, E_FORMAT, r->at - 4, "a segment of 0x%x bytes cannot be",
                                (unsigned)s->len);
        for (uint32_t left = s->len, n; left; left -= n) {
                n = left < PIECE ? left : PIECE;
                if ((rc = take(r, buf, n)) < 0)
                        return rc;
                r->img->checksum = espimg_checksum(r->img->checksum, buf, n);
        }
        return 0;
}

static int take_end(struct reader *r)
{
        struct espimg *img = r->img;
        uint8_t pad[16];
        const uint32_t n = 16 - r->at % 16; /* the checksum is the last of them */
        int rc = take(r, pad, n);

        if (rc < 0)
                return rc;
        img->checksum_stored = pad[n - 1];
        img->len = r->at;
        if (!img->header.hash_appended)
                return 0;
        if ((rc = crypt_sha256_finish(&r->sha, img->hash)) < 0)
                return rc;
        if (ESPIMG_HASH_LEN > r->place->room - r->at)
                return diag_off(r->d, E_TRUNC, r->at, "the appended SHA-256 is missing");
        rc = flash_read(r->place->flash, r->place->offset + r->at, img->hash_stored,
                        ESPIMG_HASH_LEN);
        if (rc < 0)
                return diag_off(r->d, -rc, r->at, "the flash cannot be read");
        img->hash_there = true;
        img->len += ESPIMG_HASH_LEN;
        return 0;
}

int espimg_flash_check(const struct espimg_place *place, struct espimg *img, struct diag *d)
{
        struct reader r = { .place = place, .img = img, .d = d };
        int rc = crypt_sha256_init(&r.sha);

        memset(img, 0, sizeof *img);
        img->checksum = ESPIMG_CHECKSUM_SEED;
        if (rc < 0)
                return rc;
        rc = take_header(&r);
        while (rc == 0 && img->count < img->header.count)
                rc = take_segment(&r, &img->segments[img->count++]);
        if (rc == 0)
                rc = take_end(&r);
        if (rc == 0)
                rc = espimg_check(img, d);
        if (rc == 0 && place->trust)
                rc = secboot_flash_verify(place->flash, place->offset, (uint32_t)img->len,
                                          place->room, place->trust, place->broken, d);
        crypt_sha256_free(&r.sha);
        return rc;
}
