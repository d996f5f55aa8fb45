/*
 * A batch's configuration and values, split at the first 0xFF byte. However the values are cut into
 * pieces, the pieces are the file, hold the records that they say, and are read as the whole is;
 * and a configuration that is accepted has its keys below namespaces, each only once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "host/batch_conf.h"
#include "host/batch_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rows {
        uint64_t hash;
        size_t count;
        int bind; /* the first row is the heading */
        struct batch_conf *conf;
        struct report *r;
};

static int on_row(void *ctx, const struct csv_row *row)
{
        struct rows *s = ctx;

        if (row->count == 1 && !row->fields[0].quoted &&
            row->fields[0].text[strspn(row->fields[0].text, " \t")] == 0)
                return 0;
        if (s->count == 0 && s->bind && batch_conf_bind(s->conf, row, "values", "id", s->r) == 0)
                for (size_t i = 0; i < s->conf->count; i++)
                        if (s->conf->columns[i].source >= (int)row->count)
                                abort();
        s->count++;
        for (size_t i = 0; i < row->count; i++)
                for (size_t k = 0; k <= row->fields[i].len; k++)
                        s->hash = (s->hash ^ (uint8_t)row->fields[i].text[k]) * 0x100000001b3u;
        s->hash = (s->hash ^ row->line) * 0x100000001b3u;
        return 0;
}

static void conf_check(const struct batch_conf *c)
{
        if (!c->count || c->columns[0].type != BATCH_NAMESPACE)
                abort();
        for (size_t i = 0; i < c->count; i++) {
                const struct batch_column *col = &c->columns[i];

                if (!*col->key || strlen(col->key) > NVS_KEY_MAX)
                        abort();
                if (col->gen.kind == BATCH_GEN_TEMPLATE) {
                        char out[BATCH_TEMPLATE_MAX];

                        if (batch_template_make(&col->gen, UINT64_MAX, out, sizeof out) == -E_BUG)
                                abort();
                }
        }
}

/* Read the values in pieces and compare with the whole. */
static void pieces(const char *text, size_t len, size_t max, struct batch_conf *conf)
{
        const struct csv_config whole = { .comments = true, .delimiter = ',' };
        struct report r = { .silent = true };
        struct rows a = { .conf = conf, .r = &r, .bind = 1 };
        struct rows b = { .conf = conf, .r = &r };
        uint32_t line = 1;
        size_t records = 0;

        if (csv_read("values", text, len, &whole, on_row, &a, &r) < 0)
                return; /* what is refused as a whole is refused in pieces, at the latest at its
                           place */
        for (size_t at = 0; at < len;) {
                size_t n = 0;
                size_t in_piece = 0;
                uint32_t lines = 0;
                struct csv_config cfg = whole;

                cfg.first_line = line;
                while (in_piece < max && at + n < len) {
                        uint32_t more;
                        bool is_record;
                        const size_t k = batch_record_length(text + at + n, len - at - n, ',', true,
                                                             &more, &is_record);

                        if (k == 0 || k > len - at - n)
                                abort();
                        n += k;
                        lines += more;
                        in_piece += is_record;
                }
                b.count = 0;
                if (csv_read("values", text + at, n, &cfg, on_row, &b, &r) < 0)
                        abort();
                if (b.count != in_piece)
                        abort();
                records += in_piece;
                line += lines;
                at += n;
        }
        if (records != a.count || b.hash != a.hash)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *cut = size ? memchr(data, 0xFF, size) : NULL;
        const size_t conf_len = cut ? (size_t)(cut - data) : size;
        struct report r = { .silent = true };
        struct batch_conf conf;
        char *text;

        if (size > 65536)
                return 0;
        if (batch_conf_parse(&conf, "conf", (const char *)data, conf_len, 2, &r) == 0)
                conf_check(&conf);
        if (cut) {
                const size_t len = size - conf_len - 1;

                text = malloc(len +
                              1); /* exactly as long, so that a sanitizer sees one byte too many */
                if (!text)
                        abort();
                memcpy(text, cut + 1, len);
                /* a byte order mark is the heading's business */
                if (len < 3 || memcmp(text, "\xEF\xBB\xBF", 3) != 0)
                        pieces(text, len, 1 + size % 5, &conf);
                free(text);
        }
        batch_conf_free(&conf);
        return 0;
}
