/*
 * A light that blinks, on and off for a second each, as secure_esp's example does; its button stops
 * it and lets it go on, the cloud does that too and sets the time. With all else of the outlet's
 * firmware (network, cloud, updates, reset to factory) this one file makes another product.
 */
#include "base/err.h"
#include "firmware/core/driver.h"
#include "firmware/core/panel.h"

#define HALF_MIN_MS 100
#define HALF_MAX_MS 60000

enum { BLINK, HALF_MS };
static const struct driver_property properties[] = {
        [BLINK] = { .name = "blink" },                        /* does it blink? */
        [HALF_MS] = { .name = "half_ms", .is_number = true }, /* ms that it is on, and off */
};

static unsigned pin;
static struct panel panel;
static bool blinks, lit;
static int32_t half_ms = 1000;
static uint64_t next_at; /* 0: at once */

const struct driver_property *driver_properties(size_t *count)
{
        *count = sizeof properties / sizeof *properties;
        return properties;
}

/* It always starts blinking. */
int driver_kept(void)
{
        return 1;
}

static void light(bool on)
{
        lit = on;
        port_gpio_output(pin, on);
}

void driver_init(bool on, uint64_t now)
{
        const bool esp32 = port_chip() == 0;

        pin = esp32 ? 27 : 19;
        blinks = on;
        light(false);
        panel_init(&panel, esp32 ? 0 : 9, esp32 ? 2 : 8, now);
}

int32_t driver_get(size_t property)
{
        return property == HALF_MS ? half_ms : blinks;
}

int driver_set(size_t property, int32_t value)
{
        if (property == HALF_MS ? value < HALF_MIN_MS || value > HALF_MAX_MS
                                : property != BLINK || (value != 0 && value != 1))
                return -E_RANGE;
        if (property == HALF_MS)
                half_ms = value;
        else
                blinks = value == 1;
        next_at = 0;
        return 0;
}

static void toggle(void)
{
        (void)driver_set(BLINK, !blinks);
        panel.news.changed |= 1u << BLINK;
}

void driver_event(const struct port_event *ev, uint64_t now)
{
        if (panel_event(&panel, ev, now))
                toggle();
}

uint64_t driver_tick(enum driver_mood mood, uint64_t now)
{
        bool clicked;
        const uint64_t due = panel_tick(&panel, mood, now, &clicked);

        if (clicked)
                toggle();
        if (!blinks)
                return due;
        if (now >= next_at) {
                light(!lit);
                next_at = now + (uint64_t)half_ms;
        }
        return next_at < due ? next_at : due;
}

struct driver_news driver_news(void)
{
        return panel_news(&panel);
}

bool driver_check(unsigned i, struct driver_check *c)
{
        if (i == 0)
                *c = (struct driver_check){ "light", port_gpio_read(pin) == lit ? "ok" : "stuck",
                                            true };
        else if (i == 1)
                *c = (struct driver_check){ "button", panel_pressed(&panel) ? "pressed" : "ok",
                                            false };
        return i < 2;
}
