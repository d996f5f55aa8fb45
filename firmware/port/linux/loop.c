#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "base/err.h"

#define WATCHES 32

static struct pollfd fds[WATCHES];
static void (*ready_of[WATCHES])(int fd, short revents);
static unsigned fd_count;

uint64_t loop_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void loop_watch(int fd, short events, void (*ready)(int fd, short revents))
{
        unsigned i = 0;

        while (i < fd_count && fds[i].fd != fd)
                i++;
        if (i == WATCHES)
                abort();
        fds[i] = (struct pollfd){ .fd = fd, .events = events };
        ready_of[i] = ready;
        fd_count += i == fd_count;
}

void loop_unwatch(int fd)
{
        for (unsigned i = 0; i < fd_count; i++) {
                if (fds[i].fd != fd)
                        continue;
                fds[i] = fds[--fd_count];
                ready_of[i] = ready_of[fd_count];
                return;
        }
}

static int timeout_of(uint64_t due)
{
        const uint64_t now = loop_now();

        due = events_due(due);
        if (due <= now)
                return 0;
        return due - now > 60000 ? 60000 : (int)(due - now);
}

int loop_turn(uint64_t due)
{
        struct pollfd now[WATCHES];
        unsigned n;

        events_deliver(app_event);
        n = fd_count;
        memcpy(now, fds, n * sizeof *now);
        if (poll(now, n, timeout_of(due)) < 0)
                return errno == EINTR ? 0 : -E_IO;
        for (unsigned i = 0; i < n; i++) {
                unsigned k = 0;

                if (!now[i].revents)
                        continue;
                /* an earlier one may have ended this one's work */
                while (k < fd_count && fds[k].fd != now[i].fd)
                        k++;
                if (k < fd_count)
                        ready_of[k](now[i].fd, now[i].revents);
        }
        events_fire();
        events_deliver(app_event);
        return 0;
}
