#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "base/hex.h"
#include "fmt/flash_ram.h"
#include "fmt/nvs_store.h"
#include "host/file.h"
#include "sim/nor.h"

#define PAGES 8u
#define SIZE  (PAGES * NVS_PAGE_SIZE)

static uint8_t mem[SIZE];
static uint32_t wear[PAGES];
static struct nor nor;
static struct nvs_store_page pages[PAGES];
static struct nvs_store store;
static uint8_t buf[SIZE];

static int mount_as(bool read_only)
{
        const struct nvs_store_config cfg = {
                .flash = &nor.flash, .pages = pages, .page_count = PAGES, .read_only = read_only
        };

        return nvs_store_mount(&store, &cfg, NULL);
}

/* An empty store of `size` bytes, with namespace "ns" (1). */
static void start(uint32_t size)
{
        memset(mem, 0xFF, sizeof mem);
        assert_int_equal(nor_init(&nor, mem, size, wear), 0);
        assert_int_equal(mount_as(false), 0);
        assert_int_equal(nvs_store_open(&store, "ns", true), 1);
}

static int set_u32(const char *key, uint64_t v)
{
        return nvs_store_set_int(&store, 1, key, NVS_U32, v);
}

static void test_integers(void **state)
{
        static const struct {
                enum nvs_type type;
                uint64_t value;
                int rc;
        } rows[] = {
                { NVS_U8, 255, 0 },
                { NVS_U8, 256, -E_RANGE },
                { NVS_I8, 127, 0 },
                { NVS_I8, 128, -E_RANGE },
                { NVS_I8, (uint64_t)-128, 0 },
                { NVS_I8, (uint64_t)-129, -E_RANGE },
                { NVS_U16, 65535, 0 },
                { NVS_U16, 65536, -E_RANGE },
                { NVS_I16, (uint64_t)-32768, 0 },
                { NVS_I16, 32768, -E_RANGE },
                { NVS_U32, UINT32_MAX, 0 },
                { NVS_U32, (uint64_t)UINT32_MAX + 1, -E_RANGE },
                { NVS_U32, (uint64_t)-1, -E_RANGE },
                { NVS_I32, (uint64_t)INT32_MIN, 0 },
                { NVS_I32, (uint64_t)INT32_MAX + 1, -E_RANGE },
                { NVS_U64, UINT64_MAX, 0 },
                { NVS_I64, (uint64_t)INT64_MIN, 0 },
                { NVS_STR, 1, -E_INVAL },
                { (enum nvs_type)0x03, 1, -E_INVAL },
        };

        (void)state;
        start(0x3000);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uint64_t v = 0;

                assert_int_equal(nvs_store_set_int(&store, 1, "k", rows[i].type, rows[i].value),
                                 rows[i].rc);
                if (rows[i].rc)
                        continue;
                assert_int_equal(nvs_store_get_int(&store, 1, "k", rows[i].type, &v), 0);
                assert_true(v == rows[i].value);
                assert_int_equal(nvs_store_type(&store, 1, "k"), rows[i].type);
        }
        assert_int_equal(nvs_store_get_int(&store, 1, "k", NVS_U8, &(uint64_t){ 0 }), -E_NOTFOUND);
        assert_int_equal(nvs_store_get_int(&store, 2, "k", NVS_I64, &(uint64_t){ 0 }), -E_NOTFOUND);
        assert_int_equal(nvs_store_get_int(&store, 0, "ns", NVS_U8, &(uint64_t){ 0 }), -E_INVAL);
        assert_int_equal(set_u32("sixteen_letters_", 1), -E_INVAL);
        assert_int_equal(set_u32("fifteen_letters", 1), 0);
        assert_int_equal(nvs_store_open(&store, "sixteen_letters_", true), -E_INVAL);
        assert_int_equal(nvs_store_open(&store, "other", false), -E_NOTFOUND);
}

/* Every capacity below the size fails and leaves what is behind the buffer alone. */
static void test_capacity(void **state)
{
        char text[101];

        (void)state;
        start(0x3000);
        memset(text, 'x', 100);
        text[100] = '\0';
        assert_int_equal(nvs_store_set_str(&store, 1, "s", text), 0);
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", text, 100), 0);
        assert_int_equal(nvs_store_get_str(&store, 1, "s", NULL, 0), 101);
        assert_int_equal(nvs_store_get_blob(&store, 1, "b", NULL, 0), 100);
        for (size_t cap = 0; cap <= 101; cap++) {
                memset(buf, '#', 128);
                assert_int_equal(nvs_store_get_str(&store, 1, "s", (char *)buf, cap),
                                 cap < 101 ? -E_NOSPACE : 101);
                assert_true(bytes_all(buf + cap, 128 - cap, '#'));
                memset(buf, '#', 128);
                assert_int_equal(nvs_store_get_blob(&store, 1, "b", buf, cap),
                                 cap < 100 ? -E_NOSPACE : 100);
                assert_true(bytes_all(buf + cap, 128 - cap, '#'));
        }
}

static void test_limits(void **state)
{
        (void)state;
        start(0x8000);
        memset(buf, 'x', sizeof buf);
        buf[4000] = '\0';
        assert_int_equal(nvs_store_set_str(&store, 1, "s", (char *)buf), -E_RANGE);
        buf[3999] = '\0';
        assert_int_equal(nvs_store_set_str(&store, 1, "s", (char *)buf), 0);
        assert_int_equal(nvs_store_get_str(&store, 1, "s", NULL, 0), 4000);
        assert_int_equal(nvs_store_erase(&store, 1, "s"), 0);
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", buf, 7 * 4000 + 1), -E_RANGE);
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", buf, 7 * 4000), -E_NOSPACE);
        assert_int_equal(nvs_store_type(&store, 1, "b"), -E_NOTFOUND);
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", buf, 5 * 4000), 0);
        assert_int_equal(nvs_store_get_blob(&store, 1, "b", NULL, 0), 5 * 4000);
        /* a version that does not fit leaves the old one */
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", buf + 1, 5 * 4000), -E_NOSPACE);
        memset(buf, 0, sizeof buf);
        assert_int_equal(nvs_store_get_blob(&store, 1, "b", buf, sizeof buf), 5 * 4000);
        assert_true(buf[0] == 'x' && buf[3999] == '\0' && buf[19999] == 'x');
        assert_int_equal(nvs_store_set_blob(&store, 1, "e", NULL, 0), 0);
        assert_int_equal(nvs_store_get_blob(&store, 1, "e", buf, 0), 0);
        assert_int_equal(nor.violations, 0);
}

static void test_namespaces(void **state)
{
        struct nvs_store_stats st;
        char name[16];

        (void)state;
        start(0x6000);
        for (int i = 2; i <= 254; i++) {
                snprintf(name, sizeof name, "n%d", i);
                assert_int_equal(nvs_store_open(&store, name, true), i);
        }
        assert_int_equal(nvs_store_open(&store, "one more", true), -E_NOSPACE);
        assert_int_equal(nvs_store_set_int(&store, 254, "k", NVS_U8, 9), 0);
        assert_int_equal(nvs_store_set_int(&store, 255, "k", NVS_U8, 9), -E_INVAL);
        assert_int_equal(mount_as(false), 0);
        assert_int_equal(nvs_store_open(&store, "n254", false), 254);
        assert_int_equal(nvs_store_stats(&store, &st), 0);
        assert_int_equal(st.namespaces, 254);
        assert_int_equal(st.used, 255);
        assert_int_equal(st.used + st.free, st.total);
}

static void test_equal_is_not_written(void **state)
{
        uint64_t ops;

        (void)state;
        start(0x4000);
        memset(buf, 5, 5000);
        assert_int_equal(set_u32("n", 7), 0);
        assert_int_equal(nvs_store_set_str(&store, 1, "s", "text"), 0);
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", buf, 5000), 0);
        ops = nor.ops;
        assert_int_equal(set_u32("n", 7), 0);
        assert_int_equal(nvs_store_set_str(&store, 1, "s", "text"), 0);
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", buf, 5000), 0);
        assert_int_equal(nor.ops, ops);
        buf[4999] = 6;
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", buf, 5000), 0);
        assert_true(nor.ops > ops);
}

static void test_iterate(void **state)
{
        struct nvs_store_iter it = { 0 };
        struct nvs_store_entry e;
        unsigned n = 0;

        (void)state;
        start(0x4000);
        memset(buf, 1, 5000);
        assert_int_equal(nvs_store_open(&store, "two", true), 2);
        assert_int_equal(nvs_store_set_blob(&store, 1, "b", buf, 5000), 0);
        assert_int_equal(nvs_store_set_int(&store, 2, "b", NVS_I16, 5), 0);
        assert_int_equal(nvs_store_set_str(&store, 2, "s", "x"), 0);
        for (it = (struct nvs_store_iter){ .ns = 2 }; nvs_store_next(&store, &it, &e) > 0; n++)
                assert_string_equal(e.ns, "two");
        assert_int_equal(n, 2);
        assert_int_equal(nvs_store_next(&store, &it, &e), 0); /* stays at the end */
        it = (struct nvs_store_iter){ .type = NVS_BLOB };
        assert_int_equal(nvs_store_next(&store, &it, &e), 1);
        assert_string_equal(e.ns, "ns");
        assert_string_equal(e.key, "b");
        assert_int_equal(e.size, 5000);
        assert_int_equal(nvs_store_next(&store, &it, &e), 0);
}

static void test_read_only(void **state)
{
        (void)state;
        start(0x3000);
        assert_int_equal(set_u32("n", 7), 0);
        assert_int_equal(mount_as(true), 0);
        nor.ops = 0;
        assert_int_equal(nvs_store_open(&store, "ns", true), 1);
        assert_int_equal(nvs_store_open(&store, "new", true), -E_PERM);
        assert_int_equal(set_u32("n", 8), -E_PERM);
        assert_int_equal(nvs_store_set_str(&store, 1, "s", ""), -E_PERM);
        assert_int_equal(nvs_store_erase(&store, 1, "n"), -E_PERM);
        assert_int_equal(nvs_store_erase_ns(&store, 1), -E_PERM);
        assert_int_equal(nvs_store_format(&store.cfg, NULL), -E_PERM);
        assert_int_equal(nor.ops, 0);
        /* sizes: a page is enough to read, three to write */
        assert_int_equal(nor_init(&nor, mem, 0x1000, NULL), 0);
        assert_int_equal(mount_as(true), 0);
        assert_int_equal(nvs_store_type(&store, 1, "n"), NVS_U32);
        assert_int_equal(mount_as(false), -E_RANGE);
        assert_int_equal(nor_init(&nor, mem, 0x2000, NULL), 0);
        assert_int_equal(mount_as(false), -E_RANGE);
        /* an erased one is empty */
        memset(mem, 0xFF, sizeof mem);
        assert_int_equal(mount_as(true), 0);
        assert_int_equal(nvs_store_open(&store, "ns", false), -E_NOTFOUND);
}

static void test_mount_failures(void **state)
{
        struct nvs_store_config cfg = { .flash = &nor.flash, .pages = pages, .page_count = 2 };

        (void)state;
        start(0x3000);
        assert_int_equal(nvs_store_mount(&store, &cfg, NULL), -E_RANGE);
        assert_int_equal(nvs_store_set_int(&store, 1, "k", NVS_U8, 1), -E_RANGE);
        assert_int_equal(nvs_store_open(&store, "ns", false), -E_NOTFOUND);
        cfg.page_count = PAGES;
        /* a later version: the header with its checksum as such a writer would make it */
        memset(mem, 0xFF, sizeof mem);
        hex_decode("feffffff00000000fdffffffffffffffffffffffffffffffffffffff", 56, mem, 28, NULL);
        assert_int_equal(nvs_store_mount(&store, &cfg, NULL), 0); /* checksum wrong: not a page */
        memset(mem, 0xFF, sizeof mem);
        hex_decode("feffffff00000000fdffffffffffffffffffffffffffffffffffffffc6e40ac5", 64, mem, 32,
                   NULL);
        le32_put(mem + NVS_HDR_CRC, crc32_esp(mem + 4, 24));
        assert_int_equal(nvs_store_mount(&store, &cfg, NULL), -E_UNSUPPORTED);
        assert_true(nvs_store_must_format(-E_UNSUPPORTED));
        assert_int_equal(nvs_store_format(&cfg, NULL), 0);
        assert_int_equal(nvs_store_mount(&store, &cfg, NULL), 0);
        /* no page free: as many full ones as there are */
        for (uint32_t p = 0; p < 3; p++) {
                uint8_t *page = mem + p * NVS_PAGE_SIZE;

                memset(page, 0xFF, NVS_PAGE_SIZE);
                le32_put(page, NVS_PAGE_FULL);
                le32_put(page + NVS_HDR_SEQ, p);
                page[NVS_HDR_VERSION] = NVS_VERSION_2;
                le32_put(page + NVS_HDR_CRC, crc32_esp(page + 4, 24));
        }
        assert_int_equal(nvs_store_mount(&store, &cfg, NULL), -E_NOSPACE);
        assert_true(nvs_store_must_format(-E_NOSPACE));
        cfg.read_only = true;
        assert_int_equal(nvs_store_mount(&store, &cfg, NULL), 0);
}

/* Forged: one bit of the data, one of the header. */
static void test_damage(void **state)
{
        struct nvs_store_iter it = { 0 };
        struct nvs_store_entry e;

        (void)state;
        start(0x3000);
        assert_int_equal(
                nvs_store_set_str(&store, 1, "s", "a text of two slots, thirty-two bytes and more"),
                0);
        assert_int_equal(nvs_store_next(&store, &it, &e), 1);
        mem[e.offset + NVS_ENTRY_SIZE] ^= 1;
        assert_int_equal(mount_as(false), 0);
        assert_int_equal(nvs_store_get_str(&store, 1, "s", (char *)buf, sizeof buf), -E_CRC);
        mem[e.offset + NVS_ENTRY_SIZE] ^= 1;
        assert_int_equal(nvs_store_get_str(&store, 1, "s", (char *)buf, sizeof buf), 47);
        mem[e.offset + NVS_ENT_KEY] ^= 1;
        assert_int_equal(mount_as(true), 0);
        assert_int_equal(nvs_store_get_str(&store, 1, "s", (char *)buf, sizeof buf), -E_NOTFOUND);
        mem[e.offset + NVS_ENT_KEY] ^= 1;
        assert_int_equal(mount_as(true), 0);
        assert_int_equal(nvs_store_get_str(&store, 1, "s", (char *)buf, sizeof buf), 47);
}

/* A failing flash is reported, and by commit; nothing is written any more until the next mount. */
static void test_flash_failure(void **state)
{
        (void)state;
        start(0x3000);
        nor.cut_at = nor.ops + 1;
        assert_int_equal(set_u32("n", 1), -E_IO);
        nor_power_on(&nor);
        assert_int_equal(nvs_store_commit(&store), -E_IO);
        assert_int_equal(set_u32("n", 1), -E_IO);
        assert_int_equal(mount_as(false), 0);
        assert_int_equal(nvs_store_commit(&store), 0);
        assert_int_equal(set_u32("n", 1), 0);
}

/* Erases are spread over the pages but the first, whose live entry makes it the worst to reclaim.
 */
static void test_wear(void **state)
{
        uint32_t least = UINT32_MAX;
        uint32_t most = 0;

        (void)state;
        start(0x6000);
        for (uint32_t i = 0; i < 20000; i++)
                assert_int_equal(set_u32("n", i), 0);
        for (uint32_t p = 1; p < 6; p++) {
                least = wear[p] < least ? wear[p] : least;
                most = wear[p] > most ? wear[p] : most;
        }
        assert_true(most <= 20000 / 125 && least > 0);
        assert_true(most - least <= 2);
}

/* A blob of version 1, as the generator writes it, is read, and replaced by one of version 2. */
static void test_blob_v1(void **state)
{
        struct nvs_store_iter it = { .type = NVS_BLOB };
        struct nvs_store_entry e;
        struct blob img = { 0 };

        (void)state;
        assert_int_equal(file_load("tests/golden/nvs/072-v1-blob-1984-max/expected/out.bin",
                                   FILE_LIMIT_IMAGE, &img, NULL),
                         0);
        assert_true(img.len <= SIZE);
        memcpy(mem, img.data, img.len);
        assert_int_equal(nor_init(&nor, mem, (uint32_t)img.len, NULL), 0);
        blob_free(&img);
        assert_int_equal(mount_as(false), 0);
        assert_int_equal(nvs_store_next(&store, &it, &e), 1);
        assert_int_equal(e.size, 1984);
        assert_int_equal(mem[e.offset + NVS_ENT_TYPE], NVS_BLOB);
        assert_int_equal(nvs_store_get_blob(&store, e.ns_index, e.key, buf, sizeof buf), 1984);
        buf[0] ^= 1;
        assert_int_equal(nvs_store_set_blob(&store, e.ns_index, e.key, buf, 1984), 0);
        it = (struct nvs_store_iter){ .type = NVS_BLOB };
        assert_int_equal(nvs_store_next(&store, &it, &e), 1);
        assert_int_equal(mem[e.offset + NVS_ENT_TYPE], NVS_BLOB_DATA);
        assert_int_equal(nvs_store_next(&store, &it, &e), 0);
}

static uint32_t next_random(uint32_t *x)
{
        *x = *x * 1664525u + 1013904223u;
        return *x >> 8;
}

/* One step of the sequences below. */
static int sequence_step(uint32_t *x)
{
        static const enum nvs_type ints[] = { NVS_U8, NVS_I16, NVS_U32, NVS_I64 };
        const unsigned what = next_random(x) % 16;
        const unsigned ns = 1 + next_random(x) % 2;
        const char key[] = { 'k', (char)('a' + next_random(x) % 10), '\0' };
        const size_t len = next_random(x) % (what == 0 ? 4500 : 200);

        for (size_t i = 0; i < len; i++)
                buf[i] = (uint8_t)('a' + next_random(x) % 26);
        buf[len] = '\0';
        if (what < 6)
                return nvs_store_set_blob(&store, ns, key, buf, len);
        if (what < 9)
                return nvs_store_set_str(&store, ns, key, (char *)buf);
        if (what == 9)
                return nvs_store_erase(&store, ns, key);
        return nvs_store_set_int(&store, ns, key, ints[what % 4], next_random(x) % 128);
}

/*
 * SHA-256 of the images after 400 steps. ESP-IDF v5.5.5's NVS library, given the same calls, leaves
 * these very bytes (compared once, byte for byte; see tests/golden/PROVENANCE.md).
 */
static void test_sequences(void **state)
{
        static const char *const sums[] = {
                "8bbdecc8c808fd972246c72c61564ccd0011b28d297cd0ec10f08f8d5526c13a",
                "c0310ca0016fc041ea6d3fbb8583e39f1e2e0d03d8c1b46edae9d0fc682184ba",
                "c5d3de4ccc9052953ef679af272ac514afb2956f97eb6dabf45f3bf40beb49c4",
                "47dd19707cc4af1c2dd4793ddb0d663c6e86abbcae88d66aa0747be64658058e",
                "a4d74341bc894f848e7633f0594d46c8d3132bc67ebce26df28346bef253b6be",
                "fc1e3da5de65b2cfa090f9e50d2656d29acdb2ecf960434547a04ffae8181a06",
                "c89ae5b51c9d73f040ae17f0d35c6d9c259d186f1e6cfe6e7ae182d5421cbb8b",
                "fd5fdc1f1f71a553e9f8fe8b027736fc1d65f3c9eeb8f5ff45be5b26f0750bd9",
                "bba384e80059fad160efdb63d1f53d8f71f1983ae6843a5875869c90862c5b9e",
                "8132fb51204f5c2e2ca39e5a181f80cf9cfa7d3ae872446614cd3e7764b2fe08",
                "7b87877538119d350261d98b7afd8a91e4bece45a5c6b2d3bd56d1bf09278459",
                "6f10b286cc4aec2d011baf493157c08678e47bfa6cce9a67644f10ad1caec109",
                "7e2397baa7554bf729cb72afaa287cc732fc7a7f23dbe5561f193c0c429a1cc5",
                "76de184bbb478b893a0f7732e268977f3fa0dcb8a82941d50478f195e72d45f5",
                "24c0135422241469eb1e0fd4531c2399c7d2589ee3ff94708782d13b1902184d",
                "d8353213111d3ff8250e129503739eabb9e0338e8b96803469a83dfa38111c5d",
        };

        (void)state;
        for (uint32_t i = 0; i < sizeof sums / sizeof *sums; i++) {
                const uint32_t size = (6 + i % 3) * NVS_PAGE_SIZE;
                uint32_t x = i + 1;
                uint8_t sum[CRYPT_SHA256_LEN];
                char hex[2 * CRYPT_SHA256_LEN + 1];

                start(size);
                assert_int_equal(nvs_store_open(&store, "two", true), 2);
                for (unsigned step = 0; step < 400; step++) {
                        const int rc = sequence_step(&x);

                        assert_true(rc == 0 || rc == -E_NOTFOUND);
                }
                assert_int_equal(crypt_sha256(mem, size, sum), 0);
                hex_encode(sum, sizeof sum, hex);
                assert_string_equal(hex, sums[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_integers),
                cmocka_unit_test(test_capacity),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_namespaces),
                cmocka_unit_test(test_equal_is_not_written),
                cmocka_unit_test(test_iterate),
                cmocka_unit_test(test_read_only),
                cmocka_unit_test(test_mount_failures),
                cmocka_unit_test(test_damage),
                cmocka_unit_test(test_flash_failure),
                cmocka_unit_test(test_wear),
                cmocka_unit_test(test_blob_v1),
                cmocka_unit_test(test_sequences),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
