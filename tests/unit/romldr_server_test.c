/*
 * The ROM loader's server against what the real ROMs said: recorded esptool sessions are replayed
 * byte for byte, the prober's questions asked again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "crypt/crypt.h"
#include "host/file.h"
#include "sim/chip.h"
#include "wire/romldr_client.h"
#include "wire/romldr_server.h"

#define FLASH_SIZE (4u << 20)

struct bench {
        struct flash flash;
        uint8_t *mem;
        struct sim_chip chip;
        struct romldr_server server;
        uint8_t out[1 << 16];
        size_t out_len;
        uint32_t events[8]; /* how often each came */
        uint32_t last_arg;
};

static int mem_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        memcpy(buf, (uint8_t *)f->ctx + offset, len);
        return 0;
}

static int mem_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        for (size_t i = 0; i < len; i++)
                ((uint8_t *)f->ctx)[offset + i] &= ((const uint8_t *)buf)[i];
        return 0;
}

static int mem_erase(const struct flash *f, uint32_t offset, size_t len)
{
        memset((uint8_t *)f->ctx + offset, 0xff, len);
        return 0;
}

static void on_send(void *ctx, const uint8_t *p, size_t n)
{
        struct bench *b = ctx;

        assert_true(n <= sizeof b->out - b->out_len);
        memcpy(b->out + b->out_len, p, n);
        b->out_len += n;
}

static void on_event(void *ctx, enum romldr_event event, uint32_t arg)
{
        struct bench *b = ctx;

        b->events[event]++;
        b->last_arg = arg;
        if (event == ROMLDR_EV_BAUD)
                sim_chip_rate(&b->chip, arg, true);
}

/* eFuses and divider of the chips that were recorded. */
static void as_recorded(struct bench *b)
{
        static const uint8_t mac[6] = { 0x24, 0x0a, 0xc4, 0xfe, 0x10, 0x01 };

        sim_chip_blank_efuses(&b->chip, mac);
        if (b->chip.type == &sim_esp32c3) {
                sim_chip_efuse_set(&b->chip, 0x50, 0x000c0000);
                sim_chip_efuse_set(&b->chip, 0x54, 0);
                sim_chip_efuse_set(&b->chip, 0x6c, 0);
        } else {
                sim_chip_efuse_set(&b->chip, 0x14, 0x00100000);
        }
}

static void reset(struct bench *b)
{
        sim_chip_reset(&b->chip, true);
        b->chip.clkdiv = b->chip.type == &sim_esp32 ? 0x15a : 0x152; /* as autobaud measured it */
        sim_chip_loader(&b->chip, &b->server, on_send, on_event, b);
        b->out_len = 0;
        memset(b->events, 0, sizeof b->events);
}

static struct bench *bench_new(const struct sim_chip_type *type)
{
        struct bench *b = calloc(1, sizeof *b);

        assert_non_null(b);
        b->mem = malloc(FLASH_SIZE);
        assert_non_null(b->mem);
        memset(b->mem, 0xff, FLASH_SIZE);
        b->flash = (struct flash){ mem_read, mem_write, mem_erase, b->mem, FLASH_SIZE };
        assert_int_equal(sim_chip_init(&b->chip, type, &b->flash), 0);
        as_recorded(b);
        reset(b);
        return b;
}

static void bench_free(struct bench *b)
{
        sim_chip_free(&b->chip);
        free(b->mem);
        free(b);
}

/* Replay of recorded sessions */

struct session {
        struct blob text;
        char *at;
};

static bool session_open(struct session *s, const char *name)
{
        char path[128];

        snprintf(path, sizeof path, "tests/golden/romldr/%s.txt", name);
        if (file_load(path, FILE_LIMIT_TEXT, &s->text, NULL) < 0)
                return false;
        s->at = (char *)s->text.data;
        return true;
}

/* The next frame: its direction, bytes in buf. 0 at the end. */
static char session_next(struct session *s, uint8_t *buf, size_t cap, size_t *n)
{
        while (*s->at) {
                char *line = s->at;
                const size_t len = strcspn(line, "\n");
                long got;

                s->at += len + (line[len] != 0);
                if (len < 2 || (line[0] != '>' && line[0] != '<'))
                        continue;
                got = hex_decode(line + 2, len - 2, buf, cap, NULL);
                assert_true(got > 0);
                if (buf[0] != SLIP_END)
                        continue; /* the first letter of the banner */
                *n = (size_t)got;
                return line[0];
        }
        return 0;
}

/* What the recorded chip had on its flash is what it answered to READ_FLASH_SLOW. */
static void load_flash(struct bench *b, const char *name)
{
        struct session s;
        uint8_t raw[20000], frame[ROMLDR_PACKET_MAX];
        uint32_t want = UINT32_MAX;
        size_t n;
        char way;

        assert_true(session_open(&s, name));
        while ((way = session_next(&s, raw, sizeof raw, &n))) {
                struct slip_decoder d;
                size_t used;

                slip_decoder_init(&d, frame, sizeof frame);
                if (slip_feed(&d, raw, n, &used) != SLIP_FRAME ||
                    frame[1] != ROMLDR_READ_FLASH_SLOW)
                        continue;
                if (way == '>')
                        want = le32_get(frame + ROMLDR_HEADER);
                else if (want < FLASH_SIZE - ROMLDR_READ_SLOW)
                        memcpy(b->mem + want, frame + ROMLDR_HEADER, ROMLDR_READ_SLOW);
        }
        blob_free(&s.text);
}

struct replay {
        uint8_t expected[1 << 16];
        size_t len, last; /* where the last frame begins */
        unsigned compared;
        bool md5_unknown; /* the flash's content was not recorded */
};

/*
 * Every recorded byte must come; more may only be the last frame again: esptool reads one of the
 * eight answers that an unknown command behind SYNC gets and drops the rest.
 */
static void compare(struct bench *b, struct replay *r)
{
        const size_t frame = r->len - r->last;

        if (r->md5_unknown && r->len > 41 && r->expected[2] == ROMLDR_SPI_FLASH_MD5)
                memcpy(r->expected + 9, b->out + 9, 32);
        assert_true(b->out_len >= r->len);
        assert_memory_equal(b->out, r->expected, r->len);
        for (size_t at = r->len; at < b->out_len; at += frame) {
                assert_true(frame <= b->out_len - at);
                assert_memory_equal(b->out + at, r->expected + r->last, frame);
        }
        r->compared += r->len != 0;
}

static void replay(struct bench *b, struct session *s, struct replay *r)
{
        uint8_t request[20000], frame[20000];
        size_t request_len = 0;
        char way;

        do {
                size_t n = 0;

                way = session_next(s, frame, sizeof frame, &n);
                if (way == '<') {
                        r->last = r->len;
                        memcpy(r->expected + r->len, frame, n);
                        r->len += n;
                        continue;
                }
                /* a request that went unanswered came before the ROM listened */
                if (request_len && r->len) {
                        b->out_len = 0;
                        romldr_server_input(&b->server, request, request_len);
                        compare(b, r);
                }
                r->len = r->last = 0;
                memcpy(request, frame, n);
                request_len = n;
        } while (way);
}

static void check_session(const struct sim_chip_type *type, const char *name, unsigned answered)
{
        struct bench *b = bench_new(type);
        struct replay *r = calloc(1, sizeof *r);
        struct session s;

        assert_non_null(r);
        load_flash(b, name);
        if (strstr(name, "secure-dl"))
                sim_chip_burn(&b->chip, type->secure_download);
        reset(b);
        r->md5_unknown = strstr(name, "verify") != NULL;
        assert_true(session_open(&s, name));
        replay(b, &s, r);
        if (r->compared != answered)
                fail_msg("%s: %u of %u answers compared", name, r->compared, answered);
        blob_free(&s.text);
        free(r);
        bench_free(b);
}

static void replays_sessions(void **state)
{
        (void)state;
        static const struct {
                const struct sim_chip_type *type;
                const char *name;
                unsigned answered;
        } rows[] = {
                { &sim_esp32c3, "c3-rom-chip_id", 38 },
                { &sim_esp32c3, "c3-rom-flash_id", 36 },
                { &sim_esp32c3, "c3-rom-security_info", 37 },
                { &sim_esp32c3, "c3-rom-read_flash", 293 },
                { &sim_esp32c3, "c3-rom-verify_flash", 38 },
                { &sim_esp32c3, "c3-rom-write_compressed", 47 },
                { &sim_esp32c3, "c3-rom-baud460800-write", 48 },
                { &sim_esp32c3, "c3-secure-dl-flash_id", 5 },
                { &sim_esp32c3, "c3-secure-dl-get_security_info", 5 },
                { &sim_esp32c3, "c3-secure-dl-write_flash", 7 },
                { &sim_esp32, "esp32-rom-chip_id", 46 },
                { &sim_esp32, "esp32-rom-flash_id", 47 },
                { &sim_esp32, "esp32-rom-security_info", 45 },
                { &sim_esp32, "esp32-rom-read_flash", 301 },
                { &sim_esp32, "esp32-rom-verify_flash", 46 },
                { &sim_esp32, "esp32-rom-write_compressed", 63 },
                { &sim_esp32, "esp32-rom-baud460800-write", 66 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                check_session(rows[i].type, rows[i].name, rows[i].answered);
}

/* The prober's questions */

enum { PLAIN, DATA, BAD_SUM, RAW, RESET };

/*
 * One question. Replies: hex without delimiters, $ for the chip's magic word, "8x" before one that
 * comes eight times, "" for silence; NULL: not looked at. reply_esp32 NULL: as on the C3.
 */
struct question {
        const char *what;
        int kind;
        uint8_t op;
        const char *data; /* hex behind the header; DATA: sequence number, fill, length in words
                             below */
        uint32_t seq, fill, len;
        const char *reply, *reply_esp32;
};

#define BEGIN      \
        "00100000" \
        "04000000" \
        "00040000" \
        "00000100"

static const struct question questions[] = {
        { "sync", PLAIN, 8,
          "070712205555555555555555555555555555555555555555555555555555555555555555",
          .reply = "8x010804000707122000000000" },
        { "sync with another payload", PLAIN, 8,
          "555555555555555555555555555555555555555555555555555555555555555555555555",
          .reply = "8x010804005555555500000000" },
        { "sync, 35 bytes", PLAIN, 8,
          "0707122055555555555555555555555555555555555555555555555555555555555555",
          .reply = "8x010804000707122000000000" },
        { "security info", PLAIN, 0x14, "",
          .reply = "011418000707122000000000000000000000000c050000000300000000000000",
          .reply_esp32 = "8x010804000707122001050000" },
        { "unknown", PLAIN, 0x7f, "", .reply = "011404000707122001050000",
          .reply_esp32 = "8x010804000707122001050000" },
        { "erase flash", PLAIN, 0xd0, "", .reply = "011404000707122001050000",
          .reply_esp32 = "8x010804000707122001050000" },
        { "read flash", PLAIN, 0xd2, "", .reply = "011404000707122001050000",
          .reply_esp32 = "8x010804000707122001050000" },
        { "magic", PLAIN, 0x0a, "00100040", .reply = "010a0400$00000000" },
        { "magic, 3 bytes", PLAIN, 0x0a, "001000", .reply = "010a0400$00000000" },
        { "magic, 8 bytes", PLAIN, 0x0a, "0010004000000000", .reply = "010a0400$00000000" },
        { "size field lies", RAW, 0, "c0000a08000000000000100040c0", .reply = "010a0400$00000000" },
        { "a wrong checksum", RAW, 0, "c0000a04001234567800100040c0",
          .reply = "010a0400$00000000" },
        { "a reply", RAW, 0, "c0010a04000000000000100040c0", .reply = "010a0400$01050000" },
        { "no leading END", RAW, 0, "000a04000000000000100040c0", .reply = "" },
        { "noise first", RAW, 0, "41540d0ac0000a04000000000000100040c0",
          .reply = "010a0400$01050000" },
        { "attach, 4 bytes", PLAIN, 0x0d, "00000000", .reply = "010d0400$00000000" },
        { "attach, 8 bytes", PLAIN, 0x0d, "0000000000000000", .reply = "010d0400$00000000" },
        { "parameters", PLAIN, 0x0b, "0000000000004000000001000010000000010000ffff0000",
          .reply = "010b0400$00000000" },
        { "data without begin", DATA, 3, .len = 1024, .reply = "01030400$01640000",
          .reply_esp32 = "01030400$01050000" },
        { "the other begin", PLAIN, 2, BEGIN, .reply = "01020400$01050000",
          .reply_esp32 = "01020400$00050000" },
        { "begin", PLAIN, 2, BEGIN "00000000", .reply = "01020400$00050000",
          .reply_esp32 = "01020400$01050000" },
        { "block 0", DATA, 3, .fill = 0x41, .len = 1024, .reply = "01030400$00050000" },
        { "block 0 again", DATA, 3, .fill = 0x41, .len = 1024, .reply = "01030400$01050000" },
        { "block 5", DATA, 3, .seq = 5, .fill = 0x41, .len = 1024, .reply = "01030400$01050000" },
        { "block 1, wrong sum", BAD_SUM, 3, .seq = 1, .fill = 0x41, .len = 1024,
          .reply = "01030400$01070000" },
        { "block 1, used up", DATA, 3, .seq = 1, .fill = 0x41, .len = 1024,
          .reply = "01030400$01050000" },
        { "block 2, short", DATA, 3, .seq = 2, .fill = 0x41, .len = 512,
          .reply = "01030400$00050000" },
        { "md5 of nothing", PLAIN, 0x13, "00000000000000000000000000000000",
          .reply = "01132400$"
                   "643431643863643938663030623230346539383030393938656366383432376500000000" },

        { "a wrong sum uses its number up", RESET },
        { "sync", PLAIN, 8, "07071220", .reply = "8x010804000707122000000000" },
        { "begin", PLAIN, 2,
          "000c0000"
          "03000000"
          "00040000"
          "00000100"
          "00000000",
          .reply = "010204000707122000000000", .reply_esp32 = "010204000707122001050000" },
        { "begin", PLAIN, 2,
          "000c0000"
          "03000000"
          "00040000"
          "00000100",
          .reply = "010204000707122001050000", .reply_esp32 = "010204000707122000050000" },
        { "block 0", DATA, 3, .fill = 0x41, .len = 1024, .reply = "010304000707122000050000" },
        { "block 1 bad", BAD_SUM, 3, .seq = 1, .fill = 0x42, .len = 1024,
          .reply = "010304000707122001070000" },
        { "block 1 as 2", DATA, 3, .seq = 2, .fill = 0x42, .len = 1024,
          .reply = "010304000707122000070000" },
        { "block 2 as 3", DATA, 3, .seq = 3, .fill = 0x43, .len = 1024,
          .reply = "010304000707122000070000" },
        { "it is there", PLAIN, 0x0e, "000801004000000000000000",
          .reply = "010e440007071220"
                   "4343434343434343434343434343434343434343434343434343434343434343434343434343434"
                   "3434343434343434343434343434343434343434343434343"
                   "00000000" },

        { "memory", RESET },
        { "sync", PLAIN, 8, "07071220", .reply = "8x010804000707122000000000" },
        { "magic", PLAIN, 0x0a, "00100040", .reply = "010a0400$00000000" },
        { "begin", PLAIN, 5,
          "001800000100000000180000"
          "00000050",
          .reply = "01050400$00000000" },
        { "data", DATA, 7, .fill = 0x4c, .len = 0x1800, .reply = "01070400$00000000" },
        { "first word", PLAIN, 0x0a, "00000050", .reply = "010a04004c4c4c4c00000000" },
        { "end, stay", PLAIN, 6, "0100000000000000", .reply = "010604004c4c4c4c00000000" },
        { "begin, blocks too large", PLAIN, 5,
          "004000000100000000400000"
          "00000050",
          .reply = "010504004c4c4c4c01050000" },
        { "data too large", DATA, 7, .fill = 1, .len = 0x4000,
          .reply = "010704004c4c4c4c01050000" },
        { "write", PLAIN, 9, "00000050efbeaddeffffffff00000000",
          .reply = "010904004c4c4c4c00000000" },
        { "read", PLAIN, 0x0a, "00000050", .reply = "010a0400efbeadde00000000" },
        { "two writes", PLAIN, 9,
          "0000005001000000ffffffff000000000400005002000000ffffffff00000000",
          .reply = "01090400efbeadde00000000" },
        { "read first", PLAIN, 0x0a, "00000050", .reply = "010a04000100000000000000" },
        { "read second", PLAIN, 0x0a, "04000050", .reply = "010a04000200000000000000" },
        { "masked write", PLAIN, 9, "04000050f0f0f0f0ff00000000000000",
          .reply = "010904000200000000000000" },
        { "read it", PLAIN, 0x0a, "04000050", .reply = "010a0400f000000000000000" },
        { "run", PLAIN, 6, "0000000000000050", .reply = "01060400f000000000000000" },
        { "silence", PLAIN, 0x0a, "00100040", .reply = "" },

        { "half a packet, then a whole one", RESET },
        { "sync", PLAIN, 8, "0707122055555555", .reply = "8x010804000707122000000000" },
        { "half and whole", RAW, 0, "c0000a04000000c0000a04000000000000100040c0",
          .reply = "010a04000000000000000000" },
        { "another", RAW, 0, "c0000a04000000000000100040c0", .reply = "010a0400$00000000" },

        { "FLASH_END 1 leaves the loader", RESET },
        { "end out of the blue", PLAIN, 4, "01000000", .reply = "010404000000000001060000" },
        { "gone", PLAIN, 0x0a, "00100040", .reply = "", .reply_esp32 = "0d0a486f773f0d0a3e041040" },

        { "a hole", RESET },
        { "address 0", PLAIN, 0x0a, "00000000", .reply = NULL },
        { "gone", PLAIN, 0x0a, "00100040", .reply = "" },
};

static size_t build(const struct question *q, uint8_t *out, size_t cap)
{
        uint8_t data[ROMLDR_PACKET_MAX];
        long n = 0;

        if (q->data) {
                n = hex_decode(q->data, strlen(q->data), data, sizeof data, NULL);
                assert_true(n >= 0);
        }
        if (q->kind == RAW) {
                memcpy(out, data, (size_t)n);
                return (size_t)n;
        }
        if (q->kind == PLAIN) {
                n = romldr_request(out, cap, q->op, data, (size_t)n);
        } else {
                memset(data, (int)q->fill, q->len);
                n = romldr_request_block(out, cap, q->op, q->seq, data, q->len);
                if (q->kind == BAD_SUM)
                        out[1 + ROMLDR_AT_VALUE] ^= 1;
        }
        assert_true(n > 0);
        return (size_t)n;
}

/* The frames in what the server sent must be count times reply. */
static void check_reply(struct bench *b, const struct question *q, const char *reply)
{
        uint8_t expected[256], frame[ROMLDR_PACKET_MAX];
        char text[600];
        struct slip_decoder d;
        unsigned want = *reply != 0;
        unsigned got = 0;
        const char *magic = b->chip.type == &sim_esp32 ? "831df000" : "6f50311b";
        long len;

        if (!strncmp(reply, "8x", 2)) {
                want = 8;
                reply += 2;
        }
        if (strchr(reply, '$'))
                snprintf(text, sizeof text, "%.*s%s%s", (int)strcspn(reply, "$"), reply, magic,
                         strchr(reply, '$') + 1);
        else
                snprintf(text, sizeof text, "%s", reply);
        len = hex_decode(text, strlen(text), expected, sizeof expected, NULL);
        assert_true(len >= 0);
        slip_decoder_init(&d, frame, sizeof frame);
        for (size_t at = 0, used; at < b->out_len; at += used) {
                char seen[600];

                if (slip_feed(&d, b->out + at, b->out_len - at, &used) != SLIP_FRAME)
                        continue;
                hex_encode(frame, d.len < 250 ? d.len : 250, seen);
                if (strcmp(seen, text) != 0)
                        fail_msg("%s: %s: got %s, the ROM said %s", b->chip.type->name, q->what,
                                 seen, text);
                got++;
        }
        if (got != want)
                fail_msg("%s: %s: %u replies, the ROM gave %u", b->chip.type->name, q->what, got,
                         want);
}

static void ask(const struct sim_chip_type *type)
{
        struct bench *b = bench_new(type);
        uint8_t *out = malloc(SLIP_MAX(ROMLDR_PACKET_MAX));

        assert_non_null(out);
        for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
                const struct question *q = &questions[i];
                const char *reply =
                        type == &sim_esp32 && q->reply_esp32 ? q->reply_esp32 : q->reply;

                if (q->kind == RESET) {
                        reset(b);
                        continue;
                }
                b->out_len = 0;
                romldr_server_input(&b->server, out, build(q, out, SLIP_MAX(ROMLDR_PACKET_MAX)));
                if (reply)
                        check_reply(b, q, reply);
        }
        free(out);
        bench_free(b);
}

static void answers_the_probers_questions(void **state)
{
        (void)state;
        ask(&sim_esp32c3);
        ask(&sim_esp32);
}

/* What the server says to a frame of the client's own encoder: the error, or -1 for silence. */
static int error_of(struct bench *b, uint8_t op, const uint8_t *out, long len)
{
        uint8_t frame[ROMLDR_PACKET_MAX];
        struct romldr_client c;
        size_t used;

        assert_true(len > 0);
        b->out_len = 0;
        romldr_server_input(&b->server, out, (size_t)len);
        romldr_client_init(&c, frame, sizeof frame, ROMLDR_STATUS);
        romldr_client_expect(&c, op);
        if (romldr_client_feed(&c, b->out, b->out_len, &used) != 1)
                return -1;
        return c.reply.status ? c.reply.reason : 0;
}

static int request(struct bench *b, uint8_t op, const uint32_t *words, size_t n)
{
        uint8_t out[SLIP_MAX(64)];

        return error_of(b, op, out, romldr_request_words(out, sizeof out, op, words, n));
}

static int block(struct bench *b, uint8_t op, uint32_t seq, const void *p, size_t n)
{
        static uint8_t out[SLIP_MAX(ROMLDR_PACKET_MAX)];

        return error_of(b, op, out, romldr_request_block(out, sizeof out, op, seq, p, n));
}

#define REQUEST(b, op, ...)                               \
        request(b, op, (const uint32_t[]){ __VA_ARGS__ }, \
                sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void refuses_what_does_not_fit(void **state)
{
        (void)state;
        struct bench *b = bench_new(&sim_esp32c3);
        uint8_t data[ROMLDR_FLASH_BLOCK];
        static const struct {
                uint32_t size, blocks, block_size, offset;
                int error;
        } rows[] = {
                { 0, 0, 0x400, 0, 0 },
                { 0x400, 1, 0x400, 4u << 20, 6 },
                { 0x400, 1, 0x400, 0x10010, 6 },
                { 5, 1, 0x400, 0x10000, 0 },
                { 1u << 20, 1024, 0x400, 0x100000, 0 },
                { 0x500, 2, 0x400, 0x13000, 0 },
                { 4u << 20, 4096, 0x400, 0, 0 },
                { (4u << 20) + 4096, 4097, 0x400, 0, 6 },
                { 65536, 64, 0x400, (4u << 20) - 32768, 6 },
                { 0x1800, 1, 0x1800, 0, 0 },
                { 0x2000, 1, 0x2000, 0, 5 },
                { 0x400, 1, 0x400, 0xfffff000, 6 },
                { 0xffffffff, 1, 0x400, 0, 6 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(REQUEST(b, ROMLDR_FLASH_BEGIN, rows[i].size, rows[i].blocks,
                                         rows[i].block_size, rows[i].offset, 0),
                                 rows[i].error);
        /* 06 at BEGIN erases nothing, yet data are taken and only clear bits */
        memset(b->mem + 0x12000, 0xf0, 4096);
        assert_int_equal(REQUEST(b, ROMLDR_FLASH_BEGIN, 0x400, 1, 0x400, 0x12800, 0), 6);
        memset(data, 0x55, sizeof data);
        assert_int_equal(block(b, ROMLDR_FLASH_DATA, 0, data, sizeof data), 0);
        assert_int_equal(b->mem[0x12000], 0xf0);
        assert_int_equal(b->mem[0x12800], 0x50);
        for (size_t n = 0; n <= 8; n++) {
                assert_int_equal(REQUEST(b, ROMLDR_FLASH_BEGIN, 0x400, 1, 0x400, 0x14000, 0), 0);
                assert_int_equal(block(b, ROMLDR_FLASH_DATA, 0, data, n), n % 4 ? 5 : 0);
        }
        assert_int_equal(REQUEST(b, ROMLDR_FLASH_BEGIN, 0x400, 1, 0x400, 0x14000, 1), 6);
        bench_free(b);
}

static void flash_end_counts_blocks(void **state)
{
        (void)state;
        static const struct {
                uint32_t announced, sent, flag;
                int error;
                uint32_t reboots;
        } rows[] = {
                { 1, 1, 1, 0, 0 }, { 1, 1, 0, 0, 1 }, { 3, 1, 1, 6, 0 },
                { 3, 4, 1, 6, 0 }, { 0, 0, 0, 0, 1 },
        };
        static const uint8_t data[ROMLDR_FLASH_BLOCK];

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct bench *b = bench_new(&sim_esp32c3);

                assert_int_equal(REQUEST(b, ROMLDR_FLASH_BEGIN, 0, rows[i].announced, 0x400, 0, 0),
                                 0);
                for (uint32_t k = 0; k < rows[i].sent; k++)
                        assert_int_equal(block(b, ROMLDR_FLASH_DATA, k, data, sizeof data), 0);
                assert_int_equal(REQUEST(b, ROMLDR_FLASH_END, rows[i].flag), rows[i].error);
                assert_int_equal(b->events[ROMLDR_EV_REBOOT], rows[i].reboots);
                if (rows[i].reboots)
                        assert_memory_equal(b->out + b->out_len - 3, "\xc0\xc0\xc0", 3);
                assert_int_equal(REQUEST(b, ROMLDR_READ_REG, ROMLDR_MAGIC_REG), -1);
                bench_free(b);
        }
}

/* 512 zeros, deflated by zlib */
static const uint8_t zeros_z[] = { 0x78, 0xda, 0x63, 0x60, 0x18, 0x05, 0x23,
                                   0x19, 0x00, 0x00, 0x02, 0x00, 0x00, 0x01 };

static void deflated_blocks(void **state)
{
        (void)state;
        struct bench *b = bench_new(&sim_esp32c3);
        uint8_t bad[sizeof zeros_z];

        assert_int_equal(REQUEST(b, ROMLDR_DEFL_BEGIN, 512, 1, 0x400, 0x1000, 0), 0);
        assert_int_equal(block(b, ROMLDR_DEFL_DATA, 0, zeros_z, sizeof zeros_z), 0);
        assert_true(bytes_all(b->mem + 0x1000, 512, 0) && b->mem[0x1200] == 0xff);
        assert_int_equal(REQUEST(b, ROMLDR_DEFL_END, 1), 0);
        assert_int_equal(REQUEST(b, ROMLDR_READ_REG, ROMLDR_MAGIC_REG), 0);

        /* more blocks announced than come: the last bytes never reach the flash */
        assert_int_equal(REQUEST(b, ROMLDR_DEFL_BEGIN, 512, 2, 0x400, 0x2000, 0), 0);
        assert_int_equal(block(b, ROMLDR_DEFL_DATA, 0, zeros_z, sizeof zeros_z), 0);
        assert_int_equal(b->mem[0x2000], 0xff);
        /* data behind the end of the stream hang the ROM */
        assert_int_equal(block(b, ROMLDR_DEFL_DATA, 1, zeros_z, sizeof zeros_z), -1);
        assert_int_equal(b->events[ROMLDR_EV_FAULT], 1);

        /* a forged stream, cut and bent at every byte: refused or incomplete, never hanging */
        for (size_t i = 0; i < sizeof zeros_z; i++) {
                reset(b);
                memcpy(bad, zeros_z, sizeof bad);
                bad[i] ^= 0x5a;
                assert_int_equal(REQUEST(b, ROMLDR_DEFL_BEGIN, 512, 1, 0x400, 0x3000, 0), 0);
                assert_in_set(block(b, ROMLDR_DEFL_DATA, 0, bad, sizeof bad),
                              ((unsigned long[]){ 0, 11 }), 2);
        }
        reset(b);
        assert_int_equal(REQUEST(b, ROMLDR_DEFL_BEGIN, 512, 1, 0x400, 0x3000, 0), 0);
        assert_int_equal(block(b, ROMLDR_DEFL_DATA, 0, "garbage!", 8), 11);
        bench_free(b);
}

static void rate_changes(void **state)
{
        (void)state;
        struct bench *b = bench_new(&sim_esp32c3);
        uint32_t v = 0;

        assert_int_equal(REQUEST(b, ROMLDR_CHANGE_BAUD, 460800, 0), 0);
        assert_int_equal(b->events[ROMLDR_EV_BAUD], 1);
        assert_int_equal(b->last_arg, 460800);
        assert_int_equal(sim_chip_read(&b->chip, 0x60000014, &v), 0);
        assert_int_equal(v, 0x00c00056); /* what the ROM set */
        assert_int_equal(REQUEST(b, ROMLDR_CHANGE_BAUD, 0, 0), 0);
        assert_int_equal(b->events[ROMLDR_EV_BAUD], 1);
        bench_free(b);
        b = bench_new(&sim_esp32);
        assert_int_equal(REQUEST(b, ROMLDR_CHANGE_BAUD, 0, 0), -1);
        bench_free(b);
}

static void forced_refusals(void **state)
{
        (void)state;
        struct bench *b = bench_new(&sim_esp32c3);

        b->server.refusal = (struct romldr_refusal){
                .after = 1, .count = 2, .op = ROMLDR_READ_REG, .error = 7
        };
        assert_int_equal(REQUEST(b, ROMLDR_SPI_ATTACH, 0, 0), 0);
        assert_int_equal(REQUEST(b, ROMLDR_READ_REG, ROMLDR_MAGIC_REG), 0);
        assert_int_equal(REQUEST(b, ROMLDR_READ_REG, ROMLDR_MAGIC_REG), 7);
        assert_int_equal(REQUEST(b, ROMLDR_SPI_ATTACH, 0, 0), 0);
        assert_int_equal(REQUEST(b, ROMLDR_READ_REG, ROMLDR_MAGIC_REG), 7);
        assert_int_equal(REQUEST(b, ROMLDR_READ_REG, ROMLDR_MAGIC_REG), 0);
        bench_free(b);
}

/* Whatever the sizes of the pieces, the answers are the same. */
static void pieces_do_not_matter(void **state)
{
        (void)state;
        struct bench *b = bench_new(&sim_esp32c3);
        uint8_t in[256];
        uint8_t once[512];
        size_t n = 0;
        size_t len;

        n += (size_t)romldr_request_sync(in, sizeof in);
        n += (size_t)romldr_request_words(in + n, sizeof in - n, ROMLDR_READ_REG,
                                          (const uint32_t[]){ ROMLDR_MAGIC_REG }, 1);
        n += (size_t)romldr_request_words(in + n, sizeof in - n, ROMLDR_SPI_FLASH_MD5,
                                          (const uint32_t[]){ 0, 64, 0, 0 }, 4);
        romldr_server_input(&b->server, in, n);
        len = b->out_len;
        assert_true(len < sizeof once);
        memcpy(once, b->out, len);
        for (size_t piece = 1; piece < n; piece++) {
                reset(b);
                for (size_t at = 0; at < n; at += piece)
                        romldr_server_input(&b->server, in + at, piece < n - at ? piece : n - at);
                assert_int_equal(b->out_len, len);
                assert_memory_equal(b->out, once, len);
        }
        bench_free(b);
}

static void oversized_packet_is_fatal(void **state)
{
        (void)state;
        struct bench *b = bench_new(&sim_esp32c3);
        const uint8_t zero[1000] = { 0 };

        romldr_server_input(&b->server, (const uint8_t *)"\xc0\x00\x0a", 3);
        for (int i = 0; i < 20; i++)
                romldr_server_input(&b->server, zero, sizeof zero);
        romldr_server_input(&b->server, (const uint8_t *)"\xc0", 1);
        assert_int_equal(b->events[ROMLDR_EV_FAULT], 1);
        assert_non_null(memmem(b->out, b->out_len, "Guru Meditation Error", 21));
        assert_int_equal(REQUEST(b, ROMLDR_READ_REG, ROMLDR_MAGIC_REG), -1);
        bench_free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(replays_sessions),
                cmocka_unit_test(answers_the_probers_questions),
                cmocka_unit_test(refuses_what_does_not_fit),
                cmocka_unit_test(flash_end_counts_blocks),
                cmocka_unit_test(deflated_blocks),
                cmocka_unit_test(rate_changes),
                cmocka_unit_test(forced_refusals),
                cmocka_unit_test(pieces_do_not_matter),
                cmocka_unit_test(oversized_packet_is_fatal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
