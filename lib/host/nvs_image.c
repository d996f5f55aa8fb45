#include "host/nvs_image.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "fmt/nvs_crypt.h"
#include "fmt/nvs_read.h"
#include "fmt/ptable.h"
#include "host/file.h"
#include "host/nvs_keyfile.h"

static bool is_nvs_entry(const struct ptable_entry *e)
{
        return ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS);
}

/* "nvs, fctry" of the NVS partitions of a table. */
static void list_nvs(const struct ptable *t, char *out, size_t cap)
{
        size_t n = 0;

        out[0] = 0;
        for (size_t i = 0; i < t->count && n < cap; i++)
                if (is_nvs_entry(&t->entries[i]))
                        n += strf(out + n, cap - n, "%s%s", n ? ", " : "", t->entries[i].name);
}

/* The partition that is meant: the one named, or the only one there is. */
static int choose(const struct ptable *t, const struct nvs_source *src,
                  const struct ptable_entry **out, struct diag *d)
{
        const struct ptable_entry *only = NULL;
        unsigned count = 0;
        char list[160];

        list_nvs(t, list, sizeof list);
        if (src->partition) {
                *out = ptable_find(t, src->partition);
                if (!*out)
                        return diag_set(d, E_NOTFOUND,
                                        "%s: no partition '%s' in the flash's table; its NVS "
                                        "partitions: %s",
                                        src->path, src->partition, list[0] ? list : "none");
                if (!is_nvs_entry(*out))
                        return diag_set(
                                d, E_TYPE,
                                "%s: the partition '%s' is not of type data, nvs; those that "
                                "are: %s",
                                src->path, src->partition, list[0] ? list : "none");
                return 0;
        }
        for (size_t i = 0; i < t->count; i++) {
                if (is_nvs_entry(&t->entries[i])) {
                        only = &t->entries[i];
                        count++;
                }
        }
        if (count != 1)
                return diag_set(
                        d, E_NOTFOUND,
                        count ? "%s: the flash holds several NVS partitions: %s; choose one with "
                                "--partition"
                              : "%s: the flash's table has no NVS partition%s",
                        src->path, list);
        *out = only;
        return 0;
}

/* True if the file begins with an intact NVS page: then it is no flash dump. */
static bool begins_as_nvs(const struct blob *b)
{
        struct nvs_page p;

        return nvs_page_get(&p, b->data, b->len, 0) == 0 && p.readable;
}

/* Where the image is in the file. */
static int locate(struct nvs_image *img, const struct blob *b, const struct nvs_source *src,
                  size_t *len, struct diag *d)
{
        const uint64_t at = src->table_offset ? src->table_offset : PTABLE_OFFSET;
        const struct ptable_entry *e = NULL;
        const bool asked = src->partition || src->table_offset;
        struct ptable *t;
        int rc = 0;

        img->offset = 0;
        *len = b->len;
        if (at >= b->len || !ptable_looks_binary(b->data + at, b->len - (size_t)at) ||
            (!asked && begins_as_nvs(b)))
                return asked ? diag_set(
                                       d, E_NOTFOUND,
                                       "%s: no partition table at 0x%" PRIx64
                                       ": not a dump of the whole flash, or the table is elsewhere "
                                       "(--offset)",
                                       src->path, at)
                             : 0;
        if (!(t = malloc(sizeof *t)))
                return diag_set(d, E_NOMEM, "out of memory");
        if ((rc = ptable_parse(t, b->data + at, b->len - (size_t)at, true, d)) < 0)
                goto out;
        if ((rc = choose(t, src, &e, d)) < 0)
                goto out;
        if (ptable_end(e) > b->len) {
                rc = diag_set(d, E_TRUNC,
                              "%s: the partition '%s' ends at 0x%" PRIx64 " and the file at 0x%zx: "
                              "read the flash again",
                              src->path, e->name, ptable_end(e), b->len);
                goto out;
        }
        img->offset = e->offset;
        *len = e->size;
        memcpy(img->partition, e->name, sizeof img->partition);
out:
        free(t);
        return rc;
}

static int load_keys(struct nvs_keys *k, const struct nvs_source *src, struct diag *d)
{
        uint8_t hmac[NVS_HMAC_KEY_LEN];
        int rc;

        if (src->key)
                return nvs_keyfile_load(src->key, k, d);
        rc = nvs_hmac_keyfile_load(src->hmac_key, hmac, d);
        if (rc == 0 && (rc = nvs_keys_from_hmac(k, hmac)) < 0)
                diag_set(d, -rc, "%s: no keys can be derived: %s", src->hmac_key, err_text(rc));
        wipe(hmac, sizeof hmac);
        return rc;
}

static bool has_entries(const struct nvs_image *img)
{
        struct nvs_walk w;
        struct nvs_item it;

        nvs_walk_init(&w, img->data, img->len, false);
        return nvs_walk_next(&w, &it);
}

static int decrypt(struct nvs_image *img, const struct nvs_source *src, struct diag *d)
{
        struct nvs_keys keys;
        struct crypt_xts xts;
        int rc;

        if ((rc = load_keys(&keys, src, d)) < 0)
                goto out;
        if (has_entries(img) && !nvs_looks_encrypted(img->data, img->len)) {
                rc = src->key_optional
                             ? 0
                             : diag_set(d, E_KEY,
                                        "%s: the image is not encrypted: leave out the key",
                                        src->path);
                goto out;
        }
        if ((rc = crypt_xts_init(&xts, keys.bytes)) < 0) {
                diag_set(d, -rc, "%s: %s", src->key ? src->key : src->hmac_key, err_text(rc));
                goto out;
        }
        rc = nvs_image_decrypt(img->data, img->len & ~(size_t)(NVS_PAGE_SIZE - 1), &xts);
        crypt_xts_free(&xts);
        if (rc < 0)
                diag_set(d, -rc, "%s: %s", src->path, err_text(rc));
        else if (nvs_looks_encrypted(img->data, img->len))
                rc = diag_set(
                        d, E_KEY,
                        "%s: encrypted with another key than that in %s: no entry can be read",
                        src->path, src->key ? src->key : src->hmac_key);
        img->decrypted = rc == 0;
out:
        wipe(&keys, sizeof keys);
        return rc;
}

int nvs_image_load(struct nvs_image *img, const struct nvs_source *src, struct diag *d)
{
        struct blob b = { 0 };
        size_t len;
        int rc;

        memset(img, 0, sizeof *img);
        if (src->key && src->hmac_key)
                return diag_set(d, E_USAGE, "--key and --hmac-key exclude each other");
        if ((rc = file_load(src->path, FILE_LIMIT_IMAGE, &b, d)) < 0)
                return rc;
        if ((rc = locate(img, &b, src, &len, d)) < 0)
                goto out;
        img->data = malloc(len ? len : 1);
        if (!img->data) {
                rc = diag_set(d, E_NOMEM, "out of memory");
                goto out;
        }
        memcpy(img->data, b.data + img->offset, len);
        img->len = len;
        if (src->key || src->hmac_key)
                rc = decrypt(img, src, d);
out:
        blob_free_secret(&b);
        if (rc < 0)
                nvs_image_free(img);
        return rc;
}

void nvs_image_free(struct nvs_image *img)
{
        if (img->data)
                wipe(img->data, img->len);
        free(img->data);
        memset(img, 0, sizeof *img);
}
