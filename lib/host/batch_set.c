#include "host/batch_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

struct batch_slot {
        uint8_t hash[BATCH_HASH_LEN];
        uint32_t line; /* 0: empty */
};

/* Where h is, or the empty place where it belongs. The table is never full. */
static struct batch_slot *place(struct batch_slot *slots, size_t cap, const uint8_t *h)
{
        size_t i = (size_t)le64_get(h) & (cap - 1);

        while (slots[i].line && memcmp(slots[i].hash, h, BATCH_HASH_LEN) != 0)
                i = (i + 1) & (cap - 1);
        return &slots[i];
}

static int grow(struct batch_set *s)
{
        const size_t cap = s->cap ? 2 * s->cap : 1024;
        struct batch_slot *slots = calloc(cap, sizeof *slots);

        if (!slots)
                return -E_NOMEM;
        for (size_t i = 0; i < s->cap; i++)
                if (s->slots[i].line)
                        *place(slots, cap, s->slots[i].hash) = s->slots[i];
        free(s->slots);
        s->slots = slots;
        s->cap = cap;
        return 0;
}

int64_t batch_set_add(struct batch_set *s, const struct batch_hash *h, uint32_t line)
{
        struct batch_slot *slot;

        if (s->count >= s->cap - s->cap / 4 && grow(s) < 0)
                return -E_NOMEM;
        slot = place(s->slots, s->cap, h->bytes);
        if (slot->line)
                return slot->line;
        memcpy(slot->hash, h->bytes, BATCH_HASH_LEN);
        slot->line = line;
        s->count++;
        return 0;
}

uint32_t batch_set_find(const struct batch_set *s, const struct batch_hash *h)
{
        return s->cap ? place(s->slots, s->cap, h->bytes)->line : 0;
}

void batch_set_free(struct batch_set *s)
{
        free(s->slots);
        *s = (struct batch_set){ 0 };
}
