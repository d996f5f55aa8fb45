/* A flashed board starts, says what it is, makes its key where that is wanted, and is locked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "line/line_impl.h"
#include "wire/bootlog.h"
#include "wire/selftest.h"

#define ANSWER_MS 5000u  /* of the console */
#define KEY_MS    30000u /* an RSA key takes a small chip so long */
#define RESTARTS  3u     /* behind the first start; a new firmware may do it once or twice */
#define BLANKS    3u     /* times that the ROM finds nothing: a flash may be late once */

static int talk_fail(struct line_unit *u, const char *what, const struct diag *d)
{
        return line_unit_fail(u, d->code == E_LINK ? "link" : what, d->code, "%s", diag_text(d));
}

/* What a unit has said of itself; empty: not said. */
struct token {
        bool pass;
        char version[64], project[64], serial[72], mac[24];
        char bad[96]; /* "cert=missing fctry=bad" */
};

static void take_token(const struct selftest *st, struct token *t)
{
        struct selftest_field f;
        size_t at = 0;
        size_t n = 0;

        memset(t, 0, sizeof *t);
        t->pass = st->pass;
        /* what is too long for its place is no version or serial number of ours: it stays empty */
        selftest_get(st, "version", t->version, sizeof t->version);
        selftest_get(st, "project", t->project, sizeof t->project);
        selftest_get(st, "serial", t->serial, sizeof t->serial);
        selftest_get(st, "mac", t->mac, sizeof t->mac);
        while (selftest_next(st, &at, &f))
                if (f.is_check && !f.ok && n < sizeof t->bad)
                        n += (size_t)snprintf(t->bad + n, sizeof t->bad - n, "%s%.*s=%.*s",
                                              n ? " " : "", (int)f.name_len, f.name,
                                              (int)f.value_len, f.value);
}

/* 1: this line is the verdict, 0: it is not; a damaged one is asked for again. */
static int judge_line(struct line_unit *u, struct line_talk *t, struct token *token)
{
        const char *text = u->st->cfg->job->selftest.pass.text;
        struct selftest st;
        int rc;

        if (text) {
                memset(token, 0, sizeof *token);
                return token->pass = strstr(t->line, text) != NULL;
        }
        rc = selftest_read(&st, t->line, strlen(t->line));
        if (rc == 0) {
                take_token(&st, token);
                return 1;
        }
        if (rc == -E_CRC || rc == -E_FORMAT)
                talk_send(t, "\r\nselftest\r\n", 12, NULL);
        return 0;
}

/* What a start has said so far. */
struct start {
        unsigned starts, blanks;
        uint64_t began;
};

/* A start that comes to nothing is told at once, with the line that says so. */
static int judge_start(struct line_unit *u, const struct line_talk *t, struct start *s)
{
        switch (bootlog_read(t->line)) {
        case BOOTLOG_DEAD:
                return line_unit_fail(u, "boot", E_VERIFY, "the firmware died: %.160s", t->line);
        case BOOTLOG_BLANK:
                if (++s->blanks < BLANKS)
                        return 0;
                return line_unit_fail(u, "boot", E_VERIFY,
                                      "the chip finds nothing to start on its flash: %.160s",
                                      t->line);
        case BOOTLOG_START:
                if (s->starts++ < RESTARTS)
                        return 0;
                return line_unit_fail(u, "boot", E_VERIFY,
                                      "it restarts again and again, %u times within %u ms; the "
                                      "last time: %.160s",
                                      s->starts - 1, (unsigned)(talk_clock() - s->began), t->line);
        case BOOTLOG_OTHER:
                break;
        }
        return 0;
}

/* The next verdict; anything may come before it. */
static int await_token(struct line_unit *u, struct line_talk *t, struct token *token)
{
        const struct line_job *j = u->st->cfg->job;
        struct start start = { .began = talk_clock() };
        const uint64_t deadline = start.began + j->selftest.seconds * 1000u;
        struct diag d = { 0 };
        int rc;

        while ((rc = talk_line(t, deadline)) > 0) {
                if (judge_line(u, t, token))
                        return 0;
                if (judge_start(u, t, &start) < 0)
                        return -1;
        }
        if (rc == 0)
                return line_unit_fail(u, "boot", E_TIMEOUT,
                                      "no self-test within %u s; the last that it said: %s",
                                      j->selftest.seconds, t->last[0] ? t->last : "nothing");
        diag_set(&d, -rc, rc == -E_CANCELLED ? "interrupted" : "the link is gone; check the cable");
        return talk_fail(u, "link", &d);
}

static bool same_mac(const char *a, const char *b)
{
        for (;; a++, b++) {
                while (*a == ':')
                        a++;
                while (*b == ':')
                        b++;
                if (*a != *b)
                        return false;
                if (!*a)
                        return true;
        }
}

/* Is it the unit that it should be? What it does not say is not asked for. */
static int check_token(struct line_unit *u, const struct token *t)
{
        const struct line_job *j = u->st->cfg->job;

        snprintf(u->row->firmware, sizeof u->row->firmware, "%s", t->version);
        if (j->selftest.version.text && strcmp(t->version, j->selftest.version.text) != 0)
                return line_unit_fail(u, "selftest", E_VERIFY, "runs version %s, expected %s",
                                      t->version[0] ? t->version : "(none)",
                                      j->selftest.version.text);
        if (j->selftest.project.text && strcmp(t->project, j->selftest.project.text) != 0)
                return line_unit_fail(u, "selftest", E_VERIFY, "runs project %s, expected %s",
                                      t->project[0] ? t->project : "(none)",
                                      j->selftest.project.text);
        if (t->mac[0] && !same_mac(t->mac, u->mac))
                return line_unit_fail(u, "selftest", E_VERIFY, "says MAC %s, the chip has %s",
                                      t->mac, u->mac);
        if (t->serial[0] && j->factory.given && strcmp(t->serial, u->row->serial) != 0)
                return line_unit_fail(u, "selftest", E_VERIFY, "says serial %s, it was given %s",
                                      t->serial, u->row->serial);
        if (!t->pass)
                return line_unit_fail(u, "selftest", E_VERIFY, "self-test failed: %s",
                                      t->bad[0] ? t->bad : "it does not say why");
        return 0;
}

/* The unit makes its key, we sign, it stores the certificate and starts again. */
static int make_keys(struct line_unit *u, struct line_talk *t)
{
        struct blob request = { 0 };
        struct blob cert = { 0 };
        char command[80];
        char serial[43];
        struct diag d = { 0 };
        int rc;

        line_unit_phase(u, LINE_KEYS);
        snprintf(command, sizeof command, "csr %s", u->row->serial);
        rc = talk_command(t, command, talk_clock() + KEY_MS, &request, &d);
        if (rc == 0)
                rc = line_maker_sign(u->st->cfg->kit->maker, u->row->serial, &request, &cert,
                                     serial, &d);
        if (rc == 0) {
                snprintf(u->row->cert_serial, sizeof u->row->cert_serial, "%s", serial);
                rc = talk_send(t, "cert\r\n", 6, &d);
        }
        if (rc == 0)
                rc = talk_send(t, (const char *)cert.data, cert.len, &d);
        if (rc == 0)
                rc = talk_answer(t, talk_clock() + ANSWER_MS, NULL, &d);
        blob_free(&request);
        blob_free(&cert);
        return rc < 0 ? talk_fail(u, "keys", &d) : 0;
}

static int await_verdict(struct line_unit *u, struct line_talk *t, unsigned what,
                         struct token *token)
{
        int rc = await_token(u, t, token);

        if (rc < 0 || !(what & LINE_BOOT_KEYS) || u->st->cfg->job->factory.keys != LINE_KEYS_DEVICE)
                return rc;
        /* the first verdict says that the certificate is missing; the second counts */
        rc = make_keys(u, t);
        if (rc == 0) {
                line_unit_phase(u, LINE_TEST);
                rc = await_token(u, t, token);
        }
        return rc;
}

static int lock_console(struct line_unit *u, struct line_talk *t)
{
        struct diag d = { 0 };

        if (!u->st->cfg->job->lock ||
            talk_command(t, "lock", talk_clock() + ANSWER_MS, NULL, &d) == 0)
                return 0;
        return talk_fail(u, "selftest", &d);
}

static int prove(struct line_unit *u, unsigned what)
{
        struct line_talk t = { .link = u->link };
        struct token token;
        int rc;

        if (u->st->cfg->job->selftest.off)
                return 0;
        rc = await_verdict(u, &t, what, &token);
        if (rc == 0)
                rc = check_token(u, &token);
        return rc == 0 && what & LINE_BOOT_LOCK ? lock_console(u, &t) : rc;
}

/* The second try needs the port for itself. */
static int boot_failed(struct line_unit *u)
{
        if (!strcmp(u->failure, "link")) {
                link_close(u->link);
                u->link = NULL;
        }
        return -1;
}

int line_unit_boot(struct line_unit *u, struct loader *l, unsigned what)
{
        struct diag d = { 0 };

        line_unit_phase(u, LINE_TEST);
        if (loader_leave(l, u->st->cfg->job->selftest.baud, &u->link, &d) < 0)
                return line_unit_fail(u, "link", d.code, "%s", diag_text(&d));
        return prove(u, what) == 0 ? 0 : boot_failed(u);
}

/* ---- units whose download mode is closed ---- */

static const char no_more[] =
        "its download mode is closed: nothing can be written or burnt any more";

static const char tested_only[] =
        "tested, not written: its download mode is closed, only an update "
        "over the air changes it; if that does not help, scrap it";

/* Started, by its loader or without one. */
static int start_closed(struct line_unit *u, struct loader *l)
{
        const struct line_job *j = u->st->cfg->job;
        struct diag d = { 0 };
        int rc;

        if (l) {
                rc = loader_leave(l, j->selftest.baud, &u->link, &d);
        } else {
                rc = link_open(u->st->cfg->view->slots[u->slot].port, j->selftest.baud, &u->link,
                               &d);
                if (rc == 0 && (rc = loader_restart(u->link, j->selftest.baud)) < 0)
                        diag_set(&d, -rc, "the link is gone; check the cable");
        }
        return rc < 0 ? line_unit_fail(u, "link", d.code, "%s", diag_text(&d)) : 0;
}

/* What the loader said of it; failure NULL: that it is closed. */
struct before {
        const char *failure;
        struct diag why;
};

/* Which one it is; silent stays what it was: a board that does not answer. */
static int hear(struct line_unit *u, struct line_talk *t, const struct before *b,
                struct token *token)
{
        u->failure = NULL;
        if (await_token(u, t, token) < 0) {
                if (b->failure && !strcmp(u->failure, "boot")) {
                        u->failure = b->failure;
                        u->why = b->why;
                }
                return -1;
        }
        if (ledger_mac(token->mac, u->mac) == 0)
                return 0;
        return line_unit_fail(u, "security", E_REFUSED,
                              "its download mode is closed, and its program does not say its MAC: "
                              "nobody can tell which unit it is");
}

/* Closed by somebody else, or only silent. */
static int not_ours(struct line_unit *u, const struct before *b, bool known)
{
        if (b->failure && b->why.code == E_TIMEOUT)
                return line_unit_fail(u, b->failure, E_TIMEOUT,
                                      "%.160s; if its download mode is closed, not by this line",
                                      diag_text(&b->why));
        return line_unit_fail(u, "security", E_REFUSED,
                              "its download mode is closed, but not by this line: the ledger %s",
                              known ? "has no digest of its eFuses" : "does not know its MAC");
}

/* The row that says that this line closed it; its images are those that it has still. */
static int reclaim(struct line_unit *u, const struct before *b)
{
        struct ledger_unit *was = malloc(sizeof *was);
        int rc;

        if (!was)
                return line_unit_fail(u, "ledger", E_NOMEM, "out of memory");
        rc = line_unit_find(u, was);
        if (rc == 0 || (rc > 0 && !*was->efuse && was->state != LEDGER_SCRAPPED))
                rc = not_ours(u, b, rc > 0);
        if (rc > 0)
                rc = line_unit_reclaim(u, was);
        if (rc == 0 && (was->state == LEDGER_PASSED || was->state == LEDGER_REWORK))
                line_unit_warn(u, tested_only);
        free(was);
        return rc;
}

/* For its label: what it was given once. */
static int made_again(struct line_unit *u)
{
        const struct line_config *cfg = u->st->cfg;
        const struct line_unit_id id = { u->row->serial, u->mac,
                                         u->row->number > 0 ? (uint64_t)u->row->number : 0 };
        struct diag d = { 0 };

        if (!cfg->job->label.given || !cfg->kit->maker || u->made.image.len ||
            line_maker_make(cfg->kit->maker, &id, &u->made, &d) == 0)
                return 0;
        return line_unit_fail(u, "factory", d.code, "%s", diag_text(&d));
}

static int prove_closed(struct line_unit *u, struct line_talk *t, const struct token *token)
{
        int rc = check_token(u, token);
        const struct diag why = u->why;

        if (rc < 0) {
                u->why = (struct diag){ 0 };
                diag_set(&u->why, E_VERIFY, "%.140s; %s, only an update over the air changes it",
                         diag_text(&why), no_more);
                return -1;
        }
        if ((rc = lock_console(u, t)) == 0 && (rc = made_again(u)) == 0)
                line_secure_forget(u);
        return rc == 0 ? line_unit_step(u, LEDGER_VERIFIED) : rc;
}

int line_unit_closed(struct line_unit *u, struct loader *l)
{
        const struct before b = { u->failure, u->why };
        struct line_talk t = { 0 };
        struct token token;
        int rc = l ? line_secure_compare(u, l) : 0;

        if (rc < 0) {
                loader_leave(l, u->st->cfg->job->selftest.baud, &u->link, NULL);
                return rc;
        }
        line_unit_phase(u, LINE_TEST);
        if (start_closed(u, l) < 0)
                return -1;
        t.link = u->link;
        if (hear(u, &t, &b, &token) == 0 && reclaim(u, &b) == 0 && prove_closed(u, &t, &token) == 0)
                return 0;
        return u->passed_before ? -1 : boot_failed(u);
}
