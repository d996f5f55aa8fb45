/*
 * ledger_station URL NAME BATCH FIRST COUNT SEED: a station without boards. It takes COUNT MACs
 * from number FIRST on in a random order through claim, steps and end, until all have passed, and
 * prints a line for each claim that was committed: "MAC SERIAL". A ledger that is away is told once
 * ("away") and asked until it is back ("back").
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "line/ledger.h"

static unsigned seed;
static bool away;

static unsigned rnd(unsigned n)
{
        seed = seed * 1103515245u + 12345u;
        return (seed >> 16) % n;
}

static void out(const char *a, const char *b)
{
        char line[160];
        const int n = snprintf(line, sizeof line, "%s%s%s\n", a, *b ? " " : "", b);

        if (write(STDOUT_FILENO, line, (size_t)n) != n)
                exit(5);
}

/* True: the call is to be repeated. */
static bool again(int rc, const struct diag *d)
{
        const bool trouble = rc < 0 && err_status(rc) == STATUS_STATION;

        if (trouble && !away)
                fprintf(stderr, "%s\n", d->text);
        if (trouble != away)
                out(trouble ? "away" : "back", "");
        away = trouble;
        if (trouble)
                usleep(20000);
        return trouble;
}

static int step(struct ledger *l, struct ledger_unit *u, enum ledger_state to)
{
        struct diag d;
        int rc;

        do {
                d = (struct diag){ 0 };
                if (to == LEDGER_PASSED || to == LEDGER_FAILED)
                        rc = ledger_finish(l, u, to == LEDGER_FAILED ? "selftest" : NULL, NULL, &d);
                else
                        rc = ledger_step(l, u, to, &d);
        } while (again(rc, &d));
        return rc;
}

/* 0: has passed; 1: not yet; 2: not to be had. */
static int one(struct ledger *l, const char *batch, unsigned number)
{
        struct ledger_claim c = { .batch = batch, .slot = "s" };
        char mac[LEDGER_MAC_LEN];
        struct diag d;
        int rc;

        snprintf(mac, sizeof mac, "02:00:00:00:%02x:%02x", number >> 8, number & 255);
        c.mac = mac;
        do {
                d = (struct diag){ 0 };
                rc = ledger_claim(l, &c, &d);
        } while (again(rc, &d));
        if (rc < 0 && c.passed)
                return 0;
        if (rc < 0) {
                fprintf(stderr, "%s\n", d.text);
                return 2;
        }
        out(mac, c.unit.serial);
        c.unit.cycle_ms = 1000 + rnd(1000);
        for (int s = LEDGER_MADE; s <= LEDGER_VERIFIED; s++)
                if (step(l, &c.unit, (enum ledger_state)s) < 0)
                        return 1; /* another station has claimed it since */
        rc = step(l, &c.unit, rnd(8) ? LEDGER_PASSED : LEDGER_FAILED);
        return rc < 0 || c.unit.state != LEDGER_PASSED;
}

int main(int argc, char **argv)
{
        struct ledger_config cfg = { .operator= "test" };
        struct diag d = { 0 };
        struct ledger *l;
        unsigned *todo;
        unsigned n, first;

        if (argc != 7)
                return 2;
        cfg.url = argv[1];
        cfg.station = argv[2];
        first = (unsigned)atoi(argv[4]);
        n = (unsigned)atoi(argv[5]);
        seed = (unsigned)atoi(argv[6]);
        if (ledger_open(&cfg, &l, &d) < 0) {
                fprintf(stderr, "%s\n", d.text);
                return (int)err_status(-d.code);
        }
        todo = calloc(n + 1, sizeof *todo);
        for (unsigned i = 0; todo && i < n; i++)
                todo[i] = first + i;
        while (todo && n) {
                const unsigned i = rnd(n);
                const int rc = one(l, argv[3], todo[i]);

                if (rc == 2)
                        return 1;
                if (rc == 0)
                        todo[i] = todo[--n];
        }
        free(todo);
        ledger_close(l);
        return 0;
}
