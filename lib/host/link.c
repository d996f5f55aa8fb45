#include "host/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "host/link_impl.h"

#define WRITE_TIMEOUT_MS   10000
#define CONNECT_TIMEOUT_MS 5000

uint64_t link_clock(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int link_new(int fd, const char *name, const struct link_ops *ops, struct link **out,
             struct diag *d)
{
        struct link *l = calloc(1, sizeof *l);

        if (!l)
                return diag_set(d, E_NOMEM, "out of memory");
        l->fd = fd;
        l->ops = ops;
        snprintf(l->name, sizeof l->name, "%s", name);
        *out = l;
        return 0;
}

long link_fd_read(struct link *l, void *buf, size_t cap, unsigned timeout_ms)
{
        const uint64_t end = link_clock() + timeout_ms;

        for (;;) {
                struct pollfd p = { .fd = l->fd, .events = POLLIN };
                const uint64_t now = link_clock();
                const ssize_t n = read(l->fd, buf, cap);

                if (n > 0) {
                        l->received += (uint64_t)n;
                        return (long)n;
                }
                if (n == 0 || (errno != EAGAIN && errno != EINTR))
                        return -E_LINK;
                if (now >= end)
                        return 0;
                if (poll(&p, 1, (int)(end - now)) < 0 && errno != EINTR)
                        return -E_LINK;
        }
}

/* A socket whose other end is gone must give an error, not SIGPIPE. */
static ssize_t put(int fd, const void *p, size_t n)
{
        const ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

        return k < 0 && errno == ENOTSOCK ? write(fd, p, n) : k;
}

int link_fd_write(struct link *l, const void *p, size_t n)
{
        const uint8_t *at = p;

        while (n) {
                struct pollfd pf = { .fd = l->fd, .events = POLLOUT };
                const ssize_t k = put(l->fd, at, n);

                if (k >= 0) {
                        at += k;
                        n -= (size_t)k;
                        l->sent += (uint64_t)k;
                        continue;
                }
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -E_LINK;
                if (poll(&pf, 1, WRITE_TIMEOUT_MS) == 0)
                        return -E_TIMEOUT;
                if (pf.revents & (POLLERR | POLLHUP))
                        return -E_LINK;
        }
        return 0;
}

long link_read(struct link *l, void *buf, size_t cap, unsigned timeout_ms)
{
        return l->ops->read ? l->ops->read(l, buf, cap, timeout_ms)
                            : link_fd_read(l, buf, cap, timeout_ms);
}

int link_write(struct link *l, const void *p, size_t n)
{
        return l->ops->write ? l->ops->write(l, p, n) : link_fd_write(l, p, n);
}

int link_lines(struct link *l, bool dtr, bool rts)
{
        int rc;

        if (!link_has_lines(l))
                return -E_UNSUPPORTED;
        rc = l->ops->lines(l, dtr, rts);
        if (rc == -E_UNSUPPORTED)
                l->no_lines = true;
        return rc;
}

int link_baud(struct link *l, unsigned baud)
{
        return l->ops->baud ? l->ops->baud(l, baud) : 0;
}

void link_flush_input(struct link *l)
{
        uint8_t waste[512];

        if (l->ops->flush)
                l->ops->flush(l);
        while (link_read(l, waste, sizeof waste, 0) > 0)
                ;
}

bool link_has_lines(const struct link *l)
{
        return l->ops->lines && !l->no_lines;
}

bool link_has_baud(const struct link *l)
{
        return l->ops->baud != NULL;
}

const char *link_name(const struct link *l)
{
        return l->name;
}

int link_fd(const struct link *l)
{
        return l->fd;
}

uint64_t link_sent(const struct link *l)
{
        return l->sent;
}

uint64_t link_received(const struct link *l)
{
        return l->received;
}

void link_close(struct link *l)
{
        if (!l)
                return;
        if (l->ops->close)
                l->ops->close(l);
        if (l->fd >= 0)
                close(l->fd);
        free(l);
}

int link_from_fd(int fd, const char *name, struct link **out)
{
        static const struct link_ops plain = { 0 };

        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        return link_new(fd, name, &plain, out, NULL);
}

static int connect_one(const struct addrinfo *a)
{
        struct pollfd p = { .events = POLLOUT };
        int failure = 0;
        socklen_t len = sizeof failure;
        const int one = 1;

        p.fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (p.fd < 0)
                return -1;
        if (connect(p.fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) {
                failure = errno;
        } else if (poll(&p, 1, CONNECT_TIMEOUT_MS) <= 0) {
                failure = ETIMEDOUT;
        } else {
                getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &failure, &len);
        }
        if (failure) {
                close(p.fd);
                errno = failure;
                return -1;
        }
        setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        return p.fd;
}

int link_connect(const char *host_port, int *fd, struct diag *d)
{
        const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
        const char *colon = strrchr(host_port, ':');
        struct addrinfo *all = NULL;
        char host[256];
        char port[16];
        size_t n;
        int rc;

        n = strcspn(colon ? colon + 1 : "", "/?");
        if (!colon || colon == host_port || n == 0 || n >= sizeof port ||
            (size_t)(colon - host_port) >= sizeof host)
                return diag_set(d, E_SYNTAX, "'%s' is not HOST:PORT", host_port);
        snprintf(host, sizeof host, "%.*s", (int)(colon - host_port), host_port);
        snprintf(port, sizeof port, "%.*s", (int)n, colon + 1);
        if (host[0] == '[' && host[strlen(host) - 1] == ']') {
                memmove(host, host + 1, strlen(host));
                host[strlen(host) - 1] = 0;
        }
        rc = getaddrinfo(host, port, &want, &all);
        if (rc)
                return diag_set(d, E_LINK, "no address for %s: %s", host, gai_strerror(rc));
        *fd = -1;
        for (const struct addrinfo *a = all; a && *fd < 0; a = a->ai_next)
                *fd = connect_one(a);
        freeaddrinfo(all);
        if (*fd < 0)
                return diag_set(d, E_LINK, "no connection: %s; is the server running there?",
                                strerror(errno));
        return 0;
}

static int open_socket(const char *host_port, struct link **out, struct diag *d)
{
        int fd;
        int rc = link_connect(host_port, &fd, d);

        if (rc == 0 && (rc = link_from_fd(fd, host_port, out)) < 0) {
                close(fd);
                diag_set(d, -rc, "out of memory");
        }
        return rc;
}

int link_open(const char *name, unsigned baud, struct link **out, struct diag *d)
{
        int rc;

        *out = NULL;
        if (!strncmp(name, "socket://", 9))
                rc = open_socket(name + 9, out, d);
        else if (!strncmp(name, "rfc2217://", 10))
                rc = link_open_rfc2217(name + 10, baud, out, d);
        else if (strstr(name, "://"))
                rc = diag_set(d, E_UNSUPPORTED, "links are a device file, socket:// or rfc2217://");
        else
                rc = link_open_serial(name, baud, out, d);
        if (rc == 0)
                snprintf((*out)->name, sizeof(*out)->name, "%s", name);
        return rc;
}
