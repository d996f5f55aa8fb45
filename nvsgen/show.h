/* What the reading commands share: the options that name an image, and how entries are shown. */
#ifndef NVSGEN_SHOW_H
#define NVSGEN_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "host/nvs_image.h"
#include "host/nvs_view.h"
#include "host/report.h"

/* Rows of an option table for a struct nvs_source called src. */
/* clang-format off */
#define SOURCE_OPTIONS(src)                                                                                \
        { 'k', "key|inputkey", OPT_STR, &(src).key, "FILE", "NVS key file of an encrypted image" },        \
        { 0, "hmac-key|kp_hmac_inputkey", OPT_STR, &(src).hmac_key, "FILE", "HMAC key (32 bytes) that the NVS keys come from" }, \
        { 'p', "partition", OPT_STR, &(src).partition, "LABEL", "partition in a dump of the whole flash" }, \
        { 0, "offset", OPT_SIZE, &(src).table_offset, "OFFSET", "partition table in the dump (0x8000)" }
/* clang-format on */

#define SOURCE_HELP                                                                               \
        "IMG is an image, or a dump of the whole flash with its partition table: then its only\n" \
        "NVS partition is read, or the one that --partition names. '-' is standard input.\n"

/*
 * Load an image and list its values; a failure goes to r as one line. With view NULL only the image
 * is loaded. Free both in any case.
 */
int source_open(const struct nvs_source *src, struct nvs_image *img, struct nvs_view *view,
                struct report *r);

/* Bytes as text on one line: control characters and bytes that are not UTF-8 as \n or \xNN. At most
 * max characters (0: all), the last three "..." if something was cut. */
void show_text(FILE *out, const void *text, size_t n, size_t max);

/* A value on one line: integer, string without its NUL, or hexadecimal; cut as show_text does. */
void show_value(FILE *out, const struct nvs_value *v, size_t max);

/* An integer as JSON and CSV write it. buf: 24 bytes. */
const char *show_int(const struct nvs_value *v, char buf[24]);

#endif
