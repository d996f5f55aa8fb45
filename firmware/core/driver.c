/* The smart outlet: a relay, a light, a push button. */
#include "firmware/core/driver.h"

#include "base/err.h"
#include "firmware/core/port.h"

struct pins {
        uint16_t chip;
        uint8_t output, light, button;
};

/* esp-jumpstart's boards: ESP32 DevKitC and ESP32-C3 DevKitM; others as their boot button lies. */
static const struct pins boards[] = {
        { 0, 27, 2, 0 },  /* ESP32 */
        { 5, 19, 8, 9 },  /* ESP32-C3 */
        { 13, 19, 8, 9 }, /* ESP32-C6 */
        { 2, 21, 15, 0 }, /* ESP32-S2 */
        { 9, 21, 48, 0 }, /* ESP32-S3 */
};

static const struct driver_property properties[] = { { "output", false } };

static const struct pins *pins;
static bool output, light;

static const struct pins *board(uint16_t chip)
{
        for (size_t i = 0; i < sizeof boards / sizeof *boards; i++)
                if (boards[i].chip == chip)
                        return &boards[i];
        return &boards[0];
}

const struct driver_property *driver_properties(size_t *count)
{
        *count = sizeof properties / sizeof *properties;
        return properties;
}

unsigned driver_button_pin(uint16_t chip)
{
        return board(chip)->button;
}

int driver_kept(uint16_t chip)
{
        return port_gpio_kept(board(chip)->output);
}

void driver_init(uint16_t chip, bool on)
{
        pins = board(chip);
        output = on;
        light = false;
        port_gpio_output(pins->output, output);
        port_gpio_output(pins->light, light);
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

bool driver_healthy(void)
{
        return port_gpio_read(pins->output) == output;
}

uint64_t driver_tick(enum driver_mood mood, uint64_t now)
{
        /* ms on and ms off; 0 off: always on, 0 on: always off */
        static const struct {
                uint16_t on, off;
        } patterns[] = {
                [DRIVER_OFFLINE] = { 0, 1000 },    [DRIVER_PROVISIONING] = { 500, 500 },
                [DRIVER_JOINING] = { 100, 900 },   [DRIVER_ONLINE] = { 1000, 0 },
                [DRIVER_RESETTING] = { 100, 100 },
        };
        const unsigned on = patterns[mood].on;
        const unsigned period = on + patterns[mood].off;
        const unsigned phase = (unsigned)(now % period);
        const bool want = phase < on;

        if (want != light) {
                light = want;
                port_gpio_output(pins->light, light);
        }
        if (on == 0 || on == period)
                return UINT64_MAX;
        return now + (want ? on : period) - phase;
}
