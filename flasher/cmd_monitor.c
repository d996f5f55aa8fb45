/* monitor: what the board prints, with colours, time, a copy in a file, and addresses that mean
 * something */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "flasher.h"
#include "host/link.h"
#include "host/pool.h"

#define LEAVE          0x1d /* Ctrl-] */
#define LINE_MAX_BYTES 4096

static const char *log_path, *elf, *addr2line;
static bool timestamps, no_reset, no_color;
static int64_t seconds;

const struct opt monitor_options[] = {
        { 'l', "log", OPT_STR, &log_path, "FILE", "append everything to this file" },
        { 'e', "elf", OPT_STR, &elf, "FILE", "say which function and line an address of code is" },
        { 0, "addr2line", OPT_STR, &addr2line, "PROGRAM",
          "what knows addresses (default: addr2line of the chip's tools)" },
        { 'T', "timestamps", OPT_FLAG, &timestamps, NULL, "begin every line with the time" },
        { 0, "no-reset", OPT_FLAG, &no_reset, NULL, "do not reset the board first" },
        { 0, "no-color", OPT_FLAG, &no_color, NULL, "no colours" },
        { 0, "seconds", OPT_INT, &seconds, "N", "leave after this time" },
        { 0 },
};

struct monitor {
        struct link *link;
        FILE *log;
        bool terminal; /* stdout is one */
        struct termios before;
        bool raw;
        char line[LINE_MAX_BYTES];
        size_t len;
};

/* ESP-IDF's levels: "I (123) tag: text". A line that brings its own colours keeps them. */
static const char *colour(const char *line, size_t n)
{
        if (n < 3 || line[1] != ' ' || line[2] != '(')
                return NULL;
        switch (line[0]) {
        case 'E':
                return "\033[0;31m";
        case 'W':
                return "\033[0;33m";
        case 'I':
                return "\033[0;32m";
        default:
                return NULL;
        }
}

static void now_text(char out[32])
{
        struct timespec t;
        struct tm tm;

        clock_gettime(CLOCK_REALTIME, &t);
        localtime_r(&t.tv_sec, &tm);
        snprintf(out, 32, "%02d:%02d:%02d.%03ld ", tm.tm_hour, tm.tm_min, tm.tm_sec,
                 t.tv_nsec / 1000000);
}

/* addr2line gets the address as an argument of its own: nothing from the board reaches a shell. */
static void decode(const char *address)
{
        const char *programs[] = { addr2line, "riscv32-esp-elf-addr2line",
                                   "xtensa-esp32-elf-addr2line", "addr2line", NULL };
        pid_t child;

        fflush(stdout);
        child = fork();
        if (child == 0) {
                for (size_t i = addr2line ? 0 : 1; programs[i]; i++) {
                        execlp(programs[i], programs[i], "-pfiaC", "-e", elf, address,
                               (char *)NULL);
                        if (addr2line)
                                break;
                }
                _exit(127);
        }
        if (child > 0)
                waitpid(child, NULL, 0);
}

/* Addresses of code: 0x4…, eight digits. */
static void decode_line(const char *line, size_t n)
{
        char address[11];

        for (size_t i = 0; i + 10 <= n; i++) {
                if (strncmp(line + i, "0x4", 3) ||
                    strspn(line + i + 2, "0123456789abcdefABCDEF") < 8)
                        continue;
                snprintf(address, sizeof address, "%.10s", line + i);
                decode(address);
                i += 9;
        }
}

static void print_line(struct monitor *m, bool whole)
{
        const char *start = m->terminal && !no_color ? colour(m->line, m->len) : NULL;
        char when[32] = "";

        if (timestamps)
                now_text(when);
        printf("%s%s%.*s%s%s", when, start ? start : "", (int)m->len, m->line,
               start ? "\033[0m" : "", whole ? m->raw ? "\r\n" : "\n" : "");
        fflush(stdout);
        if (m->log)
                fprintf(m->log, "%s%.*s\n", when, (int)m->len, m->line);
        m->line[m->len] = 0;
        if (elf)
                decode_line(m->line, m->len);
        m->len = 0;
}

static void take(struct monitor *m, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (p[i] == '\n') {
                        print_line(m, true);
                        continue;
                }
                /* what would move the cursor or change the terminal stays out, colours pass */
                if (p[i] == '\r' || p[i] == 0)
                        continue;
                m->line[m->len++] = p[i] < ' ' && p[i] != '\t' && p[i] != '\033' ? '?' : (char)p[i];
                if (m->len + 1 == sizeof m->line)
                        print_line(m, true);
        }
}

static void raw_terminal(struct monitor *m)
{
        struct termios t;

        if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &m->before) < 0)
                return;
        t = m->before;
        cfmakeraw(&t);
        m->raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

/* 1: leave. */
static int keyboard(struct monitor *m)
{
        uint8_t keys[256];
        const ssize_t n = read(STDIN_FILENO, keys, sizeof keys);

        for (ssize_t i = 0; i < n; i++)
                if (keys[i] == LEAVE)
                        return 1;
        return n > 0 && link_write(m->link, keys, (size_t)n) < 0 ? -E_LINK : 0;
}

static int loop(struct monitor *m)
{
        const time_t end = time(NULL) + (time_t)seconds;
        uint8_t buf[2048];
        int rc = 0;

        while (rc == 0 && !interrupted() && !(seconds && time(NULL) >= end) && !ferror(stdout)) {
                struct pollfd p[2] = { { .fd = link_fd(m->link), .events = POLLIN },
                                       { .fd = m->raw ? STDIN_FILENO : -1, .events = POLLIN } };
                long n;

                if (poll(p, 2, 200) < 0 && errno != EINTR)
                        return -E_LINK;
                if (p[1].revents & POLLIN)
                        rc = keyboard(m);
                n = link_read(m->link, buf, sizeof buf, 0);
                if (n < 0)
                        rc = (int)n;
                else
                        take(m, buf, (size_t)n);
        }
        if (m->len)
                print_line(m, true);
        return rc;
}

/* What the board has said before is no part of what is shown. */
static void reset_board(struct link *l)
{
        const struct timespec t = { 0, 100000000 };

        if (no_reset || !link_has_lines(l) || link_lines(l, false, true) < 0)
                return;
        nanosleep(&t, NULL);
        link_flush_input(l);
        link_lines(l, false, false);
}

static int watch(struct monitor *m, const char *port)
{
        struct diag d = { 0 };
        int rc;

        if (log_path && !(m->log = fopen(log_path, "ae"))) {
                diag_set(&d, E_IO, "cannot be written: %s", strerror(errno));
                return fail(log_path, &d);
        }
        m->terminal = isatty(STDOUT_FILENO);
        raw_terminal(m);
        if (m->raw)
                say("%s: Ctrl-] leaves\r", port);
        reset_board(m->link);
        rc = loop(m);
        if (m->raw)
                tcsetattr(STDIN_FILENO, TCSANOW, &m->before);
        if (m->log && (ferror(m->log) | fclose(m->log))) {
                diag_set(&d, E_IO, "was not written to its end");
                return fail(log_path, &d);
        }
        if (rc == -E_LINK) {
                diag_set(&d, E_LINK, "the link is gone; check the cable");
                return fail(port, &d);
        }
        return STATUS_DONE;
}

int cmd_monitor(int argc, char **argv)
{
        static struct monitor m;
        struct diag d = { 0 };
        const char *port;
        int status;

        (void)argc;
        (void)argv;
        if (seconds < 0 || g.baud < 0 || g.baud > 20000000)
                return usage_error("--seconds or --baud: out of range");
        if ((status = session_port(&port)) != 0)
                return status;
        if (link_open(port, g.baud ? (unsigned)g.baud : 115200, &m.link, &d) < 0)
                return fail(port, &d);
        status = watch(&m, port);
        link_close(m.link);
        return status;
}
