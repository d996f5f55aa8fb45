#include "host/json_place.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct scan {
        const char *p, *end;
        unsigned depth;
};

#define DEPTH_MAX 1000u /* as cJSON's nesting limit */

/* cJSON takes every control character, NUL too, for a blank. */
static bool is_blank(char c)
{
        return (unsigned char)c <= ' ';
}

static bool is_one_of(char c, const char *set)
{
        return c && strchr(set, c);
}

static void blanks(struct scan *s)
{
        while (s->p < s->end && is_blank(*s->p))
                s->p++;
}

/* Behind a string; its bytes between the quotes in *at and *n. */
static int skip_string(struct scan *s, const char **at, size_t *n)
{
        const char *begin = ++s->p;

        for (; s->p < s->end && *s->p != '"'; s->p++)
                if (*s->p == '\\' && s->p + 1 < s->end)
                        s->p++;
        if (s->p >= s->end)
                return -E_SYNTAX;
        *at = begin;
        *n = (size_t)(s->p++ - begin);
        return 0;
}

/* Behind a value, whatever it is. */
static int skip_value(struct scan *s)
{
        unsigned depth = 0;

        do {
                const char *at;
                size_t n;

                blanks(s);
                if (s->p >= s->end)
                        return -E_SYNTAX;
                if (*s->p == '"') {
                        if (skip_string(s, &at, &n) < 0)
                                return -E_SYNTAX;
                } else if (is_one_of(*s->p, "[{")) {
                        depth++;
                        s->p++;
                } else if (is_one_of(*s->p, "]}")) {
                        if (!depth)
                                return -E_SYNTAX;
                        depth--;
                        s->p++;
                } else if (is_one_of(*s->p, ",:")) {
                        if (!depth)
                                return -E_SYNTAX;
                        s->p++;
                } else {
                        while (s->p < s->end && !is_blank(*s->p) && !is_one_of(*s->p, ",:]}[{\""))
                                s->p++;
                }
        } while (depth);
        return 0;
}

/* Inside a container behind its bracket: to the part of the path. 1 with p at its value, 0: not
 * there. */
static int find_part(struct scan *s, bool object, const char *part, size_t len, const char **place)
{
        const unsigned long want = strtoul(part, NULL, 10);

        for (unsigned long i = 0;; i++) {
                const char *name = NULL;
                size_t n = 0;

                blanks(s);
                if (s->p >= s->end)
                        return -E_SYNTAX;
                if (is_one_of(*s->p, "]}"))
                        return 0;
                if (*s->p == ',') {
                        s->p++;
                        blanks(s);
                }
                *place = s->p;
                if (object) {
                        if (s->p >= s->end || *s->p != '"' || skip_string(s, &name, &n) < 0)
                                return -E_SYNTAX;
                        blanks(s);
                        if (s->p >= s->end || *s->p++ != ':')
                                return -E_SYNTAX;
                        blanks(s);
                }
                if (object ? n == len && memcmp(name, part, n) == 0 : i == want)
                        return 1;
                if (skip_value(s) < 0)
                        return -E_SYNTAX;
        }
}

static void count(const char *text, const char *to, uint32_t *line, uint32_t *column)
{
        *line = *column = 1;
        for (const char *p = text; p < to; p++) {
                (*column)++;
                if (*p == '\n') {
                        (*line)++;
                        *column = 1;
                }
        }
}

int json_place(const char *text, size_t len, const char *path, uint32_t *line, uint32_t *column)
{
        struct scan s = { text, text + len, 0 };
        const char *place;
        int rc = 1;

        *line = *column = 1;
        blanks(&s);
        place = s.p;
        while (rc == 1 && *path == '/' && s.depth++ < DEPTH_MAX) {
                const char *part = ++path;
                const char *at = place;

                path += strcspn(path, "/");
                if (s.p >= s.end || !is_one_of(*s.p, "[{"))
                        break;
                s.p++;
                rc = find_part(&s, s.p[-1] == '{', part, (size_t)(path - part), &at);
                if (rc == 1)
                        place = at;
        }
        if (rc < 0)
                return rc;
        count(text, place, line, column);
        return 0;
}
