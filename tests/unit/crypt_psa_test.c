/* crypt_psa.c against crypt_mbedtls.c: this machine's Mbed TLS has both kinds of functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypt/crypt.h"

/* Under other names, beside those of the library. */
#define crypt_sha256(p, n, out)      psa_sha256(p, n, out)
#define crypt_sha256_init(c)         psa_sha256_init(c)
#define crypt_sha256_update(c, p, n) psa_sha256_update(c, p, n)
#define crypt_sha256_finish(c, out)  psa_sha256_finish(c, out)
#define crypt_sha256_free(c)         psa_sha256_free(c)
int psa_sha256(const void *p, size_t n, uint8_t out[CRYPT_SHA256_LEN]);
int psa_sha256_init(struct crypt_sha256 *c);
int psa_sha256_update(struct crypt_sha256 *c, const void *p, size_t n);
int psa_sha256_finish(struct crypt_sha256 *c, uint8_t out[CRYPT_SHA256_LEN]);
void psa_sha256_free(struct crypt_sha256 *c);
#include "lib/crypt/crypt_psa.c" /* the source under test */
#undef crypt_sha256

static uint8_t data[1000];

static void every_length(void **state)
{
        uint8_t want[CRYPT_SHA256_LEN], got[CRYPT_SHA256_LEN];
        struct crypt_sha256 c;

        (void)state;
        for (size_t i = 0; i < sizeof data; i++)
                data[i] = (uint8_t)(i * 7 + 1);
        for (size_t n = 0; n <= 200; n++) {
                assert_int_equal(crypt_sha256(data, n, want), 0);
                assert_int_equal(psa_sha256(data, n, got), 0);
                assert_memory_equal(got, want, sizeof want);
                assert_int_equal(psa_sha256_init(&c), 0);
                assert_int_equal(psa_sha256_update(&c, data, n / 3), 0);
                assert_int_equal(psa_sha256_update(&c, data + n / 3, n - n / 3), 0);
                assert_int_equal(psa_sha256_finish(&c, got), 0);
                assert_memory_equal(got, want, sizeof want);
        }
}

/* FIPS 180-2, appendix B.1. */
static void known(void **state)
{
        static const uint8_t want[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                        0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                        0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
        uint8_t got[CRYPT_SHA256_LEN];

        (void)state;
        assert_int_equal(psa_sha256("abc", 3, got), 0);
        assert_memory_equal(got, want, sizeof want);
}

static void given_up(void **state)
{
        struct crypt_sha256 c;
        uint8_t got[CRYPT_SHA256_LEN];

        (void)state;
        assert_int_equal(psa_sha256_init(&c), 0);
        assert_int_equal(psa_sha256_update(&c, data, sizeof data), 0);
        psa_sha256_free(&c);
        assert_true(psa_sha256_update(&c, data, 1) < 0);
        assert_true(psa_sha256_finish(&c, got) < 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_length),
                cmocka_unit_test(known),
                cmocka_unit_test(given_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
