#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/flash.h"
#include "flasher.h"
#include "fmt/espimg.h"
#include "host/ihex.h"
#include "host/uf2.h"

static struct job job;
static const char *output, *format = "raw", *fill;
static uint64_t target_offset;
static int64_t chunk;
static bool no_md5;

const struct opt merge_bin_options[] = {
        { 'o', "output", OPT_STR, &output, "FILE", "where to (needed)" },
        { 'f', "format", OPT_STR, &format, "raw|hex|uf2", "of the output (raw)" },
        { 0, "flash-mode", OPT_STR, &job.flash_mode, "MODE",
          "patch the bootloader: qio, qout, dio, dout or keep", .words = FLASH_MODES "|keep" },
        { 0, "flash-freq", OPT_STR, &job.flash_freq, "FREQ",
          "patch the bootloader: 80m, 40m, ... or keep", .words = FLASH_FREQS "|keep" },
        { 0, "flash-size", OPT_STR, &job.flash_size, "SIZE",
          "patch the bootloader: 4MB, ... or keep", .words = FLASH_SIZES "|keep" },
        { 't', "target-offset", OPT_SIZE, &target_offset, "OFFSET",
          "raw: where the output will be flashed" },
        { 0, "fill-flash-size|pad-to-size", OPT_STR, &fill, "SIZE",
          "raw: fill up with FF to the end of this flash" },
        { 0, "chunk-size", OPT_INT, &chunk, "BYTES", "uf2: data bytes a block" },
        { 0, "md5-disable", OPT_FLAG, &no_md5, NULL, "uf2: no MD5 behind the data" },
        { 0 },
};

static int by_offset(const void *a, const void *b)
{
        const struct job_file *x = a;
        const struct job_file *y = b;

        return (x->offset > y->offset) - (x->offset < y->offset);
}

static int check_overlap(void)
{
        for (size_t i = 1; i < job.n; i++) {
                const struct job_file *a = &job.files[i - 1];
                const struct job_file *b = &job.files[i];
                struct diag d = { 0 };

                if (((uint64_t)a->offset + a->data.len + FLASH_SECTOR - 1) / FLASH_SECTOR *
                            FLASH_SECTOR <=
                    b->offset / FLASH_SECTOR * FLASH_SECTOR)
                        continue;
                diag_set(&d, E_EXISTS, "%s at 0x%x (0x%zx bytes) and %s at 0x%x share a sector",
                         a->path, a->offset, a->data.len, b->path, b->offset);
                return fail(NULL, &d);
        }
        return 0;
}

static int make_raw(struct blob *out, struct diag *d)
{
        uint64_t end = 0;

        for (size_t i = 0; i < job.n; i++)
                if (job.files[i].offset + (uint64_t)job.files[i].data.len > end)
                        end = job.files[i].offset + (uint64_t)job.files[i].data.len;
        if (job.files[0].offset < target_offset)
                return diag_set(d, E_RANGE, "%s at 0x%x comes before --target-offset",
                                job.files[0].path, job.files[0].offset);
        if (fill && flash_size_bytes(fill) > end)
                end = flash_size_bytes(fill);
        if (end - target_offset > FILE_LIMIT_IMAGE)
                return diag_set(d, E_NOSPACE, "the output would be larger than 256 MB");
        out->len = (size_t)(end - target_offset);
        if (!(out->data = malloc(out->len + 1)))
                return diag_set(d, E_NOMEM, "out of memory");
        memset(out->data, 0xff, out->len);
        for (size_t i = 0; i < job.n; i++)
                memcpy(out->data + (job.files[i].offset - target_offset), job.files[i].data.data,
                       job.files[i].data.len);
        return 0;
}

static int make_hex(struct blob *out, struct diag *d)
{
        struct ihex_piece *pieces = calloc(job.n + 1, sizeof *pieces);
        int rc;

        if (!pieces)
                return diag_set(d, E_NOMEM, "out of memory");
        for (size_t i = 0; i < job.n; i++)
                pieces[i] = (struct ihex_piece){ job.files[i].offset, job.files[i].data.data,
                                                 job.files[i].data.len };
        rc = ihex_write(pieces, job.n, out, d);
        free(pieces);
        return rc;
}

static int make_uf2(const struct chip *c, struct blob *out, struct diag *d)
{
        const size_t size = chunk ? (size_t)chunk : UF2_DATA - (no_md5 ? 0 : UF2_MD5_PART);
        int rc = 0;

        for (size_t i = 0; i < job.n && rc == 0; i++)
                rc = uf2_append(out, c->uf2_family, job.files[i].offset, job.files[i].data.data,
                                job.files[i].data.len, size, !no_md5, d);
        return rc;
}

static int make(const struct chip *c)
{
        struct blob out = { 0 };
        struct diag d = { 0 };
        int rc;

        if (!strcmp(format, "raw"))
                rc = make_raw(&out, &d);
        else if (!strcmp(format, "hex"))
                rc = make_hex(&out, &d);
        else if (!strcmp(format, "uf2"))
                rc = make_uf2(c, &out, &d);
        else
                return usage_error("--format: '%s' is none of raw, hex, uf2", format);
        if (rc == 0)
                rc = file_save(output, out.data, out.len, FILE_PUBLIC, &d);
        blob_free_secret(&out);
        return rc < 0 ? fail(NULL, &d) : STATUS_DONE;
}

static int merge(const struct chip *c, int argc, char **argv)
{
        int status = 0;

        for (int i = 0; i < argc && status == 0; i += 2) {
                uint32_t offset;

                if ((status = parse_u32("address", argv[i], &offset)) == 0)
                        status = job_add(&job, offset, argv[i + 1]);
        }
        if (status == 0) {
                qsort(job.files, job.n, sizeof *job.files, by_offset);
                status = check_overlap();
        }
        for (size_t i = 0; i < job.n && status == 0; i++)
                status = job_patch(&job, c, &job.files[i], 0);
        return status ? status : make(c);
}

int cmd_merge_bin(int argc, char **argv)
{
        const struct chip *c;
        int status;

        if ((status = session_chip(&c)) != 0)
                return status;
        if (!c)
                return usage_error("for which chip? --chip %s", chip_names());
        if (!output)
                return usage_error("--output is missing");
        if (argc % 2)
                return usage_error(
                        "addresses and files come in pairs: 0x1000 bootloader.bin 0x10000 app.bin");
        if (fill && !flash_size_bytes(fill))
                return usage_error("--fill-flash-size: '%s' is no size like 4MB", fill);
        if (chunk < 0)
                return usage_error("--chunk-size: not negative");
        status = merge(c, argc, argv);
        job_free(&job);
        return status;
}
