/*
 * Any bytes as an NVS image. The walk, the checker and the view stay inside (the sanitizers say),
 * the walk advances, and an image in which the checker finds no error is one whose values can be
 * written into a new image that reads the same.
 *
 * An input of whole pages and one byte more has its checksums put right first, so that the fuzzer
 * gets past them.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "fmt/nvs_check.h"
#include "host/nvs_view.h"

#define PAGES_MAX 8u

static void seal(uint8_t *entry)
{
        le32_put(entry + NVS_ENT_CRC, crc32_le(crc32_esp(entry, NVS_ENT_CRC), entry + NVS_ENT_KEY,
                                               NVS_ENTRY_SIZE - NVS_ENT_KEY));
}

static void seal_entries(const struct nvs_page *p, uint8_t *page)
{
        struct nvs_item it;

        for (unsigned i = 0; i < NVS_PAGE_ENTRIES; i += it.slots) {
                uint8_t *entry = page + NVS_ENTRIES_AT + (size_t)i * NVS_ENTRY_SIZE;

                it.slots = 1;
                if (nvs_page_slot(p, i) != NVS_SLOT_WRITTEN)
                        continue;
                seal(entry);
                nvs_item_get(&it, p, i);
                if (!it.data)
                        continue;
                le32_put(entry + NVS_ENT_DATA + 4, crc32_esp(it.data, it.len));
                seal(entry);
        }
}

static void seal_all(uint8_t *image, size_t len)
{
        struct nvs_page p;

        for (uint32_t i = 0; nvs_page_get(&p, image, len, i) == 0; i++) {
                uint8_t *page = image + (size_t)i * NVS_PAGE_SIZE;

                if (p.state == NVS_PAGE_EMPTY)
                        continue;
                le32_put(page + NVS_HDR_CRC,
                         crc32_esp(page + NVS_HDR_SEQ, NVS_HDR_CRC - NVS_HDR_SEQ));
                seal_entries(&p, page);
        }
}

static void walk(const uint8_t *data, size_t size)
{
        struct nvs_walk w;
        struct nvs_item it;
        size_t steps = 0;
        unsigned sum = 0;

        nvs_walk_init(&w, data, size, true);
        while (nvs_walk_next(&w, &it)) {
                if (++steps > size / NVS_ENTRY_SIZE || it.entry + it.slots > NVS_PAGE_ENTRIES ||
                    it.slots == 0)
                        abort();
                for (size_t i = 0; i < it.len; i++)
                        sum += it.data[i];
        }
        (void)(volatile unsigned){ sum };
}

static void on_finding(void *ctx, const struct nvs_finding *f)
{
        const size_t size = *(const size_t *)ctx;

        if (f->offset > size || !f->text[0] || f->page >= (int32_t)nvs_page_count(size) ||
            f->entry >= (int32_t)NVS_PAGE_ENTRIES)
                abort();
}

/* Findings worse than a note, 0: none. */
static uint32_t check(const uint8_t *data, size_t size, bool *sound, uint32_t *keys)
{
        static struct nvs_checker c;

        c.image = data;
        c.len = size;
        c.work_len = nvs_check_work(size);
        c.work = malloc(c.work_len * sizeof *c.work);
        c.found = on_finding;
        c.ctx = &size;
        *sound = c.work && nvs_check(&c) == 0;
        *keys = c.items;
        free(c.work);
        return c.count[NVS_ERROR] + c.count[NVS_WARNING];
}

/* The view's values in an image of their own, with room to spare. */
static int write_again(const struct nvs_view *v, unsigned version, struct nvs_image *out)
{
        const struct nvs_write_config cfg = { .image = out->data,
                                              .size = out->len,
                                              .version = version };
        struct nvs_writer w;
        int rc = nvs_writer_init(&w, &cfg, NULL);

        for (size_t i = 0; i < v->count && rc == 0; i++) {
                rc = nvs_write_namespace(&w, v->entries[i].ns);
                if (rc == 0)
                        rc = nvs_value_write(&w, v->entries[i].key, &v->entries[i].value);
        }
        return rc == 0 ? nvs_writer_finish(&w, NULL) : rc;
}

static void compare(const struct nvs_view *a, const struct nvs_view *b)
{
        if (a->count != b->count)
                abort();
        for (size_t i = 0; i < a->count; i++) {
                const struct nvs_view_entry *e = &a->entries[i];
                const struct nvs_view_entry *same = nvs_view_find(b, e->ns, e->key);

                if (!same || !nvs_value_same(&e->value, &same->value))
                        abort();
        }
}

static void read_image(const struct nvs_image *img)
{
        struct nvs_image again = { .len = (2 * PAGES_MAX + 2) * NVS_PAGE_SIZE };
        struct nvs_view view = { 0 };
        struct nvs_view view_again = { 0 };
        uint32_t keys;
        bool sound;
        const bool clean = check(img->data, img->len, &sound, &keys) == 0;

        walk(img->data, img->len);
        if (nvs_view_read(&view, img, NULL) < 0) {
                if (sound && nvs_has_page(img->data, img->len))
                        abort(); /* nothing wrong, and yet a device refuses it */
                return;
        }
        if (sound && view.damaged)
                abort();
        if (clean && view.count != keys)
                abort(); /* the checker counts other keys than the device reads */
        again.data = malloc(again.len);
        if (sound && again.data && write_again(&view, view.version, &again) == 0) {
                if (check(again.data, again.len, &sound, &keys) != 0 ||
                    nvs_view_read(&view_again, &again, NULL) < 0)
                        abort();
                compare(&view, &view_again);
        }
        nvs_view_free(&view_again);
        nvs_view_free(&view);
        free(again.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct nvs_image img = { .len = size };

        if (size > PAGES_MAX * NVS_PAGE_SIZE + 1)
                return 0;
        if (size % NVS_PAGE_SIZE == 1 && size > 1)
                img.len--;
        img.data = malloc(img.len ? img.len : 1);
        if (!img.data)
                return 0;
        memcpy(img.data, data, img.len);
        if (img.len != size)
                seal_all(img.data, img.len);
        read_image(&img);
        free(img.data);
        return 0;
}
