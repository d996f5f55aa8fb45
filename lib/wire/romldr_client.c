#include "wire/romldr_client.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

uint8_t romldr_checksum(const void *p, size_t n)
{
        const uint8_t *b = p;
        uint8_t sum = ROMLDR_CHECKSUM_SEED;

        for (size_t i = 0; i < n; i++)
                sum ^= b[i];
        return sum;
}

/* The header of a request whose data are n bytes; -E_RANGE if the size field cannot hold n. */
static int begin_request(struct slip_encoder *e, uint8_t op, uint32_t checksum, size_t n)
{
        uint8_t header[ROMLDR_HEADER];

        if (n > UINT16_MAX)
                return -E_RANGE;
        header[0] = ROMLDR_REQUEST;
        header[ROMLDR_AT_OP] = op;
        le16_put(header + ROMLDR_AT_SIZE, (uint16_t)n);
        le32_put(header + ROMLDR_AT_VALUE, checksum);
        slip_put(e, header, sizeof header);
        return 0;
}

long romldr_request(uint8_t *out, size_t cap, uint8_t op, const void *data, size_t n)
{
        struct slip_encoder e;
        int rc;

        slip_begin(&e, out, cap);
        if ((rc = begin_request(&e, op, 0, n)) < 0)
                return rc;
        slip_put(&e, data, n);
        return slip_end(&e);
}

long romldr_request_words(uint8_t *out, size_t cap, uint8_t op, const uint32_t *words, size_t n)
{
        struct slip_encoder e;

        slip_begin(&e, out, cap);
        if (n > UINT16_MAX / 4 || begin_request(&e, op, 0, n * 4) < 0)
                return -E_RANGE;
        for (size_t i = 0; i < n; i++) {
                uint8_t word[4];

                le32_put(word, words[i]);
                slip_put(&e, word, sizeof word);
        }
        return slip_end(&e);
}

long romldr_request_block(uint8_t *out, size_t cap, uint8_t op, uint32_t seq, const void *data,
                          size_t n)
{
        uint8_t header[ROMLDR_BLOCK_HEADER] = { 0 };
        struct slip_encoder e;

        slip_begin(&e, out, cap);
        if (n > UINT16_MAX ||
            begin_request(&e, op, romldr_checksum(data, n), n + sizeof header) < 0)
                return -E_RANGE;
        le32_put(header, (uint32_t)n);
        le32_put(header + 4, seq);
        slip_put(&e, header, sizeof header);
        slip_put(&e, data, n);
        return slip_end(&e);
}

long romldr_request_sync(uint8_t *out, size_t cap)
{
        uint8_t data[ROMLDR_SYNC_LEN] = { 0x07, 0x07, 0x12, 0x20 };

        memset(data + 4, 0x55, sizeof data - 4);
        return romldr_request(out, cap, ROMLDR_SYNC, data, sizeof data);
}

int romldr_reply_parse(const uint8_t *frame, size_t n, size_t status_len, struct romldr_reply *r)
{
        size_t len;

        if (n < ROMLDR_HEADER + ROMLDR_STATUS_2 || frame[0] != ROMLDR_REPLY ||
            le16_get(frame + ROMLDR_AT_SIZE) != n - ROMLDR_HEADER)
                return -E_PROTO;
        len = n - ROMLDR_HEADER;
        if (status_len > len)
                status_len = ROMLDR_STATUS_2;
        len -= status_len;
        r->op = frame[ROMLDR_AT_OP];
        r->value = le32_get(frame + ROMLDR_AT_VALUE);
        r->data = frame + ROMLDR_HEADER;
        r->len = len;
        r->status = r->data[len];
        r->reason = r->data[len + 1];
        return 0;
}

const char *romldr_op_name(uint8_t op)
{
        static const struct {
                uint8_t op;
                char name[19];
        } names[] = {
                { ROMLDR_FLASH_BEGIN, "FLASH_BEGIN" },
                { ROMLDR_FLASH_DATA, "FLASH_DATA" },
                { ROMLDR_FLASH_END, "FLASH_END" },
                { ROMLDR_MEM_BEGIN, "MEM_BEGIN" },
                { ROMLDR_MEM_END, "MEM_END" },
                { ROMLDR_MEM_DATA, "MEM_DATA" },
                { ROMLDR_SYNC, "SYNC" },
                { ROMLDR_WRITE_REG, "WRITE_REG" },
                { ROMLDR_READ_REG, "READ_REG" },
                { ROMLDR_SPI_SET_PARAMS, "SPI_SET_PARAMS" },
                { ROMLDR_SPI_ATTACH, "SPI_ATTACH" },
                { ROMLDR_READ_FLASH_SLOW, "READ_FLASH_SLOW" },
                { ROMLDR_CHANGE_BAUD, "CHANGE_BAUDRATE" },
                { ROMLDR_DEFL_BEGIN, "FLASH_DEFL_BEGIN" },
                { ROMLDR_DEFL_DATA, "FLASH_DEFL_DATA" },
                { ROMLDR_DEFL_END, "FLASH_DEFL_END" },
                { ROMLDR_SPI_FLASH_MD5, "SPI_FLASH_MD5" },
                { ROMLDR_SECURITY_INFO, "GET_SECURITY_INFO" },
                { ROMLDR_STUB_ERASE_FLASH, "ERASE_FLASH" },
                { ROMLDR_STUB_ERASE_REGION, "ERASE_REGION" },
                { ROMLDR_STUB_READ_FLASH, "READ_FLASH" },
                { ROMLDR_STUB_RUN_USER_CODE, "RUN_USER_CODE" },
                { ROMLDR_STUB_ENCRYPT_DATA, "FLASH_ENCRYPT_DATA" },
        };

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (names[i].op == op)
                        return names[i].name;
        return "?";
}

const char *romldr_reason_text(uint8_t reason)
{
        switch (reason) {
        case ROMLDR_ERR_INVALID:
                return "command or parameter not accepted";
        case ROMLDR_ERR_FAILED:
                return "could not be carried out";
        case ROMLDR_ERR_CHECKSUM:
                return "checksum does not match, the line is noisy";
        case ROMLDR_ERR_FLASH_WR:
                return "flash could not be written";
        case ROMLDR_ERR_FLASH_RD:
                return "flash could not be read";
        case ROMLDR_ERR_FLASH_LEN:
                return "length of the flash access not accepted";
        case ROMLDR_ERR_INFLATE:
                return "compressed data damaged";
        case ROMLDR_ERR_NO_BEGIN:
                return "data without the command that begins them";
        default:
                return "reason unknown";
        }
}

void romldr_client_init(struct romldr_client *c, uint8_t *buf, size_t cap, size_t status_len)
{
        memset(c, 0, sizeof *c);
        slip_decoder_init(&c->slip, buf, cap);
        c->status_len = status_len;
}

void romldr_client_expect(struct romldr_client *c, uint8_t op)
{
        c->op = op;
}

int romldr_client_feed(struct romldr_client *c, const uint8_t *p, size_t n, size_t *used)
{
        size_t at = 0;

        while (at < n) {
                size_t took;
                const int rc = slip_feed(&c->slip, p + at, n - at, &took);

                at += took;
                if (rc == SLIP_MORE)
                        continue;
                if (rc == SLIP_FRAME &&
                    romldr_reply_parse(c->slip.buf, c->slip.len, c->status_len, &c->reply) == 0 &&
                    (c->reply.op == c->op ||
                     (c->reply.status && c->reply.reason == ROMLDR_ERR_INVALID))) {
                        *used = at;
                        return 1;
                }
                c->strays++;
        }
        *used = at;
        return 0;
}
