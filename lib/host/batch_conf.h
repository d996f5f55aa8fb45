/*
 * The configuration of a batch: mfg_gen.py's key,type,encoding[,REPEAT] (ESP-IDF v5.5.5), and more
 * rules in the same place. What a file may hold is in fctry-batch(5).
 */
#ifndef HOST_BATCH_CONF_H
#define HOST_BATCH_CONF_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/batch_gen.h"
#include "host/csv.h"
#include "host/nvs_csv.h"
#include "host/report.h"

enum batch_type { BATCH_NAMESPACE, BATCH_DATA, BATCH_FILE };

struct batch_column {
        char *key; /* or the namespace; owned */
        enum batch_type type;
        struct nvs_coding coding;
        char *encoding; /* as written; owned */
        uint32_t line;

        bool repeat, required, unique;
        bool has_min,
                has_max; /* of an integer: two's complement in 64 bits; of text and blobs: bytes */
        uint64_t min, max;
        regex_t *regex; /* owned; matches the whole cell */
        char *regex_text;
        struct batch_gen gen;

        /* set by batch_conf_bind */
        int source; /* column of VALUES, from 0; -1: made by gen alone */
};

struct batch_conf {
        const char *name; /* of the file; borrowed */
        struct batch_column *columns;
        size_t count, cap;
        size_t width;      /* columns of VALUES */
        int fileid;        /* column of VALUES with the file id, -1: none */
        int fileid_column; /* the same as index of columns (a made or repeated value), -1: none */
        bool generates;    /* at least one column has a generator */
        bool random;       /* … that cannot be made twice */
};

/* Read a configuration. All errors go to r; returns 0 or the first. Free in any case. version: 1 or
 * 2, of the NVS format. */
int batch_conf_load(struct batch_conf *c, const char *path, unsigned version, struct report *r);
int batch_conf_parse(struct batch_conf *c, const char *name, const char *text, size_t len,
                     unsigned version, struct report *r);
void batch_conf_free(struct batch_conf *c);

/*
 * Find every key's column in the header of VALUES: by name; where the same key stands in two
 * namespaces, the first column is the first key's, and so on. fileid (may be NULL): a column of
 * VALUES or a key with a generator.
 */
int batch_conf_bind(struct batch_conf *c, const struct csv_row *header, const char *values_name,
                    const char *fileid, struct report *r);

/*
 * Does a cell, and the value that it gave, keep the column's rules? Errors go to r.
 */
int batch_rules_check(const struct batch_column *col, const char *text, size_t len,
                      const struct nvs_value *v, const struct text_place *at, struct report *r);

#endif
