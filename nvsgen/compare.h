/* Two sets of values, one against the other: the work of verify and diff. */
#ifndef NVSGEN_COMPARE_H
#define NVSGEN_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/nvs_view.h"

/* One value of a set; borrows it all. */
struct named_value {
        const char *ns, *key;
        const struct nvs_value *value;
        const char *file; /* CSV file, or NULL */
        uint32_t line;    /* in it; 0: a row that others bring with them */
};

/* The values of a view, or of configuration rows, sorted by name; *count of them. Returned (free);
 * NULL: no memory. */
struct named_value *named_from_view(const struct nvs_view *v, size_t *count);
struct named_value *named_from_rows(const struct nvs_rows *rows, size_t *count);

/* Calls differ for every name that is only in a (b NULL), only in b (a NULL), or different. Returns
 * how many. */
size_t named_compare(const struct named_value *a, size_t na, const struct named_value *b, size_t nb,
                     void (*differ)(void *ctx, const struct named_value *a,
                                    const struct named_value *b),
                     void *ctx);

/* "u8 5", "str of 12 bytes", "blob of 32 bytes": content is shown only of integers that do not look
 * secret. */
void describe_value(const struct named_value *v, char *buf, size_t cap);

#endif
