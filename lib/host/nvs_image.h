/* An NVS image from a file: found in a dump of the whole flash, decrypted. */
#ifndef HOST_NVS_IMAGE_H
#define HOST_NVS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "fmt/ptable_wire.h"

/* Where an image is. All strings are borrowed until the call returns. */
struct nvs_source {
        const char *path;      /* "-": standard input */
        const char *key;       /* key partition or 64-byte key file, or NULL */
        const char *hmac_key;  /* file of the eFuse HMAC key, or NULL */
        bool key_optional;     /* an image that is not encrypted is fine too */
        const char *partition; /* label in a dump of the whole flash; NULL: the only NVS partition,
                                  or the file is the image itself */
        uint64_t table_offset; /* of the partition table in a dump, bytes; 0: 0x8000 */
};

/* The bytes of an image. */
struct nvs_image {
        uint8_t *data;                       /* plain text; owned */
        size_t len;                          /* bytes */
        uint64_t offset;                     /* of data in the file, bytes */
        char partition[PTABLE_NAME_LEN + 1]; /* its label in a dump, else "" */
        bool decrypted;                      /* it was encrypted */
};

/*
 * Load an image, find it in a flash dump, decrypt it. Errors: those of file_load and of the key
 * files; -E_NOTFOUND (no such partition: d lists those that there are); -E_KEY (encrypted with
 * another key, or not encrypted at all). An encrypted image without a key loads:
 * nvs_looks_encrypted tells. Free with nvs_image_free, which wipes.
 */
int nvs_image_load(struct nvs_image *img, const struct nvs_source *src, struct diag *d);
void nvs_image_free(struct nvs_image *img);

#endif
