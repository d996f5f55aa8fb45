/* The pages of an nvs_store as a whole: what nvs_store*.c share. Not for other callers. */
#ifndef FMT_NVS_PAGES_H
#define FMT_NVS_PAGES_H

#include "fmt/nvs_page.h"

#define NVS_CHUNKS_MAX 127u    /* of one blob: half of the chunk numbers */
#define NVS_PAGE_NONE  0xFFFFu /* end of a list of pages */

/* Read all pages into the two lists. */
int nvs_pages_load(struct nvs_store *s);

/* The first match in the order of the pages: fills *at and returns 0, else -E_NOTFOUND. */
int nvs_pages_find(struct nvs_store *s, const struct nvs_query *q, struct nvs_place *at);

/* The next entry header after *at (start with page = s->first, slot = 0 and next = false). */
int nvs_pages_walk(struct nvs_store *s, struct nvs_place *at, bool next);

/* Bring a page into use at the end of the order. -E_NOSPACE */
int nvs_pages_activate(struct nvs_store *s);

/* Move all entries of a page to a fresh one, and erase it. */
int nvs_pages_move(struct nvs_store *s, unsigned page);

/* Close the current page and get another, by moving a page's live entries if only the reserve is
 * left. */
int nvs_pages_turn(struct nvs_store *s);

/* Take a page out of the order and put it with the free ones. */
void nvs_pages_free(struct nvs_store *s, unsigned page);

/* Recovery after a power cut: the part that concerns pages, then the part that concerns blobs. */
int nvs_recover_pages(struct nvs_store *s);
int nvs_recover_blobs(struct nvs_store *s);

/* Fill a query; -E_INVAL for a key that cannot be. */
int nvs_query_init(struct nvs_query *q, unsigned ns, unsigned type, const char *key);

/* Is the store usable for that? -E_PERM: read-only; or its first failure. */
int nvs_store_writable(const struct nvs_store *s);

/* Set the value id speaks of (of a blob: its index): write the new one, then erase the old one. */
int nvs_store_put(struct nvs_store *s, const struct nvs_query *id, const void *data, size_t len);

/* Width of an integer type in bytes, 0 for other types. */
unsigned nvs_int_width(unsigned type);

/* Erase the entry at *at; of a blob's index also its chunks. */
int nvs_store_drop(struct nvs_store *s, const struct nvs_place *at);

#endif
