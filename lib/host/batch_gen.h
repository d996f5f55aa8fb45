/* Values that a batch makes itself: templates with a counter, and random text. */
#ifndef HOST_BATCH_GEN_H
#define HOST_BATCH_GEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define BATCH_RANDOM_MAX   256u /* characters of a random value */
#define BATCH_TEMPLATE_MAX 512u /* bytes of a template and of what it gives */

enum batch_gen_kind { BATCH_GEN_NONE, BATCH_GEN_TEMPLATE, BATCH_GEN_RANDOM };

struct batch_gen {
        enum batch_gen_kind kind;
        char *template; /* owned; with one %u, %d, %x or %X, a width and a leading 0 if wanted */
        const char *alphabet; /* of random values */
        unsigned length;      /* of random values, in characters */
};

/*
 * The alphabet of a name, or NULL: unambiguous (no 0 O o 1 l I 2 Z z 5 S s 8 B: 48 characters that
 * nobody misreads on a label), alnum, hex (lower case), digits.
 */
const char *batch_alphabet(const char *name);

/* Take text as a template. -E_SYNTAX: not exactly one conversion, or one that is not known; d says
 * which. */
int batch_template_set(struct batch_gen *g, const char *text, struct diag *d);

/* The template with counter in it: returns the length, -E_RANGE if it is longer than cap - 1. */
long batch_template_make(const struct batch_gen *g, uint64_t counter, char *out, size_t cap);

/* The counter that makes text. -E_NOTFOUND: none does. */
int batch_template_read(const struct batch_gen *g, const char *text, uint64_t *counter);

/* length random characters and a NUL, every character equally likely. -E_RANDOM. */
int batch_random_make(const struct batch_gen *g, char out[BATCH_RANDOM_MAX + 1]);

void batch_gen_free(struct batch_gen *g);

#endif
