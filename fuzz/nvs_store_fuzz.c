/*
 * Any bytes as an NVS partition: mounting, listing, reading, setting and erasing never crash, never
 * write against the rules of NOR flash, stay within NVS_STORE_OPS, and what was set is read back,
 * also after the next mount. A read-only mount changes nothing and lists no key that it cannot
 * bound.
 *
 * Input: one byte of flags, then pages. Missing pages are erased.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/bytes.h"
#include "fmt/flash_ram.h"
#include "fmt/nvs_store.h"
#include "sim/nor.h"

#define PAGES 4u
#define SIZE  (PAGES * NVS_PAGE_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static uint8_t mem[SIZE], copy[SIZE], value[PAGES * NVS_PAGE_SIZE];
static struct nvs_store_page pages[PAGES];
static struct nvs_store store;
static struct nor nor;

static void must(int ok)
{
        if (!ok)
                abort();
}

/* Checksums as a writer would make them, so that the fuzzer gets past them. */
static void mend(void)
{
        for (uint8_t *page = mem; page < mem + SIZE; page += NVS_PAGE_SIZE) {
                le32_put(page + NVS_HDR_CRC, crc32_esp(page + NVS_HDR_SEQ, 24));
                for (uint8_t *e = page + NVS_ENTRIES_AT; e < page + NVS_PAGE_SIZE;
                     e += NVS_ENTRY_SIZE)
                        le32_put(e + NVS_ENT_CRC,
                                 crc32_le(crc32_esp(e, 4), e + 8, NVS_ENTRY_SIZE - 8));
        }
}

static void list(void)
{
        struct nvs_store_iter it = { 0 };
        struct nvs_store_entry e;
        unsigned count = 0;

        while (nvs_store_next(&store, &it, &e) > 0) {
                must(++count <= PAGES * NVS_PAGE_ENTRIES);
                must(e.offset < SIZE && memchr(e.key, '\0', sizeof e.key) != NULL &&
                     memchr(e.ns, '\0', sizeof e.ns) != NULL);
                if (e.type == NVS_STR)
                        (void)nvs_store_get_str(&store, e.ns_index, e.key, (char *)value,
                                                sizeof value);
                if (e.type == NVS_BLOB)
                        (void)nvs_store_get_blob(&store, e.ns_index, e.key, value, sizeof value);
        }
}

static int mount(const struct flash *f, bool read_only)
{
        const struct nvs_store_config cfg = {
                .flash = f, .pages = pages, .page_count = PAGES, .read_only = read_only
        };
        const uint64_t before = nor.ops;
        const int rc = nvs_store_mount(&store, &cfg, NULL);

        must(nor.ops - before <= NVS_STORE_OPS(PAGES));
        return rc;
}

static void check_number(unsigned ns, uint64_t want)
{
        uint64_t v = 0;

        must(nvs_store_get_int(&store, ns, "fuzz_n", NVS_U32, &v) == 0 && v == want);
}

static void write_and_read(size_t seed)
{
        const size_t len = seed % 3000;
        const int ns = nvs_store_open(&store, "fuzz", true);
        bool number;
        bool blob;

        if (ns < 0)
                return;
        number = nvs_store_set_int(&store, (unsigned)ns, "fuzz_n", NVS_U32, seed) == 0;
        if (number)
                check_number((unsigned)ns, seed);
        memset(value, (int)seed, sizeof value);
        blob = nvs_store_set_blob(&store, (unsigned)ns, "fuzz_b", value, len) == 0;
        if (mount(&nor.flash, false) < 0)
                abort();
        must(nvs_store_open(&store, "fuzz", false) == ns);
        if (number)
                check_number((unsigned)ns, seed);
        if (blob) {
                memset(value, 0, sizeof value);
                must(nvs_store_get_blob(&store, (unsigned)ns, "fuzz_b", value, sizeof value) ==
                     (int)len);
                must(bytes_all(value, len, (uint8_t)seed));
                must(nvs_store_erase(&store, (unsigned)ns, "fuzz_b") == 0);
                must(nvs_store_type(&store, (unsigned)ns, "fuzz_b") < 0);
        }
        must(nvs_store_erase_ns(&store, (unsigned)ns) == 0);
        must(nvs_store_type(&store, (unsigned)ns, "fuzz_n") < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct flash ram;

        if (n == 0)
                return 0;
        memset(mem, 0xFF, SIZE);
        memcpy(mem, p + 1, n - 1 < SIZE ? n - 1 : SIZE);
        if (p[0] & 1)
                mend();
        memcpy(copy, mem, SIZE);
        must(flash_ram_init_const(&ram, mem, SIZE) == 0);
        if (mount(&ram, true) == 0)
                list();
        must(memcmp(mem, copy, SIZE) == 0);
        must(nor_init(&nor, mem, SIZE, NULL) == 0);
        if (mount(&nor.flash, false) == 0) {
                list();
                write_and_read(n + p[0]);
        }
        must(nor.violations == 0);
        return 0;
}
