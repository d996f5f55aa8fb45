#include "firmware/core/backoff.h"

#include "firmware/core/port.h"

uint32_t jitter(uint32_t max)
{
        return (uint32_t)(((uint64_t)max + 1) * port_random() >> 32);
}

uint32_t backoff_next(struct backoff *b, uint64_t now)
{
        uint32_t limit = b->base_ms;

        if (b->up && now - b->up_since >= BACKOFF_STABLE_MS)
                b->failures = 0;
        b->up = false;
        for (unsigned i = 0; i < b->failures && limit < b->cap_ms; i++)
                limit = limit > b->cap_ms / 2 ? b->cap_ms : limit * 2;
        if (b->failures < 32)
                b->failures++;
        return jitter(limit < b->cap_ms ? limit : b->cap_ms);
}

void backoff_up(struct backoff *b, uint64_t now)
{
        b->up = true;
        b->up_since = now;
}

void budget_init(struct budget *b, uint64_t now)
{
        b->left = BUDGET_START;
        b->since = now;
}

/* Whole refills since the last one; the clock of a full budget stands still. */
static void refill(struct budget *b, uint64_t now)
{
        const uint64_t more = (now - b->since) / BUDGET_REFILL_MS;

        if (b->left + more >= BUDGET_START) {
                b->left = BUDGET_START;
                b->since = now;
                return;
        }
        b->left += (uint32_t)more;
        b->since += more * BUDGET_REFILL_MS;
}

bool budget_take(struct budget *b, uint64_t now)
{
        refill(b, now);
        if (!b->left)
                return false;
        b->left--;
        return true;
}

uint64_t budget_due(const struct budget *b, uint64_t now)
{
        const uint64_t due = b->since + BUDGET_REFILL_MS;

        return b->left || due <= now ? now : due;
}
