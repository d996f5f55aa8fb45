/* Blocks and key purposes of the chips after the ESP32: the same offsets and bits on all of them.
 */
#include "fmt/efuse_tables.h"

#define NO EFUSE_NO

const struct efuse_block efuse_blocks_rs[EFUSE_BLOCKS] = {
        { "BLOCK0", 0x2c, 0, 6, NO, NO, NULL },
        { "MAC_SPI_8M_0|BLOCK1", 0x44, 0, 6, 20, NO, NULL },
        { "BLOCK_SYS_DATA|BLOCK2", 0x5c, 0, 8, 21, NO, NULL },
        { "BLOCK_USR_DATA|BLOCK3", 0x7c, 0, 8, 22, NO, NULL },
        { "BLOCK_KEY0|BLOCK4", 0x9c, 0, 8, 23, 0, "KEY_PURPOSE_0" },
        { "BLOCK_KEY1|BLOCK5", 0xbc, 0, 8, 24, 1, "KEY_PURPOSE_1" },
        { "BLOCK_KEY2|BLOCK6", 0xdc, 0, 8, 25, 2, "KEY_PURPOSE_2" },
        { "BLOCK_KEY3|BLOCK7", 0xfc, 0, 8, 26, 3, "KEY_PURPOSE_3" },
        { "BLOCK_KEY4|BLOCK8", 0x11c, 0, 8, 27, 4, "KEY_PURPOSE_4" },
        { "BLOCK_KEY5|BLOCK9", 0x13c, 0, 8, 28, 5, "KEY_PURPOSE_5" },
        { "BLOCK_SYS_DATA2|BLOCK10", 0x15c, 0, 8, 29, 6, NULL },
};

#define XTS (EFUSE_KEY_REVERSED | EFUSE_KEY_SECRET | EFUSE_KEY_XTS)

#define HMAC_AND_DIGESTS                                                                     \
        { "HMAC_DOWN_ALL", 5, EFUSE_KEY_SECRET }, { "HMAC_DOWN_JTAG", 6, EFUSE_KEY_SECRET }, \
                { "HMAC_DOWN_DIGITAL_SIGNATURE", 7, EFUSE_KEY_SECRET },                      \
                { "HMAC_UP", 8, EFUSE_KEY_SECRET },                                          \
                { "SECURE_BOOT_DIGEST0", 9, EFUSE_KEY_DIGEST },                              \
                { "SECURE_BOOT_DIGEST1", 10, EFUSE_KEY_DIGEST },                             \
        {                                                                                    \
                "SECURE_BOOT_DIGEST2", 11, EFUSE_KEY_DIGEST                                  \
        }

const struct efuse_purpose efuse_purposes_128[EFUSE_PURPOSES_128] = {
        { "USER", 0, 0 },
        { "RESERVED", 1, 0 },
        { "XTS_AES_128_KEY", 4, XTS },
        HMAC_AND_DIGESTS,
};

const struct efuse_purpose efuse_purposes_256[EFUSE_PURPOSES_256] = {
        { "USER", 0, 0 },
        { "RESERVED", 1, 0 },
        { "XTS_AES_256_KEY_1", 2, XTS },
        { "XTS_AES_256_KEY_2", 3, XTS },
        { "XTS_AES_128_KEY", 4, XTS },
        HMAC_AND_DIGESTS,
};

const struct efuse_purpose efuse_purposes_h2[EFUSE_PURPOSES_H2] = {
        { "USER", 0, 0 },
        { "ECDSA_KEY", 1, EFUSE_KEY_REVERSED | EFUSE_KEY_SECRET | EFUSE_KEY_PEM },
        { "RESERVED", 2, 0 },
        { "XTS_AES_128_KEY", 4, XTS },
        HMAC_AND_DIGESTS,
};
