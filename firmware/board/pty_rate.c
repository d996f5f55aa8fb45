/* Rates of a pty as plain numbers. Apart, because <asm/termbits.h> and <termios.h> exclude each
 * other. */
#include <asm/termbits.h>
#include <sys/ioctl.h>

#include "port.h"

uint32_t pty_rate(int fd)
{
        struct termios2 t;

        return ioctl(fd, TCGETS2, &t) == 0 ? t.c_ospeed : 0;
}

void pty_set_rate(int fd, uint32_t rate)
{
        struct termios2 t;

        if (ioctl(fd, TCGETS2, &t) < 0)
                return;
        t.c_cflag = (t.c_cflag & ~(tcflag_t)CBAUD) | BOTHER;
        t.c_ispeed = t.c_ospeed = rate;
        (void)ioctl(fd, TCSETS2, &t);
}
