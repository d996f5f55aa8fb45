#include "host/cert_issue.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/pool.h"

#define BUSY_WAIT_US  20000
#define BUSY_WAIT_MAX 60 /* seconds without any progress of the other process */

char *issue_stem(const char *cn)
{
        char *out = malloc(3 * strlen(cn) + 1);
        char *p = out;

        for (const unsigned char *s = (const unsigned char *)cn; out && *s; s++) {
                /* a leading dot would hide the file, or name a folder */
                if ((isascii(*s) && isalnum(*s)) || *s == '_' || *s == '-' ||
                    (*s == '.' && p != out))
                        *p++ = (char)*s;
                else
                        p += sprintf(p, "%%%02X", *s);
        }
        if (out)
                *p = 0;
        return out;
}

void issue_device_clear(struct issue_device *dev)
{
        free(dev->cert_path);
        free(dev->key_path);
        blob_free(&dev->cert);
        blob_free_secret(&dev->key);
        if (dev->prov)
                wipe(dev->prov, sizeof *dev->prov);
        free(dev->prov);
        *dev = (struct issue_device){ .cn = dev->cn,
                                      .stem = dev->stem,
                                      .request_key = dev->request_key };
}

/* A device at work. */
struct job {
        struct issue_device *dev;
        struct cert_claim claim;
        uint8_t key_id[KEY_ID_LEN];
        struct blob der;
        int64_t not_after;
        bool to_record; /* its files are on disk */
        bool done;
};

struct group {
        const struct issue_config *cfg;
        struct job *jobs;
        size_t *todo; /* of jobs that are ours in this round */
        size_t todo_count;
};

static int name_files(const struct issue_config *cfg, struct job *j, char **stem_path,
                      struct diag *d)
{
        struct issue_device *dev = j->dev;
        char *stem = dev->stem ? strdup(dev->stem) : issue_stem(dev->cn);
        const char *more = cfg->profile->form.der ? ".der" : "";
        int n = -1;

        *stem_path = stem ? path_join(cfg->folder, stem) : NULL;
        if (*stem_path &&
            (dev->cert_path || asprintf(&dev->cert_path, "%s.crt%s", *stem_path, more) >= 0) &&
            (dev->key_path || asprintf(&dev->key_path, "%s.key%s", *stem_path, more) >= 0))
                n = 0;
        free(stem);
        return n < 0 ? diag_set(d, E_NOMEM, "no memory") : 0;
}

static void release_bytes(const struct issue_config *cfg, struct issue_device *dev)
{
        if (cfg->keep_bytes)
                return;
        blob_free(&dev->cert);
        blob_free_secret(&dev->key);
}

/* Key first: a certificate on disk then has its key beside it. */
static int write_pair(const struct issue_config *cfg, struct issue_device *dev, struct diag *d)
{
        int rc;

        if (cfg->no_files)
                return 0;
        rc = dev->request_key
                     ? 0
                     : file_save_fast(dev->key_path, dev->key.data, dev->key.len, FILE_SECRET, d);
        if (rc == 0) {
                rc = file_save_fast(dev->cert_path, dev->cert.data, dev->cert.len, FILE_PUBLIC, d);
                if (rc < 0 && !dev->request_key)
                        unlink(dev->key_path); /* nothing half-made */
        }
        return rc;
}

static int copy_blob(const struct blob *in, struct blob *out, struct diag *d)
{
        out->data = malloc(in->len + 1);
        if (!out->data)
                return diag_set(d, E_NOMEM, "no memory");
        memcpy(out->data, in->data, in->len);
        out->data[in->len] = 0;
        out->len = in->len;
        return 0;
}

/* The certificate as it is stored: DER, or PEM with the CA's behind it where that is asked for. */
static int encode_cert(const struct issue_config *cfg, const struct blob *der, struct blob *out,
                       struct diag *d)
{
        struct blob leaf = { 0 };
        struct blob ca = { 0 };
        int rc;

        if (cfg->profile->form.der)
                return copy_blob(der, out, d);
        if (!cfg->chain)
                return der_to_pem("CERTIFICATE", der, out, d);
        if ((rc = der_to_pem("CERTIFICATE", der, &leaf, d)) == 0 &&
            (rc = cert_pem(cfg->ca->cert, &ca, d)) == 0)
                rc = blob_join(&leaf, &ca, out, d);
        blob_free(&leaf);
        blob_free(&ca);
        return rc;
}

/* The key to certify: the request's, or a new one, encoded for its file. Returned: EVP_PKEY_free.
 */
static int take_key(const struct issue_config *cfg, struct issue_device *dev, EVP_PKEY **out,
                    struct diag *d)
{
        int rc;

        *out = dev->request_key;
        if (*out)
                return EVP_PKEY_up_ref(*out) == 1 ? 0 : diag_set(d, E_NOMEM, "no memory");
        if ((rc = key_generate(cfg->profile->key, out, d)) < 0)
                return rc;
        return key_encode(*out, cfg->profile->form, NULL, &dev->key, d);
}

static int make_pair(const struct issue_config *cfg, struct job *j, struct diag *d)
{
        struct issue_device *dev = j->dev;
        struct cert_plan plan = {
                .profile = cfg->profile,
                .cn = dev->cn,
                .san = cfg->san,
                .san_count = cfg->san_count,
                .issuer = cfg->ca->cert,
                .issuer_key = cfg->ca->key,
                .now = cfg->now,
        };
        int64_t from;
        X509 *cert = NULL;
        int rc;

        memcpy(plan.serial, j->claim.serial, sizeof plan.serial);
        if ((rc = take_key(cfg, dev, &plan.key, d)) == 0 &&
            (rc = cert_make(&plan, &cert, d)) == 0 && (rc = cert_der(cert, &j->der, d)) == 0 &&
            (rc = encode_cert(cfg, &j->der, &dev->cert, d)) == 0 &&
            (rc = cert_key_id(cert, j->key_id, d)) == 0 && (rc = write_pair(cfg, dev, d)) == 0) {
                cert_times(cert, &from, &j->not_after);
                cert_serial_text(cert, dev->serial);
                dev->outcome = ISSUE_NEW;
                j->to_record = true;
        }
        EVP_PKEY_free(plan.key);
        X509_free(cert);
        return rc;
}

/* The id of the key that dev has: the request's, or the one in its file. */
static int load_key(struct issue_device *dev, uint8_t id[KEY_ID_LEN], struct diag *d)
{
        EVP_PKEY *key = NULL;
        int rc;

        if (dev->request_key)
                return key_id(dev->request_key, id, d);
        rc = file_load(dev->key_path, FILE_LIMIT_KEY, &dev->key, d);

        if (rc == 0)
                rc = key_decode(dev->key_path, &dev->key, NULL, &key, d);
        if (rc == 0)
                rc = key_id(key, id, d);
        EVP_PKEY_free(key);
        return rc;
}

/*
 * A claim of a killed process: were its files finished? Then they are the device's, and nothing is
 * made again. Returns 1 if so, 0 if not.
 */
static int adopt(const struct issue_config *cfg, struct job *j)
{
        struct issue_device *dev = j->dev;
        X509 *cert = NULL;
        uint8_t id[KEY_ID_LEN];
        char want[CERT_SERIAL_TEXT];
        char *cn = NULL;
        int64_t from;
        int ok = 0;

        hex_encode(j->claim.serial, sizeof j->claim.serial, want);
        if (file_load(dev->cert_path, FILE_LIMIT_KEY, &dev->cert, NULL) < 0 ||
            cert_decode(dev->cert_path, &dev->cert, &cert, NULL) < 0)
                goto out;
        cert_serial_text(cert, dev->serial);
        cn = cert_cn(cert);
        if (strcmp(dev->serial, want) != 0 || !cn || strcmp(cn, dev->cn) != 0 ||
            X509_verify(cert, X509_get0_pubkey(cfg->ca->cert)) != 1 ||
            cert_key_id(cert, j->key_id, NULL) < 0 || load_key(dev, id, NULL) < 0 ||
            memcmp(id, j->key_id, sizeof id) != 0 || cert_der(cert, &j->der, NULL) < 0 ||
            cert_times(cert, &from, &j->not_after) < 0)
                goto out;
        dev->outcome = ISSUE_NEW;
        j->to_record = true;
        ok = 1;
out:
        ERR_clear_error();
        if (!ok) {
                blob_free(&dev->cert);
                blob_free_secret(&dev->key);
        }
        X509_free(cert);
        free(cn);
        return ok;
}

static int refuse_again(const struct issue_device *dev, const char *folder, struct diag *d)
{
        if (dev->request_key)
                return diag_set(d, E_EXISTS,
                                "%.64s: has a certificate for another key (serial %s); --reissue "
                                "revokes it",
                                dev->cn, dev->serial);
        return diag_set(d, E_EXISTS,
                        "%.64s: has a certificate already (serial %s), its key went to %.80s; "
                        "--reissue revokes it and"
                        " makes a new one",
                        dev->cn, dev->serial, *folder ? folder : "standard output");
}

static bool file_holds(const char *path, const struct blob *want)
{
        struct blob have;
        bool same;

        if (file_load(path, FILE_LIMIT_KEY, &have, NULL) < 0)
                return false;
        same = have.len == want->len && memcmp(have.data, want->data, have.len) == 0;
        blob_free(&have);
        return same;
}

/* A device that has its certificate: the same again, if its key is here. */
static int had_before(const struct issue_config *cfg, struct job *j, struct diag *d)
{
        struct issue_device *dev = j->dev;
        uint8_t id[KEY_ID_LEN];
        int rc;

        hex_encode(j->claim.serial, sizeof j->claim.serial, dev->serial);
        if (cfg->no_files || load_key(dev, id, NULL) < 0 ||
            memcmp(id, j->claim.key_id, sizeof id) != 0)
                return refuse_again(dev, j->claim.folder, d);
        if ((rc = encode_cert(cfg, &j->claim.cert, &dev->cert, d)) < 0)
                return rc;
        if (!file_holds(dev->cert_path, &dev->cert))
                rc = file_save_fast(dev->cert_path, dev->cert.data, dev->cert.len, FILE_PUBLIC, d);
        dev->outcome = ISSUE_BEFORE;
        return rc;
}

static int work_prov(const struct issue_config *cfg, struct issue_device *dev,
                     const char *stem_path, struct diag *d)
{
        if (!cfg->prov)
                return 0;
        dev->prov = calloc(1, sizeof *dev->prov);
        if (!dev->prov)
                return diag_set(d, E_NOMEM, "no memory");
        return prov_load_or_make(cfg->prov, dev->cn, stem_path, dev->prov, d);
}

static int work(void *ctx, unsigned worker, size_t i)
{
        struct group *g = ctx;
        struct job *j = &g->jobs[g->todo[i]];
        struct diag *d = &j->dev->diag;
        char *stem_path = NULL;
        int rc = name_files(g->cfg, j, &stem_path, d);

        (void)worker;
        if (rc == 0 && j->claim.state == CLAIM_ISSUED)
                rc = had_before(g->cfg, j, d);
        /* before a new pair: a certificate on disk then has all that goes with it */
        if (rc == 0)
                rc = work_prov(g->cfg, j->dev, stem_path, d);
        if (rc == 0 && j->claim.state != CLAIM_ISSUED &&
            !(j->claim.state == CLAIM_RESUME && !g->cfg->no_files && adopt(g->cfg, j)))
                rc = make_pair(g->cfg, j, d);
        free(stem_path);
        if (rc < 0)
                j->dev->outcome = ISSUE_FAILED;
        else
                release_bytes(g->cfg, j->dev);
        return rc;
}

static int record(const struct issue_config *cfg, struct group *g, struct diag *d)
{
        struct cert_record *rows = calloc(g->todo_count + 1, sizeof *rows);
        char *folder = cfg->no_files ? strdup("") : realpath(cfg->folder, NULL);
        size_t n = 0;
        int rc = 0;

        for (size_t i = 0; i < g->todo_count && rows && folder; i++) {
                const struct job *j = &g->jobs[g->todo[i]];

                if (j->to_record)
                        rows[n++] = (struct cert_record){ j->claim.row, j->key_id, &j->der,
                                                          j->not_after, folder };
        }
        if (!rows || !folder)
                rc = diag_set(d, E_NOMEM, "no memory");
        else if (n)
                rc = cert_index_record(cfg->ca->index, rows, n, d);
        free(folder);
        free(rows);
        return rc;
}

/* Claims of ours for which nothing was made go back. */
static void release(const struct issue_config *cfg, struct group *g)
{
        struct cert_claim *unused = calloc(g->todo_count + 1, sizeof *unused);
        size_t n = 0;

        for (size_t i = 0; i < g->todo_count && unused; i++)
                if (!g->jobs[g->todo[i]].to_record)
                        unused[n++] = g->jobs[g->todo[i]].claim;
        /* if this fails too, the claims fall to the next run that asks for these devices */
        if (n)
                cert_index_release(cfg->ca->index, unused, n, NULL);
        free(unused);
}

/* One round: claim what is free, make it, record it. Returns how many are still busy elsewhere. */
static long round_once(struct group *g, struct cert_claim *claims, size_t n, struct diag *d)
{
        const struct issue_config *cfg = g->cfg;
        long busy = 0;
        int rc;
        int recorded;

        if ((rc = cert_index_claim(cfg->ca->index, claims, n, cfg->reissue, d)) < 0)
                return rc;
        g->todo_count = 0;
        for (size_t i = 0; i < n; i++) {
                if (claims[i].state == CLAIM_BUSY) {
                        busy++;
                } else if (!g->jobs[i].done) {
                        g->jobs[i].done = true;
                        g->jobs[i].claim = claims[i];
                        g->todo[g->todo_count++] = i;
                }
        }
        rc = pool_run(cfg->threads, g->todo_count, work, g);
        for (size_t i = 0; i < g->todo_count && rc < 0; i++) {
                const struct issue_device *dev = g->jobs[g->todo[i]].dev;

                if (dev->outcome == ISSUE_FAILED && d && !d->code)
                        *d = dev->diag;
        }
        if (rc < 0)
                diag_set(d, -rc, "%s",
                         rc == -E_CANCELLED ? "interrupted; run the command again to finish"
                                            : err_text(rc));
        recorded = record(cfg, g, d);
        if (rc < 0 || recorded < 0)
                release(cfg, g);
        for (size_t i = 0; i < g->todo_count; i++)
                blob_free(&g->jobs[g->todo[i]].der);
        return rc < 0 ? rc : recorded < 0 ? recorded : busy;
}

int issue_group(const struct issue_config *cfg, struct issue_device *devices, size_t n,
                struct diag *d)
{
        struct group g = { .cfg = cfg };
        struct cert_claim *claims = calloc(n + 1, sizeof *claims);
        long busy = -E_NOMEM;
        long last = 0;
        unsigned waited = 0;

        g.jobs = calloc(n + 1, sizeof *g.jobs);
        g.todo = calloc(n + 1, sizeof *g.todo);
        if (!claims || !g.jobs || !g.todo) {
                diag_set(d, E_NOMEM, "no memory");
                goto out;
        }
        for (size_t i = 0; i < n; i++) {
                claims[i] = (struct cert_claim){ .cn = devices[i].cn, .state = CLAIM_BUSY };
                g.jobs[i].dev = &devices[i];
        }
        for (;;) {
                busy = round_once(&g, claims, n, d);
                if (busy <= 0)
                        break;
                if (interrupted()) {
                        busy = diag_set(d, E_CANCELLED, "interrupted");
                        break;
                }
                waited = busy == last ? waited + 1 : 0;
                last = busy;
                if (waited > BUSY_WAIT_MAX * (1000000 / BUSY_WAIT_US)) {
                        busy = diag_set(d, E_BUSY,
                                        "another certgen holds %ld of these devices and makes no "
                                        "progress; see"
                                        " what it waits for",
                                        busy);
                        break;
                }
                usleep(BUSY_WAIT_US);
        }
out:
        for (size_t i = 0; i < n && claims; i++)
                cert_claim_clear(&claims[i]);
        free(claims);
        free(g.jobs);
        free(g.todo);
        return (int)busy;
}

int issue_settle(const struct issue_config *cfg, struct diag *d)
{
        int rc = cfg->no_files ? 0 : file_sync_tree(cfg->folder, d);

        return rc < 0 ? rc : cert_index_settle(cfg->ca->index, d);
}
