/* What the parts of a batch share while it runs. Not for others: batch.h is the way in. */
#ifndef HOST_BATCH_JOB_H
#define HOST_BATCH_JOB_H

#include "crypt/crypt.h"
#include "host/batch.h"
#include "host/batch_conf.h"
#include "host/batch_out.h"
#include "host/batch_read.h"
#include "host/batch_set.h"
#include "host/sha256.h"

#define BATCH_PIECE_RECORDS 32u /* devices that one thread takes at a time */
#define BATCH_PIECE_BYTES   ((size_t)256 << 10)

/* The first columns of PREFIX-values.csv; the generated ones follow. */
enum { ISSUED_DEVICE, ISSUED_ID, ISSUED_ROW, ISSUED_FIXED };
#define BATCH_ROW_HASH 16u /* hexadecimal characters of a row's hash */

enum batch_phase { BATCH_CHECK, BATCH_ISSUE, BATCH_MAKE };

/* A REPEAT column's value, from the first device's row. */
struct batch_repeat {
        char *text; /* owned; NULL: not such a column */
        size_t len;
        struct nvs_value value;
};

struct batch_job {
        const struct batch_config *cfg;
        struct batch_conf conf;
        char *values_dir; /* where files are looked for that are not below the current folder */
        char delimiter;
        struct batch_repeat *repeats; /* one a column */
        size_t unique_count;
        size_t gen_count;
        struct crypt_xts
                shared; /* ready when encryption is BATCH_SHARED_KEY or BATCH_HMAC_SHARED */
        struct batch_out out;
        struct batch_set ours; /* names in the manifest of an earlier run */
        bool resumed; /* an earlier run of this same job did not end: what differs is its */
        enum batch_phase phase;
};

/* One device that was worked on. */
struct batch_unit {
        uint64_t index; /* from 0 */
        uint32_t line;
        char *id, *stem; /* owned */
        char **gen;      /* values of the generated columns, owned; NULL without generators */
        bool issued;     /* gen was read from PREFIX-values.csv */
        char row[BATCH_ROW_HASH + 1];
        size_t size; /* of the image */
        uint8_t sha256[SHA256_LEN];
        enum batch_found found;
        struct batch_hash *hashes; /* unique_count, then the stem's; owned */
};
void batch_unit_free(struct batch_unit *u);

/* Scratch memory of one thread. */
struct batch_worker {
        uint8_t *image;
        struct sha256 *sha;
        char *csv;
        size_t csv_len, csv_cap;
        struct nvs_value *values;    /* one a column */
        struct csv_field *cells;     /* one a column: what it holds for this device */
        bool *pending;               /* a random value that is still to be drawn */
        char *gen;                   /* gen_count texts of BATCH_TEMPLATE_MAX */
        struct nvs_write_stats most; /* of the fullest image */
};
int batch_worker_init(struct batch_worker *w, const struct batch_job *job);
void batch_worker_free(struct batch_worker *w, const struct batch_job *job);

/*
 * Do one row: check it (BATCH_CHECK, BATCH_ISSUE), or make its files too (BATCH_MAKE). u->index is
 * set by the caller; issued (may be NULL): its row of PREFIX-values.csv. Errors go to r.
 */
int batch_device(const struct batch_job *job, struct batch_worker *w, const struct csv_row *row,
                 const char *const *issued, struct batch_unit *u, struct report *r);

/* What a text is known by in a batch_set; salt: 0 for stems, a column's index + 1 for its values.
 */
int batch_hash_text(struct sha256 *sha, uint32_t salt, const char *text, size_t n,
                    struct batch_hash *out);

/* batch_csv.c: the text of csv/STEM.csv, as Python's csv writes it, into w->csv. */
int batch_csv_make(const struct batch_job *job, struct batch_worker *w);
/* One CSV cell behind what buf holds; grows it. */
int batch_csv_cell(char **buf, size_t *len, size_t *cap, const char *text, size_t n);
int batch_csv_raw(char **buf, size_t *len, size_t *cap, const char *text, size_t n);

/* batch_key.c: the key that encrypts u's image. BATCH_CHECK: -E_NOTFOUND if there is none yet;
 * BATCH_MAKE: made and saved. */
int batch_key(const struct batch_job *job, const struct batch_unit *u, struct nvs_keys *k,
              struct diag *d);

#endif
