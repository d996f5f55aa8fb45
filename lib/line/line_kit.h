/*
 * Everything that a line needs before its first board, loaded and proven: images in their places of
 * the partition table, compressed once; the factory data's maker; the list of serial numbers.
 */
#ifndef LINE_KIT_H
#define LINE_KIT_H

#include <stddef.h>
#include <stdint.h>

#include "fmt/ptable.h"
#include "host/flash_plan.h"
#include "line/line_factory.h"
#include "line/line_job.h"
#include "host/secure_profile.h"
#include "host/sha256.h"

#define LINE_PARTS_MAX (LINE_IMAGES_MAX + LINE_ERASE_MAX + 1)

/* One region of the flash that is the same on all units. */
struct line_part {
        const char *name; /* label of its partition, or its file's name; borrowed from the kit */
        uint32_t offset;
        struct blob data; /* blank ones are 0xff */
        bool blank;
        bool ciphered; /* under flash encryption the chip decrypts it */
        uint8_t sha256[SHA256_LEN];
};

struct line_kit {
        const struct line_job *job; /* borrowed */
        struct ptable table;
        struct line_part parts[LINE_PARTS_MAX];
        size_t part_count;
        struct flash_plan *plan; /* of all parts */
        uint32_t end;            /* of the last partition, bytes: what a flash must have */
        uint32_t factory_offset, factory_size; /* size 0: no factory data */
        bool factory_ciphered;                 /* as in line_part */
        struct line_maker *maker;              /* NULL: no factory data */
        struct label *label;                   /* NULL: none is printed */
        struct secure_profile *secure;         /* NULL: nothing is burnt */
        bool seals;                            /* the factory data are encrypted with NVS keys */
        uint32_t nvs_keys_offset;              /* of their partition; 0: none, they are derived */
        char **serials;                        /* of a list, in order; owned */
        size_t serial_count;
        unsigned rev_min, rev_max; /* of the job and of the images together */
        const char *approved;      /* line_kit_guard; NULL: nothing is compared */
};

/*
 * Load and prove: images are for this chip, whole, and fit their partitions, which fit every
 * allowed flash; the table's own rules; the factory data of a first unit can be made; the CA's key
 * opens. Every error goes to r with place and remedy. Returns 0 or the first; free in any case.
 */
int line_kit_open(struct line_kit *k, const struct line_job *job, struct report *r);
void line_kit_close(struct line_kit *k);

/*
 * From now on what is read again for each unit (images of a folder, files among the values, keys
 * whose digests are burnt) must be what was approved: line_lock_take's text, borrowed until close.
 */
void line_kit_guard(struct line_kit *k, const char *approved);

/*
 * What would be burnt into a fresh unit, a line at a time, as secure_plan_run says it. 0, also
 * where the job burns nothing; else why the profile cannot be carried out.
 */
int line_secure_foretell(const struct line_kit *k, void (*line)(void *ctx, const char *text),
                         void *ctx, struct diag *d);

/* The serial number of counter n. */
int line_serial_make(const struct line_job *job, uint64_t n, char out[65]);

#endif
