#include "base/bytes.h"

#include <string.h>

bool bytes_all(const uint8_t *p, size_t n, uint8_t value)
{
        while (n--)
                if (*p++ != value)
                        return false;
        return true;
}

bool bytes_equal_ct(const void *a, const void *b, size_t n)
{
        const volatile uint8_t *x = a;
        const volatile uint8_t *y = b;
        uint8_t diff = 0;

        for (size_t i = 0; i < n; i++)
                diff = (uint8_t)(diff | (x[i] ^ y[i]));
        return diff == 0;
}

void wipe(void *p, size_t n)
{
        if (!n)
                return; /* p may be NULL */
        memset(p, 0, n);
        /* what is read by nobody may not be left out: here it might be */
        __asm__ volatile("" : : "r"(p) : "memory");
}
