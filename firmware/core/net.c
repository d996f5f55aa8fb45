#include "firmware/core/net.h"

#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "firmware/core/say.h"

const char *net_reason(enum port_wifi_reason r)
{
        static const char *const texts[] = {
                [PORT_WIFI_LOST] = "connection lost",
                [PORT_WIFI_WRONG_KEY] = "wrong password",
                [PORT_WIFI_NOT_FOUND] = "network not found",
                [PORT_WIFI_NO_ADDRESS] = "no address",
                [PORT_WIFI_OTHER] = "not joined",
        };

        return texts[(unsigned)r <= PORT_WIFI_OTHER ? r : PORT_WIFI_OTHER];
}

static void wait_again(struct net *n, uint64_t now)
{
        const uint32_t ms = backoff_next(&n->backoff, now);

        n->state = NET_WAITING;
        n->retry_at = now + ms;
        say(PORT_INFO, "network: next attempt in %u ms", (unsigned)ms);
}

static void join(struct net *n, uint64_t now)
{
        const int rc = port_wifi_join(n->built_in.ssid ? &n->built_in : NULL);

        n->state = NET_JOINING;
        if (rc == 0)
                return;
        say(PORT_ERROR, "network: cannot join: %s", err_text(rc));
        wait_again(n, now);
}

static const struct {
        const char *word, *text; /* in fctry; for people */
} transports[] = {
        [PORT_PROV_BLE] = { "ble", "BLE" },
        [PORT_PROV_SOFTAP] = { "softap", "SoftAP" },
        [PORT_PROV_CONSOLE] = { "console", "the console" },
};

static void provision(struct net *n, uint64_t now)
{
        const int rc = port_prov_start(&n->prov);

        if (n->prov.transport == PORT_PROV_CONSOLE && !n->prov.console)
                say(PORT_ERROR, "provisioning: over the console only, and that is locked");
        n->state = NET_PROVISIONING;
        if (rc == 0) {
                say(PORT_INFO, "provisioning: %s over %s, security %u", n->name,
                    transports[n->prov.transport].text, n->prov.security);
                n->retry_at = UINT64_MAX;
                return;
        }
        say(PORT_ERROR, "provisioning: does not start: %s", err_text(rc));
        n->retry_at = now + backoff_next(&n->backoff, now);
}

/* The advertised name: fctry's, or PROV_ and the end of the MAC as Espressif's examples do. */
static void choose_name(struct net *n, const struct identity *id)
{
        const char *name = identity_text(id, IDENTITY_SERVICE_NAME);
        uint8_t mac[6];

        if (name && strlen(name) < sizeof n->name) {
                memcpy(n->name, name, strlen(name) + 1);
                return;
        }
        if (name)
                say(PORT_WARN, "provisioning: service_name is longer than %u bytes, not used",
                    NET_NAME_MAX - 1);
        port_mac(mac);
        (void)strf(n->name, sizeof n->name, "PROV_%02X%02X%02X", mac[3], mac[4], mac[5]);
}

static void choose_transport(struct net *n, const struct identity *id)
{
        const char *word = identity_text(id, IDENTITY_TRANSPORT);

        n->prov.transport = n->cfg->transport;
        for (unsigned i = 0; word && i < sizeof transports / sizeof *transports; i++) {
                if (strcmp(word, transports[i].word) != 0)
                        continue;
                n->prov.transport = (enum port_prov_transport)i;
                return;
        }
        if (word)
                say(PORT_WARN, "provisioning: prov_transport is ble, softap or console, not %s",
                    word);
}

/*
 * A unit with salt and verifier has security 2, one with a proof of possession 1. Neither build nor
 * fctry can make that 0: a product never falls below what its label promises.
 */
static void choose_security(struct net *n, const struct identity *id)
{
        const struct port_blob *salt = &id->item[IDENTITY_SALT];
        const struct port_blob *verifier = &id->item[IDENTITY_VERIFIER];
        const char *chosen = identity_text(id, IDENTITY_SECURITY);
        const bool zero = chosen && strcmp(chosen, "0") == 0;

        n->prov.security = 1;
        if (salt->len && verifier->len) {
                n->prov.security = 2;
                n->prov.salt = salt->p;
                n->prov.salt_len = salt->len;
                n->prov.verifier = verifier->p;
                n->prov.verifier_len = verifier->len;
        } else if (!n->prov.pop && (zero || (n->cfg->security_0 && !chosen))) {
                n->prov.security = 0;
                say(PORT_WARN, "provisioning: security 0: the network's passphrase comes in clear "
                               "text, from whoever is near");
        } else if (!n->prov.pop) {
                say(PORT_WARN, "provisioning: fctry has no proof of possession: whoever is near "
                               "can set this unit up");
        }
        if (chosen && n->prov.security != 0)
                say(PORT_WARN, "provisioning: prov_security is not taken: only 0 can be chosen, on "
                               "a unit without proof of possession and verifier");
}

static void prepare(struct net *n, const struct identity *id, bool console)
{
        choose_name(n, id);
        n->prov = (struct port_prov){ .console = console,
                                      .service_name = n->name,
                                      .service_key = identity_text(id, IDENTITY_SERVICE_KEY),
                                      .pop = identity_text(id, IDENTITY_POP) };
        choose_transport(n, id);
        choose_security(n, id);
}

void net_start(struct net *n, const struct outlet_config *cfg, const struct identity *id,
               bool console, uint64_t now)
{
        memset(n, 0, sizeof *n);
        n->cfg = cfg;
        n->backoff.base_ms = NET_RETRY_BASE_MS;
        n->backoff.cap_ms = NET_RETRY_CAP_MS;
        if (cfg->wifi_ssid && *cfg->wifi_ssid) {
                n->built_in.ssid = cfg->wifi_ssid;
                n->built_in.passphrase = cfg->wifi_passphrase ? cfg->wifi_passphrase : "";
        }
        if (n->built_in.ssid || port_wifi_stored()) {
                join(n, now);
                return;
        }
        prepare(n, id, console);
        provision(n, now);
}

void net_console(struct net *n, bool open)
{
        n->prov.console = open;
}

static void up(struct net *n, const char *address, uint64_t now)
{
        n->state = NET_UP;
        backoff_up(&n->backoff, now);
        say(PORT_INFO, "network: up, address %s, %d dBm", address ? address : "?",
            port_wifi_rssi());
}

void net_event(struct net *n, const struct port_event *ev, uint64_t now)
{
        switch (ev->type) {
        case PORT_EV_WIFI_UP:
                if (n->state == NET_JOINING)
                        up(n, ev->text, now);
                break;
        case PORT_EV_WIFI_DOWN:
                if (n->state != NET_JOINING && n->state != NET_UP)
                        break;
                say(PORT_WARN, "network: %s", net_reason(ev->wifi));
                wait_again(n, now);
                break;
        case PORT_EV_PROV_CREDENTIALS:
                say(PORT_INFO, "provisioning: got credentials");
                break;
        case PORT_EV_PROV_FAILED:
                say(PORT_WARN, "provisioning: %s; waiting for other credentials",
                    net_reason(ev->wifi));
                break;
        case PORT_EV_PROV_DONE:
                if (n->state == NET_PROVISIONING)
                        up(n, ev->text, now);
                break;
        default:
                break;
        }
}

void net_stop(struct net *n)
{
        if (n->state == NET_PROVISIONING)
                port_prov_stop();
        else
                port_wifi_leave();
        n->state = NET_WAITING;
        n->retry_at = UINT64_MAX;
}

uint64_t net_tick(struct net *n, uint64_t now)
{
        if (n->state == NET_WAITING && now >= n->retry_at)
                join(n, now);
        else if (n->state == NET_PROVISIONING && now >= n->retry_at)
                provision(n, now);
        return n->state == NET_WAITING || n->state == NET_PROVISIONING ? n->retry_at : UINT64_MAX;
}
