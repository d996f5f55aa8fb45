/* certgen list, revoke, crl: what was issued, and what is no longer good. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "certgen.h"
#include "host/json.h"
#include "host/report.h"

/* CRLReason, RFC 5280, 5.3.1; those that a factory can mean. */
static const struct {
        const char *word;
        int reason;
} reasons[] = {
        { "unspecified", 0 }, { "key-compromise", 1 },         { "affiliation-changed", 3 },
        { "superseded", 4 },  { "cessation-of-operation", 5 }, { "privilege-withdrawn", 9 }
};
#define REASONS (sizeof reasons / sizeof *reasons)

static const char *reason_word(int reason)
{
        for (size_t i = 0; i < REASONS; i++)
                if (reasons[i].reason == reason)
                        return reasons[i].word;
        return "unspecified";
}

static bool revoked_only;
const struct opt list_options[] = {
        { 0, "revoked", OPT_FLAG, &revoked_only, NULL, "only what is revoked", 0 },
        { 0 },
};

static int print_entry(void *ctx, const struct cert_entry *e)
{
        struct json_writer w = { .out = stdout };
        const char *state = e->revoked ? "revoked" : "issued";

        (void)ctx;
        if (!common.json) {
                printf("%s\t%s\t%s\t%s\n", state, e->cn, e->serial,
                       e->revoked ? reason_word(e->reason) : "-");
                return ferror(stdout) ? -E_IO : 0;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "state", state);
        json_str(&w, "cn", e->cn);
        json_str(&w, "serial", e->serial);
        json_int(&w, "issued_at", e->issued_at);
        json_int(&w, "not_after", e->not_after);
        if (e->revoked) {
                json_int(&w, "revoked_at", e->revoked_at);
                json_str(&w, "reason", reason_word(e->reason));
        }
        json_close(&w, '}');
        putchar('\n');
        return ferror(stdout) ? -E_IO : 0;
}

int cmd_list(int argc, char **argv)
{
        struct ca_source from = common_ca();
        struct cert_index *ix;
        struct diag d = { 0 };
        int rc = ca_open_index(&from, INDEX_READ, &ix, &d);

        (void)argc;
        (void)argv;
        if (rc == 0)
                rc = cert_index_each(ix, revoked_only, print_entry, NULL, &d);
        cert_index_close(ix);
        return d.code ? fail_diag(&d) : (int)err_status(rc);
}

static const char *reason = "unspecified";
const struct opt revoke_options[] = {
        { 0, "reason", OPT_STR, &reason, "WORD",
          "key-compromise, affiliation-changed, superseded, cessation-of-operation, "
          "privilege-withdrawn",
          .words = "unspecified|key-compromise|affiliation-changed|superseded|cessation-of-"
                   "operation|"
                   "privilege-withdrawn" },
        { 0 },
};

static void print_revoked(const char *outcome, const char *name, const char *serial)
{
        struct json_writer w = { .out = stdout };

        if (!common.json) {
                printf("%s\t%s\t%s\n", outcome, name, serial);
                return;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "revoke");
        json_str(&w, "outcome", outcome);
        json_str(&w, "name", name);
        json_str(&w, "serial", serial);
        json_close(&w, '}');
        putchar('\n');
}

int cmd_revoke(int argc, char **argv)
{
        struct ca_source from = common_ca();
        struct report report = { 0 };
        struct cert_index *ix;
        struct diag d = { 0 };
        size_t k = 0;

        while (k < REASONS && strcmp(reasons[k].word, reason) != 0)
                k++;
        if (k == REASONS)
                return usage_error("--reason: '%s' is no reason; see --help", reason);
        if (ca_open_index(&from, INDEX_WRITE, &ix, &d) < 0)
                return fail_diag(&d);
        for (int i = 0; i < argc; i++) {
                char serial[CERT_SERIAL_TEXT] = "";
                struct diag one = { 0 };
                const int rc = cert_index_revoke(ix, argv[i], reasons[k].reason, serial, &one);

                if (rc < 0)
                        report_diag(&report, NULL, &one);
                else
                        print_revoked(rc ? "before" : "revoked", argv[i], serial);
        }
        cert_index_close(ix);
        if (!report.errors && !common.quiet)
                tool_error("brokers learn of it from a new list: certgen crl --out crl.pem");
        return (int)err_status(report_finish(&report));
}

static const char *crl_path = "crl.pem";
static int64_t crl_days = 30;
const struct opt crl_options[] = {
        { 'o', "out", OPT_STR, &crl_path, "FILE", "the list, PEM (crl.pem)", 0 },
        { 0, "days", OPT_INT, &crl_days, "N", "until the next one must be there (30)", 0 },
        { 0 },
};

/* Revoked entries of the index, all read first: the list is signed in one go. */
struct revoked {
        struct crl_entry *items;
        size_t count, cap, next;
};

static int keep_revoked(void *ctx, const struct cert_entry *e)
{
        struct revoked *r = ctx;
        struct crl_entry *at;
        long n;

        if (r->count == r->cap) {
                const size_t cap = r->cap ? r->cap * 2 : 256;
                struct crl_entry *grown = realloc(r->items, cap * sizeof *grown);

                if (!grown)
                        return -E_NOMEM;
                r->items = grown;
                r->cap = cap;
        }
        at = &r->items[r->count];
        *at = (struct crl_entry){ .when = e->revoked_at, .reason = e->reason };
        n = hex_decode(e->serial, strlen(e->serial), at->serial, sizeof at->serial, NULL);
        if (n < 0)
                return (int)n;
        at->serial_len = (size_t)n;
        r->count++;
        return 0;
}

static int next_revoked(void *ctx, struct crl_entry *e)
{
        struct revoked *r = ctx;

        if (r->next == r->count)
                return 0;
        *e = r->items[r->next++];
        return 1;
}

int make_crl(struct ca *ca, const char *path, int64_t days, size_t *count, struct diag *d)
{
        struct revoked revoked = { 0 };
        struct crl_plan plan = { .issuer = ca->cert,
                                 .issuer_key = ca->key,
                                 .now = time(NULL),
                                 .days = days,
                                 .next = next_revoked,
                                 .ctx = &revoked };
        struct blob pem = { 0 };
        int rc = cert_index_each(ca->index, true, keep_revoked, &revoked, d);

        if (rc < 0)
                diag_set(d, -rc, "%s", err_text(rc));
        else if ((rc = cert_index_next_crl(ca->index, &plan.number, d)) == 0 &&
                 (rc = crl_make(&plan, &pem, d)) == 0)
                rc = file_save(path, pem.data, pem.len, FILE_PUBLIC, d);
        *count = revoked.count;
        free(revoked.items);
        blob_free(&pem);
        return rc;
}

int cmd_crl(int argc, char **argv)
{
        struct ca_source from = common_ca();
        struct diag d = { 0 };
        struct ca ca;
        size_t count = 0;
        int rc;

        (void)argc;
        (void)argv;
        if (crl_days < 1 || crl_days > 3650)
                return usage_error("--days: 1 to 3650");
        rc = ca_open(&from, time(NULL), &ca, &d);
        if (rc == 0)
                rc = make_crl(&ca, crl_path, crl_days, &count, &d);
        ca_close(&ca);
        if (rc < 0)
                return fail_diag(&d);
        if (common.json && strcmp(crl_path, "-") != 0)
                print_file(crl_path);
        if (!common.quiet)
                tool_error("%s: %zu revoked; good for %lld days", crl_path, count,
                           (long long)crl_days);
        return STATUS_DONE;
}
