#include "fmt/bootenc.h"

#include <stdarg.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "fmt/espimg_flash.h"
#include "fmt/secboot_wire.h"

#define IDLE_LOOKS 100000u /* at a controller that burns; one takes some milliseconds */

/* A run: eFuses as read, and the bits of BLOCK0 that shall be burnt. */
struct run {
        const struct bootenc *e;
        struct bootsel *scratch;
        struct diag *d;
        uint8_t image[EFUSE_IMAGE_MAX];
        uint8_t block0[EFUSE_DATA_MAX];
        unsigned keys; /* a bit a block whose key is for flash encryption */
};

__attribute__((format(printf, 2, 3))) static void say(const struct run *r, const char *fmt, ...)
{
        const struct bootsel_config *cfg = r->e->boot;
        char line[BOOTSEL_LINE];
        va_list ap;

        if (!cfg->say)
                return;
        va_start(ap, fmt);
        strf_v(line, sizeof line, fmt, ap);
        va_end(ap);
        cfg->say(cfg->ctx, line);
}

/* --- eFuses --- */

static bool is_esp32(const struct run *r)
{
        return r->e->efuses->flags & EFUSE_CHIP_V1;
}

static const struct efuse_field *count_field(const struct run *r)
{
        return efuse_field(r->e->efuses, is_esp32(r) ? "FLASH_CRYPT_CNT" : "SPI_BOOT_CRYPT_CNT");
}

static int read_efuses(struct run *r)
{
        int rc = 0;

        for (uint32_t at = 0; at < r->e->efuses->size && rc == 0; at += 4) {
                uint32_t value = 0;

                rc = r->e->get(r->e->ctx, at, &value);
                le32_put(r->image + at, value);
        }
        return rc;
}

/* A field of BLOCK0 shall have these bits too; one that is locked stays as somebody wanted it. */
static void want(struct run *r, const char *name, uint32_t value)
{
        const struct efuse_field *f = efuse_field(r->e->efuses, name);
        uint8_t bytes[4];

        if (!f || efuse_write_protected(r->e->efuses, r->image, f->write_protect))
                return;
        le32_put(bytes, value);
        efuse_bits_or(r->block0, f->bit, f->len, bytes);
}

static void want_bit(struct run *r, const char *name, unsigned bit)
{
        if (bit != EFUSE_NO)
                want(r, name, 1u << bit);
}

static int command(const struct run *r, uint32_t conf, uint32_t cmd)
{
        const struct efuse_chip *c = r->e->efuses;
        uint32_t value = 0;
        int rc;

        if ((rc = r->e->set(r->e->ctx, c->conf, conf)) < 0 ||
            (rc = r->e->set(r->e->ctx, c->cmd, cmd)) < 0)
                return rc;
        for (unsigned i = 0; i < IDLE_LOOKS; i++)
                if ((rc = r->e->get(r->e->ctx, c->cmd, &value)) < 0 ||
                    !(value & (EFUSE_CMD_PGM | EFUSE_CMD_READ)))
                        return rc;
        return -E_TIMEOUT;
}

/* Burn data into a block, and read again what is there. */
static int burn(struct run *r, unsigned block, const uint8_t data[EFUSE_DATA_MAX])
{
        const struct bootenc *e = r->e;
        const struct efuse_chip *c = e->efuses;
        uint8_t check[EFUSE_RS_CHECK] = { 0 };
        const bool coded = !is_esp32(r);
        int rc = 0;

        if (coded && block)
                efuse_rs_encode(data, check);
        for (uint32_t k = 0; k < c->blocks[block].words && rc == 0; k++)
                rc = e->set(e->ctx, c->blocks[block].write + 4 * k, le32_get(data + 4 * k));
        for (uint32_t k = 0; k < sizeof check && coded && rc == 0; k += 4)
                rc = e->set(e->ctx, EFUSE_CHECK + k, le32_get(check + k));
        if (rc == 0)
                rc = command(r, EFUSE_CONF_WRITE, EFUSE_CMD_PGM | (coded ? block << 2 : 0));
        /* the registers would burn again with the next command */
        for (uint32_t k = 0; k < c->blocks[block].words && rc == 0; k++)
                rc = e->set(e->ctx, c->blocks[block].write + 4 * k, 0);
        if (rc == 0)
                rc = command(r, EFUSE_CONF_READ, EFUSE_CMD_READ);
        return rc < 0 ? rc : read_efuses(r);
}

static int burn_block0(struct run *r)
{
        const uint8_t *have = r->image + r->e->efuses->blocks[0].read;
        const size_t n = 4u * r->e->efuses->blocks[0].words;
        int rc = burn(r, 0, r->block0);

        for (size_t i = 0; i < n && rc == 0; i++)
                if ((have[i] & r->block0[i]) != r->block0[i])
                        rc = -E_VERIFY;
        memset(r->block0, 0, sizeof r->block0);
        return rc < 0 ? diag_set(r->d, -rc, "security eFuses could not be burnt") : 0;
}

/* Nothing is burnt or protected in it, and it is for nothing. */
static bool is_free(const struct run *r, unsigned i)
{
        const struct efuse_chip *c = r->e->efuses;
        const struct efuse_block *b = &c->blocks[i];
        const struct efuse_field *purpose = b->purpose ? efuse_field(c, b->purpose) : NULL;

        if (purpose && (efuse_get(c, r->image, purpose) != 0 ||
                        efuse_write_protected(c, r->image, purpose->write_protect)))
                return false;
        return !efuse_write_protected(c, r->image, b->write_protect) &&
               !efuse_read_protected(c, r->image, b->read_protect) &&
               bytes_all(r->image + b->read, 4u * b->words, 0) &&
               !efuse_errors(c, r->image, i).fail;
}

/* A block for a new key, or -1: the ESP32 has one only; BLOCK_KEY5 cannot feed every cipher. */
static int free_block(const struct run *r)
{
        const struct efuse_chip *c = r->e->efuses;

        if (is_esp32(r))
                return is_free(r, 1) ? 1 : -1;
        for (unsigned i = 4; i < 10; i++)
                if (is_free(r, i) && !(i == 9 && c->flags & EFUSE_CHIP_KEY5_XTS))
                        return (int)i;
        return -1;
}

/* A new key in a free block, for flash encryption. */
static int make_key(struct run *r)
{
        const struct efuse_purpose *p = efuse_purpose(r->e->efuses, "XTS_AES_128_KEY");
        uint8_t key[EFUSE_DATA_MAX];
        const int i = free_block(r);
        int rc;

        if (i < 0)
                return diag_set(r->d, E_KEY,
                                is_esp32(r) ? "the key in BLOCK1 is not read- and write-protected"
                                            : "no key block is free for flash encryption");
        say(r, "flash encryption: a new key in block %u", (unsigned)i);
        if ((rc = r->e->random(key, sizeof key)) == 0)
                rc = burn(r, (unsigned)i, key);
        if (rc == 0 && memcmp(key, r->image + r->e->efuses->blocks[i].read, sizeof key) != 0)
                rc = -E_VERIFY;
        wipe(key, sizeof key);
        if (rc < 0)
                return diag_set(r->d, -rc, "the key could not be burnt");
        if (p)
                want(r, r->e->efuses->blocks[i].purpose, p->id);
        r->keys |= 1u << i;
        return 0;
}

static bool is_protected(const struct run *r, unsigned i)
{
        const struct efuse_block *b = &r->e->efuses->blocks[i];

        return efuse_write_protected(r->e->efuses, r->image, b->write_protect) &&
               efuse_read_protected(r->e->efuses, r->image, b->read_protect);
}

/* The block of that purpose is taken. False: there is none. */
static bool take_key(struct run *r, const char *purpose)
{
        const struct efuse_purpose *p = efuse_purpose(r->e->efuses, purpose);
        const int i = p ? efuse_key_find(r->e->efuses, r->image, p->id, 0) : -1;

        if (i >= 0)
                r->keys |= 1u << i;
        return i >= 0;
}

/* A key that is there already; make_key() says what is wrong with an ESP32's that is not protected.
 */
static int take_or_make_key(struct run *r)
{
        const bool one = take_key(r, "XTS_AES_256_KEY_1");

        if (one != take_key(r, "XTS_AES_256_KEY_2"))
                return diag_set(r->d, E_KEY, "one half only of a key of 512 bits is in eFuses");
        if (is_esp32(r) && is_protected(r, 1))
                r->keys = 1u << 1;
        if (!one && !r->keys && !take_key(r, "XTS_AES_128_KEY"))
                return make_key(r);
        say(r, "flash encryption: with the key in eFuses");
        return 0;
}

static void want_features(struct run *r)
{
        static const char *const always[] = { "DIS_DOWNLOAD_ICACHE",  "DIS_DOWNLOAD_DCACHE",
                                              "DIS_PAD_JTAG",         "DIS_USB_JTAG",
                                              "DIS_DIRECT_BOOT",      "DISABLE_DL_DECRYPT",
                                              "DISABLE_DL_CACHE",     "JTAG_DISABLE",
                                              "CONSOLE_DEBUG_DISABLE" };

        for (size_t i = 0; i < sizeof always / sizeof *always; i++)
                want(r, always[i], 1);
        if (r->e->release)
                want(r, is_esp32(r) ? "DISABLE_DL_ENCRYPT" : "DIS_DOWNLOAD_MANUAL_ENCRYPT", 1);
        if (efuse_value(r->e->efuses, r->image, "FLASH_CRYPT_CONFIG") == 0)
                want(r, "FLASH_CRYPT_CONFIG", 0xF);
}

/* Nobody reads or changes the keys any more, or switches the cache off, which would end all boots.
 */
static void want_locks(struct run *r)
{
        const struct efuse_chip *c = r->e->efuses;

        for (unsigned i = 0; i < c->block_count; i++) {
                const struct efuse_block *b = &c->blocks[i];

                if (!(r->keys >> i & 1))
                        continue;
                if (b->purpose)
                        want_bit(r, "WR_DIS", efuse_field(c, b->purpose)->write_protect);
                want_bit(r, "WR_DIS", b->write_protect);
                want_bit(r, "RD_DIS", b->read_protect);
        }
        want_bit(r, "WR_DIS", is_esp32(r) ? 3 : 2);
}

/* --- the flash --- */

static int encrypt_region(struct run *r, uint32_t offset, uint32_t len)
{
        uint8_t *sector = r->e->sector;
        int rc = 0;

        for (uint32_t at = offset; at - offset < len && rc == 0; at += FLASH_SECTOR) {
                if ((rc = flash_read(r->e->raw, at, sector, FLASH_SECTOR)) < 0 ||
                    (rc = flash_erase(r->e->raw, at, FLASH_SECTOR)) < 0)
                        break;
                rc = flash_write(r->e->cipher, at, sector, FLASH_SECTOR);
        }
        if (rc < 0)
                return diag_set(r->d, -rc, "the flash at 0x%x could not be encrypted",
                                (unsigned)offset);
        return 0;
}

static int check_image(const struct run *r, uint32_t offset, uint32_t room,
                       const struct secboot_trust *trust, struct espimg *img)
{
        const struct espimg_place place = { .flash = r->e->raw,
                                            .offset = offset,
                                            .room = room,
                                            .chip_id = r->e->boot->chip_id,
                                            .need_hash = r->e->boot->need_hash,
                                            .trust = trust };

        return espimg_flash_check(&place, img, NULL);
}

static uint32_t table_offset(const struct run *r)
{
        return r->e->boot->table_offset ? r->e->boot->table_offset : PTABLE_OFFSET;
}

/* With the sector of its signatures, if there is one. */
static int encrypt_bootloader(struct run *r)
{
        const uint32_t at = r->e->boot_offset;
        const uint32_t room = table_offset(r) - at;
        struct espimg img;
        uint32_t len;
        uint8_t magic = 0;
        int rc = check_image(r, at, room, NULL, &img);

        if (rc < 0)
                return diag_set(r->d, -rc, "no plain bootloader at 0x%x to encrypt", (unsigned)at);
        len = (uint32_t)secboot_padded(img.len);
        if (len + SECBOOT_SECTOR <= room && flash_read(r->e->raw, at + len, &magic, 1) == 0 &&
            magic == SECBOOT_MAGIC)
                len += SECBOOT_SECTOR;
        say(r, "flash encryption: the bootloader, 0x%x bytes", (unsigned)len);
        rc = encrypt_region(r, at, len);
        return rc == 0 && r->e->digest ? encrypt_region(r, 0, FLASH_SECTOR) : rc;
}

static bool wants_cipher(struct run *r, const struct ptable_entry *p)
{
        struct espimg img;

        if (p->type == PTABLE_APP)
                return check_image(r, p->offset, p->size, r->e->boot->trust, &img) == 0;
        return p->flags & PTABLE_FLAG_ENCRYPTED || ptable_is(p, PTABLE_DATA, PTABLE_DATA_OTA) ||
               ptable_is(p, PTABLE_DATA, PTABLE_DATA_NVS_KEYS);
}

static int encrypt_flash(struct run *r)
{
        const struct ptable *t = &r->scratch->table;
        int rc;

        if ((rc = encrypt_bootloader(r)) < 0 ||
            (rc = bootsel_table(r->scratch, r->e->boot, r->d)) < 0 ||
            (rc = encrypt_region(r, table_offset(r), FLASH_SECTOR)) < 0)
                return rc;
        for (size_t i = 0; i < t->count && rc == 0; i++) {
                if (!wants_cipher(r, &t->entries[i]))
                        continue;
                say(r, "flash encryption: the partition at 0x%x", (unsigned)t->entries[i].offset);
                rc = encrypt_region(r, t->entries[i].offset, t->entries[i].size);
        }
        return rc;
}

/* --- all of it --- */

static int init_efuses(struct run *r)
{
        const struct efuse_chip *c = r->e->efuses;
        int rc;

        if (is_esp32(r) && efuse_value(c, r->image, "CODING_SCHEME") != 0)
                return diag_set(r->d, E_UNSUPPORTED, "eFuses with 3/4 coding");
        if ((rc = take_or_make_key(r)) < 0)
                return rc;
        want_features(r);
        if ((rc = burn_block0(r)) < 0)
                return rc;
        want_locks(r); /* on their own: a cut must not lock what is not burnt yet */
        if ((rc = burn_block0(r)) < 0)
                return rc;
        for (unsigned i = 0; i < c->block_count; i++)
                if (r->keys >> i & 1 && !is_protected(r, i))
                        return diag_set(r->d, E_KEY, "the key cannot be protected");
        return 0;
}

int bootenc_run(const struct bootenc *e, struct bootsel *scratch, struct diag *d)
{
        struct run r = { .e = e, .scratch = scratch, .d = d };
        const struct efuse_field *f = count_field(&r);
        uint32_t count;
        int rc = read_efuses(&r);

        if (rc < 0)
                return diag_set(d, -rc, "the eFuses cannot be read");
        count = efuse_get(e->efuses, r.image, f);
        if (__builtin_popcount(count) & 1)
                return 0;
        if (efuse_write_protected(e->efuses, r.image, f->write_protect))
                return diag_set(d, E_PERM, "flash encryption is off for good");
        if ((count == 0 && (rc = init_efuses(&r)) < 0) || (rc = encrypt_flash(&r)) < 0)
                return rc;
        want(&r, f->name, e->release ? (1u << f->len) - 1 : count | (count + 1));
        if ((rc = burn_block0(&r)) < 0)
                return rc;
        say(&r, "flash encryption: done, restart");
        return 1;
}
