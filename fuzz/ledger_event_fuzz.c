/* An event's text that is taken is the only spelling of what it says, and its content writes it
 * again. */
#include <stdlib.h>
#include <string.h>

#include "line/ledger_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct ledger_record r, back;
        struct cJSON *keep, *keep2;
        struct ledger_unit u = { 0 };
        char *text = malloc(len + 1);
        char *again;

        if (!text)
                abort();
        memcpy(text, data, len);
        text[len] = 0;
        if (ledger_record_parse(text, &r, &keep) == 0) {
                again = ledger_record_text(&r);
                if (!again || strcmp(again, text) != 0)
                        abort();
                if (ledger_record_parse(again, &back, &keep2) < 0 || back.seq != r.seq ||
                    back.set_count != r.set_count || strcmp(back.note, r.note) != 0)
                        abort();
                /* what it sets fits its column or is refused */
                for (size_t i = 0; i < r.set_count; i++)
                        for (size_t k = 0; k < ledger_column_count; k++)
                                if (strcmp(ledger_columns[k].name, r.set[i].name) == 0 &&
                                    ledger_column_set(&u, &ledger_columns[k], r.set[i].value) ==
                                            0 &&
                                    ledger_columns[k].kind == LEDGER_TEXT &&
                                    strlen((const char *)&u + ledger_columns[k].offset) >=
                                            ledger_columns[k].size)
                                        abort();
                free(again);
                ledger_record_free(keep2);
                ledger_record_free(keep);
        }
        free(text);
        return 0;
}
