/*
 * PDUs of a hostile peer, each behind its length: the server never answers more than its MTU, and
 * to a request with its response or an error; the client never reads past its buffer and never
 * asks more than its MTU.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/att.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t service[16] = { 1, 2, 3 }, declaration[19] = { 0x0a, 3, 0, 1, 2, 3 };
static const struct att_attribute table[] = {
        { { 2, { 0x00, 0x28 } }, service, 16, 4, false },
        { { 2, { 0x03, 0x28 } }, declaration, 19, 0, false },
        { { 16, { 1, 2, 3 } }, NULL, 0, 0, true },
        { { 2, { 0x01, 0x29 } }, (const uint8_t *)"name", 4, 0, false },
};

static uint8_t stored[ATT_VALUE_MAX];
static size_t stored_len;

static int on_read(void *ctx, uint16_t handle, const uint8_t **v, size_t *n)
{
        (void)ctx;
        if (handle != 3)
                abort();
        *v = stored;
        *n = stored_len;
        return 0;
}

static int on_write(void *ctx, uint16_t handle, const uint8_t *v, size_t n)
{
        (void)ctx;
        if (handle != 3 || n > sizeof stored)
                abort();
        memcpy(stored, v, n);
        stored_len = n;
        return 0;
}

static const struct att_server_ops ops = { on_read, on_write };

static void serve(const uint8_t *p, size_t n, struct att_server *s)
{
        uint8_t out[ATT_MTU_MAX];
        const long m = att_server_answer(s, p, n, out, sizeof out);

        if (m < 0 || m > s->mtu)
                abort();
        if (m && out[0] != p[0] + 1 && (out[0] != ATT_ERROR_RSP || out[1] != p[0] || m != 5))
                abort();
}

static uint16_t last;

static void on_item(void *ctx, const struct att_item *it)
{
        (void)ctx;
        if (it->handle == 0 || (it->uuid.len != 2 && it->uuid.len != 16))
                abort();
        if (it->handle <= last) /* so every search comes to its end */
                abort();
        last = it->handle;
}

static void begin(struct att_client *c, unsigned op, uint8_t *buf, size_t cap)
{
        last = 0;
        switch (op % 6) {
        case 0:
                att_client_exchange_mtu(c);
                break;
        case 1:
                att_client_services(c, on_item, NULL);
                break;
        case 2:
                att_client_characteristics(c, 1, 0xffff, on_item, NULL);
                break;
        case 3:
                att_client_descriptors(c, 1, 0xffff, on_item, NULL);
                break;
        case 4:
                att_client_read(c, 3, buf, cap);
                break;
        default:
                if (att_client_write(c, 3, service, 16) < 0)
                        abort();
        }
}

static void ask(const uint8_t *p, size_t n, struct att_client *c, unsigned op, uint8_t *buf,
                size_t cap)
{
        uint8_t q[ATT_MTU_MAX];
        long m;

        while ((m = att_client_next(c, q, sizeof q)) != 0)
                if (m < 0 || m > c->mtu)
                        abort();
        if (att_client_take(c, p, n) != ATT_MORE)
                begin(c, op, buf, cap);
        if (c->len > cap || c->mtu < ATT_MTU_MIN || c->mtu > ATT_MTU_MAX)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct att_server s;
        struct att_client c;
        uint8_t *buf = malloc(40);
        unsigned op;

        if (!buf)
                abort();
        if (size < 1) {
                free(buf);
                return 0;
        }
        stored_len = 0;
        att_server_init(&s, ATT_MTU_MAX, table, 4, &ops, NULL);
        att_client_init(&c, ATT_MTU_MAX);
        op = data[0];
        begin(&c, op, buf, 40);
        for (size_t at = 1; at < size;) {
                size_t n = data[at++];

                n = n > size - at ? size - at : n;
                serve(data + at, n, &s);
                ask(data + at, n, &c, op++, buf, 40);
                at += n;
        }
        free(buf);
        return 0;
}
