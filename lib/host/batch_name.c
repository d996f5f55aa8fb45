#include "host/batch_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

int batch_name_check(const char *text, const char *what, struct diag *d)
{
        const size_t n = strlen(text);

        if (n == 0)
                return diag_set(d, E_RANGE,
                                "%s: empty, but it becomes part of a file's name; fill it in",
                                what);
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)text[i] < ' ' || text[i] == 0x7F || strchr("/\\:", text[i]))
                        return diag_set(d, E_RANGE,
                                        "%s: '/', '\\', ':' and control characters cannot be part "
                                        "of a file's name; "
                                        "leave them out",
                                        what);
        if (strstr(text, "..") || text[0] == '.' || text[0] == ' ' || text[n - 1] == '.' ||
            text[n - 1] == ' ')
                return diag_set(
                        d, E_RANGE,
                        "%s: '..' and a dot or blank at either end are not safe in a file's name; "
                        "leave them out",
                        what);
        return 0;
}

int batch_stem_make(const struct batch_naming *n, uint64_t i, const char *id,
                    char out[BATCH_STEM_CAP], struct diag *d)
{
        const int len = n->numbered ? snprintf(out, BATCH_STEM_CAP, "%s-%0*" PRIu64 "-%s",
                                               n->prefix, (int)n->width, n->start + i, id)
                                    : snprintf(out, BATCH_STEM_CAP, "%s-%s", n->prefix, id);

        if (len < 0 || (size_t)len >= BATCH_STEM_CAP)
                return diag_set(
                        d, E_RANGE,
                        "%.40s…: a file's name of more than %u bytes; take a shorter prefix or id",
                        id, BATCH_NAME_MAX);
        return 0;
}

void batch_fold_case(char *text)
{
        for (; *text; text++)
                if (*text >= 'A' && *text <= 'Z')
                        *text = (char)(*text + 'a' - 'A');
}
