/*
 * An ESP chip as its ROM loader's clients see it: registers, eFuses, memory and the SPI controller
 * with the flash behind it. No processor.
 */
#ifndef SIM_CHIP_H
#define SIM_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/flash.h"
#include "fmt/efuse_model.h"
#include "sim/inflate.h"
#include "sim/spinor.h"
#include "wire/romldr_server.h"

#define SIM_EFUSE_MAX EFUSE_IMAGE_MAX
#define SIM_XTAL_HZ   40000000u

/* What the board was asked to do by its reset lines or by software, as the ROM prints it. */
enum sim_reset_cause { SIM_RESET_POWER, SIM_RESET_SOFTWARE };

struct sim_efuse_bit {
        uint16_t offset; /* of its word in the register space */
        uint8_t bit;
};

struct sim_word {
        uint32_t addr, value;
};

/* One chip a row. */
struct sim_chip_type {
        const char *name; /* as --chip takes it */
        const struct romldr_rom *rom;
        uint32_t magic; /* at ROMLDR_MAGIC_REG */
        uint32_t chip_id, eco;
        const struct efuse_chip *efuses;
        struct sim_efuse_bit secure_download, no_download; /* offset 0, bit 0: has none */
        const struct sim_word *efuse_default; /* addr is an offset; ends in a row of zeros */
        struct {
                uint32_t base;
                uint8_t user, user1, user2, mosi_len, miso_len, w0;
                bool addr_high; /* addresses stand in the register's upper bits */
        } spi;
        uint32_t boot_offset;    /* of the bootloader on the flash */
        uint32_t clkdiv;         /* address of UART_CLKDIV */
        uint32_t strap;          /* address of GPIO_STRAP */
        uint32_t strap_download; /* its value with the boot pin low, and high */
        uint32_t strap_run;
        const struct sim_word *presets; /* registers that do not reset to 0; ends in zeros */
        const struct sim_word *memory;  /* RAM: addr, size in value; ends in zeros */
        struct {
                uint32_t addr, to, size;
        } alias;            /* RAM seen at a second address */
        const char *banner; /* with %s cause, %s boot mode */
        const char *cause[2], *boot_download, *boot_run;
        const char *download_text; /* after the banner */
};

extern const struct sim_chip_type sim_esp32c3, sim_esp32;

/* The row of a name ("esp32c3", "esp32-c3", "ESP32"), or NULL. */
const struct sim_chip_type *sim_chip_type_of(const char *name);

#define SIM_REGS 128 /* other registers that remember what was written */

struct sim_chip {
        const struct sim_chip_type *type;
        struct sim_spinor nor;
        uint8_t efuse[SIM_EFUSE_MAX]; /* register space, little-endian: blocks lie at their offsets.
                                         As of the last reset or read command; keys too. Set it by
                                         sim_chip_efuse_set */
        bool efuse_changed;           /* set by a burn; cleared by whoever saves them */
        uint32_t clkdiv;
        bool download; /* strapped so at the last reset */
        struct sim_inflate inflate;
        struct efuse_model fuses; /* works on efuse; its cut and powerless are anybody's */
        /* private: */
        uint8_t *ram;
        size_t ram_size;
        struct sim_word regs[SIM_REGS];
        size_t reg_count;
};

/* RAM is on the heap; free with sim_chip_free. flash is borrowed; c must not move afterwards.
 * Returns 0 or -E_NOMEM. */
int sim_chip_init(struct sim_chip *c, const struct sim_chip_type *type, const struct flash *flash);
void sim_chip_free(struct sim_chip *c);

/* Registers to their reset values; eFuses and RAM stay. */
void sim_chip_reset(struct sim_chip *c, bool download);

/* eFuses of a chip that left the factory: type's defaults and this MAC. */
void sim_chip_blank_efuses(struct sim_chip *c, const uint8_t mac[6]);
void sim_chip_mac(const struct sim_chip *c, uint8_t mac[6]);

/* The file of espefuse's virtual chips and of QEMU, type->efuses->size bytes. */
void sim_chip_efuse_put(const struct sim_chip *c, uint8_t *file);
void sim_chip_efuse_get(struct sim_chip *c, const uint8_t *file);

bool sim_chip_fuse(const struct sim_chip *c, struct sim_efuse_bit bit);
void sim_chip_burn(struct sim_chip *c, struct sim_efuse_bit bit);

/* A word of a read register as the factory left it. */
void sim_chip_efuse_set(struct sim_chip *c, uint32_t offset, uint32_t word);

/* The UART's divider for a rate; exact: with the fraction, as software sets it, not as autobaud
 * measures. */
void sim_chip_rate(struct sim_chip *c, uint32_t baud, bool exact);

#define SIM_TRAP_BELOW 0x10000u /* no chip has anything there: a load or store traps */

/* Where an address lies in RAM; *room is how many bytes follow there. NULL: not RAM. */
uint8_t *sim_chip_ram(struct sim_chip *c, uint32_t addr, size_t *room);

/* A word of memory or a register. Negative: the CPU would trap. */
int sim_chip_read(struct sim_chip *c, uint32_t addr, uint32_t *value);
int sim_chip_write(struct sim_chip *c, uint32_t addr, uint32_t value);

/*
 * The chip's ROM loader, as after a reset into download mode: send takes what it says, event what
 * else happens; ctx is theirs. c and ctx are borrowed until the next reset.
 */
void sim_chip_loader(struct sim_chip *c, struct romldr_server *s,
                     void (*send)(void *ctx, const uint8_t *p, size_t n),
                     void (*event)(void *ctx, enum romldr_event event, uint32_t arg), void *ctx);

/* What the ROM prints after a reset. Returns its length; cap 256 is enough. */
size_t sim_chip_banner(const struct sim_chip *c, enum sim_reset_cause cause, char *out, size_t cap);

#endif
