/*
 * A configuration that is accepted makes an image of exactly the size that the writer says it
 * needs, and not of one page less; every row can be read from it, with its value, exactly once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "fmt/nvs_read.h"
#include "host/nvs_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
        if (!ok)
                abort();
}

static unsigned index_of(const struct nvs_rows *rows, const char *ns)
{
        for (size_t i = 0; i < rows->names_count; i++)
                if (rows->names[i] == ns)
                        return (unsigned)i + 1;
        abort();
}

/* A row is an integer or string entry, or chunks in order and then their index. */
static void check_row(const struct nvs_rows *rows, const struct nvs_row *row, const uint8_t *image,
                      size_t size)
{
        const unsigned ns = index_of(rows, row->ns);
        struct nvs_walk walk;
        struct nvs_item it;
        size_t got = 0;
        unsigned chunks = 0;
        unsigned found = 0;

        nvs_walk_init(&walk, image, size, true);
        while (nvs_walk_next(&walk, &it)) {
                must(it.faults == 0);
                if (it.ns != ns || strcmp(it.key, row->key) != 0)
                        continue;
                if (it.type == NVS_BLOB_DATA) {
                        must(row->value.type == NVS_BLOB && it.chunk == chunks++ &&
                             it.len <= row->value.len - got);
                        must(memcmp(it.data, row->value.data + got, it.len) == 0);
                        got += it.len;
                        continue;
                }
                found++;
                if (it.type == NVS_BLOB_INDEX)
                        must(it.bits == row->value.len && got == row->value.len &&
                             row->value.type == NVS_BLOB);
                else if (it.type == NVS_STR)
                        must(row->value.type == NVS_STR && it.len == row->value.len &&
                             memcmp(it.data, row->value.data, it.len) == 0);
                else
                        must(it.type == row->value.type && it.bits == row->value.bits);
        }
        must(found == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct report quiet = { .errors = REPORT_LIMIT,
                                .first_code = E_SYNTAX,
                                .quiet_notes = true };
        struct nvs_write_stats first = { 0 };
        struct nvs_write_stats stats;
        struct nvs_rows rows;
        uint8_t small[NVS_SIZE_MIN];
        struct nvs_write_config cfg = { .image = small, .size = sizeof small };
        int rc;

        /* the disk is not ours to read */
        if (size > 20000 || memmem(data, size, "file", 4))
                return 0;
        if (nvs_rows_load_mem(&rows, "fuzz", (const char *)data, size, &quiet) == 0) {
                rc = nvs_rows_image(&rows, &cfg, &first, NULL);
                must(rc == 0 ? first.size_needed == sizeof small
                             : first.size_needed > sizeof small &&
                                       (rc == -E_NOSPACE || rc == -E_RANGE));
                if (rc == 0 || rc == -E_NOSPACE) {
                        cfg.size = first.size_needed;
                        cfg.image = malloc(cfg.size);
                        must(nvs_rows_image(&rows, &cfg, &stats, NULL) == 0 &&
                             stats.size_needed == cfg.size);
                        must(stats.entries_used == first.entries_used);
                        for (size_t i = 0; i < rows.count; i++)
                                if (rows.rows[i].key)
                                        check_row(&rows, &rows.rows[i], cfg.image, cfg.size);
                        cfg.size -= NVS_PAGE_SIZE;
                        if (cfg.size >= NVS_SIZE_MIN)
                                must(nvs_rows_image(&rows, &cfg, &stats, NULL) == -E_NOSPACE);
                        free(cfg.image);
                }
        }
        nvs_rows_free(&rows);
        return 0;
}
