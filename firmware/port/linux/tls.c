#include "tls.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static BIO *open_blob(struct port_blob b)
{
        return b.len ? BIO_new_mem_buf(b.p, (int)b.len) : NULL;
}

static bool is_pem(struct port_blob b)
{
        return b.len && b.p[0] != 0x30; /* DER begins with a SEQUENCE */
}

static X509 *next_cert(BIO *bio, bool pem)
{
        return pem ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : d2i_X509_bio(bio, NULL);
}

/* Every certificate of the blob is trusted. False: there is none. */
static bool trust(SSL_CTX *ctx, struct port_blob ca)
{
        BIO *bio = open_blob(ca);
        unsigned n = 0;
        X509 *x;

        while (bio && (x = next_cert(bio, is_pem(ca))) != NULL) {
                n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) == 1;
                X509_free(x);
        }
        BIO_free(bio);
        return n > 0;
}

/* The device's certificate, then those between it and the root. */
static bool show(SSL_CTX *ctx, struct port_blob cert)
{
        BIO *bio = open_blob(cert);
        X509 *x = bio ? next_cert(bio, is_pem(cert)) : NULL;
        bool ok = x && SSL_CTX_use_certificate(ctx, x) == 1;

        X509_free(x);
        while (ok && is_pem(cert) && (x = next_cert(bio, true)) != NULL)
                if ((ok = SSL_CTX_add0_chain_cert(ctx, x) == 1) == false)
                        X509_free(x);
        BIO_free(bio);
        return ok;
}

static bool use_key(SSL_CTX *ctx, struct port_blob key)
{
        BIO *bio = open_blob(key);
        EVP_PKEY *k = NULL;
        bool ok;

        if (bio && is_pem(key))
                k = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        else if (bio)
                k = d2i_PrivateKey_bio(bio, NULL);
        ok = k && SSL_CTX_use_PrivateKey(ctx, k) == 1 && SSL_CTX_check_private_key(ctx) == 1;
        EVP_PKEY_free(k);
        BIO_free(bio);
        return ok;
}

static bool expect(SSL_CTX *ctx, const char *host)
{
        X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);
        unsigned char address[16];

        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
                return X509_VERIFY_PARAM_set1_ip_asc(p, host) == 1;
        return X509_VERIFY_PARAM_set1_host(p, host, 0) == 1;
}

static bool set_alpn(SSL_CTX *ctx, const char *name)
{
        unsigned char list[64];
        const size_t n = name ? strlen(name) : 0;

        if (n == 0)
                return true;
        if (n >= sizeof list)
                return false;
        list[0] = (unsigned char)n;
        memcpy(list + 1, name, n);
        return SSL_CTX_set_alpn_protos(ctx, list, (unsigned)n + 1) == 0;
}

SSL_CTX *tls_client(const struct port_mqtt *m)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

        if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 && trust(ctx, m->ca) &&
            (!m->cert.len || (show(ctx, m->cert) && use_key(ctx, m->key))) &&
            expect(ctx, m->host) && set_alpn(ctx, m->alpn))
                return ctx;
        SSL_CTX_free(ctx);
        return NULL;
}
