/* A CSV with a row a device, checked as a whole before anything is made of it. */
#ifndef HOST_CERT_LIST_H
#define HOST_CERT_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/cert_batch.h"
#include "host/report.h"

struct device_list;

/*
 * Load and check: a header with the column of the common name (column; NULL: "cn" or "serial_no"),
 * in every row as many fields as in the header, good names, none twice. All errors are reported to
 * r with file:line:column. Returns 0 or the first. Free with device_list_free.
 */
int device_list_load(const char *path, const char *column, struct device_list **out,
                     struct report *r);
void device_list_free(struct device_list *list);

uint64_t device_list_count(const struct device_list *list);
/* Names of the other columns; borrowed from list. */
const char *const *device_list_extra(const struct device_list *list, size_t *count);

/* Every device in order into a batch. */
int device_list_each(struct device_list *list, struct cert_batch *b, struct diag *d);

#endif
