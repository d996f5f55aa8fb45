/*
 * Whatever comes over the wire, the ROM loader's server stays inside its buffers and the flash,
 * and answers only in whole frames. First byte: bit 0 the chip, bit 1 secure download mode, bit 2
 * the input is op/length records that are framed here, so that the fuzzer need not guess SLIP.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sim/chip.h"
#include "wire/romldr_server.h"

#define SIZE (64u << 10)

static uint8_t mem[SIZE];
static struct sim_chip chip;
static struct romldr_server server;
static struct slip_decoder answers;
static uint8_t answer[ROMLDR_HEADER + ROMLDR_READ_SLOW + ROMLDR_STATUS];
static unsigned over;

static void bounds(uint32_t offset, size_t len)
{
        if (offset > SIZE || len > SIZE - offset)
                abort();
}

static int mem_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        (void)f;
        bounds(offset, len);
        memcpy(buf, mem + offset, len);
        return 0;
}

static int mem_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        (void)f;
        bounds(offset, len);
        for (size_t i = 0; i < len; i++)
                mem[offset + i] &= ((const uint8_t *)buf)[i];
        return 0;
}

static int mem_erase(const struct flash *f, uint32_t offset, size_t len)
{
        (void)f;
        bounds(offset, len);
        if (offset % FLASH_SECTOR || len % FLASH_SECTOR)
                abort();
        memset(mem + offset, 0xff, len);
        return 0;
}

static const struct flash flash = { mem_read, mem_write, mem_erase, NULL, SIZE };

static void on_send(void *ctx, const uint8_t *p, size_t n)
{
        size_t used;

        (void)ctx;
        for (size_t at = 0; at < n; at += used) {
                const int rc = slip_feed(&answers, p + at, n - at, &used);

                if (over || rc < 0)
                        continue; /* the console's echo is no frame */
                if (rc == SLIP_FRAME &&
                    (answers.len < ROMLDR_HEADER + ROMLDR_STATUS || answer[0] != ROMLDR_REPLY ||
                     le16_get(answer + ROMLDR_AT_SIZE) + ROMLDR_HEADER != answers.len))
                        abort();
        }
}

static void on_event(void *ctx, enum romldr_event event, uint32_t arg)
{
        (void)ctx;
        (void)arg;
        over |= event == ROMLDR_EV_LEFT || event == ROMLDR_EV_FAULT;
}

static int on_read(void *ctx, uint32_t addr, uint32_t *value)
{
        return sim_chip_read(ctx, addr, value);
}

static int on_write(void *ctx, uint32_t addr, uint32_t value)
{
        return sim_chip_write(ctx, addr, value);
}

static int on_ram(void *ctx, uint32_t addr, const uint8_t *p, size_t n)
{
        return sim_chip_write_ram(ctx, addr, p, n);
}

static void on_security(void *ctx, uint8_t info[ROMLDR_SEC_LEN])
{
        sim_chip_security(ctx, info);
}

static int on_inflate_begin(void *ctx)
{
        return sim_inflate_begin(&((struct sim_chip *)ctx)->inflate);
}

static int on_inflate(void *ctx, const uint8_t *in, size_t n,
                      int (*sink)(void *arg, const uint8_t *p, size_t n), void *arg)
{
        return sim_inflate_put(&((struct sim_chip *)ctx)->inflate, in, n, sink, arg);
}

static const struct romldr_chip_ops ops = {
        on_send, on_event, on_read, on_write, on_ram, on_security, on_inflate_begin, on_inflate,
};

/* Records: op, length in one byte, that many bytes; the checksum of a block is made right. */
static void feed_records(const uint8_t *p, size_t n)
{
        while (n >= 2) {
                const size_t len = p[1] < n - 2 ? p[1] : n - 2;
                uint8_t head[ROMLDR_HEADER] = { ROMLDR_REQUEST, p[0] };
                uint8_t out[SLIP_MAX(ROMLDR_HEADER + 255)];
                struct slip_encoder e;

                le16_put(head + ROMLDR_AT_SIZE, (uint16_t)len);
                head[ROMLDR_AT_VALUE] = ROMLDR_CHECKSUM_SEED;
                for (size_t i = ROMLDR_BLOCK_HEADER; i < len; i++)
                        head[ROMLDR_AT_VALUE] ^= p[2 + i];
                slip_begin(&e, out, sizeof out);
                slip_put(&e, head, sizeof head);
                slip_put(&e, p + 2, len);
                romldr_server_input(&server, out, (size_t)slip_end(&e));
                p += 2 + len;
                n -= 2 + len;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t mac[6] = { 0x24, 0x0a, 0xc4, 0, 0, 1 };
        const struct sim_chip_type *type = size && data[0] & 1 ? &sim_esp32 : &sim_esp32c3;

        if (!size || sim_chip_init(&chip, type, &flash) < 0)
                return 0;
        memset(mem, 0xff, sizeof mem);
        over = 0;
        slip_decoder_init(&answers, answer, sizeof answer);
        sim_chip_blank_efuses(&chip, mac);
        sim_chip_reset(&chip, true);
        romldr_server_init(&server, type->rom, &ops, &chip, &flash, data[0] & 2);
        if (data[0] & 4)
                feed_records(data + 1, size - 1);
        else
                romldr_server_input(&server, data + 1, size - 1);
        if (server.slip.len > sizeof server.packet || server.held_len >= sizeof server.held)
                abort();
        sim_chip_free(&chip);
        return 0;
}
