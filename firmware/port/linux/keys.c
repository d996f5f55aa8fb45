/* port.h's keys made on the device: Mbed TLS. */
#include <stdio.h>
#include <string.h>

#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "firmware/core/port.h"

static int rng(void *ctx, unsigned char *out, size_t n)
{
        (void)ctx;
        return crypt_random(out, n) < 0 ? MBEDTLS_ERR_ECP_RANDOM_FAILED : 0;
}

int port_key_new(char *pem, size_t cap)
{
        mbedtls_pk_context pk;
        int rc;

        mbedtls_pk_init(&pk);
        rc = mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
        if (rc == 0)
                rc = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(pk), rng, NULL);
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
        return mbedtls_pk_parse_key(pk, key.p, length(key), NULL, 0) == 0 ? 0 : -E_FORMAT;
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
                else if (mbedtls_x509write_csr_pem(&req, (unsigned char *)pem, cap, rng, NULL) != 0)
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
        if (rc == 0 && mbedtls_pk_check_pair(&crt.pk, &pk) != 0)
                rc = -E_VERIFY;
        mbedtls_x509_crt_free(&crt);
        mbedtls_pk_free(&pk);
        return rc;
}
