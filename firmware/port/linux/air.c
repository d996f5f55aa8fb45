/* port.h's Wi-Fi station on the `host` backend. */
#include "air.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "loop.h"

#define JOIN_MS 200u   /* as quick as a router near by */
#define SPACE   "wifi" /* namespace in PORT_NVS */

static struct air_network wanted;
static bool joined;

bool air_network(unsigned i, struct air_network *n)
{
        const char *path = getenv("BOARD_AIR");
        FILE *f = path ? fopen(path, "re") : NULL;
        char line[AIR_SSID_MAX + AIR_PASS_MAX + 2];
        bool found = false;

        while (f && !found && fgets(line, sizeof line, f)) {
                char *tab = strchr(line, '\t');

                line[strcspn(line, "\r\n")] = 0;
                if (tab)
                        *tab++ = 0;
                if (!*line || strlen(line) >= AIR_SSID_MAX ||
                    (tab && strlen(tab) >= AIR_PASS_MAX) || i-- > 0)
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

int air_join(const char *ssid, const char *passphrase)
{
        struct air_network n;
        int rc = PORT_WIFI_NOT_FOUND;

        for (unsigned i = 0; air_network(i, &n); i++) {
                if (strcmp(n.ssid, ssid) != 0)
                        continue;
                rc = strcmp(n.passphrase, passphrase) ? PORT_WIFI_WRONG_KEY : 0;
                if (rc == 0)
                        break;
        }
        wipe(&n, sizeof n);
        return rc;
}

int air_store(const struct air_network *n)
{
        int rc = port_kv_set(PORT_NVS, SPACE, "passphrase", n->passphrase);

        /* the SSID last: without it there are no credentials */
        return rc < 0 ? rc : port_kv_set(PORT_NVS, SPACE, "ssid", n->ssid);
}

static bool load(struct air_network *n)
{
        const int s = port_kv_get(PORT_NVS, SPACE, "ssid", n->ssid, sizeof n->ssid - 1);
        const int p =
                port_kv_get(PORT_NVS, SPACE, "passphrase", n->passphrase, sizeof n->passphrase - 1);

        if (s <= 0 || p < 0)
                return false;
        n->ssid[s] = 0;
        n->passphrase[p] = 0;
        return true;
}

bool port_wifi_stored(void)
{
        struct air_network n;
        const bool there = load(&n);

        wipe(&n, sizeof n);
        return there;
}

static void join_now(void)
{
        const int reason = air_join(wanted.ssid, wanted.passphrase);
        struct port_event ev = { .type = PORT_EV_WIFI_UP, .text = AIR_ADDRESS };

        joined = reason == 0;
        if (!joined) {
                ev.type = PORT_EV_WIFI_DOWN;
                ev.wifi = (enum port_wifi_reason)reason;
        }
        wipe(&wanted, sizeof wanted);
        loop_post(LOOP_WIFI, &ev);
}

int port_wifi_join(const struct port_wifi *w)
{
        port_wifi_leave();
        if (!w) {
                if (!load(&wanted))
                        return -E_NOTFOUND;
        } else {
                if (strlen(w->ssid) >= AIR_SSID_MAX || strlen(w->passphrase) >= AIR_PASS_MAX)
                        return -E_RANGE;
                strcpy(wanted.ssid, w->ssid);
                strcpy(wanted.passphrase, w->passphrase);
        }
        loop_timer(JOIN_MS, join_now);
        return 0;
}

void port_wifi_leave(void)
{
        joined = false;
        loop_timer_stop(join_now);
        loop_drop(LOOP_WIFI);
        wipe(&wanted, sizeof wanted);
}

int port_wifi_rssi(void)
{
        return joined ? -42 : 0;
}
