#include "host/ptable_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/utf8.h"

/* Decoding. */

static size_t utf8_put(uint32_t c, char *out)
{
        if (c < 0x80) {
                out[0] = (char)c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char)(0xC0 | c >> 6);
                out[1] = (char)(0x80 | (c & 0x3F));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char)(0xE0 | c >> 12);
                out[1] = (char)(0x80 | (c >> 6 & 0x3F));
                out[2] = (char)(0x80 | (c & 0x3F));
                return 3;
        }
        out[0] = (char)(0xF0 | c >> 18);
        out[1] = (char)(0x80 | (c >> 12 & 0x3F));
        out[2] = (char)(0x80 | (c >> 6 & 0x3F));
        out[3] = (char)(0x80 | (c & 0x3F));
        return 4;
}

/* What a byte order mark tells. */
struct encoding {
        const char *mark;
        unsigned len;  /* of the mark */
        unsigned unit; /* bytes: 1 UTF-8, 2 UTF-16, 4 UTF-32 */
        bool big;
};

/* One character of UTF-16 or UTF-32; bytes taken, or 0 if it is none. */
static size_t wide_get(const uint8_t *p, size_t n, const struct encoding *e, uint32_t *c)
{
        uint32_t low;

        if (n < e->unit)
                return 0;
        if (e->unit == 4) {
                *c = e->big ? be32_get(p) : le32_get(p);
                return *c > 0x10FFFF || (*c >= 0xD800 && *c < 0xE000) ? 0 : 4;
        }
        *c = e->big ? be16_get(p) : le16_get(p);
        if (*c < 0xD800 || *c >= 0xE000)
                return 2;
        if (*c >= 0xDC00 || n < 4)
                return 0;
        low = e->big ? be16_get(p + 2) : le16_get(p + 2);
        if (low < 0xDC00 || low >= 0xE000)
                return 0;
        *c = 0x10000 + ((*c - 0xD800) << 10) + (low - 0xDC00);
        return 4;
}

/* All of it into out, which has room; -E_FORMAT at the first thing that is no character. */
static int wide_copy(const uint8_t *p, size_t n, const struct encoding *e, struct blob *out)
{
        while (n) {
                uint32_t c = 0;
                const size_t took = wide_get(p, n, e, &c);

                if (!took)
                        return -E_FORMAT;
                out->len += utf8_put(c, (char *)out->data + out->len);
                p += took;
                n -= took;
        }
        return 0;
}

static const struct encoding *encoding_of(const uint8_t *p, size_t n)
{
        static const struct encoding encodings[] = {
                { "\xEF\xBB\xBF", 3, 1, false },
                { "\xFF\xFE\0\0", 4, 4, false }, /* before UTF-16's, which it begins with */
                { "\0\0\xFE\xFF", 4, 4, true },
                { "\xFF\xFE", 2, 2, false },
                { "\xFE\xFF", 2, 2, true },
        };
        static const struct encoding plain = { "", 0, 1, false };

        for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++)
                if (n >= encodings[i].len && !memcmp(p, encodings[i].mark, encodings[i].len))
                        return &encodings[i];
        return &plain;
}

int ptable_text_decode(const char *name, const uint8_t *p, size_t n, struct blob *out,
                       struct report *r)
{
        const struct encoding *e = encoding_of(p, n);

        p += e->len;
        n -= e->len;
        *out = (struct blob){ .data = malloc(2 * n + 1) };
        if (!out->data)
                return report_error(r, E_NOMEM, name, 0, 0, "out of memory");
        if (e->unit == 1) {
                if (n)
                        memcpy(out->data, p, n);
                out->len = n;
        } else if (wide_copy(p, n, e, out) < 0) {
                blob_free(out);
                return report_error(r, E_FORMAT, name, 0, 0,
                                    "not valid UTF-%u; save the file as UTF-8", e->unit * 8);
        }
        out->data[out->len] = 0;
        return 0;
}

/* Lines. */

/* Bytes of the white space that begins at p, as Python's str.strip() sees it; 0: none. */
static size_t space_at(const char *p, size_t n)
{
        static const char *const wide[] = { "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80",
                                            "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF",
                                            "\xE2\x81\x9F", "\xE3\x80\x80" };

        if (n && (isspace((unsigned char)*p) || (*p >= 0x1C && *p <= 0x1F)))
                return 1;
        if (n >= 3 && !memcmp(p, "\xE2\x80", 2) && (unsigned char)p[2] >= 0x80 &&
            (unsigned char)p[2] <= 0x8A)
                return 3;
        for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
                const size_t len = strlen(wide[i]);

                if (n >= len && !memcmp(p, wide[i], len))
                        return len;
        }
        return 0;
}

/* Bytes of the line end that begins at p, as Python's str.splitlines() sees it; 0: none. */
static size_t line_end_at(const char *p, size_t n)
{
        if (!n)
                return 0;
        if (*p == '\r' && n > 1 && p[1] == '\n')
                return 2;
        if ((*p >= '\n' && *p <= '\r') || (*p >= 0x1C && *p <= 0x1E))
                return 1;
        if (n > 1 && !memcmp(p, "\xC2\x85", 2))
                return 2;
        return n > 2 && (!memcmp(p, "\xE2\x80\xA8", 3) || !memcmp(p, "\xE2\x80\xA9", 3)) ? 3 : 0;
}

static int put(struct ptable_text *t, const char *p, size_t n, uint32_t column)
{
        if (t->used + n + 1 > t->cap) {
                const size_t cap = (t->used + n + 1) * 2 + 128;
                char *buf = realloc(t->buf, cap);
                uint32_t *columns;

                if (!buf)
                        return report_error(t->r, E_NOMEM, t->name, t->line, 0, "out of memory");
                t->buf = buf;
                columns = realloc(t->columns, cap * sizeof *columns);
                if (!columns)
                        return report_error(t->r, E_NOMEM, t->name, t->line, 0, "out of memory");
                t->columns = columns;
                t->cap = cap;
        }
        if (n)
                memcpy(t->buf + t->used, p, n);
        for (size_t i = 0; i <= n; i++)
                t->columns[t->used + i] = column;
        t->used += n;
        t->buf[t->used] = 0;
        return 0;
}

/* Length of a variable's reference at p, "$NAME" or "${NAME}", and its name; 0: none. */
static size_t variable_at(const char *p, size_t n, const char **name, size_t *len)
{
        const bool braces = n > 1 && p[1] == '{';
        size_t i = braces ? 2 : 1;

        if (!n || *p != '$')
                return 0;
        *name = p + i;
        while (i < n && (braces ? p[i] != '}' : isalnum((unsigned char)p[i]) || p[i] == '_'))
                i++;
        *len = (size_t)(p + i - *name);
        if (braces && i == n)
                return 0;
        return *len ? i + braces : 0;
}

static int put_variable(struct ptable_text *t, const char *name, size_t len, uint32_t column)
{
        char key[256];
        const char *value;

        if (len >= sizeof key)
                return report_error(t->r, E_SYNTAX, t->name, t->line, column,
                                    "name of a variable: too long");
        memcpy(key, name, len);
        key[len] = 0;
        value = getenv(key);
        if (!value)
                return report_error(t->r, E_NOTFOUND, t->name, t->line, column,
                                    "unknown variable '%s': not set in the environment; set it or "
                                    "write the value",
                                    key);
        if (!utf8_valid(value, strlen(value)))
                return report_error(t->r, E_FORMAT, t->name, t->line, column,
                                    "variable '%s': its value is not UTF-8", key);
        return put(t, value, strlen(value), column);
}

/* Copy one line into buf with its variables expanded. */
static int expand(struct ptable_text *t, const char *p, size_t n)
{
        uint32_t column = 1; /* of the next character; the loop ends one behind the last */
        int rc = 0;

        t->used = 0;
        if (put(t, "", 0, 1) < 0)
                return -E_NOMEM;
        for (size_t i = 0; i < n; column++) {
                const char *name = NULL;
                size_t len = 0;
                size_t step = variable_at(p + i, n - i, &name, &len);
                int now;

                if (step) {
                        now = put_variable(t, name, len, column);
                        column += (uint32_t)step - 1;
                } else {
                        step = utf8_length(p + i, n - i);
                        if (!step || !p[i])
                                return report_error(
                                        t->r, E_FORMAT, t->name, t->line, column,
                                        p[i] ? "not UTF-8 text: byte 0x%02x; save the file as UTF-8"
                                             : "byte 0x%02x in the text; is this a binary file?",
                                        (unsigned char)p[i]);
                        now = put(t, p + i, step, column);
                }
                if (now == -E_NOMEM)
                        return now;
                if (now < 0)
                        rc = now;
                i += step;
        }
        t->end_column = column;
        return rc;
}

/* Fields. */

/* The delimiter of a row: a comma, or what a spreadsheet may have put instead where there is none.
 */
static char delimiter_of(struct ptable_text *t)
{
        char other;

        if (memchr(t->buf, ',', t->used))
                return ',';
        other = memchr(t->buf, ';', t->used) ? ';' : memchr(t->buf, '\t', t->used) ? '\t' : 0;
        if (!other)
                return ',';
        if (!t->told_delimiter)
                report_note(t->r, t->name, t->line, 0,
                            "fields are separated by %s: taken as commas, as gen_esp32part.py "
                            "would not",
                            other == ';' ? "';'" : "tabs");
        t->told_delimiter = true;
        return other;
}

/* The end of a quoted field that begins at from: behind its second quote, or from if it is not one.
 */
static size_t quoted_end(const struct ptable_text *t, size_t from, char delimiter)
{
        const char *close;
        size_t i;

        if (t->buf[from] != '"' || !(close = memchr(t->buf + from + 1, '"', t->used - from - 1)))
                return from;
        i = (size_t)(close - t->buf) + 1;
        while (i < t->used && t->buf[i] != delimiter) {
                const size_t space = space_at(t->buf + i, t->used - i);

                if (!space)
                        return from;
                i += space;
        }
        return (size_t)(close - t->buf) + 1;
}

/* A '#' behind white space, or where a field begins, ends the row; but it may be part of a name. */
static void cut_comment(struct ptable_text *t, char delimiter)
{
        const char *first = memchr(t->buf, delimiter, t->used);
        bool space = true;

        if (!first)
                return;
        for (size_t i = (size_t)(first - t->buf) + 1; i < t->used; i++) {
                if (t->buf[i] == '#' && space) {
                        if (!t->told_comment)
                                report_note(t->r, t->name, t->line, t->columns[i],
                                            "comment behind a row: accepted, but gen_esp32part.py "
                                            "refuses it; put it "
                                            "on a line of its own");
                        t->told_comment = true;
                        t->used = i;
                        t->buf[i] = 0;
                        return;
                }
                space = t->buf[i] == delimiter || space_at(t->buf + i, t->used - i) > 0;
        }
}

/* Trim [from, to) into the next field. */
static void add_field(struct ptable_text *t, size_t from, size_t to)
{
        struct ptable_text_field *f = &t->fields[t->count++];
        size_t end;

        for (size_t space; from < to && (space = space_at(t->buf + from, to - from));)
                from += space;
        end = from;
        for (size_t i = from; i < to;) {
                const size_t space = space_at(t->buf + i, to - i);

                i += space ? space : 1;
                if (!space)
                        end = i;
        }
        f->column = t->columns[from];
        if (end - from >= 2 && t->buf[from] == '"' && t->buf[end - 1] == '"') {
                from++;
                end--;
                if (!t->told_quotes)
                        report_note(t->r, t->name, t->line, f->column,
                                    "quotes around a field: taken off, but gen_esp32part.py keeps "
                                    "them; leave them out");
                t->told_quotes = true;
        }
        f->text = t->buf + from;
        f->len = end - from;
}

static int split(struct ptable_text *t)
{
        const char delimiter = delimiter_of(t);
        size_t from = 0;

        cut_comment(t, delimiter);
        t->count = 0;
        while (t->count < PTABLE_TEXT_FIELDS) {
                size_t start = from;
                size_t to;

                for (size_t space; start < t->used && t->buf[start] != delimiter &&
                                   (space = space_at(t->buf + start, t->used - start));)
                        start += space;
                to = quoted_end(t, start, delimiter);
                while (to < t->used && t->buf[to] != delimiter)
                        to++;
                add_field(t, from, to);
                if (to == t->used)
                        break;
                from = to + 1;
        }
        /* only now: a terminator may stand where the next field's text was looked at */
        for (size_t i = 0; i < t->count; i++)
                t->fields[i].text[t->fields[i].len] = 0;
        return 1;
}

/* True for a line of white space or one whose first character is '#'. */
static bool is_blank(const char *p, size_t n)
{
        for (size_t space; n && (space = space_at(p, n)); p += space)
                n -= space;
        return !n || *p == '#';
}

int ptable_text_next(struct ptable_text *t)
{
        while (t->at < t->len) {
                const char *p = t->text + t->at;
                const size_t left = t->len - t->at;
                size_t n = 0;
                size_t end = 0;
                int rc;

                while (n < left && !(end = line_end_at(p + n, left - n)))
                        n++;
                t->at += n + end;
                t->line = ++t->lines;
                if (is_blank(p, n))
                        continue;
                if ((rc = expand(t, p, n)) < 0)
                        return rc;
                if (!is_blank(t->buf, t->used))
                        return split(t);
        }
        return 0;
}

void ptable_text_free(struct ptable_text *t)
{
        free(t->buf);
        free(t->columns);
        t->buf = NULL;
        t->columns = NULL;
}
