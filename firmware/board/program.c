#include "program.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/payload.h"
#include "sim/inflate.h"

#define PIECE 4096u

struct sink {
        int fd;
        uint32_t left; /* bytes that may still come */
};

static int put(void *arg, const uint8_t *p, size_t n)
{
        struct sink *s = arg;

        if (n > s->left)
                return -E_FORMAT;
        s->left -= (uint32_t)n;
        return write(s->fd, p, n) == (ssize_t)n ? 0 : -E_IO;
}

/* The stream of len bytes at offset. */
static int unpack(const struct flash *f, uint32_t offset, uint32_t len, struct sink *to)
{
        struct sim_inflate z = { 0 };
        uint8_t buf[PIECE];
        int rc = sim_inflate_begin(&z);

        for (uint32_t n; len && rc == 0; len -= n, offset += n) {
                n = len < sizeof buf ? len : (uint32_t)sizeof buf;
                if ((rc = flash_read(f, offset, buf, n)) == 0)
                        rc = sim_inflate_put(&z, buf, n, put, to);
        }
        sim_inflate_free(&z);
        if (rc < 0)
                return rc;
        return rc == 1 && to->left == 0 ? 0 : -E_FORMAT;
}

int program_open(const struct flash *f, uint32_t offset, const struct espimg *img, struct diag *d)
{
        uint8_t head[PAYLOAD_PACKED_N] = { 0 };
        struct sink to = { .fd = -1 };
        uint32_t at, len;
        int rc = payload_find(f, offset, img, &at, &len);

        if (rc == 0 && len >= sizeof head)
                rc = flash_read(f, offset + at, head, sizeof head);
        if (rc < 0 || memcmp(head, PAYLOAD_PACKED, strlen(PAYLOAD_PACKED)) != 0)
                return payload_open(f, offset, img, d);
        to.left = le32_get(head + 4);
        if (to.left > PROGRAM_MAX)
                return diag_set(d, E_FORMAT, "a packed program of 0x%x bytes", (unsigned)to.left);
        to.fd = memfd_create("firmware", MFD_CLOEXEC);
        if (to.fd < 0)
                return diag_set(d, E_NOMEM, "no memory for the program: %s", strerror(errno));
        rc = unpack(f, offset + at + PAYLOAD_PACKED_N, len - PAYLOAD_PACKED_N, &to);
        if (rc == 0)
                return to.fd;
        close(to.fd);
        return diag_set(d, -rc, "the packed program is damaged");
}
