/* How long to wait before the next attempt, and how many messages may be sent. */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Exponential back-off with full jitter: the nth wait is anything from 0 to the smaller of cap and
 * base * 2^n, so that a thousand outlets do not return at once when the power does. What counts as
 * success is that a connection has lasted BACKOFF_STABLE_MS, not that it was made.
 */
#define BACKOFF_STABLE_MS 30000u

struct backoff {
        uint32_t base_ms, cap_ms; /* base: 1 or more */
        /* private: */
        unsigned failures;
        bool up;
        uint64_t up_since;
};

/* The wait in ms before the next attempt, up to cap_ms. Call it once for a failed attempt or a lost
 * connection. */
uint32_t backoff_next(struct backoff *b, uint64_t now);

/* The attempt has succeeded. */
void backoff_up(struct backoff *b, uint64_t now);

/* A number from 0 to max. */
uint32_t jitter(uint32_t max);

/* A budget that no fault of ours, in code or in configuration, can make a broker pay. */
#define BUDGET_START     100u
#define BUDGET_REFILL_MS 5000u /* for one more, up to BUDGET_START */

struct budget {
        /* private: */
        uint32_t left;
        uint64_t since; /* of the last refill */
};

void budget_init(struct budget *b, uint64_t now);
/* True if one may be spent now; spends it. */
bool budget_take(struct budget *b, uint64_t now);
/* When budget_take() can succeed: now if it can already. */
uint64_t budget_due(const struct budget *b, uint64_t now);

#endif
