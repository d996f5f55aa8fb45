#include "flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "host/file.h"

/* Typical times of a GD25Q32 at 3.3 V, in microseconds. */
#define PAGE_US   500u
#define SECTOR_US 45000u
#define BLOCK_US  150000u

#define BLOCK (64u << 10)

/* Begins an operation. False if there is no power for it; *half if it goes away in the middle. */
static bool start(struct flash_file *f, bool *half)
{
        if (f->powerless)
                return false;
        f->operations++;
        *half = f->cut_at && f->operations >= f->cut_at;
        return true;
}

static int over(struct flash_file *f, bool half, uint32_t us)
{
        if (half) {
                f->powerless = true;
                f->cut_at = 0;
                if (f->lost_power)
                        f->lost_power(f->ctx);
                return -E_IO;
        }
        if (f->spent)
                f->spent(f->ctx, us);
        return 0;
}

static bool fits(const struct flash *fl, uint32_t offset, size_t len)
{
        return offset <= fl->size && len <= fl->size - offset;
}

static int file_read(const struct flash *fl, uint32_t offset, void *buf, size_t len)
{
        const struct flash_file *f = fl->ctx;

        if (!fits(fl, offset, len))
                return -E_RANGE;
        if (f->powerless)
                return -E_IO;
        memcpy(buf, f->map + offset, len);
        return 0;
}

static int file_write(const struct flash *fl, uint32_t offset, const void *buf, size_t len)
{
        struct flash_file *f = fl->ctx;
        const uint8_t *p = buf;

        if (!fits(fl, offset, len))
                return -E_RANGE;
        while (len) {
                const size_t room = FLASH_PAGE - offset % FLASH_PAGE;
                const size_t n = len < room ? len : room;
                bool half;
                int rc;

                if (!start(f, &half))
                        return -E_IO;
                for (size_t i = 0; i < (half ? n / 2 : n); i++)
                        f->map[offset + i] &= p[i];
                if ((rc = over(f, half, PAGE_US)) < 0)
                        return rc;
                offset += (uint32_t)n;
                p += n;
                len -= n;
        }
        return 0;
}

static int file_erase(const struct flash *fl, uint32_t offset, size_t len)
{
        struct flash_file *f = fl->ctx;

        if (!fits(fl, offset, len) || offset % FLASH_SECTOR || len % FLASH_SECTOR)
                return -E_RANGE;
        while (len) {
                const bool block = offset % BLOCK == 0 && len >= BLOCK;
                const size_t n = block ? BLOCK : FLASH_SECTOR;
                bool half;
                int rc;

                if (!start(f, &half))
                        return -E_IO;
                memset(f->map + offset, 0xff, half ? n / 2 : n);
                if ((rc = over(f, half, block ? BLOCK_US : SECTOR_US)) < 0)
                        return rc;
                offset += (uint32_t)n;
                len -= n;
        }
        return 0;
}

static int create(const char *path, uint32_t size, struct diag *d)
{
        uint8_t *blank = malloc(size);
        int rc;

        if (!blank)
                return diag_set(d, E_NOMEM, "%s: no memory for %u bytes", path, size);
        memset(blank, 0xff, size);
        rc = file_save(path, blank, size, FILE_SECRET, d);
        free(blank);
        return rc;
}

static int open_file(struct flash_file *f, const char *path, uint32_t size, struct diag *d)
{
        struct stat st;
        int rc;

        if (!file_exists(path) && (rc = create(path, size, d)) < 0)
                return rc;
        f->fd = open(path, O_RDWR | O_CLOEXEC);
        if (f->fd < 0 || fstat(f->fd, &st) < 0)
                return diag_set(d, errno == EACCES ? E_PERM : E_IO, "%s: cannot be opened: %s",
                                path, strerror(errno));
        if (!S_ISREG(st.st_mode) || st.st_size != (off_t)size)
                return diag_set(
                        d, E_FORMAT,
                        "%s: is no flash file of %u bytes; give --flash-size or another file", path,
                        size);
        if (flock(f->fd, LOCK_EX | LOCK_NB) < 0)
                return diag_set(d, E_BUSY,
                                "%s: is the flash of another running board; stop that one first",
                                path);
        f->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
        return 0;
}

int flash_file_open(struct flash_file *f, const char *path, uint32_t size, struct diag *d)
{
        int rc = 0;

        memset(f, 0, sizeof *f);
        f->fd = -1;
        f->map = MAP_FAILED;
        f->flash = (struct flash){ file_read, file_write, file_erase, f, size };
        if (size < 64u << 10 || size > 128u << 20 || size & (size - 1))
                return diag_set(
                        d, E_RANGE,
                        "a flash of %u bytes is not made; give a power of two from 64K to 128M",
                        size);
        if (path)
                rc = open_file(f, path, size, d);
        else
                f->map =
                        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (rc == 0 && f->map == MAP_FAILED)
                rc = diag_set(d, E_NOMEM, "no memory for a flash of %u bytes", size);
        if (rc == 0 && !path)
                memset(f->map, 0xff, size);
        if (rc < 0)
                flash_file_close(f);
        return rc;
}

void flash_file_close(struct flash_file *f)
{
        if (f->map && f->map != MAP_FAILED)
                munmap(f->map, f->flash.size);
        if (f->fd >= 0)
                close(f->fd);
        f->map = NULL;
        f->fd = -1;
}

void flash_file_blank(struct flash_file *f)
{
        memset(f->map, 0xff, f->flash.size);
        f->cut_at = 0;
}
