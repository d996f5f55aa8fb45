#include "fmt/bootsel.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "fmt/otadata_flash.h"

__attribute__((format(printf, 2, 3))) static void say(const struct bootsel *b, const char *fmt, ...)
{
        char line[BOOTSEL_LINE];
        va_list ap;

        if (!b->cfg->say)
                return;
        va_start(ap, fmt);
        strf_v(line, sizeof line, fmt, ap);
        va_end(ap);
        b->cfg->say(b->cfg->ctx, line);
}

int bootsel_table(struct bootsel *b, const struct bootsel_config *cfg, struct diag *d)
{
        const uint32_t at = cfg->table_offset ? cfg->table_offset : PTABLE_OFFSET;
        int rc;

        memset(b, 0, sizeof *b);
        b->cfg = cfg;
        if ((rc = flash_read(cfg->flash, at, b->raw, sizeof b->raw)) < 0)
                return diag_set(d, -rc, "the partition table at 0x%x cannot be read", (unsigned)at);
        return ptable_parse(&b->table, b->raw, sizeof b->raw, true, d);
}

static const struct ptable_entry *entry_of(const struct bootsel *b, int slot)
{
        const int subtype = slot == BOOTSEL_FACTORY ? PTABLE_APP_FACTORY
                            : slot == BOOTSEL_TEST  ? PTABLE_APP_TEST
                                                    : PTABLE_APP_OTA_0 + slot;

        return ptable_find_type(&b->table, PTABLE_APP, (uint8_t)subtype, NULL);
}

/* One more start for the app of this copy, if it has one left. */
static int start_again(struct bootsel *b, uint32_t at, unsigned copy, uint32_t seq)
{
        const int starts = otadata_starts(b->cfg->flash, at, copy, seq);

        if (starts < 0)
                return starts;
        if ((unsigned)starts >= b->cfg->tries)
                return -E_RANGE;
        say(b, "otadata %u: not confirmed, start %d of %u", copy, starts + 1, b->cfg->tries);
        return otadata_count_start(b->cfg->flash, at, copy, seq);
}

/* An app that was pending and is booted again has not confirmed itself. */
static int judge_pending(struct bootsel *b, uint32_t at, struct otadata *o)
{
        const int active = otadata_active(o);

        for (unsigned i = 0; i < 2; i++) {
                struct otadata_copy *c = &o->copy[i];
                int rc;

                if (c->state != OTADATA_PENDING || !c->crc_ok)
                        continue;
                if ((int)i == active && start_again(b, at, i, c->seq) == 0)
                        continue; /* else: no start left, or it cannot be counted */
                say(b, "otadata %u: not confirmed after its %s start, aborted", i,
                    b->cfg->tries > 1 ? "last" : "first");
                c->state = OTADATA_ABORTED;
                if ((rc = otadata_store(b->cfg->flash, at, i, c->seq, c->state)) < 0)
                        return rc;
        }
        return 0;
}

static bool says_nothing(const struct otadata_copy *c)
{
        return c->seq == OTADATA_NONE || !c->crc_ok;
}

static bool is_ruled_out(const struct otadata_copy *c)
{
        return c->seq == OTADATA_NONE || c->state == OTADATA_INVALID || c->state == OTADATA_ABORTED;
}

/* The slot where the attempts begin. */
static int first_choice(struct bootsel *b, int *slot, struct diag *d)
{
        const struct ptable_entry *e =
                ptable_find_type(&b->table, PTABLE_DATA, PTABLE_DATA_OTA, NULL);
        const unsigned slots = ptable_slots(&b->table);
        struct otadata o;
        int active;
        int rc;

        *slot = BOOTSEL_FACTORY;
        if (!e)
                return 0;
        if (e->size < OTADATA_LEN) {
                say(b, "otadata: 0x%x bytes are too few", (unsigned)e->size);
                return 0;
        }
        if ((rc = otadata_load(b->cfg->flash, e->offset, &o, d)) < 0)
                return rc;
        if (!b->cfg->no_rollback && (rc = judge_pending(b, e->offset, &o)) < 0)
                return diag_set(d, -rc, "otadata cannot be written");
        active = otadata_active(&o);
        if (slots == 0 || (is_ruled_out(&o.copy[0]) && is_ruled_out(&o.copy[1]))) {
                if (entry_of(b, BOOTSEL_FACTORY))
                        return 0;
                *slot = 0;
                b->blank = says_nothing(&o.copy[0]) && says_nothing(&o.copy[1]);
                return 0;
        }
        if (active < 0) {
                say(b, "otadata is damaged");
                return 0;
        }
        *slot = otadata_slot(&o, slots);
        if (b->cfg->no_rollback || o.copy[active].state != OTADATA_NEW)
                return 0;
        say(b, "slot %d: first start of a new app", *slot);
        rc = otadata_store(b->cfg->flash, e->offset, (unsigned)active, o.copy[active].seq,
                           OTADATA_PENDING);
        return rc < 0 ? diag_set(d, -rc, "otadata cannot be written") : 0;
}

static bool try_slot(struct bootsel *b, int slot)
{
        const struct ptable_entry *e = entry_of(b, slot);
        struct espimg_place place = { .flash = b->cfg->flash,
                                      .chip_id = b->cfg->chip_id,
                                      .need_hash = b->cfg->need_hash,
                                      .trust = b->cfg->trust };
        struct diag why = { 0 };

        if (!e || e->size == 0)
                return false;
        place.offset = e->offset;
        place.room = e->size;
        if (espimg_flash_check(&place, &b->image, &why) < 0) {
                say(b, "%s at 0x%x does not boot: %.60s", e->name, (unsigned)e->offset,
                    diag_text(&why));
                return false;
        }
        b->app = e;
        b->slot = slot;
        return true;
}

/* Down from the chosen one to the factory app, then the slots above it, then the test app. */
static bool try_all(struct bootsel *b, int from)
{
        const int slots = (int)ptable_slots(&b->table);

        for (int i = from; i >= BOOTSEL_FACTORY; i--)
                if (try_slot(b, i))
                        return true;
        for (int i = from + 1; i < slots; i++)
                if (try_slot(b, i))
                        return true;
        return try_slot(b, BOOTSEL_TEST);
}

int bootsel_choose(struct bootsel *b, const struct bootsel_config *cfg, struct diag *d)
{
        const struct ptable_entry *e;
        int slot;
        int rc = bootsel_table(b, cfg, d);

        if (rc < 0 || (rc = first_choice(b, &slot, d)) < 0)
                return rc;
        if (!try_all(b, slot))
                return diag_set(d, E_NOTFOUND, "no app on the flash can be run");
        say(b, "%s at 0x%x: verified, 0x%x bytes", b->app->name, (unsigned)b->app->offset,
            (unsigned)b->image.len);
        if (!b->blank || b->slot < 0)
                return 0;
        e = ptable_find_type(&b->table, PTABLE_DATA, PTABLE_DATA_OTA, NULL);
        rc = otadata_store(cfg->flash, e->offset, 0, (uint32_t)b->slot + 1,
                           cfg->no_rollback ? OTADATA_UNDEFINED : OTADATA_VALID);
        return rc < 0 ? diag_set(d, -rc, "otadata cannot be written") : 0;
}
