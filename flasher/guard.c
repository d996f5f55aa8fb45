/*
 * What can be known before the flash is touched: images for another chip or revision, unsigned ones
 * where secure boot is on, plain ones where flash encryption is on, NVS images that the firmware
 * would erase.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "flasher.h"
#include "fmt/bootfuse.h"
#include "fmt/efuse.h"
#include "fmt/espimg.h"
#include "fmt/nvs_crypt.h"
#include "fmt/nvs_read.h"
#include "fmt/ptable.h"
#include "host/secboot_sign.h"

/* An image for another chip, or for a revision that this one is not, would not boot. */
static int check_image(const struct job *j, const struct job_file *f, struct loader *l,
                       unsigned revision, struct diag *d)
{
        const struct chip *c = loader_chip(l);
        struct espimg_header h;
        struct espimg img;
        const struct chip *other;

        if (c->image_id < 0 || j->force || !espimg_is_image(f->data.data, f->data.len) ||
            espimg_header_read(f->data.data, f->data.len, true, &h, NULL) < 0)
                return 0;
        other = chip_by_image_id(h.chip_id);
        if (h.chip_id != (unsigned)c->image_id)
                return diag_set(
                        d, E_VERIFY,
                        "is for %s (chip id %u), this is an %s; --force writes it all the same",
                        other ? other->name : "another chip", h.chip_id, c->name);
        if (espimg_read(f->data.data, f->data.len, true, &img, NULL) == 0 &&
            espimg_check(&img, d) < 0)
                return -E_CRC;
        if (loader_secure_download(l))
                return 0;
        if (h.min_rev_full > revision || (!h.min_rev_full && h.min_rev * 100u > revision))
                return diag_set(d, E_VERIFY,
                                "needs chip revision v%u.%u or later, this is v%u.%u; --force "
                                "writes it all the same",
                                (h.min_rev_full ? h.min_rev_full : h.min_rev * 100u) / 100,
                                (h.min_rev_full ? h.min_rev_full : h.min_rev * 100u) % 100,
                                revision / 100, revision % 100);
        if (h.max_rev_full && h.max_rev_full < revision)
                return diag_set(d, E_VERIFY,
                                "is for chip revisions up to v%u.%u, this is v%u.%u; --force "
                                "writes it all the same",
                                h.max_rev_full / 100u, h.max_rev_full % 100u, revision / 100,
                                revision % 100);
        return 0;
}

struct guard {
        const struct job *job;
        struct loader *l;
        struct loader_security sec;
        struct loader_info info;
        bool fuses_known;
        struct bootfuse fuses;
        struct ptable table; /* of the files themselves */
        bool has_table;
};

static int fuse_word(void *ctx, uint32_t offset, uint32_t *value)
{
        struct guard *gd = ctx;

        return loader_read_reg(gd->l, efuse_chip_of(loader_chip(gd->l)->name)->base + offset, value,
                               NULL);
}

/* The partition that a file goes to, or NULL: not known, or no partition. */
static const struct ptable_entry *entry_of(const struct guard *gd, const struct job_file *f)
{
        if (f->entry)
                return f->entry;
        for (size_t i = 0; gd->has_table && i < gd->table.count; i++)
                if (gd->table.entries[i].offset == f->offset)
                        return &gd->table.entries[i];
        return NULL;
}

/* A table among the files tells what the others are. */
static void find_table(struct guard *gd)
{
        for (size_t i = 0; i < gd->job->n && !gd->has_table; i++) {
                const struct blob *b = &gd->job->files[i].data;

                gd->has_table = ptable_looks_binary(b->data, b->len) &&
                                ptable_parse(&gd->table, b->data, b->len, true, NULL) == 0;
        }
}

static bool looks_plain(const struct blob *b)
{
        struct espimg img;

        return bytes_all(b->data, b->len, 0xFF) || ptable_looks_binary(b->data, b->len) ||
               (espimg_is_image(b->data, b->len) &&
                espimg_read(b->data, b->len, true, &img, NULL) == 0);
}

static int check_encryption(const struct guard *gd, struct job_file *f, struct diag *d)
{
        const struct ptable_entry *e = entry_of(gd, f);

        f->raw = e && !ptable_is_ciphered(e);
        if (f->raw)
                f->encrypted = false;
        if (gd->job->force || f->raw || f->encrypted || gd->job->flash_key)
                return 0;
        if (gd->job->pre_encrypted)
                return looks_plain(&f->data)
                               ? diag_set(d, E_VERIFY,
                                          "is not encrypted: the chip could not read it; see "
                                          "flasher encrypt, or --force")
                               : 0;
        if (gd->sec.encrypted)
                return diag_set(
                        d, E_REFUSED,
                        "flash encryption is on: plain data would not be readable to the chip; use "
                        "--encrypt, or --pre-encrypted if the file is encrypted already");
        return 0;
}

/* Is one of the file's signatures good and by a key that the chip trusts? */
static bool is_signed(const struct guard *gd, const struct blob *file)
{
        const struct secboot_trust *t = &gd->fuses.trust;
        struct secboot_found found[SECBOOT_BLOCKS];
        const int n = secboot_inspect(file, found, NULL);

        for (int i = 0; i < n; i++)
                for (unsigned k = 0; k < SECBOOT_BLOCKS; k++)
                        if (found[i].bad == 0 && t->schemes >> found[i].scheme & 1 &&
                            t->usable >> k & 1 &&
                            bytes_equal_ct(found[i].digest, t->digest[k], SECBOOT_KEY_DIGEST))
                                return true;
        return false;
}

/* Version 1: the key is the bootloader's, not known here; is there a signature at all? */
static bool has_v1_signature(const struct blob *file)
{
        struct espimg img;

        return espimg_read(file->data, file->len, true, &img, NULL) == 0 &&
               file->len - img.len >= SECBOOT_V1_LEN && le32_get(file->data + img.len) == 0;
}

static int check_signature(const struct guard *gd, const struct job_file *f, struct diag *d)
{
        const bool image = espimg_is_image(f->data.data, f->data.len);

        if (!gd->sec.secure_boot || gd->job->force)
                return 0;
        if (image && gd->fuses_known && gd->fuses.secure_boot_v1 && f->offset >= 0x8000)
                return has_v1_signature(&f->data)
                               ? 0
                               : diag_set(d, E_REFUSED,
                                          "secure boot version 1 is on, and no signature is behind "
                                          "the image: it would never boot (flasher sign --version "
                                          "1); --force writes it all the same");
        if (image && gd->fuses_known && !gd->fuses.secure_boot_v1)
                return is_signed(gd, &f->data)
                               ? 0
                               : diag_set(d, E_REFUSED,
                                          "secure boot is on, and this is not signed by a key that "
                                          "the chip trusts: it would never boot; --force writes it "
                                          "all the same");
        if (f->offset < 0x8000)
                return diag_set(d, E_REFUSED,
                                "secure boot is on: writing below 0x8000 can make this chip "
                                "unbootable for good; --force if the image is signed with its key");
        return 0;
}

/* Does the NVS image belong to the keys that are written with it? True also if there are none. */
static bool keys_fit(const struct guard *gd, const struct blob *image)
{
        struct crypt_xts xts;
        struct nvs_keys keys;
        uint8_t *copy;
        bool fit = true;

        for (size_t i = 0; i < gd->job->n; i++) {
                const struct job_file *f = &gd->job->files[i];
                const struct ptable_entry *e = entry_of(gd, f);

                if (!e || e->type != PTABLE_DATA || e->subtype != PTABLE_DATA_NVS_KEYS ||
                    nvs_keys_parse(&keys, f->data.data, f->data.len, NULL) < 0)
                        continue; /* ciphertext cannot be judged */
                copy = malloc(image->len);
                if (copy && crypt_xts_init(&xts, keys.bytes) == 0) {
                        memcpy(copy, image->data, image->len);
                        if (nvs_image_decrypt(copy, image->len, &xts) == 0)
                                fit = nvs_looks_plain(copy, image->len);
                        wipe(copy, image->len);
                        crypt_xts_free(&xts);
                }
                wipe(&keys, sizeof keys);
                free(copy);
        }
        return fit;
}

/* The firmware's rule (firmware/port/linux/kv.c, as ESP-IDF's settings have it): a key partition,
 * or an HMAC key in eFuses, means that NVS is encrypted. A mismatch costs all entries. */
static int check_nvs(const struct guard *gd, const struct job_file *f, struct diag *d)
{
        const struct ptable *t = gd->job->table ? gd->job->table : &gd->table;
        const struct ptable_entry *e = entry_of(gd, f);
        const bool keys = ptable_find_type(t, PTABLE_DATA, PTABLE_DATA_NVS_KEYS, NULL) != NULL;
        bool hmac = false;

        if (gd->job->force || !e || !ptable_is(e, PTABLE_DATA, PTABLE_DATA_NVS))
                return 0;
        if (e->flags & PTABLE_FLAG_ENCRYPTED)
                return diag_set(d, E_VERIFY,
                                "partition %s is flagged encrypted, but NVS rewrites single bits "
                                "and cannot lie under flash encryption: the firmware would refuse "
                                "it; take the flag off (NVS has keys of its own), or --force",
                                e->name);
        for (unsigned i = 0; i < BOOTFUSE_KEYS && !gd->sec.from_efuses; i++)
                hmac |= gd->sec.purposes[i] == BOOTFUSE_HMAC_UP;
        if ((keys || hmac) && nvs_looks_plain(f->data.data, f->data.len))
                return diag_set(d, E_VERIFY,
                                "is a plain NVS image, but %s: the firmware could not read it; "
                                "encrypt it (nvsgen encrypt), or --force",
                                keys ? "the table has a partition for NVS keys"
                                     : "the chip has an HMAC key for NVS");
        if (!keys && !hmac && nvs_looks_encrypted(f->data.data, f->data.len))
                return diag_set(d, E_VERIFY,
                                "is an encrypted NVS image, but the table has no partition for its "
                                "keys and the chip no HMAC key: the firmware could not read it; "
                                "--force writes it all the same");
        if (keys && nvs_looks_encrypted(f->data.data, f->data.len) && !keys_fit(gd, &f->data))
                return diag_set(d, E_VERIFY,
                                "is encrypted with other keys than those that go to the key "
                                "partition; --force writes it all the same");
        return 0;
}

void guard_mark_raw(struct job *j)
{
        static struct guard gd; /* a table is large */

        gd = (struct guard){ .job = j };
        find_table(&gd);
        for (size_t i = 0; i < j->n; i++) {
                const struct ptable_entry *e = entry_of(&gd, &j->files[i]);

                j->files[i].raw = e && !ptable_is_ciphered(e);
        }
}

int guard_bounds(const struct job_file *f, uint32_t flash, struct diag *d)
{
        if (f->limit && f->data.len > f->limit)
                return diag_set(d, E_NOSPACE, "%zu bytes do not fit into partition %s of %u",
                                f->data.len, f->label, f->limit);
        if (f->offset > flash || f->data.len > flash - f->offset)
                return diag_set(
                        d, E_NOSPACE,
                        "ends at 0x%llx, this flash has 0x%x bytes (%s); is it the right board?",
                        (unsigned long long)f->offset + f->data.len, flash,
                        flash_size_text(flash) ? flash_size_text(flash) : "odd size");
        return 0;
}

static int learn(struct guard *gd, struct diag *d)
{
        const struct job *j = gd->job;
        bool images = false;
        int rc;

        find_table(gd);
        if (loader_chip(gd->l)->image_id < 0 || j->force)
                return 0;
        for (size_t i = 0; i < j->n; i++)
                images = images || espimg_is_image(j->files[i].data.data, j->files[i].data.len);
        if (images && !loader_secure_download(gd->l) && (rc = loader_info(gd->l, &gd->info, d)) < 0)
                return rc;
        if ((rc = loader_security(gd->l, &gd->sec, d)) < 0)
                return rc;
        gd->fuses_known = images && gd->sec.secure_boot && !loader_secure_download(gd->l) &&
                          efuse_chip_of(loader_chip(gd->l)->name) &&
                          bootfuse_read((uint16_t)loader_chip(gd->l)->image_id, fuse_word, gd,
                                        &gd->fuses) == 0;
        return 0;
}

int guard_all(struct job *j, struct loader *l, struct diag *d, const char **where)
{
        static struct guard gd; /* a table is large */
        int rc;

        gd = (struct guard){ .job = j, .l = l };
        *where = g.port;
        rc = learn(&gd, d);
        for (size_t i = 0; i < j->n && rc == 0; i++) {
                struct job_file *f = &j->files[i];

                *where = f->path;
                if ((rc = guard_bounds(f, loader_flash_size(l), d)) == 0 &&
                    (rc = check_signature(&gd, f, d)) == 0 &&
                    (rc = check_encryption(&gd, f, d)) == 0 && (rc = check_nvs(&gd, f, d)) == 0)
                        rc = check_image(j, f, l, gd.info.revision, d);
        }
        return rc;
}
