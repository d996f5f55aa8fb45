/* vboard: start one board or several and serve them until the end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/file.h"
#include "host/json.h"
#include "host/pool.h"
#include "host/report.h"
#include "vboard.h"

static const char *chip = "esp32c3", *flash_path, *efuse_path, *mac, *pty, *tcp, *rfc2217;
static const char *control_path, *pid_path, *circuit = "classic";
static struct opt_list faults;
static uint64_t flash_size = 4u << 20;
static int64_t count = 1, rate = 115200;
static bool pace, flash_times, hold_boot, reset_on_open, secure_download, no_download, daemonise,
        json;

static const struct opt options[] = {
        { 0, "chip", OPT_STR, &chip, "esp32c3|esp32", "which chip it is (esp32c3)", 0 },
        { 0, "flash", OPT_STR, &flash_path, "FILE",
          "flash content, made (erased) if it is not there", 0 },
        { 0, "flash-size", OPT_SIZE, &flash_size, "SIZE", "bytes of flash: a power of two, 4M", 0 },
        { 0, "efuse", OPT_STR, &efuse_path, "FILE", "eFuses, made if they are not there", 0 },
        { 0, "mac", OPT_STR, &mac, "MAC", "of the first board, 24:0a:c4:00:00:01", 0 },
        { 0, "pty", OPT_STR, &pty, "LINK", "serial port: a pseudo terminal behind this link", 0 },
        { 0, "tcp", OPT_STR, &tcp, "HOST:PORT", "serial port: socket://HOST:PORT", 0 },
        { 0, "rfc2217", OPT_STR, &rfc2217, "HOST:PORT",
          "serial port with DTR and RTS: rfc2217://HOST:PORT", 0 },
        { 0, "control", OPT_STR, &control_path, "SOCKET", "where 'vboard ctl' finds the board", 0 },
        { 'n', "count", OPT_INT, &count, "N",
          "boards: files and links get a number, ports and MACs count up", 0 },
        { 0, "download", OPT_FLAG, &hold_boot, NULL,
          "boot button held: every reset enters download mode", 0 },
        { 0, "reset-on-open", OPT_FLAG, &reset_on_open, NULL,
          "reset whenever somebody opens the port", 0 },
        { 0, "reset-circuit", OPT_STR, &circuit, "classic|usb-jtag", "how DTR and RTS are wired",
          0 },
        { 'b', "baud", OPT_INT, &rate, "RATE", "rate of the line at the start, 115200", 0 },
        { 0, "pace", OPT_FLAG, &pace, NULL, "bytes take their time on the line", 0 },
        { 0, "flash-times", OPT_FLAG, &flash_times, NULL,
          "erasing and writing take as long as on silicon", 0 },
        { 0, "secure-download", OPT_FLAG, &secure_download, NULL,
          "burn the eFuse for secure download mode", 0 },
        { 0, "no-download", OPT_FLAG, &no_download, NULL,
          "burn the eFuse that disables download mode", 0 },
        { 0, "fault", OPT_LIST, &faults, "SPEC", "a fault from the start (may be repeated)", 0 },
        { 0, "daemon", OPT_FLAG, &daemonise, NULL, "go to the background when ready", 0 },
        { 0, "pid-file", OPT_STR, &pid_path, "FILE", "process id of the background process", 0 },
        { 0, "json", OPT_FLAG, &json, NULL, "the line that says ready as JSON", 0 },
        { 0 },
};

/* name with the board's number: before the ending, "flash.bin" to "flash3.bin". One board: as it
 * is. */
static char *numbered(const char *name, size_t i)
{
        const char *base = strrchr(name, '/');
        const char *dot = strrchr(base ? base : name, '.');
        const size_t stem =
                dot && dot != name && dot[-1] != '/' ? (size_t)(dot - name) : strlen(name);
        char *out = NULL;

        if (count == 1)
                return strdup(name);
        if (asprintf(&out, "%.*s%zu%s", (int)stem, name, i, name + stem) < 0)
                return NULL;
        return out;
}

/* HOST:PORT with the port counted up; port 0 stays. */
static char *counted(const char *where, size_t i)
{
        const char *colon = strrchr(where, ':');
        const unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
        char *out = NULL;

        if (!port || count == 1)
                return strdup(where);
        if (asprintf(&out, "%.*s:%lu", (int)(colon - where), where, port + i) < 0)
                return NULL;
        return out;
}

static void mac_add(uint8_t m[6], size_t n)
{
        for (int k = 5; k >= 0 && n; k--) {
                n += m[k];
                m[k] = (uint8_t)n;
                n >>= 8;
        }
}

static int configure(struct board_config *cfg)
{
        static const uint8_t mac_default[6] = { 0x24, 0x0a, 0xc4, 0x00, 0x00, 0x01 };

        *cfg = (struct board_config){ .pace = pace,
                                      .flash_times = flash_times,
                                      .hold_boot = hold_boot,
                                      .reset_on_open = reset_on_open,
                                      .secure_download = secure_download,
                                      .no_download = no_download,
                                      .mac_given = mac };
        cfg->type = sim_chip_type_of(chip);
        if (!cfg->type)
                return usage_error("--chip: '%s' is not known; esp32c3 or esp32", chip);
        if (secure_download && !cfg->type->secure_download.offset)
                return usage_error("--secure-download: the %s has no such mode", cfg->type->name);
        memcpy(cfg->mac, mac_default, sizeof cfg->mac);
        if (mac && board_mac_parse(mac, cfg->mac) < 0)
                return usage_error(
                        "--mac: '%s' is no station's MAC (six bytes like 24:0a:c4:00:00:01)", mac);
        if (count < 1 || count > RACK_MAX)
                return usage_error("--count: from 1 to %u", RACK_MAX);
        if (rate < 300 || rate > 12000000)
                return usage_error("--baud: from 300 to 12000000");
        cfg->rate = (uint32_t)rate;
        if (flash_size > 128u << 20)
                return usage_error("--flash-size: at most 128M");
        cfg->flash_size = (uint32_t)flash_size;
        if (strcmp(circuit, "classic") != 0 && strcmp(circuit, "usb-jtag") != 0)
                return usage_error("--reset-circuit: classic or usb-jtag");
        cfg->reset_kind = *circuit == 'u' ? SIM_RESET_USB_JTAG : SIM_RESET_CLASSIC;
        if (!pty && !tcp && !rfc2217)
                return usage_error("a board needs a port: --pty, --tcp or --rfc2217");
        if (pid_path && !daemonise)
                return usage_error("--pid-file goes with --daemon");
        return STATUS_DONE;
}

static int add_port(struct rack *r, enum port_kind kind, const char *option, struct board *b,
                    struct diag *d)
{
        char *where;
        int rc;

        if (!option)
                return 0;
        where = kind == PORT_PTY ? numbered(option, b->index) : counted(option, b->index);
        r->ports[r->port_count] = calloc(1, sizeof **r->ports);
        if (!where || !r->ports[r->port_count])
                rc = diag_set(d, E_NOMEM, "no memory for a port");
        else
                rc = port_open(r->ports[r->port_count], kind, where, b, d);
        if (rc < 0)
                free(r->ports[r->port_count]);
        else
                r->port_count++;
        free(where);
        return rc;
}

static int add_control(struct rack *r, struct board *b, struct diag *d)
{
        char *where = numbered(control_path, b->index);
        struct control *c = calloc(1, sizeof *c);
        int rc = where && c ? control_open(c, where, b, d) : diag_set(d, E_NOMEM, "no memory");

        if (rc < 0)
                free(c);
        else
                r->controls[r->control_count++] = c;
        free(where);
        return rc;
}

static struct board *make_board(size_t i, const struct board_config *common, struct diag *d)
{
        struct board_config cfg = *common;
        struct board *b = calloc(1, sizeof *b);
        char *flash = flash_path ? numbered(flash_path, i) : NULL;
        char *efuse = efuse_path ? numbered(efuse_path, i) : NULL;
        int rc = -E_NOMEM;

        cfg.flash_path = flash;
        cfg.efuse_path = efuse;
        mac_add(cfg.mac, i);
        if (!b || (flash_path && !flash) || (efuse_path && !efuse))
                diag_set(d, E_NOMEM, "no memory for a board");
        else
                rc = board_init(b, (unsigned)i, &cfg, d);
        free(flash);
        free(efuse);
        if (rc >= 0)
                return b;
        free(b);
        return NULL;
}

static int add_board(struct rack *r, const struct board_config *common, struct diag *d)
{
        struct board *b = make_board(r->count, common, d);
        int rc = 0;

        if (!b)
                return -d->code;
        r->boots[r->count] = calloc(1, sizeof **r->boots);
        if (!r->boots[r->count]) {
                board_free(b);
                free(b);
                return diag_set(d, E_NOMEM, "no memory for a board");
        }
        boot_init(r->boots[r->count], b);
        r->boards[r->count++] = b;
        for (size_t k = 0; k < faults.count && rc >= 0; k++)
                rc = board_fault(b, faults.items[k], d);
        if (rc < 0 || (rc = add_port(r, PORT_PTY, pty, b, d)) < 0 ||
            (rc = add_port(r, PORT_TCP, tcp, b, d)) < 0 ||
            (rc = add_port(r, PORT_RFC2217, rfc2217, b, d)) < 0)
                return rc;
        return control_path ? add_control(r, b, d) : 0;
}

static void ready_json(const struct rack *r, const struct board *b)
{
        static const char *const kinds[] = { "pty", "tcp", "rfc2217" };
        struct json_writer w = { .out = stdout };
        char text[BOARD_MAC_TEXT];
        bool first = true;

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "ready");
        json_uint(&w, "board", b->index);
        json_str(&w, "chip", b->cfg.type->name);
        json_str(&w, "mac", board_mac_text(b, text));
        for (size_t k = 0; k < r->port_count; k++) {
                if (r->ports[k]->board != b)
                        continue;
                if (first)
                        json_str(&w, "port", r->ports[k]->name);
                json_str(&w, kinds[r->ports[k]->kind], r->ports[k]->name);
                first = false;
        }
        json_close(&w, '}');
        putchar('\n');
}

static void ready_text(const struct rack *r, const struct board *b)
{
        char text[BOARD_MAC_TEXT];

        printf("board %u ready: %s", b->index, board_mac_text(b, text));
        for (size_t k = 0; k < r->port_count; k++)
                if (r->ports[k]->board == b)
                        printf(" %s", r->ports[k]->name);
        putchar('\n');
}

/* One line a board: what a script needs to go on. False: standard output is lost. */
static bool say_ready(const struct rack *r)
{
        for (size_t i = 0; i < r->count; i++)
                (json ? ready_json : ready_text)(r, r->boards[i]);
        return fflush(stdout) == 0 && !ferror(stdout);
}

/* The child goes on. Returns the child's id in the parent, 0 in the child, -1 when there is none.
 */
static pid_t to_background(void)
{
        const pid_t pid = fork();
        int null;

        if (pid != 0)
                return pid;
        setsid();
        null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3 && null >= 0; fd++)
                dup2(null, fd);
        if (null > 2)
                close(null);
        return 0;
}

static int save_pid(pid_t pid, struct diag *d)
{
        char text[24];
        const int n = snprintf(text, sizeof text, "%ld\n", (long)pid);

        return pid_path ? file_save(pid_path, text, (size_t)n, FILE_PUBLIC, d) : 0;
}

static int serve(struct rack *r, struct diag *d)
{
        pid_t pid = 0;
        int rc;

        if (daemonise) {
                pid = to_background();
                if (pid < 0)
                        return diag_set(d, E_IO, "no background process: %s", strerror(errno));
        }
        if (pid > 0) {
                rc = save_pid(pid, d);
                if (rc >= 0 && !say_ready(r))
                        rc = diag_set(d, E_IO, "standard output could not be written");
                if (rc < 0) {
                        kill(pid, SIGTERM);
                        tool_error("%s", diag_text(d));
                }
                _exit((int)err_status(rc)); /* the ports and sockets are the child's now */
        }
        if (!daemonise && !say_ready(r))
                return diag_set(d, E_IO, "standard output could not be written");
        rc = rack_run(r);
        if (pid_path)
                unlink(pid_path);
        return rc < 0 ? diag_set(d, -rc, "waiting for the ports failed") : 0;
}

static int run(int argc, char **argv)
{
        struct board_config cfg;
        struct rack r = { 0 };
        struct diag d = { 0 };
        int rc = configure(&cfg);

        (void)argc, (void)argv;
        if (rc != STATUS_DONE)
                return rc;
        interrupt_catch();
        signal(SIGPIPE, SIG_IGN); /* whoever asked over the control socket may have gone */
        for (int64_t i = 0; i < count && rc >= 0; i++)
                rc = add_board(&r, &cfg, &d);
        if (rc >= 0)
                rc = serve(&r, &d);
        rack_free(&r);
        if (rc < 0)
                tool_error("%s", diag_text(&d));
        return err_status(rc);
}

const struct command cmd_run = {
        .name = "run",
        .synopsis = "",
        .summary = "run boards until SIGTERM",
        .options = options,
        .max_args = 0,
        .run = run,
};
