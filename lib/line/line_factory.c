#include "line/line_factory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "fmt/nvs_read.h"
#include "fmt/nvs_write.h"
#include "host/batch_conf.h"
#include "host/ca.h"
#include "host/cert_batch.h"
#include "host/cert_issue.h"
#include "host/template.h"
#include "line/line_lock.h"
#include "host/nvs_wifi.h"
#include "host/x509_cert.h"

struct line_maker {
        const struct line_job *job;
        size_t size;
        bool sealed; /* images of a folder have to be encrypted */
        struct batch_conf conf;
        struct profile profile;
        struct ca ca;
        struct prov_config prov;
        struct issue_config issue;
        pthread_mutex_t lock; /* CA and its index: one at a time */
        const char *approved; /* line_maker_guard */
};

/* What the cells of one unit are made of. */
enum {
        V_SERIAL,
        V_MAC,
        V_NUMBER,
        V_CERT,
        V_KEY,
        V_POP,
        V_SERVICE,
        V_SALT,
        V_VERIFIER,
        V_QR,
        V_END
};

struct unit {
        char mac[13], number[24];
        char salt[2 * SRP_SALT_LEN + 1], verifier[2 * SRP_LEN + 1];
        struct template_var vars[V_END + 1];
};

static const char *const var_names[V_END] = {
        [V_SERIAL] = "serial",     [V_MAC] = "mac", [V_NUMBER] = "number",   [V_CERT] = "cert",
        [V_KEY] = "priv_key",      [V_POP] = "pop", [V_SERVICE] = "service", [V_SALT] = "salt",
        [V_VERIFIER] = "verifier", [V_QR] = "qr",
};

/* Which variable a key of the configuration holds where the job says nothing else. */
static int own_column(const char *key)
{
        static const int of[COL_COUNT] = {
                [COL_SERIAL_NO] = V_SERIAL, [COL_CERT] = V_CERT, [COL_PRIV_KEY] = V_KEY,
                [COL_POP] = V_POP,          [COL_SALT] = V_SALT, [COL_VERIFIER] = V_VERIFIER,
                [COL_SERVICE] = V_SERVICE,  [COL_QR] = V_QR,
        };

        for (unsigned c = 0; c < COL_COUNT; c++)
                if (!strcmp(key, batch_column_names[c]))
                        return of[c];
        return -1;
}

static const struct line_value *job_value(const struct line_job *j, const char *key)
{
        for (size_t i = 0; i < j->factory.value_count; i++)
                if (!strcmp(j->factory.values[i].key, key))
                        return &j->factory.values[i];
        return NULL;
}

static void unit_init(struct unit *u, const struct line_unit_id *id)
{
        size_t n = 0;

        memset(u, 0, sizeof *u);
        for (const char *p = id->mac; *p && n + 1 < sizeof u->mac; p++)
                if (*p != ':')
                        u->mac[n++] = *p;
        snprintf(u->number, sizeof u->number, "%llu", (unsigned long long)id->number);
        for (unsigned i = 0; i < V_END; i++)
                u->vars[i].name = var_names[i];
        u->vars[V_SERIAL].text = id->serial;
        u->vars[V_MAC].text = u->mac;
        u->vars[V_NUMBER].text = u->number;
}

static void unit_take(struct unit *u, const struct issue_device *dev)
{
        u->vars[V_CERT].text = (const char *)dev->cert.data;
        u->vars[V_CERT].len = dev->cert.len;
        u->vars[V_KEY].text = (const char *)dev->key.data;
        u->vars[V_KEY].len = dev->key.len;
        if (!dev->prov)
                return;
        hex_encode(dev->prov->salt, sizeof dev->prov->salt, u->salt);
        hex_encode(dev->prov->verifier, sizeof dev->prov->verifier, u->verifier);
        u->vars[V_POP].text = dev->prov->pop;
        u->vars[V_SERVICE].text = dev->prov->service;
        u->vars[V_QR].text = dev->prov->payload;
        u->vars[V_SALT].text = u->salt;
        u->vars[V_VERIFIER].text = u->verifier;
}

/* ---- an image from the unit's values ---- */

struct image {
        struct line_maker *m;
        const struct unit *u;
        const struct line_unit_id *id;
        struct report *r;
        struct nvs_writer w;
        struct nvs_wifi wifi;
        const char *ns;
};

/* What the cell of col holds. Returned: wipe and free. */
static int cell_text(struct image *im, const struct batch_column *col, char **out, size_t *len)
{
        const struct line_value *v = job_value(im->m->job, col->key);
        const int own = own_column(col->key);
        char made[BATCH_TEMPLATE_MAX];
        char name[40];
        struct diag d = { 0 };
        int rc;

        if (!v && own < 0 && col->gen.kind == BATCH_GEN_TEMPLATE) {
                const long n = batch_template_make(&col->gen, im->id->number, made, sizeof made);

                *out = n < 0 ? NULL : strdup(made);
                *len = n < 0 ? 0 : (size_t)n;
                return *out ? 0
                            : report_error(im->r, E_RANGE, im->m->conf.name, col->line, 0,
                                           "%s: what the template gives is too long", col->key);
        }
        snprintf(name, sizeof name, "{%s}", own < 0 ? "" : var_names[own]);
        rc = template_fill(v ? v->text.text : name, im->u->vars, out, len, &d);
        if (rc < 0 && v)
                line_job_error(im->m->job, &v->text, -rc, im->r, "%s: %s", col->key, diag_text(&d));
        else if (rc < 0)
                report_error(im->r, -rc, im->m->conf.name, col->line, 0, "%s: %s", col->key,
                             diag_text(&d));
        return rc;
}

/* The value, and what comes with it where its key is one of the Wi-Fi library. */
static int put_value(struct image *im, const struct batch_column *col, const char *text,
                     const struct nvs_value *v)
{
        struct nvs_wifi_blob b[NVS_WIFI_BLOBS];
        int rc = nvs_wifi_before(&im->wifi, im->ns, col->key, text, b);

        if (rc == 1)
                nvs_write_blob(&im->w, b->key, b->data, b->len);
        wipe(b, sizeof b);
        if (rc < 0)
                return report_error(im->r, -rc, im->m->conf.name, col->line, 0, "%s: %s", col->key,
                                    rc == -E_UNSUPPORTED ? nvs_wifi_ap_elsewhere : err_text(rc));
        nvs_value_write(&im->w, col->key, v);
        for (size_t k = 0, n = nvs_wifi_behind(&im->wifi, col->key, b); k < n; k++)
                nvs_write_blob(&im->w, b[k].key, b[k].data, b[k].len);
        return 0;
}

/* The file that a cell names: as it was approved, where its name is that of no single unit. */
static int file_of(struct image *im, const struct batch_column *col, const char *text, char **path)
{
        const struct line_maker *m = im->m;
        const struct line_value *v = job_value(m->job, col->key);
        struct diag d = { 0 };
        int rc;

        if (!(*path = path_join(m->job->dir, text)))
                return report_error(im->r, E_NOMEM, m->conf.name, col->line, 0, "out of memory");
        if (!v || strchr(v->text.text, '{') || !file_exists(*path))
                return 0;
        rc = line_lock_has(m->job, m->approved, *path, &d);
        return rc < 0 ? line_job_error(m->job, &v->text, -rc, im->r, "%s: %s", col->key,
                                       diag_text(&d))
                      : 0;
}

static int put_column(struct image *im, const struct batch_column *col)
{
        const bool own = own_column(col->key) >= 0 && !job_value(im->m->job, col->key);
        struct nvs_value v = { 0 };
        struct nvs_cell cell = { .what = col->key,
                                 .coding = col->coding,
                                 .is_file = col->type == BATCH_FILE && !own,
                                 .version = 2,
                                 .at = { im->m->conf.name, col->line, 0 } };
        char *text = NULL;
        char *path = NULL;
        int rc = cell_text(im, col, &text, &cell.len);

        cell.text = text;
        if (rc == 0 && cell.is_file && cell.len) {
                rc = file_of(im, col, text, &path);
                cell.text = path;
        }
        if (rc == 0)
                rc = nvs_value_read(&v, &cell, im->r);
        if (rc == 0)
                rc = batch_rules_check(col, text, cell.len, &v, &cell.at, im->r);
        if (rc == 0)
                rc = put_value(im, col, text, &v);
        nvs_value_free(&v);
        if (text)
                wipe(text, cell.len);
        free(text);
        free(path);
        return rc;
}

static int make_image(struct line_maker *m, const struct unit *u, const struct line_unit_id *id,
                      struct blob *out, struct report *r)
{
        struct image im = { .m = m, .u = u, .id = id, .r = r, .ns = "" };
        struct nvs_write_config cfg = { .size = m->size };
        struct nvs_write_stats st = { 0 };
        struct diag d = { 0 };
        int rc;

        if (!(out->data = malloc(m->size + 1)))
                return report_error(r, E_NOMEM, m->job->path, 0, 0, "out of memory");
        out->len = m->size;
        cfg.image = out->data;
        rc = nvs_writer_init(&im.w, &cfg, &d);
        for (size_t i = 0; rc == 0 && i < m->conf.count; i++) {
                const struct batch_column *col = &m->conf.columns[i];

                if (col->type == BATCH_NAMESPACE)
                        nvs_write_namespace(&im.w, im.ns = col->key);
                else
                        rc = put_column(&im, col);
        }
        nvs_wifi_free(&im.wifi);
        if (rc < 0)
                return r->errors ? rc : report_diag(r, m->conf.name, &d);
        if ((rc = nvs_writer_finish(&im.w, &st)) == -E_NOSPACE)
                return report_error(r, E_NOSPACE, m->conf.name, 0, 0,
                                    "does not fit the %zu bytes of partition %s; it needs 0x%zx",
                                    m->size, m->job->factory.partition.text, st.size_needed);
        return rc < 0 ? report_diag(r, m->conf.name, &d) : 0;
}

/* ---- an image from the folder ---- */

static int folder_path(const struct line_maker *m, const struct unit *u, char **path,
                       struct diag *d)
{
        char *name = NULL;
        int rc = template_fill(m->job->factory.image.text, u->vars, &name, NULL, d);

        *path = rc == 0 ? path_join(m->job->factory.folder.text, name) : NULL;
        free(name);
        return rc == 0 && !*path ? diag_set(d, E_NOMEM, "out of memory") : rc;
}

static int load_image(struct line_maker *m, const struct unit *u, struct blob *out, struct diag *d)
{
        char *path = NULL;
        int rc = folder_path(m, u, &path, d);

        if (rc == 0)
                rc = line_lock_has(m->job, m->approved, path, d);
        if (rc == 0)
                rc = file_load(path, FILE_LIMIT_IMAGE, out, d);
        if (rc == 0 && (!out->len || out->len > m->size))
                rc = diag_set(d, E_NOSPACE, "%s: %zu bytes do not fit partition %s of %zu", path,
                              out->len, m->job->factory.partition.text, m->size);
        if (rc == 0 && m->sealed && nvs_looks_plain(out->data, out->len))
                rc = diag_set(d, E_VERIFY,
                              "%s is a plain NVS image, and the units have keys for NVS: their "
                              "firmware could not read it; nvsgen encrypt it",
                              path);
        free(path);
        return rc;
}

/* ---- credentials ---- */

void line_made_free(struct line_made *made)
{
        blob_free_secret(&made->image);
        wipe(made, sizeof *made);
}

/* Claim, make, record, settle: on disk for good when this returns. */
static int issue(struct line_maker *m, struct issue_device *dev, bool reissue, struct diag *d)
{
        int rc;

        pthread_mutex_lock(&m->lock);
        m->issue.now = time(NULL);
        m->issue.reissue = reissue;
        rc = issue_group(&m->issue, dev, 1, d);
        if (rc == 0)
                rc = issue_settle(&m->issue, d);
        pthread_mutex_unlock(&m->lock);
        return rc;
}

/* With on-device keys only what provisioning needs is made here. */
static int make_prov(struct line_maker *m, struct issue_device *dev, struct diag *d)
{
        char *path = path_join(m->job->factory.out.text, dev->stem);
        int rc;

        dev->prov = path ? calloc(1, sizeof *dev->prov) : NULL;
        rc = dev->prov ? prov_load_or_make(&m->prov, dev->cn, path, dev->prov, d)
                       : diag_set(d, E_NOMEM, "out of memory");
        free(path);
        return rc;
}

static void made_take(struct line_made *made, const struct issue_device *dev)
{
        snprintf(made->cert_serial, sizeof made->cert_serial, "%s", dev->serial);
        if (!dev->prov)
                return;
        snprintf(made->service, sizeof made->service, "%s", dev->prov->service);
        snprintf(made->payload, sizeof made->payload, "%s", dev->prov->payload);
        snprintf(made->pop, sizeof made->pop, "%s", dev->prov->pop);
}

int line_maker_make(struct line_maker *m, const struct line_unit_id *id, struct line_made *made,
                    struct diag *d)
{
        const struct line_factory *f = &m->job->factory;
        struct issue_device dev = { .cn = id->serial };
        struct report r = { .silent = true, .first = d };
        char *stem = issue_stem(id->serial);
        struct unit u;
        int rc = stem ? 0 : diag_set(d, E_NOMEM, "out of memory");

        unit_init(&u, id);
        dev.stem = stem;
        if (rc == 0)
                snprintf(made->stem, sizeof made->stem, "%s", stem);
        if (rc == 0 && f->folder.text)
                rc = load_image(m, &u, &made->image, d);
        if (rc == 0 && f->keys == LINE_KEYS_STATION)
                rc = issue(m, &dev, false, d);
        else if (rc == 0 && f->prov)
                rc = make_prov(m, &dev, d);
        if (rc == 0 && f->config.text) {
                unit_take(&u, &dev);
                made_take(made, &dev);
                rc = make_image(m, &u, id, &made->image, &r);
        }
        issue_device_clear(&dev);
        wipe(&u, sizeof u);
        free(stem);
        return rc;
}

static int check_request(X509_REQ *csr, const char *serial, struct diag *d)
{
        char *cn = name_cn(X509_REQ_get_subject_name(csr));
        const enum key_type type = key_type_get(X509_REQ_get0_pubkey(csr));
        int rc = 0;

        if (!cn || strcmp(cn, serial) != 0)
                rc = diag_set(d, E_VERIFY, "the unit's request is for '%.64s', not for %s",
                              cn ? cn : "", serial);
        else if (type == KEY_NONE)
                rc = diag_set(d, E_VERIFY, "the unit's key is of a kind that is not certified");
        free(cn);
        return rc;
}

int line_maker_sign(struct line_maker *m, const char *serial, const struct blob *request,
                    struct blob *cert, char cert_serial[43], struct diag *d)
{
        struct issue_device dev = { .cn = serial };
        X509_REQ *csr = NULL;
        struct diag first = { 0 };
        int rc = csr_decode("the unit's request", request, &csr, d);

        if (rc == 0)
                rc = check_request(csr, serial, d);
        if (rc == 0) {
                dev.request_key = X509_REQ_get0_pubkey(csr);
                rc = issue(m, &dev, false, &first);
                /* it was flashed anew and made another key: the old one exists no more */
                if (rc == -E_EXISTS) {
                        issue_device_clear(&dev);
                        rc = issue(m, &dev, true, d);
                } else if (rc < 0) {
                        *d = first;
                }
        }
        if (rc == 0) {
                snprintf(cert_serial, 43, "%s", dev.serial);
                *cert = dev.cert;
                dev.cert = (struct blob){ 0 };
        }
        issue_device_clear(&dev);
        X509_REQ_free(csr);
        return rc;
}

/* ---- before the first unit ---- */

/* A certificate that is thrown away: the same kind and size as a unit's, nowhere recorded. */
static int sample(struct line_maker *m, struct issue_device *dev, struct diag *d)
{
        struct cert_plan plan = { .profile = &m->profile,
                                  .cn = dev->cn,
                                  .issuer = m->ca.cert,
                                  .issuer_key = m->ca.key,
                                  .now = time(NULL) };
        X509 *cert = NULL;
        struct blob der = { 0 };
        int rc;

        if ((rc = cert_serial_new(plan.serial, d)) == 0 &&
            (rc = key_generate(m->profile.key, &plan.key, d)) == 0 &&
            (rc = key_encode(plan.key, m->profile.form, NULL, &dev->key, d)) == 0 &&
            (rc = cert_make(&plan, &cert, d)) == 0)
                rc = m->profile.form.der ? cert_der(cert, &dev->cert, d)
                                         : cert_pem(cert, &dev->cert, d);
        blob_free(&der);
        X509_free(cert);
        EVP_PKEY_free(plan.key);
        return rc;
}

static int sample_prov(struct line_maker *m, struct issue_device *dev, struct diag *d)
{
        dev->prov = calloc(1, sizeof *dev->prov);
        if (!dev->prov)
                return diag_set(d, E_NOMEM, "out of memory");
        memset(dev->prov->pop, 'x', PROV_POP_MIN);
        snprintf(dev->prov->service, sizeof dev->prov->service, "%s",
                 m->prov.service ? "service" : "PROV_000000");
        snprintf(dev->prov->payload, sizeof dev->prov->payload, "{\"ver\":\"v1\"}");
        return 0;
}

int line_maker_try(struct line_maker *m, const char *serial, const char *mac, struct report *r)
{
        const struct line_factory *f = &m->job->factory;
        const struct line_unit_id id = { serial, mac, m->job->serial_start };
        struct issue_device dev = { .cn = serial };
        struct blob image = { 0 };
        struct diag d = { 0 };
        struct unit u;
        int rc = 0;

        unit_init(&u, &id);
        if (f->folder.text) {
                if ((rc = load_image(m, &u, &image, &d)) < 0)
                        line_job_error(m->job, &f->image, -rc, r, "%s", diag_text(&d));
        } else {
                if (f->keys == LINE_KEYS_STATION)
                        rc = sample(m, &dev, &d);
                if (rc == 0 && f->prov)
                        rc = sample_prov(m, &dev, &d);
                unit_take(&u, &dev);
                if (rc < 0)
                        line_job_error(m->job, &f->ca, -rc, r, "%s", diag_text(&d));
                else
                        rc = make_image(m, &u, &id, &image, r);
        }
        blob_free_secret(&image);
        issue_device_clear(&dev);
        return rc;
}

/* Every key gets its value from somewhere, and the same one again. */
static int check_columns(struct line_maker *m, struct report *r)
{
        const struct line_factory *f = &m->job->factory;
        const unsigned before = r->errors;

        for (size_t i = 0; i < m->conf.count; i++) {
                const struct batch_column *col = &m->conf.columns[i];
                const int own = own_column(col->key);

                if (col->type == BATCH_NAMESPACE || job_value(m->job, col->key))
                        continue;
                if (col->gen.kind == BATCH_GEN_RANDOM)
                        report_error(r, E_UNSUPPORTED, m->conf.name, col->line, 0,
                                     "%s: a random value would be another one at the next try; "
                                     "use provisioning, or a value of the job",
                                     col->key);
                else if (own < 0 && col->gen.kind == BATCH_GEN_NONE)
                        report_error(r, E_NOTFOUND, m->conf.name, col->line, 0,
                                     "%s: no value; give one in the job: \"values\": {\"%s\": "
                                     "\"…\"}",
                                     col->key, col->key);
                else if ((own == V_CERT || own == V_KEY) && f->keys != LINE_KEYS_STATION)
                        report_error(r, E_SYNTAX, m->conf.name, col->line, 0,
                                     "%s: is made only with \"keys\": \"station\"%s", col->key,
                                     f->keys ? "; on the device it is written by the unit itself"
                                             : "");
                else if (own >= V_POP && !f->prov)
                        report_error(r, E_SYNTAX, m->conf.name, col->line, 0,
                                     "%s: is made only with \"provisioning\": true", col->key);
        }
        return r->errors > before ? -r->first_code : 0;
}

static int open_ca(struct line_maker *m, struct report *r)
{
        const struct line_factory *f = &m->job->factory;
        const struct ca_source from = { .dir = f->ca.text,
                                        .pass = { .file = f->passphrase.text, .fd = -1 } };
        struct diag d = { 0 };
        int rc;

        if ((rc = profile_load(f->profile.text, &m->profile, &d)) < 0)
                return line_job_error(m->job, &f->profile, -rc, r, "profile: %s", diag_text(&d));
        if (m->profile.ca)
                return line_job_error(m->job, &f->profile, E_INVAL, r,
                                      "profile '%s' makes certificate authorities, not devices",
                                      f->profile.text);
        if (f->keys == LINE_KEYS_DEVICE && m->profile.form.der)
                return line_job_error(m->job, &f->profile, E_UNSUPPORTED, r,
                                      "profile '%s': the console takes certificates in PEM",
                                      f->profile.text);
        if ((rc = ca_open(&from, time(NULL), &m->ca, &d)) < 0)
                return line_job_error(m->job, &f->ca, -rc, r, "ca: %s", diag_text(&d));
        m->issue = (struct issue_config){ .ca = &m->ca,
                                          .profile = &m->profile,
                                          .folder = f->out.text,
                                          .prov = f->prov ? &m->prov : NULL,
                                          .keep_bytes = true,
                                          .threads = 1 };
        return 0;
}

int line_maker_open(const struct line_job *job, size_t size, bool sealed, struct line_maker **out,
                    struct report *r)
{
        const struct line_factory *f = &job->factory;
        struct line_maker *m = *out = calloc(1, sizeof *m);
        struct diag d = { 0 };
        int rc = 0;

        if (!m)
                return report_error(r, E_NOMEM, job->path, 0, 0, "out of memory");
        pthread_mutex_init(&m->lock, NULL);
        m->job = job;
        m->size = size;
        m->sealed = sealed;
        m->prov = (struct prov_config){ .service = f->prov_service.text,
                                        .transport = f->prov_transport.text };
        if (f->prov && (rc = prov_check(&m->prov, &d)) < 0)
                line_job_error(job, &f->prov_transport, -rc, r, "provisioning: %s", diag_text(&d));
        if (rc == 0 && f->config.text &&
            (rc = batch_conf_load(&m->conf, f->config.text, 2, r)) == 0)
                rc = check_columns(m, r);
        if (rc == 0 && f->keys)
                rc = open_ca(m, r);
        if (rc == 0 && f->out.text && (rc = file_mkdirs(f->out.text, 0700, &d)) < 0)
                line_job_error(job, &f->out, -rc, r, "out: %s", diag_text(&d));
        return rc;
}

void line_maker_guard(struct line_maker *m, const char *approved)
{
        m->approved = approved;
}

void line_maker_close(struct line_maker *m)
{
        if (!m)
                return;
        batch_conf_free(&m->conf);
        profile_free(&m->profile);
        ca_close(&m->ca);
        pthread_mutex_destroy(&m->lock);
        free(m);
}
