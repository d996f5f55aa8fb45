/* certgen fetch: the chain that a server shows, saved and explained. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "base/err.h"
#include "certgen.h"
#include "host/json.h"
#include "host/report.h"
#include "host/tls_fetch.h"

static const char *out_dir = ".";
static int64_t timeout_s = 10;

const struct opt fetch_options[] = {
        { 'o', "out", OPT_STR, &out_dir, "DIR",
          "folder for HOST-1.pem, HOST-2.pem … and HOST-ca.pem (.)", 0 },
        { 0, "timeout", OPT_INT, &timeout_s, "SECONDS", "how long to wait for the server (10)", 0 },
        { 0 },
};

static void explain(const char *path, X509 *cert, size_t i, bool last)
{
        const bool self = X509_self_signed(cert, 0) == 1;
        char *cn = cert_cn(cert);
        char *issuer = name_cn(X509_get_issuer_name(cert));
        struct json_writer w = { .out = stdout };

        if (common.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "certificate");
                json_uint(&w, "number", i);
                json_str(&w, "file", path);
                json_str(&w, "cn", cn);
                json_str(&w, "issuer", issuer);
                json_bool(&w, "self_signed", self);
                json_bool(&w, "last", last);
                json_close(&w, '}');
                putchar('\n');
        } else {
                printf("%s: %s, %s %s\n", path, cn ? cn : "no common name",
                       self ? "signed by itself:" : "signed by",
                       self     ? "a root"
                       : issuer ? issuer
                                : "an issuer without a common name");
        }
        free(cn);
        free(issuer);
}

static int save_one(const char *host, const char *suffix, X509 *cert, char **path, struct diag *d)
{
        char *stem = issue_stem(host);
        char *name = NULL;
        struct blob pem = { 0 };
        int rc;

        *path = NULL;
        if (!stem || asprintf(&name, "%s-%s.pem", stem, suffix) < 0 ||
            !(*path = path_join(out_dir, name)))
                rc = diag_set(d, E_NOMEM, "no memory");
        else if ((rc = cert_pem(cert, &pem, d)) == 0)
                rc = file_save(*path, pem.data, pem.len, FILE_PUBLIC, d);
        blob_free(&pem);
        free(stem);
        free(name);
        return rc;
}

static int save_chain(const char *host, STACK_OF(X509) * chain, struct diag *d)
{
        const int n = sk_X509_num(chain);
        char number[16];
        char *path;
        int rc = 0;

        for (int i = 0; i < n && rc == 0; i++) {
                snprintf(number, sizeof number, "%d", i + 1);
                rc = save_one(host, number, sk_X509_value(chain, i), &path, d);
                if (rc == 0)
                        explain(path, sk_X509_value(chain, i), (size_t)i + 1, i == n - 1);
                free(path);
        }
        if (rc < 0 || (rc = save_one(host, "ca", sk_X509_value(chain, n - 1), &path, d)) < 0)
                return rc;
        if (!common.json)
                printf("%s: the last one, ready to be embedded in firmware\n", path);
        if (!common.quiet && n == 1 && X509_self_signed(sk_X509_value(chain, 0), 0) != 1)
                tool_error("note: the server shows its own certificate only; firmware that embeds "
                           "it must be updated with it."
                           " Better embed its CA");
        free(path);
        return 0;
}

static bool is_port(const char *text)
{
        const size_t n = strlen(text);

        return n > 0 && n <= 5 && strspn(text, "0123456789") == n && atoi(text) > 0 &&
               atoi(text) <= 65535;
}

int cmd_fetch(int argc, char **argv)
{
        struct tls_fetch what = { .port = "443" };
        STACK_OF(X509) *chain = NULL;
        struct diag d = { 0 };
        char *host, *colon;
        int rc;

        (void)argc;
        if (timeout_s < 1 || timeout_s > 600)
                return usage_error("--timeout: 1 to 600 seconds");
        if (!(host = strdup(argv[0])))
                return memory_error();
        what.host = host;
        what.timeout_ms = (unsigned)timeout_s * 1000;
        colon = strrchr(host, ':');
        if (colon && !strchr(colon, ']')) {
                *colon = 0;
                what.port = colon + 1;
                if (!is_port(what.port)) {
                        free(host);
                        return usage_error("'%s': a port is a number from 1 to 65535", argv[0]);
                }
        }
        if (*host == '[' && host[strlen(host) - 1] == ']') {
                host[strlen(host) - 1] = 0;
                what.host = host + 1;
        }
        if ((rc = tls_fetch_chain(&what, &chain, &d)) == 0 &&
            (rc = file_mkdirs(out_dir, 0777, &d)) == 0)
                rc = save_chain(what.host, chain, &d);
        sk_X509_pop_free(chain, X509_free);
        free(host);
        return rc < 0 ? fail_diag(&d) : STATUS_DONE;
}
