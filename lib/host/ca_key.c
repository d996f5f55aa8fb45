/* A private key from a file or a token: all that other tools need of ca.h, without the index. */
#include <stdio.h>

#include "base/err.h"
#include "host/ca.h"
#include "host/passphrase.h"
#include "host/x509_key.h"
#include "host/x509_token.h"

int ca_load_key(const char *path_or_uri, const char *module, const struct passphrase_source *pass,
                EVP_PKEY **out, struct diag *d)
{
        struct blob in = { 0 };
        struct blob secret = { 0 };
        char what[160];
        int rc;

        *out = NULL;
        if (token_uri_is(path_or_uri)) {
                snprintf(what, sizeof what, "PIN of %.100s", path_or_uri);
                if ((rc = passphrase_read(pass, what, false, &secret, d)) == 0)
                        rc = token_load(path_or_uri, module, &secret, out, d);
                blob_free_secret(&secret);
                return rc;
        }
        if ((rc = file_load(path_or_uri, FILE_LIMIT_KEY, &in, d)) < 0)
                return rc;
        rc = key_decode(path_or_uri, &in, NULL, out, NULL);
        if (rc == -E_STATE) {
                snprintf(what, sizeof what, "passphrase of %.100s", path_or_uri);
                if ((rc = passphrase_read(pass, what, false, &secret, d)) == 0)
                        rc = key_decode(path_or_uri, &in, &secret, out, d);
        } else if (rc < 0) {
                rc = key_decode(path_or_uri, &in, NULL, out, d);
        }
        blob_free_secret(&secret);
        blob_free_secret(&in);
        return rc;
}
