/* Text formatting into a fixed buffer without stdio: what the freestanding core needs of printf. */
#ifndef BASE_STRF_H
#define BASE_STRF_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Understands %s %.*s %.Ns %c %d %i %u %x %X %% with the flags 0 and -, a width, and the lengths
 * h hh l ll z t j. The compiler's check of the arguments also takes what printf knows beyond that;
 * here the rest of fmt is then copied as it stands, its arguments are not touched (tests/lint.sh
 * finds such calls). The result always ends in NUL when cap > 0.
 *
 * Returns the length that the whole text has, as snprintf does: a result >= cap was cut.
 */
size_t strf(char *buf, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t strf_v(char *buf, size_t cap, const char *fmt, va_list ap)
        __attribute__((format(printf, 3, 0)));

#endif
