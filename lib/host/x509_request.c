/* Signing requests and revocation lists (x509_cert.h). */
#include "host/x509_cert.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "host/x509_parts.h"

/* The extensions that a request asks for: usages and alternative names. */
static int request_extensions(X509_REQ *csr, const struct profile *p, const char *cn,
                              const char *const *san, size_t san_count, struct diag *d)
{
        X509_EXTENSIONS *exts = NULL;
        GENERAL_NAMES *names;
        ASN1_BIT_STRING *bits = parts_usage(p->key_usage);
        EXTENDED_KEY_USAGE *eku = parts_extended_usage(p->eku);
        bool ok = bits && eku;
        int rc = parts_names(p, cn, san, san_count, &names, d);

        if (rc == 0) {
                if (ok && p->key_usage)
                        ok = X509V3_add1_i2d(&exts, NID_key_usage, bits, 1, 0) == 1;
                if (ok && p->eku)
                        ok = X509V3_add1_i2d(&exts, NID_ext_key_usage, eku, 0, 0) == 1;
                if (ok && names)
                        ok = X509V3_add1_i2d(&exts, NID_subject_alt_name, names, 0, 0) == 1;
                if (ok && exts)
                        ok = X509_REQ_add_extensions(csr, exts) == 1;
                if (!ok)
                        rc = openssl_fail(d, E_NOMEM,
                                          "the extensions of the request cannot be made");
        }
        sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
        GENERAL_NAMES_free(names);
        ASN1_BIT_STRING_free(bits);
        sk_ASN1_OBJECT_free(eku);
        return rc;
}

int csr_make(const struct profile *profile, const char *cn, const char *const *san,
             size_t san_count, EVP_PKEY *key, X509_REQ **out, struct diag *d)
{
        X509_REQ *csr = X509_REQ_new();
        int rc;

        *out = NULL;
        if (!csr || X509_REQ_set_version(csr, X509_REQ_VERSION_1) != 1 ||
            X509_REQ_set_pubkey(csr, key) != 1)
                rc = openssl_fail(d, E_NOMEM, "no memory for a request");
        else if ((rc = parts_subject(X509_REQ_get_subject_name(csr), profile, cn, d)) == 0 &&
                 (rc = request_extensions(csr, profile, cn, san, san_count, d)) == 0 &&
                 X509_REQ_sign(csr, key, key_digest(key)) <= 0)
                rc = openssl_fail(d, E_KEY, "the key did not sign the request");
        if (rc < 0)
                X509_REQ_free(csr);
        else
                *out = csr;
        return rc;
}

int csr_decode(const char *name, const struct blob *in, X509_REQ **out, struct diag *d)
{
        const uint8_t *p = in->data;
        BIO *mem = BIO_new_mem_buf(in->data, (int)in->len);

        *out = mem ? PEM_read_bio_X509_REQ(mem, NULL, NULL, NULL) : NULL;
        BIO_free(mem);
        if (!*out && in->len && (*out = d2i_X509_REQ(NULL, &p, (long)in->len)) &&
            p != in->data + in->len) {
                X509_REQ_free(*out);
                *out = NULL;
        }
        ERR_clear_error();
        if (!*out)
                return diag_set(d, E_FORMAT, "%s: not a signing request (PKCS#10, PEM or DER)",
                                name);
        if (!X509_REQ_get0_pubkey(*out) || X509_REQ_verify(*out, X509_REQ_get0_pubkey(*out)) != 1) {
                X509_REQ_free(*out);
                *out = NULL;
                ERR_clear_error();
                return diag_set(d, E_VERIFY,
                                "%s: the signature of the request is wrong: whoever made it may "
                                "not have the key",
                                name);
        }
        return 0;
}

int csr_pem(X509_REQ *csr, struct blob *out, struct diag *d)
{
        uint8_t *der = NULL;
        const int n = i2d_X509_REQ(csr, &der);
        struct blob raw = { der, n > 0 ? (size_t)n : 0 };
        const int rc = n > 0 ? der_to_pem(PEM_STRING_X509_REQ, &raw, out, d)
                             : openssl_fail(d, E_NOMEM, "the request cannot be encoded");

        OPENSSL_free(der);
        return rc;
}

static bool add_revoked(X509_CRL *crl, const struct crl_entry *e)
{
        X509_REVOKED *r = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
        ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)e->when);
        bool ok = r && serial && reason && when &&
                  ASN1_STRING_set(serial, e->serial, (int)e->serial_len) == 1 &&
                  X509_REVOKED_set_serialNumber(r, serial) == 1 &&
                  X509_REVOKED_set_revocationDate(r, when) == 1;

        /* "unspecified" should not be written (RFC 5280, 5.3.1) */
        if (ok && e->reason)
                ok = ASN1_ENUMERATED_set(reason, e->reason) == 1 &&
                     X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, reason, 0, 0) == 1;
        ok = ok && X509_CRL_add0_revoked(crl, r) == 1;
        if (!ok)
                X509_REVOKED_free(r);
        ASN1_INTEGER_free(serial);
        ASN1_ENUMERATED_free(reason);
        ASN1_TIME_free(when);
        return ok;
}

static bool crl_frame(X509_CRL *crl, const struct crl_plan *plan)
{
        ASN1_TIME *from = ASN1_TIME_set(NULL, plan->now);
        ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)(plan->now + plan->days * 86400));
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
        const ASN1_OCTET_STRING *theirs = X509_get0_subject_key_id(plan->issuer);
        bool ok = from && to && number && id &&
                  X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
                  X509_CRL_set_issuer_name(crl, X509_get_subject_name(plan->issuer)) == 1 &&
                  X509_CRL_set1_lastUpdate(crl, from) == 1 &&
                  X509_CRL_set1_nextUpdate(crl, to) == 1 &&
                  ASN1_INTEGER_set_uint64(number, plan->number) == 1 &&
                  X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;

        if (ok && theirs) {
                id->keyid = ASN1_OCTET_STRING_dup(theirs);
                ok = id->keyid &&
                     X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0) == 1;
        }
        ASN1_TIME_free(from);
        ASN1_TIME_free(to);
        ASN1_INTEGER_free(number);
        AUTHORITY_KEYID_free(id);
        return ok;
}

int crl_make(const struct crl_plan *plan, struct blob *pem, struct diag *d)
{
        X509_CRL *crl = X509_CRL_new();
        struct crl_entry e = { 0 };
        uint8_t *der = NULL;
        bool ok = crl && crl_frame(crl, plan);
        int rc = 0;
        int n;

        while (ok && (rc = plan->next(plan->ctx, &e)) > 0)
                ok = add_revoked(crl, &e);
        if (ok && rc == 0 && X509_CRL_sort(crl) == 1 &&
            X509_CRL_sign(crl, plan->issuer_key, key_digest(plan->issuer_key)) > 0) {
                n = i2d_X509_CRL(crl, &der);
                rc = n > 0 ? der_to_pem(PEM_STRING_X509_CRL, &(struct blob){ der, (size_t)n }, pem,
                                        d)
                           : -E_NOMEM;
        } else if (rc == 0) {
                rc = openssl_fail(d, E_KEY, "the revocation list cannot be made");
        }
        OPENSSL_free(der);
        X509_CRL_free(crl);
        return rc;
}
