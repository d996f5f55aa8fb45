/* Certificates, signing requests and revocation lists: made, loaded, stored. */
#ifndef HOST_X509_CERT_H
#define HOST_X509_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/types.h>
#include <openssl/x509.h>

#include "base/diag.h"
#include "host/file.h"
#include "host/x509_profile.h"

#define CERT_SERIAL_LEN 16u /* bytes; 126 of the bits are random */

struct cert_plan {
        const struct profile *profile; /* all borrowed until cert_make returns */
        const char *cn;
        const char *const *san; /* beside the profile's: "dns:…", "ip:…", "uri:…", "email:…" */
        size_t san_count;
        EVP_PKEY *key; /* the subject's: its public half is certified */
        X509 *issuer;  /* NULL: self-signed with key */
        EVP_PKEY *issuer_key;
        uint8_t serial[CERT_SERIAL_LEN];
        time_t now;
};

/* A new serial number: random, positive, always CERT_SERIAL_LEN bytes. */
int cert_serial_new(uint8_t out[CERT_SERIAL_LEN], struct diag *d);

/* Make and sign. The X509 has no EVP_PKEY inside (X509_get0_pubkey gives NULL): decode its DER for
 * that. Returned: X509_free. Errors: -E_SYNTAX (a name), -E_RANGE (dates), -E_KEY, -E_NOMEM. */
int cert_make(const struct cert_plan *plan, X509 **out, struct diag *d);

/* One certificate from PEM (the first in it) or DER. Returned: X509_free. -E_FORMAT. */
int cert_decode(const char *name, const struct blob *in, X509 **out, struct diag *d);
int cert_load(const char *path, X509 **out, struct diag *d);

/* All certificates of a PEM or DER file, at least one. Returned: sk_X509_pop_free(…, X509_free). */
int chain_load(const char *path, STACK_OF(X509) * *out, struct diag *d);

/* Bytes of a certificate. Returned: blob_free. */
int cert_der(X509 *cert, struct blob *out, struct diag *d);
int cert_pem(X509 *cert, struct blob *out, struct diag *d);
int der_to_pem(const char *label, const struct blob *der, struct blob *out, struct diag *d);
/* a and b in one, for chains. Returned: blob_free. */
int blob_join(const struct blob *a, const struct blob *b, struct blob *out, struct diag *d);

/* The serial number as lower-case hexadecimal; out holds CERT_SERIAL_TEXT bytes (RFC 5280 allows
 * 20). */
#define CERT_SERIAL_TEXT 43
void cert_serial_text(const X509 *cert, char out[CERT_SERIAL_TEXT]);
/* The last CN of the subject in UTF-8, returned (free); NULL if there is none. */
char *cert_cn(const X509 *cert);
char *name_cn(const X509_NAME *name);
/* notBefore and notAfter as seconds since 1970; 99991231235959Z is CERT_NO_EXPIRY. */
#define CERT_NO_EXPIRY INT64_C(253402300799)
int cert_times(const X509 *cert, int64_t *not_before, int64_t *not_after);

/* key_id() of the certified key. */
int cert_key_id(X509 *cert, uint8_t out[KEY_ID_LEN], struct diag *d);

/* A certificate fit to sign others now: CA:TRUE, keyCertSign, within its dates, key is its own.
 * -E_VERIFY. */
int cert_check_issuer(const char *name, X509 *cert, EVP_PKEY *key, time_t now, struct diag *d);

/* A signing request for key (PKCS#10), signed by it. Returned: X509_REQ_free. */
int csr_make(const struct profile *profile, const char *cn, const char *const *san,
             size_t san_count, EVP_PKEY *key, X509_REQ **out, struct diag *d);
/* From PEM or DER. -E_FORMAT; the signature is checked too: -E_VERIFY. Returned: X509_REQ_free. */
int csr_decode(const char *name, const struct blob *in, X509_REQ **out, struct diag *d);
int csr_pem(X509_REQ *csr, struct blob *out, struct diag *d);

/* One line of a revocation list. */
struct crl_entry {
        uint8_t serial[20];
        size_t serial_len;
        int64_t when; /* seconds since 1970 */
        int reason;   /* CRLReason of RFC 5280, 5.3.1; 0: not said */
};

/*
 * A revocation list, version 2, with its number, good for days. next is called until it returns 0
 * (end) or less (failure), 1 with an entry. PEM into out (returned: blob_free).
 */
struct crl_plan {
        X509 *issuer;
        EVP_PKEY *issuer_key;
        uint64_t number;
        time_t now;
        int64_t days;
        int (*next)(void *ctx, struct crl_entry *e);
        void *ctx;
};
int crl_make(const struct crl_plan *plan, struct blob *pem, struct diag *d);

#endif
