/*
 * What a second-stage bootloader decides from flash: partition table, otadata with rollback, the
 * slot, the image in it. The order of attempts is that of bootloader_utility.c in ESP-IDF v5.5 with
 * CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE; only the number of tries may be another. Freestanding.
 */
#ifndef FMT_BOOTSEL_H
#define FMT_BOOTSEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/espimg_flash.h"
#include "fmt/otadata.h"
#include "fmt/ptable.h"

#define BOOTSEL_FACTORY (-1) /* of slot, as ESP-IDF counts */
#define BOOTSEL_TEST    (-2)
#define BOOTSEL_LINE    120u /* bytes of a line of the log with its NUL */

struct bootsel_config {
        const struct flash *flash; /* all of it; borrowed */
        uint32_t table_offset;     /* 0: PTABLE_OFFSET */
        uint16_t chip_id;
        bool no_rollback; /* states of otadata are left alone */
        /*
         * How often a new app is started before it must have confirmed itself: the next start after
         * that takes the one before it. 0 and 1: once, as ESP-IDF's bootloader. Up to
         * OTADATA_STARTS_MAX. More than one start forgives a cable pulled during the trial.
         */
        unsigned tries;
        bool need_hash; /* of app images: see espimg_flash.h */
        const struct secboot_trust *trust; /* the same */
        /* A line for the console, without its end; borrowed during the call. NULL: none wanted. */
        void (*say)(void *ctx, const char *line);
        void *ctx;
};

/* About 7.5 KiB: not on a small stack. */
struct bootsel {
        struct ptable table;
        const struct ptable_entry *app; /* into table */
        int slot;                       /* 0 … 15, BOOTSEL_FACTORY, BOOTSEL_TEST */
        struct espimg image;
        /* private: */
        const struct bootsel_config *cfg;
        bool blank; /* otadata says nothing and there is no factory app */
        uint8_t raw[PTABLE_LEN];
};

/* The table alone, into b->table. Errors of ptable_parse and of the flash. */
int bootsel_table(struct bootsel *b, const struct bootsel_config *cfg, struct diag *d);

/*
 * Choose and verify. On 0 app, slot and image say what to run. cfg is borrowed as long as b is
 * used.
 *
 * otadata is written where its states ask for it: pending-verify is counted (tries) or becomes
 * aborted, new becomes pending-verify, and a blank one without a factory app gets the record of the
 * slot that runs. A power cut at any of these writes leaves a flash that boots again.
 *
 * Errors: those of bootsel_table; -E_NOTFOUND: no app that can run; -E_IO of the flash.
 */
int bootsel_choose(struct bootsel *b, const struct bootsel_config *cfg, struct diag *d);

#endif
