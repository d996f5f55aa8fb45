#include "board.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"
#include "host/file.h"
#include "host/json.h"
#include "host/report.h"
#include "wire/romldr_client.h"

#define MS          1000000ull
#define BOOT_EVERY  (100 * MS) /* between two "invalid header" lines */
#define IMAGE_MAGIC 0xe9u
#define REBOOT_WAIT (500 * MS) /* of a chip that may not enter download mode */

const char *board_state_name(enum board_state s)
{
        static const char *const names[] = { "off",  "held in reset", "download",
                                             "boot", "running",       "hung" };

        return names[s];
}

__attribute__((format(printf, 2, 3))) static void note(struct board *b, const char *fmt, ...)
{
        char *line = b->log[b->log_count++ % BOARD_LOG];
        const int n = snprintf(line, sizeof b->log[0], "%9.3f ", (double)b->now / 1e9);
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(line + n, sizeof b->log[0] - (size_t)n, fmt, ap);
        va_end(ap);
}

void board_print_log(const struct board *b, FILE *out)
{
        const unsigned first = b->log_count > BOARD_LOG ? b->log_count - BOARD_LOG : 0;

        for (unsigned i = first; i < b->log_count; i++)
                fprintf(out, "%s\n", b->log[i % BOARD_LOG]);
}

void board_print_said(const struct board *b, FILE *out)
{
        uint64_t at = b->said_count > BOARD_SAID ? b->said_count - BOARD_SAID : 0;

        for (; at < b->said_count; at++) {
                const char c = b->said[at % BOARD_SAID];

                fputc(c ? c : '?', out); /* an answer is a text */
        }
}

void board_say(struct board *b, const void *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                b->said[b->said_count++ % BOARD_SAID] = ((const char *)p)[i];
        if (line_chip_put(&b->line, p, n, b->now, b->cpu_busy) < 0)
                note(b, "%zu bytes lost: nobody reads the port", n);
}

static int save_efuses(struct board *b, struct diag *d)
{
        uint8_t file[SIM_EFUSE_MAX];

        b->chip.efuse_changed = false;
        if (!b->efuse_path)
                return 0;
        sim_chip_efuse_put(&b->chip, file);
        return file_save(b->efuse_path, file, b->chip.type->efuses->size, FILE_SECRET, d);
}

/* What the ROM loader's server wants of the board. */

static void on_send(void *ctx, const uint8_t *p, size_t n)
{
        struct board *b = ctx;

        if (b->state != BOARD_OFF)
                board_say(b, p, n);
}

static void on_command(struct board *b, uint8_t op, uint8_t error)
{
        b->commands++;
        if (op == ROMLDR_SYNC && !b->line.chip_rate && !error) {
                const uint32_t rate = b->line.host_rate ? b->line.host_rate : b->cfg.rate;

                line_chip_rate(&b->line, rate);
                sim_chip_rate(&b->chip, rate, false);
        }
        if (error)
                note(b, "%s refused: %02x", romldr_op_name(op), error);
        else if (op != ROMLDR_READ_REG && op != ROMLDR_WRITE_REG && op != ROMLDR_READ_FLASH_SLOW)
                note(b, "%s", romldr_op_name(op));
}

static void on_event(void *ctx, enum romldr_event event, uint32_t arg)
{
        struct board *b = ctx;

        switch (event) {
        case ROMLDR_EV_COMMAND:
                on_command(b, (uint8_t)(arg >> 8), (uint8_t)arg);
                break;
        case ROMLDR_EV_BAUD:
                note(b, "rate %u", arg);
                line_chip_rate(&b->line, arg);
                sim_chip_rate(&b->chip, arg, true);
                break;
        case ROMLDR_EV_REBOOT:
                /* the server must return first: done by the next tick */
                b->next_boot = b->now;
                b->state = BOARD_DEAD;
                note(b, "reboot");
                break;
        case ROMLDR_EV_LEFT:
                note(b, "left the loader");
                break;
        case ROMLDR_EV_RUN:
                b->state = BOARD_DEAD;
                note(b, "RAM code started at 0x%08x: no processor for it here", arg);
                tool_error(
                        "board %u: code in RAM was started at 0x%08x, but a virtual board has no "
                        "processor for it: silent until a reset; use the ROM loader alone "
                        "(--no-stub)",
                        b->index, arg);
                break;
        case ROMLDR_EV_FAULT:
                b->state = BOARD_DEAD;
                note(b, "CPU exception");
                break;
        }
}

/* What the flash tells. The ROM waits for its own flash commands, not for those of registers. */

static void on_spent(void *ctx, uint32_t us)
{
        struct board *b = ctx;

        if (!b->cfg.flash_times)
                return;
        if (b->flash_busy < b->now)
                b->flash_busy = b->now;
        b->flash_busy += us * 1000ull;
        if (b->server.op != ROMLDR_WRITE_REG)
                b->cpu_busy = b->flash_busy;
}

static void on_lost_power(void *ctx)
{
        struct board *b = ctx;

        note(b, "power cut at flash operation %llu", (unsigned long long)b->flash.operations);
        board_power_off(b);
}

static bool is_flash_busy(void *ctx)
{
        const struct board *b = ctx;

        return b->now < b->flash_busy;
}

static int read_efuses(struct board *b, struct diag *d)
{
        struct blob file;
        uint8_t mac[6];
        int rc = file_load(b->efuse_path, FILE_LIMIT_KEY, &file, d);

        if (rc < 0)
                return rc;
        if (file.len == b->chip.type->efuses->size)
                sim_chip_efuse_get(&b->chip, file.data);
        else
                rc = diag_set(d, E_FORMAT,
                              "%s: %zu bytes, but the eFuses of an %s are %u; give another file",
                              b->efuse_path, file.len, b->chip.type->name,
                              b->chip.type->efuses->size);
        blob_free_secret(&file);
        sim_chip_mac(&b->chip, mac);
        if (rc == 0 && b->cfg.mac_given && memcmp(mac, b->cfg.mac, sizeof mac) != 0)
                rc = diag_set(d, E_EXISTS,
                              "%s: has another MAC, and eFuses do not change; leave --mac out or "
                              "give another file",
                              b->efuse_path);
        return rc;
}

static int load_efuses(struct board *b, struct diag *d)
{
        const struct board_config *cfg = &b->cfg;
        int rc;

        if (!b->efuse_path || !file_exists(b->efuse_path))
                sim_chip_blank_efuses(&b->chip, cfg->mac);
        else if ((rc = read_efuses(b, d)) < 0)
                return rc;
        if (cfg->secure_download)
                sim_chip_burn(&b->chip, cfg->type->secure_download);
        if (cfg->no_download)
                sim_chip_burn(&b->chip, cfg->type->no_download);
        return b->chip.efuse_changed ? save_efuses(b, d) : 0;
}

int board_init(struct board *b, unsigned index, const struct board_config *cfg, struct diag *d)
{
        int rc;

        memset(b, 0, sizeof *b);
        b->index = index;
        b->cfg = *cfg;
        b->cfg.flash_path = b->cfg.efuse_path = NULL;
        b->reset.kind = cfg->reset_kind;
        if ((rc = flash_file_open(&b->flash, cfg->flash_path, cfg->flash_size, d)) < 0)
                return rc;
        b->flash.spent = on_spent;
        b->flash.lost_power = on_lost_power;
        b->flash.ctx = b;
        line_init(&b->line, cfg->rate);
        b->line.pace = cfg->pace;
        b->efuse_path = cfg->efuse_path ? strdup(cfg->efuse_path) : NULL;
        if ((cfg->efuse_path && !b->efuse_path) ||
            sim_chip_init(&b->chip, cfg->type, &b->flash.flash) < 0)
                rc = diag_set(d, E_NOMEM, "no memory for a board");
        else
                rc = load_efuses(b, d);
        if (rc < 0)
                board_free(b);
        return rc;
}

void board_free(struct board *b)
{
        vault_free(&b->vault);
        sim_chip_free(&b->chip);
        line_free(&b->line);
        flash_file_close(&b->flash);
        free(b->efuse_path);
}

static void stop(struct board *b)
{
        if (b->cfg.stop)
                b->cfg.stop(b->cfg.boot_ctx);
}

void board_power_off(struct board *b)
{
        stop(b);
        b->state = BOARD_OFF;
        b->flash.powerless = true;
        line_purge(&b->line, true, true);
}

/* Out of reset: the ROM prints its banner and does what the straps say. */
static void restart(struct board *b, enum sim_reset_cause cause, bool download)
{
        const struct sim_chip_type *type = b->cfg.type;
        const struct romldr_refusal refusal = b->server.refusal;
        char text[256];

        stop(b);
        b->resets++;
        b->cause = cause;
        b->cpu_busy = b->flash_busy = 0;
        sim_chip_reset(&b->chip, download);
        vault_latch(&b->vault, &b->chip, &b->flash.flash);
        b->chip.nor.busy = is_flash_busy;
        b->chip.nor.ctx = b;
        /* what the ROM sent before is on the wire already */
        line_purge(&b->line, true, cause == SIM_RESET_POWER);
        line_autobaud(&b->line);
        board_say(b, text, sim_chip_banner(&b->chip, cause, text, sizeof text));
        b->state = download ? BOARD_LOADER : BOARD_BOOT;
        b->next_boot = b->now;
        note(b, "reset, %s", board_state_name(b->state));
        if (!download)
                return;
        if (sim_chip_fuse(&b->chip, type->no_download)) {
                static const char refused[] = "download mode is disabled\r\n";

                board_say(b, refused, strlen(refused));
                b->state = BOARD_DEAD;
                b->next_boot = b->now + REBOOT_WAIT;
                return;
        }
        sim_chip_loader(&b->chip, &b->server, on_send, on_event, b);
        if (b->vault.manual.flash.read)
                b->server.cfg.encrypted = &b->vault.manual.flash;
        b->server.refusal = refusal;
}

static bool boot_pin_low(const struct board *b)
{
        return b->cfg.hold_boot || b->button_until > b->now;
}

void board_reset(struct board *b, bool download, uint64_t now)
{
        b->now = now;
        b->flash.powerless = false;
        restart(b, SIM_RESET_POWER, download || boot_pin_low(b));
}

static void reset_event(struct board *b, enum sim_reset_event event)
{
        if (event == SIM_NOTHING || b->state == BOARD_OFF)
                return;
        if (event == SIM_HELD) {
                stop(b);
                b->state = BOARD_HELD;
                line_purge(&b->line, true, true);
                return;
        }
        restart(b, SIM_RESET_POWER, event == SIM_DOWNLOAD || boot_pin_low(b));
}

void board_lines(struct board *b, bool dtr, bool rts, uint64_t now)
{
        b->now = now;
        reset_event(b, sim_reset_lines(&b->reset, dtr, rts, now / MS));
}

int board_mac_parse(const char *text, uint8_t out[6])
{
        char digits[13];
        size_t n = 0;

        for (; *text; text++) {
                if (*text == ':' || *text == '-')
                        continue;
                if (n == 12)
                        return -E_SYNTAX;
                digits[n++] = *text;
        }
        return n == 12 && hex_decode(digits, n, out, 6, NULL) == 6 && !(out[0] & 1) ? 0 : -E_SYNTAX;
}

int board_swap(struct board *b, const uint8_t mac[6], uint64_t now, struct diag *d)
{
        int rc;

        b->now = now;
        board_power_off(b);
        flash_file_blank(&b->flash);
        sim_chip_blank_efuses(&b->chip, mac);
        if ((rc = save_efuses(b, d)) < 0)
                return rc;
        note(b, "another board");
        board_reset(b, false, now);
        return 0;
}

void board_press(struct board *b, uint64_t until)
{
        b->button_until = until;
        note(b, "button pressed");
}

/*
 * The ROM looks for an image where the bootloader belongs. Whether there is somebody to run it, the
 * boot hook says; without one the board stands still there, as hung as a chip in endless code.
 */
static void try_boot(struct board *b)
{
        uint8_t head[4];
        char text[40];
        int rc;

        b->next_boot = b->now + BOOT_EVERY;
        if (flash_read(&b->vault.plain.flash, b->cfg.type->boot_offset, head, sizeof head) < 0)
                memset(head, 0xff, sizeof head);
        if (head[0] != IMAGE_MAGIC) {
                board_say(b, text,
                          strf(text, sizeof text, "invalid header: 0x%08x\r\n",
                               (unsigned)le32_get(head)));
                return;
        }
        rc = b->cfg.boot ? b->cfg.boot(b->cfg.boot_ctx, b) : -E_UNSUPPORTED;
        if (rc == 0) {
                b->next_boot = 0;
                b->state = BOARD_APP;
                note(b, "the bootloader runs");
        } else if (rc == -E_UNSUPPORTED) {
                b->next_boot = 0;
                b->state = BOARD_DEAD;
                note(b, "an image at 0x%x, and nothing here that runs it",
                     (unsigned)b->cfg.type->boot_offset);
        }
}

void board_restart_at(struct board *b, uint64_t when)
{
        b->state = BOARD_DEAD;
        b->next_boot = when;
        note(b, "the firmware has ended");
}

static void keep_efuses(struct board *b)
{
        struct diag d = { 0 };

        note(b, "eFuses burnt");
        if (save_efuses(b, &d) < 0) {
                note(b, "and not kept: see standard error");
                tool_error("board %u: eFuses burnt, but not kept: %s", b->index, diag_text(&d));
        }
}

void board_settle_efuses(struct board *b)
{
        if (b->chip.efuse_changed)
                keep_efuses(b);
        if (b->chip.fuses.powerless)
                board_power_off(b);
}

/* The ROM works at the time at which the bytes arrived, even if this process woke up later. */
static void hear(struct board *b)
{
        const uint64_t now = b->now;
        uint64_t when = now;
        uint8_t buf[4096];
        size_t n;

        while (now >= b->cpu_busy &&
               (n = line_chip_get(&b->line, buf, sizeof buf, now, &when)) > 0) {
                b->now = when > b->cpu_busy ? when : b->cpu_busy;
                if (b->state == BOARD_LOADER)
                        romldr_server_input(&b->server, buf, n);
                else if (b->state == BOARD_APP && b->cfg.input)
                        b->cfg.input(b->cfg.boot_ctx, b, buf, n);
                board_settle_efuses(b);
                if (b->state == BOARD_LOADER && sim_chip_fuse(&b->chip, b->cfg.type->no_download))
                        b->state = BOARD_DEAD; /* the ROM hears no more, until it is reset */
                b->now = now;
        }
}

static void chip_runs(struct board *b)
{
        hear(b);
        if (b->next_boot && b->now >= b->next_boot) {
                if (b->state == BOARD_BOOT) {
                        try_boot(b);
                } else if (b->state == BOARD_DEAD) {
                        b->next_boot = 0;
                        restart(b, SIM_RESET_SOFTWARE, b->chip.download);
                }
        }
}

void board_tick(struct board *b, uint64_t now)
{
        b->now = now;
        if (now / MS >= sim_reset_due(&b->reset))
                reset_event(b, sim_reset_tick(&b->reset, now / MS));
        if (b->button_until && now >= b->button_until)
                b->button_until = 0;
        if (b->state != BOARD_OFF && b->state != BOARD_HELD)
                chip_runs(b);
        else
                line_purge(&b->line, true, false);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

uint64_t board_due(const struct board *b)
{
        uint64_t due = line_due(&b->line, b->cpu_busy);
        const uint64_t reset = sim_reset_due(&b->reset);

        if (reset != UINT64_MAX)
                due = earlier(due, reset * MS);
        if (b->button_until)
                due = earlier(due, b->button_until);
        if (b->next_boot && (b->state == BOARD_BOOT || b->state == BOARD_DEAD))
                due = earlier(due, b->next_boot);
        return due;
}

const char *board_mac_text(const struct board *b, char text[BOARD_MAC_TEXT])
{
        uint8_t m[6];

        sim_chip_mac(&b->chip, m);
        snprintf(text, BOARD_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
                 m[4], m[5]);
        return text;
}

void board_status(const struct board *b, FILE *out)
{
        struct json_writer w = { .out = out };
        char text[BOARD_MAC_TEXT];

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_uint(&w, "board", b->index);
        json_str(&w, "chip", b->cfg.type->name);
        json_str(&w, "mac", board_mac_text(b, text));
        json_str(&w, "state", board_state_name(b->state));
        json_uint(&w, "rate", b->line.chip_rate);
        json_bool(&w, "button", b->button_until != 0);
        json_bool(&w, "output", b->output);
        json_uint(&w, "output_changes", b->output_changes);
        json_bool(&w, "led", b->led);
        json_uint(&w, "led_changes", b->led_changes);
        json_uint(&w, "resets", b->resets);
        json_uint(&w, "commands", b->commands);
        json_uint(&w, "flash_operations", b->flash.operations);
        json_uint(&w, "bytes_in", b->line.in.bytes);
        json_uint(&w, "bytes_out", b->line.out.bytes);
        json_uint(&w, "wire_us", b->line.busy_ns / 1000);
        json_close(&w, '}');
        fputc('\n', out);
}
