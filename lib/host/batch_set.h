/* A set of texts seen so far, 16 bytes each: 96 bits of their SHA-256 and the line of the first. */
#ifndef HOST_BATCH_SET_H
#define HOST_BATCH_SET_H

#include <stddef.h>
#include <stdint.h>

#define BATCH_HASH_LEN                                                            \
        12u /* among 100 million texts two agree with a probability of 1 to 10^13 \
             */

struct batch_hash {
        uint8_t bytes[BATCH_HASH_LEN];
};

/* Zero-initialise; free at the end. */
struct batch_set {
        /* private: */
        struct batch_slot *slots;
        size_t count, cap;
};

/* Returns 0 and takes it in, the line (>= 1) of the first if it was in, or -E_NOMEM. line is not 0.
 */
int64_t batch_set_add(struct batch_set *s, const struct batch_hash *h, uint32_t line);

/* The line that it was added with, 0 if it was not. */
uint32_t batch_set_find(const struct batch_set *s, const struct batch_hash *h);

void batch_set_free(struct batch_set *s);

#endif
