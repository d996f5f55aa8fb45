/* UTF-8 text: is it, and which characters. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The length in bytes of the character at p (1 … 4), of which n bytes can be read; 0 if it is not
 * UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) or n is 0.
 */
size_t utf8_length(const char *p, size_t n);

/* The same, and the character into cp. */
size_t utf8_decode(const char *p, size_t n, uint32_t *cp);

/* How many of the first of n bytes are UTF-8: n if all are. */
size_t utf8_prefix(const char *p, size_t n);

/* True if all n bytes are UTF-8 (n = 0: true). */
bool utf8_valid(const char *p, size_t n);

/* How many characters begin in n bytes of UTF-8. */
size_t utf8_count(const char *p, size_t n);

#endif
