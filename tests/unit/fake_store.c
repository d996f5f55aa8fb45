/* port.h's key-value store and update slots on memory. Apart from fake_port.c: a test that is
 * linked with a real port's takes none of these. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "fake_port.h"
#include "fmt/flash_ram.h"
#include "fmt/nvs_store.h"

static struct part {
        unsigned start; /* of the unit, that it was used in */
        struct flash flash;
        struct nvs_store store;
        struct nvs_store_page pages[NVS_STORE_PAGES(FAKE_PART)];
        bool mounted;
} parts[2];

static void must(bool ok)
{
        if (!ok)
                abort();
}

/* Unmounted where the power was away since it was mounted. */
static struct part *part(const char *label)
{
        struct part *p = &parts[strcmp(label, PORT_NVS) != 0];

        if (p->start != fake.starts)
                memset(p, 0, sizeof *p);
        p->start = fake.starts;
        return p;
}

static struct nvs_store_config part_config(struct part *p)
{
        return (struct nvs_store_config){ .flash = &p->flash,
                                          .pages = p->pages,
                                          .page_count = NVS_STORE_PAGES(FAKE_PART),
                                          .read_only = p == &parts[1] && !fake.fctry_writable };
}

int port_kv_mount(const char *label)
{
        struct part *p = part(label);
        struct nvs_store_config cfg;
        int rc;

        fake_call();
        p->mounted = false;
        if (p == &parts[1] &&
            (fake.fctry_missing || strcmp(label, fake.is_storage ? PORT_STORAGE : PORT_FCTRY) != 0))
                return -E_NOTFOUND;
        if (p == &parts[0] && fake.mount_error)
                return fake.mount_error;
        must(flash_ram_init(&p->flash, p == parts ? fake.nvs : fake.fctry, FAKE_PART) == 0);
        cfg = part_config(p);
        rc = nvs_store_mount(&p->store, &cfg, NULL);
        p->mounted = rc == 0;
        return rc;
}

int port_kv_format(const char *label)
{
        struct part *p = part(label);

        fake_call();
        if (p != parts)
                return -E_PERM;
        fake.formats++;
        fake.mount_error = 0;
        fake.wifi_stored = false;
        memset(fake.nvs, 0xFF, sizeof fake.nvs);
        p->mounted = false;
        return 0;
}

int port_kv_get(const char *label, const char *ns, const char *key, void *buf, size_t cap)
{
        struct part *p = part(label);
        const int n = p->mounted ? nvs_store_open(&p->store, ns, false) : -E_NOTFOUND;
        char text[NVS_STR_MAX];
        int rc;

        if (n < 0)
                return n;
        rc = nvs_store_get_str(&p->store, (unsigned)n, key, text, sizeof text);
        if (rc == -E_NOTFOUND)
                return nvs_store_get_blob(&p->store, (unsigned)n, key, buf, cap);
        if (rc <= 0)
                return rc;
        if (buf && (size_t)rc - 1 > cap)
                return -E_NOSPACE;
        if (buf)
                memcpy(buf, text, (size_t)rc - 1);
        return rc - 1;
}

int port_kv_set(const char *label, const char *ns, const char *key, const char *value)
{
        struct part *p = part(label);
        int n;

        fake_call();
        if (!p->mounted)
                return -E_STATE;
        fake.sets++;
        n = nvs_store_open(&p->store, ns, true);
        return n < 0 ? n : nvs_store_set_str(&p->store, (unsigned)n, key, value);
}

int port_kv_erase(const char *label, const char *ns, const char *key)
{
        struct part *p = part(label);
        const int n = p->mounted ? nvs_store_open(&p->store, ns, false) : -E_NOTFOUND;
        int rc;

        fake_call();
        rc = n < 0 ? n : nvs_store_erase(&p->store, (unsigned)n, key);
        return rc == -E_NOTFOUND ? 0 : rc;
}

enum port_ota_state port_ota_state(void)
{
        return fake.pending ? PORT_OTA_PENDING : PORT_OTA_VALID;
}

int port_ota_begin(uint32_t *size)
{
        fake_call();
        must(!fake.ota_open);
        if (fake.pending)
                return -E_STATE;
        fake.begins++;
        fake.ota_open = true;
        fake.ota_finished = false;
        fake.written = 0;
        fake.activated = false;
        memset(fake.slot, 0xFF, sizeof fake.slot);
        *size = FAKE_SLOT;
        return 0;
}

int port_ota_write(const void *p, size_t n)
{
        fake_call();
        must(fake.ota_open);
        if (n > FAKE_SLOT - fake.written)
                return -E_RANGE;
        memcpy(fake.slot + fake.written, p, n);
        fake.written += (uint32_t)n;
        return 0;
}

int port_ota_finish(void)
{
        fake_call();
        must(fake.ota_open);
        if (fake.bad_signature)
                return -E_VERIFY;
        fake.ota_open = false;
        fake.ota_finished = true;
        return 0;
}

int port_ota_activate(void)
{
        fake_call();
        must(fake.ota_finished);
        fake.activated = true;
        return 0;
}

void port_ota_abort(void)
{
        fake_call();
        must(fake.ota_open);
        fake.ota_open = false;
}

int port_ota_mark_valid(void)
{
        fake_call();
        fake.marks++;
        fake.pending = false;
        return 0;
}

int port_ota_rollback(void)
{
        fake_call();
        if (fake.no_other_slot)
                return -E_NOTFOUND;
        fake.rolled_back = true;
        fake.pending = false;
        return 0;
}
