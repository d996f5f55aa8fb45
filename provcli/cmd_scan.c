/* provcli scan: devices that wait for provisioning in the air. */
#include "provcli.h"

#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/ble.h"
#include "wire/prov_gatt.h"

#define SCAN_MAX 128u

static int64_t seconds = 5;
static bool everything;

const struct opt scan_options[] = {
        { 0, "seconds", OPT_INT, &seconds, "S", "how long (default 5)", 0 },
        { 'a', "all", OPT_FLAG, &everything, NULL,
          "every Bluetooth LE device, not only those with a provisioning service or PROV_ name",
          0 },
        { 0 },
};

struct list {
        struct ble_found found[SCAN_MAX];
        size_t count;
};

static bool collect(void *ctx, const struct ble_found *f)
{
        struct list *l = ctx;
        size_t i = 0;

        while (i < l->count && (memcmp(l->found[i].address, f->address, 6) != 0 ||
                                l->found[i].address_type != f->address_type))
                i++;
        if (i == SCAN_MAX)
                return false;
        l->found[i] = *f;
        l->count += i == l->count;
        return false;
}

static bool is_provisioning(const struct ble_found *f)
{
        for (size_t i = 0; i < f->ad.uuid_count; i++)
                if (!memcmp(f->ad.uuids[i], prov_gatt_uuid_default, PROV_GATT_UUID_LEN) ||
                    !memcmp(f->ad.uuids[i], prov_gatt_uuid_example, PROV_GATT_UUID_LEN))
                        return true;
        return !strncmp(f->ad.name, "PROV_", 5);
}

static void uuid_text(const uint8_t *uuid, char *text)
{
        for (size_t i = 0; i < PROV_GATT_UUID_LEN; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *text++ = '-';
                hex_encode(&uuid[PROV_GATT_UUID_LEN - 1 - i], 1, text);
                text += 2;
        }
}

static void show(const struct ble_found *f)
{
        struct json_writer w = { .out = stdout };
        char name[sizeof f->ad.name];
        char address[18], uuid[37] = "";

        ble_address_text(f->address, address);
        if (f->ad.uuid_count)
                uuid_text(f->ad.uuids[0], uuid);
        if (opts.json) {
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "name", f->ad.name);
                json_str(&w, "address", address);
                json_str(&w, "address_type", f->address_type == 2 ? "random" : "public");
                if (f->rssi != 127)
                        json_int(&w, "rssi", f->rssi);
                json_str(&w, "service", uuid);
                json_close(&w, '}');
                putchar('\n');
                return;
        }
        printable((const uint8_t *)f->ad.name, strlen(f->ad.name), name);
        if (f->rssi == 127)
                printf("       ? ");
        else
                printf("%4d dBm ", f->rssi);
        printf(" %s  %-36s  %s\n", address, uuid, *name ? name : "(no name)");
}

int run_scan(int argc, char **argv)
{
        static struct list l;
        struct ble *ble;
        struct diag d = { 0 };
        size_t shown = 0;
        int rc;

        (void)argc;
        (void)argv;
        if (seconds < 1 || seconds > 600)
                return usage_error("--seconds: 1 to 600");
        if ((rc = ble_open(opts.adapter, &ble, &d)) < 0)
                return say_failure(rc, &d, NULL);
        rc = ble_scan(ble, (unsigned)seconds * 1000, collect, &l, &d);
        ble_close(ble);
        if (rc < 0)
                return say_failure(rc, &d, NULL);
        for (size_t i = 0; i < l.count; i++)
                if (everything || is_provisioning(&l.found[i])) {
                        show(&l.found[i]);
                        shown++;
                }
        if (!shown && !opts.json && !opts.quiet)
                fputs("nothing in the air waits for provisioning\n", stderr);
        return STATUS_DONE;
}
