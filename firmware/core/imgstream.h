/*
 * An app image as it comes over the network, checked while it passes: header, chip, descriptor,
 * segments, checksum, SHA-256. The format: fmt/espimg_wire.h.
 */
#ifndef CORE_IMGSTREAM_H
#define CORE_IMGSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypt/crypt.h"
#include "fmt/espimg.h"

/* Of an image's bytes: header, first segment's header, app descriptor. */
#define IMGSTREAM_HEAD (ESPIMG_HEADER + ESPIMG_EXT + ESPIMG_SEGMENT + ESPIMG_DESC_LEN)

struct imgstream {
        struct espimg_header header; /* valid behind IMGSTREAM_HEAD bytes */
        struct espimg_desc desc;     /* the same */
        bool complete; /* all of the image has passed; what follows is not looked at */
        /* private: */
        uint8_t head[IMGSTREAM_HEAD];
        uint64_t at;   /* bytes that have passed */
        uint32_t left; /* bytes to come of the part that passes */
        uint32_t limit;
        uint8_t part, segment, sum;
        uint8_t in[ESPIMG_HASH_LEN], in_len; /* a segment's header or the hash, as it gathers */
        struct crypt_sha256 sha;
        bool open; /* sha is */
};

/* limit: an image that is longer is refused with -E_RANGE (size of the slot). */
int imgstream_init(struct imgstream *s, uint32_t limit);

/* The slot is known later than the head. */
void imgstream_limit(struct imgstream *s, uint32_t limit);

/* True once header and descriptor are there to be judged. */
bool imgstream_has_head(const struct imgstream *s);

/*
 * The next n bytes. 0; -E_FORMAT: no app image, or without descriptor or appended hash; -E_RANGE;
 * -E_CRC: checksum or hash do not match. Reads at most up to the end of the image.
 */
int imgstream_feed(struct imgstream *s, const uint8_t *p, size_t n);

void imgstream_free(struct imgstream *s);

#endif
