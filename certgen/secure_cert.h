/* Between the sources of certgen secure-cert. */
#ifndef CERTGEN_SECURE_CERT_H
#define CERTGEN_SECURE_CERT_H

#include "host/file.h"

/* NAME.key for NAME.crt (or .pem), NAME.key.der for NAME.crt.der, if it is there. Returned: free.
 */
char *secure_cert_key_beside(const char *cert);

/* A line on stdout: the partition at path was made. */
void secure_cert_made(const char *path, const struct blob *image);

/* What a partition holds, on stdout; with a folder also as CSV and files. Returns the status. */
int secure_cert_show(const char *path, const char *folder);

#endif
