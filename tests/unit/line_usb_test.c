/*
 * A line on every USB port that is or will be there: what libudev and host/ports.h would say, the
 * test says. The ports lead nowhere, so that their slots stay empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libudev.h>

#include "base/err.h"
#include "host/pool.h"
#include "host/ports.h"
#include "line/line.h"

#define PATIENCE_MS 60000u

static struct port_info plugged[LINE_SLOTS_MAX + 6];
static size_t plugged_count;
static int list_rc;
static bool has_udev, has_monitor;
static int pipes[2]; /* a byte: an event, 'a' something came, 'r' something went */
static int held;     /* references to be given back */
static atomic_int taken;

int ports_list(struct port_info *out, size_t cap, size_t *n, struct diag *d)
{
        if (list_rc < 0)
                return diag_set(d, -list_rc, "no list");
        for (size_t i = 0; i < plugged_count && i < cap; i++)
                out[i] = plugged[i];
        *n = plugged_count;
        return 0;
}

struct udev *udev_new(void)
{
        held += has_udev;
        return has_udev ? (struct udev *)&held : NULL;
}

struct udev *udev_unref(struct udev *udev)
{
        held -= udev != NULL;
        return NULL;
}

struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name)
{
        assert_non_null(udev);
        assert_string_equal(name, "udev");
        held += has_monitor;
        return has_monitor ? (struct udev_monitor *)&held : NULL;
}

struct udev_monitor *udev_monitor_unref(struct udev_monitor *m)
{
        held -= m != NULL;
        return NULL;
}

int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *m, const char *subsystem,
                                                    const char *devtype)
{
        assert_non_null(m);
        assert_string_equal(subsystem, "tty");
        assert_null(devtype);
        return 0;
}

int udev_monitor_enable_receiving(struct udev_monitor *m)
{
        return m ? 0 : -1;
}

int udev_monitor_get_fd(struct udev_monitor *m)
{
        return m ? pipes[0] : -1;
}

static char event;

struct udev_device *udev_monitor_receive_device(struct udev_monitor *m)
{
        if (!m || read(pipes[0], &event, 1) != 1)
                return NULL;
        taken++;
        held++;
        return (struct udev_device *)&event;
}

struct udev_device *udev_device_unref(struct udev_device *dev)
{
        held -= dev != NULL;
        return NULL;
}

const char *udev_device_get_action(struct udev_device *dev)
{
        return *(const char *)dev == 'a' ? "add" : "remove";
}

/* --- the line --- */

static char dir[] = "/tmp/fctry-usb-XXXXXX";
static struct line_job job;
static struct line_kit kit;
static struct line_view view;
static struct ledger *ledger;

struct running {
        pthread_t thread;
        int rc;
        struct diag d;
};

static void *run(void *arg)
{
        const struct line_config cfg = { .job = &job,
                                         .kit = &kit,
                                         .ledger = ledger,
                                         .view = &view,
                                         .batch = "lot",
                                         .usb = true };
        struct running *r = arg;

        r->rc = line_run(&cfg, &r->d);
        return NULL;
}

static void plug(const char *path, const char *by_path)
{
        struct port_info *p = &plugged[plugged_count++];

        memset(p, 0, sizeof *p);
        snprintf(p->path, sizeof p->path, "%s", path);
        snprintf(p->by_path, sizeof p->by_path, "%s", by_path);
}

static size_t slots(void)
{
        size_t n;

        pthread_mutex_lock(&view.lock);
        n = view.slot_count;
        pthread_mutex_unlock(&view.lock);
        return n;
}

/* Until there are so many slots; events are taken after their slots are made. */
static bool has_slots(size_t n)
{
        for (unsigned ms = 0; ms < PATIENCE_MS && slots() != n; ms += 5)
                usleep(5000);
        return slots() == n;
}

static void happens(char what)
{
        const int before = taken;

        assert_int_equal(write(pipes[1], &what, 1), 1);
        for (unsigned ms = 0; ms < PATIENCE_MS && taken == before; ms += 5)
                usleep(5000);
        assert_int_equal(taken, before + 1);
}

static void clear(void)
{
        line_view_free(&view);
        line_view_init(&view);
        plugged_count = 0;
        list_rc = 0;
        has_udev = has_monitor = true;
        held = 0;
}

static void test_no_udev(void **state)
{
        struct running r = { 0 };

        (void)state;
        for (int i = 0; i < 2; i++) {
                clear();
                has_udev = i == 1;
                has_monitor = false;
                memset(&r, 0, sizeof r);
                run(&r);
                assert_int_equal(r.rc, -E_IO);
                assert_non_null(strstr(diag_text(&r.d), "udev does not tell what is plugged in"));
                assert_int_equal(held, 0);
        }
        clear();
        list_rc = -E_NOMEM;
        memset(&r, 0, sizeof r);
        run(&r);
        assert_int_equal(r.rc, -E_NOMEM);
        assert_string_equal(diag_text(&r.d), "no list");
        assert_int_equal(held, 0);
}

/* The last test: once asked to stop, the program ends no line after it. */
static void test_ports_come(void **state)
{
        struct running r = { 0 };

        (void)state;
        clear();
        assert_int_equal(line_view_slot(&view, "mine", "/nowhere/ttyUSB7"), 0);
        plug("/nowhere/ttyUSB0", "/nowhere/pci-0000:00:14.0-usb-0:1.4.2:1.0-port0");
        plug("/nowhere/ttyUSB7", ""); /* the job has it already */
        plug("/nowhere/ttyACM0", "");
        plug("/nowhere/ttyS4", "/nowhere/platform-serial");
        assert_int_equal(pthread_create(&r.thread, NULL, run, &r), 0);
        assert_true(has_slots(4));
        pthread_mutex_lock(&view.lock);
        assert_string_equal(view.slots[1].name, "usb-1.4.2");
        assert_string_equal(view.slots[1].port, plugged[0].by_path);
        assert_string_equal(view.slots[2].name, "ttyACM0");
        assert_string_equal(view.slots[2].port, "/nowhere/ttyACM0");
        assert_string_equal(view.slots[3].name, "ttyS4");
        assert_string_equal(view.slots[3].port, "/nowhere/platform-serial");
        pthread_mutex_unlock(&view.lock);
        /* what goes takes no slot away, what comes makes one, once */
        plug("/nowhere/ttyUSB1", "/nowhere/pci-0000:00:14.0-usb-0:1.4.3:1.0-port0");
        happens('r');
        happens('r');
        assert_int_equal(slots(), 4);
        happens('a');
        assert_true(has_slots(5));
        happens('a');
        happens('r');
        assert_int_equal(slots(), 5);
        /* more than there may be */
        while (plugged_count < sizeof plugged / sizeof plugged[0]) {
                char path[32];

                snprintf(path, sizeof path, "/nowhere/ttyACM%zu", plugged_count);
                plug(path, "");
        }
        happens('a');
        assert_true(has_slots(LINE_SLOTS_MAX));
        happens('a');
        happens('r');
        assert_int_equal(slots(), LINE_SLOTS_MAX);
        interrupt_catch_gently();
        raise(SIGINT);
        pthread_join(r.thread, NULL);
        assert_int_equal(r.rc, 0);
        assert_true(view.stopping);
        for (size_t i = 0; i < LINE_SLOTS_MAX; i++)
                assert_int_equal(view.slots[i].phase, LINE_EMPTY);
        assert_int_equal(held, 0);
}

static int set_up(void **state)
{
        char url[sizeof dir + 16];
        const struct ledger_config cfg = { .url = url, .station = "here", .create = true };

        (void)state;
        if (!mkdtemp(dir) || pipe(pipes) < 0)
                return -1;
        snprintf(url, sizeof url, "%s/ledger", dir);
        line_view_init(&view);
        return ledger_open(&cfg, &ledger, NULL);
}

static int tear_down(void **state)
{
        char command[sizeof dir + 16];

        (void)state;
        ledger_close(ledger);
        line_view_free(&view);
        snprintf(command, sizeof command, "rm -rf %s", dir);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_udev),
                cmocka_unit_test(test_ports_come),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
