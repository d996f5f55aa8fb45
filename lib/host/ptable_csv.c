#include "host/ptable_csv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "host/opt.h"
#include "host/ptable_rows.h"
#include "host/ptable_text.h"

/* One row being read. */
struct cell {
        struct ptable_rows *rows;
        struct ptable_row *row;
        const struct ptable_text *text;
        int rc; /* the first error of the row */
};

static const struct ptable_text_field *field_of(const struct cell *c, enum ptable_field f)
{
        static char nothing[1];
        static const struct ptable_text_field blank = { .text = nothing };

        return (size_t)f < c->text->count ? &c->text->fields[f] : &blank;
}

#define CELL_ERROR(c, code, field, ...)                                                   \
        do {                                                                              \
                const int cell_rc =                                                       \
                        report_error((c)->rows->r, code, (c)->rows->name, (c)->row->line, \
                                     (c)->row->columns[field], __VA_ARGS__);              \
                if ((c)->rc == 0)                                                         \
                        (c)->rc = cell_rc;                                                \
        } while (0)

/*
 * A number as Python's int(text, 0) reads it, with K and M behind it, which nest (1KK is 1M).
 * Returns 0, -E_SYNTAX or -E_RANGE.
 */
static int number_read(const char *text, int64_t *out)
{
        char digits[80];
        size_t n = strlen(text);
        unsigned shift = 0;
        const char *p;
        int rc;

        for (; n && strchr("kKmM", text[n - 1]); n--)
                shift += strchr("kK", text[n - 1]) ? 10 : 20;
        while (shift && n && text[n - 1] == ' ')
                n--;
        if (n >= sizeof digits)
                return -E_SYNTAX;
        memcpy(digits, text, n);
        digits[n] = 0;
        p = digits + (*digits == '-' || *digits == '+');
        if (p[0] == '0' && strspn(p, "0_") < strlen(p) && p[1] && !strchr("xXoObB", p[1]))
                return -E_SYNTAX; /* 010: eight or ten? Python refuses it too */
        if ((rc = parse_int(digits, out)) < 0)
                return rc;
        if (shift > 40 || *out > INT64_MAX >> shift || *out < -(INT64_MAX >> shift))
                return *out ? -E_RANGE : 0;
        *out *= (int64_t)1 << shift;
        return 0;
}

static int extra_subtype_of(const struct ptable_extras *x, uint8_t type, const char *name)
{
        for (size_t i = 0; x && i < x->count; i++)
                if (x->items[i].type == type && strcasecmp(x->items[i].name, name) == 0)
                        return x->items[i].subtype;
        return -E_NOTFOUND;
}

/* A byte given as a number; word says which, list names the keywords (NULL: none). */
static uint8_t byte_read(struct cell *c, enum ptable_field field, const char *word,
                         const char *list)
{
        const char *text = field_of(c, field)->text;
        int64_t v = 0;

        if (number_read(text, &v) == -E_SYNTAX)
                CELL_ERROR(c, E_SYNTAX, field, "%s '%s': not known; use %s%sa number from 0 to 255",
                           word, text, list ? list : "", list ? " or " : "");
        else if (v < 0 || v > 255)
                CELL_ERROR(c, E_RANGE, field, "%s %s: must be 0 to 255", word, text);
        return (uint8_t)v;
}

static void type_read(struct cell *c)
{
        struct ptable_entry *e = &c->row->entry;
        const struct ptable_text_field *type = field_of(c, PTABLE_F_TYPE);
        const struct ptable_text_field *subtype = field_of(c, PTABLE_F_SUBTYPE);
        int v = ptable_type_of(type->text, type->len);

        if (!type->len) {
                CELL_ERROR(c, E_SYNTAX, PTABLE_F_TYPE,
                           "type of '%s' is missing; a row is: name, type, subtype, offset, "
                           "size, flags",
                           field_of(c, PTABLE_F_NAME)->text);
                return;
        }
        e->type = v >= 0 ? (uint8_t)v : byte_read(c, PTABLE_F_TYPE, "type", ptable_type_list());
        if (c->rc < 0)
                return;
        if (!subtype->len && e->type == PTABLE_APP)
                CELL_ERROR(c, E_SYNTAX, PTABLE_F_SUBTYPE,
                           "subtype is missing: an app needs one: %s",
                           ptable_subtype_list(PTABLE_APP));
        if (!subtype->len) {
                e->subtype = PTABLE_DATA_UNDEFINED;
                return;
        }
        v = ptable_subtype_of(e->type, subtype->text, subtype->len);
        if (v < 0)
                v = extra_subtype_of(c->rows->cfg->extras, e->type, subtype->text);
        e->subtype =
                v >= 0 ? (uint8_t)v
                       : byte_read(c, PTABLE_F_SUBTYPE, "subtype", ptable_subtype_list(e->type));
}

static void name_read(struct cell *c)
{
        const struct ptable_text_field *f = field_of(c, PTABLE_F_NAME);

        if (f->len > PTABLE_NAME_LEN) {
                CELL_ERROR(c, E_RANGE, PTABLE_F_NAME,
                           "name '%s': %zu bytes, a table holds %u; it would be cut and never "
                           "found by its name, so "
                           "shorten it",
                           f->text, f->len, PTABLE_NAME_LEN);
                return;
        }
        for (size_t i = 0; i < f->len; i++)
                if ((unsigned char)f->text[i] < 0x20 || f->text[i] == 0x7F) {
                        CELL_ERROR(c, E_SYNTAX, PTABLE_F_NAME,
                                   "name: holds a control character (0x%02x)", f->text[i]);
                        return;
                }
        memcpy(c->row->entry.name, f->text, f->len);
}

static void flags_read(struct cell *c)
{
        const char *p = field_of(c, PTABLE_F_FLAGS)->text;

        while (*p) {
                size_t n;

                p += strspn(p, ": \t");
                n = strcspn(p, ": \t");
                if (n == 9 && strncasecmp(p, "encrypted", n) == 0)
                        c->row->entry.flags |= PTABLE_FLAG_ENCRYPTED;
                else if (n == 8 && strncasecmp(p, "readonly", n) == 0)
                        c->row->entry.flags |= PTABLE_FLAG_READONLY;
                else if (n)
                        CELL_ERROR(c, E_SYNTAX, PTABLE_F_FLAGS,
                                   "flag '%.*s': not known; use encrypted, readonly or "
                                   "encrypted:readonly",
                                   (int)n, p);
                p += n;
        }
}

/* Bootloaders and the table itself: where they lie comes from the options, whatever the cells say.
 */
static bool boot_place(struct cell *c)
{
        const struct ptable_config *cfg = c->rows->cfg;
        struct ptable_row *row = c->row;
        const uint32_t table = ptable_table_offset(cfg);

        if (row->entry.type == PTABLE_TABLE) {
                row->size = PTABLE_SECTOR;
                row->has_offset = row->entry.subtype == PTABLE_BOOT_PRIMARY;
                row->offset = table;
                return row->has_offset;
        }
        if (!cfg->has_primary) {
                CELL_ERROR(c, E_INVAL, PTABLE_F_TYPE,
                           "'%s': the bootloader's place is not known; add "
                           "--primary-bootloader-offset (0x1000 on "
                           "ESP32 and ESP32-S2, 0x2000 on ESP32-C5 and P4, else 0x0)",
                           row->entry.name);
                return true;
        }
        row->size = table - cfg->primary_offset;
        row->offset = cfg->primary_offset;
        row->has_offset = row->entry.subtype == PTABLE_BOOT_PRIMARY;
        if (row->entry.subtype == PTABLE_BOOT_RECOVERY) {
                if (!cfg->has_recovery)
                        CELL_ERROR(c, E_INVAL, PTABLE_F_TYPE,
                                   "'%s': the recovery bootloader's place is not known; add "
                                   "--recovery-bootloader-offset",
                                   row->entry.name);
                row->has_offset = true;
                row->offset = cfg->recovery_offset;
        }
        return row->has_offset;
}

static void offset_read(struct cell *c)
{
        const struct ptable_text_field *f = field_of(c, PTABLE_F_OFFSET);
        int64_t v = 0;
        int rc;

        if (!f->len)
                return;
        rc = number_read(f->text, &v);
        if (rc == -E_SYNTAX)
                CELL_ERROR(
                        c, E_SYNTAX, PTABLE_F_OFFSET,
                        "offset '%s': not a number; use one like 0x10000 or 64K, or leave it blank",
                        f->text);
        else if (rc < 0 || v < 0 || v > UINT32_MAX)
                CELL_ERROR(c, E_RANGE, PTABLE_F_OFFSET, "offset %s: must be 0 to 0xffffffff",
                           f->text);
        c->row->has_offset = true;
        c->row->offset = (uint64_t)v;
}

/* "max" and "NN%" (with or without "size=" before them), ours. */
static bool share_read(struct cell *c, const char *text)
{
        int64_t v = 0;
        char number[8];
        size_t n;

        if (strncasecmp(text, "size=", 5) == 0)
                text += 5;
        if (strcasecmp(text, "max") == 0) {
                c->row->kind = PTABLE_SIZE_MAX;
                return true;
        }
        n = strlen(text);
        if (!n || text[n - 1] != '%')
                return false;
        if (n - 1 < sizeof number) {
                memcpy(number, text, n - 1);
                number[n - 1] = 0;
        }
        if (n - 1 >= sizeof number || parse_int(number, &v) < 0 || v < 1 || v > 100)
                CELL_ERROR(c, E_RANGE, PTABLE_F_SIZE,
                           "size %s: must be a whole number from 1%% to 100%%", text);
        c->row->kind = PTABLE_SIZE_PERCENT;
        c->row->size = (uint64_t)v;
        return true;
}

static void size_read(struct cell *c)
{
        const struct ptable_text_field *f = field_of(c, PTABLE_F_SIZE);
        int64_t v = 0;
        int rc;

        if (!f->len) {
                CELL_ERROR(c, E_SYNTAX, PTABLE_F_SIZE,
                           "size of '%s' is missing; use one like 0x6000, 24K, 1M or max",
                           field_of(c, PTABLE_F_NAME)->text);
                return;
        }
        if (share_read(c, f->text))
                return;
        rc = number_read(f->text, &v);
        if (rc == -E_SYNTAX)
                CELL_ERROR(c, E_SYNTAX, PTABLE_F_SIZE,
                           "size '%s': not a size; use one like 0x6000, 24K, 1M, max or 25%%",
                           f->text);
        else if (rc < 0 || v > UINT32_MAX || v < -(int64_t)UINT32_MAX - 1)
                CELL_ERROR(c, E_RANGE, PTABLE_F_SIZE,
                           "size %s: more than the 4 GiB that a table can address", f->text);
        c->row->kind = v < 0 ? PTABLE_SIZE_UP_TO : PTABLE_SIZE_FIXED;
        c->row->size = (uint64_t)(v < 0 ? -v : v);
}

/* The reference ignores what stands behind the flags; a flag there is surely meant as one. */
static void surplus_read(struct cell *c)
{
        for (size_t i = PTABLE_FIELDS; i < c->text->count; i++) {
                const struct ptable_text_field *f = &c->text->fields[i];

                if (!strcasecmp(f->text, "readonly") || !strcasecmp(f->text, "encrypted"))
                        CELL_ERROR(c, E_SYNTAX, PTABLE_F_FLAGS,
                                   "'%s' in column %zu: would be ignored; flags are joined by a "
                                   "colon: encrypted:readonly",
                                   f->text, i + 1);
                else if (f->len)
                        report_note(c->rows->r, c->rows->name, c->row->line, f->column,
                                    "'%s': a row has six columns, what follows is ignored",
                                    f->text);
        }
}

static int row_read(struct ptable_rows *rows, const struct ptable_text *text)
{
        struct cell c = { .rows = rows, .text = text };
        const unsigned max = PTABLE_MAX - (rows->cfg->no_md5 ? 0 : 1);

        if (rows->count == max)
                return report_error(rows->r, E_NOSPACE, rows->name, text->line, 0,
                                    "more than %u partitions: a table %s MD5 sum holds no more",
                                    max, rows->cfg->no_md5 ? "without" : "with its");
        c.row = &rows->rows[rows->count];
        *c.row = (struct ptable_row){ .line = text->line };
        for (size_t i = 0; i < PTABLE_FIELDS; i++)
                c.row->columns[i] = i < text->count ? text->fields[i].column : text->end_column;
        name_read(&c);
        type_read(&c);
        if (c.row->entry.type == PTABLE_BOOTLOADER || c.row->entry.type == PTABLE_TABLE) {
                if (c.rc == 0 && !boot_place(&c))
                        offset_read(&c);
        } else if (text->count > PTABLE_F_SUBTYPE || c.rc == 0) {
                offset_read(&c);
                size_read(&c);
        }
        flags_read(&c);
        surplus_read(&c);
        if (c.rc == 0)
                rows->count++;
        return c.rc;
}

static void take_rows(struct ptable_file *f, const struct ptable_rows *rows)
{
        size_t n = 0;

        f->table.md5 = !rows->cfg->no_md5;
        for (size_t i = 0; i < rows->count; i++) {
                if (!rows->rows[i].placed)
                        continue;
                f->table.entries[n] = rows->rows[i].entry;
                f->lines[n] = rows->rows[i].line;
                memcpy(f->columns[n], rows->rows[i].columns, sizeof f->columns[n]);
                n++;
        }
        f->table.count = n;
}

int ptable_csv_read(struct ptable_file *f, const uint8_t *p, size_t n,
                    const struct ptable_config *cfg, struct report *r)
{
        struct ptable_rows *rows;
        struct ptable_text text = { .name = f->name, .r = r };
        struct blob utf8 = { 0 };
        int first = 0;
        int rc;

        if ((rc = ptable_text_decode(f->name, p, n, &utf8, r)) < 0)
                return rc;
        rows = calloc(1, sizeof *rows);
        if (!rows) {
                blob_free(&utf8);
                return report_error(r, E_NOMEM, f->name, 0, 0, "out of memory");
        }
        rows->name = f->name;
        rows->cfg = cfg;
        rows->r = r;
        text.text = (const char *)utf8.data;
        text.len = utf8.len;
        while ((rc = ptable_text_next(&text)) != 0) {
                if (rc > 0)
                        rc = row_read(rows, &text);
                if (rc < 0 && first == 0)
                        first = rc;
                if (rc == -E_NOMEM)
                        break;
        }
        rc = ptable_rows_place(rows);
        take_rows(f, rows);
        ptable_text_free(&text);
        blob_free(&utf8);
        free(rows);
        return first < 0 ? first : rc;
}
