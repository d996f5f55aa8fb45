#include "line/line_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/flash.h"
#include "fmt/espimg.h"
#include "host/batch_gen.h"
#include "host/csv.h"
#include "line/label.h"
#include "line/line_impl.h"
#include "host/ptable_csv.h"
#include "host/x509_profile.h"

/* ---- the table ---- */

static int load_table(struct line_kit *k, struct report *r)
{
        const struct line_job *j = k->job;
        struct ptable_config cfg = { .table_offset = j->table_offset,
                                     .has_primary = true,
                                     .primary_offset = j->chip->boot_offset };
        struct ptable_file *f = calloc(1, sizeof *f);
        uint64_t smallest = 0;
        int rc;

        if (!f)
                return report_error(r, E_NOMEM, j->path, 0, 0, "out of memory");
        for (size_t i = 0; i < j->flash_count; i++)
                if (j->flashes[i].size && (!smallest || j->flashes[i].size < smallest))
                        smallest = j->flashes[i].size;
        cfg.flash_size = smallest;
        rc = ptable_load(f, j->table.text, &cfg, r);
        if (rc == 0) {
                k->table = f->table;
                k->end = (uint32_t)ptable_flash_used(&k->table);
                if (smallest && k->end > smallest)
                        rc = line_job_error(j, &j->table, E_NOSPACE, r,
                                            "partition_table: its partitions end at 0x%x, the "
                                            "smallest allowed flash has 0x%llx bytes",
                                            k->end, (unsigned long long)smallest);
        }
        free(f);
        return rc;
}

static const struct ptable_entry *find_partition(struct line_kit *k, const struct line_word *label,
                                                 struct report *r)
{
        const struct ptable_entry *e = ptable_find(&k->table, label->text);
        char list[400] = "";
        size_t n = 0;

        if (!e && !strcmp(label->text, "app")) {
                e = ptable_find_type(&k->table, PTABLE_APP, PTABLE_APP_FACTORY, NULL);
                if (!e)
                        e = ptable_find_type(&k->table, PTABLE_APP, PTABLE_APP_OTA_0, NULL);
        }
        if (e)
                return e;
        for (size_t i = 0; i < k->table.count && n < sizeof list; i++)
                n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "",
                                      k->table.entries[i].name);
        line_job_error(k->job, label, E_NOTFOUND, r, "no partition is called '%s'; there are %s",
                       label->text, list);
        return NULL;
}

/* ---- parts ---- */

/* What is in no partition is the bootloader, or the table. */
static bool is_ciphered(const struct line_kit *k, uint32_t offset)
{
        for (size_t i = 0; i < k->table.count; i++)
                if (offset >= k->table.entries[i].offset &&
                    offset < ptable_end(&k->table.entries[i]))
                        return ptable_is_ciphered(&k->table.entries[i]);
        return true;
}

static struct line_part *add_part(struct line_kit *k, const char *name, uint32_t offset)
{
        struct line_part *p = &k->parts[k->part_count++];

        p->name = name;
        p->offset = offset;
        p->ciphered = is_ciphered(k, offset);
        return p;
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* For this chip and whole; what it says of revisions holds for the line. */
static int check_image(struct line_kit *k, const struct line_image *im, const struct blob *data,
                       struct report *r)
{
        const struct chip *c = k->job->chip;
        const struct chip *other;
        struct espimg_header h;
        struct espimg img;
        struct diag d = { 0 };

        if (c->image_id < 0 || !espimg_is_image(data->data, data->len) ||
            espimg_header_read(data->data, data->len, true, &h, NULL) < 0)
                return 0;
        other = chip_by_image_id(h.chip_id);
        if (h.chip_id != (unsigned)c->image_id)
                return line_job_error(k->job, &im->file, E_VERIFY, r,
                                      "%s is for %s (chip id %u), the job is for %s", im->file.text,
                                      other ? other->name : "another chip", h.chip_id, c->name);
        if (espimg_read(data->data, data->len, true, &img, &d) < 0 || espimg_check(&img, &d) < 0)
                return line_job_error(k->job, &im->file, d.code, r, "%s: %s", im->file.text,
                                      diag_text(&d));
        if (h.min_rev_full > k->rev_min)
                k->rev_min = h.min_rev_full;
        else if (!h.min_rev_full && h.min_rev * 100u > k->rev_min)
                k->rev_min = h.min_rev * 100u;
        if (h.max_rev_full && (!k->rev_max || h.max_rev_full < k->rev_max))
                k->rev_max = h.max_rev_full;
        if (k->rev_max && k->rev_min > k->rev_max)
                return line_job_error(k->job, &im->file, E_VERIFY, r,
                                      "%s: no chip revision that the job allows can run all "
                                      "images",
                                      im->file.text);
        return 0;
}

/* The version in the app's descriptor is the one that the self-test is to report. */
static int check_version(struct line_kit *k, const struct line_image *im, const struct blob *data,
                         struct report *r)
{
        const struct line_word *want = &k->job->selftest.version;
        struct espimg_desc desc;
        struct espimg img;

        if (!want->text || espimg_read(data->data, data->len, true, &img, NULL) < 0 || !img.count ||
            espimg_desc_read(data->data + img.segments[0].offset, img.segments[0].len, &desc) < 0)
                return 0;
        if (!strcmp(desc.version, want->text))
                return 0;
        return line_job_error(k->job, want, E_VERIFY, r,
                              "selftest expects version %s, %s is version %s", want->text,
                              im->file.text, desc.version);
}

static int load_image(struct line_kit *k, const struct line_image *im, struct report *r)
{
        const struct ptable_entry *e = NULL;
        struct line_part *p;
        struct diag d = { 0 };
        int rc;

        if (im->partition.text && !(e = find_partition(k, &im->partition, r)))
                return -E_NOTFOUND;
        p = add_part(k, e ? e->name : base_name(im->file.text), e ? e->offset : im->offset);
        if ((rc = file_load(im->file.text, FILE_LIMIT_IMAGE, &p->data, &d)) < 0)
                return line_job_error(k->job, &im->file, -rc, r, "%s", diag_text(&d));
        if (!p->data.len)
                return line_job_error(k->job, &im->file, E_TRUNC, r,
                                      "%s is empty; was its build finished?", im->file.text);
        if (e && p->data.len > e->size)
                return line_job_error(k->job, &im->file, E_NOSPACE, r,
                                      "%s: %zu bytes do not fit partition %s of %u", im->file.text,
                                      p->data.len, e->name, e->size);
        if ((rc = check_image(k, im, &p->data, r)) < 0)
                return rc;
        return check_version(k, im, &p->data, r);
}

/* An image placed by offset may run into a partition that is not meant. */
static int check_overlap(struct line_kit *k, const struct line_image *im, const struct line_part *p,
                         struct report *r)
{
        if (im->partition.text)
                return 0;
        for (size_t i = 0; i < k->table.count; i++) {
                const struct ptable_entry *e = &k->table.entries[i];

                if (p->offset < e->offset && p->offset + p->data.len > e->offset)
                        return line_job_error(k->job, &im->file, E_NOSPACE, r,
                                              "%s runs from 0x%x into partition %s at 0x%x",
                                              im->file.text, p->offset, e->name, e->offset);
                if (p->offset >= e->offset && p->offset < ptable_end(e) &&
                    p->offset + p->data.len > ptable_end(e))
                        return line_job_error(k->job, &im->file, E_NOSPACE, r,
                                              "%s runs over the end of partition %s", im->file.text,
                                              e->name);
        }
        if (p->offset < k->job->table_offset + PTABLE_LEN &&
            p->offset + p->data.len > k->job->table_offset)
                return line_job_error(k->job, &im->file, E_EXISTS, r,
                                      "%s lies on the partition table at 0x%x, which "
                                      "partition_table gives",
                                      im->file.text, k->job->table_offset);
        return 0;
}

static int load_images(struct line_kit *k, struct report *r)
{
        int rc = 0;

        for (size_t i = 0; i < k->job->image_count; i++) {
                const size_t n = k->part_count;
                int one = load_image(k, &k->job->images[i], r);

                if (one == 0)
                        one = check_overlap(k, &k->job->images[i], &k->parts[n], r);
                rc = rc < 0 ? rc : one;
        }
        return rc;
}

/* The table itself is made of its file, whatever that is. */
static int add_table(struct line_kit *k, struct report *r)
{
        struct line_part *p = add_part(k, "partition-table", k->job->table_offset);
        struct diag d = { 0 };

        p->data.data = malloc(PTABLE_LEN + 1);
        p->data.len = PTABLE_LEN;
        k->table.md5 = true;
        if (!p->data.data)
                return report_error(r, E_NOMEM, k->job->path, 0, 0, "out of memory");
        if (ptable_write(&k->table, p->data.data, PTABLE_LEN, &d) < 0)
                return line_job_error(k->job, &k->job->table, d.code, r, "%s", diag_text(&d));
        return 0;
}

/* Blanked partitions are images of 0xff, which are looked at before they are erased. */
static int add_erase(struct line_kit *k, struct report *r)
{
        for (size_t i = 0; i < k->job->erase_count; i++) {
                const struct ptable_entry *e = find_partition(k, &k->job->erase[i], r);
                struct line_part *p;

                if (!e)
                        continue;
                p = add_part(k, e->name, e->offset);
                p->blank = true;
                p->data.len = e->size;
                if (!(p->data.data = malloc(e->size)))
                        return report_error(r, E_NOMEM, k->job->path, 0, 0, "out of memory");
                memset(p->data.data, 0xff, e->size);
        }
        return 0;
}

static int make_plan(struct line_kit *k, struct report *r)
{
        const struct flash_options opt = { 0 };
        struct flash_image images[LINE_PARTS_MAX] = { 0 };
        struct sha256 *h = sha256_new();
        struct diag d = { 0 };
        int rc = h ? 0 : diag_set(&d, E_NOMEM, "out of memory");

        for (size_t i = 0; i < k->part_count && rc == 0; i++) {
                struct line_part *p = &k->parts[i];

                images[i] = (struct flash_image){ .name = p->name,
                                                  .offset = p->offset,
                                                  .data = p->data.data,
                                                  .len = p->data.len };
                rc = sha256_of(h, p->data.data, p->data.len, p->sha256);
        }
        if (rc == 0)
                rc = flash_plan_new(images, k->part_count, &opt, &k->plan, &d);
        sha256_free(h);
        return rc < 0 ? report_error(r, -rc, k->job->path, 0, 0, "images: %s", diag_text(&d)) : 0;
}

/* ---- serial numbers ---- */

int line_serial_make(const struct line_job *job, uint64_t n, char out[65])
{
        struct batch_gen g = { 0 };
        int rc = batch_template_set(&g, job->serial.text, NULL);
        long len = rc < 0 ? rc : batch_template_make(&g, n, out, 65);

        batch_gen_free(&g);
        return len < 0 ? (int)len : 0;
}

struct serial_reader {
        struct line_kit *k;
        struct report *r;
        bool headed;
        size_t column;
};

/* The column serial_no or cn of a heading; a file without a heading has one column. */
static int serial_row(void *ctx, const struct csv_row *row)
{
        struct serial_reader *s = ctx;
        struct line_kit *k = s->k;
        const struct csv_field *f;
        char **grown;
        struct diag d = { 0 };

        if (!s->headed) {
                s->headed = true;
                for (size_t i = 0; i < row->count; i++)
                        if (!strcmp(row->fields[i].text, "serial_no") ||
                            !strcmp(row->fields[i].text, "cn")) {
                                s->column = i;
                                return 0;
                        }
                if (row->count > 1)
                        return report_error(s->r, E_NOTFOUND, k->job->serial.text, row->line, 0,
                                            "no column is called serial_no or cn");
        }
        if (row->count <= s->column)
                return report_error(s->r, E_FORMAT, k->job->serial.text, row->line, 0,
                                    "a field is missing");
        f = &row->fields[s->column];
        if (f->len > 64 || cn_check(f->text, &d) < 0)
                return report_error(s->r, E_SYNTAX, k->job->serial.text, f->line, f->column,
                                    "'%.70s' is no serial number: 1 to 64 printable characters",
                                    f->text);
        grown = realloc(k->serials, (k->serial_count + 1) * sizeof *grown);
        if (!grown)
                return report_error(s->r, E_NOMEM, NULL, 0, 0, "out of memory");
        k->serials = grown;
        if (!(k->serials[k->serial_count] = strdup(f->text)))
                return report_error(s->r, E_NOMEM, NULL, 0, 0, "out of memory");
        k->serial_count++;
        return 0;
}

static int load_serials(struct line_kit *k, struct report *r)
{
        const struct csv_config cfg = { .comments = true };
        struct serial_reader s = { .k = k, .r = r };
        char last[65];
        struct blob b;
        struct diag d = { 0 };
        int rc;

        if (k->job->serials == LINE_SERIAL_COUNTER &&
            line_serial_make(k->job, k->job->serial_start + k->job->serial_count - 1, last) < 0)
                return line_job_error(k->job, &k->job->serial, E_RANGE, r,
                                      "serial: the last one is longer than 64 characters");
        if (k->job->serials != LINE_SERIAL_LIST)
                return 0;
        if (file_load(k->job->serial.text, FILE_LIMIT_TEXT, &b, &d) < 0)
                return line_job_error(k->job, &k->job->serial, d.code, r, "%s", diag_text(&d));
        rc = csv_read(k->job->serial.text, (const char *)b.data, b.len, &cfg, serial_row, &s, r);
        blob_free(&b);
        if (rc == 0 && !k->serial_count)
                rc = line_job_error(k->job, &k->job->serial, E_TRUNC, r, "%s: no serial number",
                                    k->job->serial.text);
        return rc;
}

/* ---- factory data ---- */

/* The first and the last unit; of a list all whose image must be in the folder. */
static int try_units(struct line_kit *k, struct report *r)
{
        const struct line_job *j = k->job;
        static const char mac[] = "02:00:00:00:00:01";
        char serial[65];
        int rc = 0;

        /* a folder of images by MAC holds boards that nobody knows yet */
        if (j->serials == LINE_SERIAL_MAC)
                return j->factory.folder.text ? 0
                                              : line_maker_try(k->maker, "020000000001", mac, r);
        if (j->serials == LINE_SERIAL_LIST) {
                const size_t n = j->factory.folder.text ? k->serial_count : 1;

                for (size_t i = 0; i < n; i++)
                        if (line_maker_try(k->maker, k->serials[i], mac, r) < 0)
                                rc = -r->first_code;
                return rc;
        }
        for (uint64_t i = 0; i < j->serial_count; i++) {
                /* made on the spot: the first and the last, which is the longest */
                if (!j->factory.folder.text && i && i < j->serial_count - 1)
                        i = j->serial_count - 1;
                if (line_serial_make(j, j->serial_start + i, serial) < 0 ||
                    line_maker_try(k->maker, serial, mac, r) < 0)
                        rc = -r->first_code;
                if (rc < 0 && !j->factory.folder.text)
                        break; /* the other one would say the same */
        }
        return rc;
}

static int open_factory(struct line_kit *k, struct report *r)
{
        const struct line_factory *f = &k->job->factory;
        const struct ptable_entry *e;
        int rc;

        if (!f->given)
                return 0;
        if (!(e = find_partition(k, &f->partition, r)))
                return -E_NOTFOUND;
        k->factory_offset = e->offset;
        k->factory_size = e->size;
        k->factory_ciphered = ptable_is_ciphered(e);
        if (f->keys == LINE_KEYS_DEVICE && e->flags & PTABLE_FLAG_READONLY)
                return line_job_error(k->job, &f->partition, E_INVAL, r,
                                      "factory: partition %s is readonly in the table; a unit that "
                                      "makes its own key has to write it there",
                                      e->name);
        for (size_t i = 0; i < k->part_count; i++)
                if (k->parts[i].offset < e->offset + e->size &&
                    k->parts[i].offset + k->parts[i].data.len > e->offset)
                        return line_job_error(k->job, &f->partition, E_EXISTS, r,
                                              "factory: %s goes to partition %s too",
                                              k->parts[i].name, e->name);
        if ((rc = line_maker_open(k->job, k->factory_size, k->seals, &k->maker, r)) < 0)
                return rc;
        return try_units(k, r);
}

int line_kit_open(struct line_kit *k, const struct line_job *job, struct report *r)
{
        const unsigned before = r->errors;

        memset(k, 0, sizeof *k);
        k->job = job;
        k->rev_min = job->rev_min;
        k->rev_max = job->rev_max;
        if (load_table(k, r) == 0) {
                load_images(k, r);
                add_table(k, r);
                add_erase(k, r);
                if (load_serials(k, r) == 0) {
                        line_secure_open(k, r);
                        open_factory(k, r);
                        line_label_open(k, r);
                }
        }
        if (r->errors == before)
                make_plan(k, r);
        return r->errors > before ? -r->first_code : 0;
}

void line_kit_guard(struct line_kit *k, const char *approved)
{
        k->approved = approved;
        if (k->maker)
                line_maker_guard(k->maker, approved);
}

void line_kit_close(struct line_kit *k)
{
        flash_plan_free(k->plan);
        for (size_t i = 0; i < k->part_count; i++)
                blob_free_secret(&k->parts[i].data);
        line_maker_close(k->maker);
        label_free(k->label);
        secure_profile_free(k->secure);
        for (size_t i = 0; i < k->serial_count; i++)
                free(k->serials[i]);
        free(k->serials);
        memset(k, 0, sizeof *k);
}
