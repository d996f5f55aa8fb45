/* lib/host: option tables, atomic files, thread pool, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "host/file.h"
#include "host/json.h"
#include "host/opt.h"
#include "host/pool.h"

static void test_numbers(void **state)
{
        static const struct {
                const char *text;
                int rc;
                uint64_t value;
        } rows[] = {
                { "0", 0, 0 },
                { "24576", 0, 24576 },
                { "0x6000", 0, 24576 },
                { "0X6000", 0, 24576 },
                { "24K", 0, 24576 },
                { "24k", 0, 24576 },
                { "24KB", 0, 24576 },
                { "24KiB", 0, 24576 },
                { "0x18K", 0, 24576 },
                { "4M", 0, 4u << 20 },
                { "16G", 0, (uint64_t)16 << 30 },
                { "0b110", 0, 6 },
                { "0o17", 0, 15 },
                { "1_000", 0, 1000 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "18446744073709551616", -E_RANGE, 0 },
                { "18014398509481984K", -E_RANGE, 0 },
                { "", -E_SYNTAX, 0 },
                { "K", -E_SYNTAX, 0 },
                { "0x", -E_SYNTAX, 0 },
                { "12Q", -E_SYNTAX, 0 },
                { "12K7", -E_SYNTAX, 0 },
                { "-1", -E_SYNTAX, 0 },
                { " 1", -E_SYNTAX, 0 },
                { "1__0", -E_SYNTAX, 0 },
                { "1_", -E_SYNTAX, 0 },
                { "0b2", -E_SYNTAX, 0 },
        };
        int64_t i;

        (void)state;
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
                uint64_t v = 0;

                if (parse_size(rows[k].text, &v) != rows[k].rc || v != rows[k].value)
                        fail_msg("parse_size(\"%s\") = %llu", rows[k].text, (unsigned long long)v);
        }
        assert_int_equal(parse_int("-9223372036854775808", &i), 0);
        assert_true(i == INT64_MIN);
        assert_int_equal(parse_int("-9223372036854775809", &i), -E_RANGE);
        assert_int_equal(parse_int("9223372036854775808", &i), -E_RANGE);
        assert_int_equal(parse_int("-0x10", &i), 0);
        assert_true(i == -16);
}

/* A tool with everything, and what its command saw. */
static bool flag, force;
static const char *name, *pair[2];
static struct opt_list list;
static uint64_t size;
static int64_t number;
static int ran, seen_argc;
static char seen[256];

static int run_it(int argc, char **argv)
{
        ran++;
        seen_argc = argc;
        seen[0] = 0;
        for (int i = 0; i < argc; i++) {
                strncat(seen, argv[i], sizeof seen - strlen(seen) - 1);
                strncat(seen, ";", sizeof seen - strlen(seen) - 1);
        }
        return STATUS_DONE;
}

static const struct opt global_options[] = {
        { 'f', "force", OPT_FLAG, &force, NULL, "do it", 0 },
        { 0 },
};
static const struct opt options[] = {
        { 'x', "flag", OPT_FLAG, &flag, NULL, "a flag", 0 },
        { 'n', "name|old-name", OPT_STR, &name, "NAME", "a name", 0 },
        { 0, "prefix_num", OPT_STR, pair, "START LEN", "two values", 2 },
        { 'l', "list", OPT_LIST, &list, "ITEM", "many", 0 },
        { 's', "size", OPT_SIZE, &size, "SIZE", "a size", 0 },
        { 'i', "number", OPT_INT, &number, "N", "a number", 0 },
        { 0 },
};
static const struct command commands[] = {
        { "generate-key|genkey", "OUT", "makes a key", options, 1, 2, run_it, NULL },
        { 0 },
};
static const struct command fallback = { "", "IN OUT", "makes an image", options,
                                         1,  -1,       run_it,           NULL };
static const struct tool tool = { "tool", "a tool", global_options, commands, &fallback, NULL };

/*
 * tool_main closes stdout, as it must; a copy is put back after each call. Words go to /dev/null.
 */
static int call(const char *line)
{
        static char *copy; /* what the options point to, until the next call */
        char *argv[32] = { (char *)"tool" };
        int argc = 1;
        const int out = dup(STDOUT_FILENO);
        const int err = dup(STDERR_FILENO);
        int status;

        free(copy);
        copy = strdup(line);
        for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
                argv[argc++] = p;
        flag = force = false;
        name = pair[0] = pair[1] = NULL;
        free(list.items);
        list = (struct opt_list){ 0 };
        size = 0;
        number = 0;
        ran = 0;
        fflush(stdout);
        assert_non_null(freopen("/dev/null", "w", stdout));
        assert_non_null(freopen("/dev/null", "w", stderr));
        status = tool_main(&tool, argc, argv);
        fflush(stderr);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        stdout = fdopen(dup(out), "w");
        close(out);
        close(err);
        return status;
}

static void test_options(void **state)
{
        (void)state;
        assert_int_equal(call("generate-key a -x --name=N -l 1 -l2 --list 3 -s 24K -i -5 b"),
                         STATUS_DONE);
        assert_int_equal(ran, 1);
        assert_string_equal(seen, "a;b;");
        assert_true(flag);
        assert_string_equal(name, "N");
        assert_int_equal(list.count, 3);
        assert_string_equal(list.items[1], "2");
        assert_int_equal(size, 24576);
        assert_int_equal(number, -5);

        /* dashes and underscores, other spellings, beginnings, global options on either side */
        assert_int_equal(call("generate_key a --prefix-num 1 3 --old_name Q -f"), STATUS_DONE);
        assert_string_equal(pair[0], "1");
        assert_string_equal(pair[1], "3");
        assert_string_equal(name, "Q");
        assert_true(force);
        assert_int_equal(call("-f genkey a --pre 7 9"), STATUS_DONE);
        assert_true(force);
        assert_string_equal(pair[1], "9");

        /* no command's name: the fallback takes the line, also with options first */
        assert_int_equal(call("in.csv out.bin -x"), STATUS_DONE);
        assert_string_equal(seen, "in.csv;out.bin;");
        assert_int_equal(call("--size 0x6000 in.csv out.bin"), STATUS_DONE);
        assert_int_equal(size, 0x6000);
        assert_int_equal(call("a -- -x --name"), STATUS_DONE);
        assert_string_equal(seen, "a;-x;--name;");
        assert_false(flag);
        assert_int_equal(call("a -"), STATUS_DONE);
        assert_string_equal(seen, "a;-;");
        assert_int_equal(call("a -5"), STATUS_DONE);
        assert_string_equal(seen, "a;-5;");
}

static void test_options_wrong(void **state)
{
        static const char *const lines[] = {
                "generate-key",
                "generate-key a b c",
                "generate-key a --bogus",
                "generate-key a -z",
                "generate-key a --name",
                "generate-key a --n x", /* name or number */
                "generate-key a --size 12Q",
                "generate-key a --number x",
                "generate-key a --prefix_num 1",
                "generate-key a --flag=1",
                "",
        };

        (void)state;
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
                if (call(lines[i]) != STATUS_USAGE)
                        fail_msg("\"%s\" was accepted", lines[i]);
                assert_int_equal(ran, 0);
        }
        assert_int_equal(call("generate-key --help"), STATUS_DONE);
        assert_int_equal(call("--version"), STATUS_DONE);
        assert_int_equal(call("--completion bash"), STATUS_DONE);
        assert_int_equal(ran, 0);
}

static char dir[] = "/tmp/fctry-host-test.XXXXXX";

static unsigned count_files(void)
{
        DIR *dp = opendir(dir);
        unsigned n = 0;

        for (struct dirent *e; (e = readdir(dp));)
                n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
        closedir(dp);
        return n;
}

static char *in_dir(const char *leaf)
{
        static char path[2][128];
        static int turn;

        turn = !turn;
        snprintf(path[turn], sizeof path[turn], "%s/%s", dir, leaf);
        return path[turn];
}

static void test_file_save(void **state)
{
        struct diag d = { 0 };
        struct blob b;
        struct stat st;

        (void)state;
        assert_int_equal(file_save(in_dir("a"), "one", 3, FILE_PUBLIC, &d), 0);
        assert_int_equal(file_save(in_dir("a"), "three", 5, FILE_SECRET, &d), 0);
        assert_int_equal(file_load(in_dir("a"), 5, &b, &d), 0);
        assert_int_equal(b.len, 5);
        assert_string_equal((char *)b.data, "three");
        blob_free(&b);
        assert_int_equal(stat(in_dir("a"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(count_files(), 1);

        assert_int_equal(file_load(in_dir("a"), 4, &b, &d), -E_NOSPACE);
        d = (struct diag){ 0 };
        assert_int_equal(file_load(in_dir("none"), 4, &b, &d), -E_NOTFOUND);
        assert_non_null(strstr(diag_text(&d), "none"));
        d = (struct diag){ 0 };
        assert_int_equal(file_load(dir, 4, &b, &d), -E_TYPE);
        assert_int_equal(file_load("/dev/null", 4, &b, NULL), 0);
        assert_int_equal(b.len, 0);
        blob_free(&b);

        /* a link stays a link; a folder is refused; a full device is a failure */
        assert_int_equal(symlink("a", in_dir("link")), 0);
        assert_int_equal(file_save(in_dir("link"), "via", 3, FILE_PUBLIC, NULL), 0);
        assert_int_equal(lstat(in_dir("link"), &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(file_load(in_dir("a"), 9, &b, NULL), 0);
        assert_string_equal((char *)b.data, "via");
        blob_free(&b);
        assert_int_equal(file_save(dir, "x", 1, FILE_PUBLIC, NULL), -E_IO);
        assert_int_equal(file_save("/dev/full", "x", 1, FILE_PUBLIC, NULL), -E_IO);
        assert_int_equal(file_save(in_dir("a/b"), "x", 1, FILE_PUBLIC, NULL), -E_NOTFOUND);
        assert_int_equal(count_files(), 2);
}

/* The disk is full: what was there stays, nothing is left over. */
static void test_file_save_disk_full(void **state)
{
        struct rlimit old, small = { 4096, 4096 };
        static char big[100000];
        struct blob b;
        int rc;

        (void)state;
        assert_int_equal(file_save(in_dir("kept"), "old", 3, FILE_PUBLIC, NULL), 0);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        small.rlim_max = old.rlim_max;
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        rc = file_save(in_dir("kept"), big, sizeof big, FILE_PUBLIC, NULL);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(rc, -E_IO);
        assert_int_equal(file_load(in_dir("kept"), 10, &b, NULL), 0);
        assert_string_equal((char *)b.data, "old");
        blob_free(&b);
        assert_int_equal(count_files(), 3);
}

static void test_file_writer(void **state)
{
        struct file_writer *w;
        struct blob b;

        (void)state;
        assert_int_equal(file_writer_open(in_dir("w"), FILE_PUBLIC, &w, NULL), 0);
        for (int i = 0; i < 20000; i++)
                assert_int_equal(file_writer_printf(w, "line %d\n", i), 0);
        assert_false(file_exists(in_dir("w"))); /* nothing under the name before commit */
        assert_int_equal(file_writer_commit(w, NULL), 0);
        assert_int_equal(file_load(in_dir("w"), FILE_LIMIT_TEXT, &b, NULL), 0);
        assert_memory_equal(b.data, "line 0\nline 1\n", 14);
        assert_memory_equal(b.data + b.len - 11, "line 19999\n", 11);
        blob_free(&b);

        assert_int_equal(file_writer_open(in_dir("gone"), FILE_PUBLIC, &w, NULL), 0);
        file_writer_put(w, "x", 1);
        file_writer_abandon(w);
        assert_false(file_exists(in_dir("gone")));
}

static void test_file_sweep(void **state)
{
        FILE *f;

        (void)state;
        /* 4194305 is above the largest pid Linux hands out; 1 is alive */
        f = fopen(in_dir(".fctry-4194305-0.tmp"), "w");
        fclose(f);
        f = fopen(in_dir(".fctry-1-0.tmp"), "w");
        fclose(f);
        f = fopen(in_dir("other.tmp"), "w");
        fclose(f);
        assert_int_equal(file_sweep(dir, NULL), 0);
        assert_false(file_exists(in_dir(".fctry-4194305-0.tmp")));
        assert_true(file_exists(in_dir(".fctry-1-0.tmp")));
        assert_true(file_exists(in_dir("other.tmp")));
        assert_int_equal(file_sweep(in_dir("no-such"), NULL), 0);
}

static void test_mkdirs_and_paths(void **state)
{
        struct diag d = { 0 };
        char *p;

        (void)state;
        assert_int_equal(file_mkdirs(in_dir("x/y/z"), 0700, &d), 0);
        assert_int_equal(file_mkdirs(in_dir("x/y/z"), 0700, &d), 0);
        assert_int_equal(file_mkdirs(in_dir("w"), 0700, &d), -E_EXISTS);
        assert_true(file_mkdirs(in_dir("w/below"), 0700, NULL) < 0);
        p = path_join("a", "b");
        assert_string_equal(p, "a/b");
        free(p);
        p = path_join("a/", "/b");
        assert_string_equal(p, "/b");
        free(p);
        p = path_dir("/b");
        assert_string_equal(p, "/");
        free(p);
        p = path_dir("b");
        assert_string_equal(p, ".");
        free(p);
}

static atomic_int calls[1000];

static int count_call(void *ctx, unsigned worker, size_t i)
{
        const size_t fail_at = *(size_t *)ctx;

        assert_true(worker < 4);
        atomic_fetch_add(&calls[i], 1);
        return i >= fail_at ? -E_RANGE : 0;
}

static void test_pool(void **state)
{
        size_t never = 1000;
        size_t early = 10;

        (void)state;
        assert_int_equal(pool_run(4, 1000, count_call, &never), 0);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(calls[i], 1);
        memset(calls, 0, sizeof calls);
        assert_int_equal(pool_run(4, 1000, count_call, &early), -E_RANGE);
        for (int i = 0; i < 10; i++)
                assert_int_equal(calls[i], 1);
        for (int i = 20; i < 1000; i++)
                assert_int_equal(calls[i], 0);
        assert_int_equal(pool_run(4, 0, count_call, &never), 0);
        assert_true(pool_default_threads() >= 1);
}

static void test_json(void **state)
{
        const char *bad = "{\n  \"a\": 1,\n  oops\n}";
        struct diag d = { 0 };
        char text[512] = "";
        struct json_writer w = { .out = fmemopen(text, sizeof text, "w") };
        cJSON *j;

        (void)state;
        json_open(&w, NULL, '{');
        json_str(&w, "s", "a\"b\\c\n\x01\x7f \xc3\xa9 \xff");
        json_uint(&w, "u", UINT64_MAX);
        json_int(&w, "i", INT64_MIN);
        json_open(&w, "list", '[');
        json_bool(&w, NULL, true);
        json_str(&w, NULL, NULL);
        json_open(&w, NULL, '{');
        json_close(&w, '}');
        json_close(&w, ']');
        json_close(&w, '}');
        fclose(w.out);
        assert_string_equal(text, "{\"s\":\"a\\\"b\\\\c\\n\\u0001\\u007f \xc3\xa9 "
                                  "\\ufffd\",\"u\":18446744073709551615,"
                                  "\"i\":-9223372036854775808,\"list\":[true,null,{}]}");
        j = json_parse(text, strlen(text), &d);
        assert_non_null(j);
        cJSON_Delete(j);
        assert_null(json_parse(bad, strlen(bad), &d));
        assert_int_equal(d.line, 3);
        assert_null(json_parse("{} x", 4, NULL));
        assert_null(json_parse("", 0, NULL));
}

static int setup(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        char cmd[160];

        (void)state;
        snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
        return system(cmd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_options_wrong),
                cmocka_unit_test(test_file_save),
                cmocka_unit_test(test_file_save_disk_full),
                cmocka_unit_test(test_file_writer),
                cmocka_unit_test(test_file_sweep),
                cmocka_unit_test(test_mkdirs_and_paths),
                cmocka_unit_test(test_pool),
                cmocka_unit_test(test_json),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
