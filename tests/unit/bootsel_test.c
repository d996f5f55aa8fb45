/* The bootloader's choice: states, fallbacks, damage, and power cuts at every write of otadata. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "fmt/bootsel.h"
#include "fmt/flashenc.h"
#include "fmt/otadata_flash.h"
#include "host/file.h"
#include "sim/nor.h"

#define FLASH   0x40000u
#define OTADATA 0xE000u
#define APP_LEN 0x3000u
#define CHIP    5u
#define NOTHING (-100) /* no app can run */

/* Where the apps lie: factory, ota_0 … ota_2, test. */
static const uint32_t app_at[] = { 0x10000, 0x14000, 0x18000, 0x1C000, 0x20000 };

struct bench {
        uint8_t mem[FLASH];
        struct nor nor;
        struct bootsel_config cfg;
        struct bootsel b;
};
static struct bench bench;

static struct ptable_entry entry(uint8_t type, uint8_t subtype, uint32_t offset, uint32_t size)
{
        struct ptable_entry e = { type, subtype, offset, size, 0, "" };

        snprintf(e.name, sizeof e.name, "p%x", (unsigned)offset);
        return e;
}

/* A small image with everything that is verified. Returns its length. */
static size_t put_image(uint8_t *p, uint16_t chip, bool hash)
{
        struct espimg_header h = { .count = 2, .mode = 2, .chip_id = chip, .hash_appended = hash };
        size_t at = ESPIMG_HEADER + ESPIMG_EXT;
        uint8_t sum = ESPIMG_CHECKSUM_SEED;
        const uint32_t sizes[2] = { 700, 24 };

        espimg_header_write(&h, true, p);
        for (unsigned s = 0; s < 2; s++) {
                le32_put(p + at, 0x3C000020);
                le32_put(p + at + 4, sizes[s]);
                at += ESPIMG_SEGMENT;
                for (uint32_t i = 0; i < sizes[s]; i++)
                        p[at + i] = (uint8_t)(i * 7 + s);
                sum = espimg_checksum(sum, p + at, sizes[s]);
                at += sizes[s];
        }
        memset(p + at, 0, 16);
        at |= 15;
        p[at++] = sum;
        if (!hash)
                return at;
        assert_int_equal(crypt_sha256(p, at, p + at), 0);
        return at + ESPIMG_HASH_LEN;
}

/* Flash with a table of these apps (a bit each of app_at), all of them good; otadata erased. */
static void setup(unsigned apps, bool otadata)
{
        static struct ptable t;
        const uint8_t subtype[] = { PTABLE_APP_FACTORY, PTABLE_APP_OTA_0, PTABLE_APP_OTA_0 + 1,
                                    PTABLE_APP_OTA_0 + 2, PTABLE_APP_TEST };

        memset(bench.mem, 0xFF, sizeof bench.mem);
        memset(&t, 0, sizeof t);
        t.md5 = true;
        if (otadata)
                t.entries[t.count++] = entry(PTABLE_DATA, PTABLE_DATA_OTA, OTADATA, OTADATA_LEN);
        for (unsigned i = 0; i < 5; i++) {
                if (!(apps & 1u << i))
                        continue;
                t.entries[t.count++] = entry(PTABLE_APP, subtype[i], app_at[i], APP_LEN);
                put_image(bench.mem + app_at[i], CHIP, true);
        }
        assert_true(ptable_write(&t, bench.mem + PTABLE_OFFSET, PTABLE_LEN, NULL) > 0);
        assert_int_equal(nor_init(&bench.nor, bench.mem, FLASH, NULL), 0);
        bench.cfg = (struct bootsel_config){ .flash = &bench.nor.flash,
                                             .chip_id = CHIP,
                                             .need_hash = true };
}

static void put_record(unsigned copy, uint32_t seq, uint32_t state)
{
        if (seq != OTADATA_NONE)
                assert_int_equal(otadata_store(&bench.nor.flash, OTADATA, copy, seq, state), 0);
}

static int boot(void)
{
        return bootsel_choose(&bench.b, &bench.cfg, NULL) < 0 ? NOTHING : bench.b.slot;
}

static uint32_t state_of(unsigned copy)
{
        return le32_get(bench.mem + OTADATA + copy * OTADATA_COPY + OTADATA_AT_STATE);
}

#define FACTORY 1u
#define OTA0    2u
#define OTA1    4u
#define OTA2    8u
#define TEST    16u
#define BOTH    (OTA0 | OTA1)
#define NONE    OTADATA_NONE
#define UNDEF   OTADATA_UNDEFINED

/* seq and state of both copies, which apps there are, which of them are damaged; three boots. */
static const struct row {
        unsigned apps, broken;
        uint32_t seq0, state0, seq1, state1;
        int boots[3];
} rows[] = {
        /* blank */
        { FACTORY | BOTH, 0, NONE, 0, NONE, 0, { -1, -1, -1 } },
        { BOTH, 0, NONE, 0, NONE, 0, { 0, 0, 0 } },
        { BOTH, OTA0, NONE, 0, NONE, 0, { 1, 1, 1 } },
        { FACTORY | BOTH, FACTORY, NONE, 0, NONE, 0, { 0, 0, 0 } },
        { FACTORY, 0, 1, OTADATA_VALID, NONE, 0, { -1, -1, -1 } },
        { TEST | BOTH, BOTH, NONE, 0, NONE, 0, { -2, -2, -2 } },
        { TEST | BOTH, BOTH | TEST, NONE, 0, NONE, 0, { NOTHING, NOTHING, NOTHING } },
        /* states */
        { BOTH, 0, 1, UNDEF, NONE, 0, { 0, 0, 0 } },
        { BOTH, 0, 2, UNDEF, NONE, 0, { 1, 1, 1 } },
        { BOTH, 0, 1, OTADATA_VALID, 2, OTADATA_VALID, { 1, 1, 1 } },
        { BOTH, 0, 1, OTADATA_VALID, 2, OTADATA_NEW, { 1, 0, 0 } },
        { BOTH, 0, 1, OTADATA_VALID, 2, OTADATA_PENDING, { 0, 0, 0 } },
        { BOTH, 0, 1, OTADATA_VALID, 2, OTADATA_INVALID, { 0, 0, 0 } },
        { BOTH, 0, 1, OTADATA_VALID, 2, OTADATA_ABORTED, { 0, 0, 0 } },
        { BOTH, 0, 3, OTADATA_NEW, 2, OTADATA_VALID, { 0, 1, 1 } },
        { FACTORY | BOTH, 0, 1, OTADATA_NEW, NONE, 0, { 0, -1, -1 } },
        { FACTORY | BOTH, 0, 1, OTADATA_INVALID, 2, OTADATA_ABORTED, { -1, -1, -1 } },
        /* nothing is confirmed and there is no factory app: the first slot, over and over */
        { BOTH, 0, 2, OTADATA_NEW, NONE, 0, { 1, 0, 0 } },
        /* three slots */
        { BOTH | OTA2, 0, 6, OTADATA_VALID, 5, OTADATA_VALID, { 2, 2, 2 } },
        { BOTH | OTA2, OTA2, 6, OTADATA_VALID, 5, OTADATA_VALID, { 1, 1, 1 } },
        { BOTH | OTA2, OTA0, 4, OTADATA_VALID, NONE, 0, { 1, 1, 1 } },
        { FACTORY | BOTH | OTA2, OTA1, 2, OTADATA_VALID, NONE, 0, { 0, 0, 0 } },
        { FACTORY | BOTH | OTA2, BOTH, 2, OTADATA_VALID, NONE, 0, { -1, -1, -1 } },
        { FACTORY | BOTH | OTA2, BOTH | FACTORY, 2, OTADATA_VALID, NONE, 0, { 2, 2, 2 } },
};

static void test_choice(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                const struct row *r = &rows[i];

                setup(r->apps, true);
                for (unsigned a = 0; a < 5; a++)
                        if (r->broken & 1u << a)
                                bench.mem[app_at[a] + 100] ^= 0x10;
                put_record(0, r->seq0, r->state0);
                put_record(1, r->seq1, r->state1);
                for (unsigned k = 0; k < 3; k++) {
                        const int got = boot();

                        if (got != r->boots[k])
                                fail_msg("row %zu, boot %u: %d, expected %d", i, k, got,
                                         r->boots[k]);
                }
        }
}

static void test_states_written(void **state)
{
        (void)state;
        setup(BOTH, true);
        put_record(0, 1, OTADATA_VALID);
        put_record(1, 2, OTADATA_NEW);
        assert_int_equal(boot(), 1);
        assert_int_equal(state_of(1), OTADATA_PENDING);
        assert_int_equal(boot(), 0);
        assert_int_equal(state_of(1), OTADATA_ABORTED);
        assert_int_equal(state_of(0), OTADATA_VALID);
        /* confirmed in time */
        put_record(1, 2, OTADATA_NEW);
        assert_int_equal(boot(), 1);
        assert_int_equal(otadata_mark(&bench.nor.flash, OTADATA, OTADATA_VALID), 0);
        assert_int_equal(boot(), 1);
        /* the same without rollback: nothing is written */
        put_record(1, 2, OTADATA_NEW);
        bench.cfg.no_rollback = true;
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(boot(), 1);
        assert_int_equal(state_of(1), OTADATA_NEW);
        /* blank and no factory app: the slot that runs gets its record */
        setup(BOTH, true);
        bench.mem[app_at[1]] = 0;
        assert_int_equal(boot(), 1);
        assert_int_equal(le32_get(bench.mem + OTADATA), 2);
        assert_int_equal(state_of(0), OTADATA_VALID);
}

/* As many starts as there are tries, whatever they are; confirmed at any of them it stays. */
static void test_tries(void **state)
{
        (void)state;
        for (unsigned tries = 0; tries <= OTADATA_STARTS_MAX; tries++) {
                const unsigned starts = tries ? tries : 1;

                for (unsigned confirm = 0; confirm <= starts; confirm++) { /* 0: never */
                        setup(BOTH, true);
                        bench.cfg.tries = tries;
                        put_record(0, 1, OTADATA_VALID);
                        put_record(1, 2, OTADATA_NEW);
                        for (unsigned n = 1; n <= starts; n++) {
                                assert_int_equal(boot(), 1);
                                if (n == confirm)
                                        assert_int_equal(otadata_mark(&bench.nor.flash, OTADATA,
                                                                      OTADATA_VALID),
                                                         0);
                        }
                        for (unsigned n = 0; n < 3; n++)
                                assert_int_equal(boot(), confirm ? 1 : 0);
                        assert_int_equal(state_of(1), confirm ? OTADATA_VALID : OTADATA_ABORTED);
                        assert_int_equal(bench.mem[OTADATA + OTADATA_COPY + OTADATA_MARK], 0xFF);
                        assert_int_equal(bench.nor.violations, 0);
                }
        }
}

/* Three tries and nothing that was confirmed: the factory app, and the first slot without one. */
static void test_tries_fallback(void **state)
{
        (void)state;
        for (unsigned factory = 0; factory < 2; factory++) {
                setup(factory ? FACTORY | BOTH : BOTH, true);
                bench.cfg.tries = 3;
                put_record(0, 2, OTADATA_NEW);
                for (unsigned n = 0; n < 3; n++)
                        assert_int_equal(boot(), 1);
                assert_int_equal(boot(), factory ? -1 : 0);
                assert_int_equal(boot(), factory ? -1 : 0);
        }
}

/* What somebody else has left behind the record: a start more or less, but never an app that is
 * tried for ever, and never one that does not boot. */
static void test_tries_rubbish(void **state)
{
        static const uint8_t fill[] = { 0x00, 0x01, 0x46, 0x7F, 0xFE };

        (void)state;
        for (size_t i = 0; i < sizeof fill; i++) {
                for (unsigned mark = 1; mark < 4; mark++) {
                        unsigned starts = 0;

                        setup(BOTH, true);
                        bench.cfg.tries = 3;
                        put_record(0, 1, OTADATA_VALID);
                        put_record(1, 2, OTADATA_NEW);
                        assert_int_equal(boot(), 1);
                        memset(bench.mem + OTADATA + OTADATA_COPY + OTADATA_MARK * mark, fill[i],
                               OTADATA_MARK);
                        while (boot() == 1)
                                assert_true(++starts < 3);
                        /* over 0x7F the mark can be written all the same */
                        assert_int_equal(starts, mark > 2 || fill[i] == 0x7F ? 2 : mark - 1);
                        assert_int_equal(state_of(1), OTADATA_ABORTED);
                }
        }
        /* marks of another record do not count */
        setup(BOTH, true);
        assert_int_equal(otadata_store(&bench.nor.flash, OTADATA, 1, 2, OTADATA_PENDING), 0);
        assert_int_equal(otadata_count_start(&bench.nor.flash, OTADATA, 1, 2), 0);
        assert_int_equal(otadata_starts(&bench.nor.flash, OTADATA, 1, 2), 2);
        assert_int_equal(otadata_starts(&bench.nor.flash, OTADATA, 1, 4), 1);
        assert_int_equal(otadata_starts(&bench.nor.flash, OTADATA, 0, 2), 1);
        /* two pending ones: the one that does not boot gets no more tries */
        setup(BOTH, true);
        bench.cfg.tries = 3;
        put_record(0, 1, OTADATA_PENDING);
        put_record(1, 2, OTADATA_PENDING);
        assert_int_equal(boot(), 1);
        assert_int_equal(state_of(0), OTADATA_ABORTED);
}

/* Through each kind of flash encryption the marks are written and read as without. */
static void test_tries_encrypted(void **state)
{
        static const uint8_t key[64] = { 1, 2, 3, [32] = 4, 5 };

        (void)state;
        for (unsigned kind = 0; kind < 3; kind++) {
                struct flashenc_flash v;
                struct flashenc enc;

                setup(BOTH, true);
                if (kind == 0)
                        assert_int_equal(flashenc_init_esp32(&enc, key, FLASHENC_CONF_ALL), 0);
                else
                        assert_int_equal(flashenc_init_xts(&enc, key, kind * 32), 0);
                flashenc_flash_init(&v, &bench.nor.flash, &enc);
                assert_int_equal(otadata_store(&v.flash, OTADATA, 1, 2, OTADATA_PENDING), 0);
                for (int n = 1; n < (int)OTADATA_STARTS_MAX; n++) {
                        assert_int_equal(otadata_starts(&v.flash, OTADATA, 1, 2), n);
                        assert_int_equal(otadata_count_start(&v.flash, OTADATA, 1, 2), 0);
                }
                assert_int_equal(otadata_count_start(&v.flash, OTADATA, 1, 2), -E_RANGE);
                flashenc_free(&enc);
        }
}

static void test_no_otadata(void **state)
{
        (void)state;
        setup(FACTORY | BOTH, false);
        assert_int_equal(boot(), -1);
        setup(BOTH, false);
        assert_int_equal(boot(), 0);
}

/* Any turned byte of table or image: that image is not booted, here nothing is. */
static void test_damage(void **state)
{
        static uint8_t image[APP_LEN];
        const size_t len = put_image(image, CHIP, true);

        (void)state;
        setup(OTA0, false);
        for (size_t i = 0; i < len; i++) {
                bench.mem[app_at[1] + i] ^= (uint8_t)(1u << i % 8);
                if (boot() != NOTHING)
                        fail_msg("boots with byte %zu of the image damaged", i);
                bench.mem[app_at[1] + i] ^= (uint8_t)(1u << i % 8);
        }
        for (size_t i = 0; i < 2 * PTABLE_ENTRY; i++) {
                if (i >= PTABLE_ENTRY + 2 && i < PTABLE_ENTRY + PTABLE_MD5_AT)
                        continue; /* filler of the MD5 entry */
                bench.mem[PTABLE_OFFSET + i] ^= (uint8_t)(1u << i % 8);
                if (boot() != NOTHING)
                        fail_msg("boots with byte %zu of the table damaged", i);
                bench.mem[PTABLE_OFFSET + i] ^= (uint8_t)(1u << i % 8);
        }
        assert_int_equal(boot(), 0);
}

static void test_image_limits(void **state)
{
        struct espimg img;
        struct espimg_place place = { .chip_id = CHIP, .need_hash = true };
        struct diag d = { 0 };
        size_t len;

        (void)state;
        setup(OTA0, false);
        place.flash = &bench.nor.flash;
        place.offset = app_at[1];
        len = put_image(bench.mem + app_at[1], CHIP, true);
        for (place.room = 0; place.room < len; place.room++)
                assert_int_equal(espimg_flash_check(&place, &img, NULL), -E_TRUNC);
        assert_int_equal(espimg_flash_check(&place, &img, NULL), 0);
        assert_int_equal(img.len, len);
        assert_int_equal(img.segments[1].len, 24);
        place.chip_id = 0;
        assert_int_equal(espimg_flash_check(&place, &img, &d), -E_FORMAT);
        assert_non_null(strstr(diag_text(&d), "chip 5"));
        place.chip_id = CHIP;
        len = put_image(bench.mem + app_at[1], CHIP, false);
        assert_int_equal(espimg_flash_check(&place, &img, NULL), -E_FORMAT);
        place.need_hash = false;
        assert_int_equal(espimg_flash_check(&place, &img, NULL), 0);
        assert_int_equal(img.len, len);
        /* at the very end of flash, and over it */
        place.offset = FLASH - (uint32_t)len;
        memcpy(bench.mem + place.offset, bench.mem + app_at[1], len);
        assert_int_equal(espimg_flash_check(&place, &img, NULL), 0);
        place.offset += 16;
        assert_true(espimg_flash_check(&place, &img, NULL) < 0);
}

/* On an image of the reference tool the reader of flash finds what the reader of memory finds. */
static void test_golden_image(void **state)
{
        struct espimg_place place = { .flash = &bench.nor.flash, .chip_id = CHIP, .room = FLASH };
        struct espimg want, got;
        struct blob file;
        struct diag d = { 0 };

        (void)state;
        if (file_load("tests/golden/image/003-esp32c3-default/expected/out.bin", FLASH, &file, &d) <
            0)
                fail_msg("%s", diag_text(&d));
        setup(0, false);
        memcpy(bench.mem, file.data, file.len);
        assert_int_equal(espimg_read(file.data, file.len, true, &want, NULL), 0);
        assert_int_equal(espimg_flash_check(&place, &got, NULL), 0);
        assert_memory_equal(&got, &want, sizeof got);
        blob_free(&file);
}

/* One update and what the bootloader makes of it, cut at every write, in every way. */
static void cut_everywhere(unsigned apps, enum otadata_state first, const int *allowed)
{
        static uint8_t before[FLASH];
        static const size_t bytes[] = {
                0, 1, 3, 4, 5, 24, 27, 28, 29, 31, 32, 100, 4000, SIZE_MAX
        };
        unsigned cuts = 0;

        setup(apps, true);
        put_record(0, 1, first);
        memcpy(before, bench.mem, FLASH);
        for (unsigned torn = 0; torn < 3; torn++) {
                for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
                        for (uint64_t at = 0; at < 8; at++) {
                                int got[3];

                                memcpy(bench.mem, before, FLASH);
                                nor_power_on(&bench.nor);
                                bench.nor.cut_at = bench.nor.ops + at;
                                bench.nor.cut_bytes = bytes[i];
                                bench.nor.torn_erase = (enum nor_torn_erase)torn;
                                bench.nor.seed = (uint32_t)(at * 99 + i);
                                /* switch to slot 1, start it (pending), start again (aborted) */
                                if (otadata_activate(&bench.nor.flash, OTADATA, 1, 2,
                                                     OTADATA_NEW) == 0 &&
                                    boot() != NOTHING)
                                        boot();
                                cuts += bench.nor.off;
                                nor_power_on(&bench.nor);
                                for (unsigned k = 0; k < 3; k++)
                                        got[k] = boot();
                                /* always one of both, and never the new one for good: nobody
                                 * confirmed it */
                                if ((got[0] != allowed[0] && got[0] != allowed[1]) ||
                                    got[1] != allowed[0] || got[2] != allowed[0])
                                        fail_msg("torn %u, %zu bytes, write %u: boots %d %d %d",
                                                 torn, bytes[i], (unsigned)at, got[0], got[1],
                                                 got[2]);
                        }
                }
        }
        assert_true(cuts > 3 * 14 * 5);
}

static void test_powercut_update(void **state)
{
        const int slots[] = { 0, 1 };

        (void)state;
        cut_everywhere(BOTH, OTADATA_VALID, slots);
        cut_everywhere(FACTORY | BOTH, OTADATA_VALID, slots);
        cut_everywhere(BOTH, (enum otadata_state)OTADATA_UNDEFINED, slots);
}

/* Three tries, the power cut at every write of them: never more than three starts of the new app,
 * and then the old one. */
static void test_powercut_tries(void **state)
{
        static uint8_t before[FLASH];
        unsigned cuts = 0;

        (void)state;
        setup(BOTH, true);
        bench.cfg.tries = 3;
        put_record(0, 1, OTADATA_VALID);
        memcpy(before, bench.mem, FLASH);
        for (size_t n = 0; n <= 33; n++) {
                for (uint64_t at = 0; at < 9; at++) {
                        unsigned starts = 0;
                        int got = 0;

                        memcpy(bench.mem, before, FLASH);
                        nor_power_on(&bench.nor);
                        bench.nor.cut_at = bench.nor.ops + at;
                        bench.nor.cut_bytes = n == 33 ? SIZE_MAX : n;
                        (void)otadata_activate(&bench.nor.flash, OTADATA, 1, 2, OTADATA_NEW);
                        for (unsigned k = 0; k < 9; k++) {
                                if (bench.nor.off) {
                                        nor_power_on(&bench.nor);
                                        cuts++;
                                }
                                got = boot();
                                if (bench.nor.off)
                                        continue;
                                assert_true(got == 0 || (got == 1 && ++starts <= 3));
                        }
                        assert_int_equal(got, 0);
                        assert_int_equal(bench.nor.violations, 0);
                }
        }
        assert_in_range(cuts, 34 * 6, 34 * 9);
}

/* The app confirms itself and the power goes: confirmed, or what was before it; never nothing. */
static void test_powercut_confirm(void **state)
{
        static uint8_t before[FLASH];

        (void)state;
        setup(BOTH, true);
        put_record(0, 1, OTADATA_VALID);
        put_record(1, 2, OTADATA_PENDING);
        memcpy(before, bench.mem, FLASH);
        for (uint64_t at = 0; at < 3; at++) {
                for (size_t n = 0; n <= 40; n++) {
                        int rc;

                        memcpy(bench.mem, before, FLASH);
                        nor_power_on(&bench.nor);
                        bench.nor.cut_at = bench.nor.ops + at;
                        bench.nor.cut_bytes = n;
                        rc = otadata_mark(&bench.nor.flash, OTADATA, OTADATA_VALID);
                        nor_power_on(&bench.nor);
                        assert_int_equal(boot(), rc == 0 || (at == 1 && n >= 32) ? 1 : 0);
                }
        }
}

static void test_activate(void **state)
{
        (void)state;
        setup(BOTH, true);
        assert_int_equal(otadata_activate(&bench.nor.flash, OTADATA, 2, 2, OTADATA_NEW), -E_RANGE);
        assert_int_equal(otadata_activate(&bench.nor.flash, OTADATA, 0, 0, OTADATA_NEW), -E_RANGE);
        assert_int_equal(otadata_activate(&bench.nor.flash, OTADATA, 0, 17, OTADATA_NEW), -E_RANGE);
        assert_int_equal(otadata_mark(&bench.nor.flash, OTADATA, OTADATA_VALID), -E_NOTFOUND);
        assert_int_equal(bench.nor.ops, 0);
        /* the record that runs is not the one with the highest number: it must stay */
        put_record(0, 1, OTADATA_VALID);
        put_record(1, 2, OTADATA_ABORTED);
        assert_int_equal(otadata_activate(&bench.nor.flash, OTADATA, 1, 2, OTADATA_NEW), 0);
        assert_int_equal(le32_get(bench.mem + OTADATA), 1);
        assert_int_equal(boot(), 1);
        put_record(0, 0xFFFFFFFE, OTADATA_VALID);
        assert_int_equal(otadata_activate(&bench.nor.flash, OTADATA, 0, 2, OTADATA_NEW), -E_RANGE);
}

static void collect(void *ctx, const char *line)
{
        char *text = ctx;

        assert_true(strlen(text) + strlen(line) + 2 < 1000);
        strcat(strcat(text, line), "\n");
}

static void test_log(void **state)
{
        char text[1000] = "";

        (void)state;
        setup(BOTH, true);
        put_record(1, 2, OTADATA_NEW);
        bench.mem[app_at[2] + 50] ^= 1;
        bench.cfg.say = collect;
        bench.cfg.ctx = text;
        assert_int_equal(boot(), 0);
        assert_non_null(strstr(text, "slot 1: first start"));
        assert_non_null(strstr(text, "p18000 at 0x18000 does not boot: checksum"));
        assert_non_null(strstr(text, "p14000 at 0x14000: verified"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_choice),          cmocka_unit_test(test_states_written),
                cmocka_unit_test(test_no_otadata),      cmocka_unit_test(test_damage),
                cmocka_unit_test(test_image_limits),    cmocka_unit_test(test_golden_image),
                cmocka_unit_test(test_powercut_update), cmocka_unit_test(test_powercut_confirm),
                cmocka_unit_test(test_activate),        cmocka_unit_test(test_log),
                cmocka_unit_test(test_tries),           cmocka_unit_test(test_tries_fallback),
                cmocka_unit_test(test_tries_rubbish),   cmocka_unit_test(test_powercut_tries),
                cmocka_unit_test(test_tries_encrypted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
