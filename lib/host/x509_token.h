/* Keys inside a PKCS#11 token, named by pkcs11: URIs (RFC 7512). */
#ifndef HOST_X509_TOKEN_H
#define HOST_X509_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/diag.h"
#include "host/file.h"
#include "host/x509_key.h"

bool token_uri_is(const char *text); /* begins with "pkcs11:" */

/*
 * The URI of one of several keys: uri with the object label NAME ("root"), or LABEL-NAME if uri has
 * an object. Without PIN; returned: free. -E_SYNTAX.
 */
int token_uri_for(const char *uri, const char *name, char **out, struct diag *d);

/*
 * The URI of the object with this label in the token that now sits in a slot: by the token's own
 * names, which stay when slots are numbered anew. module: path of the PKCS#11 library. Without PIN;
 * returned: free. -E_NOTFOUND: no such library, no token there; the text says where one is.
 */
int token_uri_of_slot(const char *module, uint64_t slot, const char *label, char **out,
                      struct diag *d);

/*
 * Find the token of a URI and log in with pin. module: path of the PKCS#11 library; NULL: the URI's
 * module-path, or all that p11-kit knows. A URI with pin-value is refused: a PIN does not
 * belong on a command line. Errors: -E_SYNTAX, -E_NOTFOUND (no such token), -E_KEY (wrong PIN),
 * -E_PERM (PIN locked), -E_IO.
 */

/* The private key that the URI names; it stays in the token. -E_NOTFOUND: no such key in it.
 * Returned: EVP_PKEY_free. */
int token_load(const char *uri, const char *module, const struct blob *pin, EVP_PKEY **out,
               struct diag *d);

/*
 * Make a key pair in the token under the URI's object label: private, sensitive, not extractable.
 * -E_EXISTS if there is one of that name; -E_UNSUPPORTED if the token cannot make this type.
 */
int token_generate(const char *uri, const char *module, const struct blob *pin, enum key_type type,
                   struct diag *d);

#endif
