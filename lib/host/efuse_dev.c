#include "host/efuse_dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "fmt/efuse_model.h"
#include "host/file.h"

#define TRIES    3
#define IDLE_MS  2000 /* a burn takes some milliseconds */
#define LATCH_US 1000 /* the ROM looks at its eFuses after each command: let them settle */

struct efuse_dev {
        const struct efuse_chip *chip;
        struct loader *loader; /* NULL: a file */
        char *path;
        struct efuse_model model;
        uint8_t registers[EFUSE_IMAGE_MAX]; /* of the model */
        uint8_t image[EFUSE_IMAGE_MAX];     /* as read */
        char name[80];
        unsigned revision, crystal;
        bool closed, confirmed;
};

/* --- registers, of a chip or of a file --- */

static int reg_read(struct efuse_dev *dev, uint32_t offset, uint32_t *value, struct diag *d)
{
        if (dev->loader)
                return loader_read_reg(dev->loader, dev->chip->base + offset, value, d);
        *value = efuse_model_read(&dev->model, offset);
        return 0;
}

static int reg_write(struct efuse_dev *dev, uint32_t offset, uint32_t value, uint32_t delay_us,
                     struct diag *d)
{
        if (dev->loader)
                return loader_write_reg(dev->loader, dev->chip->base + offset, value, UINT32_MAX,
                                        delay_us, d);
        efuse_model_write(&dev->model, offset, value);
        return 0;
}

/* Answers come without a checksum, and what is burnt by a wrong one stays: two of them have to
 * agree. */
static int read_sure(struct efuse_dev *dev, uint32_t offset, uint32_t *value, struct diag *d)
{
        uint32_t again = 0;
        int rc = reg_read(dev, offset, value, d);

        for (unsigned tries = 0; dev->loader && rc == 0 && tries < TRIES; tries++) {
                if ((rc = reg_read(dev, offset, &again, d)) < 0 || again == *value)
                        return rc;
                *value = again;
        }
        if (dev->loader && rc == 0)
                rc = diag_set(d, E_LINK,
                              "the chip's registers do not read twice alike: the link is bad, take "
                              "another cable");
        return rc;
}

/*
 * One timing field. Files keep it as espefuse 4.8.1's virtual chips leave it, its value not moved
 * to the field's place, so that theirs and ours are the same.
 */
static int reg_field(struct efuse_dev *dev, const struct efuse_timing *t, struct diag *d)
{
        uint32_t old = 0;
        const int rc = read_sure(dev, t->offset, &old, d);

        if (rc < 0)
                return rc;
        if (!dev->loader)
                return reg_write(dev, t->offset, old | (t->value & t->mask), 0, d);
        return reg_write(dev, t->offset,
                         (old & ~t->mask) | ((t->value * (t->mask & -t->mask)) & t->mask), 0, d);
}

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* The command register twice at rest: on some chips the first look may come too early. */
static int wait_idle(struct efuse_dev *dev, struct diag *d)
{
        const uint64_t end = now_ms() + IDLE_MS;
        unsigned quiet = 0;

        while (quiet < 2) {
                uint32_t cmd = 0;
                const int rc = reg_read(dev, dev->chip->cmd, &cmd, d);

                if (rc < 0)
                        return rc;
                quiet = cmd & (EFUSE_CMD_PGM | EFUSE_CMD_READ) ? 0 : quiet + 1;
                if (!quiet && now_ms() > end)
                        return diag_set(d, E_TIMEOUT,
                                        "the eFuse controller does not come to rest: reset the "
                                        "board and look at its eFuses before going on");
        }
        return 0;
}

static int command(struct efuse_dev *dev, uint32_t conf, uint32_t cmd, struct diag *d)
{
        int rc;

        if ((rc = wait_idle(dev, d)) < 0 ||
            (rc = reg_write(dev, dev->chip->conf, conf, 0, d)) < 0 ||
            (rc = reg_write(dev, dev->chip->cmd, cmd, LATCH_US, d)) < 0)
                return rc;
        return wait_idle(dev, d);
}

/* --- reading --- */

static int read_words(struct efuse_dev *dev, uint32_t offset, unsigned words, struct diag *d)
{
        int rc = 0;

        for (unsigned k = 0; k < words && rc == 0; k++) {
                uint32_t value = 0;

                rc = read_sure(dev, offset + 4 * k, &value, d);
                le32_put(dev->image + offset + 4 * k, value);
        }
        return rc;
}

int efuse_dev_read(struct efuse_dev *dev, struct diag *d)
{
        const struct efuse_chip *c = dev->chip;
        int rc = 0;

        if (dev->closed)
                return 0;
        for (unsigned i = 0; i < c->block_count && rc == 0; i++)
                rc = read_words(dev, c->blocks[i].read, c->blocks[i].words, d);
        if (rc == 0)
                rc = read_words(dev, c->rs_err, c->flags & EFUSE_CHIP_V1 ? 1 : 2, d);
        if (rc == 0 && c->repeat_err)
                rc = read_words(dev, c->repeat_err, 5, d);
        return rc;
}

int efuse_image_digest(const struct efuse_chip *c, const uint8_t *image, uint8_t out[32])
{
        struct crypt_sha256 h;
        int rc = crypt_sha256_init(&h);

        if (rc < 0)
                return rc;
        rc = crypt_sha256_update(&h, c->name, strlen(c->name) + 1);
        for (unsigned i = 0; i < c->block_count && rc == 0; i++)
                rc = crypt_sha256_update(&h, image + c->blocks[i].read, 4u * c->blocks[i].words);
        if (rc < 0)
                crypt_sha256_free(&h);
        return rc < 0 ? rc : crypt_sha256_finish(&h, out);
}

int efuse_dev_digest(const struct efuse_dev *dev, uint8_t out[32])
{
        return efuse_image_digest(dev->chip, dev->image, out);
}

/* --- burning --- */

static int set_timing(struct efuse_dev *dev, struct diag *d)
{
        int rc = -E_UNSUPPORTED;

        for (const struct efuse_timing *t = dev->chip->timing; t->crystal; t++)
                if (t->crystal == dev->crystal && (rc = reg_field(dev, t, d)) < 0)
                        return rc;
        if (rc < 0)
                return diag_set(d, -rc,
                                "its crystal has %u MHz, for which the time that an eFuse takes is "
                                "not known: nothing was burnt",
                                dev->crystal);
        return 0;
}

static int write_words(struct efuse_dev *dev, uint32_t offset, const uint8_t *data, unsigned words,
                       struct diag *d)
{
        int rc = 0;

        for (unsigned k = 0; k < words && rc == 0; k++)
                rc = reg_write(dev, offset + 4 * k, data ? le32_get(data + 4 * k) : 0, 0, d);
        return rc;
}

/* Nothing stands in any programming register: what a burn finds there is burnt. */
static int clear_programming(struct efuse_dev *dev, struct diag *d)
{
        const struct efuse_chip *c = dev->chip;
        int rc = 0;

        if (!(c->flags & EFUSE_CHIP_V1))
                return write_words(dev, 0, NULL, 8, d);
        for (unsigned i = 0; i < c->block_count && rc == 0; i++)
                rc = write_words(dev, c->blocks[i].write, NULL, c->blocks[i].words, d);
        return rc;
}

struct coded {
        uint8_t words[EFUSE_DATA_MAX + EFUSE_RS_CHECK];
        unsigned n; /* words of it */
};

static void encode(const struct efuse_dev *dev, unsigned i, const uint8_t *data, struct coded *c)
{
        memset(c, 0, sizeof *c);
        memcpy(c->words, data, efuse_data_len(dev->chip, dev->image, i));
        c->n = dev->chip->flags & EFUSE_CHIP_V1 ? dev->chip->blocks[i].words : 8;
        switch (efuse_coding(dev->chip, dev->image, i)) {
        case EFUSE_RS:
                efuse_rs_encode(c->words, c->words + EFUSE_DATA_MAX);
                c->n = sizeof c->words / 4;
                break;
        case EFUSE_34:
                efuse_34_encode(data, c->words);
                break;
        default:
                break;
        }
}

/* Does the programming register at offset hold that? *same stays false once it is. */
static int compare_word(struct efuse_dev *dev, uint32_t offset, uint32_t word, bool *same,
                        struct diag *d)
{
        uint32_t value = 0;
        const int rc = read_sure(dev, offset, &value, d);

        *same &= value == word;
        return rc;
}

/* All that a burn would find: c for block i, and on an ESP32 nothing for the others. */
static int compare_programming(struct efuse_dev *dev, unsigned i, const struct coded *c, bool *same,
                               struct diag *d)
{
        const struct efuse_chip *chip = dev->chip;
        int rc = 0;

        *same = true;
        for (unsigned k = 0; k < c->n && rc == 0; k++)
                rc = compare_word(dev, chip->blocks[i].write + 4 * k, le32_get(c->words + 4 * k),
                                  same, d);
        for (unsigned b = 0; chip->flags & EFUSE_CHIP_V1 && b < chip->block_count; b++)
                for (unsigned k = 0; b != i && k < chip->blocks[b].words && rc == 0; k++)
                        rc = compare_word(dev, chip->blocks[b].write + 4 * k, 0, same, d);
        return rc;
}

/* Requests come without a checksum too: what is to be burnt is read back before it is. */
static int load_programming(struct efuse_dev *dev, unsigned i, const uint8_t *data, struct diag *d)
{
        struct coded c;
        bool same = false;
        int rc = 0;

        encode(dev, i, data, &c);
        for (unsigned tries = 0; tries < TRIES && rc == 0 && !same; tries++) {
                if ((rc = clear_programming(dev, d)) == 0 &&
                    (rc = write_words(dev, dev->chip->blocks[i].write, c.words, c.n, d)) == 0)
                        rc = compare_programming(dev, i, &c, &same, d);
        }
        wipe(&c, sizeof c);
        if (rc == 0 && !same)
                rc = diag_set(d, E_LINK,
                              "what is to be burnt does not reach the chip unchanged: the link is "
                              "bad, take another cable; nothing was burnt");
        return rc;
}

static int save(struct efuse_dev *dev, struct diag *d)
{
        uint8_t file[EFUSE_IMAGE_MAX];
        int rc;

        if (!dev->path)
                return 0;
        efuse_file_put(dev->chip, dev->registers, file);
        rc = file_save(dev->path, file, dev->chip->size, FILE_SECRET, d);
        wipe(file, sizeof file);
        return rc;
}

/* Behind a burn: into the read registers and from there into the image, or into the file. */
static int read_back(struct efuse_dev *dev, struct diag *d)
{
        int rc = command(dev, EFUSE_CONF_READ, EFUSE_CMD_READ, d);

        if (rc < 0)
                return rc;
        if (!dev->loader) {
                /* a virtual chip has no hardware that could use a key nobody can read */
                efuse_model_forget(&dev->model);
                if ((rc = save(dev, d)) < 0)
                        return rc;
                efuse_model_init(&dev->model, dev->chip, dev->registers);
        }
        return efuse_dev_read(dev, d);
}

/*
 * The chip does not answer any more, and the bits that it was given say why. One in secure download
 * mode says itself that it is.
 */
static void close_chip(struct efuse_dev *dev, const uint8_t *data)
{
        struct loader_security s;

        efuse_bits_or(dev->image + dev->chip->blocks[0].read, 0, 32u * dev->chip->blocks[0].words,
                      data);
        efuse_hide(dev->chip, dev->image);
        dev->closed = true;
        dev->confirmed = dev->loader && loader_resync(dev->loader) == 0 &&
                         loader_security(dev->loader, &s, NULL) == 0 &&
                         s.flags & ROMLDR_SECF_SECURE_DOWNLOAD;
}

int efuse_dev_burn(struct efuse_dev *dev, unsigned i, const uint8_t *data, bool closes,
                   struct diag *d)
{
        const uint32_t pgm = EFUSE_CMD_PGM | (dev->chip->flags & EFUSE_CHIP_V1 ? 0 : i << 2);
        struct diag quiet = { 0 };
        int rc;

        if ((rc = wait_idle(dev, d)) < 0 || (rc = set_timing(dev, d)) < 0 ||
            (rc = load_programming(dev, i, data, d)) < 0 ||
            (rc = command(dev, EFUSE_CONF_WRITE, pgm, d)) < 0 ||
            (rc = clear_programming(dev, d)) < 0)
                return rc;
        rc = read_back(dev, closes ? &quiet : d);
        if (rc < 0 && closes) {
                close_chip(dev, data);
                return 0;
        }
        return rc;
}

/* --- opening --- */

static int blank_or_load(struct efuse_dev *dev, struct diag *d)
{
        struct blob file = { 0 };
        int rc;

        if (!dev->path)
                return 0;
        if (!file_exists(dev->path))
                return save(dev, d);
        if ((rc = file_load(dev->path, FILE_LIMIT_KEY, &file, d)) < 0)
                return rc;
        if (file.len != dev->chip->size)
                rc = diag_set(
                        d, E_FORMAT,
                        "%s: %zu bytes, but the eFuse file of an %s has %u: give another file "
                        "or another --chip",
                        dev->path, file.len, dev->chip->name, dev->chip->size);
        else
                efuse_file_get(dev->chip, dev->registers, file.data);
        blob_free_secret(&file);
        return rc;
}

/* Revisions and crystals of espefuse 4.8.1's virtual chips. */
static unsigned virtual_revision(const struct efuse_chip *c)
{
        static const struct {
                const struct efuse_chip *chip;
                unsigned revision;
        } rows[] = {
                { &efuse_esp32, 300 }, { &efuse_esp32s2, 100 }, { &efuse_esp32s3, 2 },
                { &efuse_esp32c3, 4 }, { &efuse_esp32c6, 0 },   { &efuse_esp32h2, 0 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                if (rows[i].chip == c)
                        return rows[i].revision;
        return 0;
}

int efuse_dev_open_file(const char *path, const struct efuse_chip *chip, struct efuse_dev **out,
                        struct diag *d)
{
        struct efuse_dev *dev = calloc(1, sizeof *dev);
        int rc = -E_NOMEM;

        *out = NULL;
        if (!dev || (path && !(dev->path = strdup(path)))) {
                diag_set(d, E_NOMEM, "out of memory");
                goto out;
        }
        dev->chip = chip;
        dev->crystal = chip == &efuse_esp32h2 ? 32 : 40;
        dev->revision = virtual_revision(chip);
        snprintf(dev->name, sizeof dev->name, "%s (eFuse file)", chip->name);
        if ((rc = blank_or_load(dev, d)) < 0)
                goto out;
        efuse_model_init(&dev->model, chip, dev->registers);
        if ((rc = efuse_dev_read(dev, d)) < 0)
                goto out;
        *out = dev;
        dev = NULL;
        rc = 0;
out:
        efuse_dev_close(dev);
        return rc;
}

int efuse_dev_open(struct loader *l, struct efuse_dev **out, struct diag *d)
{
        const struct efuse_chip *chip = efuse_chip_of(loader_chip(l)->option);
        struct efuse_dev *dev = NULL;
        struct loader_info info;
        int rc;

        *out = NULL;
        if (!chip)
                return diag_set(d, E_UNSUPPORTED, "the eFuses of the %s are not known here",
                                loader_chip(l)->name);
        if (loader_secure_download(l))
                return diag_set(d, E_REFUSED,
                                "the chip is in secure download mode: its eFuses cannot be read or "
                                "burnt any more");
        dev = calloc(1, sizeof *dev);
        if (!dev)
                return diag_set(d, E_NOMEM, "out of memory");
        dev->chip = chip;
        dev->loader = l;
        if ((rc = loader_info(l, &info, d)) < 0 || (rc = efuse_dev_read(dev, d)) < 0) {
                efuse_dev_close(dev);
                return rc;
        }
        dev->crystal = info.crystal;
        dev->revision = info.revision;
        snprintf(dev->name, sizeof dev->name, "%s", info.description);
        *out = dev;
        return 0;
}

void efuse_dev_close(struct efuse_dev *dev)
{
        if (!dev)
                return;
        free(dev->path);
        wipe(dev, sizeof *dev);
        free(dev);
}

const struct efuse_chip *efuse_dev_chip(const struct efuse_dev *dev)
{
        return dev->chip;
}

const char *efuse_dev_name(const struct efuse_dev *dev)
{
        return dev->name;
}

unsigned efuse_dev_revision(const struct efuse_dev *dev)
{
        return dev->revision;
}

bool efuse_dev_is_file(const struct efuse_dev *dev)
{
        return !dev->loader;
}

const uint8_t *efuse_dev_image(const struct efuse_dev *dev)
{
        return dev->image;
}

bool efuse_dev_is_closed(const struct efuse_dev *dev)
{
        return dev->closed;
}

bool efuse_dev_is_confirmed(const struct efuse_dev *dev)
{
        return dev->confirmed;
}
