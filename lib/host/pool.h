/* The same work on many items, on several threads. */
#ifndef HOST_POOL_H
#define HOST_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* Threads that a user who says nothing gets: the processors at hand. At least 1. */
unsigned pool_default_threads(void);

/*
 * Call fn(ctx, worker, i) once for each i in 0 … n-1, on up to threads threads (0: the default);
 * worker is 0 … threads-1 and belongs to one thread at a time, so it may index scratch memory.
 * Items are handed out in rising order. After the first failure (negative return) or after
 * interrupted() no new item is started. Returns 0, the failure of the lowest item that failed, or
 * -E_CANCELLED.
 */
int pool_run(unsigned threads, size_t n, int (*fn)(void *ctx, unsigned worker, size_t i),
             void *ctx);

/* From now on SIGINT, SIGTERM and SIGHUP only raise a flag; a second one ends the process. */
void interrupt_catch(void);
bool interrupted(void);

/*
 * The same for what shall end what it has begun: the first signal only makes interrupt_asked() true,
 * the second interrupted(), the third ends the process.
 */
void interrupt_catch_gently(void);
bool interrupt_asked(void);

#endif
