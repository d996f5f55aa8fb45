/* port.h's key-value store: NVS partitions of the board's flash. */
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "bus.h"
#include "firmware/core/port.h"
#include "fmt/nvs_store.h"
#include "machine.h"

#define PAGES_MAX 64u /* of a partition: 256 KiB */

struct part {
        const char *label;
        bool mounted;
        const struct ptable_entry *entry;
        struct flash region;
        struct nvs_store store;
        struct nvs_store_page pages[PAGES_MAX];
};
static struct part parts[] = { { .label = PORT_NVS },
                               { .label = PORT_FCTRY },
                               { .label = PORT_STORAGE } };

static const struct ptable_entry *entry_of(const struct flash *f)
{
        return f->ctx;
}

static bool inside(const struct flash *f, uint32_t offset, size_t len)
{
        return offset <= f->size && len <= f->size - offset;
}

static int region_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        return inside(f, offset, len)
                       ? flash_read(bus_flash(), entry_of(f)->offset + offset, buf, len)
                       : -E_RANGE;
}

static int region_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        return inside(f, offset, len)
                       ? flash_write(bus_flash(), entry_of(f)->offset + offset, buf, len)
                       : -E_RANGE;
}

static int region_erase(const struct flash *f, uint32_t offset, size_t len)
{
        return inside(f, offset, len) ? flash_erase(bus_flash(), entry_of(f)->offset + offset, len)
                                      : -E_RANGE;
}

static struct part *find(const char *label)
{
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                if (!strcmp(parts[i].label, label))
                        return &parts[i];
        return NULL;
}

static int config(struct part *p, struct nvs_store_config *cfg)
{
        const struct ptable_entry *e = ptable_find(machine_table(), p->label);

        if (!e || !ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS))
                return -E_NOTFOUND;
        p->entry = e;
        p->region = (struct flash){ region_read, region_write, region_erase, (void *)e, e->size };
        *cfg = (struct nvs_store_config){ .flash = &p->region,
                                          .pages = p->pages,
                                          .page_count = PAGES_MAX,
                                          .read_only = e->flags & PTABLE_FLAG_READONLY };
        return 0;
}

int port_kv_mount(const char *label)
{
        struct part *p = find(label);
        struct nvs_store_config cfg;
        int rc = p ? config(p, &cfg) : -E_NOTFOUND;

        if (rc == 0) {
                rc = nvs_store_mount(&p->store, &cfg, NULL);
                p->mounted = rc == 0;
        }
        return rc;
}

int port_kv_format(const char *label)
{
        struct part *p = find(label);
        struct nvs_store_config cfg;
        int rc;

        if (strcmp(label, PORT_NVS) != 0)
                return -E_PERM;
        if ((rc = p ? config(p, &cfg) : -E_NOTFOUND) < 0)
                return rc;
        p->mounted = false;
        return nvs_store_format(&cfg, NULL);
}

/* Partition and index of a namespace. */
static int space(const char *label, const char *ns, bool create, struct part **p)
{
        *p = find(label);
        return *p && (*p)->mounted ? nvs_store_open(&(*p)->store, ns, create) : -E_NOTFOUND;
}

int port_kv_get(const char *label, const char *ns, const char *key, void *buf, size_t cap)
{
        char text[PORT_VALUE_MAX];
        struct part *p;
        const int index = space(label, ns, false, &p);
        int rc;

        if (index < 0)
                return index;
        rc = nvs_store_type(&p->store, (unsigned)index, key);
        if (rc == NVS_BLOB)
                return nvs_store_get_blob(&p->store, (unsigned)index, key, buf, cap);
        if (rc != NVS_STR)
                return rc < 0 ? rc : -E_NOTFOUND;
        rc = nvs_store_get_str(&p->store, (unsigned)index, key, text, sizeof text);
        if (rc > 0 && buf) {
                if ((size_t)rc - 1 > cap)
                        rc = -E_NOSPACE;
                else
                        memcpy(buf, text, (size_t)rc - 1);
        }
        wipe(text, sizeof text);
        return rc > 0 ? rc - 1 : rc;
}

int port_kv_set(const char *label, const char *ns, const char *key, const char *value)
{
        struct part *p;
        const int index = space(label, ns, true, &p);

        if (index < 0)
                return index;
        return nvs_store_set_str(&p->store, (unsigned)index, key, value);
}

int port_kv_erase(const char *label, const char *ns, const char *key)
{
        struct part *p;
        const int index = space(label, ns, false, &p);
        const int rc = index < 0 ? index : nvs_store_erase(&p->store, (unsigned)index, key);

        return rc == -E_NOTFOUND ? 0 : rc;
}
