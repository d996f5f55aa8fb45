/* On which network, and how to get there: built-in credentials, stored ones, or provisioning. */
#ifndef CORE_NET_H
#define CORE_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/backoff.h"
#include "firmware/core/identity.h"
#include "firmware/core/outlet_config.h"

#define NET_RETRY_BASE_MS 1000u
#define NET_RETRY_CAP_MS  60000u /* a slow router is found within a minute of its return */
#define NET_NAME_MAX      32u    /* bytes of a service name with its NUL (SSID, BLE name) */

enum net_state {
        NET_PROVISIONING, /* waits for somebody to tell it a network */
        NET_JOINING,
        NET_WAITING, /* for the next attempt */
        NET_UP,
};

/*
 * Credentials are never forgotten because they fail: a network that is not there now may come back,
 * and a wrong key may be the router's own trouble. Only the button forgets them.
 */
struct net {
        enum net_state state; /* read-only */
        /* private: */
        const struct outlet_config *cfg;
        struct port_wifi built_in;
        struct port_prov prov;
        char name[NET_NAME_MAX];
        struct backoff backoff;
        uint64_t retry_at;
};

/* cfg and id are borrowed for ever. console: it is open, so it may provision, too. */
void net_start(struct net *n, const struct outlet_config *cfg, const struct identity *id,
               bool console, uint64_t now);

/* It is open still, or locked. */
void net_console(struct net *n, bool open);

/* Takes PORT_EV_WIFI_* and PORT_EV_PROV_*, ignores the rest. */
void net_event(struct net *n, const struct port_event *ev, uint64_t now);

/* Returns when to call again, UINT64_MAX: after an event. */
uint64_t net_tick(struct net *n, uint64_t now);

/* Leaves the network, or ends provisioning: before a restart. */
void net_stop(struct net *n);

/* For people: "wrong password" … */
const char *net_reason(enum port_wifi_reason r);

#endif
