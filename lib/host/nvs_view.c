#include "host/nvs_view.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/flash_ram.h"
#include "fmt/nvs_read.h"
#include "fmt/nvs_store.h"
#include "fmt/nvs_write.h"

/* Which namespace indexes a firmware gets when it opens the namespace by its name. */
enum reach { REACH_UNKNOWN, REACH_YES, REACH_NO };

/*
 * A name may be defined twice (package 0.2.0 does so with a namespace that is reopened): then
 * opening it gives one index, and the entries of the other can be listed but not read.
 */
static bool reachable(struct nvs_store *s, const struct nvs_store_entry *e, uint8_t reach[256])
{
        if (!e->ns[0])
                return false;
        if (reach[e->ns_index] == REACH_UNKNOWN)
                reach[e->ns_index] =
                        nvs_store_open(s, e->ns, false) == e->ns_index ? REACH_YES : REACH_NO;
        return reach[e->ns_index] == REACH_YES;
}

/* A copy of the data behind an entry; an empty blob has one byte, so that data is never NULL. */
static int copy_data(struct nvs_value *v, const uint8_t *data, size_t len)
{
        v->data = malloc(len ? len : 1);
        if (!v->data)
                return -E_NOMEM;
        memcpy(v->data, data, len);
        v->len = len;
        return 0;
}

static int read_blob(struct nvs_value *v, struct nvs_store *s, const struct nvs_store_entry *e)
{
        int n;

        v->data = malloc(e->size ? e->size : 1);
        if (!v->data)
                return -E_NOMEM;
        n = nvs_store_get_blob(s, e->ns_index, e->key, v->data, e->size);
        if (n < 0) {
                nvs_value_free(v);
                return n;
        }
        v->len = (size_t)n;
        return 0;
}

/*
 * The value of a listed entry: taken from its place in the image, which the store has looked up
 * already; the chunks of a blob are the store's business.
 */
static int read_value(struct nvs_value *v, struct nvs_store *s, const struct nvs_image *img,
                      const struct nvs_store_entry *e)
{
        struct nvs_page page;
        struct nvs_item it;

        memset(v, 0, sizeof *v);
        v->type = e->type;
        if (nvs_page_get(&page, img->data, img->len, e->offset / NVS_PAGE_SIZE) < 0)
                return -E_BUG;
        nvs_item_get(&it, &page,
                     (unsigned)(e->offset % NVS_PAGE_SIZE - NVS_ENTRIES_AT) / NVS_ENTRY_SIZE);
        if (it.type == NVS_BLOB_DATA && (it.faults || it.len != e->size))
                return read_blob(v, s, e); /* several chunks */
        if (it.faults & ~(unsigned)NVS_BAD_STATE)
                return -E_CRC;
        v->bits = it.bits;
        return it.data ? copy_data(v, it.data, it.len) : 0;
}

static int add(struct nvs_view *v, const struct nvs_store_entry *e, const struct nvs_value *value)
{
        struct nvs_view_entry *n;

        if (v->count == v->cap) {
                const size_t cap = v->cap ? v->cap * 2 : 64;
                struct nvs_view_entry *grown = realloc(v->entries, cap * sizeof *grown);

                if (!grown)
                        return -E_NOMEM;
                v->entries = grown;
                v->cap = cap;
        }
        n = &v->entries[v->count++];
        memcpy(n->ns, e->ns, sizeof n->ns);
        memcpy(n->key, e->key, sizeof n->key);
        n->value = *value;
        n->offset = e->offset;
        return 0;
}

static int list(struct nvs_view *v, struct nvs_store *s, const struct nvs_image *img)
{
        struct nvs_store_iter it = { 0 };
        struct nvs_store_entry e;
        struct nvs_store_stats stats;
        uint8_t reach[256] = { REACH_UNKNOWN };
        int rc;

        while ((rc = nvs_store_next(s, &it, &e)) > 0) {
                struct nvs_value value = { 0 };

                rc = reachable(s, &e, reach) ? read_value(&value, s, img, &e) : -E_NOTFOUND;
                if (rc == -E_NOMEM)
                        return rc;
                if (rc < 0) {
                        v->damaged++;
                } else if (add(v, &e, &value) < 0) {
                        nvs_value_free(&value);
                        return -E_NOMEM;
                }
        }
        if (rc < 0 || (rc = nvs_store_stats(s, &stats)) < 0)
                return rc;
        v->used = stats.used;
        v->free = stats.free;
        v->namespaces = stats.namespaces;
        return 0;
}

static unsigned format_version(const struct nvs_image *img)
{
        struct nvs_page p;

        for (uint32_t i = 0; nvs_page_get(&p, img->data, img->len, i) == 0; i++)
                if (p.readable && p.version == NVS_VERSION_1)
                        return 1;
        return 2;
}

static int compare_names(const char *ns_a, const char *key_a, const char *ns_b, const char *key_b)
{
        const int c = strcmp(ns_a, ns_b);

        return c ? c : strcmp(key_a, key_b);
}

static int by_name(const void *a, const void *b)
{
        const struct nvs_view_entry *x = *(struct nvs_view_entry *const *)a;
        const struct nvs_view_entry *y = *(struct nvs_view_entry *const *)b;

        return compare_names(x->ns, x->key, y->ns, y->key);
}

static int sort(struct nvs_view *v)
{
        v->sorted = malloc((v->count + 1) * sizeof *v->sorted);
        if (!v->sorted)
                return -E_NOMEM;
        for (size_t i = 0; i < v->count; i++)
                v->sorted[i] = &v->entries[i];
        qsort(v->sorted, v->count, sizeof *v->sorted, by_name);
        return 0;
}

/* Erased flash: a device makes an empty partition of it. */
static bool is_blank(const struct nvs_image *img)
{
        return img->data[0] == 0xFF && !memcmp(img->data, img->data + 1, img->len - 1);
}

int nvs_view_read(struct nvs_view *v, const struct nvs_image *img, struct diag *d)
{
        const size_t count = NVS_STORE_PAGES(img->len);
        struct nvs_store_page *pages = malloc((count + 1) * sizeof *pages);
        struct nvs_store_config cfg = { .pages = pages, .page_count = count, .read_only = true };
        struct nvs_store store;
        struct flash flash;
        int rc = -E_NOMEM;

        memset(v, 0, sizeof *v);
        if (!pages)
                goto out;
        if (nvs_looks_encrypted(img->data, img->len)) {
                rc = diag_set(d, E_KEY,
                              "the image is encrypted: give its keys with --key FILE, or with "
                              "--hmac-key FILE");
                goto out;
        }
        if (img->len == 0 || flash_ram_init_const(&flash, img->data, img->len) < 0) {
                rc = diag_set(d, E_FORMAT,
                              "an NVS image is whole pages of 4096 bytes, not %zu bytes", img->len);
                goto out;
        }
        cfg.flash = &flash;
        if ((rc = nvs_store_mount(&store, &cfg, d)) < 0 || (rc = list(v, &store, img)) < 0)
                goto out;
        if (!nvs_has_page(img->data, img->len) && !is_blank(img)) {
                rc = diag_set(d, E_FORMAT,
                              "no NVS image: it has no page with a valid header; see nvsgen check");
                goto out;
        }
        v->version = format_version(img);
        rc = sort(v);
out:
        free(pages);
        if (rc == -E_NOMEM)
                diag_set(d, E_NOMEM, "out of memory");
        else if (rc < 0)
                diag_set(d, -rc, "a device refuses the image: %s; see nvsgen check", err_text(rc));
        if (rc < 0)
                nvs_view_free(v);
        return rc;
}

void nvs_view_free(struct nvs_view *v)
{
        for (size_t i = 0; i < v->count; i++)
                nvs_value_free(&v->entries[i].value);
        free(v->entries);
        free(v->sorted);
        memset(v, 0, sizeof *v);
}

const struct nvs_view_entry *nvs_view_find(const struct nvs_view *v, const char *ns,
                                           const char *key)
{
        size_t low = 0;
        size_t high = v->count;

        while (low < high) {
                const size_t mid = low + (high - low) / 2;
                const struct nvs_view_entry *e = v->sorted[mid];
                const int c = compare_names(ns, key, e->ns, e->key);

                if (c == 0)
                        return e;
                if (c < 0)
                        high = mid;
                else
                        low = mid + 1;
        }
        return NULL;
}

bool nvs_value_same(const struct nvs_value *a, const struct nvs_value *b)
{
        if (a->type != b->type)
                return false;
        if (nvs_type_is_int(a->type))
                return a->bits == b->bits;
        return a->len == b->len && (a->len == 0 || !memcmp(a->data, b->data, a->len));
}

bool nvs_looks_secret(const char *key, const struct nvs_value *value)
{
        static const char *const words[] = { "key",   "pass", "pwd",  "psk",  "pswd",  "secret",
                                             "priv",  "pop",  "pin",  "salt", "token", "cred",
                                             "verif", "auth", "seed", "pmk" };
        static const char mark[] = "PRIVATE KEY";

        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (strcasestr(key, words[i]))
                        return true;
        return value->data && memmem(value->data, value->len, mark, sizeof mark - 1);
}
