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
        uint8_t in[541] = { 0xab, 0xcd };
        long n;

        (void)state;
        n = prov_console_request("prov-session", 4711, in, 2, out, sizeof out);
        assert_int_equal(n, 23);
        assert_memory_equal(out, "prov-session 4711 abcd\r", 23);
        for (size_t cap = 0; cap < 23; cap++)
                assert_int_equal(prov_console_request("prov-session", 4711, in, 2, out, cap),
                                 -E_NOSPACE);
        /* what ESP-IDF's console takes; security 2's first message, for ours; one byte too many */
        assert_true(prov_console_request("prov-session", 4711, in, 118, out, sizeof out) <=
                    (long)PROV_CONSOLE_STOCK);
        assert_true(prov_console_request("prov-session", 4711, in, 119, out, sizeof out) >
                    (long)PROV_CONSOLE_STOCK);
        assert_int_equal(prov_console_request("prov-session", UINT32_MAX, in, 406, out, sizeof out),
                         13 + 11 + 2 * 406 + 1);
        assert_int_equal(prov_console_request("prov-session", 4711, in, 540, out, sizeof out),
                         PROV_CONSOLE_LINE - 1);
        assert_int_equal(prov_console_request("prov-session", 4711, in, 541, out, sizeof out),
                         -E_RANGE);
        assert_int_equal(prov_console_request("an-endpoint-whose-name-is-longer-than-any-that-"
                                              "anybody-has-ever-named",
                                              1, in, 1, out, sizeof out),
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
        char too_long[PROV_CONSOLE_LINE + 3];

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

/* A line that has another console: who gets what, in any pieces; text: what is answered. */
static size_t sort(const char *line, char *other)
{
        size_t n = 0;

        text[0] = 0;
        for (; *line; line++) {
                uint8_t held[PROV_CONSOLE_HEAD];
                long answered = 0;
                const size_t k = prov_console_sort(&server, (uint8_t)*line, held, text, sizeof text,
                                                   &answered);

                memcpy(other + n, held, k);
                n += k;
                if (answered)
                        text[answered] = 0;
        }
        other[n] = 0;
        return n;
}

static void test_two_consoles(void **state)
{
        static const struct {
                const char *in, *other, *answer;
        } rows[] = {
                { "selftest\r\n", "selftest\r\n", "" },
                { "prov-session 1 5203a20100\r", "", "\r\n52050801aa0100\r\n" },
                { "\n", "\n", "" }, /* of a CR LF */
                { "prov-ctrl 1 0801\r", "", "\r\n08026200\r\n" },
                { "version\rprov-ctrl 1 0801\r", "version\r", "\r\n08026200\r\n" },
                { "x prov-ctrl 1 0801\r", "x prov-ctrl 1 0801\r", "" },
                { "proto-version\r", "proto-version\r", "" },
                { "proto-ver\r", "proto-ver\r", "" },
                { "prov-sessio", "", "" }, /* it may become one … */
                { "x\r", "prov-sessiox\r", "" },
                { "prov-scan 1 zz\r", "", "" }, /* ours, and bad: nobody hears of it */
                { "custom-data 1 616263\r", "custom-data 1 616263\r", "" },
                { "\b\r\r", "\b\r\r", "" },
        };
        char other[PROV_CONSOLE_LINE], all[PROV_CONSOLE_LINE + 64];

        (void)state;
        start();
        for (size_t i = 0; i < ROWS(rows); i++) {
                sort(rows[i].in, other);
                assert_string_equal(other, rows[i].other);
                assert_string_equal(text, rows[i].answer);
        }
        /* one that is longer than any request: nobody's, and the next one is heard */
        memset(all, 'a', sizeof all);
        memcpy(all, "prov-ctrl 1 ", 12);
        strcpy(all + sizeof all - 2, "\r");
        assert_int_equal(sort(all, other), 0);
        assert_string_equal(text, "");
        sort("prov-ctrl 1 0801\r", other);
        assert_string_equal(text, "\r\n08026200\r\n");
}

/* Another transport takes the session: the console has lost it, number or not. */
static void test_taken_over(void **state)
{
        (void)state;
        start();
        assert_int_equal(say("prov-session 1 5203a20100\r"), 18);
        assert_true(say("prov-ctrl 1 0801\r") > 0);
        prov_device_new_session(&device);
        assert_int_equal(prov_device_request(&device, "prov-session",
                                             (const uint8_t *)"\x52\x03\xa2\x01", 5,
                                             (uint8_t *)text, sizeof text),
                         7);
        assert_int_equal(say("prov-ctrl 1 0801\r"), 0);
        assert_int_equal(say("prov-session 1 5203a20100\r"), 18);
        assert_true(say("prov-ctrl 1 0801\r") > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request_limits),
                cmocka_unit_test(test_answers_among_text),
                cmocka_unit_test(test_device),
                cmocka_unit_test(test_two_consoles),
                cmocka_unit_test(test_taken_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
