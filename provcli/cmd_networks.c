/* provcli networks: what the device hears. */
#include "provcli.h"

#include "base/err.h"
#include "base/hex.h"

#define NETWORKS_MAX 256u

static bool passive;
static int64_t group = 5;
static int64_t period_ms = 120;
static int64_t scan_wait_s = 30;

const struct opt networks_options[] = {
        { 0, "passive", OPT_FLAG, &passive, NULL, "listen only", 0 },
        { 0, "group", OPT_INT, &group, "N",
          "channels at a time, 0 for all (default 5: the link survives)", 0 },
        { 0, "period", OPT_INT, &period_ms, "MS", "time on a channel (default 120)", 0 },
        { 0, "scan-wait", OPT_INT, &scan_wait_s, "S", "seconds for the scan (default 30)", 0 },
        { 0 },
};

static void show(const struct prov_ap *ap)
{
        char name[4 * PROV_SSID_MAX + 1];
        char mode[16];
        char mac[2 * PROV_BSSID_LEN + 1];
        struct json_writer w = { .out = stdout };

        hex_encode(ap->bssid, PROV_BSSID_LEN, mac);
        if (opts.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_strn(&w, "ssid", (const char *)ap->ssid, ap->ssid_len);
                json_str(&w, "bssid", mac);
                json_uint(&w, "channel", ap->channel);
                json_int(&w, "rssi", ap->rssi);
                json_str(&w, "auth", prov_auth_name(ap->auth, mode));
                json_close(&w, '}');
                putchar('\n');
                return;
        }
        printable(ap->ssid, ap->ssid_len, name);
        printf("%4d dBm  channel %2u  %-10s %s\n", ap->rssi, ap->channel,
               prov_auth_name(ap->auth, mode), ap->ssid_len ? name : "(hidden)");
}

int run_networks(int argc, char **argv)
{
        static struct prov_ap aps[NETWORKS_MAX];
        const struct prov_scan_options o = { passive, (uint32_t)group, (uint32_t)period_ms, 0,
                                             (unsigned)scan_wait_s * 1000 };
        struct device dev;
        struct diag d = { 0 };
        long n;
        int rc;

        (void)argc;
        (void)argv;
        if (group < 0 || group > 14 || period_ms < 0 || period_ms > 1500 || scan_wait_s < 1 ||
            scan_wait_s > 600)
                return usage_error("--group: 0 to 14; --period: 0 to 1500; --scan-wait: 1 to 600");
        if ((rc = device_open(&dev)) < 0)
                return (int)err_status(rc);
        n = prov_scan(&dev.session, &o, aps, NETWORKS_MAX, &d);
        device_close(&dev);
        if (n < 0)
                return say_failure((int)n, &d, NULL);
        for (long i = 0; i < n; i++)
                show(&aps[i]);
        if (!n && !opts.json && !opts.quiet)
                fputs("the device hears no network\n", stderr);
        return STATUS_DONE;
}
