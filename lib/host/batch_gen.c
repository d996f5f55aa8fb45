#include "host/batch_gen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"

static const struct {
        const char *name;
        const char *letters;
} alphabets[] = {
        { "unambiguous", "34679ACDEFGHJKLMNPQRTUVWXYabcdefghijkmnpqrtuvwxy" },
        { "alnum", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" },
        { "hex", "0123456789abcdef" },
        { "digits", "0123456789" },
};

const char *batch_alphabet(const char *name)
{
        for (size_t i = 0; i < sizeof alphabets / sizeof *alphabets; i++)
                if (strcmp(name, alphabets[i].name) == 0)
                        return alphabets[i].letters;
        return NULL;
}

/* One conversion: p is behind the '%'. Returns what follows it, or NULL. */
static const char *conversion(const char *p, int *zero, unsigned *width, char *letter)
{
        *zero = *p == '0';
        p += *zero;
        for (*width = 0; *p >= '0' && *p <= '9'; p++)
                if ((*width = *width * 10 + (unsigned)(*p - '0')) > 20)
                        return NULL;
        *letter = *p;
        return *p && strchr("udxX", *p) ? p + 1 : NULL;
}

int batch_template_set(struct batch_gen *g, const char *text, struct diag *d)
{
        unsigned count = 0;
        unsigned width;
        int zero;
        char letter;

        if (strlen(text) >= BATCH_TEMPLATE_MAX)
                return diag_set(d, E_RANGE, "template longer than %u bytes",
                                BATCH_TEMPLATE_MAX - 1);
        for (const char *p = text; (p = strchr(p, '%'));) {
                if (*++p == '%') {
                        p++;
                        continue;
                }
                if (!(p = conversion(p, &zero, &width, &letter)))
                        return diag_set(
                                d, E_SYNTAX,
                                "'%s': after '%%' a template has u, d, x or X with a width "
                                "up to 20 before it, as in %%06u; a real '%%' is written %%%%",
                                text);
                count++;
        }
        if (count != 1)
                return diag_set(d, E_SYNTAX,
                                "'%s': a template has exactly one counter, as in SO-%%06u, not %u",
                                text, count);
        g->template = strdup(text);
        if (!g->template)
                return diag_set(d, E_NOMEM, "out of memory");
        g->kind = BATCH_GEN_TEMPLATE;
        return 0;
}

static int number(char *out, size_t cap, uint64_t v, unsigned width, int zero, char letter)
{
        const int w = (int)width;

        switch (letter) {
        case 'x':
                return zero ? snprintf(out, cap, "%0*" PRIx64, w, v)
                            : snprintf(out, cap, "%*" PRIx64, w, v);
        case 'X':
                return zero ? snprintf(out, cap, "%0*" PRIX64, w, v)
                            : snprintf(out, cap, "%*" PRIX64, w, v);
        default:
                return zero ? snprintf(out, cap, "%0*" PRIu64, w, v)
                            : snprintf(out, cap, "%*" PRIu64, w, v);
        }
}

long batch_template_make(const struct batch_gen *g, uint64_t counter, char *out, size_t cap)
{
        size_t n = 0;

        for (const char *p = g->template; *p;) {
                char piece[32] = { *p, 0 };
                size_t len = 1;

                if (*p++ == '%' && *p != '%') {
                        unsigned width;
                        int zero;
                        char letter;

                        if (!(p = conversion(p, &zero, &width, &letter)))
                                return -E_BUG;
                        len = (size_t)number(piece, sizeof piece, counter, width, zero, letter);
                } else if (p[-1] == '%') {
                        p++;
                }
                if (len >= cap - n)
                        return -E_RANGE;
                memcpy(out + n, piece, len);
                n += len;
        }
        out[n] = 0;
        return (long)n;
}

int batch_template_read(const struct batch_gen *g, const char *text, uint64_t *counter)
{
        char again[BATCH_TEMPLATE_MAX];
        const size_t n = strlen(text);
        const char *p = g->template;
        size_t head = 0;
        size_t tail = 0;
        unsigned width;
        int zero;
        char letter = 0;

        /* how many characters stand before and behind the counter */
        while (*p) {
                if (*p == '%' && p[1] != '%') {
                        if (!(p = conversion(p + 1, &zero, &width, &letter)))
                                return -E_BUG;
                        continue;
                }
                p += *p == '%' ? 2 : 1;
                if (letter)
                        tail++;
                else
                        head++;
        }
        if (n <= head + tail || n >= sizeof again)
                return -E_NOTFOUND;
        memcpy(again, text, n - tail);
        again[n - tail] = 0;
        *counter = strtoull(again + head, NULL, letter == 'x' || letter == 'X' ? 16 : 10);
        return batch_template_make(g, *counter, again, sizeof again) == (long)n &&
                               memcmp(again, text, n) == 0
                       ? 0
                       : -E_NOTFOUND;
}

int batch_random_make(const struct batch_gen *g, char out[BATCH_RANDOM_MAX + 1])
{
        const unsigned letters = (unsigned)strlen(g->alphabet);
        const unsigned limit =
                256 - 256 % letters; /* above it a remainder would favour the first letters */
        uint8_t pool[64];
        unsigned n = 0;

        while (n < g->length) {
                int rc = crypt_random(pool, sizeof pool);

                if (rc < 0) {
                        wipe(out, n);
                        return rc;
                }
                for (size_t i = 0; i < sizeof pool && n < g->length; i++)
                        if (pool[i] < limit)
                                out[n++] = g->alphabet[pool[i] % letters];
        }
        out[n] = 0;
        wipe(pool, sizeof pool);
        return 0;
}

void batch_gen_free(struct batch_gen *g)
{
        free(g->template);
        *g = (struct batch_gen){ 0 };
}
