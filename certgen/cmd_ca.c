/* certgen ca: a root and an issuing CA. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "certgen.h"
#include "host/json.h"
#include "host/report.h"
#include "host/x509_token.h"

static const char *cn = "Factory";
static const char *key;
static const char *token;
static const char *not_before;
static int64_t days, root_days;
static bool no_passphrase;

const struct opt ca_options[] = {
        { 0, "cn", OPT_STR, &cn, "NAME", "makes \"NAME Root CA\" and \"NAME Issuing CA\" (Factory)",
          0 },
        { 0, "key", OPT_STR, &key, "TYPE", KEY_TYPE_WORDS " (p256)", 0 },
        { 0, "days", OPT_INT, &days, "N", "validity of the issuing CA (10950)", 0 },
        { 0, "root-days", OPT_INT, &root_days, "N", "validity of the root CA (14600)", 0 },
        { 0, "not-before", OPT_STR, &not_before, "TIME", "like 2026-11-20T00:00:00Z (yesterday)",
          0 },
        { 0, "token", OPT_STR, &token, "URI",
          "make the keys inside this PKCS#11 token (pkcs11:token=…)", 0 },
        { 0, "no-passphrase", OPT_FLAG, &no_passphrase, NULL, "leave the key files unencrypted",
          0 },
        { 0 },
};

static int profiles(struct ca_plan *plan, struct diag *d)
{
        const enum key_type type = key ? key_type_of(key) : KEY_P256;

        if (type == KEY_NONE)
                return diag_set(d, E_USAGE, "--key: '%s' is none of " KEY_TYPE_WORDS, key);
        if (days < 0 || days > 73000 || root_days < 0 || root_days > 73000)
                return diag_set(d, E_USAGE, "--days, --root-days: from 1 to 73000");
        profile_builtin("root", &plan->root, d);
        profile_builtin("issuing", &plan->issuing, d);
        plan->root.key = plan->issuing.key = type;
        plan->issuing.days = days ? days : plan->issuing.days;
        plan->root.days = root_days ? root_days : plan->root.days;
        if (plan->root.days < plan->issuing.days && !root_days)
                plan->root.days = plan->issuing.days;
        if (plan->root.days < plan->issuing.days)
                return diag_set(d, E_USAGE, "the root CA must not end before the issuing CA");
        if (not_before && time_parse(not_before, &plan->root.not_before) < 0)
                return diag_set(d, E_USAGE,
                                "--not-before: '%s' is no time like 2026-11-20T00:00:00Z",
                                not_before);
        plan->issuing.not_before = plan->root.not_before;
        return 0;
}

static void say(const char *dir)
{
        struct json_writer w = { .out = stdout };
        char *chain = path_join(dir, "ca.crt");

        if (common.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "ca");
                json_str(&w, "dir", dir);
                json_str(&w, "chain", chain);
                json_close(&w, '}');
                putchar('\n');
        } else {
                printf("%s\n", chain);
        }
        free(chain);
}

int cmd_ca(int argc, char **argv)
{
        struct ca_plan plan = { .dir = argc ? argv[0] : common.ca,
                                .cn = cn,
                                .module = common.module,
                                .now = time(NULL) };
        struct passphrase_source pass;
        struct blob secret = { 0 };
        char *root_uri = NULL;
        char *issuing_uri = NULL;
        struct diag d = { 0 };
        int rc;

        if (!*cn)
                return usage_error("--cn is empty: what is the CA called?");
        rc = profiles(&plan, &d);
        if (rc == 0 && token && no_passphrase)
                rc = diag_set(&d, E_USAGE, "--no-passphrase is for key files, not for a token");
        if (rc == 0 && token && (rc = token_uri_for(token, "root", &root_uri, &d)) == 0)
                rc = token_uri_for(token, "issuing", &issuing_uri, &d);
        plan.root_token = root_uri;
        plan.issuing_token = issuing_uri;
        if (rc == 0 && !no_passphrase) {
                pass = common_pass();
                rc = passphrase_read(
                        &pass, token ? "PIN of the token" : "passphrase for the keys of the CA",
                        !token, &secret, &d);
                *(token ? &plan.pin : &plan.passphrase) = &secret;
        }
        if (rc == 0)
                rc = ca_create(&plan, &d);
        blob_free_secret(&secret);
        free(root_uri);
        free(issuing_uri);
        if (rc < 0)
                return fail_diag(&d);
        if (no_passphrase && !common.quiet)
                tool_error("note: the keys in %s are not encrypted", plan.dir);
        say(plan.dir);
        return STATUS_DONE;
}
