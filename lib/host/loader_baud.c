/* The rate for bulk data: raised after the connection stands, lowered until one works, remembered
 * per port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "host/file.h"
#include "host/link_impl.h"
#include "host/loader_impl.h"

#define MEMORY_SECONDS (24 * 3600) /* a cable may have been changed since */

/* The file has lines "PORT RATE SECONDS". 0 if nothing fresh is known. */
static unsigned recall(const struct loader *l)
{
        struct blob b = { 0 };
        unsigned found = 0;
        char *save = NULL;

        if (!l->cfg.baud_memory || file_load(l->cfg.baud_memory, FILE_LIMIT_KEY, &b, NULL) < 0)
                return 0;
        for (char *line = strtok_r((char *)b.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char port[128];
                unsigned rate;
                long long when;

                if (sscanf(line, "%127s %u %lld", port, &rate, &when) == 3 &&
                    !strcmp(port, link_name(l->link)) && time(NULL) - when < MEMORY_SECONDS)
                        found = rate;
        }
        blob_free(&b);
        return found;
}

/* Failing to remember is no failure: the next run tries again. */
static void remember(const struct loader *l, unsigned rate)
{
        struct blob b = { 0 };
        struct file_writer *w;
        char *save = NULL;
        char *dir;

        if (!l->cfg.baud_memory)
                return;
        dir = path_dir(l->cfg.baud_memory);
        if (!dir || file_mkdirs(dir, 0755, NULL) < 0 ||
            file_writer_open(l->cfg.baud_memory, FILE_PUBLIC, &w, NULL) < 0) {
                free(dir);
                return;
        }
        free(dir);
        if (file_load(l->cfg.baud_memory, FILE_LIMIT_KEY, &b, NULL) == 0)
                for (char *line = strtok_r((char *)b.data, "\n", &save); line;
                     line = strtok_r(NULL, "\n", &save)) {
                        const size_t n = strlen(link_name(l->link));

                        if (strncmp(line, link_name(l->link), n) || line[n] != ' ')
                                file_writer_printf(w, "%s\n", line);
                }
        file_writer_printf(w, "%s %u %lld\n", link_name(l->link), rate, (long long)time(NULL));
        file_writer_commit(w, NULL);
        blob_free(&b);
}

/*
 * What to ask the ROM for so that the line really runs at baud: some ROMs believe in another
 * crystal than there is. ESP32: the frequency it measured against its 8 MHz oscillator
 * (RTC_CALI_CFG1 and eFuse CK8M_FREQ); C2: 40 MHz assumed; C5: what PCR_SYSCLK_CONF says.
 */
static int rate_to_ask(struct loader *l, unsigned baud, uint32_t *ask, struct diag *d)
{
        uint32_t cali;
        uint32_t ck8m;
        struct loader_info info;
        int rc = 0;

        *ask = baud;
        if (l->is_stub || l->secure_download)
                return 0;
        if (l->chip->caps & CHIP_XTAL_ESP32) {
                double believed;
                double real;

                if ((rc = loader_read_reg(l, 0x3ff5f06c, &cali, d)) < 0 ||
                    (rc = loader_read_reg(l, 0x3ff5a010, &ck8m, d)) < 0)
                        return rc;
                believed = (double)(cali >> 7 & 0x1ffffff) * 15625 * (ck8m & 0xff) / 40;
                real = believed > 33e6 ? 40e6 : 26e6;
                if (believed > 20e6 && believed < 60e6) /* else nothing was measured */
                        *ask = (uint32_t)(baud * believed / real);
                return 0;
        }
        if (!(l->chip->caps & (CHIP_XTAL_C2 | CHIP_XTAL_C5)) || (rc = loader_info(l, &info, d)) < 0)
                return rc;
        if (l->chip->caps & CHIP_XTAL_C2 && info.crystal == 26)
                *ask = baud / 26 * 40;
        if (l->chip->caps & CHIP_XTAL_C5) {
                uint32_t conf;

                if ((rc = loader_read_reg(l, 0x60096110, &conf, d)) < 0)
                        return rc;
                conf = conf >> 24 & 0x7f;
                if ((conf == 40 && info.crystal == 48) || (conf == 48 && info.crystal == 40))
                        *ask = (uint32_t)((uint64_t)baud * conf / info.crystal);
        }
        return 0;
}

/* 0 at the new rate, -E_TIMEOUT if the chip is not heard there (or the adapter cannot make it). */
static int try_rate(struct loader *l, unsigned baud, struct diag *d)
{
        uint32_t words[2] = { baud, l->is_stub ? l->baud : 0 };
        const struct timespec settle = { 0, 20000000 };
        int rc = rate_to_ask(l, baud, &words[0], d);

        if (rc == 0)
                rc = loader_request(l, ROMLDR_CHANGE_BAUD, words, 2, LOADER_TIMEOUT_MS, NULL, d);
        if (rc < 0)
                return rc;
        if ((rc = link_baud(l->link, baud)) < 0)
                return rc == -E_LINK ? loader_link_gone(l, rc, d) : -E_TIMEOUT;
        nanosleep(&settle, NULL);
        rc = loader_sync(l, 3);
        if (rc == 0)
                l->baud = baud;
        return rc == 0 || rc == -E_TIMEOUT ? rc : loader_link_gone(l, rc, d);
}

void loader_slow(struct loader *l)
{
        if (link_has_baud(l->link))
                try_rate(l, ROMLDR_BAUD, NULL);
}

/* After a rate that does not work the chip listens where nobody talks: only a reset brings it back.
 */
static int back_to_start(struct loader *l, struct diag *d)
{
        int rc = link_baud(l->link, ROMLDR_BAUD);

        l->baud = ROMLDR_BAUD;
        l->attached = false;
        l->flash_size = 0;
        if (rc == 0)
                rc = loader_connect(l, d);
        return rc;
}

int loader_fast(struct loader *l, struct diag *d)
{
        static const unsigned steps[] = { 921600, 460800, 230400, 115200 };
        unsigned want = l->cfg.baud ? l->cfg.baud : LOADER_BAUD;
        const unsigned known = recall(l);
        const uint32_t size = l->flash_size;
        int rc;

        if (l->fast_done || l->usb || !link_has_baud(l->link) || !(l->chip->caps & CHIP_ROM_ATTACH))
                return 0;
        l->fast_done = true;
        if (known && known < want) {
                loader_note(l, "this port worked at %u baud only: not trying %u today", known,
                            want);
                want = known;
        }
        for (size_t i = 0; want > ROMLDR_BAUD; i++) {
                unsigned next = ROMLDR_BAUD;
                struct diag why = { 0 }; /* of a rate that does not work, nobody has to know */

                rc = try_rate(l, want, &why);
                if (rc == 0 && want != (l->cfg.baud ? l->cfg.baud : LOADER_BAUD) && want != known)
                        remember(l, want);
                if (rc < 0 && rc != -E_TIMEOUT)
                        diag_set(d, -rc, "%s", diag_text(&why));
                if (rc != -E_TIMEOUT)
                        return rc;
                for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++)
                        if (steps[k] < want) {
                                next = steps[k];
                                break;
                        }
                loader_note(l, "%u baud does not work on this port; trying %u", want, next);
                want = next;
                if ((rc = back_to_start(l, d)) < 0)
                        return rc;
                if (want == ROMLDR_BAUD)
                        remember(l, want);
                if (size && (rc = loader_flash_attach(l, size, d)) < 0)
                        return rc;
        }
        return 0;
}
