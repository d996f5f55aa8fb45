/* Product rules for partition tables: what is legal and will still hurt in the field. Freestanding.
 */
#ifndef FMT_PTABLE_LINT_H
#define FMT_PTABLE_LINT_H

#include "fmt/ptable.h"

enum ptable_severity { PTABLE_ADVICE, PTABLE_WARNING, PTABLE_ERROR };

/* A rule; its id never changes its meaning. */
struct ptable_lint_rule {
        const char *id;   /* "P001" */
        const char *name; /* "no-app" */
        enum ptable_severity severity;
        const char *reason; /* why it matters */
        const char *fix;    /* what to do */
};

/* All rules in the order of their ids; *count gets their number. */
const struct ptable_lint_rule *ptable_lint_rules(size_t *count);

struct ptable_lint_finding {
        const struct ptable_lint_rule *rule;
        int entry; /* index, or -1: the table as a whole */
        enum ptable_field field;
        char text[DIAG_TEXT_MAX]; /* what was found */
};

struct ptable_lint_config {
        uint32_t table_offset; /* 0: PTABLE_OFFSET */
        uint64_t flash_size;   /* bytes; 0: unknown, its rule is left out */
        bool encrypted;        /* the product uses flash encryption */
        void (*found)(void *ctx, const struct ptable_lint_finding *f);
        void *ctx;
};

/* Judge a table that ptable_verify accepted. Returns the number of findings. */
unsigned ptable_lint(const struct ptable *t, const struct ptable_lint_config *cfg);

#endif
