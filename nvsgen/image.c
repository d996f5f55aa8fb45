#include "image.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/file.h"
#include "host/json.h"
#include "host/ptable_csv.h"
#include "nvsgen.h"

#define SIZE_DEFAULT 0x6000u        /* the nvs partition of ESP-IDF's own tables */
#define SIZE_MAX_NVS (128ull << 20) /* the largest flash chip */

/* A word that stands where a size does: 0x6000, 24K, -1, but not 3.bin. */
static bool is_size_word(const char *word)
{
        uint64_t size;

        if (parse_size(word, &size) == 0 || !*word)
                return true;
        word += *word == '-' || *word == '+';
        return isdigit((unsigned char)*word) && !strpbrk(word, "./");
}

int image_request_size(struct image_request *q)
{
        if (!q->size_text) {
                q->size = q->table ? 0 : SIZE_DEFAULT;
                return 0;
        }
        if (parse_size(q->size_text, &q->size) < 0)
                return usage_error("size '%s' is no number of bytes; write 24576, 0x6000 or 24K",
                                   q->size_text);
        if (q->size > SIZE_MAX_NVS)
                return usage_error("size '%s' is more than the largest flash chip", q->size_text);
        if (!q->size || q->size % NVS_PAGE_SIZE)
                return usage_error("size %s: an NVS partition has a multiple of 0x1000 bytes; the "
                                   "next is 0x%llx",
                                   q->size_text,
                                   (unsigned long long)(q->size / NVS_PAGE_SIZE + 1) *
                                           NVS_PAGE_SIZE);
        if (q->legacy_layout && q->size < NVS_SIZE_MIN)
                return usage_error("size %s: --legacy-layout needs 0x%x bytes or more",
                                   q->size_text, NVS_SIZE_MIN);
        return 0;
}

int image_request_version(struct image_request *q)
{
        const char *v = q->version ? q->version : "2";

        v += *v == 'v' || *v == 'V';
        if (strcmp(v, "1") != 0 && strcmp(v, "2") != 0)
                return usage_error("--version '%s': there are 1 and 2", q->version);
        q->version_number = (unsigned)(*v - '0');
        return 0;
}

static int add_inputs(struct opt_list *l, int count, char **words)
{
        const char **grown;

        if (!count)
                return 0;
        if (!(grown = realloc(l->items, (l->count + (size_t)count) * sizeof *grown)))
                return memory_error();
        l->items = grown;
        for (int i = 0; i < count; i++)
                l->items[l->count++] = words[i];
        return 0;
}

int image_request_words(struct image_request *q, int argc, char **argv)
{
        const int needed = (q->inputs.count == 0) + (q->output == NULL);
        const char *ending;
        int rc;

        if (argc > needed && is_size_word(argv[argc - 1])) {
                if (q->size_text || q->table)
                        return usage_error("'%s': the size is given by an option already",
                                           argv[argc - 1]);
                q->size_text = argv[--argc];
        }
        if (argc < needed)
                return usage_error(argc ? "which output file?" : "which input and output files?");
        if (q->size_text && q->table)
                return usage_error("--size and --partition-table exclude each other");
        if (q->label && !q->table)
                return usage_error("--partition needs --partition-table");
        if (!q->output && is_size_word(argv[--argc]))
                return usage_error(
                        "'%s' stands where the output file is named; a size is behind it",
                        argv[argc]);
        if (!q->output)
                q->output = argv[argc];
        ending = strrchr(q->output, '.');
        if (ending && !strcasecmp(ending, ".csv"))
                return usage_error("'%s' is the output and named like an input: which image file?",
                                   q->output);
        if ((rc = add_inputs(&q->inputs, argc, argv)) != 0 || (rc = image_request_version(q)) != 0)
                return rc;
        return image_request_size(q);
}

/* The partition named, or the only one for NVS. */
static const struct ptable_entry *choose_partition(const struct ptable_file *f,
                                                   const struct image_request *q, struct report *r)
{
        const struct ptable_entry *e, *only;

        if (!q->label) {
                only = ptable_find_type(&f->table, PTABLE_DATA, PTABLE_DATA_NVS, NULL);
                if (only && !ptable_find_type(&f->table, PTABLE_DATA, PTABLE_DATA_NVS, only))
                        return only;
                report_error(r, E_NOTFOUND, q->table, 0, 0,
                             only ? "several partitions are for NVS: choose one with --partition"
                                  : "no partition is for NVS (type data, subtype nvs)");
                return NULL;
        }
        if (!(e = ptable_require(f, q->label, r)))
                return NULL;
        if (ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS))
                return e;
        report_error(r, E_TYPE, q->table, f->lines[e - f->table.entries], 0,
                     "%s: not for NVS: its type must be data and its subtype nvs", q->label);
        return NULL;
}

int image_partition_size(const struct image_request *q, uint64_t *size, bool *readonly,
                         struct report *r)
{
        const struct ptable_config cfg = { 0 };
        const struct ptable_entry *e = NULL;
        struct ptable_file *f = calloc(1, sizeof *f);
        int rc;

        if (!f)
                return report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        rc = ptable_load(f, q->table, &cfg, r);
        if (rc == 0 && !(e = choose_partition(f, q, r)))
                rc = -r->first_code;
        if (e) {
                *size = e->size;
                *readonly = e->flags & PTABLE_FLAG_READONLY;
        }
        free(f);
        return rc;
}

static int build(const struct image_request *q, const struct nvs_rows *rows, uint64_t size,
                 struct image *im, struct report *r)
{
        struct nvs_write_config cfg = {
                .size = (size_t)size,
                .version = q->version_number,
                .legacy_layout = q->legacy_layout,
        };
        struct diag d = { 0 };
        int rc;

        im->size = cfg.size;
        if (!(im->data = malloc(im->size)))
                return report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        cfg.image = im->data;
        if ((rc = nvs_rows_image(rows, &cfg, &im->stats, &d)) < 0)
                report_diag(r, q->inputs.items[0], &d);
        return rc;
}

int image_make(const struct image_request *q, struct image *im, struct report *r)
{
        struct nvs_rows rows;
        uint64_t size = q->size;
        bool readonly = false;
        int rc = nvs_rows_load(&rows, q->inputs.items, q->inputs.count, q->version_number, r);

        memset(im, 0, sizeof *im);
        if (q->table && image_partition_size(q, &size, &readonly, r) < 0)
                rc = -r->first_code;
        if (rc == 0 && (rc = build(q, &rows, size, im, r)) == 0 && size < NVS_SIZE_MIN && !readonly)
                report_note(r, NULL, 0, 0,
                            "an NVS partition below 0x%x bytes must be marked readonly in the "
                            "partition table",
                            NVS_SIZE_MIN);
        nvs_rows_free(&rows);
        return rc;
}

void image_free(struct image *im)
{
        if (im->data)
                wipe(im->data, im->size);
        free(im->data);
        im->data = NULL;
}

char *image_output(const struct image_request *q, const char *other, struct report *r)
{
        char *path = path_join(strcmp(q->output, "-") ? q->outdir : NULL, q->output);

        if (!path) {
                report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
                return NULL;
        }
        for (size_t i = 0; i <= q->inputs.count; i++) {
                const char *input = i < q->inputs.count ? q->inputs.items[i] : other;

                if (!input || !same_file(input, path))
                        continue;
                report_error(r, E_EXISTS, path, 0, 0,
                             "is an input as well: choose another name for the output");
                free(path);
                return NULL;
        }
        return path;
}

/* A partition that is only read needs no page in reserve. */
static size_t smallest(const struct nvs_write_stats *s)
{
        return s->output_size < NVS_SIZE_MIN ? s->output_size : s->size_needed;
}

static void say_words(FILE *out, const struct image *im, const char *path, const char *key_file)
{
        const struct nvs_write_stats *s = &im->stats;

        fprintf(out,
                "%s: %zu bytes, %zu of %zu entries, %zu of %zu pages used; smallest size that fits "
                "0x%zx%s%s\n",
                strcmp(path, "-") ? path : "stdout", s->output_size, s->entries_used,
                s->entries_total, s->pages_used, s->pages_total, smallest(s),
                key_file ? "; encrypted with " : "", key_file ? key_file : "");
}

static void say_json(FILE *out, const struct image *im, const char *path, const char *key_file)
{
        const struct nvs_write_stats *s = &im->stats;
        struct json_writer w = { .out = out };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "file", path);
        json_uint(&w, "size", s->output_size);
        json_uint(&w, "entries_used", s->entries_used);
        json_uint(&w, "entries_total", s->entries_total);
        json_uint(&w, "pages_used", s->pages_used);
        json_uint(&w, "pages_total", s->pages_total);
        json_uint(&w, "smallest_size", smallest(s));
        json_str(&w, "key_file", key_file);
        json_close(&w, '}');
        fputc('\n', out);
}

int image_save(const struct image_request *q, const struct image *im, const char *path,
               const char *key_file, struct report *r)
{
        FILE *out = strcmp(path, "-") ? stdout : stderr;
        /* what is not encrypted may hold passwords and keys */
        const struct blob data = { im->data, im->stats.output_size };
        const int rc = output_save(path, &data, key_file ? FILE_PUBLIC : FILE_SECRET, r);

        if (rc < 0)
                return rc;
        if (q->json)
                say_json(out, im, path, key_file);
        else if (!q->quiet)
                say_words(out, im, path, key_file);
        return 0;
}
