/* A unit's way: claim, steps, end, rework, scrap. */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/batch_gen.h"

/* ---- claim ---- */

struct batch_row {
        int64_t last, next;
        char template[BATCH_TEMPLATE_MAX];
};

static int keep_batch(void *ctx, const char *const *cols, int n)
{
        struct batch_row *b = ctx;

        if (n != 3 || strlen(cols[0]) >= sizeof b->template)
                return -E_FORMAT;
        strcpy(b->template, cols[0]);
        b->last = strtoll(cols[1], NULL, 10);
        b->next = strtoll(cols[2], NULL, 10);
        return 0;
}

struct claimed {
        char serial[LEDGER_SERIAL_MAX];
        int64_t attempt;
};

static int keep_claimed(void *ctx, const char *const *cols, int n)
{
        struct claimed *c = ctx;
        struct ledger_record r;
        struct cJSON *keep;

        if (n != 1 || ledger_record_parse(cols[0], &r, &keep) < 0)
                return -E_FORMAT;
        ledger_text_clean(c->serial, sizeof c->serial, r.serial);
        c->attempt = r.attempt;
        ledger_record_free(keep);
        return 0;
}

/* A call that is repeated: did the first one arrive? 1: yes, c->unit is the row. */
static int claimed_before(struct ledger_tx *tx, struct ledger_claim *c, struct diag *d)
{
        struct claimed was;
        const char *const token[] = { tx->token };
        const char *const args[] = { was.serial };
        int rc =
                ledger_query(tx->l, "SELECT text FROM fctry_event WHERE id = $1 AND kind = 'claim'",
                             token, 1, keep_claimed, &was, d);

        if (rc <= 0 || (rc = ledger_get(tx->l, "WHERE serial = $1", args, 1, &c->unit, d)) <= 0)
                return rc;
        return c->unit.attempt == was.attempt
                       ? 1
                       : diag_set(d, E_STATE,
                                  "unit %s: claimed again since, at station %s, slot %s",
                                  c->unit.serial, c->unit.station, c->unit.slot);
}

/* old (NULL: a new row) becomes this claim's. */
static int reserve(struct ledger_tx *tx, struct ledger_claim *c, const struct ledger_unit *old,
                   struct ledger_unit *u, struct diag *d)
{
        u->state = LEDGER_RESERVED;
        u->attempt++;
        u->cycle_ms = 0;
        *u->ended_at = *u->phases = *u->failure = *u->note = *u->images = *u->firmware = 0;
        strcpy(u->claimed_at, tx->at);
        strcpy(u->station, tx->l->station);
        strcpy(u->operator, tx->l->operator);
        strcpy(u->slot, c->slot ? c->slot : "");
        if (c->chip)
                strcpy(u->chip, c->chip);
        if (c->revision)
                strcpy(u->revision, c->revision);
        if (c->flash_id)
                strcpy(u->flash_id, c->flash_id);
        return ledger_put(tx, "claim", old, u, NULL, true, d);
}

/* The MAC has an identity. */
static int claim_known(struct ledger_tx *tx, struct ledger_claim *c, struct diag *d)
{
        const struct ledger_unit old = c->unit;

        if (!c->any_batch && strcmp(old.batch, c->batch) != 0)
                return diag_set(d, E_EXISTS,
                                "%s is unit %s of batch %s; use its job, or scrap the unit",
                                old.mac, old.serial, old.batch);
        if (old.state == LEDGER_PASSED && !c->rework) {
                c->passed = true;
                return diag_set(
                        d, E_STATE,
                        "%s: unit %s has passed already; 'flasher ledger rework %s' lets it "
                        "be done again",
                        old.mac, old.serial, old.serial);
        }
        c->again = old.state != LEDGER_FREE;
        return reserve(tx, c, &old, &c->unit, d);
}

/* The counter's next identity: a new row. */
static int claim_count(struct ledger_tx *tx, struct ledger_claim *c, const struct batch_row *b,
                       struct diag *d)
{
        struct ledger_unit *u = &c->unit;
        struct ledger_unit taken;
        struct batch_gen gen = { 0 };
        char next[24];
        const char *const serial[] = { u->serial };
        const char *const args[] = { c->batch, next };
        int rc;

        if (b->last && b->next > b->last)
                return diag_set(d, E_NOTFOUND,
                                "batch %s: its identities are used up (the last was number %" PRId64
                                "); define another batch",
                                c->batch, b->last);
        if ((rc = batch_template_set(&gen, b->template, d)) == 0 &&
            batch_template_make(&gen, (uint64_t)b->next, u->serial, sizeof u->serial) < 0)
                rc = diag_set(d, E_RANGE, "batch %s: serial number %" PRId64 " is too long",
                              c->batch, b->next);
        batch_gen_free(&gen);
        if (rc < 0 || (rc = ledger_serial_check(u->serial, d)) < 0 ||
            (rc = ledger_get(tx->l, "WHERE serial = $1", serial, 1, &taken, d)) < 0)
                return rc;
        if (rc > 0)
                return diag_set(d, E_EXISTS,
                                "batch %s: the counter has come to %s, which batch %s has; define "
                                "another batch",
                                c->batch, u->serial, taken.batch);
        u->number = b->next;
        snprintf(next, sizeof next, "%" PRId64, b->next + 1);
        rc = ledger_query(tx->l, "UPDATE fctry_batch SET next = $2 WHERE name = $1", args, 2, NULL,
                          NULL, d);
        return rc < 0 ? rc : reserve(tx, c, NULL, u, d);
}

/* The pool's next identity. */
static int claim_pool(struct ledger_tx *tx, struct ledger_claim *c, const char *mac, struct diag *d)
{
        const char *const args[] = { c->batch };
        struct ledger_unit old;
        int rc = ledger_get(tx->l,
                            "WHERE batch = $1 AND state = 'free' AND mac = '' ORDER BY id LIMIT 1",
                            args, 1, &old, d);

        if (rc < 0)
                return rc;
        if (rc == 0)
                return diag_set(d, E_NOTFOUND,
                                "batch %s: its identities are used up; import more with 'flasher "
                                "ledger import'",
                                c->batch);
        c->unit = old;
        strcpy(c->unit.mac, mac);
        return reserve(tx, c, &old, &c->unit, d);
}

static int claim_next(struct ledger_tx *tx, struct ledger_claim *c, const char *mac, struct diag *d)
{
        const char *const args[] = { c->batch };
        struct batch_row b;
        int rc = ledger_query(tx->l, "SELECT template, last, next FROM fctry_batch WHERE name = $1",
                              args, 1, keep_batch, &b, d);

        if (rc < 0)
                return rc;
        if (rc == 0)
                return diag_set(d, E_NOTFOUND,
                                "batch %s: not in the ledger; import its identities or give it a "
                                "template",
                                c->batch);
        if (!*b.template)
                return claim_pool(tx, c, mac, d);
        c->unit = (struct ledger_unit){ 0 };
        strcpy(c->unit.batch, c->batch);
        strcpy(c->unit.mac, mac);
        return claim_count(tx, c, &b, d);
}

static int claim_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        struct ledger_claim *c = ctx;
        char mac[LEDGER_MAC_LEN];
        const char *const args[] = { mac };
        int rc;

        c->again = c->passed = false;
        c->unit = (struct ledger_unit){ 0 };
        if (ledger_mac(c->mac, mac) < 0)
                return diag_set(d, E_SYNTAX, "'%.40s' is no MAC address", c->mac);
        if ((rc = claimed_before(tx, c, d)) != 0)
                return rc < 0 ? rc : 0;
        rc = ledger_get(tx->l, "WHERE mac = $1 AND state <> 'scrapped'", args, 1, &c->unit, d);
        if (rc != 0)
                return rc < 0 ? rc : claim_known(tx, c, d);
        rc = ledger_get(tx->l, "WHERE mac = $1 AND board_free = 0", args, 1, &c->unit, d);
        if (rc < 0)
                return rc;
        if (rc > 0)
                return diag_set(d, E_STATE, "%s: this board was scrapped as unit %s%s%s", mac,
                                c->unit.serial, *c->unit.note ? ": " : "", c->unit.note);
        return claim_next(tx, c, mac, d);
}

static int claim_check(const struct ledger_claim *c, struct diag *d)
{
        static const struct ledger_unit *const u;
        int rc = ledger_text_check("batch", c->batch, sizeof u->batch, d);

        if (rc == 0)
                rc = ledger_text_check("slot", c->slot ? c->slot : "", sizeof u->slot, d);
        if (rc == 0)
                rc = ledger_text_check("chip", c->chip ? c->chip : "", sizeof u->chip, d);
        if (rc == 0)
                rc = ledger_text_check("revision", c->revision ? c->revision : "",
                                       sizeof u->revision, d);
        if (rc == 0)
                rc = ledger_text_check("flash id", c->flash_id ? c->flash_id : "",
                                       sizeof u->flash_id, d);
        return rc;
}

int ledger_claim(struct ledger *l, struct ledger_claim *c, struct diag *d)
{
        const int rc = claim_check(c, d);

        return rc < 0 ? rc : ledger_change(l, c->token, claim_tx, c, d);
}

/* ---- what happens to a claimed unit ---- */

struct step {
        struct ledger_unit *u;
        enum ledger_state state;
        const char *kind;    /* of a remark */
        const char *failure; /* of the end */
        bool keep_board;
        char note[LEDGER_NOTE_MAX];
};

static int load(struct ledger_tx *tx, const char *serial, struct ledger_unit *row, struct diag *d)
{
        const char *const args[] = { serial };
        const int rc = ledger_get(tx->l, "WHERE serial = $1", args, 1, row, d);

        return rc == 0 ? diag_set(d, E_NOTFOUND, "%s: no unit of this ledger", serial) : rc;
}

/* The caller's columns from u into row. */
static int take_columns(struct ledger_unit *row, const struct ledger_unit *u, struct diag *d)
{
        char num[24];
        int rc = 0;

        for (size_t i = 0; i < ledger_column_count && rc == 0; i++) {
                const struct ledger_column *c = &ledger_columns[i];
                const char *text;

                if (c->right != LEDGER_CALLER)
                        continue;
                text = ledger_column_get(u, c, num);
                if ((rc = ledger_text_check(c->name, text, c->size + sizeof num, d)) == 0)
                        rc = ledger_column_set(row, c, text);
        }
        return rc;
}

static int attempt_check(const struct ledger_unit *row, const struct ledger_unit *u, struct diag *d)
{
        if (row->attempt == u->attempt)
                return 0;
        return diag_set(d, E_STATE,
                        "unit %s: attempt %" PRId64 " is over, attempt %" PRId64
                        " was begun at station %s, slot %s",
                        row->serial, u->attempt, row->attempt, row->station, row->slot);
}

static int step_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        struct step *s = ctx;
        struct ledger_unit row, fresh;
        int rc = load(tx, s->u->serial, &row, d);

        if (rc < 0 || (rc = attempt_check(&row, s->u, d)) < 0)
                return rc;
        if (row.state < LEDGER_RESERVED || row.state > s->state)
                return diag_set(d, E_STATE, "unit %s is %s: it cannot become %s", row.serial,
                                ledger_state_word(row.state), ledger_state_word(s->state));
        fresh = row;
        fresh.state = s->state;
        if ((rc = take_columns(&fresh, s->u, d)) == 0)
                rc = ledger_put(tx, ledger_state_word(s->state), &row, &fresh, NULL, false, d);
        if (rc == 0)
                *s->u = fresh;
        return rc;
}

int ledger_step(struct ledger *l, struct ledger_unit *u, enum ledger_state state, struct diag *d)
{
        struct step s = { .u = u, .state = state };
        char token[LEDGER_TOKEN_LEN] = "";

        if (state < LEDGER_MADE || state > LEDGER_VERIFIED)
                return diag_set(d, E_INVAL, "'%s' is no step", ledger_state_word(state));
        return ledger_change(l, token, step_tx, &s, d);
}

/* Has this end been recorded before? */
static bool ended_before(const struct ledger_unit *row, const struct step *s)
{
        return (row->state == LEDGER_PASSED && !s->failure) ||
               (row->state == LEDGER_FAILED && s->failure && strcmp(row->failure, s->failure) == 0);
}

static int finish_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        struct step *s = ctx;
        struct ledger_unit row, fresh;
        int rc = load(tx, s->u->serial, &row, d);

        if (rc < 0 || (rc = attempt_check(&row, s->u, d)) < 0)
                return rc;
        if (ended_before(&row, s)) {
                *s->u = row;
                return 0;
        }
        if (row.state < LEDGER_RESERVED || row.state > LEDGER_VERIFIED ||
            (!s->failure && row.state != LEDGER_VERIFIED))
                return diag_set(d, E_STATE, "unit %s is %s: it cannot become %s", row.serial,
                                ledger_state_word(row.state), s->failure ? "failed" : "passed");
        fresh = row;
        if ((rc = take_columns(&fresh, s->u, d)) < 0)
                return rc;
        fresh.state = s->failure ? LEDGER_FAILED : LEDGER_PASSED;
        strcpy(fresh.ended_at, tx->at);
        strcpy(fresh.failure, s->failure ? s->failure : "");
        strcpy(fresh.note, s->note);
        rc = ledger_put(tx, ledger_state_word(fresh.state), &row, &fresh, NULL, true, d);
        if (rc == 0)
                *s->u = fresh;
        return rc;
}

int ledger_finish(struct ledger *l, struct ledger_unit *u, const char *failure, const char *note,
                  struct diag *d)
{
        struct step s = { .u = u, .failure = failure };
        char token[LEDGER_TOKEN_LEN] = "";
        int rc = failure ? ledger_text_check("failure class", failure, LEDGER_NAME_MAX, d) : 0;

        if (rc < 0)
                return rc;
        if (failure && !*failure)
                return diag_set(d, E_INVAL, "a failure has a class");
        ledger_text_clean(s.note, sizeof s.note, note);
        return ledger_change(l, token, finish_tx, &s, d);
}

static int remark_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        struct step *s = ctx;
        struct ledger_unit row, fresh;
        int rc = load(tx, s->u->serial, &row, d);

        if (rc < 0)
                return rc;
        fresh = row;
        if (strcmp(s->kind, "label") == 0)
                fresh.labels++;
        if ((rc = ledger_put(tx, s->kind, &row, &fresh, s->note, true, d)) == 0)
                *s->u = fresh;
        return rc;
}

int ledger_remark(struct ledger *l, struct ledger_unit *u, const char *kind, const char *note,
                  struct diag *d)
{
        struct step s = { .u = u, .kind = kind };
        char token[LEDGER_TOKEN_LEN] = "";

        if (strcmp(kind, "label") != 0 && strcmp(kind, "scan") != 0 && strcmp(kind, "note") != 0)
                return diag_set(d, E_INVAL, "'%s' is no kind of remark", kind);
        ledger_text_clean(s.note, sizeof s.note, note);
        return ledger_change(l, token, remark_tx, &s, d);
}

/* A unit that is known by its serial number only, and why: work is done on it, which fills s->u. */
static int change_by_serial(struct ledger *l, const char *serial, const char *why,
                            int (*work)(struct ledger_tx *tx, void *ctx, struct diag *d),
                            struct step *s, struct diag *d)
{
        char token[LEDGER_TOKEN_LEN] = "";
        const int rc = ledger_serial_check(serial, d);

        if (rc < 0)
                return rc;
        memmove(s->u->serial, serial, strlen(serial) + 1);
        ledger_text_clean(s->note, sizeof s->note, why);
        return ledger_change(l, token, work, s, d);
}

static int rework_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        struct step *s = ctx;
        struct ledger_unit row, fresh;
        int rc = load(tx, s->u->serial, &row, d);

        if (rc < 0)
                return rc;
        fresh = row;
        fresh.state = LEDGER_REWORK;
        if (row.state != LEDGER_REWORK && row.state != LEDGER_PASSED && row.state != LEDGER_FAILED)
                return diag_set(d, E_STATE, "unit %s is %s: only what passed or failed is reworked",
                                row.serial, ledger_state_word(row.state));
        if ((rc = ledger_put(tx, "rework", &row, &fresh, s->note, false, d)) == 0)
                *s->u = fresh;
        return rc;
}

int ledger_rework(struct ledger *l, const char *serial, const char *why, struct ledger_unit *u,
                  struct diag *d)
{
        struct step s = { .u = u };

        return change_by_serial(l, serial, why, rework_tx, &s, d);
}

static int scrap_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        struct step *s = ctx;
        struct ledger_unit row, fresh;
        int rc = load(tx, s->u->serial, &row, d);

        if (rc < 0)
                return rc;
        fresh = row;
        fresh.board_free = s->keep_board || row.board_free;
        if (row.state != LEDGER_SCRAPPED) {
                fresh.state = LEDGER_SCRAPPED;
                strcpy(fresh.ended_at, tx->at);
                strcpy(fresh.note, s->note);
        }
        if ((rc = ledger_put(tx, "scrap", &row, &fresh, s->note, false, d)) < 0)
                return rc;
        *s->u = fresh;
        return row.state == LEDGER_SCRAPPED;
}

int ledger_scrap(struct ledger *l, const char *serial, const char *why, bool keep_board,
                 struct ledger_unit *u, struct diag *d)
{
        struct step s = { .u = u, .keep_board = keep_board };

        return change_by_serial(l, serial, why, scrap_tx, &s, d);
}

static int revoked_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        struct step *s = ctx;
        struct ledger_unit row, fresh;
        int rc = load(tx, s->u->serial, &row, d);

        if (rc < 0)
                return rc;
        fresh = row;
        strcpy(fresh.cert_state, "revoked");
        if ((rc = ledger_put(tx, "revoked", &row, &fresh, NULL, false, d)) == 0)
                *s->u = fresh;
        return rc;
}

int ledger_revoked(struct ledger *l, struct ledger_unit *u, struct diag *d)
{
        struct step s = { .u = u };
        char token[LEDGER_TOKEN_LEN] = "";

        return ledger_change(l, token, revoked_tx, &s, d);
}
