#include <stdlib.h>

#include "base/bytes.h"
#include "host/file.h"
#include "host/nvs_keyfile.h"
#include "image.h"
#include "keys.h"
#include "nvsgen.h"

static struct image_request image;
static struct key_request keys;
static bool keygen;
static const char *inputkey;

static int check_options(struct report *r)
{
        if (keygen && inputkey)
                return usage_error("--keygen and --inputkey exclude each other");
        if (!keygen && !inputkey)
                return usage_error("--keygen or --inputkey FILE is needed");
        if (!inputkey)
                return key_request_check(&keys);
        if (keys.hmac || keys.hmac_keygen || keys.hmac_keyfile || keys.hmac_inputkey)
                return usage_error("--inputkey holds the keys; the HMAC options go with --keygen");
        if (keys.keyfile)
                report_note(r, NULL, 0, 0,
                            "--keyfile is not used: the keys are those of --inputkey");
        return 0;
}

/*
 * The image may not replace a key file that was written for it: neither the keys', nor the HMAC
 * key's, which is known by that path was free before.
 */
static int check_key_files(const char *path, const char *key_file, bool was_free, struct report *r)
{
        if (!same_file(path, key_file) && !(was_free && file_exists(path)))
                return 0;
        return report_error(r, E_EXISTS, path, 0, 0,
                            "holds the key: choose another name for the image");
}

/* *key_file (returned) is where the keys are. */
static int get_keys(struct nvs_keys *k, char **key_file, struct report *r)
{
        struct diag d = { 0 };

        if (!inputkey)
                return key_request_make(&keys, k, key_file, r);
        if (!(*key_file = path_join(NULL, inputkey)))
                return report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
        return nvs_keyfile_load(inputkey, k, &d) < 0 ? report_diag(r, NULL, &d) : 0;
}

static int encrypt(struct image *im, const struct nvs_keys *k, struct report *r)
{
        struct crypt_xts xts;
        int rc = crypt_xts_init(&xts, k->bytes);

        if (rc == 0) {
                rc = nvs_image_encrypt(im->data, im->stats.output_size, &xts);
                crypt_xts_free(&xts);
        }
        return rc < 0 ? report_error(r, -rc, NULL, 0, 0, "encryption failed: %s", err_text(rc)) : 0;
}

static int run(int argc, char **argv)
{
        struct report r = { .quiet_notes = image.quiet };
        struct image im = { 0 };
        struct nvs_keys k;
        char *path = NULL;
        char *key_file = NULL;
        bool was_free;
        int rc;
        int status = image_request_words(&image, argc, argv);

        if (status || (status = check_options(&r)) != 0)
                return status;
        image.outdir = keys.outdir;
        path = image_output(&image, inputkey ? inputkey : keys.hmac_inputkey, &r);
        rc = path ? 0 : -1;
        /* keys that exist are looked at before, keys that are made only for an image that can be */
        if (rc == 0 && inputkey)
                rc = get_keys(&k, &key_file, &r);
        if (path && image_make(&image, &im, &r) < 0)
                rc = -1;
        was_free = path && !file_exists(path);
        if (rc == 0 && !inputkey && (rc = get_keys(&k, &key_file, &r)) == 0)
                rc = check_key_files(path, key_file, was_free, &r);
        if (rc == 0 && encrypt(&im, &k, &r) == 0)
                image_save(&image, &im, path, key_file, &r);
        wipe(&k, sizeof k);
        image_free(&im);
        free(key_file);
        free(path);
        return err_status(report_finish(&r));
}

static const struct opt options[] = {
        IMAGE_OPTIONS(image),
        { 0, "keygen", OPT_FLAG, &keygen, NULL, "make new keys for this image" },
        { 0, "inputkey", OPT_STR, &inputkey, "FILE", "encrypt with the keys of this file" },
        KEY_OPTIONS(keys),
        { 0 },
};

const struct command cmd_encrypt = {
        .name = "encrypt",
        .synopsis = "INPUT.csv... OUTPUT.bin [SIZE]",
        .summary = "make an encrypted NVS image",
        .options = options,
        .max_args = -1,
        .run = run,
        .more = "Examples:\n"
                "  nvsgen encrypt mfg_config.csv out.bin 0x6000 --inputkey keys/line1.bin\n"
                "  nvsgen encrypt mfg_config.csv out.bin 0x6000 --keygen --keyfile unit7.bin",
};
