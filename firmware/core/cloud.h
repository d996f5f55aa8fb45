/* The connection to the broker: when to try, when it counts as up, and how much may be said. */
#ifndef CORE_CLOUD_H
#define CORE_CLOUD_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/backoff.h"
#include "firmware/core/identity.h"
#include "firmware/core/outlet_config.h"

#define CLOUD_PORT          8883u
#define CLOUD_ALPN_PORT     443u /* there AWS IoT asks for this protocol name */
#define CLOUD_ALPN          "x-amzn-mqtt-ca"
#define CLOUD_HOST_MAX      128u
#define CLOUD_KEEPALIVE_S   60u
#define CLOUD_RETRY_BASE_MS 1000u
#define CLOUD_RETRY_CAP_MS  120000u
#define CLOUD_SUBSCRIBE_MS  30000u             /* for all answers to subscriptions */
#define CLOUD_STATUS_TOPIC  "outlet/%s/status" /* {"connected":true}; last will: false */

enum cloud_state {
        CLOUD_OFF,     /* nothing to connect with: no endpoint, CA, certificate or key */
        CLOUD_WAITING, /* for the network or for the next attempt */
        CLOUD_CONNECTING,
        CLOUD_SUBSCRIBING, /* connected; the subscriptions are not all answered */
        CLOUD_UP,
};

struct cloud {
        enum cloud_state state; /* read-only */
        /* private: */
        bool net;
        char host[CLOUD_HOST_MAX];
        char topic[PORT_TOPIC_MAX]; /* of the status */
        struct port_mqtt mqtt;
        struct backoff backoff;
        struct budget budget;
        unsigned pending; /* subscriptions without an answer */
        uint64_t due;
};

/* ca: what the server is known by. cfg and id are borrowed for ever. */
void cloud_init(struct cloud *c, const struct outlet_config *cfg, const struct identity *id,
                struct port_blob ca, uint64_t now);

/* The network came or went. */
void cloud_net(struct cloud *c, bool up, uint64_t now);

/* On PORT_EV_MQTT_UP the owner calls cloud_subscribe() for each filter, then cloud_event(). */
void cloud_event(struct cloud *c, const struct port_event *ev, uint64_t now);
void cloud_subscribe(struct cloud *c, const char *filter);

/* -E_STATE: not up; -E_BUSY: the budget is spent, later; or the port's failure. */
int cloud_publish(struct cloud *c, const char *topic, const void *p, size_t n, uint64_t now);

/* Says that we go on purpose, and disconnects: before a restart. */
void cloud_stop(struct cloud *c);

uint64_t cloud_tick(struct cloud *c, uint64_t now);

/* "host" or "host:port" into host (CLOUD_HOST_MAX) and *port (CLOUD_PORT if none). -E_SYNTAX. */
int cloud_endpoint(const char *text, char *host, uint16_t *port);

#endif
