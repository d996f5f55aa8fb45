#include "sim/chip.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"

#define SPI_CMD_USR  (1u << 18)
#define SPI_USR_ADDR (1u << 30)
#define SPI_USR_MISO (1u << 28)
#define SPI_USR_MOSI (1u << 27)
#define SPI_WORDS    16u

int sim_chip_init(struct sim_chip *c, const struct sim_chip_type *type, const struct flash *flash)
{
        memset(c, 0, sizeof *c);
        c->type = type;
        for (const struct sim_word *m = type->memory; m->value; m++)
                c->ram_size += m->value;
        c->ram = calloc(1, c->ram_size);
        if (!c->ram)
                return -E_NOMEM;
        efuse_model_init(&c->fuses, type->efuses, c->efuse);
        sim_spinor_init(&c->nor, flash);
        return 0;
}

void sim_chip_free(struct sim_chip *c)
{
        sim_inflate_free(&c->inflate);
        free(c->ram);
        c->ram = NULL;
}

uint8_t *sim_chip_ram(struct sim_chip *c, uint32_t addr, size_t *room)
{
        const struct sim_chip_type *t = c->type;
        size_t at = 0;

        if (addr >= t->alias.addr && addr - t->alias.addr < t->alias.size)
                addr = addr - t->alias.addr + t->alias.to;
        for (const struct sim_word *m = t->memory; m->value; m++) {
                if (addr >= m->addr && addr - m->addr < m->value) {
                        *room = m->value - (addr - m->addr);
                        return c->ram + at + (addr - m->addr);
                }
                at += m->value;
        }
        return NULL;
}

static uint32_t *reg_slot(struct sim_chip *c, uint32_t addr, bool make)
{
        for (size_t i = 0; i < c->reg_count; i++)
                if (c->regs[i].addr == addr)
                        return &c->regs[i].value;
        if (!make || c->reg_count == SIM_REGS)
                return NULL;
        c->regs[c->reg_count] = (struct sim_word){ addr, 0 };
        return &c->regs[c->reg_count++].value;
}

static uint32_t reg_get(struct sim_chip *c, uint32_t addr)
{
        const uint32_t *v = reg_slot(c, addr, false);

        return v ? *v : 0;
}

void sim_chip_reset(struct sim_chip *c, bool download)
{
        const struct sim_chip_type *t = c->type;

        c->reg_count = 0;
        efuse_model_latch(&c->fuses);
        c->download = download;
        for (const struct sim_word *p = t->presets; p->addr; p++)
                *reg_slot(c, p->addr, true) = p->value;
        *reg_slot(c, t->strap, true) = download ? t->strap_download : t->strap_run;
        c->nor.write_enabled = false; /* the flash chip's status registers keep what they hold */
        sim_chip_rate(c, ROMLDR_BAUD, false);
}

void sim_chip_rate(struct sim_chip *c, uint32_t baud, bool exact)
{
        const uint32_t div16 = (uint32_t)((uint64_t)SIM_XTAL_HZ * 16 / (baud ? baud : 1));

        c->clkdiv = div16 >> 4;
        if (exact)
                c->clkdiv |= (div16 & 15) << 20;
}

/* The user-defined transaction that the controller's registers describe. */
static void spi_run(struct sim_chip *c)
{
        const struct sim_chip_type *t = c->type;
        const uint32_t base = t->spi.base;
        const uint32_t user = reg_get(c, base + t->spi.user);
        const uint32_t addr_bits = (reg_get(c, base + t->spi.user1) >> 26) + 1;
        uint32_t addr = reg_get(c, base + 4);
        uint8_t buf[SPI_WORDS * 4];
        uint8_t in[SPI_WORDS * 4];
        size_t out_len = 0;
        size_t in_len = 0;

        if (t->spi.addr_high && addr_bits < 32)
                addr >>= 32 - addr_bits;
        if (user & SPI_USR_MOSI)
                out_len = (reg_get(c, base + t->spi.mosi_len) + 8) / 8;
        if (user & SPI_USR_MISO)
                in_len = (reg_get(c, base + t->spi.miso_len) + 8) / 8;
        if (out_len > sizeof buf || in_len > sizeof in)
                return;
        for (size_t i = 0; i < SPI_WORDS; i++)
                le32_put(buf + 4 * i, reg_get(c, base + t->spi.w0 + 4 * (uint32_t)i));
        sim_spinor_transfer(&c->nor,
                            &(struct sim_spi){ .opcode = (uint8_t)reg_get(c, base + t->spi.user2),
                                               .addr = user & SPI_USR_ADDR ? addr : 0,
                                               .out = buf,
                                               .out_len = out_len,
                                               .in = in,
                                               .in_len = in_len });
        memcpy(buf, in, in_len);
        for (size_t i = 0; i < (in_len + 3) / 4; i++)
                *reg_slot(c, base + t->spi.w0 + 4 * (uint32_t)i, true) = le32_get(buf + 4 * i);
}

static uint32_t fuse_word(const struct sim_chip *c, uint32_t offset)
{
        return le32_get(c->efuse + offset);
}

bool sim_chip_fuse(const struct sim_chip *c, struct sim_efuse_bit bit)
{
        return (bit.offset || bit.bit) && fuse_word(c, bit.offset) >> bit.bit & 1;
}

void sim_chip_burn(struct sim_chip *c, struct sim_efuse_bit bit)
{
        if (sim_chip_fuse(c, bit))
                return;
        sim_chip_efuse_set(c, bit.offset, fuse_word(c, bit.offset) | 1u << bit.bit);
}

void sim_chip_efuse_set(struct sim_chip *c, uint32_t offset, uint32_t word)
{
        le32_put(c->efuse + offset, word);
        efuse_model_init(&c->fuses, c->type->efuses, c->efuse);
        c->efuse_changed = true;
}

/* True, with its offset, for a register of the eFuse controller. */
static bool efuse_register(const struct sim_chip *c, uint32_t addr, uint32_t *offset)
{
        const struct efuse_chip *e = c->type->efuses;

        *offset = addr - e->base;
        return addr >= e->base && *offset <= e->size - 4u && *offset % 4 == 0;
}

static void efuse_write(struct sim_chip *c, uint32_t offset, uint32_t value)
{
        efuse_model_write(&c->fuses, offset, value);
        c->efuse_changed |= c->fuses.burnt;
        c->fuses.burnt = false;
}

int sim_chip_read(struct sim_chip *c, uint32_t addr, uint32_t *value)
{
        const struct sim_chip_type *t = c->type;
        uint32_t offset;
        size_t room;
        const uint8_t *p = sim_chip_ram(c, addr, &room);

        if (addr < SIM_TRAP_BELOW)
                return -E_RANGE;
        if (p && room >= 4)
                *value = le32_get(p);
        else if (addr == ROMLDR_MAGIC_REG)
                *value = t->magic;
        else if (addr == t->clkdiv)
                *value = c->clkdiv;
        else if (efuse_register(c, addr, &offset))
                *value = efuse_model_read(&c->fuses, offset);
        else
                *value = reg_get(c, addr);
        return 0;
}

int sim_chip_write(struct sim_chip *c, uint32_t addr, uint32_t value)
{
        const struct sim_chip_type *t = c->type;
        uint32_t offset;
        size_t room;
        uint8_t *p = sim_chip_ram(c, addr, &room);
        uint32_t *slot;

        if (addr < SIM_TRAP_BELOW)
                return -E_RANGE;
        if (p && room >= 4) {
                le32_put(p, value);
        } else if (addr == t->clkdiv) {
                c->clkdiv = value;
        } else if (efuse_register(c, addr, &offset)) {
                efuse_write(c, offset, value);
        } else if (addr == t->spi.base) {
                if (value & SPI_CMD_USR)
                        spi_run(c);
        } else if ((slot = reg_slot(c, addr, true))) {
                *slot = value;
        }
        return 0;
}

/* Offset of the factory MAC, whose last byte comes first. */
static size_t mac_offset(const struct sim_chip *c)
{
        const struct efuse_field *f = efuse_field(c->type->efuses, "MAC");

        return c->type->efuses->blocks[f->block].read + f->bit / 8u;
}

void sim_chip_blank_efuses(struct sim_chip *c, const uint8_t mac[6])
{
        const struct sim_chip_type *t = c->type;
        uint8_t *at = c->efuse + mac_offset(c);

        memset(c->efuse, 0, sizeof c->efuse);
        for (const struct sim_word *w = t->efuse_default; w->addr; w++)
                le32_put(c->efuse + w->addr, w->value);
        for (size_t i = 0; i < 6; i++)
                at[i] = mac[5 - i];
        if (t->efuses->flags & EFUSE_CHIP_V1)
                at[6] = efuse_mac_crc(mac);
        efuse_model_init(&c->fuses, t->efuses, c->efuse);
        c->efuse_changed = true;
}

void sim_chip_mac(const struct sim_chip *c, uint8_t mac[6])
{
        for (size_t i = 0; i < 6; i++)
                mac[i] = c->efuse[mac_offset(c) + 5 - i];
}

void sim_chip_efuse_put(const struct sim_chip *c, uint8_t *file)
{
        uint8_t image[SIM_EFUSE_MAX];
        struct efuse_model burnt = c->fuses;

        memcpy(image, c->efuse, sizeof image);
        burnt.image = image;
        efuse_model_latch(&burnt); /* what is burnt stays, also if nobody has read it yet */
        efuse_file_put(c->type->efuses, image, file);
        wipe(image, sizeof image);
        wipe(&burnt, sizeof burnt);
}

void sim_chip_efuse_get(struct sim_chip *c, const uint8_t *file)
{
        efuse_file_get(c->type->efuses, c->efuse, file);
        efuse_model_init(&c->fuses, c->type->efuses, c->efuse);
}

size_t sim_chip_banner(const struct sim_chip *c, enum sim_reset_cause cause, char *out, size_t cap)
{
        const struct sim_chip_type *t = c->type;

        return strf(out, cap, "%s%s),boot:%s)\r\n%s", t->banner, t->cause[cause],
                    c->download ? t->boot_download : t->boot_run,
                    c->download ? t->download_text : "");
}
