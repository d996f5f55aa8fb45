#include "host/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/pool.h"

/* Reads fd to its first line end or its end, a byte at a time: what follows belongs to someone
 * else. */
static int read_line(int fd, const char *what, struct blob *out, struct diag *d)
{
        uint8_t *p = malloc(PASSPHRASE_MAX + 1);

        if (!p)
                return diag_set(d, E_NOMEM, "no memory for the %s", what);
        *out = (struct blob){ .data = p };
        for (;;) {
                uint8_t c;
                const ssize_t n = read(fd, &c, 1);

                if (n < 0 && errno == EINTR && !interrupted())
                        continue;
                if (n < 0 && errno == EINTR)
                        return diag_set(d, E_CANCELLED, "interrupted");
                if (n < 0)
                        return diag_set(d, E_IO, "%s: cannot be read: %s", what, strerror(errno));
                if (n == 0 || c == '\n')
                        break;
                if (out->len == PASSPHRASE_MAX)
                        return diag_set(d, E_NOSPACE, "%s: longer than %u bytes", what,
                                        PASSPHRASE_MAX);
                p[out->len++] = c;
        }
        if (out->len && p[out->len - 1] == '\r')
                out->len--;
        p[out->len] = 0;
        return 0;
}

static int from_file(const char *path, const char *what, struct blob *out, struct diag *d)
{
        const int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
        int rc;

        if (fd < 0)
                return diag_set(d, errno == ENOENT ? E_NOTFOUND : E_PERM,
                                "%s: cannot open the file with the %s: %s", path, what,
                                strerror(errno));
        rc = read_line(fd, what, out, d);
        if (fd != STDIN_FILENO)
                close(fd);
        return rc;
}

static int ask(int tty, const char *prompt, const char *what, struct blob *out, struct diag *d)
{
        struct termios old, quiet;
        int rc;

        if (tcgetattr(tty, &old) < 0)
                return diag_set(d, E_IO, "%s: the terminal cannot be silenced: %s", what,
                                strerror(errno));
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
        if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
                return diag_set(d, E_IO, "%s: the terminal cannot be silenced: %s", what,
                                strerror(errno));
        /* who answers at once is not shown, nor is the answer flushed */
        dprintf(tty, "%s%s: ", prompt, what);
        rc = read_line(tty, what, out, d);
        tcsetattr(tty, TCSAFLUSH, &old);
        dprintf(tty, "\n");
        return rc;
}

static int from_terminal(const char *options, const char *what, bool twice, struct blob *out,
                         struct diag *d)
{
        const int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct blob again = { 0 };
        int rc;

        if (tty < 0)
                return diag_set(d, E_USAGE, "%s: no terminal to ask on; give %s", what,
                                options ? options : "--passphrase-file FILE");
        rc = ask(tty, twice ? "new " : "", what, out, d);
        if (rc == 0 && twice) {
                rc = ask(tty, "again, ", what, &again, d);
                if (rc == 0 &&
                    (again.len != out->len || !bytes_equal_ct(again.data, out->data, out->len)))
                        rc = diag_set(d, E_KEY, "%s: the two are not the same", what);
        }
        blob_free_secret(&again);
        close(tty);
        return rc;
}

int passphrase_read(const struct passphrase_source *from, const char *what, bool twice,
                    struct blob *out, struct diag *d)
{
        int rc;

        *out = (struct blob){ 0 };
        if (from->file)
                rc = from_file(from->file, what, out, d);
        else if (from->fd >= 0)
                rc = read_line((int)from->fd, what, out, d);
        else
                rc = from_terminal(from->options, what, twice, out, d);
        if (rc == 0 && out->len == 0)
                rc = diag_set(d, E_KEY, "%s: empty", what);
        if (rc == 0 && memchr(out->data, 0, out->len))
                rc = diag_set(d, E_KEY, "%s: holds a NUL byte; a passphrase is one line of text",
                              what);
        if (rc < 0)
                blob_free_secret(out);
        return rc;
}

bool passphrase_file_is_open(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0;
}
