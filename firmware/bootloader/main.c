/* The virtual board's second-stage bootloader: chooses an app (fmt/bootsel.h) and becomes it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "firmware/port/linux/bus.h"
#include "fmt/bootfuse.h"
#include "fmt/bootsel.h"
#include "host/payload.h"

#define TRIES 3u /* starts of a new app that does not confirm itself */

static struct bootsel boot;
static struct bootfuse fuses;

static void say(void *ctx, const char *line)
{
        (void)ctx;
        printf("boot: %s\r\n", line);
}

/* Does not return if there is something to run. */
static void run_app(int fd)
{
        char name[] = "app", offset[12], size[12];
        char *const argv[] = { name, offset, size, NULL };

        /* which partition it runs from */
        snprintf(offset, sizeof offset, "0x%x", (unsigned)boot.app->offset);
        snprintf(size, sizeof size, "0x%x", (unsigned)boot.app->size);
        fflush(stdout);
        fexecve(fd, argv, environ);
        perror("boot: the app cannot be started");
}

static int fuse_word(void *ctx, uint32_t offset, uint32_t *value)
{
        (void)ctx;
        return bus_efuse(offset, value);
}

int main(void)
{
        struct bus_info info;
        struct bootsel_config cfg = {
                .flash = bus_plain(), .need_hash = true, .tries = TRIES, .say = say
        };
        struct diag d = { 0 };
        int fd = -1;

        if (bus_open(&info) < 0) {
                fprintf(stderr, "this is a bootloader: only a board can run it (see vboard)\n");
                return STATUS_USAGE;
        }
        cfg.chip_id = info.chip;
        if (bootfuse_read(info.chip, fuse_word, NULL, &fuses) < 0)
                return STATUS_LINK;
        if (fuses.secure_boot)
                cfg.trust = &fuses.trust;
        if (bootsel_choose(&boot, &cfg, &d) == 0)
                fd = payload_open(cfg.flash, boot.app->offset, &boot.image, &d);
        if (fd >= 0)
                run_app(fd);
        else
                printf("boot: %s\r\n", diag_text(&d));
        fflush(stdout);
        return 0; /* a restart, and another attempt */
}
