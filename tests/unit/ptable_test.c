/* Partition tables: bytes, rules, text, shares, product rules, differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/utf8.h"
#include "fmt/ptable.h"
#include "fmt/ptable_diff.h"
#include "fmt/ptable_lint.h"
#include "host/file.h"
#include "host/ptable_csv.h"

static struct ptable_file file;

/* Load text; notes and errors are counted in r, their words go to stderr. */
static int load(const char *text, const struct ptable_config *cfg, struct report *r)
{
        static const struct ptable_config plain;

        *r = (struct report){ .limit = 1, .quiet_notes = true };
        return ptable_load_mem(&file, "t", (const uint8_t *)text, strlen(text), cfg ? cfg : &plain,
                               r);
}

static struct ptable table_of(const char *text)
{
        struct report r;

        if (load(text, NULL, &r) < 0)
                fail_msg("refused: %s", text);
        return file.table;
}

static const char two_slots[] =
        "nvs,data,nvs,,0x6000\notadata,data,ota,,0x2000\nphy_init,data,phy,,0x1000\n"
        "ota_0,app,ota_0,,1M\nota_1,app,ota_1,,1M\nfctry,data,nvs,,0x6000,readonly\n"
        "coredump,data,coredump,,64K\n";

/* Bytes */

static void test_cut_everywhere(void **state)
{
        static struct ptable t;
        static struct ptable again;
        static uint8_t out[PTABLE_LEN];
        size_t end;

        (void)state;
        t = table_of(two_slots);
        assert_int_equal(ptable_write(&t, out, sizeof out, NULL), PTABLE_LEN);
        end = (t.count + 1) * PTABLE_ENTRY; /* entries and MD5; then one end marker */
        for (size_t n = 0; n <= sizeof out; n++) {
                struct diag d = { 0 };
                uint8_t *exact = malloc(n ? n : 1);
                const int rc = (memcpy(exact, out, n), ptable_parse(&again, exact, n, true, &d));

                free(exact);
                if (n < end + PTABLE_ENTRY) {
                        assert_int_equal(rc, -E_TRUNC);
                        assert_int_equal(again.count, 0);
                } else {
                        assert_int_equal(rc, 0);
                        assert_int_equal(again.count, t.count);
                        assert_true(again.md5);
                        assert_memory_equal(again.entries, t.entries,
                                            t.count * sizeof t.entries[0]);
                }
        }
        for (size_t cap = 0; cap < PTABLE_LEN; cap += 31)
                assert_int_equal(ptable_write(&t, out, cap, NULL), -E_NOSPACE);
}

/* Every flipped bit of a table with an MD5 sum is noticed, up to the end marker. */
static void test_forged(void **state)
{
        static struct ptable t;
        static uint8_t out[PTABLE_LEN];

        (void)state;
        t = table_of("nvs,data,nvs,,0x6000\nfactory,app,factory,,1M\n");
        ptable_write(&t, out, sizeof out, NULL);
        for (size_t bit = 0; bit < 3 * PTABLE_ENTRY * 8; bit++) {
                const size_t at = bit / 8;

                if (at >= 2 * PTABLE_ENTRY + 2 && at < 2 * PTABLE_ENTRY + PTABLE_MD5_AT)
                        continue; /* the 14 FF of the MD5 entry: the reference does not look at them
                                   */
                out[at] ^= (uint8_t)(1u << bit % 8);
                assert_true(ptable_parse(&t, out, sizeof out, true, NULL) < 0);
                out[at] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(ptable_parse(&t, out, sizeof out, true, NULL), 0);
        out[3 * PTABLE_ENTRY] = PTABLE_MAGIC_0; /* an entry behind the sum */
        assert_int_equal(ptable_parse(&t, out, sizeof out, true, NULL), -E_FORMAT);
}

static void test_full_table(void **state)
{
        static struct ptable t;
        static uint8_t out[PTABLE_LEN];

        (void)state;
        for (t.count = 0; t.count < PTABLE_MAX; t.count++) {
                struct ptable_entry *e = &t.entries[t.count];

                *e = (struct ptable_entry){ .type = PTABLE_DATA, .subtype = PTABLE_DATA_FAT };
                e->offset = 0x9000 + 0x1000 * (uint32_t)t.count;
                e->size = 0x1000;
                snprintf(e->name, sizeof e->name, "p%zu", t.count);
        }
        assert_int_equal(ptable_write(&t, out, sizeof out, NULL), PTABLE_LEN);
        assert_int_equal(ptable_parse(&t, out, sizeof out, true, NULL), 0);
        assert_int_equal(t.count, PTABLE_MAX);
        t.md5 = true;
        assert_int_equal(ptable_write(&t, out, sizeof out, NULL), -E_NOSPACE);
        t.count--;
        assert_int_equal(ptable_write(&t, out, sizeof out, NULL), PTABLE_LEN);
}

static void test_lookup(void **state)
{
        static struct ptable t;
        const struct ptable_entry *e;
        char kind[32];

        (void)state;
        t = table_of(two_slots);
        assert_int_equal(ptable_slots(&t), 2);
        assert_null(ptable_find(&t, "ota"));
        e = ptable_find_type(&t, PTABLE_DATA, PTABLE_DATA_NVS, NULL);
        assert_string_equal(e->name, "nvs");
        e = ptable_find_type(&t, PTABLE_DATA, PTABLE_DATA_NVS, e);
        assert_string_equal(e->name, "fctry");
        assert_null(ptable_find_type(&t, PTABLE_DATA, PTABLE_DATA_NVS, e));
        assert_int_equal(ptable_flash_used(&t), 0x236000);
        for (size_t cap = 0; cap < sizeof kind; cap++) {
                memset(kind, '#', sizeof kind);
                ptable_kind_text(e, kind, cap);
                assert_true(cap == 0 || memchr(kind, 0, cap));
                assert_int_equal(kind[cap], '#');
        }
        assert_int_equal(ptable_subtype_of(PTABLE_APP, "OTA_15", 6), PTABLE_APP_OTA_15);
        assert_int_equal(ptable_subtype_of(0x40, "nvs", 3), -E_NOTFOUND);
}

/* Rules that a binary table has to keep: one field of a good one is spoilt. */
static void test_binary_rules(void **state)
{
        static const struct {
                size_t entry;
                struct ptable_entry e;
        } cases[] = {
                { 0,
                  { PTABLE_DATA, PTABLE_DATA_NVS, 0x8000, 0x6000, 0, "nvs" } }, /* on the table */
                { 0,
                  { PTABLE_DATA, PTABLE_DATA_NVS, 0x9000, 0x7000, 0, "nvs" } }, /* into otadata */
                { 0, { PTABLE_DATA, PTABLE_DATA_NVS, 0x9000, 0x2000, 0, "nvs" } }, /* too small */
                { 0, { PTABLE_DATA, PTABLE_DATA_NVS, 0x9000, 0, 0, "nvs" } },
                { 0, { PTABLE_DATA, PTABLE_DATA_NVS, 0x9100, 0x3000, 0, "nvs" } }, /* not aligned */
                { 0,
                  { PTABLE_DATA, PTABLE_DATA_NVS, 0x9000, 0x6000, 0, "ota_0" } }, /* a name twice */
                { 0,
                  { PTABLE_DATA, PTABLE_DATA_OTA, 0x9000, 0x2000, 0,
                    "nvs" } }, /* a second otadata */
                { 1, { PTABLE_DATA, PTABLE_DATA_OTA, 0xF000, 0x1000, 0, "otadata" } },
                { 1,
                  { PTABLE_DATA, PTABLE_DATA_OTA, 0xF000, 0x2000, PTABLE_FLAG_READONLY,
                    "otadata" } },
                { 4, { PTABLE_APP, PTABLE_APP_OTA_0 + 1, 0x120000, 0x100100, 0, "ota_1" } },
                { 6, { PTABLE_DATA, PTABLE_DATA_COREDUMP, 0xFFFFF000, 0x10000, 0, "coredump" } },
                { 6,
                  { PTABLE_DATA, PTABLE_DATA_COREDUMP, 0x3F1000, 0x10000, 0,
                    "coredump" } }, /* beyond the flash */
        };
        const struct ptable_rules rules = { .flash_size = 0x400000 };
        static struct ptable t;

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                t = table_of(two_slots);
                assert_int_equal(ptable_verify(&t, &rules, NULL, NULL), 0);
                t.entries[cases[i].entry] = cases[i].e;
                if (ptable_verify(&t, &rules, NULL, NULL) >= 0)
                        fail_msg("case %zu is accepted", i);
        }
        t = table_of(two_slots);
        t.entries[0].name[0] = t.entries[1].name[0] = 0; /* no name, twice */
        assert_int_equal(ptable_verify(&t, &rules, NULL, NULL), -E_EXISTS);
}

/* Text */

static const struct {
        const char *text;
        unsigned errors; /* 0: accepted */
        unsigned notes;
} rows[] = {
        { "nvs,data,nvs,,0x6000", 0, 0 },
        { "nvs , data , nvs , , 24 K ,", 0, 0 },
        { "nvs\xC2\xA0,data,nvs,,0x6000", 0, 0 }, /* a blank copied from a web page */
        { "\xEF\xBB\xBFnvs,data,nvs,,0x6000", 0, 0 },
        { "nvs,data,nvs,,0x6000\r\nf,app,factory,,1M\r\n", 0, 0 },
        { "nvs,data,nvs,,0x6000\rf,app,factory,,1M", 0, 0 },
        { "nvs,data,nvs,,0x6000,,# why", 0, 1 },
        { "nvs,data,nvs,,0x6000 # why", 0, 1 },
        { "a #b,data,nvs,,0x6000", 0, 0 }, /* part of the name */
        { "nvs,data,nvs,,0x6000,,,remark", 0, 1 },
        { "nvs\tdata\tnvs\t\t0x6000", 0, 1 },
        { "x,data,fat,,4K,Encrypted : readonly", 0, 0 },
        { "x,data,fat,,4K,encrypted,readonly", 1, 0 },
        { "nvs,data,nvs,,-0xf000", 0, 0 },
        { "nvs,data,nvs,,0", 1, 0 },
        { "nvs,data,nvs,,00", 1, 0 },
        { "nvs,data,nvs,,01", 1, 0 },
        { "nvs,data,nvs,,1__0", 1, 0 },
        { "nvs,data,nvs,,0x", 1, 0 },
        { "nvs,data,nvs,,K", 1, 0 },
        { "nvs,data,nvs,,9999999999999999999999M", 1, 0 },
        { "nvs,data,nvs,,1KKKKKKKK", 1, 0 },
        { "nvs,data,nvs,-1,4K", 1, 0 },
        { "n\x01s,data,nvs,,0x6000", 1, 0 },
        { "nvs,da\xFFta,nvs,,0x6000", 1, 0 },
        { "nvs,data,nvs,,0x6000\nb,dat,nvs,,x\nc,data,foo,y,\nd,data,fat,,4K,zip", 6,
          0 }, /* all in one run */
        { "a,data,fat,,4K\nb,data,fat,0x9000,4K", 1, 0 },
        { "a,app,ota_0,,64K\nb,app,ota_0,,64K\no,data,ota,,8K", 1, 0 },
        { "a,app,ota_0,,64K", 0,
          1 }, /* one slot without otadata: the reference's own samples do that */
        { "$FCTRY_TEST_NOT_SET,data,nvs,,0x6000", 1, 0 },
        { "# $FCTRY_TEST_NOT_SET", 0, 1 }, /* a comment; but no partition at all */
        { "a,data,nvs,,max", 1, 0 },
        { "a,data,nvs,,0%", 1, 0 },
        { "a,data,nvs,,101%", 1, 0 },
        { "", 0, 1 },
};

static void test_rows(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct report r;
                const int rc = load(rows[i].text, NULL, &r);

                if ((rc < 0) != (rows[i].errors > 0) ||
                    (rows[i].errors && r.errors != rows[i].errors) ||
                    (!rows[i].errors && r.notes != rows[i].notes))
                        fail_msg("row %zu '%s': %d, %u errors, %u notes", i, rows[i].text, rc,
                                 r.errors, r.notes);
        }
}

static void test_variables(void **state)
{
        struct report r;

        (void)state;
        setenv("FCTRY_TEST_SIZE", "0x6000", 1);
        setenv("FCTRY_TEST_ROW", "a,data", 1);
        assert_int_equal(load("nvs,data,nvs,,$FCTRY_TEST_SIZE", NULL, &r), 0);
        assert_int_equal(file.table.entries[0].size, 0x6000);
        assert_int_equal(load("${FCTRY_TEST_ROW},fat,,4K,", NULL, &r), 0);
        assert_string_equal(file.table.entries[0].name, "a");
        assert_int_equal(file.columns[0][PTABLE_F_SUBTYPE], 19);
        setenv("FCTRY_TEST_SIZE", "\xFF", 1);
        assert_true(load("nvs,data,nvs,,$FCTRY_TEST_SIZE", NULL, &r) < 0);
}

static void test_wide_text(void **state)
{
        static const char text[] = "nvs,data,nvs,,0x6000\n";
        uint8_t wide[4 * sizeof text + 4];
        struct report r = { .quiet_notes = true, .limit = 1 };
        const struct ptable_config cfg = { 0 };

        (void)state;
        for (unsigned big = 0; big < 2; big++) {
                size_t n = 4;

                memcpy(wide, big ? "\0\0\xFE\xFF" : "\xFF\xFE\0\0", 4);
                for (size_t i = 0; text[i]; i++, n += 4) {
                        memset(wide + n, 0, 4);
                        wide[n + (big ? 3 : 0)] = (uint8_t)text[i];
                }
                assert_int_equal(ptable_load_mem(&file, "t", wide, n, &cfg, &r), 0);
                assert_string_equal(file.table.entries[0].name, "nvs");
                for (size_t cut = 1; cut < 4; cut++)
                        assert_true(ptable_load_mem(&file, "t", wide, n - cut, &cfg, &r) < 0);
        }
}

static void test_shares(void **state)
{
        static const struct {
                const char *text;
                uint32_t sizes[6]; /* 0 ends; of the rows */
        } cases[] = {
                { "s,data,fat,,max", { 0x3F7000 } },
                { "a,data,nvs,,0x6000\nf,app,factory,,max", { 0x6000, 0x3F0000 } },
                { "a,data,nvs,,0x6000\no,data,ota,,8K\nx,app,ota_0,,max\ny,app,ota_1,,max",
                  { 0x6000, 0x2000, 0x1F0000, 0x1F0000 } },
                { "x,app,factory,,50%\ny,data,fat,,50%", { 0x1F8000, 0x1F8000 } },
                { "x,data,fat,,max\ny,data,fat,0x100000,4K\nz,data,fat,,max",
                  { 0xF7000, 0x1000, 0x2FF000 } },
                { "x,data,fat,,25%\ny,data,fat,,size=max", { 0xFD000, 0x2FA000 } },
        };
        const struct ptable_config cfg = { .flash_size = 0x400000 };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct report r;

                if (load(cases[i].text, &cfg, &r) < 0)
                        fail_msg("refused: %s", cases[i].text);
                for (size_t k = 0; cases[i].sizes[k]; k++)
                        if (file.table.entries[k].size != cases[i].sizes[k])
                                fail_msg("case %zu row %zu: 0x%x", i, k,
                                         file.table.entries[k].size);
                assert_true(ptable_flash_used(&file.table) <= 0x400000);
        }
}

static void test_shares_without_room(void **state)
{
        static const char *const texts[] = {
                "a,data,fat,0x9000,0x3F7000\nb,data,fat,,max",
                "a,data,fat,,60%\nb,data,fat,,60%",
                "a,app,factory,,4M\nb,data,fat,,1%",
                "a,data,fat,,max\nb,data,fat,,-0x400000",
                "a,data,fat,,max\nb,app,factory,0x10000,64K\nc,data,fat,0xa000,4K",
        };
        const struct ptable_config cfg = { .flash_size = 0x400000 };
        struct report r;

        (void)state;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
                if (load(texts[i], &cfg, &r) == 0)
                        fail_msg("accepted: %s", texts[i]);
}

static void test_extras(void **state)
{
        static struct ptable_extras x;

        (void)state;
        assert_int_equal(ptable_extra_add(&x, "app, room, 0x60", NULL), 0);
        assert_int_equal(ptable_extra_add(&x, "data,zz,b0", NULL), 0);
        assert_int_equal(ptable_extra_add(&x, "app,other,0x60", NULL), -E_EXISTS);
        assert_int_equal(ptable_extra_add(&x, "app,ROOM,0x61", NULL), -E_EXISTS);
        assert_int_equal(ptable_extra_add(&x, "app,test,0x62", NULL), -E_EXISTS);
        assert_int_equal(ptable_extra_add(&x, "app,x,0x10", NULL), -E_EXISTS);
        assert_int_equal(ptable_extra_add(&x, "app,x,0x100", NULL), -E_RANGE);
        assert_int_equal(ptable_extra_add(&x, "app,x,", NULL), -E_SYNTAX);
        assert_int_equal(ptable_extra_add(&x, "app,x,-1", NULL), -E_SYNTAX);
        assert_int_equal(ptable_extra_add(&x, "fish,x,1", NULL), -E_SYNTAX);
        assert_int_equal(ptable_extra_add(&x, "app,x,1,2", NULL), -E_SYNTAX);
        assert_int_equal(x.count, 2);
}

/* A dump: found at its offset; elsewhere, the message says where. */
static void test_dump(void **state)
{
        static uint8_t dump[0x20000];
        static struct ptable t;
        const struct ptable_config cfg = { .table_offset = 0xC000 };
        const struct ptable_config plain = { 0 };
        struct report r = { .quiet_notes = true, .limit = 1 };

        (void)state;
        memset(dump, 0xFF, sizeof dump);
        dump[0] = 0xE9;
        t = table_of("a,data,nvs,0x10000,0x6000\n");
        assert_int_equal(ptable_load_mem(&file, "t", dump, sizeof dump, &cfg, &r), -E_NOTFOUND);
        ptable_write(&t, dump + 0xC000, PTABLE_LEN, NULL);
        assert_int_equal(ptable_load_mem(&file, "t", dump, sizeof dump, &cfg, &r), 0);
        assert_int_equal(file.source, PTABLE_FROM_DUMP);
        assert_string_equal(file.table.entries[0].name, "a");
        assert_int_equal(ptable_load_mem(&file, "t", dump, sizeof dump, &plain, &r), -E_NOTFOUND);
        assert_int_equal(ptable_load_mem(&file, "t", dump, 0x4000, &plain, &r), -E_FORMAT);
        /* encrypted flash looks like noise: one error, not one for each line of it */
        for (size_t i = 0, noise = 1; i < sizeof dump; i++, noise = noise * 69069 + 1)
                dump[i] = (uint8_t)(noise >> 16);
        dump[0] = 'E';
        r.errors = 0;
        assert_int_equal(ptable_load_mem(&file, "t", dump, sizeof dump, &plain, &r), -E_NOTFOUND);
        assert_int_equal(r.errors, 1);
        memset(dump, 0xFF, sizeof dump);
        ptable_write(&t, dump + 0xC000, PTABLE_LEN, NULL);
        for (size_t n = 0xC001; n < 0xC000 + 3 * PTABLE_ENTRY; n += 5)
                assert_true(ptable_load_mem(&file, "t", dump, n, &cfg, &r) < 0);
}

static void test_unsayable_names(void **state)
{
        static const char *const names[] = { "a,b", "#a", " a", "a ", "\"a", "$HOME", "", "a" };
        static struct ptable t;
        struct blob out;

        (void)state;
        t = table_of("a,data,nvs,,0x6000");
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                snprintf(t.entries[0].name, sizeof t.entries[0].name, "%s", names[i]);
                assert_int_equal(ptable_to_csv(&t, NULL, &out, NULL), i < 6 ? -E_FORMAT : 0);
                blob_free(&out);
        }
}

/* Product rules: each is seen broken once, and a good table breaks none. */

struct seen {
        bool rules[40];
};

static void note_rule(void *ctx, const struct ptable_lint_finding *f)
{
        ((struct seen *)ctx)->rules[atoi(f->rule->id + 1)] = true;
        assert_true(f->text[0] && f->rule->reason && f->rule->fix);
}

static void test_lint(void **state)
{
        static const char *const bad[] = {
                "a,data,fat,,4K",
                "o,data,ota,,8K\na,app,ota_0,,1M\nb,app,ota_1,,512K",
                "a,app,factory,,1M\nb,app,ota_0,,1M",
                ("nvs,data,nvs,,0x3000\nf,app,factory,,1M\nk,data,nvs_keys,,8K\nx,data,nvs,,16K,"
                 "encrypted"),
                "fctry,data,nvs,,0x6000",
                "nvs,data,nvs,,0x6000\nf,app,factory,,1M\nx,data,fat,,4K,encrypted",
                "abcdefghijklmnop,0x10,,,0x1001\nd,data,coredump,,4K",
        };
        static struct ptable t;
        struct seen seen = { 0 };
        struct ptable_lint_config cfg = { .flash_size = 0x400000,
                                          .found = note_rule,
                                          .ctx = &seen };
        size_t count;
        const struct ptable_lint_rule *rules = ptable_lint_rules(&count);

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                t = table_of(bad[i]);
                assert_true(ptable_lint(&t, &cfg) > 0);
        }
        /* what a binary table may hold and text may not */
        t = table_of("o,data,ota,,8K\na,app,ota_0,,1M\nb,app,ota_1,,1M");
        t.entries[2].subtype = PTABLE_APP_OTA_0 + 2;
        t.entries[0].subtype = PTABLE_DATA_FAT;
        ptable_lint(&t, &cfg);
        for (size_t i = 0; i < count; i++) {
                assert_int_equal(atoi(rules[i].id + 1), i + 1);
                if (!seen.rules[i + 1])
                        fail_msg("rule %s was never broken", rules[i].id);
        }
        /* the good one: no hole, all there */
        t = table_of("nvs,data,nvs,,0x5000\notadata,data,ota,,0x2000\nota_0,app,ota_0,,1M\nota_1,"
                     "app,ota_1,,1M\n"
                     "fctry,data,nvs,,0x6000,readonly\ncoredump,data,coredump,,64K");
        cfg.flash_size = ptable_flash_used(&t);
        assert_int_equal(ptable_lint(&t, &cfg), 0);
}

/* Differences */

static void test_diff(void **state)
{
        static const struct {
                const char *before,
                        *after; /* sed-like: one row of two_slots replaced; NULL: removed */
                enum ptable_impact impact;
                unsigned changes;
        } cases[] = {
                { "phy_init,data,phy,,0x1000", "phy_init,data,phy,,0x1000", PTABLE_SAFE, 0 },
                { "coredump,data,coredump,,64K", "", PTABLE_SAFE, 1 },
                { "coredump,data,coredump,,64K", "coredump,data,coredump,,64K\nlog,data,fat,,64K",
                  PTABLE_SAFE, 1 },
                { "fctry,data,nvs,,0x6000,readonly", "fctry,data,nvs,0x220000,0x6000,readonly",
                  PTABLE_SAFE, 0 },
                { "fctry,data,nvs,,0x6000,readonly", "fctry,data,nvs,0x230000,0x6000,readonly",
                  PTABLE_FATAL, 2 },
                { "fctry,data,nvs,,0x6000,readonly", "", PTABLE_FATAL, 2 },
                { "ota_1,app,ota_1,,1M", "ota_1,app,ota_1,,0xF0000", PTABLE_FATAL, 3 },
                { "ota_1,app,ota_1,,1M", "ota_1,app,ota_1,,1M\nota_2,app,ota_2,,1M", PTABLE_FATAL,
                  4 },
                { "nvs,data,nvs,,0x6000", "nvs,data,nvs,,0x5000", PTABLE_FATAL,
                  3 }, /* otadata moves with it */
                { "phy_init,data,phy,,0x1000", "phy_init,data,phy,,0x2000", PTABLE_REFORMAT, 1 },
                { "phy_init,data,phy,,0x1000", "radio,data,phy,,0x1000", PTABLE_REFORMAT, 1 },
                { "otadata,data,ota,,0x2000", "otadata,data,ota,,0x2000\nx,data,fat,,4K",
                  PTABLE_REFORMAT, 2 },
        };
        static struct ptable before;
        static struct ptable after;
        const struct ptable_diff_config cfg = { 0 };
        const struct ptable_diff_config moved = { .after_offset = 0x10000 };
        unsigned changes;

        (void)state;
        before = table_of(two_slots);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                char text[1024];
                const char *at = strstr(two_slots, cases[i].before);

                assert_non_null(at);
                snprintf(text, sizeof text, "%.*s%s%s", (int)(at - two_slots), two_slots,
                         cases[i].after, at + strlen(cases[i].before));
                after = table_of(text);
                assert_int_equal(ptable_diff(&before, &after, &cfg, &changes), cases[i].impact);
                if (changes != cases[i].changes)
                        fail_msg("case %zu: %u changes", i, changes);
        }
        assert_int_equal(ptable_diff(&before, &before, &moved, &changes), PTABLE_FATAL);
        after = before;
        after.entries[0].flags ^= PTABLE_FLAG_ENCRYPTED;
        assert_int_equal(ptable_diff(&before, &after, &cfg, NULL), PTABLE_REFORMAT);
        /* NVS that grows into free flash keeps its data */
        before = table_of("f,app,factory,,64K\nnvs,data,nvs,,0x6000");
        after = table_of("f,app,factory,,64K\nnvs,data,nvs,,0x8000");
        assert_int_equal(ptable_diff(&before, &after, &cfg, NULL), PTABLE_SAFE);
}

static void test_utf8(void **state)
{
        static const struct {
                const char *text;
                size_t len;
        } cases[] = {
                { "a", 1 },
                { "\xC3\xA9", 2 },
                { "\xE2\x82\xAC", 3 },
                { "\xF0\x9F\x98\x80", 4 },
                { "\xF4\x8F\xBF\xBF", 4 },
                { "\xC0\x80", 0 },
                { "\xC1\xBF", 0 },
                { "\xE0\x9F\xBF", 0 },
                { "\xED\xA0\x80", 0 },
                { "\xF0\x8F\xBF\xBF", 0 },
                { "\xF4\x90\x80\x80", 0 },
                { "\x80", 0 },
                { "\xFF", 0 },
                { "\xE2\x82"
                  "a",
                  0 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                const size_t n = strlen(cases[i].text);

                assert_int_equal(utf8_length(cases[i].text, n), cases[i].len);
                for (size_t cut = 0; cut < cases[i].len; cut++)
                        assert_int_equal(utf8_length(cases[i].text, cut), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cut_everywhere),
                cmocka_unit_test(test_forged),
                cmocka_unit_test(test_full_table),
                cmocka_unit_test(test_lookup),
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_binary_rules),
                cmocka_unit_test(test_variables),
                cmocka_unit_test(test_wide_text),
                cmocka_unit_test(test_shares),
                cmocka_unit_test(test_shares_without_room),
                cmocka_unit_test(test_extras),
                cmocka_unit_test(test_dump),
                cmocka_unit_test(test_unsayable_names),
                cmocka_unit_test(test_lint),
                cmocka_unit_test(test_diff),
                cmocka_unit_test(test_utf8),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
