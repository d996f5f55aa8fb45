#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "fmt/espimg_flash.h"
#include "program.h"

#define MS         1000000ull
#define RESTART_MS 50u /* from a program's end to the next start */
#define PINS       64u
#define BACKLOG    (16u << 10) /* bytes on the way out; then the program waits, as for a full FIFO */
#define BOOT_ROOM  0x8000u     /* bytes of flash up to the partition table */
#define PROGRAM_FD (BUS_FD + 1)

/* Pins of the devkits: the switched output, the light, the boot button. */
static unsigned switch_pin(const struct board *b)
{
        return b->cfg.type->chip_id == 0 ? 27 : 19;
}

static unsigned led_pin(const struct board *b)
{
        return b->cfg.type->chip_id == 0 ? 2 : 8;
}

static unsigned button_pin(const struct board *b)
{
        return b->cfg.type->chip_id == 0 ? 0 : 9;
}

bool boot_level(const struct boot *o, unsigned pin)
{
        if (pin < PINS && o->out_enabled >> pin & 1)
                return o->out_level >> pin & 1;
        return pin != button_pin(o->board) || !o->button;
}

static void show_pin(const struct boot *o, unsigned pin, bool *level, uint32_t *changes)
{
        const bool now = (o->out_enabled & o->out_level) >> pin & 1;

        *changes += now != *level;
        *level = now;
}

/* The pins may have changed: output and light follow. */
static void show_pins(struct boot *o)
{
        struct board *b = o->board;

        show_pin(o, switch_pin(b), &b->output, &b->output_changes);
        show_pin(o, led_pin(b), &b->led, &b->led_changes);
}

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

/* The process is gone when this returns. Its wait status, or -1. */
static int reap(struct boot *o)
{
        int status = -1;

        if (!o->pid)
                return -1;
        kill(o->pid, SIGKILL);
        while (waitpid(o->pid, &status, 0) < 0 && errno == EINTR)
                ;
        o->pid = 0;
        o->answer_len = 0;
        close_fd(&o->process);
        close_fd(&o->bus);
        close_fd(&o->uart);
        return status;
}

static bool runs(const struct boot *o)
{
        return o->pid && o->board->state == BOARD_APP && o->board->resets == o->resets;
}

/* In the child, from here to exec: only what is safe behind a fork. */
static void become(int uart, int bus, int program, char *const env[])
{
        static char *const argv[] = { (char *)"bootloader", NULL };
        const struct rlimit none = { 0, 0 };
        sigset_t all;

        /* a board that is killed takes its program along */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGPIPE, SIG_DFL);
        sigemptyset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        /* none of the three is below PROGRAM_FD + 1: see above_fixed() */
        for (int fd = 0; fd < 3; fd++)
                dup2(uart, fd);
        dup2(bus, BUS_FD);
        dup2(program, PROGRAM_FD);
        fcntl(PROGRAM_FD, F_SETFD, FD_CLOEXEC);
        close_range(PROGRAM_FD + 1, ~0u, 0);
        fexecve(PROGRAM_FD, argv, env);
        _exit(127);
}

/* The same descriptor with a number that become() does not overwrite. */
static int above_fixed(int fd)
{
        const int high = fcntl(fd, F_DUPFD_CLOEXEC, PROGRAM_FD + 1);

        close(fd);
        return high;
}

/* A variable of ours that the firmware gets too: where it stands in our environment, or NULL. */
static char *passed_on(const char *name)
{
        const size_t n = strlen(name);

        for (char **e = environ; *e; e++)
                if (!strncmp(*e, name, n) && (*e)[n] == '=')
                        return *e;
        return NULL;
}

static int launch(struct boot *o, int program)
{
        int uart[2] = { -1, -1 };
        int bus[2] = { -1, -1 };
        static const char *const radio[] = { "BOARD_AIR", "BOARD_SOFTAP", "BOARD_WIFI",
                                             "BOARD_BLE" };
        char *env[3 + sizeof radio / sizeof radio[0]] = { (char *)"PATH=/usr/bin:/bin",
                                                          (char *)"LANG=C.UTF-8" };
        unsigned n = 2;

        for (size_t i = 0; i < sizeof radio / sizeof radio[0]; i++)
                if ((env[n] = passed_on(radio[i])) != NULL)
                        n++;
        program = above_fixed(program);
        if (program >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, uart) == 0 &&
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bus) == 0) {
                uart[1] = above_fixed(uart[1]);
                bus[1] = above_fixed(bus[1]);
                o->pid = fork();
                if (o->pid == 0)
                        become(uart[1], bus[1], program, env);
        }
        close_fd(&program);
        close_fd(&uart[1]);
        close_fd(&bus[1]);
        o->uart = uart[0];
        o->bus = bus[0];
        o->process = o->pid > 0 ? pidfd_open(o->pid, 0) : -1;
        if (o->process >= 0) {
                fcntl(o->uart, F_SETFL, O_NONBLOCK);
                fcntl(o->bus, F_SETFL, O_NONBLOCK);
                return 0;
        }
        if (o->pid < 0)
                o->pid = 0;
        reap(o);
        close_fd(&o->uart);
        close_fd(&o->bus);
        return -E_NOMEM;
}

static void say(struct board *b, const char *line)
{
        board_say(b, line, strlen(line));
        board_say(b, "\r\n", 2);
}

/* The pins behind a reset. What an output drove stays over a restart, until it is set up again. */
static void reset_pins(struct boot *o)
{
        o->in_watched = 0;
        o->out_kept_en = o->out_kept = 0;
        if (o->board->cause == SIM_RESET_SOFTWARE) {
                o->out_kept_en = o->out_enabled;
                o->out_kept = o->out_level;
                return;
        }
        o->reason = BUS_RESET_POWER;
        o->out_enabled = o->out_level = 0;
        show_pins(o);
}

/* Keys whose signature was wrong are revoked, as far as eFuses let the ROM. */
static void revoke_keys(struct board *b, uint8_t digests)
{
        const struct efuse_chip *c = b->cfg.type->efuses;
        char name[] = "SECURE_BOOT_KEY_REVOKE0";

        for (unsigned i = 0; i < SECBOOT_BLOCKS; i++) {
                const struct efuse_field *f;

                name[sizeof name - 2] = (char)('0' + i);
                f = efuse_field(c, name);
                if (!(digests >> i & 1) || !f ||
                    efuse_write_protected(c, b->chip.efuse, f->write_protect))
                        continue;
                sim_chip_burn(&b->chip, (struct sim_efuse_bit){
                                                (uint16_t)(c->blocks[0].read + f->bit / 32 * 4),
                                                f->bit % 32 });
                say(b, "secure boot: a signature is wrong, its key is revoked");
        }
        board_settle_efuses(b);
        vault_latch(&b->vault, &b->chip, &b->flash.flash);
}

/* The bootloader is whole, and whoever has to have signed it did. */
static int check_bootloader(struct board *b, const struct espimg_place *place, struct espimg *img,
                            struct diag *d)
{
        const struct vault *v = &b->vault;
        const int rc = espimg_flash_check(place, img, d);

        if (*place->broken && v->fuse.revoke)
                revoke_keys(b, *place->broken);
        if (rc < 0 || !v->fuse.secure_boot_v1)
                return rc;
        return vault_check_digest(v, place->offset, (uint32_t)img->len, d);
}

/* The ROM's part: the image at the bootloader's offset is verified and executed. */
static int on_boot(void *ctx, struct board *b)
{
        struct boot *o = ctx;
        struct espimg img;
        struct diag d = { 0 };
        uint8_t broken = 0;
        const struct vault *v = &b->vault;
        const struct espimg_place place = { .flash = &v->plain.flash,
                                            .offset = b->cfg.type->boot_offset,
                                            .room = BOOT_ROOM - b->cfg.type->boot_offset,
                                            .chip_id = (uint16_t)b->cfg.type->chip_id,
                                            .need_hash = true,
                                            .trust = v->fuse.secure_boot ? &v->fuse.trust : NULL,
                                            .broken = &broken };
        int rc;

        reap(o);
        reset_pins(o);
        o->button = b->button_until != 0;
        rc = check_bootloader(b, &place, &img, &d);
        if (rc == 0)
                rc = program_open(place.flash, place.offset, &img, &d);
        if (rc == -E_UNSUPPORTED)
                return rc;
        if (rc >= 0)
                rc = launch(o, rc);
        if (rc < 0) {
                char line[160];

                strf(line, sizeof line, "invalid bootloader at 0x%x: %.100s",
                     (unsigned)place.offset, diag_text(&d));
                say(b, line);
                return rc;
        }
        o->resets = b->resets;
        return 0;
}

/* What the line brings to the UART. What does not fit is lost, as in a full FIFO. */
static void on_input(void *ctx, struct board *b, const uint8_t *p, size_t n)
{
        const struct boot *o = ctx;

        (void)b;
        if (runs(o) && send(o->uart, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) < (ssize_t)n)
                return;
}

static void on_stop(void *ctx)
{
        reap(ctx);
}

void boot_init(struct boot *o, struct board *b)
{
        memset(o, 0, sizeof *o);
        o->board = b;
        o->process = o->bus = o->uart = -1;
        b->cfg.boot = on_boot;
        b->cfg.input = on_input;
        b->cfg.stop = on_stop;
        b->cfg.boot_ctx = o;
}

void boot_free(struct boot *o)
{
        reap(o);
}

/* The questions: each gets the packet, whose answer it writes into o->answer; returns the length of
 * the answer's data or -E_XXX. */

struct question {
        struct boot *o;
        uint32_t a, b;
        const uint8_t *data;
        size_t n;
        uint8_t *to;    /* the answer's data */
        uint32_t value; /* the answer's b */
};

static int q_info(struct question *q)
{
        const struct board *b = q->o->board;

        memset(q->to, 0, BUS_INFO_LEN);
        sim_chip_mac(&b->chip, q->to + BUS_INFO_MAC);
        le16_put(q->to + BUS_INFO_CHIP, (uint16_t)b->cfg.type->chip_id);
        q->to[BUS_INFO_RESET] = (uint8_t)q->o->reason;
        le32_put(q->to + BUS_INFO_FLASH, b->flash.flash.size);
        return (int)BUS_INFO_LEN;
}

static int q_read(struct question *q)
{
        int rc;

        if (q->b > BUS_DATA_MAX)
                return -E_RANGE;
        rc = flash_read(&q->o->board->flash.flash, q->a, q->to, q->b);
        return rc < 0 ? rc : (int)q->b;
}

static int q_write(struct question *q)
{
        return flash_write(&q->o->board->flash.flash, q->a, q->data, q->n);
}

static int q_read_plain(struct question *q)
{
        int rc;

        if (q->b > BUS_DATA_MAX)
                return -E_RANGE;
        rc = flash_read(&q->o->board->vault.plain.flash, q->a, q->to, q->b);
        return rc < 0 ? rc : (int)q->b;
}

static int q_write_plain(struct question *q)
{
        return flash_write(&q->o->board->vault.plain.flash, q->a, q->data, q->n);
}

static int q_write_cipher(struct question *q)
{
        const struct board *b = q->o->board;

        return vault_write_cipher(&b->vault, &b->flash.flash, q->a, q->data, q->n);
}

static int q_hmac(struct question *q)
{
        const int rc = vault_hmac(&q->o->board->vault, q->a, q->data, q->n, q->to);

        return rc < 0 ? rc : (int)CRYPT_SHA256_LEN;
}

static int q_erase(struct question *q)
{
        return flash_erase(&q->o->board->flash.flash, q->a, q->b);
}

static int q_efuse(struct question *q)
{
        struct board *b = q->o->board;

        if (q->a % 4 || q->a >= b->cfg.type->efuses->size)
                return -E_RANGE;
        return sim_chip_read(&b->chip, b->cfg.type->efuses->base + q->a, &q->value);
}

static int q_efuse_set(struct question *q)
{
        struct board *b = q->o->board;
        int rc;

        if (q->a % 4 || q->a >= b->cfg.type->efuses->size)
                return -E_RANGE;
        rc = sim_chip_write(&b->chip, b->cfg.type->efuses->base + q->a, q->b);
        board_settle_efuses(b);
        return rc;
}

static int q_output(struct question *q)
{
        struct boot *o = q->o;
        const uint64_t bit = 1ull << q->a % PINS;

        if (q->a >= PINS)
                return -E_RANGE;
        o->out_enabled |= bit;
        o->out_level = q->b ? o->out_level | bit : o->out_level & ~bit;
        show_pins(o);
        return 0;
}

static int q_input(struct question *q)
{
        const uint64_t bit = 1ull << q->a % PINS;

        if (q->a >= PINS)
                return -E_RANGE;
        q->o->in_watched |= bit;
        q->o->out_enabled &= ~bit;
        show_pins(q->o);
        return 0;
}

static int q_level(struct question *q)
{
        q->value = boot_level(q->o, q->a);
        return q->a < PINS ? 0 : -E_RANGE;
}

static int q_kept(struct question *q)
{
        if (q->a >= PINS || !(q->o->out_kept_en >> q->a & 1))
                return -E_NOTFOUND;
        q->value = q->o->out_kept >> q->a & 1;
        return 0;
}

static int (*const questions[])(struct question *q) = {
        [BUS_INFO] = q_info,
        [BUS_READ] = q_read,
        [BUS_WRITE] = q_write,
        [BUS_ERASE] = q_erase,
        [BUS_EFUSE] = q_efuse,
        [BUS_OUTPUT] = q_output,
        [BUS_INPUT] = q_input,
        [BUS_LEVEL] = q_level,
        [BUS_KEPT] = q_kept,
        [BUS_READ_PLAIN] = q_read_plain,
        [BUS_WRITE_PLAIN] = q_write_plain,
        [BUS_WRITE_CIPHER] = q_write_cipher,
        [BUS_EFUSE_SET] = q_efuse_set,
        [BUS_HMAC] = q_hmac,
};

static void reply(struct boot *o)
{
        /* a program that does not take it has hung itself up: nothing to be done here */
        if (send(o->bus, o->answer, o->answer_len, MSG_NOSIGNAL) < 0)
                kill(o->pid, SIGKILL);
        o->answer_len = 0;
}

static void on_bus(struct boot *o)
{
        static uint8_t packet[BUS_HEAD + BUS_DATA_MAX];
        const ssize_t n = recv(o->bus, packet, sizeof packet, MSG_TRUNC);
        struct question q = { .o = o, .data = packet + BUS_HEAD, .to = o->answer + BUS_HEAD };
        int rc = -E_PROTO;

        if (n < (ssize_t)BUS_HEAD || n > (ssize_t)sizeof packet) {
                if (n != 0 && errno != EAGAIN)
                        kill(o->pid, SIGKILL);
                if (n == 0) /* it closed its end; its exit is awaited */
                        close_fd(&o->bus);
                return;
        }
        q.a = le32_get(packet + BUS_AT_A);
        q.b = le32_get(packet + BUS_AT_B);
        q.n = (size_t)n - BUS_HEAD;
        if (packet[0] < sizeof questions / sizeof *questions && questions[packet[0]])
                rc = questions[packet[0]](&q);
        if (!runs(o))
                return; /* the power went in the middle of it */
        memset(o->answer, 0, BUS_HEAD);
        o->answer[0] = packet[0];
        le32_put(o->answer + BUS_AT_A, rc < 0 ? (uint32_t)rc : 0);
        le32_put(o->answer + BUS_AT_B, q.value);
        o->answer_len = BUS_HEAD + (rc > 0 ? (size_t)rc : 0);
        if (o->board->now >= o->board->flash_busy)
                reply(o);
}

static void on_uart(struct boot *o)
{
        uint8_t buf[4096];
        const ssize_t n = recv(o->uart, buf, sizeof buf, MSG_DONTWAIT);

        if (n > 0)
                board_say(o->board, buf, (size_t)n);
        else if (n == 0)
                close_fd(&o->uart);
}

/* It has ended by itself: what it still said goes out, then the reason, then the restart. */
static void ended(struct boot *o)
{
        struct board *b = o->board;
        uint8_t buf[4096];
        char line[120];
        ssize_t n;
        int status = 0;

        while (o->uart >= 0 && (n = recv(o->uart, buf, sizeof buf, MSG_DONTWAIT)) > 0)
                board_say(b, buf, (size_t)n);
        /* its status before reap() sends its own signal to nobody */
        while (waitpid(o->pid, &status, 0) < 0 && errno == EINTR)
                ;
        o->pid = 0;
        close_fd(&o->process);
        close_fd(&o->bus);
        close_fd(&o->uart);
        o->answer_len = 0;
        o->reason =
                WIFEXITED(status) && WEXITSTATUS(status) == 0 ? BUS_RESET_RESTART : BUS_RESET_PANIC;
        if (WIFSIGNALED(status))
                snprintf(line, sizeof line, "panic: the firmware died of signal %d (%s); restart",
                         WTERMSIG(status), strsignal(WTERMSIG(status)));
        else
                snprintf(line, sizeof line, "panic: the firmware gave up with status %d; restart",
                         WEXITSTATUS(status));
        if (o->reason == BUS_RESET_PANIC)
                say(b, line);
        board_restart_at(b, b->now + RESTART_MS * MS);
}

static void tell_button(struct boot *o)
{
        const bool down = o->board->button_until != 0;
        const unsigned pin = button_pin(o->board);
        uint8_t event[BUS_HEAD] = { BUS_EVENT };

        if (down == o->button)
                return;
        o->button = down;
        if (!(o->in_watched >> pin & 1) || o->bus < 0)
                return;
        le32_put(event + BUS_AT_A, pin);
        le32_put(event + BUS_AT_B, !down);
        send(o->bus, event, sizeof event, MSG_NOSIGNAL);
}

void boot_tick(struct boot *o, uint64_t now)
{
        struct board *b = o->board;

        if (o->pid && !runs(o))
                reap(o);
        if (b->state == BOARD_OFF || b->state == BOARD_HELD || b->state == BOARD_LOADER) {
                o->out_enabled = 0;
                o->reason = BUS_RESET_RESTART; /* unless it comes back by power or EN */
                show_pins(o);
        }
        if (!o->pid)
                return;
        if (o->answer_len && now >= b->flash_busy)
                reply(o);
        tell_button(o);
}

uint64_t boot_due(const struct boot *o)
{
        return o->pid && o->answer_len ? o->board->flash_busy : LINE_NEVER;
}

void boot_poll(const struct boot *o, struct pollfd fds[BOOT_FDS])
{
        const bool full = line_waiting_out(&o->board->line) > BACKLOG;

        fds[0] = (struct pollfd){ .fd = o->pid ? o->process : -1, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = o->answer_len ? -1 : o->bus, .events = POLLIN };
        fds[2] = (struct pollfd){ .fd = full ? -1 : o->uart, .events = POLLIN };
}

void boot_serve(struct boot *o, const struct pollfd fds[BOOT_FDS], uint64_t now)
{
        if (!runs(o))
                return;
        o->board->now = now;
        if (fds[2].revents && o->uart >= 0)
                on_uart(o);
        if (fds[1].revents && o->bus >= 0)
                on_bus(o);
        if (!runs(o))
                reap(o);
        else if (fds[0].revents)
                ended(o);
}
