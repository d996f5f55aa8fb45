#include "loop.h"

#include <stdlib.h>
#include <string.h>

#include <esp_timer.h>
#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>

#include "machine.h"

#define WAIT_MOST_MS 60000u

struct call {
        struct call *next;
        void (*fn)(const void *data, size_t n);
        size_t n;
        uint64_t data[]; /* aligned for whatever is copied there */
};

static portMUX_TYPE lock = portMUX_INITIALIZER_UNLOCKED; /* of the list */
static struct call *calls, **calls_end = &calls;
static SemaphoreHandle_t wake;

uint64_t loop_now(void)
{
        return (uint64_t)esp_timer_get_time() / 1000;
}

void loop_start(void)
{
        if (!(wake = xSemaphoreCreateBinary()))
                abort();
}

bool loop_call_parts(void (*fn)(const void *data, size_t n), const struct loop_part *parts,
                     size_t count)
{
        struct call *c;
        uint8_t *to;
        size_t n = 0;

        for (size_t i = 0; i < count; i++)
                n += parts[i].n;
        if (!(c = malloc(sizeof *c + n)))
                return false;
        *c = (struct call){ .fn = fn, .n = n };
        to = (uint8_t *)c->data;
        for (size_t i = 0; i < count; i++) {
                if (parts[i].n)
                        memcpy(to, parts[i].p, parts[i].n);
                to += parts[i].n;
        }
        portENTER_CRITICAL(&lock);
        *calls_end = c;
        calls_end = &c->next;
        portEXIT_CRITICAL(&lock);
        xSemaphoreGive(wake);
        return true;
}

void loop_call(void (*fn)(const void *data, size_t n), const void *data, size_t n)
{
        const struct loop_part whole = { data, n };

        if (!loop_call_parts(fn, &whole, 1))
                abort();
}

void loop_wake_from_isr(void)
{
        BaseType_t higher = pdFALSE;

        xSemaphoreGiveFromISR(wake, &higher);
        portYIELD_FROM_ISR(higher);
}

/* Those that are there now; what they bring about is for the next turn. */
static void run_calls(void)
{
        struct call *c;

        portENTER_CRITICAL(&lock);
        c = calls;
        calls = NULL;
        calls_end = &calls;
        portEXIT_CRITICAL(&lock);
        while (c) {
                struct call *done = c;

                c->fn(c->data, c->n);
                c = c->next;
                free(done);
        }
}

static TickType_t ticks_until(uint64_t due)
{
        const uint64_t now = loop_now();
        uint64_t ms = due > now ? due - now : 0;

        if (ms > WAIT_MOST_MS)
                ms = WAIT_MOST_MS;
        return (TickType_t)((ms + portTICK_PERIOD_MS - 1) / portTICK_PERIOD_MS);
}

void loop_turn(uint64_t due, void (*take)(const struct port_event *ev, uint64_t now))
{
        events_deliver(take);
        (void)xSemaphoreTake(wake, ticks_until(events_due(due)));
        run_calls();
        machine_poll_pins();
        events_fire();
        events_deliver(take);
}
