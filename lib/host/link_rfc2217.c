/* A serial port behind a telnet server: RFC 854 (IAC), RFC 856 (binary), RFC 2217 (port control).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/link_impl.h"

enum {
        IAC = 255,
        DONT = 254,
        DO = 253,
        WONT = 252,
        WILL = 251,
        SB = 250,
        SE = 240,
        OPT_BINARY = 0,
        OPT_ECHO = 1,
        OPT_SGA = 3,
        OPT_COM_PORT = 44,
        SET_BAUD = 1,
        SET_DATASIZE = 2,
        SET_PARITY = 3,
        SET_STOPSIZE = 4,
        SET_CONTROL = 5,
        PURGE = 12,
        SERVER_REPLY = 100, /* the server's answer to client command n is 100 + n */
        DTR_ON = 8,
        DTR_OFF = 9,
        RTS_ON = 11,
        RTS_OFF = 12,
};

#define ANSWER_MS 3000

struct telnet {
        enum { DATA, GOT_IAC, GOT_VERB, IN_SB, SB_IAC } state;
        uint8_t verb;
        uint8_t sb[64];
        size_t sb_len;
        bool com_port; /* the server agreed to option 44 */
        bool refused;
        uint8_t answered;    /* last command that the server answered, 0 none */
        uint8_t answer;      /* its value */
        uint8_t early[2048]; /* data that came while an answer was waited for */
        size_t early_len;
        bool dtr, rts, known;
};

/* What the negotiation says: only binary, no go-ahead and port control are wanted; all else is
 * declined. */
static int option(struct link *l, struct telnet *t, uint8_t verb, uint8_t opt)
{
        const bool wanted = opt == OPT_BINARY || opt == OPT_SGA || opt == OPT_COM_PORT;
        uint8_t out[3] = { IAC, 0, opt };

        if (opt == OPT_COM_PORT && (verb == DO || verb == WILL))
                t->com_port = true;
        if (opt == OPT_COM_PORT && (verb == DONT || verb == WONT))
                t->refused = true;
        if (wanted || verb == DONT || verb == WONT)
                return 0; /* asked for at the start: this is the answer */
        out[1] = verb == DO ? WONT : DONT;
        return opt == OPT_ECHO && verb == WILL ? 0 : link_fd_write(l, out, sizeof out);
}

static void subnegotiation(struct telnet *t)
{
        if (t->sb_len >= 2 && t->sb[0] == OPT_COM_PORT && t->sb[1] > SERVER_REPLY) {
                t->answered = (uint8_t)(t->sb[1] - SERVER_REPLY);
                t->answer = t->sb_len > 2 ? t->sb[2] : 0;
        }
}

/* One byte from the server; returns 1 if it is data. */
static int take(struct link *l, struct telnet *t, uint8_t c)
{
        switch (t->state) {
        case DATA:
                if (c != IAC)
                        return 1;
                t->state = GOT_IAC;
                return 0;
        case GOT_IAC:
                t->state = DATA;
                if (c == IAC)
                        return 1;
                if (c >= WILL && c <= DONT) {
                        t->verb = c;
                        t->state = GOT_VERB;
                } else if (c == SB) {
                        t->sb_len = 0;
                        t->state = IN_SB;
                }
                return 0;
        case GOT_VERB:
                t->state = DATA;
                return option(l, t, t->verb, c);
        case IN_SB:
                if (c == IAC)
                        t->state = SB_IAC;
                else if (t->sb_len < sizeof t->sb)
                        t->sb[t->sb_len++] = c;
                return 0;
        case SB_IAC:
                t->state = c == SE ? DATA : IN_SB;
                if (c == SE)
                        subnegotiation(t);
                else if (t->sb_len < sizeof t->sb)
                        t->sb[t->sb_len++] = c;
                return 0;
        }
        return 0;
}

/* Read once from the socket; data to buf. Returns their number (0: none among what came), 0 on
 * timeout (*idle), or -E_LINK. */
static long pump(struct link *l, uint8_t *buf, size_t cap, unsigned timeout_ms, bool *idle)
{
        struct telnet *t = l->ctx;
        uint8_t raw[2048];
        size_t n = 0;
        const long got = link_fd_read(l, raw, cap < sizeof raw ? cap : sizeof raw, timeout_ms);

        *idle = got == 0;
        for (long i = 0; i < got; i++) {
                const int rc = take(l, t, raw[i]);

                if (rc < 0)
                        return rc;
                if (rc)
                        buf[n++] = raw[i];
        }
        return got < 0 ? got : (long)n;
}

static long rfc2217_read(struct link *l, void *buf, size_t cap, unsigned timeout_ms)
{
        struct telnet *t = l->ctx;
        const uint64_t end = link_clock() + timeout_ms;

        if (t->early_len) {
                const size_t n = t->early_len < cap ? t->early_len : cap;

                memcpy(buf, t->early, n);
                t->early_len -= n;
                memmove(t->early, t->early + n, t->early_len);
                return (long)n;
        }
        for (;;) {
                const uint64_t now = link_clock();
                bool idle;
                const long n = pump(l, buf, cap, now < end ? (unsigned)(end - now) : 0, &idle);

                if (n || (idle && link_clock() >= end))
                        return n;
        }
}

static int rfc2217_write(struct link *l, const void *p, size_t n)
{
        const uint8_t *in = p;
        uint8_t out[4096];
        size_t len = 0;
        int rc;

        for (size_t i = 0; i < n; i++) {
                if (len + 2 > sizeof out) {
                        if ((rc = link_fd_write(l, out, len)) < 0)
                                return rc;
                        len = 0;
                }
                if (in[i] == IAC)
                        out[len++] = IAC;
                out[len++] = in[i];
        }
        return len ? link_fd_write(l, out, len) : 0;
}

/* Read until done() or the time is over; data that comes meanwhile is kept. */
static int await(struct link *l, bool (*done)(const struct telnet *t, uint8_t what), uint8_t what)
{
        struct telnet *t = l->ctx;
        const uint64_t end = link_clock() + ANSWER_MS;

        while (!done(t, what)) {
                const uint64_t now = link_clock();
                const size_t room = sizeof t->early - t->early_len;
                uint8_t spill[256];
                bool idle;
                long n;

                if (now >= end)
                        return -E_TIMEOUT;
                n = pump(l, room ? t->early + t->early_len : spill, room ? room : sizeof spill,
                         (unsigned)(end - now), &idle);
                if (n < 0)
                        return (int)n;
                if (room)
                        t->early_len += (size_t)n;
        }
        return 0;
}

static bool is_answered(const struct telnet *t, uint8_t what)
{
        return t->answered == what;
}

static bool is_agreed(const struct telnet *t, uint8_t what)
{
        (void)what;
        return t->com_port || t->refused;
}

static int send_command(struct link *l, uint8_t what, const uint8_t *value, size_t n)
{
        uint8_t out[32] = { IAC, SB, OPT_COM_PORT, what };
        size_t len = 4;

        for (size_t i = 0; i < n; i++) {
                if (value[i] == IAC)
                        out[len++] = IAC;
                out[len++] = value[i];
        }
        out[len++] = IAC;
        out[len++] = SE;
        return link_fd_write(l, out, len);
}

static int command(struct link *l, uint8_t what, const uint8_t *value, size_t n)
{
        struct telnet *t = l->ctx;
        int rc;

        t->answered = 0;
        if ((rc = send_command(l, what, value, n)) < 0)
                return rc;
        return await(l, is_answered, what);
}

static int control(struct link *l, uint8_t value)
{
        return command(l, SET_CONTROL, &value, 1);
}

/* The order keeps both lines from being released at once on the way from (0,1) to (1,0): DTR goes
 * first. */
static int rfc2217_lines(struct link *l, bool dtr, bool rts)
{
        struct telnet *t = l->ctx;
        int rc = 0;

        if (!t->known || t->dtr != dtr)
                rc = control(l, dtr ? DTR_ON : DTR_OFF);
        if (rc == 0 && (!t->known || t->rts != rts))
                rc = control(l, rts ? RTS_ON : RTS_OFF);
        t->known = rc == 0;
        t->dtr = dtr;
        t->rts = rts;
        return rc;
}

static int rfc2217_baud(struct link *l, unsigned baud)
{
        uint8_t value[4];

        be32_put(value, baud);
        return command(l, SET_BAUD, value, sizeof value);
}

static void rfc2217_flush(struct link *l)
{
        struct telnet *t = l->ctx;
        const uint8_t receive = 1;

        t->early_len = 0;
        command(l, PURGE, &receive, 1);
        t->early_len = 0;
}

static void rfc2217_close(struct link *l)
{
        free(l->ctx);
}

static const struct link_ops rfc2217 = {
        .read = rfc2217_read,
        .write = rfc2217_write,
        .lines = rfc2217_lines,
        .baud = rfc2217_baud,
        .flush = rfc2217_flush,
        .close = rfc2217_close,
};

static int negotiate(struct link *l, unsigned baud, struct diag *d)
{
        static const uint8_t hello[] = { IAC,        WILL,    OPT_BINARY, IAC,     DO,
                                         OPT_BINARY, IAC,     WILL,       OPT_SGA, IAC,
                                         DO,         OPT_SGA, IAC,        WILL,    OPT_COM_PORT };
        static const uint8_t settings[][2] = { { SET_DATASIZE, 8 },
                                               { SET_PARITY, 1 },
                                               { SET_STOPSIZE, 1 } };
        const struct telnet *t = l->ctx;
        int rc;

        rc = link_fd_write(l, hello, sizeof hello);
        if (rc == 0)
                rc = await(l, is_agreed, 0);
        if (rc == 0 && t->refused)
                rc = -E_UNSUPPORTED;
        if (rc == 0)
                rc = rfc2217_baud(l, baud);
        for (size_t i = 0; i < 3 && rc == 0; i++)
                rc = command(l, settings[i][0], &settings[i][1], 1);
        if (rc == -E_TIMEOUT)
                return diag_set(d, E_TIMEOUT,
                                "the server says nothing: end the other program that has this "
                                "board, or use socket:// if it is a plain TCP port");
        if (rc < 0)
                return diag_set(
                        d, E_LINK,
                        "the server does not speak RFC 2217; use socket:// for a plain TCP port");
        return 0;
}

int link_open_rfc2217(const char *host_port, unsigned baud, struct link **out, struct diag *d)
{
        struct telnet *t;
        int fd;
        int rc = link_connect(host_port, &fd, d);

        if (rc < 0)
                return rc;
        t = calloc(1, sizeof *t);
        rc = t ? link_new(fd, host_port, &rfc2217, out, d) : diag_set(d, E_NOMEM, "out of memory");
        if (rc < 0) {
                free(t);
                close(fd);
                return rc;
        }
        (*out)->ctx = t;
        rc = negotiate(*out, baud, d);
        if (rc < 0) {
                link_close(*out);
                *out = NULL;
        }
        return rc;
}
