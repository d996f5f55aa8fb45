/* The commands of efuse that read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "efuse.h"
#include "flasher.h"

/* Text that goes to standard output or, whole, into a file. */
struct sheet {
        FILE *out;
        char *text;
        size_t len;
        const char *path; /* NULL: standard output */
};

static int sheet_open(struct sheet *s, const char *path)
{
        *s = (struct sheet){ .path = path };
        s->out = path ? open_memstream(&s->text, &s->len) : stdout;
        if (s->out)
                return 0;
        return memory_error();
}

static int sheet_close(struct sheet *s, int status)
{
        struct diag d = { 0 };

        if (!s->path)
                return status;
        if (fclose(s->out) != 0 && status == 0)
                status = memory_error();
        if (status == 0 && file_save(s->path, s->text, s->len, FILE_PUBLIC, &d) < 0)
                status = fail(NULL, &d);
        free(s->text);
        return status;
}

/* --- summary --- */

static bool is_asked(const struct efuse_dev *dev, const struct efuse_field *f,
                     const struct efuse_words *w)
{
        const struct efuse_view v = efuse_view_of(dev);

        for (int i = 0; i < w->n; i++)
                if (efuse_field(v.chip, w->at[i]) == f)
                        return true;
        return w->n == 0 && efuse_is_shown(&v, f);
}

static const char *rights(const struct efuse_text *t)
{
        return t->readable ? t->writable ? "R/W" : "R/-" : t->writable ? "-/W" : "-/-";
}

static bool has_error(const struct efuse_view *v, const struct efuse_field *f)
{
        const struct efuse_errors e = efuse_errors(v->chip, v->image, f->block);

        return e.count || e.fail;
}

/* "value (0x…)", and what else there is to say about a field behind its description. */
static void show_field(FILE *out, const struct efuse_view *v, const struct efuse_field *f)
{
        const struct efuse_block *b = &v->chip->blocks[f->block];
        struct efuse_text t;
        struct efuse_text use;
        char raw[EFUSE_TEXT_MAX];
        char value[2 * EFUSE_TEXT_MAX + 4];

        efuse_text_get(v, f, &t);
        efuse_raw_text(v, f, raw);
        snprintf(value, sizeof value, *raw && t.readable ? "%s (%s)" : "%s", t.text, raw);
        fprintf(out, "  %-34.*s %-24s %s", (int)efuse_name_len(f->name), f->name, value,
                rights(&t));
        if (strlen(value) > 24)
                fprintf(out, "\n  %-63s", "");
        fprintf(out, "  %s", efuse_about(f));
        if (b->purpose && f->bit == 0 && f->kind == EFUSE_BYTES) {
                efuse_text_get(v, efuse_field(v->chip, b->purpose), &use);
                fprintf(out, "; its purpose: %s", use.text);
        }
        fprintf(out, "%s\n", has_error(v, f) ? "  CODING ERRORS" : "");
        wipe(&t, sizeof t);
        wipe(value, sizeof value);
}

static void show_text(FILE *out, const struct efuse_dev *dev, const struct efuse_words *w)
{
        static const char *const order[] = { "security", "flash",  "jtag",       "usb",
                                             "identity", "MAC",    "vdd",        "wdt",
                                             "spi pad",  "config", "calibration" };
        const struct efuse_view v = efuse_view_of(dev);

        fprintf(out, "%s\n", efuse_dev_name(dev));
        for (size_t g_i = 0; g_i < sizeof order / sizeof *order; g_i++) {
                bool any = false;

                for (size_t i = 0; i < v.chip->field_count; i++) {
                        const struct efuse_field *f = &v.chip->fields[i];

                        if (strcmp(efuse_category(f), order[g_i]) != 0 || !is_asked(dev, f, w))
                                continue;
                        if (!any)
                                fprintf(out, "\n%s\n", order[g_i]);
                        any = true;
                        show_field(out, &v, f);
                }
        }
}

/* espefuse's name of a field's type. */
static void type_text(const struct efuse_view *v, const struct efuse_field *f, char *out,
                      size_t cap)
{
        const unsigned bits = efuse_shown_bits(v, f);
        const bool bytes = f->kind == EFUSE_BYTES || f->kind == EFUSE_MAC ||
                           f->kind == EFUSE_OWN_MAC || (f->kind == EFUSE_CALC && bits == 64);

        if (f->kind == EFUSE_BOOL)
                snprintf(out, cap, "bool");
        else if (bytes)
                snprintf(out, cap, "bytes:%u", bits / 8);
        else
                snprintf(out, cap, "uint:%u", bits);
}

static void json_value(struct json_writer *w, const struct efuse_text *t)
{
        if (t->shape == EFUSE_SHAPE_BOOL)
                json_bool(w, "value", t->text[0] == 'T');
        else if (t->shape == EFUSE_SHAPE_NUMBER && strchr(t->text, '.'))
                json_number(w, "value", t->text);
        else if (t->shape == EFUSE_SHAPE_NUMBER)
                json_int(w, "value", strtoll(t->text, NULL, 10));
        else
                json_str(w, "value", t->text);
}

static void json_field(struct json_writer *w, const struct efuse_view *v,
                       const struct efuse_field *f)
{
        char name[48];
        char type[16];
        struct efuse_text t;

        efuse_text_get(v, f, &t);
        type_text(v, f, type, sizeof type);
        snprintf(name, sizeof name, "%.*s", (int)efuse_name_len(f->name), f->name);
        json_open(w, name, '{');
        json_str(w, "name", name);
        json_value(w, &t);
        json_bool(w, "readable", t.readable);
        json_bool(w, "writeable", t.writable);
        json_str(w, "description", efuse_about(f));
        json_str(w, "category", efuse_category(f));
        json_uint(w, "block", f->block);
        if (f->kind == EFUSE_CALC) {
                json_str(w, "word", NULL);
                json_str(w, "pos", NULL);
        } else {
                json_uint(w, "word", f->bit / 32);
                json_uint(w, "pos", f->bit % 32);
        }
        json_str(w, "efuse_type", type);
        json_uint(w, "bit_len", efuse_shown_bits(v, f));
        json_close(w, '}');
        wipe(&t, sizeof t);
}

/* One object with a member for each field, as espefuse has it; with --json inside our own. */
static void show_json(FILE *out, const struct efuse_dev *dev, const struct efuse_words *w, bool own)
{
        const struct efuse_view v = efuse_view_of(dev);
        struct json_writer j = { .out = out, .pretty = !own };

        if (own) {
                json_open(&j, NULL, '{');
                json_uint(&j, "v", 1);
                json_str(&j, "event", "efuses");
                json_str(&j, "chip", v.chip->name);
        }
        json_open(&j, own ? "fields" : NULL, '{');
        for (size_t i = 0; i < v.chip->field_count; i++)
                if (is_asked(dev, &v.chip->fields[i], w))
                        json_field(&j, &v, &v.chip->fields[i]);
        json_close(&j, '}');
        if (own)
                json_close(&j, '}');
        fputc('\n', out);
}

static int values_alone(FILE *out, const struct efuse_dev *dev, const struct efuse_words *w)
{
        const struct efuse_view v = efuse_view_of(dev);

        for (int i = 0; i < w->n; i++) {
                struct efuse_text t;

                efuse_text_get(&v, efuse_field(v.chip, w->at[i]), &t);
                fprintf(out, "%s\n", t.text);
                wipe(&t, sizeof t);
        }
        return 0;
}

static int check_names(const struct efuse_dev *dev, const struct efuse_words *w)
{
        for (int i = 0; i < w->n; i++)
                if (!efuse_field_named(dev, w->at[i]))
                        return STATUS_DATA;
        return 0;
}

int efuse_summary(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const char *form = w->value_only ? "value-only" : w->format ? w->format : "summary";
        struct sheet s;
        int status;

        (void)p;
        if (!opt_word_is(form, "summary") && !opt_word_is(form, "json") &&
            !opt_word_is(form, "value-only"))
                return usage_error("summary: --format is summary, json or value-only, not '%s'",
                                   form);
        if (opt_word_is(form, "value-only") && w->n != 1)
                return usage_error("summary: --value-only goes with one name; 'get' takes several");
        if ((status = check_names(dev, w)) != 0 || (status = sheet_open(&s, w->file)) != 0)
                return status;
        if (opt_word_is(form, "value-only"))
                values_alone(s.out, dev, w);
        else if (opt_word_is(form, "json") || g.json)
                show_json(s.out, dev, w, !opt_word_is(form, "json"));
        else
                show_text(s.out, dev, w);
        return sheet_close(&s, 0);
}

int efuse_get_values(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const int status = check_names(dev, w);

        (void)p;
        if (status != 0)
                return status;
        if (g.json)
                show_json(stdout, dev, w, true);
        else
                values_alone(stdout, dev, w);
        return 0;
}

int efuse_get_mac(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const struct efuse_view v = efuse_view_of(dev);
        const struct efuse_field *f = efuse_field(v.chip, "CUSTOM_MAC");
        struct efuse_text t;

        (void)p;
        (void)w;
        efuse_text_get(&v, f, &t);
        if (efuse_is_shown(&v, f))
                printf("%s\n", t.text);
        else
                say("no address of the product's own is burnt");
        return 0;
}

int efuse_adc_info(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const struct efuse_view v = efuse_view_of(dev);
        bool any = false;

        (void)p;
        (void)w;
        for (size_t i = 0; i < v.chip->field_count; i++) {
                const struct efuse_field *f = &v.chip->fields[i];
                struct efuse_text t;

                if (strcmp(efuse_category(f), "calibration") != 0 || !efuse_is_shown(&v, f))
                        continue;
                efuse_text_get(&v, f, &t);
                printf("%.*s = %s\n", (int)efuse_name_len(f->name), f->name, t.text);
                any = true;
        }
        if (!any)
                say("the factory has burnt no calibration into this chip");
        return 0;
}

int efuse_digest(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        uint8_t digest[32];
        char text[65];

        (void)p;
        (void)w;
        if (efuse_dev_digest(dev, digest) < 0)
                return memory_error();
        hex_encode(digest, sizeof digest, text);
        printf("%s\n", text);
        return 0;
}

/* --- dump --- */

static void dump_words(const struct efuse_dev *dev, unsigned i)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        const size_t len = efuse_data_len(c, efuse_dev_image(dev), i);

        printf("BLOCK%-2u %-16.*s", i, (int)efuse_name_len(c->blocks[i].name), c->blocks[i].name);
        for (size_t k = 0; k < len; k += 4)
                printf(" %08x", le32_get(efuse_dev_image(dev) + c->blocks[i].read + k));
        putchar('\n');
}

/* "dir/blk.bin" and 3 give "dir/blk3.bin". */
static char *numbered(const char *path, unsigned i)
{
        const char *slash = strrchr(path, '/');
        const char *dot = strrchr(path, '.');
        char *out = NULL;

        if (!dot || (slash && dot < slash))
                dot = path + strlen(path);
        if (asprintf(&out, "%.*s%u%s", (int)(dot - path), path, i, dot) < 0)
                return NULL;
        return out;
}

static int dump_split(const struct efuse_dev *dev, const char *path)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        int status = 0;

        for (unsigned i = 0; i < c->block_count && status == 0; i++) {
                struct diag d = { 0 };
                char *name = numbered(path, i);

                if (!name)
                        return memory_error();
                if (file_save(name, efuse_dev_image(dev) + c->blocks[i].read,
                              efuse_data_len(c, efuse_dev_image(dev), i), FILE_SECRET, &d) < 0)
                        status = fail(NULL, &d);
                free(name);
        }
        return status;
}

static int dump_joint(const struct efuse_dev *dev, const char *path)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        uint8_t all[EFUSE_BLOCKS * EFUSE_DATA_MAX];
        struct diag d = { 0 };
        size_t n = 0;
        int rc;

        for (unsigned i = 0; i < c->block_count; i++) {
                const size_t len = efuse_data_len(c, efuse_dev_image(dev), i);

                memcpy(all + n, efuse_dev_image(dev) + c->blocks[i].read, len);
                n += len;
        }
        rc = file_save(path, all, n, FILE_SECRET, &d);
        wipe(all, sizeof all);
        return rc < 0 ? fail(NULL, &d) : 0;
}

/* In the order of the bytes, a block a line. */
static int dump_hex(const struct efuse_dev *dev)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);

        for (unsigned i = 0; i < c->block_count; i++) {
                char text[2 * EFUSE_DATA_MAX + 1];

                hex_encode(efuse_dev_image(dev) + c->blocks[i].read,
                           efuse_data_len(c, efuse_dev_image(dev), i), text);
                printf("%s\n", text);
        }
        return 0;
}

int efuse_dump(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const char *form = w->format ? w->format : "default";

        (void)p;
        if (w->n)
                return usage_error("dump: takes no '%s'", w->at[0]);
        if (opt_word_is(form, "joint"))
                return w->file ? dump_joint(dev, w->file) : dump_hex(dev);
        if (opt_word_is(form, "split") || (opt_word_is(form, "default") && w->file))
                return w->file ? dump_split(dev, w->file) : dump_hex(dev);
        if (!opt_word_is(form, "default"))
                return usage_error("dump: --format is default, joint or split, not '%s'", form);
        for (unsigned i = 0; i < efuse_dev_chip(dev)->block_count; i++)
                dump_words(dev, i);
        return 0;
}

/* --- errors --- */

int efuse_check_error(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        unsigned bad = 0;

        (void)w;
        for (unsigned i = 0; i < c->block_count; i++) {
                const struct efuse_errors e = efuse_errors(c, efuse_dev_image(dev), i);
                struct diag d = { 0 };

                if (!e.count && !e.fail)
                        continue;
                bad++;
                if (!p)
                        printf("BLOCK%-2u %-16.*s %u errors%s\n", i,
                               (int)efuse_name_len(c->blocks[i].name), c->blocks[i].name, e.count,
                               e.fail ? ", not correctable" : "");
                else if (efuse_plan_recover(p, i, &d) < 0)
                        return fail("efuse", &d);
        }
        if (p)
                return 0;
        if (bad) {
                tool_error("efuse: %u block%s with coding errors; --recovery burns them once more",
                           bad, bad == 1 ? "" : "s");
                return STATUS_DEVICE;
        }
        say("no coding errors");
        return 0;
}
