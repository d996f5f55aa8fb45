#include "host/line_token.h"

#include <stdio.h>
#include <string.h>

/* len bytes at text, cut to cap. */
static void copy(char *out, size_t cap, const char *text, size_t len)
{
        if (len >= cap)
                len = cap - 1;
        memcpy(out, text, len);
        out[len] = 0;
}

static bool is(const char *p, size_t n, const char *word)
{
        return strlen(word) == n && !memcmp(p, word, n);
}

/* Facts are kept, verdicts only if they are bad; numbers of chips and the like are neither. */
static void take(struct line_token *t, const char *word, size_t len)
{
        const char *eq = memchr(word, '=', len);
        const size_t name = eq ? (size_t)(eq - word) : len;
        const char *value = eq ? eq + 1 : "";
        const size_t n = eq ? len - name - 1 : 0;
        const size_t used = strlen(t->bad);

        if (!eq)
                return;
        if (is(word, name, "version"))
                copy(t->version, sizeof t->version, value, n);
        else if (is(word, name, "project"))
                copy(t->project, sizeof t->project, value, n);
        else if (is(word, name, "serial"))
                copy(t->serial, sizeof t->serial, value, n);
        else if (is(word, name, "mac"))
                copy(t->mac, sizeof t->mac, value, n);
        else if (!is(word, name, "chip") && !is(word, name, "slot") && !is(value, n, "ok") &&
                 used + 2 < sizeof t->bad)
                snprintf(t->bad + used, sizeof t->bad - used, "%s%.*s", used ? " " : "", (int)len,
                         word);
}

int line_token_read(const char *line, const char *token, struct line_token *out)
{
        const char *p = strstr(line, token);

        if (!p || !*token)
                return 0;
        p += strlen(token);
        p += strspn(p, " ");
        if (strncmp(p, "PASS", 4) != 0 && strncmp(p, "FAIL", 4) != 0)
                return 0;
        if (p[4] && p[4] != ' ')
                return 0;
        memset(out, 0, sizeof *out);
        out->pass = *p == 'P';
        for (p += 4; *p;) {
                size_t n;

                p += strspn(p, " ");
                n = strcspn(p, " ");
                take(out, p, n);
                p += n;
        }
        return 1;
}
