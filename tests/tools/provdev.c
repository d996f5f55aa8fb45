/*
 * A device in provisioning for the tests of provcli: HTTP on 127.0.0.1, BLE or a pty, networks in
 * the air, "lab-main" with the passphrase "correct horse". Prints its port and what happens to it,
 * a line each.
 *
 *   provdev SECURITY [pop=…] [user=… password=…] [patch0] [delay=MS]
 *           [listen=ADDRESS:PORT | ble=hciN | console [stock]] [name=PROV_1234]
 *           [FAULT=N] with the Nth request: die, silent (and from then on), refuse (once), twice
 * (the answer before it again), garbage, short (half the answer); [endless | unfinished]: scans;
 * stock: lines of the length that ESP-IDF's console takes
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "crypt/srp.h"
#include "firmware/port/linux/prov_ble.h"
#include "firmware/port/linux/prov_httpd.h"
#include "wire/prov_console.h"
#include "wire/prov_gatt.h"

struct air {
        struct prov_credentials c;
        bool set, applied, told;
        uint64_t applied_ms;
        unsigned delay_ms;
};

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int set_config(void *ctx, const struct prov_credentials *c)
{
        struct air *a = ctx;

        a->c = *c;
        a->set = true;
        printf("set ssid=%.*s channel=%d bssid=%d\n", (int)c->ssid_len, (const char *)c->ssid,
               c->channel, c->has_bssid);
        return 0;
}

static int apply(void *ctx)
{
        struct air *a = ctx;

        if (!a->set || a->applied)
                return PROV_INTERNAL_ERROR;
        a->applied = true;
        a->told = false;
        a->applied_ms = now_ms();
        puts("apply");
        return 0;
}

static bool is(const uint8_t *p, size_t n, const char *text)
{
        return n == strlen(text) && !memcmp(p, text, n);
}

static void get_state(void *ctx, struct prov_wifi_state *s)
{
        struct air *a = ctx;

        puts("status");
        s->sta_state = PROV_STA_CONNECTING;
        if (!a->applied || now_ms() - a->applied_ms < a->delay_ms)
                return;
        if (!a->told)
                printf("told %u ms after it was known\n",
                       (unsigned)(now_ms() - a->applied_ms) - a->delay_ms);
        a->told = true;
        s->sta_state = PROV_STA_FAILED;
        if (!is(a->c.ssid, a->c.ssid_len, "lab-main")) {
                s->has_reason = true;
                s->reason = PROV_FAIL_NOT_FOUND;
        } else if (!is(a->c.passphrase, a->c.passphrase_len, "correct horse")) {
                s->has_reason = true;
                s->reason = PROV_FAIL_AUTH;
        } else {
                s->sta_state = PROV_STA_CONNECTED;
                s->has_connected = true;
                strcpy(s->ip4, "192.168.77.23");
                s->auth = 3;
                memcpy(s->ssid, "lab-main", 8);
                s->ssid_len = 8;
                memcpy(s->bssid, "\x02\x11\x22\x33\x44\x01", 6);
                s->has_bssid = true;
                s->channel = 6;
        }
}

static volatile sig_atomic_t ended;

/* --- faults --- */

static struct {
        const char *name;
        unsigned at; /* 0: never */
} faults[] = { { "die", 0 },   { "silent", 0 },  { "refuse", 0 },
               { "twice", 0 }, { "garbage", 0 }, { "short", 0 } };
enum { DIE, SILENT, REFUSE, TWICE, GARBAGE, SHORT };
static bool endless, unfinished;

long __real_prov_device_request(struct prov_device *d, const char *endpoint, const uint8_t *in,
                                size_t n, uint8_t *out, size_t cap);
long __wrap_prov_device_request(struct prov_device *d, const char *endpoint, const uint8_t *in,
                                size_t n, uint8_t *out, size_t cap);

/* What every transport calls, with what this device does wrong (the linker's --wrap). */
long __wrap_prov_device_request(struct prov_device *d, const char *endpoint, const uint8_t *in,
                                size_t n, uint8_t *out, size_t cap)
{
        static uint8_t before[PROV_MESSAGE_MAX];
        static long before_len;
        static unsigned count;
        long len;

        printf("request %u %s\n", ++count, endpoint);
        if (count == faults[DIE].at)
                _exit(9);
        if (faults[SILENT].at && count >= faults[SILENT].at) {
                while (!ended)
                        poll(NULL, 0, 50);
                _exit(0);
        }
        if (count == faults[REFUSE].at)
                return -E_REFUSED;
        len = __real_prov_device_request(d, endpoint, in, n, out, cap);
        if (len > 0 && count == faults[TWICE].at && before_len > 0) {
                memcpy(out, before, (size_t)before_len);
                return before_len;
        }
        if (len > 0) {
                memcpy(before, out, (size_t)len);
                before_len = len;
        }
        for (long i = 0; count == faults[GARBAGE].at && i < len; i++)
                out[i] = (uint8_t)(out[i] * 73 + 41 * i + 7);
        return count == faults[SHORT].at && len > 1 ? len / 2 : len;
}

static int scan_start(void *ctx, bool passive, uint32_t group, uint32_t period)
{
        (void)ctx;
        (void)passive;
        printf("scan group=%u period=%u\n", group, period);
        return 0;
}

static void scan_status(void *ctx, bool *finished, uint32_t *count)
{
        (void)ctx;
        *finished = !unfinished;
        *count = endless ? UINT32_MAX : 6;
}

static int scan_entry(void *ctx, uint32_t i, struct prov_ap *ap)
{
        static const char *const names[] = {
                "lab-main", "Caf\xc3\xa9", "", "guest", "bell\a", "far"
        };

        (void)ctx;
        if (endless)
                i %= 6;
        if (i >= 6)
                return PROV_INTERNAL_ERROR;
        *ap = (struct prov_ap){ .channel = 6,
                                .rssi = -41 - 7 * (int32_t)i,
                                .auth = i == 5   ? 11
                                        : i == 3 ? 0
                                                 : 3 };
        ap->ssid_len = strlen(names[i]);
        memcpy(ap->ssid, names[i], ap->ssid_len);
        memcpy(ap->bssid, "\x02\x11\x22\x33\x44", 5);
        ap->bssid[5] = (uint8_t)i;
        return 0;
}

static int reset(void *ctx)
{
        struct air *a = ctx;
        struct prov_wifi_state s = { 0 };

        get_state(a, &s);
        if (s.sta_state != PROV_STA_FAILED)
                return PROV_INTERNAL_ERROR;
        a->set = a->applied = false;
        puts("reset");
        return 0;
}

static int reprov(void *ctx)
{
        struct air *a = ctx;

        a->set = a->applied = false;
        puts("reprov");
        return 0;
}

static long custom(void *ctx, const char *endpoint, const uint8_t *in, size_t n, uint8_t *out,
                   size_t cap)
{
        (void)ctx;
        if (strcmp(endpoint, "custom-data") != 0 || cap < 8)
                return -E_NOTFOUND;
        printf("custom %.*s\n", (int)n, (const char *)in);
        memcpy(out, "SUCCESS", 8);
        return 8;
}

static const struct prov_device_ops ops = { set_config, apply, get_state, scan_start, scan_status,
                                            scan_entry, reset, reprov,    custom };

struct setup {
        struct prov_device_config cfg;
        const char *user, *password, *name, *ble;
        char address[40];
        unsigned port;
        bool console, stock;
        struct air air;
};

/* NAME=VALUE: the value, or NULL. */
static const char *value(const char *arg, const char *name)
{
        const size_t n = strlen(name);

        return !strncmp(arg, name, n) && arg[n] == '=' ? arg + n + 1 : NULL;
}

static bool take_fault(const char *arg)
{
        const char *v;

        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
                if ((v = value(arg, faults[i].name)) != NULL) {
                        faults[i].at = (unsigned)atoi(v);
                        return true;
                }
        endless |= !strcmp(arg, "endless");
        unfinished |= !strcmp(arg, "unfinished");
        return endless || unfinished;
}

static bool take(struct setup *s, const char *arg)
{
        const char *v;

        if (take_fault(arg))
                return true;
        if ((v = value(arg, "pop")) != NULL) {
                s->cfg.sec.pop = (const uint8_t *)v;
                s->cfg.sec.pop_len = strlen(v);
        } else if ((v = value(arg, "delay")) != NULL) {
                s->air.delay_ms = (unsigned)atoi(v);
        } else if ((v = value(arg, "listen")) != NULL) {
                return sscanf(v, "%39[^:]:%u", s->address, &s->port) == 2;
        } else if (!strcmp(arg, "patch0")) {
                s->cfg.sec.patch0 = true;
        } else if (!strcmp(arg, "console")) {
                s->console = true;
        } else if (!strcmp(arg, "stock")) {
                s->stock = true;
        } else if ((v = value(arg, "user")) != NULL) {
                s->user = v;
        } else if ((v = value(arg, "password")) != NULL) {
                s->password = v;
        } else if ((v = value(arg, "ble")) != NULL) {
                s->ble = v;
        } else if ((v = value(arg, "name")) != NULL) {
                s->name = v;
        } else {
                return false;
        }
        return true;
}

static void security_2(struct setup *s)
{
        static const uint8_t salt[16] = "a salt of 16 by";
        static uint8_t verifier[SRP_LEN];
        uint8_t x[SRP_HASH_LEN];

        srp_x((struct srp_bytes){ s->user, strlen(s->user) },
              (struct srp_bytes){ s->password, strlen(s->password) },
              (struct srp_bytes){ salt, sizeof salt }, x);
        srp_power((struct srp_bytes){ x, sizeof x }, verifier);
        s->cfg.sec.salt = salt;
        s->cfg.sec.salt_len = sizeof salt;
        s->cfg.sec.verifier = verifier;
}

static void on_signal(int number)
{
        ended = number;
}

/* On a pty, which echoes as a console does. */
static int serve_console(struct prov_device *device, bool stock)
{
        static struct prov_console_server server;
        static char text[2 * PROV_MESSAGE_MAX + 5];
        const int fd = posix_openpt(O_RDWR | O_NOCTTY);
        struct termios raw;
        size_t column = 0;
        int slave;

        if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 ||
            (slave = open(ptsname(fd), O_RDWR | O_NOCTTY)) < 0 || tcgetattr(slave, &raw) < 0)
                return 1;
        cfmakeraw(&raw);
        tcsetattr(slave, TCSANOW, &raw);
        prov_console_serve(&server, device);
        printf("port %s\n", ptsname(fd));
        while (!ended) {
                uint8_t byte;

                if (read(fd, &byte, 1) == 1) {
                        long n = 0;

                        column = byte == '\r' ? 0 : column + 1;
                        if (!stock || column < PROV_CONSOLE_STOCK)
                                n = prov_console_answer(&server, byte, text, sizeof text);
                        if (write(fd, &byte, 1) != 1 || (n > 0 && write(fd, text, (size_t)n) != n))
                                return 1;
                }
        }
        close(slave);
        close(fd);
        return 0;
}

static int serve(struct prov_device *device, const struct setup *s)
{
        static const char *const custom[] = { "custom-data", NULL };
        const struct prov_ble_setup setup = { .adapter = s->ble,
                                              .name = s->name,
                                              .service = prov_gatt_uuid_example,
                                              .custom = custom };
        struct prov_httpd *h = NULL;
        struct prov_ble *b = NULL;
        struct diag d = { 0 };

        if (s->console)
                return serve_console(device, s->stock);
        if ((s->ble ? prov_ble_start(device, &setup, &b, &d)
                    : prov_httpd_start(device, s->address, (uint16_t)s->port, &h, &d)) < 0) {
                fprintf(stderr, "provdev: %s\n", diag_text(&d));
                return 1;
        }
        printf("port %u\n", h ? prov_httpd_port(h) : 0);
        while (!ended) {
                struct pollfd p = { .fd = h ? prov_httpd_fd(h) : prov_ble_fd(b), .events = POLLIN };

                poll(&p, 1, 100);
                if (h)
                        prov_httpd_run(h);
                else
                        prov_ble_run(b);
        }
        prov_httpd_stop(h);
        prov_ble_stop(b);
        return 0;
}

int main(int argc, char **argv)
{
        static struct prov_device device;
        static struct setup s = { .user = "wifiprov",
                                  .password = "",
                                  .name = "PROV_1234",
                                  .address = "127.0.0.1",
                                  .air = { .delay_ms = 300 } };
        const struct sigaction end = { .sa_handler = on_signal };

        setvbuf(stdout, NULL, _IOLBF, 0);
        sigaction(SIGTERM, &end, NULL);
        s.cfg.ops = &ops;
        s.cfg.ctx = &s.air;
        s.cfg.sec.security = argc > 1 ? atoi(argv[1]) : 0;
        for (int i = 2; i < argc; i++)
                if (!take(&s, argv[i])) {
                        fprintf(stderr, "provdev: %s?\n", argv[i]);
                        return 2;
                }
        if (s.cfg.sec.security == 2)
                security_2(&s);
        return prov_device_init(&device, &s.cfg) < 0 ? 1 : serve(&device, &s);
}
