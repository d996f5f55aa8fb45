/* The virtual board's second-stage bootloader: chooses an app (fmt/bootsel.h) and becomes it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "crypt/crypt.h"
#include "firmware/port/linux/bus.h"
#include "firmware/port/linux/settings.h"
#include "fmt/bootenc.h"
#include "fmt/bootfuse.h"
#include "fmt/bootsel.h"
#include "host/payload.h"

#define ESP32 0u /* as in image headers */
#define TRIES 3u /* starts of a new app that does not confirm itself */

static struct bootsel boot;
static struct bootfuse fuses;
static struct payload_settings settings;

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

static int fuse_set(void *ctx, uint32_t offset, uint32_t value)
{
        (void)ctx;
        return bus_efuse_set(offset, value);
}

/* What bootenc_run() returns; 0 also where this bootloader has nothing to do with encryption. */
static int switch_encryption_on(struct bootsel_config cfg, struct diag *d)
{
        static uint8_t sector[FLASH_SECTOR];
        const bool esp32 = cfg.chip_id == ESP32;
        const struct bootenc e = { .efuses = esp32 ? &efuse_esp32 : &efuse_esp32c3,
                                   .raw = bus_flash(),
                                   .cipher = bus_cipher(),
                                   .sector = sector,
                                   .boot_offset = esp32 ? 0x1000 : 0,
                                   .digest = fuses.secure_boot_v1,
                                   .release = settings.encrypt == PAYLOAD_RELEASE,
                                   .get = fuse_word,
                                   .set = fuse_set,
                                   .random = crypt_random,
                                   .boot = &cfg };

        if (settings.encrypt == PAYLOAD_PLAIN)
                return 0;
        cfg.flash = e.raw;
        return bootenc_run(&e, &boot, d);
}

static void start(struct bootsel_config *cfg)
{
        struct diag d = { 0 };
        int fd = -1;
        int rc = switch_encryption_on(*cfg, &d);

        if (rc == 1)
                return;
        if (rc == 0)
                rc = bootsel_choose(&boot, cfg, &d);
        if (rc == 0)
                fd = payload_open(cfg->flash, boot.app->offset, &boot.image, &d);
        if (fd >= 0)
                run_app(fd);
        else
                printf("boot: %s\r\n", diag_text(&d));
}

int main(void)
{
        struct bus_info info;
        struct bootsel_config cfg = {
                .flash = bus_plain(), .need_hash = true, .tries = TRIES, .say = say
        };

        if (bus_open(&info) < 0) {
                fprintf(stderr, "this is a bootloader: only a board can run it (see vboard)\n");
                return STATUS_USAGE;
        }
        cfg.chip_id = info.chip;
        if (bootfuse_read(info.chip, fuse_word, NULL, &fuses) < 0)
                return STATUS_LINK;
        settings_get(&settings);
        if (settings.has_key)
                fuses.trust.v1_key = settings.key;
        cfg.trust = bootfuse_trust(&fuses);
        start(&cfg);
        fflush(stdout);
        return 0; /* a restart, and another attempt */
}
