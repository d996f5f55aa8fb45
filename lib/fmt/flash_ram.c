#include "fmt/flash_ram.h"

#include <string.h>

#include "base/err.h"

/* The table's ctx is not const; the read-only table never writes through it. */
union image {
        const uint8_t *in;
        void *ctx;
};

static int in_range(const struct flash *f, uint32_t offset, size_t len)
{
        return offset <= f->size && len <= f->size - offset ? 0 : -E_RANGE;
}

static int ram_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        const int rc = in_range(f, offset, len);

        if (rc == 0)
                memcpy(buf, (const uint8_t *)f->ctx + offset, len);
        return rc;
}

static int ram_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        uint8_t *to = (uint8_t *)f->ctx + offset;
        const uint8_t *from = buf;
        const int rc = in_range(f, offset, len);

        if (rc < 0)
                return rc;
        for (size_t i = 0; i < len; i++)
                if (from[i] & ~to[i] & 0xFF)
                        return -E_IO;
        memcpy(to, from, len);
        return 0;
}

static int ram_erase(const struct flash *f, uint32_t offset, size_t len)
{
        const int rc = in_range(f, offset, len);

        if (rc < 0)
                return rc;
        if (offset % FLASH_SECTOR || len % FLASH_SECTOR)
                return -E_RANGE;
        memset((uint8_t *)f->ctx + offset, 0xFF, len);
        return 0;
}

static int const_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        (void)f, (void)offset, (void)buf, (void)len;
        return -E_PERM;
}

static int const_erase(const struct flash *f, uint32_t offset, size_t len)
{
        (void)f, (void)offset, (void)len;
        return -E_PERM;
}

static int check_size(size_t size)
{
        return size == 0 || size % FLASH_SECTOR || size > UINT32_MAX ? -E_RANGE : 0;
}

int flash_ram_init(struct flash *f, uint8_t *image, size_t size)
{
        *f = (struct flash){ .read = ram_read,
                             .write = ram_write,
                             .erase = ram_erase,
                             .ctx = image,
                             .size = (uint32_t)size };
        return check_size(size);
}

int flash_ram_init_const(struct flash *f, const uint8_t *image, size_t size)
{
        const union image u = { .in = image };

        *f = (struct flash){ .read = ram_read,
                             .write = const_write,
                             .erase = const_erase,
                             .ctx = u.ctx,
                             .size = (uint32_t)size };
        return check_size(size);
}
