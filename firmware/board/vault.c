#include "vault.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/secboot_v1.h"

/* Bits that forbid encrypting in download mode. */
static const struct sim_efuse_bit c3_no_manual = { 0x30, 20 };
static const struct sim_efuse_bit esp32_no_manual = { 0x18, 7 };

/* Hardware's view: keys that software cannot read are there. */
static int word_of(void *ctx, uint32_t offset, uint32_t *value)
{
        const struct sim_chip *c = ctx;

        if (offset > SIM_EFUSE_MAX - 4)
                return -E_RANGE;
        *value = le32_get(c->efuse + offset);
        return 0;
}

static void *whole(const struct sim_chip *c)
{
        return (void *)(uintptr_t)c; /* word_of only reads */
}

/* Encryption is on and there is no key for it: what code reads is noise. */
static int noise_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        (void)f, (void)offset, (void)buf, (void)len;
        return -E_KEY;
}

static int noise_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        (void)f, (void)offset, (void)buf, (void)len;
        return -E_KEY;
}

void vault_free(struct vault *v)
{
        if (v->has_key)
                flashenc_free(&v->enc);
        memset(v, 0, sizeof *v);
}

void vault_latch(struct vault *v, const struct sim_chip *chip, const struct flash *raw)
{
        const uint16_t id = (uint16_t)chip->type->chip_id;
        const bool no_manual = sim_chip_fuse(chip, id ? c3_no_manual : esp32_no_manual);

        vault_free(v);
        v->chip = chip;
        bootfuse_read(id, word_of, whole(chip), &v->fuse);
        v->has_key = bootfuse_flashenc(id, &v->fuse, word_of, whole(chip), &v->enc) == 0;
        flashenc_flash_init(&v->plain, raw, v->fuse.encrypted && v->has_key ? &v->enc : NULL);
        if (v->fuse.encrypted && !v->has_key) {
                v->plain.flash.read = noise_read;
                v->plain.flash.write = noise_write;
        }
        if (v->has_key && !no_manual)
                flashenc_flash_init(&v->manual, raw, &v->enc);
}

int vault_write_cipher(const struct vault *v, const struct flash *raw, uint32_t offset,
                       const void *p, size_t n)
{
        const uint16_t id = (uint16_t)v->chip->type->chip_id;
        struct flashenc_flash through;
        struct bootfuse fuse;
        struct flashenc enc;
        int rc = bootfuse_read(id, word_of, whole(v->chip), &fuse);

        if (rc == 0 && bootfuse_flashenc(id, &fuse, word_of, whole(v->chip), &enc) < 0)
                rc = -E_KEY;
        if (rc < 0)
                return rc;
        flashenc_flash_init(&through, raw, &enc);
        rc = flash_write(&through.flash, offset, p, n);
        flashenc_free(&enc);
        return rc;
}

int vault_check_digest(const struct vault *v, uint32_t offset, uint32_t len, struct diag *d)
{
        uint8_t key[32];
        int rc = bootfuse_v1_key(word_of, whole(v->chip), key);

        if (rc == 0)
                rc = secboot_v1_boot_verify(&v->plain.flash, offset, len, true, key, d);
        wipe(key, sizeof key);
        return rc;
}

int vault_hmac(const struct vault *v, unsigned i, const void *p, size_t n,
               uint8_t out[CRYPT_SHA256_LEN])
{
        uint8_t key[32];
        int rc;

        if (i >= BOOTFUSE_KEYS || v->fuse.purpose[i] != BOOTFUSE_HMAC_UP)
                return -E_PERM;
        rc = bootfuse_key((uint16_t)v->chip->type->chip_id, i, word_of, whole(v->chip), key);
        if (rc == 0)
                rc = crypt_hmac_sha256(key, sizeof key, p, n, out);
        wipe(key, sizeof key);
        return rc;
}
