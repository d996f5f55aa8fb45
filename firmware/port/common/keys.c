/* port.h's keys made on the device, for every port: Mbed TLS 2.28 (Debian 12), 3.6 (ESP-IDF 5), 4
 * (ESP-IDF 6, where PSA makes the keys and brings its own random numbers). */
#include <stdio.h>
#include <string.h>

#include <mbedtls/pk.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>
#if MBEDTLS_VERSION_MAJOR < 4
#include <mbedtls/ecp.h>
#else
#include <psa/crypto.h>
#endif

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "firmware/core/port.h"

#if MBEDTLS_VERSION_MAJOR < 4
static int rng(void *ctx, unsigned char *out, size_t n)
{
        (void)ctx;
        return crypt_random(out, n) < 0 ? MBEDTLS_ERR_ECP_RANDOM_FAILED : 0;
}

static int make_key(mbedtls_pk_context *pk)
{
        int rc = mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));

        return rc ? rc
                  : mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*pk), rng, NULL);
}
#else
/* Only in memory: what is kept is the PEM. */
static int make_key(mbedtls_pk_context *pk)
{
        psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
        mbedtls_svc_key_id_t id;
        uint8_t probe;
        int rc;

        psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
        psa_set_key_bits(&a, 256);
        psa_set_key_usage_flags(&a, PSA_KEY_USAGE_EXPORT | PSA_KEY_USAGE_SIGN_HASH);
        psa_set_key_algorithm(&a, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
        if (crypt_random(&probe, 1) < 0 || psa_crypto_init() != PSA_SUCCESS ||
            psa_generate_key(&a, &id) != PSA_SUCCESS)
                return -1;
        rc = mbedtls_pk_copy_from_psa(id, pk);
        psa_destroy_key(id);
        return rc;
}
#endif

/* What each version wants to be given of random numbers. */
#if MBEDTLS_VERSION_MAJOR < 3
#define parse_pk(pk, p, n)       mbedtls_pk_parse_key(pk, p, n, NULL, 0)
#define check_pair(pub, pk)      mbedtls_pk_check_pair(pub, pk)
#define write_csr(req, out, cap) mbedtls_x509write_csr_pem(req, out, cap, rng, NULL)
#elif MBEDTLS_VERSION_MAJOR < 4
#define parse_pk(pk, p, n)       mbedtls_pk_parse_key(pk, p, n, NULL, 0, rng, NULL)
#define check_pair(pub, pk)      mbedtls_pk_check_pair(pub, pk, rng, NULL)
#define write_csr(req, out, cap) mbedtls_x509write_csr_pem(req, out, cap, rng, NULL)
#else
#define parse_pk(pk, p, n)       mbedtls_pk_parse_key(pk, p, n, NULL, 0)
#define check_pair(pub, pk)      mbedtls_pk_check_pair(pub, pk)
#define write_csr(req, out, cap) mbedtls_x509write_csr_pem(req, out, cap)
#endif

int port_key_new(char *pem, size_t cap)
{
        mbedtls_pk_context pk;
        int rc;

        mbedtls_pk_init(&pk);
        rc = make_key(&pk);
        if (rc != 0)
                rc = -E_RANDOM;
        else if (mbedtls_pk_write_key_pem(&pk, (unsigned char *)pem, cap) != 0)
                rc = -E_NOSPACE;
        mbedtls_pk_free(&pk);
        if (rc < 0)
                wipe(pem, cap);
        return rc;
}

/* Mbed TLS wants the NUL behind PEM counted. */
static size_t length(struct port_blob b)
{
        return b.len && b.p[0] == '-' ? b.len + 1 : b.len;
}

static int parse_key(mbedtls_pk_context *pk, struct port_blob key)
{
        mbedtls_pk_init(pk);
        return parse_pk(pk, key.p, length(key)) == 0 ? 0 : -E_FORMAT;
}

/* "CN=" and cn, in the syntax of Mbed TLS: a comma in it is written with a backslash. */
static int subject_of(const char *cn, char *out, size_t cap)
{
        size_t at = (size_t)snprintf(out, cap, "CN=");

        for (; *cn; cn++) {
                if (at + 3 > cap)
                        return -E_RANGE;
                if (*cn == ',' || *cn == '\\')
                        out[at++] = '\\';
                out[at++] = *cn;
        }
        out[at] = 0;
        return 0;
}

int port_csr(struct port_blob key, const char *cn, char *pem, size_t cap)
{
        mbedtls_x509write_csr req;
        mbedtls_pk_context pk;
        char subject[140];
        int rc = subject_of(cn, subject, sizeof subject);

        if (rc < 0)
                return rc;
        mbedtls_x509write_csr_init(&req);
        if ((rc = parse_key(&pk, key)) == 0) {
                mbedtls_x509write_csr_set_md_alg(&req, MBEDTLS_MD_SHA256);
                mbedtls_x509write_csr_set_key(&req, &pk);
                if (mbedtls_x509write_csr_set_subject_name(&req, subject) != 0)
                        rc = -E_INVAL;
                else if (write_csr(&req, (unsigned char *)pem, cap) != 0)
                        rc = -E_NOSPACE;
        }
        mbedtls_x509write_csr_free(&req);
        mbedtls_pk_free(&pk);
        return rc;
}

int port_key_matches(struct port_blob key, struct port_blob cert)
{
        mbedtls_x509_crt crt;
        mbedtls_pk_context pk;
        int rc = parse_key(&pk, key);

        mbedtls_x509_crt_init(&crt);
        if (rc == 0 && mbedtls_x509_crt_parse(&crt, cert.p, length(cert)) != 0)
                rc = -E_FORMAT;
        if (rc == 0 && check_pair(&crt.pk, &pk) != 0)
                rc = -E_VERIFY;
        mbedtls_x509_crt_free(&crt);
        mbedtls_pk_free(&pk);
        return rc;
}
