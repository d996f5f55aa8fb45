#include "fmt/nvs_pages.h"

#include <string.h>

#include "base/bytes.h"

static void list_append(struct nvs_store *s, uint16_t *first, uint16_t *last, unsigned page)
{
        s->cfg.pages[page].link = NVS_PAGE_NONE;
        if (*first == NVS_PAGE_NONE)
                *first = (uint16_t)page;
        else
                s->cfg.pages[*last].link = (uint16_t)page;
        *last = (uint16_t)page;
}

static void free_append(struct nvs_store *s, unsigned page)
{
        list_append(s, &s->free_first, &s->free_last, page);
        s->free_count++;
}

/* Before the first page with a higher sequence number. */
static void order_insert(struct nvs_store *s, unsigned page)
{
        struct nvs_store_page *pages = s->cfg.pages;
        uint16_t *at = &s->first;

        while (*at != NVS_PAGE_NONE && pages[*at].seq <= pages[page].seq)
                at = &pages[*at].link;
        if (*at == NVS_PAGE_NONE) {
                list_append(s, &s->first, &s->last, page);
                return;
        }
        pages[page].link = *at;
        *at = (uint16_t)page;
}

void nvs_pages_free(struct nvs_store *s, unsigned page)
{
        struct nvs_store_page *pages = s->cfg.pages;
        uint16_t *at = &s->first;
        uint16_t before = NVS_PAGE_NONE;

        while (*at != page) {
                before = *at;
                at = &pages[*at].link;
        }
        *at = pages[page].link;
        if (s->last == page)
                s->last = before;
        free_append(s, page);
}

int nvs_pages_load(struct nvs_store *s)
{
        s->first = s->last = s->free_first = s->free_last = NVS_PAGE_NONE;
        for (unsigned i = 0; i < s->pages; i++) {
                struct nvs_store_page *pg = &s->cfg.pages[i];
                const int rc = nvs_page_load(s, i);

                if (rc < 0)
                        return rc;
                if (pg->state == NVS_PAGE_EMPTY || pg->state == NVS_PAGE_CORRUPT)
                        free_append(s, i);
                else
                        order_insert(s, i);
        }
        if (s->last != NVS_PAGE_NONE) {
                const uint32_t seq = s->cfg.pages[s->last].seq;

                s->seq = seq == UINT32_MAX ? seq : seq + 1;
        }
        return 0;
}

int nvs_pages_find(struct nvs_store *s, const struct nvs_query *q, struct nvs_place *at)
{
        int rc = -E_NOTFOUND;

        for (unsigned p = s->first; p != NVS_PAGE_NONE && rc == -E_NOTFOUND;
             p = s->cfg.pages[p].link)
                rc = nvs_page_find(s, p, 0, q, at);
        return rc;
}

int nvs_pages_walk(struct nvs_store *s, struct nvs_place *at, bool next)
{
        unsigned slot = at->slot + next;

        for (unsigned p = at->page; p != NVS_PAGE_NONE; p = s->cfg.pages[p].link, slot = 0) {
                for (; slot < NVS_PAGE_ENTRIES; slot++) {
                        if (!s->cfg.pages[p].tag[slot])
                                continue;
                        at->page = (uint16_t)p;
                        at->slot = (uint8_t)slot;
                        return nvs_page_read(s, p, slot, at->entry);
                }
        }
        return -E_NOTFOUND;
}

int nvs_pages_activate(struct nvs_store *s)
{
        const unsigned page = s->free_first;
        int rc = 0;

        if (page == NVS_PAGE_NONE || s->seq == UINT32_MAX)
                return -E_NOSPACE;
        if (s->cfg.pages[page].state == NVS_PAGE_CORRUPT)
                rc = nvs_page_erase(s, page);
        if (rc < 0)
                return rc;
        s->free_first = s->cfg.pages[page].link;
        s->free_count--;
        list_append(s, &s->first, &s->last, page);
        s->cfg.pages[page].seq = s->seq++;
        return 0;
}

/*
 * The emptied page is spoilt before it is erased, so that an erase cut in the middle, whatever it
 * leaves, is never taken for a page with entries (ESP-IDF erases right away).
 */
int nvs_pages_move(struct nvs_store *s, unsigned page)
{
        int rc;

        if ((rc = nvs_pages_activate(s)) < 0 || (rc = nvs_page_copy(s, page, s->last)) < 0 ||
            (rc = nvs_page_set_state(s, page, NVS_PAGE_CORRUPT)) < 0)
                return rc;
        if ((rc = nvs_page_erase(s, page)) < 0)
                return rc;
        nvs_pages_free(s, page);
        return 0;
}

int nvs_pages_turn(struct nvs_store *s)
{
        struct nvs_store_page *pages = s->cfg.pages;
        unsigned victim = NVS_PAGE_NONE;
        int rc = 0;

        if (pages[s->last].state == NVS_PAGE_ACTIVE)
                rc = nvs_page_set_state(s, s->last, NVS_PAGE_FULL);
        if (rc < 0)
                return rc;
        if (s->free_count >= 2)
                return nvs_pages_activate(s);
        if (s->free_count == 0)
                return -E_NOSPACE;
        for (unsigned p = s->first; p != NVS_PAGE_NONE; p = pages[p].link)
                if (pages[p].used < NVS_PAGE_ENTRIES &&
                    (victim == NVS_PAGE_NONE || pages[p].used < pages[victim].used))
                        victim = p;
        if (victim == NVS_PAGE_NONE || s->seq == UINT32_MAX)
                return -E_NOSPACE;
        if ((rc = nvs_page_set_state(s, victim, NVS_PAGE_FREEING)) < 0)
                return rc;
        return nvs_pages_move(s, victim);
}

/* The last entry written may be the new value of a key whose old one was not erased any more. */
static int drop_older(struct nvs_store *s)
{
        struct nvs_query q = { .chunk = NVS_CHUNK_ANY };
        struct nvs_place at = { 0 };
        uint8_t e[NVS_ENTRY_SIZE];
        unsigned slot = NVS_PAGE_ENTRIES;
        int rc = 0;

        while (slot > 0 && !s->cfg.pages[s->last].tag[slot - 1])
                slot--;
        if (slot == 0)
                return 0;
        if ((rc = nvs_page_read(s, s->last, slot - 1, e)) < 0)
                return rc;
        q.ns = e[NVS_ENT_NS];
        memcpy(q.key, e + NVS_ENT_KEY, sizeof q.key);
        if (e[NVS_ENT_TYPE] == NVS_BLOB_DATA) {
                q.type = NVS_BLOB_DATA;
                q.chunk = e[NVS_ENT_CHUNK];
        }
        for (unsigned p = s->first; p != s->last && rc == 0; p = s->cfg.pages[p].link) {
                if (s->cfg.pages[p].state == NVS_PAGE_FREEING)
                        continue;
                while (rc == 0 && (rc = nvs_page_find(s, p, 0, &q, &at)) == 0)
                        rc = nvs_page_drop(s, p, at.slot);
                rc = rc == -E_NOTFOUND ? 0 : rc;
        }
        return rc;
}

/* A page that was being moved: the copy so far is thrown away and made again. */
static int finish_move(struct nvs_store *s, unsigned page)
{
        const unsigned copy = s->last;
        int rc = 0;

        if (copy != page && s->cfg.pages[copy].state == NVS_PAGE_ACTIVE) {
                if (!s->cfg.read_only)
                        rc = nvs_page_erase(s, copy);
                nvs_pages_free(s, copy);
        }
        if (rc == 0 && !s->cfg.read_only)
                rc = nvs_pages_move(s, page);
        return rc;
}

/*
 * No writer leaves a second one. To stay as it is it must not: the next mount would take the newest
 * page for its unfinished copy, and erase it.
 */
static int move_another(struct nvs_store *s, unsigned page)
{
        int rc = 0;

        if (s->cfg.read_only) {
                s->cfg.pages[page].state = NVS_PAGE_FULL; /* as good as that */
                return 0;
        }
        if (s->cfg.pages[s->last].state == NVS_PAGE_ACTIVE)
                rc = nvs_page_set_state(s, s->last, NVS_PAGE_FULL);
        return rc < 0 ? rc : nvs_pages_move(s, page);
}

static unsigned freeing_page(const struct nvs_store *s)
{
        unsigned p = s->first;

        while (p != NVS_PAGE_NONE && s->cfg.pages[p].state != NVS_PAGE_FREEING)
                p = s->cfg.pages[p].link;
        return p;
}

int nvs_recover_pages(struct nvs_store *s)
{
        unsigned page;
        int rc;

        if (s->first == NVS_PAGE_NONE)
                return s->cfg.read_only ? 0 : nvs_pages_activate(s);
        if ((rc = drop_older(s)) < 0)
                return rc;
        if ((page = freeing_page(s)) != NVS_PAGE_NONE && (rc = finish_move(s, page)) < 0)
                return rc;
        while ((page = freeing_page(s)) != NVS_PAGE_NONE)
                if ((rc = move_another(s, page)) < 0)
                        return rc;
        return s->free_count == 0 && !s->cfg.read_only ? -E_NOSPACE : 0;
}

/* Are all chunks there that the index at *at speaks of? 1, 0 or an error. */
static int blob_whole(struct nvs_store *s, const struct nvs_place *index)
{
        const uint8_t *data = index->entry + NVS_ENT_DATA;
        struct nvs_query q = { .type = NVS_BLOB_DATA, .ns = index->entry[NVS_ENT_NS] };
        struct nvs_place chunk;
        uint32_t size = 0;
        int rc;

        memcpy(q.key, index->entry + NVS_ENT_KEY, sizeof q.key);
        for (unsigned i = 0; i < data[4]; i++) {
                q.chunk = (uint8_t)(data[5] + i);
                if ((rc = nvs_pages_find(s, &q, &chunk)) < 0)
                        return rc == -E_NOTFOUND ? 0 : rc;
                size += le16_get(chunk.entry + NVS_ENT_DATA);
        }
        return size == le32_get(data);
}

/* Does an index speak of the chunk at *at? 1, 0 or an error. */
static int chunk_owned(struct nvs_store *s, const struct nvs_place *chunk)
{
        const uint8_t number = chunk->entry[NVS_ENT_CHUNK];
        struct nvs_query q = { .type = NVS_BLOB_INDEX, .ns = chunk->entry[NVS_ENT_NS] };
        struct nvs_place index;
        int rc;

        q.chunk = number < NVS_CHUNK_START_1 ? NVS_CHUNK_START_0 : NVS_CHUNK_START_1;
        memcpy(q.key, chunk->entry + NVS_ENT_KEY, sizeof q.key);
        if ((rc = nvs_pages_find(s, &q, &index)) < 0)
                return rc == -E_NOTFOUND ? 0 : rc;
        return number - q.chunk < index.entry[NVS_ENT_DATA + 4];
}

/* One pass over all entries: drop those of the type that are not `good`. */
static int sweep(struct nvs_store *s, uint8_t type,
                 int (*good)(struct nvs_store *s, const struct nvs_place *at))
{
        struct nvs_place at = { .page = s->first };
        int rc = nvs_pages_walk(s, &at, false);

        while (rc == 0) {
                if (at.entry[NVS_ENT_TYPE] == type) {
                        if ((rc = good(s, &at)) < 0)
                                return rc;
                        if (rc == 0 && (rc = nvs_page_drop(s, at.page, at.slot)) < 0)
                                return rc;
                }
                rc = nvs_pages_walk(s, &at, true);
        }
        return rc == -E_NOTFOUND ? 0 : rc;
}

int nvs_recover_blobs(struct nvs_store *s)
{
        const int rc = sweep(s, NVS_BLOB_INDEX, blob_whole);

        return rc < 0 ? rc : sweep(s, NVS_BLOB_DATA, chunk_owned);
}
