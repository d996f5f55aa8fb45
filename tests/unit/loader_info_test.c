/*
 * What a chip says of itself, and how the loader comes to it and leaves it. eFuses are burnt by the
 * names that espefuse gives them (fmt/efuse.h) and read through the registers that host/chips.c
 * knows: two tables have to agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/efuse.h"
#include "fmt/flash_ram.h"
#include "host/link_impl.h"
#include "host/loader.h"
#include "wire/romldr_server.h"

#define HURRY 20 /* no wire between us: time-outs can be short */

struct word {
        uint32_t addr, value;
};

/* A chip that is registers and a ROM, in a thread of its own until its end of the socket is closed.
 */
struct rom {
        int fd;
        pthread_t thread;
        const struct chip *chip;
        const struct efuse_chip *fuses; /* NULL: words only */
        uint8_t image[EFUSE_IMAGE_MAX];
        struct word words[4], writes[16]; /* to be read; that were written */
        size_t written;
        bool secure, noisy, mute;
        unsigned reads;
        uint32_t flags;       /* of GET_SECURITY_INFO */
        const char *boot_log; /* printed at a reset */
        unsigned resets, runs;
        bool dtr, rts;
        char moves[64]; /* of the lines: D and R alone, B both, - none */
        size_t moved;
        uint8_t mem[4 * FLASH_SECTOR];
        struct flash flash;
        struct romldr_server server;
};

static int read_word(void *chip, uint32_t addr, uint32_t *value)
{
        struct rom *r = chip;

        *value = addr == ROMLDR_MAGIC_REG ? r->chip->magics[0] : 0;
        if (r->fuses && addr >= r->fuses->base && addr + 4 <= r->fuses->base + r->fuses->size)
                *value = le32_get(r->image + (addr - r->fuses->base));
        for (size_t i = 0; i < 4; i++)
                if (r->words[i].addr == addr)
                        *value = r->words[i].value;
        if (r->noisy && addr == r->chip->mac_reg)
                *value ^= r->reads++;
        return 0;
}

static int write_word(void *chip, uint32_t addr, uint32_t value)
{
        struct rom *r = chip;

        assert_true(r->written < 16);
        r->writes[r->written++] = (struct word){ addr, value };
        return 0;
}

static void security(void *chip, uint8_t info[ROMLDR_SEC_LEN])
{
        const struct rom *r = chip;

        memset(info, 0, ROMLDR_SEC_LEN);
        le32_put(info + ROMLDR_SEC_FLAGS, r->flags);
        info[ROMLDR_SEC_CRYPT_CNT] = 1;
        le32_put(info + ROMLDR_SEC_CHIP_ID, (uint32_t)r->chip->image_id);
}

static bool secure_download(void *chip)
{
        return ((struct rom *)chip)->secure;
}

static void on_send(void *ctx, const uint8_t *p, size_t n)
{
        (void)!send(((struct rom *)ctx)->fd, p, n, MSG_NOSIGNAL);
}

static void on_event(void *ctx, enum romldr_event event, uint32_t arg)
{
        (void)arg;
        ((struct rom *)ctx)->runs += event == ROMLDR_EV_REBOOT || event == ROMLDR_EV_LEFT;
}

static void *serve(void *arg)
{
        struct rom *r = arg;
        uint8_t in[4096];
        ssize_t n;

        while ((n = read(r->fd, in, sizeof in)) > 0)
                if (!r->mute)
                        romldr_server_input(&r->server, in, (size_t)n);
        return NULL;
}

/* EN is low while RTS alone is asserted: what follows is a start. */
static int on_lines(struct link *l, bool dtr, bool rts)
{
        struct rom *r = l->ctx;

        if (r->rts && !r->dtr && !(rts && !dtr)) {
                r->resets++;
                if (r->boot_log)
                        on_send(r, (const uint8_t *)r->boot_log, strlen(r->boot_log));
        }
        r->dtr = dtr;
        r->rts = rts;
        if (r->moved + 1 < sizeof r->moves)
                r->moves[r->moved++] = dtr ? rts ? 'B' : 'D' : rts ? 'R' : '-';
        return 0;
}

static const struct link_ops with_lines = { .lines = on_lines };
static const struct link_ops without_lines = { 0 };

/* option: as --chip takes it */
static struct rom *rom_new(const char *option)
{
        struct rom *r = calloc(1, sizeof *r);

        assert_non_null(r);
        r->chip = chip_by_name(option);
        assert_non_null(r->chip);
        r->fuses = efuse_chip_of(option);
        memset(r->mem, 0xff, sizeof r->mem);
        assert_int_equal(flash_ram_init(&r->flash, r->mem, sizeof r->mem), 0);
        return r;
}

static void burn(struct rom *r, const char *name, uint32_t value)
{
        const struct efuse_field *f = efuse_field(r->fuses, name);
        uint8_t in[4];

        assert_non_null(f);
        le32_put(in, value);
        efuse_bits_or(r->image + r->fuses->blocks[f->block].read, f->bit, f->len, in);
}

static void burn_mac(struct rom *r, const char *name, const uint8_t *mac, size_t n)
{
        const struct efuse_field *f = efuse_field(r->fuses, name);
        uint8_t in[6];

        assert_non_null(f);
        assert_int_equal(f->kind, EFUSE_MAC);
        for (size_t i = 0; i < n; i++)
                in[i] = mac[n - 1 - i];
        efuse_bits_or(r->image + r->fuses->blocks[f->block].read, f->bit, f->len, in);
}

static int rom_open(struct rom *r, const struct loader_config *more, struct loader **l,
                    struct diag *d)
{
        static const struct romldr_chip_ops ops = { .read_word = read_word,
                                                    .write_word = write_word,
                                                    .security = security,
                                                    .secure_download = secure_download };
        const bool old = !(r->chip->caps & CHIP_ROM_SECURITY);
        const struct romldr_server_config server = { .rom = old ? &romldr_rom_esp32
                                                                : &romldr_rom_esp32c3,
                                                     .ops = &ops,
                                                     .chip = r,
                                                     .flash = &r->flash,
                                                     .send = on_send,
                                                     .event = on_event,
                                                     .ctx = r };
        struct loader_config cfg = *more;
        int fd[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
        (void)!fcntl(fd[1], F_SETFL, 0);
        r->fd = fd[1];
        romldr_server_init(&r->server, &server);
        assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
        assert_int_equal(link_new(fd[0], "pipe", r->boot_log ? &with_lines : &without_lines,
                                  &cfg.link, NULL),
                         0);
        cfg.link->ctx = r;
        cfg.hurry = r->mute ? HURRY : 1; /* who answers may take his time */
        return loader_open(&cfg, l, d);
}

static void rom_end(struct rom *r)
{
        pthread_join(r->thread, NULL);
        close(r->fd);
        free(r);
}

static const struct loader_config plain = { .attempts = 50 };
static const uint8_t mac[6] = { 0x24, 0x0a, 0xc4, 0x12, 0x34, 0x56 };

static void test_fuses(void **state)
{
        static const struct {
                const char *chip;
                struct {
                        const char *name;
                        uint32_t value;
                } burnt[6];
                const char *description;
                unsigned revision;
                const char *features; /* among others */
        } rows[] = {
                { "esp32s2",
                  { { "WAFER_VERSION_MAJOR", 1 },
                    { "WAFER_VERSION_MINOR_LO", 2 },
                    { "WAFER_VERSION_MINOR_HI", 1 } },
                  "ESP32-S2 (revision v1.10)",
                  110,
                  "Wi-Fi, Single Core, 240MHz" },
                { "esp32s3",
                  { { "PKG_VERSION", 1 },
                    { "WAFER_VERSION_MINOR_LO", 2 },
                    { "FLASH_CAP", 1 },
                    { "PSRAM_CAP", 2 } },
                  "ESP32-S3-PICO-1 (LGA56) (revision v0.2)",
                  2,
                  "Embedded Flash 8MB, Embedded PSRAM 2MB" },
                /* the first of them had their major revision where other things stood */
                { "esp32s3",
                  { { "WAFER_VERSION_MAJOR", 3 },
                    { "BLK_VERSION_MAJOR", 1 },
                    { "BLK_VERSION_MINOR", 1 } },
                  "ESP32-S3 (QFN56) (revision v0.0)",
                  0,
                  "Dual Core" },
                { "esp32s3",
                  { { "WAFER_VERSION_MAJOR", 3 },
                    { "BLK_VERSION_MAJOR", 1 },
                    { "BLK_VERSION_MINOR", 2 } },
                  "ESP32-S3 (QFN56) (revision v3.0)",
                  300,
                  "Dual Core" },
                { "esp32c3",
                  { { "WAFER_VERSION_MINOR_LO", 4 }, { "PKG_VERSION", 1 }, { "FLASH_CAP", 1 } },
                  "ESP8685 (QFN28) (revision v0.4)",
                  4,
                  "Embedded Flash 4MB" },
                { "esp32c3",
                  { { "WAFER_VERSION_MAJOR", 1 },
                    { "WAFER_VERSION_MINOR_HI", 1 },
                    { "PKG_VERSION", 3 } },
                  "ESP8686 (QFN24) (revision v1.8)",
                  108,
                  "BT 5 (LE)" },
                { "esp32c6",
                  { { "WAFER_VERSION_MINOR", 9 }, { "PKG_VERSION", 1 }, { "FLASH_CAP", 2 } },
                  "ESP32-C6FH (QFN32) (revision v0.9)",
                  9,
                  "Embedded Flash 8MB" },
                { "esp32h2",
                  { { "WAFER_VERSION_MAJOR", 1 }, { "WAFER_VERSION_MINOR", 2 } },
                  "ESP32-H2 (revision v1.2)",
                  102,
                  "IEEE 802.15.4" },
                { "esp32",
                  { { "CHIP_PACKAGE", 5 }, { "CHIP_VER_REV1", 1 }, { "WAFER_VERSION_MINOR", 1 } },
                  "ESP32-PICO-D4 (revision v1.1)",
                  101,
                  "Wi-Fi, BT, Dual Core" },
                { "esp32",
                  { { "CHIP_PACKAGE", 1 },
                    { "CHIP_VER_REV1", 1 },
                    { "CHIP_VER_REV2", 1 },
                    { "DISABLE_BT", 1 } },
                  "ESP32-D0WD (revision v2.0)",
                  200,
                  "Wi-Fi, Dual Core" },
                /* unary: the second bit alone is no revision */
                { "esp32",
                  { { "CHIP_VER_REV2", 1 }, { "DISABLE_APP_CPU", 1 } },
                  "ESP32-D0WDQ6 (revision v0.0)",
                  0,
                  "Single Core" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct rom *r = rom_new(rows[i].chip);
                struct loader_info info;
                struct loader *l;

                burn_mac(r, "MAC", mac, 6);
                for (size_t k = 0; k < 6 && rows[i].burnt[k].name; k++)
                        burn(r, rows[i].burnt[k].name, rows[i].burnt[k].value);
                assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
                assert_ptr_equal(loader_chip(l), r->chip);
                assert_int_equal(loader_info(l, &info, NULL), 0);
                assert_string_equal(info.description, rows[i].description);
                assert_int_equal(info.revision, rows[i].revision);
                assert_non_null(strstr(info.features, rows[i].features));
                assert_memory_equal(info.mac, mac, 6);
                loader_close(l, LOADER_STAY, NULL);
                rom_end(r);
        }
}

/* Chips with IEEE 802.15.4 have two bytes more, in the middle of the address. */
static void test_eui64(void **state)
{
        static const uint8_t ext[2] = { 0xff, 0xfe };
        static const uint8_t eui[8] = { 0x24, 0x0a, 0xc4, 0xff, 0xfe, 0x12, 0x34, 0x56 };
        struct rom *r = rom_new("esp32c6");
        struct loader_info info;
        struct loader *l;

        (void)state;
        burn_mac(r, "MAC", mac, 6);
        burn_mac(r, "MAC_EXT", ext, 2);
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_int_equal(loader_info(l, &info, NULL), 0);
        assert_true(info.has_eui64);
        assert_memory_equal(info.eui64, eui, 8);
        loader_close(l, LOADER_STAY, NULL);
        rom_end(r);
}

/* The OUI of an ESP8266: in its fuses, or a number for one of two (esptool 4.8.1: get_mac). */
static void test_8266(void **state)
{
        static const struct {
                uint32_t w0, w1, w3;
                int rc;
                uint8_t mac[6];
        } rows[] = {
                { 0x56000000, 0x00001234, 0, 0, { 0x18, 0xfe, 0x34, 0x12, 0x34, 0x56 } },
                { 0x56000000, 0x00011234, 0, 0, { 0xac, 0xd0, 0x74, 0x12, 0x34, 0x56 } },
                { 0x56000000, 0x00021234, 0x005ccf7f, 0, { 0x5c, 0xcf, 0x7f, 0x12, 0x34, 0x56 } },
                { 0x56000000, 0x00021234, 0, -E_VERIFY, { 0 } },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct rom *r = rom_new("esp8266");
                struct loader *l;
                uint8_t got[6];

                r->words[0] = (struct word){ 0x3ff00050, rows[i].w0 };
                r->words[1] = (struct word){ 0x3ff00054, rows[i].w1 };
                r->words[2] = (struct word){ 0x3ff0005c, rows[i].w3 };
                assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
                assert_ptr_equal(loader_chip(l), r->chip);
                assert_int_equal(loader_read_mac(l, got, NULL), rows[i].rc);
                if (!rows[i].rc)
                        assert_memory_equal(got, rows[i].mac, 6);
                loader_close(l, LOADER_STAY, NULL);
                rom_end(r);
        }
}

/* Rate times divider of the UART: 115200 baud. */
static void test_crystal(void **state)
{
        static const struct {
                const char *chip;
                uint32_t reg, divider;
                unsigned mhz;
        } rows[] = {
                { "esp32", 0x3ff40014, 40000000 / 115200, 40 },
                { "esp32", 0x3ff40014, 26000000 / 115200, 26 },
                { "esp32c2", 0x60000014, 26000000 / 115200, 26 },
                { "esp32c5", 0x60000014, 48000000 / 115200, 48 },
                { "esp8266", 0x60000014, 2 * 26000000 / 115200, 26 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct rom *r = rom_new(rows[i].chip);
                struct loader_info info;
                struct loader *l;

                r->words[0] = (struct word){ rows[i].reg, rows[i].divider };
                assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
                assert_int_equal(loader_info(l, &info, NULL), 0);
                assert_int_equal(info.crystal, rows[i].mhz);
                loader_close(l, LOADER_STAY, NULL);
                rom_end(r);
        }
}

/* A unit is known by its MAC: one that reads differently twice is nobody's. */
static void test_noise(void **state)
{
        struct rom *r = rom_new("esp32c3");
        struct diag d = { 0 };
        struct loader *l;
        uint8_t got[6];

        (void)state;
        r->noisy = true;
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_int_equal(loader_read_mac(l, got, &d), -E_VERIFY);
        assert_non_null(strstr(d.text, "reads differently twice"));
        loader_close(l, LOADER_STAY, NULL);
        rom_end(r);
}

/* Registers are closed; which chip it is, GET_SECURITY_INFO still says. */
static void test_secure_download(void **state)
{
        struct rom *r = rom_new("esp32c3");
        struct loader_security sec;
        struct loader_info info;
        struct diag d = { 0 };
        struct loader *l;

        (void)state;
        r->secure = true;
        r->flags = ROMLDR_SECF_SECURE_DOWNLOAD | ROMLDR_SECF_SECURE_BOOT;
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_true(loader_secure_download(l));
        assert_int_equal(loader_info(l, &info, &d), -E_REFUSED);
        assert_non_null(strstr(d.text, "secure download mode"));
        assert_int_equal(loader_security(l, &sec, NULL), 0);
        assert_true(sec.secure_boot && sec.encrypted && sec.has_chip_id);
        assert_int_equal(sec.chip_id, 5);
        loader_close(l, LOADER_STAY, NULL);
        rom_end(r);
}

/* The ESP32's ROM has no GET_SECURITY_INFO: eFuses say it. */
static void test_security_esp32(void **state)
{
        struct rom *r = rom_new("esp32");
        struct loader_security sec;
        struct loader *l;

        (void)state;
        burn(r, "FLASH_CRYPT_CNT", 7);
        burn(r, "ABS_DONE_1", 1);
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_int_equal(loader_security(l, &sec, NULL), 0);
        assert_true(sec.from_efuses && sec.encrypted && sec.secure_boot);
        loader_close(l, LOADER_STAY, NULL);
        rom_end(r);
}

/* Over its own USB unit the watchdogs run on: they are fed and locked again; reset by one of them.
 */
static void test_watchdogs(void **state)
{
        struct rom *r = rom_new("esp32c3");
        const struct chip *c = r->chip;
        struct loader *l;

        (void)state;
        r->words[0] = (struct word){ c->uart_no, c->uart_no_usb_jtag };
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_int_equal(r->written, 6);
        assert_true(r->writes[0].addr == c->wdt[0] && r->writes[0].value == c->wdt_key);
        assert_true(r->writes[1].addr == c->wdt[1] && r->writes[1].value == 0);
        assert_true(r->writes[2].addr == c->wdt[0] && r->writes[2].value == 0);
        assert_true(r->writes[3].addr == c->wdt[2] && r->writes[3].value == c->swd_key);
        assert_true(r->writes[4].addr == c->wdt[3] && r->writes[4].value & c->swd_feed);
        assert_true(r->writes[5].addr == c->wdt[2] && r->writes[5].value == 0);
        assert_int_equal(loader_close(l, LOADER_WATCHDOG_RESET, NULL), 0);
        pthread_join(r->thread, NULL);
        close(r->fd);
        assert_int_equal(r->written, 9);
        assert_true(r->writes[6].addr == c->wdt[0] && r->writes[6].value == c->wdt_key);
        assert_true(r->writes[8].addr == c->wdt[1] && r->writes[8].value >> 31);
        free(r);

        r = rom_new("esp32"); /* has none that could be reached */
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_int_equal(loader_close(l, LOADER_WATCHDOG_RESET, NULL), -E_UNSUPPORTED);
        rom_end(r);
}

/* Lines reset the chip into the loader and out of it; without lines the ROM is asked. */
static void test_ways_out(void **state)
{
        struct rom *r = rom_new("esp32c3");
        struct link *left;
        struct loader *l;

        (void)state;
        r->boot_log =
                "ESP-ROM:esp32c3-api1-20210207\r\nboot:0x7 (DOWNLOAD)\r\nwaiting for download\r\n";
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_int_equal(r->resets, 1);
        assert_int_equal(loader_close(l, LOADER_HARD_RESET, NULL), 0);
        assert_int_equal(r->resets, 2);
        rom_end(r);

        r = rom_new("esp32c3");
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_int_equal(loader_close(l, LOADER_SOFT_RESET, NULL), 0);
        pthread_join(r->thread, NULL);
        close(r->fd);
        assert_int_equal(r->runs, 1);
        free(r);

        r = rom_new("esp32c3");
        assert_int_equal(rom_open(r, &plain, &l, NULL), 0);
        assert_int_equal(loader_leave(l, 115200, &left, NULL), 0);
        assert_non_null(left);
        link_close(left);
        pthread_join(r->thread, NULL);
        close(r->fd);
        assert_int_equal(r->runs, 1);
        free(r);
}

/* EN low, then the boot pin low while EN rises; other boards want the lines one after the other. */
static void test_sequences(void **state)
{
        static const struct {
                struct loader_config cfg;
                const char *moves;
        } rows[] = {
                { { .attempts = 1 }, "-BRD-" },
                { { .attempts = 3 }, "-BRD--BRD--RBD-" },
                { { .attempts = 1, .before = LOADER_USB_RESET }, "-DBR-" },
                { { .attempts = 2, .before = LOADER_NO_RESET }, "" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct rom *r = rom_new("esp32c3");
                struct loader *l;

                r->mute = true;
                r->boot_log = "\r\n";
                assert_int_equal(rom_open(r, &rows[i].cfg, &l, NULL), -E_TIMEOUT);
                assert_string_equal(r->moves, rows[i].moves);
                rom_end(r);
        }
}

/* Nothing answers: what the chip printed at the reset says what to do. */
static void test_no_answer(void **state)
{
        static const struct {
                const char *boot_log;
                int rc;
                const char *text;
        } rows[] = {
                { "boot:0x7 (DOWNLOAD)\r\nwaiting for download\r\n", -E_LINK,
                  "check the TX line" },
                { "Download boot modes disabled\r\n", -E_REFUSED, "switched off for good" },
                { "rst:0x1 (POWERON),boot:0xf (SPI_FAST_FLASH_BOOT)\r\n", -E_TIMEOUT,
                  "boots its program" },
                { "\r\n", -E_TIMEOUT, "another cable" },
                { NULL, -E_TIMEOUT, "this link cannot reset the chip" },
        };
        const struct loader_config once = { .attempts = 1 };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct rom *r = rom_new("esp32c3");
                struct diag d = { 0 };
                struct loader *l;

                r->mute = true;
                r->boot_log = rows[i].boot_log;
                assert_int_equal(rom_open(r, &once, &l, &d), rows[i].rc);
                assert_null(l);
                assert_non_null(strstr(d.text, rows[i].text));
                rom_end(r);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fuses),          cmocka_unit_test(test_eui64),
                cmocka_unit_test(test_8266),           cmocka_unit_test(test_crystal),
                cmocka_unit_test(test_noise),          cmocka_unit_test(test_secure_download),
                cmocka_unit_test(test_security_esp32), cmocka_unit_test(test_watchdogs),
                cmocka_unit_test(test_ways_out),       cmocka_unit_test(test_sequences),
                cmocka_unit_test(test_no_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
