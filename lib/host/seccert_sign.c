/* seccert_set.h: the signature entry, a block of secure boot version 2 in other clothes. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "fmt/secboot_wire.h"
#include "host/seccert_parts.h"
#include "host/secboot_sign.h"

/*
 * An entry: 01 000000 | u32 from | u32 bytes signed | u8 scheme | 000000 | RSA: the whole block;
 * ECDSA: curve, X, Y, r, s of it. Source: esp_secure_cert_mgr (git 2296511),
 * tlv_format_construct.py.
 */
#define SIGN_HEADER  16u
#define SIGN_AT_LEN  8u
#define SIGN_AT_ALGO 12u

/* The part of a block that an entry has. */
static const struct part {
        uint8_t algorithm, sha;
        uint16_t at, len;
} parts[SECBOOT_SCHEMES] = {
        [SECBOOT_RSA3072] = { 0, 0, 0, SECBOOT_BLOCK },
        [SECBOOT_P192] = { 1, 0, SECBOOT_EC_AT_CURVE, 1 + 2 * SECBOOT_EC_AREA },
        [SECBOOT_P256] = { 2, 0, SECBOOT_EC_AT_CURVE, 1 + 2 * SECBOOT_EC_AREA },
        [SECBOOT_P384] = { 3, 1, SECBOOT_EC384_AT_CURVE, 1 + 2 * SECBOOT_EC384_AREA },
};

int seccert_put_signature(struct seccert_writer *w, EVP_PKEY *key, struct diag *d)
{
        const struct blob image = { w->buf, w->len };
        const struct secboot_order order = { .keys = &key, .count = 1, .no_padding = true };
        uint8_t data[SIGN_HEADER + SECBOOT_BLOCK] = { 1 };
        struct secboot_key public;
        struct blob out = { 0 };
        const struct part *p;
        unsigned n;
        int rc = secboot_key_of(key, &public, d);

        if (rc == 0)
                rc = secboot_sign(&image, &order, &out, &n, d);
        if (rc == 0) {
                p = &parts[public.scheme];
                le32_put(data + SIGN_AT_LEN, (uint32_t)w->len);
                data[SIGN_AT_ALGO] = p->algorithm;
                memcpy(data + SIGN_HEADER, out.data + w->len + p->at, p->len);
                rc = seccert_add(w, 0, SECCERT_SIGNATURE, 0, data, SIGN_HEADER + (size_t)p->len, d);
        }
        blob_free(&out);
        return rc;
}

/* The block that an entry was made of; CRC and all that is not in the entry are computed. */
static int block_of(const struct seccert_entry *e, const uint8_t *hash, size_t hash_len,
                    const struct part *p, uint8_t block[SECBOOT_BLOCK])
{
        if (e->len != SIGN_HEADER + (size_t)p->len)
                return -E_FORMAT;
        memset(block, 0, SECBOOT_BLOCK);
        memcpy(block + p->at, e->data + SIGN_HEADER, p->len);
        if (p->len == SECBOOT_BLOCK)
                return 0;
        block[0] = SECBOOT_MAGIC;
        block[SECBOOT_AT_FORM] = SECBOOT_FORM_EC;
        block[SECBOOT_AT_SHA] = p->sha;
        memcpy(block + SECBOOT_AT_DIGEST, hash, hash_len);
        le32_put(block + SECBOOT_AT_CRC, crc32_le(0, block, SECBOOT_AT_CRC));
        return 0;
}

int seccert_verify_signature(const uint8_t *image, const struct seccert_entry *e,
                             struct seccert_signature *s, struct diag *d)
{
        const uint32_t n = e->len >= SIGN_HEADER ? le32_get(e->data + SIGN_AT_LEN) : 0;
        const unsigned algorithm = e->len >= SIGN_HEADER ? e->data[SIGN_AT_ALGO] : UINT8_MAX;
        uint8_t block[SECBOOT_BLOCK], hash[SECBOOT_HASH_MAX];
        struct secboot_hash h;
        unsigned k = 0;
        int rc;

        while (k < SECBOOT_SCHEMES && parts[k].algorithm != algorithm)
                k++;
        /* what is signed ends where the entry begins */
        if (k == SECBOOT_SCHEMES || n != e->offset || le32_get(e->data + 4) != 0)
                return diag_off(d, E_FORMAT, e->offset, "the signature entry is none that we know");
        s->scheme = (enum secboot_scheme)k;
        rc = secboot_hash_init(&h, s->scheme);
        if (rc == 0)
                rc = secboot_hash_update(&h, image, n);
        if (rc == 0)
                rc = secboot_hash_finish(&h, hash);
        secboot_hash_free(&h);
        if (rc == 0)
                rc = block_of(e, hash, secboot_hash_len(s->scheme), &parts[k], block);
        if (rc == 0)
                rc = secboot_block_read(block, &s->scheme, d);
        if (rc == 0)
                rc = secboot_block_verify(block, hash, d);
        if (rc == 0)
                rc = secboot_block_key_digest(block, s->key_digest);
        return rc < 0 ? diag_off(d, rc == -E_VERIFY ? E_VERIFY : E_FORMAT, e->offset,
                                 "the signature is not good")
                      : 0;
}
