#include "host/ports.h"

#include <libudev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void copy(char *out, size_t cap, const char *text)
{
        snprintf(out, cap, "%s", text ? text : "");
}

static const char *prop(struct udev_device *dev, const char *name)
{
        return udev_device_get_property_value(dev, name);
}

static void by_path(struct udev_device *dev, char *out, size_t cap)
{
        struct udev_list_entry *e;

        out[0] = 0;
        udev_list_entry_foreach(e, udev_device_get_devlinks_list_entry(dev))
        {
                const char *name = udev_list_entry_get_name(e);

                if (strstr(name, "/by-path/"))
                        copy(out, cap, name);
        }
}

static void describe(struct udev_device *dev, struct port_info *p)
{
        const char *model = prop(dev, "ID_MODEL_FROM_DATABASE");

        copy(p->path, sizeof p->path, udev_device_get_devnode(dev));
        by_path(dev, p->by_path, sizeof p->by_path);
        copy(p->vendor, sizeof p->vendor, prop(dev, "ID_VENDOR_ID"));
        copy(p->product, sizeof p->product, prop(dev, "ID_MODEL_ID"));
        copy(p->serial, sizeof p->serial, prop(dev, "ID_SERIAL_SHORT"));
        copy(p->model, sizeof p->model, model ? model : prop(dev, "ID_MODEL"));
}

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct port_info *)a)->path, ((const struct port_info *)b)->path);
}

int ports_list(struct port_info *out, size_t cap, size_t *n, struct diag *d)
{
        struct udev *udev = udev_new();
        struct udev_enumerate *all = udev ? udev_enumerate_new(udev) : NULL;
        struct udev_list_entry *e;

        *n = 0;
        if (!all) {
                udev_unref(udev);
                return diag_set(d, E_NOMEM, "out of memory");
        }
        udev_enumerate_add_match_subsystem(all, "tty");
        udev_enumerate_scan_devices(all);
        udev_list_entry_foreach(e, udev_enumerate_get_list_entry(all))
        {
                struct udev_device *dev =
                        udev_device_new_from_syspath(udev, udev_list_entry_get_name(e));

                /* consoles and ptys have no parent, empty 8250 slots hang on the platform bus */
                struct udev_device *parent = dev ? udev_device_get_parent(dev) : NULL;
                const char *bus = parent ? udev_device_get_subsystem(parent) : NULL;

                if (bus && (!strcmp(bus, "usb-serial") || !strcmp(bus, "usb")) &&
                    udev_device_get_devnode(dev)) {
                        if (*n < cap)
                                describe(dev, &out[*n]);
                        (*n)++;
                }
                udev_device_unref(dev);
        }
        udev_enumerate_unref(all);
        udev_unref(udev);
        qsort(out, *n < cap ? *n : cap, sizeof *out, compare);
        return 0;
}
