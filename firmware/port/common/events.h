/*
 * What a port's main loop keeps between two turns: events that wait for the app, and timers. One
 * thread. The port's own loop.c says what time it is and what else is waited for.
 */
#ifndef PORT_COMMON_EVENTS_H
#define PORT_COMMON_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/port.h"

/* Milliseconds of a clock that never goes back: the port's. */
uint64_t loop_now(void);

/* Calls fire once, in ms milliseconds; again for the same function: at the new time. */
void loop_timer(unsigned ms, void (*fire)(void));
void loop_timer_stop(void (*fire)(void));

/* Whose work an event belongs to, so that ending the work takes its events along. */
enum loop_owner { LOOP_BOARD, LOOP_WIFI, LOOP_PROV, LOOP_MQTT, LOOP_HTTP };

/* The event with all that it points to is copied. Out of memory is a panic. */
void loop_post(enum loop_owner owner, const struct port_event *ev);
void loop_drop(enum loop_owner owner);

/* ---- for loop.c ---- */

/* Gives every event that waits to take, in order; also those that are posted meanwhile. */
void events_deliver(void (*take)(const struct port_event *ev, uint64_t now));

/* When the loop must turn again: due, or sooner for a timer, or 0: something waits already. */
uint64_t events_due(uint64_t due);

/* Calls the timers whose time has come. */
void events_fire(void);

#endif
