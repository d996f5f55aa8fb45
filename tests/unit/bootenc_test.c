/* Flash encryption at the first start, in process: every power cut of eFuses and flash, every
 * count, keys of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "fmt/bootenc.h"
#include "fmt/bootfuse.h"
#include "fmt/efuse_model.h"
#include "host/payload.h"
#include "sim/nor.h"

#define FLASH   0x40000u
#define OTADATA 0xE000u
#define APP     0x10000u /* of two slots of 64 KiB: the second is empty */
#define SLOT    0x10000u
#define SECRET  0x30000u
#define OPEN    0x31000u

struct bench {
        bool esp32;
        uint8_t plain[FLASH]; /* as it is written by the station */
        uint8_t mem[FLASH];
        struct nor nor;
        struct flash cipher;
        uint8_t image[EFUSE_IMAGE_MAX];
        struct efuse_model fuses;
        struct bootsel_config cfg;
        struct bootenc e;
        uint8_t sector[FLASH_SECTOR];
        struct bootsel scratch;
        bool no_random;
};
static struct bench b;

static int get(void *ctx, uint32_t offset, uint32_t *value)
{
        (void)ctx;
        if (b.fuses.powerless || b.nor.off)
                return -E_IO;
        *value = efuse_model_read(&b.fuses, offset);
        return 0;
}

static int set(void *ctx, uint32_t offset, uint32_t value)
{
        (void)ctx;
        if (b.fuses.powerless || b.nor.off)
                return -E_IO;
        efuse_model_write(&b.fuses, offset, value);
        return b.fuses.powerless ? -E_IO : 0;
}

static int random_bytes(void *out, size_t n)
{
        return b.no_random ? -E_RANDOM : crypt_random(out, n);
}

/* Hardware's view of eFuses. */
static int word_of(void *ctx, uint32_t offset, uint32_t *value)
{
        *value = le32_get((const uint8_t *)ctx + offset);
        return 0;
}

static uint16_t chip_id(void)
{
        return b.esp32 ? 0 : 5;
}

static int cipher_of(struct flashenc *enc)
{
        struct bootfuse f;

        assert_int_equal(bootfuse_read(chip_id(), word_of, b.image, &f), 0);
        return bootfuse_flashenc(chip_id(), &f, word_of, b.image, enc) < 0 ? -E_KEY : 0;
}

static int cipher_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        (void)f;
        return flash_read(&b.nor.flash, offset, buf, len);
}

static int cipher_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        struct flashenc enc;
        struct flashenc_flash through;
        int rc = cipher_of(&enc);

        (void)f;
        if (rc < 0)
                return rc;
        flashenc_flash_init(&through, &b.nor.flash, &enc);
        rc = flash_write(&through.flash, offset, buf, len);
        flashenc_free(&enc);
        return rc;
}

static int cipher_erase(const struct flash *f, uint32_t offset, size_t len)
{
        (void)f;
        return flash_erase(&b.nor.flash, offset, len);
}

static void put_image(uint32_t at, bool bootloader)
{
        uint8_t elf[6000] = { 0x7F, 'E', 'L', 'F' };
        const struct blob in = { elf, sizeof elf };
        struct blob out = { 0 };
        const struct payload p = { .chip_id = chip_id(), .bootloader = bootloader };

        for (size_t i = 4; i < sizeof elf; i++)
                elf[i] = (uint8_t)(i * 31 >> 3);
        assert_int_equal(payload_pack(&p, &in, &out, NULL), 0);
        memcpy(b.plain + at, out.data, out.len);
        blob_free(&out);
}

static void put_table(void)
{
        static const struct ptable t = {
                .count = 5,
                .entries = { { PTABLE_DATA, PTABLE_DATA_OTA, OTADATA, 0x2000, 0, "otadata" },
                             { PTABLE_APP, PTABLE_APP_OTA_0, APP, SLOT, 0, "ota_0" },
                             { PTABLE_APP, PTABLE_APP_OTA_0 + 1, APP + SLOT, SLOT, 0, "ota_1" },
                             { 0x40, 0, SECRET, 0x1000, PTABLE_FLAG_ENCRYPTED, "secret" },
                             { 0x40, 1, OPEN, 0x1000, 0, "open" } },
                .md5 = true,
        };

        assert_int_equal(ptable_write(&t, b.plain + PTABLE_OFFSET, PTABLE_LEN, NULL), PTABLE_LEN);
}

static void write_plain(void)
{
        memcpy(b.mem, b.plain, sizeof b.mem);
        nor_power_on(&b.nor);
}

static uint32_t boot_at(void)
{
        return b.esp32 ? 0x1000 : 0;
}

static void begin(bool esp32)
{
        memset(&b, 0, sizeof b);
        b.esp32 = esp32;
        memset(b.plain, 0xFF, sizeof b.plain);
        put_image(boot_at(), true);
        put_image(APP, false);
        put_table();
        memset(b.plain + SECRET, 0x5A, 0x2000);
        assert_int_equal(nor_init(&b.nor, b.mem, FLASH, NULL), 0);
        write_plain();
        b.cipher = (struct flash){ cipher_read, cipher_write, cipher_erase, NULL, FLASH };
        efuse_model_init(&b.fuses, esp32 ? &efuse_esp32 : &efuse_esp32c3, b.image);
        b.cfg = (struct bootsel_config){ .flash = &b.nor.flash,
                                         .chip_id = chip_id(),
                                         .need_hash = true };
        b.e = (struct bootenc){ .efuses = b.fuses.chip,
                                .raw = &b.nor.flash,
                                .cipher = &b.cipher,
                                .sector = b.sector,
                                .boot_offset = boot_at(),
                                .get = get,
                                .set = set,
                                .random = random_bytes,
                                .boot = &b.cfg };
}

static int go(void)
{
        return bootenc_run(&b.e, &b.scratch, NULL);
}

static uint32_t count(void)
{
        return efuse_value(b.fuses.chip, b.image,
                           b.esp32 ? "FLASH_CRYPT_CNT" : "SPI_BOOT_CRYPT_CNT");
}

/* [at, at + len) is what the key makes of the plain bytes. */
static void assert_cipher(uint32_t at, uint32_t len)
{
        static uint8_t want[SLOT];
        struct flashenc enc;

        memcpy(want, b.plain + at, len);
        assert_int_equal(cipher_of(&enc), 0);
        assert_int_equal(flashenc_encrypt(&enc, at, want, len), 0);
        flashenc_free(&enc);
        assert_memory_equal(b.mem + at, want, len);
}

static void assert_encrypted(void)
{
        assert_cipher(boot_at(), 0x2000);
        assert_cipher(PTABLE_OFFSET, 0x1000);
        assert_cipher(OTADATA, 0x2000);
        assert_cipher(APP, SLOT);
        assert_cipher(SECRET, 0x1000);
        assert_memory_equal(b.mem + APP + SLOT, b.plain + APP + SLOT, SLOT);
        assert_memory_equal(b.mem + OPEN, b.plain + OPEN, 0x1000);
}

static bool is_locked(unsigned block)
{
        const struct efuse_block *k = &b.fuses.chip->blocks[block];

        return efuse_write_protected(b.fuses.chip, b.image, k->write_protect) &&
               efuse_read_protected(b.fuses.chip, b.image, k->read_protect);
}

static unsigned key_block(void)
{
        return b.esp32 ? 1 : 4;
}

static void first_start(void **state)
{
        (void)state;
        for (int esp32 = 0; esp32 < 2; esp32++) {
                begin(esp32);
                assert_int_equal(go(), 1);
                efuse_model_latch(&b.fuses);
                assert_int_equal(count(), 1);
                assert_true(is_locked(key_block()));
                assert_encrypted();
                assert_int_equal(b.nor.violations, 0);
                assert_int_equal(go(), 0); /* on already */
                assert_encrypted();
        }
}

/* Made even again and again, plain images each time, the same key; then no more. */
static void every_count(void **state)
{
        (void)state;
        for (int esp32 = 0; esp32 < 2; esp32++) {
                const unsigned bits = esp32 ? 7 : 3;
                const unsigned shift = esp32 ? 20 : 18;
                uint8_t key[32];

                begin(esp32);
                for (unsigned n = 1; n <= bits; n += 2) {
                        assert_int_equal(go(), 1);
                        assert_int_equal(count(), (1u << n) - 1);
                        assert_encrypted();
                        if (n == 1)
                                memcpy(key, b.image + b.fuses.chip->blocks[key_block()].read, 32);
                        assert_memory_equal(key, b.image + b.fuses.chip->blocks[key_block()].read,
                                            32);
                        if (n + 1 > bits)
                                break;
                        /* one more bit, burnt by a station */
                        efuse_model_write(&b.fuses, b.fuses.chip->blocks[0].write + (esp32 ? 0 : 8),
                                          1u << (shift + n));
                        efuse_model_write(&b.fuses, b.fuses.chip->conf, EFUSE_CONF_WRITE);
                        efuse_model_write(&b.fuses, b.fuses.chip->cmd, EFUSE_CMD_PGM);
                        efuse_model_write(&b.fuses, b.fuses.chip->blocks[0].write + (esp32 ? 0 : 8),
                                          0);
                        efuse_model_latch(&b.fuses);
                        write_plain();
                }
                assert_int_equal(count(), (1u << bits) - 1);
                assert_int_equal(go(), 0);
        }
}

/* Whatever flash operation the power goes at: written again it runs, with the key that is there. */
static void flash_cuts(void **state)
{
        uint64_t ops;

        (void)state;
        begin(false);
        assert_int_equal(go(), 1);
        ops = b.nor.ops;
        assert_true(ops > 30);
        for (uint64_t cut = 0; cut < ops; cut++) {
                uint8_t key[32];

                begin(false);
                b.nor.cut_at = cut;
                b.nor.cut_bytes = 100 * (size_t)cut % FLASH_SECTOR;
                assert_true(go() < 0);
                efuse_model_latch(&b.fuses);
                memcpy(key, b.image + b.fuses.chip->blocks[4].read, 32);
                assert_int_equal(count(), 0);
                write_plain();
                assert_int_equal(go(), 1);
                assert_int_equal(count(), 1);
                assert_memory_equal(key, b.image + b.fuses.chip->blocks[4].read, 32);
                assert_encrypted();
        }
}

/* The same at each burn of eFuses: nothing has to be written again, but behind the count's. */
static void burn_cuts(void **state)
{
        (void)state;
        for (uint32_t cut = 1; cut <= 4; cut++) {
                begin(false);
                b.e.release = true;
                b.fuses.cut = cut;
                assert_true(go() < 0);
                assert_true(b.fuses.powerless);
                efuse_model_latch(&b.fuses);
                if (cut == 4)
                        write_plain();
                assert_int_equal(go(), 1);
                efuse_model_latch(&b.fuses);
                assert_int_equal(count(), 7);
                assert_true(is_locked(4) || is_locked(5)); /* a half-burnt block is left alone */
                assert_int_equal(efuse_value(b.fuses.chip, b.image, "DIS_DOWNLOAD_MANUAL_ENCRYPT"),
                                 1);
                assert_encrypted();
        }
        begin(true); /* a key half burnt, not protected: nobody knows whose it is */
        b.fuses.cut = 1;
        assert_true(go() < 0);
        efuse_model_latch(&b.fuses);
        assert_int_equal(go(), -E_KEY);
        assert_memory_equal(b.mem, b.plain, FLASH);
}

/* An eFuse field of block 0 as burnt before. */
static void burnt(const char *name, uint32_t value)
{
        const struct efuse_field *f = efuse_field(b.fuses.chip, name);
        uint8_t bytes[4];

        le32_put(bytes, value);
        efuse_bits_or(b.image + b.fuses.chip->blocks[0].read, f->bit, f->len, bytes);
        efuse_model_init(&b.fuses, b.fuses.chip, b.image);
}

static void refusals(void **state)
{
        (void)state;
        begin(false);
        burnt("WR_DIS", 1u << efuse_field(b.fuses.chip, "SPI_BOOT_CRYPT_CNT")->write_protect);
        assert_int_equal(go(), -E_PERM);
        begin(false);
        b.no_random = true;
        assert_int_equal(go(), -E_RANDOM);
        begin(false); /* every block is for something, or has a lock */
        for (unsigned i = 0; i < 5; i++)
                burnt((const char *const[]){ "KEY_PURPOSE_0", "KEY_PURPOSE_1", "KEY_PURPOSE_2",
                                             "KEY_PURPOSE_3", "KEY_PURPOSE_4" }[i],
                      8);
        assert_int_equal(go(), -E_KEY); /* the sixth cannot feed XTS-AES on this chip */
        begin(false);
        burnt("WR_DIS", 1); /* no read protection any more */
        assert_int_equal(go(), -E_KEY);
        begin(true);
        burnt("CODING_SCHEME", 1);
        assert_int_equal(go(), -E_UNSUPPORTED);
        begin(false);
        b.plain[0x300] ^= 1;
        write_plain();
        assert_true(go() < 0);
        b.plain[0x300] ^= 1;
        assert_int_equal(count(), 0);
        begin(false); /* no table: the bootloader is ciphertext by then, as ESP-IDF leaves it */
        b.plain[PTABLE_OFFSET] ^= 1;
        write_plain();
        assert_true(go() < 0);
        assert_int_equal(count(), 0);
        begin(false); /* a damaged app stays as it is */
        b.plain[APP + 0x400] ^= 1;
        write_plain();
        assert_int_equal(go(), 1);
        assert_memory_equal(b.mem + APP, b.plain + APP, SLOT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(first_start), cmocka_unit_test(every_count),
                cmocka_unit_test(flash_cuts),  cmocka_unit_test(burn_cuts),
                cmocka_unit_test(refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
