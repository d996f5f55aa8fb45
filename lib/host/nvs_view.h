/*
 * What is in an NVS image, as the device sees it: mounted on a copy in memory and listed. The one
 * place that dump, verify and diff read through.
 */
#ifndef HOST_NVS_VIEW_H
#define HOST_NVS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "fmt/nvs_wire.h"
#include "host/nvs_csv.h"
#include "host/nvs_image.h"

struct nvs_view_entry {
        char ns[NVS_KEY_MAX + 1];
        char key[NVS_KEY_MAX + 1];
        struct nvs_value
                value; /* an integer type, NVS_STR (with its NUL) or NVS_BLOB; owned by the view */
        uint32_t offset; /* of its entry in the image, of a blob's first chunk; bytes */
};

struct nvs_view {
        struct nvs_view_entry *entries; /* in the order of the device's iterator */
        size_t count;
        size_t damaged; /* entries that the device lists and cannot read, or cannot reach */
        size_t used, free, namespaces; /* as nvs_get_stats() */
        unsigned version;              /* of the format: 1 if a page says so, else 2 */
        /* private: */
        size_t cap;
        struct nvs_view_entry **sorted; /* by namespace and key */
};

/*
 * List the values that a device reads from the image (which stays as it is; borrowed during the
 * call). -E_KEY: it is encrypted; -E_FORMAT: not whole pages; else the error of nvs_store_mount: a
 * device refuses it. Free with nvs_view_free, which wipes.
 */
int nvs_view_read(struct nvs_view *v, const struct nvs_image *img, struct diag *d);
void nvs_view_free(struct nvs_view *v);

/* The entry of that name, or NULL; borrowed from the view. */
const struct nvs_view_entry *nvs_view_find(const struct nvs_view *v, const char *ns,
                                           const char *key);

/* True if both have the same type and content. */
bool nvs_value_same(const struct nvs_value *a, const struct nvs_value *b);

/*
 * True if the value should not be shown to everyone: a private key by its content, or a key whose
 * name speaks of a password, key, token or the like. A guess, on the careful side.
 */
bool nvs_looks_secret(const char *key, const struct nvs_value *value);

/* Rows that a generator writes back as the same image, in their order. */
struct nvs_script_row {
        char ns[NVS_KEY_MAX + 1];
        const struct nvs_view_entry *entry; /* borrowed from the view; NULL: the namespace itself */
        uint32_t offset;                    /* private */
};
struct nvs_script {
        struct nvs_script_row *rows;
        size_t count;
        unsigned version;   /* of the format, as in the view */
        bool legacy_layout; /* every page with a header: ESP-IDF up to v5.2 */
        bool same;          /* writing these rows gives these bytes again */
};

/*
 * The rows of a view in the order in which the image has them, namespaces without keys included;
 * tries whether writing them gives the image again. v is borrowed until nvs_script_free. -E_NOMEM.
 */
int nvs_script_make(struct nvs_script *s, const struct nvs_view *v, const struct nvs_image *img,
                    struct diag *d);
void nvs_script_free(struct nvs_script *s);

#endif
