#include "fmt/nvs_crypt.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "base/hex.h"

int nvs_keys_parse(struct nvs_keys *k, const uint8_t *p, size_t n, struct diag *d)
{
        size_t digits = 0;

        if (n < CRYPT_XTS_KEY)
                return diag_off(
                        d, E_TRUNC, n,
                        "key file of %zu bytes: an NVS key has 64; make one with generate-key", n);
        while (digits < CRYPT_XTS_KEY && hex_digit((char)p[digits]) >= 0)
                digits++;
        if (digits == CRYPT_XTS_KEY)
                return diag_off(
                        d, E_KEY, 0,
                        "key file holds hexadecimal text: turn it into bytes first (xxd -r -p)");
        if (n > CRYPT_XTS_KEY && n < NVS_KEYS_CRC + 4)
                return diag_off(d, E_TRUNC, n,
                                "key file of %zu bytes ends inside its checksum: cut it to 64 or "
                                "copy it again",
                                n);
        if (n > CRYPT_XTS_KEY && le32_get(p + NVS_KEYS_CRC) != crc32_esp(p, CRYPT_XTS_KEY))
                return diag_off(d, E_CRC, NVS_KEYS_CRC,
                                "checksum of the keys does not match, a device would refuse them: "
                                "take another copy of the key file");
        if (!memcmp(p, p + CRYPT_XTS_KEY / 2, CRYPT_XTS_KEY / 2))
                return diag_off(d, E_KEY, 0,
                                "both halves of the key are equal, which breaks the encryption: "
                                "make new keys with generate-key");
        memcpy(k->bytes, p, CRYPT_XTS_KEY);
        return 0;
}

void nvs_keys_format(const struct nvs_keys *k, uint8_t out[NVS_KEYS_SIZE])
{
        memset(out, 0xFF, NVS_KEYS_SIZE);
        memcpy(out, k->bytes, CRYPT_XTS_KEY);
        le32_put(out + NVS_KEYS_CRC, crc32_esp(k->bytes, CRYPT_XTS_KEY));
}

int nvs_keys_generate(struct nvs_keys *k)
{
        return crypt_random(k->bytes, sizeof k->bytes);
}

/* nvs_sec_provider.c (ESP-IDF v5.5): each half is the HMAC of its own seed, repeated to 32 bytes.
 */
int nvs_keys_from_hardware(struct nvs_keys *k,
                           int (*hmac)(void *ctx, const void *p, size_t n,
                                       uint8_t out[CRYPT_SHA256_LEN]),
                           void *ctx)
{
        static const uint32_t words[2] = { 0x5A5ABEAEu, 0xA5A5DECEu };
        uint8_t seed[32];
        int rc = 0;

        for (size_t half = 0; half < 2 && rc == 0; half++) {
                for (size_t i = 0; i < sizeof seed; i += 4)
                        be32_put(seed + i, words[half]);
                rc = hmac(ctx, seed, sizeof seed, k->bytes + half * CRYPT_SHA256_LEN);
        }
        return rc;
}

static int hmac_by_key(void *ctx, const void *p, size_t n, uint8_t out[CRYPT_SHA256_LEN])
{
        return crypt_hmac_sha256(ctx, NVS_HMAC_KEY_LEN, p, n, out);
}

int nvs_keys_from_hmac(struct nvs_keys *k, const uint8_t hmac_key[NVS_HMAC_KEY_LEN])
{
        uint8_t key[NVS_HMAC_KEY_LEN];
        int rc;

        memcpy(key, hmac_key, sizeof key);
        rc = nvs_keys_from_hardware(k, hmac_by_key, key);
        wipe(key, sizeof key);
        return rc;
}

static bool page_has_header(const uint8_t *page)
{
        const uint32_t state = le32_get(page + NVS_HDR_STATE);

        return state != NVS_PAGE_EMPTY && state != NVS_PAGE_CORRUPT &&
               le32_get(page + NVS_HDR_CRC) ==
                       crc32_esp(page + NVS_HDR_SEQ, NVS_HDR_CRC - NVS_HDR_SEQ);
}

typedef int slot_fn(const struct crypt_xts *c, const uint8_t tweak[16], const uint8_t *in,
                    uint8_t *out, size_t n);

static int each_written_slot(uint8_t *image, size_t len, const struct crypt_xts *xts, slot_fn *fn)
{
        if (len % NVS_PAGE_SIZE)
                return -E_RANGE;
        for (size_t at = 0; at < len; at += NVS_PAGE_SIZE) {
                if (!page_has_header(image + at))
                        continue;
                for (unsigned i = 0; i < NVS_PAGE_ENTRIES; i++) {
                        const size_t slot = at + NVS_ENTRIES_AT + i * NVS_ENTRY_SIZE;
                        uint8_t tweak[16] = { 0 };
                        int rc;

                        if (nvs_slot_state(image + at + NVS_BITMAP_AT, i) != NVS_SLOT_WRITTEN)
                                continue;
                        le32_put(tweak, (uint32_t)slot);
                        rc = fn(xts, tweak, image + slot, image + slot, NVS_ENTRY_SIZE);
                        if (rc < 0)
                                return rc;
                }
        }
        return 0;
}

int nvs_image_encrypt(uint8_t *image, size_t len, const struct crypt_xts *xts)
{
        return each_written_slot(image, len, xts, crypt_xts_encrypt);
}

int nvs_image_decrypt(uint8_t *image, size_t len, const struct crypt_xts *xts)
{
        return each_written_slot(image, len, xts, crypt_xts_decrypt);
}
