#include "firmware/core/imgstream.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

enum { HEADER, SEGMENT, DATA, PADDING, CHECKSUM, HASH };

int imgstream_init(struct imgstream *s, uint32_t limit)
{
        int rc;

        memset(s, 0, sizeof *s);
        s->limit = limit;
        s->left = ESPIMG_HEADER + ESPIMG_EXT;
        s->sum = ESPIMG_CHECKSUM_SEED;
        rc = crypt_sha256_init(&s->sha);
        s->open = rc == 0;
        return rc;
}

void imgstream_limit(struct imgstream *s, uint32_t limit)
{
        s->limit = limit;
}

bool imgstream_has_head(const struct imgstream *s)
{
        return s->at >= IMGSTREAM_HEAD;
}

static void enter(struct imgstream *s, unsigned part, uint32_t left)
{
        s->part = (uint8_t)part;
        s->left = left;
        s->in_len = 0;
}

/* Behind the header or a segment: the next one, or the padding up to 15 modulo 16. */
static void next_segment(struct imgstream *s)
{
        const uint32_t pad = 15u - (uint32_t)(s->at & 15u);

        if (s->segment < s->header.count) {
                s->segment++;
                enter(s, SEGMENT, ESPIMG_SEGMENT);
        } else {
                enter(s, pad ? PADDING : CHECKSUM, pad ? pad : 1);
        }
}

static int end_header(struct imgstream *s)
{
        const int rc =
                espimg_header_read(s->head, ESPIMG_HEADER + ESPIMG_EXT, true, &s->header, NULL);

        if (rc < 0)
                return rc;
        if (!s->header.count || !s->header.hash_appended)
                return -E_FORMAT;
        next_segment(s);
        return 0;
}

static int end_segment_header(struct imgstream *s)
{
        const uint32_t len = le32_get(s->in + 4);

        if (s->segment == 1 && len < ESPIMG_DESC_LEN)
                return -E_FORMAT;
        if (len > s->limit || s->at > s->limit - len)
                return -E_RANGE;
        enter(s, DATA, len);
        if (len == 0)
                next_segment(s);
        return 0;
}

static int end_checksum(struct imgstream *s)
{
        uint8_t digest[CRYPT_SHA256_LEN];
        int rc;

        if (s->in[0] != s->sum)
                return -E_CRC;
        enter(s, HASH, ESPIMG_HASH_LEN);
        rc = crypt_sha256_finish(&s->sha, digest);
        s->open = false;
        memcpy(s->head, digest, sizeof digest); /* the head has been read */
        return rc;
}

static int end_hash(struct imgstream *s)
{
        if (!bytes_equal_ct(s->in, s->head, ESPIMG_HASH_LEN))
                return -E_CRC;
        s->complete = true;
        return 0;
}

static int end_part(struct imgstream *s)
{
        switch (s->part) {
        case HEADER:
                return end_header(s);
        case SEGMENT:
                return end_segment_header(s);
        case CHECKSUM:
                return end_checksum(s);
        case HASH:
                return end_hash(s);
        case PADDING:
                enter(s, CHECKSUM, 1);
                return 0;
        default:
                next_segment(s);
                return 0;
        }
}

/* n bytes of one part, no more than are left of it. */
static int take(struct imgstream *s, const uint8_t *p, size_t n)
{
        int rc;

        if (s->part != HASH && (rc = crypt_sha256_update(&s->sha, p, n)) < 0)
                return rc;
        if (s->part == DATA)
                s->sum = espimg_checksum(s->sum, p, n);
        if (s->part == SEGMENT || s->part == CHECKSUM || s->part == HASH) {
                memcpy(s->in + s->in_len, p, n);
                s->in_len = (uint8_t)(s->in_len + n);
        }
        if (s->at < IMGSTREAM_HEAD) {
                const size_t room = IMGSTREAM_HEAD - (size_t)s->at;

                memcpy(s->head + s->at, p, n < room ? n : room);
        }
        s->at += n;
        s->left -= (uint32_t)n;
        return s->left ? 0 : end_part(s);
}

static int read_desc(struct imgstream *s)
{
        const size_t at = IMGSTREAM_HEAD - ESPIMG_DESC_LEN;

        return espimg_desc_read(s->head + at, ESPIMG_DESC_LEN, &s->desc) < 0 ? -E_FORMAT : 0;
}

int imgstream_feed(struct imgstream *s, const uint8_t *p, size_t n)
{
        while (n && !s->complete) {
                const bool had_head = imgstream_has_head(s);
                size_t some = n < s->left ? n : s->left;
                int rc;

                /* the descriptor is read before anything else can use the head's place */
                if (!had_head && some > IMGSTREAM_HEAD - s->at)
                        some = (size_t)(IMGSTREAM_HEAD - s->at);
                if ((rc = take(s, p, some)) < 0 ||
                    (!had_head && imgstream_has_head(s) && (rc = read_desc(s)) < 0))
                        return rc;
                p += some;
                n -= some;
        }
        return 0;
}

void imgstream_free(struct imgstream *s)
{
        if (s->open)
                crypt_sha256_free(&s->sha);
        s->open = false;
}
