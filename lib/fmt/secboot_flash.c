#include "fmt/secboot_flash.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/secboot_v1.h"

#define PIECE 512u

static int hash_flash(const struct flash *f, uint32_t offset, uint32_t len, enum secboot_scheme s,
                      uint8_t out[SECBOOT_HASH_MAX])
{
        struct secboot_hash h;
        uint8_t buf[PIECE];
        int rc = secboot_hash_init(&h, s);

        for (uint32_t n; len && rc == 0; len -= n, offset += n) {
                n = len < PIECE ? len : PIECE;
                if ((rc = flash_read(f, offset, buf, n)) == 0)
                        rc = secboot_hash_update(&h, buf, n);
        }
        if (rc == 0)
                return secboot_hash_finish(&h, out);
        secboot_hash_free(&h);
        return rc;
}

/* A bit for each usable digest that is this one. */
static uint8_t trusted_as(const struct secboot_trust *t, const uint8_t digest[SECBOOT_KEY_DIGEST])
{
        uint8_t bits = 0;

        for (unsigned i = 0; i < SECBOOT_BLOCKS; i++)
                if (t->usable >> i & 1 && bytes_equal_ct(t->digest[i], digest, SECBOOT_KEY_DIGEST))
                        bits |= (uint8_t)(1u << i);
        return bits;
}

struct place {
        const struct flash *f;
        uint32_t offset, len; /* of what is signed */
};

/* One block: 1 if it is a good signature of a trusted key, 0 and why if not. */
static int judge(const struct place *p, const uint8_t *block, const struct secboot_trust *t,
                 uint8_t *broken, struct diag *why)
{
        uint8_t bits;
        uint8_t hash[SECBOOT_HASH_MAX];
        enum secboot_scheme s;
        int rc = secboot_block_read(block, &s, why);

        if (rc < 0)
                return 0;
        if (!(t->schemes >> s & 1)) {
                diag_set(why, E_VERIFY, "signed with %s, which this chip cannot verify",
                         secboot_scheme_name(s));
                return 0;
        }
        if ((rc = secboot_block_key_digest(block, hash)) < 0)
                return rc;
        bits = trusted_as(t, hash);
        if (!bits) {
                diag_set(why, E_VERIFY, "signed by a key that this chip does not trust");
                return 0;
        }
        if ((rc = hash_flash(p->f, p->offset, p->len, s, hash)) < 0)
                return rc;
        if (secboot_block_verify(block, hash, why) == 0)
                return 1;
        if (!memcmp(block + SECBOOT_AT_DIGEST, hash, secboot_hash_len(s)))
                *broken |= bits;
        return 0;
}

int secboot_flash_verify(const struct flash *f, uint32_t offset, uint32_t len, uint32_t room,
                         const struct secboot_trust *trust, uint8_t *broken, struct diag *d)
{
        const uint64_t padded = secboot_padded(len);
        const struct place p = { f, offset, (uint32_t)padded };
        uint8_t bits = 0;
        struct diag why = { 0 };
        uint8_t block[SECBOOT_BLOCK];

        if (broken)
                *broken = 0;
        if (trust->v1)
                return trust->v1_key
                               ? secboot_v1_app_verify(f, offset, len, room, trust->v1_key, d)
                               : diag_set(d, E_VERIFY, "this firmware has no key to verify with");
        if (padded + SECBOOT_SECTOR > room)
                return diag_set(d, E_VERIFY, "not signed: no room for a signature behind it");
        for (uint32_t i = 0; i < SECBOOT_BLOCKS; i++) {
                struct diag one = { 0 };
                int rc = flash_read(f, offset + (uint32_t)padded + i * SECBOOT_BLOCK, block,
                                    sizeof block);

                if (rc == 0)
                        rc = judge(&p, block, trust, broken ? broken : &bits, &one);
                if (rc < 0)
                        return diag_set(d, -rc, "the signature cannot be read");
                if (rc > 0)
                        return 0;
                if (one.code != E_NOTFOUND)
                        diag_set(&why, E_VERIFY, "%s", diag_text(&one));
        }
        return diag_set(d, E_VERIFY, "%s", why.code ? diag_text(&why) : "not signed");
}
