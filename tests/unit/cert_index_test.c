/* The index: two handles in one process hold their locks apart, as two processes do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/cert_index.h"

struct fixture {
        char dir[64];
        char path[96];
        struct cert_index *a, *b;
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        strcpy(f->dir, "/tmp/fctry-index.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        snprintf(f->path, sizeof f->path, "%s/index.sqlite", f->dir);
        assert_int_equal(cert_index_open(f->path, INDEX_MAKE, &f->a, NULL), 0);
        assert_int_equal(cert_index_open(f->path, INDEX_WRITE, &f->b, NULL), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        static const char *const files[] = { "index.sqlite", "index.sqlite-wal", "index.sqlite-shm",
                                             "index.sqlite.lock" };
        struct fixture *f = *state;
        char path[160];

        cert_index_close(f->a);
        cert_index_close(f->b);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
                snprintf(path, sizeof path, "%s/%s", f->dir, files[i]);
                unlink(path);
        }
        rmdir(f->dir);
        free(f);
        return 0;
}

static enum claim_state claim(struct cert_index *ix, const char *cn, bool reissue,
                              struct cert_claim *c)
{
        *c = (struct cert_claim){ .cn = cn, .state = CLAIM_BUSY };
        assert_int_equal(cert_index_claim(ix, c, 1, reissue, NULL), 0);
        return c->state;
}

static int record(struct cert_index *ix, const struct cert_claim *c, uint8_t key)
{
        uint8_t id[KEY_ID_LEN];
        const struct blob cert = { (uint8_t *)"certificate", 11 };
        struct cert_record r = { c->row, id, &cert, 1, "/there" };

        memset(id, key, sizeof id);
        return cert_index_record(ix, &r, 1, NULL);
}

static void test_claim_record_ask_again(void **state)
{
        struct fixture *f = *state;
        struct cert_claim c, again;

        assert_int_equal(claim(f->a, "SO-1", false, &c), CLAIM_MINE);
        assert_int_equal(c.serial[0] & 0xc0, 0x40);
        assert_int_equal(record(f->a, &c, 1), 0);
        assert_int_equal(cert_index_settle(f->a, NULL), 0);
        assert_int_equal(claim(f->b, "SO-1", false, &again), CLAIM_ISSUED);
        assert_memory_equal(again.serial, c.serial, sizeof c.serial);
        assert_int_equal(again.cert.len, 11);
        assert_string_equal(again.folder, "/there");
        assert_int_equal(again.key_id[31], 1);
        cert_claim_clear(&again);
}

static void test_busy_then_taken_over(void **state)
{
        struct fixture *f = *state;
        struct cert_claim c, other;

        assert_int_equal(claim(f->a, "SO-2", false, &c), CLAIM_MINE);
        assert_int_equal(claim(f->b, "SO-2", false, &other), CLAIM_BUSY);
        cert_index_close(f->a); /* as a kill does: the kernel lets its lock go */
        f->a = NULL;
        assert_int_equal(claim(f->b, "SO-2", false, &other), CLAIM_RESUME);
        assert_memory_equal(other.serial, c.serial, sizeof c.serial);
        assert_int_equal(record(f->b, &other, 2), 0);
}

/* Recorded, but never settled: good while its maker lives, to be looked at when it is gone. */
static void test_unsettled(void **state)
{
        struct fixture *f = *state;
        struct cert_claim c, other;

        assert_int_equal(claim(f->a, "SO-3", false, &c), CLAIM_MINE);
        assert_int_equal(record(f->a, &c, 3), 0);
        assert_int_equal(claim(f->b, "SO-3", false, &other), CLAIM_ISSUED);
        cert_claim_clear(&other);
        cert_index_close(f->a);
        f->a = NULL;
        assert_int_equal(claim(f->b, "SO-3", false, &other), CLAIM_RESUME);
        assert_memory_equal(other.serial, c.serial, sizeof c.serial);
        assert_int_equal(record(f->b, &other, 3), 0);
        assert_int_equal(cert_index_settle(f->b, NULL), 0);
}

static int count_one(void *ctx, const struct cert_entry *e)
{
        (void)e;
        ++*(int *)ctx;
        return 0;
}

/* Not in the lists until it is settled; but what is revoked is in the revocation list in any case.
 */
static void test_revoke_unsettled(void **state)
{
        struct fixture *f = *state;
        struct cert_claim c;
        int n = 0;

        assert_int_equal(claim(f->a, "U-1", false, &c), CLAIM_MINE);
        assert_int_equal(record(f->a, &c, 7), 0);
        assert_int_equal(cert_index_each(f->a, false, count_one, &n, NULL), 0);
        assert_int_equal(n, 0);
        assert_int_equal(cert_index_revoke(f->a, "U-1", 1, NULL, NULL), 0);
        assert_int_equal(cert_index_each(f->a, true, count_one, &n, NULL), 0);
        assert_int_equal(n, 1);
}

static void test_key_once(void **state)
{
        struct fixture *f = *state;
        struct cert_claim c, d;
        char *cn = NULL;
        uint8_t id[KEY_ID_LEN];

        assert_int_equal(claim(f->a, "K-1", false, &c), CLAIM_MINE);
        assert_int_equal(record(f->a, &c, 9), 0);
        assert_int_equal(claim(f->b, "K-2", false, &d), CLAIM_MINE);
        assert_int_equal(record(f->b, &d, 9), -E_EXISTS);
        memset(id, 9, sizeof id);
        assert_int_equal(cert_index_by_key(f->b, id, &cn, NULL), 0);
        assert_string_equal(cn, "K-1");
        free(cn);
        memset(id, 8, sizeof id);
        assert_int_equal(cert_index_by_key(f->b, id, &cn, NULL), 0);
        assert_null(cn);
}

static void test_twice_in_one_group(void **state)
{
        struct fixture *f = *state;
        struct cert_claim c[2] = { { .cn = "T-1", .state = CLAIM_BUSY },
                                   { .cn = "T-1", .state = CLAIM_BUSY } };
        struct cert_counts n;

        assert_int_equal(cert_index_claim(f->a, c, 2, false, NULL), -E_EXISTS);
        assert_int_equal(cert_index_count(f->a, &n, NULL), 0);
        assert_int_equal(n.claimed, 0); /* the whole transaction was given up */
}

static void test_release(void **state)
{
        struct fixture *f = *state;
        struct cert_claim c, d;

        assert_int_equal(claim(f->a, "R-1", false, &c), CLAIM_MINE);
        assert_int_equal(cert_index_release(f->a, &c, 1, NULL), 0);
        assert_int_equal(claim(f->b, "R-1", false, &d), CLAIM_MINE);
        /* another one's claim cannot be recorded or released */
        assert_int_equal(record(f->a, &d, 5), -E_BUG);
        assert_int_equal(cert_index_release(f->a, &d, 1, NULL), 0);
        assert_int_equal(record(f->b, &d, 5), 0);
}

static void test_reissue_revoke_list(void **state)
{
        struct fixture *f = *state;
        struct cert_claim c, d;
        char serial[CERT_SERIAL_TEXT], hex[CERT_SERIAL_TEXT];
        uint64_t first, second;
        int n = 0;

        assert_int_equal(claim(f->a, "V-1", false, &c), CLAIM_MINE);
        assert_int_equal(record(f->a, &c, 1), 0);
        assert_int_equal(cert_index_settle(f->a, NULL), 0);
        assert_int_equal(claim(f->a, "V-1", true, &d), CLAIM_MINE);
        assert_memory_not_equal(d.serial, c.serial, sizeof c.serial);
        assert_int_equal(record(f->a, &d, 2), 0);
        hex_encode(c.serial, sizeof c.serial, hex);
        assert_int_equal(cert_index_state(f->b, hex, NULL), 2);
        assert_int_equal(cert_index_state(f->b, "V-1", NULL), 1);
        assert_int_equal(cert_index_revoke(f->b, "V-1", 1, serial, NULL), 0);
        hex_encode(d.serial, sizeof d.serial, hex);
        assert_string_equal(serial, hex);
        assert_int_equal(cert_index_revoke(f->b, hex, 1, NULL, NULL), 1);
        /* taken back by hand: no other one without saying so */
        c = (struct cert_claim){ .cn = "V-1", .state = CLAIM_BUSY };
        assert_int_equal(cert_index_claim(f->a, &c, 1, false, NULL), -E_EXISTS);
        assert_int_equal(cert_index_revoke(f->b, "V-9", 1, NULL, NULL), -E_NOTFOUND);
        assert_int_equal(cert_index_each(f->b, true, count_one, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_int_equal(cert_index_next_crl(f->a, &first, NULL), 0);
        assert_int_equal(cert_index_next_crl(f->b, &second, NULL), 0);
        assert_true(second == first + 1);
}

static void test_not_an_index(void **state)
{
        struct fixture *f = *state;
        struct cert_index *ix;
        struct diag d = { 0 };
        char path[120];
        FILE *out;

        snprintf(path, sizeof path, "%s/nothing", f->dir);
        assert_int_equal(cert_index_open(path, INDEX_WRITE, &ix, &d), -E_NOTFOUND);
        assert_null(ix);
        snprintf(path, sizeof path, "%s/text", f->dir);
        out = fopen(path, "w");
        for (int i = 0; i < 100; i++)
                fputs("this is not a database, whatever its name says\n", out);
        fclose(out);
        d = (struct diag){ 0 };
        assert_int_equal(cert_index_open(path, INDEX_MAKE, &ix, &d), -E_FORMAT);
        unlink(path);
}

static int keep_plan(void *ctx, int n, char **cols, char **names)
{
        (void)names;
        snprintf(ctx, 160, "%s", cols[n - 1]);
        return 0;
}

/* A name's rows are found by an index, also in a file that was made before there was one for them.
 */
static void test_no_scan(void **state)
{
        struct fixture *f = *state;
        struct cert_index *ix;
        sqlite3 *db;
        char plan[160] = "";

        for (int round = 0; round < 2; round++) {
                assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
                assert_int_equal(sqlite3_exec(db,
                                              "EXPLAIN QUERY PLAN SELECT reason FROM cert"
                                              " WHERE cn = 'x' AND state = 2"
                                              " ORDER BY id DESC LIMIT 1",
                                              keep_plan, plan, NULL),
                                 SQLITE_OK);
                assert_non_null(strstr(plan, "USING INDEX dead_cn"));
                if (round == 0)
                        assert_int_equal(sqlite3_exec(db,
                                                      "DROP INDEX dead_cn;"
                                                      "PRAGMA user_version = 1",
                                                      NULL, NULL, NULL),
                                         SQLITE_OK);
                sqlite3_close(db);
                if (round == 0) {
                        assert_int_equal(cert_index_open(f->path, INDEX_WRITE, &ix, NULL), 0);
                        cert_index_close(ix);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_claim_record_ask_again, setup, teardown),
                cmocka_unit_test_setup_teardown(test_busy_then_taken_over, setup, teardown),
                cmocka_unit_test_setup_teardown(test_unsettled, setup, teardown),
                cmocka_unit_test_setup_teardown(test_revoke_unsettled, setup, teardown),
                cmocka_unit_test_setup_teardown(test_key_once, setup, teardown),
                cmocka_unit_test_setup_teardown(test_twice_in_one_group, setup, teardown),
                cmocka_unit_test_setup_teardown(test_release, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reissue_revoke_list, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_an_index, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_scan, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
