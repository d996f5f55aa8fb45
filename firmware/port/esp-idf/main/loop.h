/*
 * The port's main loop on FreeRTOS: one task (the app's) does everything; what other tasks and
 * interrupts have to say is called for, and done in the app's task.
 */
#ifndef PORT_ESP_LOOP_H
#define PORT_ESP_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/port/common/events.h"

/* First of all. */
void loop_start(void);

/* From any task: fn will be called in the app's task, in the order of the calls, with a copy of the
 * n bytes at data (aligned to 8). Out of memory is a panic. */
void loop_call(void (*fn)(const void *data, size_t n), const void *data, size_t n);

/* The same for bytes that lie in several places. False: out of memory, nothing will be called. */
struct loop_part {
        const void *p;
        size_t n;
};
bool loop_call_parts(void (*fn)(const void *data, size_t n), const struct loop_part *parts,
                     size_t count);

/* From an interrupt: the loop turns, and looks at the pins. */
void loop_wake_from_isr(void);

/* Delivers what waits to take, then waits for more, at most until due. */
void loop_turn(uint64_t due, void (*take)(const struct port_event *ev, uint64_t now));

#endif
