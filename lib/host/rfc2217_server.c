#include "host/rfc2217_server.h"

#include <string.h>

#include "base/bytes.h"

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, SE = 240 };
enum { DATA, COMMAND, OPTION, IN_SB, SB_IAC };

#define OPT_BINARY   0u
#define OPT_SGA      3u
#define OPT_COM_PORT 44u

/* RFC 2217, section 3: client commands; the server answers with 100 more. */
enum {
        SIGNATURE = 0,
        SET_BAUDRATE = 1,
        SET_DATASIZE = 2,
        SET_PARITY = 3,
        SET_STOPSIZE = 4,
        SET_CONTROL = 5,
        SET_LINESTATE_MASK = 10,
        SET_MODEMSTATE_MASK = 11,
        PURGE_DATA = 12,
        TO_CLIENT = 100,
};

enum { /* values of SET_CONTROL */
       ASK_FLOW = 0,
       NO_FLOW = 1,
       ASK_BREAK = 4,
       BREAK_OFF = 6,
       ASK_DTR = 7,
       DTR_ON = 8,
       DTR_OFF = 9,
       ASK_RTS = 10,
       RTS_ON = 11,
       RTS_OFF = 12,
       ASK_FLOW_IN = 13,
       NO_FLOW_IN = 14,
};

void rfc2217_server_init(struct rfc2217_server *s, const struct rfc2217_ops *ops, void *ctx,
                         uint32_t rate)
{
        memset(s, 0, sizeof *s);
        s->ops = ops;
        s->ctx = ctx;
        s->rate = rate;
}

size_t rfc2217_escape(const uint8_t *p, size_t n, uint8_t *out)
{
        size_t len = 0;

        for (size_t i = 0; i < n; i++) {
                out[len++] = p[i];
                if (p[i] == IAC)
                        out[len++] = IAC;
        }
        return len;
}

/* The bit of an option that is supported here, or 0. */
static uint8_t option_bit(uint8_t option)
{
        return option == OPT_BINARY ? 1 : option == OPT_SGA ? 2 : option == OPT_COM_PORT ? 4 : 0;
}

/* RFC 854: an answer only where the state changes, so that two ends never answer each other for
 * ever. */
static void negotiate(struct rfc2217_server *s, uint8_t verb, uint8_t option)
{
        uint8_t *state = verb == DO || verb == DONT ? &s->ours : &s->theirs;
        const bool wanted = verb == DO || verb == WILL;
        const uint8_t bit = option_bit(option);
        uint8_t out[3] = { IAC, 0, option };

        if (wanted ? (bit && *state & bit) : !(*state & bit))
                return;
        *state = (uint8_t)(wanted ? *state | bit : *state & ~bit);
        if (verb == DO || verb == DONT)
                out[1] = wanted && bit ? WILL : WONT;
        else
                out[1] = wanted && bit ? DO : DONT;
        s->ops->reply(s->ctx, out, sizeof out);
}

static void answer(struct rfc2217_server *s, uint8_t command, const uint8_t *value, size_t n)
{
        uint8_t out[6 + 2 * 8] = { IAC, SB, OPT_COM_PORT, (uint8_t)(command + TO_CLIENT) };
        size_t len = 4 + rfc2217_escape(value, n, out + 4);

        out[len++] = IAC;
        out[len++] = SE;
        s->ops->reply(s->ctx, out, len);
}

/* Returns the value to answer with. */
static uint8_t set_control(struct rfc2217_server *s, uint8_t value)
{
        switch (value) {
        case ASK_FLOW:
                return NO_FLOW;
        case ASK_BREAK:
                return BREAK_OFF;
        case ASK_DTR:
                return s->dtr ? DTR_ON : DTR_OFF;
        case ASK_RTS:
                return s->rts ? RTS_ON : RTS_OFF;
        case ASK_FLOW_IN:
                return NO_FLOW_IN;
        case DTR_ON:
        case DTR_OFF:
                s->dtr = value == DTR_ON;
                break;
        case RTS_ON:
        case RTS_OFF:
                s->rts = value == RTS_ON;
                break;
        default: /* flow control and break: the port has neither */
                return value;
        }
        s->ops->lines(s->ctx, s->dtr, s->rts);
        return value;
}

static void set_baud(struct rfc2217_server *s, const uint8_t *value)
{
        uint8_t out[4];
        const uint32_t rate = be32_get(value);

        if (rate) { /* 0 asks */
                s->rate = rate;
                s->ops->baud(s->ctx, rate);
        }
        be16_put(out, (uint16_t)(s->rate >> 16));
        be16_put(out + 2, (uint16_t)s->rate);
        answer(s, SET_BAUDRATE, out, sizeof out);
}

static void subnegotiation(struct rfc2217_server *s)
{
        static const char name[] = "vboard";
        const size_t n = s->sb_len;
        uint8_t value = n > 2 ? s->sb[2] : 0;

        if (n < 2 || s->sb[0] != OPT_COM_PORT)
                return;
        switch (s->sb[1]) {
        case SIGNATURE:
                if (n == 2)
                        answer(s, SIGNATURE, (const uint8_t *)name, strlen(name));
                return;
        case SET_BAUDRATE:
                if (n >= 6)
                        set_baud(s, s->sb + 2);
                return;
        case SET_DATASIZE:
                value = 8;
                break;
        case SET_PARITY: /* none */
        case SET_STOPSIZE:
                value = 1;
                break;
        case SET_CONTROL:
                value = set_control(s, value);
                break;
        case PURGE_DATA:
                s->ops->purge(s->ctx, value & 1, value & 2);
                break;
        case SET_LINESTATE_MASK:
        case SET_MODEMSTATE_MASK:
                break;
        default: /* suspend and resume need no answer */
                return;
        }
        if (n >= 3)
                answer(s, s->sb[1], &value, 1);
}

static void sb_add(struct rfc2217_server *s, uint8_t c)
{
        if (s->sb_len < sizeof s->sb)
                s->sb[s->sb_len++] = c;
}

/* One byte that is not plain data. */
static void take(struct rfc2217_server *s, uint8_t c)
{
        switch (s->state) {
        case COMMAND:
                s->state = DATA;
                if (c == IAC) {
                        s->ops->data(s->ctx, &c, 1);
                } else if (c >= WILL && c <= DONT) {
                        s->verb = c;
                        s->state = OPTION;
                } else if (c == SB) {
                        s->sb_len = 0;
                        s->state = IN_SB;
                }
                break;
        case OPTION:
                s->state = DATA;
                negotiate(s, s->verb, c);
                break;
        case IN_SB:
                if (c == IAC)
                        s->state = SB_IAC;
                else
                        sb_add(s, c);
                break;
        default:
                s->state = c == SE ? DATA : IN_SB;
                if (c == SE)
                        subnegotiation(s);
                else if (c == IAC)
                        sb_add(s, c);
                break;
        }
}

void rfc2217_server_input(struct rfc2217_server *s, const uint8_t *p, size_t n)
{
        while (n) {
                const uint8_t *iac = s->state == DATA ? memchr(p, IAC, n) : p;
                const size_t plain = iac ? (size_t)(iac - p) : n;

                if (plain)
                        s->ops->data(s->ctx, p, plain);
                p += plain;
                n -= plain;
                if (!n)
                        return;
                if (s->state == DATA)
                        s->state = COMMAND;
                else
                        take(s, *p);
                p++;
                n--;
        }
}
