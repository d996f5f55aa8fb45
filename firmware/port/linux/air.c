/* The `host` backend of wifi.h: a list of networks stands for the air. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "loop.h"
#include "wifi.h"

#define JOIN_MS 200u /* as quick as a router near by */
#define ADDRESS "127.0.0.1"
#define RSSI    (-42)
#define CHANNEL 1
#define WPA2    3 /* WifiAuthMode */

static struct wifi_network wanted; /* once joined without its passphrase */
static uint32_t number;            /* of the network that is joined */
static bool secured;
static wifi_listener *tell;

static void bssid_of(uint32_t i, uint8_t *bssid)
{
        memcpy(bssid, "\x02\x00\x00\x00\x00", 5);
        bssid[5] = (uint8_t)i;
}

/* The i-th network of the list; false behind the last one. */
static bool listed(uint32_t i, struct wifi_network *n)
{
        const char *path = getenv("BOARD_AIR");
        FILE *f = path ? fopen(path, "re") : NULL;
        char line[WIFI_SSID_MAX + WIFI_PASS_MAX + 2];
        bool found = false;

        while (f && !found && fgets(line, sizeof line, f)) {
                char *tab = strchr(line, '\t');

                line[strcspn(line, "\r\n")] = 0;
                if (tab)
                        *tab++ = 0;
                if (!*line || strlen(line) >= WIFI_SSID_MAX ||
                    (tab && strlen(tab) >= WIFI_PASS_MAX) || i-- > 0)
                        continue;
                strcpy(n->ssid, line);
                strcpy(n->passphrase, tab ? tab : "");
                found = true;
        }
        if (f)
                fclose(f);
        wipe(line, sizeof line);
        return found;
}

/* 0, or why it cannot be joined. */
static int look_for(const struct wifi_network *w)
{
        struct wifi_network n;
        uint8_t bssid[6];
        int rc = PORT_WIFI_NOT_FOUND;

        for (uint32_t i = 0; rc != 0 && listed(i, &n); i++) {
                bssid_of(i, bssid);
                if (strcmp(n.ssid, w->ssid) != 0 || (w->channel && w->channel != CHANNEL) ||
                    (w->has_bssid && memcmp(bssid, w->bssid, sizeof bssid) != 0))
                        continue;
                rc = strcmp(n.passphrase, w->passphrase) ? PORT_WIFI_WRONG_KEY : 0;
                number = i;
        }
        wipe(&n, sizeof n);
        return rc;
}

static void join_now(void)
{
        const int rc = look_for(&wanted);

        secured = *wanted.passphrase != 0;
        wipe(wanted.passphrase, sizeof wanted.passphrase);
        tell(rc);
}

static int air_open(const char *spec)
{
        (void)spec;
        if (!getenv("BOARD_AIR"))
                port_log(PORT_WARN, "BOARD_AIR names no list of networks: none is in the air");
        return 0;
}

static int air_join(const struct wifi_network *n, wifi_listener *to)
{
        wanted = *n;
        tell = to;
        loop_timer(JOIN_MS, join_now);
        return 0;
}

static void air_leave(void)
{
        loop_timer_stop(join_now);
        wipe(&wanted, sizeof wanted);
}

static void air_state(struct prov_wifi_state *s)
{
        strcpy(s->ip4, ADDRESS);
        s->auth = secured ? WPA2 : 0;
        s->has_bssid = true;
        bssid_of(number, s->bssid);
        s->channel = CHANNEL;
}

static int air_rssi(void)
{
        return RSSI;
}

static int air_scan(void)
{
        return 0;
}

static bool air_scanned(void)
{
        return true;
}

static bool air_network(uint32_t i, struct prov_ap *ap)
{
        struct wifi_network n;

        if (!listed(i, &n))
                return false;
        *ap = (struct prov_ap){ .channel = CHANNEL,
                                .rssi = RSSI,
                                .auth = *n.passphrase ? WPA2 : 0 };
        ap->ssid_len = strlen(n.ssid);
        memcpy(ap->ssid, n.ssid, ap->ssid_len);
        bssid_of(i, ap->bssid);
        wipe(&n, sizeof n);
        return true;
}

/* BOARD_SOFTAP: where its server listens; without it any port of 127.0.0.1. */
static int air_ap_start(const char *ssid, const char *key, const char **where)
{
        const char *given = getenv("BOARD_SOFTAP");

        (void)ssid, (void)key;
        *where = given ? given : "127.0.0.1:0";
        return 0;
}

static void air_ap_stop(void)
{
}

const struct wifi_backend wifi_air = {
        air_open, air_join,    air_leave,   air_state,    air_rssi,
        air_scan, air_scanned, air_network, air_ap_start, air_ap_stop
};
