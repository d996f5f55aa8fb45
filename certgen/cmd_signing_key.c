/* certgen signing-key: keys for secure boot images, and certificates for code signing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "certgen.h"
#include "host/report.h"

static const char *scheme = "v2";
static const char *key;
static const char *cert_path;
static const char *cn = "Code signing";

const struct opt signing_key_options[] = {
        { 0, "scheme", OPT_STR, &scheme, "v1|v2",
          "secure boot's version (v2); v1 takes prime256v1 only", 0 },
        { 0, "key", OPT_STR, &key, "TYPE", "rsa3072, p256 or p384 (v2: rsa3072, v1: p256)", 0 },
        { 0, "cert", OPT_STR, &cert_path, "FILE",
          "also a self-signed code-signing certificate (OTA signatures)", 0 },
        { 0, "cn", OPT_STR, &cn, "NAME", "its common name (Code signing)", 0 },
        { 0 },
};

static int pick_type(enum key_type *type, struct diag *d)
{
        const bool v1 = !strcmp(scheme, "v1");

        if (!v1 && strcmp(scheme, "v2") != 0)
                return diag_set(d, E_USAGE, "--scheme: v1 or v2");
        *type = key ? key_type_of(key) : v1 ? KEY_P256 : KEY_RSA3072;
        if (v1 && *type != KEY_P256)
                return diag_set(d, E_USAGE, "secure boot v1 takes a prime256v1 (p256) key only");
        if (*type != KEY_RSA3072 && *type != KEY_P256 && *type != KEY_P384)
                return diag_set(d, E_USAGE, "secure boot v2 takes rsa3072, p256 or p384");
        return 0;
}

static int code_cert(EVP_PKEY *own, struct diag *d)
{
        struct profile profile;
        struct cert_plan plan = { .profile = &profile, .cn = cn, .key = own, .now = time(NULL) };
        struct blob pem = { 0 };
        X509 *cert = NULL;
        int rc = profile_builtin("code", &profile, d);

        if (rc == 0 && (rc = cn_check(cn, d)) == 0 && (rc = cert_serial_new(plan.serial, d)) == 0 &&
            (rc = cert_make(&plan, &cert, d)) == 0 && (rc = cert_pem(cert, &pem, d)) == 0)
                rc = file_save(cert_path, pem.data, pem.len, FILE_PUBLIC, d);
        X509_free(cert);
        blob_free(&pem);
        return rc;
}

int cmd_signing_key(int argc, char **argv)
{
        /* the older form: espsecure, esptool and the bootloader's own tools all read it */
        const struct key_form form = { .traditional = true };
        struct blob pem = { 0 };
        EVP_PKEY *own = NULL;
        struct diag d = { 0 };
        enum key_type type = KEY_NONE;
        int rc;

        (void)argc;
        if (pick_type(&type, &d) < 0)
                return fail_diag(&d);
        if (file_exists(argv[0]) || (cert_path && file_exists(cert_path))) {
                diag_set(&d, E_EXISTS,
                         "%s: is there already; a signing key is never overwritten, boards may "
                         "depend on it",
                         file_exists(argv[0]) ? argv[0] : cert_path);
                return fail_diag(&d);
        }
        if ((rc = key_generate(type, &own, &d)) == 0 &&
            (rc = key_encode(own, form, NULL, &pem, &d)) == 0 &&
            (rc = file_save_new(argv[0], pem.data, pem.len, FILE_SECRET, &d)) == 0 && cert_path &&
            (rc = code_cert(own, &d)) < 0)
                unlink(argv[0]); /* only just made, and in the way of the next run */
        EVP_PKEY_free(own);
        blob_free_secret(&pem);
        if (rc < 0)
                return fail_diag(&d);
        print_file(argv[0]);
        if (cert_path)
                print_file(cert_path);
        return STATUS_DONE;
}
