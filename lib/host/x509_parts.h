/* What certificates, requests and revocation lists have in common (x509_cert.c, x509_request.c). */
#ifndef HOST_X509_PARTS_H
#define HOST_X509_PARTS_H

#include <openssl/types.h>
#include <openssl/x509v3.h>

#include "base/diag.h"
#include "host/x509_profile.h"

/* The digest that goes with a signing key; NULL for Ed25519, which takes none. */
const EVP_MD *key_digest(const EVP_PKEY *key);

/* The profile's name parts and CN=cn into name. */
int parts_subject(X509_NAME *name, const struct profile *p, const char *cn, struct diag *d);

/* The alternative names of profile and caller, {cn} filled in; *out NULL if there are none.
 * Returned: GENERAL_NAMES_free. */
int parts_names(const struct profile *p, const char *cn, const char *const *san, size_t count,
                GENERAL_NAMES **out, struct diag *d);

/* KU_… bits as a certificate's bit string. Returned: ASN1_BIT_STRING_free; NULL without memory. */
ASN1_BIT_STRING *parts_usage(uint32_t usage);

/* The extended usages EKU_… of a profile. Returned: sk_ASN1_OBJECT_free; NULL without memory. */
EXTENDED_KEY_USAGE *parts_extended_usage(unsigned eku);

/* OpenSSL's n bytes (n < 0: a failure of OpenSSL's) copied to a blob of ours. */
int parts_take(const void *p, long n, struct blob *out, struct diag *d);

#endif
