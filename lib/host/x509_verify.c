#include "host/x509_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/x509_cert.h"

static int fail(struct report *r, const char *name, const char *what)
{
        return report_error(r, E_VERIFY, name, 0, 0, "%s", what);
}

static X509_STORE *store_of(STACK_OF(X509) * trust, time_t at)
{
        X509_STORE *store = X509_STORE_new();
        bool has_root = false;

        for (int i = 0; store && i < sk_X509_num(trust); i++) {
                X509 *ca = sk_X509_value(trust, i);

                has_root |= X509_self_signed(ca, 0) == 1;
                X509_STORE_add_cert(store, ca);
        }
        if (store) {
                /* a trusted issuing CA without its root is trusted all the same, as Mbed TLS does
                 */
                if (!has_root)
                        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
                X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), at);
        }
        return store;
}

/* The chain at one moment; when says which, for the message. */
static int check_chain(const char *name, X509 *cert, STACK_OF(X509) * rest,
                       const struct verify_config *cfg, time_t at, const char *when,
                       struct report *r)
{
        X509_STORE *store = store_of(cfg->trust, at);
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        int rc = 0;

        if (!store || !ctx || X509_STORE_CTX_init(ctx, store, cert, rest) != 1) {
                rc = report_error(r, E_NOMEM, name, 0, 0, "no memory");
        } else if (X509_verify_cert(ctx) != 1) {
                X509 *at_fault = X509_STORE_CTX_get_current_cert(ctx);
                char *cn = at_fault ? cert_cn(at_fault) : NULL;

                rc = report_error(r, E_VERIFY, name, 0, 0, "chain%s: %s (%s)", when,
                                  X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)),
                                  cn ? cn : "no name");
                free(cn);
        }
        ERR_clear_error();
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
        return rc;
}

static int check_usage(const char *name, X509 *cert, unsigned eku, struct report *r)
{
        static const struct {
                unsigned bit;
                uint32_t flag;
                const char *word;
        } usages[] = { { EKU_CLIENT, XKU_SSL_CLIENT, "clientAuth" },
                       { EKU_SERVER, XKU_SSL_SERVER, "serverAuth" },
                       { EKU_CODE, XKU_CODE_SIGN, "codeSigning" } };
        const uint32_t has = X509_get_extended_key_usage(cert); /* all ones without the extension */
        int rc = 0;

        for (size_t i = 0; i < sizeof usages / sizeof *usages; i++)
                if (eku & usages[i].bit && !(has & usages[i].flag))
                        rc = report_error(r, E_VERIFY, name, 0, 0,
                                          "extended key usage %s is missing", usages[i].word);
        return rc;
}

static int check_size(const char *name, X509 *cert, size_t max_der, struct report *r)
{
        const int n = i2d_X509(cert, NULL);
        const size_t der = n > 0 ? (size_t)n : 0;
        const size_t text = BASE64_LEN(der) - 1;
        const size_t pem = text + (text + 63) / 64 + 54 + 1; /* line ends, header and footer, NUL */

        if (max_der && der > max_der)
                return report_error(r, E_VERIFY, name, 0, 0,
                                    "%zu bytes of DER, at most %zu are wanted", der, max_der);
        if (pem > VERIFY_NVS_STRING)
                return report_error(
                        r, E_VERIFY, name, 0, 0,
                        "%zu bytes of PEM do not fit an NVS string (%u); store DER as a blob", pem,
                        VERIFY_NVS_STRING);
        return 0;
}

/* Dates of the certificate itself; with a chain OpenSSL has judged them, and the chain's. */
static int check_dates(const char *name, X509 *cert, time_t at, const char *when, struct report *r)
{
        int64_t from, to;
        char text[96];

        if (cert_times(cert, &from, &to) < 0)
                return fail(r, name, "its dates cannot be read");
        if (from <= at && at <= to)
                return 0;
        snprintf(text, sizeof text, at < from ? "not valid yet%s" : "expired%s", when);
        return fail(r, name, text);
}

int cert_verify(const char *name, X509 *cert, STACK_OF(X509) * rest,
                const struct verify_config *cfg, struct report *r)
{
        static const char *const moments[] = { "", " for a device whose clock starts at --clock" };
        const time_t times[] = { cfg->now, cfg->clock };
        const unsigned before = r->errors;

        if (cfg->key && X509_check_private_key(cert, cfg->key) != 1)
                fail(r, name, "the private key does not belong to the certificate");
        ERR_clear_error();
        for (size_t i = 0; i < 2; i++) {
                if (!times[i])
                        continue;
                if (cfg->trust)
                        check_chain(name, cert, rest, cfg, times[i], moments[i], r);
                else
                        check_dates(name, cert, times[i], moments[i], r);
        }
        check_usage(name, cert, cfg->eku, r);
        check_size(name, cert, cfg->max_der, r);
        return r->errors > before ? -E_VERIFY : 0;
}
