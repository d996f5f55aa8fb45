/* Link, session and secrets of all commands. */
#include "provcli.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/file.h"
#include "host/passphrase.h"
#include "host/report.h"

/* Secrets live until the process ends or device_close. */
static struct blob secret, label;
static char *label_pop; /* opts.pop, if it comes from a label */
static struct prov_options from_label;

const char *result_word(int rc, const struct prov_wifi_state *state)
{
        switch (rc) {
        case 0:
                return state ? "connected" : "done";
        case -E_VERIFY:
                if (state && state->sta_state == PROV_STA_FAILED)
                        return state->has_reason && state->reason == PROV_FAIL_NOT_FOUND
                                       ? "network-not-found"
                                       : "passphrase-wrong";
                return "pop-wrong";
        case -E_REFUSED:
                return "refused";
        case -E_TIMEOUT:
                return "timeout";
        case -E_LINK:
                return "device-not-found";
        default:
                return "failed";
        }
}

int say_failure(int rc, const struct diag *d, const struct prov_wifi_state *state)
{
        const char *text = d->code ? diag_text(d) : err_text(rc);

        tool_error("%s", text);
        if (opts.json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "result", result_word(rc, state));
                json_str(&w, "text", text);
                json_close(&w, '}');
                putchar('\n');
        }
        return err_status(rc);
}

void printable(const uint8_t *p, size_t n, char *out)
{
        for (size_t i = 0; i < n; i++)
                *out++ = p[i] < 0x20 || p[i] == 0x7f ? '?' : (char)p[i];
        *out = 0;
}

/* Where the answer to a secret's question comes from: option, file, label, terminal. */
static int get_secret(void *ctx, int security, const char **username, const uint8_t **out,
                      size_t *len, struct diag *d)
{
        const char *text = security == 2 ? (opts.password ? opts.password : opts.pop) : opts.pop;
        const char *file = security == 2 && opts.password_file ? opts.password_file : opts.pop_file;
        const struct passphrase_source from = { .file = file,
                                                .fd = -1,
                                                .options = security == 2 ? "--password-file FILE"
                                                                         : "--pop-file FILE" };
        const struct prov_info *info = ctx;
        int rc;

        *username = opts.username ? opts.username : "wifiprov";
        if (!secret.data && text) {
                secret.len = strlen(text);
                secret.data = (uint8_t *)strdup(text);
                if (!secret.data)
                        return diag_set(d, E_NOMEM, "out of memory");
        }
        if (!secret.data && security == 1 && info->no_pop) {
                *out = (const uint8_t *)"";
                *len = 0;
                return 0;
        }
        if (!secret.data &&
            (rc = passphrase_read(&from,
                                  security == 2 ? "password of the device" : "proof of possession",
                                  false, &secret, d)) < 0)
                return rc;
        *out = secret.data;
        *len = secret.len;
        return 0;
}

static const char *take(const cJSON *j, const char *name, const char *have)
{
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);

        return have || !cJSON_IsString(v) ? have : strdup(v->valuestring);
}

/* The same for a secret, whose copy in the parser goes. */
static char *take_secret(const cJSON *j, const char *name)
{
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);
        char *copy = cJSON_IsString(v) ? strdup(v->valuestring) : NULL;

        if (copy)
                wipe(v->valuestring, strlen(v->valuestring));
        return copy;
}

int qr_apply(const char *text, size_t n, struct diag *d)
{
        cJSON *j = json_parse(text, n, NULL);
        const cJSON *security;

        if (!j)
                return diag_set(d, E_SYNTAX, "the label's payload is not JSON");
        if (!cJSON_IsObject(j) || !cJSON_GetObjectItemCaseSensitive(j, "name")) {
                cJSON_Delete(j);
                return diag_set(d, E_FORMAT, "the label's payload has no name");
        }
        /* what was typed wins over the label */
        opts.service = take(j, "name", opts.service);
        if (!opts.pop)
                opts.pop = label_pop = take_secret(j, "pop");
        opts.transport = take(j, "transport", opts.transport);
        opts.username = take(j, "username", opts.username);
        security = cJSON_GetObjectItemCaseSensitive(j, "security");
        if (opts.security < 0 && cJSON_IsNumber(security))
                opts.security = security->valueint;
        cJSON_Delete(j);
        from_label = opts;
        return 0;
}

static unsigned wait_ms(void)
{
        return opts.wait_s > 0 ? (unsigned)opts.wait_s * 1000 : 0;
}

/* esp_prov.py has the address in --service_name: "192.168.4.1:80". */
static bool is_address(const char *s)
{
        const char *colon = s ? strrchr(s, ':') : NULL;
        struct in_addr a;

        if (s && inet_pton(AF_INET, s, &a) == 1)
                return true;
        return colon && colon != s && colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == 0;
}

static const char *host_of_device(void)
{
        if (opts.host)
                return opts.host;
        return !opts.join && is_address(opts.service) ? opts.service : SOFTAP_HOST;
}

/* The device that was there is not reached any more, as when its radio follows the network's
 * channel. */
static int way_lost(void *ctx, unsigned tries, struct diag *d)
{
        const struct device *dev = ctx;

        if (tries == 1 && !opts.quiet)
                tool_error(dev->softap ? "the link to the device is lost; joining %s again"
                                       : "the link to the device is lost; looking for it at %s",
                           dev->softap ? opts.service : host_of_device());
        return dev->softap ? softap_rejoin(dev->softap, d) : 0;
}

static int http_link(struct device *dev, struct diag *d)
{
        const struct prov_http_config cfg = { .host = host_of_device(),
                                              .interface = dev->softap
                                                                   ? softap_interface(dev->softap)
                                                                   : opts.interface,
                                              .timeout_ms = wait_ms(),
                                              .joined = dev->softap != NULL,
                                              .lost = way_lost,
                                              .lost_ctx = dev };

        if (opts.verbose)
                tool_error("device at %s", cfg.host);
        return prov_http_open(&cfg, &dev->link, d);
}

/* Into the device's network first. */
static int join_softap(struct device *dev, struct diag *d)
{
        const struct passphrase_source from = { .file = opts.service_key_file, .fd = -1 };
        struct softap_config cfg = { .interface = opts.interface,
                                     .ssid = opts.service,
                                     .via = opts.join_with,
                                     .target = opts.host ? opts.host : SOFTAP_HOST };
        struct blob key = { 0 };
        int rc = 0;

        if (!opts.service)
                return diag_set(d, E_USAGE, "which SoftAP? --join needs --service");
        if (opts.service_key_file)
                rc = passphrase_read(&from, "service key", false, &key, d);
        if (rc < 0)
                return rc;
        cfg.key = opts.service_key ? (const uint8_t *)opts.service_key : key.data;
        cfg.key_len = opts.service_key ? strlen(opts.service_key) : key.len;
        if (opts.verbose)
                tool_error("joining %s", cfg.ssid);
        rc = softap_join(&cfg, &dev->softap, d);
        blob_free_secret(&key);
        if (rc == 0 && opts.verbose)
                tool_error("in the network of %s, on %s", cfg.ssid, softap_interface(dev->softap));
        return rc;
}

static int softap_link(struct device *dev, struct diag *d)
{
        const int rc = opts.join ? join_softap(dev, d) : 0;

        return rc < 0 ? rc : http_link(dev, d);
}

static int ble_link(struct device *dev, struct diag *d)
{
        const struct prov_ble_config cfg = { .adapter = opts.adapter,
                                             .service = opts.service,
                                             .timeout_ms = wait_ms() };

        if (!opts.service)
                return diag_set(d, E_USAGE,
                                "which device? give --service (provcli scan says what is there)");
        return prov_ble_open(&cfg, &dev->link, d);
}

static int console_link(struct device *dev, struct diag *d)
{
        if (!opts.port)
                return diag_set(d, E_USAGE, "which serial port? give -p");
        if (opts.baud < 1 || opts.baud > 10000000)
                return diag_set(d, E_USAGE, "--baud: 1 to 10000000");
        return prov_console_open(opts.port, (unsigned)opts.baud, wait_ms(), &dev->link, d);
}

static const struct transport {
        const char *name;
        int (*open)(struct device *dev, struct diag *d);
} transports[] = {
        { "softap", softap_link }, { "http", http_link },       { "httpd", http_link },
        { "ble", ble_link },       { "console", console_link },
};

static const struct transport *transport(const char *name)
{
        for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++)
                if (!strcasecmp(name, transports[i].name))
                        return &transports[i];
        return NULL;
}

int device_link(struct device *dev)
{
        struct diag d = { 0 };
        const struct transport *t;
        int rc;

        memset(dev, 0, sizeof *dev);
        if (opts.qr && !from_label.service &&
            ((rc = file_load(opts.qr, FILE_LIMIT_KEY, &label, &d)) < 0 ||
             (rc = qr_apply((const char *)label.data, label.len, &d)) < 0)) {
                say_failure(rc, &d, NULL);
                return rc;
        }
        t = transport(opts.transport ? opts.transport : "softap");
        if (t)
                rc = t->open(dev, &d);
        else
                rc = diag_set(&d, E_UNSUPPORTED,
                              "transport %s is not known here; softap, http, ble and console are",
                              opts.transport);
        if (rc < 0) {
                say_failure(rc, &d, NULL);
                device_close(dev);
        }
        return rc;
}

int device_open(struct device *dev)
{
        const struct prov_secrets secrets = { get_secret, &dev->session.info };
        struct diag d = { 0 };
        int rc = device_link(dev);

        if (rc < 0)
                return rc;
        rc = prov_session_open(&dev->session, dev->link, (int)opts.security, opts.insecure,
                               &secrets, &d);
        if (rc < 0) {
                say_failure(rc, &d, NULL);
                device_close(dev);
                return rc;
        }
        dev->open = true;
        if (opts.proto_ver && strcasecmp(opts.proto_ver, dev->session.info.ver) != 0) {
                rc = diag_set(&d, E_REFUSED, "the device's protocol version is %s, not %s",
                              dev->session.info.ver, opts.proto_ver);
                say_failure(rc, &d, NULL);
                device_close(dev);
                return rc;
        }
        if (opts.verbose)
                tool_error("session established, security %d", dev->session.security);
        return 0;
}

void device_close(struct device *dev)
{
        struct diag d = { 0 };

        if (dev->open)
                prov_session_free(&dev->session);
        dev->open = false;
        prov_link_close(dev->link);
        dev->link = NULL;
        if (softap_leave(dev->softap, &d) < 0)
                tool_error("%s", diag_text(&d));
        dev->softap = NULL;
        blob_free_secret(&secret);
        blob_free_secret(&label);
        if (label_pop) {
                wipe(label_pop, strlen(label_pop));
                opts.pop = NULL;
        }
}
