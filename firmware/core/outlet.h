/*
 * The outlet: what a platform's main loop calls. port.h is what the outlet calls.
 *
 *     static struct outlet outlet;            // some 18 kilobytes: not on a stack
 *     outlet_start(&outlet, &config, now);
 *     for (;;) {
 *             due = outlet_tick(&outlet, now);
 *             wait until due or an event;
 *             outlet_event(&outlet, &event, now);
 *     }
 *
 * now: milliseconds of a clock that never goes back and never wraps (64 bits), from any start. The
 * tick follows every event.
 */
#ifndef CORE_OUTLET_H
#define CORE_OUTLET_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/cloud.h"
#include "firmware/core/console.h"
#include "firmware/core/esptopics.h"
#include "firmware/core/identity.h"
#include "firmware/core/net.h"
#include "firmware/core/ota.h"
#include "firmware/core/outlet_config.h"
#include "firmware/core/port.h"
#include "firmware/core/poweron.h"
#include "firmware/core/shadow.h"

struct outlet {
        /* private: */
        const struct outlet_config *cfg;
        struct identity id;
        struct poweron poweron;
        struct net net;
        struct cloud cloud;
        struct shadow shadow;
        struct esptopics topics;
        struct ota ota;
        struct console console;
        int nvs;                      /* 0, or why it is not mounted */
        bool cloud_up;                /* as the shadow was told */
        bool trial;                   /* this version has to prove itself */
        bool greeted;                 /* the cloud knows that we have started */
        bool stopped;                 /* a restart is under way: nothing more is done */
        bool cloud_update;            /* the update in hand comes from the shadow's ota_url */
        uint64_t trial_ends;          /* … until then */
        uint64_t next_check;          /* of the periodic update */
        uint32_t check_s;             /* the interval that next_check was made with */
        enum ota_state ota_told;      /* what the cloud knows */
        char asked_url[PORT_URL_MAX]; /* ota_url that is being dealt with */
        char done_url[PORT_URL_MAX];  /* … that was dealt with; asking again takes another URL */
        char status[OTA_STATUS_MAX];  /* how the last update went, for the shadow */
        char installed[PORT_VERSION_MAX]; /* the last version that an update has activated */
};

/*
 * The output has its level when this returns, whatever else fails. cfg is borrowed for ever; o need
 * not be cleared.
 */
void outlet_start(struct outlet *o, const struct outlet_config *cfg, uint64_t now);

void outlet_event(struct outlet *o, const struct port_event *ev, uint64_t now);

/* Does what is due; returns when it wants to be called again, UINT64_MAX: after an event. */
uint64_t outlet_tick(struct outlet *o, uint64_t now);

#endif
