#include "host/nvs_keyfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/file.h"

int nvs_keyfile_load(const char *path, struct nvs_keys *k, struct diag *d)
{
        struct diag why = { 0 };
        struct blob b;
        int rc = file_load(path, FILE_LIMIT_KEY, &b, d);

        if (rc < 0)
                return rc;
        rc = nvs_keys_parse(k, b.data, b.len, &why);
        blob_free_secret(&b);
        return rc < 0 ? diag_set(d, -rc, "%s: %s", path, diag_text(&why)) : 0;
}

int nvs_hmac_keyfile_load(const char *path, uint8_t key[NVS_HMAC_KEY_LEN], struct diag *d)
{
        struct blob b;
        int rc = file_load(path, FILE_LIMIT_KEY, &b, d);

        if (rc < 0)
                return rc;
        if (b.len == NVS_HMAC_KEY_LEN)
                memcpy(key, b.data, NVS_HMAC_KEY_LEN);
        else
                rc = diag_set(
                        d, E_KEY,
                        "%s: HMAC key of %zu bytes: an eFuse key block holds exactly %u raw bytes",
                        path, b.len, NVS_HMAC_KEY_LEN);
        blob_free_secret(&b);
        return rc;
}

/* 0 if a file holds these bytes already. */
static int check_same(const char *path, const void *data, size_t len, struct diag *d)
{
        struct blob old;
        bool same;
        int rc = file_load(path, FILE_LIMIT_KEY, &old, d);

        if (rc < 0)
                return rc;
        same = old.len == len && bytes_equal_ct(old.data, data, len);
        blob_free_secret(&old);
        return same ? 0
                    : diag_set(d, E_EXISTS,
                               "%s: holds another key, which is not overwritten: choose another "
                               "name or move it away",
                               path);
}

static int save_new(const char *path, const void *data, size_t len, struct diag *d)
{
        struct diag why = { 0 };
        char *dir = path_dir(path);
        int rc = dir ? file_mkdirs(dir, 0777, d) : diag_set(d, E_NOMEM, "out of memory");

        if (rc == 0)
                file_sweep(dir, NULL); /* what a killed run left is a key as well */
        free(dir);
        if (rc < 0)
                return rc;
        rc = file_save_new(path, data, len, FILE_SECRET, &why);
        if (rc == -E_EXISTS)
                return check_same(path, data, len, d);
        return rc < 0 ? diag_set(d, -rc, "%s", diag_text(&why)) : 0;
}

int nvs_keyfile_save(const char *path, const struct nvs_keys *k, struct diag *d)
{
        uint8_t image[NVS_KEYS_SIZE];
        int rc;

        nvs_keys_format(k, image);
        rc = save_new(path, image, sizeof image, d);
        wipe(image, sizeof image);
        return rc;
}

int nvs_hmac_keyfile_save(const char *path, const uint8_t key[NVS_HMAC_KEY_LEN], struct diag *d)
{
        return save_new(path, key, NVS_HMAC_KEY_LEN, d);
}
