#include "host/progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool disabled;
static bool shown;
static int64_t last_ms;

void progress_disable(void)
{
        disabled = true;
}

static int64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void progress_show(const char *what, uint64_t done, uint64_t total, const char *unit)
{
        int64_t now;

        if (disabled || !isatty(STDERR_FILENO))
                return;
        pthread_mutex_lock(&lock);
        now = now_ms();
        if (now - last_ms >= 100 || done >= total) {
                last_ms = now;
                shown = true;
                fprintf(stderr, "\r\033[K%s  %3u %%  %llu/%llu %s", what,
                        total ? (unsigned)(done * 100 / total) : 100u, (unsigned long long)done,
                        (unsigned long long)total, unit);
                fflush(stderr);
        }
        pthread_mutex_unlock(&lock);
}

void progress_clear(void)
{
        pthread_mutex_lock(&lock);
        if (shown)
                fputs("\r\033[K", stderr);
        shown = false;
        pthread_mutex_unlock(&lock);
}
