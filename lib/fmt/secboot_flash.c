#include "fmt/secboot_flash.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

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

static bool is_trusted(const struct secboot_trust *t, const uint8_t digest[SECBOOT_KEY_DIGEST])
{
        bool found = false;

        for (unsigned i = 0; i < SECBOOT_BLOCKS; i++)
                found |= t->usable >> i & 1 &&
                         bytes_equal_ct(t->digest[i], digest, SECBOOT_KEY_DIGEST);
        return found;
}

/* One block: 1 if it is a good signature of a trusted key, 0 and why if not. */
static int judge(const struct flash *f, uint32_t offset, uint32_t len, const uint8_t *block,
                 const struct secboot_trust *t, struct diag *why)
{
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
        if (!is_trusted(t, hash)) {
                diag_set(why, E_VERIFY, "signed by a key that this chip does not trust");
                return 0;
        }
        if ((rc = hash_flash(f, offset, len, s, hash)) < 0)
                return rc;
        return secboot_block_verify(block, hash, why) == 0;
}

int secboot_flash_verify(const struct flash *f, uint32_t offset, uint32_t len, uint32_t room,
                         const struct secboot_trust *trust, struct diag *d)
{
        const uint64_t padded = secboot_padded(len);
        struct diag why = { 0 };
        uint8_t block[SECBOOT_BLOCK];

        if (padded + SECBOOT_SECTOR > room)
                return diag_set(d, E_VERIFY, "not signed: no room for a signature behind it");
        for (uint32_t i = 0; i < SECBOOT_BLOCKS; i++) {
                struct diag one = { 0 };
                int rc = flash_read(f, offset + (uint32_t)padded + i * SECBOOT_BLOCK, block,
                                    sizeof block);

                if (rc == 0)
                        rc = judge(f, offset, (uint32_t)padded, block, trust, &one);
                if (rc < 0)
                        return diag_set(d, -rc, "the signature cannot be read");
                if (rc > 0)
                        return 0;
                if (one.code != E_NOTFOUND)
                        diag_set(&why, E_VERIFY, "%s", diag_text(&one));
        }
        return diag_set(d, E_VERIFY, "%s", why.code ? diag_text(&why) : "not signed");
}
