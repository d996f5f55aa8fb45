#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/nvs_read.h"
#include "fmt/nvs_write.h"
#include "host/nvs_view.h"

static void add_row(struct nvs_script *s, const char *ns, const struct nvs_view_entry *e,
                    uint32_t offset)
{
        struct nvs_script_row *row = &s->rows[s->count++];

        memset(row, 0, sizeof *row);
        memcpy(row->ns, ns, strnlen(ns, NVS_KEY_MAX));
        row->entry = e;
        row->offset = offset;
}

static int by_offset(const void *a, const void *b)
{
        const struct nvs_script_row *x = a;
        const struct nvs_script_row *y = b;

        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Rows of the namespaces' definitions; with s->rows NULL they are only counted. */
static size_t namespaces(struct nvs_script *s, const struct nvs_image *img)
{
        struct nvs_walk w;
        struct nvs_item it;
        size_t n = 0;

        nvs_walk_init(&w, img->data, img->len, false);
        while (nvs_walk_next(&w, &it)) {
                if (it.faults || it.ns != 0 || it.type != NVS_U8)
                        continue;
                n++;
                if (s->rows)
                        add_row(s, it.key, NULL, (uint32_t)(it.raw - img->data));
        }
        return n;
}

/* True if pages hold entries and none is active: the layout of ESP-IDF up to v5.2. */
static bool is_legacy(const struct nvs_image *img)
{
        bool any = false;
        struct nvs_page p;

        for (uint32_t i = 0; nvs_page_get(&p, img->data, img->len, i) == 0; i++) {
                if (p.readable && p.state == NVS_PAGE_ACTIVE)
                        return false;
                any = any || p.readable;
        }
        return any;
}

/* Write the rows into an image of the same size and compare. */
static int try_same(struct nvs_script *s, const struct nvs_image *img)
{
        struct nvs_writer w;
        uint8_t *again = malloc(img->len);
        const struct nvs_write_config cfg = { .image = again,
                                              .size = img->len,
                                              .version = s->version,
                                              .legacy_layout = s->legacy_layout,
                                              .keys_checked = true };
        int rc;

        if (!again)
                return -E_NOMEM;
        rc = nvs_writer_init(&w, &cfg, NULL);
        for (size_t i = 0; i < s->count && rc == 0; i++) {
                rc = nvs_write_namespace(&w, s->rows[i].ns);
                if (rc == 0 && s->rows[i].entry)
                        rc = nvs_value_write(&w, s->rows[i].entry->key, &s->rows[i].entry->value);
        }
        if (rc == 0)
                rc = nvs_writer_finish(&w, NULL);
        s->same = rc == 0 && !memcmp(again, img->data, img->len);
        wipe(again, img->len);
        free(again);
        return 0;
}

int nvs_script_make(struct nvs_script *s, const struct nvs_view *v, const struct nvs_image *img,
                    struct diag *d)
{
        size_t count;

        memset(s, 0, sizeof *s);
        count = v->count + namespaces(s, img);
        s->rows = malloc((count + 1) * sizeof *s->rows);
        if (!s->rows)
                return diag_set(d, E_NOMEM, "out of memory");
        namespaces(s, img);
        for (size_t i = 0; i < v->count; i++)
                add_row(s, v->entries[i].ns, &v->entries[i], v->entries[i].offset);
        qsort(s->rows, s->count, sizeof *s->rows, by_offset);
        s->version = v->version;
        s->legacy_layout = is_legacy(img);
        if (try_same(s, img) < 0) {
                nvs_script_free(s);
                return diag_set(d, E_NOMEM, "out of memory");
        }
        return 0;
}

void nvs_script_free(struct nvs_script *s)
{
        free(s->rows);
        memset(s, 0, sizeof *s);
}
