/*
 * Which serial ports are there, with devices of our own behind libudev's functions: a console, an
 * empty 8250 slot, a USB adapter, a chip's own USB unit, as udevadm shows them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libudev.h>

#include "base/err.h"
#include "host/ports.h"

struct udev_list_entry {
        const char *name, *value;
        struct udev_list_entry *next;
};

struct udev_device {
        const char *syspath, *subsystem, *node;
        struct udev_device *parent;
        struct udev_list_entry *links, *props;
};

#define ENTRY(name, value, next)  \
        &(struct udev_list_entry) \
        {                         \
                name, value, next \
        }

static struct udev_device platform = { .subsystem = "platform" };
static struct udev_device serial = { .subsystem = "usb-serial" };
static struct udev_device interface = { .subsystem = "usb" };
static struct udev_device devices[] = {
        { .syspath = "/sys/class/tty/tty1", .subsystem = "tty", .node = "/dev/tty1" },
        { .syspath = "/sys/class/tty/ttyS0",
          .subsystem = "tty",
          .node = "/dev/ttyS0",
          .parent = &platform },
        { .syspath = "/sys/class/tty/ttyUSB0",
          .subsystem = "tty",
          .node = "/dev/ttyUSB0",
          .parent = &serial,
          .links = ENTRY(
                  "/dev/serial/by-id/usb-Silicon_Labs_CP2102-if00-port0", NULL,
                  ENTRY("/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0", NULL, NULL)),
          .props = ENTRY("ID_VENDOR_ID", "10c4",
                         ENTRY("ID_MODEL_ID", "ea60",
                               ENTRY("ID_MODEL", "CP2102",
                                     ENTRY("ID_MODEL_FROM_DATABASE", "CP210x UART Bridge",
                                           ENTRY("ID_SERIAL_SHORT", "0001", NULL))))) },
        { .syspath = "/sys/class/tty/ttyACM0",
          .subsystem = "tty",
          .node = "/dev/ttyACM0",
          .parent = &interface,
          .props = ENTRY("ID_VENDOR_ID", "303a",
                         ENTRY("ID_MODEL_ID", "1001",
                               ENTRY("ID_MODEL", "USB_JTAG_serial_debug_unit", NULL))) },
        { .syspath = "/sys/class/tty/ttyUSB9",
          .subsystem = "tty",
          .parent = &serial }, /* going away: no node */
};
#define COUNT (sizeof devices / sizeof devices[0])

static struct udev_list_entry found[COUNT];
static bool has_udev;
static int held; /* references to be given back */

/* libudev, as far as it is used */
struct udev *udev_new(void)
{
        held += has_udev;
        return has_udev ? (struct udev *)&found : NULL;
}

struct udev *udev_unref(struct udev *udev)
{
        held -= udev != NULL;
        return NULL;
}

struct udev_enumerate *udev_enumerate_new(struct udev *udev)
{
        held++;
        return (struct udev_enumerate *)udev;
}

struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *e)
{
        held -= e != NULL;
        return NULL;
}

int udev_enumerate_add_match_subsystem(struct udev_enumerate *e, const char *subsystem)
{
        (void)e;
        assert_string_equal(subsystem, "tty");
        return 0;
}

int udev_enumerate_scan_devices(struct udev_enumerate *e)
{
        (void)e;
        for (size_t i = 0; i < COUNT; i++)
                found[i] = (struct udev_list_entry){ devices[i].syspath, NULL,
                                                     i + 1 < COUNT ? &found[i + 1] : NULL };
        return 0;
}

struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *e)
{
        (void)e;
        return found;
}

struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *e)
{
        return e->next;
}

const char *udev_list_entry_get_name(struct udev_list_entry *e)
{
        return e->name;
}

struct udev_device *udev_device_new_from_syspath(struct udev *udev, const char *syspath)
{
        (void)udev;
        for (size_t i = 0; i < COUNT; i++)
                if (!strcmp(devices[i].syspath, syspath)) {
                        held++;
                        return &devices[i];
                }
        return NULL;
}

struct udev_device *udev_device_unref(struct udev_device *dev)
{
        held -= dev != NULL;
        return NULL;
}

struct udev_device *udev_device_get_parent(struct udev_device *dev)
{
        return dev->parent;
}

const char *udev_device_get_subsystem(struct udev_device *dev)
{
        return dev->subsystem;
}

const char *udev_device_get_devnode(struct udev_device *dev)
{
        return dev->node;
}

struct udev_list_entry *udev_device_get_devlinks_list_entry(struct udev_device *dev)
{
        return dev->links;
}

const char *udev_device_get_property_value(struct udev_device *dev, const char *key)
{
        for (const struct udev_list_entry *e = dev->props; e; e = e->next)
                if (!strcmp(e->name, key))
                        return e->value;
        return NULL;
}

static void test_list(void **state)
{
        struct port_info p[4];
        size_t n;

        (void)state;
        has_udev = true;
        assert_int_equal(ports_list(p, 4, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_string_equal(p[0].path, "/dev/ttyACM0"); /* sorted */
        assert_string_equal(p[0].by_path, "");
        assert_string_equal(p[0].vendor, "303a");
        assert_string_equal(p[0].product, "1001");
        assert_string_equal(p[0].serial, "");
        assert_string_equal(p[0].model, "USB_JTAG_serial_debug_unit");
        assert_string_equal(p[1].path, "/dev/ttyUSB0");
        assert_string_equal(p[1].by_path, "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0");
        assert_string_equal(p[1].serial, "0001");
        assert_string_equal(p[1].model, "CP210x UART Bridge");
        assert_int_equal(held, 0);
}

/* More than there is room for: all are counted, none is written behind the end. */
static void test_room(void **state)
{
        struct port_info p[2] = { { .path = "" }, { .path = "untouched" } };
        size_t n;

        (void)state;
        has_udev = true;
        assert_int_equal(ports_list(p, 1, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_string_equal(p[0].path, "/dev/ttyUSB0");
        assert_string_equal(p[1].path, "untouched");
        assert_int_equal(ports_list(p, 0, &n, NULL), 0);
        assert_int_equal(n, 2);
}

static void test_no_udev(void **state)
{
        struct diag d = { 0 };
        struct port_info p;
        size_t n = 7;

        (void)state;
        has_udev = false;
        assert_int_equal(ports_list(&p, 1, &n, &d), -E_NOMEM);
        assert_int_equal(n, 0);
        assert_int_equal(held, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_room),
                cmocka_unit_test(test_no_udev),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
