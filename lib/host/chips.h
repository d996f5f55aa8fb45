/*
 * The chips as table rows: how each is recognised, where its registers are, what its ROM can do.
 *
 * Sources: the chips' technical reference manuals (register and eFuse addresses), Espressif's
 * "Serial Protocol" page, and, where these are silent (magic words, ROM variables), the constants
 * that esptool 4.8.1 and 5.3.1 work with. Checked against recorded sessions of the ESP32-C3 and
 * ESP32 ROMs.
 */
#ifndef HOST_CHIPS_H
#define HOST_CHIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bit field of a register; width 0: the chip has none. */
struct chip_field {
        uint32_t reg;
        uint8_t shift;
        uint8_t width;
};

/* Word to code: flash sizes and frequencies of the image header; ends with a NULL word. */
struct chip_code {
        const char *word;
        uint8_t code;
};

struct chip_name {
        uint8_t value;
        const char *text;
};

/* What the ROM's loader can do. */
enum {
        CHIP_ROM_ATTACH = 1 << 0,   /* SPI_ATTACH, SPI_SET_PARAMS, CHANGE_BAUDRATE, deflate, MD5,
                                       READ_FLASH_SLOW */
        CHIP_ROM_BEGIN_20 = 1 << 1, /* FLASH_BEGIN has the word that asks for encryption */
        CHIP_ROM_SECURITY = 1 << 2, /* GET_SECURITY_INFO */
        CHIP_ROM_CHIP_ID = 1 << 3,  /* … which names the chip */
        CHIP_ADDR_MSB = 1 << 4,     /* SPI address register is sent from its top bit */
        CHIP_XTAL_ESP32 =
                1 << 5, /* the ROM's idea of its crystal drifts: CHANGE_BAUDRATE needs correction */
        CHIP_XTAL_C2 = 1 << 6,   /* the ROM believes in 40 MHz, the crystal may be 26 */
        CHIP_XTAL_C5 = 1 << 7,   /* the ROM may be wrong between 40 and 48 MHz */
        CHIP_MMU_PAGES = 1 << 8, /* MMU page size can be chosen */
};

struct chip_region { /* of the memory map; name: one bit a name */
        uint32_t start, end, name;
};

struct chip {
        const char *name;   /* "ESP32-C3" */
        const char *option; /* "esp32c3" */
        int image_id; /* chip id of image headers and of GET_SECURITY_INFO; -1: none (ESP8266) */
        uint32_t magics[8]; /* at ROMLDR_MAGIC_REG; 0 ends the list */
        unsigned caps;
        uint8_t status_len;   /* of the ROM's replies */
        uint32_t boot_offset; /* where the ROM looks for the bootloader */
        uint32_t uf2_family;
        uint32_t irom[2], drom[2]; /* windows of mapped flash: start, end */
        struct { /* SPI1: base address and offsets; dlen 0: lengths are in USR1 (ESP8266) */
                uint32_t base;
                uint8_t usr, usr1, usr2, w0, mosi_dlen, miso_dlen;
        } spi;
        uint32_t mac_reg;
        uint32_t uart_clkdiv;
        uint32_t uart_no; /* ROM variable: which port the loader talks over; 0 unknown */
        uint8_t uart_no_usb_jtag, uart_no_usb_otg; /* its values; 0: has none */
        struct chip_field pkg, minor_lo, minor_hi, major, major_hi, flash_cap, psram_cap;
        struct chip_field crypt_cnt, secure_boot;
        uint32_t wdt[4]; /* write protect, config 0, SWD write protect, SWD config; 0: none to feed
                          */
        uint32_t wdt_key, swd_key, swd_feed;
        unsigned crystal; /* MHz; 0: measured */
        const struct chip_name *packages;
        const char *features;
        const struct chip_code *freqs;
        const struct chip_region *map; /* ends with end = 0 */
};

/* All rows; *n is their number. */
const struct chip *chips(size_t *n);

/* By what the user types ("esp32c3", "ESP32-C3"), by image id, by magic word; NULL if there is
 * none. */
const struct chip *chip_by_name(const char *name);
const struct chip *chip_by_image_id(unsigned id);
const struct chip *chip_by_magic(uint32_t magic);

/* "esp8266, esp32, …", for messages. */
const char *chip_names(void);

/* Codes of the image header's byte 3 (size in the high nibble, frequency in the low one): -1 if the
 * chip does not have it. */
const struct chip_code *chip_sizes(const struct chip *c);
int chip_size_code(const struct chip *c, const char *word);
int chip_freq_code(const struct chip *c, const char *word);
const char *chip_size_word(const struct chip *c, unsigned code);
const char *chip_freq_word(const struct chip *c, unsigned code);
int flash_mode_code(const char *word);      /* qio qout dio dout; -1 */
const char *flash_mode_word(unsigned code); /* "?" */

/* "4MB" to bytes ("512KB", "2MB-c1" too), 0 if it is no size; and back ("4MB"). NULL if no chip has
 * it. */
uint32_t flash_size_bytes(const char *word);
const char *flash_size_text(uint64_t bytes);

bool chip_in_flash_window(const struct chip *c, uint32_t addr);

/* The names of all regions of the map that hold addr, as bits. */
uint32_t chip_regions(const struct chip *c, uint32_t addr);

/* Key purposes of GET_SECURITY_INFO: a name or NULL. */
const char *chip_key_purpose(const struct chip *c, unsigned purpose);

#endif
