#include "fmt/ptable_diff.h"

#include <stdarg.h>
#include <string.h>

#include "base/strf.h"

struct differ {
        const struct ptable *before, *after;
        const struct ptable_diff_config *cfg;
        enum ptable_impact worst;
        unsigned changes;
};

static void tell(struct differ *d, enum ptable_impact impact, const struct ptable_entry *before,
                 const struct ptable_entry *after, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));
static void tell(struct differ *d, enum ptable_impact impact, const struct ptable_entry *before,
                 const struct ptable_entry *after, const char *fmt, ...)
{
        struct ptable_change c = { .impact = impact, .before = before, .after = after };
        va_list ap;

        va_start(ap, fmt);
        strf_v(c.text, sizeof c.text, fmt, ap);
        va_end(ap);
        if (impact > d->worst)
                d->worst = impact;
        d->changes++;
        if (d->cfg->change)
                d->cfg->change(d->cfg->ctx, &c);
}

/* What is lost when the content of a partition is. */
static enum ptable_impact worth(const struct ptable_entry *e)
{
        const bool nvs = ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS);

        if (e->type == PTABLE_APP || e->type == PTABLE_BOOTLOADER || e->type == PTABLE_TABLE)
                return PTABLE_FATAL;
        if (ptable_is(e, PTABLE_DATA, PTABLE_DATA_OTA) ||
            ptable_is(e, PTABLE_DATA, PTABLE_DATA_TEE_OTA) ||
            ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS_KEYS) ||
            ptable_is(e, PTABLE_DATA, PTABLE_DATA_EFUSE))
                return PTABLE_FATAL;
        /* what the factory wrote cannot be made again in the field */
        if ((nvs && (e->flags & PTABLE_FLAG_READONLY)) || (nvs && strcmp(e->name, "nvs") != 0) ||
            strcmp(e->name, "esp_secure_cert") == 0)
                return PTABLE_FATAL;
        if (ptable_is(e, PTABLE_DATA, PTABLE_DATA_COREDUMP))
                return PTABLE_SAFE;
        return PTABLE_REFORMAT;
}

static const char *loss(const struct ptable_entry *e)
{
        if (ptable_is_slot(e))
                return "a unit that runs from this slot does not boot";
        if (e->type == PTABLE_APP)
                return "the app in it is not found any more";
        if (e->type == PTABLE_BOOTLOADER || e->type == PTABLE_TABLE)
                return "the unit does not boot";
        if (ptable_is(e, PTABLE_DATA, PTABLE_DATA_OTA) ||
            ptable_is(e, PTABLE_DATA, PTABLE_DATA_TEE_OTA))
                return "the choice of the slot is lost: the unit starts an old app or none";
        if (ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS_KEYS))
                return "the keys are lost and with them every encrypted NVS";
        if (ptable_is(e, PTABLE_DATA, PTABLE_DATA_COREDUMP))
                return "only an old core dump is lost";
        if (worth(e) == PTABLE_FATAL)
                return "what the factory stored there is lost";
        return "its content is lost; it has to be erased and made again";
}

/* The partition of the same name, or the one of another name at the same place. */
static const struct ptable_entry *partner(const struct ptable *in, const struct ptable *other,
                                          const struct ptable_entry *e)
{
        const struct ptable_entry *same = ptable_find(in, e->name);

        if (same)
                return same;
        for (size_t i = 0; i < in->count; i++)
                if (in->entries[i].offset == e->offset &&
                    ptable_is(&in->entries[i], e->type, e->subtype) &&
                    !ptable_find(other, in->entries[i].name))
                        return &in->entries[i];
        return NULL;
}

/* Flash that no partition of the old table used. */
static bool was_free(const struct ptable *t, uint64_t from, uint64_t to)
{
        for (size_t i = 0; i < t->count; i++)
                if (t->entries[i].offset < to && from < ptable_end(&t->entries[i]))
                        return false;
        return true;
}

static void grown(struct differ *d, const struct ptable_entry *b, const struct ptable_entry *a)
{
        const bool unused = was_free(d->before, ptable_end(b), ptable_end(a));
        const bool nvs = ptable_is(b, PTABLE_DATA, PTABLE_DATA_NVS);

        if (b->type == PTABLE_APP)
                tell(d, PTABLE_SAFE, b, a, "'%s' grows in place from 0x%x to 0x%x%s", b->name,
                     b->size, a->size, unused ? "" : " over flash that another partition had");
        else if (nvs && unused)
                tell(d, PTABLE_SAFE, b, a,
                     "'%s' grows in place from 0x%x to 0x%x into flash that was unused: NVS takes "
                     "it up if it is erased",
                     b->name, b->size, a->size);
        else if (nvs)
                tell(d, PTABLE_REFORMAT, b, a,
                     "'%s' grows from 0x%x to 0x%x into flash that another partition had: NVS "
                     "would read its remains; "
                     "erase that flash first",
                     b->name, b->size, a->size);
        else
                tell(d, worth(b), b, a,
                     "'%s' grows from 0x%x to 0x%x: a file system does not grow by itself; %s",
                     b->name, b->size, a->size, loss(b));
}

static void compare_place(struct differ *d, const struct ptable_entry *b,
                          const struct ptable_entry *a)
{
        if (a->offset != b->offset)
                tell(d, worth(b), b, a, "'%s' moves from 0x%x to 0x%x: %s", b->name, b->offset,
                     a->offset, loss(b));
        else if (a->size > b->size)
                grown(d, b, a);
        else if (a->size < b->size && b->type == PTABLE_APP)
                tell(d, PTABLE_FATAL, b, a,
                     "'%s' shrinks from 0x%x to 0x%x: the app that runs from it may reach beyond "
                     "the new end",
                     b->name, b->size, a->size);
        else if (a->size < b->size)
                tell(d, worth(b), b, a, "'%s' shrinks from 0x%x to 0x%x: %s", b->name, b->size,
                     a->size, loss(b));
}

static void compare_kind(struct differ *d, const struct ptable_entry *b,
                         const struct ptable_entry *a)
{
        const uint32_t flags = a->flags ^ b->flags;
        char was[48];
        char is[48];

        if (!ptable_is(a, b->type, b->subtype)) {
                ptable_kind_text(b, was, sizeof was);
                ptable_kind_text(a, is, sizeof is);
                tell(d, worth(b), b, a, "'%s' changes from %s to %s: %s", b->name, was, is,
                     loss(b));
        }
        if (strcmp(a->name, b->name) != 0)
                tell(d, b->type == PTABLE_APP ? PTABLE_SAFE : worth(b), b, a,
                     "'%s' is called '%s' now: firmware finds partitions by name, so the app "
                     "before the update (after "
                     "a rollback) finds nothing",
                     b->name, a->name);
        if ((flags & PTABLE_FLAG_ENCRYPTED) && worth(b) != PTABLE_SAFE)
                tell(d, worth(b), b, a,
                     "'%s' is %s flagged encrypted: on units with flash encryption what is in it "
                     "can "
                     "no longer be read",
                     b->name, a->flags & PTABLE_FLAG_ENCRYPTED ? "now" : "no longer");
        if (flags & PTABLE_FLAG_READONLY)
                tell(d, PTABLE_SAFE, b, a, "'%s' is %s readonly", b->name,
                     a->flags & PTABLE_FLAG_READONLY ? "now" : "no longer");
}

static void compare_tables(struct differ *d)
{
        const uint32_t b = d->cfg->before_offset ? d->cfg->before_offset : PTABLE_OFFSET;
        const uint32_t a = d->cfg->after_offset ? d->cfg->after_offset : PTABLE_OFFSET;
        const unsigned slots = ptable_slots(d->before);
        const unsigned now = ptable_slots(d->after);

        if (a != b)
                tell(d, PTABLE_FATAL, NULL, NULL,
                     "the partition table moves from 0x%x to 0x%x: the offset is built into the "
                     "bootloader, which an "
                     "ordinary update does not replace",
                     b, a);
        if (slots && now && slots != now)
                tell(d, PTABLE_FATAL, NULL, NULL,
                     "%u slots instead of %u: the number in otadata then means another slot ((seq "
                     "- 1) %% slots), and the "
                     "unit starts an old app or none",
                     now, slots);
        if (d->after->md5 && !d->before->md5)
                tell(d, PTABLE_FATAL, NULL, NULL,
                     "the table has an MD5 sum now: a bootloader of ESP-IDF before v3.1 refuses it "
                     "(--disable-md5sum)");
}

enum ptable_impact ptable_diff(const struct ptable *before, const struct ptable *after,
                               const struct ptable_diff_config *cfg, unsigned *changes)
{
        struct differ d = { .before = before, .after = after, .cfg = cfg };

        compare_tables(&d);
        for (size_t i = 0; i < before->count; i++) {
                const struct ptable_entry *b = &before->entries[i];
                const struct ptable_entry *a = partner(after, before, b);

                if (!a) {
                        tell(&d, worth(b), b, NULL, "'%s' is removed: %s", b->name, loss(b));
                        continue;
                }
                compare_kind(&d, b, a);
                compare_place(&d, b, a);
        }
        for (size_t i = 0; i < after->count; i++) {
                const struct ptable_entry *a = &after->entries[i];

                if (!partner(before, after, a))
                        tell(&d, PTABLE_SAFE, NULL, a, "'%s' is added at 0x%x, 0x%x bytes%s",
                             a->name, a->offset, a->size,
                             was_free(before, a->offset, ptable_end(a))
                                     ? ""
                                     : ", over flash that another partition had: erase it before "
                                       "its first use");
        }
        if (changes)
                *changes = d.changes;
        return d.worst;
}
