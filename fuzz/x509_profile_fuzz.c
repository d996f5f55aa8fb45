/* A profile that is taken makes a certificate that can be read again, or is refused with a reason.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/err.h"
#include "host/x509_cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static EVP_PKEY *key;
        struct profile p;
        struct diag d = { 0 };
        struct cert_plan plan = {
                .profile = &p, .cn = "SO-000001", .serial = { 0x40, 1 }, .now = 1795208400
        };
        struct blob der;
        X509 *cert = NULL, *back = NULL;
        int64_t from, to;
        char *text = malloc(len + 1);

        if (!text || (!key && key_generate(KEY_P256, &key, NULL) < 0))
                abort();
        memcpy(text, data, len);
        text[len] = 0;
        if (profile_parse(text, len, &p, &d) < 0) {
                if (!d.code || !d.text[0])
                        abort(); /* refused without a word */
                goto out;
        }
        plan.key = key;
        d = (struct diag){ 0 };
        if (cert_make(&plan, &cert, &d) < 0) {
                if (!d.code || !d.text[0])
                        abort();
                goto out;
        }
        if (cert_der(cert, &der, NULL) < 0 || cert_decode("x", &der, &back, NULL) < 0)
                abort(); /* made what cannot be read */
        if (cert_times(back, &from, &to) < 0 || to <= from || to > CERT_NO_EXPIRY)
                abort();
        blob_free(&der);
out:
        X509_free(cert);
        X509_free(back);
        profile_free(&p);
        free(text);
        return 0;
}
