/* The port's event loop: descriptors beside the timers and events that every port has. One thread.
 */
#ifndef PORT_LINUX_LOOP_H
#define PORT_LINUX_LOOP_H

#include <stdint.h>

#include "firmware/port/common/events.h"

/* Calls ready when fd has one of these poll(2) events; again for the same fd: changes them. */
void loop_watch(int fd, short events, void (*ready)(int fd, short revents));
void loop_unwatch(int fd);

/* Delivers what waits to the app, then waits for more, at most until due. -E_IO: cannot wait. */
int loop_turn(uint64_t due);

#endif
