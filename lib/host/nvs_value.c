/* The value column of an NVS configuration: nvs_csv.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "host/file.h"
#include "host/nvs_csv.h"

static const char *const words[] = {
        [NVS_ENC_NONE] = "",
        [NVS_ENC_U8] = "u8",
        [NVS_ENC_I8] = "i8",
        [NVS_ENC_U16] = "u16",
        [NVS_ENC_I16] = "i16",
        [NVS_ENC_U32] = "u32",
        [NVS_ENC_I32] = "i32",
        [NVS_ENC_U64] = "u64",
        [NVS_ENC_I64] = "i64",
        [NVS_ENC_STRING] = "string",
        [NVS_ENC_HEX2BIN] = "hex2bin",
        [NVS_ENC_BASE64] = "base64",
        [NVS_ENC_BINARY] = "binary",
        [NVS_ENC_BLOB_FILL] = "blob_fill",
        [NVS_ENC_BLOB_SZ_FILL] = "blob_sz_fill",
};
#define WORDS (sizeof words / sizeof *words)

static const struct {
        enum nvs_type type;
        int64_t min;
        uint64_t max;
} ints[] = {
        [NVS_ENC_U8] = { NVS_U8, 0, UINT8_MAX },
        [NVS_ENC_I8] = { NVS_I8, INT8_MIN, INT8_MAX },
        [NVS_ENC_U16] = { NVS_U16, 0, UINT16_MAX },
        [NVS_ENC_I16] = { NVS_I16, INT16_MIN, INT16_MAX },
        [NVS_ENC_U32] = { NVS_U32, 0, UINT32_MAX },
        [NVS_ENC_I32] = { NVS_I32, INT32_MIN, INT32_MAX },
        [NVS_ENC_U64] = { NVS_U64, 0, UINT64_MAX },
        [NVS_ENC_I64] = { NVS_I64, INT64_MIN, INT64_MAX },
};

const char *nvs_encoding_word(enum nvs_encoding enc)
{
        return words[enc];
}

/* (SIZE;0xNN) and nothing behind it. */
static bool parse_fill(const char *p, struct nvs_coding *c)
{
        uint32_t size = 0;

        if (*p++ != '(' || *p < '0' || *p > '9')
                return false;
        for (; *p >= '0' && *p <= '9'; p++) {
                size = size * 10 + (uint32_t)(*p - '0');
                if (size > NVS_BLOB_MAX)
                        return false;
        }
        if (strncmp(p, ";0x", 3) != 0 || hex_digit(p[3]) < 0 || hex_digit(p[4]) < 0 ||
            strcmp(p + 5, ")") != 0)
                return false;
        c->size = size;
        c->fill = (uint8_t)(hex_digit(p[3]) << 4 | hex_digit(p[4]));
        return true;
}

struct nvs_coding nvs_coding_of(const char *word, const char **near)
{
        struct nvs_coding c = { NVS_ENC_NONE, 0, 0 };
        const char *start = word + strspn(word, " \t");
        const size_t n = strcspn(start, " \t(");

        if (near)
                *near = NULL;
        for (size_t i = NVS_ENC_U8; i < WORDS; i++) {
                const bool fill = i == NVS_ENC_BLOB_FILL || i == NVS_ENC_BLOB_SZ_FILL;
                const size_t len = strlen(words[i]);

                if (fill ? !strncmp(word, words[i], len) && parse_fill(word + len, &c)
                         : !strcmp(word, words[i])) {
                        c.enc = (enum nvs_encoding)i;
                        break;
                }
                if (near && n == len && !strncasecmp(start, words[i], n))
                        *near = i == NVS_ENC_BLOB_FILL      ? "blob_fill(SIZE;0xNN)"
                                : i == NVS_ENC_BLOB_SZ_FILL ? "blob_sz_fill(SIZE;0xNN)"
                                                            : words[i];
        }
        return c;
}

void nvs_value_free(struct nvs_value *v)
{
        if (v->data)
                wipe(v->data, v->len);
        free(v->data);
        memset(v, 0, sizeof *v);
}

/* What Python's str.isspace says. */
static bool is_space(uint32_t c)
{
        return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 ||
               c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
               c == 0x202F || c == 0x205F || c == 0x3000;
}

/* The value of a decimal digit of any script (Unicode 14, category Nd), or of a letter as in
 * hexadecimal; else 99. */
static unsigned digit_value(uint32_t c)
{
        static const uint32_t zeros[] = {
                0x0660,  0x06F0,  0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,  0x0BE6,
                0x0C66,  0x0CE6,  0x0D66,  0x0DE6,  0x0E50,  0x0ED0,  0x0F20,  0x1040,  0x1090,
                0x17E0,  0x1810,  0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,
                0x1C50,  0xA620,  0xA8D0,  0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,
                0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0,
                0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60,
                0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0,
                0x1E950, 0x1FBF0,
        };

        if (c < 0x80)
                return hex_digit((char)c) < 0 ? 99 : (unsigned)hex_digit((char)c);
        for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
                if (c >= zeros[i] && c < zeros[i] + 10)
                        return c - zeros[i];
        return 99;
}

static size_t skip_space(const char *p, size_t n)
{
        size_t i = 0;
        uint32_t c;

        for (size_t len; i < n && (len = utf8_decode(p + i, n - i, &c)) != 0 && is_space(c);)
                i += len;
        return i;
}

/* Digits with single underscores between them. Returns how many bytes were used; 0: no digit. */
static size_t digits_read(const char *p, size_t n, unsigned base, uint64_t *out, bool *over)
{
        size_t i = 0;
        uint64_t v = 0;

        while (i < n) {
                uint32_t c = 0;
                size_t at = i + (i > 0 && p[i] == '_');
                const size_t len = utf8_decode(p + at, n - at, &c);
                const unsigned digit = len ? digit_value(c) : 99;

                if (digit >= base)
                        break;
                *over |= v > (UINT64_MAX - digit) / base;
                v = v * base + digit;
                i = at + len;
        }
        *out = v;
        return i;
}

/*
 * As Python's int(): blanks around it, a sign, leading zeros, underscores, digits of any script;
 * and beyond it 0x, 0o and 0b. Returns 0, -E_SYNTAX, or -E_RANGE when it leaves 64 bits.
 */
static int int_read(const char *p, size_t n, bool *negative, uint64_t *magnitude)
{
        size_t i = skip_space(p, n);
        unsigned base = 10;
        bool over = false;
        size_t used;

        *negative = i < n && p[i] == '-';
        i += i < n && (p[i] == '-' || p[i] == '+');
        if (n - i > 2 && p[i] == '0') {
                const char x = (char)(p[i + 1] | 0x20);

                base = x == 'x' ? 16 : x == 'o' ? 8 : x == 'b' ? 2 : 10;
                i += base == 10 ? 0 : 2;
        }
        used = digits_read(p + i, n - i, base, magnitude, &over);
        i += used;
        if (!used || i + skip_space(p + i, n - i) != n)
                return -E_SYNTAX;
        return over ? -E_RANGE : 0;
}

static int fail(const struct nvs_cell *c, struct report *r, int code, const char *why)
{
        return report_error(r, code, c->at.file, c->at.line, c->at.column, "%s: %s", c->what, why);
}

static int read_int(struct nvs_value *v, const struct nvs_cell *c, const char *text, size_t len,
                    struct report *r)
{
        const enum nvs_encoding enc = c->coding.enc;
        bool negative;
        uint64_t magnitude;
        int rc = int_read(text, len, &negative, &magnitude);

        if (rc == -E_SYNTAX)
                return report_error(
                        r, E_SYNTAX, c->at.file, c->at.line, c->at.column,
                        skip_space(text, len) == len
                                ? "%s: no value, %s needs a whole number"
                                : "%s: not a whole number, %s needs one like 42, -7 or 0x2A",
                        c->what, words[enc]);
        if (rc == 0 && (negative && magnitude ? magnitude > 0 - (uint64_t)ints[enc].min
                                              : magnitude > ints[enc].max))
                rc = -E_RANGE;
        if (rc < 0)
                return report_error(r, E_RANGE, c->at.file, c->at.line, c->at.column,
                                    "%s: out of range, %s holds %lld to %llu", c->what, words[enc],
                                    (long long)ints[enc].min, (unsigned long long)ints[enc].max);
        v->type = ints[enc].type;
        v->bits = negative ? 0 - magnitude : magnitude;
        return 0;
}

static int take(struct nvs_value *v, enum nvs_type type, size_t len)
{
        v->type = type;
        v->len = len;
        v->data = malloc(len ? len : 1);
        return v->data ? 0 : -E_NOMEM;
}

static int read_string(struct nvs_value *v, const struct nvs_cell *c, const char *text, size_t len,
                       struct report *r)
{
        if (!utf8_valid(text, len))
                return fail(
                        c, r, E_FORMAT,
                        "not UTF-8: a string is text; take the encoding binary for anything else");
        if (len + 1 > NVS_STR_MAX)
                return report_error(r, E_RANGE, c->at.file, c->at.line, c->at.column,
                                    "%s: %zu bytes with the closing NUL, a string holds %u; take "
                                    "the encoding binary for more",
                                    c->what, len + 1, NVS_STR_MAX);
        if (take(v, NVS_STR, len + 1) < 0)
                return fail(c, r, E_NOMEM, "out of memory");
        memcpy(v->data, text, len);
        v->data[len] = 0;
        return 0;
}

static int read_hex(struct nvs_value *v, const struct nvs_cell *c, const char *text, size_t len,
                    struct report *r)
{
        size_t bad = 0;
        size_t skip = skip_space(text, len);
        long n;

        text += skip;
        len -= skip;
        /* strip() of the reference; only ASCII blanks are looked for behind the digits */
        while (len && is_space((unsigned char)text[len - 1]) && (unsigned char)text[len - 1] < 0x80)
                len--;
        if (take(v, NVS_BLOB, len / 2) < 0)
                return fail(c, r, E_NOMEM, "out of memory");
        n = hex_decode(text, len, v->data, v->len, &bad);
        if (n >= 0)
                return 0;
        if (len > 1 && text[0] == '0' && (text[1] | 0x20) == 'x')
                return fail(c, r, E_SYNTAX, "hex2bin is digits only: leave out the 0x");
        if (bad == len)
                return report_error(
                        r, E_SYNTAX, c->at.file, c->at.line, c->at.column,
                        "%s: %zu hexadecimal digits, two make a byte: one is missing or too many",
                        c->what, len);
        return report_error(r, E_SYNTAX, c->at.file, c->at.line, c->at.column,
                            "%s: character %zu is no hexadecimal digit; no blanks, colons or line "
                            "ends between them",
                            c->what, bad + 1);
}

static int read_base64(struct nvs_value *v, const struct nvs_cell *c, const char *text, size_t len,
                       struct report *r)
{
        size_t bad = 0;
        long n;

        if (take(v, NVS_BLOB, len / 4 * 3 + 3) < 0)
                return fail(c, r, E_NOMEM, "out of memory");
        n = base64_decode(text, len, v->data, v->len, &bad);
        if (n >= 0) {
                v->len = (size_t)n;
                return 0;
        }
        v->len = 0;
        if (bad >= len)
                return fail(c, r, E_SYNTAX,
                            "base64 ends early: characters or the closing = are missing");
        return report_error(r, E_SYNTAX, c->at.file, c->at.line, c->at.column,
                            "%s: character %zu does not belong to base64%s", c->what, bad + 1,
                            memchr(text, '=', bad) ? ", which ended before it" : "");
}

static int read_binary(struct nvs_value *v, const struct nvs_cell *c, const char *text, size_t len,
                       struct report *r)
{
        for (size_t i = 0; i < len && !c->is_file; i++)
                if ((unsigned char)text[i] >= 0x80)
                        return fail(c, r, E_UNSUPPORTED,
                                    "text beyond ASCII as binary: Espressif's generator makes an "
                                    "unreadable blob of it; take string, hex2bin or a file");
        if (take(v, NVS_BLOB, len) < 0)
                return fail(c, r, E_NOMEM, "out of memory");
        memcpy(v->data, text, len);
        return 0;
}

static int read_fill(struct nvs_value *v, const struct nvs_cell *c, const char *text, size_t len,
                     struct report *r)
{
        const size_t head = c->coding.enc == NVS_ENC_BLOB_SZ_FILL ? 4 : 0;

        if (len > c->coding.size)
                return report_error(r, E_RANGE, c->at.file, c->at.line, c->at.column,
                                    "%s: %zu bytes, %s holds %u; make its size larger", c->what,
                                    len, words[c->coding.enc], c->coding.size);
        if (take(v, NVS_BLOB, head + c->coding.size) < 0)
                return fail(c, r, E_NOMEM, "out of memory");
        if (head)
                le32_put(v->data, (uint32_t)len);
        memcpy(v->data + head, text, len);
        memset(v->data + head + len, c->coding.fill, c->coding.size - len);
        return 0;
}

static int read_text(struct nvs_value *v, const struct nvs_cell *c, const char *text, size_t len,
                     struct report *r)
{
        const size_t max = c->version == 1 ? NVS_BLOB_V1_MAX : NVS_BLOB_MAX;
        int rc;

        switch (c->coding.enc) {
        case NVS_ENC_NONE:
                return fail(c, r, E_INVAL, "no encoding");
        case NVS_ENC_STRING:
                return read_string(v, c, text, len, r);
        case NVS_ENC_HEX2BIN:
                rc = read_hex(v, c, text, len, r);
                break;
        case NVS_ENC_BASE64:
                rc = read_base64(v, c, text, len, r);
                break;
        case NVS_ENC_BINARY:
                rc = read_binary(v, c, text, len, r);
                break;
        case NVS_ENC_BLOB_FILL:
        case NVS_ENC_BLOB_SZ_FILL:
                rc = read_fill(v, c, text, len, r);
                break;
        default:
                return read_int(v, c, text, len, r);
        }
        if (rc == 0 && v->len > max)
                rc = report_error(
                        r, E_RANGE, c->at.file, c->at.line, c->at.column,
                        c->version == 1
                                ? "%s: blob of %zu bytes, version 1 holds %zu; take version 2"
                                : "%s: blob of %zu bytes, NVS holds %zu",
                        c->what, v->len, max);
        return rc;
}

int nvs_value_read(struct nvs_value *v, const struct nvs_cell *c, struct report *r)
{
        struct diag d = { 0 };
        struct blob file;
        char *path = NULL;
        int rc;

        memset(v, 0, sizeof *v);
        if (!c->is_file) {
                rc = read_text(v, c, c->text, c->len, r);
        } else {
                if (!c->len)
                        return fail(c, r, E_NOTFOUND, "no file is named");
                path = path_join(file_exists(c->text) ? NULL : c->dir, c->text);
                if (!path)
                        return fail(c, r, E_NOMEM, "out of memory");
                if (!strcmp(c->text, "-") || !file_exists(path))
                        rc = report_error(r, E_NOTFOUND, c->at.file, c->at.line, c->at.column,
                                          "%s: no file %s; names are relative to the current "
                                          "folder, then to the CSV file's",
                                          c->what, c->text);
                else if ((rc = file_load(path, FILE_LIMIT_KEY, &file, &d)) < 0)
                        fail(c, r, -rc, diag_text(&d));
                else {
                        rc = read_text(v, c, (const char *)file.data, file.len, r);
                        blob_free_secret(&file);
                }
                free(path);
        }
        if (rc < 0)
                nvs_value_free(v);
        return rc;
}

int nvs_value_write(struct nvs_writer *w, const char *key, const struct nvs_value *v)
{
        if (v->type == NVS_STR)
                return nvs_write_str(w, key, v->data, v->len);
        if (v->type == NVS_BLOB)
                return nvs_write_blob(w, key, v->data, v->len);
        return nvs_write_int(w, key, v->type, v->bits);
}
