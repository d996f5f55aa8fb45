/* A whole session with a simulated ESP32-C3 over a socket pair, with a fault at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "fmt/flash_ram.h"
#include "host/flash_plan.h"
#include "host/jedec.h"
#include "host/loader.h"
#include "sim/chip.h"
#include "sim/pipe.h"

#define FLASH_SIZE (1u << 20)

/* The board runs in a thread of its own until its end of the socket is closed. */
struct board {
        int fd;
        pthread_t thread;
        uint8_t mem[FLASH_SIZE];
        struct flash flash;
        struct sim_chip chip;
        struct romldr_server server;
        struct sim_pipe rx, tx;
        bool cut;
        /* once a stub loader was started */
        bool stub;
        struct slip_decoder slip;
        uint8_t packet[ROMLDR_PACKET_MAX];
        uint32_t at; /* where the next block goes */
        uint32_t to_send, sent;
};

static const uint8_t mac[6] = { 0x24, 0x0a, 0xc4, 0x12, 0x34, 0x56 };

static void on_send(void *ctx, const uint8_t *p, size_t n)
{
        struct board *b = ctx;
        uint8_t out[4096];
        size_t passed = 0;

        while (n && !b->cut) {
                const size_t part = n < sizeof out ? n : sizeof out;

                b->cut = sim_pipe_put(&b->tx, p, part, out, &passed) < 0;
                if (send(b->fd, out, passed, MSG_NOSIGNAL) < 0)
                        b->cut = true;
                p += part;
                n -= part;
        }
}

static void send_frame(struct board *b, const void *p, size_t n)
{
        static uint8_t frame[SLIP_MAX(ROMLDR_PACKET_MAX)];
        struct slip_encoder e;

        slip_begin(&e, frame, sizeof frame);
        slip_put(&e, p, n);
        on_send(b, frame, (size_t)slip_end(&e));
}

/* A stub's answer: data, two status bytes. */
static void stub_reply(struct board *b, uint8_t op, const void *data, size_t n, uint8_t status)
{
        uint8_t r[64] = { ROMLDR_REPLY, op, (uint8_t)(n + 2) };

        if (n)
                memcpy(r + ROMLDR_HEADER, data, n);
        r[ROMLDR_HEADER + n] = status;
        send_frame(b, r, ROMLDR_HEADER + n + 2);
}

static void stub_send_sector(struct board *b)
{
        const uint32_t n = b->to_send < 4096 ? b->to_send : 4096;
        uint8_t md5[16];

        if (n) {
                send_frame(b, b->mem + b->at + b->sent, n);
                b->sent += n;
                b->to_send -= n;
        } else {
                crypt_md5(b->mem + b->at, b->sent, md5);
                send_frame(b, md5, sizeof md5);
                b->sent = 0;
        }
}

/* What esptool's stub does with a request; plain data only, 16-byte digests, flash in a stream. */
static void stub_request(struct board *b, const uint8_t *p, size_t n)
{
        const uint8_t *data = p + ROMLDR_HEADER;
        uint8_t md5[16];

        if (n == 4 && b->sent) { /* how much of the stream has arrived */
                stub_send_sector(b);
                return;
        }
        switch (p[ROMLDR_AT_OP]) {
        case ROMLDR_FLASH_BEGIN: /* 16 bytes: more would be the ROM's form */
                b->at = le32_get(data + 12);
                stub_reply(b, p[ROMLDR_AT_OP], NULL, 0, n != ROMLDR_HEADER + 16);
                return;
        case ROMLDR_FLASH_DATA:
                for (uint32_t i = 0; i < le32_get(data); i++) {
                        if (b->at % FLASH_SECTOR == 0)
                                memset(b->mem + b->at, 0xff, FLASH_SECTOR);
                        b->mem[b->at++] = data[ROMLDR_BLOCK_HEADER + i];
                }
                break;
        case ROMLDR_SPI_FLASH_MD5:
                crypt_md5(b->mem + le32_get(data), le32_get(data + 4), md5);
                stub_reply(b, p[ROMLDR_AT_OP], md5, 16, 0);
                return;
        case ROMLDR_STUB_ERASE_REGION:
                memset(b->mem + le32_get(data), 0xff, le32_get(data + 4));
                break;
        case ROMLDR_STUB_READ_FLASH:
                b->at = le32_get(data);
                b->to_send = le32_get(data + 4);
                stub_reply(b, p[ROMLDR_AT_OP], NULL, 0, 0);
                stub_send_sector(b);
                return;
        default:
                break;
        }
        stub_reply(b, p[ROMLDR_AT_OP], NULL, 0, 0);
}

static void stub_input(struct board *b, const uint8_t *p, size_t n)
{
        while (n) {
                size_t used;

                if (slip_feed(&b->slip, p, n, &used) == SLIP_FRAME)
                        stub_request(b, b->packet, b->slip.len);
                p += used;
                n -= used;
        }
}

static void on_event(void *ctx, enum romldr_event event, uint32_t arg)
{
        struct board *b = ctx;

        (void)arg;
        if (event != ROMLDR_EV_RUN)
                return;
        b->stub = true;
        slip_decoder_init(&b->slip, b->packet, sizeof b->packet);
        send_frame(b, "OHAI", 4);
}

static void *serve(void *arg)
{
        struct board *b = arg;
        uint8_t in[4096];
        ssize_t n;

        while (!b->cut && (n = read(b->fd, in, sizeof in)) > 0) {
                size_t passed;

                b->cut = sim_pipe_put(&b->rx, in, (size_t)n, in, &passed) < 0;
                if (b->stub)
                        stub_input(b, in, passed);
                else
                        romldr_server_input(&b->server, in, passed);
        }
        shutdown(b->fd, SHUT_RDWR);
        return NULL;
}

static struct board *board_new(const struct sim_chip_type *type)
{
        struct board *b = calloc(1, sizeof *b);

        assert_non_null(b);
        memset(b->mem, 0xff, sizeof b->mem);
        assert_int_equal(flash_ram_init(&b->flash, b->mem, sizeof b->mem), 0);
        assert_int_equal(sim_chip_init(&b->chip, type, &b->flash), 0);
        sim_chip_blank_efuses(&b->chip, mac);
        return b;
}

static void board_free(struct board *b)
{
        sim_chip_free(&b->chip);
        free(b);
}

/* Reset the board and plug it in; the host's end. */
static struct link *board_start(struct board *b)
{
        struct link *l;
        int fd[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
        sim_chip_reset(&b->chip, true);
        sim_chip_loader(&b->chip, &b->server, on_send, on_event, b);
        b->fd = fd[1];
        b->cut = b->stub = false;
        assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
        assert_int_equal(link_from_fd(fd[0], "pipe", &l), 0);
        return l;
}

static void board_stop(struct board *b)
{
        pthread_join(b->thread, NULL);
        close(b->fd);
        memset(&b->rx, 0, sizeof b->rx);
        memset(&b->tx, 0, sizeof b->tx);
}

static int open_loader(struct board *b, unsigned hurry, struct loader **l)
{
        const struct loader_config cfg = { .link = board_start(b),
                                           .hurry = hurry,
                                           .attempts = hurry ? 2 : 0 };

        return loader_open(&cfg, l, NULL);
}

static void test_who_are_you(void **state)
{
        static const struct {
                const struct sim_chip_type *type;
                const char *name;
        } chips_there[] = { { &sim_esp32c3, "ESP32-C3" }, { &sim_esp32, "ESP32" } };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct board *b = board_new(chips_there[i].type);
                struct loader_security sec;
                struct loader_flash_id id;
                struct loader_info info;
                struct loader *l;

                assert_int_equal(open_loader(b, 0, &l), 0);
                assert_string_equal(loader_chip(l)->name, chips_there[i].name);
                assert_int_equal(loader_info(l, &info, NULL), 0);
                assert_memory_equal(info.mac, mac, 6);
                assert_int_equal(info.crystal, 40);
                assert_int_equal(loader_flash_id(l, &id, NULL), 0);
                assert_int_equal(id.size, FLASH_SIZE);
                assert_string_equal(jedec_maker(id.id), "GigaDevice");
                assert_int_equal(loader_security(l, &sec, NULL), 0);
                assert_false(sec.secure_boot || sec.encrypted);
                loader_close(l, LOADER_STAY, NULL);
                board_stop(b);
                board_free(b);
        }
}

static void test_wrong_chip(void **state)
{
        struct board *b = board_new(&sim_esp32c3);
        const struct loader_config cfg = { .link = board_start(b), .chip = chip_by_name("esp32") };
        struct diag d = { 0 };
        struct loader *l;

        (void)state;
        assert_int_equal(loader_open(&cfg, &l, &d), -E_VERIFY);
        assert_non_null(strstr(d.text, "ESP32-C3"));
        board_stop(b);
        board_free(b);
}

/* Text-like data with a long blank run and an odd end. */
static void fill(uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)("the quick brown fox"[i % 19] + (i / 977) % 7);
        if (n > 200000)
                memset(p + 50000, 0xff, 90000);
}

static int write_image(struct loader *l, const struct flash_image *im,
                       const struct flash_options *opt, struct flash_stats *st)
{
        struct flash_plan *p;
        int rc;

        assert_int_equal(flash_plan_new(im, 1, opt, &p, NULL), 0);
        if ((rc = loader_flash_attach(l, loader_flash_size(l), NULL)) == 0)
                rc = flash_plan_run(p, l, st, NULL);
        flash_plan_free(p);
        return rc;
}

static void test_write(void **state)
{
        static uint8_t data[300001];
        static uint8_t back[300001];
        struct board *b = board_new(&sim_esp32c3);
        const struct flash_image im = {
                .name = "x", .offset = 0x10000, .data = data, .len = sizeof data
        };
        const struct flash_options plain = { .plain = true, .always = true };
        const struct flash_options normal = { 0 };
        struct flash_image next = im;
        struct flash_stats st;
        struct loader *l;

        (void)state;
        memset(b->mem, 0x5a, sizeof b->mem); /* nothing is blank before */
        fill(data, sizeof data);
        assert_int_equal(open_loader(b, 0, &l), 0);
        assert_int_equal(write_image(l, &im, &normal, &st), 0);
        assert_memory_equal(b->mem + 0x10000, data, sizeof data);
        assert_int_equal(b->mem[0xffff], 0x5a);
        assert_int_equal(b->mem[0x10000 + 0x4a000], 0x5a); /* the sector behind the last */
        assert_int_equal(st.images_done, 1);
        assert_int_equal(write_image(l, &im, &normal, &st), 0);
        assert_int_equal(st.images_skipped, 1);
        assert_int_equal(st.written, 0);
        assert_int_equal(write_image(l, &im, &plain, &st), 0);
        assert_memory_equal(b->mem + 0x10000, data, sizeof data);
        assert_int_equal(loader_flash_read(l, 0x10000, back, 3001, NULL), 0);
        assert_memory_equal(back, data, 3001);

        /* one sector differs: one sector is written, the result is right */
        memcpy(back, data, sizeof back);
        memset(data + 200000, 'x', 100);
        next.old = back;
        next.old_len = sizeof back;
        assert_int_equal(write_image(l, &next, &normal, &st), 0);
        assert_int_equal(st.written, 4096);
        assert_memory_equal(b->mem + 0x10000, data, sizeof data);

        /* old is not what was there: found out, everything is written */
        memset(b->mem + 0x20000, 0, 10);
        assert_int_equal(write_image(l, &next, &normal, &st), 0);
        assert_true(st.written > 4096);
        assert_memory_equal(b->mem + 0x10000, data, sizeof data);
        loader_close(l, LOADER_STAY, NULL);
        board_stop(b);
        board_free(b);
}

/* A stub loader from a file: started, then spoken to in its own way. */
static void test_stub(void **state)
{
        static const char json[] =
                "{\"text\":\"EzAAAA==\",\"text_start\":1077411840,\"entry\":1077411840,"
                "\"data\":\"AAAAAA==\",\"data_start\":1070137344}";
        static uint8_t data[70001];
        static uint8_t back[70001];
        const struct flash_image im = {
                .name = "x", .offset = 0x10000, .data = data, .len = sizeof data
        };
        const struct flash_options plain = { .plain = true };
        struct board *b = board_new(&sim_esp32c3);
        struct loader_config cfg = { 0 };
        struct flash_stats st;
        char path[] = "/tmp/fctry-stub.XXXXXX";
        struct loader *l;
        const int fd = mkstemp(path);

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(write(fd, json, sizeof json - 1), sizeof json - 1);
        close(fd);
        fill(data, sizeof data);
        memset(b->mem, 0x5a, sizeof b->mem);
        cfg.link = board_start(b);
        cfg.stub = path;
        assert_int_equal(loader_open(&cfg, &l, NULL), 0);
        assert_true(loader_is_stub(l));
        assert_int_equal(loader_flash_attach(l, FLASH_SIZE, NULL), 0);
        assert_int_equal(write_image(l, &im, &plain, &st), 0);
        assert_int_equal(st.images_unverified, 0);
        assert_memory_equal(b->mem + 0x10000, data, sizeof data);
        assert_int_equal(loader_flash_read(l, 0x10000, back, sizeof back, NULL), 0);
        assert_memory_equal(back, data, sizeof back);
        assert_int_equal(loader_flash_erase(l, 0x20000, 0x1000, NULL), 0);
        assert_int_equal(b->mem[0x20000], 0xff);
        loader_close(l, LOADER_STAY, NULL);
        board_stop(b);
        board_free(b);
        unlink(path);
}

static void test_layout(void **state)
{
        static const uint8_t data[8192];
        static const struct {
                uint32_t a, a_len, b, b_len;
                int rc;
        } rows[] = {
                { 0, 4096, 4096, 10, 0 },         { 0, 4097, 4096, 10, -E_EXISTS },
                { 4096, 10, 0, 4097, -E_EXISTS }, { 0, 10, 0, 10, -E_EXISTS },
                { 16, 10, 8192, 10, -E_RANGE },   { 0, 0, 0, 10, 0 },
                { 0xfffff000, 4096, 0, 1, 0 },    { 0xfffff000, 4097, 0, 1, -E_RANGE },
        };
        const struct flash_options opt = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                const struct flash_image im[2] = {
                        { .name = "a", .offset = rows[i].a, .data = data, .len = rows[i].a_len },
                        { .name = "b", .offset = rows[i].b, .data = data, .len = rows[i].b_len },
                };
                struct flash_plan *p = NULL;

                assert_int_equal(flash_plan_new(im, 2, &opt, &p, NULL), rows[i].rc);
                if (rows[i].rc == 0)
                        flash_plan_free(p);
        }
}

enum fault { DROP, GARBLE, CUT, FAULTS };

static void set_fault(struct sim_pipe *p, enum fault f, uint64_t at)
{
        p->drop = f == DROP;
        p->garble = f == GARBLE;
        p->cut = f == CUT;
        p->drop_at = p->garble_at = p->cut_at = at;
}

/* The session under test; what it says when the line is good or bad, it says it without a crash or
 * a hang. */
static int short_session(struct board *b, uint8_t got[6])
{
        struct loader *l;
        int rc = open_loader(b, 50, &l);

        if (rc == 0) {
                rc = loader_read_mac(l, got, NULL);
                loader_close(l, LOADER_STAY, NULL);
        }
        board_stop(b);
        return rc;
}

static void test_fault_at_every_byte(void **state)
{
        struct board *b = board_new(&sim_esp32c3);
        unsigned refused = 0;

        (void)state;
        for (int dir = 0; dir < 2; dir++)
                for (enum fault f = DROP; f < FAULTS; f++)
                        for (uint64_t at = 0; at < 330; at++) {
                                uint8_t got[6] = { 0 };
                                int rc;

                                set_fault(dir ? &b->tx : &b->rx, f, at);
                                rc = short_session(b, got);
                                refused += rc < 0;
                                if (rc == 0)
                                        assert_memory_equal(got, mac, 6);
                                if (rc < 0)
                                        assert_int_not_equal(err_status(rc), STATUS_DONE);
                        }
        assert_true(refused > 0);
        board_free(b);
}

/* Whatever happens to a byte of a write: it succeeds with the right content, or fails; a second run
 * succeeds. */
static void test_fault_while_writing(void **state)
{
        static uint8_t data[9000];
        const struct flash_options opt = { 0 };
        const struct flash_image im = {
                .name = "x", .offset = 0x4000, .data = data, .len = sizeof data
        };
        struct board *b = board_new(&sim_esp32c3);
        unsigned failed = 0;

        (void)state;
        fill(data, sizeof data);
        for (unsigned i = 0; i < 3 * 60; i++) {
                struct flash_stats st;
                struct loader *l;
                int rc;

                memset(b->mem, 0x5a, sizeof b->mem);
                set_fault(i % 2 ? &b->tx : &b->rx, i % 3, 200 + i * 11);
                if ((rc = open_loader(b, 50, &l)) == 0) {
                        rc = write_image(l, &im, &opt, &st);
                        loader_close(l, LOADER_STAY, NULL);
                }
                board_stop(b);
                failed += rc < 0;
                if (rc == 0)
                        assert_memory_equal(b->mem + 0x4000, data, sizeof data);
                else if (open_loader(b, 0, &l) == 0) {
                        assert_int_equal(write_image(l, &im, &opt, &st), 0);
                        assert_memory_equal(b->mem + 0x4000, data, sizeof data);
                        loader_close(l, LOADER_STAY, NULL);
                        board_stop(b);
                }
                assert_int_equal(b->mem[0x3fff], 0x5a);
        }
        assert_true(failed > 0);
        board_free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_are_you),
                cmocka_unit_test(test_wrong_chip),
                cmocka_unit_test(test_write),
                cmocka_unit_test(test_stub),
                cmocka_unit_test(test_layout),
                cmocka_unit_test(test_fault_at_every_byte),
                cmocka_unit_test(test_fault_while_writing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
