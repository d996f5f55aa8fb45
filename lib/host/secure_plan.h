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

struct secure_options {
        bool dry_run; /* check and show; no key is made, nothing burnt */
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

/*
 * Errors: those of efuse_plan.h; -E_REFUSED also where a block has a key whose file is gone; -E_TYPE
 * (the profile is for another chip), -E_KEY (a key's file has the wrong size), -E_VERIFY (what was burnt
 * is not there at the end); those of the files. On failure d says at which step, and running it again
 * goes on there.
 */
int secure_plan_run(const struct secure_profile *p, struct efuse_dev *dev,
                    const struct secure_options *o, struct secure_result *res, struct diag *d);

/*
 * A chip in secure download mode: what it says of itself against the profile. 0: it looks as if it
 * were secured so; -E_VERIFY: it does not, d says where.
 */
int secure_plan_compare(const struct secure_profile *p, struct loader *l, struct diag *d);

#endif
