/* The simulated NOR flash is what other tests rely on: each of its rules, seen from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/flash_ram.h"
#include "sim/nor.h"

#define SIZE (3 * FLASH_SECTOR)

static uint8_t mem[SIZE];
static uint32_t wear[3];
static struct nor nor;

static int setup(void **state)
{
        (void)state;
        memset(mem, 0, sizeof mem);
        return nor_init(&nor, mem, SIZE, wear);
}

static void test_rules(void **state)
{
        const struct flash *f = &nor.flash;
        uint8_t buf[4] = { 0x0F, 0xF0, 0xFF, 0x00 };

        (void)state;
        assert_int_equal(flash_write(f, 0, buf, 4), -E_IO); /* not erased */
        assert_int_equal(nor.violations, 1);
        assert_int_equal(nor.ops, 0);
        assert_int_equal(flash_erase(f, 0, FLASH_SECTOR), 0);
        assert_int_equal(flash_write(f, 0, buf, 4), 0);
        buf[0] = 0x0E;
        assert_int_equal(flash_write(f, 0, buf, 1), 0); /* clears one more bit */
        buf[0] = 0x1E;
        assert_int_equal(flash_write(f, 0, buf, 1), -E_IO);
        assert_int_equal(mem[0], 0x0E);
        assert_int_equal(flash_read(f, 0, buf, 4), 0);
        assert_int_equal(buf[0], 0x0E);
        assert_int_equal(nor.ops, 3);
        assert_int_equal(nor.violations, 2);
}

static void test_range(void **state)
{
        static const struct {
                uint32_t offset;
                size_t len;
                int rc;
        } rows[] = { { 0, SIZE, 0 },
                     { 0, SIZE + 1, -E_RANGE },
                     { SIZE, 0, 0 },
                     { SIZE, 1, -E_RANGE },
                     { SIZE + 1, 0, -E_RANGE },
                     { 1, SIZE_MAX, -E_RANGE },
                     { UINT32_MAX, 2, -E_RANGE } };
        static uint8_t buf[SIZE];
        struct flash ram;
        struct flash fixed;

        (void)state;
        assert_int_equal(flash_ram_init(&ram, mem, SIZE), 0);
        assert_int_equal(flash_ram_init_const(&fixed, mem, SIZE), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const uint32_t at = rows[i].offset;

                assert_int_equal(flash_read(&nor.flash, at, buf, rows[i].len), rows[i].rc);
                assert_int_equal(flash_write(&nor.flash, at, buf, rows[i].len), rows[i].rc);
                assert_int_equal(flash_read(&ram, at, buf, rows[i].len), rows[i].rc);
                assert_int_equal(flash_write(&ram, at, buf, rows[i].len), rows[i].rc);
                assert_int_equal(flash_read(&fixed, at, buf, rows[i].len), rows[i].rc);
                assert_int_equal(flash_write(&fixed, at, buf, rows[i].len), -E_PERM);
        }
        assert_int_equal(flash_erase(&nor.flash, 0, FLASH_SECTOR - 1), -E_RANGE);
        assert_int_equal(flash_erase(&nor.flash, 1, FLASH_SECTOR), -E_RANGE);
        assert_int_equal(flash_erase(&nor.flash, 2 * FLASH_SECTOR, 2 * FLASH_SECTOR), -E_RANGE);
        assert_int_equal(flash_erase(&ram, 1, FLASH_SECTOR), -E_RANGE);
        assert_int_equal(flash_erase(&fixed, 0, FLASH_SECTOR), -E_PERM);
        assert_int_equal(flash_erase(&ram, FLASH_SECTOR, FLASH_SECTOR), 0);
        assert_true(bytes_all(mem + FLASH_SECTOR, FLASH_SECTOR, 0xFF));
        assert_int_equal(mem[0], 0);
        buf[0] = 1;
        assert_int_equal(flash_write(&ram, 0, buf, 1), -E_IO); /* would set a bit */
        assert_int_equal(flash_ram_init(&ram, mem, 4095), -E_RANGE);
        assert_int_equal(flash_ram_init_const(&ram, mem, 0), -E_RANGE);
        assert_int_equal(nor_init(&nor, mem, 4097, NULL), -E_RANGE);
}

static void test_wear(void **state)
{
        (void)state;
        assert_int_equal(flash_erase(&nor.flash, 0, SIZE), 0);
        assert_int_equal(flash_erase(&nor.flash, FLASH_SECTOR, FLASH_SECTOR), 0);
        assert_int_equal(nor_wear(&nor, 0), 1);
        assert_int_equal(nor_wear(&nor, 1), 2);
        assert_int_equal(nor_wear(&nor, 3), 0);
}

/* A write that is cut leaves exactly the prefix asked for, whatever its length. */
static void test_torn_write(void **state)
{
        const uint8_t buf[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
        uint8_t got[8];

        (void)state;
        for (size_t n = 0; n <= 9; n++) {
                nor_power_on(&nor);
                assert_int_equal(flash_erase(&nor.flash, 0, FLASH_SECTOR), 0);
                nor.cut_at = nor.ops + 1;
                nor.cut_bytes = n;
                assert_int_equal(flash_write(&nor.flash, 64, buf, 8), 0);
                assert_int_equal(flash_write(&nor.flash, 0, buf, 8), -E_IO);
                assert_true(nor.off);
                assert_int_equal(flash_write(&nor.flash, 32, buf, 8), -E_IO);
                assert_int_equal(flash_erase(&nor.flash, 0, FLASH_SECTOR), -E_IO);
                assert_int_equal(flash_read(&nor.flash, 0, got, 8), -E_IO);
                nor_power_on(&nor);
                assert_int_equal(flash_read(&nor.flash, 0, got, 8), 0);
                for (size_t i = 0; i < 8; i++)
                        assert_int_equal(got[i], i < n ? buf[i] : 0xFF);
                assert_int_equal(mem[32], 0xFF);
                assert_int_equal(mem[64], 1);
        }
}

static void test_torn_erase(void **state)
{
        unsigned erased = 0;

        (void)state;
        nor.cut_at = 0;
        nor.cut_bytes = 100;
        nor.torn_erase = NOR_ERASE_HEAD;
        assert_int_equal(flash_erase(&nor.flash, 0, FLASH_SECTOR), -E_IO);
        assert_true(bytes_all(mem, 100, 0xFF) && bytes_all(mem + 100, FLASH_SECTOR - 100, 0));
        nor_power_on(&nor);
        nor.cut_at = nor.ops;
        nor.torn_erase = NOR_ERASE_TAIL;
        assert_int_equal(flash_erase(&nor.flash, FLASH_SECTOR, FLASH_SECTOR), -E_IO);
        assert_true(bytes_all(mem + FLASH_SECTOR, FLASH_SECTOR - 100, 0) &&
                    bytes_all(mem + 2 * FLASH_SECTOR - 100, 100, 0xFF));
        nor_power_on(&nor);
        nor.cut_at = nor.ops;
        nor.torn_erase = NOR_ERASE_RANDOM;
        nor.seed = 5;
        assert_int_equal(flash_erase(&nor.flash, 2 * FLASH_SECTOR, FLASH_SECTOR), -E_IO);
        for (size_t i = 2 * FLASH_SECTOR; i < SIZE; i++)
                erased += mem[i] != 0;
        assert_in_range(erased, 1, FLASH_SECTOR);
        assert_false(bytes_all(mem + 2 * FLASH_SECTOR, FLASH_SECTOR, 0xFF));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_rules, setup),
                cmocka_unit_test_setup(test_range, setup),
                cmocka_unit_test_setup(test_wear, setup),
                cmocka_unit_test_setup(test_torn_write, setup),
                cmocka_unit_test_setup(test_torn_erase, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
