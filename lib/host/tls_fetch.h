/* The certificates that a TLS server shows. */
#ifndef HOST_TLS_FETCH_H
#define HOST_TLS_FETCH_H

#include <openssl/types.h>
#include <openssl/x509.h>

#include "base/diag.h"

struct tls_fetch {
        const char
                *host; /* borrowed; also sent as the server's name (SNI), unless it is an address */
        const char *port;
        unsigned timeout_ms;
};

/*
 * Connect, shake hands, believe nothing, and take what was shown, in the server's order. Returned:
 * sk_X509_pop_free(…, X509_free). Errors: -E_LINK (no connection), -E_TIMEOUT, -E_PROTO (no TLS
 * there, or it shows no certificate).
 */
int tls_fetch_chain(const struct tls_fetch *what, STACK_OF(X509) * *out, struct diag *d);

#endif
