/* port.h's Wi-Fi station, on the backend that the environment chooses. */
#include "wifi.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "loop.h"

#define SPACE "wifi" /* namespace in PORT_NVS */

static const struct wifi_backend *backend;
static wifi_listener *listening;
static bool joined;

const struct wifi_backend *wifi_backend(void)
{
        static const struct {
                const char *name;
                const struct wifi_backend *ops;
        } all[] = { { "host", &wifi_air }, { "wpa", &wifi_wpa } };
        const char *choice = getenv("BOARD_WIFI");
        const char *colon;

        if (!choice || !*choice)
                choice = "host";
        colon = strchr(choice, ':');
        for (size_t i = 0; !backend && i < sizeof all / sizeof all[0]; i++) {
                const size_t n = strlen(all[i].name);

                if (strncmp(choice, all[i].name, n) != 0 || (choice[n] && choice[n] != ':'))
                        continue;
                if (all[i].ops->open(colon ? colon + 1 : "") == 0)
                        backend = all[i].ops;
                return backend;
        }
        if (!backend)
                port_log(PORT_ERROR, "BOARD_WIFI: host or wpa:STA[,AP]");
        return backend;
}

static void told(int reason)
{
        joined = reason == 0;
        if (listening)
                listening(reason);
}

int wifi_join(const struct wifi_network *n, wifi_listener *listener)
{
        const struct wifi_backend *b = wifi_backend();

        if (!b)
                return -E_LINK;
        b->leave();
        joined = false;
        listening = listener;
        return b->join(n, told);
}

/* To the app. */
static void post(int reason)
{
        struct prov_wifi_state s = { 0 };
        struct port_event ev = { .type = PORT_EV_WIFI_DOWN, .wifi = (enum port_wifi_reason)reason };

        if (reason == 0) {
                backend->state(&s);
                ev.type = PORT_EV_WIFI_UP;
                ev.text = s.ip4;
        }
        loop_post(LOOP_WIFI, &ev);
}

void wifi_take_over(void)
{
        listening = post;
}

int wifi_store(const struct wifi_network *n)
{
        int rc = port_kv_set(PORT_NVS, SPACE, "passphrase", n->passphrase);

        /* the SSID last: without it there are no credentials */
        return rc < 0 ? rc : port_kv_set(PORT_NVS, SPACE, "ssid", n->ssid);
}

static bool load(struct wifi_network *n)
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
        struct wifi_network n = { 0 };
        const bool there = load(&n);

        wipe(&n, sizeof n);
        return there;
}

int port_wifi_join(const struct port_wifi *w)
{
        struct wifi_network n = { 0 };
        int rc = 0;

        port_wifi_leave();
        if (!w) {
                rc = load(&n) ? 0 : -E_NOTFOUND;
        } else if (strlen(w->ssid) >= sizeof n.ssid ||
                   strlen(w->passphrase) >= sizeof n.passphrase) {
                rc = -E_RANGE;
        } else {
                strcpy(n.ssid, w->ssid);
                strcpy(n.passphrase, w->passphrase);
        }
        if (rc == 0)
                rc = wifi_join(&n, post);
        wipe(&n, sizeof n);
        return rc;
}

void port_wifi_leave(void)
{
        if (backend)
                backend->leave();
        joined = false;
        listening = NULL;
        loop_drop(LOOP_WIFI);
}

int port_wifi_rssi(void)
{
        return joined ? backend->rssi() : 0;
}
