#define FAIL_OWN
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "flasher.h"
#include "host/ports.h"
#include "host/progress.h"

struct globals g;

const struct opt global_options[] = {
        { 'c', "chip", OPT_STR, &g.chip, "CHIP", "what the chip has to be (default: auto)",
          .words = "auto|esp8266|esp32|esp32s2|esp32s3|esp32c2|esp32c3|esp32c5|esp32c6|esp32h2|"
                   "esp32p4" },
        { 'p', "port", OPT_STR, &g.port, "PORT",
          "device file, socket://HOST:PORT or rfc2217://HOST:PORT" },
        { 'b', "baud", OPT_INT, &g.baud, "RATE",
          "rate for bulk data (default 460800, lowered until one works)" },
        { 0, "before", OPT_STR, &g.before, "HOW",
          "default-reset, usb-reset, no-reset or no-reset-no-sync",
          .words = "default-reset|usb-reset|no-reset|no-reset-no-sync" },
        { 'a', "after", OPT_STR, &g.after, "HOW",
          "hard-reset, soft-reset, no-reset or watchdog-reset",
          .words = "hard-reset|soft-reset|no-reset|watchdog-reset" },
        { 0, "no-stub", OPT_FLAG, &g.no_stub, NULL,
          "work with the ROM alone (so it is unless --stub is given)" },
        { 0, "stub", OPT_STR, &g.stub, "FILE",
          "stub loader as esptool's JSON, or a folder of them" },
        { 't', "trace", OPT_FLAG, &g.trace, NULL, "print every packet" },
        { 0, "connect-attempts", OPT_INT, &g.attempts, "N", "tries to connect (default 7)" },
        { 0, "json", OPT_FLAG, &g.json, NULL, "one JSON object a line on standard output" },
        { 0, "silent|quiet", OPT_FLAG, &g.silent, NULL, "errors only" },
        { 'v', "verbose", OPT_FLAG, &g.verbose, NULL, NULL },
        { 0 },
};

void say(const char *fmt, ...)
{
        va_list ap;

        if (g.silent || g.json)
                return;
        progress_clear();
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
}

int fail(const char *where, const struct diag *d)
{
        progress_clear();
        if (where)
                tool_error("%s: %s", where, diag_text(d));
        else
                tool_error("%s", diag_text(d));
        return (int)err_status(-diag_code(d));
}

int parse_u32(const char *what, const char *text, uint32_t *out)
{
        uint64_t v;

        if (parse_size(text, &v) < 0 || v > UINT32_MAX)
                return usage_error("%s: '%s' is not a number like 0x10000, 64K or 65536", what,
                                   text);
        *out = (uint32_t)v;
        return 0;
}

const char *mac_text(const uint8_t mac[6], char out[18])
{
        snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                 mac[5]);
        return out;
}

static void on_trace(void *ctx, const char *line)
{
        (void)ctx;
        progress_clear();
        fprintf(stderr, "TRACE %s\n", line);
}

static void on_note(void *ctx, const char *text)
{
        (void)ctx;
        say("%s: note: %s", tool_name(), text);
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
        (void)ctx;
        progress_show(what, done, total, "bytes");
}

/* The only port there is, if nobody names one. */
int session_port(const char **port)
{
        static struct port_info found[32];
        size_t n = 0;
        struct diag d = { 0 };

        *port = g.port;
        if (!*port)
                *port = getenv("ESPTOOL_PORT");
        if (!*port)
                *port = getenv("ESPPORT");
        if (*port && !**port)
                return usage_error("the port that was given has an empty name");
        if (*port)
                return 0;
        if (ports_list(found, sizeof found / sizeof found[0], &n, &d) < 0)
                return fail(NULL, &d);
        if (n == 0) {
                tool_error("no serial port is there: plug the board in, or name a port with -p");
                return STATUS_LINK;
        }
        if (n > 1)
                return usage_error("%zu serial ports are there (%s, %s%s): name one with -p", n,
                                   found[0].path, found[1].path, n > 2 ? ", ..." : "");
        *port = found[0].path;
        return 0;
}

static int word_of(const char *option, const char *text, const char *const *words, int *out)
{
        for (int i = 0; words[i]; i++)
                if (opt_word_is(text, words[i])) {
                        *out = i;
                        return 0;
                }
        return usage_error("--%s: '%s' is not known", option, text);
}

int session_chip(const struct chip **chip)
{
        *chip = NULL;
        if (!g.chip || !strcmp(g.chip, "auto"))
                return 0;
        *chip = chip_by_name(g.chip);
        return *chip ? 0 : usage_error("--chip: '%s' is none of %s", g.chip, chip_names());
}

/* Where rates are remembered; NULL if there is no home. */
static const char *memory_path(void)
{
        static char path[4096];
        const char *state = getenv("XDG_STATE_HOME");
        const char *home = getenv("HOME");

        if (state && *state)
                snprintf(path, sizeof path, "%s/fctry/rates", state);
        else if (home && *home)
                snprintf(path, sizeof path, "%s/.local/state/fctry/rates", home);
        return path[0] ? path : NULL;
}

static int leave_how(enum loader_after *after)
{
        static const char *const words[] = { "hard-reset", "soft-reset", "no-reset|no-reset-stub",
                                             "watchdog-reset", NULL };
        int i = 0;
        const int status = g.after ? word_of("after", g.after, words, &i) : 0;

        *after = (enum loader_after)i;
        return status;
}

int session_open(struct loader **l)
{
        static const char *const befores[] = { "default-reset", "usb-reset", "no-reset",
                                               "no-reset-no-sync", NULL };
        struct loader_config cfg = {
                .note = on_note,
                .progress = on_progress,
                .trace = g.trace ? on_trace : NULL,
                .stub = g.no_stub ? NULL : g.stub,
        };
        struct diag d = { 0 };
        enum loader_after after;
        int before = 0;
        int rc;

        *l = NULL;
        if (g.baud < 0 || g.baud > 20000000 || g.attempts < 0 || g.attempts > 1000000)
                return usage_error("--baud or --connect-attempts: out of range");
        if ((rc = session_chip(&cfg.chip)) != 0 ||
            (g.before && (rc = word_of("before", g.before, befores, &before)) != 0) ||
            (rc = leave_how(&after)) != 0)
                return rc;
        if ((rc = session_port(&cfg.port)) != 0)
                return rc;
        g.port = cfg.port;
        cfg.before = (enum loader_before)before;
        cfg.baud = (unsigned)g.baud;
        cfg.attempts = (unsigned)g.attempts;
        cfg.baud_memory = memory_path();
        rc = loader_open(&cfg, l, &d);
        return rc < 0 ? fail(g.port, &d) : 0;
}

int session_close(struct loader *l, int status)
{
        enum loader_after after;
        struct diag d = { 0 };

        progress_clear();
        leave_how(&after); /* session_open took it */
        if (loader_close(l, after, &d) < 0 && status == STATUS_DONE)
                return fail(g.port, &d);
        return status;
}

int session_run(int (*work)(struct loader *l))
{
        struct loader *l;
        const int status = session_open(&l);

        return status ? status : session_close(l, work(l));
}
