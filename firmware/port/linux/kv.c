/* port.h's key-value store: NVS partitions of the board's flash. */
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "bus.h"
#include "firmware/core/port.h"
#include "fmt/nvs_crypt.h"
#include "fmt/nvs_read.h"
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

/*
 * How NVS is encrypted on this unit, known once: by a key partition, else by an HMAC key in eFuses,
 * else not at all. flasher judges images by the same rule before it writes them.
 */
static struct {
        bool known;
        int rc;                   /* why the keys cannot be had */
        struct crypt_xts *cipher; /* NULL: not encrypted */
        struct crypt_xts xts;
} seal;

static int hmac_by_chip(void *ctx, const void *p, size_t n, uint8_t out[CRYPT_SHA256_LEN])
{
        const unsigned *block = ctx;

        return bus_hmac(*block, p, n, out);
}

static int make_keys(const struct ptable_entry *e, struct nvs_keys *k)
{
        static uint8_t page[NVS_KEYS_SIZE];
        int rc = nvs_keys_generate(k);

        if (rc == 0)
                nvs_keys_format(k, page);
        if (rc == 0 && (rc = flash_erase(bus_flash(), e->offset, e->size)) == 0)
                rc = flash_write(bus_plain(), e->offset, page, sizeof page);
        wipe(page, sizeof page);
        return rc;
}

/* A key partition is covered by flash encryption always. Erased: keys are made, as ESP-IDF does. */
static int load_keys(const struct ptable_entry *e, struct nvs_keys *k)
{
        uint8_t raw[NVS_KEYS_CRC + 4];
        int rc;

        if (e->size < NVS_KEYS_SIZE)
                return -E_RANGE;
        if ((rc = flash_read(bus_flash(), e->offset, raw, sizeof raw)) < 0)
                return rc;
        if (bytes_all(raw, sizeof raw, 0xff))
                return make_keys(e, k);
        if ((rc = flash_read(bus_plain(), e->offset, raw, sizeof raw)) == 0)
                rc = nvs_keys_parse(k, raw, sizeof raw, NULL);
        wipe(raw, sizeof raw);
        return rc;
}

static int find_keys(struct nvs_keys *k)
{
        const struct ptable_entry *e =
                ptable_find_type(machine_table(), PTABLE_DATA, PTABLE_DATA_NVS_KEYS, NULL);

        if (e)
                return load_keys(e, k);
        for (unsigned i = 0; i < BOOTFUSE_KEYS; i++)
                if (machine_fuses()->purpose[i] == BOOTFUSE_HMAC_UP)
                        return nvs_keys_from_hardware(k, hmac_by_chip, &i);
        return -E_NOTFOUND;
}

static int unseal(void)
{
        struct nvs_keys k;

        if (seal.known)
                return seal.rc;
        seal.known = true;
        seal.rc = find_keys(&k);
        if (seal.rc == 0 && (seal.rc = crypt_xts_init(&seal.xts, k.bytes)) == 0)
                seal.cipher = &seal.xts;
        if (seal.rc == -E_NOTFOUND)
                seal.rc = 0;
        wipe(&k, sizeof k);
        return seal.rc;
}

/* An image of the other kind would lose all its entries at the first mount. */
static int check_kind(const struct part *p)
{
        static uint8_t page[NVS_PAGE_SIZE];
        int rc = 0;

        for (uint32_t at = 0; at < p->entry->size && rc == 0; at += NVS_PAGE_SIZE) {
                if ((rc = flash_read(&p->region, at, page, sizeof page)) < 0)
                        return rc;
                if (!nvs_has_page(page, sizeof page))
                        continue;
                if (seal.cipher ? nvs_looks_plain(page, sizeof page)
                                : nvs_looks_encrypted(page, sizeof page))
                        rc = -E_KEY;
        }
        wipe(page, sizeof page);
        return rc;
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
        int rc;

        if (!e || !ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS))
                return -E_NOTFOUND;
        if (e->flags & PTABLE_FLAG_ENCRYPTED) /* NVS rewrites bits: ESP-IDF refuses this too */
                return -E_TYPE;
        if ((rc = unseal()) < 0)
                return rc;
        p->entry = e;
        p->region = (struct flash){ region_read, region_write, region_erase, (void *)e, e->size };
        *cfg = (struct nvs_store_config){ .flash = &p->region,
                                          .pages = p->pages,
                                          .page_count = PAGES_MAX,
                                          .xts = seal.cipher,
                                          .read_only = e->flags & PTABLE_FLAG_READONLY };
        return 0;
}

int port_kv_mount(const char *label)
{
        struct part *p = find(label);
        struct nvs_store_config cfg;
        int rc = p ? config(p, &cfg) : -E_NOTFOUND;

        if (rc == 0)
                rc = check_kind(p);
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
