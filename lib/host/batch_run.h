/* One run of a batch: what its steps (batch.c) and the pass over the values (batch_pass.c) share.
 * Not for others: batch.h is the way in. */
#ifndef HOST_BATCH_RUN_H
#define HOST_BATCH_RUN_H

#include <pthread.h>

#include "host/batch_files.h"

/* A piece of the values and what was made of it. */
struct item {
        struct batch_piece values, issued_text;
        struct batch_issued issued;
        struct batch_unit units[BATCH_PIECE_RECORDS];
        size_t count;
        struct report report; /* silent: what it counts is said by trying again, in order */
        bool done;            /* worked on, and to be settled */
};

struct run {
        struct batch_job job;
        struct batch_totals *totals;
        struct report *r;
        unsigned jobs;
        struct batch_worker *workers; /* jobs, and one more for what is tried again */
        struct batch_reader values, issued;
        struct sha256 *values_sha, *sha;
        uint8_t values_digest[SHA256_LEN]; /* as they were checked */
        char mark[SHA256_HEX_LEN];         /* hash of the whole job */
        struct batch_set seen;
        char *issued_path;
        bool issued_there; /* PREFIX-values.csv */
        bool issue_needed;
        struct file_writer *issued_out;
        struct batch_manifest manifest;

        /* batch_pass.c: items go round, from reading by way of work, in any order, to settling, in
         * theirs */
        struct item *items;
        size_t item_count;
        pthread_mutex_t
                read_lock; /* the two readers and at_end, and read_count for who changes it */
        bool at_end;
        pthread_mutex_t lock; /* what follows */
        pthread_cond_t room;  /* an item was settled, or all ends */
        size_t read_count, settled_count;
        bool settling; /* somebody is at it */
        int failed;    /* -E_XXX: nobody goes on */
};

/* Before the first pass: b->jobs is set. -E_NOMEM. */
int batch_pass_init(struct run *b);
void batch_pass_free(struct run *b);

/*
 * Go through the values once, from the heading on, with all threads; what must be in order (values
 * that come twice, manifest, issued values) is. Errors go to b->r; 0 also if the check found some.
 */
int batch_pass(struct run *b, enum batch_phase phase);

/* A line of blanks is no device; batch_record_length says the same. */
bool batch_row_is_blank(const struct csv_row *row);

/* "out of memory", to b->r. */
int batch_no_memory(struct run *b);

#endif
