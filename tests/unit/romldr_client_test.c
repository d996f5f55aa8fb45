/* The host's end of the loader protocol against recorded sessions of esptool with real ROMs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/file.h"
#include "wire/romldr_client.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

static const char *const sessions[] = {
        "c3-rom-chip_id",
        "c3-rom-flash_id",
        "c3-rom-read_flash",
        "c3-rom-security_info",
        "c3-rom-verify_flash",
        "c3-rom-write_compressed",
        "c3-secure-dl-flash_id",
        "c3-secure-dl-write_flash",
        "esp32-rom-chip_id",
        "esp32-rom-flash_id",
        "esp32-rom-read_flash",
        "esp32-rom-verify_flash",
        "esp32-rom-write_compressed",
        "esp32-rom-baud460800-write",
};

/* What our functions make of a request that esptool sent: the same frame. */
static void check_request(const uint8_t *frame, size_t n)
{
        uint8_t packet[ROMLDR_PACKET_MAX];
        uint8_t ours[SLIP_MAX(ROMLDR_PACKET_MAX)];
        uint32_t words[16];
        struct slip_decoder s;
        size_t used;
        size_t len;
        uint8_t op;
        long got;

        slip_decoder_init(&s, packet, sizeof packet);
        assert_int_equal(slip_feed(&s, frame, n, &used), SLIP_FRAME);
        assert_int_equal(used, n);
        assert_int_equal(packet[0], ROMLDR_REQUEST);
        op = packet[ROMLDR_AT_OP];
        len = s.len - ROMLDR_HEADER;
        if (op == ROMLDR_FLASH_DATA || op == ROMLDR_DEFL_DATA) {
                got = romldr_request_block(ours, sizeof ours, op, le32_get(packet + 12),
                                           packet + ROMLDR_HEADER + ROMLDR_BLOCK_HEADER,
                                           len - ROMLDR_BLOCK_HEADER);
        } else if (op == ROMLDR_SYNC) {
                got = romldr_request_sync(ours, sizeof ours);
        } else if (len % 4 == 0 && len <= sizeof words) {
                for (size_t i = 0; i < len / 4; i++)
                        words[i] = le32_get(packet + ROMLDR_HEADER + 4 * i);
                got = romldr_request_words(ours, sizeof ours, op, words, len / 4);
        } else {
                got = romldr_request(ours, sizeof ours, op, packet + ROMLDR_HEADER, len);
        }
        assert_int_equal(got, n);
        assert_memory_equal(ours, frame, n);
}

/* Every request of the session is built the same, every answer is recognised as the answer to its
 * request. */
static void replay(const char *name)
{
        static uint8_t rx[ROMLDR_PACKET_MAX];
        static uint8_t frame[SLIP_MAX(ROMLDR_PACKET_MAX)];
        struct romldr_client c;
        struct blob text;
        char path[128];
        char *save = NULL;
        bool answered = true;
        unsigned requests = 0;

        snprintf(path, sizeof path, "tests/golden/romldr/%s.txt", name);
        assert_int_equal(file_load(path, FILE_LIMIT_TEXT, &text, NULL), 0);
        romldr_client_init(&c, rx, sizeof rx, ROMLDR_STATUS);
        for (char *line = strtok_r((char *)text.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                const long n =
                        strlen(line) > 2 && strchr("<>", line[0])
                                ? hex_decode(line + 2, strlen(line + 2), frame, sizeof frame, NULL)
                                : 0;
                size_t used;

                if (n <= 0 || frame[0] != SLIP_END)
                        continue;
                if (line[0] == '>') {
                        check_request(frame, (size_t)n);
                        /* esptool repeats SYNC until it is heard */
                        assert_true(answered || c.op == ROMLDR_SYNC);
                        romldr_client_expect(&c, frame[2] == 0xdb ? 0 : frame[2]);
                        answered = false;
                        requests++;
                } else if (romldr_client_feed(&c, frame, (size_t)n, &used) == 1) {
                        answered = true;
                        assert_int_equal(used, n);
                }
        }
        assert_true(answered);
        assert_true(requests > 3);
        blob_free(&text);
}

static void test_recorded_sessions(void **state)
{
        (void)state;
        for (size_t i = 0; i < ROWS(sessions); i++)
                replay(sessions[i]);
}

static void test_replies(void **state)
{
        static const struct {
                const char *frame; /* hexadecimal, without SLIP */
                int rc;
                size_t status_len;
                uint8_t op, status, reason;
                size_t len;
        } rows[] = {
                { "010a04006f50311b00000000", 0, 4, 0x0a, 0, 0, 0 },
                { "010a04006f50311b00000000", 0, 2, 0x0a, 0, 0, 2 },
                { "011404000707122001050000", 0, 4, 0x14, 1, 5, 0 },
                { "010a0200000000000100", 0, 4, 0x0a, 1, 0,
                  0 }, /* two status bytes where four are usual */
                { "000a04006f50311b00000000", -E_PROTO, 4, 0, 0, 0, 0 },
                { "010a05006f50311b00000000", -E_PROTO, 4, 0, 0, 0, 0 }, /* the size field lies */
                { "010a01006f50311b00", -E_PROTO, 4, 0, 0, 0, 0 },
                { "", -E_PROTO, 4, 0, 0, 0, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                uint8_t frame[64];
                struct romldr_reply r;
                const long n =
                        hex_decode(rows[i].frame, strlen(rows[i].frame), frame, sizeof frame, NULL);

                assert_int_equal(romldr_reply_parse(frame, (size_t)n, rows[i].status_len, &r),
                                 rows[i].rc);
                if (rows[i].rc < 0)
                        continue;
                assert_int_equal(r.op, rows[i].op);
                assert_int_equal(r.status, rows[i].status);
                assert_int_equal(r.reason, rows[i].reason);
                assert_int_equal(r.len, rows[i].len);
        }
}

/* Leftovers, text and damage before the answer are passed over; a refusal under another name is the
 * answer. */
static void test_strays(void **state)
{
        static const char noise[] =
                "boot\r\n\xC0\x01\x08\x04\x00\x07\x07\x12\x20\x00\x00\x00\x00\xC0" /* SYNC's */
                "\xC0\xDB\x01\xC0"                                                 /* damaged */
                "\xC0\x01\x0a\x04\x00\x78\x56\x34\x12\x00\x00\x00\x00\xC0rest";
        static const char refusal[] = "\xC0\x01\x08\x04\x00\x00\x00\x00\x00\x01\x05\x00\x00\xC0";
        struct romldr_client c;
        uint8_t rx[64];
        size_t used;

        (void)state;
        romldr_client_init(&c, rx, sizeof rx, ROMLDR_STATUS);
        romldr_client_expect(&c, ROMLDR_READ_REG);
        assert_int_equal(romldr_client_feed(&c, (const uint8_t *)noise, sizeof noise - 1, &used),
                         1);
        assert_int_equal(used, sizeof noise - 1 - 4);
        assert_int_equal(c.reply.value, 0x12345678);
        assert_int_equal(c.strays, 2);
        romldr_client_expect(&c, ROMLDR_SECURITY_INFO);
        assert_int_equal(
                romldr_client_feed(&c, (const uint8_t *)refusal, sizeof refusal - 1, &used), 1);
        assert_int_equal(c.reply.status, 1);
}

static void test_request_every_capacity(void **state)
{
        uint8_t out[256];
        const uint8_t data[20] = { 0xC0, 0xDB, 1 };
        const long need =
                romldr_request_block(out, sizeof out, ROMLDR_FLASH_DATA, 0xC0, data, sizeof data);

        (void)state;
        assert_true(need > 0);
        for (size_t cap = 0; cap < sizeof out; cap++) {
                memset(out, '#', sizeof out);
                assert_int_equal(
                        romldr_request_block(out, cap, ROMLDR_FLASH_DATA, 0xC0, data, sizeof data),
                        cap < (size_t)need ? -E_NOSPACE : need);
                for (size_t k = cap; k < sizeof out; k++)
                        assert_int_equal(out[k], '#');
        }
        assert_int_equal(romldr_request(out, sizeof out, ROMLDR_SYNC, out, 65536), -E_RANGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_recorded_sessions),
                cmocka_unit_test(test_replies),
                cmocka_unit_test(test_strays),
                cmocka_unit_test(test_request_every_capacity),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
