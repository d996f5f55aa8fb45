/* NVS keys and encryption: key files cut and forged, slots that must stay clear, images of others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "fmt/nvs_crypt.h"
#include "fmt/nvs_read.h"
#include "fmt/nvs_write.h"
#include "host/file.h"

#define GOLDEN "tests/golden/nvs-enc/"

static struct blob load(const char *path)
{
        struct blob b = { 0 };

        assert_int_equal(file_load(path, FILE_LIMIT_IMAGE, &b, NULL), 0);
        return b;
}

static void test_keys_cut(void **state)
{
        struct nvs_keys made, k;
        uint8_t image[NVS_KEYS_SIZE];

        (void)state;
        assert_int_equal(nvs_keys_generate(&made), 0);
        nvs_keys_format(&made, image);
        for (size_t n = 0; n <= sizeof image; n++) {
                uint8_t *exact = malloc(n ? n : 1);
                struct diag d = { 0 };
                const int want = n < 64 || (n > 64 && n < 68) ? -E_TRUNC : 0;

                memcpy(exact, image, n);
                assert_int_equal(nvs_keys_parse(&k, exact, n, &d), want);
                assert_int_equal(d.code, -want);
                if (want == 0)
                        assert_memory_equal(k.bytes, made.bytes, sizeof k.bytes);
                free(exact);
        }
        assert_true(bytes_all(image + 68, sizeof image - 68, 0xFF));
}

static void test_keys_forged(void **state)
{
        struct nvs_keys made, k;
        uint8_t image[NVS_KEYS_SIZE];

        (void)state;
        nvs_keys_generate(&made);
        nvs_keys_format(&made, image);
        for (size_t bit = 0; bit < 68 * 8; bit++) {
                image[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(nvs_keys_parse(&k, image, sizeof image, NULL), -E_CRC);
                image[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(nvs_keys_parse(&k, image, sizeof image, NULL), 0);

        /* an erased partition, equal halves, a hex dump */
        memset(made.bytes, 0xFF, sizeof made.bytes);
        nvs_keys_format(&made, image);
        assert_int_equal(nvs_keys_parse(&k, image, sizeof image, NULL), -E_KEY);
        assert_int_equal(nvs_keys_parse(&k, image, 64, NULL), -E_KEY);
        memcpy(made.bytes, "0123456789abcdefABCDEF0123456789fedcba98765432100123456789012345", 64);
        assert_int_equal(nvs_keys_parse(&k, made.bytes, 64, NULL), -E_KEY);
        made.bytes[63] = 'g';
        assert_int_equal(nvs_keys_parse(&k, made.bytes, 64, NULL), 0);
}

static void test_random(void **state)
{
        struct nvs_keys a, b;

        (void)state;
        assert_int_equal(nvs_keys_generate(&a), 0);
        assert_int_equal(nvs_keys_generate(&b), 0);
        assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
        assert_memory_not_equal(a.bytes, a.bytes + 32, 32);
}

/* The reference's own keys from an HMAC key. */
static void test_hmac(void **state)
{
        struct blob hmac = load(GOLDEN "043-hmac-encrypt/in/hmac.bin");
        struct blob want = load(GOLDEN "043-hmac-encrypt/expected/keys/k.bin");
        struct nvs_keys k;
        uint8_t image[NVS_KEYS_SIZE];

        (void)state;
        assert_int_equal(hmac.len, NVS_HMAC_KEY_LEN);
        assert_int_equal(nvs_keys_from_hmac(&k, hmac.data), 0);
        nvs_keys_format(&k, image);
        assert_int_equal(want.len, sizeof image);
        assert_memory_equal(image, want.data, sizeof image);
        blob_free(&hmac);
        blob_free(&want);
}

/* IEEE 802.11-2016, annex J.4.2, test cases 1 and 2. */
static void test_wifi(void **state)
{
        static const struct {
                const char *passphrase, *ssid, *pmk;
        } rows[] = {
                { "password", "IEEE",
                  "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" },
                { "ThisIsAPassword", "ThisIsASSID",
                  "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uint8_t pmk[CRYPT_WIFI_PMK_LEN];
                char text[2 * sizeof pmk + 1];

                assert_int_equal(crypt_wifi_pmk(rows[i].passphrase, rows[i].ssid, pmk), 0);
                hex_encode(pmk, sizeof pmk, text);
                assert_string_equal(text, rows[i].pmk);
        }
}

/* Encrypted by the reference, decrypted by us and back; every other byte is as it was. */
static void test_image(void **state)
{
        struct blob keys = load(GOLDEN "046-decrypt-multi/in/keys.bin");
        struct blob enc = load(GOLDEN "046-decrypt-multi/in/enc.bin");
        struct blob plain = load(GOLDEN "046-decrypt-multi/expected/out.bin");
        uint8_t *work = malloc(enc.len);
        struct crypt_xts xts;
        struct nvs_keys k;

        (void)state;
        assert_int_equal(nvs_keys_parse(&k, keys.data, keys.len, NULL), 0);
        assert_int_equal(crypt_xts_init(&xts, k.bytes), 0);
        memcpy(work, enc.data, enc.len);
        assert_true(nvs_looks_encrypted(work, enc.len));
        assert_int_equal(nvs_image_decrypt(work, enc.len, &xts), 0);
        assert_memory_equal(work, plain.data, plain.len);
        assert_int_equal(nvs_image_encrypt(work, enc.len, &xts), 0);
        assert_memory_equal(work, enc.data, enc.len);
        crypt_xts_free(&xts);

        /* another key: nothing can be read */
        k.bytes[0] ^= 1;
        crypt_xts_init(&xts, k.bytes);
        assert_int_equal(nvs_image_decrypt(work, enc.len, &xts), 0);
        assert_true(nvs_looks_encrypted(work, enc.len));
        crypt_xts_free(&xts);
        free(work);
        blob_free(&keys);
        blob_free(&enc);
        blob_free(&plain);
}

/* Headers, bitmaps, unused and erased slots, pages without a header: left alone. */
static void test_clear_parts(void **state)
{
        enum { SIZE = 0x3000 };
        static uint8_t plain[SIZE], enc[SIZE];
        const struct nvs_write_config cfg = { .image = plain, .size = SIZE };
        struct nvs_writer w;
        struct nvs_keys k;
        struct crypt_xts xts;

        (void)state;
        nvs_writer_init(&w, &cfg, NULL);
        nvs_write_namespace(&w, "n");
        nvs_write_int(&w, "erased", NVS_U8, 1);
        nvs_write_int(&w, "kept", NVS_U8, 2);
        assert_int_equal(nvs_writer_finish(&w, NULL), 0);
        plain[NVS_BITMAP_AT] &= (uint8_t)~0x0Cu; /* slot 1 */
        memset(plain + NVS_PAGE_SIZE, 0x5A, NVS_PAGE_SIZE);
        memcpy(enc, plain, SIZE);
        nvs_keys_generate(&k);
        crypt_xts_init(&xts, k.bytes);
        assert_int_equal(nvs_image_encrypt(enc, SIZE, &xts), 0);
        for (size_t at = 0; at < SIZE; at += NVS_ENTRY_SIZE) {
                const bool entry =
                        at == NVS_ENTRIES_AT || at == NVS_ENTRIES_AT + 2 * NVS_ENTRY_SIZE;

                assert_int_equal(memcmp(plain + at, enc + at, NVS_ENTRY_SIZE) != 0, entry);
        }
        for (size_t len = 1; len < 0x1000; len += 1000)
                assert_int_equal(nvs_image_encrypt(enc, len, &xts), -E_RANGE);
        assert_int_equal(nvs_image_encrypt(enc, 0, &xts), 0);
        crypt_xts_free(&xts);
}

/*
 * One entry of ciphertext may have the key and the type of an entry by chance (once in some
 * hundred images): it is noise all the same. A plain entry whose checksum is damaged is none.
 */
static void test_noise(void **state)
{
        enum { SIZE = 0x3000 };
        static const struct {
                uint8_t type, span, chunk;
                uint16_t size;
                bool noise;
        } rows[] = {
                { NVS_U8, 0x77, 0x31, 0, true },
                { NVS_U8, 1, 0x31, 0, true },
                { NVS_STR, 3, NVS_CHUNK_ANY, 0x9C1F, true },
                { NVS_BLOB_DATA, 9, 0, 31, true },
                { NVS_U8, 1, NVS_CHUNK_ANY, 0, false },
                { NVS_STR, 2, NVS_CHUNK_ANY, 32, false },
                { NVS_BLOB_DATA, 2, NVS_CHUNK_START_1, 32, false },
                { NVS_BLOB_INDEX, 1, NVS_CHUNK_ANY, 0, false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                static uint8_t image[SIZE];
                const struct nvs_write_config cfg = { .image = image, .size = SIZE };
                uint8_t *entry = image + NVS_ENTRIES_AT;
                struct nvs_writer w;

                nvs_writer_init(&w, &cfg, NULL);
                nvs_write_namespace(&w, "n");
                assert_int_equal(nvs_writer_finish(&w, NULL), 0);
                entry[NVS_ENT_TYPE] = rows[i].type;
                entry[NVS_ENT_SPAN] = rows[i].span;
                entry[NVS_ENT_CHUNK] = rows[i].chunk;
                le16_put(entry + NVS_ENT_DATA, rows[i].size);
                entry[NVS_ENT_CRC] ^= 0xFF;
                assert_int_equal(nvs_looks_encrypted(image, SIZE), rows[i].noise);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_keys_cut),    cmocka_unit_test(test_keys_forged),
                cmocka_unit_test(test_random),      cmocka_unit_test(test_hmac),
                cmocka_unit_test(test_wifi),        cmocka_unit_test(test_image),
                cmocka_unit_test(test_clear_parts), cmocka_unit_test(test_noise),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
