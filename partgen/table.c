/* The options that every command has, and the loading of a table with them. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "partgen.h"

bool quiet, disable_md5;
static bool no_verify, verify_is_on;
static uint64_t table_offset = PTABLE_OFFSET;
static uint64_t flash_size;
static uint64_t primary_offset = UINT64_MAX;
static uint64_t recovery_offset = UINT64_MAX;
static const char *secure;
static struct opt_list extra_subtypes;

const struct opt table_options[] = {
        { 'o', "offset", OPT_SIZE, &table_offset, "OFFSET",
          "where the table lies on flash (0x8000)", 0 },
        { 0, "flash-size", OPT_SIZE, &flash_size, "SIZE",
          "size of the flash, like 4MB: checks that all fits", 0 },
        { 0, "disable-md5sum", OPT_FLAG, &disable_md5, NULL,
          "no MD5 sum in the table (ESP-IDF before v3.1)", 0 },
        { 0, "no-verify", OPT_FLAG, &no_verify, NULL, "do not verify the table", 0 },
        { 'v', "verify", OPT_FLAG, &verify_is_on, NULL, NULL, 0 },
        { 0, "secure", OPT_STR, &secure, "v1|v2",
          "apps must suit this secure boot (v1: sizes in whole 64 KiB)", 0 },
        { 0, "primary-bootloader-offset", OPT_SIZE, &primary_offset, "OFFSET",
          "where the bootloader lies", 0 },
        { 0, "recovery-bootloader-offset", OPT_SIZE, &recovery_offset, "OFFSET",
          "where its recovery copy lies", 0 },
        { 0, "extra-partition-subtypes", OPT_LIST, &extra_subtypes, "TYPE,NAME,HEX",
          "a subtype of the project, like app,my_slot,0x60", 0 },
        { 'q', "quiet", OPT_FLAG, &quiet, NULL, "no notes", 0 },
        { 0 },
};

static int check_address(const char *name, uint64_t v, uint32_t align)
{
        if (v > UINT32_MAX || v % align)
                return usage_error("%s: 0x%llx is not a multiple of 0x%x below 4 GiB", name,
                                   (unsigned long long)v, align);
        return 0;
}

static int take_extras(struct ptable_config *cfg)
{
        static struct ptable_extras extras;

        extras.count = 0;
        for (size_t i = 0; i < extra_subtypes.count; i++) {
                struct diag d = { 0 };

                if (ptable_extra_add(&extras, extra_subtypes.items[i], &d) < 0)
                        return usage_error("--extra-partition-subtypes: %s", diag_text(&d));
        }
        cfg->extras = &extras;
        return 0;
}

int table_config(struct ptable_config *cfg)
{
        *cfg = (struct ptable_config){ .no_md5 = disable_md5,
                                       .no_verify = no_verify,
                                       .flash_size = flash_size };
        if (check_address("--offset", table_offset, PTABLE_SECTOR))
                return STATUS_USAGE;
        cfg->table_offset = (uint32_t)table_offset;
        if (flash_size &&
            (flash_size < 0x10000 || flash_size > (uint64_t)1 << 32 || flash_size % PTABLE_SECTOR))
                return usage_error("--flash-size: %llu bytes is no flash; write it like 4MB",
                                   (unsigned long long)flash_size);
        if (secure && strcasecmp(secure, "v1") != 0 && strcasecmp(secure, "v2") != 0)
                return usage_error("--secure: '%s' is neither v1 nor v2", secure);
        cfg->secure_v1 = secure && strcasecmp(secure, "v1") == 0;
        if (primary_offset != UINT64_MAX) {
                if (check_address("--primary-bootloader-offset", primary_offset, PTABLE_SECTOR))
                        return STATUS_USAGE;
                if (primary_offset >= table_offset)
                        return usage_error("--primary-bootloader-offset 0x%llx: the bootloader "
                                           "must lie below the "
                                           "partition table at 0x%llx",
                                           (unsigned long long)primary_offset,
                                           (unsigned long long)table_offset);
                cfg->has_primary = true;
                cfg->primary_offset = (uint32_t)primary_offset;
        }
        if (recovery_offset != UINT64_MAX) {
                if (check_address("--recovery-bootloader-offset", recovery_offset, PTABLE_SECTOR))
                        return STATUS_USAGE;
                cfg->has_recovery = true;
                cfg->recovery_offset = (uint32_t)recovery_offset;
        }
        return take_extras(cfg);
}

int table_load_at(struct ptable_file *f, const char *path, uint64_t offset, struct report *r)
{
        struct ptable_config cfg;
        int rc;

        if (table_config(&cfg))
                return STATUS_USAGE;
        if (check_address("--new-offset", offset, PTABLE_SECTOR))
                return STATUS_USAGE;
        cfg.table_offset = (uint32_t)offset;
        r->quiet_notes = quiet;
        rc = ptable_load(f, path, &cfg, r);
        report_finish(r);
        return err_status(rc);
}

int table_load(struct ptable_file *f, const char *path, struct report *r)
{
        return table_load_at(f, path, table_offset, r);
}

uint32_t table_offset_of(void)
{
        return (uint32_t)table_offset;
}

uint64_t flash_size_of(const struct ptable *t, bool *given)
{
        uint64_t size = (uint64_t)1 << 20;

        *given = flash_size != 0;
        if (flash_size)
                return flash_size;
        while (size < ptable_flash_used(t))
                size *= 2;
        return size;
}

void size_text(uint64_t size, char *buf, size_t cap)
{
        if (size >= 0x100000)
                snprintf(buf, cap, size % 0x100000 ? "%.2f MiB" : "%.0f MiB",
                         (double)size / 0x100000);
        else if (size >= 0x400)
                snprintf(buf, cap, size % 0x400 ? "%.1f KiB" : "%.0f KiB", (double)size / 0x400);
        else
                snprintf(buf, cap, "%u B", (unsigned)size);
}
