#include "host/cert_prov.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "crypt/crypt.h"
#include "host/json.h"
#include "host/qr.h"
#include "host/x509_profile.h"

/* Without the characters that people mistake on a label: 0 O o, 1 I l i. */
static const char alphabet[] = "23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
#define ALPHABET (sizeof alphabet - 1)

static int make_pop(char *out, size_t n, struct diag *d)
{
        /* a byte beyond the last whole multiple would favour the first letters */
        const unsigned fair = 256 / ALPHABET * ALPHABET;

        for (size_t i = 0; i < n;) {
                uint8_t b;

                if (crypt_random(&b, 1) < 0)
                        return diag_set(d, E_RANDOM, "no random numbers for a proof of possession");
                if (b < fair)
                        out[i++] = alphabet[b % ALPHABET];
        }
        out[n] = 0;
        return 0;
}

/* A service name that a device can have. */
static int take_name(const char *text, char out[PROV_SERVICE_MAX + 1], struct diag *d)
{
        if (strlen(text) > PROV_SERVICE_MAX)
                return diag_set(d, E_RANGE,
                                "service name '%s': %zu bytes, a BLE device name holds %u", text,
                                strlen(text), PROV_SERVICE_MAX);
        for (const char *p = text; *p; p++)
                /* the payload's text is not escaped by the stock firmware and read by phone apps */
                if (!isprint((unsigned char)*p) || *p == '"' || *p == '\\')
                        return diag_set(
                                d, E_SYNTAX,
                                "service name '%s': only printable ASCII without \" and \\ works",
                                text);
        strcpy(out, text);
        return 0;
}

static int service_name(const struct prov_config *cfg, const char *cn,
                        char out[PROV_SERVICE_MAX + 1], struct diag *d)
{
        const size_t n = strlen(cn);
        char *text = NULL;
        int rc;

        if (cfg->service)
                text = cn_fill(cfg->service, cn);
        else if (asprintf(&text, "PROV_%s", n > 6 ? cn + n - 6 : cn) < 0)
                text = NULL;
        if (!text)
                return diag_set(d, E_NOMEM, "no memory");
        rc = take_name(text, out, d);
        free(text);
        return rc;
}

int prov_check(const struct prov_config *cfg, struct diag *d)
{
        if (cfg->pop_len && (cfg->pop_len < PROV_POP_MIN || cfg->pop_len > PROV_POP_MAX))
                return diag_set(d, E_RANGE, "a proof of possession has %u to %u characters",
                                PROV_POP_MIN, PROV_POP_MAX);
        if (cfg->transport && strcmp(cfg->transport, "ble") != 0 &&
            strcmp(cfg->transport, "softap") != 0)
                return diag_set(d, E_SYNTAX, "transport '%s': ble or softap", cfg->transport);
        if (cfg->user && (!*cfg->user || strlen(cfg->user) > 64 || strpbrk(cfg->user, "\"\\")))
                return diag_set(d, E_SYNTAX,
                                "user name '%.70s': 1 to 64 characters without \" and \\",
                                cfg->user);
        return 0;
}

/* The payload's bytes as the provisioning example of ESP-IDF 5.5 prints them. */
static int payload(const struct prov_config *cfg, struct prov *p, struct diag *d)
{
        const char *user = cfg->user ? cfg->user : PROV_USER;
        const int n = snprintf(
                p->payload, sizeof p->payload,
                "{\"ver\":\"v1\",\"name\":\"%s\",%s%s%s\"pop\":\"%s\",\"transport\":\"%s\"}",
                p->service, cfg->user_in_qr ? "\"username\":\"" : "", cfg->user_in_qr ? user : "",
                cfg->user_in_qr ? "\"," : "", p->pop, cfg->transport ? cfg->transport : "ble");

        if (n < 0 || (size_t)n >= sizeof p->payload)
                return diag_set(d, E_NOSPACE, "the QR payload is longer than %zu bytes",
                                sizeof p->payload - 1);
        return 0;
}

/* salt and pop make the verifier. */
static int verifier(const struct prov_config *cfg, struct prov *p, struct diag *d)
{
        const char *user = cfg->user ? cfg->user : PROV_USER;
        uint8_t x[SRP_HASH_LEN];
        int rc = srp_x((struct srp_bytes){ user, strlen(user) },
                       (struct srp_bytes){ p->pop, strlen(p->pop) },
                       (struct srp_bytes){ p->salt, sizeof p->salt }, x);

        if (rc == 0)
                rc = srp_power((struct srp_bytes){ x, sizeof x }, p->verifier);
        wipe(x, sizeof x);
        return rc < 0 ? diag_set(d, -rc, "the SRP verifier cannot be computed") : 0;
}

/* named: the service name is the file's. */
static int load(const char *path, const struct prov_config *cfg, bool named, struct prov *p,
                struct diag *d)
{
        cJSON *j = json_load(path, d);
        const char *pop = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "pop"));
        const char *salt = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "sec2_salt"));
        const char *known =
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "sec2_verifier"));
        const char *name =
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "service_name"));
        uint8_t v[SRP_LEN];
        int rc = 0;

        if (!j)
                return -E_FORMAT;
        if (!pop || (named && !name) || strlen(pop) < 1 || strlen(pop) > PROV_POP_MAX || !salt ||
            !known ||
            hex_decode(salt, strlen(salt), p->salt, sizeof p->salt, NULL) != (long)sizeof p->salt ||
            hex_decode(known, strlen(known), v, sizeof v, NULL) != (long)sizeof v)
                rc = diag_set(
                        d, E_FORMAT,
                        "%s: not the provisioning data of a device; remove it to get new ones",
                        path);
        if (rc == 0) {
                strcpy(p->pop, pop);
                rc = verifier(cfg, p, d);
        }
        if (rc == 0 && memcmp(v, p->verifier, sizeof v) != 0)
                rc = diag_set(d, E_FORMAT, "%s: made for another user name than '%s'", path,
                              cfg->user ? cfg->user : PROV_USER);
        if (rc == 0 && named)
                rc = take_name(name, p->service, d);
        cJSON_Delete(j);
        return rc;
}

static int save(const char *path, const struct prov *p, struct diag *d)
{
        char salt[2 * SRP_SALT_LEN + 1];
        char hex[2 * SRP_LEN + 1];
        char text[sizeof salt + sizeof hex + 512];
        int n;
        int rc;

        hex_encode(p->salt, sizeof p->salt, salt);
        hex_encode(p->verifier, sizeof p->verifier, hex);
        n = snprintf(
                text, sizeof text,
                "{\"v\": 1, \"service_name\": \"%s\", \"pop\": \"%s\",\n \"sec2_salt\": \"%s\",\n"
                " \"sec2_verifier\": \"%s\"}\n",
                p->service, p->pop, salt, hex);
        rc = file_save_fast(path, text, (size_t)n, FILE_SECRET, d);
        wipe(text, sizeof text);
        return rc;
}

static int save_qr(const char *stem, const char *suffix, const char *text, enum qr_form form,
                   struct diag *d)
{
        struct blob b = { 0 };
        char *path = NULL;
        int rc;

        if (asprintf(&path, "%s.%s", stem, suffix) < 0)
                return diag_set(d, E_NOMEM, "no memory");
        if ((rc = qr_make(text, form, 0, &b, d)) == 0)
                rc = file_save_fast(path, b.data, b.len, FILE_SECRET, d);
        blob_free_secret(&b);
        free(path);
        return rc;
}

/* The payload in plain text, and as a picture below it. */
static int save_qr_text(const char *stem, const char *text, struct diag *d)
{
        struct blob picture = { 0 };
        char *both = NULL;
        char *path = NULL;
        int n = -1;
        int rc = qr_make(text, QR_TEXT, 0, &picture, d);

        if (rc == 0 && ((n = asprintf(&both, "%s\n%s", text, (const char *)picture.data)) < 0 ||
                        asprintf(&path, "%s.qr.txt", stem) < 0))
                rc = diag_set(d, E_NOMEM, "no memory");
        if (rc == 0)
                rc = file_save_fast(path, both, (size_t)n, FILE_SECRET, d);
        blob_free_secret(&picture);
        if (n >= 0)
                wipe(both, (size_t)n);
        free(both);
        free(path);
        return rc;
}

int prov_load_or_make(const struct prov_config *cfg, const char *cn, const char *stem_path,
                      struct prov *p, struct diag *d)
{
        char *path = NULL;
        int rc = service_name(cfg, cn, p->service, d);

        if (rc < 0)
                return rc;
        if (asprintf(&path, "%s.prov", stem_path) < 0)
                return diag_set(d, E_NOMEM, "no memory");
        if (file_exists(path)) {
                rc = load(path, cfg, false, p, d);
        } else if ((rc = make_pop(p->pop, cfg->pop_len ? cfg->pop_len : PROV_POP_MIN, d)) == 0) {
                if (crypt_random(p->salt, sizeof p->salt) < 0)
                        rc = diag_set(d, E_RANDOM, "no random numbers for a salt");
                else if ((rc = verifier(cfg, p, d)) == 0)
                        rc = save(path, p, d);
        }
        free(path);
        if (rc == 0)
                rc = payload(cfg, p, d);
        if (rc == 0 && cfg->qr_text)
                rc = save_qr_text(stem_path, p->payload, d);
        if (rc == 0 && cfg->qr_png)
                rc = save_qr(stem_path, "qr.png", p->payload, QR_PNG, d);
        if (rc == 0 && cfg->qr_svg)
                rc = save_qr(stem_path, "qr.svg", p->payload, QR_SVG, d);
        return rc;
}

int prov_load(const struct prov_config *cfg, const char *stem_path, struct prov *p, struct diag *d)
{
        char *path = NULL;
        int rc;

        if (asprintf(&path, "%s.prov", stem_path) < 0)
                return diag_set(d, E_NOMEM, "no memory");
        if (!file_exists(path))
                rc = diag_set(d, E_NOTFOUND,
                              "%s: no such file; certgen leaves it there with --prov", path);
        else if ((rc = load(path, cfg, true, p, d)) == 0)
                rc = payload(cfg, p, d);
        free(path);
        return rc;
}
