#include "show.h"

#include <string.h>

#include "base/utf8.h"

int source_open(const struct nvs_source *src, struct nvs_image *img, struct report *r)
{
        struct diag d = { 0 };
        const int rc = nvs_image_load(img, src, &d);

        if (rc < 0)
                report_diag(r, NULL, &d); /* names the file itself */
        return rc;
}

/* One character at p as a terminal may have it, in shown; returns the bytes that it takes. */
static size_t text_unit(const unsigned char *p, size_t n, char shown[8])
{
        static const char escapes[] = "\nn\rr\tt";
        const size_t len = utf8_length((const char *)p, n);
        const bool c1 = *p == 0xC2 && len == 2 && p[1] < 0xA0; /* moves the cursor too */

        if (*p == '\n' || *p == '\r' || *p == '\t') {
                snprintf(shown, 8, "\\%c", strchr(escapes, *p)[1]);
        } else if (len == 0 || c1 || *p < 0x20 || *p == 0x7F) {
                snprintf(shown, 8, "\\x%02x", *p);
                return 1;
        } else {
                memcpy(shown, p, len);
                shown[len] = 0;
        }
        return len;
}

/* Columns that a unit takes: wide characters are counted as one. */
static size_t unit_width(const char *shown)
{
        return (unsigned char)*shown >= 0x80 ? 1 : strlen(shown);
}

void show_text(FILE *out, const void *text, size_t n, size_t max)
{
        const unsigned char *p = text;
        size_t used = 0;
        size_t whole = 0;
        char shown[8];

        for (size_t i = 0; max && i < n && whole <= max;) {
                i += text_unit(p + i, n - i, shown);
                whole += unit_width(shown);
        }
        for (size_t i = 0; i < n;) {
                i += text_unit(p + i, n - i, shown);
                used += unit_width(shown);
                if (whole > max && used + 3 > max) {
                        fputs("...", out);
                        return;
                }
                fputs(shown, out);
        }
}
