/* Field by field, lines "name:value": whatever they say, a head stays one that the core can use. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/core/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_head *h)
{
        const struct port_event ev = http_head_event(h, 206);

        if (!memchr(h->etag, 0, sizeof h->etag))
                abort();
        if (ev.http.etag && (ev.http.etag[0] != '"' || ev.http.etag != h->etag))
                abort(); /* a weak one, or none, is NULL */
        if (h->from && h->total && h->from >= h->total)
                abort(); /* what follows lies in the file */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct http_head h = { 0 };
        char *text = malloc(size + 1);
        char *line, *end, *colon;

        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = 0;
        for (line = text; *line; line = end) {
                end = line + strcspn(line, "\n");
                if (*end)
                        *end++ = 0;
                if (!(colon = strchr(line, ':')))
                        continue;
                *colon = 0;
                http_head_field(&h, line, colon + 1);
                check(&h);
        }
        free(text);
        return 0;
}
