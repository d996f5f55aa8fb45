/*
 * Any bytes as a line from a unit's UART. Properties: a token that is read, written again field by
 * field, reads the same; one that is said to pass has no check that is not ok.
 *
 * Input: one byte (bit 0: mend the checksum), then the line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "wire/selftest.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char line[SELFTEST_MAX];

static void mend(size_t n)
{
        char text[9];

        if (n < 8)
                return;
        snprintf(text, sizeof text, "%08x", (unsigned)crc32_le(0, line, n > 13 ? n - 13 : 0));
        memcpy(line + n - 8, text, 8);
}

static void put(struct selftest_writer *w, const struct selftest_field *f)
{
        char name[SELFTEST_NAME], value[SELFTEST_MAX];

        snprintf(name, sizeof name, "%.*s", (int)f->name_len, f->name);
        snprintf(value, sizeof value, "%.*s", (int)f->value_len, f->value);
        if (f->is_check)
                selftest_check(w, name, value);
        else
                selftest_fact(w, name, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct selftest_writer w;
        struct selftest_field f;
        struct selftest t, again;

        if (n < 1 || n > sizeof line)
                return 0;
        memcpy(line, p + 1, n - 1);
        if (p[0] & 1)
                mend(n - 1);
        if (selftest_read(&t, line, n - 1) < 0)
                return 0;
        selftest_begin(&w);
        for (size_t at = 0; selftest_next(&t, &at, &f);) {
                if (t.pass && f.is_check && !f.ok)
                        abort();
                put(&w, &f);
        }
        selftest_end(&w);
        if (w.pass != t.pass || selftest_read(&again, w.line, strlen(w.line)) < 0 ||
            again.pass != t.pass || again.len != t.len || memcmp(again.fields, t.fields, t.len))
                abort();
        return 0;
}
