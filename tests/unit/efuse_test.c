/* eFuse tables against espefuse's (tests/golden/efuse), coding against its vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "fmt/efuse.h"
#include "host/file.h"

#define GOLDEN "tests/golden/efuse"

/* A table of tab-separated columns; next_row cuts one line of it at a time. */
struct tsv {
        struct blob text;
        char *at;
        char *col[10];
};

static void tsv_open(struct tsv *t, const char *dir, const char *name)
{
        struct diag d = { 0 };
        char path[256];

        snprintf(path, sizeof path, GOLDEN "/%s%s%s", dir, *dir ? "/" : "", name);
        if (file_load(path, FILE_LIMIT_TEXT, &t->text, &d) < 0)
                fail_msg("%s", diag_text(&d));
        t->at = strchr((char *)t->text.data, '\n') + 1; /* headings */
}

static bool next_row(struct tsv *t)
{
        char *end = t->at + strcspn(t->at, "\n");

        if (!*t->at)
                return false;
        for (size_t i = 0; i < 10; i++) {
                t->col[i] = t->at;
                t->at += strcspn(t->at, "\t\n");
                if (t->at < end)
                        *t->at++ = 0;
        }
        if (*end)
                *end++ = 0;
        t->at = end;
        return true;
}

static unsigned number_or(const char *text, unsigned none)
{
        return *text ? (unsigned)strtoul(text, NULL, 0) : none;
}

/* "uint:4", "bool", "bytes:32" in bits. */
static unsigned type_bits(const char *type)
{
        const char *colon = strchr(type, ':');
        const unsigned n = colon ? (unsigned)atoi(colon + 1) : 1;

        return !strncmp(type, "bytes", 5) ? 8 * n : n;
}

/* FIELDS.tsv: espefuse 4.8.1's; LATER.tsv: what version 5 knows besides. The rows. */
static size_t check_fields(const struct efuse_chip *c, const char *table)
{
        struct tsv t = { 0 };
        size_t rows = 0;

        tsv_open(&t, c->name, table);
        for (; next_row(&t); rows++) {
                const struct efuse_field *f = efuse_field(c, t.col[0]);

                if (!f)
                        fail_msg("%s: no field %s", c->name, t.col[0]);
                assert_int_equal(f->block, atoi(t.col[1]));
                assert_int_equal(f->len, type_bits(t.col[5]));
                assert_int_equal(f->kind == EFUSE_BOOL, !strcmp(t.col[5], "bool"));
                assert_int_equal(f->kind == EFUSE_CALC, !*t.col[2]);
                if (f->kind != EFUSE_CALC)
                        assert_int_equal(f->bit, atoi(t.col[4]));
                assert_int_equal(f->write_protect, number_or(t.col[6], EFUSE_NO));
                assert_int_equal(f->read_protect, number_or(t.col[7], EFUSE_NO));
                assert_true(f->kind == EFUSE_CALC ||
                            f->bit + f->len <= 32u * c->blocks[f->block].words);
        }
        blob_free(&t.text);
        return rows;
}

static bool has_later(const struct efuse_chip *c)
{
        return !strcmp(c->name, "esp32s3") || !strcmp(c->name, "esp32h2");
}

static void check_blocks(const struct efuse_chip *c)
{
        struct tsv t = { 0 };
        size_t i = 0;

        tsv_open(&t, c->name, "BLOCKS.tsv");
        for (; next_row(&t); i++) {
                const struct efuse_block *b = efuse_block(c, t.col[1]);

                assert_ptr_equal(b, &c->blocks[i]);
                assert_int_equal(b->read, strtoul(t.col[3], NULL, 0));
                assert_int_equal(b->write, strtoul(t.col[4], NULL, 0));
                assert_int_equal(b->words, atoi(t.col[5]));
                assert_int_equal(b->write_protect, number_or(t.col[6], EFUSE_NO));
                assert_int_equal(b->read_protect, number_or(t.col[7], EFUSE_NO));
                assert_string_equal(b->purpose ? b->purpose : "", t.col[8]);
                for (char *alias = strtok(t.col[2], ","); alias; alias = strtok(NULL, ","))
                        assert_ptr_equal(efuse_block(c, alias), b);
        }
        assert_int_equal(i, c->block_count);
        blob_free(&t.text);
}

static void check_purposes(const struct efuse_chip *c)
{
        struct tsv t = { 0 };
        size_t rows = 0;

        tsv_open(&t, c->name, "PURPOSES.tsv");
        while (next_row(&t)) {
                const struct efuse_purpose *p = efuse_purpose(c, t.col[0]);

                if (!strcmp(t.col[2], "VIRTUAL")) /* a pair of blocks, no purpose of its own */
                        continue;
                rows++;
                assert_non_null(p);
                assert_int_equal(p->id, atoi(t.col[1]));
                assert_int_equal(!!(p->flags & EFUSE_KEY_DIGEST), !strcmp(t.col[2], "DIGEST"));
                assert_int_equal(!!(p->flags & EFUSE_KEY_REVERSED), !strcmp(t.col[3], "Reverse"));
                assert_int_equal(!!(p->flags & EFUSE_KEY_SECRET),
                                 !strcmp(t.col[4], "need_rd_protect"));
                assert_ptr_equal(efuse_purpose_of(c, p->id), p);
        }
        assert_int_equal(rows, c->purpose_count);
        blob_free(&t.text);
}

static void test_tables(void **state)
{
        const struct efuse_chip *c;
        size_t n = 0;
        size_t rows;

        (void)state;
        for (; (c = efuse_chip_at(n)); n++) {
                rows = check_fields(c, "FIELDS.tsv");
                if (has_later(c))
                        rows += check_fields(c, "LATER.tsv");
                assert_int_equal(rows, c->field_count);
                check_blocks(c);
                if (c->purpose_count)
                        check_purposes(c);
        }
        assert_int_equal(n, 6);
}

static void test_names(void **state)
{
        (void)state;
        assert_ptr_equal(efuse_chip_of("ESP32-C3"), &efuse_esp32c3);
        assert_ptr_equal(efuse_chip_of("esp32"), &efuse_esp32);
        assert_null(efuse_chip_of("esp32x"));
        assert_null(efuse_chip_of(""));
        assert_ptr_equal(efuse_field(&efuse_esp32c3, "dis_can"),
                         efuse_field(&efuse_esp32c3, "DIS_TWAI"));
        assert_null(efuse_field(&efuse_esp32c3, "DIS_TWA"));
        assert_null(efuse_field(&efuse_esp32c3, "DIS_TWAI|DIS_CAN"));
        assert_null(efuse_field(&efuse_esp32c3, ""));
        assert_int_equal(efuse_name_len("A|B"), 1);
}

/* Column 0 is data, column 1 what encode makes of it. */
static void check_vectors(const char *name, size_t data_len, size_t out_len,
                          void (*encode)(const uint8_t *data, uint8_t *out))
{
        struct tsv t = { 0 };
        size_t rows = 0;

        tsv_open(&t, "", name);
        for (; next_row(&t); rows++) {
                uint8_t data[32];
                uint8_t out[32];
                char text[65];

                assert_int_equal(hex_decode(t.col[0], strlen(t.col[0]), data, sizeof data, NULL),
                                 data_len);
                encode(data, out);
                hex_encode(out, out_len, text);
                assert_string_equal(text, t.col[1]);
        }
        assert_true(rows > 20);
        blob_free(&t.text);
}

static void test_coding(void **state)
{
        uint8_t data[24] = { 1, 2, 3 };
        uint8_t coded[32];

        (void)state;
        check_vectors("rs-vectors.tsv", 32, EFUSE_RS_CHECK, efuse_rs_encode);
        check_vectors("c34-vectors.tsv", 24, 32, efuse_34_encode);
        efuse_34_encode(data, coded);
        assert_true(efuse_34_valid(coded));
        for (size_t bit = 0; bit < 256; bit++) { /* one wrong bit is always seen */
                coded[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_false(efuse_34_valid(coded));
                coded[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
}

static void test_image(void **state)
{
        const struct efuse_chip *c = &efuse_esp32c3;
        uint8_t image[EFUSE_IMAGE_MAX] = { 0 };
        uint8_t file[EFUSE_IMAGE_MAX];
        uint8_t again[EFUSE_IMAGE_MAX];
        const uint8_t purpose = 9;

        (void)state;
        assert_int_equal(efuse_key_find(c, image, 9, 0), -1);
        efuse_bits_or(image + c->blocks[0].read, efuse_field(c, "KEY_PURPOSE_2")->bit, 4, &purpose);
        efuse_bits_or(image + c->blocks[0].read, efuse_field(c, "KEY_PURPOSE_5")->bit, 4, &purpose);
        assert_int_equal(efuse_key_find(c, image, 9, 0), 6);
        assert_int_equal(efuse_key_find(c, image, 9, 7), 9);
        assert_int_equal(efuse_key_find(c, image, 9, 10), -1);
        assert_int_equal(efuse_value(c, image, "KEY_PURPOSE_2"), 9);
        assert_int_equal(efuse_value(c, image, "NOT_THERE"), 0);
        assert_int_equal(efuse_coding(c, image, 0), EFUSE_PLAIN);
        assert_int_equal(efuse_coding(c, image, 4), EFUSE_RS);
        efuse_file_put(c, image, file);
        efuse_file_get(c, again, file);
        assert_memory_equal(image, again, c->size);

        c = &efuse_esp32;
        memset(image, 0, sizeof image);
        assert_int_equal(efuse_data_len(c, image, 1), 32);
        assert_int_equal(efuse_data_len(c, image, 0), 28);
        image[c->blocks[0].read + 24] = 1;
        assert_int_equal(efuse_data_len(c, image, 1), 24);
        image[c->blocks[0].read + 24] = 2;
        assert_int_equal(efuse_coding(c, image, 3), EFUSE_UNKNOWN);
        image[c->blocks[0].read] = 0x80;
        assert_true(efuse_write_protected(c, image, 7));
        assert_false(efuse_write_protected(c, image, EFUSE_NO));
        image[c->blocks[0].read + 2] = 2;
        assert_true(efuse_read_protected(c, image, 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tables),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_coding),
                cmocka_unit_test(test_image),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
