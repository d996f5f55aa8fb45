#include "host/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static int unknown(const char *name, size_t n, const struct template_var *vars, struct diag *d)
{
        char list[160] = "";
        size_t k = 0;

        for (; vars->name && k < sizeof list; vars++)
                k += (size_t)snprintf(list + k, sizeof list - k, "%s{%s}", k ? ", " : "",
                                      vars->name);
        return diag_set(d, E_SYNTAX, "{%.*s} is not known; there are %s", (int)(n < 32 ? n : 32),
                        name, list);
}

/* The variable that *t, behind its brace, begins with; *t is moved behind it. */
static int variable(const char **t, const struct template_var *vars, const struct template_var **v,
                    struct diag *d)
{
        const char *name = *t;
        const char *end = strchr(name, '}');

        if (!end)
                return diag_set(d, E_SYNTAX, "a { without its }");
        for (*v = vars; (*v)->name; (*v)++)
                if (strlen((*v)->name) == (size_t)(end - name) &&
                    !memcmp((*v)->name, name, (size_t)(end - name)))
                        break;
        if (!(*v)->name)
                return unknown(name, (size_t)(end - name), vars, d);
        if (!(*v)->text)
                return diag_set(d, E_NOTFOUND, "{%s} is not to be had here", (*v)->name);
        *t = end + 1;
        return 0;
}

/* out NULL: the length only. */
static long fill(const char *t, const struct template_var *vars, char *out, struct diag *d)
{
        size_t n = 0;

        while (*t) {
                const struct template_var *v = NULL;
                const char *text = t;
                size_t len = 1;
                int rc = 0;

                if (*t == '{' && t[1] != '{') {
                        t++;
                        if ((rc = variable(&t, vars, &v, d)) < 0)
                                return rc;
                        text = v->text;
                        len = v->len ? v->len : strlen(text);
                } else {
                        t += *t == '{' ? 2 : 1;
                }
                if (out)
                        memcpy(out + n, text, len);
                n += len;
        }
        return (long)n;
}

int template_fill(const char *template, const struct template_var *vars, char **out, size_t *len,
                  struct diag *d)
{
        const long n = fill(template, vars, NULL, d);

        *out = NULL;
        if (n < 0)
                return (int)n;
        if (!(*out = malloc((size_t)n + 1)))
                return diag_set(d, E_NOMEM, "out of memory");
        fill(template, vars, *out, NULL);
        (*out)[n] = 0;
        if (len)
                *len = (size_t)n;
        return 0;
}
