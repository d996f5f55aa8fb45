/* certgen verify: is a certificate fit for its device? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "certgen.h"
#include "host/json.h"
#include "host/report.h"
#include "host/x509_verify.h"

static const char *key_file, *trust, *clock_text, *purpose = "client";
static uint64_t max_size;
static bool no_chain;

const struct opt verify_options[] = {
        { 'k', "key-file", OPT_STR, &key_file, "FILE",
          "private key of the (one) certificate (default: NAME.key beside NAME.crt)", 0 },
        { 0, "trust", OPT_STR, &trust, "FILE", "CA certificates (DIR/ca.crt)", 0 },
        { 0, "no-chain", OPT_FLAG, &no_chain, NULL, "do not check who signed it", 0 },
        { 0, "purpose", OPT_STR, &purpose, "WORD", "client, server, code or any (client)",
          .words = "client|server|code|any" },
        { 0, "clock", OPT_STR, &clock_text, "TIME",
          "also valid on a device whose clock starts there (its firmware's date)", 0 },
        { 0, "max-size", OPT_SIZE, &max_size, "BYTES", "at most so much DER", 0 },
        { 0 },
};

static int configure(struct verify_config *cfg, struct diag *d)
{
        static const char *const words[] = { "client", "server", "code", "any" };
        static const unsigned bits[] = { EKU_CLIENT, EKU_SERVER, EKU_CODE, 0 };
        int64_t at = 0;
        size_t i = 0;
        char *path;
        int rc = 0;

        while (i < 4 && strcmp(purpose, words[i]) != 0)
                i++;
        if (i == 4)
                return diag_set(d, E_USAGE, "--purpose: client, server, code or any");
        if (clock_text && time_parse(clock_text, &at) < 0)
                return diag_set(d, E_USAGE, "--clock: '%s' is no time like 2026-11-20T00:00:00Z",
                                clock_text);
        *cfg = (struct verify_config){
                .eku = bits[i], .now = time(NULL), .clock = (time_t)at, .max_der = (size_t)max_size
        };
        if (no_chain)
                return 0;
        path = trust ? strdup(trust) : path_join(common.ca, "ca.crt");
        rc = path ? chain_load(path, &cfg->trust, d) : diag_set(d, E_NOMEM, "no memory");
        free(path);
        return rc;
}

/* NAME.key for NAME.crt, NAME.key.der for NAME.crt.der, if it is there. Returned: free. */
static char *key_beside(const char *cert)
{
        const char *at = strstr(cert, ".crt");
        char *path = NULL;

        if (key_file)
                return strdup(key_file);
        if (!at || (strcmp(at, ".crt") != 0 && strcmp(at, ".crt.der") != 0))
                return NULL;
        if (asprintf(&path, "%.*s.key%s", (int)(at - cert), cert, at + 4) < 0 || file_exists(path))
                return path;
        free(path);
        return NULL;
}

/* Does the index say that it is revoked? Returns rc where it does not. */
static int check_revoked(const char *path, const char *serial, struct cert_index *ix,
                         struct report *r, int rc)
{
        struct diag d = { 0 };
        const int state = cert_index_state(ix, serial, &d);

        if (state == 2)
                return report_error(r, E_VERIFY, path, 0, 0, "revoked (serial %s)", serial);
        if (state < 0 && state != -E_NOTFOUND) {
                report_diag(r, NULL, &d);
                return state;
        }
        return rc;
}

static int verify_file(const char *path, struct verify_config *cfg, struct cert_index *ix,
                       struct report *r)
{
        const struct passphrase_source pass = common_pass();
        STACK_OF(X509) *chain = NULL;
        char serial[CERT_SERIAL_TEXT] = "";
        struct diag d = { 0 };
        char *key = key_beside(path);
        int rc = chain_load(path, &chain, &d);

        cfg->key = NULL;
        if (rc == 0 && key)
                rc = ca_load_key(key, common.module, &pass, &cfg->key, &d);
        if (rc < 0) {
                report_diag(r, NULL, &d);
        } else {
                X509 *cert = sk_X509_shift(chain);

                rc = cert_verify(path, cert, chain, cfg, r);
                cert_serial_text(cert, serial);
                if (ix)
                        rc = check_revoked(path, serial, ix, r, rc);
                if (rc == 0 && !common.json)
                        printf("%s: good%s\n", path,
                               key ? ", and its key" : "; no key was checked");
                X509_free(cert);
        }
        if (common.json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "verify");
                json_str(&w, "file", path);
                json_str(&w, "serial", *serial ? serial : NULL);
                json_bool(&w, "good", rc == 0);
                json_bool(&w, "key_checked", key != NULL);
                json_close(&w, '}');
                putchar('\n');
        }
        EVP_PKEY_free(cfg->key);
        sk_X509_pop_free(chain, X509_free);
        free(key);
        return rc;
}

int cmd_verify(int argc, char **argv)
{
        struct verify_config cfg = { 0 };
        struct report report = { .quiet_notes = common.quiet };
        struct ca_source from = common_ca();
        struct cert_index *ix = NULL;
        struct diag d = { 0 };
        int rc;

        if (key_file && argc > 1)
                return usage_error("--key-file goes with one certificate");
        if (configure(&cfg, &d) < 0)
                return fail_diag(&d);
        /* whoever only has certificates has no index; one that is there has to be heard */
        rc = ca_open_index(&from, INDEX_READ, &ix, &d);
        if (rc < 0 && (rc != -E_NOTFOUND || from.index)) {
                sk_X509_pop_free(cfg.trust, X509_free);
                return fail_diag(&d);
        }
        for (int i = 0; i < argc; i++)
                verify_file(argv[i], &cfg, ix, &report);
        cert_index_close(ix);
        sk_X509_pop_free(cfg.trust, X509_free);
        return (int)err_status(report_finish(&report));
}
