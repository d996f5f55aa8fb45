/*
 * A job's security before the first board: a mistake here is a unit that never boots again. The
 * profile is for this chip and can be carried out; what boots is plain, signed by a key whose
 * digest will be burnt, and where the ROM looks; keys have files that only their owner can read;
 * the factory data are not left in the clear.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "fmt/bootfuse.h"
#include "fmt/espimg.h"
#include "host/passphrase.h"
#include "host/secboot_sign.h"
#include "line/line_impl.h"

struct check {
        struct line_kit *k;
        const struct line_job *j;
        const struct secure_profile *p;
        struct report *r;
        uint8_t digests[SECURE_DIGESTS][SECBOOT_KEY_DIGEST];
};

static const struct line_word *at_profile(const struct check *c)
{
        return &c->j->security.profile;
}

static bool encrypts(const struct check *c)
{
        return c->p->flash.file || c->p->flash_by_boot;
}

/* ---- keys ---- */

/* A public key may be read by everybody; a file that looks like a private one may not. */
static bool is_private(const char *path)
{
        struct blob b = { 0 };
        EVP_PKEY *key = NULL;
        const unsigned char *p;
        bool is;

        if (file_load(path, FILE_LIMIT_KEY, &b, NULL) < 0)
                return false;
        p = b.data;
        is = strstr((const char *)b.data, "PRIVATE KEY") != NULL ||
             (b.len < FILE_LIMIT_KEY && (key = d2i_AutoPrivateKey(NULL, &p, (long)b.len)));
        EVP_PKEY_free(key);
        blob_free_secret(&b);
        return is;
}

static void check_signing_key(struct check *c, size_t i)
{
        const char *path = c->p->boot.keys[i];
        struct diag d = { 0 };
        EVP_PKEY *key = NULL;

        if (secboot_public_load(path, &key, &d) < 0 ||
            secboot_digest_of(key, c->digests[i], &d) < 0)
                line_job_error(c->j, at_profile(c), d.code, c->r, "security: signing key %s: %s",
                               path, diag_text(&d));
        else if (passphrase_file_is_open(path) && is_private(path))
                line_job_error(c->j, at_profile(c), E_PERM, c->r,
                               "security: %s is a private key that others may read: chmod 600 it, "
                               "or better name its public half (flasher extract-public-key)",
                               path);
        EVP_PKEY_free(key);
}

static bool is_template(const char *path)
{
        return strchr(path, '{') != NULL;
}

/* A key that all units share. */
static void check_shared_key(struct check *c, const char *what, const struct secure_key *key)
{
        struct blob b = { 0 };
        struct diag d = { 0 };

        if (key->make)
                line_job_error(c->j, at_profile(c), E_INVAL, c->r,
                               "security: %s: \"make\" makes a key for each unit: its file needs "
                               "{mac} in its name, not %s",
                               what, key->file);
        else if (file_load(key->file, FILE_LIMIT_KEY, &b, &d) < 0)
                line_job_error(c->j, at_profile(c), d.code, c->r, "security: %s: %s", what,
                               diag_text(&d));
        else if (b.len != key->bits / 8)
                line_job_error(c->j, at_profile(c), E_KEY, c->r,
                               "security: %s: %s has %zu bytes, but the key takes %u", what,
                               key->file, b.len, key->bits / 8);
        else if (passphrase_file_is_open(key->file))
                line_job_error(c->j, at_profile(c), E_PERM, c->r,
                               "security: %s: %s may be read by others; chmod 600 it", what,
                               key->file);
        else
                report_note(c->r, c->j->path, at_profile(c)->line, at_profile(c)->column,
                            "security: %s: all units get the same key, %s; {mac} in its name gives "
                            "each its own",
                            what, key->file);
        blob_free_secret(&b);
}

/* The folder of keys that each unit has for itself. */
static void check_folder(struct check *c, const struct line_word *at, const char *what,
                         const char *file, bool make)
{
        char *dir = path_dir(file);
        struct diag d = { 0 };
        struct stat st;

        if (!dir)
                report_error(c->r, E_NOMEM, c->j->path, 0, 0, "out of memory");
        else if (is_template(dir))
                line_job_error(c->j, at, E_SYNTAX, c->r,
                               "security: %s: {mac} belongs into the file's name, not into that "
                               "of its folder %s",
                               what, dir);
        else if (make && file_mkdirs(dir, 0700, &d) < 0)
                line_job_error(c->j, at, d.code, c->r, "security: %s: %s", what, diag_text(&d));
        else if (stat(dir, &st) < 0)
                line_job_error(c->j, at, E_NOTFOUND, c->r,
                               "security: %s: there is no folder %s with a key for each unit; "
                               "\"make\": true in the profile makes them",
                               what, dir);
        else if (st.st_mode & 077 && make)
                line_job_error(c->j, at, E_PERM, c->r,
                               "security: %s: the folder %s is open to others (mode %03o); chmod "
                               "700 it",
                               what, dir, (unsigned)st.st_mode & 0777);
        free(dir);
}

static void check_key(struct check *c, const char *what, const struct secure_key *key)
{
        if (key->file && is_template(key->file))
                check_folder(c, at_profile(c), what, key->file, key->make);
        else if (key->file)
                check_shared_key(c, what, key);
}

static void check_removal(struct check *c)
{
        const struct secure_key *keys[] = { &c->p->flash, &c->p->nvs };
        bool made = true;

        if (!c->j->security.remove_keys)
                return;
        for (size_t i = 0; i < 2; i++)
                made = made && (!keys[i]->file || keys[i]->make);
        if (!secure_plan_closes(c->p))
                line_job_error(c->j, at_profile(c), E_INVAL, c->r,
                               "security: keys are removed only where the unit is closed: without "
                               "them one that was cut off could not be finished (\"download\" in "
                               "the profile)");
        if (!made)
                line_job_error(c->j, at_profile(c), E_INVAL, c->r,
                               "security: keys are removed only where the line makes them "
                               "(\"make\": true in the profile)");
}

/* ---- images ---- */

static void check_signature(struct check *c, const struct line_image *im, const struct blob *image)
{
        const uint8_t schemes = bootfuse_schemes((uint16_t)c->j->chip->image_id);
        struct secboot_found found[SECBOOT_BLOCKS];
        struct diag d = { 0 };
        const int n = secboot_inspect(image, found, &d);
        char hex[2 * SECBOOT_KEY_DIGEST + 1] = "";

        for (int i = 0; i < n; i++) {
                for (size_t k = 0; k < c->p->boot.count; k++)
                        if (found[i].bad == 0 && schemes >> found[i].scheme & 1 &&
                            bytes_equal_ct(found[i].digest, c->digests[k], SECBOOT_KEY_DIGEST))
                                return;
                if (found[i].bad)
                        d = found[i].why;
                else
                        hex_encode(found[i].digest, SECBOOT_KEY_DIGEST, hex);
        }
        if (n <= 0)
                line_job_error(c->j, &im->file, E_VERIFY, c->r,
                               "security: %s is not signed for secure boot v2: the unit would "
                               "never boot; flasher sign it with a key of the profile",
                               im->file.text);
        else if (*hex)
                line_job_error(c->j, &im->file, E_VERIFY, c->r,
                               "security: %s is signed by another key (digest %.16s…) than those "
                               "whose digests are burnt: the unit would never boot; flasher sign "
                               "it with a key of the profile",
                               im->file.text, hex);
        else
                line_job_error(c->j, &im->file, E_VERIFY, c->r,
                               "security: %s: its signature is not good: %s; flasher sign it "
                               "again",
                               im->file.text, diag_text(&d));
}

static bool in_app(const struct line_kit *k, uint32_t offset)
{
        for (size_t i = 0; i < k->table.count; i++)
                if (offset == k->table.entries[i].offset)
                        return k->table.entries[i].type == PTABLE_APP;
        return false;
}

/* Parts stand in the order of the job's images. */
static void check_images(struct check *c)
{
        bool boot = false;
        bool app = false;

        for (size_t i = 0; i < c->j->image_count && i < c->k->part_count; i++) {
                const struct line_image *im = &c->j->images[i];
                const struct line_part *part = &c->k->parts[i];
                const bool is_boot = part->offset == c->j->chip->boot_offset;
                const bool is_app = in_app(c->k, part->offset);

                boot = boot || is_boot;
                app = app || is_app;
                if (!is_boot && !is_app)
                        continue;
                if (!espimg_is_image(part->data.data, part->data.len))
                        line_job_error(c->j, &im->file, E_VERIFY, c->r,
                                       "security: %s is no app image; the line encrypts with "
                                       "the unit's key, so give it the plain, signed one",
                                       im->file.text);
                else if (c->p->boot.count)
                        check_signature(c, im, &part->data);
        }
        if (!boot || !app)
                line_job_error(c->j, at_profile(c), E_NOTFOUND, c->r,
                               "security: there is no %s among the images: what the unit boots "
                               "has to be on its flash before eFuses are burnt",
                               boot ? "app" : "bootloader");
}

/* ---- NVS ---- */

static void check_table(struct check *c)
{
        const struct ptable *t = &c->k->table;

        for (size_t i = 0; i < t->count; i++)
                if (ptable_is(&t->entries[i], PTABLE_DATA, PTABLE_DATA_NVS) &&
                    t->entries[i].flags & PTABLE_FLAG_ENCRYPTED)
                        line_job_error(c->j, &c->j->table, E_VERIFY, c->r,
                                       "security: partition %s is flagged encrypted, but NVS "
                                       "cannot lie under flash encryption: take the flag off, it "
                                       "has keys of its own",
                                       t->entries[i].name);
}

/* The partition gets the unit's keys, and nothing else writes there. */
static void check_key_partition(struct check *c, const struct ptable_entry *e)
{
        const struct line_word *at = &c->j->security.nvs_keys;

        if (!is_template(at->text))
                line_job_error(c->j, at, E_INVAL, c->r,
                               "security: nvs_keys are made for each unit: the name of their file "
                               "needs {mac}");
        else
                check_folder(c, at, "nvs_keys", at->text, true);
        if (e->size < NVS_KEYS_SIZE)
                line_job_error(c->j, at, E_NOSPACE, c->r,
                               "security: partition %s has 0x%x bytes, NVS keys take 0x%x", e->name,
                               e->size, NVS_KEYS_SIZE);
        if (!encrypts(c))
                line_job_error(c->j, at, E_INVAL, c->r,
                               "security: without flash encryption the NVS keys would lie on the "
                               "flash in the clear");
        for (size_t i = 0; i < c->k->part_count; i++)
                if (c->k->parts[i].offset < ptable_end(e) &&
                    c->k->parts[i].offset + c->k->parts[i].data.len > e->offset)
                        line_job_error(c->j, at, E_EXISTS, c->r,
                                       "security: %s goes to partition %s too", c->k->parts[i].name,
                                       e->name);
        c->k->nvs_keys_offset = e->offset;
}

/* The firmware's rule: a key partition, else an HMAC key in eFuses, means that NVS is encrypted. */
static void check_nvs(struct check *c)
{
        const struct line_security *s = &c->j->security;
        const struct line_factory *f = &c->j->factory;
        const struct ptable_entry *e =
                ptable_find_type(&c->k->table, PTABLE_DATA, PTABLE_DATA_NVS_KEYS, NULL);

        c->k->seals = e || c->p->nvs.file;
        if (s->nvs_keys.text && !e)
                line_job_error(c->j, &s->nvs_keys, E_NOTFOUND, c->r,
                               "security: nvs_keys, but the table has no partition of that type");
        else if (s->nvs_keys.text)
                check_key_partition(c, e);
        else if (e && f->config.text)
                line_job_error(c->j, at_profile(c), E_NOTFOUND, c->r,
                               "security: the table has partition %s for NVS keys: say where each "
                               "unit's are kept, \"nvs_keys\": \"keys/{mac}-nvs_keys.bin\"",
                               e->name);
        if (f->config.text && (f->keys == LINE_KEYS_STATION || f->prov) && encrypts(c) &&
            c->p->release && !c->k->seals)
                line_job_error(c->j, at_profile(c), E_INVAL, c->r,
                               "security: flash encryption does not cover partition %s, and the "
                               "unit's secrets would lie there in the clear: give the table a "
                               "partition nvs_keys%s",
                               f->partition.text,
                               c->p->chip->flags & EFUSE_CHIP_V1 ? ""
                                                                 : ", or the profile an nvs_key");
}

/* ---- the whole ---- */

/* What older silicon of the family cannot do. */
static void raise_revision(struct check *c)
{
        const bool boot = c->p->boot.count != 0;
        unsigned min = 0;

        if (c->p->chip->flags & EFUSE_CHIP_V1 && (boot || secure_plan_closes(c->p)))
                min = 300; /* secure boot v2, UART_DOWNLOAD_DIS */
        else if (boot && !strcmp(c->j->chip->option, "esp32c3"))
                min = 3; /* secure boot v2: from v0.3 on */
        if (min > c->k->rev_min)
                c->k->rev_min = min;
        if (c->k->rev_max && c->k->rev_max < c->k->rev_min)
                line_job_error(c->j, at_profile(c), E_VERIFY, c->r,
                               "security: the profile needs chip revision v%u.%u, the job allows "
                               "none",
                               c->k->rev_min / 100, c->k->rev_min % 100);
}

int line_secure_foretell(const struct line_kit *k, void (*line)(void *ctx, const char *text),
                         void *ctx, struct diag *d)
{
        const struct secure_options o = { .dry_run = true, .line = line, .ctx = ctx };
        struct secure_profile p;
        struct secure_result res;
        struct efuse_dev *dev;
        int rc;

        if (!k->secure)
                return 0;
        p = *k->secure;
        /* keys of units that are not there yet */
        p.flash.make |= p.flash.file && is_template(p.flash.file);
        p.nvs.make |= p.nvs.file && is_template(p.nvs.file);
        if ((rc = efuse_dev_open_file(NULL, p.chip, &dev, d)) < 0)
                return rc;
        rc = secure_plan_run(&p, dev, &o, &res, d);
        efuse_dev_close(dev);
        return rc;
}

static void check_plan(struct check *c)
{
        struct diag d = { 0 };

        if (c->p->flash.bits == 192)
                line_job_error(c->j, at_profile(c), E_UNSUPPORTED, c->r,
                               "security: chips with 3/4 coding are secured one by one, with "
                               "flasher secure-plan");
        else if (line_secure_foretell(c->k, NULL, NULL, &d) < 0)
                line_job_error(c->j, at_profile(c), d.code, c->r, "security: %s", diag_text(&d));
}

int line_secure_open(struct line_kit *k, struct report *r)
{
        const unsigned before = r->errors;
        struct check c = { .k = k, .j = k->job, .r = r };

        if (!k->job->security.given)
                return 0;
        if (secure_profile_load(at_profile(&c)->text, &k->secure, r) < 0)
                return -r->first_code;
        c.p = k->secure;
        if (efuse_chip_of(k->job->chip->option) != c.p->chip)
                return line_job_error(k->job, at_profile(&c), E_TYPE, r,
                                      "security: the profile is for the %s, the job for %s",
                                      c.p->chip->name, k->job->chip->name);
        for (size_t i = 0; i < c.p->boot.count; i++)
                check_signing_key(&c, i);
        check_key(&c, "flash_encryption", &c.p->flash);
        check_key(&c, "nvs_key", &c.p->nvs);
        check_removal(&c);
        check_table(&c);
        check_nvs(&c);
        raise_revision(&c);
        if (secure_plan_closes(c.p) && k->job->selftest.pass.text)
                line_job_error(k->job, &k->job->selftest.pass, E_INVAL, r,
                               "security: a unit whose download mode is closed is known by its "
                               "token line alone: selftest/pass cannot stand for it");
        if (r->errors == before)
                check_images(&c);
        if (r->errors == before)
                check_plan(&c);
        return r->errors > before ? -r->first_code : 0;
}
