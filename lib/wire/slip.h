/* SLIP framing (RFC 1055) as the ESP boot ROM's loader uses it: every frame begins and ends with
 * END. */
#ifndef WIRE_SLIP_H
#define WIRE_SLIP_H

#include <stddef.h>
#include <stdint.h>

#define SLIP_END     0xC0u
#define SLIP_ESC     0xDBu
#define SLIP_ESC_END 0xDCu
#define SLIP_ESC_ESC 0xDDu

/* Room that the frame of n bytes needs in the worst case: all bytes escaped, two delimiters. */
#define SLIP_MAX(n) (2u * (n) + 2u)

/*
 * A frame written in pieces. After a piece that does not fit nothing more is written and slip_end
 * says so. Allowed calls: slip_begin → any number of slip_put → slip_end.
 */
struct slip_encoder {
        /* private: */
        uint8_t *out;
        size_t cap;
        size_t len;
        uint8_t full;
};

/* out (cap bytes) is borrowed until slip_end. */
void slip_begin(struct slip_encoder *e, uint8_t *out, size_t cap);
void slip_put(struct slip_encoder *e, const void *p, size_t n);

/* Returns the length of the whole frame with its delimiters, or -E_NOSPACE. */
long slip_end(struct slip_encoder *e);

enum slip_result {
        SLIP_MORE = 0,  /* everything was taken, no frame is complete */
        SLIP_FRAME = 1, /* buf holds a frame of len bytes until the next call */
};

/*
 * Takes a stream apart. Bytes before the first delimiter and between frames are skipped (the ROM
 * ignores a frame without its leading END; what it prints while it boots is no frame), frames of
 * no bytes too.
 */
struct slip_decoder {
        uint8_t *buf; /* borrowed */
        size_t cap;
        size_t len;
        /* private: */
        uint8_t state;
};

void slip_decoder_init(struct slip_decoder *d, uint8_t *buf, size_t cap);

/*
 * Feed n bytes. *used is how many were taken; stops behind the delimiter that completes a frame, so
 * call again with the rest. Returns SLIP_MORE, SLIP_FRAME, -E_PROTO (a byte behind ESC that may not
 * stand there) or -E_NOSPACE (frame longer than cap). A failure is returned once, at the end of the
 * damaged frame; the next call goes on behind it.
 */
int slip_feed(struct slip_decoder *d, const uint8_t *p, size_t n, size_t *used);

#endif
