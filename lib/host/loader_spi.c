/*
 * The flash chip by itself: commands sent through the SPI controller's "user command" registers,
 * for what the ROM has no command. Register layout: technical reference manuals, chapter SPI.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/flash.h"
#include "host/jedec.h"
#include "host/loader_impl.h"

#define USR_COMMAND (1u << 31)
#define USR_ADDR    (1u << 30)
#define USR_DUMMY   (1u << 29)
#define USR_MISO    (1u << 28)
#define USR_MOSI    (1u << 27)
#define CMD_USR     (1u << 18)

#define COMMAND_LEN_8  (7u << 28) /* USR2 */
#define ADDR_LEN_SHIFT 26         /* USR1 */

struct spi_command {
        uint8_t op;
        uint8_t out_len; /* bytes of out, at most 4 */
        uint8_t in_bits; /* at most 32 */
        uint8_t addr_bits;
        uint8_t dummy_bits;
        uint32_t out;
        uint32_t addr;
};

static int put_lengths(struct loader *l, const struct spi_command *c, struct diag *d)
{
        const uint32_t base = l->chip->spi.base;
        const unsigned out_bits = c->out_len * 8u;
        uint32_t usr1 = 0;
        int rc = 0;

        if (c->dummy_bits)
                usr1 |= c->dummy_bits - 1u;
        if (c->addr_bits)
                usr1 |= (c->addr_bits - 1u) << ADDR_LEN_SHIFT;
        if (!l->chip->spi.mosi_dlen) {
                usr1 |= (c->in_bits ? c->in_bits - 1u : 0) << 8 | (out_bits ? out_bits - 1u : 0)
                                                                          << 17;
                return loader_write_reg(l, base + l->chip->spi.usr1, usr1, UINT32_MAX, 0, d);
        }
        if (out_bits)
                rc = loader_write_reg(l, base + l->chip->spi.mosi_dlen, out_bits - 1, UINT32_MAX, 0,
                                      d);
        if (rc == 0 && c->in_bits)
                rc = loader_write_reg(l, base + l->chip->spi.miso_dlen, c->in_bits - 1u, UINT32_MAX,
                                      0, d);
        if (rc == 0 && usr1)
                rc = loader_write_reg(l, base + l->chip->spi.usr1, usr1, UINT32_MAX, 0, d);
        return rc;
}

static int start_and_wait(struct loader *l, struct diag *d)
{
        const uint32_t cmd = l->chip->spi.base;
        uint32_t busy = CMD_USR;
        int rc = loader_write_reg(l, cmd, CMD_USR, UINT32_MAX, 0, d);

        for (int i = 0; i < 10 && rc == 0 && busy & CMD_USR; i++)
                rc = loader_read_reg(l, cmd, &busy, d);
        if (rc == 0 && busy & CMD_USR)
                return diag_set(
                        d, E_VERIFY,
                        "the SPI controller does not finish a command; is the flash connected?");
        return rc;
}

static int command(struct loader *l, const struct spi_command *c, uint32_t *in, struct diag *d)
{
        const struct chip *chip = l->chip;
        const uint32_t base = chip->spi.base;
        const uint32_t usr = USR_COMMAND | (c->in_bits ? USR_MISO : 0) |
                             (c->out_len ? USR_MOSI : 0) | (c->addr_bits ? USR_ADDR : 0) |
                             (c->dummy_bits ? USR_DUMMY : 0);
        uint32_t old_usr;
        uint32_t old_usr2;
        uint32_t answer = 0;
        int rc;

        if ((rc = loader_read_reg(l, base + chip->spi.usr, &old_usr, d)) < 0 ||
            (rc = loader_read_reg(l, base + chip->spi.usr2, &old_usr2, d)) < 0 ||
            (rc = put_lengths(l, c, d)) < 0 ||
            (rc = loader_write_reg(l, base + chip->spi.usr, usr, UINT32_MAX, 0, d)) < 0 ||
            (rc = loader_write_reg(l, base + chip->spi.usr2, COMMAND_LEN_8 | c->op, UINT32_MAX, 0,
                                   d)) < 0)
                return rc;
        if (c->addr_bits)
                rc = loader_write_reg(l, base + 4,
                                      chip->caps & CHIP_ADDR_MSB ? c->addr << (32 - c->addr_bits)
                                                                 : c->addr,
                                      UINT32_MAX, 0, d);
        if (rc == 0)
                rc = loader_write_reg(l, base + chip->spi.w0, c->out, UINT32_MAX, 0, d);
        if (rc == 0)
                rc = start_and_wait(l, d);
        if (rc == 0)
                rc = loader_read_reg(l, base + chip->spi.w0, &answer, d);
        if (rc == 0)
                rc = loader_write_reg(l, base + chip->spi.usr, old_usr, UINT32_MAX, 0, d);
        if (rc == 0)
                rc = loader_write_reg(l, base + chip->spi.usr2, old_usr2, UINT32_MAX, 0, d);
        if (in)
                *in = c->in_bits < 32 ? answer & ((1u << c->in_bits) - 1) : answer;
        return rc;
}

/* The ESP8266's ROM has no SPI_ATTACH: an empty FLASH_BEGIN does it. */
static int attach(struct loader *l, struct diag *d)
{
        static const uint32_t pins[2] = { 0, 0 };
        static const uint32_t nothing[4] = { 0, 0, ROMLDR_FLASH_BLOCK, 0 };
        int rc;

        if (l->attached)
                return 0;
        if (l->chip->caps & CHIP_ROM_ATTACH)
                rc = loader_request(l, ROMLDR_SPI_ATTACH, pins, l->is_stub ? 1 : 2,
                                    LOADER_TIMEOUT_MS, NULL, d);
        else
                rc = loader_request(l, ROMLDR_FLASH_BEGIN, nothing, 4, LOADER_TIMEOUT_MS, NULL, d);
        l->attached = rc == 0;
        return rc;
}

int loader_flash_id(struct loader *l, struct loader_flash_id *id, struct diag *d)
{
        static const struct spi_command rdid = { .op = 0x9f, .in_bits = 24 };
        uint64_t size;
        int rc;

        if (l->secure_download)
                return diag_set(d, E_REFUSED,
                                "the chip is in secure download mode: give --flash-size");
        if ((rc = attach(l, d)) < 0)
                return rc;
        if (!l->flash_id.id && (rc = command(l, &rdid, &l->flash_id.id, d)) < 0)
                return rc;
        size = jedec_size(l->flash_id.id);
        l->flash_id.size = size <= (uint32_t)256 << 20 ? (uint32_t)size : 0;
        *id = l->flash_id;
        if (id->id == 0 || id->id == 0xffffff)
                return diag_set(d, E_VERIFY,
                                "no flash chip answers (id %06x); check its supply and connections",
                                id->id);
        return 0;
}

int loader_flash_attach(struct loader *l, uint32_t size, struct diag *d)
{
        struct loader_flash_id id;
        int rc;

        if (l->flash_size && (!size || size == l->flash_size))
                return 0;
        if ((rc = attach(l, d)) < 0)
                return rc;
        if (!size && (rc = loader_flash_id(l, &id, d)) < 0)
                return rc;
        if (!size)
                size = id.size;
        if (!size) {
                size = (uint32_t)4 << 20;
                loader_note(
                        l,
                        "flash chip %06x is not known: taken for 4 MB; --flash-size says otherwise",
                        id.id);
        }
        if (l->chip->caps & CHIP_ROM_ATTACH) {
                const uint32_t params[] = { 0, size, 0x10000, FLASH_SECTOR, 256, 0xffff };

                struct diag why = { 0 };

                rc = loader_request(l, ROMLDR_SPI_SET_PARAMS, params, 6, LOADER_TIMEOUT_MS, NULL,
                                    &why);
                /* not open in secure download mode: the ROM then works with what it found itself */
                if (rc == -E_REFUSED && l->secure_download)
                        rc = 0;
                if (rc < 0)
                        diag_set(d, -rc, "%s", diag_text(&why));
        }
        if (rc == 0)
                l->flash_size = size;
        return rc;
}

uint32_t loader_flash_size(const struct loader *l)
{
        return l->flash_size;
}

int loader_flash_status(struct loader *l, unsigned n, uint32_t *status, struct diag *d)
{
        static const uint8_t ops[3] = { 0x05, 0x35, 0x15 };
        int rc = attach(l, d);

        *status = 0;
        for (unsigned i = 0; i < n && i < 3 && rc == 0; i++) {
                const struct spi_command c = { .op = ops[i], .in_bits = 8 };
                uint32_t byte = 0;

                rc = command(l, &c, &byte, d);
                *status |= byte << 8 * i;
        }
        return rc;
}

static int set_one(struct loader *l, bool non_volatile, const struct spi_command *c, struct diag *d)
{
        const struct spi_command enable = { .op = non_volatile ? 0x06 : 0x50 };
        const int rc = command(l, &enable, NULL, d);

        return rc < 0 ? rc : command(l, c, NULL, d);
}

/* Not every flash chip knows a command a byte; two bytes are also sent as one 16-bit write. */
int loader_flash_set_status(struct loader *l, unsigned n, uint32_t status, bool non_volatile,
                            struct diag *d)
{
        static const uint8_t ops[3] = { 0x01, 0x31, 0x11 };
        static const struct spi_command disable = { .op = 0x04 };
        int rc = attach(l, d);

        if (rc == 0 && n == 2) {
                const struct spi_command both = { .op = 0x01,
                                                  .out_len = 2,
                                                  .out = status & 0xffff };

                rc = set_one(l, non_volatile, &both, d);
        }
        for (unsigned i = 0; i < n && i < 3 && rc == 0; i++) {
                const struct spi_command c = { .op = ops[i],
                                               .out_len = 1,
                                               .out = status >> 8 * i & 0xff };

                rc = set_one(l, non_volatile, &c, d);
        }
        return rc < 0 ? rc : command(l, &disable, NULL, d);
}

int loader_flash_sfdp(struct loader *l, uint32_t addr, uint8_t *out, size_t n, struct diag *d)
{
        int rc = attach(l, d);

        for (size_t at = 0; at < n && rc == 0; at += 4) {
                const struct spi_command c = { .op = 0x5a,
                                               .in_bits = 32,
                                               .addr = addr + (uint32_t)at,
                                               .addr_bits = 24,
                                               .dummy_bits = 8 };
                uint8_t word[4];
                uint32_t value = 0;

                rc = command(l, &c, &value, d);
                le32_put(word, value);
                memcpy(out + at, word, n - at < 4 ? n - at : 4);
        }
        return rc;
}
