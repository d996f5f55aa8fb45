/* A zlib stream taken in pieces, for the ROM loader's deflated blocks. */
#ifndef SIM_INFLATE_H
#define SIM_INFLATE_H

#include <stddef.h>
#include <stdint.h>

struct z_stream_s;

/* Zero-initialise. */
struct sim_inflate {
        /* private: */
        struct z_stream_s *z;
};

/* A new stream; what was left of the one before is dropped. Returns 0 or -E_NOMEM. */
int sim_inflate_begin(struct sim_inflate *s);

/*
 * Consume in and hand what comes out to sink. Returns 1 at the end of the stream, 0 if more input
 * is needed, -E_FORMAT for bad data, or sink's failure.
 */
int sim_inflate_put(struct sim_inflate *s, const uint8_t *in, size_t n,
                    int (*sink)(void *arg, const uint8_t *p, size_t n), void *arg);

void sim_inflate_free(struct sim_inflate *s);

#endif
