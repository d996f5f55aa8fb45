/* A push button: levels and times in, what the person meant out. */
#ifndef CORE_BUTTON_H
#define CORE_BUTTON_H

#include <stdbool.h>
#include <stdint.h>

#define BUTTON_SETTLE_MS    30u    /* a level that lasts less is the contact's bounce */
#define BUTTON_DEBOUNCE_MS  300u   /* releases within this time of a click are the same click */
#define BUTTON_RESET_MS     3000u  /* held so long and released: reset to factory */
#define BUTTON_RESET_ALL_MS 10000u /* … and forget what the cloud has taught */

enum button_action { BUTTON_NONE, BUTTON_CLICK, BUTTON_RESET, BUTTON_RESET_ALL };

struct button {
        /* private: */
        bool raw;     /* level as last seen */
        bool stable;  /* level after BUTTON_SETTLE_MS */
        bool armed;   /* released once since the start: a stuck button does nothing */
        bool clicked; /* last_click is valid */
        uint64_t raw_since, pressed_at, last_click;
};

/* pressed: its state now. Held from before the start, it counts only after a release. */
void button_init(struct button *b, bool pressed, uint64_t now);

/* Call on every change and at button_due(). At most one action, seen at the release. */
enum button_action button_update(struct button *b, bool pressed, uint64_t now);

/* How long it has been held, ms; 0: not. */
uint64_t button_held(const struct button *b, uint64_t now);

/* When button_update wants to be called without a change; UINT64_MAX: it does not. */
uint64_t button_due(const struct button *b);

#endif
