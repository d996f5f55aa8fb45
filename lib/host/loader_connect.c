/* From a closed port to a chip that is known: reset sequences, synchronisation, detection, the way
 * out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/link_impl.h"
#include "host/loader_impl.h"
#include "host/pool.h"

static void sleep_ms(unsigned ms)
{
        struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

        while (nanosleep(&t, &t) < 0 && !interrupted())
                ;
}

/*
 * Reset sequences as steps: what the two lines are, then how long. On the usual boards EN is low
 * while RTS alone is asserted, the boot pin is low while DTR alone is (both or none: neither).
 */
struct step {
        uint8_t dtr, rts;
        uint16_t ms;
};
#define LAST 0xffff

/* Both lines move at once, so that the capacitor at EN sees one edge. */
static const struct step tight[] = {
        { 0, 0, 0 }, { 1, 1, 0 }, { 0, 1, 100 }, { 1, 0, 50 }, { 0, 0, LAST },
};
/* One line after the other, for adapters that cannot. */
static const struct step classic[] = {
        { 0, 0, 0 }, { 0, 1, 100 }, { 1, 1, 0 }, { 1, 0, 50 }, { 0, 0, LAST },
};
/* The chip's USB unit: through (1,1), never through (0,0), or it would reset too early. */
static const struct step usb_jtag[] = {
        { 0, 0, 100 }, { 1, 0, 100 }, { 1, 1, 0 }, { 0, 1, 100 }, { 0, 0, LAST },
};
static const struct step run[] = { { 0, 1, 100 }, { 0, 0, LAST } };
static const struct step run_usb[] = { { 0, 1, 200 }, { 0, 0, 200 }, { 0, 0, LAST } };

/* extra: milliseconds more before the boot pin is let go (boards with a large capacitor at EN). */
static int play(struct link *link, const struct step *s, unsigned extra)
{
        for (;; s++) {
                const bool boots = s->dtr && !s->rts;
                const int rc = link_lines(link, s->dtr, s->rts);

                if (rc < 0 || s->ms == LAST)
                        return rc;
                sleep_ms(s->ms + (boots ? extra : 0));
        }
}

int loader_reset_download(struct loader *l, unsigned attempt)
{
        if (l->cfg.before == LOADER_USB_RESET || l->usb)
                return play(l->link, usb_jtag, 0);
        return play(l->link, attempt % 4 < 2 ? tight : classic, attempt % 2 ? 500 : 0);
}

int loader_reset_run(struct loader *l)
{
        return play(l->link, l->usb ? run_usb : run, 0);
}

int loader_restart(struct link *link, unsigned baud)
{
        int rc = link_has_baud(link) ? link_baud(link, baud) : 0;

        if (rc == 0 && link_has_lines(link))
                rc = play(link, link_is_usb_jtag(link) ? run_usb : run, 0);
        return rc == -E_UNSUPPORTED ? 0 : rc;
}

/* What the chip prints after a reset says in which mode it started. */
static void read_boot_log(struct loader *l)
{
        size_t len = 0;
        long n;

        while (len + 1 < sizeof l->log &&
               (n = link_read(l->link, l->log + len, sizeof l->log - 1 - len, len ? 20 : 60)) > 0)
                len += (size_t)n;
        for (size_t i = 0; i < len; i++)
                if (!l->log[i])
                        l->log[i] = ' ';
        l->log[len] = 0;
        if (len)
                loader_trace(l, "boot log: %.400s", l->log);
}

static int no_answer(struct loader *l, struct diag *d)
{
        const bool download = strstr(l->log, "waiting for download") ||
                              strstr(l->log, "wait uart") || strstr(l->log, "wait usb");

        if (download)
                return diag_set(d, E_LINK,
                                "the chip waits for a download but does not hear us; "
                                "check the TX line of the adapter");
        if (strstr(l->log, "Download") && strstr(l->log, "disable"))
                return diag_set(d, E_REFUSED,
                                "download mode is switched off for good by an eFuse of this chip");
        if (strstr(l->log, "boot:0x"))
                return diag_set(d, E_TIMEOUT,
                                "the chip boots its program instead of waiting for a download; "
                                "hold BOOT, press and release RESET, then run this again");
        if (!link_has_lines(l->link))
                return diag_set(d, E_TIMEOUT,
                                "no answer, and this link cannot reset the chip; "
                                "hold BOOT, press and release RESET, then run this again");
        return diag_set(d, E_TIMEOUT,
                        "no answer from a chip; hold BOOT while it starts, "
                        "or try another cable, port or a lower rate");
}

/*
 * Without reset lines the chip may still be in the loader at the rate that an earlier session
 * raised it to: look there as well.
 */
static void other_rate(struct loader *l, unsigned attempt)
{
        const unsigned rates[] = { ROMLDR_BAUD, l->cfg.baud ? l->cfg.baud : LOADER_BAUD, 921600,
                                   460800 };

        if (!link_has_baud(l->link))
                return;
        l->baud = rates[attempt % 4];
        link_baud(l->link, l->baud);
}

int loader_connect(struct loader *l, struct diag *d)
{
        const unsigned attempts = l->cfg.attempts ? l->cfg.attempts : 7;
        int rc = -E_TIMEOUT;

        l->log[0] = 0;
        for (unsigned i = 0; i < attempts; i++) {
                if (l->cfg.before < LOADER_NO_RESET && link_has_lines(l->link)) {
                        loader_flush(l);
                        rc = loader_reset_download(l, i);
                        if (rc == 0)
                                read_boot_log(l);
                        else if (rc != -E_UNSUPPORTED)
                                break;
                }
                if (i && !link_has_lines(l->link))
                        other_rate(l, i);
                rc = loader_sync(l, 5);
                if (rc != -E_TIMEOUT)
                        break;
                if (interrupted())
                        rc = -E_CANCELLED;
        }
        if (rc == -E_TIMEOUT)
                return no_answer(l, d);
        if (rc == -E_CANCELLED)
                return diag_set(d, E_CANCELLED, "interrupted");
        if (rc < 0)
                return diag_set(d, -rc, "the link is gone; check the cable");
        return 0;
}

/* The answers of ROMs that do not know a command come up to eight times: let them pass. */
static void drain(struct loader *l)
{
        uint8_t waste[512];

        l->raw_at = l->raw_len = 0;
        while (link_read(l->link, waste, sizeof waste, 50) > 0)
                ;
}

/* GET_SECURITY_INFO names the newer chips, also in secure download mode. NULL if it does not. */
static const struct chip *by_security_info(struct loader *l, int *rc)
{
        struct romldr_reply r;

        *rc = loader_request(l, ROMLDR_SECURITY_INFO, NULL, 0, 500, &r, NULL);
        if (*rc == 0 && r.len >= ROMLDR_SEC_LEN_S2)
                l->secure_download = le32_get(r.data) & ROMLDR_SECF_SECURE_DOWNLOAD;
        if (*rc == 0 && r.len >= ROMLDR_SEC_LEN)
                return chip_by_image_id(le32_get(r.data + ROMLDR_SEC_CHIP_ID));
        return NULL;
}

static int detect(struct loader *l, struct diag *d)
{
        uint32_t magic = 0;
        int rc;

        l->chip = by_security_info(l, &rc);
        if (rc == -E_LINK || rc == -E_CANCELLED)
                return diag_set(d, -rc, "the link is gone; check the cable");
        if (rc < 0) {
                drain(l);
                if (loader_sync(l, 3) < 0 && (rc = loader_connect(l, d)) < 0)
                        return rc;
        }
        if (!l->chip) {
                rc = loader_read_reg(l, ROMLDR_MAGIC_REG, &magic, NULL);
                l->chip = rc < 0 ? NULL : chip_by_magic(magic);
                if (rc == -E_REFUSED) {
                        l->secure_download = true;
                        l->chip = l->cfg.chip;
                }
        }
        if (rc < 0 && rc != -E_REFUSED) {
                diag_set(d, -rc,
                         "the chip answers SYNC but not READ_REG; try again, or a lower rate");
                return rc;
        }
        if (!l->chip)
                return diag_set(d, E_UNSUPPORTED,
                                "a chip that is not known (magic word %08x); known are %s", magic,
                                chip_names());
        if (l->cfg.chip && l->cfg.chip != l->chip)
                return diag_set(
                        d, E_VERIFY,
                        "this is an %s, not an %s; connect the right board or leave out --chip",
                        l->chip->name, l->cfg.chip->name);
        romldr_client_init(&l->client, l->rx, sizeof l->rx,
                           l->stub_met ? ROMLDR_STATUS_2 : l->chip->status_len);
        l->is_stub = l->stub_met;
        return 0;
}

/* Over the chip's own USB unit the RTC and super watchdogs run on and would reset it in the middle.
 */
static int feed_watchdogs(struct loader *l, struct diag *d)
{
        const struct chip *c = l->chip;
        uint32_t uart = 0;
        int rc;

        if (!c->uart_no || l->secure_download || l->stub_met)
                return 0;
        if ((rc = loader_read_reg(l, c->uart_no, &uart, d)) < 0)
                return rc;
        uart &= 0xff;
        l->usb = (c->uart_no_usb_jtag && uart == c->uart_no_usb_jtag) ||
                 (c->uart_no_usb_otg && uart == c->uart_no_usb_otg);
        if (!c->uart_no_usb_jtag || uart != c->uart_no_usb_jtag || !c->wdt[0])
                return 0;
        if ((rc = loader_write_reg(l, c->wdt[0], c->wdt_key, UINT32_MAX, 0, d)) == 0 &&
            (rc = loader_write_reg(l, c->wdt[1], 0, UINT32_MAX, 0, d)) == 0 &&
            (rc = loader_write_reg(l, c->wdt[0], 0, UINT32_MAX, 0, d)) == 0 &&
            (rc = loader_write_reg(l, c->wdt[2], c->swd_key, UINT32_MAX, 0, d)) == 0 &&
            (rc = loader_write_reg(l, c->wdt[3], c->swd_feed, c->swd_feed, 0, d)) == 0)
                rc = loader_write_reg(l, c->wdt[2], 0, UINT32_MAX, 0, d);
        return rc;
}

static int start(struct loader *l, struct diag *d)
{
        int rc = 0;

        l->usb = link_is_usb_jtag(l->link);
        romldr_client_init(&l->client, l->rx, sizeof l->rx, ROMLDR_STATUS);
        if (l->cfg.before != LOADER_NO_SYNC)
                rc = loader_connect(l, d);
        if (rc == 0)
                rc = detect(l, d);
        if (rc == 0)
                rc = feed_watchdogs(l, d);
        if (rc == 0 && l->cfg.stub && !l->secure_download && !l->stub_met)
                rc = loader_stub_start(l, d);
        return rc;
}

int loader_open(const struct loader_config *cfg, struct loader **out, struct diag *d)
{
        struct loader *l = calloc(1, sizeof *l);
        int rc = 0;

        *out = NULL;
        if (!l) {
                link_close(cfg->link);
                return diag_set(d, E_NOMEM, "out of memory");
        }
        l->cfg = *cfg;
        l->link = cfg->link;
        l->began = link_clock();
        l->baud = ROMLDR_BAUD;
        /* a ROM without CHANGE_BAUDRATE measures the rate on SYNC: any will do */
        if (cfg->chip && !(cfg->chip->caps & CHIP_ROM_ATTACH) && cfg->baud)
                l->baud = cfg->baud;
        else if (cfg->baud && cfg->baud < ROMLDR_BAUD)
                l->baud = cfg->baud;
        if (!l->link)
                rc = link_open(cfg->port, l->baud, &l->link, d);
        if (rc == 0)
                rc = start(l, d);
        if (rc < 0) {
                link_close(l->link);
                free(l);
                return rc;
        }
        *out = l;
        return 0;
}

/* The RTC watchdog, set to fire at once: resets what no line can reach. */
static int watchdog_reset(struct loader *l, struct diag *d)
{
        const struct chip *c = l->chip;
        int rc;

        if (!c->wdt[0])
                return diag_set(d, E_UNSUPPORTED,
                                "%s cannot be reset by its watchdog; use --after hard-reset",
                                c->name);
        if ((rc = loader_write_reg(l, c->wdt[0], c->wdt_key, UINT32_MAX, 0, d)) < 0 ||
            (rc = loader_write_reg(l, c->wdt[1] + 4, 2000, UINT32_MAX, 0, d)) < 0 ||
            (rc = loader_write_reg(l, c->wdt[1], 1u << 31 | 5u << 28 | 1u << 8 | 2, UINT32_MAX, 0,
                                   d)) < 0)
                return rc;
        sleep_ms(500);
        return 0;
}

int loader_run(struct loader *l, struct diag *d)
{
        uint32_t begin[5] = { 0, 0, ROMLDR_FLASH_BLOCK, 0, 0 };
        const uint32_t reboot = 0;
        const size_t n = l->chip->caps & CHIP_ROM_BEGIN_20 && !l->is_stub ? 5 : 4;
        int rc = loader_request(l, ROMLDR_FLASH_BEGIN, begin, n, LOADER_TIMEOUT_MS, NULL, d);

        if (rc == 0)
                rc = loader_request(l, ROMLDR_FLASH_END, &reboot, 1, LOADER_TIMEOUT_MS, NULL, d);
        return rc;
}

int loader_close(struct loader *l, enum loader_after after, struct diag *d)
{
        int rc = 0;

        if (!l)
                return 0;
        if (after == LOADER_HARD_RESET)
                rc = loader_reset_run(l);
        else if (after == LOADER_SOFT_RESET)
                rc = loader_run(l, d);
        else if (after == LOADER_WATCHDOG_RESET)
                rc = watchdog_reset(l, d);
        if ((rc == -E_UNSUPPORTED || after == LOADER_STAY) && l->baud != ROMLDR_BAUD)
                loader_slow(l); /* where the next session looks first */
        if (rc == -E_UNSUPPORTED && after == LOADER_HARD_RESET) {
                loader_note(l, "this link cannot reset the chip: press RESET to start it");
                rc = 0;
        }
        link_close(l->link);
        free(l);
        return rc;
}

/* Without lines the ROM is asked; it answers at the rate of now, the program talks at baud. */
static int leave_by_rom(struct loader *l, unsigned baud, struct diag *d)
{
        int rc = loader_run(l, d);

        if (rc == -E_TIMEOUT) /* it was gone before its answer was out */
                rc = 0;
        if (rc == 0)
                rc = link_baud(l->link, baud);
        return rc;
}

struct link *loader_detach(struct loader *l)
{
        struct link *link = l->link;

        free(l);
        return link;
}

int loader_leave(struct loader *l, unsigned baud, struct link **out, struct diag *d)
{
        struct diag inner = { 0 };
        int rc = -E_UNSUPPORTED;

        *out = NULL;
        if (link_has_lines(l->link)) {
                rc = link_baud(l->link, baud);
                loader_flush(l);
                if (rc == 0)
                        rc = loader_reset_run(l);
        }
        if (rc == -E_UNSUPPORTED)
                rc = leave_by_rom(l, baud, &inner);
        if (rc < 0) {
                diag_set(d, -rc, "the chip could not be started: %s",
                         inner.code ? diag_text(&inner) : "the link is gone; check the cable");
                link_close(l->link);
        } else {
                *out = l->link;
        }
        free(l);
        return rc;
}
