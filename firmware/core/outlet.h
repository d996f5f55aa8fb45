/*
 * The outlet: what a platform's main loop calls. port.h is what the outlet calls.
 *
 *     static struct outlet outlet;            // some kilobytes: not on a stack
 *     outlet_start(&outlet, &config, now);
 *     for (;;) {
 *             wait until outlet_tick's time or an event;
 *             outlet_event(&outlet, &event, now);   // any number
 *             due = outlet_tick(&outlet, now);
 *     }
 *
 * now: milliseconds of a clock that never goes back and never wraps (64 bits), from any start.
 */
#ifndef CORE_OUTLET_H
#define CORE_OUTLET_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/port.h"

/* What a build decides. Strings are borrowed for ever; NULL: none. */
struct outlet_config {
        const char *wifi_ssid; /* built-in network for bring-up: used before any stored one */
        const char *wifi_passphrase;
        enum port_prov_transport transport; /* unless fctry says otherwise (prov_transport) */
        const char *endpoint;       /* of the cloud, "host" or "host:port", unless fctry has one */
        const char *ca;             /* PEM, for cloud and updates, unless fctry has one */
        const char *update_url;     /* of periodic updates */
        uint32_t update_interval_s; /* 300 … 9,999,999; 0: no periodic updates */
        uint32_t selftest_s;        /* a new version must reach the cloud in that time; 0: 90 */
        bool allow_downgrade;
        bool no_shadow;  /* no AWS IoT device shadow */
        bool esp_topics; /* secure_esp's topics: /esp/update/url … */
        bool cloudless;  /* no cloud wanted: the self-test asks for the network only */
};

struct outlet;

void outlet_start(struct outlet *o, const struct outlet_config *cfg, uint64_t now);
void outlet_event(struct outlet *o, const struct port_event *ev, uint64_t now);

/* Does what is due; returns when it wants to be called again (absolute, never before now + 1). */
uint64_t outlet_tick(struct outlet *o, uint64_t now);

#endif
