/* What is encoded decodes to itself; a stream gives the same frames however it is cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/slip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Frames and failures of a stream fed in pieces of step bytes, folded into one number. */
static uint64_t digest(const uint8_t *p, size_t n, size_t step)
{
        struct slip_decoder d;
        uint8_t buf[64];
        uint64_t h = 14695981039346656037u;

        slip_decoder_init(&d, buf, sizeof buf);
        while (n) {
                size_t part = n < step ? n : step;
                size_t used;
                const int rc = slip_feed(&d, p, part, &used);

                if (used == 0 || used > part || d.len > sizeof buf)
                        abort();
                if (rc != SLIP_MORE)
                        h = (h ^ (uint64_t)(rc + 1000)) * 1099511628211u;
                for (size_t i = 0; rc == SLIP_FRAME && i < d.len; i++)
                        h = (h ^ buf[i]) * 1099511628211u;
                p += used;
                n -= used;
        }
        return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *frame = malloc(SLIP_MAX(size));
        uint8_t *back = malloc(size + 1);
        struct slip_encoder e;
        struct slip_decoder d;
        size_t used;
        long n;

        if (!frame || !back)
                abort();
        slip_begin(&e, frame, SLIP_MAX(size));
        slip_put(&e, data, size);
        n = slip_end(&e);
        slip_decoder_init(&d, back, size);
        if (n < 0 || (size_t)n > SLIP_MAX(size))
                abort();
        if (slip_feed(&d, frame, (size_t)n, &used) != (size ? SLIP_FRAME : SLIP_MORE) ||
            used != (size_t)n || d.len != size || (size && memcmp(back, data, size)))
                abort();
        if (digest(data, size, size + 1) != digest(data, size, 1) ||
            digest(data, size, 3) != digest(data, size, 1))
                abort();
        free(frame);
        free(back);
        return 0;
}
