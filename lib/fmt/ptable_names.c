/* The keywords of partition tables' text form, as gen_esp32part.py 1.5 (ESP-IDF v5.5.5) knows them.
 */
#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "fmt/ptable.h"

struct keyword {
        const char *name;
        uint8_t value;
};

static const struct keyword types[] = {
        { "app", PTABLE_APP },
        { "data", PTABLE_DATA },
        { "bootloader", PTABLE_BOOTLOADER },
        { "partition_table", PTABLE_TABLE },
        { NULL, 0 },
};
static const struct keyword app[] = {
        { "factory", PTABLE_APP_FACTORY },
        { "test", PTABLE_APP_TEST },
        { "ota_0", 0x10 },
        { "ota_1", 0x11 },
        { "ota_2", 0x12 },
        { "ota_3", 0x13 },
        { "ota_4", 0x14 },
        { "ota_5", 0x15 },
        { "ota_6", 0x16 },
        { "ota_7", 0x17 },
        { "ota_8", 0x18 },
        { "ota_9", 0x19 },
        { "ota_10", 0x1A },
        { "ota_11", 0x1B },
        { "ota_12", 0x1C },
        { "ota_13", 0x1D },
        { "ota_14", 0x1E },
        { "ota_15", 0x1F },
        { "tee_0", PTABLE_APP_TEE_0 },
        { "tee_1", PTABLE_APP_TEE_1 },
        { NULL, 0 },
};
static const struct keyword data[] = {
        { "ota", PTABLE_DATA_OTA },
        { "phy", PTABLE_DATA_PHY },
        { "nvs", PTABLE_DATA_NVS },
        { "coredump", PTABLE_DATA_COREDUMP },
        { "nvs_keys", PTABLE_DATA_NVS_KEYS },
        { "efuse", PTABLE_DATA_EFUSE },
        { "undefined", PTABLE_DATA_UNDEFINED },
        { "esphttpd", PTABLE_DATA_ESPHTTPD },
        { "fat", PTABLE_DATA_FAT },
        { "spiffs", PTABLE_DATA_SPIFFS },
        { "littlefs", PTABLE_DATA_LITTLEFS },
        { "tee_ota", PTABLE_DATA_TEE_OTA },
        { NULL, 0 },
};
static const struct keyword bootloader[] = {
        { "primary", PTABLE_BOOT_PRIMARY },
        { "ota", PTABLE_BOOT_OTA },
        { "recovery", PTABLE_BOOT_RECOVERY },
        { NULL, 0 },
};
static const struct keyword table[] = {
        { "primary", PTABLE_BOOT_PRIMARY },
        { "ota", PTABLE_BOOT_OTA },
        { NULL, 0 },
};
static const struct keyword none[] = { { NULL, 0 } };

/* Indexed by enum ptable_type. */
static const struct {
        const struct keyword *words;
        const char *list;
} subtypes[] = {
        [PTABLE_APP] = { app, "factory, test, ota_0 … ota_15, tee_0, tee_1" },
        [PTABLE_DATA] = { data, "ota, phy, nvs, coredump, nvs_keys, efuse, undefined, esphttpd, "
                                "fat, spiffs, "
                                "littlefs, tee_ota" },
        [PTABLE_BOOTLOADER] = { bootloader, "primary, ota, recovery" },
        [PTABLE_TABLE] = { table, "primary, ota" },
};
#define TYPES_WITH_WORDS (sizeof subtypes / sizeof subtypes[0])

static const struct keyword *words_of(uint8_t type)
{
        return type < TYPES_WITH_WORDS ? subtypes[type].words : none;
}

static const char *name_of(const struct keyword *k, uint8_t value)
{
        for (; k->name; k++)
                if (k->value == value)
                        return k->name;
        return NULL;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int value_of(const struct keyword *k, const char *name, size_t len)
{
        for (; k->name; k++) {
                size_t i = 0;

                while (i < len && k->name[i] && lower(name[i]) == k->name[i])
                        i++;
                if (i == len && !k->name[i])
                        return k->value;
        }
        return -E_NOTFOUND;
}

const char *ptable_type_name(uint8_t type)
{
        return name_of(types, type);
}

const char *ptable_subtype_name(uint8_t type, uint8_t subtype)
{
        return name_of(words_of(type), subtype);
}

int ptable_type_of(const char *name, size_t len)
{
        return value_of(types, name, len);
}

int ptable_subtype_of(uint8_t type, const char *name, size_t len)
{
        return value_of(words_of(type), name, len);
}

const char *ptable_type_list(void)
{
        return "app, data, bootloader, partition_table";
}

const char *ptable_subtype_list(uint8_t type)
{
        return type < TYPES_WITH_WORDS ? subtypes[type].list : NULL;
}

void ptable_kind_text(const struct ptable_entry *e, char *buf, size_t cap)
{
        const char *type = ptable_type_name(e->type);
        const char *subtype = ptable_subtype_name(e->type, e->subtype);
        size_t n = type ? strf(buf, cap, "%s/", type) : strf(buf, cap, "%u/", e->type);

        if (n >= cap)
                return;
        if (subtype)
                strf(buf + n, cap - n, "%s", subtype);
        else
                strf(buf + n, cap - n, "%u", e->subtype);
}
