#include "line.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define LANE_MAX (1u << 20) /* bytes that may wait in one direction */
#define SLICE_NS 2000000u   /* so much of a paced lane is moved at once */
#define UNPACED  4096u      /* bytes taken at once without pacing */
#define NS       1000000000u
#define IDLE_NS  1000000u /* a sender that pauses less than this has not paused */

void line_init(struct line *l, uint32_t rate)
{
        memset(l, 0, sizeof *l);
        l->host_rate = l->start_rate = rate;
        l->noise = 1;
        l->in.idle = true;
}

void line_free(struct line *l)
{
        free(l->in.buf);
        free(l->out.buf);
        l->in.buf = l->out.buf = NULL;
}

static void lane_clear(struct lane *a)
{
        a->head = a->len = a->flying = 0;
}

void line_purge(struct line *l, bool in, bool out)
{
        if (in)
                lane_clear(&l->in);
        if (out)
                lane_clear(&l->out);
}

void line_mend(struct line *l)
{
        sim_pipe_mend(&l->in.faults);
        sim_pipe_mend(&l->out.faults);
        line_purge(l, true, true);
        l->cut = false;
}

void line_autobaud(struct line *l)
{
        l->chip_rate = 0;
        l->next_rate = 0;
}

static uint32_t rate_of(const struct line *l)
{
        return l->chip_rate ? l->chip_rate : l->host_rate ? l->host_rate : l->start_rate;
}

void line_chip_rate(struct line *l, uint32_t rate)
{
        if (l->out.head == l->out.len)
                l->chip_rate = rate;
        else
                l->next_rate = rate;
}

static int lane_put(struct lane *a, const uint8_t *p, size_t n)
{
        if (a->head) {
                memmove(a->buf, a->buf + a->head, a->len - a->head);
                a->len -= a->head;
                a->head = 0;
        }
        if (n > LANE_MAX - a->len)
                return -E_NOMEM;
        if (a->len + n > a->cap) {
                const size_t cap = (a->len + n) * 2;
                uint8_t *grown = realloc(a->buf, cap);

                if (!grown)
                        return -E_NOMEM;
                a->buf = grown;
                a->cap = cap;
        }
        memcpy(a->buf + a->len, p, n);
        a->len += n;
        return 0;
}

/* Puts the next bytes on the wire if it is free. */
static void lane_start(struct line *l, struct lane *a, uint64_t begin)
{
        const size_t waiting = a->len - a->head;
        uint64_t slice = (uint64_t)rate_of(l) * SLICE_NS / (10ull * NS);

        if (a->flying || !waiting)
                return;
        if (!l->pace) {
                a->flying = waiting;
                a->lands_at = begin;
                return;
        }
        if (slice < 1)
                slice = 1;
        a->flying = waiting < slice ? waiting : (size_t)slice;
        a->lands_at = begin + a->flying * 10ull * NS / rate_of(l);
        if (begin < l->busy_until)
                begin = l->busy_until; /* the other wire's time counts once */
        if (a->lands_at > begin) {
                l->busy_ns += a->lands_at - begin;
                l->busy_until = a->lands_at;
        }
        a->free_at = a->lands_at;
}

static uint64_t later(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

void line_host_idle(struct line *l)
{
        l->in.idle = l->in.head == l->in.len;
}

/* Bytes that waited to be taken follow the ones before without a gap. */
int line_host_put(struct line *l, const uint8_t *p, size_t n, uint64_t now)
{
        const int rc = lane_put(&l->in, p, n);

        lane_start(l, &l->in, l->in.idle || !l->pace ? later(now, l->in.free_at) : l->in.free_at);
        l->in.idle = false;
        return rc;
}

int line_chip_put(struct line *l, const uint8_t *p, size_t n, uint64_t now, uint64_t not_before)
{
        const int rc = lane_put(&l->out, p, n);

        lane_start(l, &l->out, later(later(now, not_before), l->out.free_at));
        return rc;
}

size_t line_room(const struct line *l)
{
        const uint64_t slice = (uint64_t)rate_of(l) * SLICE_NS / (10ull * NS);

        if (l->in.len != l->in.head)
                return 0;
        return !l->pace ? UNPACED : slice < 1 ? 1 : (size_t)slice;
}

/* Do both ends understand each other? UARTs bear about 4 per cent. */
static bool rates_agree(const struct line *l)
{
        const uint32_t chip = rate_of(l);
        const uint32_t host = l->host_rate ? l->host_rate : chip;
        const uint32_t off = chip > host ? chip - host : host - chip;

        return off <= host / 25 && (!l->max_rate || host <= l->max_rate);
}

static void make_noise(struct line *l, uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                l->noise = l->noise * 1664525u + 1013904223u;
                p[i] = (uint8_t)(p[i] ^ (l->noise >> 24) ^ 0x80);
        }
}

static size_t lane_get(struct line *l, struct lane *a, uint8_t *out, size_t cap, uint64_t now)
{
        const size_t n = a->flying < cap ? a->flying : cap;
        size_t passed = 0;

        if (!n || now < a->lands_at)
                return 0;
        if (sim_pipe_put(&a->faults, a->buf + a->head, n, out, &passed) < 0)
                l->cut = true;
        a->head += n;
        a->flying -= n;
        if (!rates_agree(l))
                make_noise(l, out, passed);
        a->bytes += passed;
        return passed;
}

size_t line_chip_get(struct line *l, uint8_t *out, size_t cap, uint64_t now, uint64_t *when)
{
        size_t n;

        *when = l->pace && l->in.flying ? l->in.lands_at : now;
        n = lane_get(l, &l->in, out, cap, now);
        lane_start(l, &l->in, later(*when, l->in.free_at));
        return n;
}

size_t line_host_get(struct line *l, uint8_t *out, size_t cap, uint64_t now)
{
        const size_t n = lane_get(l, &l->out, out, cap, now);

        if (l->next_rate && l->out.head == l->out.len) {
                l->chip_rate = l->next_rate;
                l->next_rate = 0;
        }
        lane_start(l, &l->out, l->pace ? l->out.free_at : now);
        return n;
}

uint64_t line_due(const struct line *l, uint64_t chip_ready)
{
        const uint64_t in = l->in.flying ? later(l->in.lands_at, chip_ready) : LINE_NEVER;
        const uint64_t out = l->out.flying ? l->out.lands_at : LINE_NEVER;

        return in < out ? in : out;
}
