#include "sim/pipe.h"

#include "base/err.h"

/* xorshift32; the state 0 never occurs. */
static uint32_t next_random(struct sim_pipe *p)
{
        uint32_t x = p->seed ? p->seed : 0x2545f491u;

        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        p->seed = x;
        return x;
}

static bool hit(struct sim_pipe *p, uint32_t one_in)
{
        return one_in && next_random(p) % one_in == 0;
}

int sim_pipe_put(struct sim_pipe *p, const uint8_t *in, size_t n, uint8_t *out, size_t *passed)
{
        *passed = 0;
        for (size_t i = 0; i < n && !p->is_cut; i++) {
                const uint64_t at = p->count;
                uint8_t c = in[i];

                if (p->cut && at >= p->cut_at) {
                        p->is_cut = true;
                        break;
                }
                p->count++;
                if (p->silent && at >= p->silent_from)
                        continue;
                if ((p->drop && at == p->drop_at) || hit(p, p->drop_one_in))
                        continue;
                if ((p->garble && at == p->garble_at) || hit(p, p->garble_one_in))
                        c ^= (uint8_t)(1u << (next_random(p) & 7));
                out[(*passed)++] = c;
        }
        return p->is_cut ? -E_LINK : 0;
}

void sim_pipe_mend(struct sim_pipe *p)
{
        p->cut = p->is_cut = false;
}
