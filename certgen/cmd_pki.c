/*
 * certgen pki: in one command what a bench with a broker and an update server needs. File names and
 * mosquitto's settings are those of the secure_esp project's certificate script, so that its
 * documentation works as printed; here with subject alternative names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "certgen.h"
#include "host/report.h"

static struct opt_list dns, ip;
static const char *cn = "Bench";
static const char *mosquitto_dir = "/etc/mosquitto/certs";

const struct opt pki_options[] = {
        { 0, "ip", OPT_LIST, &ip, "ADDRESS",
          "address of broker and update server; several are fine", 0 },
        { 0, "dns", OPT_LIST, &dns, "NAME", "their name; several are fine", 0 },
        { 0, "cn", OPT_STR, &cn, "NAME", "name of the CA (Bench)", 0 },
        { 0, "mosquitto-dir", OPT_STR, &mosquitto_dir, "DIR",
          "where secure.conf looks for the files (/etc/mosquitto/certs)", 0 },
        { 0 },
};

static const struct identity {
        const char *profile;
        const char *prefix; /* of the common name; servers have their own name behind it */
        const char *cert, *key;
} identities[] = {
        { "server", "", "server.crt", "server.key" },
        { "server", "update.", "update_cert.pem", "update_key.pem" },
        { "client", "client", "client.crt", "client.key" },
};

static const struct copy {
        const char *from, *to;
        enum file_mode mode;
} copies[] = {
        { "ca/ca.crt", "ca.crt", FILE_PUBLIC },
        { "ca/ca.crt", "mqtt_certs/ca.crt", FILE_PUBLIC },
        { "client.crt", "mqtt_certs/client.crt", FILE_PUBLIC },
        { "client.key", "mqtt_certs/client.key", FILE_SECRET },
        { "ca/ca.crt", "ota_certs/ca_cert.pem", FILE_PUBLIC },
};

static int make_ca(const char *dir, struct diag *d)
{
        struct ca_plan plan = { .dir = dir, .cn = cn, .now = time(NULL) };
        const struct passphrase_source pass = common_pass();
        struct blob secret = { 0 };
        char *done = path_join(dir, "ca.crt");
        int rc = 0;

        if (!done || file_exists(done)) {
                free(done);
                return 0; /* made before: everything below comes out the same */
        }
        free(done);
        profile_builtin("root", &plan.root, d);
        profile_builtin("issuing", &plan.issuing, d);
        if (pass.file || pass.fd >= 0) {
                rc = passphrase_read(&pass, "passphrase for the keys of the CA", true, &secret, d);
                plan.passphrase = &secret;
        } else if (!common.quiet) {
                tool_error("note: the CA's keys in %s are not encrypted, good for a bench; "
                           "--passphrase-file FILE encrypts"
                           " them",
                           dir);
        }
        if (rc == 0)
                rc = ca_create(&plan, d);
        blob_free_secret(&secret);
        return rc;
}

static int make_identity(const struct identity *id, struct ca *ca, const char *dir, struct diag *d)
{
        const char *host = dns.count ? dns.items[0] : ip.items[0];
        const bool server = strcmp(id->profile, "server") == 0;
        const struct opt_list none = { 0 };
        struct opt_list san = { 0 };
        struct profile profile = { 0 };
        struct issue_config cfg = {
                .ca = ca, .profile = &profile, .folder = dir, .chain = server, .now = time(NULL)
        };
        struct issue_device dev = { .cert_path = path_join(dir, id->cert),
                                    .key_path = path_join(dir, id->key) };
        char name[160];
        int rc = profile_builtin(id->profile, &profile, d);

        snprintf(name, sizeof name, "%s%s", id->prefix, server ? host : "");
        dev.cn = name;
        if (rc == 0 && server && server_names(&dns, &ip, &none, &san) < 0)
                rc = diag_set(d, E_NOMEM, "no memory");
        cfg.san = san.items;
        cfg.san_count = san.count;
        if (rc == 0 && (rc = cn_check(name, d)) == 0)
                rc = issue_one(&cfg, &dev, d);
        if (rc == 0)
                print_device(&dev);
        issue_device_clear(&dev);
        server_names_free(&san);
        return rc;
}

static int copy_file(const char *dir, const struct copy *c, struct diag *d)
{
        char *from = path_join(dir, c->from);
        char *to = path_join(dir, c->to);
        char *folder = to ? path_dir(to) : NULL;
        struct blob b = { 0 };
        int rc = folder && from ? file_mkdirs(folder, 0700, d) : diag_set(d, E_NOMEM, "no memory");

        if (rc == 0 && (rc = file_load(from, FILE_LIMIT_KEY, &b, d)) == 0)
                rc = file_save(to, b.data, b.len, c->mode, d);
        blob_free_secret(&b);
        free(from);
        free(to);
        free(folder);
        return rc;
}

int write_mosquitto_conf(const char *path, const char *certs, bool crl, struct diag *d)
{
        char text[2048];
        const int n = snprintf(text, sizeof text,
                               "# mutual TLS: only clients with a certificate of this CA; their "
                               "common name is the user name\n"
                               "listener 8883\n"
                               "cafile %s/ca.crt\n"
                               "certfile %s/server.crt\n"
                               "keyfile %s/server.key\n"
                               "%s%s%s"
                               "require_certificate true\n"
                               "use_identity_as_username true\n",
                               certs, certs, certs, crl ? "crlfile " : "", crl ? certs : "",
                               crl ? "/crl.pem\n" : "");

        if (n < 0 || (size_t)n >= sizeof text)
                return diag_set(d, E_NOSPACE,
                                "%.60s…: the path is too long for mosquitto's settings", certs);
        return file_save(path, text, (size_t)n, FILE_PUBLIC, d);
}

static int make_all(const char *dir, struct diag *d)
{
        char *ca_dir = path_join(dir, "ca");
        char *conf = path_join(dir, "secure.conf");
        struct ca_source from = { .dir = ca_dir,
                                  .pass = { common.passphrase_file, common.passphrase_fd } };
        struct ca ca = { 0 };
        int rc = ca_dir && conf ? file_mkdirs(dir, 0700, d) : diag_set(d, E_NOMEM, "no memory");

        if (rc == 0 && (rc = make_ca(ca_dir, d)) == 0)
                rc = ca_open(&from, time(NULL), &ca, d);
        for (size_t i = 0; i < sizeof identities / sizeof *identities && rc == 0; i++)
                rc = make_identity(&identities[i], &ca, dir, d);
        for (size_t i = 0; i < sizeof copies / sizeof *copies && rc == 0; i++)
                rc = copy_file(dir, &copies[i], d);
        if (rc == 0)
                rc = write_mosquitto_conf(conf, mosquitto_dir, false, d);
        ca_close(&ca);
        free(ca_dir);
        free(conf);
        return rc;
}

int cmd_pki(int argc, char **argv)
{
        struct diag d = { 0 };

        (void)argc;
        if (!dns.count && !ip.count)
                return usage_error("--ip ADDRESS or --dns NAME is missing: where are broker and "
                                   "update server?");
        if (common.passphrase_fd >= 0)
                return usage_error("pki opens its CA twice; give --passphrase-file FILE");
        if (make_all(argv[0], &d) < 0)
                return fail_diag(&d);
        if (!common.quiet)
                tool_error("copy ca.crt, server.crt and server.key to %s and secure.conf to "
                           "/etc/mosquitto/conf.d;\n"
                           "update server: openssl s_server -WWW -key update_key.pem -cert "
                           "update_cert.pem -port 8070",
                           mosquitto_dir);
        return STATUS_DONE;
}
