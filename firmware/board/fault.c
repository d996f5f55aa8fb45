/* Faults by name, as --fault and `vboard ctl … fault` take them. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "board.h"
#include "host/opt.h"

/* "A[/B[/C…]]" into out; returns how many there were, or -E_SYNTAX. */
static int numbers(const char *text, int64_t *out, int max)
{
        char part[32];
        int n = 0;

        for (;;) {
                const size_t len = strcspn(text, "/");

                if (n == max || len >= sizeof part)
                        return -E_SYNTAX;
                memcpy(part, text, len);
                part[len] = 0;
                if (parse_int(part, &out[n]) < 0 || out[n] < 0 || out[n] > UINT32_MAX)
                        return -E_SYNTAX;
                n++;
                if (!text[len])
                        return n;
                text += len + 1;
        }
}

/* Faults of one lane. Positions are counted from now. False: no such name. */
static bool lane_fault(struct sim_pipe *p, const char *name, bool given, uint32_t value)
{
        const uint64_t at = p->count + value;

        if (!strcmp(name, "silence")) {
                p->silent = true;
                p->silent_from = at;
        } else if (!given) {
                return false;
        } else if (!strcmp(name, "drop")) {
                p->drop_one_in = value;
        } else if (!strcmp(name, "garble")) {
                p->garble_one_in = value;
        } else if (!strcmp(name, "drop-at")) {
                p->drop = true;
                p->drop_at = at;
        } else if (!strcmp(name, "garble-at")) {
                p->garble = true;
                p->garble_at = at;
        } else if (!strcmp(name, "cut")) {
                p->cut = true;
                p->cut_at = at;
        } else {
                return false;
        }
        return true;
}

static void clear(struct board *b)
{
        struct sim_pipe *lanes[] = { &b->line.in.faults, &b->line.out.faults };

        for (size_t i = 0; i < 2; i++)
                *lanes[i] = (struct sim_pipe){ .count = lanes[i]->count };
        b->line.max_rate = 0;
        b->flash.cut_at = 0;
        b->chip.fuses.cut = 0;
        memset(&b->server.refusal, 0, sizeof b->server.refusal);
}

int board_fault(struct board *b, const char *spec, struct diag *d)
{
        const size_t len = strcspn(spec, "=");
        int64_t v[4] = { 0, 0, 0, 1 };
        char name[24];
        const bool rx = !strncmp(spec, "rx-", 3);
        int n = 0;

        snprintf(name, sizeof name, "%.*s", (int)len, spec);
        if (spec[len] && (n = numbers(spec + len + 1, v, 4)) < 0)
                return diag_set(d, E_SYNTAX,
                                "fault '%s': numbers from 0 to 4294967295 behind the =, with / "
                                "between them",
                                spec);
        if (!strcmp(name, "none")) {
                clear(b);
        } else if (!strcmp(name, "max-rate") && n == 1) {
                b->line.max_rate = (uint32_t)v[0];
        } else if (!strcmp(name, "power") && n == 1) {
                b->flash.cut_at = b->flash.operations + (v[0] ? (uint64_t)v[0] : 1);
        } else if (!strcmp(name, "burn-power") && n == 1) {
                b->chip.fuses.cut = v[0] ? (uint32_t)v[0] : 1;
        } else if (!strcmp(name, "nak") && n >= 1 && v[0] >= 1 && v[0] <= 255 && v[1] <= 255) {
                b->server.refusal = (struct romldr_refusal){ .error = (uint8_t)v[0],
                                                             .op = (uint8_t)v[1],
                                                             .after = (uint32_t)v[2],
                                                             .count = (uint32_t)v[3] };
        } else if (n > 1 || !lane_fault(rx ? &b->line.in.faults : &b->line.out.faults,
                                        rx ? name + 3 : name, n == 1, (uint32_t)v[0])) {
                return diag_set(d, E_SYNTAX,
                                "fault '%s' is not known; drop=N garble=N drop-at=N garble-at=N "
                                "silence[=N] cut=N (rx- before them: towards the board), "
                                "nak=ERROR[/OP[/AFTER[/COUNT]]], power=N, burn-power=N, "
                                "max-rate=BAUD, none",
                                spec);
        }
        return 0;
}
