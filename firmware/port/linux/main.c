/* The main loop of a firmware on the virtual board: UART, pins and time become the app's events. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "base/err.h"
#include "bus.h"
#include "machine.h"

static uint64_t clock_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits at most until due. False: waiting failed. */
static bool wait_for(struct pollfd fds[2], uint64_t due)
{
        const uint64_t now = clock_ms();
        uint64_t left = due > now ? due - now : 0;

        if (left > 60000)
                left = 60000;
        if (bus_event_waits())
                left = 0;
        if (poll(fds, 2, (int)left) >= 0)
                return true;
        fds[0].revents = fds[1].revents = 0;
        return errno == EINTR;
}

/* False: the board is gone. */
static bool take_pins(void)
{
        struct port_event ev = { .type = PORT_EV_GPIO };
        int rc;

        while ((rc = bus_event(&ev.gpio.pin, &ev.gpio.high)) > 0)
                app_event(&ev, clock_ms());
        return rc == 0;
}

static bool take_console(void)
{
        uint8_t buf[256];
        const ssize_t n = read(STDIN_FILENO, buf, sizeof buf);
        const struct port_event ev = { .type = PORT_EV_CONSOLE,
                                       .data = { buf, n > 0 ? (size_t)n : 0 } };

        if (n > 0)
                app_event(&ev, clock_ms());
        return n > 0 || (n < 0 && errno == EINTR);
}

static int run(void)
{
        struct pollfd fds[2] = { { .fd = BUS_FD, .events = POLLIN },
                                 { .fd = STDIN_FILENO, .events = POLLIN } };

        app_start(clock_ms());
        while (!machine_restart_wanted()) {
                if (!wait_for(fds, app_tick(clock_ms())))
                        return STATUS_STATION;
                if ((fds[0].revents || bus_event_waits()) && !take_pins())
                        return STATUS_LINK;
                if (fds[1].revents && !take_console())
                        return STATUS_LINK;
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
