#include "base/utf8.h"

#include <string.h>

/* Second bytes that a first byte allows (RFC 3629, section 4); the others are 80 … BF. */
size_t utf8_length(const char *text, size_t n)
{
        const unsigned char *p = (const unsigned char *)text;
        unsigned char low = 0x80;
        unsigned char high = 0xBF;
        size_t len;

        if (n == 0)
                return 0;
        if (p[0] < 0x80)
                return 1;
        if (p[0] < 0xC2 || p[0] > 0xF4)
                return 0;
        len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
        if (p[0] == 0xE0)
                low = 0xA0;
        else if (p[0] == 0xED)
                high = 0x9F;
        else if (p[0] == 0xF0)
                low = 0x90;
        else if (p[0] == 0xF4)
                high = 0x8F;
        if (n < len || p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < len; i++)
                if (p[i] < 0x80 || p[i] > 0xBF)
                        return 0;
        return len;
}

size_t utf8_decode(const char *p, size_t n, uint32_t *cp)
{
        const size_t len = utf8_length(p, n);
        uint32_t v = len == 1 ? (uint8_t)p[0] : len ? (uint8_t)p[0] & (0x7Fu >> len) : 0;

        for (size_t i = 1; i < len; i++)
                v = v << 6 | ((uint8_t)p[i] & 0x3Fu);
        *cp = v;
        return len;
}

size_t utf8_prefix(const char *p, size_t n)
{
        size_t i = 0;

        while (i < n) {
                size_t len;

                /* eight at a time while it is ASCII */
                while (n - i >= 8) {
                        uint32_t a[2];

                        memcpy(a, p + i, sizeof a);
                        if ((a[0] | a[1]) & 0x80808080u)
                                break;
                        i += 8;
                }
                if (!(len = utf8_length(p + i, n - i)))
                        break;
                i += len;
        }
        return i;
}

bool utf8_valid(const char *p, size_t n)
{
        return utf8_prefix(p, n) == n;
}

size_t utf8_count(const char *p, size_t n)
{
        size_t count = 0;

        for (size_t i = 0; i < n; i++)
                count += ((uint8_t)p[i] & 0xC0u) != 0x80u;
        return count;
}
