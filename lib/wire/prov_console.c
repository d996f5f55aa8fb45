#include "wire/prov_console.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"

long prov_console_request(const char *endpoint, uint32_t session, const uint8_t *in, size_t n,
                          char *out, size_t cap)
{
        char head[64];
        const size_t h = strf(head, sizeof head, "%s %u ", endpoint, session);
        char digits[3];

        if (h >= sizeof head || n > PROV_CONSOLE_LINE || h + 2 * n + 1 > PROV_CONSOLE_LINE)
                return -E_RANGE;
        if (h + 2 * n + 1 > cap)
                return -E_NOSPACE;
        memcpy(out, head, h);
        for (size_t i = 0; i < n; i++) {
                hex_encode(&in[i], 1, digits);
                memcpy(out + h + 2 * i, digits, 2);
        }
        out[h + 2 * n] = '\r';
        return (long)(h + 2 * n + 1);
}

void prov_console_begin(struct prov_console_reader *r)
{
        r->len = 0;
        r->too_long = false;
}

long prov_console_take(struct prov_console_reader *r, uint8_t byte, uint8_t *out, size_t cap)
{
        long n = 0;

        if (byte != '\r' && byte != '\n') {
                if (r->len < sizeof r->line)
                        r->line[r->len++] = (char)byte;
                else
                        r->too_long = true;
                return 0;
        }
        if (r->len && !r->too_long)
                n = hex_decode(r->line, r->len, out, cap, NULL);
        prov_console_begin(r);
        return n == -E_SYNTAX ? 0 : n;
}

void prov_console_serve(struct prov_console_server *s, struct prov_device *device)
{
        memset(s, 0, sizeof *s);
        s->device = device;
}

/* Take the line apart: "ENDPOINT SESSION HEX". The number of bytes in s->in, or -E_SYNTAX. */
static long parse(struct prov_console_server *s, const char **endpoint, uint32_t *session)
{
        char *const end = s->line + s->len;
        char *number = memchr(s->line, ' ', s->len);
        char *hex = number ? memchr(number + 1, ' ', (size_t)(end - number - 1)) : NULL;
        uint64_t v = 0;

        if (!hex || hex == number + 1)
                return -E_SYNTAX;
        *number++ = 0;
        for (; number < hex; number++) {
                if (*number < '0' || *number > '9')
                        return -E_SYNTAX;
                v = v * 10 + (unsigned)(*number - '0');
                if (v > UINT32_MAX)
                        return -E_SYNTAX;
        }
        hex++;
        *endpoint = s->line;
        *session = (uint32_t)v;
        return hex_decode(hex, (size_t)(end - hex), s->in, sizeof s->in, NULL);
}

long prov_console_answer(struct prov_console_server *s, uint8_t byte, char *text, size_t cap)
{
        const char *endpoint;
        uint32_t session;
        long n;

        if (byte != '\r' && byte != '\n') {
                if (s->len < sizeof s->line - 1)
                        s->line[s->len++] = (char)byte;
                else
                        s->too_long = true;
                return 0;
        }
        n = s->too_long || !s->len ? -E_SYNTAX : parse(s, &endpoint, &session);
        s->len = 0;
        s->too_long = false;
        if (n < 0)
                return 0;
        if (!s->have_session || session != s->session || s->number != s->device->session)
                s->number = prov_device_new_session(s->device);
        s->have_session = true;
        s->session = session;
        n = prov_device_request(s->device, endpoint, s->in, (size_t)n, s->answer, sizeof s->answer);
        if (n < 0 || 2 * (size_t)n + 5 > cap)
                return 0;
        memcpy(text, "\r\n", 2);
        hex_encode(s->answer, (size_t)n, text + 2);
        memcpy(text + 2 + 2 * n, "\r\n", 2);
        return 4 + 2 * n;
}

/* May a line that begins so be a request to one of the standard endpoints? */
static bool may_be_request(const char *line, size_t n)
{
        static const char *const heads[] = { "proto-ver ", "prov-session ", "prov-config ",
                                             "prov-scan ", "prov-ctrl " };

        for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
                const size_t len = strlen(heads[i]);

                if (!memcmp(line, heads[i], n < len ? n : len))
                        return true;
        }
        return false;
}

size_t prov_console_sort(struct prov_console_server *s, uint8_t byte, uint8_t *other, char *text,
                         size_t cap, long *answered)
{
        const bool end = byte == '\r' || byte == '\n';
        size_t n = s->len;

        *answered = 0;
        if (s->others) {
                other[0] = byte;
                s->others = !end;
                return 1;
        }
        if (n < PROV_CONSOLE_HEAD)
                s->line[n] = (char)byte;
        if (end ? memchr(s->line, ' ', n) != NULL
                : n >= PROV_CONSOLE_HEAD || may_be_request(s->line, n + 1)) {
                *answered = prov_console_answer(s, byte, text, cap);
                return 0;
        }
        memcpy(other, s->line, n);
        other[n] = byte;
        s->len = 0;
        s->others = !end;
        return n + 1;
}
