/* One direction of a wire, with faults: bytes lost, bytes garbled, silence, the link cut. */
#ifndef SIM_PIPE_H
#define SIM_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Zero is a good wire. Positions count the bytes that were put in since the pipe was initialised,
 * from 0. Random faults come from a generator of fixed seed, so a run can be repeated.
 */
struct sim_pipe {
        uint32_t drop_one_in;   /* on average one byte in so many is lost; 0: none */
        uint32_t garble_one_in; /* the same, a bit of it turned */
        uint64_t silent_from;   /* nothing passes from this byte on, if silent */
        uint64_t drop_at;       /* this byte is lost, if drop */
        uint64_t garble_at;     /* this byte is garbled, if garble */
        uint64_t cut_at;        /* the link is gone before this byte, if cut */
        bool silent, drop, garble, cut;
        uint32_t seed;
        /* private: */
        uint64_t count;
        bool is_cut;
};

/*
 * n bytes from in to out (room for n; may be the same buffer); *passed is how many came through.
 * Returns 0, or -E_LINK when the link is cut: what passed before the cut is in out.
 */
int sim_pipe_put(struct sim_pipe *p, const uint8_t *in, size_t n, uint8_t *out, size_t *passed);

/* The link was plugged in again: the cut is over, the other faults stay. */
void sim_pipe_mend(struct sim_pipe *p);

#endif
