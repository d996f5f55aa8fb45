/* certgen convert: PEM to DER and back; the three files of the FreeRTOS workshop in one go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "certgen.h"
#include "host/report.h"

static const char *to;
static const char *key_format;
static const char *freertos;

const struct opt convert_options[] = {
        { 0, "to", OPT_STR, &to, "pem|der", "default: the other one than the input's", 0 },
        { 0, "key-format", OPT_STR, &key_format, "pkcs8|sec1", "of private keys (pkcs8)", 0 },
        { 0, "freertos", OPT_STR, &freertos, "DIR",
          "privatekey.pem, cert.pem, ecdsasigner.crt in DIR to privatekey.der, cert.der, csk.der",
          0 },
        { 0 },
};

struct target {
        bool der;
        struct key_form form;
        enum file_mode mode; /* out: FILE_SECRET for keys */
};

static int convert_key(const char *name, const struct blob *in, struct target *t, struct blob *out,
                       struct diag *d)
{
        const struct passphrase_source pass = common_pass();
        struct blob secret = { 0 };
        EVP_PKEY *key = NULL;
        int rc = key_decode(name, in, NULL, &key, NULL);

        if (rc == -E_STATE &&
            (rc = passphrase_read(&pass, "passphrase of the key", false, &secret, d)) == 0)
                rc = key_decode(name, in, &secret, &key, d);
        else if (rc < 0 && (!d || !d->code))
                rc = diag_set(d, E_FORMAT, "%s: neither a certificate, a request nor a private key",
                              name);
        if (rc == 0) {
                t->form.der = t->der;
                t->mode = FILE_SECRET;
                rc = key_encode(key, t->form, NULL, out, d);
        }
        blob_free_secret(&secret);
        EVP_PKEY_free(key);
        return rc;
}

static int convert_csr(X509_REQ *csr, const struct target *t, struct blob *out, struct diag *d)
{
        uint8_t *der = NULL;
        int n;

        if (!t->der)
                return csr_pem(csr, out, d);
        n = i2d_X509_REQ(csr, &der);
        out->data = n > 0 ? malloc((size_t)n) : NULL;
        if (out->data) {
                out->len = (size_t)n;
                memcpy(out->data, der, out->len);
        }
        OPENSSL_free(der);
        return out->data ? 0 : diag_set(d, E_NOMEM, "no memory");
}

static int convert_bytes(const char *name, const struct blob *in, struct target *t,
                         struct blob *out, struct diag *d)
{
        X509 *cert = NULL;
        X509_REQ *csr = NULL;
        int rc;

        t->mode = FILE_PUBLIC;
        if (cert_decode(name, in, &cert, NULL) == 0)
                rc = t->der ? cert_der(cert, out, d) : cert_pem(cert, out, d);
        else if (csr_decode(name, in, &csr, NULL) == 0)
                rc = convert_csr(csr, t, out, d);
        else
                rc = convert_key(name, in, t, out, d);
        X509_free(cert);
        X509_REQ_free(csr);
        return rc;
}

static int convert_file(const char *from, const char *path, const char *form, struct diag *d)
{
        struct target t = { .form = { .traditional = key_format && !strcmp(key_format, "sec1") } };
        struct blob in;
        struct blob out = { 0 };
        int rc = file_load(from, FILE_LIMIT_KEY, &in, d);

        if (rc < 0)
                return rc;
        t.der = form ? !strcmp(form, "der") : memmem(in.data, in.len, "-----BEGIN ", 11) != NULL;
        rc = convert_bytes(from, &in, &t, &out, d);
        if (rc == 0)
                rc = file_save(path, out.data, out.len, t.mode, d);
        blob_free_secret(&in);
        blob_free_secret(&out);
        return rc;
}

/* As the workshop's conv_pem_to_der.sh: what its NVS partition takes for P11_Key, P11_Cert and
 * P11_CSK. */
static const char *const freertos_files[][2] = { { "privatekey.pem", "privatekey.der" },
                                                 { "cert.pem", "cert.der" },
                                                 { "ecdsasigner.crt", "csk.der" } };

/* All three can be read: else none is converted. */
static int freertos_complete(struct diag *d)
{
        int rc = 0;

        for (size_t i = 0; i < 3 && rc == 0; i++) {
                char *from = path_join(freertos, freertos_files[i][0]);
                struct blob b = { 0 };

                rc = from ? file_load(from, FILE_LIMIT_KEY, &b, d)
                          : diag_set(d, E_NOMEM, "no memory");
                blob_free_secret(&b);
                free(from);
        }
        return rc;
}

static int convert_freertos(struct diag *d)
{
        int rc = freertos_complete(d);

        for (size_t i = 0; i < 3 && rc == 0; i++) {
                char *from = path_join(freertos, freertos_files[i][0]);
                char *path = path_join(freertos, freertos_files[i][1]);

                rc = from && path ? convert_file(from, path, "der", d)
                                  : diag_set(d, E_NOMEM, "no memory");
                if (rc == 0)
                        print_file(path);
                free(from);
                free(path);
        }
        return rc;
}

int cmd_convert(int argc, char **argv)
{
        struct diag d = { 0 };
        int rc;

        if (to && strcmp(to, "pem") != 0 && strcmp(to, "der") != 0)
                return usage_error("--to: pem or der");
        if (key_format && strcmp(key_format, "pkcs8") != 0 && strcmp(key_format, "sec1") != 0)
                return usage_error("--key-format: pkcs8 or sec1");
        if (freertos ? argc != 0 : argc != 2)
                return usage_error("either INPUT OUTPUT, or --freertos DIR");
        rc = freertos ? convert_freertos(&d) : convert_file(argv[0], argv[1], to, &d);
        return rc < 0 ? fail_diag(&d) : STATUS_DONE;
}
