#include "base/strf.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct sink {
        char *buf;
        size_t cap;
        size_t len;
};

static void sink_put(struct sink *s, char c)
{
        if (s->len + 1 < s->cap)
                s->buf[s->len] = c;
        s->len++;
}

static void sink_pad(struct sink *s, char c, size_t have, size_t want)
{
        for (; have < want; have++)
                sink_put(s, c);
}

struct spec {
        bool zero;
        bool left;
        size_t width;
        bool has_precision;
        size_t precision;
        int length; /* sizeof the integer argument's type */
};

static void put_text(struct sink *s, const struct spec *sp, const char *text)
{
        size_t n = 0;

        if (!text)
                text = "(null)";
        while ((!sp->has_precision || n < sp->precision) && text[n])
                n++;
        if (!sp->left)
                sink_pad(s, ' ', n, sp->width);
        for (size_t i = 0; i < n; i++)
                sink_put(s, text[i]);
        if (sp->left)
                sink_pad(s, ' ', n, sp->width);
}

static void put_number(struct sink *s, const struct spec *sp, uint64_t v, bool negative, char conv)
{
        const char *digits = conv == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
        const unsigned base = (conv == 'x' || conv == 'X') ? 16 : 10;
        char text[24];
        size_t n = 0;
        size_t total;

        do {
                text[n++] = digits[v % base];
                v /= base;
        } while (v);
        total = n + (negative ? 1 : 0);
        if (!sp->zero && !sp->left)
                sink_pad(s, ' ', total, sp->width);
        if (negative)
                sink_put(s, '-');
        if (sp->zero && !sp->left)
                sink_pad(s, '0', total, sp->width);
        while (n)
                sink_put(s, text[--n]);
        if (sp->left)
                sink_pad(s, ' ', total, sp->width);
}

static const char *parse_spec(const char *p, struct spec *sp, va_list *ap)
{
        *sp = (struct spec){ .length = (int)sizeof(int) };
        for (; *p == '0' || *p == '-'; p++) {
                sp->zero |= *p == '0';
                sp->left |= *p == '-';
        }
        if (*p == '*') {
                const int w = va_arg(*ap, int);

                sp->left |= w < 0;
                sp->width = w < 0 ? (size_t)0 - (size_t)w : (size_t)w;
                p++;
        }
        for (; *p >= '0' && *p <= '9'; p++)
                sp->width = sp->width * 10 + (size_t)(*p - '0');
        if (*p == '.') {
                sp->has_precision = true;
                if (*++p == '*') {
                        const int n = va_arg(*ap, int);

                        sp->has_precision = n >= 0;
                        sp->precision = n < 0 ? 0 : (size_t)n;
                        p++;
                }
                for (; *p >= '0' && *p <= '9'; p++)
                        sp->precision = sp->precision * 10 + (size_t)(*p - '0');
        }
        for (;; p++) {
                if (p[0] == 'l' && p[1] == 'l') {
                        sp->length = (int)sizeof(long long);
                        p++;
                } else if (*p == 'l') {
                        sp->length = (int)sizeof(long);
                } else if (*p == 'z') {
                        sp->length = (int)sizeof(size_t);
                } else if (*p == 't') {
                        sp->length = (int)sizeof(ptrdiff_t);
                } else if (*p == 'j') {
                        sp->length = (int)sizeof(intmax_t);
                } else if (*p != 'h') {
                        break;
                }
        }
        return p;
}

size_t strf_v(char *buf, size_t cap, const char *fmt, va_list args)
{
        struct sink s = { buf, cap, 0 };
        va_list ap;

        va_copy(ap, args);
        for (const char *p = fmt; *p; p++) {
                struct spec sp;
                const char *start = p;

                if (*p != '%') {
                        sink_put(&s, *p);
                        continue;
                }
                p = parse_spec(p + 1, &sp, &ap);
                switch (*p) {
                case '%':
                        sink_put(&s, '%');
                        break;
                case 'c': {
                        const char c[2] = { (char)va_arg(ap, int), 0 };

                        put_text(&s, &sp, c);
                        break;
                }
                case 's':
                        put_text(&s, &sp, va_arg(ap, const char *));
                        break;
                case 'd':
                case 'i': {
                        const int64_t v =
                                sp.length == 8 ? va_arg(ap, int64_t) : (int64_t)va_arg(ap, int32_t);

                        put_number(&s, &sp, v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v, v < 0,
                                   'd');
                        break;
                }
                case 'u':
                case 'x':
                case 'X':
                        put_number(&s, &sp,
                                   sp.length == 8 ? va_arg(ap, uint64_t)
                                                  : (uint64_t)va_arg(ap, uint32_t),
                                   false, *p);
                        break;
                default: /* which argument belongs to what, from here on? */
                        for (; *start; start++)
                                sink_put(&s, *start);
                        goto end;
                }
        }
end:
        va_end(ap);
        if (cap)
                buf[s.len < cap ? s.len : cap - 1] = 0;
        return s.len;
}

size_t strf(char *buf, size_t cap, const char *fmt, ...)
{
        va_list ap;
        size_t n;

        va_start(ap, fmt);
        n = strf_v(buf, cap, fmt, ap);
        va_end(ap);
        return n;
}
