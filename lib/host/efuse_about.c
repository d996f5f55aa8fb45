/* What each eFuse is for, in a few words, and the group that espefuse shows it in. */
#include <ctype.h>
#include <string.h>

#include "host/efuse_value.h"

/* # stands for one digit. */
static const struct {
        const char *name, *category, *about;
} rows[] = {
        { "WR_DIS", "config", "which fields and blocks can be burnt no more" },
        { "RD_DIS", "config", "which blocks cannot be read" },

        { "ABS_DONE_0", "security", "secure boot v1 is on" },
        { "ABS_DONE_1", "security", "secure boot v2 is on (from revision v3.0)" },
        { "BLOCK1", "security", "key of flash encryption" },
        { "BLOCK2", "security", "key of secure boot v1, or digest of v2's public key" },
        { "BLOCK3", "security", "the user's block" },
        { "BLOCK_KEY#", "security", "key or user data" },
        { "KEY_PURPOSE_#", "security", "what the key of that number is for" },
        { "KEY_STATUS", "security", "BLOCK3 is set aside for a key" },
        { "CRYPT_DPA_ENABLE", "security", "XTS-AES is guarded against power analysis" },
        { "SEC_DPA_LEVEL", "security", "how hard its clock is shaken against power analysis" },
        { "DISABLE_DL_ENCRYPT", "security", "download mode cannot encrypt flash" },
        { "DISABLE_DL_DECRYPT", "security", "download mode cannot decrypt flash" },
        { "DIS_DOWNLOAD_DCACHE", "security", "no data cache in download mode" },
        { "DIS_DOWNLOAD_ICACHE", "security", "no instruction cache in download mode" },
        { "DIS_DOWNLOAD_MANUAL_ENCRYPT", "security", "download mode cannot encrypt flash" },
        { "DIS_DOWNLOAD_MODE", "security", "no download mode at all: esptool and flasher are out" },
        { "DIS_FORCE_DOWNLOAD", "security", "software cannot ask for download mode" },
        { "ENABLE_SECURITY_DOWNLOAD", "security", "download mode only writes flash" },
        { "UART_DOWNLOAD_DIS", "security", "no download mode over UART (from revision v3.0)" },
        { "ECDSA_FORCE_USE_HARDWARE_K", "security", "ECDSA takes its nonce from hardware" },
        { "ECDSA_CURVE_MODE", "security",
          "curves: 0, 3 P-256; 1 P-192; 2 both (from revision v1.2)" },
        { "ECC_FORCE_CONST_TIME", "security",
          "ECC takes the same time always (from revision v1.2)" },
        { "XTS_DPA_PSEUDO_LEVEL", "security",
          "false rounds of XTS-AES; 0: as software says (from v1.2)" },
        { "SECURE_BOOT_EN", "security", "secure boot is on" },
        { "SECURE_BOOT_AGGRESSIVE_REVOKE", "security",
          "a wrong signature revokes its key at once" },
        { "SECURE_BOOT_DISABLE_FAST_WAKE", "security", "verified after deep sleep too" },
        { "SECURE_BOOT_KEY_REVOKE#", "security", "the digest of that number is revoked" },
        { "SECURE_VERSION", "security", "lowest security version that boots, in set bits" },
        { "SPI_BOOT_CRYPT_CNT", "security", "flash encryption is on with an odd number of bits" },
        { "SPI_DOWNLOAD_MSPI_DIS", "security", "download mode cannot reach the memory bus" },

        { "FLASH_CRYPT_CNT", "flash", "flash encryption is on with an odd number of bits" },
        { "FLASH_CRYPT_CONFIG", "flash", "which bits of the key follow the address" },
        { "FLASH_CAP", "flash", "size of the flash in the package" },
        { "FLASH_TEMP", "flash", "temperature that it stands" },
        { "FLASH_VENDOR", "flash", "who made it" },
        { "FLASH_VERSION", "flash", "flash in the package" },
        { "FLASH_ECC_EN", "flash", "the flash has error correction" },
        { "FLASH_ECC_MODE", "flash", "of its error correction" },
        { "FLASH_PAGE_SIZE", "flash", "page size of the flash" },
        { "FLASH_TPUW", "flash", "wait after the flash's power-up, ms" },
        { "FLASH_TYPE", "flash", "data lines of the flash" },
        { "FORCE_SEND_RESUME", "flash", "the ROM tells the flash to resume" },

        { "MAC", "MAC", "factory address" },
        { "MAC_CRC", "MAC", "its CRC-8" },
        { "MAC_EXT", "MAC", "the middle of the EUI-64" },
        { "MAC_EUI64", "MAC", "address for IEEE 802.15.4, from MAC and MAC_EXT" },
        { "MAC_VERSION", "MAC", "1: BLOCK3 has an address of the product's own" },
        { "CUSTOM_MAC", "MAC", "address of the product's own" },
        { "CUSTOM_MAC_CRC", "MAC", "its CRC-8" },

        { "DIS_PAD_JTAG", "jtag", "no JTAG on pins, for ever" },
        { "HARD_DIS_JTAG", "jtag", "no JTAG, for ever" },
        { "SOFT_DIS_JTAG", "jtag", "odd number of bits: JTAG only with an HMAC key" },
        { "JTAG_DISABLE", "jtag", "no JTAG" },
        { "JTAG_SEL_ENABLE", "jtag", "a strapping pin chooses the JTAG" },
        { "STRAP_JTAG_SEL", "jtag", "a strapping pin chooses the JTAG" },

        { "DIS_USB", "usb", "no USB OTG" },
        { "DIS_USB_OTG", "usb", "no USB OTG" },
        { "DIS_USB_DOWNLOAD_MODE", "usb", "no download over USB OTG" },
        { "DIS_USB_OTG_DOWNLOAD_MODE", "usb", "no download over USB OTG" },
        { "DIS_USB_JTAG", "usb", "no JTAG over USB" },
        { "DIS_USB_SERIAL_JTAG", "usb", "no USB Serial/JTAG" },
        { "DIS_USB_SERIAL_JTAG_DOWNLOAD_MODE", "usb", "no download over USB Serial/JTAG" },
        { "DIS_USB_SERIAL_JTAG_ROM_PRINT", "usb", "the ROM does not print on USB" },
        { "USB_EXCHG_PINS", "usb", "D+ and D- change places" },
        { "USB_EXT_PHY_ENABLE", "usb", "an external USB PHY is used" },
        { "USB_FORCE_NOPERSIST", "usb", "USB forgets its state at reset" },
        { "USB_PHY_SEL", "usb", "which unit has the internal PHY" },

        { "SPI_PAD_CONFIG_CLK", "spi pad", "pin of the flash's clock" },
        { "SPI_PAD_CONFIG_CS", "spi pad", "pin of the flash's chip select" },
        { "SPI_PAD_CONFIG_CS#", "spi pad", "pin of the flash's chip select" },
        { "SPI_PAD_CONFIG_Q", "spi pad", "pin of the flash's D1" },
        { "SPI_PAD_CONFIG_D", "spi pad", "pin of the flash's D0" },
        { "SPI_PAD_CONFIG_HD", "spi pad", "pin of the flash's D3" },
        { "SPI_PAD_CONFIG_WP", "spi pad", "pin of the flash's D2" },
        { "SPI_PAD_CONFIG_DQS", "spi pad", "pin of the flash's DQS" },
        { "SPI_PAD_CONFIG_D#", "spi pad", "pin of the flash's data line of that number" },

        { "VDD_SPI_AS_GPIO", "vdd", "the flash's supply pin is a GPIO" },
        { "VDD_SPI_FORCE", "vdd", "these fields, not a pin, say how the flash is supplied" },
        { "VDD_SPI_XPD", "vdd", "the flash's regulator is on" },
        { "VDD_SPI_TIEH", "vdd", "what the flash's supply is connected to" },
        { "XPD_SDIO_FORCE", "vdd", "these fields, not GPIO12, say how the flash is supplied" },
        { "XPD_SDIO_REG", "vdd", "the flash's regulator is on" },
        { "XPD_SDIO_TIEH", "vdd", "its voltage" },

        { "WDT_DELAY_SEL", "wdt", "time-out of the first watchdog, slow clock cycles" },

        { "BLK_VERSION_MAJOR", "identity", "version of the factory's data, major" },
        { "BLK_VERSION_MINOR", "identity", "version of the factory's data, minor" },
        { "BLOCK0_VERSION", "identity", "version of BLOCK0" },
        { "CHIP_PACKAGE", "identity", "package" },
        { "CHIP_PACKAGE_4BIT", "identity", "package, fourth bit" },
        { "CHIP_VER_REV#", "identity", "silicon revision, one bit of it" },
        { "DISABLE_BLK_VERSION_MAJOR", "identity", "block version is not checked" },
        { "DISABLE_WAFER_VERSION_MAJOR", "identity", "silicon revision is not checked" },
        { "OPTIONAL_UNIQUE_ID", "identity", "unique number of the chip" },
        { "PKG_VERSION", "identity", "package" },
        { "PSRAM_VERSION", "identity", "PSRAM in the package" },
        { "RXIQ_VERSION", "identity", "version of the receiver's calibration" },
        { "PSRAM_CAPACITY", "identity", "size of the PSRAM in the package, all its bits" },
        { "WAFER_VERSION_MAJOR", "identity", "silicon revision, major" },
        { "WAFER_VERSION_MINOR", "identity", "silicon revision, minor" },
        { "WAFER_VERSION_MINOR_HI", "identity", "silicon revision, minor, highest bit" },
        { "WAFER_VERSION_MINOR_LO", "identity", "silicon revision, minor, lower bits" },

        { "BLK3_PART_RESERVE", "config", "BLOCK3 holds calibration" },
        { "BLOCK_SYS_DATA2", "config", "system data, second part" },
        { "BLOCK_USR_DATA", "config", "the user's block" },
        { "CHIP_CPU_FREQ_LOW", "config", "rated for 160 MHz only" },
        { "CHIP_CPU_FREQ_RATED", "config", "the CPU's rate is known" },
        { "CLK8M_FREQ", "config", "frequency of the 8 MHz clock" },
        { "CODING_SCHEME", "config", "coding of BLOCK1 to BLOCK3" },
        { "CONSOLE_DEBUG_DISABLE", "config", "no BASIC console of the ROM" },
        { "DISABLE_APP_CPU", "config", "one core only" },
        { "DISABLE_BT", "config", "no Bluetooth" },
        { "DISABLE_DL_CACHE", "config", "no cache in download mode" },
        { "DISABLE_SDIO_HOST", "config", "no SDIO host" },
        { "DIS_APP_CPU", "config", "one core only" },
        { "DIS_BOOT_REMAP", "config", "RAM cannot be seen at the ROM's place" },
        { "DIS_CACHE", "config", "no cache" },
        { "DIS_DCACHE", "config", "no data cache" },
        { "DIS_DIRECT_BOOT", "config", "no boot without a bootloader's header" },
        { "DIS_ICACHE", "config", "no instruction cache" },
        { "DIS_LEGACY_SPI_BOOT", "config", "no boot in the old way" },
        { "DIS_TWAI", "config", "no TWAI (CAN)" },
        { "DSLP_LP_DBG", "config", "deep sleep, LP voltage debug" },
        { "LSLP_HP_DBG", "config", "light sleep, HP voltage debug" },
        { "ERR_RST_ENABLE", "config", "eFuse errors are looked at in reset" },
        { "HYS_EN_PAD#", "config", "hysteresis of pins" },
        { "PIN_POWER_SELECTION", "config", "what supplies the flash's pins" },
        { "POWERGLITCH_EN", "config", "power glitches reset the chip" },
        { "POWERGLITCH_EN1", "config", "the same, from revision v1.2" },
        { "PSRAM_CAP", "config", "size of the PSRAM in the package" },
        { "PSRAM_CAP_3", "config", "its highest bit" },
        { "PSRAM_TEMP", "config", "temperature that it stands" },
        { "PSRAM_VENDOR", "config", "who made it" },
        { "RXIQ_#", "config", "calibration of the receiver" },
        { "SWAP_UART_SDIO_EN", "config", "UART and SDIO change places" },
        { "UART_PRINT_CHANNEL", "config", "where the ROM prints" },
        { "UART_PRINT_CONTROL", "config", "whether the ROM prints" },
        { "VOL_LEVEL_HP_INV", "config", "voltage for 240 MHz" },
};

/* Does name (up to its end or '|') fit pattern? */
static bool fits(const char *name, const char *pattern)
{
        for (; *pattern; name++, pattern++)
                if (*pattern != *name && !(*pattern == '#' && isdigit((unsigned char)*name)))
                        return false;
        return !*name || *name == '|';
}

const char *efuse_category(const struct efuse_field *f)
{
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                if (fits(f->name, rows[i].name))
                        return rows[i].category;
        return "calibration";
}

const char *efuse_about(const struct efuse_field *f)
{
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                if (fits(f->name, rows[i].name))
                        return rows[i].about;
        return "a factory measurement";
}
