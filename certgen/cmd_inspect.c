/* certgen inspect: what is in a certificate, request, key or revocation list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/hex.h"
#include "certgen.h"
#include "host/json.h"
#include "host/report.h"

const struct opt inspect_options[] = { { 0 } };

/* One fact: a line for people, a member for programs. */
static void say(struct json_writer *w, const char *key, const char *label, const char *value)
{
        if (common.json)
                json_str(w, key, value);
        else
                printf("  %-12s %s\n", label, value ? value : "-");
}

static void say_number(struct json_writer *w, const char *key, const char *label, int value)
{
        if (common.json)
                json_int(w, key, value);
        else
                printf("  %-12s %d\n", label, value);
}

static char *bio_text(BIO *mem)
{
        char *p = NULL;
        const long n = BIO_get_mem_data(mem, &p);
        char *out = n >= 0 ? strndup(p, (size_t)n) : NULL;

        for (char *q = out; q && *q; q++)
                if (*q == '\n')
                        *q = ' ';
        BIO_free(mem);
        return out;
}

static void say_name(struct json_writer *w, const char *key, const char *label,
                     const X509_NAME *name)
{
        BIO *mem = BIO_new(BIO_s_mem());
        char *text;

        X509_NAME_print_ex(mem, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
        text = bio_text(mem);
        say(w, key, label, text);
        free(text);
}

static void say_time(struct json_writer *w, const char *key, const char *label, int64_t t)
{
        const time_t at = (time_t)t;
        char text[48];

        strftime(text, sizeof text,
                 t == CERT_NO_EXPIRY ? "%Y-%m-%dT%H:%M:%SZ (no expiry)" : "%Y-%m-%dT%H:%M:%SZ",
                 gmtime(&at));
        if (common.json)
                text[20] = 0;
        say(w, key, label, text);
}

static void say_key(struct json_writer *w, EVP_PKEY *key)
{
        uint8_t id[KEY_ID_LEN];
        char hex[2 * KEY_ID_LEN + 1];
        char type[48];

        if (!key || key_id(key, id, NULL) < 0) {
                say(w, "key", "key", NULL);
                return;
        }
        if (key_type_get(key) != KEY_NONE)
                snprintf(type, sizeof type, "%s", key_type_name(key_type_get(key)));
        else
                snprintf(type, sizeof type, "%s, %d bits", EVP_PKEY_get0_type_name(key),
                         EVP_PKEY_get_bits(key));
        say(w, "key", "key", type);
        hex_encode(id, sizeof id, hex);
        say(w, "key_id", "key SHA-256", hex);
}

static void say_extensions(struct json_writer *w, const STACK_OF(X509_EXTENSION) * exts)
{
        if (common.json)
                json_open(w, "extensions", '{');
        for (int i = 0; i < sk_X509_EXTENSION_num(exts); i++) {
                X509_EXTENSION *e = sk_X509_EXTENSION_value(exts, i);
                BIO *mem = BIO_new(BIO_s_mem());
                char name[80];
                char *text;

                OBJ_obj2txt(name, sizeof name, X509_EXTENSION_get_object(e), 0);
                if (X509V3_EXT_print(mem, e, X509V3_EXT_PARSE_UNKNOWN, 0) != 1)
                        BIO_puts(mem, "(cannot be read)");
                text = bio_text(mem);
                if (common.json)
                        json_str(w, name, text);
                else
                        printf("  %s: %s%s\n", name, text,
                               X509_EXTENSION_get_critical(e) ? " (critical)" : "");
                free(text);
        }
        if (common.json)
                json_close(w, '}');
}

static void inspect_cert(struct json_writer *w, X509 *x)
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
        char serial[CERT_SERIAL_TEXT];
        int64_t from = 0;
        int64_t to = 0;

        say_name(w, "subject", "subject", X509_get_subject_name(x));
        say_name(w, "issuer", "issuer", X509_get_issuer_name(x));
        cert_serial_text(x, serial);
        say(w, "serial", "serial", serial);
        if (cert_times(x, &from, &to) == 0) {
                say_time(w, "not_before", "not before", from);
                say_time(w, "not_after", "not after", to);
        }
        say_key(w, X509_get0_pubkey(x));
        say(w, "signature", "signature", OBJ_nid2ln(X509_get_signature_nid(x)));
        if (X509_digest(x, EVP_sha256(), digest, &n) == 1)
                hex_encode(digest, n, hex);
        say(w, "sha256", "SHA-256", hex);
        say_number(w, "der_bytes", "DER bytes", i2d_X509(x, NULL));
        say_extensions(w, X509_get0_extensions(x));
}

static void inspect_csr(struct json_writer *w, X509_REQ *csr)
{
        STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(csr);

        say_name(w, "subject", "subject", X509_REQ_get_subject_name(csr));
        say_key(w, X509_REQ_get0_pubkey(csr));
        say(w, "signature", "signature", "good: it was made with this key");
        say_extensions(w, exts);
        sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
}

static void inspect_crl(struct json_writer *w, X509_CRL *crl)
{
        STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(crl);

        say_name(w, "issuer", "issuer", X509_CRL_get_issuer(crl));
        say_number(w, "revoked", "revoked",
                   sk_X509_REVOKED_num(list) < 0 ? 0 : sk_X509_REVOKED_num(list));
        say_extensions(w, X509_CRL_get0_extensions(crl));
}

static X509_CRL *crl_decode(const struct blob *in)
{
        BIO *mem = BIO_new_mem_buf(in->data, (int)in->len);
        const uint8_t *p = in->data;
        X509_CRL *crl = mem ? PEM_read_bio_X509_CRL(mem, NULL, NULL, NULL) : NULL;

        BIO_free(mem);
        ERR_clear_error();
        return crl ? crl : d2i_X509_CRL(NULL, &p, (long)in->len);
}

/* What the bytes are; the first reading that works. */
static int inspect_bytes(const char *path, const struct blob *in, struct diag *d)
{
        struct json_writer w = { .out = stdout };
        struct diag why = { 0 };
        X509 *cert = NULL;
        X509_REQ *csr = NULL;
        X509_CRL *crl = NULL;
        EVP_PKEY *key = NULL;
        const char *kind = NULL;
        int rc;

        if (cert_decode(path, in, &cert, NULL) == 0)
                kind = "certificate";
        else if ((rc = csr_decode(path, in, &csr, &why)) == 0)
                kind = "signing request";
        else if (rc == -E_VERIFY)
                return diag_set(d, E_VERIFY, "%s", why.text);
        else if ((crl = crl_decode(in)))
                kind = "revocation list";
        else if ((rc = key_decode(path, in, NULL, &key, NULL)) == 0)
                kind = "private key";
        else if (rc == -E_STATE)
                kind = "private key, encrypted";
        ERR_clear_error();
        if (!kind)
                return diag_set(d, E_FORMAT,
                                "%s: neither certificate, request, private key nor revocation list",
                                path);
        if (common.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "file", path);
                json_str(&w, "kind", kind);
        } else {
                printf("%s: %s\n", path, kind);
        }
        if (cert)
                inspect_cert(&w, cert);
        else if (csr)
                inspect_csr(&w, csr);
        else if (crl)
                inspect_crl(&w, crl);
        else if (key)
                say_key(&w, key);
        if (common.json) {
                json_close(&w, '}');
                putchar('\n');
        }
        X509_free(cert);
        X509_REQ_free(csr);
        X509_CRL_free(crl);
        EVP_PKEY_free(key);
        return 0;
}

int cmd_inspect(int argc, char **argv)
{
        struct report report = { 0 };

        for (int i = 0; i < argc; i++) {
                struct diag d = { 0 };
                struct blob in;
                int rc = file_load(argv[i], FILE_LIMIT_KEY, &in, &d);

                if (rc == 0)
                        rc = inspect_bytes(argv[i], &in, &d);
                blob_free_secret(&in);
                if (rc < 0)
                        report_diag(&report, NULL, &d);
        }
        return (int)err_status(report_finish(&report));
}
