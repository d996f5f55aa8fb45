/* RFC 2217's server end: what clients send and what they must hear, as rows of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "host/rfc2217_server.h"

struct heard {
        struct rfc2217_server s;
        uint8_t data[256], reply[256];
        size_t data_len, reply_len;
        char calls[128]; /* L dtr,rts; B rate; P from port,to port; in order */
};

static void on_data(void *ctx, const uint8_t *p, size_t n)
{
        struct heard *h = ctx;

        assert_true(n <= sizeof h->data - h->data_len);
        memcpy(h->data + h->data_len, p, n);
        h->data_len += n;
}

static void on_reply(void *ctx, const uint8_t *p, size_t n)
{
        struct heard *h = ctx;

        assert_true(n <= sizeof h->reply - h->reply_len);
        memcpy(h->reply + h->reply_len, p, n);
        h->reply_len += n;
}

static void call(struct heard *h, char letter, unsigned a, unsigned b)
{
        const size_t n = strlen(h->calls);

        snprintf(h->calls + n, sizeof h->calls - n, "%c%u,%u ", letter, a, b);
}

static void on_lines(void *ctx, bool dtr, bool rts)
{
        call(ctx, 'L', dtr, rts);
}

static void on_baud(void *ctx, uint32_t rate)
{
        call(ctx, 'B', rate, 0);
}

static void on_purge(void *ctx, bool from_port, bool to_port)
{
        call(ctx, 'P', from_port, to_port);
}

static const struct rfc2217_ops ops = { on_data, on_reply, on_lines, on_baud, on_purge };

static const struct {
        const char *what, *in, *data, *reply, *calls;
} rows[] = {
        { "plain bytes", "00410d0ac0", "00410d0ac0", "", "" },
        { "a doubled 255", "41ffff42", "41ff42", "", "" },
        { "port control offered: agreed once", "fffb2cfffb2c", "", "fffd2c", "" },
        { "port control asked: agreed once", "fffd2cfffd2c", "", "fffb2c", "" },
        { "binary and go-ahead", "fffd00fffb00fffb03", "", "fffb00fffd00fffd03", "" },
        { "others are declined", "fffd01fffb18", "", "fffc01fffe18", "" },
        { "a refusal of what was off needs no answer", "fffe2cfffc2cfffe01", "", "", "" },
        { "a refusal of what was on is confirmed", "fffd00fffe00", "", "fffb00fffc00", "" },
        { "rate 460800", "fffa2c0100070800fff0", "", "fffa2c6500070800fff0", "B460800,0 " },
        { "what is the rate", "fffa2c0100000000fff0", "", "fffa2c650001c200fff0", "" },
        { "a rate of 255 and more: doubled both ways", "fffa2c010000ffff01fff0", "",
          "fffa2c650000ffff01fff0", "B65281,0 " },
        { "masks are echoed",
          "fffa2c0affff"
          "fff0fffa2c0b00fff0",
          "",
          "fffa2c6effff"
          "fff0fffa2c6f00fff0",
          "" },
        { "eight bits, no parity, one stop bit", "fffa2c0208fff0fffa2c0301fff0fffa2c0401fff0", "",
          "fffa2c6608fff0fffa2c6701fff0fffa2c6801fff0", "" },
        { "DTR on, RTS on, DTR off", "fffa2c0508fff0fffa2c050bfff0fffa2c0509fff0", "",
          "fffa2c6908fff0fffa2c690bfff0fffa2c6909fff0", "L1,0 L1,1 L0,1 " },
        { "what are DTR and RTS", "fffa2c0507fff0fffa2c050afff0", "",
          "fffa2c6909fff0fffa2c690cfff0", "" },
        { "purge both", "fffa2c0c03fff0", "", "fffa2c7003fff0", "P1,1 " },
        { "purge what comes from the port", "fffa2c0c01fff0", "", "fffa2c7001fff0", "P1,0 " },
        { "who are you", "fffa2c00fff0", "", "fffa2c6476626f617264fff0", "" },
        { "another option's words", "fffa1801fff0", "", "", "" },
        { "nothing in it", "fffa2cfff0fffafff0fffa2c01fff0", "", "", "" },
        { "data behind a command", "fffa2c0508fff041", "41", "fffa2c6908fff0", "L1,0 " },
};

static void feed(struct heard *h, const char *hex, size_t piece)
{
        uint8_t in[128];
        char packed[256];
        size_t len = 0;
        long n;

        for (; *hex; hex++)
                if (*hex != ' ')
                        packed[len++] = *hex;
        n = hex_decode(packed, len, in, sizeof in, NULL);
        assert_true(n > 0);
        memset(h, 0, sizeof *h);
        rfc2217_server_init(&h->s, &ops, h, 115200);
        for (size_t at = 0; at < (size_t)n; at += piece)
                rfc2217_server_input(&h->s, in + at,
                                     piece < (size_t)n - at ? piece : (size_t)n - at);
}

static void expect_hex(const char *what, const char *part, const uint8_t *p, size_t n,
                       const char *hex)
{
        char seen[600];

        hex_encode(p, n, seen);
        if (strcmp(seen, hex) != 0)
                fail_msg("%s: %s %s, expected %s", what, part, seen, hex);
}

/* Each row as a whole and cut into pieces of every size. */
static void rows_of_bytes(void **state)
{
        (void)state;
        struct heard h;

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                for (size_t piece = 1; piece < 40; piece++) {
                        feed(&h, rows[i].in, piece);
                        expect_hex(rows[i].what, "data", h.data, h.data_len, rows[i].data);
                        if (rows[i].reply)
                                expect_hex(rows[i].what, "reply", h.reply, h.reply_len,
                                           rows[i].reply);
                        if (rows[i].calls && strcmp(h.calls, rows[i].calls) != 0)
                                fail_msg("%s: %s, expected %s", rows[i].what, h.calls,
                                         rows[i].calls);
                }
}

static void long_subnegotiation_is_bounded(void **state)
{
        (void)state;
        struct heard h = { 0 };
        uint8_t junk[1000];

        memset(junk, 0x2c, sizeof junk);
        rfc2217_server_init(&h.s, &ops, &h, 115200);
        rfc2217_server_input(&h.s, (const uint8_t *)"\xff\xfa", 2);
        rfc2217_server_input(&h.s, junk, sizeof junk);
        rfc2217_server_input(&h.s,
                             (const uint8_t *)"\xff\xf0"
                                              "A",
                             3);
        assert_int_equal(h.data_len, 1);
        assert_int_equal(h.data[0], 'A');
}

static void escape_doubles_255(void **state)
{
        (void)state;
        uint8_t out[8];

        assert_int_equal(rfc2217_escape((const uint8_t *)"\xff\x01\xff", 3, out), 5);
        assert_memory_equal(out, "\xff\xff\x01\xff\xff", 5);
        assert_int_equal(rfc2217_escape(NULL, 0, out), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_of_bytes),
                cmocka_unit_test(long_subnegotiation_is_bounded),
                cmocka_unit_test(escape_doubles_255),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
