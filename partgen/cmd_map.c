/* The flash map: text on stdout, SVG into a file. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "map.h"
#include "partgen.h"

static const char *svg;

const struct opt map_options[] = {
        { 0, "svg", OPT_STR, &svg, "FILE", "draw it as SVG into FILE", 0 },
        { 0 },
};

#define BOX 30 /* characters between the bars */

/* Columns that a name takes on a terminal, nearly: its characters. */
static int characters(const char *s)
{
        int n = 0;

        for (; *s; s++)
                n += ((unsigned char)*s & 0xC0) != 0x80;
        return n;
}

static void draw_edge(uint64_t address)
{
        char line[BOX + 1];

        memset(line, '-', BOX);
        line[BOX] = 0;
        printf("0x%06llx +%s+\n", (unsigned long long)address, line);
}

static void draw_region(const struct flash_map *m, const struct region *r)
{
        const uint64_t size = r->end - r->start;
        char kind[48] = "";
        char text[32];
        const int pad = BOX - 2 - characters(r->name);

        size_text(size, text, sizeof text);
        if (r->entry)
                ptable_kind_text(r->entry, kind, sizeof kind);
        draw_edge(r->start);
        printf("         %c %s%*s %c %12s %5.1f %%%s%s%s%s\n", r->kind == REGION_HOLE ? ':' : '|',
               r->name, pad > 0 ? pad : 0, "", r->kind == REGION_HOLE ? ':' : '|', text,
               map_percent(m, size), *kind ? "  " : "", kind,
               r->entry && (r->entry->flags & PTABLE_FLAG_ENCRYPTED) ? " encrypted" : "",
               r->entry && (r->entry->flags & PTABLE_FLAG_READONLY) ? " readonly" : "");
        /* height grows with the size: one line more for each factor of four above 64 KiB */
        for (uint64_t rest = size; rest > 0x40000; rest /= 4)
                printf("         %c %*s %c\n", r->kind == REGION_HOLE ? ':' : '|', BOX - 2, "",
                       r->kind == REGION_HOLE ? ':' : '|');
}

static void draw(const struct flash_map *m)
{
        char flash[32];
        char used[32];
        char free_text[32];
        const uint64_t unused = m->flash_size > m->used ? m->flash_size - m->used : 0;

        for (size_t i = 0; i < m->count; i++)
                draw_region(m, &m->regions[i]);
        draw_edge(m->count ? m->regions[m->count - 1].end : 0);
        size_text(m->flash_size, flash, sizeof flash);
        size_text(m->used, used, sizeof used);
        size_text(unused, free_text, sizeof free_text);
        printf("flash %s%s: %s in use (%.1f %%), %s unused\n", flash,
               m->flash_given ? ""
                              : " (the smallest that holds the table; --flash-size says another)",
               used, map_percent(m, m->used), free_text);
}

static int save_svg(const struct flash_map *m)
{
        struct blob out;
        struct diag d = { 0 };
        int rc;

        if (map_svg(m, &out) < 0)
                return memory_error();
        rc = file_save(svg, out.data, out.len, FILE_PUBLIC, &d);
        blob_free(&out);
        if (rc < 0)
                tool_error("%s", diag_text(&d));
        return err_status(rc);
}

int cmd_map(int argc, char **argv)
{
        static struct ptable_file f;
        static struct flash_map m;
        struct report r = { 0 };
        uint64_t flash_size;
        bool given;
        int status;

        (void)argc;
        if ((status = table_load(&f, argv[0], &r)) != STATUS_DONE)
                return status;
        flash_size = flash_size_of(&f.table, &given);
        map_build(&m, &f, table_offset_of(), flash_size);
        m.flash_given = given;
        if (svg)
                return save_svg(&m);
        draw(&m);
        return STATUS_DONE;
}
