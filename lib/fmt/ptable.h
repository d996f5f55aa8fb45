/*
 * Partition tables: read, write, verify and look up. Freestanding; the text form is
 * lib/host/ptable_csv.h. The rules are those of gen_esp32part.py 1.5 (ESP-IDF v5.5.5) where nothing
 * else is said.
 */
#ifndef FMT_PTABLE_H
#define FMT_PTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "fmt/ptable_wire.h"

struct ptable_entry {
        uint8_t type;                   /* enum ptable_type, or any other number */
        uint8_t subtype;                /* of that type */
        uint32_t offset;                /* bytes from the start of flash */
        uint32_t size;                  /* bytes */
        uint32_t flags;                 /* PTABLE_FLAG_…; bits unknown to us are kept */
        char name[PTABLE_NAME_LEN + 1]; /* 1 … 16 bytes and a NUL */
};

/* About 3.6 KiB; allocated by the caller, who may fill in entries himself. */
struct ptable {
        size_t count;
        struct ptable_entry entries[PTABLE_MAX];
        bool md5; /* an MD5 entry follows the last one */
};

/*
 * Read a binary table of n bytes: up to the end marker (an entry of FF); what follows is not looked
 * at. check_md5 false treats an MD5 entry as any other (and so refuses it), as --disable-md5sum of
 * the reference does. Errors, with the byte offset in d: -E_FORMAT (bad magic, a name with control
 * characters or not UTF-8), -E_CRC (MD5 differs), -E_TRUNC (no end marker, a part of an entry),
 * -E_NOSPACE (more than PTABLE_MAX entries). t holds nothing after a failure.
 */
int ptable_parse(struct ptable *t, const uint8_t *p, size_t n, bool check_md5, struct diag *d);

/* True if p begins as a table does: with an entry or (a table of none) with an MD5 entry. */
bool ptable_looks_binary(const uint8_t *p, size_t n);

/*
 * Write all PTABLE_LEN bytes to out, with an MD5 entry if t->md5. Returns PTABLE_LEN, -E_NOSPACE
 * (more entries than fit, cap too small) or -E_INVAL (a name that is empty or too long).
 */
int ptable_write(const struct ptable *t, uint8_t *out, size_t cap, struct diag *d);

/* The entry of that name; of that type and subtype, the next behind after (NULL: the first); or
 * NULL. */
const struct ptable_entry *ptable_find(const struct ptable *t, const char *name);
const struct ptable_entry *ptable_find_type(const struct ptable *t, uint8_t type, uint8_t subtype,
                                            const struct ptable_entry *after);

static inline bool ptable_is(const struct ptable_entry *e, uint8_t type, uint8_t subtype)
{
        return e->type == type && e->subtype == subtype;
}

static inline bool ptable_is_slot(const struct ptable_entry *e)
{
        return e->type == PTABLE_APP && e->subtype >= PTABLE_APP_OTA_0 &&
               e->subtype <= PTABLE_APP_OTA_15;
}

/* Does a chip with flash encryption decrypt it? Apps, otadata, NVS keys, what boots them, and what
 * is flagged so; other data are read as they lie there (ESP-IDF v5.5, esp_partition). */
static inline bool ptable_is_ciphered(const struct ptable_entry *e)
{
        return e->flags & PTABLE_FLAG_ENCRYPTED || e->type == PTABLE_APP ||
               e->type == PTABLE_BOOTLOADER || e->type == PTABLE_TABLE ||
               ptable_is(e, PTABLE_DATA, PTABLE_DATA_OTA) ||
               ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS_KEYS);
}

/* OTA slots that can be used: ota_0, ota_1, … up to the first that is missing (0 … 16). */
unsigned ptable_slots(const struct ptable *t);

/* The end of an entry, which may be beyond 4 GiB. */
static inline uint64_t ptable_end(const struct ptable_entry *e)
{
        return (uint64_t)e->offset + e->size;
}

/* Bytes of flash that the partitions need: the highest end. */
uint64_t ptable_flash_used(const struct ptable *t);

/* The alignment that an entry's offset must have. */
static inline uint32_t ptable_align(uint8_t type)
{
        return type == PTABLE_APP ? PTABLE_ALIGN_APP : PTABLE_ALIGN_DATA;
}

/*
 * Keywords of the text form: "app", "ota_0", … The name of a number, or NULL if it has none; the
 * number of a name (len bytes, any case), or -E_NOTFOUND. The lists are for messages: "app, data,
 * …".
 */
const char *ptable_type_name(uint8_t type);
const char *ptable_subtype_name(uint8_t type, uint8_t subtype);
int ptable_type_of(const char *name, size_t len);
int ptable_subtype_of(uint8_t type, const char *name, size_t len);
const char *ptable_type_list(void);
const char *ptable_subtype_list(uint8_t type); /* NULL: that type has numbers only */

/* What an entry is, in words of the text form: "data/nvs", "app/ota_0", "64/1". buf holds cap
 * bytes. */
void ptable_kind_text(const struct ptable_entry *e, char *buf, size_t cap);

/* Verification. */
enum ptable_field {
        PTABLE_F_NAME,
        PTABLE_F_TYPE,
        PTABLE_F_SUBTYPE,
        PTABLE_F_OFFSET,
        PTABLE_F_SIZE,
        PTABLE_F_FLAGS
};
#define PTABLE_FIELDS 6

struct ptable_finding {
        bool error; /* false: a note */
        int code;   /* E_XXX of an error */
        int entry;  /* index, or -1: the table as a whole */
        enum ptable_field field;
        char text[DIAG_TEXT_MAX]; /* "what: why; remedy" */
};

struct ptable_rules {
        uint32_t table_offset; /* 0: PTABLE_OFFSET */
        bool secure_v1;        /* sizes of apps in whole 64 KiB (secure boot v1) */
        uint64_t flash_size;   /* bytes; 0: not checked */
        /*
         * Also what the reference lets pass though no device can use it: an empty partition, two
         * partitions ota_0, a gap in the slots, slots without otadata. false: these are notes.
         */
        bool usable;
        bool laid_out;     /* the entries come from rows in rising order: overlaps have been told
                              already */
        bool entries_only; /* rows are missing, so the table as a whole is not judged */
};

/*
 * Check t and tell everything found, in the order of the entries, then of the table as a whole.
 * Returns 0 or the negative code of the first error.
 */
int ptable_verify(const struct ptable *t, const struct ptable_rules *rules,
                  void (*found)(void *ctx, const struct ptable_finding *f), void *ctx);

#endif
