#include "line/line_talk.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/link_impl.h"
#include "host/pool.h"
#include "wire/bootlog.h"

#define PEM_MAX ((size_t)16 << 10)

uint64_t talk_clock(void)
{
        return link_clock();
}

/* One byte of a line; true at its end. */
static bool take(struct line_talk *t, uint8_t c)
{
        if (c == '\n' || c == '\r') {
                t->line[t->fill] = 0;
                if (t->fill) {
                        const size_t n = t->fill < sizeof t->last ? t->fill : sizeof t->last - 1;

                        memcpy(t->last, t->line, n);
                        t->last[n] = 0;
                }
                t->fill = 0;
                return true;
        }
        if (t->fill + 1 < sizeof t->line)
                t->line[t->fill++] = c >= ' ' && c <= '~' ? (char)c : '?';
        return false;
}

int talk_line(struct line_talk *t, uint64_t deadline)
{
        for (;;) {
                const uint64_t now = talk_clock();
                long n;

                while (t->at < t->n)
                        if (take(t, t->raw[t->at++]))
                                return 1;
                if (interrupted())
                        return -E_CANCELLED;
                if (now >= deadline)
                        return 0;
                /* an interrupt is seen within this */
                n = link_read(t->link, t->raw, sizeof t->raw,
                              deadline - now < 200 ? (unsigned)(deadline - now) : 200);
                if (n < 0)
                        return (int)n;
                t->at = 0;
                t->n = (size_t)n;
        }
}

static int fail(int rc, struct diag *d)
{
        return rc == -E_CANCELLED
                       ? diag_set(d, E_CANCELLED, "interrupted")
                       : diag_set(d, -rc, "the link to the console is gone; check the cable");
}

int talk_send(struct line_talk *t, const char *text, size_t len, struct diag *d)
{
        const int rc = link_write(t->link, text, len);

        return rc < 0 ? fail(rc, d) : 0;
}

static int pem_add(struct blob *pem, const char *line)
{
        const size_t n = strlen(line);
        uint8_t *grown = pem->len + n + 2 > PEM_MAX ? NULL : realloc(pem->data, pem->len + n + 2);

        if (!grown)
                return -E_NOSPACE;
        memcpy(grown + pem->len, line, n);
        grown[pem->len + n] = '\n';
        grown[pem->len + n + 1] = 0;
        pem->data = grown;
        pem->len += n + 1;
        return 0;
}

int talk_answer(struct line_talk *t, uint64_t deadline, struct blob *pem, struct diag *d)
{
        bool inside = false;
        int rc;

        while ((rc = talk_line(t, deadline)) > 0) {
                if (!strncmp(t->line, "-----BEGIN ", 11))
                        inside = true;
                if (inside && pem && t->line[0] && pem_add(pem, t->line) < 0)
                        return diag_set(d, E_NOSPACE, "the console's answer does not end");
                if (!strncmp(t->line, "-----END ", 9))
                        inside = false;
                if (!inside && !strcmp(t->line, "OK"))
                        return 0;
                if (!inside && !strncmp(t->line, "ERROR", 5))
                        return diag_set(d, E_REFUSED, "the console says: %s", t->line);
                if (!inside && bootlog_read(t->line) == BOOTLOG_DEAD)
                        return diag_set(d, E_VERIFY, "the firmware died: %.160s", t->line);
        }
        if (rc < 0)
                return fail(rc, d);
        return diag_set(d, E_TIMEOUT, "no answer on the console; the last it said was: %s",
                        t->last[0] ? t->last : "nothing");
}

int talk_command(struct line_talk *t, const char *command, uint64_t deadline, struct blob *pem,
                 struct diag *d)
{
        int rc = talk_send(t, command, strlen(command), d);

        if (rc == 0)
                rc = talk_send(t, "\r\n", 2, d);
        return rc < 0 ? rc : talk_answer(t, deadline, pem, d);
}
