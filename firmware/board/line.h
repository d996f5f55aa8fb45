/*
 * The serial line between the chip's UART and whatever is plugged into it: rates that must agree,
 * bytes that take their time, faults. Times in nanoseconds of the monotonic clock.
 */
#ifndef BOARD_LINE_H
#define BOARD_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/pipe.h"

#define LINE_NEVER UINT64_MAX

/* One direction. */
struct lane {
        struct sim_pipe faults;
        uint64_t bytes; /* that passed */
        /* private: */
        uint8_t *buf; /* waits: [head, len) */
        size_t head, len, cap;
        bool idle;         /* nobody waited to send when the wire was last free */
        size_t flying;     /* of these, the bytes that are on the wire now */
        uint64_t lands_at; /* when they have arrived */
        uint64_t free_at;  /* when the wire was or will be free */
};

struct line {
        bool pace;          /* bytes take ten bits at the chip's rate */
        uint32_t chip_rate; /* of the UART; 0: not measured yet, follows the host */
        uint32_t host_rate; /* 0: not known (a raw socket), then it agrees */
        uint32_t max_rate;  /* above this the cable garbles; 0: no limit */
        struct lane in, out;
        uint64_t busy_ns; /* that either wire of a paced line was busy, at whatever rates */
        bool cut;         /* a lane's fault has cut the link: the owner hangs up and clears it */
        /* private: */
        uint64_t busy_until;
        uint32_t start_rate; /* where neither end has said one */
        uint32_t next_rate;  /* of the chip, when what it has sent is out; 0: none */
        uint32_t noise;
};

void line_init(struct line *l, uint32_t rate);
void line_free(struct line *l);

/* The chip measures the rate again. */
void line_autobaud(struct line *l);
void line_purge(struct line *l, bool in, bool out);

/* The chip sets its rate behind the bytes that it has sent. */
void line_chip_rate(struct line *l, uint32_t rate);

/* Bytes from the host, or from the chip not before a time. -E_NOMEM when too many wait. */
int line_host_put(struct line *l, const uint8_t *p, size_t n, uint64_t now);
int line_chip_put(struct line *l, const uint8_t *p, size_t n, uint64_t now, uint64_t not_before);

/* Plugged in again behind a cut. */
void line_mend(struct line *l);

/* The host was asked for bytes and had none: what comes later begins later. */
void line_host_idle(struct line *l);

/* How many bytes may be taken from the host now: 0 while the line is busy with earlier ones. */
size_t line_room(const struct line *l);

/*
 * Bytes that have arrived by now, with their faults, at most cap. *when is the time at which the
 * wire brought them: not after now, and what a late wake-up costs does not add up.
 */
size_t line_chip_get(struct line *l, uint8_t *out, size_t cap, uint64_t now, uint64_t *when);
size_t line_host_get(struct line *l, uint8_t *out, size_t cap, uint64_t now);

/*
 * When the next byte arrives at either end, LINE_NEVER if none is under way. chip_ready: before
 * that the chip does not look at its input.
 */
uint64_t line_due(const struct line *l, uint64_t chip_ready);

/* Bytes from the chip that are not out yet. */
static inline size_t line_waiting_out(const struct line *l)
{
        return l->out.len - l->out.head;
}

#endif
