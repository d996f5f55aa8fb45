/*
 * Binary tables. Property: what is accepted is written again with the same meaning, and what the
 * text form can say comes back from it byte for byte (unknown flags and bytes behind a name's NUL
 * are all that may be lost).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/ptable.h"
#include "fmt/ptable_diff.h"
#include "fmt/ptable_lint.h"
#include "host/ptable_csv.h"

static void through_text(const struct ptable *t)
{
        static struct ptable_file again;
        const struct ptable_config cfg = { .no_verify = true, .no_md5 = !t->md5 };
        struct report r = { .limit = 1, .quiet_notes = true };
        struct blob text;
        uint64_t end = PTABLE_OFFSET + PTABLE_SECTOR;

        if (ptable_to_csv(t, NULL, &text, NULL) < 0)
                return;
        /* text holds rows in rising order only, and bootloaders only with their options */
        for (size_t i = 0; i < t->count; i++) {
                const struct ptable_entry *e = &t->entries[i];

                if (e->offset < end || e->type == PTABLE_BOOTLOADER || e->type == PTABLE_TABLE)
                        goto out;
                end = ptable_end(e);
        }
        if (t->count > PTABLE_MAX - (t->md5 ? 1u : 0u))
                goto out;
        if (ptable_load_mem(&again, "t", text.data, text.len, &cfg, &r) < 0)
                abort(); /* our own text is refused */
        if (again.table.count != t->count)
                abort();
        for (size_t i = 0; i < t->count; i++) {
                struct ptable_entry e = t->entries[i];

                e.flags &= PTABLE_FLAG_ENCRYPTED | PTABLE_FLAG_READONLY;
                if (memcmp(&e, &again.table.entries[i], sizeof e) != 0)
                        abort();
        }
out:
        blob_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct ptable t;
        static struct ptable again;
        static uint8_t out[PTABLE_LEN];
        const struct ptable_rules rules = { .flash_size = 0x400000, .usable = true };
        const struct ptable_lint_config lint = { .flash_size = 0x400000 };
        const struct ptable_diff_config diff = { 0 };
        unsigned changes;

        /* the MD5 sum would keep the fuzzer out: entries are tried without it first */
        if (ptable_parse(&t, data, size, false, NULL) < 0 &&
            ptable_parse(&t, data, size, true, NULL) < 0)
                return 0;
        if (t.count <= PTABLE_MAX - (t.md5 ? 1u : 0u)) {
                if (ptable_write(&t, out, sizeof out, NULL) < 0)
                        abort(); /* accepted what it cannot write */
                if (ptable_parse(&again, out, sizeof out, true, NULL) < 0 ||
                    again.count != t.count ||
                    memcmp(again.entries, t.entries, t.count * sizeof t.entries[0]) != 0)
                        abort();
        }
        ptable_verify(&t, &rules, NULL, NULL);
        ptable_lint(&t, &lint);
        if (ptable_verify(&t, &rules, NULL, NULL) == 0 &&
            (ptable_diff(&t, &t, &diff, &changes) != PTABLE_SAFE || changes != 0))
                abort(); /* a table differs from itself */
        through_text(&t);
        return 0;
}
