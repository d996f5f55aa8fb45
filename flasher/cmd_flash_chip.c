/* flash-id, read-flash-status, write-flash-status, read-flash-sfdp: the flash chip itself */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "flasher.h"
#include "host/jedec.h"

static int64_t bytes = 2;
static bool non_volatile, dry_run;

const struct opt flash_id_options[] = { { 0 } };
const struct opt read_flash_status_options[] = {
        { 0, "bytes", OPT_INT, &bytes, "N", "status bytes: 1 to 3 (default 2)" },
        { 0 },
};
const struct opt write_flash_status_options[] = {
        { 0, "bytes", OPT_INT, &bytes, "N", "status bytes: 1 to 3 (default 2)" },
        { 0, "non-volatile", OPT_FLAG, &non_volatile, NULL, "so that it stays without power" },
        { 0, "dry-run", OPT_FLAG, &dry_run, NULL, "connect, write nothing" },
        { 0 },
};
const struct opt read_flash_sfdp_options[] = { { 0 } };

static int show_id(struct loader *l)
{
        struct loader_flash_id id;
        struct diag d = { 0 };
        const char *size;

        if (loader_flash_id(l, &id, &d) < 0)
                return fail(g.port, &d);
        size = id.size ? flash_size_text(id.size) : NULL;
        if (g.json) {
                printf("{\"v\":1,\"event\":\"flash\",\"manufacturer\":%u,\"device\":%u,\"size\":%u}"
                       "\n",
                       id.id & 0xff, (id.id >> 8 & 0xff) << 8 | id.id >> 16, id.size);
                return STATUS_DONE;
        }
        printf("Manufacturer: %02x (%s)\nDevice: %02x%02x\nDetected flash size: %s\n", id.id & 0xff,
               jedec_maker(id.id), id.id >> 8 & 0xff, id.id >> 16, size ? size : "unknown");
        return STATUS_DONE;
}

int cmd_flash_id(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return session_run(show_id);
}

static int show_status(struct loader *l)
{
        struct diag d = { 0 };
        uint32_t value;

        if (loader_flash_status(l, (unsigned)bytes, &value, &d) < 0)
                return fail(g.port, &d);
        if (g.json)
                printf("{\"v\":1,\"event\":\"flash_status\",\"value\":%u}\n", value);
        else
                printf("Status value: 0x%0*x\n", (int)bytes * 2, value);
        return STATUS_DONE;
}

int cmd_read_flash_status(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        if (bytes < 1 || bytes > 3)
                return usage_error("--bytes: 1, 2 or 3");
        return session_run(show_status);
}

static int set_status(struct loader *l, uint32_t value)
{
        struct diag d = { 0 };
        uint32_t before;
        uint32_t after;

        if (loader_flash_status(l, (unsigned)bytes, &before, &d) < 0 ||
            (!dry_run &&
             loader_flash_set_status(l, (unsigned)bytes, value, non_volatile, &d) < 0) ||
            loader_flash_status(l, (unsigned)bytes, &after, &d) < 0)
                return fail(g.port, &d);
        if (g.json)
                printf("{\"v\":1,\"event\":\"flash_status\",\"before\":%u,\"value\":%u}\n", before,
                       after);
        else
                printf("Status before: 0x%0*x\nStatus after:  0x%0*x\n", (int)bytes * 2, before,
                       (int)bytes * 2, after);
        return STATUS_DONE;
}

int cmd_write_flash_status(int argc, char **argv)
{
        struct loader *l;
        uint32_t value;
        int status;

        (void)argc;
        if (bytes < 1 || bytes > 3)
                return usage_error("--bytes: 1, 2 or 3");
        if ((status = parse_u32("value", argv[0], &value)) != 0)
                return status;
        /* what is cut off could lock the chip */
        if (value >> (bytes * 8))
                return usage_error("value: 0x%x is more than %d bytes", value, (int)bytes);
        if ((status = session_open(&l)) != 0)
                return status;
        return session_close(l, set_status(l, value));
}

static int show_sfdp(struct loader *l, uint32_t addr, uint32_t n)
{
        struct diag d = { 0 };
        uint8_t buf[256];

        if (loader_flash_sfdp(l, addr, buf, n, &d) < 0)
                return fail(g.port, &d);
        if (g.json)
                printf("{\"v\":1,\"event\":\"sfdp\",\"address\":%u,\"bytes\":\"", addr);
        for (uint32_t i = 0; i < n; i++)
                printf("%02x%s", buf[i], g.json ? "" : i + 1 == n || i % 16 == 15 ? "\n" : " ");
        if (g.json)
                puts("\"}");
        return STATUS_DONE;
}

int cmd_read_flash_sfdp(int argc, char **argv)
{
        struct loader *l;
        uint32_t addr;
        uint32_t n;
        int status;

        (void)argc;
        if ((status = parse_u32("address", argv[0], &addr)) != 0 ||
            (status = parse_u32("bytes", argv[1], &n)) != 0)
                return status;
        if (n < 1 || n > 256)
                return usage_error("1 to 256 bytes");
        if ((status = session_open(&l)) != 0)
                return status;
        return session_close(l, show_sfdp(l, addr, n));
}
