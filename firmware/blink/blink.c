/* The output goes on and off; the button stops it and lets it go on. */
#include "firmware/port/linux/app.h"

#define HALF_MS 500u

static uint64_t next_at;
static unsigned pin_out, pin_button;
static bool on, stopped, was_high;

void app_start(uint64_t now)
{
        pin_out = port_chip() == 0 ? 27 : 19;
        pin_button = port_chip() == 0 ? 0 : 9;
        port_gpio_output(pin_out, false);
        port_gpio_input(pin_button);
        was_high = port_gpio_read(pin_button);
        next_at = now + HALF_MS;
        port_log(PORT_INFO, "blinking");
        port_ota_mark_valid();
}

void app_event(const struct port_event *ev, uint64_t now)
{
        if (ev->type != PORT_EV_GPIO || ev->gpio.pin != pin_button)
                return;
        if (ev->gpio.high && !was_high) {
                stopped = !stopped;
                next_at = now;
                port_log(PORT_INFO, stopped ? "stopped" : "blinking");
        }
        was_high = ev->gpio.high;
}

uint64_t app_tick(uint64_t now)
{
        if (stopped)
                return UINT64_MAX;
        if (now >= next_at) {
                on = !on;
                port_gpio_output(pin_out, on);
                next_at = now + HALF_MS;
        }
        return next_at;
}
