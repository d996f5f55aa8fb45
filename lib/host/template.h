/* Templates of file names, labels and data: "outlet-{serial}.bin" with what is known of a unit. */
#ifndef HOST_TEMPLATE_H
#define HOST_TEMPLATE_H

#include <stddef.h>

#include "base/diag.h"

struct template_var {
        const char *name; /* NULL ends the list */
        const char *text; /* NULL: not known; using it is an error */
        size_t len;       /* bytes of text; 0: as long as it is */
};

/*
 * Every {name} replaced; {{ is a brace. Returned in *out with a NUL behind it: free (wipe it first
 * if it may hold a secret); *len (may be NULL) counts its bytes. -E_SYNTAX: a name that vars does
 * not have (d lists them), a brace without its other; -E_NOTFOUND: text NULL; -E_NOMEM.
 */
int template_fill(const char *template, const struct template_var *vars, char **out, size_t *len,
                  struct diag *d);

#endif
