/* The port's event loop: descriptors, timers, and the events that wait for the app. One thread. */
#ifndef PORT_LINUX_LOOP_H
#define PORT_LINUX_LOOP_H

#include <stdint.h>

#include "firmware/core/port.h"

/* Milliseconds of the monotonic clock. */
uint64_t loop_now(void);

/* Calls ready when fd has one of these poll(2) events; again for the same fd: changes them. */
void loop_watch(int fd, short events, void (*ready)(int fd, short revents));
void loop_unwatch(int fd);

/* Calls fire once, in ms milliseconds; again for the same function: at the new time. */
void loop_timer(unsigned ms, void (*fire)(void));
void loop_timer_stop(void (*fire)(void));

/* Whose work an event belongs to, so that ending the work takes its events along. */
enum loop_owner { LOOP_BOARD, LOOP_WIFI, LOOP_PROV, LOOP_MQTT, LOOP_HTTP };

/* The event with all that it points to is copied. Out of memory is a panic. */
void loop_post(enum loop_owner owner, const struct port_event *ev);
void loop_drop(enum loop_owner owner);

/* Delivers what waits to the app, then waits for more, at most until due. -E_IO: cannot wait. */
int loop_turn(uint64_t due);

#endif
