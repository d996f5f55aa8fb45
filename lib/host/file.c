#include "host/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"

#define TEMP_PREFIX ".fctry-"
#define TEMP_SUFFIX ".tmp"

void blob_free(struct blob *b)
{
        free(b->data);
        *b = (struct blob){ 0 };
}

void blob_free_secret(struct blob *b)
{
        if (b->data)
                wipe(b->data, b->len);
        blob_free(b);
}

static int errno_code(int e)
{
        switch (e) {
        case ENOENT:
        case ENOTDIR:
                return E_NOTFOUND;
        case EACCES:
        case EPERM:
        case EROFS:
                return E_PERM;
        case EEXIST:
                return E_EXISTS;
        case ENOMEM:
                return E_NOMEM;
        default:
                return E_IO;
        }
}

/* "path: cannot VERB: reason", with a remedy where the reason has an obvious one. */
static int fail(struct diag *d, const char *path, const char *verb, int e)
{
        const char *remedy = "";

        if (e == ENOSPC || e == EDQUOT)
                remedy = "; free some space and run the command again";
        else if (e == EACCES || e == EPERM)
                remedy = "; check the permissions of the file and its folder";
        else if (e == EROFS)
                remedy = "; choose another folder";
        return diag_set(d, errno_code(e), "%s: cannot %s: %s%s", path, verb, strerror(e), remedy);
}

static int read_all(int fd, const char *path, size_t limit, struct blob *out, struct diag *d)
{
        size_t cap = 0;
        struct stat st;

        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
                cap = (uint64_t)st.st_size > limit ? limit : (size_t)st.st_size;
        for (;;) {
                ssize_t n;

                if (out->len >= cap || !out->data) {
                        const size_t want =
                                out->data ? (cap ? cap * 2 : 65536) : (cap ? cap : 65536);
                        uint8_t *grown;

                        /* a secret must not stay behind in a block that realloc gave up */
                        grown = malloc((want > limit ? limit + 1 : want) + 2);
                        if (!grown)
                                return diag_set(d, E_NOMEM, "%s: no memory for the file", path);
                        if (out->data) {
                                memcpy(grown, out->data, out->len);
                                wipe(out->data, out->len);
                                free(out->data);
                        }
                        out->data = grown;
                        cap = want > limit ? limit + 1 : want;
                }
                n = read(fd, out->data + out->len, cap + 1 - out->len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return fail(d, path, "read", errno);
                if (n == 0)
                        break;
                out->len += (size_t)n;
                if (out->len > limit)
                        return diag_set(d, E_NOSPACE,
                                        "%s: larger than %zu bytes, the most that is read here",
                                        path, limit);
        }
        out->data[out->len] = 0;
        return 0;
}

int file_load(const char *path, size_t limit, struct blob *out, struct diag *d)
{
        const bool is_stdin = strcmp(path, "-") == 0;
        int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        int rc;

        *out = (struct blob){ 0 };
        if (fd < 0)
                return fail(d, path, "open", errno);
        if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
                rc = diag_set(d, E_TYPE, "%s: is a folder, not a file", path);
        else
                rc = read_all(fd, is_stdin ? "standard input" : path, limit, out, d);
        if (!is_stdin)
                close(fd);
        if (rc < 0)
                blob_free_secret(out);
        return rc;
}

struct file_writer {
        int fd;
        bool in_place; /* standard output or a device: no temporary */
        bool sync;
        bool fresh;      /* the name may not be taken */
        bool held;       /* signals wait until the temporary is gone */
        sigset_t before; /* the mask to go back to */
        int error;       /* errno of the first failure */
        char *path;
        char *temp;
        size_t fill;
        uint8_t buf[32768];
};

static int write_all(int fd, const uint8_t *p, size_t n)
{
        while (n) {
                const ssize_t k = write(fd, p, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return errno;
                p += k;
                n -= (size_t)k;
        }
        return 0;
}

/* The path that a symbolic link leads to, or NULL with errno: a link is read relative to its
 * folder. */
static char *link_target(const char *path)
{
        char target[PATH_MAX];
        const ssize_t n = readlink(path, target, sizeof target);
        char *dir = n < 0 ? NULL : path_dir(path);
        char *out;

        if (!dir)
                return NULL;
        target[(size_t)n < sizeof target ? (size_t)n : sizeof target - 1] = 0;
        out = path_join(dir, target);
        free(dir);
        return out;
}

/*
 * Where to write for path: the target of a symbolic link, there already or not, so that the link
 * itself stays. NULL: errno says why.
 */
static char *resolve(const char *path)
{
        char *at = strdup(path);
        struct stat st;

        for (int i = 0; at && lstat(at, &st) == 0 && S_ISLNK(st.st_mode); i++) {
                char *next = i < 40 ? link_target(at) : NULL; /* the kernel's own limit */

                if (i == 40)
                        errno = ELOOP;
                free(at);
                at = next;
        }
        return at;
}

/* Ctrl-C and its like wait: a process that they end would leave its temporary behind. */
static void hold_signals(sigset_t *before)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &set, before);
}

static atomic_uint temp_serial;

static int open_temp(const char *path, enum file_mode mode, char **temp)
{
        char *dir = path_dir(path);
        int fd = -1;

        for (int i = 0; dir && i < 100 && fd < 0; i++) {
                free(*temp);
                if (asprintf(temp, "%s/" TEMP_PREFIX "%ld-%u" TEMP_SUFFIX, dir, (long)getpid(),
                             atomic_fetch_add(&temp_serial, 1)) < 0) {
                        *temp = NULL;
                        break;
                }
                fd = open(*temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          mode == FILE_SECRET ? 0600 : 0666);
                if (fd < 0 && errno != EEXIST)
                        break;
        }
        free(dir);
        return fd;
}

/* hold: signals wait while there is a temporary. */
static int writer_open(const char *path, enum file_mode mode, bool hold, struct file_writer **out,
                       struct diag *d)
{
        struct file_writer *w = malloc(sizeof *w);
        struct stat st;
        int rc;

        *out = NULL;
        if (!w)
                return diag_set(d, E_NOMEM, "%s: no memory", path);
        w->fd = -1;
        w->in_place = false;
        w->sync = true;
        w->fresh = false;
        w->held = false;
        w->error = 0;
        w->fill = 0;
        w->temp = NULL;
        w->path = resolve(path);
        if (!w->path) {
                rc = fail(d, path, "create", errno);
                goto fail;
        }
        if (strcmp(path, "-") == 0) {
                w->in_place = true;
                w->fd = STDOUT_FILENO;
        } else if (stat(w->path, &st) == 0 && !S_ISREG(st.st_mode)) {
                if (S_ISDIR(st.st_mode)) {
                        rc = diag_set(d, E_IO, "%s: is a folder; give the name of a file", path);
                        goto fail;
                }
                w->in_place = true;
                w->fd = open(w->path, O_WRONLY | O_CLOEXEC);
        } else {
                if (hold)
                        hold_signals(&w->before);
                w->held = hold;
                w->fd = open_temp(w->path, mode, &w->temp);
        }
        if (w->fd < 0) {
                rc = fail(d, path, "create", errno);
                goto fail;
        }
        *out = w;
        return 0;
fail:
        file_writer_abandon(w);
        return rc;
}

int file_writer_open(const char *path, enum file_mode mode, struct file_writer **out,
                     struct diag *d)
{
        return writer_open(path, mode, false, out, d);
}

static void writer_flush(struct file_writer *w)
{
        if (!w->error && w->fill)
                w->error = write_all(w->fd, w->buf, w->fill);
        w->fill = 0;
}

int file_writer_put(struct file_writer *w, const void *data, size_t len)
{
        if (len > sizeof w->buf - w->fill)
                writer_flush(w);
        if (len > sizeof w->buf) {
                if (!w->error)
                        w->error = write_all(w->fd, data, len);
        } else if (!w->error && len) {
                memcpy(w->buf + w->fill, data, len);
                w->fill += len;
        }
        return w->error ? -errno_code(w->error) : 0;
}

int file_writer_printf(struct file_writer *w, const char *fmt, ...)
{
        char small[512];
        char *text = small;
        va_list ap;
        int n;
        int rc;

        va_start(ap, fmt);
        n = vsnprintf(small, sizeof small, fmt, ap);
        va_end(ap);
        if (n >= (int)sizeof small) {
                va_start(ap, fmt);
                n = vasprintf(&text, fmt, ap);
                va_end(ap);
        }
        if (n < 0) {
                w->error = w->error ? w->error : ENOMEM;
                return -E_NOMEM;
        }
        rc = file_writer_put(w, text, (size_t)n);
        if (text != small)
                free(text);
        return rc;
}

static int sync_dir_of(const char *path)
{
        char *dir = path_dir(path);
        int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        int e = fd < 0 ? errno : 0;

        if (fd >= 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
                e = errno;
        if (fd >= 0)
                close(fd);
        free(dir);
        /* a folder that may be written but not read cannot be synced; the file itself was */
        return e == EACCES ? 0 : e;
}

/* rename, unless the name is taken: of two at once, one gets it. */
static int rename_new(const char *from, const char *to)
{
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno != EINVAL && errno != ENOSYS)
                return -1;
        /* a file system that knows no such flag knows links */
        if (link(from, to) < 0)
                return -1;
        unlink(from);
        return 0;
}

int file_writer_commit(struct file_writer *w, struct diag *d)
{
        int rc = 0;
        int e;

        writer_flush(w);
        e = w->error;
        if (!w->in_place) {
                if (!e && w->sync && fsync(w->fd) < 0)
                        e = errno;
                if (close(w->fd) < 0 && !e)
                        e = errno;
                w->fd = -1;
                if (!e && (w->fresh ? rename_new(w->temp, w->path) : rename(w->temp, w->path)) < 0)
                        e = errno;
                if (!e) {
                        free(w->temp);
                        w->temp = NULL;
                        if (w->sync)
                                e = sync_dir_of(w->path);
                }
        } else if (w->fd != STDOUT_FILENO) {
                if (close(w->fd) < 0 && !e)
                        e = errno;
                w->fd = -1;
        }
        if (e)
                rc = fail(d, strcmp(w->path, "-") ? w->path : "standard output", "write", e);
        file_writer_abandon(w);
        return rc;
}

void file_writer_abandon(struct file_writer *w)
{
        sigset_t before;
        bool held;

        if (!w)
                return;
        if (w->fd >= 0 && w->fd != STDOUT_FILENO)
                close(w->fd);
        if (w->temp) {
                unlink(w->temp);
                free(w->temp);
        }
        before = w->before;
        held = w->held;
        wipe(w->buf, sizeof w->buf);
        free(w->path);
        free(w);
        if (held)
                pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* All of data into an open writer; commits it. */
static int save(struct file_writer *w, const void *data, size_t len, struct diag *d)
{
        if (len)
                w->error = write_all(w->fd, data, len);
        return file_writer_commit(w, d);
}

int file_save(const char *path, const void *data, size_t len, enum file_mode mode, struct diag *d)
{
        struct file_writer *w;
        const int rc = writer_open(path, mode, true, &w, d);

        return rc < 0 ? rc : save(w, data, len, d);
}

int file_save_new(const char *path, const void *data, size_t len, enum file_mode mode,
                  struct diag *d)
{
        struct file_writer *w;
        const int rc = writer_open(path, mode, true, &w, d);

        if (rc < 0)
                return rc;
        w->fresh = true;
        return save(w, data, len, d);
}

int file_save_fast(const char *path, const void *data, size_t len, enum file_mode mode,
                   struct diag *d)
{
        struct file_writer *w;
        const int rc = writer_open(path, mode, true, &w, d);

        if (rc < 0)
                return rc;
        w->sync = false;
        return save(w, data, len, d);
}

int file_save_at(int dir, const char *name, const void *data, size_t len, enum file_mode mode,
                 struct diag *d)
{
        char temp[48];
        int fd;
        int e = 0;

        do {
                snprintf(temp, sizeof temp, TEMP_PREFIX "%ld-%u" TEMP_SUFFIX, (long)getpid(),
                         atomic_fetch_add(&temp_serial, 1));
                fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                            mode == FILE_SECRET ? 0600 : 0666);
        } while (fd < 0 && errno == EEXIST);
        if (fd < 0)
                return fail(d, name, "create", errno);
        e = write_all(fd, data, len);
        if (close(fd) < 0 && !e)
                e = errno;
        if (!e && renameat(dir, temp, dir, name) < 0)
                e = errno;
        if (!e)
                return 0;
        unlinkat(dir, temp, 0);
        return fail(d, name, "write", e);
}

int file_sync_tree(const char *dir, struct diag *d)
{
        const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int rc = 0;

        if (fd < 0)
                return fail(d, dir, "open", errno);
        if (syncfs(fd) < 0)
                rc = fail(d, dir, "write to disk", errno);
        close(fd);
        return rc;
}

/* A zombie, which a container without an init keeps for ever, has no program any more. */
static bool process_runs(long pid)
{
        char exe[40];
        char target[8];

        if (access("/proc/self", F_OK) < 0)
                return false;
        snprintf(exe, sizeof exe, "/proc/%ld/exe", pid);
        return readlink(exe, target, sizeof target) >= 0 || errno != ENOENT;
}

int file_sweep(const char *dir, struct diag *d)
{
        DIR *dp = opendir(dir);
        struct dirent *e;

        if (!dp)
                return errno == ENOENT ? 0 : fail(d, dir, "open", errno);
        while ((e = readdir(dp))) {
                const size_t n = strlen(e->d_name);
                const size_t suffix = strlen(TEMP_SUFFIX);
                long pid;

                if (strncmp(e->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) != 0 || n < suffix ||
                    strcmp(e->d_name + n - suffix, TEMP_SUFFIX) != 0)
                        continue;
                /* the temporary of a running process is not ours to remove */
                pid = strtol(e->d_name + strlen(TEMP_PREFIX), NULL, 10);
                if (pid > 0 && process_runs(pid))
                        continue;
                unlinkat(dirfd(dp), e->d_name, 0);
        }
        closedir(dp);
        return 0;
}

int file_mkdirs(const char *dir, unsigned mode, struct diag *d)
{
        char *copy = strdup(dir);
        int rc = 0;

        if (!copy)
                return diag_set(d, E_NOMEM, "%s: no memory", dir);
        for (char *p = copy + (*copy == '/');; p++) {
                const char c = *p;

                if (c != '/' && c != 0)
                        continue;
                *p = 0;
                if (*copy && mkdir(copy, mode) < 0 && errno != EEXIST) {
                        rc = fail(d, copy, "create the folder", errno);
                        break;
                }
                *p = c;
                if (!c)
                        break;
        }
        if (rc == 0) {
                struct stat st;

                if (stat(dir, &st) < 0)
                        rc = fail(d, dir, "create the folder", errno);
                else if (!S_ISDIR(st.st_mode))
                        rc = diag_set(d, E_EXISTS, "%s: is a file; a folder is needed here", dir);
        }
        free(copy);
        return rc;
}

bool file_exists(const char *path)
{
        return access(path, F_OK) == 0;
}

char *path_join(const char *dir, const char *name)
{
        char *out;

        if (!dir || !*dir || *name == '/')
                return strdup(name);
        if (asprintf(&out, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name) < 0)
                return NULL;
        return out;
}

char *path_dir(const char *path)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                return strdup(".");
        return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}
