#include "wire/att.h"

#include <string.h>

#include "base/bytes.h"

struct att_uuid att_uuid16(uint16_t v)
{
        struct att_uuid u = { .len = 2 };

        le16_put(u.v, v);
        return u;
}

bool att_uuid_is16(const struct att_uuid *u, uint16_t v)
{
        return u->len == 2 && le16_get(u->v) == v;
}

bool att_uuid_equal(const struct att_uuid *a, const struct att_uuid *b)
{
        return a->len == b->len && !memcmp(a->v, b->v, a->len);
}

const char *att_error_text(uint8_t error)
{
        static const char *const text[] = {
                [ATT_ERR_HANDLE] = "no such attribute",
                [ATT_ERR_READ_NOT_PERMITTED] = "reading is not permitted",
                [ATT_ERR_WRITE_NOT_PERMITTED] = "writing is not permitted",
                [ATT_ERR_PDU] = "the message was refused",
                [ATT_ERR_AUTHENTICATION] = "pairing is required",
                [ATT_ERR_NOT_SUPPORTED] = "the request is not supported",
                [ATT_ERR_OFFSET] = "offset behind the end",
                [ATT_ERR_AUTHORIZATION] = "not authorized",
                [ATT_ERR_QUEUE_FULL] = "too much was prepared",
                [ATT_ERR_NOT_FOUND] = "no attribute found",
                [ATT_ERR_NOT_LONG] = "the value is not long",
                [ATT_ERR_VALUE_LENGTH] = "wrong length of the value",
                [ATT_ERR_UNLIKELY] = "something unlikely went wrong",
                [ATT_ERR_ENCRYPTION] = "the link must be encrypted",
                [ATT_ERR_GROUP_TYPE] = "not a type of group",
                [ATT_ERR_RESOURCES] = "out of resources",
        };

        if (error < sizeof text / sizeof text[0] && text[error])
                return text[error];
        return error >= 0x80 ? "refused by the application" : "unknown error";
}
