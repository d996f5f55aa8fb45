/*
 * The chips. Register addresses: technical reference manuals; eFuses: fmt/efuse.h; reset values,
 * banners and straps: what the ROMs said in the recorded sessions.
 */
#include <ctype.h>
#include <stddef.h>

#include "sim/chip.h"

/* Package QFN32, revision v0.4, block version 1.3, 4 MB of GigaDevice flash inside. */
static const struct sim_word c3_efuses[] = {
        { 0x50, 4u << 18 | 3u << 24 | 1u << 27 },
        { 0x54, 2 },
        { 0x6c, 1 },
        { 0 },
};

static const struct sim_word c3_presets[] = {
        { 0x60002018, 0x800000c0 }, /* SPI1 USER */
        { 0x60002020, 0x70000000 }, /* SPI1 USER2 */
        { 0 },
};

static const struct sim_word c3_memory[] = {
        { 0x3fc80000, 0x60000 },
        { 0x4037c000, 0x4000 },
        { 0x50000000, 0x2000 },
        { 0 },
};

const struct sim_chip_type sim_esp32c3 = {
        .name = "esp32c3",
        .rom = &romldr_rom_esp32c3,
        .magic = 0x1b31506f,
        .chip_id = 5,
        .eco = 3,
        .efuses = &efuse_esp32c3,
        .secure_download = { 0x3c, 5 },
        .no_download = { 0x3c, 0 },
        .efuse_default = c3_efuses,
        .spi = { .base = 0x60002000,
                 .user = 0x18,
                 .user1 = 0x1c,
                 .user2 = 0x20,
                 .mosi_len = 0x24,
                 .miso_len = 0x28,
                 .w0 = 0x58 },
        .clkdiv = 0x60000014,
        .strap = 0x60004038,
        .strap_download = 0x02,
        .strap_run = 0x08,
        .presets = c3_presets,
        .memory = c3_memory,
        .alias = { 0x40380000, 0x3fc80000, 0x60000 },
        .banner = "ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\nrst:",
        .cause = { "0x1 (POWERON", "0x3 (RTC_SW_SYS_RST" },
        .boot_download = "0x2 (UART0_BOOT",
        .boot_run = "0x8 (SPI_FAST_FLASH_BOOT",
        .download_text = "wait uart0 download\r\n",
};

/* Revision v3.0 (its third bit is in APB_CTL_DATE), package D0WDQ6. */
static const struct sim_word esp32_efuses[] = {
        { 0x0c, 0x00008000 },
        { 0x10, 0x00000050 },
        { 0x14, 0x00100000 },
        { 0 },
};

static const struct sim_word esp32_presets[] = {
        { 0x3ff42024, 0x70000000 }, /* SPI1 USER2 */
        { 0x3ff6607c, 0x96042000 }, /* APB_CTL_DATE */
        { 0x3ff5f06c, 0x00028000 }, /* TIMG0 RTCCALICFG1: the slow clock calibrated at 40 MHz */
        { 0 },
};

static const struct sim_word esp32_memory[] = {
        { 0x3ffae000, 0x52000 },
        { 0x40080000, 0x20000 },
        { 0x3ff80000, 0x2000 },
        { 0x50000000, 0x2000 },
        { 0 },
};

const struct sim_chip_type sim_esp32 = {
        .name = "esp32",
        .rom = &romldr_rom_esp32,
        .magic = 0x00f01d83,
        .efuses = &efuse_esp32,
        .no_download = { 0x00, 27 },
        .efuse_default = esp32_efuses,
        .spi = { .base = 0x3ff42000,
                 .user = 0x1c,
                 .user1 = 0x20,
                 .user2 = 0x24,
                 .mosi_len = 0x28,
                 .miso_len = 0x2c,
                 .w0 = 0x80,
                 .addr_high = true },
        .boot_offset = 0x1000,
        .clkdiv = 0x3ff40014,
        .strap = 0x3ff44038,
        .strap_download = 0x0f,
        .strap_run = 0x13,
        .presets = esp32_presets,
        .memory = esp32_memory,
        .banner = "ets Jul 29 2019 12:21:46\r\n\r\nrst:",
        .cause = { "0x1 (POWERON_RESET", "0x3 (SW_RESET" },
        .boot_download = "0xf (UART_BOOT(UART0)",
        .boot_run = "0x13 (SPI_FAST_FLASH_BOOT",
        .download_text = "",
};

/* Letters and digits count, in either case. */
static bool same_name(const char *a, const char *b)
{
        for (;; a++, b++) {
                while (*a == '-' || *a == '_')
                        a++;
                if (tolower((unsigned char)*a) != *b)
                        return false;
                if (!*b)
                        return true;
        }
}

const struct sim_chip_type *sim_chip_type_of(const char *name)
{
        static const struct sim_chip_type *const all[] = { &sim_esp32c3, &sim_esp32 };

        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                if (same_name(name, all[i]->name))
                        return all[i];
        return NULL;
}
