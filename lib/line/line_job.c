#include "line/line_job.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/batch_gen.h"
#include "host/json.h"
#include "host/json_place.h"
#include "host/opt.h"

#define PATH_MAX_BYTES 256

struct reader {
        struct line_job *j;
        struct report *r;
        char at[PATH_MAX_BYTES]; /* where in the tree: "/images/2" */
};

enum kind {
        WORD,    /* struct line_word */
        PATH,    /* struct line_word, joined to the job's folder */
        NUMBER,  /* uint32_t, min … max */
        COUNT,   /* uint64_t, min … max */
        ADDRESS, /* uint32_t: a number, or "0x8000", "64K" */
        FLAG,    /* bool */
        PART,    /* take reads it */
};

struct member {
        const char *name;
        enum kind kind;
        size_t offset; /* in the struct */
        uint32_t min;
        uint64_t max;
        int (*take)(struct reader *d, const cJSON *v, void *to);
};

/* ---- places and messages ---- */

static size_t enter(struct reader *d, const char *name)
{
        const size_t n = strlen(d->at);

        snprintf(d->at + n, sizeof d->at - n, "/%s", name);
        return n;
}

static size_t enter_item(struct reader *d, unsigned i)
{
        char text[16];

        snprintf(text, sizeof text, "%u", i);
        return enter(d, text);
}

static void leave(struct reader *d, size_t n)
{
        d->at[n] = 0;
}

static int bad(struct reader *d, int code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
static int bad(struct reader *d, int code, const char *fmt, ...)
{
        char text[512];
        uint32_t line;
        uint32_t column;
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        json_place((const char *)d->j->text.data, d->j->text.len, d->at, &line, &column);
        return report_error(d->r, code, d->j->path, line, column, "%s: %s",
                            *d->at ? d->at + 1 : "job", text);
}
#ifdef __clang_analyzer__
#define bad(d, code, ...) (bad(d, code, __VA_ARGS__), -(code)) /* as diag_set */
#endif

int line_job_error(const struct line_job *j, const struct line_word *at, int code, struct report *r,
                   const char *fmt, ...)
{
        char text[512];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        return report_error(r, code, j->path, at->line, at->column, "%s", text);
}

static void place(struct reader *d, struct line_word *w)
{
        json_place((const char *)d->j->text.data, d->j->text.len, d->at, &w->line, &w->column);
}

/* ---- values ---- */

static int take_word(struct reader *d, const cJSON *v, struct line_word *to)
{
        if (!cJSON_IsString(v) || !*v->valuestring)
                return bad(d, E_TYPE, "a text in quotes belongs here");
        to->text = v->valuestring;
        place(d, to);
        return 0;
}

static char *own(struct line_job *j, char *text)
{
        char **grown = text ? realloc(j->own, (j->own_count + 1) * sizeof *grown) : NULL;

        if (!grown) {
                free(text);
                return NULL;
        }
        j->own = grown;
        return j->own[j->own_count++] = text;
}

static int take_path(struct reader *d, const cJSON *v, struct line_word *to)
{
        int rc = take_word(d, v, to);

        if (rc == 0 && !(to->text = own(d->j, path_join(d->j->dir, v->valuestring))))
                rc = bad(d, E_NOMEM, "out of memory");
        return rc;
}

static int take_number(struct reader *d, const cJSON *v, const struct member *m, uint64_t *out)
{
        uint64_t n = 0;
        const bool text = cJSON_IsString(v) && m->kind == ADDRESS;

        if (text && parse_size(v->valuestring, &n) < 0)
                return bad(d, E_SYNTAX, "'%s' is not a number like 0x8000, 64K or 32768",
                           v->valuestring);
        if (!text && (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > 9e15 ||
                      v->valuedouble != (double)(uint64_t)v->valuedouble))
                return bad(d, E_TYPE, "a whole number belongs here");
        if (!text)
                n = (uint64_t)v->valuedouble;
        if (n < m->min || n > m->max)
                return bad(d, E_RANGE, "from %u to %llu", m->min, (unsigned long long)m->max);
        *out = n;
        return 0;
}

static int take_value(struct reader *d, const cJSON *v, const struct member *m, void *to)
{
        uint64_t n;
        int rc;

        switch (m->kind) {
        case WORD:
                return take_word(d, v, to);
        case PATH:
                return take_path(d, v, to);
        case FLAG:
                if (!cJSON_IsBool(v))
                        return bad(d, E_TYPE, "true or false belongs here");
                *(bool *)to = cJSON_IsTrue(v);
                return 0;
        case NUMBER:
        case ADDRESS:
                if ((rc = take_number(d, v, m, &n)) == 0)
                        *(uint32_t *)to = (uint32_t)n;
                return rc;
        case COUNT:
                return take_number(d, v, m, to);
        case PART:
                return m->take(d, v, to);
        }
        return -E_BUG;
}

static const struct member *member_of(const struct member *ms, const char *name)
{
        for (; ms->name; ms++)
                if (!strcmp(ms->name, name))
                        return ms;
        return NULL;
}

static int not_a_member(struct reader *d, const struct member *ms)
{
        char list[400] = "";
        size_t n = 0;

        for (; ms->name && n < sizeof list; ms++)
                n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", ms->name);
        return bad(d, E_SYNTAX, "no such member; there are %s", list);
}

/* Every member of o by the table, into the struct at to. All errors are said. */
static int take_object(struct reader *d, const cJSON *o, const struct member *ms, void *to)
{
        const unsigned before = d->r->errors;
        const cJSON *v;

        if (!cJSON_IsObject(o))
                return bad(d, E_TYPE, "an object {…} belongs here");
        cJSON_ArrayForEach(v, o)
        {
                const struct member *m = member_of(ms, v->string);
                const size_t n = enter(d, v->string);

                if (!m)
                        not_a_member(d, ms);
                else if (cJSON_GetObjectItemCaseSensitive(o, v->string) != v)
                        bad(d, E_EXISTS, "is there twice");
                else
                        take_value(d, v, m, (char *)to + m->offset);
                leave(d, n);
        }
        return d->r->errors > before ? -d->r->first_code : 0;
}

/* Every element of an array (or v alone, where it is none). */
static int take_each(struct reader *d, const cJSON *v, size_t max,
                     int (*one)(struct reader *d, const cJSON *item))
{
        const unsigned before = d->r->errors;
        const cJSON *item;
        unsigned i = 0;

        if (!cJSON_IsArray(v))
                return bad(d, E_TYPE, "a list [ ] belongs here");
        if ((size_t)cJSON_GetArraySize(v) > max)
                return bad(d, E_NOSPACE, "more than %zu", max);
        cJSON_ArrayForEach(item, v)
        {
                const size_t n = enter_item(d, i++);

                one(d, item);
                leave(d, n);
        }
        return d->r->errors > before ? -d->r->first_code : 0;
}

#define AT(type, field) offsetof(struct type, field)

/* ---- the parts ---- */

static int take_chip(struct reader *d, const cJSON *v, void *to)
{
        struct line_word w;
        const int rc = take_word(d, v, &w);

        if (rc < 0)
                return rc;
        *(const struct chip **)to = chip_by_name(w.text);
        return chip_by_name(w.text)
                       ? 0
                       : bad(d, E_NOTFOUND, "'%s' is none of %s", w.text, chip_names());
}

int line_revision_parse(const char *text, unsigned *out)
{
        unsigned major;
        unsigned minor;
        int used = 0;

        if (*text == 'v')
                text++;
        if (sscanf(text, "%2u.%2u%n", &major, &minor, &used) != 2 || text[used] ||
            strspn(text, "0123456789.") != strlen(text))
                return -E_SYNTAX;
        *out = major * 100 + minor;
        return 0;
}

static int take_revision(struct reader *d, const cJSON *v, void *to)
{
        struct line_word w;
        int rc = take_word(d, v, &w);

        if (rc == 0 && (rc = line_revision_parse(w.text, to)) < 0)
                rc = bad(d, -rc, "'%s' is not a revision like v0.3", w.text);
        return rc;
}

static int take_revisions(struct reader *d, const cJSON *v, void *to)
{
        static const struct member ms[] = {
                { "min", PART, AT(line_job, rev_min), 0, 0, take_revision },
                { "max", PART, AT(line_job, rev_max), 0, 0, take_revision },
                { 0 },
        };
        struct line_job *j = to;
        int rc = take_object(d, v, ms, j);

        if (rc == 0 && j->rev_max && j->rev_min > j->rev_max)
                rc = bad(d, E_RANGE, "min is above max");
        return rc;
}

/* "c84016" as esptool prints it (maker first), "c8" for everything of one maker. */
static int take_jedec(struct reader *d, const cJSON *v, void *to)
{
        struct line_flash *f = to;
        struct line_word w;
        const char *p;
        int rc = take_word(d, v, &w);
        unsigned i = 0;

        if (rc < 0)
                return rc;
        p = w.text + (strncmp(w.text, "0x", 2) ? 0 : 2);
        for (; i < 3 && strspn(p, "0123456789abcdefABCDEF") >= 2; i++, p += 2) {
                const char two[3] = { p[0], p[1], 0 };

                f->id |= (uint32_t)strtoul(two, NULL, 16) << 8 * i;
                f->mask |= 0xffu << 8 * i;
        }
        return *p || !i ? bad(d, E_SYNTAX, "'%s' is no JEDEC id like c84016, or c8 for a maker",
                              w.text)
                        : 0;
}

static int take_flash_size(struct reader *d, const cJSON *v, void *to)
{
        struct line_word w;
        int rc = take_word(d, v, &w);

        if (rc == 0 && !(*(uint32_t *)to = flash_size_bytes(w.text)))
                rc = bad(d, E_SYNTAX, "'%s' is no size of a flash like 4MB", w.text);
        return rc;
}

static int take_flash_one(struct reader *d, const cJSON *v)
{
        static const struct member ms[] = {
                { "id", PART, 0, 0, 0, take_jedec },
                { "size", PART, AT(line_flash, size), 0, 0, take_flash_size },
                { 0 },
        };
        struct line_flash *f = &d->j->flashes[d->j->flash_count++];

        if (cJSON_IsString(v))
                return take_flash_size(d, v, &f->size);
        return take_object(d, v, ms, f);
}

static int take_flash(struct reader *d, const cJSON *v, void *to)
{
        (void)to;
        if (cJSON_IsArray(v))
                return take_each(d, v, LINE_FLASH_MAX, take_flash_one);
        return take_flash_one(d, v);
}

static int take_offset(struct reader *d, const cJSON *v, void *to)
{
        static const struct member m = { "offset", ADDRESS, 0, 0, UINT32_MAX, NULL };
        struct line_image *im = to;

        im->has_offset = true;
        return take_value(d, v, &m, &im->offset);
}

static int take_image(struct reader *d, const cJSON *v)
{
        static const struct member ms[] = {
                { "file", PATH, AT(line_image, file), 0, 0, NULL },
                { "partition", WORD, AT(line_image, partition), 0, 0, NULL },
                { "offset", PART, 0, 0, 0, take_offset },
                { 0 },
        };
        struct line_image *im = &d->j->images[d->j->image_count++];
        struct line_word w;
        int rc = take_object(d, v, ms, im);

        place(d, &w);
        im->line = w.line;
        im->column = w.column;
        if (rc == 0 && (!im->file.text || !im->partition.text == !im->has_offset))
                rc = bad(d, E_SYNTAX, "has a file and either a partition or an offset");
        if (rc == 0 && im->has_offset && im->offset % 4096)
                rc = bad(d, E_RANGE, "offset 0x%x is not a multiple of 4096", im->offset);
        return rc;
}

static int take_images(struct reader *d, const cJSON *v, void *to)
{
        (void)to;
        return take_each(d, v, LINE_IMAGES_MAX, take_image);
}

static int take_erase_one(struct reader *d, const cJSON *v)
{
        return take_word(d, v, &d->j->erase[d->j->erase_count++]);
}

static int take_erase(struct reader *d, const cJSON *v, void *to)
{
        (void)to;
        return take_each(d, v, LINE_ERASE_MAX, take_erase_one);
}

static int take_serial(struct reader *d, const cJSON *v, void *to)
{
        static const struct member ms[] = {
                { "template", WORD, AT(line_job, serial), 0, 0, NULL },
                { "start", COUNT, AT(line_job, serial_start), 0, 999999999999, NULL },
                { "count", COUNT, AT(line_job, serial_count), 1, 1000000000, NULL },
                { "list", PATH, AT(line_job, serial), 0, 0, NULL },
                { 0 },
        };
        struct line_job *j = to;
        struct batch_gen g = { 0 };
        struct diag why = { 0 };
        int rc;

        if (cJSON_IsString(v) && !strcmp(v->valuestring, "mac"))
                return 0;
        if ((rc = take_object(d, v, ms, j)) < 0)
                return rc;
        if (!cJSON_HasObjectItem(v, "list") == !cJSON_HasObjectItem(v, "template"))
                return bad(d, E_SYNTAX,
                           "\"mac\", or an object with either a template or the file of a list");
        j->serials = cJSON_HasObjectItem(v, "list") ? LINE_SERIAL_LIST : LINE_SERIAL_COUNTER;
        if (j->serials == LINE_SERIAL_LIST)
                return 0;
        if (!j->serial_count)
                return bad(d, E_SYNTAX, "count is missing: how many serial numbers there are");
        rc = batch_template_set(&g, j->serial.text, &why);
        batch_gen_free(&g);
        return rc < 0 ? bad(d, -rc, "%s", diag_text(&why)) : 0;
}

static int take_keys(struct reader *d, const cJSON *v, void *to)
{
        enum line_keys *keys = to;
        struct line_word w;
        const int rc = take_word(d, v, &w);

        if (rc < 0)
                return rc;
        *keys = !strcmp(w.text, "station")     ? LINE_KEYS_STATION
                : !strcmp(w.text, "on-device") ? LINE_KEYS_DEVICE
                                               : LINE_KEYS_NONE;
        return *keys || !strcmp(w.text, "none")
                       ? 0
                       : bad(d, E_SYNTAX, "'%s' is none of station, on-device, none", w.text);
}

static int take_values(struct reader *d, const cJSON *v, void *to)
{
        struct line_factory *f = to;
        const cJSON *item;
        int rc = 0;

        if (!cJSON_IsObject(v))
                return bad(d, E_TYPE, "an object {…} belongs here");
        cJSON_ArrayForEach(item, v)
        {
                const size_t n = enter(d, item->string);

                if (f->value_count == LINE_VALUES_MAX) {
                        rc = bad(d, E_NOSPACE, "more than %u", LINE_VALUES_MAX);
                        leave(d, n);
                        break;
                }
                f->values[f->value_count].key = item->string;
                if (take_word(d, item, &f->values[f->value_count].text) == 0)
                        f->value_count++;
                leave(d, n);
        }
        return rc;
}

static int take_prov(struct reader *d, const cJSON *v, void *to)
{
        static const struct member ms[] = {
                { "service", WORD, AT(line_factory, prov_service), 0, 0, NULL },
                { "transport", WORD, AT(line_factory, prov_transport), 0, 0, NULL },
                { 0 },
        };
        struct line_factory *f = to;

        if (cJSON_IsBool(v)) {
                f->prov = cJSON_IsTrue(v);
                return 0;
        }
        f->prov = true;
        return take_object(d, v, ms, f);
}

static int factory_whole(struct reader *d, const struct line_factory *f)
{
        if (!f->folder.text == !f->config.text)
                return bad(d, E_SYNTAX,
                           "either a folder of images, or a config from which they are made");
        if (f->folder.text && !f->image.text)
                return bad(d, E_SYNTAX,
                           "image is missing: the names in the folder, like outlet-{serial}.bin");
        if (f->folder.text && (f->keys != LINE_KEYS_NONE || f->value_count || f->prov))
                return bad(d, E_SYNTAX, "keys, values and provisioning go with config");
        if (f->keys && !f->ca.text)
                return bad(d, E_SYNTAX, "certificates need a ca");
        if ((f->keys || f->prov) && !f->out.text)
                return bad(d, E_SYNTAX, "credentials need a folder to go to: out");
        if (f->ca.text && !f->keys)
                return bad(d, E_SYNTAX, "a ca without keys: \"station\" or \"on-device\"");
        return 0;
}

static int take_factory(struct reader *d, const cJSON *v, void *to)
{
        static const struct member ms[] = {
                { "partition", WORD, AT(line_factory, partition), 0, 0, NULL },
                { "folder", PATH, AT(line_factory, folder), 0, 0, NULL },
                { "image", WORD, AT(line_factory, image), 0, 0, NULL },
                { "config", PATH, AT(line_factory, config), 0, 0, NULL },
                { "values", PART, 0, 0, 0, take_values },
                { "keys", PART, AT(line_factory, keys), 0, 0, take_keys },
                { "ca", PATH, AT(line_factory, ca), 0, 0, NULL },
                { "passphrase", PATH, AT(line_factory, passphrase), 0, 0, NULL },
                { "profile", WORD, AT(line_factory, profile), 0, 0, NULL },
                { "out", PATH, AT(line_factory, out), 0, 0, NULL },
                { "provisioning", PART, 0, 0, 0, take_prov },
                { 0 },
        };
        struct line_factory *f = to;
        struct line_word w;
        const int rc = take_object(d, v, ms, f);

        place(d, &w);
        f->given = true;
        f->line = w.line;
        f->column = w.column;
        return rc < 0 ? rc : factory_whole(d, f);
}

/* What becomes of the files with a unit's own keys. */
static int take_keeping(struct reader *d, const cJSON *v, void *to)
{
        struct line_word w;
        const int rc = take_word(d, v, &w);

        if (rc < 0)
                return rc;
        *(bool *)to = !strcmp(w.text, "remove");
        return !strcmp(w.text, "remove") || !strcmp(w.text, "keep")
                       ? 0
                       : bad(d, E_SYNTAX, "'%s' is none of keep, remove", w.text);
}

static int take_security(struct reader *d, const cJSON *v, void *to)
{
        static const struct member ms[] = {
                { "profile", PATH, AT(line_security, profile), 0, 0, NULL },
                { "nvs_keys", PATH, AT(line_security, nvs_keys), 0, 0, NULL },
                { "keys", PART, AT(line_security, remove_keys), 0, 0, take_keeping },
                { 0 },
        };
        struct line_security *s = to;
        struct line_word w;
        const int rc = take_object(d, v, ms, s);

        place(d, &w);
        s->given = true;
        s->line = w.line;
        s->column = w.column;
        return rc < 0 || s->profile.text
                       ? rc
                       : bad(d, E_SYNTAX, "profile is missing: what is burnt, fctry-secure(5)");
}

static int take_selftest(struct reader *d, const cJSON *v, void *to)
{
        static const struct member ms[] = {
                { "pass", WORD, AT(line_job, selftest.pass), 0, 0, NULL },
                { "version", WORD, AT(line_job, selftest.version), 0, 0, NULL },
                { "project", WORD, AT(line_job, selftest.project), 0, 0, NULL },
                { "seconds", NUMBER, AT(line_job, selftest.seconds), 1, 3600, NULL },
                { "baud", NUMBER, AT(line_job, selftest.baud), 300, 20000000, NULL },
                { 0 },
        };
        struct line_job *j = to;
        int rc;

        if (cJSON_IsFalse(v)) {
                j->selftest.off = true;
                return 0;
        }
        rc = take_object(d, v, ms, j);
        if (rc == 0 && j->selftest.pass.text &&
            (j->selftest.version.text || j->selftest.project.text))
                rc = bad(d, E_SYNTAX, "a line with a text in it says no version and no project");
        return rc;
}

static int take_scan(struct reader *d, const cJSON *v, void *to)
{
        static const struct member ms[] = {
                { "from", WORD, AT(line_job, label.scan.from), 0, 0, NULL },
                { "command", WORD, AT(line_job, label.scan.command), 0, 0, NULL },
                { "seconds", NUMBER, AT(line_job, label.scan.seconds), 1, 3600, NULL },
                { "baud", NUMBER, AT(line_job, label.scan.baud), 300, 20000000, NULL },
                { 0 },
        };
        struct line_job *j = to;
        const int rc = take_object(d, v, ms, j);

        j->label.scan.given = true;
        if (rc == 0 && !j->label.scan.from.text == !j->label.scan.command.text)
                return bad(d, E_SYNTAX,
                           "comes from one of from (\"stdin\", \"/dev/ttyACM0\") and command");
        return rc;
}

static int take_label(struct reader *d, const cJSON *v, void *to)
{
        static const struct member ms[] = {
                { "template", PATH, AT(line_job, label.template), 0, 0, NULL },
                { "format", WORD, AT(line_job, label.format), 0, 0, NULL },
                { "file", PATH, AT(line_job, label.file), 0, 0, NULL },
                { "command", WORD, AT(line_job, label.command), 0, 0, NULL },
                { "printer", WORD, AT(line_job, label.printer), 0, 0, NULL },
                { "scan", PART, 0, 0, 0, take_scan },
                { 0 },
        };
        struct line_job *j = to;
        const int rc = take_object(d, v, ms, j);

        j->label.given = true;
        if (rc == 0 && !j->label.file.text + !j->label.command.text + !j->label.printer.text != 2)
                return bad(d, E_SYNTAX, "goes to one of file, command, printer");
        return rc;
}

static int take_slot(struct reader *d, const cJSON *v)
{
        static const struct member ms[] = {
                { "name", WORD, 0, 0, 0, NULL },
                { "port", WORD, sizeof(struct line_word), 0, 0, NULL },
                { 0 },
        };
        struct line_job *j = d->j;
        const size_t i = j->slot_count++;
        const int rc = take_object(d, v, ms, &j->slots[i]);

        if (rc < 0)
                return rc;
        if (!j->slots[i].name.text || !j->slots[i].port.text ||
            strlen(j->slots[i].name.text) >= LINE_NAME_MAX)
                return bad(d, E_SYNTAX, "has a name of at most %u bytes, and a port",
                           LINE_NAME_MAX - 1);
        for (size_t k = 0; k < i; k++)
                if (!strcmp(j->slots[k].name.text ? j->slots[k].name.text : "",
                            j->slots[i].name.text))
                        return bad(d, E_EXISTS, "'%s' is the name of another slot",
                                   j->slots[i].name.text);
        return 0;
}

static int take_slots(struct reader *d, const cJSON *v, void *to)
{
        (void)to;
        return take_each(d, v, LINE_SLOTS_MAX, take_slot);
}

static const struct member members[] = {
        { "name", WORD, AT(line_job, name), 0, 0, NULL },
        { "chip", PART, AT(line_job, chip), 0, 0, take_chip },
        { "revision", PART, 0, 0, 0, take_revisions },
        { "flash", PART, 0, 0, 0, take_flash },
        { "baud", NUMBER, AT(line_job, baud), 9600, 20000000, NULL },
        { "partition_table", PATH, AT(line_job, table), 0, 0, NULL },
        { "table_offset", ADDRESS, AT(line_job, table_offset), 0x1000, 0x100000, NULL },
        { "images", PART, 0, 0, 0, take_images },
        { "erase", PART, 0, 0, 0, take_erase },
        { "serial", PART, 0, 0, 0, take_serial },
        { "factory", PART, AT(line_job, factory), 0, 0, take_factory },
        { "security", PART, AT(line_job, security), 0, 0, take_security },
        { "selftest", PART, 0, 0, 0, take_selftest },
        { "lock", FLAG, AT(line_job, lock), 0, 0, NULL },
        { "ledger", WORD, AT(line_job, ledger), 0, 0, NULL },
        { "label", PART, 0, 0, 0, take_label },
        { "slots", PART, 0, 0, 0, take_slots },
        { "jig", FLAG, AT(line_job, jig), 0, 0, NULL },
        { 0 },
};

/* What is missing, and what does not go together. */
static void judge(struct reader *d)
{
        const struct line_job *j = d->j;

        if (!j->chip)
                bad(d, E_SYNTAX, "chip is missing, like \"chip\": \"esp32c3\"");
        if (!j->table.text)
                bad(d, E_SYNTAX, "partition_table is missing");
        if (!j->image_count)
                bad(d, E_SYNTAX, "images is missing: what goes to the flash");
        if (!j->ledger.text)
                bad(d, E_SYNTAX,
                    "ledger is missing: a file, or postgresql://… for several stations");
        if (j->serials == LINE_SERIAL_MAC && j->serial_count)
                bad(d, E_SYNTAX, "count goes with a template");
        if (j->selftest.off && (j->lock || j->factory.keys == LINE_KEYS_DEVICE))
                bad(d, E_SYNTAX, "lock and on-device keys need the self-test: it is switched off");
        if (j->selftest.off && j->security.given)
                bad(d, E_SYNTAX,
                    "security needs the self-test: what boots with the eFuses shows that they are "
                    "right");
}

static void defaults(struct line_job *j)
{
        if (!j->baud)
                j->baud = 921600;
        if (!j->table_offset)
                j->table_offset = 0x8000;
        if (!j->selftest.seconds)
                j->selftest.seconds = 10;
        if (!j->selftest.baud)
                j->selftest.baud = 115200;
        if (!j->factory.partition.text)
                j->factory.partition =
                        (struct line_word){ "fctry", j->factory.line, j->factory.column };
        if (!j->factory.profile.text)
                j->factory.profile =
                        (struct line_word){ "device", j->factory.line, j->factory.column };
        if (!j->serial_start)
                j->serial_start = 1;
        if (!j->label.scan.seconds)
                j->label.scan.seconds = 60;
        if (!j->label.scan.baud)
                j->label.scan.baud = 9600;
}

/* A profile is a word or the path of a file; a ledger a path or a URL. */
static int join_others(struct line_job *j, struct report *r)
{
        struct line_word *const words[] = { &j->factory.profile, &j->ledger };

        for (size_t i = 0; i < 2; i++) {
                const char *text = words[i]->text;

                if (!text || strstr(text, "://") || (i == 0 && !strchr(text, '.')))
                        continue;
                if (!(words[i]->text = own(j, path_join(j->dir, text))))
                        return report_error(r, E_NOMEM, j->path, 0, 0, "out of memory");
        }
        return 0;
}

int line_job_parse(struct line_job *j, const char *path, const char *text, size_t len,
                   struct report *r)
{
        struct reader d = { .j = j, .r = r };
        struct diag why = { 0 };

        *j = (struct line_job){ .path = strdup(path), .dir = path_dir(path) };
        j->text.data = malloc(len + 1);
        if (!j->path || !j->dir || !j->text.data)
                return report_error(r, E_NOMEM, path, 0, 0, "out of memory");
        memcpy(j->text.data, text, len);
        j->text.data[len] = 0;
        j->text.len = len;
        j->tree = json_parse((const char *)j->text.data, len, &why);
        if (!j->tree)
                return report_diag(r, j->path, &why);
        if (take_object(&d, j->tree, members, j) == 0 || cJSON_IsObject(j->tree))
                judge(&d);
        defaults(j);
        join_others(j, r);
        return r->errors ? -r->first_code : 0;
}

int line_job_load(struct line_job *j, const char *path, struct report *r)
{
        struct blob text;
        struct diag d = { 0 };
        int rc;

        *j = (struct line_job){ 0 };
        if (file_load(path, FILE_LIMIT_KEY, &text, &d) < 0)
                return report_diag(r, NULL, &d);
        rc = line_job_parse(j, path, (const char *)text.data, text.len, r);
        blob_free(&text);
        return rc;
}

void line_job_free(struct line_job *j)
{
        for (size_t i = 0; i < j->own_count; i++)
                free(j->own[i]);
        free(j->own);
        cJSON_Delete(j->tree);
        blob_free(&j->text);
        free(j->path);
        free(j->dir);
        *j = (struct line_job){ 0 };
}
