#include "compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/nvs_read.h"
#include "show.h"

static int by_name(const void *a, const void *b)
{
        const struct named_value *x = a;
        const struct named_value *y = b;
        const int c = strcmp(x->ns, y->ns);

        return c ? c : strcmp(x->key, y->key);
}

struct named_value *named_from_view(const struct nvs_view *v, size_t *count)
{
        struct named_value *n = calloc(v->count + 1, sizeof *n);

        for (size_t i = 0; n && i < v->count; i++)
                n[i] = (struct named_value){ .ns = v->entries[i].ns,
                                             .key = v->entries[i].key,
                                             .value = &v->entries[i].value };
        *count = v->count;
        if (n)
                qsort(n, *count, sizeof *n, by_name);
        return n;
}

struct named_value *named_from_rows(const struct nvs_rows *rows, size_t *count)
{
        struct named_value *n = calloc(rows->count + 1, sizeof *n);

        *count = 0;
        for (size_t i = 0; n && i < rows->count; i++) {
                const struct nvs_row *r = &rows->rows[i];

                if (r->key)
                        n[(*count)++] =
                                (struct named_value){ r->ns, r->key, &r->value, r->file, r->line };
        }
        if (n)
                qsort(n, *count, sizeof *n, by_name);
        return n;
}

size_t named_compare(const struct named_value *a, size_t na, const struct named_value *b, size_t nb,
                     void (*differ)(void *ctx, const struct named_value *a,
                                    const struct named_value *b),
                     void *ctx)
{
        size_t i = 0;
        size_t k = 0;
        size_t found = 0;

        while (i < na || k < nb) {
                const int c = i == na ? 1 : k == nb ? -1 : by_name(&a[i], &b[k]);
                const struct named_value *x = c <= 0 ? &a[i++] : NULL;
                const struct named_value *y = c >= 0 ? &b[k++] : NULL;

                if (x && y && nvs_value_same(x->value, y->value))
                        continue;
                differ(ctx, x, y);
                found++;
        }
        return found;
}

void describe_value(const struct named_value *v, char *buf, size_t cap)
{
        const char *type = nvs_type_name(v->value->type);
        char number[24];

        if (!nvs_type_is_int(v->value->type))
                snprintf(buf, cap, "%s of %zu bytes", type, v->value->len);
        else if (nvs_looks_secret(v->key, v->value))
                snprintf(buf, cap, "%s (hidden)", type);
        else
                snprintf(buf, cap, "%s %s", type, show_int(v->value, number));
}
