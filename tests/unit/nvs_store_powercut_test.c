/*
 * Power cut at every flash operation of every step, at several bytes inside it, and again during
 * the recovery that follows. After each: every key has its committed value, the one in flight its
 * old or its new one, and the store goes on working.
 */
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
#include "fmt/nvs_store.h"
#include "sim/nor.h"

#define SIZE_MOST  0x8000u
#define PAGES_MOST (SIZE_MOST / NVS_PAGE_SIZE)
#define KEYS       12u /* 'a' … */
#define SPACES     2u  /* "n0", "n1" */
#define STEPS_MOST 700u
#define VALUE_MOST 20000u

enum what { OPEN, SET, ERASE, ERASE_NS };

struct step {
        enum what what;
        unsigned ns, key;
        enum nvs_type type;
        unsigned len; /* bytes of a blob; characters of a string */
        uint32_t seed;
};

/* What the store should hold. */
struct model {
        bool ns[SPACES];
        struct step keys[SPACES][KEYS]; /* the SET that made the value; type 0: none */
};

struct bench {
        uint8_t mem[SIZE_MOST];
        uint8_t before[SIZE_MOST]; /* at the start of the step */
        uint8_t cut[SIZE_MOST];    /* after the first cut */
        struct nor nor;
        struct nvs_store_page pages[PAGES_MOST];
        struct nvs_store store;
        struct nvs_store_config cfg;
        struct crypt_xts xts;
        struct step steps[STEPS_MOST];
        unsigned count;
        uint8_t want[VALUE_MOST], got[VALUE_MOST];
        unsigned cuts, second_cuts;
};

static const char *key_name(unsigned key)
{
        static const char *const names[KEYS] = { "a", "b", "c", "d", "e", "f",
                                                 "g", "h", "i", "j", "k", "fifteen_letters" };

        return names[key];
}

static const char *ns_name(unsigned ns)
{
        return ns ? "n1" : "n0";
}

static size_t make_value(uint8_t *out, const struct step *st)
{
        uint32_t x = st->seed * 2654435761u + 1;

        for (unsigned i = 0; i < st->len; i++) {
                x = x * 1664525u + 1013904223u;
                /* runs of FF look like flash that was never written */
                out[i] = st->type == NVS_STR ? (uint8_t)('a' + (x >> 24) % 26)
                         : i / 32 % 3 == 1   ? 0xFF
                                             : (uint8_t)(x >> 24);
        }
        if (st->type == NVS_STR)
                out[st->len] = '\0';
        return st->len + (st->type == NVS_STR);
}

static int mount(struct bench *b)
{
        return nvs_store_mount(&b->store, &b->cfg, NULL);
}

static int run_step(struct bench *b, const struct step *st)
{
        struct nvs_store *s = &b->store;
        const int ns = nvs_store_open(s, ns_name(st->ns), st->what == OPEN);

        if (st->what == OPEN || ns < 0)
                return ns < 0 ? ns : 0;
        if (st->what == ERASE)
                return nvs_store_erase(s, (unsigned)ns, key_name(st->key));
        if (st->what == ERASE_NS)
                return nvs_store_erase_ns(s, (unsigned)ns);
        if (st->type == NVS_U32)
                return nvs_store_set_int(s, (unsigned)ns, key_name(st->key), NVS_U32, st->seed);
        make_value(b->want, st);
        if (st->type == NVS_STR)
                return nvs_store_set_str(s, (unsigned)ns, key_name(st->key), (char *)b->want);
        return nvs_store_set_blob(s, (unsigned)ns, key_name(st->key), b->want, st->len);
}

static void model_step(struct model *m, const struct step *st)
{
        if (st->what == OPEN)
                m->ns[st->ns] = true;
        else if (st->what == SET)
                m->keys[st->ns][st->key] = *st;
        else if (st->what == ERASE)
                m->keys[st->ns][st->key].type = 0;
        else
                memset(m->keys[st->ns], 0, sizeof m->keys[st->ns]);
}

/* Does the store hold exactly this value (type 0: none) for the key? */
static bool holds(struct bench *b, const struct step *want, unsigned ns, unsigned key)
{
        struct nvs_store *s = &b->store;
        const int index = nvs_store_open(s, ns_name(ns), false);
        const int type = index < 0 ? index : nvs_store_type(s, (unsigned)index, key_name(key));
        uint64_t v;
        int rc;

        if (want->type == 0 || type < 0)
                return want->type == 0 && type == -E_NOTFOUND;
        if ((enum nvs_type)type != want->type)
                return false;
        if (type == NVS_U32)
                return nvs_store_get_int(s, (unsigned)index, key_name(key), NVS_U32, &v) == 0 &&
                       v == want->seed;
        rc = type == NVS_STR
                     ? nvs_store_get_str(s, (unsigned)index, key_name(key), (char *)b->got,
                                         sizeof b->got)
                     : nvs_store_get_blob(s, (unsigned)index, key_name(key), b->got, sizeof b->got);
        return rc >= 0 && (size_t)rc == make_value(b->want, want) &&
               memcmp(b->got, b->want, (size_t)rc) == 0;
}

/* Every key is as in old or in new (which differ in the step in flight only), and none appears
 * twice. */
static void check_model(struct bench *b, const struct model *old, const struct model *new)
{
        struct nvs_store_iter it = { 0 };
        struct nvs_store_entry e;
        unsigned seen = 0;
        unsigned listed = 0;

        for (unsigned ns = 0; ns < SPACES; ns++) {
                if (old->ns[ns])
                        assert_true(nvs_store_open(&b->store, ns_name(ns), false) > 0);
                for (unsigned k = 0; k < KEYS; k++) {
                        if (!holds(b, &old->keys[ns][k], ns, k))
                                assert_true(holds(b, &new->keys[ns][k], ns, k));
                        seen += nvs_store_type(
                                        &b->store,
                                        (unsigned)nvs_store_open(&b->store, ns_name(ns), false),
                                        key_name(k)) > 0;
                }
        }
        while (nvs_store_next(&b->store, &it, &e) > 0)
                listed++;
        assert_int_equal(listed, seen);
}

/* Go on after a cut: the step again and a few more, then what a fresh mount shows. */
static void go_on(struct bench *b, const struct model *old, unsigned at)
{
        struct model m = *old;

        for (unsigned i = at; i < b->count && i < at + 3; i++) {
                const int rc = run_step(b, &b->steps[i]);

                /* erased already by the step that was cut */
                assert_true(rc == 0 || (rc == -E_NOTFOUND && b->steps[i].what == ERASE));
                model_step(&m, &b->steps[i]);
        }
        check_model(b, &m, &m);
        assert_int_equal(mount(b), 0);
        check_model(b, &m, &m);
        assert_int_equal(b->nor.violations, 0);
}

static const struct {
        size_t bytes;
        enum nor_torn_erase erase;
} cut_kinds[] = {
        { 0, NOR_ERASE_HEAD },    { 1, NOR_ERASE_HEAD },    { 2, NOR_ERASE_TAIL },
        { 3, NOR_ERASE_RANDOM },  { 4, NOR_ERASE_TAIL },    { 5, NOR_ERASE_RANDOM },
        { 8, NOR_ERASE_HEAD },    { 24, NOR_ERASE_TAIL },   { 28, NOR_ERASE_RANDOM },
        { 31, NOR_ERASE_TAIL },   { 32, NOR_ERASE_HEAD },   { 33, NOR_ERASE_RANDOM },
        { 64, NOR_ERASE_TAIL },   { 97, NOR_ERASE_HEAD },   { 1000, NOR_ERASE_TAIL },
        { 4064, NOR_ERASE_TAIL }, { 4095, NOR_ERASE_HEAD }, { SIZE_MAX, NOR_ERASE_HEAD },
};
#define CUT_KINDS (sizeof cut_kinds / sizeof *cut_kinds)

static void plan_cut(struct bench *b, uint64_t after, size_t kind)
{
        nor_power_on(&b->nor);
        b->nor.cut_at = b->nor.ops + after;
        b->nor.cut_bytes = cut_kinds[kind].bytes;
        b->nor.torn_erase = cut_kinds[kind].erase;
        b->nor.seed = (uint32_t)(after * CUT_KINDS + kind + 1);
}

/* The mount after the cut is cut as well, at each of its operations. */
static void cut_recovery(struct bench *b, const struct model *old, const struct model *new)
{
        memcpy(b->cut, b->mem, sizeof b->mem);
        for (uint64_t op = 0;; op++) {
                bool done = false;

                for (size_t kind = 0; kind < CUT_KINDS && !done; kind += 3) {
                        memcpy(b->mem, b->cut, sizeof b->mem);
                        plan_cut(b, op, kind);
                        done = mount(b) == 0 && !b->nor.off;
                        nor_power_on(&b->nor);
                        if (done)
                                break;
                        b->second_cuts++;
                        assert_int_equal(mount(b), 0);
                        check_model(b, old, new);
                }
                if (done)
                        break;
        }
        memcpy(b->mem, b->cut, sizeof b->mem);
}

/* Returns false when the step has fewer operations than that. */
static bool cut_step(struct bench *b, const struct model *old, const struct model *new, unsigned at,
                     uint64_t op, size_t kind)
{
        memcpy(b->mem, b->before, sizeof b->mem);
        nor_power_on(&b->nor);
        assert_int_equal(mount(b), 0);
        plan_cut(b, op, kind);
        (void)run_step(b, &b->steps[at]);
        if (!b->nor.off)
                return false;
        b->cuts++;
        nor_power_on(&b->nor);
        /* every kind with every ninth operation: all of them would take a minute */
        if (kind % 9 == op % 9)
                cut_recovery(b, old, new);
        assert_int_equal(mount(b), 0);
        check_model(b, old, new);
        go_on(b, old, at);
        return true;
}

static void add(struct bench *b, struct step st)
{
        assert_true(b->count < STEPS_MOST);
        b->steps[b->count++] = st;
}

static void run_all(struct bench *b, uint32_t size, const char *name, unsigned from)
{
        struct model old = { 0 };
        struct model new = { 0 };

        memset(b->mem, 0xFF, sizeof b->mem);
        assert_int_equal(nor_init(&b->nor, b->mem, size, NULL), 0);
        b->cfg.flash = &b->nor.flash;
        b->cfg.pages = b->pages;
        b->cfg.page_count = PAGES_MOST;
        b->cuts = b->second_cuts = 0;
        for (unsigned i = 0; i < b->count; i++) {
                memcpy(b->before, b->mem, sizeof b->mem);
                model_step(&new, &b->steps[i]);
                for (uint64_t op = 0; i >= from; op++) {
                        size_t kind = 0;

                        while (kind < CUT_KINDS && cut_step(b, &old, &new, i, op, kind))
                                kind++;
                        if (kind == 0)
                                break;
                        assert_int_equal(kind, CUT_KINDS);
                }
                memcpy(b->mem, b->before, sizeof b->mem);
                nor_power_on(&b->nor);
                assert_int_equal(mount(b), 0);
                assert_int_equal(run_step(b, &b->steps[i]), 0);
                old = new;
        }
        check_model(b, &old, &old);
        assert_int_equal(b->nor.violations, 0);
        assert_true(b->cuts > 0 && b->second_cuts > 0);
        print_message("%s: %u cuts, %u second cuts during recovery\n", name, b->cuts,
                      b->second_cuts);
        free(b);
}

static struct bench *bench_new(void)
{
        struct bench *b = calloc(1, sizeof *b);

        assert_non_null(b);
        add(b, (struct step){ .what = OPEN, .ns = 0 });
        add(b, (struct step){ .what = OPEN, .ns = 1 });
        return b;
}

#define PUT(k, t, l, s) \
        ((struct step){ .what = SET, .key = (k), .type = (t), .len = (l), .seed = (s) })

static void test_small(void **state)
{
        struct bench *b = bench_new();

        (void)state;
        add(b, PUT(0, NVS_U32, 0, 1));
        add(b, PUT(1, NVS_STR, 5, 1));
        add(b, PUT(2, NVS_BLOB, 100, 1));
        add(b, PUT(0, NVS_U32, 0, 2));
        add(b, PUT(2, NVS_BLOB, 120, 2));
        add(b, PUT(1, NVS_BLOB, 0, 3)); /* other types */
        add(b, PUT(2, NVS_STR, 64, 3));
        add(b, PUT(11, NVS_STR, 0, 3));
        add(b, PUT(0, NVS_BLOB, 31, 4));
        add(b, PUT(0, NVS_U32, 0, 5));
        add(b, (struct step){ .what = ERASE, .key = 1 });
        add(b, (struct step){ .what = ERASE, .key = 2 });
        add(b, (struct step){ .what = ERASE, .key = 0 });
        run_all(b, 0x3000, "small", 0);
}

static void test_turnover(void **state)
{
        struct bench *b = bench_new();

        (void)state;
        add(b, PUT(0, NVS_STR, 8, 1));
        add(b, PUT(2, NVS_BLOB, 200, 1));
        for (uint32_t i = 0; i < 400; i++)
                add(b, PUT(1, NVS_U32, 0, i));
        run_all(b, 0x3000, "turnover", 210);
}

static void test_type_change_over_pages(void **state)
{
        static const enum nvs_type types[] = { NVS_U32, NVS_STR, NVS_BLOB };
        struct bench *b = bench_new();

        (void)state;
        for (uint32_t i = 0; i < 40; i++)
                add(b, PUT(i % 4, types[i % 3], 300 + i * 17, i));
        run_all(b, 0x3000, "type change over pages", 0);
}

static void test_big_blobs(void **state)
{
        struct bench *b = bench_new();

        (void)state;
        add(b, PUT(0, NVS_STR, 30, 1));
        for (uint32_t i = 0; i < 4; i++) {
                add(b, PUT(1, NVS_BLOB, 9000 + 100 * i, i));
                add(b, PUT(2, NVS_U32, 0, i));
                add(b, PUT(3, NVS_BLOB, 3000, i));
        }
        add(b, (struct step){ .what = ERASE, .key = 1 });
        run_all(b, 0x8000, "blobs over pages", 0);
}

static void test_erase_namespace(void **state)
{
        struct bench *b = bench_new();

        (void)state;
        for (uint32_t i = 0; i < 8; i++) {
                struct step st = PUT(i, i % 2 ? NVS_U32 : NVS_BLOB, i * 150, i);

                add(b, st);
                st.ns = 1;
                add(b, st);
        }
        add(b, PUT(9, NVS_BLOB, 5000, 1));
        add(b, (struct step){ .what = ERASE_NS, .ns = 0 });
        add(b, PUT(0, NVS_U32, 0, 7));
        add(b, (struct step){ .what = ERASE_NS, .ns = 1 });
        run_all(b, 0x6000, "erase of a namespace", 10);
}

static void add_random(struct bench *b, unsigned n, uint32_t seed)
{
        static const enum nvs_type types[] = { NVS_U32, NVS_U32, NVS_STR, NVS_BLOB };
        bool there[SPACES][KEYS] = { { 0 } };

        for (unsigned i = 0; i < n; i++) {
                struct step st = { .what = SET, .seed = i };

                seed = seed * 1664525u + 1013904223u;
                st.ns = seed >> 16 & 1;
                st.key = (seed >> 17) % 6;
                st.type = types[seed >> 20 & 3];
                st.len = (seed >> 22) % 600;
                if (there[st.ns][st.key] && seed >> 29 == 0)
                        st.what = ERASE;
                there[st.ns][st.key] = st.what == SET;
                add(b, st);
        }
}

static void test_random(void **state)
{
        struct bench *b = bench_new();

        (void)state;
        add_random(b, 150, 7);
        run_all(b, 0x5000, "random steps", 60);
}

static void test_encrypted(void **state)
{
        struct bench *b = bench_new();
        uint8_t key[CRYPT_XTS_KEY];

        (void)state;
        for (unsigned i = 0; i < sizeof key; i++)
                key[i] = (uint8_t)(i * 5 + 1);
        assert_int_equal(crypt_xts_init(&b->xts, key), 0);
        b->cfg.xts = &b->xts;
        add_random(b, 60, 11);
        run_all(b, 0x4000, "encrypted", 40);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_small),
                cmocka_unit_test(test_turnover),
                cmocka_unit_test(test_type_change_over_pages),
                cmocka_unit_test(test_big_blobs),
                cmocka_unit_test(test_erase_namespace),
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_encrypted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
