#include "host/batch_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/file.h"
#include "host/nvs_wifi.h"

struct loader {
        struct batch_conf *conf;
        unsigned version;
        bool namespace_seen;
        size_t namespace_at; /* index of the current namespace's row */
        struct report *r;
};

static int conf_error(struct loader *l, int code, const struct csv_field *f, const char *what,
                      const char *text)
{
        return report_error(l->r, code, l->conf->name, f->line, f->column, "%s: %s", what, text);
}

static bool is_integer(enum nvs_encoding enc)
{
        return enc >= NVS_ENC_U8 && enc <= NVS_ENC_I64;
}

static bool is_signed(enum nvs_encoding enc)
{
        return enc == NVS_ENC_I8 || enc == NVS_ENC_I16 || enc == NVS_ENC_I32 || enc == NVS_ENC_I64;
}

/* One end of a range, in the words of the column's own encoding. */
static int range_end(struct loader *l, struct batch_column *col, const char *text, size_t len,
                     const struct csv_field *f, uint64_t *out)
{
        char *copy = strndup(text, len);
        struct nvs_cell cell = { .what = "range",
                                 .coding.enc = is_integer(col->coding.enc) ? col->coding.enc
                                                                           : NVS_ENC_U32,
                                 .text = copy,
                                 .len = len,
                                 .version = l->version,
                                 .at = { l->conf->name, f->line, f->column } };
        struct nvs_value v = { 0 };
        int rc = -E_NOMEM;

        if (copy)
                rc = nvs_value_read(&v, &cell, l->r);
        if (rc == 0)
                *out = v.bits;
        nvs_value_free(&v);
        free(copy);
        return rc;
}

static bool above(const struct batch_column *col, uint64_t a, uint64_t b)
{
        return is_signed(col->coding.enc) ? (int64_t)a > (int64_t)b : a > b;
}

/* range=a..b of a number, length=a..b of text and blobs; either end may be left out */
static int rule_range(struct loader *l, struct batch_column *col, const char *word, bool length,
                      const struct csv_field *f)
{
        const char *from = strchr(word, '=') + 1;
        const char *dots = strstr(from, "..");
        const char *to = dots ? dots + 2 : "";
        int rc = 0;

        if (length == is_integer(col->coding.enc))
                return conf_error(l, E_SYNTAX, f, word,
                                  length ? "length= is for text and blobs; a number has range="
                                         : "range= is for numbers; text and blobs have length=");
        if (!dots || (dots == from && !*to))
                return conf_error(l, E_SYNTAX, f, word,
                                  "written as 1..100; one end may be left out, as in 1..");
        if (dots > from) {
                rc = range_end(l, col, from, (size_t)(dots - from), f, &col->min);
                col->has_min = rc == 0;
        }
        if (rc == 0 && *to) {
                rc = range_end(l, col, to, strlen(to), f, &col->max);
                col->has_max = rc == 0;
        }
        if (rc == 0 && col->has_min && col->has_max && above(col, col->min, col->max))
                return conf_error(l, E_RANGE, f, word, "the first end is above the second");
        return rc;
}

#define REGEX_COPIES_MAX 65536u

/* True if {n,m} and +, nested as they may be, make a library that copies what they repeat run out
 * of memory. */
static bool regex_explodes(const char *p)
{
        unsigned long copies = 1;

        for (p = strpbrk(p, "{+"); p; p = strpbrk(p + 1, "{+")) {
                char *end;
                unsigned long n = *p == '+' ? 2 : strtoul(p + 1, &end, 10);

                if (*p == '{' && *end == ',' && strtoul(end + 1, NULL, 10) > n)
                        n = strtoul(end + 1, NULL, 10);
                if (n > REGEX_COPIES_MAX || copies * (n ? n : 1) > REGEX_COPIES_MAX)
                        return true;
                copies *= n ? n : 1;
        }
        return false;
}

static int rule_regex(struct loader *l, struct batch_column *col, const char *text,
                      const struct csv_field *f)
{
        char *whole = NULL;
        char why[128];
        int e;

        if (col->regex)
                return conf_error(l, E_SYNTAX, f, text,
                                  "a second regex for this key; join them with |");
        if (regex_explodes(text))
                return conf_error(
                        l, E_SYNTAX, f, text,
                        "its repetitions multiply to more than 65536; write *, and the rule "
                        "length=");
        col->regex_text = strdup(text);
        col->regex = malloc(sizeof *col->regex);
        if (!col->regex || !col->regex_text || asprintf(&whole, "^(%s)$", text) < 0) {
                free(col->regex);
                col->regex = NULL;
                return conf_error(l, E_NOMEM, f, text, "out of memory");
        }
        e = regcomp(col->regex, whole, REG_EXTENDED | REG_NOSUB);
        free(whole);
        if (e == 0)
                return 0;
        regerror(e, col->regex, why, sizeof why);
        free(col->regex);
        col->regex = NULL;
        return report_error(l->r, E_SYNTAX, l->conf->name, f->line, f->column,
                            "regex=%s: %s; write an extended regular expression", text, why);
}

static int rule_random(struct loader *l, struct batch_column *col, const char *text,
                       const struct csv_field *f)
{
        char *end;
        const unsigned long n = strtoul(text, &end, 10);

        if (end == text || *text == '-' || n == 0 || n > BATCH_RANDOM_MAX || (*end && *end != ','))
                return conf_error(
                        l, E_SYNTAX, f, text,
                        "written as random=12 or random=12,unambiguous; 1 to 256 characters");
        col->gen.kind = BATCH_GEN_RANDOM;
        col->gen.length = (unsigned)n;
        if (*end && !(col->gen.alphabet = batch_alphabet(end + 1)))
                return conf_error(l, E_SYNTAX, f, text,
                                  "the alphabets are unambiguous, alnum, hex and digits");
        return 0;
}

static int rule_template(struct loader *l, struct batch_column *col, const char *text,
                         const struct csv_field *f)
{
        struct diag d = { 0 };

        if (col->gen.kind != BATCH_GEN_NONE)
                return conf_error(l, E_SYNTAX, f, text,
                                  "a second generator for this key; keep one");
        return batch_template_set(&col->gen, text, &d) < 0
                       ? conf_error(l, d.code, f, "template", diag_text(&d))
                       : 0;
}

static int rule_word(struct loader *l, struct batch_column *col, const char *word,
                     const struct csv_field *f)
{
        if (strcmp(word, "REPEAT") == 0)
                col->repeat = true;
        else if (strcmp(word, "unique") == 0)
                col->unique = true;
        else if (strcmp(word, "required") == 0)
                col->required = true;
        else if (strncmp(word, "range=", 6) == 0)
                return rule_range(l, col, word, false, f);
        else if (strncmp(word, "length=", 7) == 0)
                return rule_range(l, col, word, true, f);
        else if (strncmp(word, "random=", 7) == 0)
                return col->gen.kind ? conf_error(l, E_SYNTAX, f, word,
                                                  "a second generator for this key; keep one")
                                     : rule_random(l, col, word + 7, f);
        else if (batch_alphabet(word) && col->gen.kind == BATCH_GEN_RANDOM)
                col->gen.alphabet = batch_alphabet(word);
        else
                return conf_error(
                        l, E_SYNTAX, f, word,
                        "no such rule; there are REPEAT, required, unique, range=, length=, "
                        "regex=, template= and random=");
        return 0;
}

/* A cell of rules: words with blanks between; regex= and template= take the rest of their cell. */
static int rule_cell(struct loader *l, struct batch_column *col, const struct csv_field *f)
{
        char *copy = strdup(f->text);
        char *p = copy;
        int rc = copy ? 0 : -E_NOMEM;

        while (rc == 0 && *(p += strspn(p, " \t"))) {
                char *word = p;

                if (strncmp(word, "regex=", 6) == 0) {
                        rc = rule_regex(l, col, word + 6, f);
                        break;
                }
                if (strncmp(word, "template=", 9) == 0) {
                        rc = rule_template(l, col, word + 9, f);
                        break;
                }
                p += strcspn(p, " \t");
                if (*p)
                        *p++ = 0;
                rc = rule_word(l, col, word, f);
        }
        free(copy);
        return rc;
}

/* Rules that contradict each other. */
static int rules_agree(struct loader *l, struct batch_column *col, const struct csv_field *f)
{
        const char *what = col->key;

        if (col->gen.kind == BATCH_GEN_RANDOM) {
                if (!col->gen.alphabet)
                        col->gen.alphabet = batch_alphabet(
                                col->coding.enc == NVS_ENC_HEX2BIN ? "hex" : "unambiguous");
                if (col->type != BATCH_DATA ||
                    (col->coding.enc != NVS_ENC_STRING && col->coding.enc != NVS_ENC_HEX2BIN))
                        return conf_error(l, E_SYNTAX, f, what,
                                          "random= makes data of encoding string or hex2bin");
                if (col->coding.enc == NVS_ENC_HEX2BIN &&
                    (col->gen.length % 2 || col->gen.alphabet != batch_alphabet("hex")))
                        return conf_error(
                                l, E_SYNTAX, f, what,
                                "hex2bin needs an even number of characters of the alphabet hex");
                if (col->regex)
                        return conf_error(l, E_SYNTAX, f, what,
                                          "random= and regex= exclude each other");
        }
        if (col->repeat && (col->gen.kind || col->unique))
                return conf_error(
                        l, E_SYNTAX, f, what,
                        "REPEAT gives all devices one value; it excludes unique and generators");
        return 0;
}

static int name_check(struct loader *l, const struct csv_field *f, const char *what)
{
        if (!f->len)
                return conf_error(l, E_SYNTAX, f, what, "the name is empty");
        if (f->len > NVS_KEY_MAX)
                return report_error(l->r, E_RANGE, l->conf->name, f->line, f->column,
                                    "%s: %zu bytes; a %s has at most %u", f->text, f->len, what,
                                    NVS_KEY_MAX);
        return 0;
}

/* The namespace that row i stands in, by name. */
static const char *namespace_of(const struct batch_conf *c, size_t i)
{
        while (i-- > 0)
                if (c->columns[i].type == BATCH_NAMESPACE)
                        return c->columns[i].key;
        return "";
}

/* Keys of the Wi-Fi library: in their namespace only, and without those that they bring. */
static int wifi_check(struct loader *l, const struct csv_field *f)
{
        const struct batch_conf *c = l->conf;
        const char *ns = c->columns[l->namespace_at].key;

        if (strcmp(ns, NVS_WIFI_NAMESPACE) != 0)
                return nvs_wifi_is_sta(f->text)
                               ? conf_error(l, E_UNSUPPORTED, f, f->text, nvs_wifi_sta_elsewhere)
                               : 0;
        for (size_t i = 0; i < c->count; i++)
                if (c->columns[i].type != BATCH_NAMESPACE && strcmp(namespace_of(c, i), ns) == 0 &&
                    (nvs_wifi_brings(c->columns[i].key, f->text) ||
                     nvs_wifi_brings(f->text, c->columns[i].key)))
                        return report_error(l->r, E_UNSUPPORTED, c->name, f->line, f->column,
                                            "%s: of it and %s in line %u, one brings the other; "
                                            "leave the other out",
                                            f->text, c->columns[i].key, c->columns[i].line);
        return 0;
}

static int duplicate_check(struct loader *l, const struct csv_field *f)
{
        const struct batch_conf *c = l->conf;
        const char *ns = c->columns[l->namespace_at].key;

        for (size_t i = 0; i < c->count; i++)
                if (c->columns[i].type != BATCH_NAMESPACE &&
                    strcmp(c->columns[i].key, f->text) == 0 && strcmp(namespace_of(c, i), ns) == 0)
                        return report_error(
                                l->r, E_EXISTS, c->name, f->line, f->column,
                                "%s: stands in namespace %s already, in line %u; remove one",
                                f->text, ns, c->columns[i].line);
        return 0;
}

static struct batch_column *column_add(struct loader *l, const struct csv_row *row,
                                       enum batch_type type)
{
        struct batch_conf *c = l->conf;
        struct batch_column *col;

        if (c->count == c->cap) {
                const size_t cap = c->cap ? 2 * c->cap : 16;
                struct batch_column *grown = realloc(c->columns, cap * sizeof *grown);

                if (!grown)
                        return NULL;
                c->columns = grown;
                c->cap = cap;
        }
        col = &c->columns[c->count];
        *col = (struct batch_column){ .type = type, .line = row->line, .source = -1 };
        col->key = strdup(row->fields[0].text);
        col->encoding = strdup(row->count > 2 ? row->fields[2].text : "");
        c->count++;
        return col->key && col->encoding ? col : NULL;
}

static int namespace_row(struct loader *l, const struct csv_row *row)
{
        int rc = name_check(l, &row->fields[0], "namespace");

        for (size_t i = 2; rc == 0 && i < row->count; i++)
                if (row->fields[i].len)
                        rc = conf_error(
                                l, E_SYNTAX, &row->fields[i], row->fields[i].text,
                                "a namespace has neither encoding nor rules; leave it empty");
        if (!column_add(l, row, BATCH_NAMESPACE))
                return report_error(l->r, E_NOMEM, l->conf->name, row->line, 0, "out of memory");
        l->namespace_seen = true;
        l->namespace_at = l->conf->count - 1;
        return rc;
}

static int key_row(struct loader *l, const struct csv_row *row, enum batch_type type)
{
        const char *near = NULL;
        struct batch_column *col;
        struct nvs_coding coding;
        int rc = name_check(l, &row->fields[0], "key");

        if (row->count < 3)
                return conf_error(l, E_SYNTAX, &row->fields[0], row->fields[0].text,
                                  "the encoding is missing; a row is key,type,encoding");
        if (!l->namespace_seen)
                return conf_error(
                        l, E_STATE, &row->fields[0], row->fields[0].text,
                        "stands before any namespace; begin the file with a row NAME,namespace,");
        if (wifi_check(l, &row->fields[0]) < 0)
                return -E_UNSUPPORTED;
        coding = nvs_coding_of(row->fields[2].text, &near);
        if (coding.enc == NVS_ENC_NONE)
                return report_error(l->r, E_SYNTAX, l->conf->name, row->fields[2].line,
                                    row->fields[2].column, "%s: no such encoding%s%s%s",
                                    row->fields[2].text,
                                    near ? "; write "
                                         : "; there are u8 i8 u16 i16 u32 i32 u64 i64 string "
                                           "hex2bin base64 binary",
                                    near ? near : "", "");
        if (type == BATCH_FILE && is_integer(coding.enc))
                return conf_error(
                        l, E_SYNTAX, &row->fields[2], row->fields[2].text,
                        "a file is string, hex2bin, base64 or binary; a number is of type data");
        if (rc == 0)
                rc = duplicate_check(l, &row->fields[0]);
        if (!(col = column_add(l, row, type)))
                return report_error(l->r, E_NOMEM, l->conf->name, row->line, 0, "out of memory");
        col->coding = coding;
        for (size_t i = 3; i < row->count; i++)
                if (rule_cell(l, col, &row->fields[i]) < 0)
                        return -E_SYNTAX;
        if (rc == 0)
                rc = rules_agree(l, col, &row->fields[0]);
        l->conf->generates |= col->gen.kind != BATCH_GEN_NONE;
        l->conf->random |= col->gen.kind == BATCH_GEN_RANDOM;
        return rc;
}

static bool blank(const char *s)
{
        return s[strspn(s, " \t")] == 0;
}

/* csv_read goes on only while this returns 0: what is wrong was reported. */
static int on_row(void *ctx, const struct csv_row *row)
{
        struct loader *l = ctx;
        const struct csv_field *f = row->fields;

        if (row->count == 1 && blank(f[0].text))
                return 0;
        if (row->count < 2) {
                conf_error(l, E_SYNTAX, &f[0], f[0].text,
                           "the type is missing; a row is key,type,encoding");
                return 0;
        }
        /* the heading that single configurations have */
        if (l->conf->count == 0 && !strcmp(f[0].text, "key") && !strcmp(f[1].text, "type"))
                return 0;
        if (strcmp(f[1].text, "namespace") == 0)
                namespace_row(l, row);
        else if (strcmp(f[1].text, "data") == 0)
                key_row(l, row, BATCH_DATA);
        else if (strcmp(f[1].text, "file") == 0)
                key_row(l, row, BATCH_FILE);
        else
                conf_error(l, E_SYNTAX, &f[1], f[1].text,
                           "no such type; there are namespace, data and file, in small letters and "
                           "without blanks");
        return 0;
}

int batch_conf_parse(struct batch_conf *c, const char *name, const char *text, size_t len,
                     unsigned version, struct report *r)
{
        const struct csv_config cfg = { .comments = true };
        struct loader l = { .conf = c, .version = version, .r = r };
        const unsigned before = r->errors;
        int rc;

        *c = (struct batch_conf){ .name = name, .fileid = -1, .fileid_column = -1 };
        rc = csv_read(name, text, len, &cfg, on_row, &l, r);
        if (rc == 0 && r->errors == before && c->count <= l.namespace_seen)
                rc = report_error(r, E_FORMAT, name, 0, 0,
                                  "no keys in it; a row is key,type,encoding");
        return r->errors != before ? -r->first_code : rc;
}

int batch_conf_load(struct batch_conf *c, const char *path, unsigned version, struct report *r)
{
        struct blob text;
        struct diag d = { 0 };
        int rc;

        *c = (struct batch_conf){ .name = path };
        if (file_load(path, FILE_LIMIT_KEY, &text, &d) < 0)
                return report_diag(r, NULL, &d);
        rc = batch_conf_parse(c, path, (const char *)text.data, text.len, version, r);
        blob_free(&text);
        return rc;
}

void batch_conf_free(struct batch_conf *c)
{
        for (size_t i = 0; i < c->count; i++) {
                struct batch_column *col = &c->columns[i];

                if (col->regex) {
                        regfree(col->regex);
                        free(col->regex);
                }
                free(col->regex_text);
                batch_gen_free(&col->gen);
                free(col->key);
                free(col->encoding);
        }
        free(c->columns);
        *c = (struct batch_conf){ 0 };
}

/* The n-th column called name, from 0; -1. */
static int header_find(const struct csv_row *header, const char *name, size_t n)
{
        for (size_t i = 0; i < header->count; i++)
                if (strcmp(header->fields[i].text, name) == 0 && n-- == 0)
                        return (int)i;
        return -1;
}

static int bind_missing(const struct batch_conf *c, const struct batch_column *col, size_t n,
                        const struct csv_row *header, const char *values_name, struct report *r)
{
        for (size_t i = 0; i < header->count; i++) {
                const char *text = header->fields[i].text;
                const size_t skip = strspn(text, " \t");

                if (header->fields[i].len != strlen(col->key) &&
                    strncmp(text + skip, col->key, strlen(col->key)) == 0 &&
                    blank(text + skip + strlen(col->key)))
                        return report_error(
                                r, E_NOTFOUND, values_name, header->fields[i].line,
                                header->fields[i].column,
                                "'%s': has blanks around the name of key %s; remove them", text,
                                col->key);
        }
        if (n)
                return report_error(r, E_NOTFOUND, values_name, header->line, 0,
                                    "%s: stands %zu times in %s, so it needs as many columns, in "
                                    "the same order",
                                    col->key, n + 1, c->name);
        return report_error(
                r, E_NOTFOUND, values_name, header->line, 0,
                "%s: no such column, but line %u of %s needs it; add the column or remove the key",
                col->key, col->line, c->name);
}

static int bind_fileid(struct batch_conf *c, const struct csv_row *header, const char *values_name,
                       const char *fileid, struct report *r)
{
        c->fileid = header_find(header, fileid, 0);
        for (size_t i = 0; i < c->count; i++) {
                const struct batch_column *col = &c->columns[i];

                if (col->type == BATCH_NAMESPACE || strcmp(col->key, fileid) != 0)
                        continue;
                if (c->fileid < 0 ? col->gen.kind != BATCH_GEN_NONE : col->source == c->fileid) {
                        c->fileid_column = (int)i;
                        break;
                }
        }
        if (c->fileid_column >= 0 && c->columns[c->fileid_column].gen.kind == BATCH_GEN_RANDOM)
                return report_error(r, E_INVAL, c->name, c->columns[c->fileid_column].line, 0,
                                    "%s: --fileid would put a random secret into file names; take "
                                    "another column",
                                    fileid);
        if (c->fileid >= 0 || c->fileid_column >= 0)
                return 0;
        return report_error(r, E_NOTFOUND, values_name, header->line, 0,
                            "%s: --fileid names no column of this file; take one of its headings",
                            fileid);
}

int batch_conf_bind(struct batch_conf *c, const struct csv_row *header, const char *values_name,
                    const char *fileid, struct report *r)
{
        const unsigned before = r->errors;

        c->width = header->count;
        for (size_t i = 0; i < c->count; i++) {
                struct batch_column *col = &c->columns[i];
                size_t n = 0;

                if (col->type == BATCH_NAMESPACE)
                        continue;
                for (size_t j = 0; j < i; j++)
                        n += c->columns[j].type != BATCH_NAMESPACE &&
                             strcmp(c->columns[j].key, col->key) == 0;
                col->source = header_find(header, col->key, n);
                if (col->source < 0 && col->gen.kind == BATCH_GEN_NONE)
                        bind_missing(c, col, n, header, values_name, r);
        }
        if (fileid)
                bind_fileid(c, header, values_name, fileid, r);
        return r->errors == before ? 0 : -r->first_code;
}

int batch_rules_check(const struct batch_column *col, const char *text, size_t len,
                      const struct nvs_value *v, const struct text_place *at, struct report *r)
{
        const bool number = is_integer(col->coding.enc);
        const uint64_t n = number ? v->bits : v->len - (v->type == NVS_STR && v->len > 0);

        if (col->required && !len)
                return report_error(r, E_RANGE, at->file, at->line, at->column,
                                    "%s: empty, but it is required; fill it in", col->key);
        if (col->regex && regexec(col->regex, text, 0, NULL, 0) != 0)
                return report_error(r, E_RANGE, at->file, at->line, at->column,
                                    "%s: does not match its rule regex=%s", col->key,
                                    col->regex_text); /* the value may be secret */
        if ((col->has_min && above(col, col->min, n)) || (col->has_max && above(col, n, col->max)))
                return report_error(r, E_RANGE, at->file, at->line, at->column,
                                    "%s: %s outside the rule in line %u of the configuration",
                                    col->key, number ? text : "its length is", col->line);
        return 0;
}
