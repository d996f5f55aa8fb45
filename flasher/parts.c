#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "flasher.h"
#include "fmt/ptable.h"
#include "host/ptable_csv.h"
#include "sigkeys.h"

struct parts_options parts;

static int from_file(const struct loader *l, struct ptable *t)
{
        const struct ptable_config cfg = { .table_offset = (uint32_t)parts.offset,
                                           .flash_size = loader_flash_size(l),
                                           .has_primary = true,
                                           .primary_offset = loader_chip(l)->boot_offset };
        struct report r = { .quiet_notes = true };
        static struct ptable_file f; /* large */

        if (ptable_load(&f, parts.table, &cfg, &r) < 0)
                return (int)err_status(report_finish(&r));
        *t = f.table;
        return 0;
}

int parts_crypt(const struct loader *l, uint32_t offset, uint8_t *p, size_t n, bool decrypt)
{
        struct flashenc e;
        struct diag d = { 0 };
        int status =
                flash_cipher(parts.flash_key, loader_chip(l)->image_id == 0, FLASHENC_CONF_ALL, &e);
        int rc;

        if (status != 0)
                return status;
        rc = decrypt ? flashenc_decrypt(&e, offset, p, n) : flashenc_encrypt(&e, offset, p, n);
        flashenc_free(&e);
        if (rc < 0) {
                diag_set(&d, -rc, "cannot be encrypted at 0x%x", offset);
                status = fail(parts.flash_key, &d);
        }
        return status;
}

static int from_device(struct loader *l, struct ptable *t)
{
        const uint32_t offset = parts.offset ? (uint32_t)parts.offset : PTABLE_OFFSET;
        static uint8_t raw[PTABLE_LEN];
        struct diag d = { 0 };
        int status;

        if (loader_flash_read(l, offset, raw, sizeof raw, &d) < 0)
                return fail(g.port, &d);
        if (parts.flash_key && (status = parts_crypt(l, offset, raw, sizeof raw, true)) != 0)
                return status;
        if (!ptable_looks_binary(raw, sizeof raw)) {
                diag_set(&d, E_NOTFOUND,
                         "no partition table on the flash at 0x%x; name one with --table", offset);
                return fail(g.port, &d);
        }
        if (ptable_parse(t, raw, sizeof raw, true, &d) < 0) {
                tool_error("%s: partition table at 0x%x: %s; name a good one with --table", g.port,
                           offset, diag_text(&d));
                return STATUS_DEVICE;
        }
        return 0;
}

int parts_load(struct loader *l, struct ptable *t)
{
        if (parts.offset > UINT32_MAX)
                return usage_error("--table-offset: too large");
        return parts.table ? from_file(l, t) : from_device(l, t);
}

int parts_find(const struct ptable *t, const char *label, const struct ptable_entry **e)
{
        char labels[512] = "";
        size_t n = 0;

        *e = ptable_find(t, label);
        if (!*e && !strcmp(label, "app")) {
                *e = ptable_find_type(t, PTABLE_APP, PTABLE_APP_FACTORY, NULL);
                if (!*e)
                        *e = ptable_find_type(t, PTABLE_APP, PTABLE_APP_OTA_0, NULL);
        }
        if (*e)
                return 0;
        for (size_t i = 0; i < t->count && n < sizeof labels; i++)
                n += (size_t)snprintf(labels + n, sizeof labels - n, "%s%s", i ? ", " : "",
                                      t->entries[i].name);
        tool_error("no partition is called '%s'; there are %s", label, labels);
        return STATUS_DATA;
}
