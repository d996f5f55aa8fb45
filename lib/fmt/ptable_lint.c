#include "fmt/ptable_lint.h"

#include <stdarg.h>
#include <string.h>

#include "base/bytes.h"
#include "base/strf.h"

enum rule {
        NO_APP,
        SLOTS_UNEQUAL,
        ONE_SLOT,
        NO_OTADATA,
        NO_OTA,
        SLOT_GAP,
        FACTORY_NVS,
        KEYS_CLEAR,
        NVS_ENCRYPTED,
        KEYS_SIZE,
        KEYS_MISSING,
        ODD_SIZE,
        HOLE,
        TAIL,
        NO_NVS,
        NVS_SMALL,
        NO_COREDUMP,
        COREDUMP_SMALL,
        NAME_FULL,
        RESERVED_TYPE,
        NO_SECURE_CERT,
};

static const struct ptable_lint_rule rules[] = {
        [NO_APP] = { "P001", "no-app", PTABLE_ERROR, "the bootloader finds nothing to start",
                     "add an app partition: factory, or ota_0 and ota_1 with otadata" },
        [SLOTS_UNEQUAL] = { "P002", "slots-unequal", PTABLE_ERROR,
                            "an update that fits the larger slot fails on every second device, "
                            "where the smaller is next",
                            "give all OTA slots the same size (size max in both shares the "
                            "flash)" },
        [ONE_SLOT] = { "P003", "one-slot", PTABLE_WARNING,
                       "an update needs a slot that is not running: with one there is no safe "
                       "second update",
                       "add ota_1 of the same size" },
        [NO_OTADATA] = { "P004", "no-otadata", PTABLE_ERROR,
                         "the bootloader cannot know which slot to start",
                         "add 'otadata, data, ota, , 0x2000'" },
        [NO_OTA] = { "P005", "no-ota", PTABLE_WARNING,
                     "fielded devices can never be updated, and the layout cannot be changed later",
                     "lay out ota_0, ota_1 and otadata from the first unit on" },
        [SLOT_GAP] = { "P006", "slot-gap", PTABLE_ERROR,
                       "slots are counted from ota_0 without a gap: the one behind the gap is "
                       "never started",
                       "number the slots ota_0, ota_1, …" },
        [FACTORY_NVS] = { "P007", "factory-nvs-writable", PTABLE_WARNING,
                          "identity and keys made in the factory can be erased or changed by a bug "
                          "or an update",
                          "flag the factory NVS 'readonly'" },
        [KEYS_CLEAR] = { "P008", "nvs-keys-not-encrypted", PTABLE_ERROR,
                         "the keys of the encrypted NVS lie readable on the flash chip",
                         "flag the nvs_keys partition 'encrypted'" },
        [NVS_ENCRYPTED] = { "P009", "nvs-flag-encrypted", PTABLE_ERROR,
                            "NVS cannot work under flash encryption: it clears single bits of "
                            "written words",
                            "take the flag off; encrypt the NVS with an nvs_keys partition (or the "
                            "HMAC scheme)" },
        [KEYS_SIZE] = { "P010", "nvs-keys-size", PTABLE_WARNING,
                        "a key partition uses one sector; the rest is wasted",
                        "give nvs_keys 0x1000" },
        [KEYS_MISSING] = { "P011", "nvs-keys-missing", PTABLE_WARNING,
                           "with flash encryption the NVS stays readable unless it is encrypted "
                           "with keys of its own",
                           "add 'nvs_keys, data, nvs_keys, , 0x1000, encrypted' (or use the HMAC "
                           "scheme)" },
        [ODD_SIZE] = { "P012", "size-not-sectors", PTABLE_WARNING,
                       "flash is erased by sectors of 4 KiB: the last piece can never be erased by "
                       "itself, and the next "
                       "partition moves up",
                       "round the size up to a multiple of 0x1000" },
        [HOLE] = { "P013", "hole", PTABLE_WARNING,
                   "flash between partitions that nothing uses is lost for good",
                   "order the small data partitions before the apps, or grow the one before the "
                   "hole" },
        [TAIL] = { "P014", "unused-tail", PTABLE_WARNING,
                   "flash at the end that nothing uses: slots that are too small cannot grow in "
                   "the field",
                   "grow the OTA slots (size max) or add a data partition" },
        [NO_NVS] = { "P015", "no-nvs", PTABLE_WARNING,
                     "nvs_flash_init() opens the NVS partition labelled 'nvs'; Wi-Fi and "
                     "provisioning need it",
                     "add 'nvs, data, nvs, , 0x6000'" },
        [NVS_SMALL] = { "P016", "nvs-small", PTABLE_WARNING,
                        "one of the pages is always kept free: with three or fewer the same "
                        "sectors wear out",
                        "give a writable NVS at least 0x4000, better 0x6000" },
        [NO_COREDUMP] = { "P017", "no-coredump", PTABLE_ADVICE,
                          "crashes in the field leave no trace, and the partition cannot be added "
                          "later",
                          "add 'coredump, data, coredump, , 64K'" },
        [COREDUMP_SMALL] = { "P018", "coredump-small", PTABLE_WARNING,
                             "a core dump that does not fit is not stored",
                             "give the core dump 64K" },
        [NAME_FULL] = { "P019", "name-16-bytes", PTABLE_WARNING,
                        "a name of 16 bytes has no NUL in the table: readers that expect one run "
                        "on into the flags",
                        "shorten the name to 15 bytes" },
        [RESERVED_TYPE] = { "P020", "reserved-type", PTABLE_WARNING,
                            "types 0x04 to 0x3f are kept for later ESP-IDF versions, 0xff means "
                            "any type",
                            "take a type of your own from 0x40 to 0xfe" },
        [NO_SECURE_CERT] = { "P021", "no-place-for-identity", PTABLE_ADVICE,
                             "certificate and key of a device need a place that a reset to factory "
                             "does not erase",
                             "add a factory NVS ('fctry, data, nvs, , 0x6000, readonly') or "
                             "'esp_secure_cert, 0x3f, , , 0x2000, encrypted'" },
};
#define RULES (sizeof rules / sizeof rules[0])

const struct ptable_lint_rule *ptable_lint_rules(size_t *count)
{
        *count = RULES;
        return rules;
}

struct linter {
        const struct ptable *t;
        const struct ptable_lint_config *cfg;
        unsigned found;
};

static void tell(struct linter *l, enum rule rule, int entry, enum ptable_field field,
                 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void tell(struct linter *l, enum rule rule, int entry, enum ptable_field field,
                 const char *fmt, ...)
{
        struct ptable_lint_finding f = { .rule = &rules[rule], .entry = entry, .field = field };
        va_list ap;

        va_start(ap, fmt);
        strf_v(f.text, sizeof f.text, fmt, ap);
        va_end(ap);
        l->found++;
        if (l->cfg->found)
                l->cfg->found(l->cfg->ctx, &f);
}

/* Labels under which products keep what the factory wrote. */
static bool is_factory_name(const char *name)
{
        static const char *const starts[] = { "fctry", "fact", "mfg", "manuf", "prod" };

        for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
                if (strncmp(name, starts[i], strlen(starts[i])) == 0)
                        return true;
        return false;
}

static void lint_nvs(struct linter *l, int i, const struct ptable_entry *e)
{
        const bool readonly = e->flags & PTABLE_FLAG_READONLY;

        if (is_factory_name(e->name) && !readonly)
                tell(l, FACTORY_NVS, i, PTABLE_F_FLAGS, "factory NVS '%s' is writable", e->name);
        if (e->flags & PTABLE_FLAG_ENCRYPTED)
                tell(l, NVS_ENCRYPTED, i, PTABLE_F_FLAGS, "NVS '%s' is flagged encrypted", e->name);
        if (readonly || is_factory_name(e->name))
                return;
        if (e->size < 0x4000)
                tell(l, NVS_SMALL, i, PTABLE_F_SIZE, "NVS '%s' has %u pages", e->name,
                     e->size / 0x1000);
}

static void lint_data(struct linter *l, int i, const struct ptable_entry *e)
{
        if (e->subtype == PTABLE_DATA_NVS)
                lint_nvs(l, i, e);
        if (e->subtype == PTABLE_DATA_NVS_KEYS && !(e->flags & PTABLE_FLAG_ENCRYPTED))
                tell(l, KEYS_CLEAR, i, PTABLE_F_FLAGS,
                     "key partition '%s' is not flagged encrypted", e->name);
        if (e->subtype == PTABLE_DATA_NVS_KEYS && e->size > 0x1000)
                tell(l, KEYS_SIZE, i, PTABLE_F_SIZE, "key partition '%s' has 0x%x bytes", e->name,
                     e->size);
        if (e->subtype == PTABLE_DATA_COREDUMP && e->size < 0x10000)
                tell(l, COREDUMP_SMALL, i, PTABLE_F_SIZE,
                     "core dump partition '%s' has only %u KiB", e->name, e->size / 0x400);
}

static void lint_entry(struct linter *l, int i, const struct ptable_entry *e)
{
        if (strlen(e->name) == PTABLE_NAME_LEN)
                tell(l, NAME_FULL, i, PTABLE_F_NAME, "name '%s' fills all 16 bytes", e->name);
        /* 0x3f: esp_secure_cert, the one such type that Espressif's own projects use */
        if ((e->type > PTABLE_TABLE && e->type < 0x3F) || e->type == 0xFF)
                tell(l, RESERVED_TYPE, i, PTABLE_F_TYPE, "type 0x%02x of '%s' is reserved", e->type,
                     e->name);
        if (e->type != PTABLE_APP && e->size % PTABLE_ALIGN_DATA)
                tell(l, ODD_SIZE, i, PTABLE_F_SIZE, "size 0x%x of '%s' is not a multiple of 0x1000",
                     e->size, e->name);
        if (e->type == PTABLE_DATA)
                lint_data(l, i, e);
}

static void lint_slots(struct linter *l)
{
        const struct ptable *t = l->t;
        const unsigned usable = ptable_slots(t);
        const bool factory = ptable_find_type(t, PTABLE_APP, PTABLE_APP_FACTORY, NULL);
        int first = -1;
        unsigned total = 0;
        bool unequal = false;

        for (size_t i = 0; i < t->count; i++) {
                const struct ptable_entry *e = &t->entries[i];

                if (!ptable_is_slot(e))
                        continue;
                if (first < 0)
                        first = (int)i;
                if (!unequal && e->size != t->entries[first].size) {
                        tell(l, SLOTS_UNEQUAL, (int)i, PTABLE_F_SIZE,
                             "slot '%s' has 0x%x bytes, '%s' 0x%x", e->name, e->size,
                             t->entries[first].name, t->entries[first].size);
                        unequal = true;
                }
                if (e->subtype >= PTABLE_APP_OTA_0 + usable)
                        tell(l, SLOT_GAP, (int)i, PTABLE_F_SUBTYPE,
                             "'%s' is ota_%u but there is no ota_%u", e->name,
                             e->subtype - PTABLE_APP_OTA_0, usable);
                total++;
        }
        if (!total && !factory && !ptable_find_type(t, PTABLE_APP, PTABLE_APP_TEST, NULL))
                tell(l, NO_APP, -1, PTABLE_F_TYPE, "no app partition");
        else if (!total)
                tell(l, NO_OTA, -1, PTABLE_F_TYPE, "no OTA slots");
        else if (total == 1)
                tell(l, ONE_SLOT, first, PTABLE_F_SUBTYPE, "only one OTA slot%s",
                     factory ? " beside the factory app" : "");
        if (total && !ptable_find_type(t, PTABLE_DATA, PTABLE_DATA_OTA, NULL))
                tell(l, NO_OTADATA, first, PTABLE_F_SUBTYPE, "OTA slots but no otadata");
}

/* The end of the last partition that ends at or before the start of e; the table's end if there is
 * none. */
static uint64_t end_before(const struct ptable *t, const struct ptable_entry *e, uint64_t floor)
{
        uint64_t end = floor;

        for (size_t i = 0; i < t->count; i++)
                if (t->entries[i].offset < e->offset && ptable_end(&t->entries[i]) > end)
                        end = ptable_end(&t->entries[i]);
        return end;
}

static void lint_holes(struct linter *l)
{
        const uint64_t table_end =
                (uint64_t)(l->cfg->table_offset ? l->cfg->table_offset : PTABLE_OFFSET) +
                PTABLE_SECTOR;
        uint64_t used = ptable_flash_used(l->t);

        for (size_t i = 0; i < l->t->count; i++) {
                const struct ptable_entry *e = &l->t->entries[i];
                const uint64_t before = end_before(l->t, e, table_end);

                if (e->offset >= before + PTABLE_ALIGN_DATA)
                        tell(l, HOLE, (int)i, PTABLE_F_OFFSET,
                             "%u KiB unused before '%s' (0x%llx to 0x%x)",
                             (unsigned)((e->offset - before) / 0x400), e->name,
                             (unsigned long long)before, e->offset);
        }
        used = used > table_end ? used : table_end;
        if (l->cfg->flash_size >= used + PTABLE_ALIGN_APP)
                tell(l, TAIL, -1, PTABLE_F_SIZE, "%u KiB unused at the end (0x%llx to 0x%llx)",
                     (unsigned)((l->cfg->flash_size - used) / 0x400), (unsigned long long)used,
                     (unsigned long long)l->cfg->flash_size);
}

static void lint_presence(struct linter *l)
{
        bool encrypted = l->cfg->encrypted;
        bool identity = false;
        const struct ptable_entry *nvs = ptable_find(l->t, "nvs");

        for (size_t i = 0; i < l->t->count; i++) {
                const struct ptable_entry *e = &l->t->entries[i];

                encrypted |= (e->flags & PTABLE_FLAG_ENCRYPTED) != 0;
                identity |= strcmp(e->name, "esp_secure_cert") == 0;
                identity |=
                        ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS) && strcmp(e->name, "nvs") != 0;
        }
        if (!nvs || !ptable_is(nvs, PTABLE_DATA, PTABLE_DATA_NVS))
                tell(l, NO_NVS, -1, PTABLE_F_TYPE, "no NVS partition named 'nvs'");
        else if (encrypted && !ptable_find_type(l->t, PTABLE_DATA, PTABLE_DATA_NVS_KEYS, NULL))
                tell(l, KEYS_MISSING, -1, PTABLE_F_TYPE,
                     "flash encryption is used but there is no nvs_keys partition");
        if (!ptable_find_type(l->t, PTABLE_DATA, PTABLE_DATA_COREDUMP, NULL))
                tell(l, NO_COREDUMP, -1, PTABLE_F_TYPE, "no core dump partition");
        if (!identity)
                tell(l, NO_SECURE_CERT, -1, PTABLE_F_TYPE, "no factory NVS and no esp_secure_cert");
}

unsigned ptable_lint(const struct ptable *t, const struct ptable_lint_config *cfg)
{
        struct linter l = { .t = t, .cfg = cfg };

        for (size_t i = 0; i < t->count; i++)
                lint_entry(&l, (int)i, &t->entries[i]);
        lint_slots(&l);
        lint_holes(&l);
        lint_presence(&l);
        return l.found;
}
