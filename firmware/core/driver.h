/*
 * The product: what it switches or measures, its button and its light, and what of it the cloud
 * sees. driver.c is the one file to exchange for a product of your own: core/driver.c is the smart
 * outlet, firmware/blink/driver.c another. The rest of the firmware knows no more than this header.
 * The hardware is there once, so its state is driver.c's own.
 *
 * Order of calls: driver_properties() and driver_kept() at any time, driver_init() once, then the
 * others. The core calls from one thread and never from inside driver_*. A driver calls port_gpio_*
 * and port_chip() of port.h (or whatever its hardware needs) and, if it has a push-button and a
 * light, core/panel.h, which knows what presses and blinking mean.
 */
#ifndef CORE_DRIVER_H
#define CORE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/port.h"

/*
 * What the cloud sees and sets: properties by name, truth values or whole numbers, in the shadow
 * beside power_on, ota_url, ota_status and fw_version, whose names are taken. Property 0 is a truth
 * value: the one that the power-on policy keeps.
 */
#define DRIVER_PROPERTIES_MAX 8u
#define DRIVER_NAME_MAX       24u /* bytes with the NUL; letters, digits and _ */

struct driver_property {
        const char *name;
        bool is_number;   /* int32_t; else a truth value */
        bool is_measured; /* a sensor or a counter: reported as it changes (in the long run one
                             report in 5 s, of all properties), and nobody's wish: the cloud's is
                             taken out of the shadow */
};
/* The table of count (1 … DRIVER_PROPERTIES_MAX) properties; borrowed for ever. */
const struct driver_property *driver_properties(size_t *count);

int32_t driver_get(size_t property); /* a truth value is 0 or 1 */
/* The cloud's wish. -E_RANGE: not a value for this property; then nothing has changed. */
int driver_set(size_t property, int32_t value);

/* Before driver_init: 0 or 1 if property 0 is to start so whatever the power-on policy says (as it
 * was before a restart that kept the power), -1: the policy decides. */
int driver_kept(void);

/* Configures the pins; on is the first value of property 0 and reaches the pin without a pulse. */
void driver_init(bool on, uint64_t now);

/* A PORT_EV_GPIO; driver_tick() follows. */
void driver_event(const struct port_event *ev, uint64_t now);

/* How the unit is doing, for its light. */
enum driver_mood {
        DRIVER_OFFLINE, /* no network */
        DRIVER_PROVISIONING,
        DRIVER_JOINING,
        DRIVER_ONLINE,
};
/* What has time to pass. Returns when it wants to be called again (ms, as now), UINT64_MAX: never.
 */
uint64_t driver_tick(enum driver_mood mood, uint64_t now);

/* What has happened at the product since the last call: asked for after every tick. */
struct driver_news {
        uint32_t changed; /* bits of properties that somebody has changed there: these win over the
                             cloud; and of those measured that have another value */
        bool reset;       /* to factory is wanted */
        bool reset_all;   /* with reset: also forget what the cloud has taught */
};
struct driver_news driver_news(void);

/* Is the hardware as it should be? Must not disturb the product. */
struct driver_check {
        const char *name;   /* a field of the self-test's token (wire/selftest.h) */
        const char *result; /* "ok", or a word for what is wrong */
        bool vital;         /* a new version that finds this wrong is rolled back */
};
/* The ith check from 0; false: no more. */
bool driver_check(unsigned i, struct driver_check *c);

#endif
