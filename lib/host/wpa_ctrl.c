#include "host/wpa_ctrl.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"

#define ANSWER_MS   10000
#define COMMAND_MAX 1024u

struct wpa_ctrl {
        int fd, events; /* events: -1 before attach */
        struct sockaddr_un to;
};

/* An abstract name of the kernel's choice is where answers go: nothing is left behind. */
static int connected(const struct sockaddr_un *to)
{
        const struct sockaddr_un own = { .sun_family = AF_UNIX };
        const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && bind(fd, (const struct sockaddr *)&own, sizeof own.sun_family) == 0 &&
            connect(fd, (const struct sockaddr *)to, sizeof *to) == 0)
                return fd;
        if (fd >= 0) {
                const int e = errno;

                close(fd);
                errno = e;
        }
        return -1;
}

/* The events that an attached socket gets begin with '<'; no answer does. */
static long answer(int fd, char *out, size_t cap)
{
        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                const int ready = poll(&p, 1, ANSWER_MS);
                ssize_t n;

                if (ready < 0 && errno == EINTR)
                        continue;
                if (ready <= 0)
                        return ready ? -E_LINK : -E_TIMEOUT;
                n = recv(fd, out, cap, MSG_TRUNC);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -E_LINK;
                if ((size_t)n >= cap)
                        return -E_NOSPACE;
                out[n] = 0;
                if (*out != '<')
                        return n;
        }
}

static long ask(struct wpa_ctrl *c, char *out, size_t cap, const char *fmt, va_list ap)
        __attribute__((format(printf, 4, 0)));
static long ask(struct wpa_ctrl *c, char *out, size_t cap, const char *fmt, va_list ap)
{
        char command[COMMAND_MAX];
        const int n = vsnprintf(command, sizeof command, fmt, ap);
        long rc = -E_RANGE;

        if (n >= 0 && (size_t)n < sizeof command)
                rc = send(c->fd, command, (size_t)n, MSG_NOSIGNAL) < 0 ? -E_LINK
                                                                       : answer(c->fd, out, cap);
        wipe(command, sizeof command);
        return rc;
}

long wpa_ctrl_ask(struct wpa_ctrl *c, char *out, size_t cap, const char *fmt, ...)
{
        va_list ap;
        long n;

        va_start(ap, fmt);
        n = ask(c, out, cap, fmt, ap);
        va_end(ap);
        return n;
}

int wpa_ctrl_do(struct wpa_ctrl *c, const char *fmt, ...)
{
        char out[64];
        va_list ap;
        long n;

        va_start(ap, fmt);
        n = ask(c, out, sizeof out, fmt, ap);
        va_end(ap);
        if (n < 0 && n != -E_NOSPACE)
                return (int)n;
        return n == -E_NOSPACE || strncmp(out, "OK", 2) != 0 ? -E_REFUSED : 0;
}

int wpa_ctrl_attach(struct wpa_ctrl *c)
{
        char out[64];

        if (c->events >= 0)
                return 0;
        c->events = connected(&c->to);
        if (c->events >= 0 && send(c->events, "ATTACH", 6, MSG_NOSIGNAL) == 6 &&
            answer(c->events, out, sizeof out) >= 2 && !strncmp(out, "OK", 2))
                return 0;
        if (c->events >= 0)
                close(c->events);
        c->events = -1;
        return -E_LINK;
}

int wpa_ctrl_fd(const struct wpa_ctrl *c)
{
        return c->events;
}

int wpa_ctrl_event(struct wpa_ctrl *c, char *text, size_t cap)
{
        for (;;) {
                const ssize_t n = recv(c->events, text, cap, MSG_DONTWAIT | MSG_TRUNC);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -E_LINK;
                if ((size_t)n >= cap)
                        continue; /* none that anybody here needs is so long */
                text[n] = 0;
                return 1;
        }
}

int wpa_ctrl_open(const char *path, struct wpa_ctrl **out, struct diag *d)
{
        struct wpa_ctrl *c = calloc(1, sizeof *c);
        char pong[64];
        int rc;

        *out = NULL;
        if (!c)
                return diag_set(d, E_NOMEM, "out of memory");
        c->fd = c->events = -1;
        c->to.sun_family = AF_UNIX;
        if (strlen(path) >= sizeof c->to.sun_path) {
                rc = diag_set(d, E_RANGE, "%s: too long for a socket", path);
                goto failed;
        }
        strcpy(c->to.sun_path, path);
        c->fd = connected(&c->to);
        if (c->fd < 0) {
                rc = errno == EACCES || errno == EPERM
                             ? diag_set(d, E_PERM,
                                        "%s: not allowed; its group is ctrl_interface_group", path)
                             : diag_set(
                                       d, E_NOTFOUND,
                                       "%s: nobody answers there (%s); is the daemon running, with "
                                       "ctrl_interface?",
                                       path, strerror(errno));
                goto failed;
        }
        rc = (int)wpa_ctrl_ask(c, pong, sizeof pong, "PING");
        if (rc < 0 || strncmp(pong, "PONG", 4) != 0) {
                rc = diag_set(d, rc == -E_TIMEOUT ? E_TIMEOUT : E_PROTO, "%s: does not answer",
                              path);
                goto failed;
        }
        *out = c;
        return 0;
failed:
        wpa_ctrl_close(c);
        return rc;
}

void wpa_ctrl_close(struct wpa_ctrl *c)
{
        if (!c)
                return;
        if (c->events >= 0) {
                (void)!send(c->events, "DETACH", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
                close(c->events);
        }
        if (c->fd >= 0)
                close(c->fd);
        free(c);
}
