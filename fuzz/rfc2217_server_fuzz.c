/*
 * Whatever a client sends: no more data comes out than went in, every reply is a telnet command,
 * and the answers do not depend on how the bytes were cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/rfc2217_server.h"

struct seen {
        size_t data, replies;
        uint32_t sum; /* over everything that came out, in order */
};

static void add(struct seen *s, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                s->sum = s->sum * 31 + p[i];
}

static void on_data(void *ctx, const uint8_t *p, size_t n)
{
        struct seen *s = ctx;

        s->data += n;
        add(s, p, n);
}

static void on_reply(void *ctx, const uint8_t *p, size_t n)
{
        struct seen *s = ctx;

        if (n < 3 || p[0] != 255)
                abort();
        s->replies += n;
        add(s, p, n);
}

static void on_lines(void *ctx, bool dtr, bool rts)
{
        ((struct seen *)ctx)->sum += 2u * dtr + rts;
}

static void on_baud(void *ctx, uint32_t rate)
{
        ((struct seen *)ctx)->sum += rate;
}

static void on_purge(void *ctx, bool from_port, bool to_port)
{
        ((struct seen *)ctx)->sum += 2u * from_port + to_port;
}

static const struct rfc2217_ops ops = { on_data, on_reply, on_lines, on_baud, on_purge };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct rfc2217_server s;
        struct seen whole = { 0 }, cut = { 0 };

        rfc2217_server_init(&s, &ops, &whole, 115200);
        rfc2217_server_input(&s, data, size);
        rfc2217_server_init(&s, &ops, &cut, 115200);
        for (size_t i = 0; i < size; i++)
                rfc2217_server_input(&s, data + i, 1);
        if (whole.data > size || whole.replies > 4 * size || memcmp(&whole, &cut, sizeof cut) != 0)
                abort();
        return 0;
}
