/* A plan shown, burnt and verified. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/efuse_plan_impl.h"
#include "host/efuse_value.h"

#define TRIES 3 /* a burn that leaves bits out is done again */

/* --- showing --- */

struct shower {
        const struct efuse_plan *p;
        struct efuse_view now, then;
        bool secrets;
        void (*line)(void *ctx, const char *text);
        void *ctx;
};

/* Keys are not for screens and logs; other blocks' bytes may be. */
static bool is_secret(const struct efuse_chip *c, const struct efuse_field *f)
{
        return f->kind == EFUSE_BYTES && c->blocks[f->block].read_protect != EFUSE_NO &&
               f->block != 0;
}

/* What bit number b of WR_DIS (or RD_DIS) protects, by name. */
static size_t protected_names(const struct efuse_chip *c, bool write, unsigned b, char *out,
                              size_t cap)
{
        size_t n = 0;

        *out = 0;
        for (size_t k = 0; k < c->field_count && n < cap; k++) {
                const struct efuse_field *f = &c->fields[k];

                /* of a block with a name of its own only that */
                if ((write ? f->write_protect : f->read_protect) != b ||
                    (f->block != 0 && (f->kind != EFUSE_BYTES || f->bit != 0 || f->len < 192)))
                        continue;
                n += (size_t)snprintf(out + n, cap - n, "%s%.*s", n ? ", " : "", EFUSE_SHOWN(f));
        }
        for (size_t i = 0; i < c->block_count && n == 0; i++)
                if ((write ? c->blocks[i].write_protect : c->blocks[i].read_protect) == b)
                        n = (size_t)snprintf(out, cap, "%.*s", EFUSE_SHOWN(&c->blocks[i]));
        return n;
}

/* "write protection: KEY_PURPOSE_0", a line for each bit. */
static void show_mask(const struct shower *s, const struct efuse_field *f, bool write)
{
        uint8_t bits[4] = { 0 };
        char names[400];
        char text[480];

        efuse_bits_get(s->p->want[f->block], f->bit, f->len, bits);
        for (unsigned b = 0; b < f->len; b++) {
                if (!(bits[b / 8] >> b % 8 & 1))
                        continue;
                if (!protected_names(s->p->chip, write, b, names, sizeof names))
                        snprintf(names, sizeof names, "bit %u, which has no name", b);
                snprintf(text, sizeof text, "%s protection for ever: %s", write ? "write" : "read",
                         names);
                s->line(s->ctx, text);
        }
}

static void show_field(const struct shower *s, const struct efuse_field *f)
{
        struct efuse_text now;
        struct efuse_text then;
        char text[2 * EFUSE_TEXT_MAX + 64];

        if (!efuse_plan_touches(s->p, f))
                return;
        if (f == efuse_field(s->p->chip, "WR_DIS") || f == efuse_field(s->p->chip, "RD_DIS")) {
                show_mask(s, f, f == efuse_field(s->p->chip, "WR_DIS"));
                return;
        }
        efuse_text_get(&s->now, f, &now);
        efuse_text_get(&s->then, f, &then);
        if (is_secret(s->p->chip, f) && !s->secrets)
                snprintf(text, sizeof text, "%.*s: %u bytes (not shown)", EFUSE_SHOWN(f),
                         f->len / 8u);
        else if (f->kind == EFUSE_BYTES)
                snprintf(text, sizeof text, "%.*s: %s", EFUSE_SHOWN(f), then.text);
        else
                snprintf(text, sizeof text, "%.*s: %s -> %s", EFUSE_SHOWN(f), now.text, then.text);
        s->line(s->ctx, text);
        wipe(&then, sizeof then);
        wipe(text, sizeof text);
}

/* Bits that no field has. */
static void show_rest(const struct shower *s, unsigned i)
{
        const struct efuse_chip *c = s->p->chip;
        uint8_t rest[EFUSE_DATA_MAX];

        memcpy(rest, s->p->want[i], sizeof rest);
        for (size_t k = 0; k < c->field_count; k++)
                for (unsigned b = c->fields[k].bit;
                     c->fields[k].block == i && c->fields[k].kind != EFUSE_CALC &&
                     b < (unsigned)c->fields[k].bit + c->fields[k].len;
                     b++)
                        rest[b / 8] &= (uint8_t) ~(1u << b % 8);
        for (unsigned b = 0; b < 8 * EFUSE_DATA_MAX; b++)
                if (rest[b / 8] >> b % 8 & 1) {
                        char text[64];

                        snprintf(text, sizeof text, "%.*s: bit %u, which has no name",
                                 EFUSE_SHOWN(&c->blocks[i]), b);
                        s->line(s->ctx, text);
                }
        wipe(rest, sizeof rest);
}

void efuse_plan_show(const struct efuse_plan *p, bool secrets,
                     void (*line)(void *ctx, const char *text), void *ctx)
{
        uint8_t then[EFUSE_IMAGE_MAX];
        const struct shower s = {
                p,
                efuse_view_of(p->dev),
                { p->chip, then, efuse_dev_revision(p->dev) },
                secrets,
                line,
                ctx,
        };

        efuse_plan_foresee(p, then);
        for (unsigned i = 0; i < p->chip->block_count; i++) {
                if (p->again >> i & 1) {
                        char text[64];

                        snprintf(text, sizeof text, "%.*s: once more with what it holds",
                                 EFUSE_SHOWN(&p->chip->blocks[i]));
                        line(ctx, text);
                        continue;
                }
                for (size_t k = 0; k < p->chip->field_count; k++)
                        if (p->chip->fields[k].block == i)
                                show_field(&s, &p->chip->fields[k]);
                show_rest(&s, i);
        }
        wipe(then, sizeof then);
}

/* --- burning --- */

/* Clear the bits of data (of BLOCK0) that nobody can read back. */
static void leave_readable(const struct efuse_plan *p, uint8_t *data)
{
        for (size_t k = 0; k < p->chip->field_count; k++) {
                const struct efuse_field *f = &p->chip->fields[k];

                if (f->block != 0 ||
                    !efuse_read_protected(p->chip, efuse_plan_image(p), f->read_protect))
                        continue;
                for (unsigned b = f->bit; b < (unsigned)f->bit + f->len; b++)
                        data[b / 8] &= (uint8_t) ~(1u << b % 8);
        }
}

static bool bits_missing(const struct efuse_plan *p, unsigned i, const uint8_t *data)
{
        uint8_t expected[EFUSE_DATA_MAX];
        bool missing;

        if (efuse_read_protected(p->chip, efuse_plan_image(p), p->chip->blocks[i].read_protect))
                return false;
        memcpy(expected, data, sizeof expected);
        if (i == 0)
                leave_readable(p, expected);
        missing = !efuse_within(expected, efuse_plan_now(p, i), 4u * p->chip->blocks[i].words);
        wipe(expected, sizeof expected);
        return missing;
}

static int verify_step(const struct efuse_plan *p, unsigned i, const uint8_t *allowed,
                       struct efuse_errors before, struct diag *d)
{
        const struct efuse_block *b = &p->chip->blocks[i];
        const struct efuse_errors after = efuse_errors(p->chip, efuse_plan_image(p), i);

        /* a block whose code did not fit was burnt again to make it whole; the ESP32 does not say
         * which of its blocks it is that does not */
        if ((after.fail && (!before.fail || (i && !(p->chip->flags & EFUSE_CHIP_V1)))) ||
            after.count > before.count)
                return diag_set(
                        d, E_VERIFY,
                        "%.*s has coding errors behind the burn: try 'check-error --recovery', "
                        "then this again",
                        EFUSE_SHOWN(b));
        if (!efuse_within(efuse_plan_now(p, i), allowed, 4u * b->words))
                return diag_set(d, E_VERIFY,
                                "%.*s has bits set that nobody asked for: set this unit aside, and "
                                "check its supply",
                                EFUSE_SHOWN(b));
        return 0;
}

/* Burn data into block i until it is all there. */
static int burn_step(struct efuse_plan *p, unsigned i, const uint8_t *data, bool closes,
                     struct diag *d)
{
        const struct efuse_errors before = efuse_errors(p->chip, efuse_plan_image(p), i);
        const size_t n = 4u * p->chip->blocks[i].words;
        uint8_t allowed[EFUSE_DATA_MAX] = { 0 };
        int rc = 0;

        if (bytes_all(data, EFUSE_DATA_MAX, 0))
                return 0;
        for (size_t k = 0; k < n; k++)
                allowed[k] = data[k] | efuse_plan_now(p, i)[k];
        for (int tries = 0; tries < TRIES; tries++) {
                if ((rc = efuse_dev_burn(p->dev, i, data, closes, d)) < 0)
                        break;
                p->burnt |= (uint16_t)(1u << i);
                if (!bits_missing(p, i, data))
                        break;
        }
        if (rc == 0 && bits_missing(p, i, data))
                rc = diag_set(
                        d, E_VERIFY,
                        "%.*s: bits are missing behind %d burns: set this unit aside, and check "
                        "its supply",
                        EFUSE_SHOWN(&p->chip->blocks[i]), TRIES);
        if (rc == 0)
                rc = verify_step(p, i, allowed, before, d);
        wipe(allowed, sizeof allowed);
        return rc;
}

/* Move the bits of a field from one set to another; and the bit of WR_DIS that would lock it. */
static void postpone(const struct efuse_plan *p, const char *name, bool lock, uint8_t *from,
                     uint8_t *to)
{
        const struct efuse_field *f = efuse_field(p->chip, name);
        const struct efuse_field *wr = efuse_field(p->chip, "WR_DIS");
        bool any = false;

        if (!f)
                return;
        for (unsigned b = f->bit; b < (unsigned)f->bit + f->len; b++) {
                const uint8_t bit = (uint8_t)(1u << b % 8);

                any |= (from[b / 8] & bit) != 0;
                to[b / 8] |= from[b / 8] & bit;
                from[b / 8] &= (uint8_t)~bit;
        }
        if (lock && any && f->write_protect != EFUSE_NO) {
                const unsigned b = wr->bit + f->write_protect;
                const uint8_t bit = (uint8_t)(1u << b % 8);

                to[b / 8] |= from[b / 8] & bit;
                from[b / 8] &= (uint8_t)~bit;
        }
}

/* BLOCK0: first what can still be followed by anything, then what protects, what closes last. */
static int burn_block0(struct efuse_plan *p, struct diag *d)
{
        static const char *const late[] = { "WR_DIS",          "RD_DIS",
                                            "ABS_DONE_0",      "ABS_DONE_1",
                                            "FLASH_CRYPT_CNT", "SPI_BOOT_CRYPT_CNT",
                                            "SECURE_BOOT_EN" };
        static const char *const doors[] = { "ENABLE_SECURITY_DOWNLOAD", "DIS_DOWNLOAD_MODE",
                                             "UART_DOWNLOAD_DIS" };
        uint8_t first[EFUSE_DATA_MAX];
        uint8_t second[EFUSE_DATA_MAX] = { 0 };
        uint8_t last[EFUSE_DATA_MAX] = { 0 };
        int rc;

        memcpy(first, p->want[0], sizeof first);
        for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
                postpone(p, doors[i], true, first, last);
        for (size_t i = 0; i < sizeof late / sizeof *late; i++)
                postpone(p, late[i], false, first, second);
        if ((rc = burn_step(p, 0, first, false, d)) < 0 ||
            (rc = burn_step(p, 0, second, false, d)) < 0)
                return rc;
        return burn_step(p, 0, last, true, d);
}

int efuse_plan_burn(struct efuse_plan *p, struct diag *d)
{
        p->burnt = 0;
        for (unsigned i = p->chip->block_count; i-- > 1;) {
                const int rc = burn_step(p, i, p->want[i], false, d);

                if (rc < 0)
                        return rc;
        }
        return burn_block0(p, d);
}

int efuse_plan_digest(const struct efuse_plan *p, uint8_t out[32])
{
        uint8_t then[EFUSE_IMAGE_MAX];
        int rc;

        efuse_plan_foresee(p, then);
        efuse_hide(p->chip, then);
        rc = efuse_image_digest(p->chip, then, out);
        wipe(then, sizeof then);
        return rc;
}

unsigned efuse_plan_blocks(const struct efuse_plan *p)
{
        return p->burnt;
}
