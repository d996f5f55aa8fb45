#include "host/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
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

/* Characters that stand in a string as they are. */
static size_t plain_run(const char *p, size_t n)
{
        size_t i = 0;

        while (i < n) {
                const unsigned char c = (unsigned char)p[i];
                const size_t k = c < 0x80 ? 1 : utf8_length(p + i, n - i);

                if (!k || c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
                        break;
                i += k;
        }
        return i;
}

static void put_string(FILE *f, const char *p, size_t n)
{
        putc('"', f);
        for (const char *end = p + n; p < end; p++) {
                const size_t k = plain_run(p, (size_t)(end - p));

                fwrite(p, 1, k, f);
                p += k;
                if (p == end)
                        break;
                if (*p == '"' || *p == '\\')
                        fprintf(f, "\\%c", *p);
                else if (*p == '\n')
                        fputs("\\n", f);
                else if ((unsigned char)*p < 0x80)
                        fprintf(f, "\\u%04x", (unsigned char)*p);
                else
                        fputs("\\ufffd", f);
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
