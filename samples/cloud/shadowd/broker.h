/* The side of the broker: $aws/things/THING/shadow/get, /update and /delete, and their answers. */
#ifndef SHADOWD_BROKER_H
#define SHADOWD_BROKER_H

#include <stdint.h>

#include "base/diag.h"
#include "service.h"

#define BROKER_CLIENT_ID   "shadowd"
#define BROKER_KEEPALIVE_S 30
#define BROKER_RETRY_MS    1000u /* after a lost connection; doubles up to … */
#define BROKER_RETRY_MOST  30000u
#define BROKER_PATIENCE_MS 30000u /* from a connection to the broker's word that it is one */

struct broker;

struct broker_config {
        const char *host;
        int port;
        const char *ca, *cert, *key; /* PEM files */
};

/* Sets s->publish. Does not wait for a connection; without one nothing can be published, and
 * whoever comes back reads the document. Everything is borrowed until broker_stop. */
int broker_start(const struct broker_config *cfg, struct service *s, struct broker **out,
                 struct diag *d);

/* For poll: the descriptor (-1: none now) and the events that matter. */
int broker_fd(const struct broker *b, short *events);

/* After poll, with what it said; at least once a second. */
void broker_run(struct broker *b, short revents);

void broker_stop(struct broker *b);

#endif
