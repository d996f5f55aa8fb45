/*
 * What comes from outside: requests, certificates, keys. What is taken as a request is signed by
 * its own key, has a name that is one file's name, and comes out of PEM as it went in.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "host/cert_issue.h"
#include "host/x509_cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_request(X509_REQ *csr)
{
        struct blob pem;
        X509_REQ *back;
        char *cn = name_cn(X509_REQ_get_subject_name(csr));
        char *stem;

        if (X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)) != 1)
                abort();
        if (csr_pem(csr, &pem, NULL) < 0 || csr_decode("x", &pem, &back, NULL) < 0)
                abort();
        X509_REQ_free(back);
        blob_free(&pem);
        if (cn && cn_check(cn, NULL) == 0) {
                stem = issue_stem(cn);
                if (!stem || !*stem || *stem == '.' || strpbrk(stem, "/\n") ||
                    strlen(stem) > 3 * strlen(cn))
                        abort();
                free(stem);
        }
        free(cn);
}

static void check_cert(X509 *cert)
{
        struct blob der, pem;
        X509 *back;
        char serial[CERT_SERIAL_TEXT];
        int64_t from, to;

        cert_serial_text(cert, serial);
        cert_times(cert, &from, &to);
        free(cert_cn(cert));
        if (cert_der(cert, &der, NULL) < 0)
                return; /* OpenSSL may read what it will not write */
        if (der_to_pem("CERTIFICATE", &der, &pem, NULL) < 0)
                abort();
        if (cert_decode("x", &pem, &back, NULL) == 0)
                X509_free(back);
        blob_free(&der);
        blob_free(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        const struct blob pass = { (uint8_t *)"x", 1 };
        struct blob in = { malloc(len + 1), len };
        X509_REQ *csr;
        X509 *cert;
        EVP_PKEY *key;

        if (!in.data)
                abort();
        if (len)
                memcpy(in.data, data, len);
        in.data[len] = 0;
        if (csr_decode("x", &in, &csr, NULL) == 0) {
                check_request(csr);
                X509_REQ_free(csr);
        }
        if (cert_decode("x", &in, &cert, NULL) == 0) {
                check_cert(cert);
                X509_free(cert);
        }
        /* an encrypted key may name any number of rounds: those are OpenSSL's limits, and slow */
        if (!memmem(data, len, "ENCRYPTED", 9) &&
            key_decode("x", &in, len & 1 ? NULL : &pass, &key, NULL) == 0)
                EVP_PKEY_free(key);
        free(in.data);
        return 0;
}
