#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "fmt/ptable.h"

struct verifier {
        const struct ptable *t;
        const struct ptable_rules *rules;
        uint32_t table_end;
        void (*found)(void *ctx, const struct ptable_finding *f);
        void *ctx;
        int rc;
};

/* entry -1: the table as a whole. code 0: a note. */
static void tell(struct verifier *v, int code, int entry, enum ptable_field field, const char *fmt,
                 ...) __attribute__((format(printf, 5, 6)));
static void tell(struct verifier *v, int code, int entry, enum ptable_field field, const char *fmt,
                 ...)
{
        struct ptable_finding f = {
                .error = code != 0, .code = code, .entry = entry, .field = field
        };
        va_list ap;

        va_start(ap, fmt);
        strf_v(f.text, sizeof f.text, fmt, ap);
        va_end(ap);
        if (code && v->rc == 0)
                v->rc = -code;
        if (v->found)
                v->found(v->ctx, &f);
}

/* What the reference lets pass is an error only where the caller says so. */
static int if_usable(const struct verifier *v, int code)
{
        return v->rules->usable ? code : 0;
}

static bool is_primary(const struct ptable_entry *e)
{
        return (e->type == PTABLE_BOOTLOADER || e->type == PTABLE_TABLE) &&
               e->subtype == PTABLE_BOOT_PRIMARY;
}

/* A name that is a keyword of another kind than the entry's is probably a slip in the columns. */
static void check_name(struct verifier *v, int i, const struct ptable_entry *e)
{
        const size_t len = strlen(e->name);
        const int type = ptable_type_of(e->name, len);
        bool known = false;

        if (!len) {
                tell(v, if_usable(v, E_INVAL), i, PTABLE_F_NAME,
                     "name is empty: no program can find this partition by its label; give it a "
                     "name");
                return;
        }
        if (type >= 0 && type != e->type)
                tell(v, 0, i, PTABLE_F_NAME,
                     "name '%s' is also a partition type, and not this partition's: are columns "
                     "swapped?",
                     e->name);
        if (ptable_subtype_of(e->type, e->name, len) == e->subtype)
                return;
        for (unsigned other = PTABLE_APP; other <= PTABLE_TABLE; other++)
                known |= ptable_subtype_of((uint8_t)other, e->name, len) >= 0;
        if (known)
                tell(v, 0, i, PTABLE_F_NAME,
                     "name '%s' is also a partition subtype, and not this partition's: are columns "
                     "swapped?",
                     e->name);
}

static void check_size(struct verifier *v, int i, const struct ptable_entry *e)
{
        const uint32_t align = v->rules->secure_v1 ? PTABLE_ALIGN_APP : PTABLE_ALIGN_APP_LEN;

        if (e->size == 0)
                tell(v, if_usable(v, E_RANGE), i, PTABLE_F_SIZE,
                     "size of '%s' is 0: nothing can be stored in it; give it a size or take the "
                     "row out",
                     e->name);
        if (e->type == PTABLE_APP && e->size % align)
                tell(v, E_RANGE, i, PTABLE_F_SIZE,
                     "size 0x%x of app '%s': not a multiple of 0x%x%s; use 0x%llx", e->size,
                     e->name, align, v->rules->secure_v1 ? " (secure boot v1)" : "",
                     ((unsigned long long)e->size / align + 1) * align);
        if (ptable_end(e) > (uint64_t)1 << 32)
                tell(v, E_RANGE, i, PTABLE_F_SIZE,
                     "'%s' ends at 0x%llx: beyond the 4 GiB that a table can address", e->name,
                     (unsigned long long)ptable_end(e));
        if (ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS) && (e->size || !v->rules->usable) &&
            e->size < PTABLE_NVS_RW_MIN && !(e->flags & PTABLE_FLAG_READONLY))
                tell(v, E_RANGE, i, PTABLE_F_SIZE,
                     "size 0x%x of NVS '%s': a writable NVS needs at least 0x%x; make it larger or "
                     "flag it 'readonly'",
                     e->size, e->name, PTABLE_NVS_RW_MIN);
        if ((ptable_is(e, PTABLE_DATA, PTABLE_DATA_OTA) ||
             ptable_is(e, PTABLE_DATA, PTABLE_DATA_TEE_OTA)) &&
            e->size != PTABLE_OTADATA_LEN)
                tell(v, E_RANGE, i, PTABLE_F_SIZE, "size 0x%x of '%s': %s must be exactly 0x%x",
                     e->size, e->name, e->subtype == PTABLE_DATA_OTA ? "otadata" : "TEE otadata",
                     PTABLE_OTADATA_LEN);
}

static void check_entry(struct verifier *v, int i, const struct ptable_entry *e)
{
        const uint32_t align = ptable_align(e->type);
        const uint32_t unknown =
                e->flags & ~(uint32_t)(PTABLE_FLAG_ENCRYPTED | PTABLE_FLAG_READONLY);

        check_name(v, i, e);
        if (e->offset % align)
                tell(v, E_RANGE, i, PTABLE_F_OFFSET,
                     "offset 0x%x of %s'%s': not a multiple of 0x%x; use 0x%llx", e->offset,
                     e->type == PTABLE_APP ? "app " : "", e->name, align,
                     ((unsigned long long)e->offset / align + 1) * align);
        check_size(v, i, e);
        if (e->type == PTABLE_DATA && (e->flags & PTABLE_FLAG_READONLY) &&
            (e->subtype == PTABLE_DATA_OTA || e->subtype == PTABLE_DATA_COREDUMP))
                tell(v, E_INVAL, i, PTABLE_F_FLAGS,
                     "'%s' is flagged readonly: %s is always written by the device; "
                     "take the flag out",
                     e->name, e->subtype == PTABLE_DATA_OTA ? "otadata" : "a core dump partition");
        if (unknown)
                tell(v, 0, i, PTABLE_F_FLAGS,
                     "'%s' has unknown flags 0x%x: the text form cannot say them", e->name,
                     unknown);
}

static void check_place(struct verifier *v, int i)
{
        const struct ptable_entry *e = &v->t->entries[i];

        if (e->offset < v->table_end && !is_primary(e) && !v->rules->laid_out) {
                tell(v, E_RANGE, i, PTABLE_F_OFFSET,
                     "offset 0x%x of '%s': below the end of the partition table; use 0x%x or "
                     "higher",
                     e->offset, e->name, v->table_end);
                return;
        }
        for (int k = 0; k < i; k++) {
                const struct ptable_entry *o = &v->t->entries[k];

                if (e->offset >= ptable_end(o) || o->offset >= ptable_end(e))
                        continue;
                if (v->rules->laid_out && !is_primary(e) && !is_primary(o))
                        continue;
                tell(v, E_RANGE, i, PTABLE_F_OFFSET,
                     "'%s' (0x%x to 0x%llx) overlaps '%s' (0x%x to 0x%llx); move or shrink one of "
                     "them",
                     e->name, e->offset, (unsigned long long)ptable_end(e), o->name, o->offset,
                     (unsigned long long)ptable_end(o));
                return;
        }
}

static void check_twins(struct verifier *v, int i)
{
        const struct ptable_entry *e = &v->t->entries[i];
        const struct ptable_entry *same = ptable_find(v->t, e->name);
        const struct ptable_entry *twin = ptable_find_type(v->t, e->type, e->subtype, NULL);
        char kind[48];

        if ((e->name[0] || !v->rules->usable) && same != e)
                tell(v, E_EXISTS, i, PTABLE_F_NAME,
                     "name '%s': used already by the partition at 0x%x; names must differ", e->name,
                     same->offset);
        if (twin == e)
                return;
        ptable_kind_text(e, kind, sizeof kind);
        if (ptable_is(e, PTABLE_DATA, PTABLE_DATA_OTA) ||
            ptable_is(e, PTABLE_DATA, PTABLE_DATA_TEE_OTA))
                tell(v, E_EXISTS, i, PTABLE_F_SUBTYPE,
                     "'%s' is a second %s beside '%s': there can be only one", e->name, kind,
                     twin->name);
        else if (ptable_is_slot(e) || ptable_is(e, PTABLE_APP, PTABLE_APP_FACTORY) ||
                 ptable_is(e, PTABLE_APP, PTABLE_APP_TEST))
                tell(v, if_usable(v, E_EXISTS), i, PTABLE_F_SUBTYPE,
                     "'%s' is a second %s beside '%s': the bootloader uses one and never the "
                     "other; number the slots "
                     "ota_0, ota_1, …",
                     e->name, kind, twin->name);
}

static void check_slots(struct verifier *v)
{
        const unsigned usable = ptable_slots(v->t);
        const struct ptable_entry *entries = v->t->entries;
        int first = -1;
        unsigned total = 0;

        for (size_t i = 0; i < v->t->count; i++) {
                if (!ptable_is_slot(&entries[i]))
                        continue;
                total++;
                if (first < 0)
                        first = (int)i;
                if (entries[i].subtype >= PTABLE_APP_OTA_0 + usable)
                        tell(v, if_usable(v, E_INVAL), (int)i, PTABLE_F_SUBTYPE,
                             "'%s' is slot ota_%u but there is no ota_%u: the bootloader counts "
                             "slots from 0 without "
                             "a gap and never reaches this one; renumber the slots",
                             entries[i].name, entries[i].subtype - PTABLE_APP_OTA_0, usable);
        }
        if (total && !ptable_find_type(v->t, PTABLE_DATA, PTABLE_DATA_OTA, NULL))
                tell(v, total > 1 ? if_usable(v, E_INVAL) : 0, first, PTABLE_F_SUBTYPE,
                     "%u OTA slot%s but no otadata: the bootloader can never switch slots; add "
                     "'otadata, data, ota, , "
                     "0x2000'",
                     total, total > 1 ? "s" : "");
}

static void check_flash(struct verifier *v)
{
        for (size_t i = 0; i < v->t->count; i++) {
                const struct ptable_entry *e = &v->t->entries[i];

                if (v->rules->flash_size && ptable_end(e) > v->rules->flash_size)
                        tell(v, E_NOSPACE, (int)i, PTABLE_F_SIZE,
                             "'%s' ends at 0x%llx: %llu bytes beyond the flash of 0x%llx; shrink a "
                             "partition or take "
                             "a larger flash",
                             e->name, (unsigned long long)ptable_end(e),
                             (unsigned long long)(ptable_end(e) - v->rules->flash_size),
                             (unsigned long long)v->rules->flash_size);
        }
}

int ptable_verify(const struct ptable *t, const struct ptable_rules *rules,
                  void (*found)(void *ctx, const struct ptable_finding *f), void *ctx)
{
        struct verifier v = { .t = t, .rules = rules, .found = found, .ctx = ctx };

        v.table_end = (rules->table_offset ? rules->table_offset : PTABLE_OFFSET) + PTABLE_SECTOR;
        for (size_t i = 0; i < t->count; i++) {
                check_entry(&v, (int)i, &t->entries[i]);
                check_place(&v, (int)i);
                check_twins(&v, (int)i);
        }
        check_flash(&v);
        if (rules->entries_only)
                return v.rc;
        check_slots(&v);
        if (!t->count)
                tell(&v, 0, -1, PTABLE_F_NAME, "no partition at all");
        return v.rc;
}
