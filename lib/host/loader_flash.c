/* What is on the flash: digest, read, erase, write, write compressed. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/flash.h"
#include "base/hex.h"
#include "crypt/crypt.h"
#include "host/loader_impl.h"

/* A stub takes 16 KiB; the ROMs up to 6 KiB, which saves most of the 1 KiB blocks' overhead. */
static size_t block_size(const struct loader *l)
{
        if (l->is_stub)
                return ROMLDR_STUB_BLOCK;
        return l->chip->caps & CHIP_ROM_ATTACH ? ROMLDR_FLASH_BLOCK_MAX : ROMLDR_FLASH_BLOCK;
}

int loader_flash_md5(struct loader *l, uint32_t offset, uint32_t len, uint8_t md5[16],
                     struct diag *d)
{
        const uint32_t words[] = { offset, len, 0, 0 };
        struct romldr_reply r;
        int rc;

        if (l->secure_download)
                return diag_set(d, E_REFUSED,
                                "the chip is in secure download mode: nothing can be read back");
        if (!(l->chip->caps & CHIP_ROM_ATTACH) && !l->is_stub)
                return diag_set(d, E_UNSUPPORTED,
                                "the ROM of the %s cannot compute MD5; a stub (--stub) can",
                                l->chip->name);
        rc = loader_request(l, ROMLDR_SPI_FLASH_MD5, words, 4,
                            loader_scaled(LOADER_MD5_MS_PER_MB, len), &r, d);
        if (rc < 0)
                return rc;
        if (r.len == 16)
                memcpy(md5, r.data, 16);
        else if (r.len != 32 || hex_decode((const char *)r.data, 32, md5, 16, NULL) != 16)
                return diag_set(d, E_PROTO,
                                "SPI_FLASH_MD5 was answered with %zu bytes that are no digest",
                                r.len);
        return 0;
}

static int read_slow(struct loader *l, uint32_t offset, uint8_t *out, size_t len, struct diag *d)
{
        if (!(l->chip->caps & CHIP_ROM_ATTACH))
                return diag_set(d, E_UNSUPPORTED,
                                "the ROM of the %s cannot read its flash; a stub (--stub) can",
                                l->chip->name);
        for (size_t at = 0; at < len; at += ROMLDR_READ_SLOW) {
                const size_t n = len - at < ROMLDR_READ_SLOW ? len - at : ROMLDR_READ_SLOW;
                const uint32_t words[] = { offset + (uint32_t)at, (uint32_t)n };
                struct romldr_reply r;
                const int rc = loader_request(l, ROMLDR_READ_FLASH_SLOW, words, 2,
                                              LOADER_TIMEOUT_MS, &r, d);

                if (rc < 0)
                        return rc;
                if (r.len < n)
                        return diag_set(
                                d, E_PROTO,
                                "READ_FLASH_SLOW was answered with %zu bytes instead of %zu", r.len,
                                n);
                memcpy(out + at, r.data, n);
                loader_progress(l, "reading", at + n, len);
        }
        return 0;
}

/* The stub sends frames of a sector each, wants the count so far after each, and ends with the MD5
 * of all. */
static int read_stub(struct loader *l, uint32_t offset, uint8_t *out, size_t len, struct diag *d)
{
        const uint32_t words[] = { offset, (uint32_t)len, FLASH_SECTOR, 64 };
        uint8_t md5[16];
        size_t at = 0;
        long n;
        int rc = loader_request(l, ROMLDR_STUB_READ_FLASH, words, 4, LOADER_TIMEOUT_MS, NULL, d);

        while (rc == 0 && at < len) {
                uint8_t count[4];

                n = loader_frame(l, LOADER_TIMEOUT_MS);
                if (n <= 0 || (size_t)n > len - at)
                        return diag_set(d, n < 0 ? (int)-n : E_PROTO,
                                        "the stream of flash content broke off at %zu of %zu bytes",
                                        at, len);
                memcpy(out + at, l->rx, (size_t)n);
                at += (size_t)n;
                le32_put(count, (uint32_t)at);
                rc = loader_send_frame(l, count, sizeof count);
                loader_progress(l, "reading", at, len);
        }
        if (rc < 0)
                return rc;
        n = loader_frame(l, LOADER_TIMEOUT_MS);
        crypt_md5(out, len, md5);
        if (n != 16 || memcmp(md5, l->rx, 16))
                return diag_set(d, E_VERIFY,
                                "what was read does not match the stub's digest; read it again at "
                                "a lower rate");
        return 0;
}

int loader_flash_read(struct loader *l, uint32_t offset, uint8_t *out, size_t len, struct diag *d)
{
        uint8_t have[16];
        uint8_t want[16];
        int rc;

        if (l->secure_download)
                return diag_set(d, E_REFUSED,
                                "the chip is in secure download mode: its flash cannot be read");
        if (l->is_stub)
                return read_stub(l, offset, out, len, d);
        rc = read_slow(l, offset, out, len, d);
        if (rc < 0 || len == 0)
                return rc;
        /* the ROM's answers carry no checksum: its MD5 of the same bytes says whether the line was
         * clean */
        if ((rc = loader_flash_md5(l, offset, (uint32_t)len, want, d)) < 0)
                return rc;
        crypt_md5(out, len, have);
        if (memcmp(have, want, 16))
                return diag_set(d, E_VERIFY,
                                "what was read does not match the chip's digest; read it again at "
                                "a lower rate");
        return 0;
}

/*
 * The ESP8266's ROM erases too much when asked for what is not a multiple of 16 sectors: it counts
 * the sectors of the first block twice. What to ask for, so that it erases what is meant.
 */
static uint32_t erase_size_8266(uint32_t offset, uint32_t size)
{
        const uint32_t sectors = (size + FLASH_SECTOR - 1) / FLASH_SECTOR;
        uint32_t head = 16 - offset / FLASH_SECTOR % 16;

        if (sectors < head)
                head = sectors;
        return (sectors < 2 * head ? (sectors + 1) / 2 : sectors - head) * FLASH_SECTOR;
}

/* op: FLASH_BEGIN or DEFL_BEGIN. size: bytes to be written, erased up to the next sector. */
static int begin(struct loader *l, uint8_t op, uint32_t offset, uint32_t size, size_t blocks,
                 bool encrypted, struct diag *d)
{
        const bool word5 = l->chip->caps & CHIP_ROM_BEGIN_20 && !l->is_stub;
        uint32_t words[5] = { size, (uint32_t)blocks, (uint32_t)block_size(l), offset, encrypted };

        if (l->chip->image_id < 0 && !l->is_stub)
                words[0] = erase_size_8266(offset, size);
        /* a stub erases as it writes; ROMs erase all of it before they answer */
        return loader_request(l, op, words, word5 ? 5 : 4,
                              l->is_stub ? LOADER_TIMEOUT_MS
                                         : loader_scaled(LOADER_ERASE_MS_PER_MB, size),
                              NULL, d);
}

int loader_flash_erase(struct loader *l, uint32_t offset, uint32_t len, struct diag *d)
{
        const uint32_t step = (uint32_t)1 << 20;
        int rc = 0;

        if (offset % FLASH_SECTOR || len % FLASH_SECTOR)
                return diag_set(d, E_INVAL, "only whole sectors of 4096 bytes can be erased");
        for (uint32_t at = 0; at < len && rc == 0; at += step) {
                const uint32_t n = len - at < step ? len - at : step;
                const uint32_t words[] = { offset + at, n };

                if (l->is_stub)
                        rc = loader_request(l, ROMLDR_STUB_ERASE_REGION, words, 2,
                                            loader_scaled(LOADER_ERASE_MS_PER_MB, n), NULL, d);
                else
                        rc = begin(l, ROMLDR_FLASH_BEGIN, offset + at, n, 0, false, d);
                loader_progress(l, "erasing", at + n, len);
        }
        return rc;
}

/*
 * A block whose checksum did not match has used up its number: the same data go again under the
 * next one (seen on the ESP32 and ESP32-C3 ROMs).
 */
static int send_block(struct loader *l, uint8_t op, uint32_t *seq, const uint8_t *data, size_t n,
                      struct diag *d)
{
        for (int tries = 3;; tries--) {
                struct diag quiet = { 0 };
                uint8_t reason = 0;
                const int rc =
                        loader_block(l, op, *seq, data, n, loader_scaled(LOADER_WRITE_MS_PER_MB, n),
                                     &reason, &quiet);

                if (rc == 0 || (rc == -E_REFUSED && reason == ROMLDR_ERR_CHECKSUM))
                        (*seq)++;
                if (rc == 0)
                        return 0;
                if (rc != -E_REFUSED || reason != ROMLDR_ERR_CHECKSUM || tries == 1)
                        return diag_set(d, -rc, "%s", diag_text(&quiet));
        }
}

int loader_flash_write(struct loader *l, uint32_t offset, const uint8_t *data, size_t len,
                       bool encrypted, struct diag *d)
{
        const size_t block = block_size(l);
        const uint8_t op = encrypted && l->is_stub ? ROMLDR_STUB_ENCRYPT_DATA : ROMLDR_FLASH_DATA;
        uint8_t last[ROMLDR_STUB_BLOCK];
        uint32_t seq = 0;
        int rc;

        if (encrypted && !l->is_stub && !(l->chip->caps & CHIP_ROM_BEGIN_20))
                return diag_set(
                        d, E_UNSUPPORTED,
                        "the ROM of the %s cannot encrypt while it writes; a stub (--stub) can",
                        l->chip->name);
        rc = begin(l, ROMLDR_FLASH_BEGIN, offset, (uint32_t)len, (len + block - 1) / block,
                   encrypted, d);

        for (size_t at = 0; at < len && rc == 0; at += block) {
                size_t n = len - at < block ? len - at : block;
                const uint8_t *p = data + at;

                /* the ROMs take words; the ESP8266's only whole blocks, encrypted ones whole units
                 */
                if (n < block) {
                        const size_t unit = l->chip->image_id < 0 ? block : encrypted ? 32 : 4;

                        memset(last, 0xff, sizeof last);
                        memcpy(last, p, n);
                        n = (n + unit - 1) / unit * unit;
                        p = last;
                }
                rc = send_block(l, op, &seq, p, n, d);
                loader_progress(l, "writing", at + n < len ? at + n : len, len);
        }
        return rc;
}

/* Bytes that come out of a zlib stream after its next n bytes; for time-outs, so a guess does where
 * it is damaged. */
static size_t inflates_to(z_stream *z, const uint8_t *p, size_t n)
{
        uint8_t sink[8192];
        size_t out = 0;
        int rc;

        z->next_in = (Bytef *)(uintptr_t)p;
        z->avail_in = (uInt)n;
        do {
                z->next_out = sink;
                z->avail_out = sizeof sink;
                rc = inflate(z, Z_SYNC_FLUSH);
                out += sizeof sink - z->avail_out;
        } while (rc == Z_OK && (z->avail_in || z->avail_out == 0));
        return out;
}

int loader_flash_write_deflated(struct loader *l, uint32_t offset, const uint8_t *comp,
                                size_t comp_len, size_t len, struct diag *d)
{
        const size_t block = block_size(l);
        /* ROMs take the erase size for the size of the data; rounded up, but never into the next
         * sector */
        const uint32_t size =
                l->is_stub ? (uint32_t)len : align_up((uint32_t)len, ROMLDR_FLASH_BLOCK);
        z_stream z = { 0 };
        size_t out = 0;
        uint32_t seq = 0;
        int rc;

        if (inflateInit(&z) != Z_OK)
                return diag_set(d, E_NOMEM, "out of memory");
        rc = begin(l, ROMLDR_DEFL_BEGIN, offset, size, (comp_len + block - 1) / block, false, d);
        for (size_t at = 0; at < comp_len && rc == 0; at += block) {
                const size_t n = comp_len - at < block ? comp_len - at : block;
                const size_t more = inflates_to(&z, comp + at, n);

                out += more;
                rc = loader_block(l, ROMLDR_DEFL_DATA, seq++, comp + at, n,
                                  loader_scaled(LOADER_WRITE_MS_PER_MB, more), NULL, d);
                loader_progress(l, "writing", out < len ? out : len, len);
        }
        inflateEnd(&z);
        return rc;
}
