/* provcli softap, ble, console, http, qr: credentials to the device, result back, again if they
 * were wrong.
 */
#include "provcli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/csv.h"
#include "host/file.h"
#include "host/passphrase.h"
#include "host/report.h"

static const char *ssid, *passphrase, *passphrase_file, *try_file, *bssid, *custom_data;
static int64_t channel;
static bool open_network, do_reset, do_reprov, do_gen_cred;

const struct opt provision_options[] = {
        { 0, "ssid", OPT_STR, &ssid, "SSID", "the network to join (also a hidden one)", 0 },
        { 0, "passphrase", OPT_STR, &passphrase, "PASS",
          "its passphrase (others can see it in ps: --passphrase-file)", 0 },
        { 0, "passphrase-file", OPT_STR, &passphrase_file, "FILE",
          "its passphrase from a file, '-' for standard input", 0 },
        { 0, "open", OPT_FLAG, &open_network, NULL, "the network has no passphrase", 0 },
        { 0, "try", OPT_STR, &try_file, "FILE",
          "CSV of ssid,passphrase: the next one after each failure", 0 },
        { 0, "bssid", OPT_STR, &bssid, "MAC", "this access point only (02:11:22:33:44:55)", 0 },
        { 0, "channel", OPT_INT, &channel, "N", "the channel, 1 to 14", 0 },
        { 0, "custom_data|custom-data", OPT_STR, &custom_data, "TEXT",
          "sent to the endpoint custom-data first", 0 },
        { 0, "reset", OPT_FLAG, &do_reset, NULL,
          "reset the device's state after a failed attempt, nothing else", 0 },
        { 0, "reprov", OPT_FLAG, &do_reprov, NULL,
          "make the device wait for credentials again, nothing else", 0 },
        { 0, "sec2_gen_cred", OPT_FLAG, &do_gen_cred, NULL, NULL, 0 },
        { 0, "sec2_salt_len", OPT_INT, &gen_cred_salt_len, "N", NULL, 0 },
        { 0 },
};

#define CHOICE_MAX 32u /* networks that a person is shown */

/* The networks to try, in order. */
struct candidates {
        struct prov_credentials *list;
        size_t count;
};

void wipe_credentials(struct prov_credentials *c)
{
        wipe(c, sizeof *c);
}

int credentials_set(struct prov_credentials *c, const char *name, const uint8_t *pass,
                    size_t pass_len, struct diag *d)
{
        const size_t n = strlen(name);

        memset(c, 0, sizeof *c);
        if (n == 0 || n > PROV_SSID_MAX)
                return diag_set(d, E_RANGE, "SSID of %zu bytes: a network's name has 1 to %u", n,
                                PROV_SSID_MAX);
        if (pass_len > PROV_PASSPHRASE_MAX || (pass_len && pass_len < 8))
                return diag_set(d, E_RANGE, "passphrase of %zu bytes: WPA takes 8 to %u", pass_len,
                                PROV_PASSPHRASE_MAX);
        memcpy(c->ssid, name, c->ssid_len = n);
        memcpy(c->passphrase, pass, c->passphrase_len = pass_len);
        c->channel = (int32_t)channel;
        if (bssid) {
                char hex[2 * PROV_BSSID_LEN +
                         1]; /* one digit more, to see that there are too many */
                size_t k = 0;

                for (const char *p = bssid; *p && k < sizeof hex; p++)
                        if (*p != ':' && *p != '-')
                                hex[k++] = *p;
                c->has_bssid = hex_decode(hex, k, c->bssid, sizeof c->bssid, NULL) == 6;
                if (!c->has_bssid)
                        return diag_set(d, E_SYNTAX, "%s: not an address like 02:11:22:33:44:55",
                                        bssid);
        }
        return 0;
}

static int add(struct candidates *all, const char *name, const uint8_t *pass, size_t pass_len,
               struct diag *d)
{
        struct prov_credentials *grown = realloc(all->list, (all->count + 1) * sizeof *grown);

        if (!grown)
                return diag_set(d, E_NOMEM, "out of memory");
        all->list = grown;
        return credentials_set(&grown[all->count++], name, pass, pass_len, d);
}

struct try_ctx {
        struct candidates *all;
        struct report *r;
        const char *file;
        bool header_seen;
};

static int try_row(void *ctx, const struct csv_row *row)
{
        struct try_ctx *t = ctx;
        struct diag d = { 0 };
        const char *pass = row->count > 1 ? row->fields[1].text : "";

        if (!t->header_seen && !strcmp(row->fields[0].text, "ssid")) {
                t->header_seen = true;
                return 0;
        }
        t->header_seen = true;
        if (!*pass && !open_network) {
                report_error(t->r, E_FORMAT, t->file, row->line, 0,
                             "the network %s has no passphrase; fill it in, or say --open",
                             row->fields[0].text);
                return 0;
        }
        if (add(t->all, row->fields[0].text, (const uint8_t *)pass, strlen(pass), &d) < 0)
                report_error(t->r, d.code, t->file, row->line, row->fields[0].column, "%s",
                             diag_text(&d));
        return 0;
}

static int add_file(struct candidates *all, const char *file, struct diag *d)
{
        static const struct csv_config cfg = { .comments = true };
        struct report r = { 0 };
        struct try_ctx t = { all, &r, file, false };
        struct blob text;
        int rc = file_load(file, FILE_LIMIT_TEXT, &text, d);

        if (rc < 0)
                return rc;
        csv_read(file, (const char *)text.data, text.len, &cfg, try_row, &t, &r);
        blob_free_secret(&text);
        if (r.errors)
                return diag_set(d, r.first_code,
                                "%s: no network is tried before its rows are right", file);
        if (!all->count)
                return diag_set(d, E_FORMAT, "%s: there is no network in it", file);
        return 0;
}

/* What the device hears, on the terminal; the count. */
static size_t show_networks(struct device *dev, struct prov_ap *aps, size_t cap)
{
        const struct prov_scan_options o = { .group_channels = 5, .period_ms = 120 };
        char name[4 * PROV_SSID_MAX + 1];
        char mode[16];
        long n;

        if (!dev->session.info.wifi_scan)
                return 0;
        n = prov_scan(&dev->session, &o, aps, cap, NULL);
        for (long i = 0; i < n; i++) {
                printable(aps[i].ssid, aps[i].ssid_len, name);
                fprintf(stderr, "%4ld  %4d dBm  %-10s %s\n", i + 1, aps[i].rssi,
                        prov_auth_name(aps[i].auth, mode), aps[i].ssid_len ? name : "(hidden)");
        }
        return n < 0 ? 0 : (size_t)n;
}

static char chosen[128];
static bool chosen_open; /* it wants no passphrase */

/* A person chooses from what the device hears, by number, or types a name. */
static int choose(struct device *dev, struct diag *d)
{
        struct prov_ap aps[CHOICE_MAX];
        const size_t n = show_networks(dev, aps, CHOICE_MAX);
        unsigned long number;
        char *end;

        fputs(n ? "network (number or name): " : "network (name): ", stderr);
        if (!fgets(chosen, sizeof chosen, stdin))
                return diag_set(d, E_USAGE, "no network was named");
        chosen[strcspn(chosen, "\n")] = 0;
        chosen_open = false;
        number = strtoul(chosen, &end, 10);
        if (end != chosen && !*end && number >= 1 && number <= n && aps[number - 1].ssid_len) {
                const struct prov_ap *ap = &aps[number - 1];

                chosen_open = ap->auth == 0;
                memcpy(chosen, ap->ssid, ap->ssid_len);
                chosen[ap->ssid_len] = 0;
        }
        ssid = chosen;
        return 0;
}

/* The first network: from the options, with a passphrase that may be typed. */
static int first_candidate(struct candidates *all, struct diag *d)
{
        struct passphrase_source from = { .file = passphrase_file,
                                          .fd = -1,
                                          .options = "--passphrase-file FILE or --open" };
        struct blob typed = { 0 };
        int rc;

        if (passphrase)
                return add(all, ssid, (const uint8_t *)passphrase, strlen(passphrase), d);
        if (open_network || chosen_open)
                return add(all, ssid, (const uint8_t *)"", 0, d);
        if ((rc = passphrase_read(&from, "passphrase of the network", false, &typed, d)) < 0)
                return rc;
        rc = add(all, ssid, typed.data, typed.len, d);
        blob_free_secret(&typed);
        return rc;
}

static void show_progress(void *ctx, const struct prov_wifi_state *s)
{
        (void)ctx;
        if (opts.verbose && s->has_attempts)
                tool_error("connecting, %u attempts left", s->attempts_left);
        else if (opts.verbose)
                tool_error("%s", s->sta_state == PROV_STA_CONNECTED ? "connected" : "connecting");
}

static void say_success(const struct prov_wifi_state *s, const struct device *dev, uint64_t ms)
{
        char name[4 * PROV_SSID_MAX + 1];
        char mode[16];
        struct json_writer w = { .out = stdout };

        if (opts.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "result", "connected");
                json_strn(&w, "ssid", (const char *)s->ssid, s->ssid_len);
                json_str(&w, "ip4", s->ip4);
                json_int(&w, "channel", s->channel);
                json_str(&w, "auth", prov_auth_name(s->auth, mode));
                json_uint(&w, "ms", ms);
                json_uint(&w, "requests", dev->link->requests);
                json_close(&w, '}');
                putchar('\n');
        } else if (!opts.quiet) {
                printable(s->ssid, s->ssid_len, name);
                printf("connected to %s, address %s, channel %d, %s, %.1f s\n", name, s->ip4,
                       s->channel, prov_auth_name(s->auth, mode), (double)ms / 1000);
        }
}

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* One after the other; a failure is reset on the device, without a reboot. */
static int try_all(struct device *dev, struct candidates *all, struct diag *d,
                   struct prov_wifi_state *state)
{
        const struct prov_join_options o = {
                .timeout_ms = (unsigned)(opts.timeout_s > 0 ? opts.timeout_s * 1000 : 0),
                .progress = show_progress
        };
        const uint64_t start = now_ms();
        int rc = -E_NOTFOUND;

        for (size_t i = 0; i < all->count; i++) {
                char name[4 * PROV_SSID_MAX + 1];

                memset(d, 0, sizeof *d);
                memset(state, 0, sizeof *state);
                rc = prov_join(&dev->session, &all->list[i], &o, state, d);
                if (rc == 0) {
                        say_success(state, dev, now_ms() - start);
                        return 0;
                }
                if (rc != -E_VERIFY || i + 1 == all->count)
                        break;
                printable(all->list[i].ssid, all->list[i].ssid_len, name);
                tool_error("%s: %s; trying the next", name, diag_text(d));
                if ((rc = prov_ctrl(&dev->session, PROV_CTRL_RESET, d)) < 0)
                        break;
        }
        /* leave the device ready for another try */
        if (rc == -E_VERIFY)
                prov_ctrl(&dev->session, PROV_CTRL_RESET, NULL);
        return rc;
}

static int type_passphrase(struct candidates *all, struct diag *d)
{
        const struct passphrase_source terminal = { .fd = -1 };
        struct blob typed = { 0 };
        int rc = passphrase_read(&terminal, "passphrase of the network", false, &typed, d);

        if (rc == 0)
                rc = add(all, ssid, typed.data, typed.len, d);
        blob_free_secret(&typed);
        return rc;
}

/* A person at the terminal may type the passphrase again, or choose another network. */
static int ask_again(struct device *dev, struct candidates *all, struct diag *d,
                     struct prov_wifi_state *state)
{
        int rc = -E_VERIFY;

        while (rc == -E_VERIFY && state->sta_state == PROV_STA_FAILED && isatty(STDIN_FILENO) &&
               !try_file) {
                const bool absent = state->has_reason && state->reason == PROV_FAIL_NOT_FOUND;

                if (!absent && passphrase_file) /* it will not be another one */
                        break;
                tool_error("%s; try again", diag_text(d));
                memset(d, 0, sizeof *d);
                wipe(all->list, all->count * sizeof *all->list);
                all->count = 0;
                if (absent && (rc = choose(dev, d)) < 0)
                        break;
                rc = absent ? first_candidate(all, d) : type_passphrase(all, d);
                if (rc == 0)
                        rc = try_all(dev, all, d, state);
        }
        return rc;
}

int run_provision(int argc, char **argv)
{
        struct device dev;
        struct candidates all = { 0 };
        struct prov_wifi_state state = { 0 };
        struct diag d = { 0 };
        uint8_t answer[PROV_MESSAGE_MAX];
        int rc;

        (void)argc;
        (void)argv;
        if (do_gen_cred)
                return run_gen_cred(0, NULL);
        if (do_reset || do_reprov)
                return do_reset ? run_reset(0, NULL) : run_reprov(0, NULL);
        if (channel < 0 || channel > 14)
                return usage_error("--channel: 1 to 14");
        if (try_file && (rc = add_file(&all, try_file, &d)) < 0)
                goto failed;
        if (!try_file && !ssid && !isatty(STDIN_FILENO))
                return usage_error("which network? give --ssid, or --try with a list");
        if (ssid && (rc = first_candidate(&all, &d)) < 0)
                goto failed;
        if ((rc = device_open(&dev)) < 0) {
                rc = (int)err_status(rc);
                goto out;
        }
        if (all.count == 0 &&
            ((rc = choose(&dev, &d)) < 0 || (rc = first_candidate(&all, &d)) < 0)) {
                device_close(&dev);
                goto failed;
        }
        if (custom_data) {
                const long n = prov_session_request(&dev.session, "custom-data",
                                                    (const uint8_t *)custom_data,
                                                    strlen(custom_data), answer, sizeof answer, &d);

                if (n < 0) {
                        rc = (int)n;
                        device_close(&dev);
                        goto failed;
                }
        }
        rc = try_all(&dev, &all, &d, &state);
        if (rc == -E_VERIFY)
                rc = ask_again(&dev, &all, &d, &state);
        device_close(&dev);
        if (rc < 0)
                goto failed;
        goto out;
failed:
        rc = d.code == E_USAGE ? usage_error("%s", diag_text(&d)) : say_failure(rc, &d, &state);
out:
        if (all.list)
                wipe(all.list, all.count * sizeof *all.list);
        free(all.list);
        return rc;
}

int run_softap(int argc, char **argv)
{
        opts.transport = "softap";
        return run_provision(argc, argv);
}

int run_ble(int argc, char **argv)
{
        opts.transport = "ble";
        return run_provision(argc, argv);
}

int run_console(int argc, char **argv)
{
        opts.transport = "console";
        return run_provision(argc, argv);
}

int run_http(int argc, char **argv)
{
        opts.transport = "http";
        opts.host = argv[0];
        return run_provision(argc, argv);
}

int run_qr(int argc, char **argv)
{
        struct blob text = { 0 };
        struct diag d = { 0 };
        int rc;

        if (argc)
                rc = qr_apply(argv[0], strlen(argv[0]), &d);
        else if ((rc = file_load("-", FILE_LIMIT_KEY, &text, &d)) == 0)
                rc = qr_apply((const char *)text.data, text.len, &d);
        blob_free_secret(&text);
        return rc < 0 ? say_failure(rc, &d, NULL) : run_provision(0, NULL);
}
