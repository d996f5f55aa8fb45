#include "host/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "host/x509_cert.h"
#include "host/x509_key.h"
#include "host/x509_token.h"

char *ca_path(const struct ca_source *from, const char *name)
{
        return path_join(from->dir, name);
}

/* Where the issuing key is: a path or a URI, returned (free). */
static int key_place(const struct ca_source *from, char **out, struct diag *d)
{
        char *uri_file;
        struct blob text;
        int rc = 0;

        if (from->key) {
                *out = strdup(from->key);
                return *out ? 0 : diag_set(d, E_NOMEM, "no memory");
        }
        uri_file = ca_path(from, "issuing.uri");
        *out = NULL;
        if (uri_file && file_exists(uri_file)) {
                if ((rc = file_load(uri_file, FILE_LIMIT_KEY, &text, d)) == 0) {
                        *out = strndup((const char *)text.data,
                                       strcspn((const char *)text.data, "\r\n"));
                        blob_free(&text);
                }
        } else {
                *out = ca_path(from, "issuing.key");
        }
        free(uri_file);
        if (rc == 0 && !*out)
                rc = diag_set(d, E_NOMEM, "no memory");
        return rc;
}

int ca_open_index(const struct ca_source *from, enum cert_index_use use, struct cert_index **out,
                  struct diag *d)
{
        /* a CA from elsewhere has its index beside its certificate, made with the first one that it
         * signs */
        char *dir = from->cert ? path_dir(from->cert) : strdup(from->dir);
        char *path = from->index ? strdup(from->index)
                     : dir       ? path_join(dir, "index.sqlite")
                                 : NULL;
        int rc;

        *out = NULL;
        if (use == INDEX_WRITE && from->cert)
                use = INDEX_MAKE;
        rc = path ? cert_index_open(path, use, out, d) : diag_set(d, E_NOMEM, "no memory");
        free(dir);
        free(path);
        return rc;
}

int ca_open(const struct ca_source *from, time_t now, struct ca *ca, struct diag *d)
{
        char *cert_path = from->cert ? strdup(from->cert) : ca_path(from, "issuing.crt");
        char *key = NULL;
        int rc = -E_NOMEM;

        *ca = (struct ca){ 0 };
        if (!cert_path) {
                diag_set(d, E_NOMEM, "no memory");
                goto out;
        }
        if (!from->cert && !file_exists(cert_path)) {
                rc = diag_set(d, E_NOTFOUND, "%s: there is no CA; make one with: certgen ca %s",
                              from->dir, from->dir);
                goto out;
        }
        if ((rc = cert_load(cert_path, &ca->cert, d)) < 0 ||
            (rc = cert_check_issuer(cert_path, ca->cert, NULL, now, d)) < 0 ||
            (rc = key_place(from, &key, d)) < 0 ||
            (rc = ca_load_key(key, from->module, &from->pass, &ca->key, d)) < 0 ||
            (rc = cert_check_issuer(cert_path, ca->cert, ca->key, now, d)) < 0)
                goto out;
        rc = ca_open_index(from, INDEX_WRITE, &ca->index, d);
out:
        free(cert_path);
        free(key);
        if (rc < 0)
                ca_close(ca);
        return rc;
}

void ca_close(struct ca *ca)
{
        X509_free(ca->cert);
        EVP_PKEY_free(ca->key);
        cert_index_close(ca->index);
        *ca = (struct ca){ 0 };
}

/* Write NAME.SUFFIX into the folder. */
static int save_as(const char *dir, const char *name, const char *suffix, const struct blob *b,
                   enum file_mode mode, struct diag *d)
{
        char file[32];
        char *path;
        int rc;

        snprintf(file, sizeof file, "%s.%s", name, suffix);
        path = path_join(dir, file);
        if (!path)
                return diag_set(d, E_NOMEM, "no memory");
        rc = file_save(path, b->data, b->len, mode, d);
        free(path);
        return rc;
}

/* The key of root or issuing: made in its token or in an (encrypted) file. */
static int make_key(const struct ca_plan *plan, const char *name, enum key_type type,
                    const char *token, EVP_PKEY **out, struct diag *d)
{
        struct blob b = { 0 };
        char *line = NULL;
        int rc;

        *out = NULL;
        if (token) {
                rc = token_load(token, plan->module, plan->pin, out, NULL);
                if (rc == -E_NOTFOUND &&
                    (rc = token_generate(token, plan->module, plan->pin, type, d)) < 0)
                        return rc;
                if (!*out && (rc = token_load(token, plan->module, plan->pin, out, d)) < 0)
                        return rc;
                if ((rc = asprintf(&line, "%s\n", token)) < 0)
                        return diag_set(d, E_NOMEM, "no memory");
                b = (struct blob){ (uint8_t *)line, (size_t)rc };
                rc = save_as(plan->dir, name, "uri", &b, FILE_PUBLIC, d);
                blob_free(&b);
                return rc;
        }
        if ((rc = key_generate(type, out, d)) < 0 ||
            (rc = key_encode(*out, (struct key_form){ 0 }, plan->passphrase, &b, d)) < 0)
                return rc;
        rc = save_as(plan->dir, name, "key", &b, FILE_SECRET, d);
        blob_free_secret(&b);
        return rc;
}

/* Certificate of root (issuer NULL) or issuing CA, saved. */
static int make_cert(const struct ca_plan *plan, const char *name, const struct profile *p,
                     EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, X509 **out, struct diag *d)
{
        struct cert_plan c = { .profile = p,
                               .key = key,
                               .issuer = issuer,
                               .issuer_key = issuer_key,
                               .now = plan->now };
        struct blob pem = { 0 };
        char *cn = NULL;
        int rc;

        *out = NULL;
        if (asprintf(&cn, "%s %s CA", plan->cn, issuer ? "Issuing" : "Root") < 0)
                return diag_set(d, E_NOMEM, "no memory");
        c.cn = cn;
        if ((rc = cn_check(cn, d)) == 0 && (rc = cert_serial_new(c.serial, d)) == 0 &&
            (rc = cert_make(&c, out, d)) == 0 && (rc = cert_pem(*out, &pem, d)) == 0)
                rc = save_as(plan->dir, name, "crt", &pem, FILE_PUBLIC, d);
        blob_free(&pem);
        free(cn);
        return rc;
}

static int save_chain(const struct ca_plan *plan, X509 *issuing, X509 *root, struct diag *d)
{
        struct blob a = { 0 };
        struct blob b = { 0 };
        struct blob both = { 0 };
        int rc;

        if ((rc = cert_pem(issuing, &a, d)) == 0 && (rc = cert_pem(root, &b, d)) == 0 &&
            (rc = blob_join(&a, &b, &both, d)) == 0)
                rc = save_as(plan->dir, "ca", "crt", &both, FILE_PUBLIC, d);
        blob_free(&a);
        blob_free(&b);
        blob_free(&both);
        return rc;
}

static int make_index(const struct ca_plan *plan, struct diag *d)
{
        struct cert_index *ix = NULL;
        char *path = path_join(plan->dir, "index.sqlite");
        const int rc = path ? cert_index_open(path, INDEX_MAKE, &ix, d)
                            : diag_set(d, E_NOMEM, "no memory");

        cert_index_close(ix);
        free(path);
        return rc;
}

/* Everything in its order; ca.crt last. */
static int create_locked(const struct ca_plan *plan, struct diag *d)
{
        EVP_PKEY *root_key = NULL;
        EVP_PKEY *issuing_key = NULL;
        X509 *root = NULL;
        X509 *issuing = NULL;
        int rc = file_sweep(plan->dir, d);

        if (rc == 0 &&
            (rc = make_key(plan, "root", plan->root.key, plan->root_token, &root_key, d)) == 0 &&
            (rc = make_cert(plan, "root", &plan->root, root_key, NULL, NULL, &root, d)) == 0 &&
            (rc = make_key(plan, "issuing", plan->issuing.key, plan->issuing_token, &issuing_key,
                           d)) == 0 &&
            (rc = make_cert(plan, "issuing", &plan->issuing, issuing_key, root, root_key, &issuing,
                            d)) == 0 &&
            (rc = make_index(plan, d)) == 0)
                rc = save_chain(plan, issuing, root, d);
        EVP_PKEY_free(root_key);
        EVP_PKEY_free(issuing_key);
        X509_free(root);
        X509_free(issuing);
        return rc;
}

int ca_create(const struct ca_plan *plan, struct diag *d)
{
        char *done = path_join(plan->dir, "ca.crt");
        int fd = -1;
        int rc;

        if (!done)
                return diag_set(d, E_NOMEM, "no memory");
        if ((rc = file_mkdirs(plan->dir, 0700, d)) == 0) {
                /* two at once would mix their keys */
                fd = open(plan->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
                        rc = diag_set(
                                d, E_BUSY,
                                "%s: cannot be locked: %s; is another certgen making a CA there?",
                                plan->dir, strerror(errno));
                else if (file_exists(done))
                        rc = diag_set(d, E_EXISTS,
                                      "%s: there is a CA already; a CA is never overwritten, "
                                      "choose another folder",
                                      plan->dir);
                else
                        rc = create_locked(plan, d);
        }
        if (fd >= 0)
                close(fd);
        free(done);
        return rc;
}
