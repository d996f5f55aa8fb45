/* Passphrases and PINs: from a file, a file descriptor or the terminal; never from argv or the
 * environment. */
#ifndef HOST_PASSPHRASE_H
#define HOST_PASSPHRASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/file.h"

#define PASSPHRASE_MAX 1024u /* bytes */

/* Where a secret comes from. file wins over fd; neither: the terminal. */
struct passphrase_source {
        const char *file;    /* borrowed; its first line is the secret */
        int64_t fd;          /* -1: none; read to its first line end or end of file */
        const char *options; /* which name a file or fd, for who has no terminal; NULL:
                                --passphrase-file FILE. Borrowed */
};

/*
 * Read a secret, without its line end; what names it for the prompt ("passphrase of ca/root.key").
 * twice: a new secret, asked for a second time on a terminal. The blob is
 * returned (free with blob_free_secret). Errors: -E_KEY (empty, the two differ), -E_USAGE (no
 * terminal to ask on), -E_NOSPACE (longer than PASSPHRASE_MAX), -E_NOTFOUND, -E_PERM, -E_IO.
 */
int passphrase_read(const struct passphrase_source *from, const char *what, bool twice,
                    struct blob *out, struct diag *d);

/* True if path is a regular file that group or others may read: worth a note to the operator. */
bool passphrase_file_is_open(const char *path);

#endif
