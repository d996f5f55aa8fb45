/*
 * The product: its pins, what it switches, its light, and what of it the cloud sees. driver.c is
 * the one file to exchange for a product of your own; the rest of the firmware knows no more than
 * this header. The hardware is there once, so its state is driver.c's own.
 */
#ifndef CORE_DRIVER_H
#define CORE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the cloud sees and sets: properties by name, truth values or whole numbers. Property 0 is a
 * truth value: the one that the power-on policy keeps and the button toggles.
 */
#define DRIVER_PROPERTIES_MAX 8u
#define DRIVER_NAME_MAX       24u /* bytes with the NUL; letters, digits and _ */

struct driver_property {
        const char *name;
        bool is_number;
};
/* The table of count (1 … DRIVER_PROPERTIES_MAX) properties; borrowed for ever. */
const struct driver_property *driver_properties(size_t *count);

int32_t driver_get(size_t property); /* a truth value is 0 or 1 */
/* -E_RANGE: not a value for this property; then nothing has changed. */
int driver_set(size_t property, int32_t value);

/* How the unit is doing, for its light. */
enum driver_mood {
        DRIVER_OFFLINE,      /* no network: off */
        DRIVER_PROVISIONING, /* slow blinking */
        DRIVER_JOINING,      /* short flashes */
        DRIVER_ONLINE,       /* on */
        DRIVER_RESETTING,    /* fast blinking: released now, the button resets */
};

/* The button's pin for this chip (number of the image header). Low is pressed. */
unsigned driver_button_pin(uint16_t chip);

/* Before driver_init: property 0 as it was before a restart that kept the power, or -1. */
int driver_kept(uint16_t chip);

/* Configures the pins; on is the first value of property 0 and reaches the pin without a pulse. */
void driver_init(uint16_t chip, bool on);

/* What has time to pass (blinking). Returns when it wants to be called again, UINT64_MAX: never. */
uint64_t driver_tick(enum driver_mood mood, uint64_t now);

/* Is the hardware as it should be? Used by the self-test; must not disturb the product. */
bool driver_healthy(void);

#endif
