/*
 * NVS configuration files (key,type,encoding,value) and their values: what the text of a cell
 * means, in one place for the single generator, the batch and verify.
 */
#ifndef HOST_NVS_CSV_H
#define HOST_NVS_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fmt/nvs_wire.h"
#include "fmt/nvs_write.h"
#include "host/report.h"

enum nvs_encoding {
        NVS_ENC_NONE,
        NVS_ENC_U8,
        NVS_ENC_I8,
        NVS_ENC_U16,
        NVS_ENC_I16,
        NVS_ENC_U32,
        NVS_ENC_I32,
        NVS_ENC_U64,
        NVS_ENC_I64,
        NVS_ENC_STRING,
        NVS_ENC_HEX2BIN,
        NVS_ENC_BASE64,
        NVS_ENC_BINARY,
        NVS_ENC_BLOB_FILL,   /* blob_fill(SIZE;0xNN): the text, filled up to SIZE bytes */
        NVS_ENC_BLOB_SZ_FILL /* blob_sz_fill(SIZE;0xNN): the same behind its length in 4 bytes */
};

/* What the encoding column says. */
struct nvs_coding {
        enum nvs_encoding enc;
        uint32_t size; /* of the two fills, in bytes */
        uint8_t fill;
};

/*
 * The encoding of a word (exact case); enc is NVS_ENC_NONE if it is none. Then near (may be NULL)
 * gets the spelling that was probably meant ("base64" for "Base64 "), or NULL.
 */
struct nvs_coding nvs_coding_of(const char *word, const char **near);

/* The word of an encoding: "u8"; for the fills without the parentheses. */
const char *nvs_encoding_word(enum nvs_encoding enc);

/* A value ready to be written. */
struct nvs_value {
        enum nvs_type type; /* an integer type, NVS_STR or NVS_BLOB */
        uint64_t bits;      /* integers: two's complement in 64 bits */
        uint8_t *data; /* string with its NUL, or blob; owned, freed by nvs_value_free (wiped) */
        size_t len;
};
void nvs_value_free(struct nvs_value *v);

/* A place in an input, for messages. */
struct text_place {
        const char *file;
        uint32_t line, column;
};

/* A cell of the value column, and what is needed to understand it. All borrowed. */
struct nvs_cell {
        const char *what; /* names it in messages: the key */
        struct nvs_coding coding;
        const char *text;
        size_t len;
        bool is_file;    /* text is the name of a file that holds the value */
        const char *dir; /* where that file is looked for if it is not below the current folder; may
                            be NULL */
        unsigned version;     /* of the image, 1 or 2: limits of blobs */
        struct text_place at; /* for messages */
};

/* Turn a cell into a value. Errors go to r: one line with place and remedy. Returns 0 or -E_XXX. */
int nvs_value_read(struct nvs_value *v, const struct nvs_cell *cell, struct report *r);

/* Put a value into an image under construction. */
int nvs_value_write(struct nvs_writer *w, const char *key, const struct nvs_value *v);

/* One row of a configuration file. */
struct nvs_row {
        const char *ns; /* borrowed from the set; the same pointer for the same namespace */
        char *key; /* owned by the set; NULL: the namespace row itself, value is its index from 1 */
        struct nvs_value value;
        const char *file; /* as given to nvs_rows_load; borrowed */
        uint32_t line;    /* 0: a row that Wi-Fi's own keys bring with them */
};
struct nvs_rows {
        struct nvs_row *rows;
        size_t count;
        size_t cap;
        char *names[NVS_NS_MAX]; /* of the namespaces, in order of first appearance */
        size_t names_count;
};

/*
 * Read configuration files (several are merged, in order; "-" is standard input). All errors of
 * all files go to r. No key repeats within its namespace. Returns 0 or the first error; rows is
 * valid either way, free with nvs_rows_free (wipes).
 *
 * In the namespace nvs.net80211 the keys sta.ssid and sta.pswd bring the rows sta.apinfo, sta.pmk
 * and sta.apsw with them, and ap.ssid, ap.passwd and ap.authmode (not 0) together ap.pmk_info, as
 * the reference does, unless the files have those before. The reference does so in any namespace;
 * elsewhere these keys are refused, because its images hold values nobody asked for.
 */
int nvs_rows_load(struct nvs_rows *rows, const char *const *paths, size_t count, unsigned version,
                  struct report *r);
/* The same of one text in memory, for version 2; name is what messages call it. */
int nvs_rows_load_mem(struct nvs_rows *rows, const char *name, const char *text, size_t len,
                      struct report *r);
void nvs_rows_free(struct nvs_rows *rows);

/* Write all rows into an image under construction, namespaces included. */
int nvs_rows_write(const struct nvs_rows *rows, struct nvs_writer *w);

/*
 * Build the whole image of the rows: cfg's image must have its size in bytes; keys_checked is
 * taken as set. d names the smallest size that does if it is too small.
 */
int nvs_rows_image(const struct nvs_rows *rows, const struct nvs_write_config *cfg,
                   struct nvs_write_stats *stats, struct diag *d);

#endif
