/*
 * secure_esp's topics, beside or instead of the shadow, and the settings of periodic updates that
 * they teach. As there, the topics carry no device name: who may write them decides the broker.
 *
 *   /esp/update/url       the URL to store (https://…)
 *   /esp/update/use_url   0: the built-in URL, 1: the stored one
 *   /esp/update/interval  seconds between periodic updates, 300 … 9999999; counts at once (the
 *                         original needs a restart)
 *   /esp/update/run       update now
 *   /esp/restart          restart
 *   /esp/log              what happens, from us
 */
#ifndef CORE_ESPTOPICS_H
#define CORE_ESPTOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/cloud.h"
#include "firmware/core/outlet_config.h"

struct esptopics {
        uint32_t interval_s;         /* read-only: 0: no periodic updates */
        bool want_run, want_restart; /* for the owner to take and clear */
        /* private: */
        const struct outlet_config *cfg;
        struct cloud *cloud;
        bool use_url;
        char url[PORT_URL_MAX];
};

/* Reads what was learnt from the store. cfg and cloud are borrowed for ever. */
void esptopics_init(struct esptopics *e, const struct outlet_config *cfg, struct cloud *cloud);

void esptopics_subscribe(struct esptopics *e);

/* A message; false: it is none of these topics, or they are switched off. */
bool esptopics_message(struct esptopics *e, const char *topic, const char *p, size_t n,
                       uint64_t now);

/* The URL that updates come from, NULL: none. Borrowed until the next message. */
const char *esptopics_url(const struct esptopics *e);

/* A line for /esp/log, if the topics are switched on and the connection is there. */
void esptopics_log(struct esptopics *e, const char *line, uint64_t now);

/* After reset to factory has erased the store: write what was learnt again. 0 or the failure. */
int esptopics_restore(const struct esptopics *e);

#endif
