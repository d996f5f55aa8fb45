#include "firmware/core/jdoc.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"
#include "base/utf8.h"

enum { WANT_VALUE, WANT_VALUE_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_COMMA, DONE };

void jdoc_init(struct jdoc *j, const char *text, size_t n)
{
        *j = (struct jdoc){ .text = text, .len = n, .state = WANT_VALUE };
}

static void blanks(struct jdoc *j)
{
        while (j->at < j->len && memchr(" \t\r\n", j->text[j->at], 4))
                j->at++;
}

static bool in_object(const struct jdoc *j)
{
        return j->objects >> j->depth & 1u;
}

static void after_value(struct jdoc *j)
{
        j->state = j->depth ? WANT_COMMA : DONE;
}

static int open_level(struct jdoc *j, struct jdoc_token *t, bool object)
{
        if (j->depth == JDOC_DEPTH_MAX)
                return -E_RANGE;
        j->depth++;
        j->objects = (j->objects & ~(1u << j->depth)) | (uint32_t)object << j->depth;
        j->at++;
        j->state = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
        t->type = object ? JDOC_OBJECT : JDOC_ARRAY;
        return 0;
}

static int close_level(struct jdoc *j, struct jdoc_token *t, bool object)
{
        if (!j->depth || in_object(j) != object)
                return -E_SYNTAX;
        j->depth--;
        j->at++;
        after_value(j);
        t->type = object ? JDOC_OBJECT_END : JDOC_ARRAY_END;
        return 0;
}

/* Length of the escape at p, of which n bytes are there, or -E_XXX. */
static int escape(const char *p, size_t n)
{
        if (n < 2)
                return -E_TRUNC;
        if (p[1] != 'u')
                return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : -E_SYNTAX;
        for (size_t i = 2; i < 6; i++) {
                if (i >= n)
                        return -E_TRUNC;
                if (hex_digit(p[i]) < 0)
                        return -E_SYNTAX;
        }
        return 6;
}

/* Length of the character or escape at p, of which n bytes are there, or -E_XXX. */
static int unit(const char *p, size_t n)
{
        const size_t len = *p == '\\' ? 0 : utf8_length(p, n);

        if (*p == '\\')
                return escape(p, n);
        if ((unsigned char)*p < 0x20)
                return -E_SYNTAX;
        return len ? (int)len : n < 4 ? -E_TRUNC : -E_SYNTAX;
}

static int string(struct jdoc *j, struct jdoc_token *t)
{
        size_t i = j->at + 1;

        t->text = j->text + i;
        while (i < j->len && j->text[i] != '"') {
                const int n = unit(j->text + i, j->len - i);

                if (n < 0)
                        return n;
                i += (size_t)n;
        }
        if (i == j->len)
                return -E_TRUNC;
        t->len = (size_t)(j->text + i - t->text);
        j->at = i + 1;
        return 0;
}

static size_t digits(const struct jdoc *j, size_t i)
{
        const size_t start = i;

        while (i < j->len && j->text[i] >= '0' && j->text[i] <= '9')
                i++;
        return i - start;
}

static int number(struct jdoc *j, struct jdoc_token *t)
{
        size_t i = j->at;
        size_t n;

        t->text = j->text + i;
        i += j->text[i] == '-';
        n = digits(j, i);
        if (!n || (n > 1 && j->text[i] == '0'))
                return i == j->len ? -E_TRUNC : -E_SYNTAX;
        i += n;
        if (i < j->len && j->text[i] == '.') {
                n = digits(j, ++i);
                if (!n)
                        return i == j->len ? -E_TRUNC : -E_SYNTAX;
                i += n;
        }
        if (i < j->len && (j->text[i] == 'e' || j->text[i] == 'E')) {
                i++;
                i += i < j->len && (j->text[i] == '+' || j->text[i] == '-');
                n = digits(j, i);
                if (!n)
                        return i == j->len ? -E_TRUNC : -E_SYNTAX;
                i += n;
        }
        t->len = i - j->at;
        j->at = i;
        t->type = JDOC_NUMBER;
        after_value(j);
        return 0;
}

static int word(struct jdoc *j, struct jdoc_token *t)
{
        static const struct {
                const char *text;
                enum jdoc_type type;
        } words[] = { { "true", JDOC_TRUE }, { "false", JDOC_FALSE }, { "null", JDOC_NULL } };
        const size_t left = j->len - j->at;

        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                const size_t n = strlen(words[i].text);
                const size_t have = n < left ? n : left;

                if (memcmp(j->text + j->at, words[i].text, have) != 0)
                        continue;
                if (have < n)
                        return -E_TRUNC;
                t->text = j->text + j->at;
                t->len = n;
                t->type = words[i].type;
                j->at += n;
                after_value(j);
                return 0;
        }
        return -E_SYNTAX;
}

static int value(struct jdoc *j, struct jdoc_token *t)
{
        const char c = j->text[j->at];
        int rc;

        switch (c) {
        case '{':
                return open_level(j, t, true);
        case '[':
                return open_level(j, t, false);
        case '"':
                if ((rc = string(j, t)) < 0)
                        return rc;
                t->type = JDOC_STRING;
                after_value(j);
                return 0;
        default:
                return c == '-' || (c >= '0' && c <= '9') ? number(j, t) : word(j, t);
        }
}

static int key(struct jdoc *j, struct jdoc_token *t)
{
        int rc;

        if (j->text[j->at] != '"')
                return -E_SYNTAX;
        if ((rc = string(j, t)) < 0)
                return rc;
        blanks(j);
        if (j->at == j->len)
                return -E_TRUNC;
        if (j->text[j->at++] != ':')
                return -E_SYNTAX;
        t->type = JDOC_KEY;
        j->state = WANT_VALUE;
        return 0;
}

static int step(struct jdoc *j, struct jdoc_token *t)
{
        blanks(j);
        if (j->state == DONE)
                return j->at == j->len ? 0 : -E_SYNTAX;
        if (j->at == j->len)
                return -E_TRUNC;
        if (j->state == WANT_COMMA) {
                if (j->text[j->at] != ',')
                        return close_level(j, t,
                                           j->text[j->at] == '}'   ? true
                                           : j->text[j->at] == ']' ? false
                                                                   : !in_object(j));
                j->at++;
                j->state = in_object(j) ? WANT_KEY : WANT_VALUE;
                return step(j, t); /* once: the state is another one */
        }
        if (j->state == WANT_KEY_OR_END && j->text[j->at] == '}')
                return close_level(j, t, true);
        if (j->state == WANT_VALUE_OR_END && j->text[j->at] == ']')
                return close_level(j, t, false);
        return j->state == WANT_KEY || j->state == WANT_KEY_OR_END ? key(j, t) : value(j, t);
}

int jdoc_next(struct jdoc *j, struct jdoc_token *t)
{
        const struct jdoc before = *j;
        int rc;

        *t = (struct jdoc_token){ .type = JDOC_END, .text = "" };
        rc = step(j, t);
        if (rc < 0)
                *j = before;
        return rc;
}

int jdoc_skip(struct jdoc *j, const struct jdoc_token *t)
{
        const unsigned depth = j->depth;
        struct jdoc_token in;
        int rc;

        if (t->type != JDOC_OBJECT && t->type != JDOC_ARRAY)
                return 0;
        while (j->depth >= depth)
                if ((rc = jdoc_next(j, &in)) < 0)
                        return rc;
        return 0;
}

static uint32_t hex4(const char *p)
{
        uint32_t v = 0;

        for (size_t i = 0; i < 4; i++)
                v = v << 4 | (uint32_t)hex_digit(p[i]);
        return v;
}

/* The character of a \u escape at p; 0: half a pair, or NUL. *n: bytes of the escape. */
static uint32_t unicode(const char *p, size_t left, size_t *n)
{
        const uint32_t hi = hex4(p + 2);
        uint32_t lo;

        *n = 6;
        if (hi < 0xD800 || hi > 0xDFFF)
                return hi;
        if (hi > 0xDBFF || left < 12 || p[6] != '\\' || p[7] != 'u')
                return 0;
        lo = hex4(p + 8);
        *n = 12;
        return lo < 0xDC00 || lo > 0xDFFF ? 0 : 0x10000u + ((hi - 0xD800u) << 10) + (lo - 0xDC00u);
}

static size_t utf8_put(uint32_t cp, char out[4])
{
        if (cp < 0x80) {
                out[0] = (char)cp;
                return 1;
        }
        if (cp < 0x800) {
                out[0] = (char)(0xC0u | cp >> 6);
                out[1] = (char)(0x80u | (cp & 0x3Fu));
                return 2;
        }
        if (cp < 0x10000) {
                out[0] = (char)(0xE0u | cp >> 12);
                out[1] = (char)(0x80u | (cp >> 6 & 0x3Fu));
                out[2] = (char)(0x80u | (cp & 0x3Fu));
                return 3;
        }
        out[0] = (char)(0xF0u | cp >> 18);
        out[1] = (char)(0x80u | (cp >> 12 & 0x3Fu));
        out[2] = (char)(0x80u | (cp >> 6 & 0x3Fu));
        out[3] = (char)(0x80u | (cp & 0x3Fu));
        return 4;
}

/* The character at p, an escape or not, into c: its bytes, and how many of p it took. 0: none. */
static size_t character(const char *p, size_t left, char c[4], size_t *took)
{
        static const char from[] = "\"\\/bfnrt";
        static const char to[] = "\"\\/\b\f\n\r\t";
        uint32_t cp;

        if (*p != '\\') {
                *took = 1;
                c[0] = *p;
                return 1;
        }
        if (p[1] == 'u') {
                cp = unicode(p, left, took);
                return cp ? utf8_put(cp, c) : 0;
        }
        *took = 2;
        c[0] = to[strchr(from, p[1]) - from];
        return 1;
}

int jdoc_text(const struct jdoc_token *t, char *out, size_t cap)
{
        size_t n = 0;

        if (t->type != JDOC_KEY && t->type != JDOC_STRING)
                return -E_TYPE;
        for (size_t i = 0; i < t->len;) {
                char c[4];
                size_t took = 0;
                const size_t len = character(t->text + i, t->len - i, c, &took);

                if (!len)
                        return -E_SYNTAX;
                if (n + len >= cap)
                        return -E_NOSPACE;
                memcpy(out + n, c, len);
                n += len;
                i += took;
        }
        if (n >= cap)
                return -E_NOSPACE;
        out[n] = 0;
        return (int)n;
}

bool jdoc_is(const struct jdoc_token *t, const char *text)
{
        char word[64];

        return jdoc_text(t, word, sizeof word) >= 0 && strcmp(word, text) == 0;
}

int jdoc_int(const struct jdoc_token *t, int64_t *out)
{
        const bool negative = t->len && t->text[0] == '-';
        uint64_t v = 0;

        if (t->type != JDOC_NUMBER)
                return -E_TYPE;
        for (size_t i = negative; i < t->len; i++) {
                const unsigned d = (unsigned)(t->text[i] - '0');

                if (d > 9)
                        return -E_TYPE;
                if (v > ((uint64_t)INT64_MAX - d) / 10)
                        return -E_RANGE;
                v = v * 10 + d;
        }
        *out = negative ? -(int64_t)v : (int64_t)v;
        return 0;
}

void jdoc_writer_init(struct jdoc_writer *w, char *out, size_t cap)
{
        *w = (struct jdoc_writer){ .out = out, .cap = cap };
        out[0] = 0;
}

void jdoc_put(struct jdoc_writer *w, const char *fmt, ...)
{
        va_list ap;
        size_t n;

        if (w->cut)
                return;
        va_start(ap, fmt);
        n = strf_v(w->out + w->len, w->cap - w->len, fmt, ap);
        va_end(ap);
        if (n >= w->cap - w->len) {
                w->cut = true;
                w->out[w->len] = 0;
                return;
        }
        w->len += n;
}

void jdoc_put_string(struct jdoc_writer *w, const char *s)
{
        jdoc_put(w, "\"");
        for (; *s; s++) {
                if (*s == '"' || *s == '\\')
                        jdoc_put(w, "\\%c", *s);
                else if ((unsigned char)*s < 0x20)
                        jdoc_put(w, "\\u%04x", (unsigned)*s);
                else
                        jdoc_put(w, "%c", *s);
        }
        jdoc_put(w, "\"");
}
