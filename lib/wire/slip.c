#include "wire/slip.h"

#include "base/err.h"

void slip_begin(struct slip_encoder *e, uint8_t *out, size_t cap)
{
        e->out = out;
        e->cap = cap;
        e->len = 0;
        e->full = cap == 0;
        if (!e->full)
                out[e->len++] = SLIP_END;
}

static void put(struct slip_encoder *e, unsigned c)
{
        if (e->len == e->cap)
                e->full = 1;
        if (!e->full)
                e->out[e->len++] = (uint8_t)c;
}

void slip_put(struct slip_encoder *e, const void *p, size_t n)
{
        const uint8_t *in = p;

        for (size_t i = 0; i < n && !e->full; i++) {
                if (in[i] != SLIP_END && in[i] != SLIP_ESC) {
                        put(e, in[i]);
                } else {
                        put(e, SLIP_ESC);
                        put(e, in[i] == SLIP_END ? SLIP_ESC_END : SLIP_ESC_ESC);
                }
        }
}

long slip_end(struct slip_encoder *e)
{
        put(e, SLIP_END);
        return e->full ? -E_NOSPACE : (long)e->len;
}

enum { OUTSIDE, INSIDE, ESCAPED, BAD, LONG };

void slip_decoder_init(struct slip_decoder *d, uint8_t *buf, size_t cap)
{
        d->buf = buf;
        d->cap = cap;
        d->len = 0;
        d->state = OUTSIDE;
}

static void take(struct slip_decoder *d, uint8_t c)
{
        if (d->state == ESCAPED) {
                if (c != SLIP_ESC_END && c != SLIP_ESC_ESC) {
                        d->state = BAD;
                        return;
                }
                c = c == SLIP_ESC_END ? SLIP_END : SLIP_ESC;
                d->state = INSIDE;
        } else if (c == SLIP_ESC) {
                d->state = ESCAPED;
                return;
        }
        if (d->len == d->cap)
                d->state = LONG;
        else
                d->buf[d->len++] = c;
}

/* A delimiter: what does it end? */
static int delimit(struct slip_decoder *d)
{
        const uint8_t was = d->state;

        if (was == OUTSIDE || (was == INSIDE && d->len == 0)) {
                d->state = INSIDE;
                d->len = 0;
                return SLIP_MORE;
        }
        d->state = OUTSIDE;
        if (was == INSIDE)
                return SLIP_FRAME;
        d->len = 0;
        return was == LONG ? -E_NOSPACE : -E_PROTO;
}

int slip_feed(struct slip_decoder *d, const uint8_t *p, size_t n, size_t *used)
{
        int rc = SLIP_MORE;
        size_t i;

        if (d->state == OUTSIDE)
                d->len = 0;
        for (i = 0; i < n && rc == SLIP_MORE; i++) {
                if (p[i] == SLIP_END)
                        rc = delimit(d);
                else if (d->state == INSIDE || d->state == ESCAPED)
                        take(d, p[i]);
        }
        *used = i;
        return rc;
}
