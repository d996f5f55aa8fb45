#include "host/secure_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "host/efuse_plan.h"
#include "host/efuse_value.h"
#include "host/template.h"
#include "host/secboot_sign.h"

/* A key of the unit, from its file or made. */
struct unit_key {
        char *path;
        uint8_t key[SECURE_KEY_MAX];
        size_t len;
        bool present; /* in its file */
};

struct run {
        const struct secure_profile *p;
        struct efuse_dev *dev;
        const struct efuse_chip *chip;
        const struct secure_options *o;
        struct unit_key flash, nvs;
        uint8_t digests[SECURE_DIGESTS][SECBOOT_KEY_DIGEST];
};

static bool is_v1(const struct run *r)
{
        return r->chip->flags & EFUSE_CHIP_V1;
}

static const uint8_t *image(const struct run *r)
{
        return efuse_dev_image(r->dev);
}

/* --- keys --- */

/* Is a key in this block that nobody can read? Then its file has to be there. */
static bool is_hidden(const struct run *r, unsigned block)
{
        return efuse_read_protected(r->chip, image(r), r->chip->blocks[block].read_protect);
}

static int key_load(struct run *r, const struct secure_key *k, unsigned block, struct unit_key *u,
                    struct diag *d)
{
        struct blob file = { 0 };
        int rc = 0;

        u->len = k->bits / 8;
        u->present = file_exists(u->path);
        if (!u->present && is_hidden(r, block))
                return diag_set(
                        d, E_REFUSED,
                        "%s is not there, but the chip has a key already that cannot be read: "
                        "without its file nothing can be made for this unit",
                        u->path);
        if (!u->present && !k->make)
                return diag_set(d, E_NOTFOUND,
                                "%s is not there; \"make\": true in the profile makes it", u->path);
        if (!u->present)
                return crypt_random(u->key, u->len);
        if ((rc = file_load(u->path, FILE_LIMIT_KEY, &file, d)) < 0)
                return rc;
        if (file.len != u->len)
                rc = diag_set(d, E_KEY, "%s has %zu bytes, but the key takes %zu", u->path,
                              file.len, u->len);
        else
                memcpy(u->key, file.data, u->len);
        blob_free_secret(&file);
        return rc;
}

int secure_key_path(const struct secure_key *k, const uint8_t mac[6], char **path, struct diag *d)
{
        char text[13];
        const struct template_var vars[] = { { "mac", text, 0 }, { 0 } };

        *path = NULL;
        for (size_t i = 0; i < 6; i++)
                snprintf(text + 2 * i, 3, "%02x", mac[i]);
        return k->file ? template_fill(k->file, vars, path, NULL, d) : 0;
}

static int key_open(struct run *r, const struct secure_key *k, unsigned block, const uint8_t mac[6],
                    struct unit_key *u, struct diag *d)
{
        int rc = secure_key_path(k, mac, &u->path, d);

        if (rc == 0 && u->path)
                rc = key_load(r, k, block, u, d);
        if (rc == -E_RANDOM)
                diag_set(d, E_RANDOM, "no random numbers to be had for a key");
        return rc;
}

/* On disk before it is in a chip. */
static int key_keep(const struct unit_key *u, struct diag *d)
{
        char *dir;
        int rc;

        if (!u->path || u->present)
                return 0;
        dir = path_dir(u->path);
        if (!dir)
                return diag_set(d, E_NOMEM, "out of memory");
        rc = file_mkdirs(dir, 0700, d);
        free(dir);
        return rc < 0 ? rc : file_save_new(u->path, u->key, u->len, FILE_SECRET, d);
}

static int keep_keys(struct run *r, struct diag *d)
{
        int rc = key_keep(&r->flash, d);

        return rc < 0 ? rc : key_keep(&r->nvs, d);
}

static int digests_load(struct run *r, struct diag *d)
{
        int rc = 0;

        for (size_t i = 0; i < r->p->boot.count && rc == 0; i++) {
                rc = secboot_rom_check(r->chip->name, r->p->boot.keys[i], d);
                if (rc == 0)
                        rc = secboot_digest_load(r->p->boot.keys[i], r->digests[i], d);
        }
        return rc;
}

/* --- steps: each adds to a plan what is still missing --- */

static int set(struct run *r, struct efuse_plan *plan, const char *name, uint32_t value,
               struct diag *d)
{
        const struct efuse_field *f = efuse_field(r->chip, name);
        uint8_t bits[4];

        if (!f)
                return 0; /* this chip has nothing of the kind */
        le32_put(bits, value);
        return efuse_plan_field(plan, f, bits, d);
}

static int set_all(struct run *r, struct efuse_plan *plan, const char *const *names, struct diag *d)
{
        int rc = 0;

        for (size_t i = 0; names[i] && rc == 0; i++)
                rc = set(r, plan, names[i], 1, d);
        return rc;
}

static int lock(struct run *r, struct efuse_plan *plan, const char *name, struct diag *d)
{
        const struct efuse_field *f = efuse_field(r->chip, name);

        return f ? efuse_plan_write_protect(plan, f, d) : 0;
}

/* The field that is a whole block; its name is the block's first. */
static int lock_block(struct run *r, struct efuse_plan *plan, const struct efuse_block *b,
                      struct diag *d)
{
        char name[32];

        snprintf(name, sizeof name, "%.*s", (int)efuse_name_len(b->name), b->name);
        return lock(r, plan, name, d);
}

/*
 * A key for one block. Once it is hidden it cannot be compared; that it was right was seen before
 * it was hidden, and it was hidden by its purpose's rule: what may be missing then is its locks.
 */
static int put_key(struct run *r, struct efuse_plan *plan, unsigned block, const char *purpose,
                   const uint8_t *key, struct diag *d)
{
        const struct efuse_block *b = &r->chip->blocks[block];
        const struct efuse_purpose *use = efuse_purpose(r->chip, purpose);
        int rc;

        if (!is_hidden(r, block))
                return efuse_plan_key(plan, block, use, key, 32, 0, d);
        if (efuse_value(r->chip, image(r), b->purpose) != use->id)
                return diag_set(d, E_REFUSED,
                                "%.*s has a key for something else than %s: this unit was secured "
                                "otherwise",
                                (int)efuse_name_len(b->name), b->name, purpose);
        rc = lock(r, plan, b->purpose, d);
        return rc < 0 ? rc : lock_block(r, plan, b, d);
}

static int step_flash_key(struct run *r, struct efuse_plan *plan, struct diag *d)
{
        const struct secure_key *k = &r->p->flash;
        int rc;

        if (!k->file)
                return 0;
        if (is_v1(r) && is_hidden(r, 1))
                return lock_block(r, plan, &r->chip->blocks[1], d);
        if (is_v1(r))
                return efuse_plan_key_v1(plan, "flash_encryption", r->flash.key, r->flash.len, 0,
                                         d);
        if (k->bits == 256)
                return put_key(r, plan, k->block, "XTS_AES_128_KEY", r->flash.key, d);
        rc = put_key(r, plan, k->block, "XTS_AES_256_KEY_1", r->flash.key, d);
        return rc < 0 ? rc : put_key(r, plan, k->second, "XTS_AES_256_KEY_2", r->flash.key + 32, d);
}

static int step_nvs_key(struct run *r, struct efuse_plan *plan, struct diag *d)
{
        return r->p->nvs.file ? put_key(r, plan, r->p->nvs.block, "HMAC_UP", r->nvs.key, d) : 0;
}

static int step_digests(struct run *r, struct efuse_plan *plan, struct diag *d)
{
        static const char *const purposes[] = { "SECURE_BOOT_DIGEST0", "SECURE_BOOT_DIGEST1",
                                                "SECURE_BOOT_DIGEST2" };
        static const char *const revokes[] = { "SECURE_BOOT_KEY_REVOKE0", "SECURE_BOOT_KEY_REVOKE1",
                                               "SECURE_BOOT_KEY_REVOKE2" };
        const size_t n = r->p->boot.count;
        int rc = 0;

        if (n && is_v1(r))
                return efuse_plan_key_v1(plan, "secure_boot_v2", r->digests[0], 32, 0, d);
        for (size_t i = 0; i < n && i < SECURE_DIGESTS && rc == 0; i++)
                rc = efuse_plan_key(plan, r->p->boot.blocks[i], efuse_purpose(r->chip, purposes[i]),
                                    r->digests[i], 32, 0, d);
        for (size_t i = n; n && i < SECURE_DIGESTS && r->p->release && rc == 0; i++)
                rc = set(r, plan, revokes[i], 1, d); /* nobody may fill what is left empty */
        return rc;
}

/*
 * A counter of set bits: all of them for a release; else one more than an even number, so that it
 * can be turned off again as often as the chip allows.
 */
static int turn_on(struct run *r, struct efuse_plan *plan, const char *name, struct diag *d)
{
        const struct efuse_field *f = efuse_field(r->chip, name);
        uint32_t value = efuse_get(r->chip, image(r), f);

        if (r->p->release)
                value = (1u << f->len) - 1;
        else if (__builtin_popcount(value) % 2 == 0)
                value |= value + 1; /* its lowest empty bit */
        return value >> f->len ? diag_set(d, E_REFUSED, "%s is used up, and off", name)
                               : set(r, plan, name, value, d);
}

static bool is_encrypted(const struct run *r)
{
        return __builtin_popcount((unsigned)efuse_value(
                       r->chip, image(r), is_v1(r) ? "FLASH_CRYPT_CNT" : "SPI_BOOT_CRYPT_CNT")) %
               2;
}

static int step_flash_on(struct run *r, struct efuse_plan *plan, struct diag *d)
{
        static const char *const always[] = { "DIS_DOWNLOAD_ICACHE",
                                              "DIS_DOWNLOAD_DCACHE",
                                              "DIS_DIRECT_BOOT",
                                              "DIS_LEGACY_SPI_BOOT",
                                              "DISABLE_DL_DECRYPT",
                                              "DISABLE_DL_CACHE",
                                              NULL };
        static const char *const release[] = { "DIS_DOWNLOAD_MANUAL_ENCRYPT",
                                               "SPI_DOWNLOAD_MSPI_DIS", "DISABLE_DL_ENCRYPT",
                                               NULL };
        int rc;

        if (!r->p->flash.file && !r->p->flash_by_boot)
                return 0;
        if (r->p->flash_by_boot && !is_encrypted(r))
                return r->o->dry_run ? 0
                                     : diag_set(d, E_STATE,
                                                "its bootloader has not switched it on: start the "
                                                "unit, then run this again");
        rc = set_all(r, plan, always, d);
        if (rc == 0 && r->p->release)
                rc = set_all(r, plan, release, d);
        if (rc == 0 && is_v1(r))
                rc = set(r, plan, "FLASH_CRYPT_CONFIG", 0xf, d);
        return rc < 0 ? rc
                      : turn_on(r, plan, is_v1(r) ? "FLASH_CRYPT_CNT" : "SPI_BOOT_CRYPT_CNT", d);
}

static int step_boot_on(struct run *r, struct efuse_plan *plan, struct diag *d)
{
        int rc;

        if (!r->p->boot.count)
                return 0;
        rc = set(r, plan, is_v1(r) ? "ABS_DONE_1" : "SECURE_BOOT_EN", 1, d);
        if (rc == 0 && r->p->boot.aggressive_revoke)
                rc = set(r, plan, "SECURE_BOOT_AGGRESSIVE_REVOKE", 1, d);
        return rc;
}

static int step_rest(struct run *r, struct efuse_plan *plan, struct diag *d)
{
        static const char *const jtag[] = { "DIS_PAD_JTAG", "HARD_DIS_JTAG", "DIS_USB_JTAG",
                                            "JTAG_DISABLE", NULL };
        int rc = r->p->jtag_off ? set_all(r, plan, jtag, d) : 0;

        for (size_t i = 0; i < r->p->extra_count && rc == 0; i++) {
                const struct secure_extra *x = &r->p->extras[i];
                const struct efuse_view v = efuse_view_of(r->dev);
                uint8_t bits[32];

                rc = efuse_value_parse(&v, x->field, x->value, bits, d);
                if (rc == 0)
                        rc = x->field->kind == EFUSE_OWN_MAC
                                     ? efuse_plan_mac(plan, bits, d)
                                     : efuse_plan_field(plan, x->field, bits, d);
        }
        return rc;
}

/*
 * Nobody hides a digest any more (that would be the end of booting), nor turns off what the ROM
 * needs. On an ESP32 the counter's lock is also UART_DOWNLOAD_DIS's: it is full, and needs none.
 */
static int step_locks(struct run *r, struct efuse_plan *plan, struct diag *d)
{
        int rc;

        if (!r->p->release)
                return 0;
        rc = lock(r, plan, "RD_DIS", d);
        return rc < 0 ? rc : lock(r, plan, "DIS_ICACHE", d);
}

static int step_download(struct run *r, struct efuse_plan *plan, struct diag *d)
{
        switch (r->p->download) {
        case SECURE_DOWNLOAD_SECURE:
                return set(r, plan, "ENABLE_SECURITY_DOWNLOAD", 1, d);
        case SECURE_DOWNLOAD_OFF:
                return set(r, plan, is_v1(r) ? "UART_DOWNLOAD_DIS" : "DIS_DOWNLOAD_MODE", 1, d);
        default:
                return 0;
        }
}

static const struct step {
        const char *name;
        int (*add)(struct run *r, struct efuse_plan *plan, struct diag *d);
        bool by_boot; /* where the bootloader encrypts: waits for its first start */
} steps[] = {
        { "key of flash encryption", step_flash_key },
        { "key of NVS", step_nvs_key },
        { "digests of secure boot", step_digests },
        { "flash encryption", step_flash_on, true },
        { "secure boot", step_boot_on },
        { "JTAG and further eFuses", step_rest },
        { "locks", step_locks, true }, /* RD_DIS: the bootloader hides its key */
        { "download mode", step_download },
};

enum { STEPS = sizeof steps / sizeof *steps };

/* Is it one of this run? */
static bool is_due(const struct run *r, const struct step *s)
{
        return !r->o->keep_open ||
               !(s->add == step_download || (s->by_boot && r->p->flash_by_boot));
}

/* --- running --- */

struct teller {
        const struct secure_options *o;
        const char *step;
};

static void tell(void *ctx, const char *text)
{
        const struct teller *t = ctx;
        char line[640];

        snprintf(line, sizeof line, "%s: %s", t->step, text);
        if (t->o->line)
                t->o->line(t->o->ctx, line);
}

/* Make the plan of one step; *bits: how many are to be burnt. */
static int step_plan(struct run *r, const struct step *s, struct efuse_plan **out, int *bits,
                     struct diag *d)
{
        struct diag why = { 0 };
        int rc = efuse_plan_new(r->dev, out);

        if (rc == 0)
                rc = s->add(r, *out, &why);
        if (rc == 0)
                rc = efuse_plan_settle(*out, &why);
        *bits = rc;
        if (rc < 0)
                diag_set(d, -rc, "%s: %s", s->name, why.code ? diag_text(&why) : err_text(rc));
        return rc < 0 ? rc : 0;
}

/* All of it in one plan: does one step contradict another? */
static int check_whole(struct run *r, struct diag *d)
{
        struct efuse_plan *plan;
        int rc = efuse_plan_new(r->dev, &plan);

        for (size_t i = 0; i < STEPS && rc == 0; i++)
                if (is_due(r, &steps[i]))
                        rc = steps[i].add(r, plan, d);
        if (rc == 0)
                rc = efuse_plan_settle(plan, d);
        efuse_plan_free(plan);
        return rc < 0 ? rc : 0;
}

/* Step by step; *todo: steps with something to burn. */
static int foretell(struct run *r, bool show, unsigned *todo, struct diag *d)
{
        int rc = 0;

        *todo = 0;
        for (size_t i = 0; i < STEPS && rc == 0; i++) {
                struct teller t = { r->o, steps[i].name };
                struct efuse_plan *plan = NULL;
                int bits = 0;

                if (!is_due(r, &steps[i]))
                        continue;
                if (show && steps[i].add == step_flash_on && r->p->flash_by_boot &&
                    !is_encrypted(r))
                        tell(&t, "by its bootloader, at the first start");
                rc = step_plan(r, &steps[i], &plan, &bits, d);
                if (rc == 0 && bits && show)
                        efuse_plan_show(plan, false, tell, &t);
                *todo += bits > 0;
                efuse_plan_free(plan);
        }
        return rc;
}

/* Everything is found possible before anything is shown. */
static int foretell_all(struct run *r, unsigned *todo, struct diag *d)
{
        int rc = foretell(r, false, todo, d);

        if (rc == 0)
                rc = check_whole(r, d);
        return rc < 0 ? rc : foretell(r, true, todo, d);
}

/* Before the door falls shut. */
static int before_closing(struct run *r, const struct step *s, const struct efuse_plan *plan)
{
        uint8_t digest[32];
        int rc;

        if (s->add != step_download || !r->o->closing)
                return 0;
        rc = efuse_plan_digest(plan, digest);
        return rc < 0 ? rc : r->o->closing(r->o->ctx, digest);
}

static int burn_step(struct run *r, const struct step *s, struct secure_result *res, struct diag *d)
{
        struct efuse_plan *plan = NULL;
        struct diag why = { 0 };
        int bits = 0;
        int rc = step_plan(r, s, &plan, &bits, d);

        if (rc == 0 && bits && (rc = before_closing(r, s, plan)) == 0) {
                rc = efuse_plan_burn(plan, &why);
                if (rc < 0)
                        diag_set(d, -rc, "%s: %s; run it again to go on", s->name, diag_text(&why));
                else
                        res->burnt++;
                if (rc == 0 && r->o->done)
                        rc = r->o->done(r->o->ctx, s->name);
        }
        efuse_plan_free(plan);
        return rc;
}

static int burn_all(struct run *r, struct secure_result *res, struct diag *d)
{
        unsigned todo = 0;
        int rc = keep_keys(r, d);

        for (size_t i = 0; i < STEPS && rc == 0; i++)
                if (is_due(r, &steps[i]))
                        rc = burn_step(r, &steps[i], res, d);
        if (rc < 0 || efuse_dev_is_closed(r->dev))
                return rc;
        if ((rc = efuse_dev_read(r->dev, d)) < 0)
                return rc;
        rc = foretell(r, false, &todo, d);
        if (rc == 0 && todo)
                rc = diag_set(d, E_VERIFY,
                              "eFuses that were burnt are not there: set this unit aside");
        return rc;
}

static void unit_mac(const struct run *r, uint8_t mac[6])
{
        const struct efuse_field *f = efuse_field(r->chip, "MAC");
        uint8_t raw[6];

        efuse_bits_get(image(r) + r->chip->blocks[f->block].read, f->bit, f->len, raw);
        for (size_t i = 0; i < 6; i++)
                mac[i] = raw[5 - i];
}

static int open_keys(struct run *r, const uint8_t mac[6], struct diag *d)
{
        int rc;

        if (r->p->chip != r->chip)
                return diag_set(d, E_TYPE, "the profile is for the %s, and this is an %s",
                                r->p->chip->name, r->chip->name);
        rc = key_open(r, &r->p->flash, is_v1(r) ? 1 : r->p->flash.block, mac, &r->flash, d);
        return rc < 0 ? rc : key_open(r, &r->p->nvs, r->p->nvs.block, mac, &r->nvs, d);
}

/* What the run has on the heap and in its memory. */
static void run_free(struct run *r)
{
        free(r->flash.path);
        free(r->nvs.path);
        wipe(r, sizeof *r);
}

int secure_plan_keys(const struct secure_profile *p, struct efuse_dev *dev, struct secure_keys *k,
                     struct diag *d)
{
        struct run r = { .p = p, .dev = dev, .chip = efuse_dev_chip(dev) };
        uint8_t mac[6];
        int rc;

        memset(k, 0, sizeof *k);
        unit_mac(&r, mac);
        rc = open_keys(&r, mac, d);
        if (rc == 0)
                rc = keep_keys(&r, d);
        if (rc == 0) {
                memcpy(k->flash, r.flash.key, r.flash.len);
                memcpy(k->nvs, r.nvs.key, r.nvs.len);
                k->flash_len = r.flash.len;
                k->nvs_len = r.nvs.len;
        }
        run_free(&r);
        return rc;
}

void secure_keys_wipe(struct secure_keys *k)
{
        wipe(k, sizeof *k);
}

static int prepare(struct run *r, struct secure_result *res, struct diag *d)
{
        int rc;

        unit_mac(r, res->mac);
        rc = open_keys(r, res->mac, d);
        res->made_flash_key = r->flash.path && !r->flash.present;
        res->made_nvs_key = r->nvs.path && !r->nvs.present;
        return rc < 0 ? rc : digests_load(r, d);
}

int secure_plan_run(const struct secure_profile *p, struct efuse_dev *dev,
                    const struct secure_options *o, struct secure_result *res, struct diag *d)
{
        struct run r = { .p = p, .dev = dev, .chip = efuse_dev_chip(dev), .o = o };
        unsigned todo = 0;
        int rc;

        memset(res, 0, sizeof *res);
        for (size_t i = 0; i < STEPS; i++)
                res->steps += is_due(&r, &steps[i]);
        rc = prepare(&r, res, d);
        if (rc == 0)
                rc = foretell_all(&r, &todo, d);
        if (rc == 0 && todo && !o->dry_run && o->confirm)
                rc = o->confirm(o->ctx);
        if (rc == 0 && todo && !o->dry_run)
                rc = burn_all(&r, res, d);
        res->closed = efuse_dev_is_closed(dev);
        res->confirmed = efuse_dev_is_confirmed(dev);
        if (rc == 0 && (rc = efuse_dev_digest(dev, res->digest)) < 0)
                diag_set(d, -rc, "%s", err_text(rc));
        run_free(&r);
        return rc;
}

/* The purpose of a key block as GET_SECURITY_INFO has it; blocks are counted from BLOCK_KEY0. */
static bool serves(const struct loader_security *s, const struct secure_profile *p, unsigned block,
                   const char *purpose)
{
        return block >= 4 && block < 10 &&
               s->purposes[block - 4] == efuse_purpose(p->chip, purpose)->id;
}

int secure_plan_compare(const struct secure_profile *p, struct loader *l, struct diag *d)
{
        struct loader_security s;
        int rc = loader_security(l, &s, d);

        if (rc < 0)
                return rc;
        if (efuse_chip_of(loader_chip(l)->option) != p->chip)
                return diag_set(d, E_TYPE, "the profile is for the %s, and this is an %s",
                                p->chip->name, loader_chip(l)->name);
        if (!(s.flags & ROMLDR_SECF_SECURE_DOWNLOAD) || p->download != SECURE_DOWNLOAD_SECURE)
                return diag_set(d, E_VERIFY, "its download mode is not as the profile has it");
        if ((p->flash.file || p->flash_by_boot) != s.encrypted ||
            (s.encrypted && p->release && s.crypt_cnt != 7))
                return diag_set(d, E_VERIFY, "its flash encryption is not as the profile has it");
        if ((p->boot.count != 0) != s.secure_boot)
                return diag_set(d, E_VERIFY, "its secure boot is not as the profile has it");
        if ((p->flash.file &&
             !serves(&s, p, p->flash.block,
                     p->flash.bits == 512 ? "XTS_AES_256_KEY_1" : "XTS_AES_128_KEY")) ||
            (p->nvs.file && !serves(&s, p, p->nvs.block, "HMAC_UP")) ||
            (p->boot.count && !serves(&s, p, p->boot.blocks[0], "SECURE_BOOT_DIGEST0")))
                return diag_set(d, E_VERIFY, "its keys are for something else than in the profile");
        return 0;
}
