#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/att.h"

void att_server_init(struct att_server *s, uint16_t mtu, const struct att_attribute *table,
                     uint16_t count, const struct att_server_ops *ops, void *ctx)
{
        memset(s, 0, sizeof *s);
        s->mtu_own = mtu;
        s->table = table;
        s->count = count;
        s->ops = ops;
        s->ctx = ctx;
        att_server_reset(s);
}

void att_server_reset(struct att_server *s)
{
        s->mtu = ATT_MTU_MIN;
        s->queued = 0;
        s->queued_len = 0;
        wipe(s->queue, sizeof s->queue);
}

static long refuse(const uint8_t *pdu, uint16_t handle, uint8_t error, uint8_t *out)
{
        out[0] = ATT_ERROR_RSP;
        out[1] = pdu[0];
        le16_put(out + 2, handle);
        out[4] = error;
        return 5;
}

/* The attribute of a handle, or NULL. */
static const struct att_attribute *at(const struct att_server *s, uint16_t handle)
{
        return handle && handle <= s->count ? &s->table[handle - 1] : NULL;
}

static int value_of(const struct att_server *s, uint16_t handle, const uint8_t **v, size_t *n)
{
        const struct att_attribute *a = at(s, handle);

        if (!a)
                return ATT_ERR_HANDLE;
        *v = a->value;
        *n = a->len;
        return a->value ? 0 : s->ops->read(s->ctx, handle, v, n);
}

static long exchange_mtu(struct att_server *s, const uint8_t *p, size_t n, uint8_t *out)
{
        uint16_t theirs;

        if (n != 3)
                return refuse(p, 0, ATT_ERR_PDU, out);
        theirs = le16_get(p + 1);
        if (theirs < ATT_MTU_MIN)
                theirs = ATT_MTU_MIN;
        out[0] = ATT_MTU_RSP;
        le16_put(out + 1, s->mtu_own);
        s->mtu = theirs < s->mtu_own ? theirs : s->mtu_own;
        return 3;
}

/* The range of handles that all searches begin with. */
static int range(const uint8_t *p, size_t n, uint16_t *start, uint16_t *end)
{
        if (n < 5)
                return ATT_ERR_PDU;
        *start = le16_get(p + 1);
        *end = le16_get(p + 3);
        return *start == 0 || *start > *end ? ATT_ERR_HANDLE : 0;
}

static long find_info(const struct att_server *s, const uint8_t *p, size_t n, uint8_t *out)
{
        uint16_t start = 0, end = 0;
        size_t len = 2, uuid = 0;
        const int error = n == 5 ? range(p, n, &start, &end) : ATT_ERR_PDU;

        if (error)
                return refuse(p, start, (uint8_t)error, out);
        for (uint32_t h = start; h <= end && h <= s->count; h++) {
                const struct att_uuid *u = &s->table[h - 1].type;

                if (!uuid)
                        uuid = u->len;
                if (u->len != uuid || 2 + uuid > s->mtu - len)
                        break;
                le16_put(out + len, (uint16_t)h);
                memcpy(out + len + 2, u->v, uuid);
                len += 2 + uuid;
        }
        if (!uuid)
                return refuse(p, start, ATT_ERR_NOT_FOUND, out);
        out[0] = ATT_FIND_INFO_RSP;
        out[1] = uuid == 2 ? 1 : 2;
        return (long)len;
}

/* Attributes of a type with their values: read by type, and by group type (with the group's end).
 * All entries of one answer have the same size; a value is cut to what fits. */
static long read_type(const struct att_server *s, const uint8_t *p, size_t n, uint8_t *out)
{
        const bool group = p[0] == ATT_READ_GROUP_REQ;
        const size_t head = group ? 4 : 2;
        struct att_uuid type = { 0 };
        uint16_t start = 0, end = 0;
        size_t len = 2, size = 0;
        int error = n == 7 || n == 21 ? range(p, n, &start, &end) : ATT_ERR_PDU;

        if (error)
                return refuse(p, start, (uint8_t)error, out);
        type.len = (uint8_t)(n - 5);
        memcpy(type.v, p + 5, type.len);
        if (group && !att_uuid_is16(&type, GATT_PRIMARY_SERVICE))
                return refuse(p, start, ATT_ERR_GROUP_TYPE, out);
        for (uint32_t h = start; h <= end && h <= s->count; h++) {
                const struct att_attribute *a = &s->table[h - 1];
                const uint8_t *v = NULL;
                size_t vn = 0;

                if (!att_uuid_equal(&a->type, &type))
                        continue;
                error = value_of(s, (uint16_t)h, &v, &vn);
                if (error && !size)
                        return refuse(p, (uint16_t)h, (uint8_t)error, out);
                if (vn > s->mtu - 2u - head)
                        vn = s->mtu - 2u - head;
                if (vn > 255 - head) /* the size is one byte */
                        vn = 255 - head;
                if (!size)
                        size = head + vn;
                if (error || head + vn != size || size > s->mtu - len)
                        break;
                le16_put(out + len, (uint16_t)h);
                if (group)
                        le16_put(out + len + 2, a->group_end);
                memcpy(out + len + head, v, vn);
                len += size;
        }
        if (!size)
                return refuse(p, start, ATT_ERR_NOT_FOUND, out);
        out[0] = (uint8_t)(p[0] + 1);
        out[1] = (uint8_t)size;
        return (long)len;
}

/* Primary services with a given UUID: what a client asks that knows what it looks for. */
static long find_type(const struct att_server *s, const uint8_t *p, size_t n, uint8_t *out)
{
        uint16_t start = 0, end = 0;
        size_t len = 1;
        const int error = n >= 7 ? range(p, n, &start, &end) : ATT_ERR_PDU;

        if (error)
                return refuse(p, start, (uint8_t)error, out);
        for (uint32_t h = start; h <= end && h <= s->count; h++) {
                const struct att_attribute *a = &s->table[h - 1];

                if (!att_uuid_is16(&a->type, le16_get(p + 5)) || !a->group_end || a->len != n - 7 ||
                    memcmp(a->value, p + 7, n - 7) != 0)
                        continue;
                if (4 > s->mtu - len)
                        break;
                le16_put(out + len, (uint16_t)h);
                le16_put(out + len + 2, a->group_end);
                len += 4;
        }
        if (len == 1)
                return refuse(p, start, ATT_ERR_NOT_FOUND, out);
        out[0] = ATT_FIND_TYPE_RSP;
        return (long)len;
}

static long read_value(const struct att_server *s, const uint8_t *p, size_t n, uint8_t *out)
{
        const bool blob = p[0] == ATT_READ_BLOB_REQ;
        const uint8_t *v = NULL;
        size_t vn = 0, from = 0;
        uint16_t handle;
        int error;

        if (n != (blob ? 5u : 3u))
                return refuse(p, 0, ATT_ERR_PDU, out);
        handle = le16_get(p + 1);
        from = blob ? le16_get(p + 3) : 0;
        error = value_of(s, handle, &v, &vn);
        if (!error && from > vn)
                error = ATT_ERR_OFFSET;
        if (error)
                return refuse(p, handle, (uint8_t)error, out);
        vn -= from;
        if (vn > s->mtu - 1u)
                vn = s->mtu - 1u;
        out[0] = (uint8_t)(p[0] + 1);
        if (vn)
                memcpy(out + 1, v + from, vn);
        return (long)(1 + vn);
}

static int may_write(const struct att_server *s, uint16_t handle)
{
        const struct att_attribute *a = at(s, handle);

        return !a ? ATT_ERR_HANDLE : a->writable ? 0 : ATT_ERR_WRITE_NOT_PERMITTED;
}

static long write_value(struct att_server *s, const uint8_t *p, size_t n, uint8_t *out)
{
        uint16_t handle;
        int error;

        if (n < 3 || n > s->mtu)
                return refuse(p, 0, ATT_ERR_PDU, out);
        handle = le16_get(p + 1);
        error = may_write(s, handle);
        if (!error && n - 3 > ATT_VALUE_MAX)
                error = ATT_ERR_VALUE_LENGTH;
        if (!error)
                error = s->ops->write(s->ctx, handle, p + 3, n - 3);
        if (error)
                return refuse(p, handle, (uint8_t)error, out);
        out[0] = ATT_WRITE_RSP;
        return 1;
}

/* One value at a time is prepared, its parts in order: as every client does it. */
static long prepare(struct att_server *s, const uint8_t *p, size_t n, uint8_t *out)
{
        uint16_t handle;
        size_t offset;
        int error;

        if (n < 5 || n > s->mtu)
                return refuse(p, 0, ATT_ERR_PDU, out);
        handle = le16_get(p + 1);
        offset = le16_get(p + 3);
        error = may_write(s, handle);
        if (!error && s->queued && s->queued != handle)
                error = ATT_ERR_QUEUE_FULL;
        else if (!error && offset != s->queued_len)
                error = ATT_ERR_OFFSET;
        else if (!error && n - 5 > sizeof s->queue - s->queued_len)
                error = ATT_ERR_QUEUE_FULL;
        if (error)
                return refuse(p, handle, (uint8_t)error, out);
        memcpy(s->queue + s->queued_len, p + 5, n - 5);
        s->queued_len += n - 5;
        s->queued = handle;
        memcpy(out, p, n);
        out[0] = ATT_PREPARE_RSP;
        return (long)n;
}

static long execute(struct att_server *s, const uint8_t *p, size_t n, uint8_t *out)
{
        const uint16_t handle = s->queued;
        int error = 0;

        if (n != 2 || p[1] > 1)
                return refuse(p, 0, ATT_ERR_PDU, out);
        if (p[1] && handle)
                error = s->ops->write(s->ctx, handle, s->queue, s->queued_len);
        s->queued = 0;
        s->queued_len = 0;
        wipe(s->queue, sizeof s->queue);
        if (error)
                return refuse(p, handle, (uint8_t)error, out);
        out[0] = ATT_EXECUTE_RSP;
        return 1;
}

long att_server_answer(struct att_server *s, const uint8_t *p, size_t n, uint8_t *out, size_t cap)
{
        if (cap < ATT_MTU_MAX)
                return -E_NOSPACE;
        /* responses, notifications and commands want no answer; nor does what is no PDU */
        if (n == 0 || p[0] & 1 || p[0] & ATT_COMMAND_FLAG || p[0] == ATT_CONFIRMATION)
                return 0;
        switch (p[0]) {
        case ATT_MTU_REQ:
                return exchange_mtu(s, p, n, out);
        case ATT_FIND_INFO_REQ:
                return find_info(s, p, n, out);
        case ATT_FIND_TYPE_REQ:
                return find_type(s, p, n, out);
        case ATT_READ_TYPE_REQ:
        case ATT_READ_GROUP_REQ:
                return read_type(s, p, n, out);
        case ATT_READ_REQ:
        case ATT_READ_BLOB_REQ:
                return read_value(s, p, n, out);
        case ATT_WRITE_REQ:
                return write_value(s, p, n, out);
        case ATT_PREPARE_REQ:
                return prepare(s, p, n, out);
        case ATT_EXECUTE_REQ:
                return execute(s, p, n, out);
        default:
                return refuse(p, 0, ATT_ERR_NOT_SUPPORTED, out);
        }
}
