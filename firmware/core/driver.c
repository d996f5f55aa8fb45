/* The smart outlet: a relay, a push-button that toggles it, a light. */
#include "firmware/core/driver.h"

#include "base/err.h"
#include "firmware/core/panel.h"

/* esp-jumpstart's boards: ESP32 DevKitC and ESP32-C3 DevKitM; others as their boot button lies. */
static const struct board {
        uint16_t chip; /* number of the image header */
        uint8_t output, light, button;
} boards[] = {
#ifdef DRIVER_BOARD /* of a build that names its own: chip, output, light, button */
        { DRIVER_BOARD },
#endif
        { 0, 27, 2, 0 },  /* ESP32 */
        { 5, 19, 8, 9 },  /* ESP32-C3 */
        { 13, 19, 8, 9 }, /* ESP32-C6 */
        { 2, 21, 15, 0 }, /* ESP32-S2 */
        { 9, 21, 48, 0 }, /* ESP32-S3 */
};

static const struct driver_property properties[] = { { .name = "output" } };

static const struct board *pins;
static struct panel panel;
static bool output;

static const struct board *board(void)
{
        for (size_t i = 0; i < sizeof boards / sizeof *boards; i++)
                if (boards[i].chip == port_chip())
                        return &boards[i];
        return &boards[0];
}

const struct driver_property *driver_properties(size_t *count)
{
        *count = sizeof properties / sizeof *properties;
        return properties;
}

int driver_kept(void)
{
        return port_gpio_kept(board()->output);
}

void driver_init(bool on, uint64_t now)
{
        pins = board();
        output = on;
        port_gpio_output(pins->output, output);
        panel_init(&panel, pins->button, pins->light, now);
}

int32_t driver_get(size_t property)
{
        (void)property;
        return output;
}

int driver_set(size_t property, int32_t value)
{
        if (property != 0 || (value != 0 && value != 1))
                return -E_RANGE;
        output = value == 1;
        port_gpio_output(pins->output, output);
        return 0;
}

static void toggle(void)
{
        (void)driver_set(0, !output);
        panel.news.changed |= 1u << 0;
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
        return due;
}

struct driver_news driver_news(void)
{
        return panel_news(&panel);
}

bool driver_check(unsigned i, struct driver_check *c)
{
        if (i == 0)
                *c = (struct driver_check){ "output",
                                            port_gpio_read(pins->output) == output ? "ok" : "stuck",
                                            true };
        else if (i == 1)
                *c = (struct driver_check){ "button", panel_pressed(&panel) ? "pressed" : "ok",
                                            false };
        return i < 2;
}
