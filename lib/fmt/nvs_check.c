#include "fmt/nvs_check.h"

#include <stdarg.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"

#define TEXT_MAX   192u
#define CLAIMED    0x80000000u /* in a table word: the chunk belongs to an index */
#define KIND_VALUE 0x100u      /* in a lookup: anything but blob data */

static const char *const rule_ids[] = {
#define NVS_RULE_ID(name, id, demands) id,
        NVS_RULES(NVS_RULE_ID)
#undef NVS_RULE_ID
};

static const char *const rule_texts[] = {
#define NVS_RULE_TEXT(name, id, demands) demands,
        NVS_RULES(NVS_RULE_TEXT)
#undef NVS_RULE_TEXT
};

const char *nvs_rule_id(enum nvs_rule rule)
{
        return rule_ids[rule];
}

const char *nvs_rule_text(enum nvs_rule rule)
{
        return rule_texts[rule];
}

/* page and entry as in struct nvs_finding; at: byte offset in the page (or image). */
struct place {
        int32_t page;
        int32_t entry;
        size_t at;
};

static struct place at_page(const struct nvs_page *p, size_t at)
{
        return (struct place){ (int32_t)p->index, -1, at };
}

static struct place at_slot(uint32_t page, unsigned slot)
{
        return (struct place){ (int32_t)page, (int32_t)slot,
                               NVS_ENTRIES_AT + (size_t)slot * NVS_ENTRY_SIZE };
}

static struct place at_item(const struct nvs_item *it, size_t at)
{
        struct place p = at_slot(it->page, it->entry);

        p.at += at;
        return p;
}

static void __attribute__((format(printf, 5, 6)))
find(struct nvs_checker *c, enum nvs_rule rule, enum nvs_severity severity, struct place at,
     const char *fmt, ...)
{
        char text[TEXT_MAX];
        struct nvs_finding f = { rule, severity, at.page, at.entry, at.at, text };
        va_list ap;

        c->count[severity]++;
        if (!c->found)
                return;
        if (at.page >= 0)
                f.offset += (size_t)at.page * NVS_PAGE_SIZE;
        va_start(ap, fmt);
        strf_v(text, sizeof text, fmt, ap);
        va_end(ap);
        c->found(c->ctx, &f);
}

/* A key for a sentence: control characters become '?'. */
struct shown_key {
        char text[NVS_KEY_MAX + 2];
};

static struct shown_key show_key(const uint8_t *raw)
{
        struct shown_key k = { { 0 } };

        for (unsigned i = 0; i <= NVS_KEY_MAX && raw[NVS_ENT_KEY + i]; i++) {
                const uint8_t b = raw[NVS_ENT_KEY + i];

                k.text[i] = (char)(b < 0x20 || b == 0x7f ? '?' : b);
        }
        return k;
}

/* ------ pages ------ */

static void check_unreadable(struct nvs_checker *c, const struct nvs_page *p)
{
        const bool holds = !bytes_all(p->data + NVS_BITMAP_AT, NVS_BITMAP_SIZE, 0xFF);
        const enum nvs_severity s = holds ? NVS_ERROR : NVS_WARNING;
        const char *lost = holds ? "the device discards the page with all its entries"
                                 : "the device will erase the page, which holds nothing";

        if (p->state == NVS_PAGE_EMPTY)
                find(c, NVS_RULE_PAGE_EMPTY, s, at_page(p, 0),
                     "a page marked empty is not FF throughout: %s", lost);
        else if (!p->crc_ok)
                find(c, NVS_RULE_PAGE_CRC, s, at_page(p, NVS_HDR_CRC),
                     "the checksum of the page header does not match: %s", lost);
        else if (p->version < NVS_VERSION_2)
                find(c, NVS_RULE_PAGE_VERSION, NVS_ERROR, at_page(p, NVS_HDR_VERSION),
                     "format version byte %02x, newer than 2 (fe): the device refuses the "
                     "partition",
                     p->version);
        else
                find(c, NVS_RULE_PAGE_STATE, s, at_page(p, NVS_HDR_STATE),
                     "page state %08x is none of empty, active, full, freeing: %s",
                     (unsigned)p->state, lost);
}

struct page_tally {
        uint32_t free, active, freeing, last_active;
};

static void check_page_header(struct nvs_checker *c, const struct nvs_page *p, struct page_tally *t)
{
        const size_t pad = NVS_HDR_VERSION + 1;

        if (bytes_all(p->data, NVS_PAGE_SIZE, 0xFF)) {
                t->free++;
                return;
        }
        if (!p->readable) {
                t->free++; /* a page that the device discards is free to it */
                check_unreadable(c, p);
                return;
        }
        if (!bytes_all(p->data + pad, NVS_HDR_CRC - pad, 0xFF))
                find(c, NVS_RULE_PAGE_RESERVED, NVS_WARNING, at_page(p, pad),
                     "the unused bytes of the page header are not all FF");
        if (p->state == NVS_PAGE_FREEING) {
                t->freeing++;
                find(c, NVS_RULE_PAGE_FREEING, NVS_NOTE, at_page(p, 0),
                     "the page was being moved when power went: the device finishes that");
        }
        if (p->state == NVS_PAGE_ACTIVE) {
                t->active++;
                t->last_active = p->index;
        }
}

static void check_bitmap(struct nvs_checker *c, const struct nvs_page *p)
{
        int32_t first_empty = -1;
        int32_t hole = -1;

        if (nvs_page_slot(p, 126) != NVS_SLOT_EMPTY || nvs_page_slot(p, 127) != NVS_SLOT_EMPTY)
                find(c, NVS_RULE_BITMAP_PADDING, NVS_WARNING,
                     at_page(p, NVS_BITMAP_AT + NVS_BITMAP_SIZE - 1),
                     "the last four bits of the bitmap belong to no entry and are not all set");
        for (unsigned i = 0; i < NVS_PAGE_ENTRIES; i++) {
                const unsigned slot = nvs_page_slot(p, i);

                if (slot == 1)
                        find(c, NVS_RULE_BITMAP_STATE, NVS_ERROR, at_slot(p->index, i),
                             "the bitmap has 01 for the slot, which is no state: its entry is "
                             "lost");
                if (slot == NVS_SLOT_EMPTY && first_empty < 0)
                        first_empty = (int32_t)i;
                if (slot == NVS_SLOT_WRITTEN) {
                        c->slots_used++;
                        if (first_empty >= 0 && hole < 0)
                                hole = (int32_t)i;
                }
        }
        if (hole >= 0 && p->state == NVS_PAGE_ACTIVE)
                find(c, NVS_RULE_BITMAP_HOLE, NVS_ERROR, at_slot(p->index, (unsigned)hole),
                     "written after the empty slot %d: the device stops there and loses the rest",
                     (int)first_empty);
}

/*
 * Bytes in slots that the bitmap calls empty. The first of an active page's are what a write left
 * that was interrupted before it was marked; a device marks those erased.
 */
static void check_empty_slots(struct nvs_checker *c, const struct nvs_page *p)
{
        bool at_front = p->state == NVS_PAGE_ACTIVE;
        bool front_seen = false;

        for (unsigned i = 0; i < NVS_PAGE_ENTRIES; i++) {
                const bool empty = nvs_page_slot(p, i) == NVS_SLOT_EMPTY;
                const bool blank = bytes_all(nvs_page_entry(p, i), NVS_ENTRY_SIZE, 0xFF);
                /* all that a device looks at (nvs_page.cpp, mLoadEntryTable) */
                const bool seen = le32_get(nvs_page_entry(p, i)) != 0xFFFFFFFFu;

                if (!empty || blank) {
                        at_front = at_front && !empty;
                        continue;
                }
                at_front = at_front && seen;
                if (at_front && !front_seen)
                        find(c, NVS_RULE_SLOT_EMPTY, NVS_NOTE, at_slot(p->index, i),
                             "an interrupted write left bytes in the first empty slot: the device "
                             "skips it");
                else if (!at_front)
                        find(c, NVS_RULE_SLOT_EMPTY, NVS_WARNING, at_slot(p->index, i),
                             "the slot is marked empty and is not: a value written there would be "
                             "damaged");
                front_seen = true;
        }
}

/* ------ the table: slot numbers + 1, found by namespace, key and kind ------ */

static const uint8_t *slot_raw(const struct nvs_checker *c, uint32_t ref)
{
        return c->image + (size_t)(ref / NVS_PAGE_ENTRIES) * NVS_PAGE_SIZE + NVS_ENTRIES_AT +
               (size_t)(ref % NVS_PAGE_ENTRIES) * NVS_ENTRY_SIZE;
}

static unsigned raw_kind(const uint8_t *raw)
{
        return raw[NVS_ENT_TYPE] == NVS_BLOB_DATA ? raw[NVS_ENT_CHUNK] : KIND_VALUE;
}

static uint32_t hash_mix(uint32_t h, const uint8_t *p, size_t n)
{
        while (n--)
                h = (h ^ *p++) * 16777619u; /* FNV-1a */
        return h;
}

/* The table's word for the namespace and key of raw with this kind: used, or the place to put it.
 */
static uint32_t *table_word(struct nvs_checker *c, const uint8_t *raw, unsigned kind)
{
        const uint8_t head[3] = { raw[NVS_ENT_NS], (uint8_t)kind, (uint8_t)(kind >> 8) };
        const uint8_t *end = memchr(raw + NVS_ENT_KEY, 0, NVS_KEY_MAX);
        const size_t n = end ? (size_t)(end - raw) - NVS_ENT_KEY : NVS_KEY_MAX;
        uint32_t h = hash_mix(hash_mix(2166136261u, head, sizeof head), raw + NVS_ENT_KEY, n);

        for (h ^= h >> 15;; h++) {
                uint32_t *word = &c->work[h & c->mask];
                const uint8_t *other;

                if (!*word)
                        return word;
                other = slot_raw(c, (*word & ~CLAIMED) - 1);
                if (other[NVS_ENT_NS] == raw[NVS_ENT_NS] && raw_kind(other) == kind &&
                    !strncmp((const char *)other + NVS_ENT_KEY, (const char *)raw + NVS_ENT_KEY,
                             NVS_KEY_MAX))
                        return word;
        }
}

static void table_clear(struct nvs_checker *c)
{
        memset(c->work, 0, ((size_t)c->mask + 1) * sizeof *c->work);
}

static uint32_t item_ref(const struct nvs_item *it)
{
        return it->page * NVS_PAGE_ENTRIES + it->entry;
}

/* The readable page with the highest sequence number but for the dropped one; -1: none. */
static int32_t newest_page(const struct nvs_checker *c)
{
        int32_t newest = -1;
        uint32_t seq = 0;
        struct nvs_page p;

        for (uint32_t i = 0; nvs_page_get(&p, c->image, c->len, i) == 0; i++) {
                if (p.readable && (int32_t)i != c->dropped && (newest < 0 || p.seq >= seq)) {
                        seq = p.seq;
                        newest = (int32_t)i;
                }
        }
        return newest;
}

/* Two pages with one sequence number. Uses the table by itself: page numbers + 1 by sequence. */
static void check_sequence(struct nvs_checker *c)
{
        struct nvs_page p;

        for (uint32_t i = 0; nvs_page_get(&p, c->image, c->len, i) == 0; i++) {
                uint32_t h = p.seq * 2654435761u;
                uint32_t *word;
                struct nvs_page other = { 0 };

                if (!p.readable)
                        continue;
                for (h ^= h >> 15;; h++) {
                        word = &c->work[h & c->mask];
                        if (!*word || (nvs_page_get(&other, c->image, c->len, *word - 1) == 0 &&
                                       other.seq == p.seq))
                                break;
                }
                if (*word)
                        find(c, NVS_RULE_PAGE_SEQ, NVS_ERROR, at_page(&p, NVS_HDR_SEQ),
                             "page %u has the sequence number %u too: which is older cannot be "
                             "told",
                             (unsigned)other.index, (unsigned)p.seq);
                else
                        *word = i + 1;
        }
        table_clear(c);
}

static void check_pages(struct nvs_checker *c)
{
        struct page_tally t = { 0 };
        struct nvs_page p;
        bool newest_active;

        check_sequence(c);
        c->newest = newest_page(c);
        for (uint32_t i = 0; nvs_page_get(&p, c->image, c->len, i) == 0; i++) {
                check_page_header(c, &p, &t);
                if (p.readable) {
                        check_bitmap(c, &p);
                        check_empty_slots(c, &p);
                }
        }
        newest_active = t.active && c->newest == (int32_t)t.last_active;
        if (t.freeing && newest_active)
                c->dropped = c->newest;
        if (t.active > 1)
                find(c, NVS_RULE_PAGE_ACTIVE, NVS_WARNING,
                     (struct place){ (int32_t)t.last_active, -1, 0 },
                     "%u pages are active; the device writes to the newest only",
                     (unsigned)t.active);
        else if (t.active && !newest_active)
                find(c, NVS_RULE_PAGE_ACTIVE, NVS_WARNING,
                     (struct place){ (int32_t)t.last_active, -1, 0 },
                     "the active page is not the newest, which is page %d", (int)c->newest);
        if (!t.free && c->dropped < 0 && c->len >= NVS_SIZE_MIN)
                find(c, NVS_RULE_PAGE_FREE, NVS_ERROR, (struct place){ -1, -1, 0 },
                     "no page is free: the device can mount the partition only as read-only");
}

/* ------ entries ------ */

static void check_state(struct nvs_checker *c, const struct nvs_page *p, const struct nvs_item *it)
{
        bool erased = it->slot == NVS_SLOT_ERASED;
        bool last = p->state == NVS_PAGE_ACTIVE;

        for (unsigned i = it->entry + 1; i < NVS_PAGE_ENTRIES; i++) {
                const unsigned slot = nvs_page_slot(p, i);

                if (i < it->entry + it->span && slot == NVS_SLOT_ERASED)
                        erased = true;
                if (i >= it->entry + it->slots && slot == NVS_SLOT_WRITTEN)
                        last = false;
        }
        if (erased)
                find(c, NVS_RULE_ENTRY_STATE, NVS_WARNING, at_item(it, 0),
                     "'%s' was being erased when power went: only a part of its %u slots is marked",
                     show_key(it->raw).text, it->span);
        else if (last)
                find(c, NVS_RULE_ENTRY_STATE, NVS_WARNING, at_item(it, 0),
                     "'%s' was being written when power went: the device drops it",
                     show_key(it->raw).text);
        else if (p->state != NVS_PAGE_ACTIVE)
                find(c, NVS_RULE_ENTRY_STATE, NVS_WARNING, at_item(it, 0),
                     "'%s' takes %u slots and not all are marked written", show_key(it->raw).text,
                     it->span);
        else
                find(c, NVS_RULE_ENTRY_STATE, NVS_ERROR, at_item(it, 0),
                     "'%s' takes %u slots and not all are marked written: the value is lost",
                     show_key(it->raw).text, it->span);
}

/* The bytes that nobody reads. */
static void check_unused_bytes(struct nvs_checker *c, const struct nvs_item *it)
{
        const size_t pad = (size_t)it->key_len + 1;
        const unsigned width = it->type & 0x0f;
        size_t at = 0;
        size_t n = 0;

        if (!bytes_all(it->raw + NVS_ENT_KEY + pad, NVS_KEY_MAX + 1 - pad, 0)) {
                /* a page's index of keys is a hash of all 16 bytes and the chunk number
                 * (nvs_types.cpp, calculateCrc32WithoutValue) */
                find(c, NVS_RULE_KEY_PADDING, NVS_ERROR, at_item(it, NVS_ENT_KEY + pad),
                     "'%s': bytes behind the key's NUL are not NUL: the device does not find the "
                     "key",
                     show_key(it->raw).text);
        }
        if (it->chunk != NVS_CHUNK_ANY && it->type != NVS_BLOB_DATA)
                find(c, NVS_RULE_ENTRY_CHUNK, NVS_ERROR, at_item(it, NVS_ENT_CHUNK),
                     "'%s': chunk number %u in an entry that is no blob data: the device does not "
                     "find it",
                     show_key(it->raw).text, it->chunk);
        if (nvs_type_is_int(it->type)) {
                at = NVS_ENT_DATA + width;
                n = 8 - width;
        } else if (it->type == NVS_BLOB_INDEX) {
                at = NVS_ENT_DATA + 6;
                n = 2;
        } else {
                at = NVS_ENT_DATA + 2;
                n = 2;
        }
        if (!bytes_all(it->raw + at, n, 0xFF))
                find(c, NVS_RULE_ENTRY_RESERVED, NVS_WARNING, at_item(it, at),
                     "'%s': unused bytes of the entry are not FF", show_key(it->raw).text);
        if (it->data &&
            !bytes_all(it->data + it->len, ((size_t)it->span - 1) * NVS_ENTRY_SIZE - it->len, 0xFF))
                find(c, NVS_RULE_DATA_PADDING, NVS_NOTE, at_item(it, NVS_ENTRY_SIZE + it->len),
                     "'%s': bytes behind the data are not FF", show_key(it->raw).text);
}

static void check_data(struct nvs_checker *c, const struct nvs_item *it)
{
        const struct shown_key key = show_key(it->raw);

        if (it->faults & NVS_BAD_DATA_CRC)
                find(c, NVS_RULE_DATA_CRC, NVS_ERROR, at_item(it, NVS_ENT_DATA + 4),
                     "'%s': the checksum of its %u bytes does not match: the device drops the "
                     "value",
                     key.text, (unsigned)it->len);
        else if (it->faults & NVS_BAD_STR)
                find(c, NVS_RULE_STRING_NUL, NVS_ERROR, at_item(it, NVS_ENTRY_SIZE),
                     "'%s': the string does not end in NUL: the firmware would read past it",
                     key.text);
        else if (it->type == NVS_STR && memchr(it->data, 0, it->len - 1))
                find(c, NVS_RULE_STRING_NUL, NVS_NOTE, at_item(it, NVS_ENTRY_SIZE),
                     "'%s': the string has a NUL inside: C code sees only what is before it",
                     key.text);
        if (it->type == NVS_BLOB_DATA && it->chunk == NVS_CHUNK_ANY)
                find(c, NVS_RULE_ENTRY_CHUNK, NVS_ERROR, at_item(it, NVS_ENT_CHUNK),
                     "'%s': blob data with chunk number ff belongs to no blob", key.text);
}

/* The marks of the other slots matter only in an active page (nvs_page.cpp, mLoadEntryTable). */
static bool is_dropped(const struct nvs_page *p, const struct nvs_item *it)
{
        return it->faults & NVS_BAD_STATE && p->state == NVS_PAGE_ACTIVE;
}

static void check_item(struct nvs_checker *c, const struct nvs_page *p, const struct nvs_item *it)
{
        const struct shown_key key = show_key(it->raw);

        if (it->faults & NVS_BAD_CRC) {
                find(c, NVS_RULE_ENTRY_CRC, NVS_ERROR, at_item(it, NVS_ENT_CRC),
                     it->slots > 1
                             ? "the checksum of the entry does not match: the device drops it "
                               "(and the %u slots of its data)"
                             : "the checksum of the entry does not match: the device drops it",
                     it->slots - 1);
                return;
        }
        if (it->faults & NVS_BAD_KEY)
                find(c, NVS_RULE_KEY, NVS_ERROR, at_item(it, NVS_ENT_KEY),
                     it->key_len ? "the key '%s' has no NUL within 16 bytes" : "the key is empty%s",
                     key.text);
        if (it->faults & NVS_BAD_TYPE)
                find(c, NVS_RULE_ENTRY_TYPE, NVS_ERROR, at_item(it, NVS_ENT_TYPE),
                     "'%s': type %02x is not known", key.text, it->type);
        else if (it->ns == 0 && it->type != NVS_U8)
                find(c, NVS_RULE_ENTRY_TYPE, NVS_ERROR, at_item(it, NVS_ENT_TYPE),
                     "'%s': namespace 0 defines namespaces, with entries of type u8 (this is %s)",
                     key.text, nvs_type_name(it->type));
        if (it->faults & NVS_BAD_SPAN)
                find(c, NVS_RULE_ENTRY_SPAN, NVS_ERROR, at_item(it, NVS_ENT_SPAN),
                     "'%s': a span of %u slots at slot %u is not what its type and size need",
                     key.text, it->span, it->entry);
        if (it->faults & NVS_BAD_STATE)
                check_state(c, p, it);
        if (it->faults & (NVS_BAD_KEY | NVS_BAD_TYPE | NVS_BAD_SPAN) || is_dropped(p, it))
                return;
        check_unused_bytes(c, it);
        if (it->data)
                check_data(c, it);
}

static void check_items(struct nvs_checker *c)
{
        struct nvs_walk w;
        struct nvs_item it;
        bool any = false;

        nvs_walk_init(&w, c->image, c->len, true);
        while (nvs_walk_next(&w, &it)) {
                if (it.slot == NVS_SLOT_WRITTEN)
                        check_item(c, &w.page, &it);
                else if (!(it.faults & NVS_BAD_CRC) && it.faults & NVS_BAD_STATE)
                        check_state(c, &w.page, &it);
                any = true;
        }
        if (!any && !c->count[NVS_ERROR])
                find(c, NVS_RULE_EMPTY, NVS_NOTE, (struct place){ -1, -1, 0 },
                     "the image holds no entry");
}

/* ------ entries among each other ------ */

/* The next item that a device would keep when it mounts. */
static bool next_kept(const struct nvs_checker *c, struct nvs_walk *w, struct nvs_item *it)
{
        while (nvs_walk_next(w, it))
                if ((int32_t)it->page != c->dropped && !is_dropped(&w->page, it) &&
                    !(it->faults & ~(unsigned)(NVS_BAD_DATA_CRC | NVS_BAD_STR | NVS_BAD_STATE)))
                        return true;
        return false;
}

/* The last item of the newest page that counts: the one that a power cut may have left twice. */
static void find_last(struct nvs_checker *c)
{
        struct nvs_walk w;
        struct nvs_item it;

        c->newest = newest_page(c);
        c->last_entry = -1;
        nvs_walk_init(&w, c->image, c->len, false);
        while (next_kept(c, &w, &it))
                if ((int32_t)it.page == c->newest)
                        c->last_entry = (int32_t)it.entry;
}

static void check_namespace(struct nvs_checker *c, const struct nvs_item *it)
{
        const unsigned index = (unsigned)it->bits;
        const struct shown_key key = show_key(it->raw);

        if (index == 0 || index > NVS_NS_MAX) {
                find(c, NVS_RULE_NS_INDEX, NVS_ERROR, at_item(it, NVS_ENT_DATA),
                     "namespace '%s' has the index %u; 1 to 254 are possible", key.text, index);
        } else if (c->ns_at[index] &&
                   strncmp((const char *)slot_raw(c, c->ns_at[index] - 1) + NVS_ENT_KEY, it->key,
                           NVS_KEY_MAX)) {
                find(c, NVS_RULE_NS_INDEX, NVS_ERROR, at_item(it, NVS_ENT_DATA),
                     "namespace '%s' has the index %u, which '%s' has already", key.text, index,
                     show_key(slot_raw(c, c->ns_at[index] - 1)).text);
        } else {
                c->ns_at[index] = item_ref(it) + 1;
        }
}

/* Which of two slots was written later. */
static bool is_later(const struct nvs_checker *c, uint32_t a, uint32_t b)
{
        struct nvs_page pa;
        struct nvs_page pb;

        if (a / NVS_PAGE_ENTRIES == b / NVS_PAGE_ENTRIES ||
            nvs_page_get(&pa, c->image, c->len, a / NVS_PAGE_ENTRIES) < 0 ||
            nvs_page_get(&pb, c->image, c->len, b / NVS_PAGE_ENTRIES) < 0 || pa.seq == pb.seq)
                return a > b;
        return pa.seq > pb.seq;
}

/* Enter an item under its key; the later of two stays in the table. */
static void check_duplicate(struct nvs_checker *c, const struct nvs_item *it)
{
        uint32_t *word = table_word(c, it->raw, raw_kind(it->raw));
        const uint32_t ref = item_ref(it);
        uint32_t older;
        uint32_t newer;
        bool interrupted;

        if (!*word) {
                *word = ref + 1;
                return;
        }
        older = *word - 1;
        newer = is_later(c, ref, older) ? ref : older;
        older = newer == ref ? older : ref;
        *word = newer + 1;
        interrupted = newer / NVS_PAGE_ENTRIES == (uint32_t)c->newest &&
                      newer % NVS_PAGE_ENTRIES == (uint32_t)c->last_entry;
        find(c, NVS_RULE_KEY_DUPLICATE, interrupted ? NVS_WARNING : NVS_ERROR,
             at_slot(older / NVS_PAGE_ENTRIES, older % NVS_PAGE_ENTRIES),
             interrupted
                     ? "%s '%s' is being replaced by page %u entry %u: the device erases this one"
                     : "%s '%s' is also at page %u entry %u: the device reads only one of them",
             it->ns == 0                 ? "namespace"
             : it->type == NVS_BLOB_DATA ? "chunk of"
                                         : "key",
             show_key(it->raw).text, (unsigned)(newer / NVS_PAGE_ENTRIES),
             (unsigned)(newer % NVS_PAGE_ENTRIES));
}

static void enter_items(struct nvs_checker *c)
{
        struct nvs_walk w;
        struct nvs_item it;

        nvs_walk_init(&w, c->image, c->len, false);
        while (next_kept(c, &w, &it)) {
                if (it.ns == 0 && it.type == NVS_U8)
                        check_namespace(c, &it);
                if (it.ns != 0 || it.type == NVS_U8)
                        check_duplicate(c, &it);
        }
}

/* Claims the chunks of an index, so that those left over are orphans. */
static void check_blob(struct nvs_checker *c, const struct nvs_item *it)
{
        const unsigned count = it->raw[NVS_ENT_DATA + 4];
        const unsigned start = it->raw[NVS_ENT_DATA + 5];
        const struct shown_key key = show_key(it->raw);
        uint64_t sum = 0;

        if ((start != NVS_CHUNK_START_0 && start != NVS_CHUNK_START_1) || count > 0x7f) {
                find(c, NVS_RULE_BLOB_START, NVS_ERROR, at_item(it, NVS_ENT_DATA + 4),
                     "blob '%s': %u chunks from number %u on are in no half of the chunk numbers",
                     key.text, count, start);
                return;
        }
        for (unsigned i = 0; i < count; i++) {
                uint32_t *word = table_word(c, it->raw, start + i);

                if (!*word) {
                        find(c, NVS_RULE_BLOB_INDEX, NVS_ERROR, at_item(it, NVS_ENT_DATA + 4),
                             "blob '%s': chunk %u of %u is missing: the device erases the blob",
                             key.text, i + 1, count);
                        return;
                }
                sum += le16_get(slot_raw(c, (*word & ~CLAIMED) - 1) + NVS_ENT_DATA);
                *word |= CLAIMED;
        }
        if (sum != it->bits)
                find(c, NVS_RULE_BLOB_INDEX, NVS_ERROR, at_item(it, NVS_ENT_DATA),
                     "blob '%s': its chunks hold %u bytes and the index says %u", key.text,
                     (unsigned)sum, (unsigned)it->bits);
}

static void check_undefined(struct nvs_checker *c, const struct nvs_item *it)
{
        if (!c->ns_at[it->ns])
                find(c, NVS_RULE_NS_UNDEFINED, NVS_ERROR, at_item(it, NVS_ENT_NS),
                     "'%s': namespace %u is not defined: the firmware cannot reach the value",
                     show_key(it->raw).text, it->ns);
        else
                c->ns_used[it->ns / 8] |= (uint8_t)(1u << it->ns % 8);
        if (it->type != NVS_BLOB_DATA && *table_word(c, it->raw, KIND_VALUE) == item_ref(it) + 1)
                c->items++;
}

static void check_sets(struct nvs_checker *c)
{
        struct nvs_walk w;
        struct nvs_item it;

        nvs_walk_init(&w, c->image, c->len, false);
        while (next_kept(c, &w, &it)) {
                if (it.ns == 0)
                        continue;
                check_undefined(c, &it);
                if (it.type == NVS_BLOB_INDEX &&
                    *table_word(c, it.raw, KIND_VALUE) == item_ref(&it) + 1)
                        check_blob(c, &it);
        }
        nvs_walk_init(&w, c->image, c->len, false);
        while (next_kept(c, &w, &it)) {
                uint32_t word;

                if (it.ns == 0 || it.type != NVS_BLOB_DATA || it.chunk == NVS_CHUNK_ANY)
                        continue;
                word = *table_word(c, it.raw, it.chunk);
                if ((word & ~CLAIMED) == item_ref(&it) + 1 && !(word & CLAIMED))
                        find(c, NVS_RULE_BLOB_ORPHAN, NVS_WARNING, at_item(&it, 0),
                             "chunk %u of blob '%s' belongs to no index: the device erases it",
                             it.chunk & 0x7fu, show_key(it.raw).text);
        }
        for (unsigned i = 1; i <= NVS_NS_MAX; i++) {
                const uint32_t ref = c->ns_at[i] - 1;

                if (c->ns_at[i] && !(c->ns_used[i / 8] >> i % 8 & 1))
                        find(c, NVS_RULE_NS_UNUSED, NVS_NOTE,
                             at_slot(ref / NVS_PAGE_ENTRIES, ref % NVS_PAGE_ENTRIES),
                             "namespace '%s' holds no key", show_key(slot_raw(c, ref)).text);
        }
}

size_t nvs_check_work(size_t len)
{
        const size_t slots = len / NVS_PAGE_SIZE * NVS_PAGE_ENTRIES;
        size_t n = 64;

        while (n < slots + slots / 2)
                n *= 2;
        return n;
}

long nvs_check(struct nvs_checker *c)
{
        const size_t need = nvs_check_work(c->len);

        if (c->work_len < need || c->len / NVS_PAGE_SIZE >= CLAIMED / NVS_PAGE_ENTRIES)
                return -E_NOSPACE;
        memset(c->count, 0, sizeof c->count);
        memset(c->ns_at, 0, sizeof c->ns_at);
        memset(c->ns_used, 0, sizeof c->ns_used);
        c->items = 0;
        c->slots_used = 0;
        c->mask = (uint32_t)(need - 1);
        c->newest = -1;
        c->dropped = -1;
        table_clear(c);
        if (c->len == 0 || c->len % NVS_PAGE_SIZE)
                find(c, NVS_RULE_IMAGE_SIZE, NVS_ERROR, (struct place){ -1, -1, c->len },
                     "%zu bytes are not one or more whole pages of 4096", c->len);
        check_pages(c);
        if (nvs_looks_encrypted(c->image, c->len)) {
                find(c, NVS_RULE_ENCRYPTED, NVS_ERROR, (struct place){ -1, -1, 0 },
                     "no entry can be read and all look random: the image is encrypted, or was "
                     "with "
                     "another key");
        } else {
                check_items(c);
                find_last(c);
                enter_items(c);
                check_sets(c);
        }
        return (long)c->count[NVS_ERROR];
}
