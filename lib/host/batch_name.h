/* The names of a batch's files: PREFIX-ID, or PREFIX-NUMBER-ID with --prefix_num, as mfg_gen.py
 * makes them. */
#ifndef HOST_BATCH_NAME_H
#define HOST_BATCH_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define BATCH_NAME_MAX 255u /* bytes of a file name with what stands before and behind the stem */
#define BATCH_STEM_CAP 240u /* of the stem with its NUL: "hmac-keys-" and ".bin" go around it */

struct batch_naming {
        const char *prefix;
        bool numbered; /* --prefix_num START LEN */
        uint64_t start;
        unsigned width;
};

/* A part of a name that is safe in every folder and on a memory card: not empty, no '/', '\', ':'
 * or control character, no "..", no leading or trailing dot or blank. what names it in d. */
int batch_name_check(const char *text, const char *what, struct diag *d);

/* The stem of device number i, from 0, with its id. -E_RANGE: longer than BATCH_STEM_CAP allows. */
int batch_stem_make(const struct batch_naming *n, uint64_t i, const char *id,
                    char out[BATCH_STEM_CAP], struct diag *d);

/* ASCII letters made small: two names that differ in case only are one file on other systems. */
void batch_fold_case(char *text);

#endif
