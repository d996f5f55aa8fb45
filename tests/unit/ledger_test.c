/* The ledger on SQLite: who gets which identity, what a unit may become, and what is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/err.h"
#include "line/ledger.h"

struct fixture {
        char dir[64];
        char path[96];
        struct ledger *a, *b; /* two stations */
};

static struct ledger *station(const char *path, const char *name, bool create)
{
        const struct ledger_config cfg = {
                .url = path, .station = name, .operator= "ada", .create = create
        };
        struct ledger *l;
        struct diag d = { 0 };

        if (ledger_open(&cfg, &l, &d) < 0)
                fail_msg("%s", d.text);
        return l;
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        strcpy(f->dir, "/tmp/fctry-ledger.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        snprintf(f->path, sizeof f->path, "%s/line.ledger", f->dir);
        f->a = station(f->path, "A", true);
        f->b = station(f->path, "B", false);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        static const char *const behind[] = { "", "-wal", "-shm" };
        struct fixture *f = *state;
        char path[160];

        ledger_close(f->a);
        ledger_close(f->b);
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
                snprintf(path, sizeof path, "%s%s", f->path, behind[i]);
                unlink(path);
        }
        rmdir(f->dir);
        free(f);
        return 0;
}

static void counter(struct ledger *l, int64_t last)
{
        const struct ledger_batch b = {
                .name = "november", .template = "SO-%06u", .first = 17, .last = last
        };

        assert_in_range(ledger_batch_define(l, &b, NULL), 0, 1);
}

static int claim(struct ledger *l, const char *mac, struct ledger_claim *c)
{
        *c = (struct ledger_claim){ .batch = "november", .mac = mac, .slot = "1-2" };
        return ledger_claim(l, c, NULL);
}

/* From claim to the end. */
static void pass(struct ledger *l, struct ledger_unit *u)
{
        assert_int_equal(ledger_step(l, u, LEDGER_MADE, NULL), 0);
        assert_int_equal(ledger_step(l, u, LEDGER_FLASHED, NULL), 0);
        assert_int_equal(ledger_step(l, u, LEDGER_VERIFIED, NULL), 0);
        assert_int_equal(ledger_finish(l, u, NULL, NULL, NULL), 0);
}

static void test_counter(void **state)
{
        struct fixture *f = *state;
        struct ledger_claim c;

        counter(f->a, 18);
        counter(f->b, 18); /* says the same */
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_string_equal(c.unit.serial, "SO-000017");
        assert_false(c.again);
        assert_int_equal(c.unit.attempt, 1);
        assert_int_equal(claim(f->b, "020000000002", &c), 0);
        assert_string_equal(c.unit.serial, "SO-000018");
        assert_string_equal(c.unit.mac, "02:00:00:00:00:02");
        assert_string_equal(c.unit.station, "B");
        assert_int_equal(claim(f->b, "02:00:00:00:00:03", &c), -E_NOTFOUND);
        assert_int_equal(claim(f->a, "02-00-00-00-00-02", &c), 0);
        assert_string_equal(c.unit.serial, "SO-000018");
        assert_true(c.again);
        assert_int_equal(c.unit.attempt, 2);
        assert_int_equal(claim(f->a, "02:00:00:00:00", &c), -E_SYNTAX);
        assert_int_equal(claim(f->a, "02:00:00:00:00:0g", &c), -E_SYNTAX);
}

static void test_batches(void **state)
{
        struct fixture *f = *state;
        const struct ledger_batch other = { .name = "november",
                                            .template = "SO-%05u",
                                            .first = 17 };
        const struct ledger_batch clash = { .name = "clash", .template = "SO-%06u", .first = 17 };
        const struct ledger_batch bad[] = {
                { .name = "x", .template = "SO" },
                { .name = "x", .template = "%u%u" },
                { .name = "x", .template = "%s" },
                { .name = "x", .template = "SO %u" },
                { .name = "", .template = "SO-%u" },
                { .name = "x", .template = "%u", .first = 5, .last = 4 },
                { .name = "x", .template = "%065u" },
        };
        struct ledger_claim c;

        counter(f->a, 0);
        assert_int_equal(ledger_batch_define(f->a, &other, NULL), -E_EXISTS);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_true(ledger_batch_define(f->a, &bad[i], NULL) < 0);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        /* another counter comes to a serial number that is taken: no one gets it */
        assert_int_equal(ledger_batch_define(f->a, &clash, NULL), 0);
        c = (struct ledger_claim){ .batch = "clash", .mac = "02:00:00:00:00:02" };
        assert_int_equal(ledger_claim(f->a, &c, NULL), -E_EXISTS);
        /* a board of another batch keeps its identity, if that is wanted */
        c = (struct ledger_claim){ .batch = "clash", .mac = "02:00:00:00:00:01" };
        assert_int_equal(ledger_claim(f->a, &c, NULL), -E_EXISTS);
        c = (struct ledger_claim){ .batch = "clash",
                                   .mac = "02:00:00:00:00:01",
                                   .any_batch = true };
        assert_int_equal(ledger_claim(f->a, &c, NULL), 0);
        assert_string_equal(c.unit.serial, "SO-000017");
        assert_string_equal(c.unit.batch, "november");
        c = (struct ledger_claim){ .batch = "none", .mac = "02:00:00:00:00:09" };
        assert_int_equal(ledger_claim(f->a, &c, NULL), -E_NOTFOUND);
}

static void test_way_of_a_unit(void **state)
{
        static const uint8_t sum[32] = { 0xab };
        struct fixture *f = *state;
        struct ledger_claim c;
        struct ledger_unit *u = &c.unit;
        struct ledger_unit seen;

        counter(f->a, 0);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_int_equal(ledger_finish(f->a, u, NULL, NULL, NULL), -E_STATE); /* not verified */
        strcpy(u->cert_serial, "4a01");
        assert_int_equal(ledger_phase_add(u, "make", 7), 0);
        assert_int_equal(ledger_step(f->a, u, LEDGER_MADE, NULL), 0);
        assert_int_equal(ledger_image_add(u, "app", sum), 0);
        assert_int_equal(ledger_phase_add(u, "write", 1200), 0);
        assert_int_equal(ledger_step(f->a, u, LEDGER_FLASHED, NULL), 0);
        assert_int_equal(ledger_step(f->a, u, LEDGER_FLASHED, NULL), 0); /* the same again */
        assert_int_equal(ledger_step(f->a, u, LEDGER_MADE, NULL), -E_STATE);
        assert_int_equal(ledger_step(f->a, u, LEDGER_PASSED, NULL), -E_INVAL);
        strcpy(u->firmware, "1.4.0");
        assert_int_equal(ledger_step(f->a, u, LEDGER_VERIFIED, NULL), 0);
        u->cycle_ms = 5200;
        assert_int_equal(ledger_finish(f->a, u, NULL, NULL, NULL), 0);
        assert_int_equal(ledger_finish(f->a, u, NULL, NULL, NULL), 0); /* repeated */
        assert_int_equal(ledger_finish(f->a, u, "link", NULL, NULL), -E_STATE);
        assert_int_equal(ledger_find(f->b, "02:00:00:00:00:01", &seen, NULL), 0);
        assert_int_equal(seen.state, LEDGER_PASSED);
        assert_string_equal(seen.cert_serial, "4a01");
        assert_string_equal(seen.phases, "make=7 write=1200");
        assert_string_equal(seen.firmware, "1.4.0");
        assert_int_equal(strncmp(seen.images, "app=ab00", 8), 0);
        assert_int_equal(seen.cycle_ms, 5200);
        assert_int_equal(strlen(seen.ended_at), 24);
        assert_memory_equal(&seen, u, sizeof seen);
}

static void test_passed_and_rework(void **state)
{
        struct fixture *f = *state;
        struct ledger_claim c;
        struct ledger_unit u;

        counter(f->a, 0);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_int_equal(ledger_rework(f->a, "SO-000017", "no", &u, NULL), -E_STATE);
        pass(f->a, &c.unit);
        assert_int_equal(claim(f->b, "02:00:00:00:00:01", &c), -E_STATE);
        assert_true(c.passed);
        assert_string_equal(c.unit.serial, "SO-000017");
        assert_int_equal(ledger_rework(f->a, "SO-000017", "LED dark", &u, NULL), 0);
        assert_int_equal(ledger_rework(f->a, "SO-000017", "LED dark", &u, NULL), 0);
        assert_int_equal(claim(f->b, "02:00:00:00:00:01", &c), 0);
        assert_true(c.again);
        assert_string_equal(c.unit.serial, "SO-000017");
        assert_int_equal(c.unit.attempt, 2);
        assert_int_equal(ledger_finish(f->b, &c.unit, "selftest", "no\ttoken\xff", NULL), 0);
        assert_string_equal(c.unit.note, "no token?");
        assert_int_equal(claim(f->b, "02:00:00:00:00:01", &c), 0); /* failed: needs no word */
        assert_int_equal(c.unit.attempt, 3);
        assert_string_equal(c.unit.note, "");
        pass(f->b, &c.unit);
        c = (struct ledger_claim){ .batch = "november",
                                   .mac = "02:00:00:00:00:01",
                                   .rework = true };
        assert_int_equal(ledger_claim(f->a, &c, NULL), 0);
        assert_int_equal(c.unit.attempt, 4);
}

/* A station that hung comes back after another one has claimed the unit. */
static void test_stale_attempt(void **state)
{
        struct fixture *f = *state;
        struct ledger_claim a, b;

        counter(f->a, 0);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &a), 0);
        assert_int_equal(claim(f->b, "02:00:00:00:00:01", &b), 0);
        assert_int_equal(ledger_step(f->a, &a.unit, LEDGER_MADE, NULL), -E_STATE);
        assert_int_equal(ledger_finish(f->a, &a.unit, "link", NULL, NULL), -E_STATE);
        pass(f->b, &b.unit);
}

/* The same call again, as after a lost answer: one attempt. */
static void test_token(void **state)
{
        struct fixture *f = *state;
        struct ledger_claim c, other;

        counter(f->a, 0);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_int_equal(ledger_claim(f->a, &c, NULL), 0);
        assert_int_equal(c.unit.attempt, 1);
        assert_string_equal(c.unit.serial, "SO-000017");
        /* meanwhile the board was put into another station: that one's attempt is not ours */
        assert_int_equal(claim(f->b, "02:00:00:00:00:01", &other), 0);
        assert_int_equal(other.unit.attempt, 2);
        assert_int_equal(ledger_claim(f->a, &c, NULL), -E_STATE);
        assert_false(c.passed);
}

static void test_scrap(void **state)
{
        struct fixture *f = *state;
        struct ledger_claim c;
        struct ledger_unit u;

        counter(f->a, 0);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_int_equal(ledger_scrap(f->a, "SO-000017", "burnt", false, &u, NULL), 0);
        assert_int_equal(ledger_scrap(f->a, "SO-000017", "burnt", false, &u, NULL), 1);
        assert_int_equal(u.state, LEDGER_SCRAPPED);
        assert_int_equal(ledger_step(f->a, &c.unit, LEDGER_MADE, NULL), -E_STATE);
        assert_int_equal(ledger_rework(f->a, "SO-000017", "", &u, NULL), -E_STATE);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), -E_STATE); /* the board too */
        assert_false(c.passed);
        /* its board is good after all: another identity, never the burnt one */
        assert_int_equal(ledger_scrap(f->a, "SO-000017", NULL, true, &u, NULL), 1);
        assert_string_equal(u.note, "burnt");
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_string_equal(c.unit.serial, "SO-000018");
        assert_int_equal(ledger_find(f->a, "02:00:00:00:00:01", &u, NULL), 0);
        assert_string_equal(u.serial, "SO-000018");
        assert_int_equal(ledger_revoked(f->a, &u, NULL), 0);
        assert_string_equal(u.cert_state, "revoked");
        assert_int_equal(ledger_scrap(f->a, "SO-999999", NULL, true, &u, NULL), -E_NOTFOUND);
}

static void test_pool(void **state)
{
        static const struct ledger_identity rows[] = {
                { .serial = "P-1", .service = "PROV_1" },
                { .serial = "P-2", .mac = "02:00:00:00:00:22" },
                { .serial = "P-3", .cert_serial = "33", .files = "devices/P-3" },
        };
        static const struct ledger_identity other = { .serial = "P-1", .service = "PROV_2" };
        static const struct ledger_identity twice = { .serial = "P-9", .mac = "020000000022" };
        static const struct ledger_identity bad[] = { { .serial = "P-4" }, { .serial = "P 5" } };
        struct fixture *f = *state;
        struct ledger_import_counts n;
        struct ledger_claim c;
        size_t at;

        assert_int_equal(ledger_import(f->a, "november", rows, 3, &n, &at, NULL), 0);
        assert_int_equal(n.fresh, 3);
        assert_int_equal(ledger_import(f->b, "november", rows, 3, &n, &at, NULL), 0);
        assert_int_equal(n.before, 3);
        assert_int_equal(ledger_import(f->a, "november", &other, 1, &n, &at, NULL), -E_EXISTS);
        assert_int_equal(ledger_import(f->a, "november", &twice, 1, &n, &at, NULL), -E_EXISTS);
        assert_int_equal(ledger_import(f->a, "december", rows, 3, &n, &at, NULL), -E_EXISTS);
        assert_int_equal(ledger_import(f->a, "november", bad, 2, &n, &at, NULL), -E_SYNTAX);
        assert_int_equal(at, 1);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_string_equal(c.unit.serial, "P-1");
        assert_string_equal(c.unit.service, "PROV_1");
        assert_int_equal(claim(f->a, "02:00:00:00:00:03", &c), 0);
        assert_string_equal(c.unit.serial, "P-3"); /* P-2 is another board's */
        assert_string_equal(c.unit.files, "devices/P-3");
        assert_int_equal(claim(f->a, "02:00:00:00:00:04", &c), -E_NOTFOUND);
        assert_int_equal(claim(f->a, "02:00:00:00:00:22", &c), 0);
        assert_string_equal(c.unit.serial, "P-2");
        assert_false(c.again);
}

static int count_unit(void *ctx, const struct ledger_unit *u)
{
        (void)u;
        return ++*(int *)ctx == 5 ? -E_CANCELLED : 0;
}

static int count_event(void *ctx, const struct ledger_event *e)
{
        assert_int_equal(e->seq, ++*(int64_t *)ctx);
        return 0;
}

static void test_lists(void **state)
{
        struct fixture *f = *state;
        struct ledger_filter any = { .state = LEDGER_ANY };
        struct ledger_counts counts;
        struct ledger_claim c;
        int64_t seq = 0;
        int n = 10;

        counter(f->a, 0);
        for (unsigned i = 0; i < 600; i++) { /* more than two pages */
                char mac[LEDGER_MAC_LEN];

                snprintf(mac, sizeof mac, "0200000%05x", i);
                assert_int_equal(claim(i & 1 ? f->a : f->b, mac, &c), 0);
        }
        assert_int_equal(ledger_finish(f->b, &c.unit, "verify", NULL, NULL), 0);
        assert_int_equal(ledger_each(f->a, &any, count_unit, &n, NULL), 600);
        assert_int_equal(n, 610);
        n = 0;
        assert_int_equal(ledger_each(f->a, &any, count_unit, &n, NULL), -E_CANCELLED);
        any.limit = 300;
        n = 10;
        assert_int_equal(ledger_each(f->a, &any, count_unit, &n, NULL), 300);
        any.station = "A";
        any.limit = 0;
        any.newest_first = true;
        assert_int_equal(ledger_each(f->a, &any, count_unit, &n, NULL), 300);
        any.state = LEDGER_FAILED;
        assert_int_equal(ledger_each(f->a, &any, count_unit, &n, NULL), 1);
        any.failure = "link";
        assert_int_equal(ledger_each(f->a, &any, count_unit, &n, NULL), 0);
        any.failure = "verify";
        any.since = "9999";
        assert_int_equal(ledger_each(f->a, &any, count_unit, &n, NULL), 0);
        assert_int_equal(ledger_count(f->a, "november", &counts, NULL), 0);
        assert_int_equal(counts.state[LEDGER_RESERVED], 599);
        assert_int_equal(counts.state[LEDGER_FAILED], 1);
        assert_int_equal(ledger_count(f->a, "other", &counts, NULL), 0);
        assert_int_equal(counts.state[LEDGER_RESERVED], 0);
        assert_int_equal(ledger_events(f->a, NULL, count_event, &seq, NULL), 602);
}

/* One attempt of a board in a slot; failure NULL: it passes after so many milliseconds. */
static void attempt(struct ledger *l, const char *mac, const char *slot, const char *failure,
                    int64_t ms)
{
        struct ledger_claim c = { .batch = "november", .mac = mac, .slot = slot };

        assert_int_equal(ledger_claim(l, &c, NULL), 0);
        c.unit.cycle_ms = ms;
        if (failure)
                assert_int_equal(ledger_finish(l, &c.unit, failure, NULL, NULL), 0);
        else
                pass(l, &c.unit);
}

static void test_report(void **state)
{
        struct fixture *f = *state;
        struct ledger_report r;
        struct ledger_unit u;
        char mac[LEDGER_MAC_LEN];

        counter(f->a, 0);
        assert_int_equal(ledger_report(f->a, NULL, NULL, NULL, &r, NULL), 0); /* nothing yet */
        assert_int_equal(r.units, 0);
        ledger_report_free(&r);
        for (unsigned i = 1; i <= 20; i++) { /* 100 … 2000 ms */
                snprintf(mac, sizeof mac, "0200000000%02x", i);
                attempt(f->a, mac, "one", NULL, 100 * (int64_t)i);
        }
        attempt(f->b, "02:00:00:00:01:01", "two", "link", 50); /* passes the second time */
        attempt(f->b, "02:00:00:00:01:01", "two", NULL, 3000);
        attempt(f->b, "02:00:00:00:01:02", "two", "verify", 70); /* never */
        attempt(f->b, "02:00:00:00:01:02", "two", "link", 70);
        attempt(f->b, "02:00:00:00:01:03", "two", NULL, 1000); /* passed, then scrapped */
        assert_int_equal(ledger_find(f->a, "02:00:00:00:01:03", &u, NULL), 0);
        assert_int_equal(ledger_scrap(f->a, u.serial, NULL, false, &u, NULL), 0);
        assert_int_equal(claim(f->a, "02:00:00:00:01:04", &(struct ledger_claim){ 0 }),
                         0); /* open */

        assert_int_equal(ledger_report(f->a, "november", NULL, NULL, &r, NULL), 0);
        assert_int_equal(r.units, 23);
        assert_int_equal(r.passed, 21);
        assert_int_equal(r.first_passed, 21);
        assert_int_equal(r.attempts, 25);
        assert_int_equal(r.slot_count, 2);
        assert_string_equal(r.slots[0].slot, "one");
        assert_int_equal(r.slots[0].passed, 20);
        assert_int_equal(r.slots[0].median_ms, 1000);
        assert_int_equal(r.slots[0].p95_ms, 1900);
        assert_int_equal(r.slots[1].failed, 3);
        assert_int_equal(r.slots[1].median_ms, 1000);
        assert_int_equal(r.slots[1].p95_ms, 3000);
        assert_int_equal(r.class_count, 2);
        assert_string_equal(r.classes[0].name, "link");
        assert_int_equal(r.classes[0].attempts, 2);
        ledger_report_free(&r);
        assert_int_equal(ledger_report(f->a, "other", NULL, NULL, &r, NULL), 0);
        assert_int_equal(r.units, 0);
        ledger_report_free(&r);
        assert_int_equal(ledger_report(f->a, NULL, "9999", NULL, &r, NULL), 0);
        assert_int_equal(r.attempts, 0);
        ledger_report_free(&r);
        assert_int_equal(ledger_report(f->a, NULL, "2000", "9999", &r, NULL), 0);
        assert_int_equal(r.attempts, 25);
        ledger_report_free(&r);
}

struct worker {
        struct ledger *l;
        unsigned from;
        pthread_t thread;
};

static void *work(void *arg)
{
        struct worker *w = arg;

        for (unsigned i = w->from; i < w->from + 25; i++) {
                char mac[LEDGER_MAC_LEN];
                struct ledger_claim c = { .batch = "november", .mac = mac };

                snprintf(mac, sizeof mac, "0200000000%02x", i);
                if (ledger_claim(w->l, &c, NULL) < 0 ||
                    ledger_step(w->l, &c.unit, LEDGER_VERIFIED, NULL) < 0 ||
                    ledger_finish(w->l, &c.unit, NULL, NULL, NULL) < 0)
                        return w;
        }
        return NULL;
}

/* Slots are threads that share a handle. */
static void test_threads(void **state)
{
        struct fixture *f = *state;
        struct worker w[4];
        struct ledger_verdict v;
        struct ledger_counts n;

        counter(f->a, 116); /* just enough */
        for (unsigned i = 0; i < 4; i++) {
                w[i] = (struct worker){ .l = i & 1 ? f->a : f->b, .from = 25 * i };
                assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
        }
        for (unsigned i = 0; i < 4; i++) {
                void *bad;

                pthread_join(w[i].thread, &bad);
                assert_null(bad);
        }
        assert_int_equal(ledger_count(f->a, NULL, &n, NULL), 0);
        assert_int_equal(n.state[LEDGER_PASSED], 100);
        assert_int_equal(ledger_verify(f->a, NULL, NULL, NULL, &v, NULL), 0);
        assert_int_equal(v.events, 301);
}

/* A batch's own time instead of the clock's. */
static void test_batch_time(void **state)
{
        struct fixture *f = *state;
        const struct ledger_config cfg = { .url = f->path, .batch_time = 1795856400 };
        char last[LEDGER_TIME_LEN];
        struct ledger_claim c;
        struct ledger *l;

        assert_int_equal(ledger_open(&cfg, &l, NULL), 0);
        counter(l, 0);
        assert_int_equal(claim(l, "02:00:00:00:00:01", &c), 0);
        assert_string_equal(c.unit.claimed_at, "2026-11-28T09:00:00.000Z");
        assert_int_equal(ledger_latest(l, last, NULL), 0);
        assert_string_equal(last, "2026-11-28T09:00:00.000Z");
        ledger_close(l);
}

static void test_limits(void **state)
{
        struct fixture *f = *state;
        char serial[LEDGER_SERIAL_MAX + 1];
        char words[LEDGER_NOTE_MAX + 10];
        struct ledger_identity id = { .serial = serial };
        struct ledger_import_counts n;
        struct ledger_claim c;

        memset(serial, 'S', sizeof serial);
        serial[LEDGER_SERIAL_MAX] = 0;
        assert_int_equal(ledger_import(f->a, "november", &id, 1, &n, NULL, NULL), -E_RANGE);
        serial[LEDGER_SERIAL_MAX - 1] = 0;
        assert_int_equal(ledger_import(f->a, "november", &id, 1, &n, NULL, NULL), 0);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_string_equal(c.unit.serial, serial);
        /* cut between characters of two bytes, not inside one */
        for (size_t i = 0; i + 2 < sizeof words; i += 2)
                memcpy(words + i, "\xc3\xa4", 2);
        words[sizeof words - 2] = 0;
        assert_int_equal(ledger_finish(f->a, &c.unit, "x", words, NULL), 0);
        assert_int_equal(strlen(c.unit.note), LEDGER_NOTE_MAX - 2);
        assert_int_equal(ledger_finish(f->a, &c.unit, "", words, NULL), -E_INVAL);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        memset(c.unit.firmware, 'f', sizeof c.unit.firmware - 1);
        assert_int_equal(ledger_step(f->a, &c.unit, LEDGER_MADE, NULL), 0);
        strcpy(c.unit.firmware, "1\n2");
        assert_int_equal(ledger_step(f->a, &c.unit, LEDGER_FLASHED, NULL), -E_SYNTAX);
        /* zero rows make the batch, no more */
        assert_int_equal(ledger_import(f->a, "empty", NULL, 0, &n, NULL, NULL), 0);
        assert_int_equal(n.fresh, 0);
}

static void test_open(void **state)
{
        struct fixture *f = *state;
        struct ledger_config cfg = { .url = f->path, .read_only = true };
        struct ledger_claim c;
        struct ledger_unit u;
        struct ledger *l;

        counter(f->a, 0);
        assert_int_equal(claim(f->a, "02:00:00:00:00:01", &c), 0);
        assert_int_equal(ledger_open(&cfg, &l, NULL), 0);
        assert_int_equal(ledger_find(l, "SO-000017", &u, NULL), 0);
        assert_int_equal(claim(l, "02:00:00:00:00:02", &c), -E_PERM);
        assert_int_equal(ledger_ping(l, NULL), -E_PERM);
        assert_int_equal(ledger_ping(f->a, NULL), 0);
        ledger_close(l);
        cfg.url = "/nonexistent/x";
        assert_int_equal(ledger_open(&cfg, &l, NULL), -E_NOTFOUND);
        cfg.url = "mysql://x";
        assert_int_equal(ledger_open(&cfg, &l, NULL), -E_SYNTAX);
        cfg.url = "/etc/passwd";
        assert_int_equal(ledger_open(&cfg, &l, NULL), -E_FORMAT);
        cfg.url = f->path;
        cfg.station = "a\nb";
        assert_int_equal(ledger_open(&cfg, &l, NULL), -E_SYNTAX);
}

static int clash(struct ledger *l, const char *name, const char *template, int64_t first,
                 int64_t last, struct diag *d)
{
        const struct ledger_batch b = {
                .name = name, .template = template, .first = first, .last = last
        };

        *d = (struct diag){ 0 };
        return ledger_batch_clash(l, &b, d);
}

/* What another batch has, or comes to, is found before the first unit. */
static void test_clash(void **state)
{
        struct fixture *f = *state;
        static const char *const list[] = { "A-1", "SO-000020", "SO-000018", "SO-000017" };
        const struct ledger_identity pool[] = { { .serial = "SO-000300" }, { .serial = "X-5" } };
        struct ledger_import_counts counts;
        struct ledger_claim c;
        struct diag d = { 0 };

        assert_int_equal(clash(f->a, "one", "SO-%06u", 1, 1000, &d), 0); /* an empty ledger */
        counter(f->a, 99);
        assert_int_equal(claim(f->a, "020000000001", &c), 0);
        assert_int_equal(claim(f->a, "020000000002", &c), 0);
        /* its own numbers are no clash, nor is it with another range */
        assert_int_equal(clash(f->a, "november", "SO-%06u", 17, 99, &d), 0);
        assert_int_equal(clash(f->a, "november", "SO-%06u", 1, 99, &d), -E_EXISTS);
        /* begun again at 1: the first that is taken */
        assert_int_equal(clash(f->b, "december", "SO-%06u", 1, 1000, &d), -E_EXISTS);
        assert_non_null(strstr(d.text, "would give SO-000017, which batch november has"));
        assert_int_equal(clash(f->b, "december", "SO-%06u", 18, 0, &d), -E_EXISTS);
        assert_non_null(strstr(d.text, "SO-000018, which batch november has"));
        /* what it comes to only */
        assert_int_equal(clash(f->b, "december", "SO-%06u", 50, 1000, &d), -E_EXISTS);
        assert_non_null(strstr(d.text, "SO-000050, which batch november comes to"));
        assert_int_equal(clash(f->b, "december", "SO-%06u", 1, 16, &d), 0);
        assert_int_equal(clash(f->b, "december", "SO-%06u", 100, 0, &d), 0);
        assert_int_equal(clash(f->b, "december", "SP-%06u", 1, 0, &d), 0);
        /* another template that makes the same text */
        assert_int_equal(clash(f->b, "december", "SO-0000%u", 10, 30, &d), -E_EXISTS);
        assert_non_null(strstr(d.text, "SO-000017"));
        /* a list: the first in its order */
        d = (struct diag){ 0 };
        assert_int_equal(ledger_list_clash(f->b, "list", list, 4, &d), -E_EXISTS);
        assert_non_null(strstr(d.text, "SO-000020, which batch november comes to"));
        d = (struct diag){ 0 };
        assert_int_equal(ledger_list_clash(f->b, "list", list + 2, 2, &d), -E_EXISTS);
        assert_non_null(strstr(d.text, "SO-000018, which batch november has"));
        assert_int_equal(ledger_list_clash(f->b, "list", list, 1, &d), 0);
        assert_int_equal(ledger_list_clash(f->b, "list", list, 0, &d), 0);
        /* free identities of a pool are somebody's too */
        assert_int_equal(ledger_import(f->b, "pool", pool, 2, &counts, NULL, &d), 0);
        assert_int_equal(clash(f->b, "december", "SO-%06u", 200, 400, &d), -E_EXISTS);
        assert_non_null(strstr(d.text, "SO-000300, which batch pool has"));
        assert_int_equal(clash(f->b, "pool", "SO-%06u", 1, 2, &d), -E_EXISTS);
}

static void test_texts(void **state)
{
        struct ledger_unit u = { 0 };
        uint8_t sum[32] = { 1 };
        char label[32];
        int rc = 0;

        (void)state;
        assert_int_equal(ledger_phase_add(&u, "a b", 1), -E_SYNTAX);
        assert_int_equal(ledger_phase_add(&u, "", 1), -E_SYNTAX);
        assert_int_equal(ledger_phase_add(&u, "one", 1), 0);
        assert_int_equal(ledger_phase_add(&u, "two", 2), 0);
        assert_int_equal(ledger_phase_add(&u, "two", 3), 0);
        assert_string_equal(u.phases, "one=1 two=3");
        assert_int_equal(ledger_phase_add(&u, "one", 4), 0);
        assert_string_equal(u.phases, "two=3 one=4");
        for (unsigned i = 0; i < 100 && rc == 0; i++) {
                snprintf(label, sizeof label, "part%u", i);
                rc = ledger_image_add(&u, label, sum);
        }
        assert_int_equal(rc, -E_NOSPACE);
        assert_true(strlen(u.images) < sizeof u.images);
        assert_int_equal(ledger_state_of("passed"), LEDGER_PASSED);
        assert_int_equal(ledger_state_of("pass"), -1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_counter),
                CASE(test_batches),
                CASE(test_clash),
                CASE(test_way_of_a_unit),
                CASE(test_passed_and_rework),
                CASE(test_stale_attempt),
                CASE(test_token),
                CASE(test_scrap),
                CASE(test_pool),
                CASE(test_lists),
                CASE(test_report),
                CASE(test_threads),
                CASE(test_batch_time),
                CASE(test_limits),
                CASE(test_open),
                cmocka_unit_test(test_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
