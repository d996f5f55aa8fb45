/* softap.h through wpa_supplicant's control socket. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"
#include "host/softap_impl.h"
#include "host/wpa_ctrl.h"
#include "wire/wpa_msg.h"

#define SOCKETS "/run/wpa_supplicant"
#define BACK_MS 20000u /* for the network of before */

static void socket_of(const char *interface, char *path, size_t cap)
{
        strf(path, cap, SOCKETS "/%s", interface);
}

static bool wpa_serves(const char *interface)
{
        struct wpa_ctrl *c;
        char path[64];

        socket_of(interface, path, sizeof path);
        if (wpa_ctrl_open(path, &c, NULL) < 0)
                return false;
        wpa_ctrl_close(c);
        return true;
}

/* What LIST_NETWORKS says: number, name, address, flags, separated by tabs. */
static int remember(struct softap_job *j, struct diag *d)
{
        char text[WPA_CTRL_ANSWER_MAX], state[32];
        const char *line;

        if (wpa_ctrl_ask(j->wpa, text, sizeof text, "STATUS") < 0)
                return diag_set(d, E_LINK, "%s: wpa_supplicant does not answer", j->cfg->interface);
        if (wpa_value(text, "wpa_state", state, sizeof state) > 0) {
                j->was_connected = !strcmp(state, "COMPLETED");
                j->was_off = !strcmp(state, "DISCONNECTED") || !strcmp(state, "INACTIVE");
        }
        if (wpa_ctrl_ask(j->wpa, text, sizeof text, "LIST_NETWORKS") < 0)
                return diag_set(d, E_LINK, "%s: its networks cannot be listed", j->cfg->interface);
        for (line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
                const size_t n = strcspn(line + 1, "\n");
                const char *tab = memchr(line + 1, '\t', n);
                bool off = false;

                for (const char *p = line + 1; p + 10 <= line + 1 + n; p++)
                        off |= !memcmp(p, "[DISABLED]", 10);
                if (!tab || off)
                        continue;
                if (j->enabled_count == SOFTAP_NETWORKS_MAX)
                        return diag_set(d, E_RANGE, "%s: more than %u networks are enabled",
                                        j->cfg->interface, SOFTAP_NETWORKS_MAX);
                j->enabled[j->enabled_count++] = atoi(line + 1);
        }
        return 0;
}

static int add(struct softap_job *j)
{
        const struct softap_config *cfg = j->cfg;
        char hex[2 * SOFTAP_SSID_MAX + 1];
        char text[16];
        int rc;

        if (wpa_ctrl_ask(j->wpa, text, sizeof text, "ADD_NETWORK") < 0 || *text < '0' ||
            *text > '9')
                return -E_PERM;
        j->added = atoi(text);
        hex_encode((const uint8_t *)cfg->ssid, strlen(cfg->ssid), hex);
        if ((rc = wpa_ctrl_do(j->wpa, "SET_NETWORK %d ssid %s", j->added, hex)) < 0 ||
            (rc = wpa_ctrl_do(j->wpa, "SET_NETWORK %d scan_ssid 1", j->added)) < 0)
                return rc;
        if (cfg->key_len)
                rc = wpa_ctrl_do(j->wpa, "SET_NETWORK %d psk \"%.*s\"", j->added, (int)cfg->key_len,
                                 (const char *)cfg->key);
        else
                rc = wpa_ctrl_do(j->wpa, "SET_NETWORK %d key_mgmt NONE", j->added);
        return rc < 0 ? rc : wpa_ctrl_do(j->wpa, "SELECT_NETWORK %d", j->added);
}

/* The event that is waited for, one of those that end the wait, or OTHER: the time is up. */
static enum wpa_event await(struct softap_job *j, uint64_t end, bool until_key)
{
        char text[WPA_CTRL_ANSWER_MAX];

        for (;;) {
                struct pollfd p = { .fd = wpa_ctrl_fd(j->wpa), .events = POLLIN };
                const uint64_t now = softap_now();
                int rc;

                if (now >= end || poll(&p, 1, (int)(end - now)) == 0)
                        return WPA_EV_OTHER;
                while ((rc = wpa_ctrl_event(j->wpa, text, sizeof text)) > 0) {
                        const enum wpa_event ev = wpa_event_of(text);

                        if (ev == WPA_EV_CONNECTED || ev == WPA_EV_TERMINATING ||
                            (ev == WPA_EV_WRONG_KEY && until_key))
                                return ev;
                }
                if (rc < 0)
                        return WPA_EV_TERMINATING;
        }
}

static int wpa_join(struct softap_job *j, struct diag *d)
{
        const struct softap_config *cfg = j->cfg;
        char path[64];
        int rc;

        socket_of(cfg->interface, path, sizeof path);
        if ((rc = wpa_ctrl_open(path, &j->wpa, d)) < 0)
                return rc;
        if (wpa_ctrl_attach(j->wpa) < 0)
                return diag_set(d, E_LINK, "%s: wpa_supplicant does not answer", cfg->interface);
        if ((rc = remember(j, d)) < 0)
                return rc;
        if ((rc = add(j)) < 0)
                return diag_set(d, -rc, "%s: wpa_supplicant does not take the network %s",
                                cfg->interface, cfg->ssid);
        switch (await(j, j->deadline, true)) {
        case WPA_EV_CONNECTED:
                return 0;
        case WPA_EV_WRONG_KEY:
                return diag_set(d, E_VERIFY, "the SoftAP %s does not accept the service key",
                                cfg->ssid);
        case WPA_EV_TERMINATING:
                return diag_set(d, E_LINK, "%s: wpa_supplicant has ended", cfg->interface);
        default:
                return diag_set(d, E_TIMEOUT,
                                "%s cannot join the SoftAP %s; is the device in provisioning, and "
                                "near?",
                                cfg->interface, cfg->ssid);
        }
}

/* What was said so far is no news of what comes. */
static void forget_events(struct softap_job *j)
{
        char text[WPA_CTRL_ANSWER_MAX];

        while (wpa_ctrl_fd(j->wpa) >= 0 && wpa_ctrl_event(j->wpa, text, sizeof text) > 0)
                ;
}

static bool still_joined(struct softap_job *j)
{
        char text[WPA_CTRL_ANSWER_MAX], state[32], id[16];

        return wpa_ctrl_ask(j->wpa, text, sizeof text, "STATUS") >= 0 &&
               wpa_value(text, "wpa_state", state, sizeof state) > 0 &&
               !strcmp(state, "COMPLETED") && wpa_value(text, "id", id, sizeof id) > 0 &&
               atoi(id) == j->added;
}

/* wpa_supplicant looks for it by itself, but rests longer and longer between two scans. */
static int wpa_rejoin(struct softap_job *j, struct diag *d)
{
        forget_events(j);
        if (still_joined(j))
                return 0;
        if (wpa_ctrl_do(j->wpa, "SELECT_NETWORK %d", j->added) == 0 &&
            await(j, j->deadline, false) == WPA_EV_CONNECTED)
                return 0;
        return diag_set(d, E_LINK, "the SoftAP %s is not in the air any more", j->cfg->ssid);
}

static int wpa_leave(struct softap_job *j, struct diag *d)
{
        int rc = 0;

        if (!j->wpa)
                return 0;
        forget_events(j);
        if (j->added >= 0)
                rc = wpa_ctrl_do(j->wpa, "REMOVE_NETWORK %d", j->added);
        for (size_t i = 0; i < j->enabled_count; i++)
                if (wpa_ctrl_do(j->wpa, "ENABLE_NETWORK %d", j->enabled[i]) < 0)
                        rc = -E_LINK;
        if (rc == 0 && j->added >= 0 && j->enabled_count) {
                if (j->was_off)
                        rc = wpa_ctrl_do(j->wpa, "DISCONNECT");
                else
                        rc = wpa_ctrl_do(j->wpa, "REASSOCIATE");
                if (rc == 0 && j->was_connected &&
                    await(j, softap_now() + BACK_MS, false) != WPA_EV_CONNECTED)
                        rc = -E_TIMEOUT;
        }
        wpa_ctrl_close(j->wpa);
        j->wpa = NULL;
        return rc < 0 ? diag_set(d, -rc,
                                 "%s is not back in its network yet; wpa_cli -i %s reconfigure",
                                 j->cfg->interface, j->cfg->interface)
                      : 0;
}

const struct softap_way softap_wpa = { "wpa", wpa_serves, wpa_join, wpa_rejoin, wpa_leave };
