/* port.h's pins. A reset lets go of the outputs, so nothing is known of the app before. */
#include <driver/gpio.h>

#include "firmware/core/port.h"
#include "firmware/port/esp-idf/main/loop.h"
#include "firmware/port/esp-idf/main/machine.h"

#define PINS 17u

static uint32_t inputs, outputs, levels, seen; /* pins; seen: levels as last posted */

/* GPIO 6 … 11 are the flash's; 16 is not of this kind. */
static bool usable(unsigned pin)
{
        return pin < PINS - 1 && (pin < 6 || pin > 11);
}

void port_gpio_output(unsigned pin, bool high)
{
        const uint32_t bit = pin < PINS ? 1u << pin : 0;
        const gpio_config_t cfg = { .pin_bit_mask = bit, .mode = GPIO_MODE_OUTPUT };

        if (!usable(pin))
                return;
        (void)gpio_set_level((gpio_num_t)pin, high); /* first: the pin begins with this */
        if (!(outputs & bit))
                (void)gpio_config(&cfg);
        outputs |= bit;
        levels = high ? levels | bit : levels & ~bit;
}

int port_gpio_kept(unsigned pin)
{
        (void)pin;
        return -1;
}

static void on_change(void *arg)
{
        (void)arg;
        loop_wake_from_isr();
}

void port_gpio_input(unsigned pin)
{
        static bool service;
        const uint32_t bit = pin < PINS ? 1u << pin : 0;
        const gpio_config_t cfg = { .pin_bit_mask = bit,
                                    .mode = GPIO_MODE_INPUT,
                                    .pull_up_en = GPIO_PULLUP_ENABLE,
                                    .intr_type = GPIO_INTR_ANYEDGE };

        if (!usable(pin) || gpio_config(&cfg) != ESP_OK)
                return;
        if (!service)
                service = gpio_install_isr_service(0) == ESP_OK;
        (void)gpio_isr_handler_add((gpio_num_t)pin, on_change, NULL);
        inputs |= bit;
        seen = port_gpio_read(pin) ? seen | bit : seen & ~bit;
}

/* Outputs cannot be read back: what they were told. */
bool port_gpio_read(unsigned pin)
{
        if (!usable(pin))
                return false;
        return outputs >> pin & 1 ? levels >> pin & 1 : gpio_get_level((gpio_num_t)pin) > 0;
}

void machine_poll_pins(void)
{
        struct port_event ev = { .type = PORT_EV_GPIO };

        for (unsigned pin = 0; pin < PINS; pin++) {
                const uint32_t bit = 1u << pin;

                if (!(inputs & bit) || port_gpio_read(pin) == !!(seen & bit))
                        continue;
                seen ^= bit;
                ev.gpio.pin = pin;
                ev.gpio.high = !!(seen & bit);
                loop_post(LOOP_BOARD, &ev);
        }
}
