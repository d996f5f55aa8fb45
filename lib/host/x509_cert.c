#include "host/x509_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "crypt/crypt.h"
#include "host/x509_parts.h"

int cert_serial_new(uint8_t out[CERT_SERIAL_LEN], struct diag *d)
{
        if (crypt_random(out, CERT_SERIAL_LEN) < 0)
                return diag_set(d, E_RANDOM, "no random numbers for a serial number");
        /* positive, and never shorter by a leading zero byte */
        out[0] = (uint8_t)((out[0] & 0x7f) | 0x40);
        return 0;
}

const EVP_MD *key_digest(const EVP_PKEY *key)
{
        switch (key_type_get(key)) {
        case KEY_ED25519:
                return NULL;
        case KEY_P384:
                return EVP_sha384();
        default:
                return EVP_sha256();
        }
}

int parts_subject(X509_NAME *name, const struct profile *p, const char *cn, struct diag *d)
{
        for (size_t i = 0; i < p->subject_count; i++)
                if (X509_NAME_add_entry_by_txt(name, p->subject[i].type, MBSTRING_UTF8,
                                               (const uint8_t *)p->subject[i].value, -1, -1,
                                               0) != 1)
                        return openssl_fail(d, E_SYNTAX, "%s=%.60s: not fit for a certificate",
                                            p->subject[i].type, p->subject[i].value);
        if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const uint8_t *)cn, -1,
                                       -1, 0) != 1)
                return openssl_fail(d, E_SYNTAX, "CN=%.60s: not fit for a certificate", cn);
        return 0;
}

static int set_times(X509 *x, const struct cert_plan *plan, struct diag *d)
{
        const struct profile *p = plan->profile;
        int64_t from = p->not_before != PROFILE_UNSET ? p->not_before : plan->now - p->backdate;
        int64_t to = p->not_after;

        if (to == PROFILE_UNSET)
                to = p->days ? plan->now + p->days * 86400 : CERT_NO_EXPIRY;
        /* not before its issuer: a chain must be valid as a whole from the first second on */
        if (plan->issuer && p->not_before == PROFILE_UNSET) {
                int64_t a, b;

                if (cert_times(plan->issuer, &a, &b) == 0 && from < a)
                        from = a;
        }
        if (to > CERT_NO_EXPIRY || to <= from)
                return diag_set(
                        d, E_RANGE,
                        "the certificate would end before it begins, or after the year 9999");
        /* UTCTime before 2050, GeneralizedTime from then on: OpenSSL follows RFC 5280, 4.1.2.5 */
        if (!ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) ||
            !ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to))
                return openssl_fail(d, E_RANGE, "the dates do not fit a certificate");
        return 0;
}

static int set_public_key(X509 *x, EVP_PKEY *key, struct diag *d)
{
        uint8_t point[KEY_POINT_MAX];
        const size_t n = key_point(key, point);
        const enum key_type type = n ? key_type_get(key) : KEY_NONE;

        if (type == KEY_P256 || type == KEY_P384) {
                uint8_t *copy = OPENSSL_memdup(point, n);

                if (copy &&
                    X509_PUBKEY_set0_param(
                            X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                            V_ASN1_OBJECT,
                            OBJ_nid2obj(type == KEY_P256 ? NID_X9_62_prime256v1 : NID_secp384r1),
                            copy, (int)n) == 1)
                        return 0;
                OPENSSL_free(copy);
                return openssl_fail(d, E_KEY, "the public key cannot be put into a certificate");
        }
        if (X509_set_pubkey(x, key) != 1)
                return openssl_fail(d, E_KEY, "the public key cannot be put into a certificate");
        return 0;
}

static GENERAL_NAME *general_name(const char *text)
{
        static const struct {
                const char *word;
                int type;
        } kinds[] = { { "dns:", GEN_DNS },
                      { "ip:", GEN_IPADD },
                      { "uri:", GEN_URI },
                      { "email:", GEN_EMAIL } };

        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                const size_t n = strlen(kinds[i].word);

                if (strncmp(text, kinds[i].word, n) == 0 && text[n])
                        return a2i_GENERAL_NAME(NULL, NULL, NULL, kinds[i].type, text + n, 0);
        }
        return NULL;
}

static int add_name(GENERAL_NAMES *names, const char *template, const char *cn, struct diag *d)
{
        char *text = cn_fill(template, cn);
        GENERAL_NAME *name = text ? general_name(text) : NULL;
        int rc = 0;

        if (!name)
                rc = openssl_fail(
                        d, E_SYNTAX,
                        "'%.80s': no alternative name; like dns:host, ip:10.0.0.1, uri:…, email:…",
                        text ? text : template);
        else if (!sk_GENERAL_NAME_push(names, name)) {
                GENERAL_NAME_free(name);
                rc = diag_set(d, E_NOMEM, "no memory for a certificate");
        }
        free(text);
        return rc;
}

int parts_names(const struct profile *p, const char *cn, const char *const *san, size_t count,
                GENERAL_NAMES **out, struct diag *d)
{
        int rc = 0;

        *out = NULL;
        if (p->san_count + count == 0)
                return 0;
        *out = sk_GENERAL_NAME_new_null();
        if (!*out)
                return diag_set(d, E_NOMEM, "no memory for a certificate");
        for (size_t i = 0; i < p->san_count && rc == 0; i++)
                rc = add_name(*out, p->san[i], cn, d);
        for (size_t i = 0; i < count && rc == 0; i++)
                rc = add_name(*out, san[i], cn, d);
        if (rc < 0) {
                GENERAL_NAMES_free(*out);
                *out = NULL;
        }
        return rc;
}

static bool add_basic(X509 *x, const struct profile *p)
{
        BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();
        bool ok = bc != NULL;

        if (ok && p->ca) {
                bc->ca = 0xff;
                if (p->path_len >= 0) {
                        bc->pathlen = ASN1_INTEGER_new();
                        ok = bc->pathlen && ASN1_INTEGER_set(bc->pathlen, p->path_len) == 1;
                }
        }
        ok = ok && X509_add1_ext_i2d(x, NID_basic_constraints, bc, 1, 0) == 1;
        BASIC_CONSTRAINTS_free(bc);
        return ok;
}

ASN1_BIT_STRING *parts_usage(uint32_t usage)
{
        ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();

        /* KU_… has bit 0 (digitalSignature) as 0x80, the first bit of the first byte */
        for (int i = 0; bits && i < 8; i++)
                if (usage >> (7 - i) & 1 && ASN1_BIT_STRING_set_bit(bits, i, 1) != 1) {
                        ASN1_BIT_STRING_free(bits);
                        return NULL;
                }
        return bits;
}

EXTENDED_KEY_USAGE *parts_extended_usage(unsigned eku)
{
        static const int nids[] = { NID_client_auth, NID_server_auth, NID_code_sign };
        EXTENDED_KEY_USAGE *out = sk_ASN1_OBJECT_new_null();

        for (int i = 0; i < 3 && out; i++)
                if (eku >> i & 1 && sk_ASN1_OBJECT_push(out, OBJ_nid2obj(nids[i])) <= 0) {
                        sk_ASN1_OBJECT_free(out);
                        return NULL;
                }
        return out;
}

static bool add_usages(X509 *x, const struct profile *p)
{
        ASN1_BIT_STRING *bits = parts_usage(p->key_usage);
        EXTENDED_KEY_USAGE *eku = parts_extended_usage(p->eku);
        bool ok = bits && eku;

        if (ok && p->key_usage)
                ok = X509_add1_ext_i2d(x, NID_key_usage, bits, 1, 0) == 1;
        if (ok && p->eku)
                ok = X509_add1_ext_i2d(x, NID_ext_key_usage, eku, 0, 0) == 1;
        ASN1_BIT_STRING_free(bits);
        sk_ASN1_OBJECT_free(eku);
        return ok;
}

static bool add_key_ids(X509 *x, X509 *issuer)
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
        AUTHORITY_KEYID *of = AUTHORITY_KEYID_new();
        bool ok = id && of && X509_pubkey_digest(x, EVP_sha1(), digest, &n) == 1 &&
                  ASN1_OCTET_STRING_set(id, digest, (int)n) == 1 &&
                  X509_add1_ext_i2d(x, NID_subject_key_identifier, id, 0, 0) == 1;

        if (ok && issuer) {
                const ASN1_OCTET_STRING *theirs = X509_get0_subject_key_id(issuer);

                if (theirs) {
                        of->keyid = ASN1_OCTET_STRING_dup(theirs);
                        ok = of->keyid &&
                             X509_add1_ext_i2d(x, NID_authority_key_identifier, of, 0, 0) == 1;
                }
        }
        ASN1_OCTET_STRING_free(id);
        AUTHORITY_KEYID_free(of);
        return ok;
}

static int add_extensions(X509 *x, const struct cert_plan *plan, struct diag *d)
{
        GENERAL_NAMES *names;
        bool ok;
        int rc = parts_names(plan->profile, plan->cn, plan->san, plan->san_count, &names, d);

        if (rc < 0)
                return rc;
        ok = add_basic(x, plan->profile) && add_usages(x, plan->profile) &&
             add_key_ids(x, plan->issuer);
        if (ok && names)
                ok = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1;
        GENERAL_NAMES_free(names);
        return ok ? 0
                  : openssl_fail(d, E_NOMEM, "the extensions of the certificate cannot be made");
}

static bool set_serial(X509 *x, const uint8_t serial[CERT_SERIAL_LEN])
{
        /* an INTEGER's content without its sign; the first byte is 0x40 … 0x7f */
        return ASN1_STRING_set(X509_get_serialNumber(x), serial, CERT_SERIAL_LEN) == 1;
}

int cert_make(const struct cert_plan *plan, X509 **out, struct diag *d)
{
        X509 *x = X509_new();
        EVP_PKEY *signer = plan->issuer ? plan->issuer_key : plan->key;
        int rc;

        *out = NULL;
        if (!x || X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x, plan->serial)) {
                rc = openssl_fail(d, E_NOMEM, "no memory for a certificate");
                goto out;
        }
        if ((rc = parts_subject(X509_get_subject_name(x), plan->profile, plan->cn, d)) < 0)
                goto out;
        if (X509_set_issuer_name(x, X509_get_subject_name(plan->issuer ? plan->issuer : x)) != 1) {
                rc = openssl_fail(d, E_NOMEM, "no memory for a certificate");
                goto out;
        }
        if ((rc = set_times(x, plan, d)) < 0 || (rc = set_public_key(x, plan->key, d)) < 0 ||
            (rc = add_extensions(x, plan, d)) < 0)
                goto out;
        if (X509_sign(x, signer, key_digest(signer)) <= 0) {
                rc = openssl_fail(d, E_KEY, "the key of the CA did not sign");
                goto out;
        }
        *out = x;
        x = NULL;
out:
        X509_free(x);
        return rc;
}

static bool is_pem(const struct blob *in)
{
        return memmem(in->data, in->len, "-----BEGIN ", 11) != NULL;
}

int cert_decode(const char *name, const struct blob *in, X509 **out, struct diag *d)
{
        const uint8_t *p = in->data;

        *out = NULL;
        if (is_pem(in)) {
                BIO *mem = BIO_new_mem_buf(in->data, (int)in->len);

                *out = mem ? PEM_read_bio_X509(mem, NULL, NULL, NULL) : NULL;
                BIO_free(mem);
        } else if (in->len && (*out = d2i_X509(NULL, &p, (long)in->len)) &&
                   p != in->data + in->len) {
                X509_free(*out);
                *out = NULL;
        }
        if (!*out)
                return openssl_fail(d, E_FORMAT, "%s: not a certificate (PEM or DER)", name);
        ERR_clear_error();
        return 0;
}

int cert_load(const char *path, X509 **out, struct diag *d)
{
        struct blob in;
        int rc = file_load(path, FILE_LIMIT_KEY, &in, d);

        *out = NULL;
        if (rc < 0)
                return rc;
        rc = cert_decode(path, &in, out, d);
        blob_free_secret(&in); /* a PEM file may hold the key too */
        return rc;
}

int chain_load(const char *path, STACK_OF(X509) * *out, struct diag *d)
{
        struct blob in;
        X509 *x = NULL;
        BIO *mem = NULL;
        int rc = file_load(path, FILE_LIMIT_KEY, &in, d);

        *out = NULL;
        if (rc < 0)
                return rc;
        *out = sk_X509_new_null();
        if (!is_pem(&in)) {
                if ((rc = cert_decode(path, &in, &x, d)) == 0)
                        sk_X509_push(*out, x);
        } else {
                mem = BIO_new_mem_buf(in.data, (int)in.len);
                while (mem && (x = PEM_read_bio_X509(mem, NULL, NULL, NULL)))
                        sk_X509_push(*out, x);
                if (sk_X509_num(*out) <= 0)
                        rc = openssl_fail(d, E_FORMAT, "%s: no certificate in it", path);
                ERR_clear_error();
        }
        BIO_free(mem);
        blob_free_secret(&in);
        if (rc < 0) {
                sk_X509_pop_free(*out, X509_free);
                *out = NULL;
        }
        return rc;
}

int parts_take(const void *p, long n, struct blob *out, struct diag *d)
{
        *out = (struct blob){ 0 };
        if (n < 0)
                return openssl_fail(d, E_NOMEM, "cannot be encoded");
        out->data = malloc((size_t)n + 1);
        if (!out->data)
                return diag_set(d, E_NOMEM, "no memory");
        memcpy(out->data, p, (size_t)n);
        out->data[n] = 0;
        out->len = (size_t)n;
        return 0;
}

int cert_der(X509 *cert, struct blob *out, struct diag *d)
{
        uint8_t *der = NULL;
        const int n = i2d_X509(cert, &der);
        const int rc = parts_take(der, n, out, d);

        OPENSSL_free(der);
        return rc;
}

int der_to_pem(const char *label, const struct blob *der, struct blob *out, struct diag *d)
{
        const size_t width = 64; /* RFC 7468, section 2 */
        const size_t text = BASE64_LEN(der->len) - 1;
        const size_t cap = text + text / width + 2 * strlen(label) + 48;
        char *body = malloc(text + 1);
        char *p;

        *out = (struct blob){ .data = malloc(cap) };
        if (!body || !out->data) {
                free(body);
                blob_free(out);
                return diag_set(d, E_NOMEM, "no memory");
        }
        base64_encode(der->data, der->len, body);
        p = (char *)out->data;
        p += sprintf(p, "-----BEGIN %s-----\n", label);
        for (size_t i = 0; i < text; i += width) {
                const size_t n = text - i < width ? text - i : width;

                memcpy(p, body + i, n);
                p += n;
                *p++ = '\n';
        }
        p += sprintf(p, "-----END %s-----\n", label);
        out->len = (size_t)(p - (char *)out->data);
        wipe(body, text);
        free(body);
        return 0;
}

int blob_join(const struct blob *a, const struct blob *b, struct blob *out, struct diag *d)
{
        *out = (struct blob){ .data = malloc(a->len + b->len + 1) };
        if (!out->data)
                return diag_set(d, E_NOMEM, "no memory");
        memcpy(out->data, a->data, a->len);
        memcpy(out->data + a->len, b->data, b->len);
        out->len = a->len + b->len;
        out->data[out->len] = 0;
        return 0;
}

int cert_pem(X509 *cert, struct blob *out, struct diag *d)
{
        struct blob der;
        int rc = cert_der(cert, &der, d);

        if (rc < 0)
                return rc;
        rc = der_to_pem(PEM_STRING_X509, &der, out, d);
        blob_free(&der);
        return rc;
}

void cert_serial_text(const X509 *cert, char out[CERT_SERIAL_TEXT])
{
        const ASN1_INTEGER *i = X509_get0_serialNumber(cert);
        size_t n = (size_t)ASN1_STRING_length(i);

        if (n > (CERT_SERIAL_TEXT - 1) / 2)
                n = (CERT_SERIAL_TEXT - 1) / 2;
        hex_encode(ASN1_STRING_get0_data(i), n, out);
}

char *name_cn(const X509_NAME *name)
{
        int at = -1;
        int next;
        uint8_t *utf8 = NULL;
        char *out = NULL;
        int n;

        while ((next = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
                at = next;
        if (at < 0)
                return NULL;
        n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
        /* a NUL inside would make two names look the same */
        if (n >= 0 && !memchr(utf8, 0, (size_t)n))
                out = strndup((const char *)utf8, (size_t)n);
        OPENSSL_free(utf8);
        return out;
}

char *cert_cn(const X509 *cert)
{
        return name_cn(X509_get_subject_name(cert));
}

static int asn1_seconds(const ASN1_TIME *t, int64_t *out)
{
        struct tm tm;

        if (ASN1_TIME_to_tm(t, &tm) != 1)
                return -E_FORMAT;
        *out = timegm(&tm);
        return 0;
}

int cert_times(const X509 *cert, int64_t *not_before, int64_t *not_after)
{
        if (asn1_seconds(X509_get0_notBefore(cert), not_before) < 0 ||
            asn1_seconds(X509_get0_notAfter(cert), not_after) < 0)
                return -E_FORMAT;
        return 0;
}

int cert_key_id(X509 *cert, uint8_t out[KEY_ID_LEN], struct diag *d)
{
        uint8_t *der = NULL;
        const int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
        int rc;

        if (n <= 0)
                return openssl_fail(d, E_KEY, "the public key cannot be encoded");
        rc = crypt_sha256(der, (size_t)n, out);
        OPENSSL_free(der);
        return rc < 0 ? diag_set(d, -rc, "SHA-256 failed") : 0;
}

int cert_check_issuer(const char *name, X509 *cert, EVP_PKEY *key, time_t now, struct diag *d)
{
        int64_t from, to;
        char day[16];
        time_t t;

        if (X509_check_ca(cert) != 1)
                return diag_set(
                        d, E_VERIFY,
                        "%s: not a CA certificate (CA:TRUE is missing); it may not sign others",
                        name);
        if (!(X509_get_key_usage(cert) & KU_KEY_CERT_SIGN))
                return diag_set(d, E_VERIFY,
                                "%s: its key usage does not allow to sign certificates", name);
        if (cert_times(cert, &from, &to) < 0)
                return diag_set(d, E_FORMAT, "%s: its dates cannot be read", name);
        t = (time_t)(to < now ? to : from);
        strftime(day, sizeof day, "%Y-%m-%d", gmtime(&t));
        if (to < now)
                return diag_set(d, E_VERIFY, "%s: expired on %s; make a new CA", name, day);
        if (from > now)
                return diag_set(d, E_VERIFY,
                                "%s: not valid before %s; is the clock of this station right?",
                                name, day);
        if (key && X509_check_private_key(cert, key) != 1) {
                ERR_clear_error();
                return diag_set(d, E_VERIFY,
                                "%s: the private key does not belong to this certificate", name);
        }
        return 0;
}
