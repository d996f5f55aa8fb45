/* Setting and erasing: the order of writes is what a power cut relies on (nvs_store.h). */
#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "fmt/nvs_pages.h"
#include "fmt/nvs_store.h"

/* Does the entry at *at hold exactly these bytes? 1, 0 or an error. */
static int long_equal(struct nvs_store *s, const struct nvs_place *at, const uint8_t *data,
                      size_t len)
{
        uint8_t e[NVS_ENTRY_SIZE];
        int rc = 0;
        bool same = le16_get(at->entry + NVS_ENT_DATA) == len &&
                    le32_get(at->entry + NVS_ENT_DATA + 4) == crc32_esp(data, len);

        for (size_t done = 0; same && done < len; done += sizeof e) {
                const size_t n = len - done < sizeof e ? len - done : sizeof e;

                rc = nvs_page_read(s, at->page, (unsigned)(at->slot + 1u + done / sizeof e), e);
                if (rc < 0)
                        break;
                same = memcmp(e, data + done, n) == 0;
        }
        wipe(e, sizeof e);
        return rc < 0 ? rc : same;
}

static int blob_equal(struct nvs_store *s, const struct nvs_place *at, const uint8_t *data,
                      size_t len)
{
        const uint8_t *index = at->entry + NVS_ENT_DATA;
        struct nvs_query q = { .type = NVS_BLOB_DATA, .ns = at->entry[NVS_ENT_NS] };
        struct nvs_place chunk;
        size_t done = 0;
        int rc;

        if (le32_get(index) != len)
                return 0;
        memcpy(q.key, at->entry + NVS_ENT_KEY, sizeof q.key);
        for (unsigned i = 0; i < index[4]; i++) {
                size_t n;

                q.chunk = (uint8_t)(index[5] + i);
                if ((rc = nvs_pages_find(s, &q, &chunk)) < 0)
                        return rc == -E_NOTFOUND ? 0 : rc;
                n = le16_get(chunk.entry + NVS_ENT_DATA);
                if (n > len - done)
                        return 0;
                if ((rc = long_equal(s, &chunk, data + done, n)) <= 0)
                        return rc;
                done += n;
        }
        return done == len;
}

/* The chunks first … first+count-1 of a blob; those that are missing are no failure. */
static int drop_chunks(struct nvs_store *s, const struct nvs_query *id, unsigned first,
                       unsigned count)
{
        struct nvs_query q = *id;
        struct nvs_place at;
        int rc = 0;

        q.type = NVS_BLOB_DATA;
        for (unsigned i = 0; i < count && rc == 0; i++) {
                q.chunk = (uint8_t)(first + i);
                rc = nvs_pages_find(s, &q, &at);
                if (rc == 0)
                        rc = nvs_page_drop(s, at.page, at.slot);
                if (rc == -E_NOTFOUND)
                        rc = 0;
        }
        return rc;
}

/* The index goes first: without it the chunks are nobody's. */
int nvs_store_drop(struct nvs_store *s, const struct nvs_place *at)
{
        const uint8_t *index = at->entry + NVS_ENT_DATA;
        struct nvs_query q = { .ns = at->entry[NVS_ENT_NS] };
        const int rc = nvs_page_drop(s, at->page, at->slot);

        if (rc < 0 || at->entry[NVS_ENT_TYPE] != NVS_BLOB_INDEX)
                return rc;
        memcpy(q.key, at->entry + NVS_ENT_KEY, sizeof q.key);
        return drop_chunks(s, &q, index[5], index[4]);
}

/* Write a value that must be in one piece, on another page if the current one has no room. */
static int put_item(struct nvs_store *s, const struct nvs_item *item)
{
        int rc = nvs_page_put(s, s->last, item);

        if (rc != -E_NOSPACE)
                return rc;
        if ((rc = nvs_pages_turn(s)) < 0)
                return rc;
        return nvs_page_put(s, s->last, item);
}

/*
 * Room for the next chunk in bytes, or an error. The first chunk is worth another page if less than
 * a tenth of a page is left (ESP-IDF v5.5 nvs_storage.cpp).
 */
static int chunk_room(struct nvs_store *s, size_t len, bool first)
{
        size_t room = nvs_page_tailroom(&s->cfg.pages[s->last]);

        for (unsigned i = 0; first && i <= s->pages; i++) {
                const size_t before = room;
                int rc;

                if ((room >= len && (room || len)) || room >= NVS_CHUNK_MAX / 10)
                        break;
                if ((rc = nvs_pages_turn(s)) < 0)
                        return rc;
                room = nvs_page_tailroom(&s->cfg.pages[s->last]);
                if (room == before)
                        return -E_NOSPACE;
        }
        return room ? (int)room : -E_NOSPACE;
}

/* Chunks, then their index; id: the index, its chunk byte the first chunk. */
static int put_chunks(struct nvs_store *s, const struct nvs_query *id, const uint8_t *data,
                      size_t len, unsigned *count)
{
        struct nvs_query q = *id;
        struct nvs_item item = { .id = &q };
        uint8_t index[8] = { [6] = 0xFF, [7] = 0xFF };
        size_t done = 0;
        int room;
        int rc;

        q.type = NVS_BLOB_DATA;
        do {
                if (*count == NVS_CHUNKS_MAX)
                        return -E_NOSPACE;
                if ((room = chunk_room(s, len, *count == 0)) < 0)
                        return room;
                q.chunk = (uint8_t)(id->chunk + *count);
                item.data = data + done;
                item.len = len - done < (size_t)room ? len - done : (size_t)room;
                *count += 1;
                if ((rc = nvs_page_put(s, s->last, &item)) < 0)
                        return rc;
                done += item.len;
                if (done < len || (size_t)room - item.len < NVS_ENTRY_SIZE)
                        rc = nvs_pages_turn(s);
                if (rc < 0)
                        return rc;
        } while (done < len);
        le32_put(index, (uint32_t)len);
        index[4] = (uint8_t)*count;
        index[5] = id->chunk;
        item = (struct nvs_item){ .id = id, .data = index, .len = sizeof index };
        return nvs_page_put(s, s->last, &item);
}

static int put_blob(struct nvs_store *s, const struct nvs_query *id, const void *data, size_t len)
{
        const size_t pages = s->pages - 1u < NVS_CHUNKS_MAX ? s->pages - 1u : NVS_CHUNKS_MAX;
        unsigned count = 0;
        int rc;

        if (len > pages * NVS_CHUNK_MAX)
                return -E_RANGE;
        rc = put_chunks(s, id, len ? data : "", len, &count);
        if (rc < 0 && s->failed == 0)
                (void)drop_chunks(s, id, id->chunk, count); /* the failure to report is the first */
        return rc;
}

/* The old value may have moved to another page while the new one was written. */
static int drop_old(struct nvs_store *s, struct nvs_place *old, uint32_t seq)
{
        const struct nvs_store_page *pg = &s->cfg.pages[old->page];
        struct nvs_query q = { .type = old->entry[NVS_ENT_TYPE],
                               .ns = old->entry[NVS_ENT_NS],
                               .chunk = old->entry[NVS_ENT_DATA + 5] };
        int rc;

        memcpy(q.key, old->entry + NVS_ENT_KEY, sizeof q.key);
        if (pg->seq != seq || (pg->state != NVS_PAGE_ACTIVE && pg->state != NVS_PAGE_FULL))
                if ((rc = nvs_pages_find(s, &q, old)) < 0)
                        return rc;
        return nvs_store_drop(s, old);
}

/* Is that the value already? 1, 0 or an error. */
static int is_equal(struct nvs_store *s, const struct nvs_place *old, const void *data, size_t len)
{
        const uint8_t type = old->entry[NVS_ENT_TYPE];

        if (type == NVS_BLOB_INDEX)
                return blob_equal(s, old, data, len);
        if (nvs_type_is_long(type))
                return long_equal(s, old, data, len);
        return memcmp(old->entry + NVS_ENT_DATA, data, len) == 0;
}

int nvs_store_put(struct nvs_store *s, const struct nvs_query *id, const void *data, size_t len)
{
        struct nvs_query q = *id;
        struct nvs_place old;
        const struct nvs_item item = { .id = &q, .data = data, .len = len };
        uint32_t seq = 0;
        bool found;
        int rc = nvs_store_writable(s);

        if (rc < 0)
                return rc;
        rc = nvs_pages_find(s, &q, &old);
        if (rc == 0 && (rc = is_equal(s, &old, data, len)) > 0)
                return 0;
        if (rc == -E_NOTFOUND) {
                q.type = 0;
                rc = nvs_pages_find(s, &q, &old);
                q.type = id->type;
        }
        if (rc < 0 && rc != -E_NOTFOUND)
                return rc;
        found = rc == 0;
        if (found)
                seq = s->cfg.pages[old.page].seq;
        if (q.type == NVS_BLOB_INDEX) {
                q.chunk = NVS_CHUNK_START_0;
                if (found && old.entry[NVS_ENT_TYPE] == NVS_BLOB_INDEX &&
                    old.entry[NVS_ENT_DATA + 5] == NVS_CHUNK_START_0)
                        q.chunk = NVS_CHUNK_START_1;
                rc = put_blob(s, &q, data, len);
        } else {
                rc = put_item(s, &item);
        }
        return rc == 0 && found ? drop_old(s, &old, seq) : rc;
}

static int put_key(struct nvs_store *s, unsigned ns, const char *key, uint8_t type,
                   const struct nvs_item *value)
{
        struct nvs_query q;
        const int rc = ns == 0 ? -E_INVAL : nvs_query_init(&q, ns, type, key);

        return rc < 0 ? rc : nvs_store_put(s, &q, value->data, value->len);
}

int nvs_store_set_int(struct nvs_store *s, unsigned ns, const char *key, enum nvs_type type,
                      uint64_t value)
{
        const unsigned width = nvs_int_width(type);
        const unsigned bits = width * 8;
        uint8_t data[8];
        const struct nvs_item item = { .data = data, .len = width };
        uint64_t high;

        if (width == 0)
                return -E_INVAL;
        if (bits < 64) {
                const bool is_signed = (type & 0x10u) != 0;

                /* all bits above the value's own are its sign */
                high = value >> (bits - is_signed);
                if (high != 0 && (!is_signed || high != ~(uint64_t)0 >> (bits - 1)))
                        return -E_RANGE;
        }
        le64_put(data, value);
        return put_key(s, ns, key, (uint8_t)type, &item);
}

int nvs_store_set_str(struct nvs_store *s, unsigned ns, const char *key, const char *str)
{
        const struct nvs_item item = { .data = str, .len = strlen(str) + 1 };

        return item.len > NVS_STR_MAX ? -E_RANGE : put_key(s, ns, key, NVS_STR, &item);
}

int nvs_store_set_blob(struct nvs_store *s, unsigned ns, const char *key, const void *data,
                       size_t len)
{
        const struct nvs_item item = { .data = data, .len = len };

        return put_key(s, ns, key, NVS_BLOB_INDEX, &item);
}

int nvs_store_erase(struct nvs_store *s, unsigned ns, const char *key)
{
        struct nvs_query q;
        struct nvs_place at;
        int rc = ns == 0 ? -E_INVAL : nvs_query_init(&q, ns, 0, key);

        if (rc == 0)
                rc = nvs_store_writable(s);
        if (rc == 0)
                rc = nvs_pages_find(s, &q, &at);
        if (rc < 0)
                return rc;
        /* an image of the old generators may hold a key twice */
        while (rc == 0 && (rc = nvs_store_drop(s, &at)) == 0)
                rc = nvs_pages_find(s, &q, &at);
        return rc == -E_NOTFOUND ? 0 : rc;
}

int nvs_store_erase_ns(struct nvs_store *s, unsigned ns)
{
        struct nvs_place at = { .page = s->first };
        int rc = ns == 0 || ns > NVS_NS_MAX ? -E_INVAL : nvs_store_writable(s);

        if (rc == 0)
                rc = nvs_pages_walk(s, &at, false);
        while (rc == 0) {
                if (at.entry[NVS_ENT_NS] == ns)
                        rc = nvs_page_drop(s, at.page, at.slot);
                if (rc == 0)
                        rc = nvs_pages_walk(s, &at, true);
        }
        return rc == -E_NOTFOUND ? 0 : rc;
}
