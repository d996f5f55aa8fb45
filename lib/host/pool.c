#include "host/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

#define THREADS_MAX 256u

static volatile sig_atomic_t asked, caught;
static bool gentle; /* set before the handler is */

static void on_signal(int sig)
{
        if (caught)
                _exit(128 + sig);
        if (!gentle || asked)
                caught = 1;
        asked = 1;
}

void interrupt_catch(void)
{
        const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        struct sigaction sa = { .sa_handler = on_signal };

        sigemptyset(&sa.sa_mask);
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
                sigaction(signals[i], &sa, NULL);
}

void interrupt_catch_gently(void)
{
        gentle = true;
        interrupt_catch();
}

bool interrupt_asked(void)
{
        return asked != 0;
}

bool interrupted(void)
{
        return caught != 0;
}

unsigned pool_default_threads(void)
{
        cpu_set_t set;
        long n = 1;

        if (sched_getaffinity(0, sizeof set, &set) == 0)
                n = CPU_COUNT(&set);
        if (n < 1)
                n = 1;
        return n > (long)THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

struct pool {
        atomic_size_t next;
        atomic_bool stop;
        size_t n;
        int (*fn)(void *ctx, unsigned worker, size_t i);
        void *ctx;
        pthread_mutex_t lock;
        size_t failed_item;
        int rc;
};

struct worker {
        struct pool *pool;
        unsigned number;
        pthread_t thread;
};

static void *work(void *arg)
{
        struct worker *w = arg;
        struct pool *p = w->pool;

        while (!atomic_load(&p->stop) && !interrupted()) {
                const size_t i = atomic_fetch_add(&p->next, 1);
                int rc;

                if (i >= p->n)
                        break;
                rc = p->fn(p->ctx, w->number, i);
                if (rc >= 0)
                        continue;
                atomic_store(&p->stop, true);
                pthread_mutex_lock(&p->lock);
                if (!p->rc || i < p->failed_item) {
                        p->rc = rc;
                        p->failed_item = i;
                }
                pthread_mutex_unlock(&p->lock);
        }
        return NULL;
}

int pool_run(unsigned threads, size_t n, int (*fn)(void *ctx, unsigned worker, size_t i), void *ctx)
{
        struct pool p = { .n = n, .fn = fn, .ctx = ctx, .lock = PTHREAD_MUTEX_INITIALIZER };
        struct worker workers[THREADS_MAX];
        unsigned started = 1;

        if (threads == 0)
                threads = pool_default_threads();
        if (threads > THREADS_MAX)
                threads = THREADS_MAX;
        if (threads > n)
                threads = n ? (unsigned)n : 1;
        for (; started < threads; started++) {
                workers[started] = (struct worker){ .pool = &p, .number = started };
                /* fewer threads than wished for is slower, not wrong */
                if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
                        break;
        }
        workers[0] = (struct worker){ .pool = &p };
        work(&workers[0]);
        for (unsigned i = 1; i < started; i++)
                pthread_join(workers[i].thread, NULL);
        if (!p.rc && interrupted() && atomic_load(&p.next) < n)
                p.rc = -E_CANCELLED;
        return p.rc;
}
