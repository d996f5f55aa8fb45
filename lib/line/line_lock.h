/*
 * A job that was approved: the SHA-256 of the job file and of every file it names, in
 * JOB.approved beside it, in the format of sha256sum(1). A change to any of them is found before
 * the first board.
 */
#ifndef LINE_LOCK_H
#define LINE_LOCK_H

#include "line/line_job.h"

/* Write JOB.approved. *files (may be NULL): how many it names. 0 or an error in r. */
int line_lock_write(const struct line_job *j, size_t *files, struct report *r);

/* Is everything as it was approved? Every difference is an error in r. -E_NOTFOUND: never was;
 * -E_VERIFY: something changed. */
int line_lock_check(const struct line_job *j, struct report *r);

/* SHA-256 of what was approved: of JOB.approved itself, in hexadecimal, for the ledger; "" if there
 * is none. */
void line_lock_id(const struct line_job *j, char out[65]);

#endif
