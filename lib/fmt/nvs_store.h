/*
 * The live NVS store of a device on any struct flash: what ESP-IDF's nvs_flash does, in C, without
 * allocation. Freestanding. Rules: ESP-IDF v5.5 components/nvs_flash/src.
 *
 * Guarantees
 * - Every call that returns 0 is on flash: there is nothing to flush.
 * - Power lost at any byte of any flash operation: after the next mount every key has the value of
 *   the last call that returned, or for the one call that was cut its old or its new value (for an
 *   erase: the value or nothing). Never half a value, never a lost key. Mounting may be cut too.
 * - Any bytes may be on the flash: no read outside the region, no endless loop, at most
 *   NVS_STORE_OPS(pages) flash writes and erases a call. Entries that break a rule are not shown.
 * - A partition is readable and writable by ESP-IDF before and after.
 * - No call uses more than about 1 KiB of stack (and what crypt_xts_* and the flash use).
 *
 * Differences from ESP-IDF v5.5, all invisible to it afterwards: a page that was moved is spoilt
 * before it is erased, so an erase that is cut leaves nothing that looks alive; recovery also finds
 * an old value of another type; chunks of a blob that did not fit are erased at once, and its old
 * value stays.
 *
 * One thread at a time per store; several stores at once are independent.
 *
 * What ESP-IDF reports, and what is returned here:
 *   NVS_NOT_FOUND                      -E_NOTFOUND (also for another type: so does ESP-IDF)
 *   NVS_INVALID_LENGTH                 -E_NOSPACE  (get: buffer too small)
 *   NVS_NOT_ENOUGH_SPACE               -E_NOSPACE  (set)
 *   NVS_KEY_TOO_LONG, NVS_INVALID_NAME -E_INVAL
 *   NVS_VALUE_TOO_LONG                 -E_RANGE
 *   NVS_READ_ONLY                      -E_PERM
 *   NVS_NO_FREE_PAGES (mount)          -E_NOSPACE      } format, then mount again:
 *   NVS_NEW_VERSION_FOUND (mount)      -E_UNSUPPORTED  } see nvs_store_must_format
 */
#ifndef FMT_NVS_STORE_H
#define FMT_NVS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/flash.h"
#include "crypt/crypt.h"
#include "fmt/nvs_wire.h"

/* Elements of the page array for a partition of that many bytes; 172 bytes each. */
#define NVS_STORE_PAGES(size) ((size) / NVS_PAGE_SIZE)
#define NVS_STORE_PAGES_MAX   1024u /* 4 MiB */

/* Flash writes and erases that one call can need at most. */
#define NVS_STORE_OPS(pages) ((pages)*600u + 600u)

/* What is known of one page. */
struct nvs_store_page {
        /* private: */
        uint32_t state; /* NVS_PAGE_XXX */
        uint32_t seq;
        uint16_t link;                 /* next page of its list */
        uint8_t next;                  /* first slot that was never written */
        uint8_t used;                  /* slots written and not erased */
        uint8_t map[NVS_BITMAP_SIZE];  /* as on flash; read-only: as it would be after recovery */
        uint8_t tag[NVS_PAGE_ENTRIES]; /* of a header slot: hash of namespace and key, never 0; else
                                          0 */
};

struct nvs_store_config {
        const struct flash *flash; /* borrowed as long as the store is used */
        struct nvs_store_page
                *pages;    /* borrowed as long as the store is used; need not be cleared */
        size_t page_count; /* >= NVS_STORE_PAGES(flash->size) */
        const struct crypt_xts *xts; /* borrowed; NULL: not encrypted. With a wrong key
                                         a writable mount erases all entries, as ESP-IDF does */
        bool read_only; /* never writes: recovery only in memory. Size from NVS_SIZE_MIN_RO, else
                           from NVS_SIZE_MIN */
};

struct nvs_store {
        /* private: */
        struct nvs_store_config cfg;
        uint32_t seq; /* of the next page */
        uint16_t pages;
        uint16_t first, last;           /* pages with a sequence number, lowest first */
        uint16_t free_first, free_last; /* the others, next to be used first */
        uint16_t free_count;
        int failed; /* first failure of a flash write: no more writes until the next mount */
        uint16_t ns_count;
        uint8_t ns_used[32];
};

/*
 * Read the partition, and bring it in order after a power cut. Returns 0, -E_RANGE (size, or too
 * few elements in pages), -E_NOSPACE (no free page left), -E_UNSUPPORTED (pages of a later
 * version) or the flash's error. An erased flash is an empty store.
 */
int nvs_store_mount(struct nvs_store *s, const struct nvs_store_config *cfg, struct diag *d);

/* True if formatting is ESP-IDF's advice for this result of nvs_store_mount (the data is lost). */
static inline bool nvs_store_must_format(int rc)
{
        return rc == -E_NOSPACE || rc == -E_UNSUPPORTED;
}

/* Erase the whole partition; mount it afterwards (nvs_flash_erase). -E_PERM if read-only. */
int nvs_store_format(const struct nvs_store_config *cfg, struct diag *d);

/*
 * Index (1 … 254) of a namespace, for the calls below. create: define it if it is missing.
 * -E_NOTFOUND; -E_INVAL: name longer than 15 bytes (an empty one is legal); -E_NOSPACE: the 255th,
 * or no room.
 */
int nvs_store_open(struct nvs_store *s, const char *ns, bool create);

/* The type stored for a key (NVS_BLOB for blobs of both versions), or -E_NOTFOUND. */
int nvs_store_type(struct nvs_store *s, unsigned ns, const char *key);

/* An integer of exactly this type; signed ones are sign-extended into *value. */
int nvs_store_get_int(struct nvs_store *s, unsigned ns, const char *key, enum nvs_type type,
                      uint64_t *value);

/*
 * Copy a string (with its NUL) or a blob into buf. Returns its size in bytes; buf == NULL only asks
 * for that. -E_NOSPACE: cap is smaller. -E_CRC: damaged (ESP-IDF calls it not found and erases it;
 * here reading never writes, and buf's content is void).
 */
int nvs_store_get_str(struct nvs_store *s, unsigned ns, const char *key, char *buf, size_t cap);
int nvs_store_get_blob(struct nvs_store *s, unsigned ns, const char *key, void *buf, size_t cap);

/*
 * Set a key; a value of another type is replaced. An equal value is not written again. value must
 * fit the type (-E_RANGE). Strings: up to NVS_STR_MAX with their NUL; blobs: up to 4000 bytes times
 * the pages but one, in chunks over pages.
 */
int nvs_store_set_int(struct nvs_store *s, unsigned ns, const char *key, enum nvs_type type,
                      uint64_t value);
int nvs_store_set_str(struct nvs_store *s, unsigned ns, const char *key, const char *str);
int nvs_store_set_blob(struct nvs_store *s, unsigned ns, const char *key, const void *data,
                       size_t len);

/* Erase one key (-E_NOTFOUND), or all keys of a namespace (its name stays, as in ESP-IDF). */
int nvs_store_erase(struct nvs_store *s, unsigned ns, const char *key);
int nvs_store_erase_ns(struct nvs_store *s, unsigned ns);

/* Writes are immediate: this only reports the first flash failure since the mount, or 0. */
int nvs_store_commit(struct nvs_store *s);

/* One key, as iteration shows it. */
struct nvs_store_entry {
        char ns[NVS_KEY_MAX + 1]; /* "" if no namespace has the index */
        char key[NVS_KEY_MAX + 1];
        uint8_t ns_index;
        enum nvs_type type; /* NVS_BLOB for blobs of both versions */
        uint32_t size;   /* bytes of a string with its NUL, or of a blob; of an integer its width */
        uint32_t offset; /* of its entry on the flash */
};

struct nvs_store_iter {
        unsigned ns;   /* only this namespace; 0: all */
        unsigned type; /* only this type; 0: all */
        /* private: */
        uint16_t page;
        uint16_t slot;
        bool started;
        uint8_t name_of; /* name is that of this namespace */
        char name[NVS_KEY_MAX + 1];
};

/*
 * The next key in the order of the pages: 1 with *e filled in, 0 at the end. Start with
 * `struct nvs_store_iter it = { .ns = …, .type = … }`. Blobs appear at their first chunk, as in
 * ESP-IDF; blobs of version 1, which ESP-IDF does not list, appear too. Setting or erasing a key
 * meanwhile is safe, but keys may then be missed or seen twice.
 */
int nvs_store_next(struct nvs_store *s, struct nvs_store_iter *it, struct nvs_store_entry *e);

/* As nvs_get_stats(): slots of 32 bytes; free counts erased ones and the page in reserve. */
struct nvs_store_stats {
        size_t used;
        size_t free;
        size_t total;
        size_t namespaces;
};
int nvs_store_stats(struct nvs_store *s, struct nvs_store_stats *stats);

#endif
