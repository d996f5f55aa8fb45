/*
 * Builds an NVS image in the caller's memory, byte for byte as esp-idf-nvs-partition-gen 0.2.0
 * does. Freestanding; no allocation.
 *
 * Use: init → any number of (namespace, then int/str/blob) → finish. Sticky: after a failure every
 * call does nothing and finish reports the first one; only when the image is full the following
 * rows are still counted, so that finish can say which size they need.
 */
#ifndef FMT_NVS_WRITE_H
#define FMT_NVS_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "fmt/nvs_wire.h"

struct nvs_write_config {
        uint8_t *image; /* size bytes; borrowed until finish */
        size_t size; /* a multiple of NVS_PAGE_SIZE. Below NVS_SIZE_MIN the image is read-only: no
                        page is kept in reserve (package 0.1.8 and later) */
        unsigned version;   /* 1 or 2; 0 means 2 */
        bool legacy_layout; /* every usable page with a header and FULL: ESP-IDF up to v5.2 */
        bool keys_checked;  /* the caller knows that no key repeats: the search for it, which takes
                               time with the square of the entries, is left out */
        bool trial; /* only to learn what fits: the image has no checksums and is no image */
};

/* What a finished image took. */
struct nvs_write_stats {
        size_t entries_used;  /* slots of 32 bytes, headers included */
        size_t entries_total; /* slots of all usable pages */
        size_t pages_used;    /* pages with at least one entry */
        size_t pages_total;   /* usable pages: one less than the image holds unless read-only */
        size_t size_needed;   /* bytes: the smallest partition that holds the same rows and can be
                                 written at run time (NVS_SIZE_MIN or more). After -E_NOSPACE a
                                 namespace that is reopened by its name, and defined behind the
                                 end of the image, counts as a new one */
        size_t output_size;   /* bytes to put into the file: size, or for a read-only image only the
                                 pages used (package 0.2.0 does not pad those) */
};

struct nvs_writer {
        /* private: */
        struct nvs_write_config cfg;
        size_t limit;      /* usable pages */
        size_t page;       /* current page */
        unsigned used;     /* entries used in it */
        size_t entries;    /* in all pages */
        unsigned ns_count; /* namespaces defined */
        uint8_t ns;        /* current namespace's index, 0: none yet */
        bool dry;          /* full: counts only */
        int error;         /* first failure, negative */
        struct diag *diag;
};

/*
 * Prepares the image (fills it with FF). d is borrowed until finish and may be NULL. -E_RANGE for a
 * size that is no multiple of a page, or below a page, or below NVS_SIZE_MIN with the legacy
 * layout; or a bad version.
 */
int nvs_writer_init(struct nvs_writer *w, const struct nvs_write_config *cfg, struct diag *d);

/*
 * Select a namespace; it is defined on its first appearance, later ones go back to it (package
 * 0.2.0 keeps the latest one there: a fault we do not share). -E_RANGE: name empty or longer than
 * 15 bytes; -E_NOSPACE: the 255th namespace, or no room. Names are found by reading the image.
 */
int nvs_write_namespace(struct nvs_writer *w, const char *name);

/* Go back to a namespace by its index, the number of its definition from 1. -E_RANGE if there is
 * none. */
int nvs_write_namespace_again(struct nvs_writer *w, unsigned index);

/*
 * Values. key: 1 … 15 bytes of UTF-8 without NUL (-E_RANGE). Before any namespace: -E_STATE. A key
 * that the namespace has already: -E_EXISTS. No room: -E_NOSPACE.
 */
int nvs_write_int(struct nvs_writer *w, const char *key, enum nvs_type type, uint64_t bits);
/*
 * len counts the NUL, which must be the last byte of data; 1 … NVS_STR_MAX. The reference cannot
 * place more than 3968 bytes (it never fills a page to the last entry with a string); the device's
 * library can, in a page of their own, so here they get one.
 */
int nvs_write_str(struct nvs_writer *w, const char *key, const void *data, size_t len);
/* Version 2: chunks over pages, up to NVS_CHUNKS_MAX of them; version 1: NVS_BLOB_V1_MAX. -E_RANGE.
 */
int nvs_write_blob(struct nvs_writer *w, const char *key, const void *data, size_t len);

/* Returns 0 or the first failure; fills stats (may be NULL) either way. */
int nvs_writer_finish(struct nvs_writer *w, struct nvs_write_stats *stats);

#endif
