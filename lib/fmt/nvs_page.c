#include "fmt/nvs_page.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"

static uint32_t slot_offset(unsigned page, unsigned slot)
{
        return page * NVS_PAGE_SIZE + NVS_ENTRIES_AT + slot * NVS_ENTRY_SIZE;
}

/* The only two ways to the flash that change it: a failed one ends all writing until the next
 * mount. */
static int put_raw(struct nvs_store *s, uint32_t offset, const void *p, size_t n)
{
        if (s->cfg.read_only)
                return 0;
        if (s->failed == 0)
                s->failed = flash_write(s->cfg.flash, offset, p, n);
        return s->failed;
}

static int erase_raw(struct nvs_store *s, unsigned page)
{
        if (s->cfg.read_only)
                return 0;
        if (s->failed == 0)
                s->failed = flash_erase(s->cfg.flash, page * NVS_PAGE_SIZE, NVS_PAGE_SIZE);
        return s->failed;
}

static void tweak_of(uint8_t tweak[16], uint32_t offset)
{
        memset(tweak, 0, 16);
        le32_put(tweak, offset);
}

/* n entries; encrypted they go one by one through a buffer. */
static int put_entries(struct nvs_store *s, unsigned page, unsigned slot, const uint8_t *p,
                       unsigned n)
{
        uint8_t buf[NVS_ENTRY_SIZE];
        uint8_t tweak[16];
        int rc = 0;

        if (!s->cfg.xts)
                return put_raw(s, slot_offset(page, slot), p, (size_t)n * NVS_ENTRY_SIZE);
        for (unsigned i = 0; i < n && rc == 0; i++) {
                const uint32_t at = slot_offset(page, slot + i);

                tweak_of(tweak, at);
                rc = crypt_xts_encrypt(s->cfg.xts, tweak, p + (size_t)i * NVS_ENTRY_SIZE, buf,
                                       sizeof buf);
                if (rc == 0)
                        rc = put_raw(s, at, buf, sizeof buf);
        }
        return rc;
}

int nvs_page_read(struct nvs_store *s, unsigned page, unsigned slot, uint8_t entry[NVS_ENTRY_SIZE])
{
        const uint32_t at = slot_offset(page, slot);
        uint8_t tweak[16];
        const int rc = flash_read(s->cfg.flash, at, entry, NVS_ENTRY_SIZE);

        if (rc < 0 || !s->cfg.xts)
                return rc;
        tweak_of(tweak, at);
        return crypt_xts_decrypt(s->cfg.xts, tweak, entry, entry, NVS_ENTRY_SIZE);
}

bool nvs_type_is_long(uint8_t type)
{
        return type == NVS_STR || type == NVS_BLOB || type == NVS_BLOB_DATA;
}

/* Hash of namespace and key, never 0. */
static uint8_t tag_of(uint8_t ns, const uint8_t key[16])
{
        uint32_t h = crc32_le(crc32_esp(key, 16), &ns, 1);

        h ^= h >> 16;
        h ^= h >> 8;
        return (uint8_t)(h & 0xFF ? h & 0xFF : 1);
}

/* Bytes 0..3 and 8..31. */
static uint32_t entry_crc(const uint8_t *e)
{
        return crc32_le(crc32_esp(e, NVS_ENT_CRC), e + NVS_ENT_KEY, NVS_ENTRY_SIZE - NVS_ENT_KEY);
}

/* The rules of ESP-IDF v5.5 nvs_types.cpp for a header at this slot; an index also must be one that
 * a writer can make. */
static bool entry_valid(const uint8_t *e, unsigned slot)
{
        const unsigned span = e[NVS_ENT_SPAN];
        const uint8_t *data = e + NVS_ENT_DATA;

        if (le32_get(e + NVS_ENT_CRC) != entry_crc(e))
                return false;
        switch (e[NVS_ENT_TYPE]) {
        case NVS_U8:
        case NVS_I8:
        case NVS_U16:
        case NVS_I16:
        case NVS_U32:
        case NVS_I32:
        case NVS_U64:
        case NVS_I64:
                return span == 1;
        case NVS_BLOB_INDEX:
                return span == 1 && e[NVS_ENT_CHUNK] == NVS_CHUNK_ANY &&
                       le32_get(data) <= 127u * NVS_CHUNK_MAX && data[4] <= 127 &&
                       (data[5] == NVS_CHUNK_START_0 || data[5] == NVS_CHUNK_START_1);
        case NVS_BLOB_DATA:
                if (e[NVS_ENT_CHUNK] == NVS_CHUNK_ANY)
                        return false;
                break;
        case NVS_STR:
        case NVS_BLOB:
                break;
        default:
                return false;
        }
        return span <= NVS_PAGE_ENTRIES - slot &&
               span == 1 + (le16_get(data) + NVS_ENTRY_SIZE - 1) / NVS_ENTRY_SIZE;
}

/* Clear bits of slots begin … end-1 in memory and, from the last word to the first, on the flash.
 */
static int mark(struct nvs_store *s, unsigned page, unsigned begin, unsigned end, unsigned state)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        int rc = 0;

        for (unsigned i = end; i-- > begin && rc == 0;) {
                const unsigned was = nvs_slot_state(pg->map, i);
                const unsigned shift = i % 4 * 2;

                if (was == NVS_SLOT_WRITTEN && state == NVS_SLOT_ERASED)
                        pg->used--;
                if (was == NVS_SLOT_EMPTY && state == NVS_SLOT_WRITTEN)
                        pg->used++;
                pg->map[i / 4] = (uint8_t)(pg->map[i / 4] & ~((3u & ~state) << shift));
                if (state == NVS_SLOT_ERASED)
                        pg->tag[i] = 0;
                if (i == begin || i % 16 == 0) {
                        const unsigned at = i / 16 * 4;

                        rc = put_raw(s, page * NVS_PAGE_SIZE + NVS_BITMAP_AT + at, pg->map + at, 4);
                }
        }
        return rc;
}

static int drop_span(struct nvs_store *s, unsigned page, unsigned slot, unsigned span)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        const int rc = mark(s, page, slot, slot + span, NVS_SLOT_ERASED);

        if (slot + span > pg->next)
                pg->next = (uint8_t)(slot + span);
        return rc;
}

int nvs_page_drop(struct nvs_store *s, unsigned page, unsigned slot)
{
        uint8_t e[NVS_ENTRY_SIZE];
        const int rc = nvs_page_read(s, page, slot, e);

        if (rc < 0)
                return rc;
        return drop_span(s, page, slot, entry_valid(e, slot) ? e[NVS_ENT_SPAN] : 1);
}

/*
 * Slots that were written while their mark was not: of an active page they follow the last mark.
 * Nothing may be written over them. (ESP-IDF looks at the first four bytes of the first such slot.)
 */
static int drop_unmarked(struct nvs_store *s, unsigned page)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        const unsigned begin = pg->next;
        unsigned end = NVS_PAGE_ENTRIES;
        uint8_t raw[NVS_ENTRY_SIZE];
        int rc;

        for (; end > begin && nvs_slot_state(pg->map, end - 1) == NVS_SLOT_EMPTY; end--) {
                rc = flash_read(s->cfg.flash, slot_offset(page, end - 1), raw, sizeof raw);
                if (rc < 0)
                        return rc;
                if (!bytes_all(raw, sizeof raw, 0xFF))
                        break;
        }
        pg->next = (uint8_t)end;
        return end > begin ? mark(s, page, begin, end, NVS_SLOT_ERASED) : 0;
}

/* On an active page an older entry of the same key: the cut came between writing and erasing. */
static int drop_older(struct nvs_store *s, unsigned page, unsigned slot, const uint8_t *e)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        uint8_t old[NVS_ENTRY_SIZE];
        int rc = 0;

        for (unsigned i = 0; i < slot && rc == 0; i++) {
                if (pg->tag[i] != pg->tag[slot])
                        continue;
                rc = nvs_page_read(s, page, i, old);
                if (rc == 0 && old[NVS_ENT_NS] == e[NVS_ENT_NS] &&
                    old[NVS_ENT_CHUNK] == e[NVS_ENT_CHUNK] &&
                    memcmp(old + NVS_ENT_KEY, e + NVS_ENT_KEY, 16) == 0)
                        return drop_span(s, page, i, old[NVS_ENT_SPAN]);
        }
        return rc;
}

/* One slot of the walk over a page; *span: how far to go on. */
static int load_slot(struct nvs_store *s, unsigned page, unsigned slot, unsigned *span)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        const bool active = pg->state == NVS_PAGE_ACTIVE;
        const unsigned state = nvs_slot_state(pg->map, slot);
        uint8_t e[NVS_ENTRY_SIZE];
        int rc;

        *span = 1;
        if (state == NVS_SLOT_ERASED)
                return 0;
        if (state != NVS_SLOT_WRITTEN)
                return active ? drop_span(s, page, slot, 1) : 0;
        if ((rc = nvs_page_read(s, page, slot, e)) < 0)
                return rc;
        if (!entry_valid(e, slot))
                return drop_span(s, page, slot, 1);
        *span = e[NVS_ENT_SPAN];
        for (unsigned i = slot + 1; i < slot + *span; i++)
                if (nvs_slot_state(pg->map, i) != NVS_SLOT_WRITTEN)
                        return drop_span(s, page, slot, *span);
        pg->tag[slot] = tag_of(e[NVS_ENT_NS], e + NVS_ENT_KEY);
        return active ? drop_older(s, page, slot, e) : 0;
}

static int load_entries(struct nvs_store *s, unsigned page)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        unsigned span = 1;
        unsigned end;
        int rc = flash_read(s->cfg.flash, page * NVS_PAGE_SIZE + NVS_BITMAP_AT, pg->map,
                            sizeof pg->map);

        for (unsigned i = 0; i < NVS_PAGE_ENTRIES; i++)
                pg->used = (uint8_t)(pg->used + (nvs_slot_state(pg->map, i) == NVS_SLOT_WRITTEN));
        pg->next = NVS_PAGE_ENTRIES;
        if (rc == 0 && pg->state == NVS_PAGE_ACTIVE) {
                for (unsigned i = NVS_PAGE_ENTRIES; i-- > 0;)
                        if (nvs_slot_state(pg->map, i) == NVS_SLOT_EMPTY)
                                pg->next = (uint8_t)i;
                rc = drop_unmarked(s, page);
        }
        end = pg->next;
        for (unsigned i = 0; i < end && rc == 0; i += span)
                rc = load_slot(s, page, i, &span);
        return rc;
}

/* An erased page, or one that must be erased before use. */
static int load_blank(struct nvs_store *s, unsigned page)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        uint8_t buf[256];

        for (uint32_t at = 0; at < NVS_PAGE_SIZE; at += sizeof buf) {
                const int rc = flash_read(s->cfg.flash, page * NVS_PAGE_SIZE + at, buf, sizeof buf);

                if (rc < 0)
                        return rc;
                if (!bytes_all(buf, sizeof buf, 0xFF))
                        pg->state = NVS_PAGE_CORRUPT;
        }
        return 0;
}

int nvs_page_load(struct nvs_store *s, unsigned page)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        uint8_t h[NVS_BITMAP_AT];
        const int rc = flash_read(s->cfg.flash, page * NVS_PAGE_SIZE, h, sizeof h);

        memset(pg, 0, sizeof *pg);
        memset(pg->map, 0xFF, sizeof pg->map);
        if (rc < 0)
                return rc;
        pg->state = le32_get(h + NVS_HDR_STATE);
        if (pg->state == NVS_PAGE_EMPTY)
                return load_blank(s, page);
        if (le32_get(h + NVS_HDR_CRC) != crc32_esp(h + NVS_HDR_SEQ, NVS_HDR_CRC - NVS_HDR_SEQ)) {
                pg->state = NVS_PAGE_CORRUPT;
                return 0;
        }
        if (h[NVS_HDR_VERSION] < NVS_VERSION_2)
                return -E_UNSUPPORTED;
        pg->seq = le32_get(h + NVS_HDR_SEQ);
        switch (pg->state) {
        case NVS_PAGE_ACTIVE:
        case NVS_PAGE_FULL:
        case NVS_PAGE_FREEING:
                return load_entries(s, page);
        default:
                pg->state = NVS_PAGE_CORRUPT;
                return 0;
        }
}

static bool matches(const struct nvs_query *q, const uint8_t *e)
{
        const uint8_t type = e[NVS_ENT_TYPE];

        if (e[NVS_ENT_NS] != q->ns || memcmp(e + NVS_ENT_KEY, q->key, sizeof q->key) != 0)
                return false;
        if (q->type == 0)
                return type != NVS_BLOB_DATA;
        if (type != q->type)
                return false;
        if (type == NVS_BLOB_DATA)
                return e[NVS_ENT_CHUNK] == q->chunk;
        if (type == NVS_BLOB_INDEX)
                return q->chunk == NVS_CHUNK_ANY || e[NVS_ENT_DATA + 5] == q->chunk;
        return true;
}

int nvs_page_find(struct nvs_store *s, unsigned page, unsigned from, const struct nvs_query *q,
                  struct nvs_place *at)
{
        const struct nvs_store_page *pg = &s->cfg.pages[page];
        const uint8_t tag = tag_of(q->ns, q->key);

        for (unsigned i = from; i < NVS_PAGE_ENTRIES; i++) {
                int rc;

                if (pg->tag[i] != tag)
                        continue;
                if ((rc = nvs_page_read(s, page, i, at->entry)) < 0)
                        return rc;
                if (!matches(q, at->entry))
                        continue;
                at->page = (uint16_t)page;
                at->slot = (uint8_t)i;
                return 0;
        }
        return -E_NOTFOUND;
}

/* Give an erased page its header. */
static int page_begin(struct nvs_store *s, unsigned page)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        uint8_t h[NVS_BITMAP_AT];

        memset(h, 0xFF, sizeof h);
        le32_put(h + NVS_HDR_STATE, NVS_PAGE_ACTIVE);
        le32_put(h + NVS_HDR_SEQ, pg->seq);
        h[NVS_HDR_VERSION] = NVS_VERSION_2;
        le32_put(h + NVS_HDR_CRC, crc32_esp(h + NVS_HDR_SEQ, NVS_HDR_CRC - NVS_HDR_SEQ));
        pg->state = NVS_PAGE_ACTIVE;
        return put_raw(s, page * NVS_PAGE_SIZE, h, sizeof h);
}

/* Write n slots at the end of the used ones, then mark them. */
static int append(struct nvs_store *s, unsigned page, const uint8_t *p, unsigned n)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        const unsigned at = pg->next;
        int rc = put_entries(s, page, at, p, n);

        if (rc < 0)
                return rc;
        pg->next = (uint8_t)(at + n);
        return mark(s, page, at, at + n, NVS_SLOT_WRITTEN);
}

static void entry_make(uint8_t *e, const struct nvs_item *it, unsigned span)
{
        const struct nvs_query *id = it->id;

        memset(e, 0xFF, NVS_ENTRY_SIZE);
        e[NVS_ENT_NS] = id->ns;
        e[NVS_ENT_TYPE] = id->type;
        e[NVS_ENT_SPAN] = (uint8_t)span;
        if (id->type == NVS_BLOB_DATA)
                e[NVS_ENT_CHUNK] = id->chunk;
        memcpy(e + NVS_ENT_KEY, id->key, sizeof id->key);
        if (nvs_type_is_long(id->type)) {
                le16_put(e + NVS_ENT_DATA, (uint16_t)it->len);
                le32_put(e + NVS_ENT_DATA + 4, crc32_esp(it->data, it->len));
        } else {
                memcpy(e + NVS_ENT_DATA, it->data, it->len);
        }
        le32_put(e + NVS_ENT_CRC, entry_crc(e));
}

int nvs_page_put(struct nvs_store *s, unsigned page, const struct nvs_item *it)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        const bool is_long = nvs_type_is_long(it->id->type);
        const size_t whole = is_long ? it->len / NVS_ENTRY_SIZE : 0;
        const size_t rest = is_long ? it->len % NVS_ENTRY_SIZE : 0;
        const unsigned span = (unsigned)(1 + whole + (rest > 0));
        uint8_t e[NVS_ENTRY_SIZE];
        unsigned slot;
        int rc = 0;

        if (pg->state == NVS_PAGE_EMPTY)
                rc = page_begin(s, page);
        if (rc < 0)
                return rc;
        if (pg->state != NVS_PAGE_ACTIVE || span > NVS_PAGE_ENTRIES - pg->next)
                return -E_NOSPACE;
        slot = pg->next;
        entry_make(e, it, span);
        rc = append(s, page, e, 1);
        if (rc == 0 && whole)
                rc = append(s, page, it->data, (unsigned)whole);
        if (rc == 0 && rest) {
                memset(e, 0xFF, sizeof e);
                memcpy(e, (const uint8_t *)it->data + whole * NVS_ENTRY_SIZE, rest);
                rc = append(s, page, e, 1);
        }
        if (rc == 0)
                pg->tag[slot] = tag_of(it->id->ns, it->id->key);
        wipe(e, sizeof e);
        return rc;
}

int nvs_page_copy(struct nvs_store *s, unsigned page, unsigned to)
{
        const struct nvs_store_page *from = &s->cfg.pages[page];
        struct nvs_store_page *pg = &s->cfg.pages[to];
        uint8_t e[NVS_ENTRY_SIZE];
        int rc = 0;

        if (from->used && pg->state == NVS_PAGE_EMPTY)
                rc = page_begin(s, to);
        for (unsigned i = 0; i < NVS_PAGE_ENTRIES && rc == 0; i++) {
                if (nvs_slot_state(from->map, i) != NVS_SLOT_WRITTEN)
                        continue;
                if (pg->next >= NVS_PAGE_ENTRIES)
                        return -E_NOSPACE;
                pg->tag[pg->next] = from->tag[i];
                rc = nvs_page_read(s, page, i, e);
                if (rc == 0)
                        rc = append(s, to, e, 1);
        }
        wipe(e, sizeof e);
        return rc;
}

int nvs_page_set_state(struct nvs_store *s, unsigned page, uint32_t state)
{
        uint8_t word[4];

        le32_put(word, state);
        s->cfg.pages[page].state = state;
        return put_raw(s, page * NVS_PAGE_SIZE + NVS_HDR_STATE, word, sizeof word);
}

int nvs_page_erase(struct nvs_store *s, unsigned page)
{
        struct nvs_store_page *pg = &s->cfg.pages[page];
        const uint16_t link = pg->link;

        memset(pg, 0, sizeof *pg);
        memset(pg->map, 0xFF, sizeof pg->map);
        pg->state = NVS_PAGE_EMPTY;
        pg->link = link;
        return erase_raw(s, page);
}

size_t nvs_page_tailroom(const struct nvs_store_page *pg)
{
        if (pg->state == NVS_PAGE_EMPTY)
                return NVS_CHUNK_MAX;
        if (pg->state != NVS_PAGE_ACTIVE || pg->next + 1u >= NVS_PAGE_ENTRIES)
                return 0;
        return (NVS_PAGE_ENTRIES - pg->next - 1u) * NVS_ENTRY_SIZE;
}
