/*
 * A batch of NVS images: one configuration, one row of values a device. Takes mfg_gen.py's files
 * (ESP-IDF v5.5.5, tools/mass_mfg) and makes the same tree of names and bytes:
 * OUTDIR/bin/STEM.bin, OUTDIR/csv/STEM.csv, OUTDIR/keys/keys-STEM.bin. fctry-batch(5) has the
 * files.
 *
 * All is checked before the first byte is written. The values are read twice and never held whole:
 * memory does not grow with the number of devices but for 16 bytes a value of each unique column
 * and of --fileid. Running it again finishes what was interrupted.
 */
#ifndef HOST_BATCH_H
#define HOST_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fmt/nvs_crypt.h"
#include "host/batch_name.h"
#include "host/report.h"

enum batch_encryption {
        BATCH_PLAIN,
        BATCH_SHARED_KEY,    /* shared encrypts all images; no key file is written */
        BATCH_KEY_EACH,      /* a fresh key a device */
        BATCH_HMAC_KEY_EACH, /* a fresh eFuse HMAC key a device, and the key derived from it */
        BATCH_HMAC_SHARED /* shared came from one HMAC key; each device gets a copy of the key file
                           */
};

struct batch_config {
        const char *conf, *values; /* paths */
        const char *outdir;        /* made if it does not exist */
        const char *fileid;        /* NULL: the device's number from 1 */
        struct batch_naming naming;
        uint64_t counter; /* of the first device's template */
        size_t size;      /* of the partition, in bytes */
        unsigned version; /* 1 or 2 */
        bool legacy_layout;
        enum batch_encryption encryption;
        struct nvs_keys shared; /* wiped by the caller */
        bool no_csv;
        bool force;    /* replace files that this batch did not make */
        bool dry_run;  /* check only */
        bool no_sync;  /* leave it to the system when the images reach the disk (for measuring) */
        unsigned jobs; /* threads; 0: one a processor */
};

struct batch_totals {
        uint64_t devices; /* checked */
        uint64_t made, kept, replaced;
        uint64_t issued;                    /* devices that got new values now */
        size_t entries_used, entries_total; /* of the fullest image */
        size_t size_needed;                 /* bytes: the smallest partition for all of them */
};

/*
 * Returns 0 or -E_XXX; errors went to r (-E_CANCELLED: totals say how far it came).
 */
int batch_run(const struct batch_config *cfg, struct batch_totals *totals, struct report *r);

#endif
