/* Serial ports and ptys. termios2 gives any rate; its header and <termios.h> exclude each other. */
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "host/link_impl.h"

static int set_rate(int fd, unsigned baud)
{
        struct termios2 t;

        if (ioctl(fd, TCGETS2, &t) < 0)
                return errno == EIO ? -E_LINK : -E_UNSUPPORTED;
        t.c_iflag = IGNBRK;
        t.c_oflag = 0;
        t.c_lflag = 0;
        t.c_cflag = CS8 | CREAD | CLOCAL | BOTHER | (unsigned)BOTHER << IBSHIFT;
        t.c_ispeed = baud;
        t.c_ospeed = baud;
        t.c_cc[VMIN] = 1;
        t.c_cc[VTIME] = 0;
        /* TCSETSW2: what was written leaves at the old rate */
        return ioctl(fd, TCSETSW2, &t) < 0 ? -E_UNSUPPORTED : 0;
}

static int serial_baud(struct link *l, unsigned baud)
{
        return set_rate(l->fd, baud);
}

static int serial_lines(struct link *l, bool dtr, bool rts)
{
        int lines;

        if (ioctl(l->fd, TIOCMGET, &lines) < 0)
                return errno == EIO || errno == ENODEV ? -E_LINK : -E_UNSUPPORTED;
        lines = (lines & ~(TIOCM_DTR | TIOCM_RTS)) | (dtr ? TIOCM_DTR : 0) | (rts ? TIOCM_RTS : 0);
        return ioctl(l->fd, TIOCMSET, &lines) < 0 ? -E_UNSUPPORTED : 0;
}

static void serial_flush(struct link *l)
{
        ioctl(l->fd, TCFLSH, TCIFLUSH);
}

/* A pseudo terminal stays open at its other end, so the mark would outlive us. */
static void serial_close(struct link *l)
{
        ioctl(l->fd, TIOCNXCL);
}

static const struct link_ops serial = {
        .close = serial_close,
        .lines = serial_lines,
        .baud = serial_baud,
        .flush = serial_flush,
};

static int open_failed(const char *path, struct diag *d)
{
        switch (errno) {
        case ENOENT:
        case ENODEV:
        case ENXIO:
                return diag_set(
                        d, E_LINK,
                        "no such port; plug the board in ('flasher ports' lists what is there)");
        case EACCES:
        case EPERM:
                return diag_set(d, E_PERM,
                                "permission denied; add the user to the group that owns %s "
                                "(dialout on Debian) and log in again",
                                path);
        case EBUSY:
                return diag_set(d, E_BUSY,
                                "in use by another program; close its monitor or flasher");
        default:
                return diag_set(d, E_IO, "cannot be opened: %s", strerror(errno));
        }
}

int link_open_serial(const char *path, unsigned baud, struct link **out, struct diag *d)
{
        const int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        struct stat st;
        int rc;

        if (fd < 0)
                return open_failed(path, d);
        if (!isatty(fd)) {
                close(fd);
                return diag_set(d, E_INVAL, "not a serial port");
        }
        /* flock is what pyserial takes too; TIOCEXCL stops programs that take no lock */
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                close(fd);
                errno = EBUSY;
                return open_failed(path, d);
        }
        if (fstat(fd, &st) < 0 || set_rate(fd, baud) < 0) {
                close(fd);
                return diag_set(d, E_IO, "the port does not take %u baud; try another rate with -b",
                                baud);
        }
        ioctl(fd, TIOCEXCL);
        if ((rc = link_new(fd, path, &serial, out, d)) < 0)
                close(fd);
        return rc;
}

/* /sys/dev/char/MAJOR:MINOR/device leads to the USB interface; idVendor and idProduct lie one level
 * above. */
bool link_is_usb_jtag(const struct link *l)
{
        struct stat st;
        unsigned vendor = 0;
        unsigned product = 0;

        if (l->ops != &serial || fstat(l->fd, &st) < 0)
                return false;
        for (int i = 0; i < 2; i++) {
                char path[96];
                FILE *f;

                snprintf(path, sizeof path, "/sys/dev/char/%u:%u/device/../%s",
                         (unsigned)(st.st_rdev >> 8), (unsigned)(st.st_rdev & 0xff),
                         i ? "idProduct" : "idVendor");
                if (!(f = fopen(path, "re")))
                        return false;
                if (fscanf(f, "%x", i ? &product : &vendor) != 1)
                        vendor = 0;
                fclose(f);
        }
        return vendor == 0x303a && product == 0x1001;
}
