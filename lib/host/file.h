/* Whole files: read with a limit, written atomically. */
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* Bytes on the heap. A NUL follows the data (not counted), so text can be used as a string. */
struct blob {
        uint8_t *data;
        size_t len;
};

/* Free; the second wipes first: for keys, passphrases and everything that holds them. */
void blob_free(struct blob *b);
void blob_free_secret(struct blob *b);

#define FILE_LIMIT_TEXT  ((size_t)256 << 20) /* CSV and JSON inputs, bytes */
#define FILE_LIMIT_IMAGE ((size_t)256 << 20) /* flash images: the largest ESP flash is 128 MB */
#define FILE_LIMIT_KEY   ((size_t)1 << 20)

/*
 * Read a whole file; "-" is standard input. The blob is returned (free with blob_free).
 * Errors: -E_NOTFOUND, -E_PERM, -E_TYPE (a folder), -E_IO (a read error), -E_NOSPACE (larger than
 * limit bytes), -E_NOMEM; d names the file and the remedy.
 */
int file_load(const char *path, size_t limit, struct blob *out, struct diag *d);

enum file_mode {
        FILE_PUBLIC, /* 0666 less the umask */
        FILE_SECRET, /* 0600 */
};

/*
 * Write a whole file so that path holds either what it held or all of data: a temporary in the
 * same directory (O_EXCL, O_NOFOLLOW), fsync, rename, fsync of the directory. "-" is standard
 * output. A symbolic link at path stays, its target is written; a device, FIFO or socket is
 * written in place. SIGINT, SIGTERM and SIGHUP wait while there is a temporary. Errors: -E_PERM,
 * -E_IO (with the reason: disk full, …).
 */
int file_save(const char *path, const void *data, size_t len, enum file_mode mode, struct diag *d);

/* The same for a file that replaces none: -E_EXISTS if there is one, also if it was made meanwhile.
 */
int file_save_new(const char *path, const void *data, size_t len, enum file_mode mode,
                  struct diag *d);

/*
 * The same without the two fsyncs, for thousands of files that one file_sync_tree() makes durable
 * at the end. After a power cut a file may then be missing or empty, but never under another
 * content.
 */
int file_save_fast(const char *path, const void *data, size_t len, enum file_mode mode,
                   struct diag *d);
int file_sync_tree(const char *dir, struct diag *d);

/* file_save_fast for name inside an open folder, with nothing followed and little to do per file.
 */
int file_save_at(int dir, const char *name, const void *data, size_t len, enum file_mode mode,
                 struct diag *d);

/*
 * A file written piece by piece with the same promise. Use: open, write through f, commit; abandon
 * (also after a failed commit) removes the temporary. Opaque.
 */
struct file_writer;
int file_writer_open(const char *path, enum file_mode mode, struct file_writer **out,
                     struct diag *d);
int file_writer_put(struct file_writer *w, const void *data, size_t len); /* sticky on failure */
int file_writer_printf(struct file_writer *w, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
int file_writer_commit(struct file_writer *w, struct diag *d); /* frees w in any case */
void file_writer_abandon(struct file_writer *w);               /* NULL is fine */

/* Remove temporaries that file_save and file_writer left in dir when they were killed. */
int file_sweep(const char *dir, struct diag *d);

/* Make a directory and its parents; mode as given to mkdir for those that are new. */
int file_mkdirs(const char *dir, unsigned mode, struct diag *d);

bool file_exists(const char *path);

/* dir + "/" + name on the heap (returned); an absolute name or dir NULL or "" gives a copy of name.
 */
char *path_join(const char *dir, const char *name);

/* The directory part of path on the heap (returned): "." if it has none. */
char *path_dir(const char *path);

#endif
