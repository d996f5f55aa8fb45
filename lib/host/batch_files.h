/* The files of a batch beside its images: manifest, issued values, and the mark of a run that did
 * not end. Not for others: batch.h is the way in. */
#ifndef HOST_BATCH_FILES_H
#define HOST_BATCH_FILES_H

#include "host/batch_job.h"

/* OUTDIR/before + PREFIX + behind, on the heap (returned). */
char *batch_path(const struct batch_job *job, const char *before, const char *behind);

/* PREFIX-manifest.csv and .json, both atomic. */
struct batch_manifest {
        struct file_writer *csv, *json;
        void *stream; /* FILE of json */
        struct json_writer *writer;
        char *row; /* of the CSV */
        size_t row_len, row_cap;
};
int batch_manifest_open(struct batch_manifest *m, const struct batch_job *job, struct diag *d);
int batch_manifest_add(struct batch_manifest *m, const struct batch_job *job,
                       const struct batch_unit *u);
int batch_manifest_commit(struct batch_manifest *m, struct diag *d);
void batch_manifest_abandon(struct batch_manifest *m); /* also behind a commit */

/* Take the stems of an earlier run's manifest into job->ours. Errors go to r; none there is fine.
 */
int batch_manifest_load(struct batch_job *job, struct sha256 *sha, struct report *r);

/* Rows of PREFIX-values.csv, for the devices of one piece. */
struct batch_issued {
        char **cells; /* rows * width, owned */
        size_t rows, width;
};
void batch_issued_free(struct batch_issued *s);

/* Open PREFIX-values.csv behind its heading. Returns 1, 0 if there is none, or -E_XXX (reported).
 */
int batch_issued_open(const struct batch_job *job, struct batch_reader *reader, char **path,
                      struct report *r);
int batch_issued_parse(const struct batch_job *job, const char *path, const struct batch_piece *p,
                       struct batch_issued *s, struct report *r);
int batch_issued_heading(const struct batch_job *job, struct file_writer *w);
/* Draw what is missing in u (seen: the values of unique columns), and write its row. */
int batch_issued_add(const struct batch_job *job, struct file_writer *w, struct batch_unit *u,
                     struct sha256 *sha, struct batch_set *seen, struct report *r);

#endif
