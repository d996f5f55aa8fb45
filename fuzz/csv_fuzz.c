/* What csv_read accepts, written again with every field in quotes, is read as the same rows. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
        char *data;
        size_t len, cap;
};

static void put(struct text *t, char c)
{
        if (t->len == t->cap)
                abort(); /* fields longer than their text */
        t->data[t->len++] = c;
}

static int on_row(void *ctx, const struct csv_row *row)
{
        if (!row->count)
                abort();
        for (size_t i = 0; i < row->count; i++) {
                const struct csv_field *f = &row->fields[i];

                if (f->text[f->len] || strlen(f->text) != f->len || !f->line || !f->column)
                        abort();
                put(ctx, '"');
                for (size_t k = 0; k < f->len; k++) {
                        if (f->text[k] == '"')
                                put(ctx, '"');
                        put(ctx, f->text[k]);
                }
                put(ctx, '"');
                put(ctx, i + 1 < row->count ? ',' : '\n');
        }
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        /* the first byte chooses the options */
        const struct csv_config cfg = {
                .comments = size && (data[0] & 1),
                .keep_line_ends = size && (data[0] & 2),
                .delimiter = size && (data[0] & 4) ? ';' : 0,
        };
        const struct csv_config again = { .keep_line_ends = true, .delimiter = ',' };
        struct text first = { malloc(5 * size + 16), 0, 5 * size + 16 };
        struct text second = { malloc(5 * size + 16), 0, 5 * size + 16 };
        /* nothing is printed beyond the limit */
        struct report quiet = { .errors = REPORT_LIMIT,
                                .first_code = E_SYNTAX,
                                .quiet_notes = true };

        if (size &&
            csv_read("fuzz", (const char *)data + 1, size - 1, &cfg, on_row, &first, &quiet) == 0) {
                if (csv_read("again", first.data, first.len, &again, on_row, &second, &quiet) < 0)
                        abort();
                if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
                        abort();
        }
        free(first.data);
        free(second.data);
        return 0;
}
