/*
 * The bare loop that certgen batch is measured against: as many P-256 keys and signed certificates, PEM on the
 * disk, on all processors, through OpenSSL's ordinary calls; no index, no claim, no values.csv, no rename.
 * Usage: certgen_bare CA.crt CA.key COUNT DIR THREADS [lean]
 * lean: key generation, one signature over a certificate's worth of bytes, and PEM text of the same
 * sizes: what cannot be left out, without building a certificate at all.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static X509 *ca;
static EVP_PKEY *ca_key;
static atomic_long next;
static long count;
static const char *dir;
static int lean;

static void die(const char *what)
{
        fprintf(stderr, "certgen_bare: %s\n", what);
        exit(1);
}

static FILE *create(long i, const char *ending, int mode)
{
        char path[4096];
        int fd;

        snprintf(path, sizeof path, "%s/SO-%06ld.%s", dir, i, ending);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
        if (fd < 0)
                die("open");
        return fdopen(fd, "w");
}

static void add(X509 *x, int nid, const char *value)
{
        X509V3_CTX ctx;
        X509_EXTENSION *e;

        X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
        e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        if (!e || !X509_add_ext(x, e, -1))
                die("extension");
        X509_EXTENSION_free(e);
}

static void one(long i)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *x = X509_new();
        BIGNUM *serial = BN_new();
        char cn[32];
        FILE *f;

        snprintf(cn, sizeof cn, "SO-%06ld", i);
        if (!key || !x || !serial || !BN_rand(serial, 126, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY))
                die("key");
        BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
        X509_set_version(x, X509_VERSION_3);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (unsigned char *)cn, -1, -1, 0);
        X509_set_issuer_name(x, X509_get_subject_name(ca));
        X509_gmtime_adj(X509_getm_notBefore(x), -86400);
        X509_gmtime_adj(X509_getm_notAfter(x), 20L * 365 * 86400);
        X509_set_pubkey(x, key);
        add(x, NID_basic_constraints, "critical,CA:FALSE");
        add(x, NID_key_usage, "critical,digitalSignature");
        add(x, NID_ext_key_usage, "clientAuth");
        add(x, NID_subject_key_identifier, "hash");
        add(x, NID_authority_key_identifier, "keyid");
        if (!X509_sign(x, ca_key, EVP_sha256()))
                die("sign");
        f = create(i, "key", 0600);
        if (!PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) || fclose(f) != 0)
                die("write");
        f = create(i, "crt", 0644);
        if (!PEM_write_X509(f, x) || fclose(f) != 0)
                die("write");
        BN_free(serial);
        X509_free(x);
        EVP_PKEY_free(key);
}

static void one_lean(long i)
{
        static const unsigned char bytes[450];
        EVP_PKEY *key = EVP_EC_gen("P-256");
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        unsigned char sig[80];
        size_t n = sizeof sig;
        FILE *f;

        if (!key || !md || EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, ca_key) != 1 ||
            EVP_DigestSign(md, sig, &n, bytes, 330) != 1)
                die("sign");
        f = create(i, "key", 0600);
        PEM_write(f, "PRIVATE KEY", "", bytes, 138);
        fclose(f);
        f = create(i, "crt", 0644);
        PEM_write(f, "CERTIFICATE", "", bytes, 420);
        fclose(f);
        EVP_MD_CTX_free(md);
        EVP_PKEY_free(key);
}

static void *work(void *arg)
{
        (void)arg;
        for (long i; (i = atomic_fetch_add(&next, 1)) < count;)
                (lean ? one_lean : one)(i + 1);
        return NULL;
}

int main(int argc, char **argv)
{
        pthread_t threads[64];
        int n;
        int fd;
        FILE *f;

        if (argc < 6)
                return 2;
        count = atol(argv[3]);
        dir = argv[4];
        n = atoi(argv[5]);
        lean = argc > 6;
        if (!(f = fopen(argv[1], "r")) || !(ca = PEM_read_X509(f, NULL, NULL, NULL)))
                die("CA certificate");
        fclose(f);
        if (!(f = fopen(argv[2], "r")) || !(ca_key = PEM_read_PrivateKey(f, NULL, NULL, NULL)))
                die("CA key");
        fclose(f);
        for (int i = 0; i < n && i < 64; i++)
                pthread_create(&threads[i], NULL, work, NULL);
        for (int i = 0; i < n && i < 64; i++)
                pthread_join(threads[i], NULL);
        /* on the disk, as certgen's are */
        fd = open(dir, O_RDONLY);
        if (fd < 0 || syncfs(fd) < 0)
                die("syncfs");
        return 0;
}
