#include "fmt/flashenc.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define UNIT       128u /* XTS: one tweak */
#define ESP32_UNIT 32u  /* one key */
#define ESP32_END  (1u << 24)
#define PIECE      256u

int flashenc_key(const uint8_t *file, size_t n, uint8_t key[FLASHENC_KEY_MAX])
{
        switch (n) {
        case 16: {
                const int rc = crypt_sha256(file, n, key);

                return rc < 0 ? rc : 32;
        }
        case 24:
                memcpy(key, file, 24);
                memcpy(key + 24, file + 8, 8);
                return 32;
        case 32:
        case 64:
                memcpy(key, file, n);
                return (int)n;
        default:
                return -E_KEY;
        }
}

int flashenc_init_xts(struct flashenc *e, const uint8_t *key, size_t n)
{
        memset(e, 0, sizeof *e);
        e->kind = n == 64 ? FLASHENC_XTS256 : FLASHENC_XTS128;
        if (n != 32 && n != 64)
                return -E_KEY;
        return n == 64 ? crypt_xts_init(&e->xts, key) : crypt_xts128_init(&e->xts, key);
}

int flashenc_init_esp32(struct flashenc *e, const uint8_t key[32], uint8_t conf)
{
        memset(e, 0, sizeof *e);
        e->kind = FLASHENC_ESP32;
        e->conf = conf;
        memcpy(e->key, key, sizeof e->key);
        return 0;
}

void flashenc_free(struct flashenc *e)
{
        if (e->kind != FLASHENC_ESP32)
                crypt_xts_free(&e->xts);
        wipe(e, sizeof *e);
}

static void reverse(uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n / 2; i++) {
                const uint8_t t = p[i];

                p[i] = p[n - 1 - i];
                p[n - 1 - i] = t;
        }
}

/*
 * The ESP32 xors address bits into its key. Each bit of the configuration stands for a run of key
 * bits, counted from the highest of the first byte; in a run the address bits 23 … 5 come three
 * times, then those from `top` down to 5.
 */
static void esp32_tweak(const struct flashenc *e, uint32_t address, uint8_t key[32])
{
        static const uint8_t tops[4] = { 14, 12, 10, 8 };
        unsigned n = 0;

        memcpy(key, e->key, 32);
        for (unsigned run = 0; run < 4; run++)
                for (unsigned turn = 0; turn < 4; turn++)
                        for (unsigned bit = turn < 3 ? 23 : tops[run]; bit >= 5; bit--, n++)
                                if (e->conf >> run & 1 && address >> bit & 1)
                                        key[n / 8] ^= (uint8_t)(0x80 >> n % 8);
}

/* Encrypting is AES decryption here, on blocks with their last byte first. */
static int esp32_run(const struct flashenc *e, uint32_t address, uint8_t *p, size_t n, bool decrypt)
{
        struct crypt_aes aes;
        uint8_t key[32];
        int rc = 0;

        for (size_t at = 0; at < n && rc == 0;) {
                const uint32_t here = address + (uint32_t)at;
                size_t left = ESP32_UNIT - here % ESP32_UNIT;

                esp32_tweak(e, here, key);
                rc = crypt_aes256_init(&aes, key, !decrypt);
                for (; left && at < n && rc == 0; left -= FLASHENC_BLOCK, at += FLASHENC_BLOCK) {
                        reverse(p + at, FLASHENC_BLOCK);
                        rc = crypt_aes256_block(&aes, p + at, p + at);
                        reverse(p + at, FLASHENC_BLOCK);
                }
                crypt_aes_free(&aes);
        }
        wipe(key, sizeof key);
        return rc;
}

static int xts_run(const struct flashenc *e, uint32_t address, uint8_t *p, size_t n, bool decrypt)
{
        uint8_t unit[UNIT];
        int rc = 0;

        for (size_t at = 0; at < n && rc == 0;) {
                const uint32_t here = address + (uint32_t)at;
                const size_t skip = here % UNIT;
                const size_t some = n - at < UNIT - skip ? n - at : UNIT - skip;
                uint8_t tweak[16] = { 0 };

                le32_put(tweak, here - (uint32_t)skip);
                memset(unit, 0, sizeof unit);
                memcpy(unit + skip, p + at, some);
                reverse(unit, UNIT);
                rc = decrypt ? crypt_xts_decrypt(&e->xts, tweak, unit, unit, UNIT)
                             : crypt_xts_encrypt(&e->xts, tweak, unit, unit, UNIT);
                reverse(unit, UNIT);
                memcpy(p + at, unit + skip, some);
                at += some;
        }
        wipe(unit, sizeof unit);
        return rc;
}

static int run(const struct flashenc *e, uint32_t address, uint8_t *p, size_t n, bool decrypt)
{
        const uint64_t end = e->kind == FLASHENC_ESP32 ? ESP32_END : (uint64_t)1 << 32;

        if (address % FLASHENC_BLOCK || n % FLASHENC_BLOCK || n > end || address > end - n)
                return -E_RANGE;
        return e->kind == FLASHENC_ESP32 ? esp32_run(e, address, p, n, decrypt)
                                         : xts_run(e, address, p, n, decrypt);
}

int flashenc_encrypt(const struct flashenc *e, uint32_t address, uint8_t *p, size_t n)
{
        return run(e, address, p, n, false);
}

int flashenc_decrypt(const struct flashenc *e, uint32_t address, uint8_t *p, size_t n)
{
        return run(e, address, p, n, true);
}

static int view_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        const struct flashenc_flash *v = f->ctx;
        uint8_t piece[PIECE];
        uint8_t *to = buf;
        int rc = 0;

        if (offset > f->size || len > f->size - offset)
                return -E_RANGE;
        if (!v->enc)
                return flash_read(v->under, offset, buf, len);
        while (len && rc == 0) {
                const uint32_t skip = offset % FLASHENC_BLOCK;
                const size_t some = len < PIECE - skip ? len : PIECE - skip;
                const size_t whole =
                        (skip + some + FLASHENC_BLOCK - 1) / FLASHENC_BLOCK * FLASHENC_BLOCK;

                rc = flash_read(v->under, offset - skip, piece, whole);
                if (rc == 0)
                        rc = flashenc_decrypt(v->enc, offset - skip, piece, whole);
                if (rc == 0)
                        memcpy(to, piece + skip, some);
                to += some;
                offset += (uint32_t)some;
                len -= some;
        }
        wipe(piece, sizeof piece);
        return rc;
}

static int view_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        const struct flashenc_flash *v = f->ctx;
        const uint8_t *from = buf;
        uint8_t piece[PIECE];
        int rc = 0;

        if (offset > f->size || len > f->size - offset)
                return -E_RANGE;
        if (!v->enc)
                return flash_write(v->under, offset, buf, len);
        if (offset % FLASHENC_BLOCK || len % FLASHENC_BLOCK)
                return -E_RANGE;
        while (len && rc == 0) {
                const size_t some = len < PIECE - offset % PIECE ? len : PIECE - offset % PIECE;

                memcpy(piece, from, some);
                rc = flashenc_encrypt(v->enc, offset, piece, some);
                if (rc == 0)
                        rc = flash_write(v->under, offset, piece, some);
                from += some;
                offset += (uint32_t)some;
                len -= some;
        }
        return rc;
}

static int view_erase(const struct flash *f, uint32_t offset, size_t len)
{
        const struct flashenc_flash *v = f->ctx;

        return flash_erase(v->under, offset, len);
}

void flashenc_flash_init(struct flashenc_flash *v, const struct flash *under,
                         const struct flashenc *enc)
{
        v->flash = (struct flash){ view_read, view_write, view_erase, v, under->size };
        v->under = under;
        v->enc = enc;
}
