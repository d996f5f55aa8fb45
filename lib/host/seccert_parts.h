/* Between the sources of seccert_set.h: seccert_set.c, seccert_csv.c. */
#ifndef HOST_SECCERT_PARTS_H
#define HOST_SECCERT_PARTS_H

#include "host/seccert_set.h"

/* Takes item->data; file and what key points to are copied. Errors go to r. */
int seccert_set_add(struct seccert_set *s, struct seccert_item *item, struct report *r);

/* The signature entry over all that was written; key is private. */
int seccert_put_signature(struct seccert_writer *w, EVP_PKEY *key, struct diag *d);

#endif
