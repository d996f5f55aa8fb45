/*
 * One forged image per rule: each breaks exactly what its rule is about and must be found at its
 * page and entry; the image that they are made of has no finding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "fmt/nvs_check.h"

#define PAGES 4u
#define SIZE  (PAGES * NVS_PAGE_SIZE)

/* ------ a small writer of its own, so that the library's writer is no witness for itself ------ */

static uint8_t *page_at(uint8_t *img, unsigned page)
{
        return img + (size_t)page * NVS_PAGE_SIZE;
}

static uint8_t *entry_at(uint8_t *img, unsigned page, unsigned entry)
{
        return page_at(img, page) + NVS_ENTRIES_AT + (size_t)entry * NVS_ENTRY_SIZE;
}

static void set_slot(uint8_t *img, unsigned page, unsigned entry, unsigned state)
{
        uint8_t *b = page_at(img, page) + NVS_BITMAP_AT + entry / 4;
        const unsigned shift = entry % 4 * 2;

        *b = (uint8_t)((*b & ~(3u << shift)) | state << shift);
}

static void seal_page(uint8_t *img, unsigned page)
{
        uint8_t *p = page_at(img, page);

        le32_put(p + NVS_HDR_CRC, crc32_esp(p + NVS_HDR_SEQ, NVS_HDR_CRC - NVS_HDR_SEQ));
}

static void open_page(uint8_t *img, unsigned page, uint32_t state, uint32_t seq)
{
        uint8_t *p = page_at(img, page);

        le32_put(p + NVS_HDR_STATE, state);
        le32_put(p + NVS_HDR_SEQ, seq);
        p[NVS_HDR_VERSION] = NVS_VERSION_2;
        seal_page(img, page);
}

static void seal(uint8_t *e)
{
        le32_put(e + NVS_ENT_CRC, crc32_le(crc32_esp(e, NVS_ENT_CRC), e + NVS_ENT_KEY,
                                           NVS_ENTRY_SIZE - NVS_ENT_KEY));
}

static uint8_t *put_head(uint8_t *img, unsigned page, unsigned entry, uint8_t ns, uint8_t type,
                         const char *key)
{
        uint8_t *e = entry_at(img, page, entry);

        memset(e, 0xFF, NVS_ENTRY_SIZE);
        e[NVS_ENT_NS] = ns;
        e[NVS_ENT_TYPE] = type;
        e[NVS_ENT_SPAN] = 1;
        memset(e + NVS_ENT_KEY, 0, NVS_KEY_MAX + 1);
        memcpy(e + NVS_ENT_KEY, key, strlen(key));
        set_slot(img, page, entry, NVS_SLOT_WRITTEN);
        return e;
}

static void put_u8(uint8_t *img, unsigned page, unsigned entry, uint8_t ns, const char *key,
                   uint8_t value)
{
        uint8_t *e = put_head(img, page, entry, ns, NVS_U8, key);

        e[NVS_ENT_DATA] = value;
        seal(e);
}

static void put_data(uint8_t *img, unsigned page, unsigned entry, uint8_t type, uint8_t chunk,
                     const char *key, const void *data, size_t n)
{
        uint8_t *e = put_head(img, page, entry, 1, type, key);
        const size_t slots = (n + NVS_ENTRY_SIZE - 1) / NVS_ENTRY_SIZE;

        e[NVS_ENT_SPAN] = (uint8_t)(1 + slots);
        e[NVS_ENT_CHUNK] = chunk;
        le16_put(e + NVS_ENT_DATA, (uint16_t)n);
        le32_put(e + NVS_ENT_DATA + 4, crc32_esp(data, n));
        memcpy(e + NVS_ENTRY_SIZE, data, n);
        for (unsigned i = 1; i <= slots; i++)
                set_slot(img, page, entry + i, NVS_SLOT_WRITTEN);
        seal(e);
}

static void put_index(uint8_t *img, unsigned page, unsigned entry, const char *key, uint32_t size,
                      uint8_t count, uint8_t start)
{
        uint8_t *e = put_head(img, page, entry, 1, NVS_BLOB_INDEX, key);

        le32_put(e + NVS_ENT_DATA, size);
        e[NVS_ENT_DATA + 4] = count;
        e[NVS_ENT_DATA + 5] = start;
        seal(e);
}

/*
 * page 0 full:   0 namespace ns = 1, 1 u8 a, 2..4 string s (40 bytes), 5..6 chunk 0 of blob b (32),
 *                7 erased u8 old
 * page 1 active: 0..1 chunk 1 of b (8), 2 index of b (40), 3 u8 z
 * pages 2 and 3 empty
 */
static void make_sound(uint8_t *img)
{
        static const char text[40] = "a string of thirty-nine characters, ok.";
        uint8_t bytes[40];

        for (unsigned i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)(i * 7 + 1);
        memset(img, 0xFF, SIZE);
        open_page(img, 0, NVS_PAGE_FULL, 0);
        put_u8(img, 0, 0, 0, "ns", 1);
        put_u8(img, 0, 1, 1, "a", 5);
        put_data(img, 0, 2, NVS_STR, NVS_CHUNK_ANY, "s", text, sizeof text);
        put_data(img, 0, 5, NVS_BLOB_DATA, 0, "b", bytes, 32);
        put_u8(img, 0, 7, 1, "old", 9);
        set_slot(img, 0, 7, NVS_SLOT_ERASED);
        open_page(img, 1, NVS_PAGE_ACTIVE, 1);
        put_data(img, 1, 0, NVS_BLOB_DATA, 1, "b", bytes + 32, 8);
        put_index(img, 1, 2, "b", 40, 2, 0);
        put_u8(img, 1, 3, 1, "z", 1);
}

/* ------ the forgeries ------ */

static void reseal(uint8_t *img, unsigned page, unsigned entry, size_t at, uint8_t value)
{
        uint8_t *e = entry_at(img, page, entry);

        e[at] = value;
        seal(e);
}

static void f_page_crc(uint8_t *i)
{
        page_at(i, 0)[NVS_HDR_CRC] ^= 1;
}
static void f_page_crc_blank(uint8_t *i)
{
        open_page(i, 2, NVS_PAGE_ACTIVE, 2);
        page_at(i, 2)[NVS_HDR_CRC] ^= 1;
}
static void f_page_state(uint8_t *i)
{
        le32_put(page_at(i, 1), 0xFFFFFFFAu);
}
static void f_page_corrupt(uint8_t *i)
{
        le32_put(page_at(i, 1), NVS_PAGE_CORRUPT);
}
static void f_page_version(uint8_t *i)
{
        page_at(i, 1)[NVS_HDR_VERSION] = 0xFD;
        seal_page(i, 1);
}
static void f_page_reserved(uint8_t *i)
{
        page_at(i, 1)[12] = 0;
        seal_page(i, 1);
}
static void f_page_seq(uint8_t *i)
{
        open_page(i, 1, NVS_PAGE_ACTIVE, 0);
}
static void f_page_empty(uint8_t *i)
{
        page_at(i, 3)[4000] = 0x7F;
}
static void f_page_empty_entries(uint8_t *i)
{
        put_u8(i, 3, 0, 1, "q", 1);
}
static void f_page_two_active(uint8_t *i)
{
        le32_put(page_at(i, 0), NVS_PAGE_ACTIVE);
}
static void f_page_active_old(uint8_t *i)
{
        le32_put(page_at(i, 0), NVS_PAGE_ACTIVE);
        le32_put(page_at(i, 1), NVS_PAGE_FULL);
}
static void f_page_freeing(uint8_t *i)
{
        le32_put(page_at(i, 0), NVS_PAGE_FREEING);
        open_page(i, 2, NVS_PAGE_ACTIVE, 2);
        le32_put(page_at(i, 1), NVS_PAGE_FULL);
        put_u8(i, 2, 0, 0, "ns", 1);
        put_u8(i, 2, 1, 1, "a", 5);
}
static void f_page_free(uint8_t *i)
{
        open_page(i, 2, NVS_PAGE_FULL, 2);
        open_page(i, 3, NVS_PAGE_FULL, 3);
        le32_put(page_at(i, 1), NVS_PAGE_FULL);
}
static void f_bitmap_state(uint8_t *i)
{
        set_slot(i, 0, 1, 1);
}
static void f_bitmap_padding(uint8_t *i)
{
        set_slot(i, 1, 127, NVS_SLOT_WRITTEN);
}
static void f_bitmap_hole(uint8_t *i)
{
        put_u8(i, 1, 6, 1, "late", 1);
}
static void f_slot_front(uint8_t *i)
{
        put_u8(i, 1, 4, 1, "cut", 1);
        set_slot(i, 1, 4, NVS_SLOT_EMPTY);
}
static void f_slot_front_tail(uint8_t *i)
{
        entry_at(i, 1, 4)[4] = 0; /* not in the word that a device looks at */
}
static void f_slot_far(uint8_t *i)
{
        entry_at(i, 1, 9)[3] = 0;
}
static void f_slot_full_page(uint8_t *i)
{
        entry_at(i, 0, 8)[0] = 0;
}
static void f_entry_crc(uint8_t *i)
{
        entry_at(i, 0, 1)[NVS_ENT_DATA] ^= 1;
}
static void f_entry_crc_string(uint8_t *i)
{
        entry_at(i, 0, 2)[NVS_ENT_NS] ^= 2;
}
static void f_entry_type(uint8_t *i)
{
        reseal(i, 0, 1, NVS_ENT_TYPE, 0x03);
}
static void f_entry_type_ns(uint8_t *i)
{
        reseal(i, 1, 3, NVS_ENT_TYPE, NVS_I8);
        reseal(i, 1, 3, NVS_ENT_NS, 0);
}
static void f_span_zero(uint8_t *i)
{
        reseal(i, 0, 1, NVS_ENT_SPAN, 0);
}
static void f_span_int(uint8_t *i)
{
        reseal(i, 1, 2, NVS_ENT_SPAN, 2);
}
static void f_span_past(uint8_t *i)
{
        reseal(i, 1, 3, NVS_ENT_SPAN, 124);
}
static void f_span_short(uint8_t *i)
{
        reseal(i, 0, 2, NVS_ENT_SPAN, 2);
        set_slot(i, 0, 4, NVS_SLOT_ERASED);
}
static void f_size_over(uint8_t *i)
{
        le16_put(entry_at(i, 0, 2) + NVS_ENT_DATA, 0xFFFF);
        seal(entry_at(i, 0, 2));
        set_slot(i, 0, 3, NVS_SLOT_ERASED);
        set_slot(i, 0, 4, NVS_SLOT_ERASED);
}
static void f_state_full(uint8_t *i)
{
        set_slot(i, 0, 4, NVS_SLOT_EMPTY);
        memset(entry_at(i, 0, 4), 0xFF, NVS_ENTRY_SIZE);
}
static void f_state_marks(uint8_t *i)
{
        set_slot(i, 0, 4, NVS_SLOT_EMPTY);
}
static void f_state_active(uint8_t *i)
{
        set_slot(i, 1, 1, NVS_SLOT_EMPTY);
}
static void f_state_cut(uint8_t *i)
{
        put_data(i, 1, 4, NVS_STR, NVS_CHUNK_ANY, "t", "x", 2);
        set_slot(i, 1, 5, NVS_SLOT_EMPTY);
        memset(entry_at(i, 1, 5), 0xFF, NVS_ENTRY_SIZE);
}
static void f_state_erasing(uint8_t *i)
{
        set_slot(i, 0, 4, NVS_SLOT_ERASED);
}
static void f_state_erased_head(uint8_t *i)
{
        set_slot(i, 0, 2, NVS_SLOT_ERASED);
}
static void f_chunk_int(uint8_t *i)
{
        reseal(i, 0, 1, NVS_ENT_CHUNK, 0);
}
static void f_chunk_data(uint8_t *i)
{
        put_data(i, 1, 4, NVS_BLOB_DATA, NVS_CHUNK_ANY, "c", "x", 1);
}
static void f_reserved_int(uint8_t *i)
{
        reseal(i, 0, 1, NVS_ENT_DATA + 7, 0);
}
static void f_reserved_str(uint8_t *i)
{
        reseal(i, 0, 2, NVS_ENT_DATA + 3, 0);
}
static void f_reserved_index(uint8_t *i)
{
        reseal(i, 1, 2, NVS_ENT_DATA + 6, 0);
}
static void f_key_empty(uint8_t *i)
{
        reseal(i, 0, 1, NVS_ENT_KEY, 0);
}
static void f_key_long(uint8_t *i)
{
        memset(entry_at(i, 0, 1) + NVS_ENT_KEY, 'k', 16);
        seal(entry_at(i, 0, 1));
}
static void f_key_padding(uint8_t *i)
{
        reseal(i, 0, 1, NVS_ENT_KEY + 9, 'x');
}
static void f_duplicate(uint8_t *i)
{
        reseal(i, 1, 3, NVS_ENT_KEY, 'a');
        put_u8(i, 1, 4, 1, "y", 1);
}
static void f_duplicate_last(uint8_t *i)
{
        reseal(i, 1, 3, NVS_ENT_KEY, 'a');
}
static void f_duplicate_ns(uint8_t *i)
{
        put_u8(i, 1, 4, 0, "ns", 2);
        put_u8(i, 1, 5, 2, "y", 1);
}
static void f_data_crc(uint8_t *i)
{
        entry_at(i, 0, 3)[0] ^= 0x20;
}
static void f_data_padding(uint8_t *i)
{
        entry_at(i, 0, 4)[20] = 0;
}
static void f_string_open(uint8_t *i)
{
        put_data(i, 1, 4, NVS_STR, NVS_CHUNK_ANY, "t", "abc", 3);
}
static void f_string_nothing(uint8_t *i)
{
        put_data(i, 1, 4, NVS_STR, NVS_CHUNK_ANY, "t", "", 0);
}
static void f_string_inner(uint8_t *i)
{
        put_data(i, 1, 4, NVS_STR, NVS_CHUNK_ANY, "t", "a\0c", 4);
}
static void f_blob_missing(uint8_t *i)
{
        set_slot(i, 0, 5, NVS_SLOT_ERASED);
        set_slot(i, 0, 6, NVS_SLOT_ERASED);
}
static void f_blob_size(uint8_t *i)
{
        put_index(i, 1, 2, "b", 41, 2, 0);
}
static void f_blob_count(uint8_t *i)
{
        put_index(i, 1, 2, "b", 40, 3, 0);
}
static void f_blob_start(uint8_t *i)
{
        put_index(i, 1, 2, "b", 40, 2, 1);
}
static void f_blob_half(uint8_t *i)
{
        put_index(i, 1, 2, "b", 40, 2, NVS_CHUNK_START_1);
}
static void f_blob_many(uint8_t *i)
{
        put_index(i, 1, 2, "b", 40, 0x81, 0);
}
static void f_orphan(uint8_t *i)
{
        put_data(i, 1, 4, NVS_BLOB_DATA, NVS_CHUNK_START_1, "b", "new", 3);
}
static void f_chunk_twice(uint8_t *i)
{
        put_data(i, 1, 4, NVS_BLOB_DATA, 1, "b", "12345678", 8);
        put_u8(i, 1, 6, 1, "y", 1);
}
static void f_ns_undefined(uint8_t *i)
{
        reseal(i, 1, 3, NVS_ENT_NS, 2);
}
static void f_ns_255(uint8_t *i)
{
        reseal(i, 1, 3, NVS_ENT_NS, 255);
}
static void f_ns_index_0(uint8_t *i)
{
        put_u8(i, 1, 4, 0, "n0", 0);
}
static void f_ns_index_255(uint8_t *i)
{
        put_u8(i, 1, 4, 0, "n255", 255);
}
static void f_ns_index_twice(uint8_t *i)
{
        put_u8(i, 1, 4, 0, "other", 1);
}
static void f_ns_unused(uint8_t *i)
{
        put_u8(i, 1, 4, 0, "spare", 2);
}
static void f_encrypted(uint8_t *i)
{
        uint32_t x = 1;

        for (unsigned page = 0; page < 2; page++)
                for (unsigned k = 0; k < 8 * NVS_ENTRY_SIZE; k++)
                        entry_at(i, page, 0)[k] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
}
static void f_empty(uint8_t *i)
{
        memset(i, 0xFF, SIZE);
}

static const struct forgery {
        const char *name;
        void (*forge)(uint8_t *img);
        enum nvs_rule rule;
        enum nvs_severity severity;
        int page, entry;
        int errors; /* in all; -1: as many as follow from it */
} forgeries[] = {
        { "page-crc", f_page_crc, NVS_RULE_PAGE_CRC, NVS_ERROR, 0, -1, -1 },
        { "page-crc-blank", f_page_crc_blank, NVS_RULE_PAGE_CRC, NVS_WARNING, 2, -1, 0 },
        { "page-state", f_page_state, NVS_RULE_PAGE_STATE, NVS_ERROR, 1, -1, -1 },
        { "page-corrupt", f_page_corrupt, NVS_RULE_PAGE_STATE, NVS_ERROR, 1, -1, -1 },
        { "page-version", f_page_version, NVS_RULE_PAGE_VERSION, NVS_ERROR, 1, -1, -1 },
        { "page-reserved", f_page_reserved, NVS_RULE_PAGE_RESERVED, NVS_WARNING, 1, -1, 0 },
        { "page-seq", f_page_seq, NVS_RULE_PAGE_SEQ, NVS_ERROR, 1, -1, 1 },
        { "page-empty", f_page_empty, NVS_RULE_PAGE_EMPTY, NVS_WARNING, 3, -1, 0 },
        { "page-empty-entries", f_page_empty_entries, NVS_RULE_PAGE_EMPTY, NVS_ERROR, 3, -1, 1 },
        { "page-two-active", f_page_two_active, NVS_RULE_PAGE_ACTIVE, NVS_WARNING, 1, -1, 0 },
        { "page-active-old", f_page_active_old, NVS_RULE_PAGE_ACTIVE, NVS_WARNING, 0, -1, 0 },
        { "page-freeing", f_page_freeing, NVS_RULE_PAGE_FREEING, NVS_NOTE, 0, -1, 0 },
        { "page-free", f_page_free, NVS_RULE_PAGE_FREE, NVS_ERROR, -1, -1, 1 },
        { "bitmap-state", f_bitmap_state, NVS_RULE_BITMAP_STATE, NVS_ERROR, 0, 1, 1 },
        { "bitmap-padding", f_bitmap_padding, NVS_RULE_BITMAP_PADDING, NVS_WARNING, 1, -1, 0 },
        { "bitmap-hole", f_bitmap_hole, NVS_RULE_BITMAP_HOLE, NVS_ERROR, 1, 6, 1 },
        { "slot-front", f_slot_front, NVS_RULE_SLOT_EMPTY, NVS_NOTE, 1, 4, 0 },
        { "slot-front-tail", f_slot_front_tail, NVS_RULE_SLOT_EMPTY, NVS_WARNING, 1, 4, 0 },
        { "slot-far", f_slot_far, NVS_RULE_SLOT_EMPTY, NVS_WARNING, 1, 9, 0 },
        { "slot-full-page", f_slot_full_page, NVS_RULE_SLOT_EMPTY, NVS_WARNING, 0, 8, 0 },
        { "entry-crc", f_entry_crc, NVS_RULE_ENTRY_CRC, NVS_ERROR, 0, 1, 1 },
        { "entry-crc-string", f_entry_crc_string, NVS_RULE_ENTRY_CRC, NVS_ERROR, 0, 2, 1 },
        { "entry-type", f_entry_type, NVS_RULE_ENTRY_TYPE, NVS_ERROR, 0, 1, 1 },
        { "entry-type-ns", f_entry_type_ns, NVS_RULE_ENTRY_TYPE, NVS_ERROR, 1, 3, 1 },
        { "span-zero", f_span_zero, NVS_RULE_ENTRY_SPAN, NVS_ERROR, 0, 1, 1 },
        { "span-int", f_span_int, NVS_RULE_ENTRY_SPAN, NVS_ERROR, 1, 2, 1 },
        { "span-past", f_span_past, NVS_RULE_ENTRY_SPAN, NVS_ERROR, 1, 3, 1 },
        { "span-short", f_span_short, NVS_RULE_ENTRY_SPAN, NVS_ERROR, 0, 2, 1 },
        { "size-over", f_size_over, NVS_RULE_ENTRY_SPAN, NVS_ERROR, 0, 2, 1 },
        { "state-full", f_state_full, NVS_RULE_ENTRY_STATE, NVS_WARNING, 0, 2, 1 },
        { "state-marks", f_state_marks, NVS_RULE_ENTRY_STATE, NVS_WARNING, 0, 2, 0 },
        { "state-active", f_state_active, NVS_RULE_ENTRY_STATE, NVS_ERROR, 1, 0, -1 },
        { "state-cut", f_state_cut, NVS_RULE_ENTRY_STATE, NVS_WARNING, 1, 4, 0 },
        { "state-erasing", f_state_erasing, NVS_RULE_ENTRY_STATE, NVS_WARNING, 0, 2, 0 },
        { "state-erased-head", f_state_erased_head, NVS_RULE_ENTRY_STATE, NVS_WARNING, 0, 2, 0 },
        { "chunk-int", f_chunk_int, NVS_RULE_ENTRY_CHUNK, NVS_ERROR, 0, 1, 1 },
        { "chunk-data", f_chunk_data, NVS_RULE_ENTRY_CHUNK, NVS_ERROR, 1, 4, 1 },
        { "reserved-int", f_reserved_int, NVS_RULE_ENTRY_RESERVED, NVS_WARNING, 0, 1, 0 },
        { "reserved-str", f_reserved_str, NVS_RULE_ENTRY_RESERVED, NVS_WARNING, 0, 2, 0 },
        { "reserved-index", f_reserved_index, NVS_RULE_ENTRY_RESERVED, NVS_WARNING, 1, 2, 0 },
        { "key-empty", f_key_empty, NVS_RULE_KEY, NVS_ERROR, 0, 1, 1 },
        { "key-long", f_key_long, NVS_RULE_KEY, NVS_ERROR, 0, 1, 1 },
        { "key-padding", f_key_padding, NVS_RULE_KEY_PADDING, NVS_ERROR, 0, 1, 1 },
        { "duplicate", f_duplicate, NVS_RULE_KEY_DUPLICATE, NVS_ERROR, 0, 1, 1 },
        { "duplicate-last", f_duplicate_last, NVS_RULE_KEY_DUPLICATE, NVS_WARNING, 0, 1, 0 },
        { "duplicate-ns", f_duplicate_ns, NVS_RULE_KEY_DUPLICATE, NVS_ERROR, 0, 0, 1 },
        { "data-crc", f_data_crc, NVS_RULE_DATA_CRC, NVS_ERROR, 0, 2, 1 },
        { "data-padding", f_data_padding, NVS_RULE_DATA_PADDING, NVS_NOTE, 0, 2, 0 },
        { "string-open", f_string_open, NVS_RULE_STRING_NUL, NVS_ERROR, 1, 4, 1 },
        { "string-nothing", f_string_nothing, NVS_RULE_STRING_NUL, NVS_ERROR, 1, 4, 1 },
        { "string-inner", f_string_inner, NVS_RULE_STRING_NUL, NVS_NOTE, 1, 4, 0 },
        { "blob-missing", f_blob_missing, NVS_RULE_BLOB_INDEX, NVS_ERROR, 1, 2, 1 },
        { "blob-size", f_blob_size, NVS_RULE_BLOB_INDEX, NVS_ERROR, 1, 2, 1 },
        { "blob-count", f_blob_count, NVS_RULE_BLOB_INDEX, NVS_ERROR, 1, 2, 1 },
        { "blob-start", f_blob_start, NVS_RULE_BLOB_START, NVS_ERROR, 1, 2, 1 },
        { "blob-half", f_blob_half, NVS_RULE_BLOB_INDEX, NVS_ERROR, 1, 2, 1 },
        { "blob-many", f_blob_many, NVS_RULE_BLOB_START, NVS_ERROR, 1, 2, 1 },
        { "orphan", f_orphan, NVS_RULE_BLOB_ORPHAN, NVS_WARNING, 1, 4, 0 },
        { "chunk-twice", f_chunk_twice, NVS_RULE_KEY_DUPLICATE, NVS_ERROR, 1, 0, 1 },
        { "ns-undefined", f_ns_undefined, NVS_RULE_NS_UNDEFINED, NVS_ERROR, 1, 3, 1 },
        { "ns-255", f_ns_255, NVS_RULE_NS_UNDEFINED, NVS_ERROR, 1, 3, 1 },
        { "ns-index-0", f_ns_index_0, NVS_RULE_NS_INDEX, NVS_ERROR, 1, 4, 1 },
        { "ns-index-255", f_ns_index_255, NVS_RULE_NS_INDEX, NVS_ERROR, 1, 4, 1 },
        { "ns-index-twice", f_ns_index_twice, NVS_RULE_NS_INDEX, NVS_ERROR, 1, 4, 1 },
        { "ns-unused", f_ns_unused, NVS_RULE_NS_UNUSED, NVS_NOTE, 1, 4, 0 },
        { "encrypted", f_encrypted, NVS_RULE_ENCRYPTED, NVS_ERROR, -1, -1, 1 },
        { "empty", f_empty, NVS_RULE_EMPTY, NVS_NOTE, -1, -1, 0 },
};

/* ------ running them ------ */

struct seen {
        const struct forgery *want;
        bool hit;
        char all[4096];
};

static void on_finding(void *ctx, const struct nvs_finding *f)
{
        struct seen *s = ctx;
        const size_t n = strlen(s->all);

        snprintf(s->all + n, sizeof s->all - n, "\n  %d %s page %d entry %d: %s", (int)f->severity,
                 nvs_rule_id(f->rule), (int)f->page, (int)f->entry, f->text);
        if (s->want && f->rule == s->want->rule && f->severity == s->want->severity &&
            f->page == s->want->page && f->entry == s->want->entry)
                s->hit = true;
        if (f->page >= 0)
                assert_true(f->offset / NVS_PAGE_SIZE == (size_t)f->page);
}

static long check(const uint8_t *img, size_t len, struct seen *s)
{
        struct nvs_checker *c = calloc(1, sizeof *c);
        long rc;

        assert_non_null(c);
        c->image = img;
        c->len = len;
        c->work_len = nvs_check_work(len);
        c->work = malloc(c->work_len * sizeof *c->work);
        assert_non_null(c->work);
        c->found = on_finding;
        c->ctx = s;
        rc = nvs_check(c);
        free(c->work);
        free(c);
        return rc;
}

static void test_sound(void **state)
{
        uint8_t *img = malloc(SIZE);
        struct seen s = { 0 };

        (void)state;
        make_sound(img);
        assert_int_equal(check(img, SIZE, &s), 0);
        assert_string_equal(s.all, "");
        free(img);
}

static void test_forgeries(void **state)
{
        uint8_t *img = malloc(SIZE);
        bool covered[NVS_RULE_COUNT] = { 0 };

        (void)state;
        covered[NVS_RULE_IMAGE_SIZE] = true; /* test_cut */
        for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
                struct seen s = { .want = &forgeries[i] };
                long errors;

                make_sound(img);
                forgeries[i].forge(img);
                errors = check(img, SIZE, &s);
                if (!s.hit || (forgeries[i].errors >= 0 && errors != forgeries[i].errors))
                        fail_msg("%s: hit %d, %ld errors:%s", forgeries[i].name, s.hit, errors,
                                 s.all);
                covered[forgeries[i].rule] = true;
        }
        for (int r = 0; r < NVS_RULE_COUNT; r++)
                if (!covered[r])
                        fail_msg("no forgery for the rule %s", nvs_rule_id((enum nvs_rule)r));
        free(img);
}

/* Cut at every byte: nothing read past the end, and only whole pages pass. */
static void test_cut(void **state)
{
        uint8_t *img = malloc(SIZE);

        (void)state;
        make_sound(img);
        for (size_t n = 0; n <= SIZE; n++) {
                struct seen s = { 0 };
                uint8_t *exact;
                long errors;

                if (n % 61 && n % NVS_PAGE_SIZE > 1 && n % NVS_PAGE_SIZE < NVS_PAGE_SIZE - 1)
                        continue;
                exact = malloc(n ? n : 1);
                memcpy(exact, img, n);
                errors = check(exact, n, &s);
                assert_true(n && n % NVS_PAGE_SIZE == 0 ? !strstr(s.all, "image-size")
                                                        : strstr(s.all, "image-size") != NULL);
                assert_true(errors > 0 || (n && n % NVS_PAGE_SIZE == 0));
                free(exact);
        }
        free(img);
}

/* Every byte of the used area inverted: each is noticed, and the checker stays inside. */
static void test_every_byte(void **state)
{
        uint8_t *img = malloc(SIZE);

        (void)state;
        make_sound(img);
        for (size_t at = 0; at < NVS_PAGE_SIZE + 256; at++) {
                struct seen s = { 0 };

                if (at > 400 && at < NVS_PAGE_SIZE)
                        continue;
                if (at / NVS_ENTRY_SIZE == NVS_ENTRIES_AT / NVS_ENTRY_SIZE + 7)
                        continue; /* the erased slot: nothing in it matters */
                if (at % NVS_PAGE_SIZE > NVS_BITMAP_AT && at % NVS_PAGE_SIZE < NVS_ENTRIES_AT - 1 &&
                    at != NVS_BITMAP_AT + 1)
                        continue; /* empty slots become erased ones */
                img[at] ^= 0xFF;
                check(img, SIZE, &s);
                if (!s.all[0])
                        fail_msg("byte %zu inverted: nothing found", at);
                img[at] ^= 0xFF;
        }
        free(img);
}

static void test_work_too_small(void **state)
{
        static struct nvs_checker c;
        uint32_t work[8];
        uint8_t img[NVS_PAGE_SIZE];

        (void)state;
        memset(img, 0xFF, sizeof img);
        c.image = img;
        c.len = sizeof img;
        c.work = work;
        for (c.work_len = 0; c.work_len < 8; c.work_len++)
                assert_int_equal(nvs_check(&c), -E_NOSPACE);
}

/* A full 1 MiB of keys and of one key again and again: linear, whatever the keys are. */
static void test_large(void **state)
{
        const unsigned pages = 256;
        uint8_t *img = malloc((size_t)pages * NVS_PAGE_SIZE);
        struct seen s = { 0 };

        (void)state;
        memset(img, 0xFF, (size_t)pages * NVS_PAGE_SIZE);
        for (unsigned p = 0; p < pages - 1; p++) {
                open_page(img, p, p == pages - 2 ? NVS_PAGE_ACTIVE : NVS_PAGE_FULL, p);
                for (unsigned i = 0; i < NVS_PAGE_ENTRIES; i++) {
                        char key[16];

                        snprintf(key, sizeof key, "k%u", p * NVS_PAGE_ENTRIES + i);
                        put_u8(img, p, i, 1, key, 1);
                }
        }
        put_u8(img, 0, 0, 0, "ns", 1);
        assert_int_equal(check(img, (size_t)pages * NVS_PAGE_SIZE, &s), 0);
        assert_string_equal(s.all, "");
        free(img);
}

static void test_walk(void **state)
{
        static const struct {
                unsigned page, entry, slot, span;
                const char *key;
        } rows[] = {
                { 0, 0, NVS_SLOT_WRITTEN, 1, "ns" }, { 0, 1, NVS_SLOT_WRITTEN, 1, "a" },
                { 0, 2, NVS_SLOT_WRITTEN, 3, "s" },  { 0, 5, NVS_SLOT_WRITTEN, 2, "b" },
                { 0, 7, NVS_SLOT_ERASED, 1, "old" }, { 1, 0, NVS_SLOT_WRITTEN, 2, "b" },
                { 1, 2, NVS_SLOT_WRITTEN, 1, "b" },  { 1, 3, NVS_SLOT_WRITTEN, 1, "z" },
        };
        uint8_t *img = malloc(SIZE);
        struct nvs_walk w;
        struct nvs_item it;
        struct nvs_page p;

        (void)state;
        make_sound(img);
        nvs_walk_init(&w, img, SIZE, true);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_true(nvs_walk_next(&w, &it));
                assert_int_equal(it.page, rows[i].page);
                assert_int_equal(it.entry, rows[i].entry);
                assert_int_equal(it.slot, rows[i].slot);
                assert_int_equal(it.span, rows[i].span);
                assert_string_equal(it.key, rows[i].key);
                assert_int_equal(it.faults, 0);
        }
        assert_false(nvs_walk_next(&w, &it));
        assert_int_equal(nvs_page_get(&p, img, SIZE, PAGES), -E_RANGE);
        assert_int_equal(nvs_page_get(&p, img, SIZE - 1, PAGES - 1), -E_RANGE);
        free(img);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_walk),       cmocka_unit_test(test_sound),
                cmocka_unit_test(test_forgeries),  cmocka_unit_test(test_cut),
                cmocka_unit_test(test_every_byte), cmocka_unit_test(test_work_too_small),
                cmocka_unit_test(test_large),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
