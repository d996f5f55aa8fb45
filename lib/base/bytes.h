/* Wire integers and small byte helpers. Wire integers are read and written byte by byte: no casts.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t le16_get(const uint8_t *p)
{
        return (uint16_t)(p[0] | (unsigned)p[1] << 8);
}

static inline uint32_t le32_get(const uint8_t *p)
{
        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t le64_get(const uint8_t *p)
{
        return (uint64_t)le32_get(p) | (uint64_t)le32_get(p + 4) << 32;
}

static inline void le16_put(uint8_t *p, uint16_t v)
{
        p[0] = (uint8_t)v;
        p[1] = (uint8_t)(v >> 8);
}

static inline void le32_put(uint8_t *p, uint32_t v)
{
        le16_put(p, (uint16_t)v);
        le16_put(p + 2, (uint16_t)(v >> 16));
}

static inline void le64_put(uint8_t *p, uint64_t v)
{
        le32_put(p, (uint32_t)v);
        le32_put(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t be16_get(const uint8_t *p)
{
        return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t be32_get(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline void be16_put(uint8_t *p, uint16_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

static inline void be32_put(uint8_t *p, uint32_t v)
{
        be16_put(p, (uint16_t)(v >> 16));
        be16_put(p + 2, (uint16_t)v);
}

/* True if all n bytes at p are value (n = 0: true). */
bool bytes_all(const uint8_t *p, size_t n, uint8_t value);

/* Equality in time that depends on n only; for digests, tokens and keys. */
bool bytes_equal_ct(const void *a, const void *b, size_t n);

/* Overwrite a secret; the compiler may not leave it out. */
void wipe(void *p, size_t n);

/* v rounded up to a multiple of to (a power of two); the caller has checked that it does not wrap.
 */
static inline uint32_t align_up(uint32_t v, uint32_t to)
{
        return (v + to - 1) & ~(to - 1);
}

#endif
