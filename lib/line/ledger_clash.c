/* Before anything is handed out: will a batch come to serial numbers that another one has? */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/batch_gen.h"

/* The first of a batch's serial numbers that another one has. */
struct clash {
        const char *batch; /* in question */
        bool found;
        uint64_t at; /* its counter, or its place in the list */
        char serial[LEDGER_SERIAL_MAX], other[LEDGER_NAME_MAX];
        bool later; /* the other batch has not come to it yet */
        /* what a counter still hands out; last 0: no end */
        struct batch_gen gen;
        const char *template;
        uint64_t next, last;
        /* or a list */
        const char *const *serials;
        size_t n;
};

static void find(struct clash *c, uint64_t at, const char *serial, const char *other, bool later)
{
        if (c->found && at >= c->at)
                return;
        c->found = true;
        c->at = at;
        c->later = later;
        ledger_text_clean(c->serial, sizeof c->serial, serial);
        ledger_text_clean(c->other, sizeof c->other, other);
}

static int verdict(const struct clash *c, struct diag *d)
{
        if (!c->found)
                return 0;
        return diag_set(d, E_EXISTS,
                        "batch %s: would give %s, which batch %s %s; start behind it, use another "
                        "template or another list, or take the other batch's job",
                        c->batch, c->serial, c->other, c->later ? "comes to as well" : "has");
}

static bool within(uint64_t n, uint64_t first, uint64_t last)
{
        return n >= first && (!last || n <= last);
}

/* A unit of another batch: would our counter come to it? */
static int unit_row(void *ctx, const char *const *cols, int n)
{
        struct clash *c = ctx;
        uint64_t at;

        if (n != 2)
                return -E_FORMAT;
        if (batch_template_read(&c->gen, cols[0], &at) == 0 && within(at, c->next, c->last))
                find(c, at, cols[0], cols[1], false);
        return 0;
}

/* Another batch's counter against ours. */
static void against_counter(struct clash *c, const char *other, uint64_t next, uint64_t last)
{
        const uint64_t at = next > c->next ? next : c->next;
        char serial[LEDGER_SERIAL_MAX];

        if (within(at, next, last) && within(at, c->next, c->last) &&
            batch_template_make(&c->gen, at, serial, sizeof serial) >= 0)
                find(c, at, serial, other, true);
}

/* Another batch's counter against our list. */
static int against_list(struct clash *c, const char *other, const char *template, uint64_t next,
                        uint64_t last)
{
        struct batch_gen g = { 0 };
        uint64_t at;

        if (batch_template_set(&g, template, NULL) < 0)
                return -E_FORMAT;
        for (size_t i = 0; i < c->n; i++)
                if (batch_template_read(&g, c->serials[i], &at) == 0 && within(at, next, last))
                        find(c, i, c->serials[i], other, true);
        batch_gen_free(&g);
        return 0;
}

static int batch_row(void *ctx, const char *const *cols, int n)
{
        struct clash *c = ctx;
        uint64_t next;
        uint64_t last;

        if (n != 4)
                return -E_FORMAT;
        next = strtoull(cols[2], NULL, 10);
        last = strtoull(cols[3], NULL, 10);
        if (c->serials)
                return against_list(c, cols[0], cols[1], next, last);
        if (strcmp(cols[1], c->template) == 0)
                against_counter(c, cols[0], next, last);
        return 0;
}

static int other_batches(struct ledger *l, struct clash *c, struct diag *d)
{
        const char *const args[] = { c->batch };

        return ledger_query(l,
                            "SELECT name, template, next, last FROM fctry_batch"
                            " WHERE name <> $1 AND template <> ''",
                            args, 1, batch_row, c, d);
}

static int count_clash(struct ledger *l, const struct ledger_batch *b, struct clash *c,
                       struct diag *d)
{
        const char *const args[] = { c->batch };
        int64_t next = b->first;
        int rc = ledger_batch_known(l, b, &next, d);

        c->next = (uint64_t)next;
        if (rc >= 0)
                rc = ledger_query(l, "SELECT serial, batch FROM fctry_unit WHERE batch <> $1", args,
                                  1, unit_row, c, d);
        return rc < 0 ? rc : other_batches(l, c, d);
}

int ledger_batch_clash(struct ledger *l, const struct ledger_batch *b, struct diag *d)
{
        struct clash c = { .batch = b->name, .template = b->template, .last = (uint64_t)b->last };
        int rc = batch_template_set(&c.gen, b->template, d);

        if (rc == 0 && (rc = ledger_read_begin(l, d)) == 0)
                rc = ledger_read_end(l, count_clash(l, b, &c, d), d);
        batch_gen_free(&c.gen);
        return rc < 0 ? rc : verdict(&c, d);
}

static int keep_name(void *ctx, const char *const *cols, int n)
{
        if (n != 1)
                return -E_FORMAT;
        ledger_text_clean(ctx, LEDGER_NAME_MAX, cols[0]);
        return 0;
}

static int list_clash(struct ledger *l, struct clash *c, struct diag *d)
{
        const struct ledger_batch b = { .name = c->batch, .template = "" };
        char other[LEDGER_NAME_MAX];
        int64_t next = 0;
        int rc = ledger_batch_known(l, &b, &next, d);

        for (size_t i = 0; i < c->n && rc >= 0 && !c->found; i++) {
                const char *const args[] = { c->serials[i], c->batch };

                rc = ledger_query(l,
                                  "SELECT batch FROM fctry_unit WHERE serial = $1 AND batch <> $2",
                                  args, 2, keep_name, other, d);
                if (rc > 0)
                        find(c, i, c->serials[i], other, false);
        }
        return rc < 0 ? rc : other_batches(l, c, d);
}

int ledger_list_clash(struct ledger *l, const char *batch, const char *const *serials, size_t n,
                      struct diag *d)
{
        struct clash c = { .batch = batch, .serials = serials, .n = n };
        int rc = ledger_read_begin(l, d);

        if (rc == 0)
                rc = ledger_read_end(l, list_clash(l, &c, d), d);
        return rc < 0 ? rc : verdict(&c, d);
}
