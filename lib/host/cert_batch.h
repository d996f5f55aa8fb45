/*
 * A batch of devices: certificates in groups, and values.csv with a row a device in the format of
 * mfg_gen.py's and nvsgen batch's values, beside a config.csv that says what its columns are.
 */
#ifndef HOST_CERT_BATCH_H
#define HOST_CERT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/cert_issue.h"

/* Columns of values.csv that are ours; each can have another name. */
enum cert_column {
        COL_SERIAL_NO,
        COL_CERT,
        COL_PRIV_KEY,
        COL_POP,
        COL_SALT,
        COL_VERIFIER,
        COL_SERVICE,
        COL_QR,
        COL_COUNT
};
extern const char *const batch_column_names[COL_COUNT]; /* "serial_no", "cert", … */

struct batch_config {
        struct issue_config issue;    /* folder: where the devices' files go */
        const char *out_dir;          /* where values.csv and config.csv go; must exist */
        const char *name_space;       /* NVS namespace for config.csv */
        const char *names[COL_COUNT]; /* NULL: batch_column_names */
        const char *const *extra;     /* names of further columns, carried over as they are */
        size_t extra_count;
        bool inline_values; /* certificate and key as text in the row instead of a path */
        uint64_t total;     /* for the progress line */
};

struct cert_batch;

struct batch_counts {
        uint64_t fresh, before;
};

/* Everything in cfg is borrowed until finish or abandon. Errors: -E_NOMEM, -E_IO, -E_SYNTAX (two
 * columns of one name). */
int cert_batch_open(const struct batch_config *cfg, struct cert_batch **out, struct diag *d);

/* One device; extra: extra_count texts. Copied. Every ISSUE_GROUP devices work is done here. */
int cert_batch_add(struct cert_batch *b, const char *cn, const char *const *extra, struct diag *d);

/* The last group; then values.csv and config.csv appear. Frees b in any case, as abandon does. */
int cert_batch_finish(struct cert_batch *b, struct batch_counts *counts, struct diag *d);
void cert_batch_abandon(struct cert_batch *b);

/*
 * "SO-%06u" with a number in it: one %u or %d, a width and a leading 0 if wanted; %% is a percent
 * sign. Returned: free. -E_SYNTAX.
 */
int batch_name(const char *template, uint64_t number, char **out, struct diag *d);

#endif
