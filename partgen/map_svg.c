/* The flash map as a picture: a bar to scale, and below it every region with its numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "map.h"
#include "partgen.h"

/* Pixels. */
#define WIDTH    690
#define MARGIN   24
#define HEAD     132 /* title and bar */
#define BAR_TOP  74
#define BAR_H    30
#define BOX_X    130
#define BOX_W    330
#define ROW_MIN  26
#define ROW_STEP 7 /* more for each doubling above 64 KiB */

static const struct {
        const char *fill, *edge, *text;
} colours[] = {
        [REGION_BOOT] = { "#cbd2d9", "#9aa5b1", "#1f2933" },
        [REGION_TABLE] = { "#9aa5b1", "#7b8794", "#1f2933" },
        [REGION_APP] = { "#4c8bd9", "#2f6cb8", "#ffffff" },
        [REGION_NVS] = { "#f0b429", "#cb8c0a", "#1f2933" },
        [REGION_DATA] = { "#5fb58b", "#3c8f68", "#10291d" },
        [REGION_OTHER] = { "#a78bda", "#8063b8", "#ffffff" },
        [REGION_HOLE] = { "url(#hole)", "#c8ced6", "#616e7c" },
};

static void put_text(FILE *f, const char *s)
{
        for (; *s; s++)
                switch (*s) {
                case '<':
                        fputs("&lt;", f);
                        break;
                case '>':
                        fputs("&gt;", f);
                        break;
                case '&':
                        fputs("&amp;", f);
                        break;
                case '"':
                        fputs("&quot;", f);
                        break;
                default:
                        fputc((unsigned char)*s < 0x20 ? '?' : *s,
                              f); /* a file's name may hold anything */
                }
}

static int row_height(const struct region *r)
{
        int h = ROW_MIN;

        for (uint64_t size = r->end - r->start; size > 0x10000; size /= 2)
                h += ROW_STEP;
        return h;
}

static void put_head(FILE *f, const struct flash_map *m, int height)
{
        const char *slash = strrchr(m->file, '/');
        char flash[32];
        char used[32];

        size_text(m->flash_size, flash, sizeof flash);
        size_text(m->used, used, sizeof used);
        fprintf(f,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 "
                "0 %d %d\" "
                "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"13\">\n"
                "<defs><pattern id=\"hole\" width=\"8\" height=\"8\" "
                "patternUnits=\"userSpaceOnUse\" "
                "patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" fill=\"#f5f7fa\"/>"
                "<rect width=\"3\" height=\"8\" fill=\"#e4e7eb\"/></pattern></defs>\n"
                "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n"
                "<text x=\"%d\" y=\"38\" font-size=\"19\" font-weight=\"bold\" fill=\"#1f2933\">",
                WIDTH, height, WIDTH, height, WIDTH, height, MARGIN);
        put_text(f, slash ? slash + 1 : m->file);
        fprintf(f,
                "</text>\n<text x=\"%d\" y=\"60\" fill=\"#616e7c\">flash %s%s, %s in use (%.1f "
                "%%)</text>\n",
                MARGIN, flash, m->flash_given ? "" : " (smallest that holds the table)", used,
                map_percent(m, m->used));
}

static void put_bar(FILE *f, const struct flash_map *m)
{
        const double scale = (double)(WIDTH - 2 * MARGIN) / (double)m->flash_size;

        for (size_t i = 0; i < m->count; i++) {
                const struct region *r = &m->regions[i];

                fprintf(f,
                        "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" "
                        "fill=\"%s\"><title>",
                        MARGIN + (double)r->start * scale, BAR_TOP,
                        (double)(r->end - r->start) * scale, BAR_H, colours[r->kind].fill);
                put_text(f, r->name);
                fputs("</title></rect>\n", f);
        }
        fprintf(f,
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
                "stroke=\"#7b8794\"/>\n"
                "<text x=\"%d\" y=\"%d\" font-size=\"11\" fill=\"#9aa5b1\">to scale</text>\n",
                MARGIN, BAR_TOP, WIDTH - 2 * MARGIN, BAR_H, MARGIN, BAR_TOP + BAR_H + 14);
}

static void put_row(FILE *f, const struct flash_map *m, const struct region *r, int y, int h)
{
        const uint64_t size = r->end - r->start;
        char kind[48] = "";
        char text[32];

        size_text(size, text, sizeof text);
        if (r->entry)
                ptable_kind_text(r->entry, kind, sizeof kind);
        fprintf(f,
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" font-family=\"'DejaVu Sans Mono', "
                "Consolas, monospace\" "
                "font-size=\"12\" fill=\"#616e7c\">0x%06llx</text>\n"
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" fill=\"%s\" "
                "stroke=\"%s\"/>\n"
                "<text x=\"%d\" y=\"%d\" font-weight=\"%s\" fill=\"%s\">",
                BOX_X - 14, y + 13, (unsigned long long)r->start, BOX_X, y, BOX_W, h - 3,
                colours[r->kind].fill, colours[r->kind].edge, BOX_X + 14, y + h / 2 + 3,
                r->kind == REGION_HOLE ? "normal" : "bold", colours[r->kind].text);
        put_text(f, r->name);
        fprintf(f,
                "</text>\n<text x=\"%d\" y=\"%d\" text-anchor=\"end\" font-size=\"12\" "
                "fill=\"%s\">%s%s%s</text>\n"
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#1f2933\">%s</text>\n"
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#616e7c\">%.1f %%</text>\n",
                BOX_X + BOX_W - 14, y + h / 2 + 3, colours[r->kind].text, kind,
                r->entry && (r->entry->flags & PTABLE_FLAG_ENCRYPTED) ? " · encrypted" : "",
                r->entry && (r->entry->flags & PTABLE_FLAG_READONLY) ? " · readonly" : "",
                BOX_X + BOX_W + 130, y + h / 2 + 3, text, WIDTH - MARGIN, y + h / 2 + 3,
                map_percent(m, size));
}

int map_svg(const struct flash_map *m, struct blob *out)
{
        char *text = NULL;
        int height = HEAD + MARGIN + 16;
        int y = HEAD;
        FILE *f;

        for (size_t i = 0; i < m->count; i++)
                height += row_height(&m->regions[i]);
        *out = (struct blob){ 0 };
        f = open_memstream(&text, &out->len);
        if (!f)
                return -E_NOMEM;
        put_head(f, m, height);
        put_bar(f, m);
        for (size_t i = 0; i < m->count; i++) {
                const int h = row_height(&m->regions[i]);

                put_row(f, m, &m->regions[i], y, h);
                y += h;
        }
        fprintf(f,
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" font-family=\"'DejaVu Sans Mono', "
                "Consolas, monospace\" "
                "font-size=\"12\" fill=\"#616e7c\">0x%06llx</text>\n</svg>\n",
                BOX_X - 14, y + 13, (unsigned long long)m->flash_size);
        if (ferror(f) | fclose(f)) {
                free(text);
                return -E_NOMEM;
        }
        out->data = (uint8_t *)text;
        return 0;
}
