/* What SVG and PNG have in common: letters, codes and boxes as black rectangles of whole dots. */
#include "label_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qrencode.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * Letters of the dot matrix displays, five columns of seven dots, bit 0 above; ' ' to '~'. A label
 * looks the same everywhere: no font is looked for.
 */
static const unsigned char font[95][5] = {
        { 0x00, 0x00, 0x00, 0x00, 0x00 }, { 0x00, 0x00, 0x5F, 0x00, 0x00 }, /*  !   */
        { 0x00, 0x07, 0x00, 0x07, 0x00 }, { 0x14, 0x7F, 0x14, 0x7F, 0x14 }, /* " #  */
        { 0x24, 0x2A, 0x7F, 0x2A, 0x12 }, { 0x23, 0x13, 0x08, 0x64, 0x62 }, /* $ %  */
        { 0x36, 0x49, 0x55, 0x22, 0x50 }, { 0x00, 0x05, 0x03, 0x00, 0x00 }, /* & '  */
        { 0x00, 0x1C, 0x22, 0x41, 0x00 }, { 0x00, 0x41, 0x22, 0x1C, 0x00 }, /* ( )  */
        { 0x14, 0x08, 0x3E, 0x08, 0x14 }, { 0x08, 0x08, 0x3E, 0x08, 0x08 }, /* * +  */
        { 0x00, 0x50, 0x30, 0x00, 0x00 }, { 0x08, 0x08, 0x08, 0x08, 0x08 }, /* , -  */
        { 0x00, 0x60, 0x60, 0x00, 0x00 }, { 0x20, 0x10, 0x08, 0x04, 0x02 }, /* . /  */
        { 0x3E, 0x51, 0x49, 0x45, 0x3E }, { 0x00, 0x42, 0x7F, 0x40, 0x00 }, /* 0 1  */
        { 0x42, 0x61, 0x51, 0x49, 0x46 }, { 0x21, 0x41, 0x45, 0x4B, 0x31 }, /* 2 3  */
        { 0x18, 0x14, 0x12, 0x7F, 0x10 }, { 0x27, 0x45, 0x45, 0x45, 0x39 }, /* 4 5  */
        { 0x3C, 0x4A, 0x49, 0x49, 0x30 }, { 0x01, 0x71, 0x09, 0x05, 0x03 }, /* 6 7  */
        { 0x36, 0x49, 0x49, 0x49, 0x36 }, { 0x06, 0x49, 0x49, 0x29, 0x1E }, /* 8 9  */
        { 0x00, 0x36, 0x36, 0x00, 0x00 }, { 0x00, 0x56, 0x36, 0x00, 0x00 }, /* : ;  */
        { 0x08, 0x14, 0x22, 0x41, 0x00 }, { 0x14, 0x14, 0x14, 0x14, 0x14 }, /* < =  */
        { 0x00, 0x41, 0x22, 0x14, 0x08 }, { 0x02, 0x01, 0x51, 0x09, 0x06 }, /* > ?  */
        { 0x32, 0x49, 0x79, 0x41, 0x3E }, { 0x7E, 0x11, 0x11, 0x11, 0x7E }, /* @ A  */
        { 0x7F, 0x49, 0x49, 0x49, 0x36 }, { 0x3E, 0x41, 0x41, 0x41, 0x22 }, /* B C  */
        { 0x7F, 0x41, 0x41, 0x22, 0x1C }, { 0x7F, 0x49, 0x49, 0x49, 0x41 }, /* D E  */
        { 0x7F, 0x09, 0x09, 0x09, 0x01 }, { 0x3E, 0x41, 0x49, 0x49, 0x7A }, /* F G  */
        { 0x7F, 0x08, 0x08, 0x08, 0x7F }, { 0x00, 0x41, 0x7F, 0x41, 0x00 }, /* H I  */
        { 0x20, 0x40, 0x41, 0x3F, 0x01 }, { 0x7F, 0x08, 0x14, 0x22, 0x41 }, /* J K  */
        { 0x7F, 0x40, 0x40, 0x40, 0x40 }, { 0x7F, 0x02, 0x0C, 0x02, 0x7F }, /* L M  */
        { 0x7F, 0x04, 0x08, 0x10, 0x7F }, { 0x3E, 0x41, 0x41, 0x41, 0x3E }, /* N O  */
        { 0x7F, 0x09, 0x09, 0x09, 0x06 }, { 0x3E, 0x41, 0x51, 0x21, 0x5E }, /* P Q  */
        { 0x7F, 0x09, 0x19, 0x29, 0x46 }, { 0x46, 0x49, 0x49, 0x49, 0x31 }, /* R S  */
        { 0x01, 0x01, 0x7F, 0x01, 0x01 }, { 0x3F, 0x40, 0x40, 0x40, 0x3F }, /* T U  */
        { 0x1F, 0x20, 0x40, 0x20, 0x1F }, { 0x3F, 0x40, 0x38, 0x40, 0x3F }, /* V W  */
        { 0x63, 0x14, 0x08, 0x14, 0x63 }, { 0x07, 0x08, 0x70, 0x08, 0x07 }, /* X Y  */
        { 0x61, 0x51, 0x49, 0x45, 0x43 }, { 0x00, 0x7F, 0x41, 0x41, 0x00 }, /* Z [  */
        { 0x02, 0x04, 0x08, 0x10, 0x20 }, { 0x00, 0x41, 0x41, 0x7F, 0x00 }, /* \ ]  */
        { 0x04, 0x02, 0x01, 0x02, 0x04 }, { 0x40, 0x40, 0x40, 0x40, 0x40 }, /* ^ _  */
        { 0x00, 0x01, 0x02, 0x04, 0x00 }, { 0x20, 0x54, 0x54, 0x54, 0x78 }, /* ` a  */
        { 0x7F, 0x48, 0x44, 0x44, 0x38 }, { 0x38, 0x44, 0x44, 0x44, 0x20 }, /* b c  */
        { 0x38, 0x44, 0x44, 0x48, 0x7F }, { 0x38, 0x54, 0x54, 0x54, 0x18 }, /* d e  */
        { 0x08, 0x7E, 0x09, 0x01, 0x02 }, { 0x0C, 0x52, 0x52, 0x52, 0x3E }, /* f g  */
        { 0x7F, 0x08, 0x04, 0x04, 0x78 }, { 0x00, 0x44, 0x7D, 0x40, 0x00 }, /* h i  */
        { 0x20, 0x40, 0x44, 0x3D, 0x00 }, { 0x7F, 0x10, 0x28, 0x44, 0x00 }, /* j k  */
        { 0x00, 0x41, 0x7F, 0x40, 0x00 }, { 0x7C, 0x04, 0x18, 0x04, 0x78 }, /* l m  */
        { 0x7C, 0x08, 0x04, 0x04, 0x78 }, { 0x38, 0x44, 0x44, 0x44, 0x38 }, /* n o  */
        { 0x7C, 0x14, 0x14, 0x14, 0x08 }, { 0x08, 0x14, 0x14, 0x18, 0x7C }, /* p q  */
        { 0x7C, 0x08, 0x04, 0x04, 0x08 }, { 0x48, 0x54, 0x54, 0x54, 0x20 }, /* r s  */
        { 0x04, 0x3F, 0x44, 0x40, 0x20 }, { 0x3C, 0x40, 0x40, 0x20, 0x7C }, /* t u  */
        { 0x1C, 0x20, 0x40, 0x20, 0x1C }, { 0x3C, 0x40, 0x30, 0x40, 0x3C }, /* v w  */
        { 0x44, 0x28, 0x10, 0x28, 0x44 }, { 0x0C, 0x50, 0x50, 0x50, 0x3C }, /* x y  */
        { 0x44, 0x64, 0x54, 0x4C, 0x44 }, { 0x00, 0x08, 0x36, 0x41, 0x00 }, /* z {  */
        { 0x00, 0x00, 0x7F, 0x00, 0x00 }, { 0x00, 0x41, 0x36, 0x08, 0x00 }, /* | }  */
        { 0x10, 0x08, 0x08, 0x10, 0x08 },                                   /* ~    */
};
#define LETTER_ROWS 7u
#define LETTER_STEP 6u /* five columns and a gap */

int label_text_place(const struct label_item *it, const char *text, unsigned *x, unsigned *scale,
                     struct diag *d)
{
        const size_t n = strlen(text);
        size_t width;

        for (const char *p = text; *p; p++)
                if (*p < ' ' || *p > '~')
                        return diag_set(d, E_SYNTAX,
                                        "'%.60s': only printable ASCII can be drawn on a label",
                                        text);
        *scale = it->h / LETTER_ROWS;
        if (!*scale)
                return diag_set(d, E_NOSPACE, "'%.60s': letters of %u dots; %u are the least", text,
                                it->h, LETTER_ROWS);
        width = n * LETTER_STEP * *scale - (n ? *scale : 0);
        if (width > it->w)
                return diag_set(d, E_NOSPACE,
                                "'%.60s': %zu dots wide, its place has %u; make height_mm smaller",
                                text, width, it->w);
        *x = it->x + (it->align == LABEL_LEFT     ? 0
                      : it->align == LABEL_CENTER ? (it->w - (unsigned)width) / 2
                                                  : it->w - (unsigned)width);
        return 0;
}

void label_text_draw(const char *text, unsigned x, unsigned y, unsigned scale,
                     const struct label_pen *pen)
{
        for (; *text; text++, x += LETTER_STEP * scale) {
                const unsigned char *columns = font[*text - ' '];

                for (unsigned c = 0; c < 5; c++)
                        for (unsigned r = 0; r < LETTER_ROWS; r++)
                                if (columns[c] >> r & 1)
                                        pen->rect(pen->ctx, x + c * scale, y + r * scale, scale,
                                                  scale);
        }
}

#define MODULE_MOST 10u /* dots; what ^BQ of older printers takes */

/* A module that scanners of a production line read: 0.2 mm, and two dots of a printer. */
static unsigned module_least(const struct label *t)
{
        const unsigned dots = (t->dpi * 20 + 2539) / 2540; /* 0.2 mm, rounded up */

        return dots < 2 ? 2 : dots;
}

int label_code_make(const struct label *t, const struct label_item *it, const char *text,
                    struct label_code *out, struct diag *d)
{
        static const char eccs[] = "LMQH";
        const QRecLevel level = (QRecLevel)(strchr(eccs, it->ecc) - eccs);
        const unsigned least = module_least(t);
        unsigned all;
        QRcode *qr;

        *out = (struct label_code){ 0 };
        for (const char *p = text; *p; p++)
                if (*p < ' ' || *p > '~')
                        return diag_set(d, E_SYNTAX,
                                        "a code with a character that is no printable ASCII: "
                                        "printers and scanners do not agree on it");
        qr = *text ? QRcode_encodeString8bit(text, 0, level) : NULL;
        if (!qr)
                return !*text || errno == ERANGE
                               ? diag_set(d, E_NOSPACE, "%zu bytes: no QR code holds them",
                                          strlen(text))
                               : diag_set(d, E_NOMEM, "no memory for a QR code");
        out->side = (unsigned)qr->width;
        all = out->side + 2 * LABEL_QUIET;
        out->module = it->w / all < MODULE_MOST ? it->w / all : MODULE_MOST;
        out->modules = malloc((size_t)out->side * out->side);
        if (out->modules)
                memcpy(out->modules, qr->data, (size_t)out->side * out->side);
        wipe(qr->data, (size_t)out->side * out->side);
        QRcode_free(qr);
        if (!out->modules)
                return diag_set(d, E_NOMEM, "no memory for a QR code");
        if (out->module < least) {
                const unsigned tenths = (all * least * 254 + t->dpi - 1) / t->dpi;
                const unsigned has = it->w * 254 / t->dpi;

                label_code_free(out);
                return diag_set(
                        d, E_NOSPACE,
                        "a QR code of %u modules and its margin are not readable in %u.%u mm; "
                        "size_mm must be %u.%u or more",
                        all, has / 10, has % 10, tenths / 10, tenths % 10);
        }
        return 0;
}

void label_code_free(struct label_code *c)
{
        if (c->modules)
                wipe(c->modules, (size_t)c->side * c->side);
        free(c->modules);
        c->modules = NULL;
}

/* In the middle of its place, so that the quiet zone is at least what it must be. */
static void draw_code(const struct label_item *it, const struct label_code *c,
                      const struct label_pen *pen)
{
        const unsigned margin = (it->w - c->side * c->module) / 2;

        for (unsigned y = 0; y < c->side; y++)
                for (unsigned x = 0; x < c->side; x++) {
                        unsigned run = 0;

                        while (x + run < c->side && (c->modules[y * c->side + x + run] & 1))
                                run++;
                        if (run)
                                pen->rect(pen->ctx, it->x + margin + x * c->module,
                                          it->y + margin + y * c->module, run * c->module,
                                          c->module);
                        x += run;
                }
}

static void draw_box(const struct label_item *it, const struct label_pen *pen)
{
        const unsigned s = it->stroke;

        if (!s || 2 * s >= it->w || 2 * s >= it->h) {
                pen->rect(pen->ctx, it->x, it->y, it->w, it->h);
                return;
        }
        pen->rect(pen->ctx, it->x, it->y, it->w, s);
        pen->rect(pen->ctx, it->x, it->y + it->h - s, it->w, s);
        pen->rect(pen->ctx, it->x, it->y + s, s, it->h - 2 * s);
        pen->rect(pen->ctx, it->x + it->w - s, it->y + s, s, it->h - 2 * s);
}

int label_draw(const struct label *t, const struct label_data *x, const struct label_pen *pen,
               struct diag *d)
{
        char text[LABEL_TEXT_MAX];
        int rc = 0;

        for (size_t i = 0; i < t->count && rc == 0; i++) {
                const struct label_item *it = &t->items[i];
                struct label_code code = { 0 };
                unsigned at, scale;

                if (it->kind == LABEL_BOX) {
                        draw_box(it, pen);
                } else if ((rc = label_fill(it->text, x, text, d)) < 0) {
                        break;
                } else if (it->kind == LABEL_TEXT) {
                        if ((rc = label_text_place(it, text, &at, &scale, d)) == 0)
                                label_text_draw(text, at, it->y, scale, pen);
                } else if ((rc = label_code_make(t, it, text, &code, d)) == 0) {
                        draw_code(it, &code, pen);
                        label_code_free(&code);
                }
        }
        wipe(text, sizeof text);
        return rc;
}
