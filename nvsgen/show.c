#include "show.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "fmt/nvs_read.h"

int source_open(const struct nvs_source *src, struct nvs_image *img, struct nvs_view *view,
                struct report *r)
{
        struct diag d = { 0 };
        int rc;

        if (view)
                memset(view, 0, sizeof *view);
        if ((rc = nvs_image_load(img, src, &d)) < 0)
                return report_diag(r, NULL, &d); /* names the file itself */
        if (view && (rc = nvs_view_read(view, img, &d)) < 0)
                report_diag(r, src->path, &d);
        if (view && view->damaged)
                report_note(r, src->path, 0, 0,
                            "%zu entries cannot be read and are left out; see nvsgen check",
                            view->damaged);
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

const char *show_int(const struct nvs_value *v, char buf[24])
{
        if (v->type & 0x10)
                snprintf(buf, 24, "%" PRId64, (int64_t)v->bits);
        else
                snprintf(buf, 24, "%" PRIu64, v->bits);
        return buf;
}

void show_value(FILE *out, const struct nvs_value *v, size_t max)
{
        char number[24];

        if (nvs_type_is_int(v->type)) {
                fputs(show_int(v, number), out);
        } else if (v->type == NVS_STR) {
                show_text(out, v->data, v->len - 1, max);
        } else {
                const bool cut = max && v->len > max / 2;

                for (size_t i = 0; i < v->len && !(cut && 2 * i + 5 > max); i++)
                        fprintf(out, "%02x", v->data[i]);
                if (cut)
                        fputs("...", out);
        }
}
