#include "fmt/nvs_store.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "fmt/nvs_pages.h"

int nvs_query_init(struct nvs_query *q, unsigned ns, unsigned type, const char *key)
{
        const size_t n = key ? strlen(key) : 0;

        if (!key || n > NVS_KEY_MAX || ns > NVS_NS_MAX)
                return -E_INVAL;
        memset(q, 0, sizeof *q);
        memcpy(q->key, key, n);
        q->ns = (uint8_t)ns;
        q->type = (uint8_t)type;
        q->chunk = NVS_CHUNK_ANY;
        return 0;
}

int nvs_store_writable(const struct nvs_store *s)
{
        return s->cfg.read_only ? -E_PERM : s->failed;
}

static bool ns_used(const struct nvs_store *s, unsigned i)
{
        return (unsigned)s->ns_used[i / 8] >> i % 8 & 1;
}

static void ns_use(struct nvs_store *s, unsigned i)
{
        s->ns_used[i / 8] = (uint8_t)(s->ns_used[i / 8] | 1u << i % 8);
}

/* True if the entry defines a namespace; its index is the entry's first data byte. */
static bool is_namespace(const uint8_t *e)
{
        return e[NVS_ENT_NS] == 0 && e[NVS_ENT_TYPE] == NVS_U8 && e[NVS_ENT_DATA] > 0 &&
               e[NVS_ENT_DATA] <= NVS_NS_MAX;
}

static int load_namespaces(struct nvs_store *s)
{
        struct nvs_place at = { .page = s->first };
        int rc = nvs_pages_walk(s, &at, false);

        for (; rc == 0; rc = nvs_pages_walk(s, &at, true)) {
                if (!is_namespace(at.entry))
                        continue;
                ns_use(s, at.entry[NVS_ENT_DATA]);
                s->ns_count++;
        }
        return rc == -E_NOTFOUND ? 0 : rc;
}

int nvs_store_mount(struct nvs_store *s, const struct nvs_store_config *cfg, struct diag *d)
{
        const uint32_t size = cfg->flash->size;
        const uint32_t least = cfg->read_only ? NVS_SIZE_MIN_RO : NVS_SIZE_MIN;
        int rc;

        memset(s, 0, sizeof *s);
        s->cfg = *cfg;
        s->first = s->last = s->free_first = s->free_last = NVS_PAGE_NONE;
        s->failed = -E_RANGE;
        if (size < least || size % NVS_PAGE_SIZE || NVS_STORE_PAGES(size) > NVS_STORE_PAGES_MAX)
                return diag_set(d, E_RANGE,
                                "an NVS partition of %lu bytes: it takes pages of %u bytes, from "
                                "%u to %u of them",
                                (unsigned long)size, NVS_PAGE_SIZE,
                                (unsigned)(least / NVS_PAGE_SIZE), NVS_STORE_PAGES_MAX);
        if (cfg->page_count < NVS_STORE_PAGES(size))
                return diag_set(d, E_RANGE, "memory for %lu pages, the NVS partition has %lu",
                                (unsigned long)cfg->page_count,
                                (unsigned long)NVS_STORE_PAGES(size));
        s->failed = 0;
        s->pages = (uint16_t)NVS_STORE_PAGES(size);
        if ((rc = nvs_pages_load(s)) == 0 && (rc = nvs_recover_pages(s)) == 0 &&
            (rc = load_namespaces(s)) == 0)
                rc = nvs_recover_blobs(s);
        if (rc == 0)
                return 0;
        s->failed = rc;
        s->first = s->last = NVS_PAGE_NONE;
        if (rc == -E_UNSUPPORTED)
                return diag_set(d, E_UNSUPPORTED,
                                "a page of a later NVS version: written by newer software");
        if (rc == -E_NOSPACE)
                return diag_set(d, E_NOSPACE,
                                "no free page left in the NVS partition: a writable one needs one");
        return diag_set(d, -rc, "the flash of the NVS partition could not be read or written");
}

int nvs_store_format(const struct nvs_store_config *cfg, struct diag *d)
{
        int rc;

        if (cfg->read_only)
                return diag_set(d, E_PERM, "a read-only NVS partition cannot be formatted");
        if ((rc = flash_erase(cfg->flash, 0, cfg->flash->size)) < 0)
                return diag_set(d, -rc, "the flash of the NVS partition could not be erased");
        return 0;
}

/* The name of a namespace index, or "". */
static int ns_name(struct nvs_store *s, unsigned ns, char name[NVS_KEY_MAX + 1])
{
        struct nvs_place at = { .page = s->first };
        int rc = nvs_pages_walk(s, &at, false);

        memset(name, 0, NVS_KEY_MAX + 1);
        for (; rc == 0; rc = nvs_pages_walk(s, &at, true)) {
                if (!is_namespace(at.entry) || at.entry[NVS_ENT_DATA] != ns)
                        continue;
                memcpy(name, at.entry + NVS_ENT_KEY, NVS_KEY_MAX);
                return 0;
        }
        return rc == -E_NOTFOUND ? 0 : rc;
}

int nvs_store_open(struct nvs_store *s, const char *ns, bool create)
{
        struct nvs_query q;
        struct nvs_place at;
        unsigned index = 1;
        int rc = nvs_query_init(&q, 0, NVS_U8, ns);
        int writable;

        if (rc == 0)
                rc = nvs_pages_find(s, &q, &at);
        if (rc == 0 && is_namespace(at.entry))
                return at.entry[NVS_ENT_DATA];
        if ((rc < 0 && rc != -E_NOTFOUND) || !create)
                return rc < 0 ? rc : -E_NOTFOUND;
        if ((writable = nvs_store_writable(s)) < 0)
                return writable;
        /* an index that no writer gives, under this name, would hide the new entry from the next
         * mount */
        while (rc == 0) {
                if ((rc = nvs_store_drop(s, &at)) == 0)
                        rc = nvs_pages_find(s, &q, &at);
                if (rc == 0 && is_namespace(at.entry))
                        return at.entry[NVS_ENT_DATA];
        }
        if (rc != -E_NOTFOUND)
                return rc;
        while (index <= NVS_NS_MAX && ns_used(s, index))
                index++;
        if (index > NVS_NS_MAX)
                return -E_NOSPACE;
        if ((rc = nvs_store_put(s, &q, &(const uint8_t){ (uint8_t)index }, 1)) < 0)
                return rc;
        ns_use(s, index);
        s->ns_count++;
        return (int)index;
}

/* A key of a namespace: ns 0 is the names' own. */
static int find_key(struct nvs_store *s, unsigned ns, const char *key, unsigned type,
                    struct nvs_place *at)
{
        struct nvs_query q;
        const int rc = ns == 0 ? -E_INVAL : nvs_query_init(&q, ns, type, key);

        return rc < 0 ? rc : nvs_pages_find(s, &q, at);
}

int nvs_store_type(struct nvs_store *s, unsigned ns, const char *key)
{
        struct nvs_place at;
        const int rc = find_key(s, ns, key, 0, &at);

        if (rc < 0)
                return rc;
        return at.entry[NVS_ENT_TYPE] == NVS_BLOB_INDEX ? NVS_BLOB : at.entry[NVS_ENT_TYPE];
}

unsigned nvs_int_width(unsigned type)
{
        const unsigned width = type & 0x0Fu;

        return (type & 0xE0u) == 0 && (width == 1 || width == 2 || width == 4 || width == 8) ? width
                                                                                             : 0;
}

int nvs_store_get_int(struct nvs_store *s, unsigned ns, const char *key, enum nvs_type type,
                      uint64_t *value)
{
        const unsigned bits = nvs_int_width(type) * 8;
        struct nvs_place at;
        uint64_t v;
        const int rc = bits ? find_key(s, ns, key, type, &at) : -E_INVAL;

        if (rc < 0)
                return rc;
        v = le64_get(at.entry + NVS_ENT_DATA);
        if (bits < 64) {
                v &= ((uint64_t)1 << bits) - 1;
                if ((type & 0x10u) && v >> (bits - 1))
                        v |= ~(uint64_t)0 << bits;
        }
        *value = v;
        return 0;
}

/* Copy the data behind the header at *at into buf, which holds it. */
static int read_long(struct nvs_store *s, const struct nvs_place *at, uint8_t *buf)
{
        const size_t len = le16_get(at->entry + NVS_ENT_DATA);
        uint8_t e[NVS_ENTRY_SIZE];
        int rc = 0;

        for (size_t done = 0; done < len && rc == 0; done += NVS_ENTRY_SIZE) {
                const size_t n = len - done < NVS_ENTRY_SIZE ? len - done : NVS_ENTRY_SIZE;

                rc = nvs_page_read(s, at->page, (unsigned)(at->slot + 1u + done / NVS_ENTRY_SIZE),
                                   e);
                memcpy(buf + done, e, n);
        }
        wipe(e, sizeof e);
        if (rc == 0 && crc32_esp(buf, len) != le32_get(at->entry + NVS_ENT_DATA + 4))
                rc = -E_CRC;
        return rc;
}

static int get_long(struct nvs_store *s, const struct nvs_place *at, void *buf, size_t cap)
{
        const unsigned len = le16_get(at->entry + NVS_ENT_DATA);
        int rc = 0;

        if (buf)
                rc = cap < len ? -E_NOSPACE : read_long(s, at, buf);
        return rc < 0 ? rc : (int)len;
}

int nvs_store_get_str(struct nvs_store *s, unsigned ns, const char *key, char *buf, size_t cap)
{
        struct nvs_place at;
        int rc = find_key(s, ns, key, NVS_STR, &at);

        if (rc < 0)
                return rc;
        rc = get_long(s, &at, buf, cap);
        /* without its NUL it is no string, whoever wrote it */
        if (rc == 0 || (rc > 0 && buf && buf[rc - 1] != '\0'))
                return -E_CRC;
        return rc;
}

/* All chunks of the index at *at; its size is at most cap. */
static int get_chunks(struct nvs_store *s, const struct nvs_place *at, uint8_t *buf)
{
        const uint8_t *data = at->entry + NVS_ENT_DATA;
        const uint32_t size = le32_get(data);
        struct nvs_query q = { .type = NVS_BLOB_DATA, .ns = at->entry[NVS_ENT_NS] };
        struct nvs_place chunk;
        uint32_t done = 0;
        int rc;

        memcpy(q.key, at->entry + NVS_ENT_KEY, sizeof q.key);
        for (unsigned i = 0; i < data[4]; i++) {
                q.chunk = (uint8_t)(data[5] + i);
                if ((rc = nvs_pages_find(s, &q, &chunk)) < 0)
                        return rc == -E_NOTFOUND ? -E_CRC : rc;
                if ((rc = get_long(s, &chunk, buf + done, size - done)) < 0)
                        return rc == -E_NOSPACE ? -E_CRC : rc;
                done += (uint32_t)rc;
        }
        return done == size ? (int)size : -E_CRC;
}

int nvs_store_get_blob(struct nvs_store *s, unsigned ns, const char *key, void *buf, size_t cap)
{
        struct nvs_place at;
        uint32_t size;
        int rc = find_key(s, ns, key, NVS_BLOB_INDEX, &at);

        if (rc == -E_NOTFOUND) {
                rc = find_key(s, ns, key, NVS_BLOB, &at);
                return rc < 0 ? rc : get_long(s, &at, buf, cap);
        }
        if (rc < 0)
                return rc;
        size = le32_get(at.entry + NVS_ENT_DATA);
        if (!buf)
                return (int)size;
        return cap < size ? -E_NOSPACE : get_chunks(s, &at, buf);
}

int nvs_store_commit(struct nvs_store *s)
{
        return s->failed;
}

/* What iteration shows of an entry: 1, 0 (not shown) or an error. */
static int entry_show(struct nvs_store *s, const struct nvs_place *at, struct nvs_store_entry *e)
{
        const uint8_t *raw = at->entry;
        const uint8_t type = raw[NVS_ENT_TYPE];
        struct nvs_query q = { .type = NVS_BLOB_INDEX, .ns = raw[NVS_ENT_NS] };
        struct nvs_place index;
        int rc;

        memset(e, 0, sizeof *e);
        memcpy(e->key, raw + NVS_ENT_KEY, NVS_KEY_MAX);
        e->ns_index = raw[NVS_ENT_NS];
        e->type = type == NVS_BLOB_DATA ? NVS_BLOB : (enum nvs_type)type;
        e->offset = at->page * NVS_PAGE_SIZE + NVS_ENTRIES_AT + at->slot * NVS_ENTRY_SIZE;
        if (e->ns_index == 0 || type == NVS_BLOB_INDEX)
                return 0;
        e->size = nvs_type_is_long(type) ? le16_get(raw + NVS_ENT_DATA) : nvs_int_width(type);
        if (type != NVS_BLOB_DATA)
                return 1;
        if (raw[NVS_ENT_CHUNK] != NVS_CHUNK_START_0 && raw[NVS_ENT_CHUNK] != NVS_CHUNK_START_1)
                return 0;
        q.chunk = raw[NVS_ENT_CHUNK];
        memcpy(q.key, raw + NVS_ENT_KEY, sizeof q.key);
        if ((rc = nvs_pages_find(s, &q, &index)) < 0)
                return rc == -E_NOTFOUND ? 0 : rc;
        e->size = le32_get(index.entry + NVS_ENT_DATA);
        return 1;
}

int nvs_store_next(struct nvs_store *s, struct nvs_store_iter *it, struct nvs_store_entry *e)
{
        struct nvs_place at = { .page = it->started ? it->page : s->first,
                                .slot = (uint8_t)it->slot };
        int rc = nvs_pages_walk(s, &at, it->started);

        for (; rc == 0; rc = nvs_pages_walk(s, &at, true)) {
                if ((rc = entry_show(s, &at, e)) < 0)
                        return rc;
                if (rc == 0 || (it->ns && it->ns != e->ns_index) ||
                    (it->type && it->type != e->type))
                        continue;
                it->started = true;
                it->page = at.page;
                it->slot = at.slot;
                if (it->name_of != e->ns_index && (rc = ns_name(s, e->ns_index, it->name)) < 0)
                        return rc;
                it->name_of = e->ns_index;
                memcpy(e->ns, it->name, sizeof e->ns);
                return 1;
        }
        it->started = true;
        it->page = NVS_PAGE_NONE;
        return rc == -E_NOTFOUND ? 0 : rc;
}

int nvs_store_stats(struct nvs_store *s, struct nvs_store_stats *stats)
{
        memset(stats, 0, sizeof *stats);
        for (unsigned p = s->first; p != NVS_PAGE_NONE; p = s->cfg.pages[p].link)
                stats->used += s->cfg.pages[p].used;
        stats->total = (size_t)s->pages * NVS_PAGE_ENTRIES;
        stats->free = stats->total - stats->used;
        stats->namespaces = s->ns_count;
        return 0;
}
