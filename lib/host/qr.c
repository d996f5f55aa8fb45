#include "host/qr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <qrencode.h>

#include "base/bytes.h"
#include "base/err.h"

#define QUIET 4 /* modules of white around the code, ISO/IEC 18004 */

/* A module of the code or of the quiet zone; x and y count from the edge of the zone. */
static bool dark(const QRcode *qr, int x, int y)
{
        x -= QUIET;
        y -= QUIET;
        return x >= 0 && y >= 0 && x < qr->width && y < qr->width &&
               (qr->data[y * qr->width + x] & 1);
}

/* Two rows of modules a line; the terminal is taken to be light on dark, so that white is painted.
 */
static void write_text(const QRcode *qr, FILE *f)
{
        static const char *const blocks[] = { "\u2588", "\u2584", "\u2580",
                                              " " }; /* by upper, lower dark */
        const int n = qr->width + 2 * QUIET;

        for (int y = 0; y < n; y += 2) {
                for (int x = 0; x < n; x++)
                        fputs(blocks[(dark(qr, x, y) ? 1 : 0) +
                                     (dark(qr, x, y + 1) || y + 1 == n ? 2 : 0)],
                              f);
                fputc('\n', f);
        }
}

static void write_svg(const QRcode *qr, FILE *f)
{
        const int n = qr->width + 2 * QUIET;

        fprintf(f,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                "shape-rendering=\"crispEdges\">\n"
                "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/>\n<path d=\"",
                n, n, n, n);
        for (int y = 0; y < n; y++)
                for (int x = 0; x < n; x++) {
                        int run = 0;

                        while (dark(qr, x + run, y))
                                run++;
                        if (run)
                                fprintf(f, "M%d %dh%dv1h-%dz", x, y, run, run);
                        x += run;
                }
        fputs("\"/>\n</svg>\n", f);
}

/* libpng jumps on an error: nothing here may be changed between setjmp and the jump and used after
 * it. */
static int write_png(const QRcode *qr, unsigned scale, FILE *f)
{
        png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
        png_infop info = png ? png_create_info_struct(png) : NULL;
        const unsigned side = ((unsigned)qr->width + 2 * QUIET) * scale;
        png_bytep row = malloc(side);
        int rc = -E_NOMEM;

        if (!png || !info || !row || setjmp(png_jmpbuf(png)))
                goto out;
        png_init_io(png, f);
        png_set_IHDR(png, info, side, side, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png, info);
        for (unsigned y = 0; y < side; y++) {
                for (unsigned x = 0; x < side; x++)
                        row[x] = dark(qr, (int)(x / scale), (int)(y / scale)) ? 0 : 255;
                png_write_row(png, row);
        }
        png_write_end(png, info);
        rc = 0;
out:
        png_destroy_write_struct(&png, &info);
        if (row)
                wipe(row, side);
        free(row);
        return rc;
}

int qr_make(const char *text, enum qr_form form, unsigned scale, struct blob *out, struct diag *d)
{
        QRcode *qr = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
        char *mem = NULL;
        FILE *f;
        int rc = 0;

        *out = (struct blob){ 0 };
        if (!qr && errno == ERANGE)
                return diag_set(d, E_NOSPACE, "%zu bytes are more than a QR code holds",
                                strlen(text));
        f = qr ? open_memstream(&mem, &out->len) : NULL;
        if (!f) {
                QRcode_free(qr);
                return diag_set(d, E_NOMEM, "no memory for a QR code");
        }
        if (form == QR_TEXT)
                write_text(qr, f);
        else if (form == QR_SVG)
                write_svg(qr, f);
        else
                rc = write_png(qr, scale ? scale : 8, f);
        if (fclose(f) != 0)
                rc = -E_NOMEM;
        wipe(qr->data, (size_t)qr->width * (size_t)qr->width);
        QRcode_free(qr);
        out->data = (uint8_t *)mem;
        if (rc < 0) {
                blob_free_secret(out);
                return diag_set(d, E_NOMEM, "no memory for a QR code");
        }
        return 0;
}
