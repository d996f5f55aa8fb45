#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/nvs_read.h"
#include "host/file.h"
#include "host/nvs_keyfile.h"
#include "nvsgen.h"

static const char *outdir;
static bool quiet;

static bool has_entry(const struct blob *image)
{
        struct nvs_walk walk;
        struct nvs_item item;

        nvs_walk_init(&walk, image->data, image->len, false);
        return nvs_walk_next(&walk, &item);
}

/* The image must be an encrypted one before, and readable afterwards. */
static int check_before(const char *input, const struct blob *image, struct report *r)
{
        if (!image->len || image->len % NVS_PAGE_SIZE)
                return report_error(r, E_TRUNC, input, 0, 0,
                                    "%zu bytes: an NVS image has a multiple of 0x1000", image->len);
        if (!nvs_has_page(image->data, image->len))
                return report_error(r, E_FORMAT, input, 0, 0,
                                    "no NVS image: it has no page with a valid header");
        if (has_entry(image) && !nvs_looks_encrypted(image->data, image->len))
                return report_error(r, E_FORMAT, input, 0, 0,
                                    "is not encrypted: its entries can be read as they are");
        return 0;
}

static int decrypt(const char *input, struct blob *image, const struct nvs_keys *keys,
                   struct report *r)
{
        struct crypt_xts xts;
        int rc = check_before(input, image, r);

        if (rc < 0)
                return rc;
        if ((rc = crypt_xts_init(&xts, keys->bytes)) == 0) {
                rc = nvs_image_decrypt(image->data, image->len, &xts);
                crypt_xts_free(&xts);
        }
        if (rc < 0)
                return report_error(r, -rc, input, 0, 0, "decryption failed: %s", err_text(rc));
        /* what a wrong key makes may look like damaged entries, but none is intact */
        if (has_entry(image) && !nvs_looks_plain(image->data, image->len))
                return report_error(r, E_KEY, input, 0, 0,
                                    "wrong key: the entries stay unreadable");
        return 0;
}

static int run(int argc, char **argv)
{
        struct report r = { 0 };
        struct diag d = { 0 };
        struct blob image = { 0 };
        struct nvs_keys keys;
        char *path = path_join(strcmp(argv[2], "-") ? outdir : NULL, argv[2]);

        (void)argc;
        if (!path)
                report_error(&r, E_NOMEM, NULL, 0, 0, "out of memory");
        else if (same_file(argv[0], path) || same_file(argv[1], path))
                report_error(&r, E_EXISTS, path, 0, 0,
                             "is an input as well: choose another name for the output");
        else if (nvs_keyfile_load(argv[1], &keys, &d) < 0 ||
                 file_load(argv[0], FILE_LIMIT_IMAGE, &image, &d) < 0)
                report_diag(&r, NULL, &d);
        else if (decrypt(argv[0], &image, &keys, &r) == 0 &&
                 output_save(path, &image, FILE_SECRET, &r) == 0 && !quiet)
                fprintf(strcmp(path, "-") ? stdout : stderr, "%s: %zu bytes, decrypted\n",
                        strcmp(path, "-") ? path : "stdout", image.len);
        wipe(&keys, sizeof keys);
        blob_free_secret(&image);
        free(path);
        return err_status(report_finish(&r));
}

static const struct opt options[] = {
        { 0, "outdir", OPT_STR, &outdir, "DIR", "folder that the output's name is relative to" },
        { 'q', "quiet", OPT_FLAG, &quiet, NULL, "say nothing when it worked" },
        { 0 },
};

const struct command cmd_decrypt = {
        .name = "decrypt",
        .synopsis = "INPUT.bin KEYFILE OUTPUT.bin",
        .summary = "turn an encrypted NVS image into a plain one",
        .options = options,
        .min_args = 3,
        .max_args = 3,
        .run = run,
};
