#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "host/opt.h"

#define PRESS_MS 200 /* of a press that says no time */
#define MS       1000000ull

static int socket_at(const char *path, struct sockaddr_un *at, struct diag *d)
{
        int fd;

        *at = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof at->sun_path)
                return diag_set(d, E_RANGE, "%s: longer than %zu characters; give a shorter path",
                                path, sizeof at->sun_path - 1);
        strcpy(at->sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd < 0 ? diag_set(d, E_IO, "%s: no socket: %s", path, strerror(errno)) : fd;
}

/* Makes room for the socket: only a socket without a listener may go. */
static int sweep(const char *path, const struct sockaddr_un *at, int fd, struct diag *d)
{
        struct stat st;

        if (lstat(path, &st) < 0)
                return 0;
        if (!S_ISSOCK(st.st_mode))
                return diag_set(d, E_EXISTS, "%s: is there and no socket; give another name", path);
        if (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0)
                return diag_set(d, E_BUSY,
                                "%s: belongs to a running board; stop it or give another name",
                                path);
        unlink(path);
        return 0;
}

int control_open(struct control *c, const char *path, struct board *board, struct diag *d)
{
        struct sockaddr_un at;
        mode_t mask;
        int fd, rc;

        memset(c, 0, sizeof *c);
        c->listener = -1;
        c->board = board;
        for (size_t i = 0; i < CONTROL_CLIENTS; i++)
                c->clients[i].fd = -1;
        if ((fd = socket_at(path, &at, d)) < 0)
                return fd;
        rc = sweep(path, &at, fd, d);
        close(fd);
        if (rc < 0 || (fd = socket_at(path, &at, d)) < 0)
                return rc < 0 ? rc : fd;
        c->listener = fd;
        mask = umask(0177);
        rc = bind(fd, (struct sockaddr *)&at, sizeof at);
        umask(mask);
        if (rc < 0 || listen(fd, 8) < 0) {
                rc = diag_set(d, errno == EACCES ? E_PERM : E_IO, "%s: cannot be listened on: %s",
                              path, strerror(errno));
                control_close(c);
                return rc;
        }
        c->path = strdup(path);
        return c->path ? 0 : diag_set(d, E_NOMEM, "%s: no memory", path);
}

static void drop(struct control *c, size_t i)
{
        close(c->clients[i].fd);
        c->clients[i].fd = -1;
}

void control_close(struct control *c)
{
        for (size_t i = 0; i < CONTROL_CLIENTS; i++)
                if (c->clients[i].fd >= 0)
                        drop(c, i);
        if (c->path)
                unlink(c->path);
        if (c->listener >= 0)
                close(c->listener);
        free(c->path);
        c->path = NULL;
        c->listener = -1;
}

/* The commands: word 0 is the name, rest the text behind it. Errors into d. */

struct order {
        struct control *control;
        struct board *board;
        const char *rest;
        uint64_t now;
        FILE *out;
};

static int do_press(struct order *o, struct diag *d)
{
        int64_t ms = PRESS_MS;

        if (*o->rest && (parse_int(o->rest, &ms) < 0 || ms < 1 || ms > 3600000))
                return diag_set(d, E_SYNTAX, "press %s: milliseconds from 1 to 3600000", o->rest);
        board_press(o->board, o->now + (uint64_t)ms * MS);
        return 0;
}

static int do_output(struct order *o, struct diag *d)
{
        (void)d;
        fprintf(o->out, "%s\n", o->board->output ? "on" : "off");
        return 0;
}

static int do_led(struct order *o, struct diag *d)
{
        (void)d;
        fprintf(o->out, "%s\n", o->board->led ? "on" : "off");
        return 0;
}

static int do_uart(struct order *o, struct diag *d)
{
        (void)d;
        board_print_said(o->board, o->out);
        return 0;
}

static int do_reset(struct order *o, struct diag *d)
{
        if (*o->rest && strcmp(o->rest, "download") != 0)
                return diag_set(d, E_SYNTAX, "reset %s: only 'download' may stand there", o->rest);
        board_reset(o->board, *o->rest, o->now);
        return 0;
}

static int do_cut_power(struct order *o, struct diag *d)
{
        char spec[64];

        if (!*o->rest) {
                board_power_off(o->board);
                return 0;
        }
        snprintf(spec, sizeof spec, "power=%.40s", o->rest);
        return board_fault(o->board, spec, d);
}

static int do_swap(struct order *o, struct diag *d)
{
        uint8_t mac[6];

        if (board_mac_parse(o->rest, mac) < 0)
                return diag_set(d, E_SYNTAX,
                                "swap %.40s: the other board's MAC, like 24:0a:c4:00:00:01",
                                o->rest);
        return board_swap(o->board, mac, o->now, d);
}

static int do_fault(struct order *o, struct diag *d)
{
        return board_fault(o->board, o->rest, d);
}

static int do_log(struct order *o, struct diag *d)
{
        (void)d;
        board_print_log(o->board, o->out);
        return 0;
}

static int do_status(struct order *o, struct diag *d)
{
        (void)d;
        board_status(o->board, o->out);
        return 0;
}

static int do_quit(struct order *o, struct diag *d)
{
        (void)d;
        o->control->quit = true;
        return 0;
}

static const struct {
        const char *name;
        int (*run)(struct order *o, struct diag *d);
} orders[] = {
        { "press", do_press }, { "output", do_output },       { "led", do_led },
        { "reset", do_reset }, { "cut-power", do_cut_power }, { "fault", do_fault },
        { "log", do_log },     { "uart", do_uart },           { "status", do_status },
        { "swap", do_swap },   { "quit", do_quit },
};

static int obey(struct order *o, const char *line, struct diag *d)
{
        const size_t len = strcspn(line, " ");

        o->rest = line + len + (line[len] == ' ');
        for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
                if (strlen(orders[i].name) == len && !memcmp(orders[i].name, line, len))
                        return orders[i].run(o, d);
        return diag_set(d, E_SYNTAX,
                        "'%.40s' is no command; press output led reset cut-power fault log uart "
                        "status swap quit",
                        line);
}

static void respond(struct control *c, size_t i, uint64_t now)
{
        char *text = NULL;
        size_t n = 0;
        struct diag d = { 0 };
        struct order o = { .control = c, .board = c->board, .now = now };
        FILE *f = open_memstream(&text, &n);

        if (!f)
                return;
        fputs("ok\n", f);
        o.out = f;
        obey(&o, c->clients[i].line, &d);
        fclose(f);
        if (d.code)
                dprintf(c->clients[i].fd, "error %s\n", diag_text(&d));
        else if (write(c->clients[i].fd, text, n) != (ssize_t)n)
                d.code = E_IO; /* the asker went away: nobody to tell */
        free(text);
}

void control_poll(const struct control *c, struct pollfd fds[CONTROL_FDS])
{
        bool room = false;

        for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
                fds[1 + i] = (struct pollfd){ .fd = c->clients[i].fd, .events = POLLIN };
                room |= c->clients[i].fd < 0;
        }
        fds[0] = (struct pollfd){ .fd = room ? c->listener : -1, .events = POLLIN };
}

/* Reads what has come; a whole line is obeyed, and then the connection is over. */
static void listen_to(struct control *c, size_t i, uint64_t now)
{
        char *line = c->clients[i].line;
        size_t *len = &c->clients[i].len;
        const ssize_t n = read(c->clients[i].fd, line + *len, CONTROL_LINE - 1 - *len);

        if (n > 0)
                *len += (size_t)n;
        line[*len] = 0;
        if (n > 0 && !strchr(line, '\n') && *len < CONTROL_LINE - 1)
                return;
        if (strchr(line, '\n')) {
                *strchr(line, '\n') = 0;
                respond(c, i, now);
        }
        drop(c, i);
}

void control_serve(struct control *c, const struct pollfd fds[CONTROL_FDS], uint64_t now)
{
        for (size_t i = 0; i < CONTROL_CLIENTS; i++)
                if (fds[1 + i].revents && c->clients[i].fd >= 0)
                        listen_to(c, i, now);
        if (!(fds[0].revents & POLLIN))
                return;
        for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
                if (c->clients[i].fd >= 0)
                        continue;
                c->clients[i].fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
                c->clients[i].len = 0;
                return;
        }
}

static int read_answer(int fd, char **text)
{
        size_t len = 0;
        char *all = NULL;

        for (;;) {
                char *grown = realloc(all, len + 4097);
                ssize_t n;

                if (!grown)
                        break;
                all = grown;
                n = read(fd, all + len, 4096);
                if (n < 0)
                        break;
                len += (size_t)n;
                all[len] = 0;
                if (n == 0) {
                        *text = all;
                        return 0;
                }
        }
        free(all);
        return -E_LINK;
}

int control_ask(const char *path, const char *line, char **text, struct diag *d)
{
        struct sockaddr_un at;
        const int fd = socket_at(path, &at, d);
        int rc = 0;

        if (fd < 0)
                return fd;
        if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
                rc = diag_set(d, E_LINK, "%s: no board answers there: %s; is vboard running?", path,
                              strerror(errno));
        else if (dprintf(fd, "%s\n", line) < 0 || read_answer(fd, text) < 0)
                rc = diag_set(d, E_LINK, "%s: the board went away", path);
        close(fd);
        if (rc < 0)
                return rc;
        if (!strncmp(*text, "ok\n", 3)) {
                memmove(*text, *text + 3, strlen(*text + 3) + 1);
                return 0;
        }
        rc = diag_set(d, E_REFUSED, "%.*s", (int)strcspn(*text, "\n"),
                      strncmp(*text, "error ", 6) ? "no answer" : *text + 6);
        free(*text);
        *text = NULL;
        return rc;
}
