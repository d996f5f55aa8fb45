#include "fmt/bootfuse.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/* Register offsets. The chips after the ESP32 have the same in these. */
#define WORD2 0x34u /* SPI_BOOT_CRYPT_CNT 18…20, revoked digests 21…23, purposes from 24 */
#define WORD3 0x38u /* purposes 0…15, SECURE_BOOT_EN 20, aggressive revocation 21 */
#define KEY0  0x9Cu

#define ESP32        0u
#define ESP32_W0     0x00u /* FLASH_CRYPT_CNT 20…26 */
#define ESP32_W5     0x14u /* FLASH_CRYPT_CONFIG 28…31 */
#define ESP32_W6     0x18u /* ABS_DONE_0 4, ABS_DONE_1 5 */
#define ESP32_BLOCK1 0x38u
#define ESP32_BLOCK  0x20u
#define ESP32_DIGEST 1u /* BLOCK2 */

uint8_t bootfuse_schemes(uint16_t chip_id)
{
        const unsigned rsa = 1u << SECBOOT_RSA3072;
        const unsigned p192 = 1u << SECBOOT_P192;
        const unsigned p256 = 1u << SECBOOT_P256;
        const unsigned p384 = 1u << SECBOOT_P384;

        switch (chip_id) {
        case 12: /* ESP32-C2 */
                return (uint8_t)(p192 | p256);
        case 13: /* ESP32-C6 */
        case 16: /* ESP32-H2 */
        case 18: /* ESP32-P4 */
                return (uint8_t)(rsa | p192 | p256);
        case 20: /* ESP32-C61 */
                return (uint8_t)(p192 | p256 | p384);
        case 23: /* ESP32-C5 */
                return (uint8_t)(rsa | p192 | p256 | p384);
        default:
                return (uint8_t)rsa;
        }
}

static bool is_odd(uint32_t bits)
{
        bool odd = false;

        for (; bits; bits >>= 1)
                odd ^= bits & 1;
        return odd;
}

int bootfuse_key(uint16_t chip_id, unsigned i, bootfuse_word *word, void *ctx, uint8_t out[32])
{
        const uint32_t at = chip_id == ESP32 ? ESP32_BLOCK1 + i * ESP32_BLOCK : KEY0 + i * 32;
        uint32_t v = 0;
        int rc = 0;

        for (uint32_t k = 0; k < 32 && rc == 0; k += 4) {
                rc = word(ctx, at + k, &v);
                le32_put(out + k, v);
        }
        return rc;
}

static int read_esp32(bootfuse_word *word, void *ctx, struct bootfuse *b)
{
        uint32_t w0 = 0, w5 = 0, w6 = 0;
        int rc;

        if ((rc = word(ctx, ESP32_W0, &w0)) < 0 || (rc = word(ctx, ESP32_W5, &w5)) < 0 ||
            (rc = word(ctx, ESP32_W6, &w6)) < 0)
                return rc;
        b->secure_boot = w6 >> 5 & 1;
        b->secure_boot_v1 = (w6 >> 4 & 3) == 1;
        b->trust.v1 = b->secure_boot_v1;
        b->encrypted = is_odd(w0 >> 20 & 0x7F);
        b->conf = (uint8_t)(w5 >> 28);
        b->trust.usable = 1;
        return bootfuse_key(ESP32, ESP32_DIGEST, word, ctx, b->trust.digest[0]);
}

int bootfuse_read(uint16_t chip_id, bootfuse_word *word, void *ctx, struct bootfuse *b)
{
        uint32_t w2 = 0, w3 = 0;
        uint64_t purposes;
        int rc;

        memset(b, 0, sizeof *b);
        b->trust.schemes = bootfuse_schemes(chip_id);
        if (chip_id == ESP32)
                return read_esp32(word, ctx, b);
        if ((rc = word(ctx, WORD2, &w2)) < 0 || (rc = word(ctx, WORD3, &w3)) < 0)
                return rc;
        purposes = (uint64_t)w3 << 8 | w2 >> 24;
        b->secure_boot = w3 >> 20 & 1;
        b->revoke = w3 >> 21 & 1;
        b->encrypted = is_odd(w2 >> 18 & 7);
        for (unsigned i = 0; i < BOOTFUSE_KEYS && rc == 0; i++) {
                const unsigned p = purposes >> 4 * i & 15;
                const unsigned k = p - BOOTFUSE_DIGEST0;

                b->purpose[i] = (uint8_t)p;
                if (k >= SECBOOT_BLOCKS || w2 >> (21 + k) & 1)
                        continue;
                rc = bootfuse_key(chip_id, i, word, ctx, b->trust.digest[k]);
                b->trust.usable |= (uint8_t)(1u << k);
        }
        return rc;
}

/* The block of that purpose, or -1. */
static int block_for(const struct bootfuse *b, enum bootfuse_purpose purpose)
{
        for (unsigned i = 0; i < BOOTFUSE_KEYS; i++)
                if (b->purpose[i] == purpose)
                        return (int)i;
        return -1;
}

/* Blocks that hold keys for hardware AES have their last byte first. */
static int key_half(uint16_t chip_id, int block, bootfuse_word *word, void *ctx, uint8_t out[32])
{
        uint8_t raw[32] = { 0 };
        const int rc = bootfuse_key(chip_id, (unsigned)block, word, ctx, raw);

        for (unsigned i = 0; i < 32; i++)
                out[i] = raw[31 - i];
        wipe(raw, sizeof raw);
        return rc;
}

int bootfuse_v1_key(bootfuse_word *word, void *ctx, uint8_t out[32])
{
        return key_half(ESP32, ESP32_DIGEST, word, ctx, out);
}

int bootfuse_flashenc(uint16_t chip_id, const struct bootfuse *b, bootfuse_word *word, void *ctx,
                      struct flashenc *e)
{
        const int one = block_for(b, BOOTFUSE_XTS256_1);
        const int two = block_for(b, BOOTFUSE_XTS256_2);
        const int small = block_for(b, BOOTFUSE_XTS128);
        uint8_t key[FLASHENC_KEY_MAX];
        int rc;

        if (chip_id == ESP32) {
                if ((rc = key_half(chip_id, 0, word, ctx, key)) == 0)
                        rc = flashenc_init_esp32(e, key, b->conf);
        } else if (one >= 0 && two >= 0) {
                if ((rc = key_half(chip_id, one, word, ctx, key)) == 0 &&
                    (rc = key_half(chip_id, two, word, ctx, key + 32)) == 0)
                        rc = flashenc_init_xts(e, key, 64);
        } else if (small >= 0) {
                if ((rc = key_half(chip_id, small, word, ctx, key)) == 0)
                        rc = flashenc_init_xts(e, key, 32);
        } else {
                return -E_NOTFOUND;
        }
        wipe(key, sizeof key);
        return rc;
}
