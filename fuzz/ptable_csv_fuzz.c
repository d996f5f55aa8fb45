/*
 * Tables as text, and files of unknown kind. Property: what is accepted can be written and read as
 * a binary table, keeps every rule, and lies inside the flash where its size is known; what is
 * refused was said.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/ptable_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct ptable_file f;
        static struct ptable again;
        static uint8_t out[PTABLE_LEN];
        const struct ptable_config cfg = { .flash_size = 0x400000,
                                           .has_primary = true,
                                           .primary_offset = 0x1000,
                                           .has_recovery = true,
                                           .recovery_offset = 0x3F0000 };
        const struct ptable_rules rules = { .flash_size = 0x400000 };
        struct report r = { .limit = 1, .quiet_notes = true };

        r.errors = 1; /* count only: nothing is printed */
        if (ptable_load_mem(&f, "t", data, size, &cfg, &r) < 0) {
                if (r.errors < 2)
                        abort(); /* refused without a word */
                return 0;
        }
        if (r.errors != 1)
                abort(); /* accepted with an error */
        if (ptable_write(&f.table, out, sizeof out, NULL) < 0)
                return 0; /* 95 entries in a binary table whose sum is not there */
        if (ptable_parse(&again, out, sizeof out, true, NULL) < 0)
                abort();
        if (again.count != f.table.count ||
            memcmp(again.entries, f.table.entries, again.count * sizeof again.entries[0]) != 0)
                abort();
        if (ptable_verify(&again, &rules, NULL, NULL) < 0)
                abort();
        return 0;
}
