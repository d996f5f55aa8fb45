/*
 * Whatever is typed on a console that also provisions. Property: the other console gets, in order,
 * exactly the lines that do not begin with one of the five endpoints' names and a blank, whole and
 * unchanged; an answer is a line of hexadecimal digits that the client's reader takes back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/prov_console.h"

static int ok(void *ctx)
{
        (void)ctx;
        return 0;
}

static int set_config(void *ctx, const struct prov_credentials *c)
{
        (void)ctx;
        return c->ssid_len ? 0 : PROV_INTERNAL_ERROR;
}

static void state(void *ctx, struct prov_wifi_state *s)
{
        (void)ctx;
        s->sta_state = PROV_STA_CONNECTING;
}

static int scan_start(void *ctx, bool passive, uint32_t group, uint32_t period)
{
        (void)ctx, (void)passive, (void)group, (void)period;
        return 0;
}

static void scan_status(void *ctx, bool *finished, uint32_t *count)
{
        (void)ctx;
        *finished = true;
        *count = 0;
}

static int scan_entry(void *ctx, uint32_t i, struct prov_ap *ap)
{
        (void)ctx, (void)i, (void)ap;
        return PROV_INTERNAL_ERROR;
}

static const struct prov_device_ops ops = { set_config, ok, state, scan_start, scan_status,
                                            scan_entry, ok, ok,    NULL };
static struct prov_device device;
static struct prov_console_server server;
static struct prov_console_reader reader;
static char text[2 * PROV_MESSAGE_MAX + 5];
static uint8_t back[PROV_MESSAGE_MAX];

static void check_answer(long n)
{
        long got = 0;

        prov_console_begin(&reader);
        for (long i = 0; i < n && !got; i++)
                got = prov_console_take(&reader, (uint8_t)text[i], back, sizeof back);
        if (n && (n < 4 || 2 * got + 4 != n))
                abort();
}

static bool is_request(const uint8_t *line, size_t n)
{
        static const char *const heads[] = { "proto-ver ", "prov-session ", "prov-config ",
                                             "prov-scan ", "prov-ctrl " };

        for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
                if (n >= strlen(heads[i]) && !memcmp(line, heads[i], strlen(heads[i])))
                        return true;
        return false;
}

/* Of whole lines; returns the length that other must have. */
static size_t expected(const uint8_t *p, size_t n, uint8_t *out)
{
        size_t len = 0;

        while (n) {
                size_t line = 0;

                while (line < n && p[line] != '\r' && p[line] != '\n')
                        line++;
                if (line == n) /* it has no end */
                        break;
                if (!is_request(p, line)) {
                        memcpy(out + len, p, line + 1);
                        len += line + 1;
                }
                p += line + 1;
                n -= line + 1;
        }
        return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        const struct prov_device_config cfg = {
                .ops = &ops
        }; /* security 0: the parsers are reached */
        uint8_t *other = malloc(n + PROV_CONSOLE_HEAD), *want = malloc(n + 1);
        size_t len = 0, must;

        if (!other || !want || prov_device_init(&device, &cfg) < 0)
                abort();
        prov_console_serve(&server, &device);
        for (size_t i = 0; i < n; i++) {
                long answered = 0;
                const size_t k =
                        prov_console_sort(&server, p[i], other + len, text, sizeof text, &answered);

                if (k > PROV_CONSOLE_HEAD)
                        abort();
                len += k;
                check_answer(answered);
        }
        must = expected(p, n, want);
        if (len < must || memcmp(other, want, must) != 0)
                abort();
        prov_device_free(&device);
        free(other);
        free(want);
        return 0;
}
