#include "host/cert_sign.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "host/file.h"

struct request {
        char *path;
        char *cn;
        EVP_PKEY *key;
        uint8_t id[KEY_ID_LEN];
};

struct sign_run {
        struct request *items;
        size_t count, cap;
};

static bool is_request_name(const char *name)
{
        const char *dot = strrchr(name, '.');

        return dot && dot != name &&
               (!strcmp(dot, ".csr") || !strcmp(dot, ".req") || !strcmp(dot, ".p10"));
}

static int by_path(const void *a, const void *b)
{
        return strcmp(((const struct request *)a)->path, ((const struct request *)b)->path);
}

static int add_path(struct sign_run *run, char *path)
{
        if (run->count == run->cap && path) {
                const size_t cap = run->cap ? run->cap * 2 : 64;
                struct request *grown = realloc(run->items, cap * sizeof *grown);

                if (grown) {
                        run->items = grown;
                        run->cap = cap;
                }
        }
        if (!path || run->count == run->cap) {
                free(path);
                return -E_NOMEM;
        }
        run->items[run->count++] = (struct request){ .path = path };
        return 0;
}

/* The request files of a folder, in the order of their names. */
static int add_folder(struct sign_run *run, const char *dir, struct report *r)
{
        DIR *dp = opendir(dir);
        const size_t first = run->count;
        struct dirent *e;
        int rc = 0;

        if (!dp)
                return report_error(r, E_PERM, dir, 0, 0, "cannot be read: %s", strerror(errno));
        while (rc == 0 && (e = readdir(dp)))
                if (is_request_name(e->d_name))
                        rc = add_path(run, path_join(dir, e->d_name));
        closedir(dp);
        if (rc < 0)
                return report_error(r, E_NOMEM, dir, 0, 0, "no memory");
        if (run->count == first)
                return report_error(r, E_NOTFOUND, dir, 0, 0,
                                    "no request (.csr, .req, .p10) in this folder");
        qsort(run->items + first, run->count - first, sizeof *run->items, by_path);
        return 0;
}

/* The file's name without folder and ending: which device the request is expected from. */
static bool stem_is(const char *path, const char *cn)
{
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;
        char *stem = issue_stem(cn);
        const size_t n = stem ? strlen(stem) : 0;
        const bool same = stem && !strncmp(name, stem, n) &&
                          (name[n] == 0 || (name[n] == '.' && !strchr(name + n + 1, '.')));

        free(stem);
        return same;
}

static int check_policy(const struct sign_config *cfg, struct request *q, X509_REQ *csr,
                        struct diag *d)
{
        const enum key_type type = key_type_get(X509_REQ_get0_pubkey(csr));
        int rc;

        q->cn = name_cn(X509_REQ_get_subject_name(csr));
        if (!q->cn)
                return diag_set(d, E_VERIFY, "%s: no common name in the request", q->path);
        if ((rc = cn_check(q->cn, d)) < 0)
                return rc;
        if (!cfg->any_cn && cfg->expect && strcmp(q->cn, cfg->expect) != 0)
                return diag_set(d, E_VERIFY, "%s: the request is for '%.64s', expected '%.64s'",
                                q->path, q->cn, cfg->expect);
        if (!cfg->any_cn && !cfg->expect && !stem_is(q->path, q->cn))
                return diag_set(d, E_VERIFY,
                                "%s: the request is for '%.64s', the file's name says another "
                                "device; --cn or --any-cn"
                                " overrules",
                                q->path, q->cn);
        if (type == KEY_NONE || !(cfg->allowed >> type & 1))
                return diag_set(
                        d, E_VERIFY,
                        "%s: a key of type %s (%d bits) is not allowed here; see --allow", q->path,
                        type == KEY_NONE ? EVP_PKEY_get0_type_name(X509_REQ_get0_pubkey(csr))
                                         : key_type_name(type),
                        EVP_PKEY_get_bits(X509_REQ_get0_pubkey(csr)));
        return 0;
}

static int load_one(const struct sign_config *cfg, struct request *q, struct report *r)
{
        struct diag d = { 0 };
        struct blob in;
        X509_REQ *csr = NULL;
        int rc = file_load(q->path, FILE_LIMIT_KEY, &in, &d);

        if (rc == 0)
                rc = csr_decode(q->path, &in, &csr, &d);
        if (rc == 0)
                rc = check_policy(cfg, q, csr, &d);
        if (rc == 0)
                rc = key_id(X509_REQ_get0_pubkey(csr), q->id, &d);
        if (rc == 0) {
                q->key = X509_REQ_get0_pubkey(csr);
                EVP_PKEY_up_ref(q->key);
        }
        X509_REQ_free(csr);
        blob_free(&in);
        return rc < 0 ? report_diag(r, NULL, &d) : 0;
}

static int by_cn(const void *a, const void *b)
{
        return strcmp((*(struct request *const *)a)->cn, (*(struct request *const *)b)->cn);
}

static int by_id(const void *a, const void *b)
{
        return memcmp((*(struct request *const *)a)->id, (*(struct request *const *)b)->id,
                      KEY_ID_LEN);
}

/* No CN and no key twice in one run. */
static int check_twice(const struct sign_run *run, struct report *r)
{
        struct request **sorted = calloc(run->count + 1, sizeof *sorted);
        int rc = 0;

        if (!sorted)
                return report_error(r, E_NOMEM, NULL, 0, 0, "no memory");
        for (size_t i = 0; i < run->count; i++)
                sorted[i] = &run->items[i];
        qsort(sorted, run->count, sizeof *sorted, by_cn);
        for (size_t i = 1; i < run->count; i++)
                if (!strcmp(sorted[i]->cn, sorted[i - 1]->cn))
                        rc = report_error(r, E_EXISTS, sorted[i]->path, 0, 0,
                                          "'%s' is also asked for by %s", sorted[i]->cn,
                                          sorted[i - 1]->path);
        qsort(sorted, run->count, sizeof *sorted, by_id);
        for (size_t i = 1; i < run->count; i++)
                if (!memcmp(sorted[i]->id, sorted[i - 1]->id, KEY_ID_LEN))
                        rc = report_error(r, E_EXISTS, sorted[i]->path, 0, 0,
                                          "the same key as in %s; every device has its own",
                                          sorted[i - 1]->path);
        free(sorted);
        return rc;
}

int sign_load(const struct sign_config *cfg, const char *const *paths, size_t count,
              struct sign_run **out, struct report *r)
{
        struct sign_run *run = *out = calloc(1, sizeof *run);
        struct stat st;

        if (!run)
                return report_error(r, E_NOMEM, NULL, 0, 0, "no memory");
        for (size_t i = 0; i < count; i++) {
                if (stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode))
                        add_folder(run, paths[i], r);
                else if (add_path(run, strdup(paths[i])) < 0)
                        return report_error(r, E_NOMEM, paths[i], 0, 0, "no memory");
        }
        for (size_t i = 0; i < run->count; i++)
                load_one(cfg, &run->items[i], r);
        if (!r->errors)
                check_twice(run, r);
        return r->errors ? -r->first_code : 0;
}

void sign_free(struct sign_run *run)
{
        if (!run)
                return;
        for (size_t i = 0; i < run->count; i++) {
                free(run->items[i].path);
                free(run->items[i].cn);
                EVP_PKEY_free(run->items[i].key);
        }
        free(run->items);
        free(run);
}

static int check_known(const struct sign_run *run, struct cert_index *ix, struct diag *d)
{
        for (size_t i = 0; i < run->count; i++) {
                const struct request *q = &run->items[i];
                char *cn;
                int rc = cert_index_by_key(ix, q->id, &cn, d);

                if (rc < 0)
                        return rc;
                if (cn && strcmp(cn, q->cn) != 0)
                        rc = diag_set(d, E_EXISTS,
                                      "%s: this key was certified for '%.64s' before; every device "
                                      "has its own",
                                      q->path, cn);
                free(cn);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

int sign_all(struct sign_run *run, const struct sign_config *cfg,
             void (*done)(const struct issue_device *dev), struct diag *d)
{
        struct issue_device *group = calloc(ISSUE_GROUP, sizeof *group);
        int rc = group ? check_known(run, cfg->issue.ca->index, d)
                       : diag_set(d, E_NOMEM, "no memory");

        for (size_t at = 0; at < run->count && rc == 0; at += ISSUE_GROUP) {
                const size_t n = run->count - at < ISSUE_GROUP ? run->count - at : ISSUE_GROUP;

                for (size_t i = 0; i < n; i++)
                        group[i] = (struct issue_device){ .cn = run->items[at + i].cn,
                                                          .request_key = run->items[at + i].key };
                rc = issue_group(&cfg->issue, group, n, d);
                for (size_t i = 0; i < n; i++) {
                        if (rc == 0)
                                done(&group[i]);
                        issue_device_clear(&group[i]);
                }
        }
        free(group);
        return rc < 0 ? rc : issue_settle(&cfg->issue, d);
}
