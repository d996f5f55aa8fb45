/* A template that is taken draws every dot inside the label or is refused with a reason; SVG and
 * PNG agree on which. The input behind the first NUL is a scanner's line. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "line/label_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct canvas {
        unsigned w, h;
};

static void inside(void *ctx, unsigned x, unsigned y, unsigned w, unsigned h)
{
        const struct canvas *c = ctx;

        if (!w || !h || x > c->w || y > c->h || w > c->w - x || h > c->h - y)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static const struct label_data x = {
                .serial = "SO-000017",
                .mac = "02:00:00:00:00:01",
                .batch = "november",
                .service = "PROV_000017",
                .payload = "{\"ver\":\"v1\",\"name\":\"PROV_000017\",\"pop\":\"abcd2345\"}",
                .pop = "abcd2345",
                .date = "2026-11-28",
        };
        const uint8_t *nul = len ? memchr(data, 0, len) : NULL;
        const size_t n = nul ? (size_t)(nul - data) : len;
        char *text = malloc(len + 2);
        struct label *t;
        struct diag d = { 0 };

        if (!text)
                abort();
        if (len)
                memcpy(text, data, len);
        text[n] = text[len] = text[len + 1] = 0;
        if (label_parse(text, n, &t, &d) < 0) {
                if (!d.code || !d.text[0] || t)
                        abort();
        } else {
                struct canvas c = { t->w, t->h };
                const struct label_pen pen = { inside, &c };
                struct blob zpl, svg;
                int drawn = label_draw(t, &x, &pen, &d);
                const int printed = label_make(t, &x, LABEL_ZPL, &zpl, NULL);

                if (drawn < 0 && (!d.code || !d.text[0]))
                        abort();
                if (drawn != printed || label_make(t, &x, LABEL_SVG, &svg, NULL) != drawn)
                        abort();
                blob_free_secret(&zpl);
                if (drawn == 0)
                        blob_free_secret(&svg);
                d = (struct diag){ 0 };
                if (label_scan_check(t, &x, text + (n < len ? n + 1 : n), &d) < 0 && !d.text[0])
                        abort();
                label_free(t);
        }
        free(text);
        return 0;
}
