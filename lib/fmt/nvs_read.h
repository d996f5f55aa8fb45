/*
 * The raw walk of an NVS image: pages and entries as they lie there, valid or not. It shows what
 * is wrong and mends nothing; what a device makes of an image is nvs_store.h. Freestanding.
 *
 * Nothing in the image is trusted: every span, size and key is checked against the page before it
 * is used, and the walk ends after at most one step a slot. Encrypted images are decrypted first
 * (nvs_crypt.h).
 */
#ifndef FMT_NVS_READ_H
#define FMT_NVS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fmt/nvs_wire.h"

/* One page. Borrows the image. */
struct nvs_page {
        const uint8_t *data; /* NVS_PAGE_SIZE bytes */
        uint32_t index;      /* in the image, from 0 */
        uint32_t state;      /* NVS_PAGE_EMPTY … */
        uint32_t seq;
        uint8_t version;
        bool crc_ok;   /* of the header */
        bool readable; /* a device reads entries from it: header intact, state active, full or
                          freeing, version known */
};

/* Whole pages in an image of len bytes. */
static inline uint32_t nvs_page_count(size_t len)
{
        return (uint32_t)(len / NVS_PAGE_SIZE);
}

/* Page index of an image of len bytes; -E_RANGE if it has none such. */
int nvs_page_get(struct nvs_page *p, const uint8_t *image, size_t len, uint32_t index);

static inline unsigned nvs_page_slot(const struct nvs_page *p, unsigned i)
{
        return nvs_slot_state(p->data + NVS_BITMAP_AT, i);
}

static inline const uint8_t *nvs_page_entry(const struct nvs_page *p, unsigned i)
{
        return p->data + NVS_ENTRIES_AT + (size_t)i * NVS_ENTRY_SIZE;
}

/* True if a device reads a page of the image: what holds none is another kind of file, or blank. */
bool nvs_has_page(const uint8_t *image, size_t len);

/* What is wrong with an item; NVS_BAD_CRC alone means that none of its fields can be believed. */
enum nvs_bad {
        NVS_BAD_CRC = 1,       /* entry checksum */
        NVS_BAD_TYPE = 2,      /* no such type */
        NVS_BAD_SPAN = 4,      /* 0, past the page's end, or not what the type and size need */
        NVS_BAD_KEY = 8,       /* empty, or no NUL within 16 bytes */
        NVS_BAD_STATE = 16,    /* not all slots of the span are written */
        NVS_BAD_DATA_CRC = 32, /* checksum of the data */
        NVS_BAD_STR = 64,      /* a string whose last byte is not NUL, or of size 0 */
};

/* One item: an entry and the data entries behind it. Borrows the image. */
struct nvs_item {
        const uint8_t *raw; /* its first entry, NVS_ENTRY_SIZE bytes */
        uint32_t page;
        unsigned entry;  /* in the page, 0 … 125 */
        unsigned slot;   /* state of its first slot; an erased item is what is left of it */
        unsigned slots;  /* slots that it takes: span, or what a damaged one seems to take; ≥ 1 */
        unsigned faults; /* enum nvs_bad, 0: sound */
        uint8_t ns, type, span, chunk;
        uint8_t key_len;           /* up to the NUL, 0 … 16 */
        char key[NVS_KEY_MAX + 2]; /* always NUL-terminated */
        uint64_t bits; /* integers: sign extended to 64 bits; a blob index: total size */
        const uint8_t
                *data; /* strings, blobs, chunks: their bytes, NULL where span or size are bad */
        size_t len;    /* of data; 0 for integers and blob indexes */
};

/* True for strings, version 1 blobs and blob chunks: items with a size and data entries. */
bool nvs_type_is_variable(unsigned type);

/* True for the eight integer types. */
bool nvs_type_is_int(unsigned type);

/* "u8", "i8" … "i64", "str", "blob" (also version 1), "blob-data", "blob-index"; NULL for no known
 * type. */
const char *nvs_type_name(unsigned type);

/* The item whose first entry is slot i (below NVS_PAGE_ENTRIES) of a page. */
void nvs_item_get(struct nvs_item *it, const struct nvs_page *p, unsigned i);

/*
 * All items of the readable pages in the order in which they lie: those of slots written, and with
 * erased set those of erased slots too. Use: init, then next until it returns false.
 */
struct nvs_walk {
        /* private: */
        const uint8_t *image;
        size_t len;
        struct nvs_page page;
        uint32_t next_page;
        unsigned next_slot;
        bool erased;
};
void nvs_walk_init(struct nvs_walk *w, const uint8_t *image, size_t len, bool erased);
bool nvs_walk_next(struct nvs_walk *w, struct nvs_item *it);

/*
 * True if every written entry is damaged and hardly one has the type and key of a plain entry: an
 * encrypted image, or one decrypted with another key. False for an image without entries.
 */
bool nvs_looks_encrypted(const uint8_t *image, size_t len);

/* True if some entry can be read as it lies there: an image that is not encrypted. */
bool nvs_looks_plain(const uint8_t *image, size_t len);

#endif
