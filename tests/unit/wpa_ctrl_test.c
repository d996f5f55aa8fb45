/*
 * The control socket of wpa_supplicant against a daemon that answers as the real one does
 * (wpa_supplicant 2.10: an unknown command is "UNKNOWN COMMAND\n", events begin with "<3>") and,
 * where a case says so, as one that misbehaves. tests/e2e/radio.sh has the real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "host/wpa_ctrl.h"

static char dir[] = "/tmp/fctry-wpa-XXXXXX";
static char path[sizeof dir + 8];

struct daemon {
        pthread_t thread;
        int fd;
        const char *pong;   /* its answer to PING; NULL: "PONG\n" */
        bool refuse_attach; /* FAIL instead of OK */
        char last[1100];    /* the last command but PING; read after daemon_stop */
};

static void tell(int fd, const char *text, const struct sockaddr_un *to, socklen_t len)
{
        assert_int_equal(sendto(fd, text, strlen(text), 0, (const struct sockaddr *)to, len),
                         (ssize_t)strlen(text));
}

static void *serve(void *arg)
{
        struct daemon *s = arg;

        for (;;) {
                struct sockaddr_un from;
                socklen_t len = sizeof from;
                char cmd[1100];
                const ssize_t n = recvfrom(s->fd, cmd, sizeof cmd - 1, 0,
                                           (struct sockaddr *)&from, &len);

                if (n <= 0)
                        return NULL;
                cmd[n] = 0;
                if (!strcmp(cmd, "QUIT"))
                        return NULL;
                if (!strcmp(cmd, "PING")) {
                        tell(s->fd, s->pong ? s->pong : "PONG\n", &from, len);
                        continue;
                }
                strcpy(s->last, cmd);
                if (!strcmp(cmd, "ATTACH")) {
                        if (s->refuse_attach) {
                                tell(s->fd, "FAIL\n", &from, len);
                                continue;
                        }
                        tell(s->fd, "OK\n", &from, len);
                        tell(s->fd, "<3>CTRL-EVENT-SCAN-STARTED ", &from, len);
                        tell(s->fd, "<3>CTRL-EVENT-CONNECTED - Connection", &from, len);
                } else if (!strcmp(cmd, "STATUS")) {
                        /* an event that comes between is none of the answer */
                        tell(s->fd, "<3>CTRL-EVENT-BSS-ADDED 0", &from, len);
                        tell(s->fd, "wpa_state=COMPLETED\n", &from, len);
                } else if (!strcmp(cmd, "RECONFIGURE")) {
                        tell(s->fd, "OK\n", &from, len);
                } else if (!strncmp(cmd, "SET_NETWORK ", 12)) {
                        tell(s->fd, "FAIL\n", &from, len);
                } else if (strcmp(cmd, "DETACH") != 0) {
                        tell(s->fd, "UNKNOWN COMMAND\n", &from, len);
                }
        }
}

static void daemon_start(struct daemon *s)
{
        struct sockaddr_un own = { .sun_family = AF_UNIX };

        strcpy(own.sun_path, path);
        s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(s->fd >= 0);
        assert_int_equal(bind(s->fd, (const struct sockaddr *)&own, sizeof own), 0);
        assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void daemon_stop(struct daemon *s)
{
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        strcpy(to.sun_path, path);
        assert_int_equal(sendto(fd, "QUIT", 4, 0, (const struct sockaddr *)&to, sizeof to), 4);
        close(fd);
        pthread_join(s->thread, NULL);
        close(s->fd);
        unlink(path);
}

static void answers(void **state)
{
        struct daemon s = { 0 };
        struct wpa_ctrl *c;
        char text[WPA_CTRL_ANSWER_MAX];

        (void)state;
        daemon_start(&s);
        assert_int_equal(wpa_ctrl_open(path, &c, NULL), 0);
        assert_int_equal(wpa_ctrl_ask(c, text, sizeof text, "STATUS"), 20);
        assert_string_equal(text, "wpa_state=COMPLETED\n");
        assert_int_equal(wpa_ctrl_do(c, "RECONFIGURE"), 0);
        assert_int_equal(wpa_ctrl_do(c, "SET_NETWORK %d psk \"%s\"", 7, "passw0rd"), -E_REFUSED);
        wpa_ctrl_close(c);
        daemon_stop(&s);
        assert_string_equal(s.last, "SET_NETWORK 7 psk \"passw0rd\"");
}

/* An answer that just fits with its NUL, and one that does not by one byte. */
static void sizes(void **state)
{
        struct daemon s = { 0 };
        struct wpa_ctrl *c;
        char text[64], word[1025];

        (void)state;
        daemon_start(&s);
        assert_int_equal(wpa_ctrl_open(path, &c, NULL), 0);
        assert_int_equal(wpa_ctrl_ask(c, text, 17, "NONE"), 16);
        assert_string_equal(text, "UNKNOWN COMMAND\n");
        assert_int_equal(wpa_ctrl_ask(c, text, 16, "NONE"), -E_NOSPACE);
        memset(word, 'x', sizeof word);
        word[1023] = 0;
        assert_int_equal(wpa_ctrl_ask(c, text, sizeof text, "%s", word), 16);
        word[1023] = 'x';
        word[1024] = 0;
        assert_int_equal(wpa_ctrl_ask(c, text, sizeof text, "%s", word), -E_RANGE);
        wpa_ctrl_close(c);
        daemon_stop(&s);
        assert_int_equal(strlen(s.last), 1023);
}

static int next_event(struct wpa_ctrl *c, char *text, size_t cap)
{
        struct pollfd p = { .fd = wpa_ctrl_fd(c), .events = POLLIN };

        assert_int_equal(poll(&p, 1, 60000), 1);
        return wpa_ctrl_event(c, text, cap);
}

static void events(void **state)
{
        struct daemon s = { 0 };
        struct wpa_ctrl *c;
        char text[WPA_CTRL_ANSWER_MAX];

        (void)state;
        daemon_start(&s);
        assert_int_equal(wpa_ctrl_open(path, &c, NULL), 0);
        assert_int_equal(wpa_ctrl_fd(c), -1);
        assert_int_equal(wpa_ctrl_attach(c), 0);
        assert_int_equal(wpa_ctrl_attach(c), 0); /* once is enough */
        assert_int_equal(next_event(c, text, sizeof text), 1);
        assert_string_equal(text, "<3>CTRL-EVENT-SCAN-STARTED ");
        assert_int_equal(next_event(c, text, sizeof text), 1);
        assert_string_equal(text, "<3>CTRL-EVENT-CONNECTED - Connection");
        assert_int_equal(wpa_ctrl_event(c, text, sizeof text), 0);
        wpa_ctrl_close(c);
        daemon_stop(&s);
        assert_string_equal(s.last, "DETACH");
}

/* One too long for the buffer is left out, and the next one comes. */
static void long_event(void **state)
{
        struct daemon s = { 0 };
        struct wpa_ctrl *c;
        char text[28];

        (void)state;
        daemon_start(&s);
        assert_int_equal(wpa_ctrl_open(path, &c, NULL), 0);
        assert_int_equal(wpa_ctrl_attach(c), 0);
        assert_int_equal(next_event(c, text, sizeof text), 1);
        assert_string_equal(text, "<3>CTRL-EVENT-SCAN-STARTED ");
        assert_int_equal(next_event(c, text, sizeof text), 0);
        wpa_ctrl_close(c);
        daemon_stop(&s);
}

static void attach_refused(void **state)
{
        struct daemon s = { .refuse_attach = true };
        struct wpa_ctrl *c;

        (void)state;
        daemon_start(&s);
        assert_int_equal(wpa_ctrl_open(path, &c, NULL), 0);
        assert_int_equal(wpa_ctrl_attach(c), -E_LINK);
        assert_int_equal(wpa_ctrl_fd(c), -1);
        wpa_ctrl_close(c);
        daemon_stop(&s);
}

static void daemon_gone(void **state)
{
        struct daemon s = { 0 };
        struct wpa_ctrl *c;
        struct diag d = { 0 };

        (void)state;
        daemon_start(&s);
        assert_int_equal(wpa_ctrl_open(path, &c, NULL), 0);
        daemon_stop(&s);
        assert_int_equal(wpa_ctrl_do(c, "RECONFIGURE"), -E_LINK);
        assert_int_equal(wpa_ctrl_attach(c), -E_LINK);
        wpa_ctrl_close(c);
        assert_int_equal(wpa_ctrl_open(path, &c, &d), -E_NOTFOUND);
        assert_null(c);
        assert_non_null(strstr(d.text, "is the daemon running"));
}

static void not_the_daemon(void **state)
{
        struct daemon s = { .pong = "FAIL\n" };
        struct wpa_ctrl *c;
        struct diag d = { 0 };
        char deep[200];

        (void)state;
        daemon_start(&s);
        assert_int_equal(wpa_ctrl_open(path, &c, &d), -E_PROTO);
        assert_null(c);
        daemon_stop(&s);
        memset(deep, 'x', sizeof deep);
        deep[sizeof deep - 1] = 0;
        assert_int_equal(wpa_ctrl_open(deep, &c, NULL), -E_RANGE);
        wpa_ctrl_close(NULL);
}

static int make_dir(void **state)
{
        (void)state;
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof path, "%s/wlan0", dir);
        return 0;
}

static int drop_dir(void **state)
{
        (void)state;
        unlink(path);
        return rmdir(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers),        cmocka_unit_test(sizes),
                cmocka_unit_test(events),         cmocka_unit_test(long_event),
                cmocka_unit_test(attach_refused), cmocka_unit_test(daemon_gone),
                cmocka_unit_test(not_the_daemon),
        };

        return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
