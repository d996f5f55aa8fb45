#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "host/report.h"

#define LOOK_AGAIN 10000000ull /* ns between two looks whether somebody opened the pty */

static int pty_fail(struct diag *d, const char *what, const char *why)
{
        return diag_set(d, E_IO, "%s: no pseudo terminal: %s", what, why);
}

/* A fresh pty behind the symbolic link, raw, at the line's rate. */
static int pty_make(struct port *p, struct diag *d)
{
        char temp[sizeof p->name + 8];
        const char *slave;
        struct termios t;
        int user;

        p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (p->fd < 0 || grantpt(p->fd) < 0 || unlockpt(p->fd) < 0 || !(slave = ptsname(p->fd)))
                return pty_fail(d, p->link, strerror(errno));
        /* opened and closed once: from now on poll(2) says when nobody has it */
        user = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (user < 0 || tcgetattr(user, &t) < 0)
                return pty_fail(d, slave, strerror(errno));
        cfmakeraw(&t);
        tcsetattr(user, TCSANOW, &t);
        pty_set_rate(user, p->board->cfg.rate);
        close(user);
        snprintf(temp, sizeof temp, "%s.new", p->link);
        unlink(temp);
        if (symlink(slave, temp) < 0 || rename(temp, p->link) < 0)
                return diag_set(d, errno == EACCES ? E_PERM : E_IO, "%s: cannot be made: %s",
                                p->link, strerror(errno));
        p->open = false;
        return 0;
}

static int pty_open(struct port *p, const char *link, struct diag *d)
{
        struct stat st;

        if (strlen(link) >= sizeof p->name - 8)
                return diag_set(d, E_RANGE, "%s: longer than %zu characters", link,
                                sizeof p->name - 9);
        if (lstat(link, &st) == 0 && !S_ISLNK(st.st_mode))
                return diag_set(d, E_EXISTS, "%s: is there and no symbolic link; give another name",
                                link);
        p->link = strdup(link);
        if (!p->link)
                return diag_set(d, E_NOMEM, "%s: no memory", link);
        snprintf(p->name, sizeof p->name, "%s", link);
        return pty_make(p, d);
}

static int tcp_listen(struct port *p, const char *where, struct diag *d)
{
        const char *colon = strrchr(where, ':');
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
        struct addrinfo *ai = NULL;
        struct sockaddr_storage at;
        socklen_t len = sizeof at;
        char host[64];
        char service[16];
        const int on = 1;
        int rc;

        if (!colon || (size_t)(colon - where) >= sizeof host)
                return diag_set(d, E_SYNTAX, "'%s' is not HOST:PORT", where);
        snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
        rc = getaddrinfo(*host ? host : "127.0.0.1", colon + 1, &hints, &ai);
        if (rc)
                return diag_set(d, E_NOTFOUND, "%s: %s", where, gai_strerror(rc));
        p->listener = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (p->listener >= 0)
                setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        rc = p->listener < 0 || bind(p->listener, ai->ai_addr, ai->ai_addrlen) < 0 ||
             listen(p->listener, 4) < 0 ||
             getsockname(p->listener, (struct sockaddr *)&at, &len) < 0;
        freeaddrinfo(ai);
        if (rc)
                return diag_set(d, errno == EADDRINUSE ? E_BUSY : E_IO,
                                "%s: cannot be listened on: %s", where, strerror(errno));
        rc = getnameinfo((struct sockaddr *)&at, len, host, sizeof host, service, sizeof service,
                         NI_NUMERICHOST | NI_NUMERICSERV);
        snprintf(p->name, sizeof p->name, strchr(host, ':') ? "%s://[%s]:%s" : "%s://%s:%s",
                 p->kind == PORT_TCP ? "socket" : "rfc2217", rc ? "127.0.0.1" : host, service);
        return 0;
}

int port_open(struct port *p, enum port_kind kind, const char *where, struct board *board,
              struct diag *d)
{
        int rc;

        memset(p, 0, sizeof *p);
        p->kind = kind;
        p->board = board;
        p->listener = p->fd = -1;
        rc = kind == PORT_PTY ? pty_open(p, where, d) : tcp_listen(p, where, d);
        if (rc < 0)
                port_close(p);
        return rc;
}

/* The link goes only if it is still ours. */
static void pty_unlink(struct port *p)
{
        char target[64];
        const char *slave = p->fd >= 0 ? ptsname(p->fd) : NULL;
        const ssize_t n = readlink(p->link, target, sizeof target - 1);

        if (n > 0 && slave && strlen(slave) == (size_t)n && !memcmp(target, slave, (size_t)n))
                unlink(p->link);
}

void port_close(struct port *p)
{
        if (p->link)
                pty_unlink(p);
        if (p->fd >= 0)
                close(p->fd);
        if (p->listener >= 0)
                close(p->listener);
        free(p->link);
        p->link = NULL;
        p->fd = p->listener = -1;
}

/* Somebody has taken the port. */
static void opened(struct port *p, uint64_t now)
{
        p->open = true;
        p->out_len = 0;
        if (p->board->cfg.reset_on_open)
                board_reset(p->board, false, now);
}

static void closed(struct port *p)
{
        p->open = false;
        p->out_len = 0;
        if (p->kind == PORT_PTY)
                return;
        close(p->fd);
        p->fd = -1;
        if (p->kind == PORT_RFC2217) /* the adapter drops its lines */
                board_lines(p->board, false, false, p->board->now);
}

void port_hang_up(struct port *p)
{
        struct diag d = { 0 };

        if (p->fd < 0)
                return;
        if (p->kind == PORT_PTY) {
                close(p->fd);
                if (pty_make(p, &d) < 0) /* no pty left: the port stays away */
                        tool_error("%s", diag_text(&d));
        } else {
                const struct linger reset = { 1, 0 };

                setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
                closed(p);
        }
}

struct pollfd port_poll(const struct port *p)
{
        struct pollfd f = { .fd = p->fd, .events = 0 };

        if (p->kind == PORT_PTY && !p->open)
                f.fd = -1; /* looked at by the clock */
        else if (p->fd < 0)
                f = (struct pollfd){ .fd = p->listener, .events = POLLIN };
        else
                f.events = (short)((line_room(&p->board->line) ? POLLIN : 0) |
                                   (p->out_len ? POLLOUT : 0));
        if (!f.events) /* poll(2) would tell of a hang-up that nobody looks at yet */
                f.fd = -1;
        return f;
}

uint64_t port_due(const struct port *p)
{
        return p->kind == PORT_PTY && p->fd >= 0 && !p->open ? p->look_again : LINE_NEVER;
}

static void flush(struct port *p)
{
        ssize_t n;

        if (!p->out_len || p->fd < 0)
                return;
        n = p->kind == PORT_PTY ? write(p->fd, p->out, p->out_len)
                                : send(p->fd, p->out, p->out_len, MSG_NOSIGNAL);
        if (n <= 0)
                return; /* full, or gone: read(2) will tell */
        p->out_len -= (size_t)n;
        memmove(p->out, p->out + n, p->out_len);
}

static void queue(struct port *p, const uint8_t *data, size_t n)
{
        if (!p->open)
                return;
        if (n > sizeof p->out - p->out_len)
                flush(p);
        if (n > sizeof p->out - p->out_len)
                n = sizeof p->out - p->out_len;
        memcpy(p->out + p->out_len, data, n);
        p->out_len += n;
        flush(p);
}

void port_send(struct port *p, const uint8_t *data, size_t n)
{
        uint8_t escaped[2 * 4096];

        if (p->kind != PORT_RFC2217) {
                queue(p, data, n);
                return;
        }
        while (n) {
                const size_t piece = n < 4096 ? n : 4096;

                queue(p, escaped, rfc2217_escape(data, piece, escaped));
                data += piece;
                n -= piece;
        }
}

/* RFC 2217: what the client asks for. */

static void on_data(void *ctx, const uint8_t *data, size_t n)
{
        struct port *p = ctx;

        line_host_put(&p->board->line, data, n, p->board->now);
}

static void on_reply(void *ctx, const uint8_t *data, size_t n)
{
        queue(ctx, data, n);
}

static void on_lines(void *ctx, bool dtr, bool rts)
{
        struct port *p = ctx;

        board_lines(p->board, dtr, rts, p->board->now);
}

static void on_baud(void *ctx, uint32_t rate)
{
        ((struct port *)ctx)->board->line.host_rate = rate;
}

static void on_purge(void *ctx, bool from_port, bool to_port)
{
        line_purge(&((struct port *)ctx)->board->line, to_port, from_port);
}

static const struct rfc2217_ops telnet_ops = { on_data, on_reply, on_lines, on_baud, on_purge };

static void accept_one(struct port *p, uint64_t now)
{
        const int on = 1;

        p->fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (p->fd < 0)
                return;
        setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        /* a raw socket says nothing of rates */
        p->board->line.host_rate = p->kind == PORT_RFC2217 ? p->board->cfg.rate : 0;
        rfc2217_server_init(&p->telnet, &telnet_ops, p, p->board->cfg.rate);
        opened(p, now);
}

static void receive(struct port *p, uint64_t now)
{
        uint8_t buf[4096];
        const size_t room = line_room(&p->board->line);
        ssize_t n;

        if (!room)
                return;
        n = read(p->fd, buf, room < sizeof buf ? room : sizeof buf);
        if (n > 0) {
                p->board->now = now;
                if (p->kind == PORT_RFC2217)
                        rfc2217_server_input(&p->telnet, buf, (size_t)n);
                else
                        line_host_put(&p->board->line, buf, (size_t)n, now);
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                line_host_idle(&p->board->line);
        } else {
                closed(p);
        }
}

void port_pull(struct port *p, uint64_t now)
{
        if (p->open && p->fd >= 0 && p->board->cfg.pace)
                receive(p, now);
}

/* Has somebody opened or left the pty? */
static void pty_look(struct port *p, uint64_t now)
{
        struct pollfd f = { .fd = p->fd, .events = POLLIN };
        const bool there = poll(&f, 1, 0) >= 0 && !(f.revents & POLLHUP);

        p->look_again = now + LOOK_AGAIN;
        if (there && !p->open)
                opened(p, now);
        else if (!there && p->open && !(f.revents & POLLIN))
                closed(p);
        port_refresh(p);
}

void port_refresh(struct port *p)
{
        if (p->kind == PORT_PTY && p->open)
                p->board->line.host_rate = pty_rate(p->fd);
}

void port_serve(struct port *p, short revents, uint64_t now)
{
        if (p->kind == PORT_PTY && p->fd >= 0 && (p->open ? revents != 0 : now >= p->look_again))
                pty_look(p, now);
        else if (p->kind != PORT_PTY && p->fd < 0 && revents & POLLIN)
                accept_one(p, now);
        if (!p->open || p->fd < 0)
                return;
        if (revents & POLLOUT)
                flush(p);
        if (revents & (POLLIN | POLLHUP | POLLERR))
                receive(p, now);
}
