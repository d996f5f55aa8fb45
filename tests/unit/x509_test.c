#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/cert_batch.h"
#include "host/qr.h"
#include "host/x509_cert.h"
#include "host/x509_key.h"
#include "host/x509_profile.h"

static const enum key_type quick[] = { KEY_P256, KEY_P384, KEY_RSA2048, KEY_ED25519 };
#define QUICK (sizeof quick / sizeof *quick)

/* OpenSSL's own encoders are the other opinion on our DER. */
static void same_as_openssl(EVP_PKEY *key, const struct blob *got, bool traditional)
{
        uint8_t *der = NULL;
        PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
        const int n = traditional ? i2d_PrivateKey(key, &der) : i2d_PKCS8_PRIV_KEY_INFO(p8, &der);

        assert_int_equal(got->len, n);
        assert_memory_equal(got->data, der, got->len);
        OPENSSL_free(der);
        PKCS8_PRIV_KEY_INFO_free(p8);
}

static void test_key_forms(void **state)
{
        (void)state;
        for (size_t i = 0; i < QUICK; i++) {
                EVP_PKEY *key;

                assert_int_equal(key_generate(quick[i], &key, NULL), 0);
                assert_int_equal(key_type_get(key), quick[i]);
                for (int form = 0; form < 4; form++) {
                        const struct key_form f = { .der = form & 1, .traditional = form & 2 };
                        struct blob b, cut;
                        EVP_PKEY *back = NULL;

                        if (quick[i] == KEY_ED25519 && f.traditional) {
                                assert_int_equal(key_encode(key, f, NULL, &b, NULL),
                                                 -E_UNSUPPORTED);
                                continue;
                        }
                        assert_int_equal(key_encode(key, f, NULL, &b, NULL), 0);
                        if (f.der)
                                same_as_openssl(key, &b, f.traditional);
                        assert_int_equal(key_decode("key", &b, NULL, &back, NULL), 0);
                        assert_int_equal(EVP_PKEY_eq(key, back), 1);
                        EVP_PKEY_free(back);
                        /* cut at every 7th byte: never a key, never a crash */
                        for (cut = b, cut.len = 0; cut.len + 40 < b.len; cut.len += 7) {
                                assert_true(key_decode("key", &cut, NULL, &back, NULL) < 0);
                                assert_null(back);
                        }
                        blob_free_secret(&b);
                }
                EVP_PKEY_free(key);
        }
}

static void test_key_encrypted(void **state)
{
        const struct blob right = { (uint8_t *)"correct horse", 13 };
        const struct blob wrong = { (uint8_t *)"correct house", 13 };
        struct blob b;
        EVP_PKEY *key, *back;

        (void)state;
        assert_int_equal(key_generate(KEY_P256, &key, NULL), 0);
        assert_int_equal(
                key_encode(key, (struct key_form){ .traditional = true }, &right, &b, NULL),
                -E_UNSUPPORTED);
        for (int der = 0; der < 2; der++) {
                assert_int_equal(key_encode(key, (struct key_form){ .der = der }, &right, &b, NULL),
                                 0);
                assert_int_equal(key_decode("key", &b, NULL, &back, NULL), -E_STATE);
                assert_int_equal(key_decode("key", &b, &wrong, &back, NULL), -E_KEY);
                assert_int_equal(key_decode("key", &b, &right, &back, NULL), 0);
                assert_int_equal(EVP_PKEY_eq(key, back), 1);
                EVP_PKEY_free(back);
                blob_free_secret(&b);
        }
        EVP_PKEY_free(key);
}

static void test_key_names(void **state)
{
        static const struct {
                const char *word;
                enum key_type type;
        } rows[] = { { "p256", KEY_P256 },
                     { "P-256", KEY_P256 },
                     { "prime256v1", KEY_P256 },
                     { "secp384r1", KEY_P384 },
                     { "RSA-2048", KEY_RSA2048 },
                     { "rsa_3072", KEY_RSA3072 },
                     { "Ed25519", KEY_ED25519 },
                     { "rsa1024", KEY_NONE },
                     { "", KEY_NONE },
                     { "p", KEY_NONE },
                     { "p256p256p256p256p256", KEY_NONE } };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(key_type_of(rows[i].word), rows[i].type);
}

static void test_times(void **state)
{
        static const struct {
                const char *text;
                int64_t t; /* date -u -d … +%s */
        } rows[] = { { "1970-01-01", 0 },
                     { "2026-11-20T21:00:00Z", 1795208400 },
                     { "20261120210000Z", 1795208400 },
                     { "99991231235959Z", CERT_NO_EXPIRY },
                     { "2000-02-29", 951782400 } };
        static const char *const bad[] = { "",
                                           "2026",
                                           "2026-13-01",
                                           "2026-02-30",
                                           "2026-11-20T25:00:00Z",
                                           "2026-11-20x",
                                           "20261120210000Zz",
                                           "2100-02-29",
                                           "tomorrow" };
        int64_t t;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_int_equal(time_parse(rows[i].text, &t), 0);
                assert_true(t == rows[i].t);
        }
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(time_parse(bad[i], &t), -E_SYNTAX);
}

static void test_cn(void **state)
{
        char sixty_four[CERT_CN_MAX + 2];

        (void)state;
        memset(sixty_four, 'x', CERT_CN_MAX);
        sixty_four[CERT_CN_MAX] = 0;
        assert_int_equal(cn_check(sixty_four, NULL), 0);
        strcat(sixty_four, "x");
        assert_int_equal(cn_check(sixty_four, NULL), -E_RANGE);
        assert_int_equal(cn_check("", NULL), -E_SYNTAX);
        assert_int_equal(cn_check("a\nb", NULL), -E_SYNTAX);
        assert_int_equal(cn_check("Gr\xc3\xbc\xc3\x9f", NULL), 0);
}

static void test_names(void **state)
{
        static const struct {
                const char *template;
                uint64_t n;
                const char *name; /* NULL: refused */
        } rows[] = { { "SO-%06u", 17, "SO-000017" },
                     { "%d", 5, "5" },
                     { "a%3ub", 7, "a  7b" },
                     { "100%%-%u", 1, "100%-1" },
                     { "SO", 1, NULL },
                     { "%u%u", 1, NULL },
                     { "%s", 1, NULL },
                     { "%99u", 1, NULL },
                     { "%", 1, NULL },
                     { "%02x", 1, NULL },
                     { "%03u", 12345, "12345" } };
        char *stem;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char *name;

                assert_int_equal(batch_name(rows[i].template, rows[i].n, &name, NULL),
                                 rows[i].name ? 0 : -E_SYNTAX);
                if (rows[i].name)
                        assert_string_equal(name, rows[i].name);
                free(name);
        }
        /* no name leaves its folder */
        stem = issue_stem("../a b/..");
        assert_string_equal(stem, "%2E.%2Fa%20b%2F..");
        free(stem);
        stem = cn_fill("{cn}.local/{cn}", "x");
        assert_string_equal(stem, "x.local/x");
        free(stem);
}

static void test_profiles(void **state)
{
        static const struct {
                const char *text;
                int rc;
        } rows[] = {
                { "{}", 0 },
                { "{\"base\":\"server\",\"key\":\"rsa2048\",\"validity_days\":30}", 0 },
                { "{\"no_expiry\":true,\"san\":[\"dns:{cn}.local\"],\"subject\":{\"O\":\"Acme\"}}",
                  0 },
                { "{\"key_usage\":[\"digitalSignature\",\"keyAgreement\"],\"extended_key_usage\":[]"
                  "}",
                  0 },
                { "{\"not_before\":\"2026-01-01\",\"not_after\":\"2027-01-01\"}", 0 },
                { "[]", -E_SYNTAX },
                { "", -E_SYNTAX },
                { "{\"kee\":\"p256\"}", -E_SYNTAX },
                { "{\"key\":\"p256\",\"key\":\"p384\"}", -E_SYNTAX },
                { "{\"key\":17}", -E_SYNTAX },
                { "{\"key\":\"dsa\"}", -E_SYNTAX },
                { "{\"base\":\"nothing\"}", -E_NOTFOUND },
                { "{\"base\":1}", -E_SYNTAX },
                { "{\"validity_days\":0}", -E_RANGE },
                { "{\"validity_days\":1.5}", -E_RANGE },
                { "{\"validity_days\":1e99}", -E_RANGE },
                { "{\"subject\":{\"CN\":\"x\"}}", -E_SYNTAX },
                { "{\"subject\":[]}", -E_SYNTAX },
                { "{\"subject\":{\"O\":\"\"}}", -E_SYNTAX },
                { "{\"san\":[\"host\"]}", -E_SYNTAX },
                { "{\"san\":\"dns:x\"}", -E_SYNTAX },
                { "{\"extended_key_usage\":[\"anything\"]}", -E_SYNTAX },
                { "{\"key\":\"ed25519\",\"key_format\":\"sec1\"}", -E_SYNTAX },
                { "{\"not_before\":\"2027-01-01\",\"not_after\":\"2026-01-01\"}", -E_RANGE },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct profile p;
                struct diag d = { 0 };

                assert_int_equal(profile_parse(rows[i].text, strlen(rows[i].text), &p, &d),
                                 rows[i].rc);
                assert_int_equal(d.code, -rows[i].rc);
                profile_free(&p);
        }
}

/* A root, an issuing CA and a leaf in memory. */
struct chain {
        EVP_PKEY *root_key, *ca_key, *key;
        X509 *root, *ca, *leaf;
};

static X509 *certify(const char *profile, const char *cn, EVP_PKEY *key, X509 *issuer,
                     EVP_PKEY *issuer_key, time_t now)
{
        struct profile p;
        struct cert_plan plan = { .profile = &p,
                                  .cn = cn,
                                  .key = key,
                                  .issuer = issuer,
                                  .issuer_key = issuer_key,
                                  .now = now };
        struct blob der;
        X509 *cert;

        assert_int_equal(profile_builtin(profile, &p, NULL), 0);
        assert_int_equal(cert_serial_new(plan.serial, NULL), 0);
        assert_int_equal(cert_make(&plan, &cert, NULL), 0);
        assert_int_equal(cert_der(cert, &der, NULL), 0);
        X509_free(cert);
        assert_int_equal(cert_decode(cn, &der, &cert, NULL), 0);
        blob_free(&der);
        return cert;
}

static void chain_new(struct chain *c, time_t now)
{
        assert_int_equal(key_generate(KEY_P384, &c->root_key, NULL), 0);
        assert_int_equal(key_generate(KEY_P256, &c->ca_key, NULL), 0);
        assert_int_equal(key_generate(KEY_ED25519, &c->key, NULL), 0);
        c->root = certify("root", "Root", c->root_key, NULL, NULL, now);
        c->ca = certify("issuing", "CA", c->ca_key, c->root, c->root_key, now);
        c->leaf = certify("device", "SO-1", c->key, c->ca, c->ca_key, now);
}

static void chain_free(struct chain *c)
{
        EVP_PKEY_free(c->root_key);
        EVP_PKEY_free(c->ca_key);
        EVP_PKEY_free(c->key);
        X509_free(c->root);
        X509_free(c->ca);
        X509_free(c->leaf);
}

static void test_issuers(void **state)
{
        const time_t now = time(NULL);
        const time_t later = now + (time_t)31 * 365 * 86400;
        struct chain c;

        (void)state;
        chain_new(&c, now);
        assert_int_equal(X509_verify(c.leaf, c.ca_key), 1);
        assert_int_equal(X509_verify(c.leaf, c.root_key), 0);
        assert_int_equal(cert_check_issuer("ca", c.ca, c.ca_key, now, NULL), 0);
        assert_int_equal(cert_check_issuer("leaf", c.leaf, c.key, now, NULL), -E_VERIFY);
        assert_int_equal(cert_check_issuer("ca", c.ca, c.root_key, now, NULL), -E_VERIFY);
        assert_int_equal(cert_check_issuer("ca", c.ca, c.ca_key, later, NULL), -E_VERIFY);
        assert_int_equal(cert_check_issuer("ca", c.ca, c.ca_key, now - 10 * 86400, NULL),
                         -E_VERIFY);
        chain_free(&c);
}

static void test_dates(void **state)
{
        const time_t now = time(NULL);
        struct profile p;
        struct cert_plan plan = { .profile = &p, .cn = "x", .now = now };
        struct chain c;
        X509 *cert;
        int64_t from, to, ca_from, ca_to;

        (void)state;
        chain_new(&c, now);
        assert_int_equal(cert_times(c.ca, &ca_from, &ca_to), 0);
        plan.key = c.key;
        plan.issuer = c.ca;
        plan.issuer_key = c.ca_key;
        assert_int_equal(profile_builtin("device", &p, NULL), 0);
        assert_int_equal(cert_serial_new(plan.serial, NULL), 0);
        p.days = 0;
        p.backdate = (int64_t)365 * 86400;
        assert_int_equal(cert_make(&plan, &cert, NULL), 0);
        assert_int_equal(cert_times(cert, &from, &to), 0);
        assert_true(to == CERT_NO_EXPIRY);
        assert_true(from == ca_from); /* not before its issuer */
        /* RFC 5280, 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050 on */
        assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(cert)), V_ASN1_UTCTIME);
        assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(cert)), V_ASN1_GENERALIZEDTIME);
        assert_memory_equal(ASN1_STRING_get0_data(X509_get0_notAfter(cert)), "99991231235959Z", 15);
        X509_free(cert);
        p.not_before = now;
        p.not_after = now - 1;
        assert_int_equal(cert_make(&plan, &cert, NULL), -E_RANGE);
        p.not_after = CERT_NO_EXPIRY + 1;
        assert_int_equal(cert_make(&plan, &cert, NULL), -E_RANGE);
        chain_free(&c);
}

static void test_cert_cut_and_forged(void **state)
{
        struct chain c;
        struct blob der, pem, cut;
        X509 *back;

        (void)state;
        chain_new(&c, time(NULL));
        assert_int_equal(cert_der(c.leaf, &der, NULL), 0);
        assert_int_equal(cert_pem(c.leaf, &pem, NULL), 0);
        for (cut = der, cut.len = 0; cut.len < der.len; cut.len++) {
                assert_int_equal(cert_decode("x", &cut, &back, NULL), -E_FORMAT);
                assert_null(back);
        }
        for (cut = pem, cut.len = 0; cut.len + 2 < pem.len; cut.len++)
                assert_int_equal(cert_decode("x", &cut, &back, NULL), -E_FORMAT);
        assert_int_equal(cert_decode("x", &pem, &back, NULL), 0);
        assert_int_equal(X509_cmp(back, c.leaf), 0);
        X509_free(back);
        der.data[der.len / 2] ^=
                1; /* a forged variant is still a certificate, but not signed by the CA */
        if (cert_decode("x", &der, &back, NULL) == 0) {
                assert_int_not_equal(X509_verify(back, c.ca_key), 1);
                X509_free(back);
        }
        blob_free(&der);
        blob_free(&pem);
        chain_free(&c);
}

static void test_requests(void **state)
{
        struct profile p;
        EVP_PKEY *key;
        X509_REQ *csr, *back;
        struct blob pem;
        struct blob der = { 0 };
        int n;

        (void)state;
        assert_int_equal(profile_builtin("device", &p, NULL), 0);
        assert_int_equal(key_generate(KEY_P256, &key, NULL), 0);
        assert_int_equal(csr_make(&p, "SO-1", NULL, 0, key, &csr, NULL), 0);
        assert_int_equal(csr_pem(csr, &pem, NULL), 0);
        assert_int_equal(csr_decode("x", &pem, &back, NULL), 0);
        X509_REQ_free(back);
        n = i2d_X509_REQ(csr, &der.data);
        assert_true(n > 0);
        der.len = (size_t)n;
        assert_int_equal(csr_decode("x", &der, &back, NULL), 0);
        X509_REQ_free(back);
        for (struct blob cut = { der.data, 0 }; cut.len < der.len; cut.len++)
                assert_int_equal(csr_decode("x", &cut, &back, NULL), -E_FORMAT);
        der.data[der.len - 1] ^= 1; /* in the signature */
        assert_int_equal(csr_decode("x", &der, &back, NULL), -E_VERIFY);
        assert_null(back);
        OPENSSL_free(der.data);
        blob_free(&pem);
        X509_REQ_free(csr);
        EVP_PKEY_free(key);
}

static void test_serials(void **state)
{
        uint8_t a[CERT_SERIAL_LEN], b[CERT_SERIAL_LEN];

        (void)state;
        for (int i = 0; i < 100; i++) {
                assert_int_equal(cert_serial_new(a, NULL), 0);
                assert_int_equal(cert_serial_new(b, NULL), 0);
                assert_int_equal(a[0] & 0xc0, 0x40); /* positive, no leading zero */
                assert_memory_not_equal(a, b, sizeof a);
        }
}

static void test_qr(void **state)
{
        static const uint8_t png[] = { 0x89, 'P', 'N', 'G' };
        char *long_text = malloc(5000);
        struct blob b;

        (void)state;
        assert_int_equal(qr_make("hello", QR_PNG, 4, &b, NULL), 0);
        assert_memory_equal(b.data, png, sizeof png);
        blob_free_secret(&b);
        assert_int_equal(qr_make("hello", QR_SVG, 0, &b, NULL), 0);
        assert_non_null(
                strstr((char *)b.data,
                       "viewBox=\"0 0 29 29\"")); /* version 1: 21 modules and the quiet zone */
        blob_free_secret(&b);
        memset(long_text, 'x', 4999);
        long_text[4999] = 0;
        assert_int_equal(qr_make(long_text, QR_TEXT, 0, &b, NULL), -E_NOSPACE);
        free(long_text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_key_forms), cmocka_unit_test(test_key_encrypted),
                cmocka_unit_test(test_key_names), cmocka_unit_test(test_times),
                cmocka_unit_test(test_cn),        cmocka_unit_test(test_names),
                cmocka_unit_test(test_profiles),  cmocka_unit_test(test_issuers),
                cmocka_unit_test(test_dates),     cmocka_unit_test(test_cert_cut_and_forged),
                cmocka_unit_test(test_requests),  cmocka_unit_test(test_serials),
                cmocka_unit_test(test_qr),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
