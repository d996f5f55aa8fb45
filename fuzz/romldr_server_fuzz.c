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
        if (data[0] & 2)
                sim_chip_burn(&chip, type->secure_download);
        sim_chip_loader(&chip, &server, on_send, on_event, NULL);
        if (data[0] & 4)
                feed_records(data + 1, size - 1);
        else
                romldr_server_input(&server, data + 1, size - 1);
        if (server.slip.len > sizeof server.packet || server.held_len >= sizeof server.held)
                abort();
        sim_chip_free(&chip);
        return 0;
}
