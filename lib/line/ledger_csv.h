/* Identities from CSV: values.csv of certgen, a manifest of nvsgen batch, or a list of one's own.
 */
#ifndef LINE_LEDGER_CSV_H
#define LINE_LEDGER_CSV_H

#include <stddef.h>

#include "base/diag.h"
#include "line/ledger.h"
#include "host/report.h"

/* Which column is which; NULL: the first there is of the usual names. */
struct ledger_csv_columns {
        const char *serial;      /* serial, serial_no, id, cn */
        const char *mac;         /* mac, mac_address */
        const char *cert_serial; /* cert_serial */
        const char *service;     /* service, service_name */
        const char *files;       /* files; or cert: its path without .crt and what is behind it */
        const char *factory;     /* factory, sha256 */
};

/* A name of the fields above ("serial", …): where its column is kept; NULL: none of them. */
const char **ledger_csv_column(struct ledger_csv_columns *c, const char *name);

struct ledger_csv {
        struct ledger_identity *rows;
        uint32_t *lines; /* of each row */
        size_t n;
        /* private: */
        size_t cap;
};

/*
 * Read a text; name is what messages call it. Only these columns are looked at: a proof of
 * possession or a key in another one is not. Checks what can be checked without a ledger: serial
 * numbers and MACs that are none, or there twice. All mistakes go to r. Returns 0 or the first;
 * ledger_csv_free in any case.
 */
int ledger_csv_read(const char *name, const char *text, size_t len,
                    const struct ledger_csv_columns *columns, struct ledger_csv *out,
                    struct report *r);
void ledger_csv_free(struct ledger_csv *c);

#endif
