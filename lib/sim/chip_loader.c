/* The ROM loader of a simulated chip. */
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sim/chip.h"

static int read_word(void *chip, uint32_t addr, uint32_t *value)
{
        return sim_chip_read(chip, addr, value);
}

static int write_word(void *chip, uint32_t addr, uint32_t value)
{
        return sim_chip_write(chip, addr, value);
}

static int write_ram(void *chip, uint32_t addr, const uint8_t *p, size_t n)
{
        size_t room;
        uint8_t *to = sim_chip_ram(chip, addr, &room);

        if (!to || room < n)
                return addr < SIM_TRAP_BELOW ? -E_RANGE : 0; /* a store into nothing is lost */
        memcpy(to, p, n);
        return 0;
}

/* eFuse words of block 0 on the C3: 0x30 + 4 * n holds bits 32 * (n + 1) and up (FIELDS of
 * espefuse). */
static void security(void *chip, uint8_t info[ROMLDR_SEC_LEN])
{
        const struct sim_chip *c = chip;
        const uint32_t w1 = le32_get(c->efuse + 0x30);
        const uint32_t w2 = le32_get(c->efuse + 0x34);
        const uint32_t w3 = le32_get(c->efuse + 0x38);
        const uint64_t purposes = (uint64_t)w3 << 8 | w2 >> 24;
        uint32_t flags = 0;

        flags |= w3 >> 20 & 1 ? ROMLDR_SECF_SECURE_BOOT : 0;
        flags |= w3 >> 21 & 1 ? ROMLDR_SECF_BOOT_AGGRESSIVE : 0;
        flags |= sim_chip_fuse(c, c->type->secure_download) ? ROMLDR_SECF_SECURE_DOWNLOAD : 0;
        flags |= w2 >> 21 & 1 ? ROMLDR_SECF_REVOKE_0 : 0;
        flags |= w2 >> 22 & 1 ? ROMLDR_SECF_REVOKE_1 : 0;
        flags |= w2 >> 23 & 1 ? ROMLDR_SECF_REVOKE_2 : 0;
        flags |= (w1 >> 16 & 7) == 7 ? ROMLDR_SECF_SOFT_DIS_JTAG : 0;
        flags |= w1 >> 19 & 1 ? ROMLDR_SECF_HARD_DIS_JTAG : 0;
        flags |= w1 >> 11 & 1 ? ROMLDR_SECF_DIS_USB : 0;
        flags |= w1 >> 10 & 1 ? ROMLDR_SECF_DIS_DL_ICACHE : 0;
        memset(info, 0, ROMLDR_SEC_LEN);
        le32_put(info + ROMLDR_SEC_FLAGS, flags);
        info[ROMLDR_SEC_CRYPT_CNT] = w2 >> 18 & 7;
        for (size_t i = 0; i < 6; i++)
                info[ROMLDR_SEC_PURPOSES + i] = purposes >> 4 * i & 15;
        info[ROMLDR_SEC_PURPOSES + 6] = 12; /* no key block: the ROM says so all the same */
        le32_put(info + ROMLDR_SEC_CHIP_ID, c->type->chip_id);
        le32_put(info + ROMLDR_SEC_ECO, c->type->eco);
}

static bool secure_download(void *chip)
{
        const struct sim_chip *c = chip;

        return sim_chip_fuse(c, c->type->secure_download);
}

static int begin(void *chip)
{
        return sim_inflate_begin(&((struct sim_chip *)chip)->inflate);
}

static int inflate_piece(void *chip, const uint8_t *in, size_t n,
                         int (*sink)(void *arg, const uint8_t *p, size_t n), void *arg)
{
        return sim_inflate_put(&((struct sim_chip *)chip)->inflate, in, n, sink, arg);
}

void sim_chip_loader(struct sim_chip *c, struct romldr_server *s,
                     void (*send)(void *ctx, const uint8_t *p, size_t n),
                     void (*event)(void *ctx, enum romldr_event event, uint32_t arg), void *ctx)
{
        static const struct romldr_chip_ops ops = {
                read_word, write_word, write_ram, security, secure_download, begin, inflate_piece,
        };
        const struct romldr_server_config cfg = {
                .rom = c->type->rom,
                .ops = &ops,
                .chip = c,
                .flash = c->nor.flash,
                .send = send,
                .event = event,
                .ctx = ctx,
        };

        romldr_server_init(s, &cfg);
}
