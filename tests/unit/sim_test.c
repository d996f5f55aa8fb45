/* The parts that the virtual board is made of: wire with faults, reset circuit, flash chip, eFuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/flash_ram.h"
#include "sim/chip.h"
#include "sim/pipe.h"
#include "sim/reset.h"
#include "sim/spinor.h"

static void pipe_faults(void **state)
{
        (void)state;
        const uint8_t in[10] = "abcdefghi";
        uint8_t out[10];
        size_t n;
        struct sim_pipe p = { 0 };

        assert_int_equal(sim_pipe_put(&p, in, 10, out, &n), 0);
        assert_int_equal(n, 10);
        assert_memory_equal(out, in, 10);
        for (size_t at = 0; at < 10; at++) {
                p = (struct sim_pipe){ .drop = true, .drop_at = at };
                assert_int_equal(sim_pipe_put(&p, in, 10, out, &n), 0);
                assert_int_equal(n, 9);
                assert_memory_equal(out, in, at);
                assert_memory_equal(out + at, in + at + 1, 9 - at);
                p = (struct sim_pipe){ .garble = true, .garble_at = at };
                assert_int_equal(sim_pipe_put(&p, in, 10, out, &n), 0);
                assert_true(out[at] != in[at]);
                out[at] = in[at];
                assert_memory_equal(out, in, 10);
                p = (struct sim_pipe){ .cut = true, .cut_at = at };
                assert_int_equal(sim_pipe_put(&p, in, 10, out, &n), -E_LINK);
                assert_int_equal(n, at);
                assert_int_equal(sim_pipe_put(&p, in, 10, out, &n), -E_LINK);
                assert_int_equal(n, 0);
                sim_pipe_mend(&p);
                assert_int_equal(sim_pipe_put(&p, in, 10, out, &n), 0);
                p = (struct sim_pipe){ .silent = true, .silent_from = at };
                assert_int_equal(sim_pipe_put(&p, in, 10, out, &n), 0);
                assert_int_equal(n, at);
        }
}

static void pipe_chance_is_repeatable(void **state)
{
        (void)state;
        uint8_t in[1000] = { 0 }, a[1000], b[1000];
        size_t n, m;
        struct sim_pipe p = { .drop_one_in = 10, .garble_one_in = 10 };
        struct sim_pipe q = p;

        assert_int_equal(sim_pipe_put(&p, in, sizeof in, a, &n), 0);
        assert_int_equal(sim_pipe_put(&q, in, sizeof in, b, &m), 0);
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n);
        assert_in_range(n, 850, 950);
        assert_false(bytes_all(a, n, 0));
}

/* Sequences as esptool drives the lines: time in ms, DTR, RTS, what comes out (also by itself). */
struct step {
        uint64_t at;
        bool dtr, rts;
        enum sim_reset_event event;
};

static void drive(enum sim_reset_kind kind, const struct step *steps, size_t n)
{
        struct sim_reset r = { .kind = kind };

        for (size_t i = 0; i < n; i++) {
                enum sim_reset_event e = sim_reset_tick(&r, steps[i].at);

                if (e == SIM_NOTHING && (steps[i].dtr != r.dtr || steps[i].rts != r.rts))
                        e = sim_reset_lines(&r, steps[i].dtr, steps[i].rts, steps[i].at);
                if (e != steps[i].event)
                        fail_msg("step %zu: event %d, expected %d", i, e, steps[i].event);
        }
}

static void reset_sequences(void **state)
{
        (void)state;
        static const struct step classic[] = {
                { 0, false, true, SIM_HELD },       { 100, true, true, SIM_NOTHING },
                { 150, true, false, SIM_NOTHING }, /* a slow network between the two */
                { 152, true, false, SIM_DOWNLOAD }, { 200, false, false, SIM_NOTHING },
        };
        static const struct step hard[] = {
                { 0, false, true, SIM_HELD },
                { 100, false, false, SIM_NOTHING },
                { 102, false, false, SIM_RUN },
        };
        static const struct step opened[] = {
                /* a port that is opened: both at once */
                { 0, true, false, SIM_NOTHING },
                { 1, true, true, SIM_NOTHING },
                { 2000, true, true, SIM_NOTHING },
        };
        static const struct step both_after_reset[] = {
                { 0, false, true, SIM_HELD },
                { 10, true, true, SIM_NOTHING },
                { 159, true, true, SIM_NOTHING },
                { 160, true, true, SIM_RUN },
        };
        static const struct step usb[] = {
                { 0, false, false, SIM_NOTHING },   { 100, true, false, SIM_NOTHING },
                { 200, true, true, SIM_NOTHING },   { 200, false, true, SIM_DOWNLOAD },
                { 300, false, false, SIM_NOTHING },
        };
        static const struct step usb_hard[] = {
                { 0, false, true, SIM_RUN },
                { 100, false, false, SIM_NOTHING },
        };

#define DRIVE(kind, steps) drive(kind, steps, sizeof steps / sizeof *steps)
        DRIVE(SIM_RESET_CLASSIC, classic);
        DRIVE(SIM_RESET_CLASSIC, hard);
        DRIVE(SIM_RESET_CLASSIC, opened);
        DRIVE(SIM_RESET_CLASSIC, both_after_reset);
        DRIVE(SIM_RESET_USB_JTAG, usb);
        DRIVE(SIM_RESET_USB_JTAG, usb_hard);
}

static uint8_t image[128 << 10];
static bool is_busy;

static bool busy(void *ctx)
{
        (void)ctx;
        return is_busy;
}

static uint32_t ask(struct sim_spinor *c, uint8_t opcode, uint32_t addr, size_t n)
{
        uint8_t in[4] = { 0 };

        sim_spinor_transfer(
                c, &(struct sim_spi){ .opcode = opcode, .addr = addr, .in = in, .in_len = n });
        return le32_get(in);
}

static void put(struct sim_spinor *c, uint8_t opcode, uint32_t addr, const char *text, size_t n)
{
        uint8_t in[1];

        sim_spinor_transfer(c, &(struct sim_spi){ .opcode = opcode,
                                                  .addr = addr,
                                                  .out = (const uint8_t *)text,
                                                  .out_len = n,
                                                  .in = in });
}

static void flash_chip(void **state)
{
        (void)state;
        struct flash f;
        struct sim_spinor c;

        memset(image, 0, sizeof image);
        assert_int_equal(flash_ram_init(&f, image, sizeof image), 0);
        sim_spinor_init(&c, &f);
        assert_int_equal(ask(&c, 0x9f, 0, 3), 0x1140c8);   /* 128 KiB: 2 to the power of 0x11 */
        assert_int_equal(ask(&c, 0x5a, 0, 4), 0x50444653); /* SFDP */
        assert_int_equal(ask(&c, 0x5a, 0x34, 4), sizeof image * 8 - 1);
        assert_int_equal(ask(&c, 0x20, 0x1000, 0), 0);
        assert_int_equal(image[0x1000], 0); /* without WREN nothing is erased */
        ask(&c, 0x06, 0, 0);
        assert_int_equal(ask(&c, 0x05, 0, 1), 2);
        ask(&c, 0x20, 0x1234, 0);
        assert_true(bytes_all(image + 0x1000, 0x1000, 0xff) && image[0xfff] == 0 &&
                    image[0x2000] == 0);
        assert_int_equal(ask(&c, 0x05, 0, 1), 0);
        ask(&c, 0x06, 0, 0);
        put(&c, 0x02, 0x10fc, "12345678", 8);
        assert_memory_equal(image + 0x10fc, "1234", 4); /* wraps in its page */
        assert_memory_equal(image + 0x1000, "5678", 4);
        assert_int_equal(ask(&c, 0x03, 0x10fc, 4), 0x34333231);
        ask(&c, 0x06, 0, 0);
        put(&c, 0x01, 0, "\x1c\x02", 2);
        assert_int_equal(ask(&c, 0x05, 0, 1), 0x1c);
        assert_int_equal(ask(&c, 0x35, 0, 1), 0x02);
        c.busy = busy;
        is_busy = true;
        assert_int_equal(ask(&c, 0x05, 0, 1), 0x1d);
        assert_int_equal(ask(&c, 0x9f, 0, 3), 0); /* answers nothing else while it works */
        is_busy = false;
        ask(&c, 0x06, 0, 0);
        ask(&c, 0xc7, 0, 0);
        assert_true(bytes_all(image, sizeof image, 0xff));
        assert_int_equal(ask(&c, 0x77, 0, 4), 0);
}

static void efuses(void **state)
{
        (void)state;
        static const struct {
                const struct sim_chip_type *type;
                uint32_t conf, cmd, data, go, read;
        } rows[] = {
                { &sim_esp32c3, 0x600089cc, 0x600089d4, 0x60008800, 2 | 3 << 2, 0x6000887c },
                { &sim_esp32, 0x3ff5a0fc, 0x3ff5a104, 0x3ff5a0d8, 2, 0x3ff5a078 },
        };
        static const uint8_t mac[6] = { 0x24, 0x0a, 0xc4, 0xfe, 0x10, 0x01 };
        struct flash f;

        assert_int_equal(flash_ram_init(&f, image, sizeof image), 0);
        for (size_t i = 0; i < 2; i++) {
                struct sim_chip c, again;
                uint8_t file[SIM_EFUSE_MAX], seen[6];
                uint32_t v;

                assert_int_equal(sim_chip_init(&c, rows[i].type, &f), 0);
                sim_chip_blank_efuses(&c, mac);
                sim_chip_reset(&c, true);
                c.efuse_changed = false;
                sim_chip_mac(&c, seen);
                assert_memory_equal(seen, mac, 6);
                if (rows[i].type == &sim_esp32) { /* the CRC that the recorded chip had */
                        assert_int_equal(sim_chip_read(&c, 0x3ff5a008, &v), 0);
                        assert_int_equal(v, 0x002b240a);
                }
                sim_chip_write(&c, rows[i].data, 0x00ff00ff);
                sim_chip_write(&c, rows[i].cmd, rows[i].go); /* not configured: nothing is burnt */
                assert_false(c.efuse_changed);
                sim_chip_write(&c, rows[i].conf, 0x5a5a);
                sim_chip_write(&c, rows[i].cmd, rows[i].go);
                assert_true(c.efuse_changed);
                sim_chip_write(&c, rows[i].data, 0x0000ff00);
                sim_chip_write(&c, rows[i].cmd, rows[i].go);
                sim_chip_write(&c, rows[i].read, 0);
                assert_int_equal(sim_chip_read(&c, rows[i].read, &v), 0);
                assert_int_equal(v, 0); /* burnt, but not read */
                sim_chip_efuse_put(&c, file);
                sim_chip_write(&c, rows[i].conf, 0x5aa5);
                sim_chip_write(&c, rows[i].cmd, 1);
                assert_int_equal(sim_chip_read(&c, rows[i].read, &v), 0);
                assert_int_equal(v, 0x00ffffff); /* bits only come */
                sim_chip_write(&c, rows[i].conf, 0x5a5a);
                assert_int_equal(sim_chip_init(&again, rows[i].type, &f), 0);
                sim_chip_efuse_get(&again, file);
                sim_chip_reset(&again, true);
                sim_chip_reset(&c, true);
                assert_memory_equal(again.efuse, c.efuse, rows[i].type->efuses->size);
                sim_chip_free(&again);
                sim_chip_free(&c);
        }
}

/* Burn words into a block of the C3 and read it back; check words as a client sends them, or not.
 */
static void c3_burn(struct sim_chip *c, unsigned block, const uint32_t *words, bool coded)
{
        uint8_t data[32] = { 0 };
        uint8_t check[EFUSE_RS_CHECK] = { 0 };

        for (uint32_t k = 0; k < 8; k++) {
                le32_put(data + 4 * k, words[k]);
                sim_chip_write(c, 0x60008800 + 4 * k, words[k]);
        }
        if (coded)
                efuse_rs_encode(data, check);
        for (uint32_t k = 0; k < 3; k++)
                sim_chip_write(c, 0x60008820 + 4 * k, le32_get(check + 4 * k));
        sim_chip_write(c, 0x600089cc, 0x5a5a);
        sim_chip_write(c, 0x600089d4, 2 | block << 2);
        sim_chip_write(c, 0x600089cc, 0x5aa5);
        sim_chip_write(c, 0x600089d4, 1);
}

static uint32_t word_at(struct sim_chip *c, uint32_t addr)
{
        uint32_t v = 0;

        assert_int_equal(sim_chip_read(c, addr, &v), 0);
        return v;
}

static void efuse_protection(void **state)
{
        (void)state;
        static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
        struct flash f;
        struct sim_chip c;

        assert_int_equal(flash_ram_init(&f, image, sizeof image), 0);
        assert_int_equal(sim_chip_init(&c, &sim_esp32c3, &f), 0);
        sim_chip_blank_efuses(&c, mac);
        c3_burn(&c, 4, (uint32_t[8]){ 0x1234 }, true);
        assert_int_equal(word_at(&c, 0x6000889c), 0x1234);
        /* WR_DIS and RD_DIS of KEY0 */
        c3_burn(&c, 0, (uint32_t[8]){ 1u << 23, 1 }, false);
        assert_int_equal(word_at(&c, 0x6000889c), 0);
        c3_burn(&c, 4, (uint32_t[8]){ 0xffff }, true);
        assert_int_equal(le32_get(c.efuse + 0x9c), 0x1234); /* hardware still has it */
        /* WR_DIS of RD_DIS: no other key can be hidden */
        c3_burn(&c, 0, (uint32_t[8]){ 1 }, false);
        c3_burn(&c, 0, (uint32_t[8]){ 0, 2 | 1u << 9 }, false);
        assert_int_equal(word_at(&c, 0x60008830), 1 | 1u << 9);
        sim_chip_free(&c);
}

/* What the decoder finds stands in the error registers: number of block 5, fail bit one block on.
 */
static void efuse_coding_errors(void **state)
{
        (void)state;
        static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
        struct flash f;
        struct sim_chip c;

        assert_int_equal(flash_ram_init(&f, image, sizeof image), 0);
        assert_int_equal(sim_chip_init(&c, &sim_esp32c3, &f), 0);
        sim_chip_blank_efuses(&c, mac);
        c3_burn(&c, 5, (uint32_t[8]){ 1 }, true);
        assert_int_equal(word_at(&c, 0x600089c0), 0);
        c3_burn(&c, 5, (uint32_t[8]){ 1 }, true); /* the same again: nothing changes */
        assert_int_equal(word_at(&c, 0x600089c0), 0);
        c3_burn(&c, 5, (uint32_t[8]){ 2 }, true); /* two words of the code over each other */
        assert_int_equal(word_at(&c, 0x600089c0) >> 16 & 7, 7);
        assert_int_equal(word_at(&c, 0x600089c0) >> 23 & 1, 1);
        c3_burn(&c, 6, (uint32_t[8]){ 1 }, false); /* check words forgotten */
        assert_int_equal(word_at(&c, 0x600089c0) >> 27 & 1, 1);
        sim_chip_free(&c);
}

static void names_of_chips(void **state)
{
        (void)state;
        assert_ptr_equal(sim_chip_type_of("esp32c3"), &sim_esp32c3);
        assert_ptr_equal(sim_chip_type_of("ESP32-C3"), &sim_esp32c3);
        assert_ptr_equal(sim_chip_type_of("esp32"), &sim_esp32);
        assert_null(sim_chip_type_of("esp3"));
        assert_null(sim_chip_type_of("esp32s3"));
        assert_null(sim_chip_type_of(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pipe_faults),
                cmocka_unit_test(pipe_chance_is_repeatable),
                cmocka_unit_test(reset_sequences),
                cmocka_unit_test(flash_chip),
                cmocka_unit_test(efuses),
                cmocka_unit_test(efuse_protection),
                cmocka_unit_test(efuse_coding_errors),
                cmocka_unit_test(names_of_chips),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
