/* Where identities come from: counters and imported pools. */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/batch_gen.h"

struct batch_known {
        char template[BATCH_TEMPLATE_MAX];
        int64_t first, last, next;
};

static int keep_known(void *ctx, const char *const *cols, int n)
{
        struct batch_known *k = ctx;

        if (n != 4 || strlen(cols[0]) >= sizeof k->template)
                return -E_FORMAT;
        strcpy(k->template, cols[0]);
        k->first = strtoll(cols[1], NULL, 10);
        k->last = strtoll(cols[2], NULL, 10);
        k->next = strtoll(cols[3], NULL, 10);
        return 0;
}

int ledger_batch_known(struct ledger *l, const struct ledger_batch *b, int64_t *next,
                       struct diag *d)
{
        const char *const args[] = { b->name };
        struct batch_known k;
        const int rc = ledger_query(
                l, "SELECT template, first, last, next FROM fctry_batch WHERE name = $1", args, 1,
                keep_known, &k, d);

        if (rc <= 0)
                return rc;
        if (strcmp(k.template, b->template) != 0 || k.first != b->first || k.last != b->last)
                return diag_set(d, E_EXISTS,
                                "batch %s: has %s%s%s from %" PRId64 " to %" PRId64
                                " already; give the other one another name",
                                b->name,
                                *k.template ? "template " : "a pool of imported identities",
                                k.template, *k.template ? "" : ",", k.first, k.last);
        *next = k.next;
        return 1;
}

/* The batch is there and says the same (1), or is made with its event (0). */
static int batch_put(struct ledger_tx *tx, const struct ledger_batch *b, struct diag *d)
{
        char first[24];
        char last[24];
        const char *const args[] = { b->name, b->template, first, last };
        struct ledger_record r = { .kind = "batch",
                                   .slot = "",
                                   .serial = "",
                                   .note = "",
                                   .set = { { "batch", b->name },
                                            { "template", b->template },
                                            { "first", first },
                                            { "last", last } },
                                   .set_count = 4 };
        int64_t next;
        int rc = ledger_batch_known(tx->l, b, &next, d);

        if (rc != 0)
                return rc;
        snprintf(first, sizeof first, "%" PRId64, b->first);
        snprintf(last, sizeof last, "%" PRId64, b->last);
        if ((rc = ledger_append(tx, &r, d)) < 0)
                return rc;
        rc = ledger_query(tx->l,
                          "INSERT INTO fctry_batch (name, template, first, last, next)"
                          " VALUES ($1, $2, $3, $4, $3)",
                          args, 4, NULL, NULL, d);
        return rc < 0 ? rc : 0;
}

static int define_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        return batch_put(tx, ctx, d);
}

int ledger_batch_define(struct ledger *l, const struct ledger_batch *b, struct diag *d)
{
        char token[LEDGER_TOKEN_LEN] = "";
        char serial[LEDGER_SERIAL_MAX] = "";
        struct batch_gen gen = { 0 };
        int rc = ledger_text_check("batch", b->name, LEDGER_NAME_MAX, d);

        if (rc == 0 && !*b->name)
                rc = diag_set(d, E_INVAL, "a batch has a name");
        if (rc == 0 && (b->first < 0 || b->last < 0 || (b->last && b->last < b->first)))
                rc = diag_set(d, E_RANGE, "batch %s: from %" PRId64 " to %" PRId64, b->name,
                              b->first, b->last);
        if (rc == 0 && (rc = batch_template_set(&gen, b->template, d)) == 0) {
                if (batch_template_make(&gen, (uint64_t)(b->last ? b->last : b->first), serial,
                                        sizeof serial) < 0)
                        rc = diag_set(d, E_RANGE, "template '%.60s': longer than %u characters",
                                      b->template, LEDGER_SERIAL_MAX - 1);
                else
                        rc = ledger_serial_check(serial, d);
        }
        batch_gen_free(&gen);
        return rc < 0 ? rc : ledger_change(l, token, define_tx, (void *)(uintptr_t)b, d);
}

/* ---- import ---- */

struct import {
        const char *batch;
        const struct ledger_identity *rows;
        size_t n, at;
        struct ledger_import_counts counts;
};

static int take_text(const char *what, char *out, size_t size, const char *text, struct diag *d)
{
        const int rc = ledger_text_check(what, text ? text : "", size, d);

        if (rc == 0)
                strcpy(out, text ? text : "");
        return rc;
}

static int take_identity(const char *batch, const struct ledger_identity *in, struct ledger_unit *u,
                         struct diag *d)
{
        int rc;

        *u = (struct ledger_unit){ 0 };
        strcpy(u->batch, batch);
        if ((rc = ledger_serial_check(in->serial, d)) < 0)
                return rc;
        strcpy(u->serial, in->serial);
        if (in->mac && *in->mac && ledger_mac(in->mac, u->mac) < 0)
                return diag_set(d, E_SYNTAX, "%s: '%.40s' is no MAC address", in->serial, in->mac);
        if ((rc = take_text("cert_serial", u->cert_serial, sizeof u->cert_serial, in->cert_serial,
                            d)) == 0 &&
            (rc = take_text("service", u->service, sizeof u->service, in->service, d)) == 0 &&
            (rc = take_text("files", u->files, sizeof u->files, in->files, d)) == 0)
                rc = take_text("factory", u->factory, sizeof u->factory, in->factory, d);
        return rc;
}

/* What an import may say of a unit. */
static const size_t told[] = { offsetof(struct ledger_unit, mac),
                               offsetof(struct ledger_unit, cert_serial),
                               offsetof(struct ledger_unit, service),
                               offsetof(struct ledger_unit, files),
                               offsetof(struct ledger_unit, factory) };

/* u's texts into row: what row lacks is added, what says another thing is -E_EXISTS. */
static int merge(struct ledger_unit *row, const struct ledger_unit *u, struct diag *d)
{
        if (strcmp(row->batch, u->batch) != 0)
                return diag_set(d, E_EXISTS, "%s: the ledger has it already, in batch %s",
                                u->serial, row->batch);
        for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
                char *old = (char *)row + told[i];
                const char *fresh = (const char *)u + told[i];

                if (!*fresh || strcmp(old, fresh) == 0)
                        continue;
                if (*old || row->state != LEDGER_FREE)
                        return diag_set(d, E_EXISTS,
                                        "%s: the ledger has it already, with '%.60s' for '%.60s'",
                                        u->serial, old, fresh);
                strcpy(old, fresh);
        }
        return 0;
}

/* No other unit has the MAC. */
static int check_mac(struct ledger_tx *tx, const struct ledger_unit *u, struct diag *d)
{
        const char *const args[] = { u->mac, u->serial };
        struct ledger_unit other;
        const int rc = ledger_get(tx->l, "WHERE mac = $1 AND state <> 'scrapped' AND serial <> $2",
                                  args, 2, &other, d);

        return rc <= 0 ? rc
                       : diag_set(d, E_EXISTS, "%s: %s is unit %s already", u->serial, u->mac,
                                  other.serial);
}

static int import_one(struct ledger_tx *tx, struct import *im, const struct ledger_identity *in,
                      struct diag *d)
{
        struct ledger_unit u, row, fresh;
        const char *const serial[] = { u.serial };
        const int64_t events = tx->events;
        bool known;
        int rc = take_identity(im->batch, in, &u, d);

        if (rc < 0 || (rc = ledger_get(tx->l, "WHERE serial = $1", serial, 1, &row, d)) < 0)
                return rc;
        known = rc > 0;
        fresh = known ? row : u;
        if (known && (rc = merge(&fresh, &u, d)) < 0)
                return rc;
        if (*u.mac && (rc = check_mac(tx, &u, d)) < 0)
                return rc;
        if ((rc = ledger_put(tx, "import", known ? &row : NULL, &fresh, NULL, false, d)) < 0)
                return rc;
        if (!known)
                im->counts.fresh++;
        else if (tx->events != events)
                im->counts.more++;
        else
                im->counts.before++;
        return 0;
}

static int import_tx(struct ledger_tx *tx, void *ctx, struct diag *d)
{
        struct import *im = ctx;
        const struct ledger_batch b = { .name = im->batch, .template = "", .first = 0 };
        int rc = batch_put(tx, &b, d);

        im->counts = (struct ledger_import_counts){ 0 };
        for (im->at = 0; im->at < im->n && rc >= 0; im->at++)
                if ((rc = import_one(tx, im, &im->rows[im->at], d)) < 0)
                        break;
        return rc < 0 ? rc : 0;
}

int ledger_import(struct ledger *l, const char *batch, const struct ledger_identity *rows, size_t n,
                  struct ledger_import_counts *counts, size_t *bad, struct diag *d)
{
        struct import im = { .batch = batch, .rows = rows, .n = n, .at = n };
        char token[LEDGER_TOKEN_LEN] = "";
        int rc = ledger_text_check("batch", batch, LEDGER_NAME_MAX, d);

        if (rc == 0 && !*batch)
                rc = diag_set(d, E_INVAL, "a batch has a name");
        if (rc == 0)
                rc = ledger_change(l, token, import_tx, &im, d);
        *counts = im.counts;
        if (bad)
                *bad = im.at;
        return rc;
}
