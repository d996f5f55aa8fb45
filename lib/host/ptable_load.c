#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/ptable_csv.h"
#include "host/ptable_rows.h"
#include "host/ptable_text.h"

/* Extra subtypes. */

/* The next comma-separated word of *text, trimmed, into out; false if it is empty or too long. */
static bool next_word(const char **text, char *out, size_t cap)
{
        const char *p = *text + strspn(*text, " \t");
        const size_t field = strcspn(p, ",");
        size_t n = field;

        while (n && strchr(" \t", p[n - 1]))
                n--;
        *text = p + field + (p[field] == ',');
        if (!n || n >= cap)
                return false;
        memcpy(out, p, n);
        out[n] = 0;
        return true;
}

int ptable_extra_add(struct ptable_extras *x, const char *text, struct diag *d)
{
        struct ptable_extra e = { 0 };
        const char *p = text;
        char type[32];
        char number[16];
        char *end;
        unsigned long v;

        if (!next_word(&p, type, sizeof type) || !next_word(&p, e.name, sizeof e.name) ||
            !next_word(&p, number, sizeof number) || *p)
                return diag_set(d, E_SYNTAX,
                                "subtype '%s': must be TYPE,NAME,NUMBER like app,my_slot,0x60",
                                text);
        if (ptable_type_of(type, strlen(type)) < 0)
                return diag_set(d, E_SYNTAX, "subtype '%s': type '%s' is not one of %s", text, type,
                                ptable_type_list());
        e.type = (uint8_t)ptable_type_of(type, strlen(type));
        v = strtoul(number, &end, 16);
        if (*end || !isxdigit((unsigned char)number[0]))
                return diag_set(d, E_SYNTAX, "subtype '%s': '%s' is not a hexadecimal number", text,
                                number);
        if (v > 255)
                return diag_set(d, E_RANGE, "subtype '%s': 0x%lx is more than 0xff", text, v);
        e.subtype = (uint8_t)v;
        if (ptable_subtype_name(e.type, e.subtype))
                return diag_set(d, E_EXISTS,
                                "subtype '%s': 0x%lx is '%s' already; take another number", text, v,
                                ptable_subtype_name(e.type, e.subtype));
        if (ptable_subtype_of(e.type, e.name, strlen(e.name)) >= 0)
                return diag_set(d, E_EXISTS, "subtype '%s': the name is taken; take another", text);
        for (size_t i = 0; i < x->count; i++)
                if (x->items[i].type == e.type &&
                    (x->items[i].subtype == e.subtype || !strcasecmp(x->items[i].name, e.name)))
                        return diag_set(d, E_EXISTS,
                                        "subtype '%s': name or number given twice (beside '%s')",
                                        text, x->items[i].name);
        if (x->count == PTABLE_EXTRA_MAX)
                return diag_set(d, E_NOSPACE, "more than %d extra subtypes", PTABLE_EXTRA_MAX);
        x->items[x->count++] = e;
        return 0;
}

/* Verification. */

struct teller {
        const struct ptable_file *f;
        struct report *r;
};

static void tell(void *ctx, const struct ptable_finding *finding)
{
        const struct teller *t = ctx;
        const uint32_t line = finding->entry >= 0 ? t->f->lines[finding->entry] : 0;
        const uint32_t column = line ? t->f->columns[finding->entry][finding->field] : 0;

        if (finding->error)
                report_error(t->r, finding->code, t->f->name, line, column, "%s", finding->text);
        else
                report_note(t->r, t->f->name, line, column, "%s", finding->text);
}

static int verify(struct ptable_file *f, const struct ptable_config *cfg, bool partial,
                  struct report *r)
{
        const struct ptable_rules rules = {
                .table_offset = ptable_table_offset(cfg),
                .secure_v1 = cfg->secure_v1,
                .flash_size = cfg->flash_size,
                .usable = f->source == PTABLE_FROM_CSV,
                .laid_out = f->source == PTABLE_FROM_CSV,
                .entries_only = partial,
        };
        struct teller t = { .f = f, .r = r };
        const uint64_t used = ptable_flash_used(&f->table);

        if (!cfg->no_verify)
                return ptable_verify(&f->table, &rules, tell, &t);
        if (cfg->flash_size && used > cfg->flash_size)
                return report_error(r, E_NOSPACE, f->name, 0, 0,
                                    "the partitions end at 0x%llx: beyond the flash of 0x%llx",
                                    (unsigned long long)used, (unsigned long long)cfg->flash_size);
        return 0;
}

/* Which kind of file. */

/* A flash dump may hold its table elsewhere: the first sector that reads as a table, or 0. */
static uint32_t find_table(const uint8_t *p, size_t n)
{
        struct ptable t;

        for (size_t at = 0; at + PTABLE_LEN <= n && at < (size_t)1 << 20; at += PTABLE_SECTOR)
                if (ptable_looks_binary(p + at, n - at) &&
                    ptable_parse(&t, p + at, PTABLE_LEN, true, NULL) == 0)
                        return (uint32_t)at;
        return 0;
}

/*
 * A dump, or some other binary file: one byte in 16 at its beginning is none of text (erased or
 * blank flash, code, and 11 % of the bytes of encrypted flash). A stray one is the text's error.
 */
static bool is_binary_file(const uint8_t *p, size_t n)
{
        const size_t look = n < 4096 ? n : 4096;
        size_t odd = 0;

        if (n < 4 || (p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF) ||
            !memcmp(p, "\0\0\xFE\xFF", 4))
                return false; /* byte order marks */
        for (size_t i = 0; i < look; i++)
                odd += p[i] < '\t' || (p[i] > '\r' && p[i] < ' ') || p[i] == 0xFF;
        return odd * 16 >= look;
}

static int not_a_table(const struct ptable_file *f, const uint8_t *p, size_t n, uint32_t offset,
                       struct report *r)
{
        const uint32_t found = find_table(p, n);

        if (found)
                return report_error(
                        r, E_NOTFOUND, f->name, 0, 0,
                        "no partition table at 0x%x, but there is one at 0x%x; use --offset 0x%x",
                        offset, found, found);
        if (n <= offset)
                return report_error(r, E_FORMAT, f->name, 0, 0,
                                    "neither CSV nor a partition table nor a flash dump of more "
                                    "than 0x%x bytes (it "
                                    "begins with %02x %02x%s)",
                                    offset, p[0], p[1],
                                    p[0] == 0xE9 ? ", as an application image does" : "");
        return report_error(r, E_NOTFOUND, f->name, 0, 0,
                            "no partition table at 0x%x of this flash dump%s; use --offset if it "
                            "lies elsewhere, and decrypt the dump first if the flash is encrypted",
                            offset,
                            bytes_all(p + offset, n - offset < 32 ? n - offset : 32, 0xFF)
                                    ? ", the flash is erased there"
                                    : "");
}

static int load_binary(struct ptable_file *f, const uint8_t *p, size_t n,
                       const struct ptable_config *cfg, struct report *r)
{
        struct diag d = { 0 };
        int rc;

        if (f->source == PTABLE_FROM_DUMP) {
                const size_t offset = ptable_table_offset(cfg);

                if (n <= offset || !ptable_looks_binary(p + offset, n - offset))
                        return not_a_table(f, p, n, (uint32_t)offset, r);
                p += offset;
                n = n - offset < PTABLE_LEN ? n - offset : PTABLE_LEN;
        }
        rc = ptable_parse(&f->table, p, n, !cfg->no_md5, &d);
        if (rc == -E_FORMAT && cfg->no_md5 && d.has_offset && p[d.offset] == PTABLE_MD5_MAGIC)
                return report_error(r, E_FORMAT, f->name, 0, 0,
                                    "the table has an MD5 sum, and --disable-md5sum says it has "
                                    "none; leave that out");
        return rc < 0 ? report_diag(r, f->name, &d) : 0;
}

int ptable_load_mem(struct ptable_file *f, const char *name, const uint8_t *p, size_t n,
                    const struct ptable_config *cfg, struct report *r)
{
        int rc;
        int verified;

        memset(f, 0, sizeof *f);
        f->name = name;
        if (ptable_looks_binary(p, n))
                f->source = PTABLE_FROM_BINARY;
        else if (is_binary_file(p, n))
                f->source = PTABLE_FROM_DUMP;
        if (f->source == PTABLE_FROM_CSV) {
                rc = ptable_csv_read(f, p, n, cfg, r);
                if (rc == -E_NOMEM)
                        return rc;
        } else if ((rc = load_binary(f, p, n, cfg, r)) < 0) {
                return rc;
        }
        verified = verify(f, cfg, rc < 0, r);
        return rc < 0 ? rc : verified;
}

int ptable_load(struct ptable_file *f, const char *path, const struct ptable_config *cfg,
                struct report *r)
{
        struct diag d = { 0 };
        struct blob b = { 0 };
        int rc;

        if (file_load(path, FILE_LIMIT_IMAGE, &b, &d) < 0)
                return report_diag(r, NULL, &d);
        rc = ptable_load_mem(f, strcmp(path, "-") == 0 ? "(stdin)" : path, b.data, b.len, cfg, r);
        blob_free(&b);
        return rc;
}

const struct ptable_entry *ptable_require(const struct ptable_file *f, const char *label,
                                          struct report *r)
{
        const struct ptable_entry *e = ptable_find(&f->table, label);
        char names[512] = "";
        size_t used = 0;

        if (e)
                return e;
        for (size_t i = 0; i < f->table.count && used + 24 < sizeof names; i++)
                used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                         f->table.entries[i].name);
        report_error(r, E_NOTFOUND, f->name, 0, 0, "no partition '%s'; it has %s", label,
                     *names ? names : "none");
        return NULL;
}

/* As text. */

static void put_keyword(FILE *out, const char *name, uint8_t value)
{
        if (name)
                fprintf(out, "%s,", name);
        else
                fprintf(out, "%u,", value);
}

static void put_size(FILE *out, uint32_t size)
{
        if (size % 0x100000 == 0)
                fprintf(out, "%uM,", size / 0x100000);
        else if (size % 0x400 == 0)
                fprintf(out, "%uK,", size / 0x400);
        else
                fprintf(out, "0x%x,", size);
}

static const char *subtype_name(const struct ptable_entry *e, const struct ptable_extras *x)
{
        for (size_t i = 0; x && i < x->count; i++)
                if (ptable_is(e, x->items[i].type, x->items[i].subtype))
                        return x->items[i].name;
        return ptable_subtype_name(e->type, e->subtype);
}

static void put_entry(FILE *out, const struct ptable_entry *e, const struct ptable_extras *x)
{
        fprintf(out, "%s,", e->name);
        put_keyword(out, ptable_type_name(e->type), e->type);
        put_keyword(out, subtype_name(e, x), e->subtype);
        fprintf(out, "0x%x,", e->offset);
        put_size(out, e->size);
        fprintf(out, "%s%s%s\n", e->flags & PTABLE_FLAG_ENCRYPTED ? "encrypted" : "",
                (e->flags & PTABLE_FLAG_ENCRYPTED) && (e->flags & PTABLE_FLAG_READONLY) ? ":" : "",
                e->flags & PTABLE_FLAG_READONLY ? "readonly" : "");
}

/* Would the reader make the same name of it? */
static bool name_is_sayable(const char *name)
{
        char again[PTABLE_NAME_LEN + 8];
        struct ptable_text t = { .text = again,
                                 .r = &(struct report){ .limit = 1, .quiet_notes = true } };
        bool same;

        if (strchr(name, '$') || *name == '"')
                return false;
        t.len = (size_t)snprintf(again, sizeof again, "%s,1", name);
        same = ptable_text_next(&t) == 1 && t.count == 2 && !strcmp(t.fields[0].text, name);
        ptable_text_free(&t);
        return same;
}

int ptable_to_csv(const struct ptable *t, const struct ptable_extras *extras, struct blob *out,
                  struct diag *d)
{
        char *text = NULL;
        FILE *f;

        *out = (struct blob){ 0 };
        for (size_t i = 0; i < t->count; i++)
                if (!name_is_sayable(t->entries[i].name))
                        return diag_set(d, E_FORMAT,
                                        "name '%s': the text form cannot hold it (a comma, '$', or "
                                        "'#', a quote or "
                                        "white space around it)",
                                        t->entries[i].name);
        f = open_memstream(&text, &out->len);
        if (!f)
                return diag_set(d, E_NOMEM, "out of memory");
        fputs("# ESP-IDF Partition Table\n# Name, Type, SubType, Offset, Size, Flags\n", f);
        for (size_t i = 0; i < t->count; i++)
                put_entry(f, &t->entries[i], extras);
        if (ferror(f) | fclose(f)) {
                free(text);
                out->len = 0;
                return diag_set(d, E_NOMEM, "out of memory");
        }
        out->data = (uint8_t *)text;
        return 0;
}
