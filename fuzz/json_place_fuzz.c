/*
 * Where a value stands: in any text that cJSON takes, each member and element of the first two
 * levels is found inside the text, and a member's place begins with a quote.
 */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "host/json.h"
#include "host/json_place.h"

static const char *at(const char *text, uint32_t line, uint32_t column)
{
        while (line > 1)
                if (*text++ == '\n')
                        line--;
        return text + column - 1;
}

static void visit(const char *text, size_t len, const cJSON *o, const char *base, int depth)
{
        const cJSON *item;
        unsigned i = 0;

        cJSON_ArrayForEach(item, o)
        {
                char path[512];
                uint32_t line;
                uint32_t column;
                const int n = item->string ? snprintf(path, sizeof path, "%s/%s", base, item->string)
                                           : snprintf(path, sizeof path, "%s/%u", base, i);

                i++;
                if (n >= (int)sizeof path || (item->string && strpbrk(item->string, "/\\")))
                        continue;
                if (json_place(text, len, path, &line, &column) < 0)
                        abort();
                if (at(text, line, column) >= text + len)
                        abort();
                /* the name may be written with escapes: then the parent's place is the answer */
                if (item->string && *at(text, line, column) != '"' &&
                    !strchr("[{", *at(text, line, column)))
                        abort();
                if (depth < 2)
                        visit(text, len, item, path, depth + 1);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);
        struct diag d = { 0 };
        uint32_t line;
        uint32_t column;
        cJSON *j;

        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = 0;
        json_place(text, size, "/images/1/file", &line, &column); /* anything at all */
        if (!memchr(text, 0, size) && (j = json_parse(text, size, &d))) {
                visit(text, size, j, "", 0);
                cJSON_Delete(j);
        }
        free(text);
        return 0;
}
