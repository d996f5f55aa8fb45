#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/att.h"

void att_client_init(struct att_client *c, uint16_t mtu)
{
        memset(c, 0, sizeof *c);
        c->mtu = ATT_MTU_MIN;
        c->mtu_own = mtu;
}

/* Every operation begins like this; op is its first request. */
static void begin(struct att_client *c, uint8_t op, uint16_t handle, uint16_t end)
{
        c->op = op;
        c->waiting = 0;
        c->handle = handle;
        c->end = end;
        c->at = 0;
        c->len = 0;
        c->error = 0;
        c->failed = 0;
}

static void search(struct att_client *c, uint8_t op, uint16_t start, uint16_t end,
                   att_item_fn *item, void *ctx)
{
        begin(c, op, start, end);
        c->item = item;
        c->ctx = ctx;
}

void att_client_exchange_mtu(struct att_client *c)
{
        begin(c, ATT_MTU_REQ, 0, 0);
}

void att_client_services(struct att_client *c, att_item_fn *item, void *ctx)
{
        search(c, ATT_READ_GROUP_REQ, 1, 0xffff, item, ctx);
}

void att_client_characteristics(struct att_client *c, uint16_t start, uint16_t end,
                                att_item_fn *item, void *ctx)
{
        search(c, ATT_READ_TYPE_REQ, start, end, item, ctx);
}

void att_client_descriptors(struct att_client *c, uint16_t start, uint16_t end, att_item_fn *item,
                            void *ctx)
{
        search(c, ATT_FIND_INFO_REQ, start, end, item, ctx);
}

void att_client_read(struct att_client *c, uint16_t handle, uint8_t *buf, size_t cap)
{
        begin(c, ATT_READ_REQ, handle, 0);
        c->buf = buf;
        c->cap = cap;
}

int att_client_write(struct att_client *c, uint16_t handle, const uint8_t *data, size_t n)
{
        if (n > ATT_VALUE_MAX)
                return -E_RANGE;
        begin(c, n > c->mtu - 3u ? ATT_PREPARE_REQ : ATT_WRITE_REQ, handle, 0);
        c->data = data;
        c->n = n;
        return 0;
}

/* The request of the operation's next step; out has room for c->mtu bytes. */
static size_t request(struct att_client *c, uint8_t *out)
{
        out[0] = c->op;
        le16_put(out + 1, c->handle);
        switch (c->op) {
        case ATT_MTU_REQ:
                le16_put(out + 1, c->mtu_own);
                return 3;
        case ATT_READ_GROUP_REQ:
        case ATT_READ_TYPE_REQ:
                le16_put(out + 3, c->end);
                le16_put(out + 5,
                         c->op == ATT_READ_TYPE_REQ ? GATT_CHARACTERISTIC : GATT_PRIMARY_SERVICE);
                return 7;
        case ATT_FIND_INFO_REQ:
                le16_put(out + 3, c->end);
                return 5;
        case ATT_READ_BLOB_REQ:
                le16_put(out + 3, (uint16_t)c->len);
                return 5;
        case ATT_WRITE_REQ:
                memcpy(out + 3, c->data, c->n);
                return 3 + c->n;
        case ATT_PREPARE_REQ:
                c->part = c->n - c->at < c->mtu - 5u ? c->n - c->at : c->mtu - 5u;
                le16_put(out + 3, (uint16_t)c->at);
                memcpy(out + 5, c->data + c->at, c->part);
                return 5 + c->part;
        case ATT_EXECUTE_REQ:
                out[1] = c->failed ? 0 : 1;
                return 2;
        default: /* ATT_READ_REQ */
                return 3;
        }
}

long att_client_next(struct att_client *c, uint8_t *out, size_t cap)
{
        size_t n;

        if (cap < c->mtu)
                return -E_NOSPACE;
        if (c->reply_len) {
                n = c->reply_len;
                memcpy(out, c->reply, n);
                c->reply_len = 0;
                return (long)n;
        }
        if (!c->op || c->waiting)
                return 0;
        n = request(c, out);
        c->asked = out[0];
        c->waiting = (uint8_t)(out[0] + 1);
        return (long)n;
}

static int done(struct att_client *c, int rc)
{
        c->op = c->waiting = 0;
        return rc;
}

/* The operation goes on with another request. */
static int more(struct att_client *c, uint8_t op)
{
        c->op = op;
        c->waiting = 0;
        return ATT_MORE;
}

/* A search goes on behind the last handle that it saw. */
static int more_behind(struct att_client *c, uint16_t last)
{
        if (last >= c->end)
                return done(c, ATT_DONE);
        c->handle = (uint16_t)(last + 1);
        return more(c, c->op);
}

/* Entries of one size behind their length: groups (handle, end, UUID) and characteristics (handle,
 * properties, value handle, UUID). */
static int take_list(struct att_client *c, const uint8_t *p, size_t n)
{
        const bool group = c->op == ATT_READ_GROUP_REQ;
        const size_t head = group ? 4 : 5;
        size_t size;
        uint16_t last = 0;

        if (n < 2)
                return done(c, -E_PROTO);
        size = p[1];
        if ((size != head + 2 && size != head + 16) || n == 2 || (n - 2) % size)
                return done(c, -E_PROTO);
        for (p += 2, n -= 2; n; p += size, n -= size) {
                struct att_item it = { .handle = le16_get(p), .uuid.len = (uint8_t)(size - head) };

                if (it.handle < c->handle || it.handle > c->end || it.handle <= last)
                        return done(c, -E_PROTO);
                if (group)
                        it.end = le16_get(p + 2);
                else
                        it.value = le16_get(p + 3), it.properties = p[2];
                if (group ? it.end < it.handle : it.value <= it.handle)
                        return done(c, -E_PROTO);
                memcpy(it.uuid.v, p + head, it.uuid.len);
                last = group ? it.end : it.handle;
                c->item(c->ctx, &it);
        }
        return more_behind(c, last);
}

static int take_info(struct att_client *c, const uint8_t *p, size_t n)
{
        const size_t len = n > 1 && p[1] == 1 ? 2 : 16;
        uint16_t last = 0;

        if (n < 3 || (p[1] != 1 && p[1] != 2) || (n - 2) % (2 + len))
                return done(c, -E_PROTO);
        for (p += 2, n -= 2; n; p += 2 + len, n -= 2 + len) {
                struct att_item it = { .handle = le16_get(p), .uuid.len = (uint8_t)len };

                if (it.handle < c->handle || it.handle > c->end || it.handle <= last)
                        return done(c, -E_PROTO);
                memcpy(it.uuid.v, p + 2, len);
                last = it.handle;
                c->item(c->ctx, &it);
        }
        return more_behind(c, last);
}

/* A part of a value; a full one means that there may be more. */
static int take_part(struct att_client *c, const uint8_t *p, size_t n)
{
        const bool full = n == c->mtu;

        if (n > c->mtu)
                return done(c, -E_PROTO);
        p++, n--;
        if (n > c->cap - c->len)
                return done(c, -E_NOSPACE);
        memcpy(c->buf + c->len, p, n);
        c->len += n;
        if (!full || c->len > 0xffff)
                return done(c, ATT_DONE);
        return more(c, ATT_READ_BLOB_REQ);
}

static int take_prepared(struct att_client *c, const uint8_t *p, size_t n)
{
        if (n != 5 + c->part || le16_get(p + 1) != c->handle || le16_get(p + 3) != c->at ||
            memcmp(p + 5, c->data + c->at, c->part) != 0) {
                c->failed = E_PROTO;
                return more(c, ATT_EXECUTE_REQ);
        }
        c->at += c->part;
        return more(c, c->at < c->n ? ATT_PREPARE_REQ : ATT_EXECUTE_REQ);
}

static int take_error(struct att_client *c, const uint8_t *p, size_t n)
{
        const bool is_search = c->op == ATT_READ_GROUP_REQ || c->op == ATT_READ_TYPE_REQ ||
                               c->op == ATT_FIND_INFO_REQ;

        if (n != 5 || p[1] != c->asked)
                return ATT_MORE; /* of a request that is not ours: nothing to do with it */
        c->error = p[4];
        if (is_search && c->error == ATT_ERR_NOT_FOUND)
                return done(c, ATT_DONE);
        if (c->op == ATT_MTU_REQ && c->error == ATT_ERR_NOT_SUPPORTED)
                return done(c, ATT_DONE);
        /* the parts before were all of it */
        if (c->op == ATT_READ_BLOB_REQ && c->len &&
            (c->error == ATT_ERR_OFFSET || c->error == ATT_ERR_NOT_LONG))
                return done(c, ATT_DONE);
        if (c->op == ATT_PREPARE_REQ && c->at) {
                c->failed = E_REFUSED;
                return more(c, ATT_EXECUTE_REQ);
        }
        return done(c, c->failed ? -c->failed : -E_REFUSED);
}

static int take_mtu(struct att_client *c, const uint8_t *p, size_t n)
{
        uint16_t theirs;

        if (n != 3)
                return done(c, -E_PROTO);
        theirs = le16_get(p + 1);
        if (theirs < ATT_MTU_MIN)
                theirs = ATT_MTU_MIN;
        c->mtu = theirs < c->mtu_own ? theirs : c->mtu_own;
        return done(c, ATT_DONE);
}

/* This end has no attributes of its own. */
static void answer_peer(struct att_client *c, const uint8_t *p, size_t n)
{
        if (p[0] == ATT_INDICATION) {
                c->reply[0] = ATT_CONFIRMATION;
                c->reply_len = 1;
        } else if (p[0] == ATT_MTU_REQ && n == 3) {
                c->reply[0] = ATT_MTU_RSP;
                le16_put(c->reply + 1, c->mtu_own);
                c->reply_len = 3;
        } else if (!(p[0] & 1) && !(p[0] & ATT_COMMAND_FLAG) && p[0] != ATT_CONFIRMATION) {
                const bool finds = p[0] == ATT_FIND_INFO_REQ || p[0] == ATT_FIND_TYPE_REQ ||
                                   p[0] == ATT_READ_TYPE_REQ || p[0] == ATT_READ_GROUP_REQ;

                c->reply[0] = ATT_ERROR_RSP;
                c->reply[1] = p[0];
                le16_put(c->reply + 2, n >= 3 && p[0] != ATT_MTU_REQ ? le16_get(p + 1) : 0);
                c->reply[4] = finds ? ATT_ERR_NOT_FOUND : ATT_ERR_NOT_SUPPORTED;
                c->reply_len = 5;
        }
}

int att_client_take(struct att_client *c, const uint8_t *p, size_t n)
{
        if (n == 0)
                return ATT_MORE;
        if (!c->waiting || (p[0] != c->waiting && p[0] != ATT_ERROR_RSP)) {
                answer_peer(c, p, n);
                return ATT_MORE;
        }
        if (p[0] == ATT_ERROR_RSP)
                return take_error(c, p, n);
        switch (p[0]) {
        case ATT_MTU_RSP:
                return take_mtu(c, p, n);
        case ATT_READ_GROUP_RSP:
        case ATT_READ_TYPE_RSP:
                return take_list(c, p, n);
        case ATT_FIND_INFO_RSP:
                return take_info(c, p, n);
        case ATT_READ_RSP:
        case ATT_READ_BLOB_RSP:
                return take_part(c, p, n);
        case ATT_PREPARE_RSP:
                return take_prepared(c, p, n);
        case ATT_EXECUTE_RSP:
                return done(c, c->failed ? -c->failed : ATT_DONE);
        default: /* ATT_WRITE_RSP */
                return done(c, n == 1 ? ATT_DONE : -E_PROTO);
        }
}
