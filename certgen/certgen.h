/* What the commands of certgen share. */
#ifndef CERTGEN_CERTGEN_H
#define CERTGEN_CERTGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/diag.h"
#include "host/ca.h"
#include "host/cert_issue.h"
#include "host/cert_prov.h"
#include "host/opt.h"
#include "host/x509_profile.h"

/* Options of every command. */
struct common {
        const char *ca, *ca_cert, *ca_key, *index, *module;
        const char *passphrase_file;
        int64_t passphrase_fd;
        bool json, quiet;
};
extern struct common common;

/* The CA that the options name. */
struct ca_source common_ca(void);
struct passphrase_source common_pass(void);

/* Options that shape a certificate; *_OPTIONS go into a command's table. */
struct shape {
        const char *profile, *key, *encoding, *key_format;
        int64_t days;
        bool no_expiry;
        const char *not_before, *not_after;
        struct opt_list san;
};
extern struct shape shape;
/* clang-format off */
#define SHAPE_OPTIONS \
        { 0, "profile", OPT_STR, &shape.profile, "NAME|FILE", "device, server, client, code, or a JSON file (fctry-profile(5))", 0 }, \
        { 0, "key", OPT_STR, &shape.key, "TYPE", KEY_TYPE_WORDS, 0 }, \
        { 0, "encoding", OPT_STR, &shape.encoding, "pem|der", "how certificate and key are stored (pem)", 0 }, \
        { 0, "key-format", OPT_STR, &shape.key_format, "pkcs8|sec1", "of private keys (pkcs8)", 0 }, \
        { 0, "days", OPT_INT, &shape.days, "N", "validity", 0 }, \
        { 0, "no-expiry", OPT_FLAG, &shape.no_expiry, NULL, "valid until 99991231235959Z", 0 }, \
        { 0, "not-before", OPT_STR, &shape.not_before, "TIME", "like 2026-11-20T00:00:00Z", 0 }, \
        { 0, "not-after", OPT_STR, &shape.not_after, "TIME", "like 2046-11-20T00:00:00Z", 0 }, \
        { 0, "san", OPT_LIST, &shape.san, "NAME", "alternative name: dns:…, ip:…, uri:…, email:… ({cn} is replaced)", 0 }
/* clang-format on */

/* The profile that the options make out of base (used unless --profile is given). Free with
 * profile_free. */
int shape_profile(const char *base, struct profile *p, struct diag *d);

struct prov_options {
        bool on;
        const char *service, *transport, *user, *qr;
        int64_t security, pop_len;
};
extern struct prov_options prov_options;
/* clang-format off */
#define PROV_OPTIONS \
        { 0, "prov", OPT_FLAG, &prov_options.on, NULL, "also proof of possession, SRP6a salt and verifier, service name, QR payload", 0 }, \
        { 0, "service-name", OPT_STR, &prov_options.service, "TEMPLATE", "default: PROV_ and the last 6 characters of the CN; {cn} is replaced", 0 }, \
        { 0, "transport", OPT_STR, &prov_options.transport, "ble|softap", "in the QR payload (ble)", 0 }, \
        { 0, "security", OPT_INT, &prov_options.security, "1|2", "2: the QR payload names the user too (1)", 0 }, \
        { 0, "username", OPT_STR, &prov_options.user, "NAME", "user of security 2 (" PROV_USER ")", 0 }, \
        { 0, "pop-length", OPT_INT, &prov_options.pop_len, "N", "characters of the proof of possession (8)", 0 }, \
        { 0, "qr", OPT_STR, &prov_options.qr, "LIST", "QR files to write: text,png,svg", 0 }
/* clang-format on */

/* NULL in *out when --prov was not given. */
int prov_from_options(struct prov_config *cfg, const struct prov_config **out, struct diag *d);

/* "NAME: text" for a failed operation; returns the exit status. Never prints a secret. */
int fail_diag(const struct diag *d);

#if defined __clang_analyzer__ && !defined FAIL_OWN
/* As in base/diag.h. */
#define fail_diag(d) (fail_diag(d), STATUS_STATION)
#endif

/* One device issued: a line on stdout (JSON with --json). */
void print_device(const struct issue_device *dev);

/* A file made: its path on stdout (JSON with --json). */
void print_file(const char *path);

/* "dns:…", "ip:…" and others as they are, into san. Returned: server_names_free, in any case. 0 or
 * -E_NOMEM. */
int server_names(const struct opt_list *names, const struct opt_list *addresses,
                 const struct opt_list *others, struct opt_list *san);
void server_names_free(struct opt_list *san);

/* A word to the operator if group or others may look into a folder with keys. */
void note_open_folder(const char *dir);

/* One certificate into cfg->folder, which is made. */
int issue_one(struct issue_config *cfg, struct issue_device *dev, struct diag *d);

/* mosquitto's settings for mutual TLS with the files in the folder certs. */
int write_mosquitto_conf(const char *path, const char *certs, bool crl, struct diag *d);

/* A revocation list of what the index has as revoked; their number in *count. */
int make_crl(struct ca *ca, const char *path, int64_t days, size_t *count, struct diag *d);

int cmd_ca(int argc, char **argv);
int cmd_device(int argc, char **argv);
int cmd_batch(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_csr(int argc, char **argv);
int cmd_server(int argc, char **argv);
int cmd_pki(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_revoke(int argc, char **argv);
int cmd_crl(int argc, char **argv);
int cmd_register(int argc, char **argv);
int cmd_fetch(int argc, char **argv);
int cmd_signing_key(int argc, char **argv);
int cmd_secure_cert(int argc, char **argv);
extern const struct opt ca_options[], device_options[], batch_options[], sign_options[],
        csr_options[], server_options[], pki_options[], verify_options[], inspect_options[],
        convert_options[], list_options[], revoke_options[], crl_options[], register_options[],
        fetch_options[], signing_key_options[], secure_cert_options[];

#endif
