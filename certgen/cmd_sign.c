/* certgen sign: certificates for requests. certgen csr: a key and its request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "certgen.h"
#include "host/cert_sign.h"
#include "host/report.h"

static const char *cn;
static const char *out_dir = "devices";
static const char *allow;
static bool any_cn, reissue, chain;

const struct opt sign_options[] = {
        { 'o', "out", OPT_STR, &out_dir, "DIR", "folder for the certificates (devices)", 0 },
        { 0, "cn", OPT_STR, &cn, "NAME",
          "the device expected (default: the name of the request's file)", 0 },
        { 0, "any-cn", OPT_FLAG, &any_cn, NULL, "take the common name of the request as it is", 0 },
        { 0, "allow", OPT_STR, &allow, "LIST",
          "key types, like p256,rsa2048 (all that --key knows)", 0 },
        { 0, "chain", OPT_FLAG, &chain, NULL, "put the CA's certificate behind the device's", 0 },
        { 0, "reissue", OPT_FLAG, &reissue, NULL, "revoke what the device has", 0 },
        SHAPE_OPTIONS,
        { 0 },
};

static int allowed_types(unsigned *out, struct diag *d)
{
        const char *p = allow ? allow : "p256,p384,rsa2048,rsa3072,rsa4096,ed25519";

        *out = 0;
        while (*p) {
                const size_t n = strcspn(p, ",");
                char word[24];
                enum key_type type;

                snprintf(word, sizeof word, "%.*s", (int)n, p);
                type = key_type_of(word);
                if (type == KEY_NONE)
                        return diag_set(d, E_USAGE, "--allow: '%s' is none of " KEY_TYPE_WORDS,
                                        word);
                *out |= 1u << type;
                p += n + (p[n] == ',');
        }
        return 0;
}

static int sign(struct sign_run *run, struct sign_config *cfg, struct diag *d)
{
        struct ca_source from = common_ca();
        struct ca ca;
        int rc = ca_open(&from, cfg->issue.now, &ca, d);

        cfg->issue.ca = &ca;
        if (rc == 0 && (rc = file_mkdirs(out_dir, 0700, d)) == 0 &&
            (rc = file_sweep(out_dir, d)) == 0)
                rc = sign_all(run, cfg, print_device, d);
        ca_close(&ca);
        cfg->issue.ca = NULL;
        return rc;
}

int cmd_sign(int argc, char **argv)
{
        struct profile profile = { 0 };
        struct sign_config cfg = { .expect = cn, .any_cn = any_cn };
        struct report report = { .quiet_notes = common.quiet };
        struct sign_run *run = NULL;
        struct diag d = { 0 };
        int rc;

        if (cn && !*cn)
                return usage_error("--cn is empty: which device is expected?");
        if (cn && any_cn)
                return usage_error("--cn and --any-cn: one of them");
        cfg.issue = (struct issue_config){ .profile = &profile,
                                           .folder = out_dir,
                                           .san = shape.san.items,
                                           .san_count = shape.san.count,
                                           .reissue = reissue,
                                           .chain = chain,
                                           .now = time(NULL) };
        if ((rc = allowed_types(&cfg.allowed, &d)) == 0 &&
            (rc = shape_profile("device", &profile, &d)) == 0 &&
            (rc = sign_load(&cfg, (const char *const *)argv, (size_t)argc, &run, &report)) == 0)
                rc = sign(run, &cfg, &d);
        sign_free(run);
        profile_free(&profile);
        if (report.errors)
                return (int)err_status(report_finish(&report));
        return rc < 0 ? fail_diag(&d) : STATUS_DONE;
}

static const char *csr_cn, *key_file, *csr_file;

const struct opt csr_options[] = {
        { 0, "cn", OPT_STR, &csr_cn, "NAME", "common name", 0 },
        { 'k', "key-file", OPT_STR, &key_file, "FILE|URI",
          "the key; made if the file is not there (NAME.key)", 0 },
        { 'o', "out", OPT_STR, &csr_file, "FILE|FOLDER",
          "the request, or a folder for NAME.csr (NAME.csr here)", 0 },
        SHAPE_OPTIONS,
        { 0 },
};

/* An existing key, or a new one put into its file. */
static int own_key(const char *path, const struct profile *p, EVP_PKEY **key, struct diag *d)
{
        struct passphrase_source pass = common_pass();
        struct blob b = { 0 };
        int rc;

        if (strncmp(path, "pkcs11:", 7) == 0 || file_exists(path))
                return ca_load_key(path, common.module, &pass, key, d);
        if ((rc = key_generate(p->key, key, d)) == 0 &&
            (rc = key_encode(*key, p->form, NULL, &b, d)) == 0)
                rc = file_save(path, b.data, b.len, FILE_SECRET, d);
        blob_free_secret(&b);
        return rc;
}

/* There already, or by its name: "requests/" and "requests" are folders, "x.csr" is a file. */
static bool is_folder(const char *path)
{
        const char *slash = strrchr(path, '/');
        struct stat st;

        if (strcmp(path, "-") == 0)
                return false;
        if (stat(path, &st) == 0)
                return S_ISDIR(st.st_mode);
        return !strchr(slash ? slash + 1 : path, '.');
}

/* --out as a file; in a folder, which is made, NAME.csr: the name by which certgen sign knows whose
 * request it is. */
static int request_path(const char *stem, char **path, struct diag *d)
{
        const bool folder = csr_file && is_folder(csr_file);
        char *name = NULL;
        int rc = folder ? file_mkdirs(csr_file, 0700, d) : 0;

        if (rc < 0)
                return rc;
        if (csr_file && !folder)
                *path = strdup(csr_file);
        else if (asprintf(&name, "%s.csr", stem) > 0)
                *path = folder ? path_join(csr_file, name) : strdup(name);
        free(name);
        return *path ? 0 : diag_set(d, E_NOMEM, "no memory");
}

int cmd_csr(int argc, char **argv)
{
        struct profile profile = { 0 };
        struct blob pem = { 0 };
        EVP_PKEY *key = NULL;
        X509_REQ *csr = NULL;
        struct diag d = { 0 };
        char *stem;
        char *path = NULL;
        char *key_path = NULL;
        int rc;

        (void)argc;
        (void)argv;
        if (!csr_cn || !*csr_cn)
                return usage_error("--cn is %s: whose request?", csr_cn ? "empty" : "missing");
        stem = issue_stem(csr_cn);
        if (asprintf(&key_path, "%s.key", stem) < 0)
                return STATUS_STATION;
        if ((rc = cn_check(csr_cn, &d)) == 0 && (rc = shape_profile("device", &profile, &d)) == 0 &&
            (rc = request_path(stem, &path, &d)) == 0 &&
            (rc = own_key(key_file ? key_file : key_path, &profile, &key, &d)) == 0 &&
            (rc = csr_make(&profile, csr_cn, shape.san.items, shape.san.count, key, &csr, &d)) ==
                    0 &&
            (rc = csr_pem(csr, &pem, &d)) == 0)
                rc = file_save(path, pem.data, pem.len, FILE_PUBLIC, &d);
        if (rc == 0 && !common.quiet && strcmp(path, "-") != 0)
                print_file(path);
        X509_REQ_free(csr);
        EVP_PKEY_free(key);
        blob_free(&pem);
        profile_free(&profile);
        free(stem);
        free(path);
        free(key_path);
        return rc < 0 ? fail_diag(&d) : STATUS_DONE;
}
