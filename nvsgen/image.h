/* What generate and encrypt have in common: rows in, an image out. */
#ifndef NVSGEN_IMAGE_H
#define NVSGEN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/nvs_csv.h"
#include "host/opt.h"

struct image_request {
        /* from options */
        const char *version; /* NULL: 2 */
        const char *size_text;
        const char *table; /* a partition table, NULL: none */
        const char *label; /* of the partition in it */
        struct opt_list inputs;
        const char *output;
        const char *outdir;
        bool legacy_layout;
        bool quiet;
        bool json;
        /* from image_request_words */
        uint64_t size; /* 0: the partition's */
        unsigned version_number;
};

/* Rows of an option table for a struct image_request called q. */
/* clang-format off */
#define IMAGE_OPTIONS(q)                                                                                  \
        { 0, "size", OPT_STR, &(q).size_text, "SIZE", "bytes of the partition: 24576, 0x6000 or 24K" },   \
        { 0, "partition-table", OPT_STR, &(q).table, "FILE", "take the size from this table (CSV or binary)" }, \
        { 0, "partition", OPT_STR, &(q).label, "LABEL", "which partition of it; not needed if only one is for NVS" }, \
        { 0, "version", OPT_STR, &(q).version, "1|2", "NVS format: 2 (default) lets blobs cross pages" }, \
        { 0, "input", OPT_LIST, &(q).inputs, "CSV", "an input file, instead of the first words" },        \
        { 'o', "output", OPT_STR, &(q).output, "FILE", "the output file, instead of the last word" },     \
        { 0, "legacy-layout", OPT_FLAG, &(q).legacy_layout, NULL, "page layout of ESP-IDF up to v5.2" },  \
        { 'q', "quiet", OPT_FLAG, &(q).quiet, NULL, "say nothing when it worked" },                       \
        { 0, "json", OPT_FLAG, &(q).json, NULL, "say it as one JSON object" }
/* clang-format on */

/*
 * Sort the words INPUT... OUTPUT [SIZE] and check them with the options. 0, or STATUS_USAGE after
 * usage_error.
 */
int image_request_words(struct image_request *q, int argc, char **argv);

/* Of these, the version and the size alone; the same results. */
int image_request_version(struct image_request *q);
int image_request_size(struct image_request *q);

/* The size of the partition that the options name; errors go to r. */
int image_partition_size(const struct image_request *q, uint64_t *size, bool *readonly,
                         struct report *r);

/* A finished image. */
struct image {
        uint8_t *data; /* owned */
        size_t size;   /* of the partition */
        struct nvs_write_stats stats;
};

/*
 * Load the rows and build the image; free it either way (which wipes it). Errors go to r, all
 * that the inputs have.
 */
int image_make(const struct image_request *q, struct image *im, struct report *r);
void image_free(struct image *im);

/*
 * The output's path below outdir (returned). NULL after an error: it is one of the inputs, or other
 * (NULL: none), which it would destroy.
 */
char *image_output(const struct image_request *q, const char *other, struct report *r);

/* Write the image to path and say so; key_file (NULL: none) is named. */
int image_save(const struct image_request *q, const struct image *im, const char *path,
               const char *key_file, struct report *r);

#endif
