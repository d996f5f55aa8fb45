/* SHA-256 of files and images on the host, with the processor's own instructions (Nettle): about
 * five times as fast as lib/crypt's, which must fit a device; and half a millisecond of loading
 * less than OpenSSL, which counts in a tool that is done after one. */
#ifndef HOST_SHA256_H
#define HOST_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN     32u
#define SHA256_HEX_LEN 65u /* as text, with its NUL */

/* For one thread at a time and any number of digests. NULL: out of memory. */
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *h); /* NULL is fine */

/* begin, add…, end. Return 0; begin forgets what was not ended. */
int sha256_begin(struct sha256 *h);
int sha256_add(struct sha256 *h, const void *p, size_t n);
int sha256_end(struct sha256 *h, uint8_t out[SHA256_LEN]);

/* All three at once. */
int sha256_of(struct sha256 *h, const void *p, size_t n, uint8_t out[SHA256_LEN]);

#endif
