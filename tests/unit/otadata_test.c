/* otadata against otatool's images (tests/golden/ota) and the bootloader's choice (its derived/).
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "fmt/otadata.h"
#include "host/file.h"
#include "host/ptable_csv.h"

#define GOLDEN "tests/golden/ota"

static struct blob load(const char *dir, const char *name)
{
        struct diag d = { 0 };
        struct blob b = { 0 };
        char path[1024];

        snprintf(path, sizeof path, "%s/%s", dir, name);
        if (file_load(path, FILE_LIMIT_IMAGE, &b, &d) < 0)
                fail_msg("%s", diag_text(&d));
        return b;
}

/* What the tool's command line asks for, done by us; 0 or -E_XXX. */
static int perform(const char *dir, const char *cmd, uint8_t *image, size_t n)
{
        static struct ptable_file f;
        const struct ptable_config cfg = { .no_verify = true };
        struct report r = { .quiet_notes = true };
        const struct ptable_entry *e = NULL;
        const char *slot = strstr(cmd, "--slot ");
        const char *name = strstr(cmd, "--name ");
        char path[1024];
        char label[32];
        unsigned slots;

        snprintf(path, sizeof path, "%s/in/partitions.csv", dir);
        if (ptable_load(&f, path, &cfg, &r) < 0)
                fail_msg("%s cannot be read", path);
        if (!ptable_find_type(&f.table, PTABLE_DATA, PTABLE_DATA_OTA, NULL))
                return -E_NOTFOUND;
        slots = ptable_slots(&f.table);
        if (strstr(cmd, "erase_otadata"))
                memset(image, 0xFF, n);
        if (slot)
                return otadata_switch(image, n, (unsigned)strtoul(slot + 7, NULL, 10), slots, NULL,
                                      NULL);
        if (name && sscanf(name, "--name %31s", label) == 1)
                e = ptable_find(&f.table, label);
        if (name && (!e || !ptable_is_slot(e)))
                return -E_NOTFOUND;
        return name ? otadata_switch(image, n, e->subtype - PTABLE_APP_OTA_0, slots, NULL, NULL)
                    : 0;
}

static void one_case(const char *dir)
{
        struct blob cmd = load(dir, "cmd");
        struct blob image = load(dir, "in/otadata.bin");
        struct blob want = load(dir, "expected/otadata.bin");
        struct blob rc = load(dir, "rc");
        const int got = perform(dir, (const char *)cmd.data, image.data, image.len);

        if ((got < 0) != (atoi((const char *)rc.data) != 0))
                fail_msg("%s: we say %d, the tool %s", dir, got, (const char *)rc.data);
        assert_int_equal(image.len, want.len);
        if (memcmp(image.data, want.data, want.len) != 0)
                fail_msg("%s: other bytes", dir);
        blob_free(&cmd);
        blob_free(&image);
        blob_free(&want);
        blob_free(&rc);
}

static void test_otatool(void **state)
{
        struct dirent **names;
        const int count = scandir(GOLDEN, &names, NULL, alphasort);
        unsigned done = 0;

        (void)state;
        for (int i = 0; i < count; i++) {
                char dir[512];

                snprintf(dir, sizeof dir, GOLDEN "/%s", names[i]->d_name);
                /* 064: v5.5.5 ignores its own --partition-table-file; no rule of otadata */
                if (names[i]->d_name[0] >= '0' && names[i]->d_name[0] <= '9' &&
                    strncmp(names[i]->d_name, "064", 3) != 0) {
                        one_case(dir);
                        done++;
                }
                free(names[i]);
        }
        free(names);
        assert_true(done > 40);
}

static void test_bootloader(void **state)
{
        struct blob table = load(GOLDEN, "derived/expect.tsv");
        unsigned done = 0;

        (void)state;
        for (char *save = NULL, *line = strtok_r((char *)table.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char name[128];
                char file[160];
                char slot[32];
                unsigned slots;
                int active;
                struct otadata o;
                struct blob image;

                if (sscanf(line, "%127s %u %d %31s", name, &slots, &active, slot) != 4)
                        continue;
                snprintf(file, sizeof file, "derived/%s.bin", name);
                image = load(GOLDEN, file);
                assert_int_equal(otadata_parse(&o, image.data, image.len, NULL), 0);
                if (otadata_active(&o) != active)
                        fail_msg("%s: copy %d, expected %d", name, otadata_active(&o), active);
                if (otadata_slot(&o, slots) != (active < 0 ? -1 : atoi(slot)))
                        fail_msg("%s: slot %d, expected %s", name, otadata_slot(&o, slots), slot);
                blob_free(&image);
                done++;
        }
        blob_free(&table);
        assert_true(done > 25);
}

static void put(uint8_t *p, uint32_t seq, uint32_t state)
{
        le32_put(p + OTADATA_AT_SEQ, seq);
        le32_put(p + OTADATA_AT_STATE, state);
        le32_put(p + OTADATA_AT_CRC, crc32_esp(p, 4));
}

/* Whatever was there, the slot that was asked for boots next, and only one sector has changed. */
static void test_switch_boots(void **state)
{
        static const uint32_t seqs[] = { OTADATA_NONE, 0, 1, 2, 3, 16, 17, 0x7FFFFFFF };
        static const uint32_t states[] = { OTADATA_UNDEFINED, 0, 1, 2, 3, 4 };
        static uint8_t before[OTADATA_LEN];
        static uint8_t image[OTADATA_LEN];

        (void)state;
        for (unsigned i = 0; i < 8 * 8 * 6 * 6; i++) {
                for (unsigned slots = 1; slots <= 16; slots += 3) {
                        const unsigned slot = i % slots;
                        struct otadata o;
                        unsigned copy = 9;

                        memset(before, 0xFF, sizeof before);
                        put(before, seqs[i % 8], states[i / 64 % 6]);
                        put(before + OTADATA_COPY, seqs[i / 8 % 8], states[i / 384]);
                        memcpy(image, before, sizeof image);
                        assert_int_equal(
                                otadata_switch(image, sizeof image, slot, slots, &copy, NULL), 0);
                        assert_true(copy < 2);
                        assert_memory_equal(image + (1 - copy) * OTADATA_COPY,
                                            before + (1 - copy) * OTADATA_COPY, OTADATA_COPY);
                        assert_int_equal(otadata_parse(&o, image, sizeof image, NULL), 0);
                        assert_int_equal(otadata_slot(&o, slots), slot);
                }
        }
}

static void test_limits(void **state)
{
        static uint8_t image[OTADATA_LEN];
        struct otadata o;
        struct diag d = { 0 };

        (void)state;
        memset(image, 0xFF, sizeof image);
        for (size_t n = 0; n < OTADATA_LEN; n += 97)
                assert_int_equal(otadata_parse(&o, image, n, NULL), -E_TRUNC);
        assert_int_equal(otadata_switch(image, sizeof image, 2, 2, NULL, NULL), -E_RANGE);
        assert_int_equal(otadata_switch(image, sizeof image, 0, 0, NULL, NULL), -E_RANGE);
        assert_int_equal(otadata_switch(image, sizeof image, 0, 17, NULL, NULL), -E_RANGE);
        assert_true(bytes_all(image, sizeof image, 0xFF));
        put(image, 0xFFFFFFFE, OTADATA_VALID);
        assert_int_equal(otadata_switch(image, sizeof image, 0, 2, NULL, &d), -E_RANGE);
        assert_non_null(strstr(d.text, "used up"));
        /* a damaged checksum: as if the copy were not there */
        put(image, 2, OTADATA_VALID);
        assert_int_equal(otadata_parse(&o, image, sizeof image, NULL), 0);
        assert_int_equal(otadata_slot(&o, 2), 1);
        image[OTADATA_AT_CRC] ^= 1;
        assert_int_equal(otadata_parse(&o, image, sizeof image, NULL), 0);
        assert_int_equal(otadata_slot(&o, 2), -1);
        assert_string_equal(otadata_state_name(OTADATA_ABORTED), "ABORTED");
        assert_string_equal(otadata_state_name(77), "unknown");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_otatool),
                cmocka_unit_test(test_bootloader),
                cmocka_unit_test(test_switch_boots),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
