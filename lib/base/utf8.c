#include "base/utf8.h"

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

bool utf8_valid(const char *p, size_t n)
{
        while (n) {
                const size_t len = utf8_length(p, n);

                if (!len)
                        return false;
                p += len;
                n -= len;
        }
        return true;
}
