/*
 * A unit secured as its profile says: keys, flash encryption, secure boot, locks, download mode, in
 * that order; all checked and shown before the first burn, each step verified before the next,
 * resumable after a power cut anywhere.
 */
#ifndef HOST_SECURE_PLAN_H
#define HOST_SECURE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/efuse_dev.h"
#include "host/secure_profile.h"

#define SECURE_KEY_MAX 64u /* bytes */

struct secure_options {
        bool dry_run; /* check and show; no key is made, nothing burnt */
        /* Everything but the burn that closes the chip, and what has to wait for the bootloader's
         * first start: for who wants to see it run first. The same again without this does the
         * rest. */
        bool keep_open;
        /* What will be done, a line at a time; NULL: nobody looks. */
        void (*line)(void *ctx, const char *text);
        /* Asked once, behind the lines and before anything is made or burnt; 0: go on, else the run
         * ends with that. NULL: go on. */
        int (*confirm)(void *ctx);
        /* Behind each step that had something to burn: for a ledger. 0, or a code that ends the
         * run. */
        int (*done)(void *ctx, const char *step);
        /* Before the burn that closes the chip, with the digest that its eFuses will have: behind
         * it nobody can read them. 0, or a code that ends the run. NULL: nobody asks. */
        int (*closing)(void *ctx, const uint8_t digest[32]);
        void *ctx;
};

struct secure_result {
        unsigned steps; /* that the profile has */
        unsigned burnt; /* that had something to burn */
        bool made_flash_key, made_nvs_key;
        bool closed;    /* the chip answers no more, or only as secure download mode does */
        bool confirmed; /* … and said so */
        uint8_t mac[6];
        uint8_t digest[32]; /* efuse_dev_digest, for the ledger; also of a unit that was done
                               already */
};

/* Does the recipe end with a burn that closes the chip to readers? */
static inline bool secure_plan_closes(const struct secure_profile *p)
{
        return p->download != SECURE_DOWNLOAD_KEEP;
}

/* Is anything left behind a run with keep_open? */
static inline bool secure_plan_waits(const struct secure_profile *p)
{
        return secure_plan_closes(p) || p->flash_by_boot;
}

/* The unit's own keys: what its flash is encrypted with, and its HMAC key for NVS. */
struct secure_keys {
        uint8_t flash[SECURE_KEY_MAX], nvs[SECURE_KEY_MAX];
        size_t flash_len, nvs_len; /* 0: the profile has none */
};

/*
 * Read them from their files, or make them where the profile says so: then they are on disk when
 * this returns. Nothing is burnt. secure_plan_run finds the same ones. Errors as there.
 */
int secure_plan_keys(const struct secure_profile *p, struct efuse_dev *dev, struct secure_keys *k,
                     struct diag *d);
void secure_keys_wipe(struct secure_keys *k);

/* The file of a key (p->flash, p->nvs) of the unit with this address. *path is returned: free;
 * NULL where the profile has no such key. */
int secure_key_path(const struct secure_key *k, const uint8_t mac[6], char **path, struct diag *d);

/*
 * Errors: those of efuse_plan.h; -E_REFUSED also where a block has a key whose file is gone;
 * -E_TYPE (the profile is for another chip), -E_KEY (a key's file has the wrong size), -E_VERIFY
 * (what was burnt is not there at the end); those of the files. On failure d says at which step,
 * and running it again goes on there.
 */
int secure_plan_run(const struct secure_profile *p, struct efuse_dev *dev,
                    const struct secure_options *o, struct secure_result *res, struct diag *d);

/*
 * A chip in secure download mode: what it says of itself against the profile. 0: it looks as if it
 * were secured so; -E_VERIFY: it does not, d says where.
 */
int secure_plan_compare(const struct secure_profile *p, struct loader *l, struct diag *d);

#endif
