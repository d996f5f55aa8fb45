/* Identities that an import takes have serial numbers and MACs that the ledger takes, none of them
 * twice. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "line/ledger_csv.h"
#include "line/ledger_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        const struct ledger_csv_columns usual = { 0 };
        struct report quiet = { .errors = REPORT_LIMIT,
                                .first_code = E_SYNTAX,
                                .quiet_notes = true };
        struct ledger_csv c;
        char *text = malloc(len + 1);

        if (!text)
                abort();
        memcpy(text, data, len);
        text[len] = 0;
        if (ledger_csv_read("fuzz", text, len, &usual, &c, &quiet) == 0) {
                for (size_t i = 0; i < c.n; i++) {
                        char mac[LEDGER_MAC_LEN];

                        if (!c.rows[i].serial || ledger_serial_check(c.rows[i].serial, NULL) < 0)
                                abort();
                        if (c.rows[i].mac && *c.rows[i].mac && ledger_mac(c.rows[i].mac, mac) < 0)
                                abort();
                        for (size_t k = 0; k < i && i < 64; k++)
                                if (strcmp(c.rows[k].serial, c.rows[i].serial) == 0)
                                        abort();
                }
        }
        ledger_csv_free(&c);
        free(text);
        return 0;
}
