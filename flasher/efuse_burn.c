/* The commands of efuse that add to a plan. */
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "efuse.h"
#include "flasher.h"
#include "host/secboot_sign.h"
#include "host/x509_key.h"

const struct efuse_field *efuse_field_named(const struct efuse_dev *dev, const char *name)
{
        const struct efuse_field *f = efuse_field(efuse_dev_chip(dev), name);

        if (!f)
                tool_error("efuse: the %s has no eFuse '%s'; 'efuse summary' lists them",
                           efuse_dev_chip(dev)->name, name);
        return f;
}

/* Index of the block that a word names; -1 after a line. */
static int block_named(const struct efuse_dev *dev, const char *name)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        const struct efuse_block *b = efuse_block(c, name);

        if (b)
                return (int)(b - c->blocks);
        tool_error("efuse: the %s has no block '%s'; 'efuse dump' lists them", c->name, name);
        return -1;
}

/* --- fields --- */

static int plan_value(struct efuse_plan *p, struct efuse_dev *dev, const char *name,
                      const char *value)
{
        const struct efuse_view v = efuse_view_of(dev);
        const struct efuse_field *f = efuse_field_named(dev, name);
        struct diag d = { 0 };
        uint8_t bits[32];
        int rc;

        if (!f)
                return STATUS_DATA;
        if ((rc = efuse_value_parse(&v, f, value, bits, &d)) == 0)
                rc = f->kind == EFUSE_OWN_MAC ? efuse_plan_mac(p, bits, &d)
                                              : efuse_plan_field(p, f, bits, &d);
        wipe(bits, sizeof bits);
        return rc < 0 ? fail("efuse", &d) : 0;
}

int efuse_burn_fields(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        int status = 0;

        if (w->n == 1)
                return plan_value(p, dev, w->at[0], NULL);
        if (w->n % 2)
                return usage_error("burn-efuse: names and values come in pairs; '%s' has none",
                                   w->at[w->n - 1]);
        for (int i = 0; i < w->n && status == 0; i += 2)
                status = plan_value(p, dev, w->at[i], w->at[i + 1]);
        return status;
}

int efuse_burn_bits(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const int block = block_named(dev, w->at[0]);
        struct diag d = { 0 };

        if (block < 0)
                return STATUS_DATA;
        for (int i = 1; i < w->n; i++) {
                uint64_t bit;

                if (parse_size(w->at[i], &bit) < 0 || bit > UINT16_MAX)
                        return usage_error("burn-bit: '%s' is not the number of a bit", w->at[i]);
                if (efuse_plan_bit(p, (unsigned)block, (unsigned)bit, &d) < 0)
                        return fail("efuse", &d);
        }
        return 0;
}

static int protect(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w,
                   int (*how)(struct efuse_plan *p, const struct efuse_field *f, struct diag *d))
{
        for (int i = 0; i < w->n; i++) {
                const struct efuse_field *f = efuse_field_named(dev, w->at[i]);
                struct diag d = { 0 };

                if (!f)
                        return STATUS_DATA;
                if (how(p, f, &d) < 0)
                        return fail("efuse", &d);
        }
        return 0;
}

int efuse_write_protect(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        return protect(p, dev, w, efuse_plan_write_protect);
}

int efuse_read_protect(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        return protect(p, dev, w, efuse_plan_read_protect);
}

int efuse_set_mac(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        struct diag d = { 0 };
        uint8_t mac[6];

        (void)dev;
        if (w->n > 1)
                return usage_error("set-custom-mac: one address");
        if (efuse_mac_parse(w->at[0], mac, &d) < 0 || efuse_plan_mac(p, mac, &d) < 0)
                return fail("efuse", &d);
        return 0;
}

int efuse_set_voltage(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        static const struct {
                const char *word;
                unsigned millivolt;
        } rows[] = { { "1.8V", 1800 }, { "3.3V", 3300 }, { "OFF", 0 } };
        struct diag d = { 0 };

        (void)dev;
        for (size_t i = 0; i < 3 && w->n == 1; i++)
                if (!strcmp(w->at[0], rows[i].word))
                        return efuse_plan_flash_voltage(p, rows[i].millivolt, &d) < 0
                                       ? fail("efuse", &d)
                                       : 0;
        return usage_error("set-flash-voltage: 1.8V, 3.3V or OFF");
}

/* --- data and keys --- */

/* A small file that may hold a secret. 0 or an exit status. */
static int load(const char *path, struct blob *out)
{
        struct diag d = { 0 };

        return file_load(path, FILE_LIMIT_KEY, out, &d) < 0 ? fail(NULL, &d) : 0;
}

/* The block again in the same command: espefuse takes that for a mistake, and it is one. */
static int note_block(unsigned *seen, int block, const char *name)
{
        if (*seen >> block & 1)
                return usage_error("efuse: '%s' is given twice", name);
        *seen |= 1u << block;
        return 0;
}

static int plan_data(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w,
                     int block, const char *path)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        const size_t cap = efuse_data_len(c, efuse_dev_image(dev), (unsigned)block);
        struct blob data;
        struct diag d = { 0 };
        int status = load(path, &data);

        if (status != 0)
                return status;
        if (!w->has_offset && data.len != cap) {
                tool_error("%s: %zu bytes, but %.*s holds %zu; --offset says where fewer go", path,
                           data.len, (int)efuse_name_len(c->blocks[block].name),
                           c->blocks[block].name, cap);
                status = STATUS_DATA;
        } else if (efuse_plan_data(p, (unsigned)block, w->offset, data.data, data.len, &d) < 0) {
                status = fail(path, &d);
        }
        blob_free_secret(&data);
        return status;
}

int efuse_burn_data(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        unsigned seen = 0;
        int status = 0;

        if (w->n % 2)
                return usage_error("burn-block-data: blocks and files come in pairs");
        if (w->has_offset && w->n > 2)
                return usage_error("burn-block-data: --offset goes with one block");
        for (int i = 0; i < w->n && status == 0; i += 2) {
                const int block = block_named(dev, w->at[i]);

                if (block < 0)
                        return STATUS_DATA;
                if ((status = note_block(&seen, block, w->at[i])) == 0)
                        status = plan_data(p, dev, w, block, w->at[i + 1]);
        }
        return status;
}

/* The private number of an EC key as 32 bytes, highest first. */
static int ec_scalar(const char *path, const struct blob *file, uint8_t out[32], struct diag *d)
{
        EVP_PKEY *key = NULL;
        BIGNUM *number = NULL;
        int rc = key_decode(path, file, NULL, &key, d);

        if (rc < 0)
                return rc;
        if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) ||
            !EVP_PKEY_is_a(key, "EC") || BN_bn2binpad(number, out, 32) != 32)
                rc = openssl_fail(d, E_TYPE, "%s: not a private EC key of up to 256 bits", path);
        BN_clear_free(number);
        EVP_PKEY_free(key);
        return rc;
}

static int plan_key(struct efuse_plan *p, unsigned block, const struct efuse_purpose *use,
                    const char *path, unsigned flags)
{
        struct diag d = { 0 };
        struct blob key;
        uint8_t scalar[32];
        int status = load(path, &key);
        int rc;

        if (status != 0)
                return status;
        if (!(use->flags & EFUSE_KEY_PEM))
                rc = efuse_plan_key(p, block, use, key.data, key.len, flags, &d);
        else if ((rc = ec_scalar(path, &key, scalar, &d)) == 0)
                rc = efuse_plan_key(p, block, use, scalar, sizeof scalar, flags, &d);
        if (rc < 0)
                status = fail("efuse", &d);
        wipe(scalar, sizeof scalar);
        blob_free_secret(&key);
        return status;
}

static int plan_key_512(struct efuse_plan *p, unsigned block, unsigned *seen, const char *path,
                        unsigned flags)
{
        struct diag d = { 0 };
        struct blob key;
        unsigned second = 0;
        int status = load(path, &key);

        if (status != 0)
                return status;
        if (efuse_plan_key_512(p, block, *seen, key.data, key.len, flags, &second, &d) < 0)
                status = fail("efuse", &d);
        else
                *seen |= 1u << second;
        blob_free_secret(&key);
        return status;
}

static unsigned key_flags(const struct efuse_words *w)
{
        return (w->no_read_protect ? EFUSE_PLAN_NO_READ_PROTECT : 0u) |
               (w->no_write_protect ? EFUSE_PLAN_NO_WRITE_PROTECT : 0u);
}

static int burn_keys_v1(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        unsigned seen = 0;
        int status = 0;

        if (w->n % 2)
                return usage_error("burn-key: on the ESP32 blocks and files come in pairs");
        for (int i = 0; i < w->n && status == 0; i += 2) {
                const int block = block_named(dev, w->at[i]);
                struct diag d = { 0 };
                struct blob key;

                if (block < 0)
                        return STATUS_DATA;
                if ((status = note_block(&seen, block, w->at[i])) != 0 ||
                    (status = load(w->at[i + 1], &key)) != 0)
                        break;
                if (efuse_plan_key_v1(p, w->at[i], key.data, key.len, key_flags(w), &d) < 0)
                        status = fail("efuse", &d);
                blob_free_secret(&key);
        }
        return status;
}

/* Every block of a command is known before a free one is looked for. */
static int blocks_of(const struct efuse_dev *dev, const struct efuse_words *w, unsigned *seen)
{
        int status = 0;

        for (int i = 0; i < w->n && status == 0; i += 3) {
                const int block = block_named(dev, w->at[i]);

                if (block < 0)
                        return STATUS_DATA;
                status = note_block(seen, block, w->at[i]);
        }
        return status;
}

int efuse_burn_keys(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        unsigned seen = 0;
        int status;

        if (c->flags & EFUSE_CHIP_V1)
                return burn_keys_v1(p, dev, w);
        if (w->n % 3)
                return usage_error("burn-key: a block, a file and a purpose for each key");
        status = blocks_of(dev, w, &seen);
        for (int i = 0; i < w->n && status == 0; i += 3) {
                const unsigned block = (unsigned)block_named(dev, w->at[i]);
                const struct efuse_purpose *use = efuse_purpose(c, w->at[i + 2]);

                if (opt_word_is(w->at[i + 2], "XTS_AES_256_KEY"))
                        status = plan_key_512(p, block, &seen, w->at[i + 1], key_flags(w));
                else if (use)
                        status = plan_key(p, block, use, w->at[i + 1], key_flags(w));
                else
                        status = usage_error("burn-key: the %s has no purpose '%s'", c->name,
                                             w->at[i + 2]);
        }
        return status;
}

/*
 * What eFuses hold of a public key of secure boot v2. One that the chip's ROM cannot verify with is
 * only remarked upon, as long as secure boot is off: espefuse burns it, and it costs a block.
 */
static int key_digest(struct efuse_dev *dev, const char *path, uint8_t out[SECBOOT_KEY_DIGEST])
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        const struct efuse_field *on =
                efuse_field(c, c->flags & EFUSE_CHIP_V1 ? "ABS_DONE_1" : "SECURE_BOOT_EN");
        struct diag d = { 0 };
        struct diag why = { 0 };

        if (secboot_digest_load(path, out, &d) < 0)
                return fail("efuse", &d);
        if (secboot_rom_check(c->name, path, &why) == 0)
                return 0;
        if (efuse_get(c, efuse_dev_image(dev), on))
                return fail("efuse", &why);
        say("%s: note: %s", tool_name(), diag_text(&why));
        return 0;
}

/* On the ESP32 a digest goes into BLOCK2 and nowhere else. */
static int burn_digest_v1(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        struct diag d = { 0 };
        uint8_t digest[SECBOOT_KEY_DIGEST];
        int status;

        if (w->n != 1)
                return usage_error("burn-key-digest: on the ESP32 one file and nothing else");
        if (efuse_dev_revision(dev) < 300 ||
            efuse_coding(efuse_dev_chip(dev), efuse_dev_image(dev), 2) != EFUSE_PLAIN) {
                tool_error("efuse: secure boot v2 takes an ESP32 of revision v3.0 or later without "
                           "3/4 coding");
                return STATUS_DEVICE;
        }
        if ((status = key_digest(dev, w->at[0], digest)) != 0)
                return status;
        if (efuse_plan_key_v1(p, "secure_boot_v2", digest, sizeof digest, key_flags(w), &d) < 0)
                return fail("efuse", &d);
        return 0;
}

int efuse_burn_digests(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        unsigned seen = 0;
        int status;

        if (c->flags & EFUSE_CHIP_V1)
                return burn_digest_v1(p, dev, w);
        if (w->n % 3)
                return usage_error("burn-key-digest: a block, a file and a purpose for each key");
        status = blocks_of(dev, w, &seen);
        for (int i = 0; i < w->n && status == 0; i += 3) {
                const struct efuse_purpose *use = efuse_purpose(c, w->at[i + 2]);
                const unsigned block = (unsigned)block_named(dev, w->at[i]);
                uint8_t digest[SECBOOT_KEY_DIGEST];
                struct diag d = { 0 };

                if (!use || !(use->flags & EFUSE_KEY_DIGEST))
                        return usage_error("burn-key-digest: '%s' is no purpose of a digest: "
                                           "SECURE_BOOT_DIGEST0, 1 or 2",
                                           w->at[i + 2]);
                if ((status = key_digest(dev, w->at[i + 1], digest)) != 0)
                        return status;
                if (efuse_plan_key(p, block, use, digest, sizeof digest, key_flags(w), &d) < 0)
                        status = fail("efuse", &d);
        }
        return status;
}
