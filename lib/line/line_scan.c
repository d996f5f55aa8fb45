#include "line/line_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/link.h"
#include "host/pool.h"
#include "line/line_talk.h"

#define LOOK_MS 200 /* an interrupt is seen within this */

/* Bytes from one of both. */
struct source {
        struct link *link;
        int fd;
};

/* Some bytes, 0 for none within LOOK_MS, -E_LINK at the end. */
static long some(const struct source *s, char *buf, size_t n, int ms)
{
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        ssize_t k;

        if (s->link)
                return link_read(s->link, buf, n, (unsigned)ms);
        if (poll(&p, 1, ms) <= 0)
                return 0;
        k = read(s->fd, buf, n);
        if (k < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        return k > 0 ? k : -E_LINK;
}

/* 1: a line is whole in out; 0: not yet; -E_VERIFY. */
static int take(const char *buf, size_t n, char *out, size_t cap, size_t *len, struct diag *d)
{
        for (size_t i = 0; i < n; i++) {
                if (buf[i] == '\n' || buf[i] == '\r') {
                        if (!*len) /* the rest of CR LF, or an empty line */
                                continue;
                        out[*len] = 0;
                        return 1;
                }
                if (*len + 1 >= cap)
                        return diag_set(d, E_VERIFY,
                                        "more than %zu bytes were scanned, which no label has",
                                        cap - 1);
                out[(*len)++] = buf[i] ? buf[i] : '?';
        }
        return 0;
}

static int read_line(const struct line_scanner *s, const struct source *from, char *out, size_t cap,
                     struct diag *d)
{
        const uint64_t deadline = talk_clock() + (uint64_t)s->seconds * 1000;
        char buf[256];
        size_t len = 0;
        int rc = 0;

        while (rc == 0) {
                const long n = some(from, buf, sizeof buf, LOOK_MS);

                if (interrupted())
                        rc = diag_set(d, E_CANCELLED, "interrupted");
                else if (n > 0)
                        rc = take(buf, (size_t)n, out, cap, &len, d);
                else if (n < 0 && s->command && len)
                        rc = take("\n", 1, out, cap, &len, d);
                else if (n < 0)
                        rc = diag_set(d, E_LINK, "%s: %s", s->command ? s->command : s->from,
                                      s->command ? "the scanner's command printed nothing"
                                                 : "the scanner is gone; plug it in again");
                else if (talk_clock() >= deadline)
                        rc = diag_set(d, E_TIMEOUT, "nothing was scanned within %u s", s->seconds);
        }
        wipe(buf, sizeof buf);
        return rc < 0 ? rc : 0;
}

/* ---- standard input ---- */

/* What was typed or scanned before it was asked for is not this unit's label. */
static void forget(const struct source *s)
{
        char waste[256];

        while (some(s, waste, sizeof waste, 0) > 0)
                ;
        wipe(waste, sizeof waste);
}

static int scan_stdin(const struct line_scanner *s, char *out, size_t cap, struct diag *d)
{
        const struct source from = { .fd = STDIN_FILENO };
        struct termios was;
        struct termios quiet;
        const bool terminal = tcgetattr(STDIN_FILENO, &was) == 0;
        int rc;

        if (terminal) { /* a label's payload is not for the screen */
                quiet = was;
                quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        } else {
                forget(&from);
        }
        rc = read_line(s, &from, out, cap, d);
        if (terminal)
                tcsetattr(STDIN_FILENO, TCSANOW, &was);
        return rc;
}

/* ---- a serial line or a socket ---- */

static int open_device(const struct line_scanner *s, struct link **link, struct diag *d)
{
        struct diag why = { 0 };

        if (link_open(s->from, s->baud, link, &why) == 0)
                return 0;
        return diag_set(d, why.code == E_PERM ? E_PERM : E_IO, "the scanner %s: %s", s->from,
                        diag_text(&why));
}

static int scan_device(const struct line_scanner *s, char *out, size_t cap, struct diag *d)
{
        struct source from = { .fd = -1 };
        int rc = open_device(s, &from.link, d);

        if (rc < 0)
                return rc;
        link_flush_input(from.link);
        rc = read_line(s, &from, out, cap, d);
        link_close(from.link);
        return rc;
}

/* ---- a command ---- */

/* Our environment with two more; returned: free it and its last two texts. */
static char **environment(const char *slot, const char *serial)
{
        size_t n = 0;
        size_t k = 0;
        char **env;

        while (environ[n])
                n++;
        if (!(env = calloc(n + 3, sizeof *env)))
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (strncmp(environ[i], "FCTRY_SLOT=", 11) != 0 &&
                    strncmp(environ[i], "FCTRY_SERIAL=", 13) != 0)
                        env[2 + k++] = environ[i];
        if (asprintf(&env[0], "FCTRY_SLOT=%s", slot) < 0)
                env[0] = NULL;
        if (asprintf(&env[1], "FCTRY_SERIAL=%s", serial) < 0)
                env[1] = NULL;
        if (env[0] && env[1])
                return env;
        free(env[0]);
        free(env[1]);
        free(env);
        return NULL;
}

static pid_t start(const char *command, char **env, int out)
{
        const pid_t pid = fork();

        if (pid != 0)
                return pid;
        /* a group of its own: what the shell has started ends with it, and Ctrl-C is ours alone */
        setpgid(0, 0);
        dup2(out, STDOUT_FILENO);
        close(STDIN_FILENO);
        if (open("/dev/null", O_RDONLY) != STDIN_FILENO)
                _exit(127);
        execle("/bin/sh", "sh", "-c", command, (char *)NULL, env);
        _exit(127);
}

/* Ended by itself within two seconds behind its line; else it is told to. Its wait status. */
static int finish(pid_t pid, bool at_once)
{
        const uint64_t patience = talk_clock() + 2000;
        const struct timespec t = { 0, 20000000 };
        int status = 0;
        pid_t done = 0;

        while (!at_once && (done = waitpid(pid, &status, WNOHANG)) == 0 && talk_clock() < patience)
                nanosleep(&t, NULL);
        if (done == pid)
                return status;
        kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return 0; /* it was we who ended it */
}

static int scan_command(const struct line_scanner *s, const char *slot, const char *serial,
                        char *out, size_t cap, struct diag *d)
{
        char **env = environment(slot, serial);
        int ends[2] = { -1, -1 };
        int status;
        pid_t pid;
        int rc;

        if (!env)
                return diag_set(d, E_NOMEM, "out of memory");
        pid = pipe2(ends, O_CLOEXEC) < 0 ? -1 : start(s->command, env, ends[1]);
        free(env[0]);
        free(env[1]);
        free(env);
        if (pid < 0 && ends[0] >= 0) {
                close(ends[0]);
                close(ends[1]);
        }
        if (pid < 0)
                return diag_set(d, E_IO, "the scanner's command cannot be started: %s",
                                strerror(errno));
        close(ends[1]);
        rc = read_line(s, &(struct source){ .fd = ends[0] }, out, cap, d);
        status = finish(pid, rc < 0 && rc != -E_LINK);
        close(ends[0]); /* not before: what it still prints is no failure */
        if (rc < 0 && rc != -E_LINK)
                return rc;
        /* why it failed says more than that it printed nothing */
        if (status)
                rc = -E_IO;
        if (status && d) {
                *d = (struct diag){ 0 };
                diag_set(d, E_IO, "the scanner's command '%.80s' failed with status %d", s->command,
                         WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        }
        return rc;
}

int line_scan_check(const struct line_scanner *s, struct diag *d)
{
        struct link *link;
        int rc;

        if (s->command)
                return 0;
        if (!strcmp(s->from, "stdin"))
                return fcntl(STDIN_FILENO, F_GETFD) < 0
                               ? diag_set(d, E_NOTFOUND, "the scanner: there is no standard input")
                               : 0;
        if ((rc = open_device(s, &link, d)) == 0)
                link_close(link);
        return rc;
}

int line_scan_read(const struct line_scanner *s, const char *slot, const char *serial, char *out,
                   size_t cap, struct diag *d)
{
        int rc;

        if (s->command)
                rc = scan_command(s, slot, serial, out, cap, d);
        else if (!strcmp(s->from, "stdin"))
                rc = scan_stdin(s, out, cap, d);
        else
                rc = scan_device(s, out, cap, d);
        if (rc < 0)
                wipe(out, cap);
        return rc;
}
