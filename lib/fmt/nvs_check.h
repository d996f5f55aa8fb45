/*
 * Every integrity rule of the NVS format, checked over a whole image. Freestanding.
 *
 * What a device would refuse or lose is an error; what it puts right by itself when it mounts (an
 * interrupted write, a page half moved) or what no writer makes but every reader survives is a
 * warning; the rest is a note. The rules follow ESP-IDF v5.5 (components/nvs_flash/src:
 * nvs_page.cpp, nvs_pagemanager.cpp, nvs_storage.cpp) and what its generators write.
 */
#ifndef FMT_NVS_CHECK_H
#define FMT_NVS_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "fmt/nvs_read.h"

enum nvs_severity { NVS_NOTE, NVS_WARNING, NVS_ERROR };

/* Each rule: its id, and what it demands (for the manual and --rules). */
#define NVS_RULES(X)                                                                              \
        X(IMAGE_SIZE, "image-size", "the image is one or more whole pages of 4096 bytes")         \
        X(ENCRYPTED, "encrypted",                                                                 \
          "the entries can be read: plain, or decrypted with the right key")                      \
        X(EMPTY, "empty", "the image holds entries")                                              \
        X(PAGE_CRC, "page-crc", "the page header has the right checksum")                         \
        X(PAGE_STATE, "page-state", "a page is empty, active, full or freeing")                   \
        X(PAGE_VERSION, "page-version", "the format version is 1 or 2")                           \
        X(PAGE_RESERVED, "page-reserved", "the unused bytes of the page header are FF")           \
        X(PAGE_SEQ, "page-seq", "no two pages have the same sequence number")                     \
        X(PAGE_EMPTY, "page-empty", "an empty page is FF throughout")                             \
        X(PAGE_ACTIVE, "page-active", "at most one page is active, and it is the newest")         \
        X(PAGE_FREEING, "page-freeing", "no page is in the middle of being moved")                \
        X(PAGE_FREE, "page-free", "a partition of 0x3000 bytes or more keeps one page free")      \
        X(BITMAP_STATE, "bitmap-state", "a slot is empty, written or erased")                     \
        X(BITMAP_PADDING, "bitmap-padding", "the bits of the slots 126 and 127 are set")          \
        X(BITMAP_HOLE, "bitmap-hole", "in an active page nothing is written after an empty slot") \
        X(SLOT_EMPTY, "slot-empty", "an empty slot is FF throughout")                             \
        X(ENTRY_CRC, "entry-crc", "the entry has the right checksum")                             \
        X(ENTRY_TYPE, "entry-type", "the type is known, and u8 for a namespace")                  \
        X(ENTRY_SPAN, "entry-span", "the span is what type and size need and stays in the page")  \
        X(ENTRY_STATE, "entry-state", "all slots of an entry's span have the same state")         \
        X(ENTRY_CHUNK, "entry-chunk", "the chunk number is FF except in blob data")               \
        X(ENTRY_RESERVED, "entry-reserved", "the unused bytes of an entry are FF")                \
        X(KEY, "key", "a key has 1 to 15 bytes and ends in NUL")                                  \
        X(KEY_PADDING, "key-padding", "a key is padded with NUL")                                 \
        X(KEY_DUPLICATE, "key-duplicate", "a key appears once in its namespace")                  \
        X(DATA_CRC, "data-crc", "strings and blobs have the right checksum")                      \
        X(DATA_PADDING, "data-padding", "the rest of the last data entry is FF")                  \
        X(STRING_NUL, "string-nul", "a string ends in NUL, and has no other")                     \
        X(BLOB_INDEX, "blob-index",                                                               \
          "a blob index has all its chunks, and they add up to its size")                         \
        X(BLOB_START, "blob-start",                                                               \
          "the chunks of a blob start at 0 or 0x80 and stay in that half")                        \
        X(BLOB_ORPHAN, "blob-orphan", "every chunk belongs to a blob index")                      \
        X(NS_UNDEFINED, "namespace-undefined", "the namespace of every entry is defined")         \
        X(NS_INDEX, "namespace-index", "namespace indexes are 1 to 254, each given once")         \
        X(NS_UNUSED, "namespace-unused", "every namespace holds a key")

#define NVS_RULE_ENUM(name, id, demands) NVS_RULE_##name,
enum nvs_rule { NVS_RULES(NVS_RULE_ENUM) NVS_RULE_COUNT };
#undef NVS_RULE_ENUM

/* The id, and the sentence of what the rule demands; never NULL. */
const char *nvs_rule_id(enum nvs_rule rule);
const char *nvs_rule_text(enum nvs_rule rule);

struct nvs_finding {
        enum nvs_rule rule;
        enum nvs_severity severity;
        int32_t page;     /* -1: the image as a whole */
        int32_t entry;    /* slot in the page, -1: the page as a whole */
        size_t offset;    /* byte offset in the image */
        const char *text; /* a sentence; names keys, never values. Borrowed until the callback
                             returns */
};

struct nvs_checker {
        const uint8_t *image; /* plain text; borrowed during nvs_check */
        size_t len;           /* bytes */
        uint32_t *work;       /* nvs_check_work(len) words; borrowed during nvs_check */
        size_t work_len;      /* words */
        void (*found)(void *ctx, const struct nvs_finding *f); /* may be NULL: counts only */
        void *ctx;                                             /* borrowed */
        uint32_t count[3];   /* findings of each severity; set by nvs_check */
        uint32_t items;      /* entries with a value, namespaces not counted; set by nvs_check */
        uint32_t slots_used; /* of 32 bytes, written; set by nvs_check */
        /* private: */
        uint32_t mask;
        int32_t newest;      /* page with the highest sequence number, -1: none */
        int32_t dropped;     /* page that a device erases when it finishes a move, -1: none */
        int32_t last_entry;  /* last intact item of the newest page that counts */
        uint32_t ns_at[256]; /* slot of the namespace's definition + 1 */
        uint8_t ns_used[32];
};

/* Words of work memory for an image of len bytes. */
size_t nvs_check_work(size_t len);

/*
 * Check the image; findings come rule by rule, in the order of the image within a pass. Time is
 * linear in len. Returns the number of errors found (0: a device reads all of it), or -E_NOSPACE if
 * work is too small.
 */
long nvs_check(struct nvs_checker *c);

#endif
