#include "fmt/ptable.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"
#include "base/utf8.h"
#include "crypt/crypt.h"

/* Bytes of a name in a field of PTABLE_NAME_LEN bytes, where only a shorter one ends in NUL. */
static size_t name_length(const void *name)
{
        const uint8_t *end = memchr(name, 0, PTABLE_NAME_LEN);

        return end ? (size_t)(end - (const uint8_t *)name) : PTABLE_NAME_LEN;
}

bool ptable_looks_binary(const uint8_t *p, size_t n)
{
        if (n < PTABLE_ENTRY)
                return n >= 2 && p[0] == PTABLE_MAGIC_0 && p[1] == PTABLE_MAGIC_1;
        if (p[0] == PTABLE_MD5_MAGIC && p[1] == PTABLE_MD5_MAGIC)
                return bytes_all(p + 2, PTABLE_MD5_AT - 2, 0xFF);
        return p[0] == PTABLE_MAGIC_0 && p[1] == PTABLE_MAGIC_1;
}

/* A name that a line of text can hold: UTF-8 without control characters. */
static bool name_is_text(const char *name, size_t len)
{
        for (size_t i = 0; i < len; i++)
                if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
                        return false;
        return utf8_valid(name, len);
}

static int entry_parse(struct ptable_entry *e, const uint8_t *p, size_t at, struct diag *d)
{
        const uint8_t *name = p + PTABLE_AT_NAME;
        const size_t len = name_length(name);

        if (p[0] != PTABLE_MAGIC_0 || p[1] != PTABLE_MAGIC_1)
                return diag_off(d, E_FORMAT, at,
                                "magic bytes %02X %02X: an entry begins with AA 50; the table is "
                                "damaged or "
                                "not a partition table",
                                p[0], p[1]);
        e->type = p[PTABLE_AT_TYPE];
        e->subtype = p[PTABLE_AT_SUBTYPE];
        e->offset = le32_get(p + PTABLE_AT_OFFSET);
        e->size = le32_get(p + PTABLE_AT_SIZE);
        e->flags = le32_get(p + PTABLE_AT_FLAGS);
        memset(e->name, 0, sizeof e->name);
        memcpy(e->name, name, len);
        if (!name_is_text(e->name, len))
                return diag_off(d, E_FORMAT, at + PTABLE_AT_NAME,
                                "name: not UTF-8 text (it may have been cut in the middle of a "
                                "character); make "
                                "the table again from its CSV with a name of at most 16 bytes");
        return 0;
}

static int md5_check(const uint8_t *table, size_t at, struct diag *d)
{
        uint8_t digest[CRYPT_MD5_LEN];
        char want[2 * CRYPT_MD5_LEN + 1];
        char got[2 * CRYPT_MD5_LEN + 1];
        int rc;

        if ((rc = crypt_md5(table, at, digest)) < 0)
                return diag_set(d, -rc, "MD5 sum could not be computed");
        if (memcmp(digest, table + at + PTABLE_MD5_AT, sizeof digest) == 0)
                return 0;
        hex_encode(digest, sizeof digest, want);
        hex_encode(table + at + PTABLE_MD5_AT, sizeof digest, got);
        return diag_off(d, E_CRC, at,
                        "MD5 sum of the table: it says %s, its entries give %s; the table is "
                        "damaged, read or make "
                        "it again",
                        got, want);
}

static int parse_entries(struct ptable *t, const uint8_t *p, size_t n, bool check_md5,
                         struct diag *d)
{
        int rc;

        for (size_t at = 0; at < n; at += PTABLE_ENTRY) {
                if (n - at < PTABLE_ENTRY)
                        return diag_off(
                                d, E_TRUNC, at,
                                "partition table cut in the middle of an entry (%u of 32 bytes)",
                                (unsigned)(n - at));
                if (bytes_all(p + at, PTABLE_ENTRY, 0xFF))
                        return 0;
                if (check_md5 && p[at] == PTABLE_MD5_MAGIC && p[at + 1] == PTABLE_MD5_MAGIC) {
                        if ((rc = md5_check(p, at, d)) < 0)
                                return rc;
                        t->md5 = true;
                        continue;
                }
                if (t->md5)
                        return diag_off(d, E_FORMAT, at,
                                        "an entry behind the MD5 sum: the table is damaged");
                if (t->count == PTABLE_MAX)
                        return diag_off(d, E_NOSPACE, at, "more than %u partitions", PTABLE_MAX);
                if ((rc = entry_parse(&t->entries[t->count], p + at, at, d)) < 0)
                        return rc;
                t->count++;
        }
        return diag_off(d, E_TRUNC, n,
                        "partition table has no end marker (32 bytes of FF); it was cut short");
}

int ptable_parse(struct ptable *t, const uint8_t *p, size_t n, bool check_md5, struct diag *d)
{
        int rc;

        t->count = 0;
        t->md5 = false;
        rc = parse_entries(t, p, n, check_md5, d);
        if (rc < 0)
                t->count = 0;
        return rc;
}

static void entry_write(const struct ptable_entry *e, uint8_t *p)
{
        p[0] = PTABLE_MAGIC_0;
        p[1] = PTABLE_MAGIC_1;
        p[PTABLE_AT_TYPE] = e->type;
        p[PTABLE_AT_SUBTYPE] = e->subtype;
        le32_put(p + PTABLE_AT_OFFSET, e->offset);
        le32_put(p + PTABLE_AT_SIZE, e->size);
        memset(p + PTABLE_AT_NAME, 0, PTABLE_NAME_LEN);
        memcpy(p + PTABLE_AT_NAME, e->name, name_length(e->name));
        le32_put(p + PTABLE_AT_FLAGS, e->flags);
}

int ptable_write(const struct ptable *t, uint8_t *out, size_t cap, struct diag *d)
{
        const size_t max = PTABLE_MAX - (t->md5 ? 1 : 0);
        uint8_t *p = out;
        int rc;

        if (t->count > max)
                return diag_set(d, E_NOSPACE, "%u partitions: a table %s MD5 sum holds at most %u",
                                (unsigned)t->count, t->md5 ? "with its" : "without", (unsigned)max);
        if (cap < PTABLE_LEN)
                return diag_set(d, E_NOSPACE, "partition table: %u bytes are needed", PTABLE_LEN);
        for (size_t i = 0; i < t->count; i++, p += PTABLE_ENTRY) {
                if (!memchr(t->entries[i].name, 0, sizeof t->entries[i].name))
                        return diag_set(d, E_INVAL, "name of partition %u: longer than 16 bytes",
                                        (unsigned)i);
                entry_write(&t->entries[i], p);
        }
        memset(p, 0xFF, PTABLE_LEN - (size_t)(p - out));
        if (!t->md5)
                return (int)PTABLE_LEN;
        p[0] = PTABLE_MD5_MAGIC;
        p[1] = PTABLE_MD5_MAGIC;
        if ((rc = crypt_md5(out, (size_t)(p - out), p + PTABLE_MD5_AT)) < 0)
                return diag_set(d, -rc, "MD5 sum could not be computed");
        return (int)PTABLE_LEN;
}

const struct ptable_entry *ptable_find(const struct ptable *t, const char *name)
{
        for (size_t i = 0; i < t->count; i++)
                if (strcmp(t->entries[i].name, name) == 0)
                        return &t->entries[i];
        return NULL;
}

const struct ptable_entry *ptable_find_type(const struct ptable *t, uint8_t type, uint8_t subtype,
                                            const struct ptable_entry *after)
{
        for (size_t i = after ? (size_t)(after - t->entries) + 1 : 0; i < t->count; i++)
                if (ptable_is(&t->entries[i], type, subtype))
                        return &t->entries[i];
        return NULL;
}

unsigned ptable_slots(const struct ptable *t)
{
        unsigned n = 0;

        while (n < 16 && ptable_find_type(t, PTABLE_APP, (uint8_t)(PTABLE_APP_OTA_0 + n), NULL))
                n++;
        return n;
}

uint64_t ptable_flash_used(const struct ptable *t)
{
        uint64_t used = 0;

        for (size_t i = 0; i < t->count; i++)
                if (ptable_end(&t->entries[i]) > used)
                        used = ptable_end(&t->entries[i]);
        return used;
}
