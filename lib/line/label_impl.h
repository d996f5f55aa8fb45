/* Inside labels: the template as it was read, and what draws. Nobody else includes this. */
#ifndef LINE_LABEL_IMPL_H
#define LINE_LABEL_IMPL_H

#include <stdint.h>

#include "line/label.h"

#define LABEL_ITEMS_MAX 32u
#define LABEL_TEXT_MAX  1024u /* bytes of a filled text with its NUL */
#define LABEL_DOTS_MAX  8192u /* of a side */

enum label_item_kind { LABEL_QR, LABEL_TEXT, LABEL_BOX };
enum label_align { LABEL_LEFT, LABEL_CENTER, LABEL_RIGHT };

struct label_item {
        enum label_item_kind kind;
        enum label_align align;
        unsigned x, y;   /* dots from the upper left corner */
        unsigned w, h;   /* dots; QR: side with its quiet zone; text: w is its place, h a line's */
        unsigned stroke; /* box: width of its line; 0: filled */
        char ecc;        /* QR: 'L', 'M', 'Q', 'H' */
        char *text;      /* template of text or code */
};

struct label {
        unsigned w, h, dpi; /* dots */
        unsigned width_um, height_um;
        char *transport, *user; /* of the payload; NULL: not said */
        struct label_item items[LABEL_ITEMS_MAX];
        size_t count;
};

/* text with {name} filled in. -E_NOTFOUND, -E_NOSPACE, -E_SYNTAX. */
int label_fill(const char *text, const struct label_data *x, char out[LABEL_TEXT_MAX],
               struct diag *d);
/* Every {name} is one that there is. -E_SYNTAX. */
int label_fill_check(const char *text, struct diag *d);
bool label_fill_uses(const char *text, const char *name);

/* Black rectangles in dots: what SVG and PNG are made of. */
struct label_pen {
        void (*rect)(void *ctx, unsigned x, unsigned y, unsigned w, unsigned h);
        void *ctx;
};

/* A QR code's modules. free with label_code_free, which wipes. */
struct label_code {
        unsigned side;          /* modules, without the quiet zone */
        unsigned module;        /* dots */
        unsigned char *modules; /* bit 0: dark */
};
#define LABEL_QUIET 4u /* modules, ISO/IEC 18004 */

int label_code_make(const struct label *t, const struct label_item *it, const char *text,
                    struct label_code *out, struct diag *d);
void label_code_free(struct label_code *c);

/* Where a text begins and how large a dot of the letters is. -E_NOSPACE, -E_SYNTAX. */
int label_text_place(const struct label_item *it, const char *text, unsigned *x, unsigned *scale,
                     struct diag *d);
void label_text_draw(const char *text, unsigned x, unsigned y, unsigned scale,
                     const struct label_pen *pen);

/* All items. */
int label_draw(const struct label *t, const struct label_data *x, const struct label_pen *pen,
               struct diag *d);

int label_zpl(const struct label *t, const struct label_data *x, FILE *f, struct diag *d);

#endif
