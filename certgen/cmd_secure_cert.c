/* certgen secure-cert: esp_secure_cert partitions, as Espressif's modules carry their credentials.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "certgen.h"
#include "host/report.h"
#include "host/secboot_sign.h"
#include "host/seccert_ds.h"
#include "host/seccert_set.h"
#include "secure_cert.h"

static const char *key_file, *device_cert, *csv_file, *out, *algorithm[2], *hmac_file;
static const char *chip = "esp32c3", *parse_bin, *append_to, *sign_file;
static const char *signing_key, *signing_scheme;
static bool configure_ds, force, skip_flash, secure_sign;
static int64_t efuse_id = -1;

const struct opt secure_cert_options[] = {
        { 'o', "out", OPT_STR, &out, "FILE|DIR",
          "the partition (esp_secure_cert.bin); several certificates and --parse-bin: a folder",
          0 },
        { 0, "device-cert", OPT_STR, &device_cert, "FILE", "the device's certificate", 0 },
        { 'k', "private-key", OPT_STR, &key_file, "FILE",
          "its private key (NAME.key beside NAME.crt)", 0 },
        { 0, "csv|esp-secure-cert-csv", OPT_STR, &csv_file, "FILE", "rows for entries of any kind",
          0 },
        { 'c', "chip|target-chip", OPT_STR, &chip, "CHIP", "for hardware keys (esp32c3)", 0 },
        { 0, "priv-key-algo", OPT_STR, algorithm, "ALGO BITS",
          "RSA or ECDSA and the length that the key must have", 2 },
        { 0, "configure-ds", OPT_FLAG, &configure_ds, NULL,
          "keep the key in hardware: RSA in the DS peripheral, ECDSA in its own", 0 },
        { 0, "efuse-key-id", OPT_INT, &efuse_id, "N", "eFuse key block for it (1)", 0 },
        { 0, "efuse-key-file", OPT_STR, &hmac_file, "FILE",
          "HMAC key of the DS peripheral, made where missing (beside the partition)", 0 },
        { 0, "parse-bin", OPT_STR, &parse_bin, "FILE",
          "say what is in a partition; with --out also as CSV and files", 0 },
        { 0, "append-integrity", OPT_STR, &append_to, "FILE",
          "add an integrity entry to a finished partition", 0 },
        { 0, "secure-sign", OPT_FLAG, &secure_sign, NULL,
          "add a signature entry, as the firmware's secure verification wants it", 0 },
        { 0, "signing-key-file", OPT_STR, &signing_key, "FILE|URI",
          "with this key: RSA-3072, P-256 or P-384", 0 },
        { 0, "signing-scheme", OPT_STR, &signing_scheme, "SCHEME",
          "rsa3072, ecdsa192, ecdsa256 or ecdsa384: what the key must be", 0 },
        { 0, "esp-secure-cert-file", OPT_STR, &sign_file, "FILE", "sign this finished partition",
          0 },
        { 'f', "force", OPT_FLAG, &force, NULL, "write over a partition with other content", 0 },
        { 0, "skip-flash", OPT_FLAG, &skip_flash, NULL, NULL, 0 },
        { 0 },
};

/* One partition to be made. */
struct job {
        const char *cert, *key; /* NULL: none */
        char *out, *hmac;       /* owned */
};

static int plan_key(struct seccert_key_plan *plan)
{
        int64_t bits = 0;

        *plan = (struct seccert_key_plan){ .efuse_id = 1 };
        if (algorithm[0]) {
                plan->algorithm = algorithm[0];
                if ((strcasecmp(algorithm[0], "RSA") != 0 &&
                     strcasecmp(algorithm[0], "ECDSA") != 0) ||
                    parse_int(algorithm[1], &bits) < 0 || bits < 0 || bits > 4096)
                        return -E_USAGE;
                plan->bits = (unsigned)bits;
        }
        if (efuse_id > UINT8_MAX)
                return -E_RANGE;
        if (efuse_id >= 0)
                plan->efuse_id = (unsigned)efuse_id;
        return 0;
}

/* The peripheral that a key goes into follows from what the key is. */
static int key_keep(const char *path, struct seccert_key_plan *plan, struct report *r)
{
        struct blob file = { 0 };
        struct diag d = { 0 };
        EVP_PKEY *key = NULL;
        int rc;

        if (!configure_ds)
                return 0;
        rc = file_load(path, FILE_LIMIT_KEY, &file, &d);
        if (rc == 0)
                rc = key_decode(path, &file, NULL, &key, &d);
        if (rc == 0)
                plan->keep = key_type_get(key) == KEY_P256 || key_type_get(key) == KEY_P384
                                     ? SECCERT_PERIPHERAL
                                     : SECCERT_RSA_DS;
        EVP_PKEY_free(key);
        blob_free_secret(&file);
        return rc < 0 ? report_diag(r, NULL, &d) : 0;
}

static int collect(struct seccert_set *s, const struct job *job, struct report *r)
{
        struct seccert_key_plan plan;
        int rc = 0;

        if (plan_key(&plan) < 0)
                return usage_error("--priv-key-algo: RSA or ECDSA and a length in bits; "
                                   "--efuse-key-id: a small number");
        if (common.ca_cert)
                rc = seccert_set_file(s, SECCERT_CA_CERT, common.ca_cert, NULL, r);
        if (job->cert)
                rc = seccert_set_file(s, SECCERT_DEV_CERT, job->cert, NULL, r);
        if (job->key && (rc = key_keep(job->key, &plan, r)) == 0)
                rc = seccert_set_file(s, SECCERT_PRIV_KEY, job->key, &plan, r);
        if (csv_file)
                rc = seccert_set_csv(s, csv_file, r);
        return rc;
}

/* The same bytes are there already, or nothing is, or --force. A DS partition differs each time. */
static int save(const struct job *job, const struct blob *image, struct report *r)
{
        struct blob old = { 0 };
        struct diag d = { 0 };
        const bool stdout_too = strcmp(job->out, "-") == 0;
        int rc = 0;

        if (!stdout_too && !force && file_exists(job->out)) {
                rc = file_load(job->out, FILE_LIMIT_IMAGE, &old, &d);
                if (rc == 0 &&
                    (old.len != image->len || memcmp(old.data, image->data, old.len) != 0))
                        rc = diag_set(&d, E_EXISTS,
                                      "%s: is there with other content, and may be a device's only "
                                      "key; another --out, or --force",
                                      job->out);
                blob_free_secret(&old);
        } else {
                rc = file_save(job->out, image->data, image->len, FILE_SECRET, &d);
        }
        if (rc < 0)
                return report_diag(r, NULL, &d);
        if (!stdout_too)
                secure_cert_made(job->out, image);
        return 0;
}

/* The signing key, if one is wanted; loaded once. */
static EVP_PKEY *signer;

static int load_signer(struct diag *d)
{
        static const char *const words[SECBOOT_SCHEMES] = {
                [SECBOOT_RSA3072] = "rsa3072",
                [SECBOOT_P192] = "ecdsa192",
                [SECBOOT_P256] = "ecdsa256",
                [SECBOOT_P384] = "ecdsa384",
        };
        const struct passphrase_source pass = common_pass();
        struct secboot_key public;
        int rc;

        if (!secure_sign)
                return 0;
        if (!signing_key)
                return diag_set(d, E_USAGE, "--secure-sign needs --signing-key-file");
        rc = ca_load_key(signing_key, common.module, &pass, &signer, d);
        if (rc == 0)
                rc = secboot_key_of(signer, &public, d);
        if (rc == 0 && signing_scheme && strcmp(words[public.scheme], signing_scheme) != 0)
                rc = diag_set(d, E_TYPE, "%s: is a key for %s, not for %s", signing_key,
                              words[public.scheme], signing_scheme);
        return rc;
}

static int make_one(const struct job *job, struct report *all)
{
        struct seccert_set set = { 0 };
        struct report r = { .quiet_notes = common.quiet };
        const struct seccert_build cfg = { .chip = chip,
                                           .hmac_file = hmac_file ? hmac_file : job->hmac,
                                           .signer = signer,
                                           .quiet = common.quiet };
        struct blob image = { 0 };
        int rc = collect(&set, job, &r);

        if (rc == STATUS_USAGE)
                return rc;
        if (r.errors == 0 && seccert_set_image(&set, &cfg, &image, &r) == 0)
                save(job, &image, &r);
        if (r.errors && !all->first_code)
                all->first_code = r.first_code;
        all->errors += r.errors;
        blob_free_secret(&image);
        seccert_set_free(&set);
        return 0;
}

/* OUT without its ending, and what is put behind it. */
static char *beside_out(const char *path, const char *ending)
{
        const size_t n = strlen(path);
        char *made = NULL;

        if (strcmp(path, "-") == 0)
                return NULL;
        return asprintf(&made, "%.*s%s",
                        (int)(n > 4 && strcmp(path + n - 4, ".bin") == 0 ? n - 4 : n), path,
                        ending) < 0
                       ? NULL
                       : made;
}

/* NAME.crt of a list: DIR/NAME.bin, and the key NAME.key beside the certificate. */
static int make_listed(const char *cert, struct report *r)
{
        const char *slash = strrchr(cert, '/');
        const char *name = slash ? slash + 1 : cert;
        const size_t stem = strcspn(name, ".");
        struct job job = { .cert = cert };
        char *key = secure_cert_key_beside(cert);
        char *file = NULL;
        struct diag d = { 0 };
        int rc = 0;

        if (!key)
                report_error(r, E_NOTFOUND, cert, 0, 0,
                             "its key is not beside it as %.*s.key: give one device with "
                             "--device-cert and --private-key",
                             (int)stem, name);
        else if (asprintf(&file, "%.*s.bin", (int)stem, name) < 0 ||
                 !(job.out = path_join(out ? out : ".", file)))
                report_error(r, E_NOMEM, NULL, 0, 0, "no memory");
        else if (out && file_mkdirs(out, 0700, &d) < 0)
                report_diag(r, NULL, &d);
        else {
                job.key = key;
                job.hmac = beside_out(job.out, "-hmac_key.bin");
                rc = make_one(&job, r);
        }
        free(job.out);
        free(job.hmac);
        free(file);
        free(key);
        return rc;
}

static int make_given(struct report *r)
{
        struct job job = { .cert = device_cert, .key = key_file };
        char *beside =
                device_cert && !key_file && !csv_file ? secure_cert_key_beside(device_cert) : NULL;
        int rc;

        if (beside)
                job.key = beside;
        job.out = strdup(out ? out : "esp_secure_cert.bin");
        job.hmac = job.out ? beside_out(job.out, "-hmac_key.bin") : NULL;
        rc = job.out ? make_one(&job, r) : report_error(r, E_NOMEM, NULL, 0, 0, "no memory");
        free(job.out);
        free(job.hmac);
        free(beside);
        return rc < 0 ? 0 : rc;
}

/* Entries behind those of a finished partition: integrity, or signature and integrity. */
static int append(const char *path)
{
        struct report r = { 0 };
        struct blob image = { 0 };
        struct diag d = { 0 };
        const char *to = out ? out : path;
        int rc = file_load(path, FILE_LIMIT_IMAGE, &image, &d);

        if (rc < 0)
                report_diag(&r, NULL, &d);
        else if ((rc = signer ? seccert_append_signature(&image, signer, &d)
                              : seccert_append_integrity(&image, &d)) < 0)
                report_diag(&r, path, &d);
        else if ((rc = file_save(to, image.data, image.len, FILE_SECRET, &d)) < 0)
                report_diag(&r, NULL, &d);
        else
                secure_cert_made(to, &image);
        blob_free_secret(&image);
        return (int)err_status(rc);
}

static int run(int argc, char **argv)
{
        struct report report = { 0 };
        int status = 0;

        if (append_to)
                return append(append_to);
        if (sign_file)
                return append(sign_file);
        if (argc == 0)
                status = make_given(&report);
        for (int i = 0; i < argc && status == 0; i++)
                status = make_listed(argv[i], &report);
        return status ? status : (int)err_status(report_finish(&report));
}

int cmd_secure_cert(int argc, char **argv)
{
        const bool finished = parse_bin || append_to || sign_file;
        struct diag d = { 0 };
        int status;

        if (!!parse_bin + !!append_to + !!sign_file > 1)
                return usage_error(
                        "one of --parse-bin, --append-integrity, --esp-secure-cert-file");
        if ((finished || device_cert || key_file) && argc)
                return usage_error("a list of certificates does not go with --parse-bin, "
                                   "--append-integrity, --esp-secure-cert-file, --device-cert and "
                                   "--private-key");
        if (sign_file && !secure_sign)
                return usage_error("--esp-secure-cert-file goes with --secure-sign");
        if (!seccert_chip_find(chip))
                return usage_error("--chip: '%s' is none of %s", chip, seccert_chip_words);
        if (parse_bin)
                return secure_cert_show(parse_bin, out);
        if (argc == 0 && !finished && !device_cert && !key_file && !csv_file)
                return usage_error("give --device-cert and --private-key, a CSV, or certificates "
                                   "(NAME.crt with NAME.key beside it)");
        status = load_signer(&d) < 0 ? fail_diag(&d) : run(argc, argv);
        EVP_PKEY_free(signer);
        return status;
}
