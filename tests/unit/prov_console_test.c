/* Console lines: what fits, what is an answer, a whole request over memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "wire/prov_console.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

static int done(void *ctx)
{
        (void)ctx;
        return 0;
}

static long custom(void *ctx, const char *endpoint, const uint8_t *in, size_t n, uint8_t *out,
                   size_t cap)
{
        (void)ctx;
        if (strcmp(endpoint, "custom-data") != 0 || n > cap)
                return -E_NOTFOUND;
        memcpy(out, in, n);
        return (long)n;
}

static const struct prov_device_ops ops = { .reset = done, .custom = custom };
static struct prov_device device;
static struct prov_console_server server;
static char text[2 * PROV_MESSAGE_MAX + 5];

static void start(void)
{
        const struct prov_device_config cfg = { .ops = &ops };

        assert_int_equal(prov_device_init(&device, &cfg), 0);
        prov_console_serve(&server, &device);
}

/* What the device says to a whole text. */
static long say(const char *line)
{
        long n = 0;

        for (; *line && n == 0; line++)
                n = prov_console_answer(&server, (uint8_t)*line, text, sizeof text);
        return n;
}

static void test_request_limits(void **state)
{
        char out[PROV_CONSOLE_LINE];
        uint8_t in[406] = { 0xab, 0xcd };
        long n;

        (void)state;
        n = prov_console_request("prov-session", 4711, in, 2, out, sizeof out);
        assert_int_equal(n, 23);
        assert_memory_equal(out, "prov-session 4711 abcd\r", 23);
        for (size_t cap = 0; cap < 23; cap++)
                assert_int_equal(prov_console_request("prov-session", 4711, in, 2, out, cap),
                                 -E_NOSPACE);
        assert_int_equal(prov_console_request("prov-session", 4711, in, 118, out, sizeof out), 255);
        assert_int_equal(prov_console_request("prov-session", 4711, in, 119, out, sizeof out),
                         -E_RANGE);
        assert_int_equal(prov_console_request("prov-session", 4711, in, sizeof in, out, sizeof out),
                         -E_RANGE);
}

static void test_answers_among_text(void **state)
{
        static const struct {
                const char *stream;
                size_t cap;
                long n;
        } rows[] = {
                { "\r\n52050801aa0100\r\n", 16, 7 },
                { "prov-session 1 5203a20100\r\n52050801aa0100\r\n", 16, 7 },
                { "I (512) wifi: state\r\n\r\n52050801aa0100\n", 16, 7 },
                { "52050801aa0100", 16, 0 },    /* not ended */
                { "52050801aa010\r\n", 16, 0 }, /* half a byte */
                { "> 52050801aa0100\r\n", 16, 0 },
                { "\r\n\r\n", 16, 0 },
                { "52050801aa0100\r\n", 6, -E_NOSPACE },
        };

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                static struct prov_console_reader r;
                uint8_t out[16];
                long n = 0;

                prov_console_begin(&r);
                for (const char *p = rows[i].stream; *p && !n; p++)
                        n = prov_console_take(&r, (uint8_t)*p, out, rows[i].cap);
                assert_int_equal(n, rows[i].n);
                if (n > 0)
                        assert_memory_equal(out, "\x52\x05\x08\x01\xaa\x01\x00", 7);
        }
}

/* Security 0's handshake as recorded (facts: 5203a20100 is answered by 52050801aa0100). */
static void test_device(void **state)
{
        static const char *const nothing[] = {
                "\r",
                "prov-session\r",
                "prov-session 1\r",
                "prov-session  5203a20100\r",
                "prov-session x 5203a20100\r",
                "prov-session 4294967296 5203a20100\r",
                "prov-session 1 5203a2010\r",
                "prov-session 1 5203a2010g\r",
                "prov-session 1 \r",
                "no-such 1 5203a20100\r",
                "custom-data 1 00\r", /* no session yet */
        };
        char too_long[600];

        (void)state;
        start();
        for (size_t i = 0; i < ROWS(nothing); i++)
                assert_int_equal(say(nothing[i]), 0);
        memset(too_long, '0', sizeof too_long);
        memcpy(too_long, "prov-session 1 ", 15);
        strcpy(too_long + sizeof too_long - 2, "\r");
        assert_int_equal(say(too_long), 0);
        assert_int_equal(say("prov-session 1 5203a20100\r"), 18);
        assert_memory_equal(text, "\r\n52050801aa0100\r\n", 18);
        assert_int_equal(say("custom-data 1 616263\r"), 10);
        assert_memory_equal(text, "\r\n616263\r\n", 10);
        /* another number is another session */
        assert_int_equal(say("custom-data 2 616263\r"), 0);
        assert_int_equal(say("custom-data 1 616263\r"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request_limits),
                cmocka_unit_test(test_answers_among_text),
                cmocka_unit_test(test_device),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
