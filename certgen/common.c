#define FAIL_OWN
#include "certgen.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "host/json.h"
#include "host/report.h"

struct common common = { .ca = "ca", .passphrase_fd = -1 };
struct shape shape = { .days = 0 };
struct prov_options prov_options = { .security = 1 };

struct passphrase_source common_pass(void)
{
        static bool said;

        if (common.passphrase_file && !said && passphrase_file_is_open(common.passphrase_file)) {
                said = true;
                tool_error("note: %s may be read by others; chmod 600 %s", common.passphrase_file,
                           common.passphrase_file);
        }
        return (struct passphrase_source){ common.passphrase_file, common.passphrase_fd,
                                           "--passphrase-file FILE or --passphrase-fd N" };
}

struct ca_source common_ca(void)
{
        return (struct ca_source){
                .dir = common.ca,
                .cert = common.ca_cert,
                .key = common.ca_key,
                .index = common.index,
                .module = common.module,
                .pass = common_pass(),
        };
}

int fail_diag(const struct diag *d)
{
        if (d->line)
                tool_error("%u:%u: %s", d->line, d->column, diag_text(d));
        else
                tool_error("%s", diag_text(d));
        return (int)err_status(-diag_code(d));
}

/* One of two words into *out; no: the first. */
static int choice(const char *option, const char *word, const char *no, const char *yes, bool *out,
                  struct diag *d)
{
        if (!word)
                return 0;
        if (strcmp(word, no) != 0 && strcmp(word, yes) != 0)
                return diag_set(d, E_USAGE, "--%s: '%s' is neither %s nor %s", option, word, no,
                                yes);
        *out = strcmp(word, yes) == 0;
        return 0;
}

static int time_option(const char *option, const char *text, int64_t *out, struct diag *d)
{
        if (text && time_parse(text, out) < 0)
                return diag_set(d, E_USAGE, "--%s: '%s' is no time like 2026-11-20T00:00:00Z",
                                option, text);
        return 0;
}

int shape_profile(const char *base, struct profile *p, struct diag *d)
{
        int rc = profile_load(shape.profile ? shape.profile : base, p, d);

        if (rc < 0)
                return rc;
        if (shape.key && (p->key = key_type_of(shape.key)) == KEY_NONE)
                return diag_set(d, E_USAGE, "--key: '%s' is none of " KEY_TYPE_WORDS, shape.key);
        if ((rc = choice("encoding", shape.encoding, "pem", "der", &p->form.der, d)) < 0 ||
            (rc = choice("key-format", shape.key_format, "pkcs8", "sec1", &p->form.traditional,
                         d)) < 0 ||
            (rc = time_option("not-before", shape.not_before, &p->not_before, d)) < 0 ||
            (rc = time_option("not-after", shape.not_after, &p->not_after, d)) < 0)
                return rc;
        if (shape.days < 0 || shape.days > 73000)
                return diag_set(d, E_USAGE, "--days: from 1 to 73000; --no-expiry is for ever");
        if (shape.days || shape.no_expiry) {
                p->days = shape.no_expiry ? 0 : shape.days;
                p->not_after = shape.not_after ? p->not_after : PROFILE_UNSET;
        }
        if (p->form.traditional && p->key == KEY_ED25519)
                return diag_set(d, E_USAGE,
                                "an ed25519 key has no SEC1 form; use --key-format pkcs8");
        return 0;
}

/* "text,png,svg" */
static int qr_forms(struct prov_config *cfg, const char *list, struct diag *d)
{
        while (list && *list) {
                const size_t n = strcspn(list, ",");

                if (n == 4 && !strncmp(list, "text", n))
                        cfg->qr_text = true;
                else if (n == 3 && !strncmp(list, "png", n))
                        cfg->qr_png = true;
                else if (n == 3 && !strncmp(list, "svg", n))
                        cfg->qr_svg = true;
                else
                        return diag_set(d, E_USAGE, "--qr: '%.*s' is none of text, png, svg",
                                        (int)n, list);
                list += n + (list[n] == ',');
        }
        return 0;
}

int prov_from_options(struct prov_config *cfg, const struct prov_config **out, struct diag *d)
{
        const struct prov_options *o = &prov_options;
        int rc;

        *out = NULL;
        if (!o->on) {
                if (o->service || o->transport || o->user || o->qr || o->pop_len ||
                    o->security != 1)
                        return diag_set(d, E_USAGE, "options of provisioning need --prov");
                return 0;
        }
        if (o->security != 1 && o->security != 2)
                return diag_set(d, E_USAGE, "--security: 1 or 2");
        if (o->pop_len < 0)
                return diag_set(d, E_USAGE, "--pop-length: %u to %u", PROV_POP_MIN, PROV_POP_MAX);
        *cfg = (struct prov_config){
                .service = o->service,
                .transport = o->transport,
                .user = o->user,
                .user_in_qr = o->security == 2,
                .pop_len = (size_t)o->pop_len,
        };
        if ((rc = qr_forms(cfg, o->qr, d)) < 0 || (rc = prov_check(cfg, d)) < 0)
                return rc;
        *out = cfg;
        return 0;
}

void print_file(const char *path)
{
        struct json_writer w = { .out = stdout };

        if (!common.json) {
                printf("%s\n", path);
                return;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "file");
        json_str(&w, "file", path);
        json_close(&w, '}');
        putchar('\n');
}

void print_device(const struct issue_device *dev)
{
        struct json_writer w = { .out = stdout };
        const bool fresh = dev->outcome == ISSUE_NEW;
        const char *key = dev->request_key ? NULL : dev->key_path;

        if (!common.json) {
                printf("%s\t%s\t%s\t%s\t%s\n", fresh ? "new" : "before", dev->cn, dev->serial,
                       dev->cert_path, key ? key : "-");
                return;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "device");
        json_str(&w, "outcome", fresh ? "new" : "before");
        json_str(&w, "cn", dev->cn);
        json_str(&w, "serial", dev->serial);
        json_str(&w, "cert", dev->cert_path);
        json_str(&w, "key", key);
        json_close(&w, '}');
        putchar('\n');
}
