/* The folders that a batch writes to. */
#ifndef HOST_BATCH_OUT_H
#define HOST_BATCH_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/file.h"

enum batch_folder { BATCH_BIN, BATCH_CSV, BATCH_KEYS, BATCH_FOLDERS };

struct batch_out {
        const char *path;        /* OUTDIR; borrowed */
        int fd[BATCH_FOLDERS];   /* -1: does not exist (yet) */
        bool had[BATCH_FOLDERS]; /* held files when the run began: only then is each name looked up
                                  */
};

extern const char *const batch_folder_names[BATCH_FOLDERS];

/* Open the folders that exist. -E_IO: one is a file. */
int batch_out_open(struct batch_out *o, const char *path, struct diag *d);

/* Make those of the set (bits 1 << BATCH_BIN …) that do not exist, and clear away the temporaries
 * of killed runs. */
int batch_out_make(struct batch_out *o, unsigned set, struct diag *d);
void batch_out_close(struct batch_out *o);

enum batch_found { BATCH_ABSENT, BATCH_SAME, BATCH_DIFFERENT };

/* What is there under a name, next to data? -E_EXISTS: something that is no regular file; -E_IO. */
int batch_out_look(const struct batch_out *o, enum batch_folder f, const char *name,
                   const void *data, size_t len, struct diag *d);

/* Read a small file: at most cap bytes. Returns the length, -E_NOTFOUND, or -E_XXX with d. */
long batch_out_read(const struct batch_out *o, enum batch_folder f, const char *name, void *buf,
                    size_t cap, struct diag *d);

int batch_out_save(const struct batch_out *o, enum batch_folder f, const char *name,
                   const void *data, size_t len, enum file_mode mode, struct diag *d);

#endif
