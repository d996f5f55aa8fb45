/* The adapter stays, the board is exchanged: who is in the jig now? */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "host/link_impl.h"
#include "host/pool.h"
#include "line/line_impl.h"
#include "wire/bootlog.h"

#define LOOK_MS 200u
#define POLL_MS \
        1000u /* between two looks at a board that waits in its loader, or at an empty jig */
#define UNHELD_MS  5000u  /* at a board that does not go into its loader: each look resets it */
#define ECHO_MS    5000u  /* what a chip prints behind our own reset comes within this */
#define REST_MS    2000u  /* between two looks at a board that gets power again and again: */
#define REST_MAX   60000u /* from this, doubled each time, to this */
#define HOLD_TRIES 2u
#define LOOK_TRIES 1u

struct swap {
        struct line_station *st;
        size_t slot;
        const char *port;
        char mac[LEDGER_MAC_LEN]; /* of the board that was worked on; empty: not known */
};

/* The chip in its loader; NULL: nobody answers, and link is closed. */
static struct loader *look(const struct swap *w, struct link *link, unsigned tries)
{
        const struct loader_config cfg = {
                .port = w->port, .link = link, .attempts = tries, .baud = ROMLDR_BAUD
        };
        struct loader *l;

        link_baud(link, ROMLDR_BAUD);
        return loader_open(&cfg, &l, NULL) == 0 ? l : NULL;
}

int line_loader_mac(struct loader *l, char text[LEDGER_MAC_LEN], struct diag *d)
{
        uint8_t m[6];
        const int rc = loader_read_mac(l, m, d);

        if (rc == 0)
                snprintf(text, LEDGER_MAC_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
                         m[3], m[4], m[5]);
        return rc;
}

static bool is_same(const struct swap *w, struct loader *l)
{
        char text[LEDGER_MAC_LEN];

        return w->mac[0] && line_loader_mac(l, text, NULL) == 0 && !strcmp(text, w->mac);
}

/* It runs again, and its port is ours. NULL: the link is gone. */
static struct link *let_run(const struct swap *w, struct loader *l)
{
        struct link *link;

        loader_leave(l, w->st->cfg->job->selftest.baud, &link, NULL);
        return link;
}

/* Does the ROM say until then that the board was given power? 1, 0, -E_LINK, -E_CANCELLED. */
static int heard_power(const struct swap *w, struct line_talk *t, uint64_t until)
{
        int rc = 0;

        while (rc >= 0 && !line_ends(w->st) && talk_clock() < until) {
                const uint64_t soon = talk_clock() + LOOK_MS;

                rc = talk_line(t, soon < until ? soon : until);
                if (rc > 0 && bootlog_is_power_on(t->line))
                        return 1;
        }
        return rc < 0 ? rc : 0;
}

/* A power-on that somebody else caused? Our own resets are answered by one such line each. */
struct echo {
        bool owed;
        uint64_t until;
};

static void owe(struct echo *e)
{
        *e = (struct echo){ true, talk_clock() + ECHO_MS };
}

static bool is_echo(struct echo *e)
{
        const bool ours = e->owed && talk_clock() < e->until;

        e->owed = false;
        return ours;
}

struct link *line_swap_listen(struct line_station *st, size_t slot, struct link *link)
{
        const struct line_slot_view *v = &st->cfg->view->slots[slot];
        const unsigned baud = st->cfg->job->selftest.baud;
        struct swap w = { .st = st, .slot = slot, .port = v->port };
        struct line_talk t = { .link = link };
        struct echo echo = { 0 };
        uint64_t from = 0;
        unsigned rest = REST_MS;
        bool power = false;
        int rc = 0;

        snprintf(w.mac, sizeof w.mac, "%s", v->mac);
        if (v->phase == LINE_FAIL || st->cfg->job->selftest.off)
                owe(&echo); /* it was started, and nobody has listened yet */
        while (link && rc >= 0 && !line_ends(st)) {
                struct loader *l;

                if ((rc = heard_power(&w, &t, talk_clock() + LOOK_MS)) > 0 && !is_echo(&echo))
                        power = true;
                if (rc < 0 || !power || talk_clock() < from || !link_has_lines(link))
                        continue;
                /* the same board, or the next one? */
                l = look(&w, link, HOLD_TRIES);
                link = NULL;
                if (l && !is_same(&w, l))
                        return loader_detach(l);
                owe(&echo);
                if (l)
                        link = let_run(&w, l);
                else
                        link_open(w.port, baud, &link, NULL);
                t = (struct line_talk){ .link = link };
                power = false;
                from = talk_clock() + rest;
                rest = rest < REST_MAX ? 2 * rest : REST_MAX;
        }
        link_close(link);
        return NULL;
}

/* ---- jigs: boards that say nothing, too ---- */

static void nap_until(const struct swap *w, uint64_t until)
{
        const struct timespec t = { 0, LOOK_MS * 1000000L };

        while (!line_ends(w->st) && talk_clock() < until)
                nanosleep(&t, NULL);
}

/*
 * While a board sits in its loader it does nothing, and can be asked without a reset. Until it
 * answers no more, or the line ends; true: another one answers.
 */
static bool hold(const struct swap *w, struct loader *l)
{
        char mac[LEDGER_MAC_LEN];
        int rc = 0;

        while (rc == 0) {
                nap_until(w, talk_clock() + POLL_MS);
                if (line_ends(w->st))
                        return false;
                rc = line_loader_mac(l, mac, NULL);
                if (rc == 0 && w->mac[0] && strcmp(mac, w->mac) != 0)
                        return true;
                if (rc < 0)
                        rc = rc == -E_REFUSED ? 0 : loader_resync(l);
        }
        return false;
}

static void show(const struct swap *w, enum line_phase p)
{
        struct line_slot_view *v = line_view_take(w->st->cfg->view, w->slot);

        v->phase = p;
        snprintf(v->text, sizeof v->text, "%s",
                 p == LINE_EMPTY && w->st->cfg->once ? "waits for a board: none answers in the jig"
                                                     : "");
        v->serial[0] = v->version[0] = v->failure[0] = v->warning[0] = 0;
        snprintf(v->mac, sizeof v->mac, "%s", p == LINE_EMPTY ? "" : w->mac);
        line_view_done(w->st->cfg->view, w->slot, LINE_NEWS_PHASE);
}

/* Somebody in the jig who answers; every: milliseconds between two looks, each of which is a reset.
 * NULL: the line ends, or the adapter itself is gone. */
static struct loader *await_answer(const struct swap *w, struct link *link, unsigned every)
{
        struct loader *l = NULL;

        for (;;) {
                struct line_talk t = { 0 };

                if (!link && link_open(w->port, ROMLDR_BAUD, &link, NULL) < 0)
                        return NULL;
                t.link = link;
                if (heard_power(w, &t, talk_clock() + every) < 0 || line_ends(w->st)) {
                        link_close(link);
                        return NULL;
                }
                if ((l = look(w, link, LOOK_TRIES)))
                        return l;
                link = NULL; /* look has closed it */
        }
}

struct link *line_swap_first(struct line_station *st, size_t slot, struct link *link)
{
        const struct swap w = { .st = st, .slot = slot, .port = st->cfg->view->slots[slot].port };
        struct loader *l = look(&w, link, HOLD_TRIES);

        if (!l)
                show(&w, LINE_EMPTY);
        if (!l)
                l = await_answer(&w, NULL, POLL_MS);
        return l ? loader_detach(l) : NULL;
}

struct link *line_swap_jig(struct line_station *st, size_t slot, struct link *link)
{
        const struct line_slot_view *v = &st->cfg->view->slots[slot];
        struct swap w = { .st = st, .slot = slot, .port = v->port };
        const bool passed = v->phase != LINE_FAIL;
        struct loader *l = NULL;
        unsigned every = UNHELD_MS;

        snprintf(w.mac, sizeof w.mac, "%s", v->mac);
        if (link)
                l = look(&w, link, HOLD_TRIES);
        for (;;) {
                link = NULL;
                if (l && hold(&w, l))
                        break;
                if (l && line_ends(st)) {
                        link_close(let_run(&w, l));
                        return NULL;
                }
                if (l) {
                        link = loader_detach(l);
                        show(&w, LINE_EMPTY);
                        every = POLL_MS;
                }
                if (!(l = await_answer(&w, link, every)))
                        return NULL;
                if (!passed || !is_same(&w, l))
                        break;
                show(&w, LINE_BEFORE); /* it was only lost for a moment */
        }
        return loader_detach(l);
}
