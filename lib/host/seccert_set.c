/* seccert_set.h: what was given, made into an image. */
#include "host/seccert_set.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "host/seccert_ds.h"
#include "host/seccert_parts.h"
#include "host/x509_cert.h"
#include "host/x509_key.h"

void seccert_set_free(struct seccert_set *s)
{
        for (size_t i = 0; i < s->count; i++) {
                blob_free_secret(&s->items[i].data);
                for (size_t k = 0; k < 3; k++)
                        free(s->items[i].owned[k]);
        }
        free(s->items);
        *s = (struct seccert_set){ 0 };
}

int seccert_set_add(struct seccert_set *s, struct seccert_item *item, struct report *r)
{
        item->owned[0] = strdup(item->file);
        item->owned[1] = item->key.algorithm ? strdup(item->key.algorithm) : NULL;
        item->owned[2] = item->key.hmac_file ? strdup(item->key.hmac_file) : NULL;
        if (s->count == s->cap) {
                const size_t cap = s->cap ? 2 * s->cap : 16;
                struct seccert_item *grown = realloc(s->items, cap * sizeof *grown);

                if (!grown)
                        goto no_memory;
                s->items = grown;
                s->cap = cap;
        }
        if (!item->owned[0] || (item->key.algorithm && !item->owned[1]) ||
            (item->key.hmac_file && !item->owned[2]))
                goto no_memory;
        item->file = item->owned[0];
        item->key.algorithm = item->owned[1];
        item->key.hmac_file = item->owned[2];
        s->items[s->count++] = *item;
        return 0;
no_memory:
        blob_free_secret(&item->data);
        for (size_t k = 0; k < 3; k++)
                free(item->owned[k]);
        return report_error(r, E_NOMEM, item->file, item->line, 0, "no memory");
}

int seccert_set_file(struct seccert_set *s, unsigned type, const char *path,
                     const struct seccert_key_plan *plan, struct report *r)
{
        struct seccert_item item = { .type = type, .file = path };
        struct diag d = { 0 };

        if (plan)
                item.key = *plan;
        if (file_load(path, SECCERT_SIZE * 2, &item.data, &d) < 0)
                return report_diag(r, NULL, &d);
        return seccert_set_add(s, &item, r);
}

/* ---- what lies in an entry: certificates and keys in the form that the device reads ---- */

/* Text gets the NUL that the device's parser wants. */
static int with_nul(struct blob *text)
{
        uint8_t *p = realloc(text->data, text->len + 2);

        if (!p)
                return -E_NOMEM;
        text->data = p;
        p[text->len++] = 0;
        p[text->len] = 0;
        return 0;
}

static bool is_pem(const struct blob *b)
{
        return memmem(b->data, b->len, "-----BEGIN ", 11) != NULL;
}

static unsigned count_certificates(const struct blob *b)
{
        static const char mark[] = "-----BEGIN CERTIFICATE-----";
        const uint8_t *p = b->data;
        unsigned n = 0;

        for (; (p = memmem(p, b->len - (size_t)(p - b->data), mark, sizeof mark - 1)); p++)
                n++;
        return n;
}

static int item_error(const struct seccert_item *it, struct report *r, int code, const char *text)
{
        return report_error(r, code, it->file, it->line, 0, "%s", text);
}

static int item_diag(const struct seccert_item *it, struct report *r, const struct diag *d)
{
        if (it->line) /* the text names what is wrong, this names the row */
                return report_error(r, d->code, it->file, it->line, 0, "%s", diag_text(d));
        return report_diag(r, NULL, d);
}

static int load_cert(const struct seccert_item *it, X509 **cert, struct blob *out, struct report *r)
{
        struct diag d = { 0 };
        int rc;

        if (count_certificates(&it->data) > 1)
                return item_error(it, r, E_FORMAT,
                                  "holds more than one certificate, and an entry is one: give the "
                                  "others in a CSV, with subtypes of their own");
        if (cert_decode(it->file, &it->data, cert, &d) < 0)
                return item_diag(it, r, &d);
        if (is_pem(&it->data)) {
                rc = cert_pem(*cert, out, &d);
                if (rc == 0 && (rc = with_nul(out)) < 0)
                        diag_set(&d, E_NOMEM, "no memory");
        } else {
                rc = cert_der(*cert, out, &d);
        }
        return rc < 0 ? item_diag(it, r, &d) : 0;
}

/* Does the key have the kind and length that the row says? */
static int key_as_said(const struct seccert_item *it, EVP_PKEY *key, struct report *r)
{
        const char *is = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA  ? "RSA"
                         : EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? "ECDSA"
                                                                    : "other";
        const char *said = it->key.algorithm;

        if (said && *said && strcasecmp(said, is) != 0)
                return report_error(r, E_TYPE, it->file, it->line, 0,
                                    "the key is %s, not %s: correct the algorithm or the file", is,
                                    said);
        if (it->key.bits && it->key.bits != (unsigned)EVP_PKEY_get_bits(key))
                return report_error(r, E_RANGE, it->file, it->line, 0,
                                    "the key has %d bits, not %u: correct the size or the file",
                                    EVP_PKEY_get_bits(key), it->key.bits);
        return 0;
}

static int load_key(const struct seccert_item *it, EVP_PKEY **key, struct blob *out,
                    struct report *r)
{
        const struct key_form form = { .der = !is_pem(&it->data), .traditional = true };
        struct diag d = { 0 };
        int rc = key_decode(it->file, &it->data, NULL, key, &d);

        if (rc == -E_STATE)
                return item_error(it, r, E_KEY,
                                  "the key is encrypted, and the device has no passphrase: decrypt "
                                  "it first (certgen convert)");
        if (rc < 0)
                return item_diag(it, r, &d);
        if ((rc = key_as_said(it, *key, r)) < 0)
                return rc;
        rc = key_encode(*key, form, NULL, out, &d);
        if (rc == 0 && !form.der && (rc = with_nul(out)) < 0)
                diag_set(&d, E_NOMEM, "no memory");
        return rc < 0 ? item_diag(it, r, &d) : 0;
}

/* ---- building ---- */

struct built {
        EVP_PKEY *key;    /* of a key, or of a certificate: its public half */
        struct blob data; /* as it goes into the entry */
};

struct builder {
        const struct seccert_set *set;
        const struct seccert_build *cfg;
        const struct seccert_chip *chip;
        struct built *built; /* one an item */
        struct seccert_writer w;
        struct report *r;
};

static int prepare(struct builder *b, size_t i)
{
        const struct seccert_item *it = &b->set->items[i];
        struct built *out = &b->built[i];
        X509 *cert = NULL;
        int rc;

        switch (it->type) {
        case SECCERT_CA_CERT:
        case SECCERT_DEV_CERT:
                rc = load_cert(it, &cert, &out->data, b->r);
                if (rc == 0 && it->type == SECCERT_DEV_CERT)
                        out->key = X509_get_pubkey(cert);
                X509_free(cert);
                return rc;
        case SECCERT_PRIV_KEY:
                return load_key(it, &out->key, &out->data, b->r);
        default:
                return 0; /* taken as it is */
        }
}

static const struct seccert_item *same_before(const struct seccert_set *s, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (s->items[k].type == s->items[i].type &&
                    s->items[k].subtype == s->items[i].subtype)
                        return &s->items[k];
        return NULL;
}

/* A key and the certificate of its subtype belong together. */
static int check_pair(struct builder *b, size_t key)
{
        const struct seccert_set *s = b->set;

        for (size_t i = 0; i < s->count; i++) {
                if (s->items[i].type != SECCERT_DEV_CERT ||
                    s->items[i].subtype != s->items[key].subtype || !b->built[i].key ||
                    !b->built[key].key)
                        continue;
                if (EVP_PKEY_eq(b->built[i].key, b->built[key].key) != 1)
                        return report_error(b->r, E_KEY, s->items[key].file, s->items[key].line, 0,
                                            "is not the key of the certificate %s: the device "
                                            "could not log in",
                                            s->items[i].file);
        }
        return 0;
}

static int check_items(struct builder *b)
{
        for (size_t i = 0; i < b->set->count; i++) {
                const struct seccert_item *it = &b->set->items[i];
                const struct seccert_item *twin = same_before(b->set, i);

                if (twin)
                        report_error(b->r, E_EXISTS, it->file, it->line, 0,
                                     "type %u, subtype %u is there already (%s, line %u): give it "
                                     "another subtype",
                                     it->type, it->subtype, twin->file, twin->line);
                else if (prepare(b, i) == 0 && it->data.len == 0)
                        report_error(b->r, E_FORMAT, it->file, it->line, 0,
                                     "is empty: an entry needs a value");
        }
        for (size_t i = 0; i < b->set->count; i++)
                if (b->set->items[i].type == SECCERT_PRIV_KEY)
                        check_pair(b, i);
        return b->r->errors ? -b->r->first_code : 0;
}

/* The HMAC key of a chip's eFuse: from its file, or made and kept there. */
static int hmac_key(const char *path, uint8_t key[SECCERT_HMAC_KEY], struct diag *d)
{
        struct blob file = { 0 };
        int rc;

        if (!file_exists(path)) {
                if (crypt_random(key, SECCERT_HMAC_KEY) < 0)
                        return diag_set(d, E_RANDOM, "no random numbers from the kernel");
                return file_save_new(path, key, SECCERT_HMAC_KEY, FILE_SECRET, d);
        }
        if ((rc = file_load(path, FILE_LIMIT_KEY, &file, d)) < 0)
                return rc;
        if (file.len == SECCERT_HMAC_KEY)
                memcpy(key, file.data, SECCERT_HMAC_KEY);
        else
                rc = diag_set(d, E_KEY, "%s: an HMAC key has %u bytes, not %zu", path,
                              SECCERT_HMAC_KEY, file.len);
        blob_free_secret(&file);
        return rc;
}

static int put_ds(struct builder *b, const struct seccert_item *it, EVP_PKEY *key, struct diag *d)
{
        const char *path = it->key.hmac_file ? it->key.hmac_file : b->cfg->hmac_file;
        uint8_t secret[SECCERT_HMAC_KEY], iv[SECCERT_DS_IV];
        uint8_t data[SECCERT_DS_MAX], context[SECCERT_DS_CONTEXT_N];
        int n;

        if (!path)
                return diag_set(d, E_USAGE, "needs the file of the eFuse HMAC key (efuse_key)");
        if (crypt_random(iv, sizeof iv) < 0)
                return diag_set(d, E_RANDOM, "no random numbers from the kernel");
        memset(secret, 0, sizeof secret); /* first: can this chip take this key at all? */
        n = seccert_ds_data(b->chip, key, secret, iv, data, d);
        if (n > 0 && (n = hmac_key(path, secret, d)) == 0)
                n = seccert_ds_data(b->chip, key, secret, iv, data, d);
        wipe(secret, sizeof secret);
        if (n < 0)
                return n;
        seccert_ds_context(it->key.efuse_id, (unsigned)EVP_PKEY_get_bits(key), context);
        seccert_add(&b->w, 0, SECCERT_DS_DATA, it->subtype, data, (size_t)n, d);
        seccert_add(&b->w, 0, SECCERT_DS_CONTEXT, it->subtype, context, sizeof context, d);
        if (!b->cfg->quiet)
                report_note(b->r, path, 0, 0,
                            "burn it before the device starts: flasher efuse burn-key BLOCK_KEY%u "
                            "FILE HMAC_DOWN_DIGITAL_SIGNATURE",
                            it->key.efuse_id);
        return b->w.error;
}

static int put_peripheral(struct builder *b, const struct seccert_item *it, EVP_PKEY *key,
                          struct diag *d)
{
        uint8_t cfg[SECCERT_SEC_CFG_N];

        if (!b->chip->ecdsa)
                return diag_set(d, E_UNSUPPORTED, "the %s has no ECDSA peripheral", b->chip->name);
        if (key_type_get(key) != KEY_P256)
                return diag_set(d, E_TYPE, "the ECDSA peripheral takes keys on P-256");
        seccert_sec_cfg(it->key.efuse_id, cfg);
        if (!b->cfg->quiet)
                report_note(b->r, it->file, it->line, 0,
                            "burn it before the device starts (flasher efuse burn-key BLOCK_KEY%u "
                            "FILE ECDSA_KEY); the entry still holds it in the plain, as "
                            "Espressif's tool writes it: encrypt the partition",
                            it->key.efuse_id);
        return seccert_add(&b->w, 0, SECCERT_SEC_CFG, it->subtype, cfg, sizeof cfg, d);
}

/* What hardware keys need comes before everything else. */
static void put_hardware(struct builder *b)
{
        for (size_t i = 0; i < b->set->count; i++) {
                const struct seccert_item *it = &b->set->items[i];
                struct diag d = { 0 };
                int rc = 0;

                if (it->type != SECCERT_PRIV_KEY || it->key.keep == SECCERT_PLAIN)
                        continue;
                if (it->key.efuse_id >= b->chip->keys)
                        rc = diag_set(&d, E_RANGE, "the %s has no eFuse key %u", b->chip->name,
                                      it->key.efuse_id);
                else if (it->key.keep == SECCERT_RSA_DS)
                        rc = put_ds(b, it, b->built[i].key, &d);
                else
                        rc = put_peripheral(b, it, b->built[i].key, &d);
                if (rc < 0)
                        report_error(b->r, -rc, it->file, it->line, 0, "%s", diag_text(&d));
        }
}

static void put_items(struct builder *b)
{
        struct diag d = { 0 };

        for (size_t i = 0; i < b->set->count; i++) {
                const struct seccert_item *it = &b->set->items[i];
                const struct blob *data = b->built[i].data.data ? &b->built[i].data : &it->data;
                uint8_t flags = 0;

                if (it->type == SECCERT_PRIV_KEY && it->key.keep == SECCERT_RSA_DS)
                        continue; /* its encrypted form is there */
                if (it->type == SECCERT_PRIV_KEY && it->key.keep == SECCERT_PERIPHERAL)
                        flags = SECCERT_FLAG_PERIPHERAL;
                if (seccert_add(&b->w, flags, it->type, it->subtype, data->data, data->len, &d) <
                    0) {
                        report_error(b->r, d.code, it->file, it->line, 0, "%s", diag_text(&d));
                        return;
                }
        }
        if (b->cfg->signer && seccert_put_signature(&b->w, b->cfg->signer, &d) < 0)
                report_error(b->r, d.code, NULL, 0, 0, "signature: %s", diag_text(&d));
        else if (seccert_seal(&b->w, 0, b->cfg->signer != NULL, &d) < 0)
                report_error(b->r, d.code, NULL, 0, 0, "integrity entry: %s", diag_text(&d));
}

int seccert_set_image(const struct seccert_set *s, const struct seccert_build *cfg,
                      struct blob *image, struct report *r)
{
        struct builder b = { .set = s,
                             .cfg = cfg,
                             .chip = seccert_chip_find(cfg->chip),
                             .built = calloc(s->count + 1, sizeof *b.built),
                             .w = { .buf = calloc(1, SECCERT_SIZE + 1), .cap = SECCERT_SIZE },
                             .r = r };
        int rc = -E_NOMEM;

        *image = (struct blob){ 0 };
        if (!b.chip)
                rc = report_error(r, E_USAGE, NULL, 0, 0, "'%s' is none of %s", cfg->chip,
                                  seccert_chip_words);
        else if (!b.built || !b.w.buf)
                rc = report_error(r, E_NOMEM, NULL, 0, 0, "no memory");
        else if (s->count == 0)
                rc = report_error(r, E_FORMAT, NULL, 0, 0,
                                  "nothing to put into the partition: give certificates, a key or "
                                  "a CSV with rows");
        else if ((rc = check_items(&b)) == 0) {
                put_hardware(&b);
                if (r->errors == 0)
                        put_items(&b);
                rc = r->errors ? -r->first_code : 0;
        }
        for (size_t i = 0; b.built && i < s->count; i++) {
                EVP_PKEY_free(b.built[i].key);
                blob_free_secret(&b.built[i].data);
        }
        free(b.built);
        *image = (struct blob){ b.w.buf, b.w.len };
        if (rc < 0)
                blob_free_secret(image);
        return rc;
}

static int append(struct blob *image, EVP_PKEY *signer, struct diag *d)
{
        struct seccert_writer w = { .buf = malloc(SECCERT_SIZE + 1), .cap = SECCERT_SIZE };
        struct seccert_facts f;
        struct seccert_entry e;
        unsigned subtype = 0;
        int rc = w.buf ? seccert_check(image->data, image->len, &f, d)
                       : diag_set(d, E_NOMEM, "no memory");

        if (rc == 0 && f.stray)
                rc = diag_off(d, E_FORMAT, f.used,
                              "what follows the last entry is neither erased nor an end mark");
        if (rc == 0) {
                while (seccert_find(image->data, f.used, SECCERT_INTEGRITY, subtype, &e, NULL) == 0)
                        subtype++;
                memcpy(w.buf, image->data, f.used);
                w.len = f.used;
                if (signer)
                        rc = seccert_put_signature(&w, signer, d);
                if (rc == 0)
                        rc = seccert_seal(&w, subtype, true, d);
        }
        if (rc == 0) {
                /* erased flash behind it stays */
                if (image->len > w.len) {
                        memcpy(w.buf + w.len, image->data + w.len,
                               (image->len < SECCERT_SIZE ? image->len : SECCERT_SIZE) - w.len);
                        w.len = image->len < SECCERT_SIZE ? image->len : SECCERT_SIZE;
                }
                blob_free_secret(image);
                *image = (struct blob){ w.buf, w.len };
                return 0;
        }
        free(w.buf);
        return rc;
}

int seccert_append_integrity(struct blob *image, struct diag *d)
{
        return append(image, NULL, d);
}

int seccert_append_signature(struct blob *image, EVP_PKEY *signer, struct diag *d)
{
        struct seccert_entry e;

        if (seccert_find(image->data, image->len, SECCERT_SIGNATURE, 0, &e, NULL) == 0)
                return diag_off(d, E_EXISTS, e.offset, "it is signed already");
        return append(image, signer, d);
}
