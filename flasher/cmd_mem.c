/* read-mem, write-mem, dump-mem, load-ram, run: the chip's memory */
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "flasher.h"
#include "fmt/espimg.h"
#include "host/progress.h"

const struct opt read_mem_options[] = { { 0 } };
static bool dry_run;

const struct opt write_mem_options[] = {
        { 0, "dry-run", OPT_FLAG, &dry_run, NULL, "connect, write nothing" },
        { 0 },
};
const struct opt dump_mem_options[] = { { 0 } };
const struct opt load_ram_options[] = {
        { 0, "dry-run", OPT_FLAG, &dry_run, NULL, "connect and check, load nothing" },
        { 0 },
};
const struct opt run_options[] = { { 0 } };

/* Address 0 hangs the ROM until it is reset, and what is not a whole word too. */
static int parse_address(const char *text, uint32_t *addr)
{
        const int status = parse_u32("address", text, addr);

        if (status == 0 && (*addr == 0 || *addr % 4))
                return usage_error(
                        "address: %s is not a register (0 and odd addresses hang the ROM)", text);
        return status;
}

static int show_word(struct loader *l, uint32_t addr)
{
        struct diag d = { 0 };
        uint32_t value;

        if (loader_read_reg(l, addr, &value, &d) < 0)
                return fail(g.port, &d);
        if (g.json)
                printf("{\"v\":1,\"event\":\"memory\",\"address\":%u,\"value\":%u}\n", addr, value);
        else
                printf("0x%08x = 0x%08x\n", addr, value);
        return STATUS_DONE;
}

int cmd_read_mem(int argc, char **argv)
{
        struct loader *l;
        uint32_t addr;
        int status;

        (void)argc;
        if ((status = parse_address(argv[0], &addr)) != 0 || (status = session_open(&l)) != 0)
                return status;
        return session_close(l, show_word(l, addr));
}

int cmd_write_mem(int argc, char **argv)
{
        struct diag d = { 0 };
        struct loader *l;
        uint32_t addr;
        uint32_t value;
        uint32_t mask = UINT32_MAX;
        int status;

        if ((status = parse_address(argv[0], &addr)) != 0 ||
            (status = parse_u32("value", argv[1], &value)) != 0 ||
            (argc > 2 && (status = parse_u32("mask", argv[2], &mask)) != 0) ||
            (status = session_open(&l)) != 0)
                return status;
        if (!dry_run && loader_write_reg(l, addr, value, mask, 0, &d) < 0)
                status = fail(g.port, &d);
        return session_close(l, status);
}

static int dump(struct loader *l, uint32_t addr, uint32_t n, const char *path)
{
        struct diag d = { 0 };
        uint8_t *data = malloc((size_t)n + 4);
        int rc = data ? 0 : -E_NOMEM;

        for (uint32_t at = 0; at < n && rc == 0; at += 4) {
                uint32_t word = 0;

                rc = loader_read_reg(l, addr + at, &word, &d);
                le32_put(data + at, word);
                progress_show("reading", at + 4, n, "bytes");
        }
        progress_clear();
        if (rc < 0)
                rc = fail(g.port, &d);
        else if (file_save(path, data, n, FILE_SECRET, &d) < 0)
                rc = fail(NULL, &d);
        free(data);
        return rc;
}

int cmd_dump_mem(int argc, char **argv)
{
        struct loader *l;
        uint32_t addr;
        uint32_t n;
        int status;

        (void)argc;
        if ((status = parse_address(argv[0], &addr)) != 0 ||
            (status = parse_u32("size", argv[1], &n)) != 0)
                return status;
        if (n % 4 || n > 16 << 20)
                return usage_error("size: whole words, at most 16 MB");
        if ((status = session_open(&l)) != 0)
                return status;
        return session_close(l, dump(l, addr, n, argv[2]));
}

static int load(struct loader *l, const struct blob *file, const char *path)
{
        struct espimg img;
        struct diag d = { 0 };
        int rc;

        if (espimg_read(file->data, file->len, loader_chip(l)->image_id >= 0, &img, &d) < 0 ||
            espimg_check(&img, &d) < 0)
                return fail(path, &d);
        for (unsigned i = 0; i < img.count; i++)
                if (chip_in_flash_window(loader_chip(l), img.segments[i].addr)) {
                        diag_set(&d, E_INVAL, "segment %u is for flash (0x%08x), not for RAM", i,
                                 img.segments[i].addr);
                        return fail(path, &d);
                }
        if (dry_run)
                return STATUS_DONE;
        rc = 0;
        for (unsigned i = 0; i < img.count && rc == 0; i++)
                rc = loader_mem_write(l, img.segments[i].addr, file->data + img.segments[i].offset,
                                      img.segments[i].len, &d);
        if (rc == 0)
                rc = loader_mem_run(l, img.header.entry, &d);
        if (rc < 0)
                return fail(g.port, &d);
        say("%u segments loaded, started at 0x%08x", img.count, img.header.entry);
        return STATUS_DONE;
}

int cmd_load_ram(int argc, char **argv)
{
        struct diag d = { 0 };
        struct blob file = { 0 };
        struct loader *l;
        int status;

        (void)argc;
        if (file_load(argv[0], FILE_LIMIT_IMAGE, &file, &d) < 0)
                return fail(NULL, &d);
        if ((status = session_open(&l)) == 0) {
                status = load(l, &file, argv[0]);
                /* what runs now is the program: a reset would end it */
                loader_close(l, LOADER_STAY, NULL);
        }
        blob_free(&file);
        return status;
}

int cmd_run(int argc, char **argv)
{
        struct diag d = { 0 };
        struct loader *l;
        int status;

        (void)argc;
        (void)argv;
        if ((status = session_open(&l)) != 0)
                return status;
        if (link_has_lines(loader_link(l)))
                return session_close(l, STATUS_DONE); /* the hard reset starts the program */
        if (loader_run(l, &d) < 0)
                status = fail(g.port, &d);
        loader_close(l, LOADER_STAY, NULL);
        return status;
}
