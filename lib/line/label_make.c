/* The three forms of a label. */
#include "label_impl.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/bytes.h"
#include "base/err.h"

/* ---- SVG ---- */

static void svg_rect(void *ctx, unsigned x, unsigned y, unsigned w, unsigned h)
{
        fprintf(ctx, "M%u %uh%uv%uh-%uz", x, y, w, h, w);
}

static int make_svg(const struct label *t, const struct label_data *x, FILE *f, struct diag *d)
{
        const struct label_pen pen = { svg_rect, f };
        int rc;

        fprintf(f,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u.%03umm\" "
                "height=\"%u.%03umm\" "
                "viewBox=\"0 0 %u %u\" shape-rendering=\"crispEdges\">\n"
                "<path fill=\"#fff\" d=\"M0 0h%uv%uH0z\"/>\n<path d=\"",
                t->width_um / 1000, t->width_um % 1000, t->height_um / 1000, t->height_um % 1000,
                t->w, t->h, t->w, t->h);
        rc = label_draw(t, x, &pen, d);
        fputs("\"/>\n</svg>\n", f);
        return rc;
}

/* ---- PNG ---- */

struct raster {
        unsigned w, h;
        unsigned char *px; /* one byte a dot, 255 white */
};

static void raster_rect(void *ctx, unsigned x, unsigned y, unsigned w, unsigned h)
{
        struct raster *r = ctx;

        for (unsigned row = y; row < y + h && row < r->h; row++)
                if (x < r->w)
                        memset(r->px + (size_t)row * r->w + x, 0, w < r->w - x ? w : r->w - x);
}

/* libpng jumps on an error: nothing here may be changed between setjmp and the jump and used after
 * it. */
static int write_png(const struct label *t, const struct raster *r, FILE *f)
{
        const png_uint_32 per_metre = (png_uint_32)(t->dpi / 0.0254 + 0.5);
        png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
        png_infop info = png ? png_create_info_struct(png) : NULL;
        int rc = -E_NOMEM;

        if (!png || !info || setjmp(png_jmpbuf(png)))
                goto out;
        png_init_io(png, f);
        png_set_IHDR(png, info, r->w, r->h, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_set_pHYs(png, info, per_metre, per_metre, PNG_RESOLUTION_METER);
        png_write_info(png, info);
        for (unsigned y = 0; y < r->h; y++)
                png_write_row(png, r->px + (size_t)y * r->w);
        png_write_end(png, info);
        rc = 0;
out:
        png_destroy_write_struct(&png, &info);
        return rc;
}

static int make_png(const struct label *t, const struct label_data *x, FILE *f, struct diag *d)
{
        const size_t size = (size_t)t->w * t->h;
        struct raster r = { t->w, t->h, malloc(size) };
        const struct label_pen pen = { raster_rect, &r };
        int rc;

        if (!r.px)
                return diag_set(d, E_NOMEM, "no memory for a label");
        memset(r.px, 255, size);
        rc = label_draw(t, x, &pen, d);
        if (rc == 0 && write_png(t, &r, f) < 0)
                rc = diag_set(d, E_NOMEM, "no memory for a picture");
        wipe(r.px, size);
        free(r.px);
        return rc;
}

/* ---- */

int label_make(const struct label *t, const struct label_data *x, enum label_form form,
               struct blob *out, struct diag *d)
{
        static int (*const makers[])(const struct label *, const struct label_data *, FILE *,
                                     struct diag *) = {
                [LABEL_ZPL] = label_zpl,
                [LABEL_SVG] = make_svg,
                [LABEL_PNG] = make_png,
        };
        char *mem = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&mem, &len);
        int rc;

        *out = (struct blob){ 0 };
        if (!f)
                return diag_set(d, E_NOMEM, "no memory for a label");
        rc = makers[form](t, x, f, d);
        if (fclose(f) != 0 && rc == 0)
                rc = diag_set(d, E_NOMEM, "no memory for a label");
        *out = (struct blob){ (uint8_t *)mem, mem ? len : 0 };
        if (rc < 0)
                blob_free_secret(out);
        return rc;
}
