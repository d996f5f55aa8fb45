#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/file.h"
#include "host/nvs_keyfile.h"
#include "host/opt.h"

int key_request_check(const struct key_request *q)
{
        if (!q->hmac && (q->hmac_keygen || q->hmac_keyfile || q->hmac_inputkey))
                return usage_error("the --kp_hmac options need --key_protect_hmac");
        if (q->hmac && q->hmac_keygen && q->hmac_inputkey)
                return usage_error("--kp_hmac_keygen and --kp_hmac_inputkey exclude each other");
        if (q->hmac && !q->hmac_keygen && !q->hmac_inputkey)
                return usage_error(
                        "--key_protect_hmac needs --kp_hmac_inputkey or --kp_hmac_keygen");
        if (q->hmac_keyfile && !q->hmac_keygen)
                return usage_error("--kp_hmac_keyfile names the key that --kp_hmac_keygen makes");
        return 0;
}

/* OUTDIR/keys/[prefix]NAME, with .bin behind a name without an ending, as the reference names them.
 */
static char *key_path(const char *outdir, const char *prefix, const char *name)
{
        const char *slash = strrchr(name, '/');
        const char *base = slash ? slash + 1 : name;
        char *dir = path_join(outdir ? outdir : "", "keys");
        char *path = NULL;
        char *full = NULL;

        if (asprintf(&full, "%.*s%s%s%s", (int)(base - name), name, prefix, base,
                     strchr(base, '.') ? "" : ".bin") >= 0)
                path = path_join(dir, full);
        free(full);
        free(dir);
        return path;
}

static int hmac_key(const struct key_request *q, const char *keyfile, uint8_t key[NVS_HMAC_KEY_LEN],
                    struct report *r)
{
        struct diag d = { 0 };
        char *path;
        int rc;

        if (q->hmac_inputkey) {
                rc = nvs_hmac_keyfile_load(q->hmac_inputkey, key, &d);
                return rc < 0 ? report_diag(r, NULL, &d) : 0;
        }
        path = q->hmac_keyfile ? key_path(q->outdir, "", q->hmac_keyfile)
                               : key_path(q->outdir, "hmac-", keyfile);
        if (!path)
                return report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        if ((rc = crypt_random(key, NVS_HMAC_KEY_LEN)) < 0)
                diag_set(&d, E_RANDOM, "no random numbers to be had");
        else
                rc = nvs_hmac_keyfile_save(path, key, &d);
        if (rc < 0)
                report_diag(r, NULL, &d);
        free(path);
        return rc;
}

int key_request_make(const struct key_request *q, struct nvs_keys *k, char **path, struct report *r)
{
        uint8_t hmac[NVS_HMAC_KEY_LEN];
        struct diag d = { 0 };
        char stamp[64];
        const char *name = q->keyfile;
        int rc;

        if (!name) {
                const time_t now = time(NULL);
                struct tm tm;

                strftime(stamp, sizeof stamp, "keys-%m-%d_%H-%M.bin", localtime_r(&now, &tm));
                name = stamp;
        }
        if (!(*path = key_path(q->outdir, "", name)))
                return report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        if (q->hmac) {
                if ((rc = hmac_key(q, name, hmac, r)) < 0)
                        goto out;
                rc = nvs_keys_from_hmac(k, hmac);
        } else {
                rc = nvs_keys_generate(k);
        }
        if (rc < 0)
                report_error(r, -rc, *path, 0, 0, "keys: %s", err_text(rc));
        else if ((rc = nvs_keyfile_save(*path, k, &d)) < 0)
                report_diag(r, NULL, &d);
out:
        wipe(hmac, sizeof hmac);
        if (rc < 0) {
                free(*path);
                *path = NULL;
        }
        return rc;
}
