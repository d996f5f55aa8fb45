/*
 * What is to be written to a flash: images cut into pieces, compressed and digested once, however
 * many units get them.
 */
#ifndef HOST_FLASH_PLAN_H
#define HOST_FLASH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/loader.h"

struct flash_image {
        const char *name;    /* for messages: "bootloader.bin" */
        uint32_t offset;     /* a multiple of 4096 */
        const uint8_t *data; /* borrowed until flash_plan_free */
        size_t len;
        bool encrypted;     /* the chip encrypts it while writing */
        const uint8_t *old; /* what the flash is believed to hold: only sectors that differ are
                               written; NULL: unknown */
        size_t old_len;
};

struct flash_options {
        bool plain;     /* do not compress */
        bool always;    /* write although the flash holds it already */
        bool trust_old; /* do not verify that old was really there */
        bool no_verify;
};

struct flash_stats {
        uint64_t bytes;   /* of images */
        uint64_t written; /* of these, sent or erased */
        uint64_t wire;    /* bytes over the link in both directions */
        uint32_t images_skipped;
        uint32_t images_unverified; /* the chip cannot tell (encrypted, secure download, ESP8266),
                                       or must not be asked */
        uint32_t images_done; /* written and verified (or skipped); what a following run need not do
                                 again */
        double seconds;
};

struct flash_plan; /* opaque; read-only after it is made: several threads may program from one */

/* Errors: -E_RANGE (unaligned), -E_EXISTS (two images share a sector: both named), -E_NOMEM. */
int flash_plan_new(const struct flash_image *images, size_t n, const struct flash_options *opt,
                   struct flash_plan **out, struct diag *d);
void flash_plan_free(struct flash_plan *p);

/* The end of the last image, bytes. */
uint32_t flash_plan_end(const struct flash_plan *p);

/*
 * Write it all, verify each image by MD5. The flash is attached (loader_flash_attach). On failure d
 * says which image was being written and what state that leaves the flash in. Errors: those of the
 * loader, -E_VERIFY.
 */
int flash_plan_run(const struct flash_plan *p, struct loader *l, struct flash_stats *stats,
                   struct diag *d);

/* Compare only: 0 if the flash holds every image, else -E_VERIFY with the first that differs. */
int flash_plan_verify(const struct flash_plan *p, struct loader *l, struct diag *d);

#endif
