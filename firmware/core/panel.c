#include "firmware/core/panel.h"

#include "firmware/core/port.h"

bool panel_pressed(const struct panel *p)
{
        return !port_gpio_read(p->button_pin);
}

void panel_init(struct panel *p, unsigned button_pin, unsigned light_pin, uint64_t now)
{
        *p = (struct panel){ .button_pin = button_pin, .light_pin = light_pin };
        port_gpio_output(light_pin, false);
        port_gpio_input(button_pin);
        button_init(&p->button, panel_pressed(p), now);
}

static bool is_click(struct panel *p, enum button_action action)
{
        p->news.reset |= action == BUTTON_RESET || action == BUTTON_RESET_ALL;
        p->news.reset_all |= action == BUTTON_RESET_ALL;
        return action == BUTTON_CLICK;
}

bool panel_event(struct panel *p, const struct port_event *ev, uint64_t now)
{
        if (ev->type != PORT_EV_GPIO || ev->gpio.pin != p->button_pin)
                return false;
        return is_click(p, button_update(&p->button, !ev->gpio.high, now));
}

struct driver_news panel_news(struct panel *p)
{
        const struct driver_news told = p->news;

        p->news = (struct driver_news){ 0 };
        return told;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* When a longer hold means something else. */
static uint64_t hold_due(const struct panel *p, uint64_t now)
{
        const uint64_t held = button_held(&p->button, now);

        if (!held || held >= BUTTON_RESET_ALL_MS)
                return UINT64_MAX;
        return now - held + (held < BUTTON_RESET_MS ? BUTTON_RESET_MS : BUTTON_RESET_ALL_MS);
}

static uint64_t shine(struct panel *p, enum driver_mood mood, uint64_t now)
{
        /* ms on and ms off; 0 off: always on, 0 on: always off */
        static const struct pattern {
                uint16_t on, off;
        } moods[] = {
                [DRIVER_OFFLINE] = { 0, 1000 },
                [DRIVER_PROVISIONING] = { 500, 500 },
                [DRIVER_JOINING] = { 100, 900 },
                [DRIVER_ONLINE] = { 1000, 0 },
        };
        static const struct pattern resetting = { 100, 100 }, resetting_all = { 50, 50 };
        const uint64_t held = button_held(&p->button, now);
        const struct pattern *l = held >= BUTTON_RESET_ALL_MS ? &resetting_all
                                  : held >= BUTTON_RESET_MS   ? &resetting
                                                              : &moods[mood];
        const unsigned period = (unsigned)l->on + l->off;
        const bool steady = !l->on || !l->off;
        const unsigned phase = steady ? 0 : (unsigned)(now % period);
        const bool want = phase < l->on;

        if (want != p->light) {
                p->light = want;
                port_gpio_output(p->light_pin, want);
        }
        if (steady)
                return UINT64_MAX;
        return now + (want ? l->on : period) - phase;
}

uint64_t panel_tick(struct panel *p, enum driver_mood mood, uint64_t now, bool *clicked)
{
        *clicked = is_click(p, button_update(&p->button, panel_pressed(p), now));
        return sooner(sooner(button_due(&p->button), hold_due(p, now)), shine(p, mood, now));
}
