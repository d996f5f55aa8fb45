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
        NVS_ENC_U8, NVS_ENC_I8, NVS_ENC_U16, NVS_ENC_I16, NVS_ENC_U32, NVS_ENC_I32, NVS_ENC_U64, NVS_ENC_I64,
        NVS_ENC_STRING, NVS_ENC_HEX2BIN, NVS_ENC_BASE64, NVS_ENC_BINARY,
        NVS_ENC_BLOB_FILL, NVS_ENC_BLOB_SZ_FILL, /* blob_fill(size;hex), blob_sz_fill(size;hex) */
        NVS_ENC_NONE
};

/* The encoding of a word (exact case), or NVS_ENC_NONE; near (may be NULL) gets the spelling meant ("base64" for "Base64"). */
enum nvs_encoding nvs_encoding_of(const char *word, const char **near);

/* A value ready to be written. */
struct nvs_value {
        enum nvs_type type; /* an integer type, NVS_STR or NVS_BLOB */
        uint64_t bits;      /* integers: two's complement in 64 bits */
        uint8_t *data;      /* string with its NUL, or blob; owned, freed by nvs_value_free (wiped) */
        size_t len;
};
void nvs_value_free(struct nvs_value *v);

/* A place in an input, for messages. */
struct text_place {
        const char *file;
        uint32_t line, column;
};

/*
 * Turn a cell (or with is_file the content of the file it names, relative to dir) into a value.
 * what names the cell in messages (the key). Errors are reported to r: one line with place and
 * remedy. version: 1 or 2 (limits of blobs). Returns 0 or -E_XXX.
 */
int nvs_value_read(struct nvs_value *v, enum nvs_encoding enc, const char *text, size_t len,
                   bool is_file, const char *dir, unsigned version, const char *what,
                   const struct text_place *at, struct report *r);

/* Put a value into an image under construction. */
int nvs_value_write(struct nvs_writer *w, const char *key, const struct nvs_value *v);

/* One row of a configuration file. */
struct nvs_row {
        char *ns;  /* owned by the set */
        char *key; /* owned by the set; NULL: the namespace row itself */
        struct nvs_value value;
        uint32_t line;
};
struct nvs_rows {
        struct nvs_row *rows;
        size_t count;
        size_t cap;
};

/*
 * Read configuration files (several are merged, in order). All errors of all files go to r.
 * Returns 0 or the first error; rows is valid either way, free with nvs_rows_free (wipes).
 */
int nvs_rows_load(struct nvs_rows *rows, const char *const *paths, size_t count, unsigned version,
                  struct report *r);
void nvs_rows_free(struct nvs_rows *rows);

/* Write all rows into an image under construction, namespaces included. */
int nvs_rows_write(const struct nvs_rows *rows, struct nvs_writer *w);

#endif
