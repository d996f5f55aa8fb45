#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "host/file.h"
#include "host/nvs_keyfile.h"
#include "nvsgen.h"

static const char *outdir;
static bool quiet;

/* What the image is before (must be encrypted) and after (must be readable). */
static int decrypt(const char *input, struct blob *image, const struct nvs_keys *keys,
                   struct report *r)
{
        struct crypt_xts xts;
        int rc;

        if (!image->len || image->len % NVS_PAGE_SIZE)
                return report_error(r, E_TRUNC, input, 0, 0,
                                    "%zu bytes: an NVS image has a multiple of 0x1000", image->len);
        switch (nvs_image_look(image->data, image->len)) {
        case NVS_LOOK_NOT_NVS:
                return report_error(r, E_FORMAT, input, 0, 0,
                                    "no NVS image: it has no page with a valid header");
        case NVS_LOOK_PLAIN:
                return report_error(r, E_FORMAT, input, 0, 0,
                                    "is not encrypted: its entries can be read as they are");
        case NVS_LOOK_EMPTY:
        case NVS_LOOK_GARBLED:
                break;
        }
        if ((rc = crypt_xts_init(&xts, keys->bytes)) == 0) {
                rc = nvs_image_decrypt(image->data, image->len, &xts);
                crypt_xts_free(&xts);
        }
        if (rc < 0)
                return report_error(r, -rc, input, 0, 0, "decryption failed: %s", err_text(rc));
        if (nvs_image_look(image->data, image->len) == NVS_LOOK_GARBLED)
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
                 output_save(path, image.data, image.len, &r) == 0 && !quiet)
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
