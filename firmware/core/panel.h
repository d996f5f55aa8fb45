/* A push-button and a light, as most drivers have them: what presses mean, and what the light says.
 */
#ifndef CORE_PANEL_H
#define CORE_PANEL_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/button.h"
#include "firmware/core/driver.h"

/*
 * The button is low when pressed (a pull-up is switched on). The light is on when high:
 *   off             no network
 *   0.5 s, 0.5 s    waits for provisioning
 *   0.1 s in 1 s    joins the network or the cloud
 *   on              all is well
 *   0.1 s, 0.1 s    the button is held: released now it resets to factory
 *   0.05 s, 0.05 s  … and forgets what the cloud has taught
 */
struct panel {
        struct driver_news news; /* what driver_news() is to tell; the driver adds what changed */
        /* private: */
        unsigned button_pin, light_pin;
        struct button button;
        bool light;
};

/* Configures both pins, the light off. */
void panel_init(struct panel *p, unsigned button_pin, unsigned light_pin, uint64_t now);

/* True if the button was clicked. A longer press goes to the news. */
bool panel_event(struct panel *p, const struct port_event *ev, uint64_t now);

/* The same, into *clicked; sets the light. Returns when to call again, UINT64_MAX: after an event.
 */
uint64_t panel_tick(struct panel *p, enum driver_mood mood, uint64_t now, bool *clicked);

/* The news since the last call. */
struct driver_news panel_news(struct panel *p);

bool panel_pressed(const struct panel *p);

#endif
