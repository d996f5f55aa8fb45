#include "sim/nor.h"

#include <string.h>

#include "base/err.h"

/* xorshift32: reproducible, never 0 */
static uint32_t next_random(uint32_t *state)
{
        uint32_t x = *state ? *state : 1;

        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        return *state = x;
}

static int check(const struct nor *n, uint32_t offset, size_t len)
{
        if (n->off)
                return -E_IO;
        return offset <= n->flash.size && len <= n->flash.size - offset ? 0 : -E_RANGE;
}

/* Count an operation; true if this is the one that is cut. */
static bool count(struct nor *n)
{
        n->off = n->ops++ == n->cut_at;
        return n->off;
}

static int nor_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        const struct nor *n = f->ctx;
        const int rc = check(n, offset, len);

        if (rc == 0)
                memcpy(buf, n->mem + offset, len);
        return rc;
}

static int nor_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        struct nor *n = f->ctx;
        const uint8_t *from = buf;
        const int rc = check(n, offset, len);

        if (rc < 0)
                return rc;
        for (size_t i = 0; i < len; i++) {
                if (from[i] & ~n->mem[offset + i] & 0xFF) {
                        n->violations++;
                        return -E_IO;
                }
        }
        if (count(n) && n->cut_bytes < len)
                len = n->cut_bytes;
        memcpy(n->mem + offset, from, len);
        return n->off ? -E_IO : 0;
}

static void tear_erase(struct nor *n, uint8_t *sector)
{
        const size_t part = n->cut_bytes < FLASH_SECTOR ? n->cut_bytes : FLASH_SECTOR;
        uint32_t state = n->seed;

        switch (n->torn_erase) {
        case NOR_ERASE_HEAD:
                memset(sector, 0xFF, part);
                break;
        case NOR_ERASE_TAIL:
                memset(sector + FLASH_SECTOR - part, 0xFF, part);
                break;
        case NOR_ERASE_RANDOM:
                for (size_t i = 0; i < FLASH_SECTOR; i++)
                        sector[i] = (uint8_t)(sector[i] | next_random(&state) >> 13);
                break;
        }
}

static int nor_erase(const struct flash *f, uint32_t offset, size_t len)
{
        struct nor *n = f->ctx;
        const int rc = check(n, offset, len);
        bool cut;

        if (rc < 0)
                return rc;
        if (offset % FLASH_SECTOR || len % FLASH_SECTOR)
                return -E_RANGE;
        cut = count(n);
        for (uint32_t at = offset; at < offset + len; at += FLASH_SECTOR) {
                if (n->wear)
                        n->wear[at / FLASH_SECTOR]++;
                if (cut)
                        tear_erase(n, n->mem + at);
                else
                        memset(n->mem + at, 0xFF, FLASH_SECTOR);
        }
        return cut ? -E_IO : 0;
}

int nor_init(struct nor *n, uint8_t *mem, uint32_t size, uint32_t *wear)
{
        memset(n, 0, sizeof *n);
        if (size == 0 || size % FLASH_SECTOR)
                return -E_RANGE;
        n->flash = (struct flash){
                .read = nor_read, .write = nor_write, .erase = nor_erase, .ctx = n, .size = size
        };
        n->cut_at = NOR_NEVER;
        n->cut_bytes = SIZE_MAX;
        n->mem = mem;
        n->wear = wear;
        if (wear)
                memset(wear, 0, size / FLASH_SECTOR * sizeof *wear);
        return 0;
}

void nor_power_on(struct nor *n)
{
        n->off = false;
        n->cut_at = NOR_NEVER;
}

uint32_t nor_wear(const struct nor *n, uint32_t sector)
{
        return n->wear && sector < n->flash.size / FLASH_SECTOR ? n->wear[sector] : 0;
}
