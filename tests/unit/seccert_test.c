/* esp_secure_cert partitions against those of Espressif's tool (tests/golden/seccert). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/err.h"
#include "fmt/seccert.h"
#include "host/file.h"
#include "host/seccert_ds.h"
#include "host/seccert_set.h"
#include "host/x509_key.h"

#define GOLDEN "tests/golden/seccert/"
#define MADE   "/expected/esp_secure_cert_data/"

static struct blob load(const char *dir, const char *name)
{
        struct diag d = { 0 };
        struct blob b = { 0 };
        char path[512];

        snprintf(path, sizeof path, GOLDEN "%s%s", dir, name);
        if (file_load(path, FILE_LIMIT_IMAGE, &b, &d) < 0)
                fail_msg("%s", diag_text(&d));
        return b;
}

/* The reference's random IV given, its whole ciphertext must come out. */
static void ds_data_is_the_references(void **state)
{
        static const struct {
                const char *dir, *hmac, *chip;
                unsigned efuse_id;
        } rows[] = {
                { "039-ds-rsa-random-key", MADE "hmac_key.bin", "esp32c3", 1 },
                { "040-ds-rsa-s3", "/in/hmac.bin", "esp32s3", 2 },
                { "100-csv-rsa-ds", "/in/hmac.bin", "esp32c3", 1 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct blob image = load(rows[i].dir, MADE "esp_secure_cert.bin");
                struct blob hmac = load(rows[i].dir, rows[i].hmac);
                struct blob pem = load(rows[i].dir, "/in/key.pem");
                uint8_t out[SECCERT_DS_MAX], context[SECCERT_DS_CONTEXT_N];
                struct seccert_entry e;
                EVP_PKEY *key = NULL;

                assert_int_equal(hmac.len, SECCERT_HMAC_KEY);
                assert_int_equal(key_decode("key", &pem, NULL, &key, NULL), 0);
                assert_int_equal(seccert_find(image.data, image.len, SECCERT_DS_DATA, 0, &e, NULL),
                                 0);
                assert_int_equal(seccert_ds_data(seccert_chip_find(rows[i].chip), key, hmac.data,
                                                 e.data + 4, out, NULL),
                                 e.len);
                assert_memory_equal(out, e.data, e.len);
                hmac.data[0] ^= 1; /* forged */
                assert_int_equal(seccert_ds_data(seccert_chip_find(rows[i].chip), key, hmac.data,
                                                 e.data + 4, out, NULL),
                                 e.len);
                assert_memory_not_equal(out + 20, e.data + 20, e.len - 20);
                assert_int_equal(
                        seccert_find(image.data, image.len, SECCERT_DS_CONTEXT, 0, &e, NULL), 0);
                seccert_ds_context(rows[i].efuse_id, 2048, context);
                assert_int_equal(e.len, sizeof context);
                assert_memory_equal(e.data, context, sizeof context);
                EVP_PKEY_free(key);
                blob_free(&image);
                blob_free(&hmac);
                blob_free(&pem);
        }
}

static void chips_refuse_what_they_cannot(void **state)
{
        struct blob ec = load("001-plain-p256", "/in/key.pem");
        struct blob rsa = load("002-plain-rsa2048", "/in/key.pem");
        uint8_t zero[SECCERT_HMAC_KEY] = { 0 }, out[SECCERT_DS_MAX];
        EVP_PKEY *key = NULL;
        EVP_PKEY *rsa_key = NULL;
        EVP_PKEY *large = NULL;

        (void)state;
        assert_int_equal(key_decode("key", &ec, NULL, &key, NULL), 0);
        assert_int_equal(key_decode("key", &rsa, NULL, &rsa_key, NULL), 0);
        assert_int_equal(key_generate(KEY_RSA4096, &large, NULL), 0);
        assert_int_equal(seccert_ds_data(seccert_chip_find("esp32c3"), key, zero, zero, out, NULL),
                         -E_TYPE);
        assert_int_equal(
                seccert_ds_data(seccert_chip_find("esp32"), rsa_key, zero, zero, out, NULL),
                -E_UNSUPPORTED);
        assert_int_equal(
                seccert_ds_data(seccert_chip_find("esp32c3"), large, zero, zero, out, NULL),
                -E_RANGE);
        assert_int_equal(
                seccert_ds_data(seccert_chip_find("esp32s3"), large, zero, zero, out, NULL),
                SECCERT_DS_MAX);
        assert_null(seccert_chip_find("esp8266"));
        EVP_PKEY_free(key);
        EVP_PKEY_free(rsa_key);
        EVP_PKEY_free(large);
        blob_free(&ec);
        blob_free(&rsa);
}

/* Cut at every byte: shorter, or refused; never read beyond. */
static void cut_anywhere(void **state)
{
        struct blob image = load("049-csv-subtypes", MADE "esp_secure_cert.bin");
        struct seccert_facts whole, f;

        (void)state;
        assert_int_equal(seccert_check(image.data, image.len, &whole, NULL), 0);
        assert_int_equal(whole.used, image.len);
        assert_true(whole.sealed);
        for (size_t n = 0; n < image.len; n++) {
                uint8_t *cut = malloc(n ? n : 1); /* so that a sanitizer sees the end */

                memcpy(cut, image.data, n);
                if (seccert_check(cut, n, &f, NULL) == 0) {
                        assert_true(f.entries < whole.entries);
                        assert_false(f.sealed);
                }
                free(cut);
        }
        blob_free(&image);
}

/* One flipped bit anywhere is noticed. */
static void every_bit_counts(void **state)
{
        struct blob image = load("050-csv-user-data", MADE "esp_secure_cert.bin");
        struct seccert_facts f;

        (void)state;
        for (size_t bit = 0; bit < 8 * image.len; bit++) {
                image.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                if (seccert_check(image.data, image.len, &f, NULL) == 0 && f.sealed)
                        fail_msg("bit %zu does not matter", bit);
                image.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(seccert_check(image.data, image.len, &f, NULL), 0);
        blob_free(&image);
}

/* Every capacity below what is needed fails cleanly; the failure is sticky. */
static void writer_at_every_capacity(void **state)
{
        const char text[] = "seventeen bytes..";
        uint8_t buf[SECCERT_SIZE];

        (void)state;
        for (size_t cap = 0; cap <= 144; cap++) {
                struct seccert_writer w = { .buf = buf, .cap = cap };
                int rc;

                memset(buf, 0xA5, sizeof buf);
                seccert_add(&w, 0, SECCERT_USER_1, 0, text, 17, NULL);
                seccert_add(&w, 0, SECCERT_USER_1, 1, text, 16, NULL);
                rc = seccert_seal(&w, 0, true, NULL);
                if (cap < 48 + 32 + 48 + 4) {
                        assert_int_equal(rc, -E_NOSPACE);
                        assert_int_equal(seccert_add(&w, 0, 51, 2, text, 0, NULL), -E_NOSPACE);
                } else {
                        assert_int_equal(rc, 0);
                        assert_int_equal(w.len, 132);
                }
                for (size_t i = cap; i < sizeof buf; i++)
                        assert_int_equal(buf[i], 0xA5);
        }
}

static void limits_of_an_entry(void **state)
{
        static uint8_t buf[2 * SECCERT_SIZE], data[2 * SECCERT_SIZE];
        struct seccert_writer w = { .buf = buf, .cap = sizeof buf };
        struct seccert_facts f;

        (void)state;
        assert_int_equal(seccert_add(&w, 0, 51, 255, data, 1, NULL), -E_RANGE);
        w = (struct seccert_writer){ .buf = buf, .cap = sizeof buf };
        assert_int_equal(seccert_add(&w, 0, 51, 0, data, 65536, NULL), -E_RANGE);
        w = (struct seccert_writer){ .buf = buf, .cap = sizeof buf };
        assert_int_equal(seccert_add(&w, 0, 51, 0, data, SECCERT_SIZE - 16, NULL), 0);
        assert_int_equal(w.len, SECCERT_SIZE);
        assert_int_equal(seccert_check(buf, w.len, &f, NULL), 0);
        w = (struct seccert_writer){ .buf = buf, .cap = sizeof buf };
        assert_int_equal(seccert_add(&w, 0, 51, 0, data, SECCERT_SIZE - 15, NULL), -E_NOSPACE);
}

static void twins_and_strangers(void **state)
{
        uint8_t buf[256];
        struct seccert_writer w = { .buf = buf, .cap = sizeof buf };
        struct seccert_facts f;

        (void)state;
        seccert_add(&w, 0, SECCERT_USER_1, 0, "a", 1, NULL);
        seccert_add(&w, 0, SECCERT_USER_1, 0, "b", 1, NULL);
        assert_int_equal(seccert_check(buf, w.len, &f, NULL), -E_EXISTS);
        w = (struct seccert_writer){ .buf = buf, .cap = sizeof buf };
        seccert_add(&w, 0, 60, 0, "a", 1, NULL);
        assert_int_equal(seccert_check(buf, w.len, &f, NULL), -E_TYPE);
        w = (struct seccert_writer){ .buf = buf, .cap = sizeof buf };
        seccert_add(&w, 0, SECCERT_USER_1, 0, "a", 1, NULL);
        memset(buf + w.len, 0xFF, sizeof buf - w.len);
        assert_int_equal(seccert_check(buf, sizeof buf, &f, NULL), 0);
        assert_false(f.stray);
        buf[w.len] = 0x12;
        assert_int_equal(seccert_check(buf, sizeof buf, &f, NULL), 0);
        assert_true(f.stray);
}

/* Every bit of a signature entry's key and signature, and what it signs; checksums made right
 * again. */
static void forged_signatures(void **state)
{
        static const char *const dirs[] = { "126-sign-rsaA", "127-sign-p256A" };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct blob image = load(dirs[i], MADE "esp_secure_cert_signed.bin");
                struct seccert_signature s;
                struct seccert_entry e;

                assert_int_equal(
                        seccert_find(image.data, image.len, SECCERT_SIGNATURE, 0, &e, NULL), 0);
                assert_int_equal(seccert_verify_signature(image.data, &e, &s, NULL), 0);
                for (size_t at = 4; at < e.len; at += i ? 1 : 37) {
                        uint8_t *p = (uint8_t *)e.data + at;

                        if ((at >= 13 && at < 16) || at >= 16 + 1200)
                                continue; /* reserved, also behind a block's CRC */
                        *p ^= 0x10;
                        assert_int_not_equal(seccert_verify_signature(image.data, &e, &s, NULL), 0);
                        *p ^= 0x10;
                }
                image.data[e.offset / 2] ^= 1;
                assert_int_equal(seccert_verify_signature(image.data, &e, &s, NULL), -E_VERIFY);
                blob_free(&image);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ds_data_is_the_references),
                cmocka_unit_test(chips_refuse_what_they_cannot),
                cmocka_unit_test(cut_anywhere),
                cmocka_unit_test(every_bit_counts),
                cmocka_unit_test(writer_at_every_capacity),
                cmocka_unit_test(limits_of_an_entry),
                cmocka_unit_test(twins_and_strangers),
                cmocka_unit_test(forged_signatures),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
