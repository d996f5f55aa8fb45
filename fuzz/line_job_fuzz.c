/*
 * A job: any text is taken or refused with at least one reason at a place inside it; a job that is
 * taken has what a line needs, and all its texts are the job's own until it is freed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "line/line_job.h"

static void place_is_inside(const char *text, size_t n, const struct diag *d)
{
        uint32_t lines = 1;

        for (size_t i = 0; i < n; i++)
                lines += text[i] == '\n';
        if (d->line > lines)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);
        struct line_job *j = malloc(sizeof *j);
        struct diag first = { 0 };
        struct report r = { .silent = true, .first = &first };
        size_t used = 0;
        int rc;

        if (!text || !j)
                abort();
        memcpy(text, data, size);
        text[size] = 0;
        rc = line_job_parse(j, "job.json", text, size, &r);
        if ((rc < 0) != (r.errors > 0) || (rc < 0 && (!first.code || !first.text[0])))
                abort();
        if (rc < 0)
                place_is_inside(text, size, &first);
        if (rc == 0) {
                if (!j->chip || !j->table.text || !j->image_count || !j->ledger.text || !j->baud ||
                    !j->selftest.seconds)
                        abort();
                for (size_t i = 0; i < j->image_count; i++)
                        used += strlen(j->images[i].file.text);
                for (size_t i = 0; i < j->factory.value_count; i++)
                        used += strlen(j->factory.values[i].text.text);
                if (j->security.given)
                        used += strlen(j->security.profile.text);
                if (!used)
                        abort();
        }
        line_job_free(j);
        free(j);
        free(text);
        return 0;
}
