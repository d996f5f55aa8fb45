/* UTF-8 text: is it. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The length in bytes of the character at p (1 … 4), of which n bytes can be read; 0 if it is not
 * UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) or n is 0.
 */
size_t utf8_length(const char *p, size_t n);

/* True if all n bytes are UTF-8 (n = 0: true). */
bool utf8_valid(const char *p, size_t n);

#endif
