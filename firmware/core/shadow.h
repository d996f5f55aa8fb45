/*
 * The AWS IoT device shadow of this thing: what it is and what the cloud wants it to be.
 * Source: AWS IoT Core Developer Guide, "Device Shadow MQTT topics", "Device Shadow service
 * documents", "Simulating device connection" (unnamed, classic shadow).
 *
 * Rules where both sides have an opinion
 * - What was changed here (button, power-on policy) wins: reported and desired are set to it.
 * - After a connection the document is read. What is desired and differs from what was reported is
 *   a wish that we have not seen: it is followed, unless the same thing was changed here meanwhile.
 *   What is desired and was reported already was seen: there our state wins.
 * - A document older than one that we know is ignored (version).
 */
#ifndef CORE_SHADOW_H
#define CORE_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/backoff.h"
#include "firmware/core/cloud.h"
#include "firmware/core/driver.h"

#define SHADOW_ANSWER_MS 20000u /* an answer that takes longer is asked for again */
#define SHADOW_OUT_MAX   2048u  /* bytes of a document that we send */

/* What is reported besides the driver's properties: bits behind theirs. */
enum shadow_item {
        SHADOW_POWER_ON = DRIVER_PROPERTIES_MAX, /* power_on: "off", "on", "last" */
        SHADOW_OTA_URL,                          /* ota_url: the last one that was dealt with */
        SHADOW_OTA_STATUS,                       /* ota_status: how that went */
        SHADOW_FW_VERSION,                       /* fw_version */
        SHADOW_ITEMS,
};

struct shadow {
        /* The owner's values, each a C string, read when a report is made; borrowed for ever. */
        const char *value[SHADOW_ITEMS]; /* [DRIVER_PROPERTIES_MAX …]; NULL: not reported */
        /* Wishes for the owner to take and clear: "" or the text. */
        char want_power_on[8];
        char want_url[PORT_URL_MAX];
        bool synced; /* read-only: the document was read since the connection was made */
        /* private: */
        struct cloud *cloud;
        const char *thing;
        int64_t version;
        uint32_t report, desire;           /* bits of items to send */
        uint32_t sent_report, sent_desire; /* … that were sent and are not answered */
        bool asked;                        /* a get is not answered */
        bool in_flight;                    /* an update is not answered */
        uint64_t answer_by, not_before;
        struct backoff backoff; /* after a rejection */
        uint32_t boot, count;   /* make a token */
        char token[24];
        char out[SHADOW_OUT_MAX];
};

/* thing: its name; borrowed for ever like cloud. */
void shadow_init(struct shadow *s, struct cloud *cloud, const char *thing);

/* At PORT_EV_MQTT_UP. */
void shadow_subscribe(struct shadow *s);

/* The connection is there (all subscriptions answered), or gone. */
void shadow_connected(struct shadow *s, uint64_t now);
void shadow_disconnected(struct shadow *s);

/* A message; false: it is not the shadow's topic. */
bool shadow_message(struct shadow *s, const char *topic, const char *p, size_t n, uint64_t now);

/* An item was changed here: report it, and for properties and power_on make it the wish too. */
void shadow_changed(struct shadow *s, unsigned item);
/* An item has another value, at the cloud's wish or as a matter of fact: report it. */
void shadow_report(struct shadow *s, unsigned item);

uint64_t shadow_tick(struct shadow *s, uint64_t now);

#endif
