/* Do images fit every slot they may be written to? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/json.h"
#include "partgen.h"

static bool as_json;
static const char *margin_text = "0%";

const struct opt fit_options[] = {
        { 0, "margin", OPT_STR, &margin_text, "N%",
          "free space that every slot must keep, in per cent or bytes", 0 },
        { 0, "json", OPT_FLAG, &as_json, NULL, "one JSON object a slot and image", 0 },
        { 0 },
};

struct margin {
        double percent;
        uint64_t bytes;
};

static int read_margin(struct margin *m)
{
        char *end;

        *m = (struct margin){ 0 };
        m->percent = strtod(margin_text, &end);
        if (end != margin_text && !strcmp(end, "%") && m->percent >= 0 && m->percent < 100)
                return 0;
        m->percent = 0;
        if (parse_size(margin_text, &m->bytes) < 0)
                return usage_error("--margin: '%s' is neither per cent (5%%) nor a size (64K)",
                                   margin_text);
        return 0;
}

static bool takes_images(const struct ptable_entry *e)
{
        return ptable_is_slot(e) || ptable_is(e, PTABLE_APP, PTABLE_APP_FACTORY) ||
               ptable_is(e, PTABLE_APP, PTABLE_APP_TEST);
}

static bool fits(const struct ptable_entry *e, uint64_t size, const struct margin *m)
{
        return size <= e->size && e->size - size >= m->bytes &&
               (double)(e->size - size) >= m->percent / 100 * (double)e->size;
}

static void tell_json(const struct ptable_entry *e, const char *image, uint64_t size, bool ok)
{
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "image", image);
        json_uint(&w, "size", size);
        json_str(&w, "slot", e->name);
        json_uint(&w, "slot_size", e->size);
        json_int(&w, "free", (int64_t)e->size - (int64_t)size);
        json_bool(&w, "fits", ok);
        json_close(&w, '}');
        putchar('\n');
}

static void tell(const struct ptable_entry *e, const char *image, uint64_t size, bool ok)
{
        if (as_json)
                tell_json(e, image, size, ok);
        else if (size > e->size)
                printf("NO   %s in %s: %llu bytes too large (%llu of %u)\n", image, e->name,
                       (unsigned long long)(size - e->size), (unsigned long long)size, e->size);
        else
                printf("%s %s in %s: %llu bytes free (%.1f %%)%s\n", ok ? "yes " : "NO  ", image,
                       e->name, (unsigned long long)(e->size - size),
                       100.0 * (double)(e->size - size) / e->size,
                       ok ? "" : ", less than the margin asked for");
}

/* 0: fits everywhere; 1: does not; else the status of a file that cannot be read. */
static int check_image(const struct ptable *t, const char *path, const struct margin *m)
{
        struct blob b = { 0 };
        struct diag d = { 0 };
        bool all = true;
        int rc;

        if ((rc = file_load(path, FILE_LIMIT_IMAGE, &b, &d)) < 0) {
                tool_error("%s", diag_text(&d));
                return err_status(rc);
        }
        if (b.len == 0) {
                tool_error("%s: the image is empty", path);
                blob_free(&b);
                return STATUS_DATA;
        }
        if (b.data[0] != 0xE9 && !quiet)
                tool_error("%s: note: does not begin with E9, as an app image does", path);
        for (size_t i = 0; i < t->count; i++) {
                const bool ok = fits(&t->entries[i], b.len, m);

                if (!takes_images(&t->entries[i]))
                        continue;
                tell(&t->entries[i], path, b.len, ok);
                all &= ok;
        }
        blob_free(&b);
        return all ? STATUS_DONE : STATUS_DATA;
}

int cmd_fit(int argc, char **argv)
{
        static struct ptable_file f;
        struct report r = { 0 };
        struct margin margin;
        bool any = false;
        int worst = STATUS_DONE;
        int status;

        if (read_margin(&margin))
                return STATUS_USAGE;
        if ((status = table_load(&f, argv[0], &r)) != STATUS_DONE)
                return status;
        for (size_t i = 0; i < f.table.count; i++)
                any |= takes_images(&f.table.entries[i]);
        if (!any) {
                tool_error("%s: no app partition that an image could be written to", f.name);
                return STATUS_DATA;
        }
        for (int i = 1; i < argc; i++) {
                status = check_image(&f.table, argv[i], &margin);
                worst = status > worst ? status : worst;
        }
        return worst;
}
