#include "firmware/core/version.h"

#include <stdbool.h>
#include <stdint.h>

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* The number at *p, saturated; *p moves behind it. */
static uint32_t number(const char **p)
{
        uint32_t v = 0;

        for (; is_digit(**p); (*p)++)
                v = v > 100000000u ? v : v * 10 + (uint32_t)(**p - '0');
        return v;
}

/* The next part of dotted numbers, 0 at their end. */
static uint32_t part(const char **p)
{
        const uint32_t v = number(p);

        if (**p == '.' && is_digit((*p)[1]))
                (*p)++;
        return v;
}

static int order(uint32_t a, uint32_t b)
{
        return (a > b) - (a < b);
}

/* 0: pre-release, 1: bare, 2: commits behind the version. */
static unsigned kind(const char *suffix)
{
        if (*suffix != '-' || !suffix[1])
                return 1;
        return is_digit(suffix[1]) ? 2 : 0;
}

/* Two suffixes of one kind: words by their bytes, numbers by their value. */
static int suffixes(const char *a, const char *b)
{
        for (;;) {
                int rc;

                if (is_digit(*a) && is_digit(*b)) {
                        if ((rc = order(number(&a), number(&b))) != 0)
                                return rc;
                        continue;
                }
                if (*a != *b || !*a)
                        return order((unsigned char)*a, (unsigned char)*b);
                a++;
                b++;
        }
}

int version_compare(const char *a, const char *b)
{
        int rc;

        a += *a == 'v' || *a == 'V';
        b += *b == 'v' || *b == 'V';
        while (is_digit(*a) || is_digit(*b))
                if ((rc = order(part(&a), part(&b))) != 0)
                        return rc;
        if ((rc = order(kind(a), kind(b))) != 0 || kind(a) == 1)
                return rc;
        return suffixes(a, b);
}
