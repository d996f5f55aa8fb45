#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "host/pool.h"
#include "vboard.h"

#define LONGEST_SLEEP                                                               \
        500000000ull /* ns: a signal that comes just before poll(2) waits no longer \
                      */

static uint64_t clock_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What the board has sent goes to all its ports. */
static void deliver(struct rack *r, struct board *b, uint64_t now)
{
        uint8_t buf[4096];
        size_t n;

        for (size_t i = 0; i < r->port_count; i++)
                if (r->ports[i]->board == b)
                        port_refresh(r->ports[i]);
        while ((n = line_host_get(&b->line, buf, sizeof buf, now)) > 0)
                for (size_t i = 0; i < r->port_count; i++)
                        if (r->ports[i]->board == b)
                                port_send(r->ports[i], buf, n);
        if (!b->line.cut)
                return;
        for (size_t i = 0; i < r->port_count; i++)
                if (r->ports[i]->board == b)
                        port_hang_up(r->ports[i]);
        line_mend(&b->line);
}

static uint64_t next_due(const struct rack *r)
{
        uint64_t due = LINE_NEVER;

        for (size_t i = 0; i < r->count; i++) {
                if (board_due(r->boards[i]) < due)
                        due = board_due(r->boards[i]);
                if (boot_due(r->boots[i]) < due)
                        due = boot_due(r->boots[i]);
        }
        for (size_t i = 0; i < r->port_count; i++)
                if (port_due(r->ports[i]) < due)
                        due = port_due(r->ports[i]);
        return due;
}

static int wait_for(struct pollfd *fds, size_t n, uint64_t due)
{
        const uint64_t now = clock_ns();
        uint64_t left = due > now ? due - now : 0;
        struct timespec t;

        if (left > LONGEST_SLEEP)
                left = LONGEST_SLEEP;
        t = (struct timespec){ .tv_sec = 0, .tv_nsec = (long)left };
        if (ppoll(fds, n, &t, NULL) >= 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                fds[i].revents = 0;
        return errno == EINTR ? 0 : -E_IO;
}

static int turn(struct rack *r, struct pollfd *fds)
{
        uint64_t now = clock_ns();
        size_t n = 0;
        int rc;

        for (size_t i = 0; i < r->count; i++) {
                board_tick(r->boards[i], now);
                boot_tick(r->boots[i], now);
                deliver(r, r->boards[i], now);
        }
        for (size_t i = 0; i < r->port_count; i++) {
                port_pull(r->ports[i], now);
                fds[n++] = port_poll(r->ports[i]);
        }
        for (size_t i = 0; i < r->control_count; i++, n += CONTROL_FDS)
                control_poll(r->controls[i], fds + n);
        for (size_t i = 0; i < r->count; i++, n += BOOT_FDS)
                boot_poll(r->boots[i], fds + n);
        if ((rc = wait_for(fds, n, next_due(r))) < 0)
                return rc;
        now = clock_ns();
        for (size_t i = 0; i < r->port_count; i++)
                port_serve(r->ports[i], fds[i].revents, now);
        for (size_t i = 0; i < r->control_count; i++) {
                control_serve(r->controls[i], fds + r->port_count + i * CONTROL_FDS, now);
                if (r->controls[i]->quit)
                        return 1;
        }
        for (size_t i = 0; i < r->count; i++)
                boot_serve(r->boots[i], fds + n - (r->count - i) * BOOT_FDS, now);
        return 0;
}

int rack_run(struct rack *r)
{
        struct pollfd *fds = calloc(
                r->port_count + r->control_count * CONTROL_FDS + r->count * BOOT_FDS, sizeof *fds);
        int rc = 0;

        if (!fds)
                return -E_NOMEM;
        for (size_t i = 0; i < r->count; i++)
                board_reset(r->boards[i], false, clock_ns());
        while (rc == 0 && !interrupted())
                rc = turn(r, fds);
        free(fds);
        return rc < 0 ? rc : 0;
}

void rack_free(struct rack *r)
{
        for (size_t i = 0; i < r->control_count; i++) {
                control_close(r->controls[i]);
                free(r->controls[i]);
        }
        for (size_t i = 0; i < r->port_count; i++) {
                port_close(r->ports[i]);
                free(r->ports[i]);
        }
        for (size_t i = 0; i < r->count; i++) {
                boot_free(r->boots[i]);
                free(r->boots[i]);
                board_free(r->boards[i]);
                free(r->boards[i]);
        }
}
