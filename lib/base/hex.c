#include "base/hex.h"

#include "base/err.h"

int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

static long syntax(size_t at, size_t *bad)
{
        if (bad)
                *bad = at;
        return -E_SYNTAX;
}

long hex_decode(const char *text, size_t n, uint8_t *out, size_t cap, size_t *bad)
{
        for (size_t i = 0; i < n; i++)
                if (hex_digit(text[i]) < 0)
                        return syntax(i, bad);
        if (n % 2)
                return syntax(n, bad);
        if (n / 2 > cap)
                return -E_NOSPACE;
        for (size_t i = 0; i < n / 2; i++)
                out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
        return (long)(n / 2);
}

void hex_encode(const uint8_t *p, size_t n, char *out)
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < n; i++) {
                *out++ = digits[p[i] >> 4];
                *out++ = digits[p[i] & 15];
        }
        *out = 0;
}

static int base64_digit(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int base64_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

long base64_decode(const char *text, size_t n, uint8_t *out, size_t cap, size_t *bad)
{
        uint32_t acc = 0;
        unsigned digits = 0; /* in the current group of four, padding included */
        unsigned pad = 0;
        size_t len = 0;

        for (size_t i = 0; i < n; i++) {
                const int v = base64_digit(text[i]);

                if (base64_space(text[i]))
                        continue;
                if (text[i] == '=' && digits >= 2 && pad < 2) {
                        pad++;
                } else if (v < 0 || pad) {
                        return syntax(i, bad);
                }
                acc = acc << 6 | (v < 0 ? 0 : (uint32_t)v);
                if (++digits < 4)
                        continue;
                if (3 - pad > cap - len)
                        return -E_NOSPACE;
                for (unsigned k = 0; k < 3 - pad; k++)
                        out[len++] = (uint8_t)(acc >> (16 - 8 * k));
                acc = 0;
                digits = 0;
                if (!pad)
                        continue;
                for (i++; i < n; i++)
                        if (!base64_space(text[i]))
                                return syntax(i, bad);
                return (long)len;
        }
        if (digits)
                return syntax(n, bad);
        return (long)len;
}

void base64_encode(const uint8_t *p, size_t n, char *out)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (size_t i = 0; i < n; i += 3) {
                const size_t have = n - i < 3 ? n - i : 3;
                const uint32_t v = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                                   (have > 2 ? (uint32_t)p[i + 2] : 0);

                *out++ = digits[v >> 18];
                *out++ = digits[v >> 12 & 63];
                *out++ = have > 1 ? digits[v >> 6 & 63] : '=';
                *out++ = have > 2 ? digits[v & 63] : '=';
        }
        *out = 0;
}
