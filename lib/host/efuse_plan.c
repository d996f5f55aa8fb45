/* A plan gathered and checked; efuse_plan_burn.c shows and burns it. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/efuse_plan_impl.h"
#include "host/opt.h"

int efuse_plan_new(struct efuse_dev *dev, struct efuse_plan **out)
{
        *out = calloc(1, sizeof **out);
        if (!*out)
                return -E_NOMEM;
        (*out)->dev = dev;
        (*out)->chip = efuse_dev_chip(dev);
        return 0;
}

void efuse_plan_free(struct efuse_plan *p)
{
        if (p)
                wipe(p, sizeof *p);
        free(p);
}

void efuse_plan_force(struct efuse_plan *p, bool force)
{
        p->force = force;
}

bool efuse_within(const uint8_t *a, const uint8_t *b, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (a[i] & ~b[i])
                        return false;
        return true;
}

static bool is_named(const struct efuse_field *f, const char *name)
{
        return efuse_name_len(f->name) == strlen(name) && !strncmp(f->name, name, strlen(name));
}

static bool is_mask(const struct efuse_field *f)
{
        return is_named(f, "WR_DIS") || is_named(f, "RD_DIS");
}

/* --- gathering --- */

/* Bits of block i are wanted. */
static void want(struct efuse_plan *p, unsigned i, unsigned bit, unsigned len, const uint8_t *bits)
{
        efuse_bits_or(p->want[i], bit, len, bits);
        if (p->force)
                p->forced |= (uint16_t)(1u << i);
}

static bool is_forced(const struct efuse_plan *p, unsigned i)
{
        return p->forced >> i & 1;
}

static int check_protection(const struct efuse_plan *p, const char *name, unsigned write_protect,
                            unsigned read_protect, struct diag *d)
{
        if (efuse_read_protected(p->chip, efuse_plan_image(p), read_protect))
                return diag_set(d, E_REFUSED,
                                "%.*s is read-protected: what it holds cannot be seen, and burning "
                                "over it may spoil it; take another block",
                                (int)efuse_name_len(name), name);
        if (efuse_write_protected(p->chip, efuse_plan_image(p), write_protect))
                return diag_set(d, E_REFUSED,
                                "%.*s is write-protected: nothing can be burnt there any more",
                                (int)efuse_name_len(name), name);
        return 0;
}

/*
 * A burn that was cut off leaves a part of its bits, or all of them, and a code that does not fit:
 * burnt once more with all of its bits the block is whole.
 */
static bool can_be_mended(const struct efuse_plan *p, unsigned i)
{
        const struct efuse_errors e = efuse_errors(p->chip, efuse_plan_image(p), i);

        return i && (e.fail || e.count) &&
               efuse_coding(p->chip, efuse_plan_image(p), i) != EFUSE_PLAIN &&
               !efuse_write_protected(p->chip, efuse_plan_image(p),
                                      p->chip->blocks[i].write_protect);
}

int efuse_plan_field(struct efuse_plan *p, const struct efuse_field *f, const uint8_t *bits,
                     struct diag *d)
{
        const size_t n = (f->len + 7u) / 8;
        const bool loose = is_mask(f) || p->force;
        uint8_t now[EFUSE_DATA_MAX];
        uint8_t planned[EFUSE_DATA_MAX];
        bool there;
        bool lacks;
        int rc;

        if (f->kind == EFUSE_CALC)
                return diag_set(d, E_UNSUPPORTED, "%.*s is made of other fields: burn those",
                                EFUSE_SHOWN(f));
        efuse_bits_get(efuse_plan_now(p, f->block), f->bit, f->len, now);
        efuse_bits_get(p->want[f->block], f->bit, f->len, planned);
        there = efuse_within(bits, now, n) && (loose || memcmp(bits, now, n) == 0);
        lacks = !loose && !(efuse_within(now, bits, n) && efuse_within(planned, bits, n));
        wipe(now, sizeof now);
        wipe(planned, sizeof planned);
        if (there && !can_be_mended(p, f->block))
                return 0;
        if (lacks)
                return diag_set(
                        d, E_REFUSED,
                        "%.*s: has bits burnt (or planned) already that this value lacks, and "
                        "no bit is ever cleared",
                        EFUSE_SHOWN(f));
        if (!p->force &&
            (rc = check_protection(p, f->name, f->write_protect, f->read_protect, d)) < 0)
                return rc;
        want(p, f->block, f->bit, f->len, bits);
        return 0;
}

static int plan_number(struct efuse_plan *p, const char *name, uint32_t value, struct diag *d)
{
        const struct efuse_field *f = efuse_field(p->chip, name);
        uint8_t bits[4];

        if (!f)
                return diag_set(d, E_UNSUPPORTED, "the %s has no eFuse %s", p->chip->name, name);
        le32_put(bits, value);
        return efuse_plan_field(p, f, bits, d);
}

/* One more bit of a mask. */
static int plan_mask(struct efuse_plan *p, const char *mask, unsigned bit, const char *what,
                     struct diag *d)
{
        struct diag why = { 0 };

        if (plan_number(p, mask, 1u << bit, &why) < 0)
                return diag_set(d, E_REFUSED,
                                "%.*s cannot be protected any more: %s is write-protected itself",
                                (int)efuse_name_len(what), what, mask);
        return 0;
}

static size_t data_len(const struct efuse_plan *p, unsigned i)
{
        return efuse_data_len(p->chip, efuse_plan_image(p), i);
}

int efuse_plan_bit(struct efuse_plan *p, unsigned block, unsigned bit, struct diag *d)
{
        if (bit >= 8 * data_len(p, block))
                return diag_set(d, E_RANGE, "%.*s has the bits 0 to %zu, not %u",
                                EFUSE_SHOWN(&p->chip->blocks[block]), 8 * data_len(p, block) - 1,
                                bit);
        want(p, block, bit, 1, (const uint8_t[]){ 1 });
        return 0;
}

int efuse_plan_data(struct efuse_plan *p, unsigned block, size_t offset, const uint8_t *data,
                    size_t len, struct diag *d)
{
        const size_t cap = data_len(p, block);

        if (offset >= cap || len > cap - offset)
                return diag_set(d, E_RANGE, "%.*s holds %zu bytes: %zu from %zu on do not fit",
                                EFUSE_SHOWN(&p->chip->blocks[block]), cap, len, offset);
        want(p, block, 8 * (unsigned)offset, 8 * (unsigned)len, data);
        return 0;
}

int efuse_plan_write_protect(struct efuse_plan *p, const struct efuse_field *f, struct diag *d)
{
        if (f->write_protect == EFUSE_NO)
                return diag_set(d, E_UNSUPPORTED, "%.*s has no write protection of its own",
                                EFUSE_SHOWN(f));
        if (efuse_write_protected(p->chip, efuse_plan_image(p), f->write_protect))
                return 0;
        return plan_mask(p, "WR_DIS", f->write_protect, f->name, d);
}

/* The block whose key f is, or NULL. */
static const struct efuse_block *key_block(const struct efuse_plan *p, const struct efuse_field *f)
{
        const struct efuse_block *b = &p->chip->blocks[f->block];

        return b->purpose && f->bit == 0 && f->len == 32u * b->words ? b : NULL;
}

/* Secure boot reads its digests through the registers: hiding one bricks the unit. */
static int check_hiding(const struct efuse_plan *p, const struct efuse_field *f, struct diag *d)
{
        const struct efuse_block *b = key_block(p, f);
        const struct efuse_purpose *use;

        if (b) {
                use = efuse_purpose_of(p->chip,
                                       efuse_value(p->chip, efuse_plan_image(p), b->purpose));
                if (use && !(use->flags & EFUSE_KEY_SECRET))
                        return diag_set(d, E_REFUSED,
                                        "%.*s has the purpose %s and has to stay readable",
                                        EFUSE_SHOWN(f), use->name);
        }
        if (p->chip->flags & EFUSE_CHIP_V1 && f->block == 2 && f->bit == 0 &&
            efuse_value(p->chip, efuse_plan_image(p), "ABS_DONE_1") &&
            !efuse_value(p->chip, efuse_plan_image(p), "ABS_DONE_0"))
                return diag_set(
                        d, E_REFUSED,
                        "BLOCK2 holds the digest of secure boot v2 and has to stay readable");
        return 0;
}

int efuse_plan_read_protect(struct efuse_plan *p, const struct efuse_field *f, struct diag *d)
{
        int rc;

        if (f->read_protect == EFUSE_NO)
                return diag_set(d, E_UNSUPPORTED, "%.*s cannot be read-protected", EFUSE_SHOWN(f));
        if (efuse_read_protected(p->chip, efuse_plan_image(p), f->read_protect))
                return 0;
        if ((rc = check_hiding(p, f, d)) < 0)
                return rc;
        return plan_mask(p, "RD_DIS", f->read_protect, f->name, d);
}

/* --- keys --- */

/* The key as the block holds it, through its field so that what is there is compared. */
static int plan_key_data(struct efuse_plan *p, unsigned block, bool reversed, const uint8_t *key,
                         size_t len, struct diag *d)
{
        const struct efuse_block *b = &p->chip->blocks[block];
        const struct efuse_field whole = {
                b->name,          (uint8_t)block, 0, (uint16_t)(8 * len), EFUSE_BYTES,
                b->write_protect, b->read_protect
        };
        uint8_t data[EFUSE_DATA_MAX];
        int rc;

        if (len != data_len(p, block))
                return diag_set(d, E_RANGE, "the key has %zu bytes, but %.*s takes %zu", len,
                                EFUSE_SHOWN(b), data_len(p, block));
        for (size_t i = 0; i < len; i++)
                data[i] = key[reversed ? len - 1 - i : i];
        rc = efuse_plan_field(p, &whole, data, d);
        wipe(data, sizeof data);
        return rc;
}

static int protect_block(struct efuse_plan *p, const struct efuse_block *b, bool read, bool write,
                         struct diag *d)
{
        int rc = 0;

        if (read && !efuse_read_protected(p->chip, efuse_plan_image(p), b->read_protect))
                rc = plan_mask(p, "RD_DIS", b->read_protect, b->name, d);
        if (rc == 0 && write &&
            !efuse_write_protected(p->chip, efuse_plan_image(p), b->write_protect))
                rc = plan_mask(p, "WR_DIS", b->write_protect, b->name, d);
        return rc;
}

static int check_purpose(const struct efuse_plan *p, const struct efuse_block *b,
                         const struct efuse_purpose *use, struct diag *d)
{
        if (p->chip->flags & EFUSE_CHIP_KEY5_XTS && b == &p->chip->blocks[9] &&
            use->flags & (EFUSE_KEY_XTS | EFUSE_KEY_PEM))
                return diag_set(
                        d, E_UNSUPPORTED,
                        "on the %s a key in %.*s cannot serve %s (an error of the silicon): "
                        "take another block",
                        p->chip->name, EFUSE_SHOWN(b), use->name);
        return 0;
}

int efuse_plan_key(struct efuse_plan *p, unsigned block, const struct efuse_purpose *purpose,
                   const uint8_t *key, size_t len, unsigned flags, struct diag *d)
{
        const struct efuse_block *b = &p->chip->blocks[block];
        const struct efuse_field *f = b->purpose ? efuse_field(p->chip, b->purpose) : NULL;
        uint8_t id[4] = { purpose->id };
        int rc;

        if (!f)
                return diag_set(d, E_TYPE, "%.*s takes no key", EFUSE_SHOWN(b));
        if ((rc = check_purpose(p, b, purpose, d)) < 0 ||
            (rc = plan_key_data(p, block, purpose->flags & EFUSE_KEY_REVERSED, key, len, d)) < 0)
                return rc;
        if (efuse_get(p->chip, efuse_plan_image(p), f) != purpose->id) {
                if (purpose->id == 0)
                        return diag_set(d, E_REFUSED, "%.*s is in use for %s already",
                                        EFUSE_SHOWN(b), b->purpose);
                if ((rc = efuse_plan_field(p, f, id, d)) < 0)
                        return rc;
        }
        if (!efuse_write_protected(p->chip, efuse_plan_image(p), f->write_protect) &&
            (rc = plan_mask(p, "WR_DIS", f->write_protect, f->name, d)) < 0)
                return rc;
        if (purpose->flags & EFUSE_KEY_PEM &&
            (rc = plan_number(p, "ECDSA_FORCE_USE_HARDWARE_K", 1, d)) < 0)
                return rc;
        return protect_block(
                p, b, purpose->flags & EFUSE_KEY_SECRET && !(flags & EFUSE_PLAN_NO_READ_PROTECT),
                !(flags & EFUSE_PLAN_NO_WRITE_PROTECT), d);
}

/* Empty, for no purpose yet, nothing of it protected, and not in the plan. */
static bool is_free(const struct efuse_plan *p, unsigned i)
{
        const struct efuse_block *b = &p->chip->blocks[i];
        const struct efuse_field *f = b->purpose ? efuse_field(p->chip, b->purpose) : NULL;

        return f && !efuse_get(p->chip, efuse_plan_image(p), f) &&
               !efuse_write_protected(p->chip, efuse_plan_image(p), f->write_protect) &&
               !efuse_write_protected(p->chip, efuse_plan_image(p), b->write_protect) &&
               !efuse_read_protected(p->chip, efuse_plan_image(p), b->read_protect) &&
               bytes_all(efuse_plan_now(p, i), 4u * b->words, 0) &&
               bytes_all(p->want[i], EFUSE_DATA_MAX, 0);
}

int efuse_plan_key_512(struct efuse_plan *p, unsigned block, unsigned taken, const uint8_t *key,
                       size_t len, unsigned flags, unsigned *second, struct diag *d)
{
        const struct efuse_purpose *one = efuse_purpose(p->chip, "XTS_AES_256_KEY_1");
        const struct efuse_purpose *two = efuse_purpose(p->chip, "XTS_AES_256_KEY_2");
        unsigned i = 0;
        int found;
        int rc;

        if (!one || !two)
                return diag_set(d, E_UNSUPPORTED, "the %s has no XTS-AES-256", p->chip->name);
        if (len != 64)
                return diag_set(d, E_RANGE, "the key has %zu bytes, but XTS-AES-256 takes 64", len);
        /* cut off between the halves: the second block is the one that has the purpose */
        found = efuse_key_find(p->chip, efuse_plan_image(p), two->id, 0);
        for (unsigned k = 1; k < p->chip->block_count && found < 0; k++) {
                i = (block + k) % p->chip->block_count;
                if (!(taken >> i & 1) && is_free(p, i))
                        found = (int)i;
        }
        if (found < 0)
                return diag_set(d, E_REFUSED, "XTS-AES-256 takes two key blocks, and none is free");
        *second = (unsigned)found;
        rc = efuse_plan_key(p, block, one, key, 32, flags, d);
        return rc < 0 ? rc : efuse_plan_key(p, *second, two, key + 32, 32, flags, d);
}

int efuse_plan_key_v1(struct efuse_plan *p, const char *block_name, const uint8_t *key, size_t len,
                      unsigned flags, struct diag *d)
{
        const struct efuse_block *b = efuse_block(p->chip, block_name);
        const bool secret = b && opt_word_is(block_name, "flash_encryption|secure_boot_v1");
        int rc;

        if (!b || b == p->chip->blocks)
                return diag_set(d, E_NOTFOUND,
                                "'%s' is none of BLOCK1, flash_encryption, BLOCK2, secure_boot_v1, "
                                "secure_boot_v2, BLOCK3",
                                block_name);
        if ((rc = plan_key_data(p, (unsigned)(b - p->chip->blocks), secret, key, len, d)) < 0)
                return rc;
        return protect_block(p, b, secret && !(flags & EFUSE_PLAN_NO_READ_PROTECT),
                             !(flags & EFUSE_PLAN_NO_WRITE_PROTECT), d);
}

/* --- other things with rules of their own --- */

int efuse_plan_mac(struct efuse_plan *p, const uint8_t mac[6], struct diag *d)
{
        const struct efuse_field *f = efuse_field(p->chip, "CUSTOM_MAC");
        int rc = 0;

        if (mac[0] & 1)
                return diag_set(d, E_RANGE,
                                "a device's address cannot be a group's: its first byte "
                                "has to be even");
        if (p->chip->flags & EFUSE_CHIP_V1) {
                if (efuse_value(p->chip, efuse_plan_image(p), "MAC_VERSION") > 1 && !p->force)
                        return diag_set(d, E_REFUSED,
                                        "MAC_VERSION is neither 0 nor 1: BLOCK3 is in "
                                        "use for something else");
                rc = plan_number(p, "MAC_VERSION", 1, d);
                if (rc == 0)
                        rc = plan_number(p, "CUSTOM_MAC_CRC", efuse_mac_crc(mac), d);
        }
        return rc < 0 ? rc : efuse_plan_field(p, f, mac, d);
}

int efuse_plan_flash_voltage(struct efuse_plan *p, unsigned millivolt, struct diag *d)
{
        const bool v1 = p->chip->flags & EFUSE_CHIP_V1;
        const char *force = v1 ? "XPD_SDIO_FORCE" : "VDD_SPI_FORCE";
        const char *on = v1 ? "XPD_SDIO_REG" : "VDD_SPI_XPD";
        const char *high = v1 ? "XPD_SDIO_TIEH" : "VDD_SPI_TIEH";
        int rc;

        if (!(p->chip->flags & EFUSE_CHIP_VDD))
                return diag_set(d, E_UNSUPPORTED, "the %s has no such regulator", p->chip->name);
        if (millivolt == 0 && efuse_value(p->chip, efuse_plan_image(p), on))
                return diag_set(d, E_REFUSED, "the regulator is on for ever: %s is burnt", on);
        if (millivolt == 1800 && efuse_value(p->chip, efuse_plan_image(p), high))
                return diag_set(d, E_REFUSED, "it is 3.3 V for ever: %s is burnt", high);
        rc = plan_number(p, force, 1, d);
        if (rc == 0 && millivolt)
                rc = plan_number(p, on, 1, d);
        if (rc == 0 && millivolt == 3300)
                rc = plan_number(p, high, 1, d);
        return rc;
}

int efuse_plan_recover(struct efuse_plan *p, unsigned block, struct diag *d)
{
        const struct efuse_block *b = &p->chip->blocks[block];
        int rc = check_protection(p, b->name, b->write_protect, b->read_protect, d);

        if (rc < 0)
                return rc;
        p->again |= (uint16_t)(1u << block);
        memcpy(p->want[block], efuse_plan_now(p, block), data_len(p, block));
        return 0;
}

/* --- as a whole --- */

void efuse_plan_foresee(const struct efuse_plan *p, uint8_t *out)
{
        memcpy(out, efuse_plan_image(p), EFUSE_IMAGE_MAX);
        for (unsigned i = 0; i < p->chip->block_count; i++)
                for (size_t k = 0; k < 4u * p->chip->blocks[i].words; k++)
                        out[p->chip->blocks[i].read + k] |= p->want[i][k];
}

bool efuse_plan_touches(const struct efuse_plan *p, const struct efuse_field *f)
{
        uint8_t bits[EFUSE_DATA_MAX];

        if (f->kind == EFUSE_CALC)
                return false;
        efuse_bits_get(p->want[f->block], f->bit, f->len, bits);
        return !bytes_all(bits, (f->len + 7u) / 8, 0);
}

static bool burns(const struct efuse_plan *p, const char *name)
{
        const struct efuse_field *f = efuse_field(p->chip, name);

        return f && efuse_plan_touches(p, f);
}

/* Purposes that the plan leads to, and what it hides of blocks that have to stay readable. */
static int check_purposes(const struct efuse_plan *p, const uint8_t *then, struct diag *d)
{
        for (unsigned i = 0; i < p->chip->block_count; i++) {
                const struct efuse_block *b = &p->chip->blocks[i];
                const struct efuse_purpose *use;
                int rc;

                if (!b->purpose)
                        continue;
                use = efuse_purpose_of(p->chip, efuse_value(p->chip, then, b->purpose));
                if (burns(p, b->purpose)) {
                        if (!use)
                                return diag_set(d, E_REFUSED, "%s would be %u, which means nothing",
                                                b->purpose, efuse_value(p->chip, then, b->purpose));
                        if ((rc = check_purpose(p, b, use, d)) < 0)
                                return rc;
                }
                if (use && use->flags & EFUSE_KEY_DIGEST &&
                    efuse_read_protected(p->chip, then, b->read_protect) &&
                    !efuse_read_protected(p->chip, efuse_plan_image(p), b->read_protect) &&
                    !is_forced(p, 0))
                        return diag_set(d, E_REFUSED,
                                        "%.*s would be a %s that cannot be read: secure boot would "
                                        "never succeed again",
                                        EFUSE_SHOWN(b), use->name);
        }
        return 0;
}

/* The ESP32's coding scheme is for a blank chip, and 2 is not understood. */
static int check_scheme(const struct efuse_plan *p, const uint8_t *then, struct diag *d)
{
        if (!(p->chip->flags & EFUSE_CHIP_V1) || !burns(p, "CODING_SCHEME"))
                return 0;
        if (efuse_coding(p->chip, then, 1) == EFUSE_UNKNOWN)
                return diag_set(d, E_UNSUPPORTED, "coding scheme 2 is not supported by anything");
        for (unsigned i = 1; i < p->chip->block_count; i++)
                if (!bytes_all(then + p->chip->blocks[i].read, 32, 0) && !is_forced(p, 0))
                        return diag_set(
                                d, E_REFUSED,
                                "%.*s is not empty: under another coding scheme it would read "
                                "as something else; burn CODING_SCHEME on its own, first",
                                EFUSE_SHOWN(&p->chip->blocks[i]));
        return 0;
}

static int check_revision(const struct efuse_plan *p, struct diag *d)
{
        static const char *const from_v3[] = { "UART_DOWNLOAD_DIS", "ABS_DONE_1" };
        const unsigned revision = efuse_dev_revision(p->dev);

        if (!(p->chip->flags & EFUSE_CHIP_V1) || revision >= 300)
                return 0;
        for (size_t i = 0; i < 2; i++)
                if (burns(p, from_v3[i]))
                        return diag_set(
                                d, E_UNSUPPORTED,
                                "%s means something else before revision v3.0 of the ESP32, "
                                "and this is v%u.%u",
                                from_v3[i], revision / 100, revision % 100);
        return 0;
}

static int check_rules(const struct efuse_plan *p, struct diag *d)
{
        uint8_t then[EFUSE_IMAGE_MAX];
        int rc;

        efuse_plan_foresee(p, then);
        rc = check_purposes(p, then, d);
        if (rc == 0)
                rc = check_scheme(p, then, d);
        if (rc == 0)
                rc = check_revision(p, d);
        if (rc == 0 && p->chip->flags & EFUSE_CHIP_JTAG_USB && !is_forced(p, 0) &&
            (burns(p, "DIS_USB_JTAG") || burns(p, "DIS_USB_SERIAL_JTAG")) &&
            efuse_value(p->chip, then, "DIS_USB_JTAG") &&
            efuse_value(p->chip, then, "DIS_USB_SERIAL_JTAG"))
                rc = diag_set(
                        d, E_UNSUPPORTED,
                        "DIS_USB_JTAG together with DIS_USB_SERIAL_JTAG stops the boot ROM of "
                        "this chip: one of them is enough");
        wipe(then, sizeof then);
        return rc;
}

static int settle_plain(struct efuse_plan *p, unsigned i, struct diag *d)
{
        for (size_t k = 0; k < p->chip->field_count; k++) {
                const struct efuse_field *f = &p->chip->fields[k];
                int rc;

                if (i != 0 || f->block != 0 || is_forced(p, 0) || !efuse_plan_touches(p, f))
                        continue;
                if ((rc = check_protection(p, f->name, f->write_protect, EFUSE_NO, d)) < 0)
                        return rc;
        }
        return 0;
}

static int settle_34(struct efuse_plan *p, unsigned i, struct diag *d)
{
        for (size_t k = 0; k < 24; k += 6) {
                const uint8_t *now = efuse_plan_now(p, i) + k;
                uint8_t *want = p->want[i] + k;

                if (efuse_within(want, now, 6))
                        memset(want, 0, 6);
                else if (!bytes_all(now, 6, 0))
                        return diag_set(d, E_REFUSED,
                                        "%.*s: bytes %zu to %zu are burnt with another value, and "
                                        "with 3/4 coding they can be burnt once only",
                                        EFUSE_SHOWN(&p->chip->blocks[i]), k, k + 5);
        }
        return 0;
}

static int settle_block(struct efuse_plan *p, unsigned i, struct diag *d)
{
        const struct efuse_block *b = &p->chip->blocks[i];
        const size_t n = 4u * b->words;
        const enum efuse_coding coding = efuse_coding(p->chip, efuse_plan_image(p), i);
        int rc;

        if (p->again >> i & 1)
                return 0;
        if (coding == EFUSE_PLAIN)
                for (size_t k = 0; k < n; k++)
                        p->want[i][k] &= (uint8_t)~efuse_plan_now(p, i)[k];
        if (can_be_mended(p, i) && !bytes_all(p->want[i], sizeof p->want[i], 0) &&
            efuse_within(efuse_plan_now(p, i), p->want[i], n))
                return check_protection(p, b->name, b->write_protect, b->read_protect, d);
        if (efuse_within(p->want[i], efuse_plan_now(p, i), n)) {
                memset(p->want[i], 0, n);
                return 0;
        }
        if (!is_forced(p, i) &&
            (rc = check_protection(p, b->name, b->write_protect, b->read_protect, d)) < 0)
                return rc;
        switch (coding) {
        case EFUSE_PLAIN:
                return settle_plain(p, i, d);
        case EFUSE_34:
                return settle_34(p, i, d);
        case EFUSE_RS:
                if (bytes_all(efuse_plan_now(p, i), n, 0) &&
                    !efuse_read_protected(p->chip, efuse_plan_image(p), b->read_protect))
                        return 0;
                return diag_set(d, E_REFUSED,
                                "%.*s is burnt with another value, and a block with Reed-Solomon "
                                "coding can be burnt once only",
                                EFUSE_SHOWN(b));
        default:
                return diag_set(d, E_UNSUPPORTED,
                                "%.*s has coding scheme 2, which is not supported", EFUSE_SHOWN(b));
        }
}

int efuse_plan_settle(struct efuse_plan *p, struct diag *d)
{
        int bits = 0;
        int rc;

        for (unsigned i = 0; i < p->chip->block_count; i++) {
                if ((rc = settle_block(p, i, d)) < 0)
                        return rc;
                for (size_t k = 0; k < EFUSE_DATA_MAX; k++)
                        bits += __builtin_popcount(p->want[i][k]);
        }
        rc = check_rules(p, d);
        return rc < 0 ? rc : bits;
}
