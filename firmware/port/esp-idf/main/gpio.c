/*
 * port.h's pins. Every output is held all the time but for the moment in which it changes: so it
 * keeps its level through a restart, also through that of a crash, until the next app says what it
 * shall be. Which level that is, memory that a reset does not clear remembers.
 */
#include <driver/gpio.h>
#include <esp_attr.h>
#include <esp_system.h>

#include "firmware/core/port.h"
#include "loop.h"
#include "machine.h"

#define PINS  64u
#define MAGIC 0x6f75746cu

static RTC_NOINIT_ATTR struct {
        uint32_t magic, check;
        uint64_t known, levels;
} kept;
static uint64_t before_known, before_levels; /* of the app before this one */
static bool started;

static uint64_t inputs, seen; /* pins that are watched; their levels as last posted */

static uint32_t check_of(uint64_t known, uint64_t levels)
{
        return ~(MAGIC ^ (uint32_t)known ^ (uint32_t)(known >> 32) ^ (uint32_t)levels * 3u ^
                 (uint32_t)(levels >> 32) * 5u);
}

static void keep(uint64_t known, uint64_t levels)
{
        kept.known = known;
        kept.levels = levels;
        kept.magic = MAGIC;
        kept.check = check_of(known, levels);
}

/* What the app before has left, once. */
static void start(void)
{
        const esp_reset_reason_t why = esp_reset_reason();
        const bool power_lost = why == ESP_RST_POWERON || why == ESP_RST_BROWNOUT;

        if (started)
                return;
        started = true;
        if (!power_lost && kept.magic == MAGIC && kept.check == check_of(kept.known, kept.levels)) {
                before_known = kept.known;
                before_levels = kept.levels;
        }
        keep(0, 0);
}

void port_gpio_output(unsigned pin, bool high)
{
        const uint64_t bit = pin < PINS ? (uint64_t)1 << pin : 0;
        const gpio_num_t n = (gpio_num_t)pin;

        if (!bit || !GPIO_IS_VALID_OUTPUT_GPIO(n))
                return;
        start();
        (void)gpio_set_level(n, high); /* the register first: the pin goes from held to this */
        if (!(kept.known & bit)) {
                const gpio_config_t cfg = { .pin_bit_mask = bit, .mode = GPIO_MODE_INPUT_OUTPUT };

                (void)gpio_config(&cfg);
        }
        (void)gpio_hold_dis(n);
        (void)gpio_hold_en(n);
        keep(kept.known | bit, high ? kept.levels | bit : kept.levels & ~bit);
}

int port_gpio_kept(unsigned pin)
{
        start();
        if (pin >= PINS || !(before_known >> pin & 1))
                return -1;
        return (int)(before_levels >> pin & 1);
}

static void on_change(void *arg)
{
        (void)arg;
        loop_wake_from_isr();
}

void port_gpio_input(unsigned pin)
{
        static bool service;
        const gpio_config_t cfg = { .pin_bit_mask = pin < PINS ? (uint64_t)1 << pin : 0,
                                    .mode = GPIO_MODE_INPUT,
                                    .pull_up_en = GPIO_PULLUP_ENABLE,
                                    .intr_type = GPIO_INTR_ANYEDGE };

        if (gpio_config(&cfg) != ESP_OK)
                return;
        if (!service)
                service = gpio_install_isr_service(0) == ESP_OK;
        (void)gpio_isr_handler_add((gpio_num_t)pin, on_change, NULL);
        inputs |= cfg.pin_bit_mask;
        if (port_gpio_read(pin))
                seen |= cfg.pin_bit_mask;
        else
                seen &= ~cfg.pin_bit_mask;
}

bool port_gpio_read(unsigned pin)
{
        return pin < PINS && gpio_get_level((gpio_num_t)pin) > 0;
}

void machine_poll_pins(void)
{
        struct port_event ev = { .type = PORT_EV_GPIO };

        for (unsigned pin = 0; pin < PINS; pin++) {
                const uint64_t bit = (uint64_t)1 << pin;

                if (!(inputs & bit) || port_gpio_read(pin) == !!(seen & bit))
                        continue;
                seen ^= bit;
                ev.gpio.pin = pin;
                ev.gpio.high = !!(seen & bit);
                loop_post(LOOP_BOARD, &ev);
        }
}
