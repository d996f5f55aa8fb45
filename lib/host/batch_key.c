/* Keys of one device: read back if an earlier run made them, else fresh, and on disk before the
 * image is. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/batch_job.h"

static int key_bad(const struct batch_job *job, const char *name, struct diag *d)
{
        return diag_set(d, E_KEY,
                        "%s/%s/%s: is no key, or another one than its device's; restore it, or "
                        "move it away "
                        "together with the image",
                        job->out.path, batch_folder_names[BATCH_KEYS], name);
}

/* hmac-keys-STEM.bin: 32 raw bytes */
static int hmac_key(const struct batch_job *job, const char *stem, uint8_t key[NVS_HMAC_KEY_LEN],
                    struct diag *d)
{
        char name[BATCH_NAME_MAX + 1];
        uint8_t buf[NVS_HMAC_KEY_LEN + 1];
        long n;
        int rc = 0;

        snprintf(name, sizeof name, "hmac-keys-%s.bin", stem);
        n = batch_out_read(&job->out, BATCH_KEYS, name, buf, sizeof buf, d);
        if (n == NVS_HMAC_KEY_LEN) {
                memcpy(key, buf, NVS_HMAC_KEY_LEN);
        } else if (n >= 0) {
                rc = key_bad(job, name, d);
        } else if (n != -E_NOTFOUND || job->phase != BATCH_MAKE) {
                rc = (int)n;
        } else if ((rc = crypt_random(key, NVS_HMAC_KEY_LEN)) == 0) {
                rc = batch_out_save(&job->out, BATCH_KEYS, name, key, NVS_HMAC_KEY_LEN, FILE_SECRET,
                                    d);
        }
        wipe(buf, sizeof buf);
        return rc;
}

/* What keys-STEM.bin must hold, unless it is random itself. */
static int key_given(const struct batch_job *job, const char *stem, struct nvs_keys *k,
                     struct diag *d)
{
        uint8_t hmac[NVS_HMAC_KEY_LEN];
        int rc;

        if (job->cfg->encryption != BATCH_HMAC_KEY_EACH) {
                *k = job->cfg->shared;
                return 0;
        }
        rc = hmac_key(job, stem, hmac, d);
        if (rc == 0)
                rc = nvs_keys_from_hmac(k, hmac);
        wipe(hmac, sizeof hmac);
        return rc;
}

int batch_key(const struct batch_job *job, const struct batch_unit *u, struct nvs_keys *k,
              struct diag *d)
{
        const bool fresh = job->cfg->encryption == BATCH_KEY_EACH;
        char name[BATCH_NAME_MAX + 1];
        uint8_t file[NVS_KEYS_SIZE + 1];
        struct nvs_keys found;
        long n;
        int rc;

        if (!fresh && (rc = key_given(job, u->stem, k, d)) < 0)
                return rc;
        snprintf(name, sizeof name, "keys-%s.bin", u->stem);
        n = batch_out_read(&job->out, BATCH_KEYS, name, file, sizeof file, d);
        if (n < 0 && n != -E_NOTFOUND)
                return (int)n;
        if (n >= 0) {
                rc = nvs_keys_parse(&found, file, (size_t)n, NULL);
                if (rc < 0 || (!fresh && !bytes_equal_ct(&found, k, sizeof found)))
                        rc = key_bad(job, name, d);
                else
                        *k = found;
        } else if (job->phase != BATCH_MAKE) {
                rc = fresh ? -E_NOTFOUND : 0;
        } else if ((rc = fresh ? nvs_keys_generate(k) : 0) == 0) {
                nvs_keys_format(k, file);
                rc = batch_out_save(&job->out, BATCH_KEYS, name, file, NVS_KEYS_SIZE, FILE_SECRET,
                                    d);
        }
        wipe(&found, sizeof found);
        wipe(file, sizeof file);
        return rc;
}
