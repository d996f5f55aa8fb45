/*
 * A certificate authority in a folder: root.crt and root.key, issuing.crt and issuing.key, ca.crt
 * (both certificates, for brokers), index.sqlite. A key that lives in a token leaves its URI in
 * root.uri or issuing.uri instead.
 */
#ifndef HOST_CA_H
#define HOST_CA_H

#include <stdbool.h>
#include <time.h>

#include <openssl/types.h>

#include "base/diag.h"
#include "host/cert_index.h"
#include "host/passphrase.h"
#include "host/x509_profile.h"

/* Which CA, and how its key is opened; everything is borrowed. */
struct ca_source {
        const char *dir;
        const char *cert; /* NULL: dir/issuing.crt */
        const char
                *key; /* path or pkcs11: URI; NULL: dir/issuing.key, or what dir/issuing.uri says */
        const char *index;             /* NULL: index.sqlite beside cert, or in dir */
        const char *module;            /* the token's PKCS#11 library; NULL: the system's default */
        struct passphrase_source pass; /* passphrase of the key, or PIN of the token */
};

struct ca {
        X509 *cert;
        EVP_PKEY *key;
        struct cert_index *index;
};

/*
 * Open a CA to issue from: its certificate must be a CA's, valid now and match the key. The
 * passphrase is read only if the key wants one. Free with ca_close in any case.
 */
int ca_open(const struct ca_source *from, time_t now, struct ca *ca, struct diag *d);
void ca_close(struct ca *ca);

/* Only the index, for lists and revocation: no key, no passphrase. INDEX_WRITE makes the index of a
 * CA from elsewhere. */
int ca_open_index(const struct ca_source *from, enum cert_index_use use, struct cert_index **out,
                  struct diag *d);

/* A private key from a file or a token; the passphrase is asked for if it is needed. Returned:
 * EVP_PKEY_free. */
int ca_load_key(const char *path_or_uri, const char *module, const struct passphrase_source *pass,
                EVP_PKEY **out, struct diag *d);

struct ca_plan {
        const char *dir;
        const char *cn; /* "Acme": subjects are "Acme Root CA" and "Acme Issuing CA" */
        struct profile root, issuing;
        const char *root_token, *issuing_token; /* pkcs11: URIs; NULL: an encrypted file */
        const char *module;
        const struct blob *passphrase; /* of the key files; NULL: not encrypted */
        const struct blob *pin;        /* of the tokens */
        time_t now;
};

/*
 * Make root, issuing CA and index. Nothing is overwritten: -E_EXISTS if the folder holds a CA. A
 * run that was cut short is finished by the next one: ca.crt is written last, and without it the
 * folder holds no CA.
 */
int ca_create(const struct ca_plan *plan, struct diag *d);

/* The path of a file of the CA: returned (free), NULL without memory. */
char *ca_path(const struct ca_source *from, const char *name);

#endif
