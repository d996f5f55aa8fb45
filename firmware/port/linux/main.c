/* The main program of a firmware on the virtual board: UART, pins and time become the app's events.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app.h"
#include "base/err.h"
#include "bus.h"
#include "loop.h"
#include "machine.h"

static void take_pins(int fd, short revents)
{
        struct port_event ev = { .type = PORT_EV_GPIO };
        int rc;

        (void)fd;
        (void)revents;
        while ((rc = bus_event(&ev.gpio.pin, &ev.gpio.high)) > 0)
                loop_post(LOOP_BOARD, &ev);
        if (rc < 0)
                exit(STATUS_LINK); /* no board any more */
}

static void take_console(int fd, short revents)
{
        uint8_t buf[256], rest[sizeof buf + MACHINE_SORT_ROOM];
        const ssize_t n = read(fd, buf, sizeof buf);
        struct port_event ev = { .type = PORT_EV_CONSOLE, .data = { rest, 0 } };

        (void)revents;
        if (n == 0 || (n < 0 && errno != EINTR))
                exit(STATUS_LINK);
        if (n > 0 && (ev.data.n = machine_sorted(buf, (size_t)n, rest)) > 0)
                loop_post(LOOP_BOARD, &ev);
}

static int run(void)
{
        loop_watch(BUS_FD, POLLIN, take_pins);
        loop_watch(STDIN_FILENO, POLLIN, take_console);
        app_start(loop_now());
        while (!machine_restart_wanted()) {
                const uint64_t due = app_tick(loop_now());

                if (machine_restart_wanted())
                        break;
                /* what came while an answer of the board was awaited, poll(2) does not show */
                if (bus_event_waits())
                        take_pins(BUS_FD, POLLIN);
                if (loop_turn(due) < 0)
                        return STATUS_STATION;
        }
        return 0;
}

/* argv[1]: offset of the partition that this app was started from. */
int main(int argc, char **argv)
{
        const int rc = argc > 1 ? machine_start((uint32_t)strtoul(argv[1], NULL, 0)) : -E_USAGE;

        if (rc < 0) {
                fprintf(stderr, "this is a firmware: only a board can run it (see vboard): %s\n",
                        err_text(rc));
                return err_status(rc);
        }
        return run();
}
