#include "firmware/core/http_head.h"

#include <string.h>

/* Field names and units are ASCII in any case (RFC 9110, 5.1 and 14.1). */
static bool begins(const char *s, const char *lower, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if ((s[i] >= 'A' && s[i] <= 'Z' ? s[i] + ('a' - 'A') : s[i]) != lower[i])
                        return false;
        return true;
}

static bool is(const char *s, const char *lower)
{
        return begins(s, lower, strlen(lower) + 1);
}

static const char *skip_space(const char *s)
{
        while (*s == ' ' || *s == '\t')
                s++;
        return s;
}

/* Decimal digits at *p, which is moved behind them. False: none, or too many. */
static bool number(const char **p, uint64_t *out)
{
        const char *at = *p;
        uint64_t v = 0;

        while (*at >= '0' && *at <= '9') {
                if (v > (UINT64_MAX - 9) / 10)
                        return false;
                v = v * 10 + (uint64_t)(*at++ - '0');
        }
        if (at == *p)
                return false;
        *p = at;
        *out = v;
        return true;
}

/* "bytes FIRST-LAST/TOTAL" (RFC 9110, 14.4); TOTAL may be "*". */
static void take_range(struct http_head *h, const char *v)
{
        uint64_t first, last, total = 0;

        if (!begins(v, "bytes", 5))
                return;
        v = skip_space(v + 5);
        if (!number(&v, &first) || *v++ != '-' || !number(&v, &last) || *v++ != '/' ||
            last < first || (*v != '*' && (!number(&v, &total) || total <= last)))
                return;
        h->from = first;
        h->total = total;
}

void http_head_field(struct http_head *h, const char *name, const char *value)
{
        uint64_t length;

        value = skip_space(value);
        if (is(name, "etag")) {
                if (*value == '"' && strlen(value) < sizeof h->etag)
                        memcpy(h->etag, value, strlen(value) + 1);
        } else if (is(name, "content-length")) {
                if (!h->total && !h->from && number(&value, &length))
                        h->total = length;
        } else if (is(name, "content-range")) {
                take_range(h, value);
        }
}

struct port_event http_head_event(const struct http_head *h, unsigned status)
{
        struct port_event ev = { .type = PORT_EV_HTTP_HEAD };

        ev.http.status = status;
        ev.http.from = h->from;
        ev.http.total = h->total;
        ev.http.etag = *h->etag ? h->etag : NULL;
        return ev;
}
