#include "host/batch_out.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"

const char *const batch_folder_names[BATCH_FOLDERS] = { "bin", "csv", "keys" };

static bool holds_files(int fd)
{
        const int copy = dup(fd);
        DIR *dp = copy < 0 ? NULL : fdopendir(copy);
        struct dirent *e;
        bool found = false;

        if (!dp) {
                if (copy >= 0)
                        close(copy);
                return true;
        }
        rewinddir(dp);
        while (!found && (e = readdir(dp)))
                found = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
        closedir(dp);
        return found;
}

static int open_folder(struct batch_out *o, enum batch_folder f, struct diag *d)
{
        char *path = path_join(o->path, batch_folder_names[f]);
        int rc = 0;

        if (!path)
                return diag_set(d, E_NOMEM, "out of memory");
        o->fd[f] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (o->fd[f] >= 0)
                o->had[f] = holds_files(o->fd[f]);
        else if (errno != ENOENT)
                rc = diag_set(d, errno == EACCES ? E_PERM : E_IO,
                              "%s: cannot be used as a folder: %s", path, strerror(errno));
        free(path);
        return rc;
}

int batch_out_open(struct batch_out *o, const char *path, struct diag *d)
{
        int rc = 0;

        *o = (struct batch_out){ .path = path, .fd = { -1, -1, -1 } };
        for (int f = 0; f < BATCH_FOLDERS && rc == 0; f++)
                rc = open_folder(o, (enum batch_folder)f, d);
        return rc;
}

int batch_out_make(struct batch_out *o, unsigned set, struct diag *d)
{
        int rc = 0;

        for (int f = 0; f < BATCH_FOLDERS && rc == 0; f++) {
                char *path;

                if (!(set & 1u << f))
                        continue;
                path = path_join(o->path, batch_folder_names[f]);
                if (!path)
                        return diag_set(d, E_NOMEM, "out of memory");
                if (o->fd[f] < 0)
                        rc = file_mkdirs(path, f == BATCH_BIN ? 0777 : 0700, d);
                else if (o->had[f])
                        rc = file_sweep(path, d);
                free(path);
                if (rc == 0 && o->fd[f] < 0)
                        rc = open_folder(o, (enum batch_folder)f, d);
        }
        return rc;
}

void batch_out_close(struct batch_out *o)
{
        for (int f = 0; f < BATCH_FOLDERS; f++) {
                if (o->fd[f] >= 0)
                        close(o->fd[f]);
                o->fd[f] = -1;
        }
}

static int fail(const struct batch_out *o, enum batch_folder f, const char *name, struct diag *d)
{
        return diag_set(d, errno == EACCES ? E_PERM : E_IO, "%s/%s/%s: cannot read: %s", o->path,
                        batch_folder_names[f], name, strerror(errno));
}

/* Open a file that is there. Returns its descriptor, -E_NOTFOUND, or another failure with d. */
static int open_there(const struct batch_out *o, enum batch_folder f, const char *name,
                      struct stat *st, struct diag *d)
{
        int fd;

        if (!o->had[f])
                return -E_NOTFOUND;
        fd = openat(o->fd[f], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return -E_NOTFOUND;
        if (fd < 0 && errno != ELOOP)
                return fail(o, f, name, d);
        if (fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode))
                return fd;
        if (fd >= 0)
                close(fd);
        return diag_set(d, E_EXISTS, "%s/%s/%s: is no regular file; move it away", o->path,
                        batch_folder_names[f], name);
}

int batch_out_look(const struct batch_out *o, enum batch_folder f, const char *name,
                   const void *data, size_t len, struct diag *d)
{
        const uint8_t *p = data;
        uint8_t buf[16384];
        struct stat st;
        int found = BATCH_SAME;
        const int fd = open_there(o, f, name, &st, d);

        if (fd < 0)
                return fd == -E_NOTFOUND ? BATCH_ABSENT : fd;
        if ((uint64_t)st.st_size != len)
                found = BATCH_DIFFERENT;
        while (len && found == BATCH_SAME) {
                const ssize_t n = read(fd, buf, len < sizeof buf ? len : sizeof buf);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        found = fail(o, f, name, d);
                else if (n == 0 || memcmp(buf, p, (size_t)n) != 0)
                        found = BATCH_DIFFERENT;
                if (n > 0) {
                        p += n;
                        len -= (size_t)n;
                }
        }
        close(fd);
        wipe(buf, sizeof buf);
        return found;
}

long batch_out_read(const struct batch_out *o, enum batch_folder f, const char *name, void *buf,
                    size_t cap, struct diag *d)
{
        struct stat st;
        ssize_t n;
        const int fd = open_there(o, f, name, &st, d);

        if (fd < 0)
                return fd;
        do
                n = read(fd, buf, cap);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                n = fail(o, f, name, d);
        close(fd);
        return n;
}

int batch_out_save(const struct batch_out *o, enum batch_folder f, const char *name,
                   const void *data, size_t len, enum file_mode mode, struct diag *d)
{
        return file_save_at(o->fd[f], name, data, len, mode, d);
}
