#include "host/chips.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host/chips_map.h"

static const struct chip_code sizes_8266[] = {
        { "512KB", 0 },  { "256KB", 1 },  { "1MB", 2 }, { "2MB", 3 },  { "4MB", 4 },
        { "2MB-c1", 5 }, { "4MB-c1", 6 }, { "8MB", 8 }, { "16MB", 9 }, { NULL, 0 },
};
static const struct chip_code sizes[] = {
        { "1MB", 0 },  { "2MB", 1 },  { "4MB", 2 },   { "8MB", 3 }, { "16MB", 4 },
        { "32MB", 5 }, { "64MB", 6 }, { "128MB", 7 }, { NULL, 0 },
};

static const struct chip_code freqs_80[] = {
        { "80m", 15 }, { "40m", 0 }, { "26m", 1 }, { "20m", 2 }, { NULL, 0 },
};
static const struct chip_code freqs_c2[] = {
        { "60m", 15 }, { "30m", 0 }, { "20m", 1 }, { "15m", 2 }, { NULL, 0 },
};
static const struct chip_code freqs_c5[] = {
        { "80m", 15 },
        { "40m", 0 },
        { "20m", 2 },
        { NULL, 0 },
};
/* 80 and 40 MHz have one code */
static const struct chip_code freqs_c6[] = {
        { "80m", 0 },
        { "40m", 0 },
        { "20m", 2 },
        { NULL, 0 },
};
static const struct chip_code freqs_h2[] = {
        { "48m", 15 }, { "24m", 0 }, { "16m", 1 }, { "12m", 2 }, { NULL, 0 },
};

static const struct chip_code modes[] = {
        { "qio", 0 }, { "qout", 1 }, { "dio", 2 }, { "dout", 3 }, { NULL, 0 },
};

static const struct chip_name packages_esp32[] = {
        { 0, "ESP32-D0WDQ6" },    { 1, "ESP32-D0WD" },
        { 2, "ESP32-D2WD" },      { 4, "ESP32-U4WDH" },
        { 5, "ESP32-PICO-D4" },   { 6, "ESP32-PICO-V3-02" },
        { 7, "ESP32-D0WDR2-V3" }, { 0, NULL },
};
static const struct chip_name packages_s3[] = {
        { 0, "ESP32-S3 (QFN56)" },
        { 1, "ESP32-S3-PICO-1 (LGA56)" },
        { 0, NULL },
};
static const struct chip_name packages_c2[] = { { 0, "ESP32-C2" }, { 1, "ESP8684H" }, { 0, NULL } };
static const struct chip_name packages_c3[] = {
        { 0, "ESP32-C3 (QFN32)" },
        { 1, "ESP8685 (QFN28)" },
        { 2, "ESP32-C3 AZ (QFN32)" },
        { 3, "ESP8686 (QFN24)" },
        { 0, NULL },
};
static const struct chip_name packages_c6[] = {
        { 0, "ESP32-C6 (QFN40)" },
        { 1, "ESP32-C6FH (QFN32)" },
        { 0, NULL },
};

#define ROM_ESP32 CHIP_ROM_ATTACH
#define ROM_S2    (CHIP_ROM_ATTACH | CHIP_ROM_BEGIN_20 | CHIP_ROM_SECURITY)
#define ROM_C3    (ROM_S2 | CHIP_ROM_CHIP_ID)

#define SPI_8266(b)                             \
        {                                       \
                b, 0x1c, 0x20, 0x24, 0x40, 0, 0 \
        }
#define SPI_ESP32(b)                                  \
        {                                             \
                b, 0x1c, 0x20, 0x24, 0x80, 0x28, 0x2c \
        }
#define SPI_S2(b)                                     \
        {                                             \
                b, 0x18, 0x1c, 0x20, 0x58, 0x24, 0x28 \
        }

#define WDT_KEY 0x50d83aa1u
#define SWD_KEY 0x8f1d312au

static const struct chip rows[] = {
        {
                .name = "ESP8266",
                .option = "esp8266",
                .image_id = -1,
                .magics = { 0xfff0c101 },
                .caps = CHIP_ADDR_MSB,
                .status_len = 2,
                .uf2_family = 0x7eab61ed,
                .irom = { 0x40200000, 0x40300000 },
                .spi = SPI_8266(0x60000200),
                .mac_reg = 0x3ff00050,
                .uart_clkdiv = 0x60000014,
                .features = "Wi-Fi, 160MHz",
                .freqs = freqs_80,
                .map = chip_map_esp8266,
        },
        {
                .name = "ESP32",
                .option = "esp32",
                .image_id = 0,
                .magics = { 0x00f01d83 },
                .caps = ROM_ESP32 | CHIP_ADDR_MSB | CHIP_XTAL_ESP32,
                .status_len = 4,
                .boot_offset = 0x1000,
                .uf2_family = 0x1c5f21b0,
                .irom = { 0x400d0000, 0x40400000 },
                .drom = { 0x3f400000, 0x3f800000 },
                .spi = SPI_ESP32(0x3ff42000),
                .mac_reg = 0x3ff5a004,
                .uart_clkdiv = 0x3ff40014,
                .pkg = { 0x3ff5a00c, 9, 3 },
                .minor_lo = { 0x3ff5a014, 24, 2 },
                .crypt_cnt = { 0x3ff5a000, 20, 7 },
                .secure_boot = { 0x3ff5a018, 4, 2 },
                .packages = packages_esp32,
                .features = "Wi-Fi, BT",
                .freqs = freqs_80,
                .map = chip_map_esp32,
        },
        {
                .name = "ESP32-S2",
                .option = "esp32s2",
                .image_id = 2,
                .magics = { 0x000007c6 },
                .caps = ROM_S2,
                .status_len = 4,
                .boot_offset = 0x1000,
                .uf2_family = 0xbfdd4eee,
                .irom = { 0x40080000, 0x40b80000 },
                .drom = { 0x3f000000, 0x3f3f0000 },
                .spi = SPI_S2(0x3f402000),
                .mac_reg = 0x3f41a044,
                .uart_clkdiv = 0x3f400014,
                .uart_no = 0x3ffffd14,
                .uart_no_usb_otg = 2,
                .minor_lo = { 0x3f41a054, 4, 3 },
                .minor_hi = { 0x3f41a050, 20, 1 },
                .major = { 0x3f41a050, 18, 2 },
                .flash_cap = { 0x3f41a050, 21, 4 },
                .psram_cap = { 0x3f41a050, 28, 4 },
                .crypt_cnt = { 0x3f41a034, 18, 3 },
                .secure_boot = { 0x3f41a038, 20, 1 },
                .crystal = 40,
                .features = "Wi-Fi, Single Core, 240MHz",
                .freqs = freqs_80,
                .map = chip_map_esp32s2,
        },
        {
                .name = "ESP32-S3",
                .option = "esp32s3",
                .image_id = 9,
                .magics = { 0x00000009 },
                .caps = ROM_C3,
                .status_len = 4,
                .uf2_family = 0xc47e5767,
                .irom = { 0x42000000, 0x44000000 },
                .drom = { 0x3c000000, 0x3e000000 },
                .spi = SPI_S2(0x60002000),
                .mac_reg = 0x60007044,
                .uart_clkdiv = 0x60000014,
                .uart_no = 0x3fcef14c,
                .uart_no_usb_jtag = 4,
                .uart_no_usb_otg = 3,
                .pkg = { 0x60007050, 21, 3 },
                .minor_lo = { 0x60007050, 18, 3 },
                .minor_hi = { 0x60007058, 23, 1 },
                .major = { 0x60007058, 24, 2 },
                .flash_cap = { 0x60007050, 27, 3 },
                .psram_cap = { 0x60007054, 3, 2 },
                .crypt_cnt = { 0x60007034, 18, 3 },
                .secure_boot = { 0x60007038, 20, 1 },
                .wdt = { 0x600080b0, 0x60008098, 0x600080b8, 0x600080b4 },
                .wdt_key = WDT_KEY,
                .swd_key = SWD_KEY,
                .swd_feed = 1u << 31,
                .crystal = 40,
                .packages = packages_s3,
                .features = "Wi-Fi, BT 5 (LE), Dual Core + LP Core, 240MHz",
                .freqs = freqs_80,
                .map = chip_map_esp32s3,
        },
        {
                .name = "ESP32-C2",
                .option = "esp32c2",
                .image_id = 12,
                .magics = { 0x6f51306f, 0x7c41a06f, 0x0c21e06f },
                .caps = ROM_C3 | CHIP_XTAL_C2 | CHIP_MMU_PAGES,
                .status_len = 4,
                .uf2_family = 0x2b88d29c,
                .irom = { 0x42000000, 0x42400000 },
                .drom = { 0x3c000000, 0x3c400000 },
                .spi = SPI_S2(0x60002000),
                .mac_reg = 0x60008840,
                .uart_clkdiv = 0x60000014,
                .uart_no = 0x3fcdf07c,
                .pkg = { 0x60008844, 22, 3 },
                .minor_lo = { 0x60008844, 16, 4 },
                .major = { 0x60008844, 20, 2 },
                .flash_cap = { 0x6000885c, 29, 3 },
                .crypt_cnt = { 0x60008830, 7, 3 },
                .secure_boot = { 0x60008830, 21, 1 },
                .packages = packages_c2,
                .features = "Wi-Fi, BT 5 (LE), Single Core, 120MHz",
                .freqs = freqs_c2,
                .map = chip_map_esp32c2,
        },
        {
                .name = "ESP32-C3",
                .option = "esp32c3",
                .image_id = 5,
                .magics = { 0x6921506f, 0x1b31506f, 0x4881606f, 0x4361606f },
                .caps = ROM_C3,
                .status_len = 4,
                .uf2_family = 0xd42ba06c,
                .irom = { 0x42000000, 0x42800000 },
                .drom = { 0x3c000000, 0x3c800000 },
                .spi = SPI_S2(0x60002000),
                .mac_reg = 0x60008844,
                .uart_clkdiv = 0x60000014,
                .uart_no = 0x3fcdf07c,
                .uart_no_usb_jtag = 3,
                .pkg = { 0x60008850, 21, 3 },
                .minor_lo = { 0x60008850, 18, 3 },
                .minor_hi = { 0x60008858, 23, 1 },
                .major = { 0x60008858, 24, 2 },
                .flash_cap = { 0x60008850, 27, 3 },
                .crypt_cnt = { 0x60008834, 18, 3 },
                .secure_boot = { 0x60008838, 20, 1 },
                .wdt = { 0x600080a8, 0x60008090, 0x600080b0, 0x600080ac },
                .wdt_key = WDT_KEY,
                .swd_key = SWD_KEY,
                .swd_feed = 1u << 31,
                .crystal = 40,
                .packages = packages_c3,
                .features = "Wi-Fi, BT 5 (LE), Single Core, 160MHz",
                .freqs = freqs_80,
                .map = chip_map_esp32c3,
        },
        {
                .name = "ESP32-C5",
                .option = "esp32c5",
                .image_id = 23,
                .magics = { 0x1101406f },
                .caps = ROM_C3 | CHIP_XTAL_C5 | CHIP_MMU_PAGES,
                .status_len = 4,
                .boot_offset = 0x2000,
                .uf2_family = 0xf71c0343,
                .irom = { 0x42000000, 0x44000000 },
                .drom = { 0x42000000, 0x44000000 },
                .spi = SPI_S2(0x60003000),
                .mac_reg = 0x600b4844,
                .uart_clkdiv = 0x60000014,
                .uart_no = 0x4085f51c,
                .uart_no_usb_jtag = 3,
                .pkg = { 0x600b484c, 26, 3 },
                .minor_lo = { 0x600b484c, 0, 4 },
                .major = { 0x600b484c, 4, 2 },
                .crypt_cnt = { 0x600b4834, 16, 3 },
                .secure_boot = { 0x600b4838, 25, 1 },
                .wdt = { 0x600b1c18, 0x600b1c00, 0x600b1c20, 0x600b1c1c },
                .wdt_key = WDT_KEY,
                .swd_key = WDT_KEY,
                .swd_feed = 1u << 18,
                .features = "Wi-Fi 6 (dual-band), BT 5 (LE), IEEE 802.15.4, Single Core + LP Core, "
                            "240MHz",
                .freqs = freqs_c5,
                .map = chip_map_esp32c5,
        },
        {
                .name = "ESP32-C6",
                .option = "esp32c6",
                .image_id = 13,
                .magics = { 0x2ce0806f },
                .caps = ROM_C3 | CHIP_MMU_PAGES,
                .status_len = 4,
                .uf2_family = 0x540ddf62,
                .irom = { 0x42000000, 0x42800000 },
                .drom = { 0x42800000, 0x43000000 },
                .spi = SPI_S2(0x60003000),
                .mac_reg = 0x600b0844,
                .uart_clkdiv = 0x60000014,
                .uart_no = 0x4087f580,
                .uart_no_usb_jtag = 3,
                .pkg = { 0x600b0850, 24, 3 },
                .minor_lo = { 0x600b0850, 18, 4 },
                .major = { 0x600b0850, 22, 2 },
                .flash_cap = { 0x600b0854, 0, 3 },
                .crypt_cnt = { 0x600b0834, 18, 3 },
                .secure_boot = { 0x600b0838, 20, 1 },
                .wdt = { 0x600b1c18, 0x600b1c00, 0x600b1c20, 0x600b1c1c },
                .wdt_key = WDT_KEY,
                .swd_key = WDT_KEY,
                .swd_feed = 1u << 18,
                .crystal = 40,
                .packages = packages_c6,
                .features = "Wi-Fi 6, BT 5 (LE), IEEE 802.15.4, Single Core + LP Core, 160MHz",
                .freqs = freqs_c6,
                .map = chip_map_esp32c6,
        },
        {
                .name = "ESP32-H2",
                .option = "esp32h2",
                .image_id = 16,
                .magics = { 0xd7b73e80 },
                .caps = ROM_C3 | CHIP_MMU_PAGES,
                .status_len = 4,
                .uf2_family = 0x332726f6,
                .irom = { 0x42000000, 0x42800000 },
                .drom = { 0x42800000, 0x43000000 },
                .spi = SPI_S2(0x60003000),
                .mac_reg = 0x600b0844,
                .uart_clkdiv = 0x60000014,
                .uart_no = 0x4087f580,
                .uart_no_usb_jtag = 3,
                .pkg = { 0x600b0854, 0, 3 },
                .minor_lo = { 0x600b0850, 18, 3 },
                .major = { 0x600b0850, 21, 2 },
                .crypt_cnt = { 0x600b0834, 18, 3 },
                .secure_boot = { 0x600b0838, 20, 1 },
                .wdt = { 0x600b1c1c, 0x600b1c00, 0x600b1c24, 0x600b1c20 },
                .wdt_key = WDT_KEY,
                .swd_key = WDT_KEY,
                .swd_feed = 1u << 18,
                .crystal = 32,
                .features = "BT 5 (LE), IEEE 802.15.4, Single Core, 96MHz",
                .freqs = freqs_h2,
                .map = chip_map_esp32h2,
        },
        {
                .name = "ESP32-P4",
                .option = "esp32p4",
                .image_id = 18,
                .magics = { 0x0addbad0 },
                .caps = ROM_C3,
                .status_len = 4,
                .boot_offset = 0x2000,
                .uf2_family = 0x3d308e94,
                .irom = { 0x40000000, 0x4c000000 },
                .drom = { 0x40000000, 0x4c000000 },
                .spi = SPI_S2(0x5008d000),
                .mac_reg = 0x5012d044,
                .uart_clkdiv = 0x500ca014,
                .pkg = { 0x5012d04c, 20, 3 },
                .minor_lo = { 0x5012d04c, 0, 4 },
                .major = { 0x5012d04c, 4, 2 },
                .major_hi = { 0x5012d04c, 23, 1 },
                .crypt_cnt = { 0x5012d034, 18, 3 },
                .secure_boot = { 0x5012d038, 20, 1 },
                .crystal = 40,
                .features = "Dual Core + LP Core, 400MHz",
                .freqs = freqs_80,
                .map = chip_map_esp32p4,
        },
};

#define COUNT (sizeof rows / sizeof rows[0])

const struct chip *chips(size_t *n)
{
        *n = COUNT;
        return rows;
}

/* Case, dashes and underscores do not count. */
static bool same_name(const char *a, const char *b)
{
        for (;; a++, b++) {
                while (*a == '-' || *a == '_')
                        a++;
                while (*b == '-' || *b == '_')
                        b++;
                if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
                        return false;
                if (!*a)
                        return true;
        }
}

const struct chip *chip_by_name(const char *name)
{
        for (size_t i = 0; i < COUNT; i++)
                if (same_name(name, rows[i].option))
                        return &rows[i];
        return NULL;
}

const struct chip *chip_by_image_id(unsigned id)
{
        for (size_t i = 0; i < COUNT; i++)
                if (rows[i].image_id >= 0 && (unsigned)rows[i].image_id == id)
                        return &rows[i];
        return NULL;
}

const struct chip *chip_by_magic(uint32_t magic)
{
        for (size_t i = 0; i < COUNT; i++)
                for (const uint32_t *m = rows[i].magics; *m; m++)
                        if (*m == magic)
                                return &rows[i];
        return NULL;
}

const char *chip_names(void)
{
        return "esp8266, esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c5, esp32c6, esp32h2, "
               "esp32p4";
}

static int code_of(const struct chip_code *c, const char *word)
{
        for (; c->word; c++)
                if (!strcmp(c->word, word))
                        return c->code;
        return -1;
}

static const char *word_of(const struct chip_code *c, unsigned code)
{
        for (; c->word; c++)
                if (c->code == code)
                        return c->word;
        return NULL;
}

const struct chip_code *chip_sizes(const struct chip *c)
{
        return c->image_id < 0 ? sizes_8266 : sizes;
}

int chip_size_code(const struct chip *c, const char *word)
{
        return code_of(chip_sizes(c), word);
}

int chip_freq_code(const struct chip *c, const char *word)
{
        return code_of(c->freqs, word);
}

const char *chip_size_word(const struct chip *c, unsigned code)
{
        return word_of(chip_sizes(c), code);
}

const char *chip_freq_word(const struct chip *c, unsigned code)
{
        return word_of(c->freqs, code);
}

int flash_mode_code(const char *word)
{
        return code_of(modes, word);
}

const char *flash_mode_word(unsigned code)
{
        const char *word = word_of(modes, code);

        return word ? word : "?";
}

uint32_t flash_size_bytes(const char *word)
{
        char *end;
        const unsigned long n = strtoul(word, &end, 10);

        if (end == word || n == 0 || n > 1024)
                return 0;
        if (!strncmp(end, "MB", 2) && n <= 256 && (!end[2] || !strcmp(end + 2, "-c1")))
                return (uint32_t)n << 20;
        return strcmp(end, "KB") ? 0 : (uint32_t)n << 10;
}

const char *flash_size_text(uint64_t bytes)
{
        static const char *const words[] = { "256KB", "512KB", "1MB",  "2MB",   "4MB",  "8MB",
                                             "16MB",  "32MB",  "64MB", "128MB", "256MB" };

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (bytes == (uint64_t)0x40000 << i)
                        return words[i];
        return NULL;
}

bool chip_in_flash_window(const struct chip *c, uint32_t addr)
{
        return (addr >= c->irom[0] && addr < c->irom[1]) ||
               (addr >= c->drom[0] && addr < c->drom[1]);
}

uint32_t chip_regions(const struct chip *c, uint32_t addr)
{
        uint32_t bits = 0;

        for (const struct chip_region *r = c->map; r->end; r++)
                if (addr >= r->start && addr < r->end)
                        bits |= r->name;
        return bits;
}

const char *chip_key_purpose(const struct chip *c, unsigned purpose)
{
        static const char *const names[] = {
                "USER/EMPTY",
                "RESERVED",
                "XTS_AES_256_KEY_1",
                "XTS_AES_256_KEY_2",
                "XTS_AES_128_KEY",
                "HMAC_DOWN_ALL",
                "HMAC_DOWN_JTAG",
                "HMAC_DOWN_DIGITAL_SIGNATURE",
                "HMAC_UP",
                "SECURE_BOOT_DIGEST0",
                "SECURE_BOOT_DIGEST1",
                "SECURE_BOOT_DIGEST2",
                "KM_INIT_KEY",
        };

        if (purpose == 1 && (c->image_id == 16 || c->image_id == 18 || c->image_id == 23))
                return "ECDSA_KEY";
        return purpose < sizeof names / sizeof names[0] ? names[purpose] : NULL;
}
