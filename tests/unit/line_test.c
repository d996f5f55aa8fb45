/* The production line's parts that need no board: places in JSON, templates, console talk, who may
 * look at the page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "host/json.h"
#include "host/json_place.h"
#include "line/line_http.h"
#include "line/line_job.h"
#include "line/line_scan.h"
#include "line/line_talk.h"
#include "host/template.h"
#include "line/line_view.h"

static void test_places(void **state)
{
        static const char text[] = "{\n"
                                   "  \"a\": [1, \"x]\", {\"b\": true}],\n"
                                   "  \"c\\\"d\": {\"a\": 2},\n"
                                   "  \"images\": [\n"
                                   "    { \"file\": \"\\\\\" },\n"
                                   "    { \"file\": null, \"n\": -1.5e3 }\n"
                                   "  ]\n"
                                   "}\n";
        static const struct {
                const char *path;
                uint32_t line, column;
        } rows[] = {
                { "", 1, 1 },
                { "/a", 2, 3 },
                { "/a/0", 2, 9 },
                { "/a/1", 2, 12 },
                { "/a/2", 2, 18 },
                { "/a/2/b", 2, 19 },
                { "/a/3", 2, 3 }, /* not there: its parent */
                { "/images/0/file", 5, 7 },
                { "/images/1", 6, 5 },
                { "/images/1/n", 6, 21 },
                { "/images/1/n/x", 6, 21 },
                { "/nothing", 1, 1 },
        };
        uint32_t line;
        uint32_t column;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                assert_int_equal(json_place(text, sizeof text - 1, rows[i].path, &line, &column),
                                 0);
                assert_int_equal(line, rows[i].line);
                assert_int_equal(column, rows[i].column);
        }
        /* cut at every byte: never past the end, whatever it says */
        for (size_t n = 0; n < sizeof text - 1; n++) {
                char *cut = malloc(n + 1);

                assert_non_null(cut);
                memcpy(cut, text, n);
                json_place(cut, n, "/images/1/n", &line, &column);
                free(cut);
        }
}

static void test_templates(void **state)
{
        const struct template_var vars[] = {
                { "serial", "SO-1", 0 }, { "bytes", "a\0b", 3 }, { "secret", NULL, 0 }, { 0 }
        };
        static const struct {
                const char *template, *text;
                int rc;
        } rows[] = {
                { "", "", 0 },
                { "plain", "plain", 0 },
                { "x-{serial}.bin", "x-SO-1.bin", 0 },
                { "{serial}{serial}", "SO-1SO-1", 0 },
                { "{{serial}", "{serial}", 0 },
                { "{{{serial}}", "{SO-1}", 0 },
                { "}", "}", 0 },
                { "{nobody}", NULL, -E_SYNTAX },
                { "{", NULL, -E_SYNTAX },
                { "a{serial", NULL, -E_SYNTAX },
                { "{}", NULL, -E_SYNTAX },
                { "{secret}", NULL, -E_NOTFOUND },
        };
        size_t len;
        char *out;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct diag d = { 0 };

                assert_int_equal(template_fill(rows[i].template, vars, &out, &len, &d), rows[i].rc);
                if (rows[i].rc == 0) {
                        assert_string_equal(out, rows[i].text);
                        assert_int_equal(len, strlen(rows[i].text));
                } else {
                        assert_null(out);
                        assert_true(d.text[0]);
                }
                free(out);
        }
        assert_int_equal(template_fill("{bytes}!", vars, &out, &len, NULL), 0);
        assert_int_equal(len, 4);
        assert_memory_equal(out, "a\0b!", 5);
        free(out);
}

static void test_revisions(void **state)
{
        unsigned v = 0;

        (void)state;
        assert_int_equal(line_revision_parse("v0.3", &v), 0);
        assert_int_equal(v, 3);
        assert_int_equal(line_revision_parse("12.34", &v), 0);
        assert_int_equal(v, 1234);
        assert_int_equal(line_revision_parse("1", &v), -E_SYNTAX);
        assert_int_equal(line_revision_parse("1.2.3", &v), -E_SYNTAX);
        assert_int_equal(line_revision_parse("1.-2", &v), -E_SYNTAX);
        assert_int_equal(line_revision_parse("", &v), -E_SYNTAX);
}

/* ---- the console ---- */

struct unit {
        int fd;
        const char *const *says; /* written one after the other, each behind a read */
        char heard[1024];
};

static void *unit_main(void *arg)
{
        struct unit *u = arg;
        size_t n = 0;

        for (const char *const *p = u->says; *p; p++) {
                const ssize_t k = read(u->fd, u->heard + n, sizeof u->heard - 1 - n);

                n += k > 0 ? (size_t)k : 0;
                /* in pieces, so that a line comes in several reads */
                for (const char *s = *p; *s; s++)
                        if (write(u->fd, s, 1) != 1)
                                return NULL;
        }
        return NULL;
}

static int ask(const char *answer, const char *command, struct blob *pem, struct diag *d)
{
        const char *const says[] = { answer, NULL };
        struct line_talk t = { 0 };
        struct unit u = { .says = says };
        pthread_t thread;
        int fd[2];
        int rc;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
        u.fd = fd[1];
        assert_int_equal(link_from_fd(fd[0], "test", &t.link), 0);
        assert_int_equal(pthread_create(&thread, NULL, unit_main, &u), 0);
        rc = talk_command(&t, command, talk_clock() + 300, pem, d);
        pthread_join(thread, NULL);
        assert_int_equal(strncmp(u.heard, command, strlen(command)), 0);
        link_close(t.link);
        close(fd[1]);
        return rc;
}

static void test_console(void **state)
{
        struct blob pem = { 0 };
        struct diag d = { 0 };

        (void)state;
        assert_int_equal(ask("OK\r\n", "lock", NULL, &d), 0);
        assert_int_equal(ask("I (1) noise\r\n\r\nlock\r\nOK\n", "lock", NULL, &d), 0);
        assert_int_equal(ask("ERROR locked\r\n", "csr SO-1", NULL, &d), -E_REFUSED);
        assert_non_null(strstr(d.text, "ERROR locked"));
        d = (struct diag){ 0 };
        assert_int_equal(ask("I (2) a log\r\nOKAY\r\n", "mac", NULL, &d), -E_TIMEOUT);
        assert_non_null(strstr(d.text, "OKAY")); /* the last that it said */
        d = (struct diag){ 0 };
        assert_int_equal(ask("-----BEGIN X-----\r\nAAAA\r\nOK\r\n-----END X-----\r\nOK\r\n", "csr",
                             &pem, &d),
                         0);
        assert_string_equal((const char *)pem.data,
                            "-----BEGIN X-----\nAAAA\nOK\n-----END X-----\n");
        blob_free(&pem);
        /* control characters never reach a message or a terminal */
        d = (struct diag){ 0 };
        assert_int_equal(ask("ERROR \033[2J\x01\xff\r\n", "csr", NULL, &d), -E_REFUSED);
        assert_non_null(strstr(d.text, "ERROR ?[2J??"));
}

static void test_endless_line(void **state)
{
        struct line_talk t = { 0 };
        char *much = malloc(5000);
        int fd[2];

        (void)state;
        assert_non_null(much);
        memset(much, 'x', 5000);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
        assert_int_equal(link_from_fd(fd[0], "test", &t.link), 0);
        assert_int_equal(write(fd[1], much, 5000), 5000);
        assert_int_equal(write(fd[1], "\nnext\n", 6), 6);
        assert_int_equal(talk_line(&t, talk_clock() + 2000), 1);
        assert_int_equal(strlen(t.line), TALK_LINE_MAX - 1);
        assert_int_equal(talk_line(&t, talk_clock() + 2000), 1);
        assert_string_equal(t.line, "next");
        close(fd[1]);
        assert_int_equal(talk_line(&t, talk_clock() + 2000), -E_LINK);
        link_close(t.link);
        free(much);
}

/* ---- scanners ---- */

static int scan(const char *command, unsigned seconds, char *out, size_t cap, struct diag *d)
{
        const struct line_scanner s = { .command = command, .seconds = seconds };

        *d = (struct diag){ 0 };
        return line_scan_read(&s, "slot-7", "SO-1", out, cap, d);
}

static void test_scan_command(void **state)
{
        struct diag d;
        char out[16];

        (void)state;
        assert_int_equal(scan("echo SO-1; echo more", 60, out, sizeof out, &d), 0);
        assert_string_equal(out, "SO-1");
        assert_int_equal(scan("printf '\\r\\nSO-2'", 60, out, sizeof out, &d), 0); /* cut short */
        assert_string_equal(out, "SO-2");
        assert_int_equal(scan("echo $FCTRY_SLOT/$FCTRY_SERIAL", 60, out, sizeof out, &d), 0);
        assert_string_equal(out, "slot-7/SO-1");
        assert_int_equal(scan("cat; echo end", 60, out, sizeof out, &d), 0); /* no input of ours */
        assert_string_equal(out, "end");
        /* every capacity */
        for (size_t cap = 1; cap <= 8; cap++)
                assert_int_equal(scan("echo 1234567", 60, out, cap, &d), cap < 8 ? -E_VERIFY : 0);
        assert_int_equal(scan("true", 60, out, sizeof out, &d), -E_LINK);
        assert_int_equal(scan("echo SO-1; exit 3", 60, out, sizeof out, &d), -E_IO);
        assert_non_null(strstr(d.text, "status 3"));
        assert_string_equal(out, ""); /* a failure leaves nothing */
        assert_int_equal(scan("sleep 3600", 1, out, sizeof out, &d), -E_TIMEOUT);
        assert_int_equal(scan("echo SO-1; sleep 3600", 60, out, sizeof out, &d), 0);
}

struct gun {
        int fd;
        const char *says;
};

static void *gun_main(void *arg)
{
        const struct timespec t = { 0, 300000000 };
        const struct gun *g = arg;

        /* again and again: what comes before the scanner is asked does not count */
        for (unsigned i = 0; i < 3; i++) {
                nanosleep(&t, NULL);
                if (write(g->fd, g->says, strlen(g->says)) < 0)
                        return NULL;
        }
        return NULL;
}

static void test_scan_device(void **state)
{
        struct gun g = { .says = "SO-3\r" };
        struct line_scanner s = { .seconds = 60, .baud = 9600 };
        struct diag d = { 0 };
        pthread_t thread;
        char out[16];

        (void)state;
        g.fd = posix_openpt(O_RDWR | O_NOCTTY);
        assert_true(g.fd >= 0);
        assert_int_equal(grantpt(g.fd), 0);
        assert_int_equal(unlockpt(g.fd), 0);
        s.from = ptsname(g.fd);
        assert_int_equal(line_scan_check(&s, &d), 0);
        assert_int_equal(write(g.fd, "OLD-1\r", 6), 6);
        assert_int_equal(pthread_create(&thread, NULL, gun_main, &g), 0);
        assert_int_equal(line_scan_read(&s, "a", "SO-3", out, sizeof out, &d), 0);
        assert_string_equal(out, "SO-3");
        pthread_join(thread, NULL);
        close(g.fd);
        s.from = "/dev/there/is/none";
        assert_int_equal(line_scan_check(&s, &d), -E_IO);
        assert_non_null(strstr(d.text, s.from));
        assert_int_equal(line_scan_read(&s, "a", "b", out, sizeof out, NULL), -E_IO);
}

/* ---- the page ---- */

static void test_hosts(void **state)
{
        static const char *const good[] = { "127.0.0.1",   "127.0.0.1:8080", "[::1]:8080",
                                            "[::1]",       "192.168.7.9:1",  "localhost",
                                            "LOCALHOST:9", "hall.example:80" };
        static const char *const bad[] = { "",
                                           ":80",
                                           "evil.example",
                                           "evil.example:8080",
                                           "localhost.evil.example",
                                           "127.0.0.1.evil.example",
                                           "[::1",
                                           "hall.example.evil.example" };
        char long_name[600];
        char own[256] = "";

        (void)state;
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
                assert_true(line_http_host_ok(good[i], "hall.example"));
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                assert_false(line_http_host_ok(bad[i], "hall.example"));
        assert_false(line_http_host_ok(NULL, "hall.example"));
        memset(long_name, 'a', sizeof long_name - 1);
        long_name[sizeof long_name - 1] = 0;
        assert_false(line_http_host_ok(long_name, long_name));
        if (gethostname(own, sizeof own - 1) == 0 && own[0])
                assert_true(line_http_host_ok(own, "127.0.0.1"));
}

static char *view_text(struct line_view *v)
{
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);

        assert_non_null(f);
        line_view_json(v, f);
        fclose(f);
        return text;
}

static void test_view(void **state)
{
        static struct line_view v;
        struct line_slot_view *s;
        struct diag d = { 0 };
        uint64_t version;
        cJSON *j;
        char *text;

        (void)state;
        line_view_init(&v);
        assert_int_equal(line_view_slot(&v, "a \"quoted\" </script> slot", "p"), 0);
        for (unsigned i = 1; i < LINE_SLOTS_MAX; i++)
                assert_int_equal(line_view_slot(&v, "b", "p"), i);
        assert_int_equal(line_view_slot(&v, "one more", "p"), -E_NOSPACE);
        version = line_view_wait(&v, UINT64_MAX, 0);
        assert_int_equal(line_view_wait(&v, version, 10), version);
        for (unsigned i = 0; i < LINE_FAILURES_MAX + 3; i++) {
                s = line_view_take(&v, 0);
                s->phase = LINE_FAIL;
                snprintf(s->failure, sizeof s->failure, "class%u", i);
                line_view_count(&v, s);
                line_view_done(&v, 0, LINE_NEWS_RESULT);
        }
        assert_true(line_view_wait(&v, version, 10) > version);
        assert_int_equal(v.totals.failed, LINE_FAILURES_MAX + 3);
        text = view_text(&v);
        j = json_parse(text, strlen(text), &d);
        assert_non_null(j);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "failures")), LINE_FAILURES_MAX);
        assert_string_equal(
                cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "failures"), 0),
                                    "failure")
                        ->valuestring,
                "class14");
        assert_null(strchr(text, '\n')); /* one event of the stream */
        cJSON_Delete(j);
        free(text);
        line_view_free(&v);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_places),       cmocka_unit_test(test_templates),
                cmocka_unit_test(test_revisions),    cmocka_unit_test(test_console),
                cmocka_unit_test(test_endless_line), cmocka_unit_test(test_scan_command),
                cmocka_unit_test(test_scan_device),  cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_view),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
