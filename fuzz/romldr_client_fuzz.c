/* Any bytes from a chip: an answer that is taken lies in the buffer, and belongs to the request or
 * refuses it. */
#include <stdint.h>
#include <stdlib.h>

#include "wire/romldr_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct romldr_client c;
        uint8_t rx[128];
        uint8_t op;

        if (size < 2)
                return 0;
        op = data[0];
        romldr_client_init(&c, rx, sizeof rx, data[1] & 1 ? ROMLDR_STATUS : ROMLDR_STATUS_2);
        romldr_client_expect(&c, op);
        for (size_t at = 2; at < size;) {
                size_t used = 0;
                const int rc = romldr_client_feed(&c, data + at, size - at, &used);

                if (used == 0 || used > size - at || (rc == 0 && used != size - at))
                        abort();
                at += used;
                if (rc != 1)
                        continue;
                if (c.reply.op != op && !c.reply.status)
                        abort();
                if (c.reply.data < rx || c.reply.data + c.reply.len > rx + sizeof rx)
                        abort();
        }
        return 0;
}
