/* The line of progress, as a terminal gets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/progress.h"

static int screen; /* what is written to the terminal is read here */
static int saved;  /* the standard error of before */

static int terminal_open(void **state)
{
        struct termios raw;
        int slave;

        (void)state;
        screen = posix_openpt(O_RDWR | O_NOCTTY);
        if (screen < 0 || grantpt(screen) < 0 || unlockpt(screen) < 0)
                return -1;
        slave = open(ptsname(screen), O_RDWR | O_NOCTTY);
        if (slave < 0 || tcgetattr(slave, &raw) < 0)
                return -1;
        cfmakeraw(&raw);
        tcsetattr(slave, TCSANOW, &raw);
        saved = dup(STDERR_FILENO);
        return dup2(slave, STDERR_FILENO) < 0 || close(slave) < 0 ? -1 : 0;
}

static int terminal_close(void **state)
{
        (void)state;
        return dup2(saved, STDERR_FILENO) < 0 || close(saved) < 0 || close(screen) < 0 ? -1 : 0;
}

/* All that has come, at_least so many bytes. */
static void screen_read(char got[256], size_t at_least)
{
        size_t n = 0;
        struct pollfd p = { .fd = screen, .events = POLLIN };

        while (n < 255 && poll(&p, 1, n < at_least ? 5000 : 0) > 0) {
                const ssize_t more = read(screen, got + n, 255 - n);

                assert_true(more > 0);
                n += (size_t)more;
        }
        got[n] = 0;
}

static void expect(const char *want)
{
        char got[256];

        screen_read(got, strlen(want));
        assert_string_equal(got, want);
}

static int64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_line(void **state)
{
        const int64_t before = now_ms();
        char waste[256];

        (void)state;
        progress_show("app.bin", 37, 100, "KB");
        progress_show("app.bin", 38, 100, "KB"); /* ten a second are enough */
        if (now_ms() - before < 100)
                expect("\r\033[Kapp.bin   37 %  37/100 KB");
        else /* a slow machine */
                screen_read(waste, 1);
        progress_show("app.bin", 100, 100, "KB"); /* but the end is always shown */
        expect("\r\033[Kapp.bin  100 %  100/100 KB");
        progress_clear();
        expect("\r\033[K");
        progress_clear(); /* there is none any more */
        expect("");
        progress_show("nothing", 0, 0, "KB");
        expect("\r\033[Knothing  100 %  0/0 KB");
        progress_clear();
        expect("\r\033[K");
}

static void test_no_terminal(void **state)
{
        int pipe_end[2];
        char c;

        (void)state;
        assert_int_equal(pipe2(pipe_end, O_NONBLOCK), 0);
        saved = dup(STDERR_FILENO);
        assert_true(dup2(pipe_end[1], STDERR_FILENO) >= 0);
        progress_show("app.bin", 100, 100, "KB");
        progress_clear();
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        assert_true(read(pipe_end[0], &c, 1) < 0);
        close(saved);
        close(pipe_end[0]);
        close(pipe_end[1]);
}

/* The last one: it cannot be switched on again. */
static void test_disabled(void **state)
{
        (void)state;
        progress_disable();
        progress_show("app.bin", 100, 100, "KB");
        progress_clear();
        expect("");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_terminal),
                cmocka_unit_test_setup_teardown(test_line, terminal_open, terminal_close),
                cmocka_unit_test_setup_teardown(test_disabled, terminal_open, terminal_close),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
