#include "fmt/nvs_write.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "fmt/nvs_read.h"

/* What an entry says beside its checksum. */
struct entry {
        uint8_t ns, type, span, chunk;
        const char *key;
        uint8_t data[8];
};

static int fail(struct nvs_writer *w, int code)
{
        if (w->error >= 0)
                w->error = -code;
        return w->error;
}

/* After a failure nothing is done any more, but counting goes on when it was only the room. */
static bool stopped(const struct nvs_writer *w)
{
        return w->error && !w->dry;
}

static uint8_t *page_at(const struct nvs_writer *w, size_t page)
{
        return w->cfg.image + page * NVS_PAGE_SIZE;
}

static void page_header(const struct nvs_writer *w, size_t page, uint32_t state)
{
        uint8_t *p = page_at(w, page);

        le32_put(p + NVS_HDR_STATE, state);
        le32_put(p + NVS_HDR_SEQ, (uint32_t)page);
        p[NVS_HDR_VERSION] = w->cfg.version == 1 ? NVS_VERSION_1 : NVS_VERSION_2;
        le32_put(p + NVS_HDR_CRC, crc32_esp(p + NVS_HDR_SEQ, NVS_HDR_CRC - NVS_HDR_SEQ));
}

static void page_next(struct nvs_writer *w)
{
        w->page++;
        w->used = 0;
        if (w->page >= w->limit) {
                w->dry = true;
                fail(w, E_NOSPACE);
        }
        if (w->dry)
                return;
        le32_put(page_at(w, w->page - 1) + NVS_HDR_STATE, NVS_PAGE_FULL);
        page_header(w, w->page, NVS_PAGE_ACTIVE);
}

/* Takes n slots of the current page, which the caller knows to be there; NULL when only counting.
 */
static uint8_t *slots_take(struct nvs_writer *w, unsigned n)
{
        const unsigned first = w->used;
        uint8_t *page;

        w->used += n;
        w->entries += n;
        if (w->dry)
                return NULL;
        page = page_at(w, w->page);
        /* written: only the low one of the two bits goes */
        for (unsigned i = first; i < w->used; i++)
                page[NVS_BITMAP_AT + i / 4] &= (uint8_t) ~(1u << 2 * (i % 4));
        return page + NVS_ENTRIES_AT + first * NVS_ENTRY_SIZE;
}

static void entry_put(struct nvs_writer *w, const struct entry *e)
{
        uint8_t *p = slots_take(w, 1);

        if (!p)
                return;
        p[NVS_ENT_NS] = e->ns;
        p[NVS_ENT_TYPE] = e->type;
        p[NVS_ENT_SPAN] = e->span;
        p[NVS_ENT_CHUNK] = e->chunk;
        memset(p + NVS_ENT_KEY, 0, NVS_KEY_MAX + 1);
        /* value_begin() lets no NULL pass */
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
        memcpy(p + NVS_ENT_KEY, e->key, strlen(e->key));
        memcpy(p + NVS_ENT_DATA, e->data, sizeof e->data);
        if (!w->cfg.trial)
                le32_put(p + NVS_ENT_CRC, crc32_le(crc32_esp(p, NVS_ENT_CRC), p + NVS_ENT_KEY,
                                                   NVS_ENTRY_SIZE - NVS_ENT_KEY));
}

static unsigned data_slots(size_t len)
{
        return (unsigned)((len + NVS_ENTRY_SIZE - 1) / NVS_ENTRY_SIZE);
}

/* A string, an old blob or a chunk: its head and its bytes, in the current page. */
static void sized_put(struct nvs_writer *w, struct entry *e, const uint8_t *data, size_t len)
{
        uint8_t *p;

        e->span = (uint8_t)(1 + data_slots(len));
        le16_put(e->data, (uint16_t)len);
        le16_put(e->data + 2, 0xFFFF);
        le32_put(e->data + 4, w->dry || w->cfg.trial ? 0 : crc32_esp(data, len));
        entry_put(w, e);
        if (!len)
                return;
        p = slots_take(w, data_slots(len));
        if (p && !w->cfg.trial)
                memcpy(p, data, len);
}

/* Up to one more than a name may have. */
static uint8_t name_len(const char *name)
{
        uint8_t n = 0;

        while (name && n <= NVS_KEY_MAX && name[n])
                n++;
        return n;
}

static bool name_ok(const char *name)
{
        const uint8_t n = name_len(name);

        return n > 0 && n <= NVS_KEY_MAX;
}

/* The entry of a key in the image so far, or NULL. */
static const uint8_t *entry_find(const struct nvs_writer *w, uint8_t ns, const char *key)
{
        const size_t key_size = name_len(key) + 1u;

        for (size_t page = 0; page <= w->page && page < w->limit; page++) {
                const uint8_t *entries = page_at(w, page) + NVS_ENTRIES_AT;
                const uint8_t *e;

                for (unsigned i = 0; i < NVS_PAGE_ENTRIES; i += e[NVS_ENT_SPAN]) {
                        e = entries + i * NVS_ENTRY_SIZE;
                        if (e[NVS_ENT_TYPE] == 0xFF) /* the rest of the page is blank */
                                break;
                        if (e[NVS_ENT_NS] == ns && !memcmp(e + NVS_ENT_KEY, key, key_size))
                                return e;
                }
        }
        return NULL;
}

int nvs_writer_init(struct nvs_writer *w, const struct nvs_write_config *cfg, struct diag *d)
{
        memset(w, 0, sizeof *w);
        w->cfg = *cfg;
        w->diag = d;
        if (!w->cfg.version)
                w->cfg.version = 2;
        if (w->cfg.version > 2)
                return diag_set(d, -fail(w, E_RANGE), "NVS version %u: there are 1 and 2",
                                w->cfg.version);
        if (cfg->size < NVS_PAGE_SIZE || cfg->size % NVS_PAGE_SIZE)
                return diag_set(d, -fail(w, E_RANGE),
                                "size 0x%zx: an NVS partition is a multiple of 0x1000 bytes",
                                cfg->size);
        if (cfg->legacy_layout && cfg->size < NVS_SIZE_MIN)
                return diag_set(d, -fail(w, E_RANGE),
                                "size 0x%zx: the legacy layout needs 0x%x bytes or more", cfg->size,
                                NVS_SIZE_MIN);
        w->limit = cfg->size / NVS_PAGE_SIZE - (cfg->size >= NVS_SIZE_MIN);
        memset(cfg->image, 0xFF, cfg->size);
        page_header(w, 0, NVS_PAGE_ACTIVE);
        return 0;
}

int nvs_write_namespace(struct nvs_writer *w, const char *name)
{
        struct entry e = { .type = NVS_U8, .span = 1, .chunk = NVS_CHUNK_ANY, .key = name };
        const uint8_t *known;

        if (stopped(w))
                return w->error;
        if (!name_ok(name))
                return diag_set(w->diag, -fail(w, E_RANGE),
                                "namespace of %u bytes: a name has 1 to %u", name_len(name),
                                NVS_KEY_MAX);
        if ((known = entry_find(w, 0, name)) != NULL) {
                w->ns = known[NVS_ENT_DATA];
                return w->error;
        }
        if (w->ns_count >= NVS_NS_MAX) {
                w->dry = false;
                return diag_set(w->diag, -fail(w, E_NOSPACE),
                                "namespace %s: a partition holds %u of them", name, NVS_NS_MAX);
        }
        if (w->used >= NVS_PAGE_ENTRIES)
                page_next(w);
        w->ns = (uint8_t)++w->ns_count;
        memset(e.data, 0xFF, sizeof e.data);
        e.data[0] = w->ns;
        entry_put(w, &e);
        return w->error;
}

int nvs_write_namespace_again(struct nvs_writer *w, unsigned index)
{
        if (stopped(w))
                return w->error;
        if (index < 1 || index > w->ns_count)
                return diag_set(w->diag, -fail(w, E_RANGE), "namespace %u: not defined", index);
        w->ns = (uint8_t)index;
        return w->error;
}

/* What all values have in common; 0 if the value may be written. */
static int value_begin(struct nvs_writer *w, const char *key)
{
        if (stopped(w))
                return w->error;
        if (!name_ok(key))
                return diag_set(w->diag, -fail(w, E_RANGE), "key of %u bytes: a key has 1 to %u",
                                name_len(key), NVS_KEY_MAX);
        if (!w->ns)
                return diag_set(w->diag, -fail(w, E_STATE), "%s: stands before the first namespace",
                                key);
        if (!w->cfg.keys_checked && entry_find(w, w->ns, key))
                return diag_set(w->diag, -fail(w, E_EXISTS),
                                "%s: the namespace has this key already", key);
        return 0;
}

/* True if bits, sign-extended where the type has a sign, is a value of the type. */
static bool int_fits(enum nvs_type type, uint64_t bits)
{
        const unsigned width = 8 * ((unsigned)type & 0xFu);
        const uint64_t above = width == 64 ? 0 : bits >> width;

        if (width == 64)
                return true;
        if (!((unsigned)type & 0x10u))
                return above == 0;
        return bits >> (width - 1) == 0 || bits >> (width - 1) == UINT64_MAX >> (width - 1);
}

int nvs_write_int(struct nvs_writer *w, const char *key, enum nvs_type type, uint64_t bits)
{
        struct entry e = { w->ns, (uint8_t)type, 1, NVS_CHUNK_ANY, key, { 0 } };
        uint8_t wide[8];
        const int rc = value_begin(w, key);

        if (rc < 0)
                return rc;
        if (!nvs_type_is_int(type))
                return diag_set(w->diag, -fail(w, E_TYPE), "%s: type %u is no integer", key,
                                (unsigned)type);
        if (!int_fits(type, bits))
                return diag_set(w->diag, -fail(w, E_RANGE), "%s: out of the type's range", key);
        if (w->used >= NVS_PAGE_ENTRIES)
                page_next(w);
        le64_put(wide, bits);
        memset(e.data, 0xFF, sizeof e.data);
        memcpy(e.data, wide, (unsigned)type & 0xFu);
        entry_put(w, &e);
        return w->error;
}

/* Strings and blobs in one piece: as the reference, never up to the last entry of a page, except in
 * a page of their own. */
static int one_page(struct nvs_writer *w, const char *key, enum nvs_type type, const void *data,
                    size_t len)
{
        struct entry e = { w->ns, (uint8_t)type, 0, NVS_CHUNK_ANY, key, { 0 } };

        if (w->used && w->used + 1 + data_slots(len) >= NVS_PAGE_ENTRIES)
                page_next(w);
        sized_put(w, &e, data, len);
        return w->error;
}

int nvs_write_str(struct nvs_writer *w, const char *key, const void *data, size_t len)
{
        const int rc = value_begin(w, key);

        if (rc < 0)
                return rc;
        if (len < 1 || len > NVS_STR_MAX || ((const char *)data)[len - 1])
                return diag_set(w->diag, -fail(w, E_RANGE),
                                "%s: a string has 1 to %u bytes with the NUL at its end", key,
                                NVS_STR_MAX);
        return one_page(w, key, NVS_STR, data, len);
}

static int chunks_put(struct nvs_writer *w, const char *key, const uint8_t *data, size_t len)
{
        struct entry e = { w->ns, NVS_BLOB_DATA, 0, NVS_CHUNK_START_0, key, { 0 } };
        size_t done = 0;

        if (w->used >= NVS_PAGE_ENTRIES)
                page_next(w);
        do {
                const size_t room = (NVS_PAGE_ENTRIES - w->used - 1) * NVS_ENTRY_SIZE;
                const size_t n = len - done < room ? len - done : room;

                if (e.chunk >= NVS_CHUNKS_MAX) {
                        w->dry = false;
                        return diag_set(
                                w->diag, -fail(w, E_RANGE),
                                "%s: takes more than %u chunks; a blob has up to about %u bytes",
                                key, NVS_CHUNKS_MAX, NVS_BLOB_MAX);
                }
                sized_put(w, &e, data + done, n);
                e.chunk++;
                done += n;
                if (done < len || room - n < NVS_ENTRY_SIZE)
                        page_next(w);
        } while (done < len);
        e.type = NVS_BLOB_INDEX;
        e.span = 1;
        le32_put(e.data, (uint32_t)len);
        e.data[4] = e.chunk;
        e.data[5] = NVS_CHUNK_START_0;
        le16_put(e.data + 6, 0xFFFF);
        e.chunk = NVS_CHUNK_ANY;
        entry_put(w, &e);
        return w->error;
}

int nvs_write_blob(struct nvs_writer *w, const char *key, const void *data, size_t len)
{
        const size_t max = w->cfg.version == 1 ? NVS_BLOB_V1_MAX : NVS_BLOB_MAX;
        const int rc = value_begin(w, key);

        if (rc < 0)
                return rc;
        if (len > max)
                return diag_set(w->diag, -fail(w, E_RANGE),
                                "%s: blob of %zu bytes, version %u holds %zu", key, len,
                                w->cfg.version, max);
        if (w->cfg.version == 1)
                return one_page(w, key, NVS_BLOB, data, len);
        return chunks_put(w, key, data, len);
}

static void finish_legacy(const struct nvs_writer *w)
{
        for (size_t page = 0; page < w->limit; page++)
                page_header(w, page, NVS_PAGE_FULL);
}

int nvs_writer_finish(struct nvs_writer *w, struct nvs_write_stats *stats)
{
        const size_t pages = w->page + (w->used > 0);
        const size_t needed = (pages + 1) * NVS_PAGE_SIZE < NVS_SIZE_MIN
                                      ? NVS_SIZE_MIN
                                      : (pages + 1) * NVS_PAGE_SIZE;
        /* without the reserved page, if two pages are enough */
        const size_t smallest = w->cfg.size < NVS_SIZE_MIN && pages * NVS_PAGE_SIZE < NVS_SIZE_MIN
                                        ? pages * NVS_PAGE_SIZE
                                        : needed;

        if (w->dry)
                diag_set(w->diag, E_NOSPACE,
                         "image of 0x%zx bytes is too small by %zu: give the partition at least "
                         "0x%zx",
                         w->cfg.size, smallest - w->cfg.size, smallest);
        if (!w->error && w->cfg.legacy_layout)
                finish_legacy(w);
        if (stats) {
                stats->entries_used = w->entries;
                stats->entries_total = w->limit * NVS_PAGE_ENTRIES;
                stats->pages_used = pages;
                stats->pages_total = w->limit;
                stats->size_needed = needed;
                stats->output_size = w->error                     ? 0
                                     : w->cfg.size < NVS_SIZE_MIN ? (w->page + 1) * NVS_PAGE_SIZE
                                                                  : w->cfg.size;
        }
        return w->error;
}
