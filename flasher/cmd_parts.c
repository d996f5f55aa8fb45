/* write, read, erase: partitions by label */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/flash.h"
#include "flasher.h"
#include "fmt/ptable.h"
#include "host/progress.h"

#define TABLE_OPTIONS                                                                          \
        { 'T',     "table",                                                                    \
          OPT_STR, &parts.table,                                                               \
          "FILE",  "partition table: CSV, binary or flash dump (default: the device's own)" }, \
        {                                                                                      \
                0, "table-offset", OPT_SIZE, &parts.offset, "OFFSET",                          \
                        "where the table lies on flash (default 0x8000)"                       \
        }

static struct job job;
static bool no_progress, dry_run;

const struct opt write_parts_options[] = {
        TABLE_OPTIONS,
        { 0, "flash-mode", OPT_STR, &job.flash_mode, "MODE",
          "patch the bootloader: qio, qout, dio, dout or keep", .words = FLASH_MODES "|keep" },
        { 0, "flash-freq", OPT_STR, &job.flash_freq, "FREQ",
          "patch the bootloader: 80m, 40m, ... or keep", .words = FLASH_FREQS "|keep" },
        { 0, "flash-size", OPT_STR, &job.flash_size, "SIZE",
          "patch the bootloader: 4MB, ..., detect or keep", .words = FLASH_SIZES "|detect|keep" },
        { 'u', "no-compress", OPT_FLAG, &job.plain, NULL, "send it as it is" },
        { 0, "encrypt", OPT_FLAG, &job.encrypt, NULL, "the chip encrypts while it writes" },
        { 0, "flash-key", OPT_STR, &parts.flash_key, "FILE",
          "encrypt here with this key what flash encryption covers" },
        { 0, "pre-encrypted", OPT_FLAG, &job.pre_encrypted, NULL,
          "the files are encrypted already (flasher encrypt)" },
        { 0, "force", OPT_FLAG, &job.force, NULL,
          "write in spite of chip, revision and security checks" },
        { 0, "always-write", OPT_FLAG, &job.always, NULL, "write also what is there already" },
        { 0, "no-progress", OPT_FLAG, &job.no_progress, NULL, "no progress line" },
        { 0, "dry-run", OPT_FLAG, &job.dry_run, NULL, "connect and check, write nothing" },
        { 0 },
};
const struct opt read_part_options[] = {
        TABLE_OPTIONS,
        { 0, "no-progress", OPT_FLAG, &no_progress, NULL, "no progress line" },
        { 0 },
};
const struct opt erase_parts_options[] = {
        TABLE_OPTIONS,
        { 0, "dry-run", OPT_FLAG, &dry_run, NULL, "connect and check, erase nothing" },
        { 0 },
};

/* What follows a file in a data partition would still be read as its content: it becomes blank. */
static int fill_up(struct job_file *f, const struct ptable_entry *e)
{
        uint8_t *grown;

        if (e->type == PTABLE_APP || f->data.len >= e->size)
                return 0;
        if (!(grown = realloc(f->data.data, (size_t)e->size + 1)))
                return memory_error();
        memset(grown + f->data.len, 0xff, e->size - f->data.len);
        grown[e->size] = 0;
        f->data = (struct blob){ grown, e->size };
        return 0;
}

/* The two that are not in the table. */
static bool fixed_place(const struct loader *l, const char *label, struct job_file *f)
{
        const uint32_t table = parts.offset ? (uint32_t)parts.offset : PTABLE_OFFSET;

        if (!strcmp(label, "bootloader")) {
                f->offset = loader_chip(l)->boot_offset;
                f->limit = table - f->offset;
        } else if (!strcmp(label, "partition-table")) {
                f->offset = table;
                f->limit = PTABLE_SECTOR;
        } else {
                return false;
        }
        f->label = label;
        return true;
}

static int place(struct loader *l, const struct ptable *t, struct job_file *f, const char *label)
{
        const struct ptable_entry *e;
        int status;

        if (!ptable_find(t, label) && fixed_place(l, label, f))
                return 0;
        if ((status = parts_find(t, label, &e)) != 0)
                return status;
        f->offset = e->offset;
        f->limit = e->size;
        f->label = e->name;
        f->entry = e;
        return fill_up(f, e);
}

/* A new table that is written with the rest is the one that counts. */
static void table_from_arguments(int argc, char **argv)
{
        for (int i = 0; i < argc && !parts.table; i++)
                if (!strncmp(argv[i], "partition-table=", 16))
                        parts.table = argv[i] + 16;
}

static int write_parts(struct loader *l, int argc, char **argv)
{
        static struct ptable table;
        static char label[64];
        struct diag d = { 0 };
        int status = 0;

        if (loader_flash_attach(l, 0, &d) < 0)
                return fail(g.port, &d);
        if ((status = parts_load(l, &table)) != 0)
                return status;
        for (int i = 0; i < argc && status == 0; i++) {
                const size_t n = strcspn(argv[i], "=");

                snprintf(label, sizeof label, "%.*s", (int)n, argv[i]);
                status = place(l, &table, &job.files[i], label);
                if (job.files[i].label == label)
                        job.files[i].label = label[0] == 'b' ? "bootloader" : "partition-table";
        }
        job.table = &table;
        return status ? status : job_run(&job, l);
}

int cmd_write_parts(int argc, char **argv)
{
        struct loader *l;
        int status = 0;

        job.flash_key = parts.flash_key;
        if (!!job.flash_key + job.pre_encrypted + job.encrypt > 1)
                return usage_error("--encrypt, --flash-key and --pre-encrypted exclude each other");
        for (int i = 0; i < argc && status == 0; i++) {
                const char *equals = strchr(argv[i], '=');

                if (!equals || equals == argv[i] || !equals[1])
                        status = usage_error("'%s' is not LABEL=FILE", argv[i]);
                else
                        status = job_add(&job, 0, equals + 1);
        }
        table_from_arguments(argc, argv);
        if (status == 0 && (status = session_open(&l)) == 0)
                status = session_close(l, write_parts(l, argc, argv));
        job_free(&job);
        return status;
}

static int open_part(struct loader *l, const char *label, const struct ptable_entry **e)
{
        static struct ptable table;
        static bool loaded;
        struct diag d = { 0 };
        int status;

        if (loader_flash_attach(l, 0, &d) < 0)
                return fail(g.port, &d);
        if (!loaded && (status = parts_load(l, &table)) != 0)
                return status;
        loaded = true;
        if ((status = parts_find(&table, label, e)) != 0)
                return status;
        if (ptable_end(*e) > loader_flash_size(l)) {
                tool_error("%s: partition %s ends at 0x%llx, this flash has 0x%x bytes", g.port,
                           (*e)->name, (unsigned long long)ptable_end(*e), loader_flash_size(l));
                return STATUS_DATA;
        }
        return 0;
}

static int read_part(struct loader *l, const char *label, const char *path)
{
        const struct ptable_entry *e;
        struct diag d = { 0 };
        uint8_t *data;
        int status;
        int rc;

        if ((status = open_part(l, label, &e)) != 0)
                return status;
        if (!(data = malloc((size_t)e->size + 1)))
                return memory_error();
        if ((rc = loader_fast(l, &d)) == 0)
                rc = loader_flash_read(l, e->offset, data, e->size, &d);
        progress_clear();
        if (rc < 0)
                status = fail(g.port, &d);
        else if (file_save(path, data, e->size, FILE_SECRET, &d) < 0)
                status = fail(NULL, &d);
        wipe(data, e->size);
        free(data);
        return status;
}

int cmd_read_part(int argc, char **argv)
{
        struct loader *l;
        char path[80];
        int status;

        if (no_progress)
                progress_disable();
        snprintf(path, sizeof path, "%.64s.bin", argv[0]);
        if ((status = session_open(&l)) != 0)
                return status;
        return session_close(l, read_part(l, argv[0], argc > 1 ? argv[1] : path));
}

int cmd_erase_parts(int argc, char **argv)
{
        const struct ptable_entry *e;
        struct diag d = { 0 };
        struct loader *l;
        int status;

        if ((status = session_open(&l)) != 0)
                return status;
        /* all labels first, so that a wrong one erases nothing */
        for (int i = 0; i < argc && status == 0; i++)
                status = open_part(l, argv[i], &e);
        for (int i = 0; i < argc && status == 0; i++) {
                status = open_part(l, argv[i], &e);
                if (status == 0 && !dry_run && loader_flash_erase(l, e->offset, e->size, &d) < 0)
                        status = fail(g.port, &d);
                if (status == 0)
                        say("%s %s: 0x%x bytes at 0x%x", dry_run ? "would erase" : "erased",
                            e->name, e->size, e->offset);
        }
        return session_close(l, status);
}
