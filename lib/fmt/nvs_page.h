/* One page of an nvs_store: what nvs_store*.c build on. Not for other callers. */
#ifndef FMT_NVS_PAGE_H
#define FMT_NVS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fmt/nvs_store.h"

/* What to look for. Headers of chunks are found only with type NVS_BLOB_DATA. */
struct nvs_query {
        uint8_t key[16]; /* padded with zeros, as on flash */
        uint8_t ns;
        uint8_t type;  /* 0: any but NVS_BLOB_DATA */
        uint8_t chunk; /* of NVS_BLOB_DATA; of NVS_BLOB_INDEX the first chunk, NVS_CHUNK_ANY: any */
};

/* Where an entry header is. */
struct nvs_place {
        uint16_t page;
        uint8_t slot;
        uint8_t entry[NVS_ENTRY_SIZE]; /* in plain text */
};

/* A value to be written. */
struct nvs_item {
        const struct nvs_query *id; /* ns, type, key, chunk of NVS_BLOB_DATA */
        const void *data;           /* len bytes; of an integer or index: its 8 bytes as on flash */
        size_t len;
};

/* True for the types whose value follows in entries of its own. */
bool nvs_type_is_long(uint8_t type);

/* Read header, bitmap and tags, and put right what a power cut left in the page. */
int nvs_page_load(struct nvs_store *s, unsigned page);

/* One slot in plain text. */
int nvs_page_read(struct nvs_store *s, unsigned page, unsigned slot, uint8_t entry[NVS_ENTRY_SIZE]);

/* The first match at slot `from` or later: fills *at and returns 0, else -E_NOTFOUND. */
int nvs_page_find(struct nvs_store *s, unsigned page, unsigned from, const struct nvs_query *q,
                  struct nvs_place *at);

/* Write header and data; -E_NOSPACE: not on this page. The page must be active or erased. */
int nvs_page_put(struct nvs_store *s, unsigned page, const struct nvs_item *item);

/* Erase the entry whose header is at slot. */
int nvs_page_drop(struct nvs_store *s, unsigned page, unsigned slot);

/* Copy all entries to the page `to`. */
int nvs_page_copy(struct nvs_store *s, unsigned page, unsigned to);

int nvs_page_set_state(struct nvs_store *s, unsigned page, uint32_t state);
int nvs_page_erase(struct nvs_store *s, unsigned page);

/* Bytes of a chunk that the page can still take. */
size_t nvs_page_tailroom(const struct nvs_store_page *pg);

#endif
