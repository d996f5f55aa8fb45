/*
 * A unit's token line: whatever comes over the wire, all texts end within their places, a verdict
 * is found only behind the token, and what was read reads the same when it is written again.
 */
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/line_token.h"

#define TOKEN "FCTRY-SELFTEST v1"

static void ends(const char *p, size_t cap)
{
        if (!memchr(p, 0, cap) || strchr(p, '\n'))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct line_token t;
        struct line_token again;
        char line[1024];
        char back[1024];
        size_t n = 0;

        for (; n < size && n + 1 < sizeof line; n++)
                line[n] = data[n] >= ' ' && data[n] <= '~' ? (char)data[n] : '?';
        line[n] = 0;
        if (line_token_read(line, TOKEN, &t) == 0)
                return 0;
        if (!strstr(line, TOKEN) || !strstr(line, t.pass ? "PASS" : "FAIL"))
                abort();
        ends(t.version, sizeof t.version);
        ends(t.project, sizeof t.project);
        ends(t.serial, sizeof t.serial);
        ends(t.mac, sizeof t.mac);
        ends(t.bad, sizeof t.bad);
        snprintf(back, sizeof back, TOKEN " %s version=%s project=%s serial=%s mac=%s",
                 t.pass ? "PASS" : "FAIL", t.version, t.project, t.serial, t.mac);
        if (line_token_read(back, TOKEN, &again) != 1 || again.pass != t.pass ||
            strcmp(again.version, t.version) || strcmp(again.project, t.project) ||
            strcmp(again.serial, t.serial) || strcmp(again.mac, t.mac))
                abort();
        return 0;
}
