#include "host/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "host/file.h"

struct cJSON *json_parse(const char *text, size_t len, struct diag *d)
{
        const char *end = NULL;
        cJSON *j = cJSON_ParseWithLengthOpts(text, len + 1, &end, true);
        uint32_t line = 1;
        uint32_t column = 1;

        if (j)
                return j;
        for (const char *p = text; end && p < end && p < text + len; p++) {
                column++;
                if (*p == '\n') {
                        line++;
                        column = 1;
                }
        }
        diag_at(d, E_SYNTAX, line, column, "not valid JSON from here on");
        return NULL;
}

struct cJSON *json_load(const char *path, struct diag *d)
{
        struct blob text;
        cJSON *j;

        if (file_load(path, FILE_LIMIT_TEXT, &text, d) < 0)
                return NULL;
        j = json_parse((const char *)text.data, text.len, d);
        blob_free_secret(&text);
        return j;
}

/* Length of the valid UTF-8 sequence at p, or 0. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
        const size_t want = p[0] < 0x80             ? 1
                            : (p[0] & 0xe0) == 0xc0 ? 2
                            : (p[0] & 0xf0) == 0xe0 ? 3
                            : (p[0] & 0xf8) == 0xf0 ? 4
                                                    : 0;
        uint32_t v;

        if (want == 1)
                return 1;
        if (want == 0 || want > n)
                return 0;
        v = p[0] & (0xffu >> (want + 1));
        for (size_t i = 1; i < want; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                v = v << 6 | (p[i] & 0x3f);
        }
        if (v < (want == 2   ? 0x80u
                 : want == 3 ? 0x800u
                             : 0x10000u) ||
            v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
                return 0;
        return want;
}

static void put_string(FILE *f, const char *s, size_t n)
{
        const unsigned char *p = (const unsigned char *)s;

        putc('"', f);
        while (n) {
                const size_t k = utf8_len(p, n);

                if (*p == '"' || *p == '\\')
                        fprintf(f, "\\%c", *p);
                else if (*p == '\n')
                        fputs("\\n", f);
                else if (*p < 0x20 || *p == 0x7f)
                        fprintf(f, "\\u%04x", *p);
                else if (k)
                        fwrite(p, 1, k, f);
                else
                        fputs("\\ufffd", f);
                p += k ? k : 1;
                n -= k ? k : 1;
        }
        putc('"', f);
}

static void begin(struct json_writer *w, const char *key)
{
        if (w->not_first >> w->depth & 1)
                putc(',', w->out);
        w->not_first |= (uint64_t)1 << w->depth;
        if (w->pretty && w->depth && w->depth <= 2)
                fprintf(w->out, "\n%*s", (int)w->depth * 2, "");
        if (key) {
                put_string(w->out, key, strlen(key));
                fputs(w->pretty ? ": " : ":", w->out);
        }
}

void json_open(struct json_writer *w, const char *key, char bracket)
{
        begin(w, key);
        putc(bracket, w->out);
        w->depth++;
        w->not_first &= ~((uint64_t)1 << w->depth);
}

void json_close(struct json_writer *w, char bracket)
{
        const bool empty = !(w->not_first >> w->depth & 1);

        w->depth--;
        if (w->pretty && !empty && w->depth < 2)
                fprintf(w->out, "\n%*s", (int)w->depth * 2, "");
        putc(bracket, w->out);
}

void json_str(struct json_writer *w, const char *key, const char *value)
{
        if (value) {
                json_strn(w, key, value, strlen(value));
        } else {
                begin(w, key);
                fputs("null", w->out);
        }
}

void json_strn(struct json_writer *w, const char *key, const char *value, size_t len)
{
        begin(w, key);
        put_string(w->out, value, len);
}

void json_uint(struct json_writer *w, const char *key, uint64_t value)
{
        begin(w, key);
        fprintf(w->out, "%" PRIu64, value);
}

void json_number(struct json_writer *w, const char *key, const char *text)
{
        begin(w, key);
        fputs(text, w->out);
}

void json_int(struct json_writer *w, const char *key, int64_t value)
{
        begin(w, key);
        fprintf(w->out, "%" PRId64, value);
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
        begin(w, key);
        fputs(value ? "true" : "false", w->out);
}
