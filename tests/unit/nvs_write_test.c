/* The NVS writer: limits, order of calls, every size, and what it writes read back by the walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/nvs_read.h"
#include "fmt/nvs_write.h"

#define PAGES 16
static uint8_t image[PAGES * NVS_PAGE_SIZE];
static uint8_t data[sizeof image];

static struct nvs_writer begin(size_t size, unsigned version)
{
        const struct nvs_write_config cfg = { .image = image, .size = size, .version = version };
        struct nvs_writer w;

        assert_int_equal(nvs_writer_init(&w, &cfg, NULL), 0);
        return w;
}

static size_t sound_items(size_t size)
{
        struct nvs_walk walk;
        struct nvs_item it;
        size_t n = 0;

        nvs_walk_init(&walk, image, size, true);
        while (nvs_walk_next(&walk, &it)) {
                assert_int_equal(it.faults, 0);
                n++;
        }
        return n;
}

static void test_init(void **state)
{
        static const struct {
                size_t size;
                unsigned version;
                bool legacy;
                int rc;
        } rows[] = {
                { 0, 0, false, -E_RANGE },    { 1, 0, false, -E_RANGE },
                { 4095, 2, false, -E_RANGE }, { 4097, 2, false, -E_RANGE },
                { 4096, 3, false, -E_RANGE }, { 0x1000, 0, false, 0 },
                { 0x2000, 1, false, 0 },      { 0x2000, 2, true, -E_RANGE },
                { 0x3000, 2, true, 0 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct nvs_write_config cfg = { image, rows[i].size, rows[i].version,
                                                      rows[i].legacy, false };
                struct nvs_writer w;
                struct diag d = { 0 };

                assert_int_equal(nvs_writer_init(&w, &cfg, &d), rows[i].rc);
                assert_int_equal(d.code, -rows[i].rc);
                /* sticky */
                if (rows[i].rc < 0) {
                        assert_int_equal(nvs_write_namespace(&w, "ns"), rows[i].rc);
                        assert_int_equal(nvs_writer_finish(&w, NULL), rows[i].rc);
                }
        }
}

static void test_names(void **state)
{
        static const struct {
                const char *ns, *key;
                int ns_rc, key_rc;
        } rows[] = {
                { "n", "k", 0, 0 },
                { "fifteen_bytes__", "fifteen_bytes__", 0, 0 },
                { "sixteen_bytes___", "k", -E_RANGE, -E_RANGE },
                { "", "k", -E_RANGE, -E_RANGE },
                { NULL, "k", -E_RANGE, -E_RANGE },
                { "n", "", 0, -E_RANGE },
                { "n", "sixteen_bytes___", 0, -E_RANGE },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct nvs_writer w = begin(0x3000, 2);

                assert_int_equal(nvs_write_namespace(&w, rows[i].ns), rows[i].ns_rc);
                assert_int_equal(nvs_write_int(&w, rows[i].key, NVS_U8, 1), rows[i].key_rc);
                assert_int_equal(nvs_writer_finish(&w, NULL), rows[i].key_rc);
        }
}

static void test_order(void **state)
{
        struct nvs_writer w = begin(0x3000, 2);
        struct nvs_write_stats s;

        (void)state;
        assert_int_equal(nvs_write_int(&w, "early", NVS_U8, 1), -E_STATE);
        assert_int_equal(nvs_writer_finish(&w, NULL), -E_STATE);

        w = begin(0x3000, 2);
        assert_int_equal(nvs_write_namespace(&w, "a"), 0);
        assert_int_equal(nvs_write_namespace_again(&w, 2), -E_RANGE);

        /* back to a namespace, by name and by number: its keys are known, others may be called the
         * same */
        w = begin(0x3000, 2);
        assert_int_equal(nvs_write_namespace(&w, "a"), 0);
        assert_int_equal(nvs_write_int(&w, "k", NVS_U8, 1), 0);
        assert_int_equal(nvs_write_namespace(&w, "b"), 0);
        assert_int_equal(nvs_write_int(&w, "k", NVS_U8, 2), 0);
        assert_int_equal(nvs_write_namespace_again(&w, 1), 0);
        assert_int_equal(nvs_write_int(&w, "k2", NVS_U8, 3), 0);
        assert_int_equal(nvs_write_namespace(&w, "b"), 0);
        assert_int_equal(nvs_write_int(&w, "k2", NVS_U8, 3), 0);
        assert_int_equal(nvs_writer_finish(&w, &s), 0);
        assert_int_equal(s.entries_used, 6);
        assert_int_equal(sound_items(0x3000), 6);
        assert_int_equal(image[64 + 4 * 32], 1);
        assert_int_equal(image[64 + 5 * 32], 2);
        assert_int_equal(nvs_write_int(&w, "k", NVS_STR, 1), -E_EXISTS);
        assert_int_equal(nvs_writer_finish(&w, &s), -E_EXISTS);
        assert_int_equal(s.output_size, 0);
}

static void test_ints(void **state)
{
        static const struct {
                enum nvs_type type;
                uint64_t bits;
                int rc;
        } rows[] = {
                { NVS_U8, 255, 0 },
                { NVS_U8, 256, -E_RANGE },
                { NVS_U8, UINT64_MAX, -E_RANGE },
                { NVS_I8, 127, 0 },
                { NVS_I8, 128, -E_RANGE },
                { NVS_I8, (uint64_t)-128, 0 },
                { NVS_I8, (uint64_t)-129, -E_RANGE },
                { NVS_U16, 65535, 0 },
                { NVS_U16, 65536, -E_RANGE },
                { NVS_I16, (uint64_t)-32768, 0 },
                { NVS_I16, 32768, -E_RANGE },
                { NVS_U32, UINT32_MAX, 0 },
                { NVS_U32, 1ull << 32, -E_RANGE },
                { NVS_I32, (uint64_t)INT32_MIN, 0 },
                { NVS_I32, 1ull << 31, -E_RANGE },
                { NVS_U64, UINT64_MAX, 0 },
                { NVS_I64, (uint64_t)INT64_MIN, 0 },
                { NVS_STR, 1, -E_TYPE },
                { NVS_BLOB, 1, -E_TYPE },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct nvs_writer w = begin(0x3000, 2);
                struct nvs_page page;
                struct nvs_item it;

                nvs_write_namespace(&w, "n");
                assert_int_equal(nvs_write_int(&w, "k", rows[i].type, rows[i].bits), rows[i].rc);
                assert_int_equal(nvs_writer_finish(&w, NULL), rows[i].rc);
                if (rows[i].rc < 0)
                        continue;
                nvs_page_get(&page, image, 0x3000, 0);
                nvs_item_get(&it, &page, 1);
                assert_int_equal(it.faults, 0);
                assert_int_equal(it.type, rows[i].type);
                assert_true(it.bits == rows[i].bits);
        }
}

/* Strings around every limit of the page: what does not fit the rest of a page gets the next one.
 */
static void test_strings(void **state)
{
        static const struct {
                size_t len;
                int rc;
                size_t pages;
        } rows[] = {
                { 0, -E_RANGE, 1 },    { 1, 0, 1 },
                { 3936, 0, 1 },        { 3937, 0, 2 },
                { 3968, 0, 2 },        { 3969, 0, 2 },
                { NVS_STR_MAX, 0, 2 }, { NVS_STR_MAX + 1, -E_RANGE, 1 },
        };

        (void)state;
        memset(data, 'x', sizeof data);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct nvs_writer w = begin(0x4000, 2);
                struct nvs_write_stats s;

                nvs_write_namespace(&w, "n");
                if (rows[i].len)
                        data[rows[i].len - 1] = 0;
                assert_int_equal(nvs_write_str(&w, "s", data, rows[i].len), rows[i].rc);
                if (rows[i].rc == 0)
                        assert_int_equal(nvs_write_int(&w, "after", NVS_U8, 1), 0);
                assert_int_equal(nvs_writer_finish(&w, &s), rows[i].rc);
                /* a page that is full to the last entry sends the next one on */
                assert_int_equal(s.pages_used,
                                 rows[i].pages + (rows[i].len >= 3969 && rows[i].rc == 0));
                if (rows[i].rc == 0)
                        assert_int_equal(sound_items(0x4000), 3);
                if (rows[i].len)
                        data[rows[i].len - 1] = 'x';
        }
        /* no NUL at the end */
        {
                struct nvs_writer w = begin(0x3000, 2);

                nvs_write_namespace(&w, "n");
                assert_int_equal(nvs_write_str(&w, "s", "abc", 3), -E_RANGE);
        }
}

/* Blobs of every size up to three pages, both versions, put together again. */
static void test_blobs(void **state)
{
        static uint8_t whole[sizeof data];

        (void)state;
        for (size_t i = 0; i < sizeof data; i++)
                data[i] = (uint8_t)(i * 7 + (i >> 8));
        for (size_t len = 0; len < 12200; len += len < 200 || len % 4000 < 100 ? 1 : 61)
                for (unsigned version = 1; version <= 2; version++) {
                        struct nvs_writer w = begin(0x6000, version);
                        struct nvs_walk walk;
                        struct nvs_item it;
                        size_t got = 0;
                        int rc;

                        nvs_write_namespace(&w, "n");
                        rc = nvs_write_blob(&w, "b", data, len);
                        assert_int_equal(rc, version == 1 && len > NVS_BLOB_V1_MAX ? -E_RANGE : 0);
                        assert_int_equal(nvs_writer_finish(&w, NULL), rc);
                        if (rc < 0)
                                continue;
                        nvs_walk_init(&walk, image, 0x6000, true);
                        while (nvs_walk_next(&walk, &it)) {
                                assert_int_equal(it.faults, 0);
                                if (it.type == NVS_BLOB || it.type == NVS_BLOB_DATA) {
                                        memcpy(whole + got, it.data, it.len);
                                        got += it.len;
                                } else if (it.type == NVS_BLOB_INDEX) {
                                        assert_true(it.bits == len);
                                }
                        }
                        assert_int_equal(got, len);
                        assert_memory_equal(whole, data, len);
                }
}

/* As many chunks as a device can number, and one more: the first page has room for 3968 bytes. */
static void test_chunks(void **state)
{
        static const struct {
                size_t len;
                int rc;
        } rows[] = {
                { 3968 + 126 * NVS_CHUNK_MAX, 0 },
                { 3968 + 126 * NVS_CHUNK_MAX + 1, -E_RANGE },
                { NVS_BLOB_MAX, -E_RANGE },
                { NVS_BLOB_MAX + 1, -E_RANGE },
        };
        const size_t size = 0x90000;
        uint8_t *big = malloc(size);
        uint8_t *blob = calloc(1, NVS_BLOB_MAX + 1);

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct nvs_write_config cfg = { .image = big, .size = size };
                struct nvs_writer w;

                nvs_writer_init(&w, &cfg, NULL);
                nvs_write_namespace(&w, "n");
                assert_int_equal(nvs_write_blob(&w, "b", blob, rows[i].len), rows[i].rc);
                assert_int_equal(nvs_writer_finish(&w, NULL), rows[i].rc);
        }
        free(blob);
        free(big);
}

/* The same rows at every size: those below the need fail alike, say the need, and leave nothing
 * beyond the size. */
static void test_sizes(void **state)
{
        size_t needed = 0;

        (void)state;
        for (size_t pages = PAGES - 1; pages >= 1; pages--) {
                struct nvs_writer w = begin(pages * NVS_PAGE_SIZE, 2);
                struct nvs_write_stats s;
                int rc;

                memset(image + pages * NVS_PAGE_SIZE, 0xA5, NVS_PAGE_SIZE);
                nvs_write_namespace(&w, "n");
                for (unsigned i = 0; i < 200; i++) {
                        const char key[] = { 'k', (char)('a' + i / 20), (char)('a' + i % 20), 0 };

                        nvs_write_int(&w, key, NVS_U32, i);
                }
                nvs_write_blob(&w, "blob", data, 9000);
                nvs_write_namespace(&w, "m");
                nvs_write_str(&w, "s", "text", 5);
                rc = nvs_writer_finish(&w, &s);
                if (!needed)
                        needed = s.size_needed;
                assert_int_equal(s.size_needed, needed);
                assert_int_equal(rc, pages * NVS_PAGE_SIZE < needed ? -E_NOSPACE : 0);
                assert_int_equal(s.output_size, rc ? 0 : pages * NVS_PAGE_SIZE);
                assert_true(bytes_all(image + pages * NVS_PAGE_SIZE, NVS_PAGE_SIZE, 0xA5));
        }
        assert_int_equal(needed,
                         5 * NVS_PAGE_SIZE); /* 201, 285 + 3 and 3 entries, and the reserve */
}

/* Up to the last entry of a partition that is only read, and one more. */
static void test_full(void **state)
{
        (void)state;
        for (unsigned count = 120; count <= 130; count++) {
                struct nvs_writer w = begin(0x1000, 2);
                struct nvs_write_stats s;

                nvs_write_namespace(&w, "n");
                for (unsigned i = 1; i < count; i++) {
                        const char key[] = { (char)('a' + i / 20), (char)('a' + i % 20), 0 };

                        nvs_write_int(&w, key, NVS_U8, i);
                }
                assert_int_equal(nvs_writer_finish(&w, &s),
                                 count > NVS_PAGE_ENTRIES ? -E_NOSPACE : 0);
                assert_int_equal(s.entries_used, count);
                assert_int_equal(s.entries_total, NVS_PAGE_ENTRIES);
        }
}

static void test_namespaces(void **state)
{
        struct nvs_writer w = begin(PAGES * NVS_PAGE_SIZE, 2);

        (void)state;
        for (unsigned i = 0; i < NVS_NS_MAX; i++) {
                const char name[] = { (char)('a' + i / 20), (char)('a' + i % 20), 0 };

                assert_int_equal(nvs_write_namespace(&w, name), 0);
        }
        assert_int_equal(nvs_write_namespace(&w, "one more"), -E_NOSPACE);
        assert_int_equal(nvs_writer_finish(&w, NULL), -E_NOSPACE);
        assert_int_equal(sound_items(sizeof image), NVS_NS_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_init),    cmocka_unit_test(test_names),
                cmocka_unit_test(test_order),   cmocka_unit_test(test_ints),
                cmocka_unit_test(test_strings), cmocka_unit_test(test_blobs),
                cmocka_unit_test(test_chunks),  cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_full),    cmocka_unit_test(test_namespaces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
