/* The `wpa` backend of wifi.h: a real station through wpa_supplicant's control socket. */
#include "wpa.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"
#include "loop.h"
#include "wifi.h"
#include "wire/wpa_msg.h"

#define JOIN_MS      45000u /* an attempt that neither works nor is refused */
#define ADDRESS_MS   14000u /* a DHCP client asks four times in that */
#define LOOK_MS      100u   /* has the address come? */
#define FRESH_MS     15000u /* a list of networks that needs no other one */
#define USABLE_MS    60000u /* one that will do until the next is there */
#define MISSES       2      /* scans without the network: the first may have missed it */
#define PSK_HEX      64u    /* characters of a key that is no passphrase */
#define NETWORKS_MAX 64u

static char interface[IF_NAMESIZE];
static struct wpa_ctrl *station;
static enum { IDLE, JOINING, ADDRESS, UP } state;
static wifi_listener *tell;
static unsigned misses;
static uint64_t address_by;
static char got[WIFI_ADDRESS_MAX]; /* the address at UP */
static struct prov_ap seen[NETWORKS_MAX];
static uint32_t seen_count;
static bool scanning;
static uint64_t seen_at; /* 0: never */

static void take_events(int fd, short revents);

/* The socket is opened again after a daemon's restart. */
static int reach(void)
{
        struct diag d = { 0 };
        char path[64];
        int rc;

        if (station)
                return 0;
        strf(path, sizeof path, "/run/wpa_supplicant/%s", interface);
        if ((rc = wpa_ctrl_open(path, &station, &d)) < 0) {
                port_log(PORT_ERROR, diag_text(&d));
                return rc;
        }
        if ((rc = wpa_ctrl_attach(station)) < 0) {
                wpa_ctrl_close(station);
                station = NULL;
                return rc;
        }
        loop_watch(wpa_ctrl_fd(station), POLLIN, take_events);
        return 0;
}

static void drop(void)
{
        if (!station)
                return;
        loop_unwatch(wpa_ctrl_fd(station));
        wpa_ctrl_close(station);
        station = NULL;
        scanning = false;
}

/* --- the station --- */

static void give_up(void);
static void look_for_address(void);

static void stop_timers(void)
{
        loop_timer_stop(give_up);
        loop_timer_stop(look_for_address);
}

static void wpa_leave(void)
{
        stop_timers();
        if (station && state != IDLE)
                (void)wpa_ctrl_do(station, "REMOVE_NETWORK all");
        state = IDLE;
}

static void end(enum port_wifi_reason reason)
{
        wpa_leave();
        tell((int)reason);
}

static void give_up(void)
{
        end(misses ? PORT_WIFI_NOT_FOUND : PORT_WIFI_OTHER);
}

/* The interface's IPv4 address; a link-local one is none. */
static bool address(char out[WIFI_ADDRESS_MAX])
{
        struct ifaddrs *all = NULL;
        bool found = false;

        if (getifaddrs(&all) < 0)
                return false;
        for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
                struct sockaddr_in sa;

                if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
                    strcmp(i->ifa_name, interface) != 0)
                        continue;
                memcpy(&sa, i->ifa_addr, sizeof sa);
                found = ntohl(sa.sin_addr.s_addr) >> 16 != 0xa9fe &&
                        inet_ntop(AF_INET, &sa.sin_addr, out, WIFI_ADDRESS_MAX) != NULL;
        }
        freeifaddrs(all);
        return found;
}

static void look_for_address(void)
{
        char text[WIFI_ADDRESS_MAX];

        if (address(text)) {
                stop_timers();
                memcpy(got, text, sizeof got);
                state = UP;
                tell(0);
        } else if (loop_now() >= address_by) {
                end(PORT_WIFI_NO_ADDRESS);
        } else {
                loop_timer(LOOK_MS, look_for_address);
        }
}

static void take_scan(void);

static void take_event(enum wpa_event ev)
{
        const bool trying = state == JOINING || state == ADDRESS;

        if (ev == WPA_EV_SCANNED || ev == WPA_EV_SCAN_FAILED) {
                take_scan();
        } else if (ev == WPA_EV_CONNECTED && state == JOINING) {
                loop_timer_stop(give_up);
                state = ADDRESS;
                address_by = loop_now() + ADDRESS_MS;
                look_for_address();
        } else if (ev == WPA_EV_NOT_FOUND && state == JOINING) {
                if (++misses >= MISSES)
                        end(PORT_WIFI_NOT_FOUND);
        } else if (ev == WPA_EV_WRONG_KEY && trying) {
                end(PORT_WIFI_WRONG_KEY);
        } else if (ev == WPA_EV_REJECTED && trying) {
                end(PORT_WIFI_OTHER);
        } else if (ev == WPA_EV_DISCONNECTED && (state == UP || state == ADDRESS)) {
                end(state == UP ? PORT_WIFI_LOST : PORT_WIFI_OTHER);
        }
}

static void take_events(int fd, short revents)
{
        char text[WPA_CTRL_ANSWER_MAX];
        int rc;

        (void)fd;
        (void)revents;
        while (station && (rc = wpa_ctrl_event(station, text, sizeof text)) != 0) {
                const enum wpa_event ev = rc < 0 ? WPA_EV_TERMINATING : wpa_event_of(text);

                if (ev != WPA_EV_TERMINATING) {
                        take_event(ev);
                        continue;
                }
                port_log(PORT_WARN, "wpa_supplicant has ended");
                drop();
                if (state != IDLE)
                        end(state == UP ? PORT_WIFI_LOST : PORT_WIFI_OTHER);
        }
}

/* One word of the network's block; value is quoted where it is text. */
static int set(int id, const char *name, const char *value)
{
        return wpa_ctrl_do(station, "SET_NETWORK %d %s %s", id, name, value);
}

static int set_key(int id, const char *key)
{
        const size_t n = strlen(key);
        int rc;

        if (n == 0)
                return set(id, "key_mgmt", "NONE");
        /* WPA3 too, where this wpa_supplicant can */
        if (n < PSK_HEX && set(id, "key_mgmt", "WPA-PSK WPA-PSK-SHA256 SAE") == 0)
                rc = set(id, "ieee80211w", "1");
        else
                rc = set(id, "key_mgmt", "WPA-PSK");
        if (rc < 0)
                return rc;
        if (n == PSK_HEX)
                return set(id, "psk", key);
        return wpa_ctrl_do(station, "SET_NETWORK %d psk \"%s\"", id, key);
}

static int set_place(int id, const struct wifi_network *n)
{
        const uint8_t *b = n->bssid;
        char text[32];
        int rc = 0;

        if (n->has_bssid) {
                strf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
                     b[4], b[5]);
                rc = set(id, "bssid", text);
        }
        if (rc == 0 && wpa_frequency((uint32_t)n->channel)) {
                strf(text, sizeof text, "%u", (unsigned)wpa_frequency((uint32_t)n->channel));
                if ((rc = set(id, "scan_freq", text)) == 0)
                        rc = set(id, "freq_list", text);
        }
        return rc;
}

static int add(const struct wifi_network *n)
{
        char hex[2 * WIFI_SSID_MAX];
        char text[16];
        int id, rc;

        (void)wpa_ctrl_do(station, "REMOVE_NETWORK all");
        (void)wpa_ctrl_do(station, "SCAN_INTERVAL 1"); /* between two that have not found it */
        if (wpa_ctrl_ask(station, text, sizeof text, "ADD_NETWORK") < 0 || *text < '0' ||
            *text > '9')
                return -E_LINK;
        id = atoi(text);
        hex_encode((const uint8_t *)n->ssid, strlen(n->ssid), hex);
        if ((rc = set(id, "ssid", hex)) < 0 || (rc = set(id, "scan_ssid", "1")) < 0 ||
            (rc = set_key(id, n->passphrase)) < 0 || (rc = set_place(id, n)) < 0)
                return rc;
        return wpa_ctrl_do(station, "SELECT_NETWORK %d", id);
}

static int wpa_join(const struct wifi_network *n, wifi_listener *to)
{
        int rc;

        wpa_leave();
        if ((rc = reach()) < 0)
                return rc;
        rc = add(n);
        if (rc == -E_LINK || rc == -E_TIMEOUT) { /* another daemon since the last time? */
                drop();
                rc = reach() < 0 ? rc : add(n);
        }
        if (rc < 0)
                return rc;
        tell = to;
        misses = 0;
        state = JOINING;
        loop_timer(JOIN_MS, give_up);
        return 0;
}

static void wpa_state(struct prov_wifi_state *s)
{
        char text[WPA_CTRL_ANSWER_MAX], value[64];

        if (!address(s->ip4)) /* a lease that is renewed */
                memcpy(s->ip4, got, sizeof got);
        if (!station || wpa_ctrl_ask(station, text, sizeof text, "STATUS") < 0)
                return;
        if (wpa_value(text, "bssid", value, sizeof value) == 17) {
                s->has_bssid = true;
                for (unsigned i = 0; i < 6; i++)
                        if (hex_decode(value + 3 * i, 2, &s->bssid[i], 1, NULL) != 1)
                                s->has_bssid = false;
        }
        if (wpa_value(text, "freq", value, sizeof value) > 0)
                s->channel = (int32_t)wpa_channel((uint32_t)atoi(value));
        if (wpa_value(text, "key_mgmt", value, sizeof value) > 0)
                s->auth = wpa_auth(value);
}

static int wpa_rssi(void)
{
        char text[512], value[16];

        if (!station || wpa_ctrl_ask(station, text, sizeof text, "SIGNAL_POLL") < 0 ||
            wpa_value(text, "RSSI", value, sizeof value) < 0)
                return 0;
        return atoi(value);
}

/* --- networks in the air --- */

static int stronger(const void *a, const void *b)
{
        return ((const struct prov_ap *)b)->rssi - ((const struct prov_ap *)a)->rssi;
}

static void take_scan(void)
{
        char text[WPA_CTRL_ANSWER_MAX];
        struct wpa_bss b;

        scanning = false;
        if (wpa_ctrl_ask(station, text, sizeof text, "SCAN_RESULTS") < 0)
                return;
        seen_count = 0;
        seen_at = loop_now();
        for (char *line = text, *next; line && seen_count < NETWORKS_MAX; line = next) {
                struct prov_ap *ap = &seen[seen_count];
                char *line_end = strchr(line, '\n');

                next = line_end ? line_end + 1 : NULL;
                if (wpa_bss_parse(line, line_end ? (size_t)(line_end - line) : strlen(line), &b) <
                    0)
                        continue;
                *ap = (struct prov_ap){ .channel = b.channel, .rssi = b.rssi, .auth = b.auth };
                memcpy(ap->bssid, b.bssid, sizeof ap->bssid);
                memcpy(ap->ssid, b.ssid, ap->ssid_len = b.ssid_len);
                seen_count++;
        }
        qsort(seen, seen_count, sizeof seen[0], stronger);
}

static bool younger_than(unsigned ms)
{
        return seen_at && loop_now() - seen_at < ms;
}

static int wpa_scan(void)
{
        if (reach() < 0)
                return -E_LINK;
        /* while it joins it scans by itself */
        if (scanning || state == JOINING || younger_than(FRESH_MS))
                return 0;
        scanning = wpa_ctrl_do(station, "SCAN") == 0;
        return 0;
}

static bool wpa_scanned(void)
{
        return !scanning || younger_than(USABLE_MS);
}

static bool wpa_network(uint32_t i, struct prov_ap *ap)
{
        if (i >= seen_count)
                return false;
        *ap = seen[i];
        return true;
}

static int wpa_open(const char *spec)
{
        const char *comma = strchr(spec, ',');
        const size_t n = comma ? (size_t)(comma - spec) : strlen(spec);

        if (n == 0 || n >= sizeof interface) {
                port_log(PORT_ERROR, "BOARD_WIFI: wpa needs the name of an interface");
                return -E_INVAL;
        }
        memcpy(interface, spec, n);
        interface[n] = 0;
        return comma ? wpa_ap_open(comma + 1) : 0;
}

const struct wifi_backend wifi_wpa = {
        wpa_open, wpa_join,    wpa_leave,   wpa_state,    wpa_rssi,
        wpa_scan, wpa_scanned, wpa_network, wpa_ap_start, wpa_ap_stop
};
