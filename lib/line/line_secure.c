/*
 * What the security of a job asks of a unit: keys of its own, a flash in ciphertext, eFuses burnt
 * and read back. Every step may be the last one before the power goes: running all of it again ends
 * where it would have ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "fmt/flashenc.h"
#include "host/nvs_keyfile.h"
#include "host/template.h"
#include "line/line_impl.h"
#include "line/line_lock.h"

static const struct secure_profile *profile_of(const struct line_unit *u)
{
        return u->st->cfg->kit->secure;
}

static int fail(struct line_unit *u, const struct diag *d)
{
        return u->failure ? -1 : line_unit_fail_or(u, "security", d);
}

/* ---- may it? ---- */

static bool is_burnt(struct efuse_dev *dev, const char *name)
{
        const struct efuse_field *f = efuse_field(efuse_dev_chip(dev), name);

        return f && efuse_get(efuse_dev_chip(dev), efuse_dev_image(dev), f);
}

/* Its bootloader has done so, with a key that nobody else has. */
static bool is_encrypted(struct efuse_dev *dev)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        const uint32_t count =
                efuse_value(c, efuse_dev_image(dev),
                            c->flags & EFUSE_CHIP_V1 ? "FLASH_CRYPT_CNT" : "SPI_BOOT_CRYPT_CNT");

        return __builtin_popcount((unsigned)count) % 2;
}

/* The plan reads the keys anew for each unit: what is burnt cannot be taken back. */
static int check_keys(struct line_unit *u)
{
        const struct secure_profile *p = profile_of(u);
        const struct line_kit *k = u->st->cfg->kit;
        struct diag d = { 0 };
        int rc = 0;

        for (size_t i = 0; i < p->boot.count && rc == 0; i++)
                rc = line_lock_has(k->job, k->approved, p->boot.keys[i], &d);
        return rc < 0 ? fail(u, &d) : 0;
}

int line_secure_judge(struct line_unit *u, struct loader *l)
{
        const struct secure_options o = { .dry_run = true };
        struct secure_result res;
        struct efuse_dev *dev;
        struct diag d = { 0 };
        int rc;

        if (check_keys(u) < 0)
                return -1;
        if (efuse_dev_open(l, &dev, &d) < 0)
                return fail(u, &d);
        rc = secure_plan_run(profile_of(u), dev, &o, &res, &d);
        u->flash_shut = is_burnt(dev, "SPI_DOWNLOAD_MSPI_DIS");
        u->flash_done = u->flash_shut || (profile_of(u)->flash_by_boot && is_encrypted(dev));
        efuse_dev_close(dev);
        return rc < 0 ? fail(u, &d) : 0;
}

/* ---- keys ---- */

static void mac_bytes(const struct line_unit *u, uint8_t mac[6])
{
        for (size_t i = 0; i < 6; i++)
                mac[i] = (uint8_t)strtoul(u->mac + 3 * i, NULL, 16);
}

/* The file of the unit's NVS keys; *path is returned: free. NULL: it has none. */
static int nvs_path(const struct line_unit *u, char **path, struct diag *d)
{
        const struct secure_key k = { .file = u->st->cfg->job->security.nvs_keys.text };
        uint8_t mac[6];

        mac_bytes(u, mac);
        return secure_key_path(&k, mac, path, d);
}

static int nvs_load_or_make(struct line_unit *u, struct diag *d)
{
        char *path = NULL;
        int rc = nvs_path(u, &path, d);

        if (rc < 0)
                return rc;
        if (path && file_exists(path)) {
                rc = nvs_keyfile_load(path, &u->nvs, d);
        } else if (path) {
                rc = nvs_keys_generate(&u->nvs);
                if (rc < 0)
                        diag_set(d, -rc, "no random numbers to be had for a key");
                else
                        rc = nvs_keyfile_save(path, &u->nvs, d);
        } else if (u->keys.nvs_len) {
                rc = nvs_keys_from_hmac(&u->nvs, u->keys.nvs);
                if (rc < 0)
                        diag_set(d, -rc, "no NVS keys can be derived from its HMAC key");
        }
        free(path);
        return rc;
}

int line_secure_keys(struct line_unit *u, struct loader *l)
{
        struct efuse_dev *dev;
        struct diag d = { 0 };
        int rc;

        if (efuse_dev_open(l, &dev, &d) < 0)
                return fail(u, &d);
        do {
                d = (struct diag){ 0 };
                rc = secure_plan_keys(profile_of(u), dev, &u->keys, &d);
                if (rc == 0)
                        rc = nvs_load_or_make(u, &d);
        } while (line_unit_wait_files(u, rc, &d));
        efuse_dev_close(dev);
        return rc < 0 ? fail(u, &d) : 0;
}

int line_secure_seal(struct line_unit *u)
{
        const struct line_kit *k = u->st->cfg->kit;
        struct crypt_xts xts;
        int rc;

        if (!k->seals || !k->job->factory.config.text)
                return 0;
        if ((rc = crypt_xts_init(&xts, u->nvs.bytes)) == 0) {
                rc = nvs_image_encrypt(u->made.image.data, u->made.image.len, &xts);
                crypt_xts_free(&xts);
        }
        return rc < 0 ? line_unit_fail(u, "factory", -rc,
                                       "its factory data cannot be encrypted: %s", err_text(rc))
                      : 0;
}

static void remove_file(struct line_unit *u, const char *path)
{
        char text[160];

        if (!path || unlink(path) == 0 || !file_exists(path))
                return;
        snprintf(text, sizeof text, "its key could not be removed: %.120s", path);
        line_unit_warn(u, text);
}

void line_secure_forget(struct line_unit *u)
{
        const struct secure_profile *p = profile_of(u);
        char *paths[3] = { NULL };
        uint8_t mac[6];

        if (!u->st->cfg->job->security.remove_keys)
                return;
        mac_bytes(u, mac);
        secure_key_path(&p->flash, mac, &paths[0], NULL);
        secure_key_path(&p->nvs, mac, &paths[1], NULL);
        nvs_path(u, &paths[2], NULL);
        for (size_t i = 0; i < 3; i++) {
                remove_file(u, paths[i]);
                free(paths[i]);
        }
}

/* ---- the flash ---- */

/* The regions of one unit: those that the chip decrypts are its own. */
struct regions {
        struct flash_image images[LINE_PARTS_MAX + 2];
        uint8_t *own[LINE_PARTS_MAX + 2];
        size_t n;
        uint8_t nvs_keys[NVS_KEYS_SIZE];
};

static int add(struct regions *r, const struct flashenc *e, const struct flash_image *im,
               struct diag *d)
{
        const size_t len = (im->len + FLASHENC_BLOCK - 1) / FLASHENC_BLOCK * FLASHENC_BLOCK;
        struct flash_image *to = &r->images[r->n];
        uint8_t *p;

        *to = *im;
        if (e) {
                if (!(p = malloc(len)))
                        return diag_set(d, E_NOMEM, "out of memory");
                memcpy(p, im->data, im->len);
                memset(p + im->len, 0xff, len - im->len);
                r->own[r->n] = p;
                to->data = p;
                to->len = len;
                if (flashenc_encrypt(e, im->offset, p, len) < 0)
                        return diag_set(d, E_RANGE, "%s cannot be encrypted at 0x%x", im->name,
                                        im->offset);
        }
        r->n++;
        return 0;
}

/* Parts, NVS keys, factory data. e NULL: nothing is encrypted. */
static int gather(struct line_unit *u, const struct flashenc *e, struct regions *r, struct diag *d)
{
        const struct line_kit *k = u->st->cfg->kit;
        int rc = 0;

        for (size_t i = 0; i < k->part_count && rc == 0; i++) {
                const struct line_part *p = &k->parts[i];
                const struct flash_image im = { .name = p->name,
                                                .offset = p->offset,
                                                .data = p->data.data,
                                                .len = p->data.len };

                rc = add(r, p->ciphered && !p->blank ? e : NULL, &im, d);
        }
        if (rc == 0 && k->nvs_keys_offset) {
                const struct flash_image im = { .name = "NVS keys",
                                                .offset = k->nvs_keys_offset,
                                                .data = r->nvs_keys,
                                                .len = sizeof r->nvs_keys };

                nvs_keys_format(&u->nvs, r->nvs_keys);
                rc = add(r, e, &im, d);
        }
        if (rc == 0 && u->made.image.len) {
                const struct flash_image im = { .name = k->job->factory.partition.text,
                                                .offset = k->factory_offset,
                                                .data = u->made.image.data,
                                                .len = u->made.image.len };

                rc = add(r, k->factory_ciphered ? e : NULL, &im, d);
        }
        return rc;
}

/*
 * A bootloader that encrypts does so whenever it starts, with a key that nobody else has: what is
 * not on the flash by then never gets there. So none is there while the rest is written.
 */
static int bootloader_last(struct line_unit *u, struct loader *l, struct regions *r, struct diag *d)
{
        const uint32_t at = u->st->cfg->job->chip->boot_offset;
        size_t i = 0;

        while (i < r->n && r->images[i].offset != at)
                i++;
        for (; i + 1 < r->n; i++) {
                const struct flash_image im = r->images[i];
                uint8_t *own = r->own[i];

                r->images[i] = r->images[i + 1];
                r->own[i] = r->own[i + 1];
                r->images[i + 1] = im;
                r->own[i + 1] = own;
        }
        return loader_flash_erase(l, at, FLASH_SECTOR, d);
}

static int cipher_of(const struct line_unit *u, struct flashenc *e, struct diag *d)
{
        const bool v1 = profile_of(u)->chip->flags & EFUSE_CHIP_V1;
        const int rc = v1 ? flashenc_init_esp32(e, u->keys.flash, FLASHENC_CONF_ALL)
                          : flashenc_init_xts(e, u->keys.flash, u->keys.flash_len);

        return rc < 0 ? diag_set(d, -rc, "its flash key is none: %s", err_text(rc)) : 0;
}

int line_secure_write(struct line_unit *u, struct loader *l, struct flash_stats *st, struct diag *d)
{
        const struct flash_options opt = { 0 };
        const bool encrypts = u->keys.flash_len != 0;
        struct regions *r = calloc(1, sizeof *r);
        struct flash_plan *plan = NULL;
        struct flashenc e;
        int rc = r ? 0 : diag_set(d, E_NOMEM, "out of memory");

        if (rc == 0 && encrypts)
                rc = cipher_of(u, &e, d);
        if (rc == 0) {
                rc = gather(u, encrypts ? &e : NULL, r, d);
                if (encrypts)
                        flashenc_free(&e);
        }
        if (rc == 0 && profile_of(u)->flash_by_boot)
                rc = bootloader_last(u, l, r, d);
        if (rc == 0)
                rc = flash_plan_new(r->images, r->n, &opt, &plan, d);
        if (rc == 0)
                rc = flash_plan_run(plan, l, st, d);
        flash_plan_free(plan);
        for (size_t i = 0; r && i < sizeof r->own / sizeof *r->own; i++)
                free(r->own[i]);
        if (r)
                wipe(r->nvs_keys, sizeof r->nvs_keys);
        free(r);
        return rc;
}

/* ---- eFuses ---- */

static void keep_digest(struct line_unit *u, const uint8_t digest[32])
{
        hex_encode(digest, 32, u->row->efuse);
}

/* The last word before nobody can ask the chip any more: what it will be, in the ledger. */
static int before_closing(void *ctx, const uint8_t digest[32])
{
        struct line_unit *u = ctx;

        keep_digest(u, digest);
        return line_unit_step(u, LEDGER_VERIFIED) < 0 ? -E_STATE : 0;
}

static int burn(struct line_unit *u, struct loader *l, bool keep_open)
{
        const struct secure_options o = { .keep_open = keep_open,
                                          .closing = before_closing,
                                          .ctx = u };
        struct secure_result res;
        struct efuse_dev *dev;
        struct diag d = { 0 };
        int rc;

        line_unit_phase(u, LINE_SECURE);
        if (check_keys(u) < 0)
                return -1;
        if (efuse_dev_open(l, &dev, &d) < 0)
                return fail(u, &d);
        rc = secure_plan_run(profile_of(u), dev, &o, &res, &d);
        efuse_dev_close(dev);
        if (rc < 0)
                return fail(u, &d);
        /* a digest in the ledger before the unit is closed would say that it is */
        if (!keep_open || !secure_plan_waits(profile_of(u)))
                keep_digest(u, res.digest);
        return 0;
}

int line_secure_burn(struct line_unit *u, struct loader *l)
{
        return burn(u, l, true);
}

int line_secure_close(struct line_unit *u, struct loader *l)
{
        return burn(u, l, false);
}

int line_secure_compare(struct line_unit *u, struct loader *l)
{
        struct diag d = { 0 };

        if (secure_plan_compare(profile_of(u), l, &d) == 0)
                return 0;
        return line_unit_fail(u, "security", d.code,
                              "secure download mode is on, and this line did not do it: %s",
                              diag_text(&d));
}
