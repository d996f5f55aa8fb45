/*
 * ZPL II, as Zebra's programming guide has it: ^BQ codes that the printer makes itself, ^A0
 * letters, ^GB boxes.
 */
#include "label_impl.h"

#include <string.h>

#include "base/bytes.h"

/* ^FH: what could be taken for a command, and all that is not ASCII (UTF-8 by ^CI28), as _XX. */
static void put_field(FILE *f, const char *text)
{
        for (; *text; text++)
                if (*text == '^' || *text == '~' || *text == '_' || *text < ' ' || *text > '~')
                        fprintf(f, "_%02X", (unsigned char)*text);
                else
                        fputc(*text, f);
        fputs("^FS\n", f);
}

/*
 * "MA,": error correction M, the printer chooses the encoding, which never needs more modules than
 * ours; in that mode it takes no bytes above 0x7F, and label_code_make gives none. The
 * magnification is dots a module.
 *
 * A code at ^FO comes out lower by the height that ^BY has set, which printers keep from label to
 * label (also u8array/ZPLab#401): so it is set first, to its default.
 */
#define BY_HEIGHT 10u

static void put_code(FILE *f, const struct label_item *it, const struct label_code *c,
                     const char *text)
{
        const unsigned margin = (it->w - c->side * c->module) / 2;
        const unsigned y = it->y + margin;

        fprintf(f, "^FO%u,%u^BQN,2,%u^FH^FD%cA,", it->x + margin, y > BY_HEIGHT ? y - BY_HEIGHT : 0,
                c->module, it->ecc);
        put_field(f, text);
}

static int put_text(FILE *f, const struct label_item *it, const char *text, struct diag *d)
{
        static const char aligns[] = { 'L', 'C', 'R' };
        unsigned x, scale;
        /* judged by our own letters, so that one template has one answer in every form */
        const int rc = label_text_place(it, text, &x, &scale, d);

        if (rc < 0)
                return rc;
        fprintf(f, "^FO%u,%u^A0N,%u,%u^FB%u,1,0,%c^FH^FD", it->x, it->y, it->h, scale * 6, it->w,
                aligns[it->align]);
        put_field(f, text);
        return 0;
}

int label_zpl(const struct label *t, const struct label_data *x, FILE *f, struct diag *d)
{
        char text[LABEL_TEXT_MAX];
        int rc = 0;

        fprintf(f, "^XA\n^CI28\n^LH0,0\n^PW%u\n^LL%u\n^BY2,3,%u\n", t->w, t->h, BY_HEIGHT);
        for (size_t i = 0; i < t->count && rc == 0; i++) {
                const struct label_item *it = &t->items[i];
                struct label_code code = { 0 };

                if (it->kind == LABEL_BOX) {
                        const unsigned least = it->w < it->h ? it->w : it->h;

                        fprintf(f, "^FO%u,%u^GB%u,%u,%u^FS\n", it->x, it->y, it->w, it->h,
                                it->stroke ? it->stroke : least);
                } else if ((rc = label_fill(it->text, x, text, d)) < 0) {
                        break;
                } else if (it->kind == LABEL_TEXT) {
                        rc = put_text(f, it, text, d);
                } else if ((rc = label_code_make(t, it, text, &code, d)) == 0) {
                        put_code(f, it, &code, text);
                        label_code_free(&code);
                }
        }
        fputs("^XZ\n", f);
        wipe(text, sizeof text);
        return rc;
}
