#include "wire/selftest.h"

#include <string.h>

#include "base/crc32.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"

#define HEAD    SELFTEST_WORD " v1 "
#define VERDICT (sizeof HEAD - 1) /* where it stands */
#define TAIL    13u               /* " crc=" and 8 digits */

static const char *const facts[] = { "version", "project", "chip", "mac", "serial", "slot" };

static uint32_t sum(const char *p, size_t n)
{
        return crc32_le(0, p, n);
}

static bool is_fact(const char *name, size_t n)
{
        for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
                if (strlen(facts[i]) == n && memcmp(facts[i], name, n) == 0)
                        return true;
        return false;
}

/* ---- writing ---- */

void selftest_begin(struct selftest_writer *w)
{
        w->pass = true;
        w->len = strf(w->line, sizeof w->line, HEAD "PASS");
}

void selftest_fact(struct selftest_writer *w, const char *name, const char *value)
{
        const size_t room = sizeof w->line - w->len;
        const size_t n = strlen(name) + strlen(value) + 2;
        char *p = w->line + w->len;

        if (strlen(name) >= SELFTEST_NAME || room <= TAIL || n >= room - TAIL) {
                w->pass = false;
                return;
        }
        w->len += strf(p, room, " %s=%s", name, value);
        for (p += n - strlen(value); *p; p++)
                if (*p < '!' || *p > '~')
                        *p = '_';
}

void selftest_check(struct selftest_writer *w, const char *name, const char *result)
{
        if (strcmp(result, "ok") != 0)
                w->pass = false;
        selftest_fact(w, name, result);
}

const char *selftest_end(struct selftest_writer *w)
{
        memcpy(w->line + VERDICT, w->pass ? "PASS" : "FAIL", 4);
        w->len += strf(w->line + w->len, sizeof w->line - w->len, " crc=%08x",
                       (unsigned)sum(w->line, w->len));
        return w->line;
}

/* ---- reading ---- */

static const char *find_word(const char *line, size_t n)
{
        const size_t len = sizeof SELFTEST_WORD - 1;

        for (size_t i = 0; i + len <= n; i++)
                if (memcmp(line + i, SELFTEST_WORD, len) == 0)
                        return line + i;
        return NULL;
}

/* Is " crc=" at p, with the sum of what stands from word to p? */
static bool sum_agrees(const char *word, const char *p)
{
        char want[TAIL + 1];

        (void)strf(want, sizeof want, " crc=%08x", (unsigned)sum(word, (size_t)(p - word)));
        return memcmp(p, want, TAIL) == 0;
}

bool selftest_next(const struct selftest *t, size_t *at, struct selftest_field *f)
{
        const char *p = t->fields + *at;
        const size_t left = t->len - *at;
        const char *equals, *blank;

        if (left < 2 || !(equals = memchr(p, '=', left)))
                return false;
        blank = memchr(p + 1, ' ', left - 1);
        if (!blank)
                blank = p + left;
        if (blank < equals)
                return false;
        f->name = p + 1;
        f->name_len = (size_t)(equals - f->name);
        f->value = equals + 1;
        f->value_len = (size_t)(blank - f->value);
        f->is_check = !is_fact(f->name, f->name_len);
        f->ok = f->value_len == 2 && memcmp(f->value, "ok", 2) == 0;
        *at = (size_t)(blank - t->fields);
        return true;
}

static bool is_sound(const struct selftest_field *f)
{
        if (!f->name_len || f->name_len >= SELFTEST_NAME)
                return false;
        for (size_t i = 0; i < f->name_len; i++) {
                const char c = f->name[i];

                if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
                        return false;
        }
        for (size_t i = 0; i < f->value_len; i++)
                if (f->value[i] < '!' || f->value[i] > '~')
                        return false;
        return true;
}

/* The fields, which stand behind the verdict: words of the right form that agree with it. */
static int judge(const struct selftest *t)
{
        struct selftest_field f;
        bool good = true;
        size_t at = 0;

        while (selftest_next(t, &at, &f)) {
                if (t->fields[(size_t)(f.name - t->fields) - 1] != ' ' || !is_sound(&f))
                        return -E_FORMAT;
                good &= !f.is_check || f.ok;
        }
        return at == t->len && good == t->pass ? 0 : -E_FORMAT;
}

int selftest_read(struct selftest *t, const char *line, size_t n)
{
        const char *word = find_word(line, n);

        memset(t, 0, sizeof *t);
        if (!word)
                return -E_NOTFOUND;
        n -= (size_t)(word - line);
        while (n && (word[n - 1] == '\r' || word[n - 1] == '\n' || word[n - 1] == ' '))
                n--;
        if (n > VERDICT && memcmp(word, HEAD, VERDICT) != 0)
                return word[sizeof SELFTEST_WORD - 1] == ' ' ? -E_UNSUPPORTED : -E_CRC;
        if (n < VERDICT + 4 + TAIL || n >= SELFTEST_MAX || !sum_agrees(word, word + n - TAIL))
                return -E_CRC;
        t->pass = memcmp(word + VERDICT, "PASS", 4) == 0;
        if (!t->pass && memcmp(word + VERDICT, "FAIL", 4) != 0)
                return -E_FORMAT;
        t->fields = word + VERDICT + 4;
        t->len = n - VERDICT - 4 - TAIL;
        return judge(t);
}

int selftest_get(const struct selftest *t, const char *name, char *out, size_t cap)
{
        struct selftest_field f;
        size_t at = 0;

        while (selftest_next(t, &at, &f)) {
                if (f.name_len != strlen(name) || memcmp(f.name, name, f.name_len) != 0)
                        continue;
                if (f.value_len >= cap)
                        return -E_NOSPACE;
                memcpy(out, f.value, f.value_len);
                out[f.value_len] = 0;
                return (int)f.value_len;
        }
        return -E_NOTFOUND;
}
