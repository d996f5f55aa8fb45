/* Signature blocks and flash encryption at their limits; vectors of others are
 * tests/golden/secureboot.sh's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "fmt/bootfuse.h"
#include "fmt/flashenc.h"
#include "fmt/secboot_flash.h"
#include "fmt/secboot_v1.h"
#include "host/secboot_sign.h"

#define IMAGE  2048u
#define REGION (3u * SECBOOT_SECTOR)

struct bench {
        uint8_t bytes[REGION];
        struct flash flash;
        struct secboot_trust trust;
        EVP_PKEY *keys[3];
        unsigned reads_left; /* then the flash fails */
};

static int bench_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        struct bench *b = f->ctx;

        if (b->reads_left == 0)
                return -E_IO;
        b->reads_left--;
        if (offset > f->size || len > f->size - offset)
                return -E_RANGE;
        memcpy(buf, b->bytes + offset, len);
        return 0;
}

static int bench_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        struct bench *b = f->ctx;
        const uint8_t *p = buf;

        if (offset > f->size || len > f->size - offset)
                return -E_RANGE;
        for (size_t i = 0; i < len; i++)
                b->bytes[offset + i] &= p[i];
        return 0;
}

static int bench_erase(const struct flash *f, uint32_t offset, size_t len)
{
        struct bench *b = f->ctx;

        memset(b->bytes + offset, 0xFF, len);
        return 0;
}

/* An image signed by `signers` keys of these schemes; all of them are trusted. */
static void sign(struct bench *b, const enum secboot_scheme *schemes, size_t n)
{
        struct secboot_order order = { .keys = b->keys, .count = n };
        struct blob image = { malloc(IMAGE), IMAGE };
        struct blob out = { 0 };
        unsigned count;

        memset(b, 0, sizeof *b);
        b->flash = (struct flash){ bench_read, bench_write, bench_erase, b, REGION };
        b->reads_left = UINT32_MAX;
        b->trust.schemes = 15;
        assert_non_null(image.data);
        for (size_t i = 0; i < IMAGE; i++)
                image.data[i] = (uint8_t)(i * 7);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(secboot_key_make(schemes[i], &b->keys[i], NULL), 0);
                assert_int_equal(secboot_digest_of(b->keys[i], b->trust.digest[i], NULL), 0);
                b->trust.usable |= (uint8_t)(1u << i);
        }
        assert_int_equal(secboot_sign(&image, &order, &out, &count, NULL), 0);
        assert_int_equal(count, n);
        assert_int_equal(out.len, 2 * SECBOOT_SECTOR);
        memset(b->bytes, 0xFF, sizeof b->bytes);
        memcpy(b->bytes, out.data, out.len);
        blob_free(&image);
        blob_free(&out);
}

static void bench_free(struct bench *b)
{
        for (size_t i = 0; i < 3; i++)
                EVP_PKEY_free(b->keys[i]);
}

static int judge(struct bench *b)
{
        return secboot_flash_verify(&b->flash, 0, IMAGE, REGION, &b->trust, NULL, NULL);
}

static struct bench bench;

/* What no signature covers: the end of the block, the rest of the sector. ROMs do not look there.
 */
static bool is_free(size_t at)
{
        return at >= SECBOOT_SECTOR + SECBOOT_AT_CRC + 4;
}

static void every_bit(void **state)
{
        static const enum secboot_scheme schemes[] = { SECBOOT_RSA3072, SECBOOT_P192, SECBOOT_P256,
                                                       SECBOOT_P384 };

        (void)state;
        for (size_t s = 0; s < 4; s++) {
                sign(&bench, &schemes[s], 1);
                assert_int_equal(judge(&bench), 0);
                /* every bit of one scheme of each kind, every byte of the others */
                for (size_t bit = s; bit < 2 * SECBOOT_SECTOR * 8; bit += s % 2 ? 7 : 1) {
                        const size_t at = bit / 8;

                        bench.bytes[at] ^= (uint8_t)(1u << bit % 8);
                        /* of a sector's free bytes a sample is enough */
                        if (!is_free(at))
                                assert_int_equal(judge(&bench), -E_VERIFY);
                        else if (bit % 997 == 0)
                                assert_int_equal(judge(&bench), 0);
                        bench.bytes[at] ^= (uint8_t)(1u << bit % 8);
                }
                assert_int_equal(judge(&bench), 0);
                bench_free(&bench);
        }
}

static void whom_it_trusts(void **state)
{
        static const enum secboot_scheme three[] = { SECBOOT_RSA3072, SECBOOT_RSA3072,
                                                     SECBOOT_P256 };
        struct diag d = { 0 };

        (void)state;
        sign(&bench, three, 3);
        for (unsigned usable = 0; usable < 8; usable++) { /* revoked, or never burnt */
                bench.trust.usable = (uint8_t)usable;
                assert_int_equal(judge(&bench), usable ? 0 : -E_VERIFY);
        }
        bench.trust.usable = 4; /* the third, ECDSA, on a chip that knows RSA only */
        bench.trust.schemes = 1u << SECBOOT_RSA3072;
        assert_int_equal(
                secboot_flash_verify(&bench.flash, 0, IMAGE, REGION, &bench.trust, NULL, &d),
                -E_VERIFY);
        bench.trust.usable = 7;
        bench.trust.schemes = 15;
        bench.bytes[SECBOOT_SECTOR + 10] ^= 1; /* the first block is damaged: the others count */
        assert_int_equal(judge(&bench), 0);
        bench.bytes[SECBOOT_SECTOR + SECBOOT_BLOCK + 10] ^= 1;
        assert_int_equal(judge(&bench), 0);
        bench.bytes[SECBOOT_SECTOR + 2 * SECBOOT_BLOCK + 10] ^= 1;
        assert_int_equal(judge(&bench), -E_VERIFY);
        bench_free(&bench);
}

static void room_and_faults(void **state)
{
        static const enum secboot_scheme one[] = { SECBOOT_P256 };
        unsigned n = 0;

        (void)state;
        sign(&bench, one, 1);
        for (uint32_t room = 0; room < 2 * SECBOOT_SECTOR; room += 64)
                assert_int_equal(secboot_flash_verify(&bench.flash, 0, IMAGE, room, &bench.trust,
                                                      NULL, NULL),
                                 -E_VERIFY);
        assert_int_equal(secboot_flash_verify(&bench.flash, 0, IMAGE, 2 * SECBOOT_SECTOR,
                                              &bench.trust, NULL, NULL),
                         0);
        assert_int_equal(
                secboot_flash_verify(&bench.flash, 0, UINT32_MAX, REGION, &bench.trust, NULL, NULL),
                -E_VERIFY);
        do { /* the flash fails at each read */
                bench.reads_left = n++;
        } while (judge(&bench) == -E_IO);
        assert_true(n > 8);
        bench.reads_left = n;
        assert_int_equal(judge(&bench), 0);
        bench_free(&bench);
}

/* Block i of the sector, with its CRC made right again. */
static void mend_crc(unsigned i)
{
        uint8_t *block = bench.bytes + SECBOOT_SECTOR + i * SECBOOT_BLOCK;

        le32_put(block + SECBOOT_AT_CRC, crc32_le(0, block, SECBOOT_AT_CRC));
}

static int judge_broken(uint8_t *broken)
{
        return secboot_flash_verify(&bench.flash, 0, IMAGE, REGION, &bench.trust, broken, NULL);
}

/* Which key a ROM would revoke: only that of a whole block over this image with a wrong signature.
 */
static void whom_to_revoke(void **state)
{
        static const enum secboot_scheme two[] = { SECBOOT_RSA3072, SECBOOT_P256 };
        uint8_t *const rsa = bench.bytes + SECBOOT_SECTOR;
        uint8_t *const ec = rsa + SECBOOT_BLOCK;
        uint8_t broken = 0xFF;

        (void)state;
        sign(&bench, two, 2);
        assert_int_equal(judge_broken(&broken), 0);
        assert_int_equal(broken, 0);
        rsa[SECBOOT_RSA_AT_S + 5] ^= 1; /* the CRC tells: no block at all */
        assert_int_equal(judge_broken(&broken), 0);
        assert_int_equal(broken, 0);
        mend_crc(0);
        assert_int_equal(judge_broken(&broken), 0); /* the second key's is good */
        assert_int_equal(broken, 1);
        ec[SECBOOT_EC_AT_S] ^= 1;
        mend_crc(1);
        assert_int_equal(judge_broken(&broken), -E_VERIFY);
        assert_int_equal(broken, 3);
        bench.trust.usable = 2; /* whoever is not trusted is not revoked either */
        assert_int_equal(judge_broken(&broken), -E_VERIFY);
        assert_int_equal(broken, 2);
        bench.trust.usable = 3;
        bench.bytes[7] ^= 1; /* another image: nobody's signature is wrong */
        assert_int_equal(judge_broken(&broken), -E_VERIFY);
        assert_int_equal(broken, 0);
        bench_free(&bench);
}

/* Secure boot version 1: an app's signature, a bootloader's digest. Every bit counts. */
static void version_1_app(void **state)
{
        struct blob image = { malloc(IMAGE), IMAGE };
        struct blob out = { 0 };
        uint8_t xy[SECBOOT_V1_KEY];
        EVP_PKEY *key = NULL;
        struct diag d = { 0 };

        (void)state;
        assert_non_null(image.data);
        for (size_t i = 0; i < IMAGE; i++)
                image.data[i] = (uint8_t)(i * 7);
        assert_int_equal(secboot_key_make(SECBOOT_P256, &key, NULL), 0);
        assert_int_equal(secboot_point_of(key, xy, NULL), 0);
        assert_int_equal(secboot_sign_v1(&image, key, &out, NULL), 0);
        assert_int_equal(out.len, IMAGE + SECBOOT_V1_LEN);
        memset(&bench, 0, sizeof bench);
        bench.flash = (struct flash){ bench_read, bench_write, bench_erase, &bench, REGION };
        bench.reads_left = UINT32_MAX;
        memset(bench.bytes, 0xFF, sizeof bench.bytes);
        memcpy(bench.bytes, out.data, out.len);
        bench.trust.v1 = true;
        assert_int_equal(judge(&bench), -E_VERIFY); /* no key in the firmware */
        bench.trust.v1_key = xy;
        assert_int_equal(judge(&bench), 0);
        for (uint32_t room = 0; room < IMAGE + SECBOOT_V1_LEN; room++)
                assert_int_equal(secboot_flash_verify(&bench.flash, 0, IMAGE, room, &bench.trust,
                                                      NULL, NULL),
                                 -E_VERIFY);
        for (size_t bit = 0; bit < out.len * 8; bit += bit < IMAGE * 8 ? 29 : 1) {
                bench.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(judge(&bench), -E_VERIFY);
                bench.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t bit = 0; bit < sizeof xy * 8; bit += 3) { /* another key */
                xy[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(judge(&bench), -E_VERIFY);
                xy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        memset(bench.bytes + IMAGE, 0xFF, SECBOOT_V1_LEN);
        assert_int_equal(
                secboot_flash_verify(&bench.flash, 0, IMAGE, REGION, &bench.trust, NULL, &d),
                -E_VERIFY);
        assert_string_equal(diag_text(&d), "not signed");
        EVP_PKEY_free(key);
        blob_free(&image);
        blob_free(&out);
}

#define V1_AT  SECBOOT_SECTOR
#define V1_LEN (IMAGE + 48u) /* not whole blocks of 128 */

static int judge_boot(uint32_t len, const uint8_t key[32])
{
        return secboot_v1_boot_verify(&bench.flash, V1_AT, len, true, key, NULL);
}

static void version_1_boot(void **state)
{
        uint8_t key[32] = { 1, 2, 3 };
        unsigned n = 0;

        (void)state;
        memset(&bench, 0, sizeof bench);
        bench.flash = (struct flash){ bench_read, bench_write, bench_erase, &bench, REGION };
        bench.reads_left = UINT32_MAX;
        memset(bench.bytes, 0xFF, sizeof bench.bytes);
        for (size_t i = 0; i < SECBOOT_V1_IV; i++)
                bench.bytes[i] = (uint8_t)(i * 5);
        for (size_t i = 0; i < V1_LEN; i++)
                bench.bytes[V1_AT + i] = (uint8_t)(i * 7);
        assert_int_equal(secboot_v1_digest(key, bench.bytes, bench.bytes + V1_AT, V1_LEN,
                                           bench.bytes + SECBOOT_V1_IV),
                         0);
        assert_int_equal(judge_boot(V1_LEN, key), 0);
        for (size_t bit = 0; bit < (V1_AT + V1_LEN) * 8; bit += 3) {
                if (bit == (SECBOOT_V1_IV + SECBOOT_V1_DIGEST) * 8)
                        bit = V1_AT * 8;
                bench.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(judge_boot(V1_LEN, key), -E_VERIFY);
                bench.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        key[31] ^= 1;
        assert_int_equal(judge_boot(V1_LEN, key), -E_VERIFY);
        key[31] ^= 1;
        assert_int_equal(judge_boot(V1_LEN - 128, key), -E_VERIFY);
        do { /* the flash fails at each read */
                bench.reads_left = n++;
        } while (judge_boot(V1_LEN, key) == -E_IO);
        assert_int_equal(n, 2 + (V1_LEN + 127) / 128 + 1);
        bench.reads_left = UINT32_MAX;
        assert_int_equal(judge_boot(V1_LEN, key), 0);
}

static int cipher(int kind, const uint8_t *key, struct flashenc *e)
{
        return kind == 0 ? flashenc_init_esp32(e, key, FLASHENC_CONF_ALL)
                         : flashenc_init_xts(e, key, kind == 1 ? 32 : 64);
}

/* What a chip with another key reads at 0x30. */
static void with_another_key(int kind, uint8_t back[1024])
{
        static const uint8_t key[64] = { 9, 9, 9, [63] = 7 };
        struct flashenc e;
        struct flashenc_flash v;

        assert_int_equal(cipher(kind, key, &e), 0);
        flashenc_flash_init(&v, &bench.flash, &e);
        assert_int_equal(flash_read(&v.flash, 0x30, back, 1024), 0);
        flashenc_free(&e);
}

static void view_of_ciphertext(void **state)
{
        static const uint8_t key[64] = { 1, 2, 3, 4, 5, 6, 7, 8, [63] = 9 };
        static uint8_t plain[1024], back[1024];
        struct flashenc e;
        struct flashenc_flash v;

        (void)state;
        for (size_t i = 0; i < sizeof plain; i++)
                plain[i] = (uint8_t)(i ^ i >> 8);
        for (int kind = 0; kind < 3; kind++) {
                bench.flash =
                        (struct flash){ bench_read, bench_write, bench_erase, &bench, REGION };
                bench.reads_left = UINT32_MAX;
                memset(bench.bytes, 0xFF, sizeof bench.bytes);
                assert_int_equal(cipher(kind, key, &e), 0);
                flashenc_flash_init(&v, &bench.flash, &e);
                assert_int_equal(flash_write(&v.flash, 0x30, plain, 900), -E_RANGE);
                assert_int_equal(flash_write(&v.flash, 0x31, plain, 16), -E_RANGE);
                assert_int_equal(flash_write(&v.flash, 0x30, plain, sizeof plain), 0);
                assert_memory_not_equal(bench.bytes + 0x30, plain, 16);
                for (uint32_t at = 0; at < 300; at += 7) /* any place, any length */
                        for (uint32_t n = 0; n < 700; n += 61) {
                                assert_int_equal(flash_read(&v.flash, 0x30 + at, back, n), 0);
                                assert_memory_equal(back, plain + at, n);
                        }
                /* copied to another place, or read with another key, it means nothing */
                memcpy(bench.bytes + 0x2030, bench.bytes + 0x30, sizeof plain);
                assert_int_equal(flash_read(&v.flash, 0x2030, back, sizeof plain), 0);
                for (size_t i = 0; i < sizeof plain; i += FLASHENC_BLOCK)
                        assert_memory_not_equal(back + i, plain + i, FLASHENC_BLOCK);
                with_another_key(kind, back);
                for (size_t i = 0; i < sizeof plain; i += FLASHENC_BLOCK)
                        assert_memory_not_equal(back + i, plain + i, FLASHENC_BLOCK);
                assert_int_equal(flash_read(&v.flash, REGION - 3, back, 4), -E_RANGE);
                assert_int_equal(flash_read(&v.flash, REGION - 3, back, 3), 0);
                assert_int_equal(flash_erase(&v.flash, 0, SECBOOT_SECTOR), 0);
                assert_true(bytes_all(bench.bytes, SECBOOT_SECTOR, 0xFF));
                flashenc_free(&e);
        }
        flashenc_flash_init(&v, &bench.flash, NULL);
        assert_int_equal(flash_write(&v.flash, 0x31, plain, 5), 0);
        assert_memory_equal(bench.bytes + 0x31, plain, 5);
}

/* --- what the boot path reads of eFuses --- */

static int word_of(void *ctx, uint32_t offset, uint32_t *value)
{
        *value = le32_get((const uint8_t *)ctx + offset);
        return 0;
}

static void fuses(void **state)
{
        static uint8_t image[0x200];
        struct bootfuse b;
        struct flashenc e;
        uint8_t p[16], c[16], p32[32];

        (void)state;
        memset(image, 0, sizeof image);
        assert_int_equal(bootfuse_read(5, word_of, image, &b), 0);
        assert_false(b.secure_boot || b.encrypted || b.trust.usable);
        assert_int_equal(bootfuse_flashenc(5, &b, word_of, image, &e), -E_NOTFOUND);

        /* KEY1: XTS-AES-128; KEY2, KEY4: digests 0 and 2, 0 revoked */
        le32_put(image + 0x34, 1u << 18 | 1u << 21 | 4u << 28);
        le32_put(image + 0x38, 9u | 11u << 8 | 1u << 20);
        for (unsigned i = 0; i < 32; i++) {
                image[0xBC + i] = (uint8_t)(31 - i + 1);
                image[0x11C + i] = (uint8_t)i;
        }
        assert_int_equal(bootfuse_read(5, word_of, image, &b), 0);
        assert_true(b.secure_boot && b.encrypted);
        assert_int_equal(b.trust.usable, 4);
        assert_int_equal(b.trust.schemes, 1u << SECBOOT_RSA3072);
        assert_memory_equal(b.trust.digest[2], image + 0x11C, 32);
        assert_int_equal(b.purpose[1], BOOTFUSE_XTS128);
        assert_int_equal(bootfuse_flashenc(5, &b, word_of, image, &e), 0);
        memset(p, 0x5A, sizeof p);
        memcpy(c, p, sizeof c);
        assert_int_equal(flashenc_encrypt(&e, 0x8000, c, sizeof c), 0);
        flashenc_free(&e);
        { /* the eFuse holds the key file turned around */
                uint8_t key[32];

                for (unsigned i = 0; i < 32; i++)
                        key[i] = (uint8_t)(i + 1);
                assert_int_equal(flashenc_init_xts(&e, key, 32), 0);
                assert_int_equal(flashenc_decrypt(&e, 0x8000, c, sizeof c), 0);
                assert_memory_equal(c, p, sizeof p);
                flashenc_free(&e);
        }
        le32_put(image + 0x34, 3u << 18); /* two bits: switched off again */
        assert_int_equal(bootfuse_read(5, word_of, image, &b), 0);
        assert_false(b.encrypted);

        memset(image, 0, sizeof image); /* the ESP32 */
        le32_put(image + 0x00, 0x7Fu << 20);
        le32_put(image + 0x14, 0xFu << 28);
        le32_put(image + 0x18, 1u << 5);
        image[0x58] = 0x77;
        assert_int_equal(bootfuse_read(0, word_of, image, &b), 0);
        assert_true(b.secure_boot && b.encrypted && b.conf == 15 && b.trust.usable == 1 &&
                    b.trust.digest[0][0] == 0x77);
        assert_int_equal(bootfuse_flashenc(0, &b, word_of, image, &e), 0);
        assert_int_equal(e.kind, FLASHENC_ESP32);
        flashenc_free(&e);
        assert_false(b.secure_boot_v1 || b.trust.v1);
        le32_put(image + 0x18, 3u << 4); /* both: version 2 counts */
        assert_int_equal(bootfuse_read(0, word_of, image, &b), 0);
        assert_true(b.secure_boot && !b.secure_boot_v1 && !b.trust.v1);
        le32_put(image + 0x18, 1u << 4);
        assert_int_equal(bootfuse_read(0, word_of, image, &b), 0);
        assert_true(!b.secure_boot && b.secure_boot_v1 && bootfuse_trust(&b) == &b.trust);
        assert_int_equal(bootfuse_v1_key(word_of, image, p32), 0);
        assert_int_equal(p32[31], 0x77);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_bit),       cmocka_unit_test(whom_it_trusts),
                cmocka_unit_test(room_and_faults), cmocka_unit_test(view_of_ciphertext),
                cmocka_unit_test(fuses),           cmocka_unit_test(whom_to_revoke),
                cmocka_unit_test(version_1_app),   cmocka_unit_test(version_1_boot),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
