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

/*
 * The text that JOB.approved would have now, taken before the first of the files is opened.
 * Returned: free. NULL: one of them cannot be read, which whoever opens the job's files says.
 */
char *line_lock_take(const struct line_job *j);

/* Is all as it was then? Who has read the files meanwhile has read those. -E_VERIFY: not. */
int line_lock_still(const struct line_job *j, const char *taken, struct report *r);

/*
 * Files that are read again for each unit: is this one as it was taken? taken NULL: not asked for,
 * 0. -E_VERIFY: it is another one, or none of the job's; errors of file_load.
 */
int line_lock_has(const struct line_job *j, const char *taken, const char *path, struct diag *d);

/* SHA-256 of what was approved: of JOB.approved itself, in hexadecimal, for the ledger; "" if there
 * is none. */
void line_lock_id(const struct line_job *j, char out[65]);

#endif
