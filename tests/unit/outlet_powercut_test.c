/*
 * A unit's life on simulated flash, with the power cut at every flash operation of it: credentials
 * are stored, the cloud teaches, an update comes over the air, is started by the bootloader and
 * proves itself, the button resets to factory. The outlet is the real one, and so are bootloader
 * (fmt/bootsel), store and update slots (port/linux/kv.c, ota.c); the rest of its platform is the
 * fake port.
 *
 * After each cut: the bootloader finds an app, the unit is who it was, what was stored is still
 * there, and going on from there finishes the work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_port.h"
#include "firmware/core/button.h"
#include "firmware/port/linux/bus.h"
#include "firmware/port/linux/machine.h"
#include "fmt/bootsel.h"
#include "fmt/otadata_flash.h"
#include "sim/nor.h"

#define FLASH      0x50000u
#define NVS_AT     0x9000u
#define OTADATA_AT 0xF000u
#define SLOT0      0x20000u
#define SLOT1      0x30000u
#define SLOT_SIZE  0x10000u
#define FCTRY_AT   0x40000u
#define IMAGE      9000u
#define URL        "https://u/2"

static uint8_t mem[FLASH], pristine[FLASH], image[IMAGE + 1000];
static size_t image_len;
static uint32_t new_slot; /* where version 2.0.0 goes */
static struct nor nor;
static struct bootsel boot;
static struct outlet o;

/* What a life has come to; what is reported as done must stay. */
static struct {
        bool stored, taught, proving, valid, reset_begun;
} done;

/* ---- what the real half of the port stands on ---- */

const struct flash *bus_flash(void)
{
        return &nor.flash;
}

/* no security eFuses */
const struct flash *bus_plain(void)
{
        return bus_flash();
}

int bus_hmac(unsigned i, const void *p, size_t n, uint8_t out[32])
{
        (void)i, (void)p, (void)n, (void)out;
        return -E_PERM;
}

const struct bootfuse *machine_fuses(void)
{
        static const struct bootfuse none;

        return &none;
}

const struct ptable *machine_table(void)
{
        return &boot.table;
}

const struct ptable_entry *machine_running(void)
{
        return boot.app;
}

/* ---- the unit ---- */

static void add(struct ptable *t, const char *name, const struct ptable_entry *e)
{
        t->entries[t->count] = *e;
        memcpy(t->entries[t->count++].name, name, strlen(name) + 1);
}

/*
 * Table, identity, version 1.0.0 in slot home; all else erased. home 1: an older version lies in
 * slot 0 and otadata has been in use, so that a lost record shows.
 */
static void make_unit(unsigned home)
{
        static const char *const identity[] = { "serial_no",    "dev-1",    "cert",
                                                "-----BEGIN C", "priv_key", "-----BEGIN K",
                                                "pop",          "abcd1234", NULL };
        static struct ptable t;

        memset(&t, 0, sizeof t);
        memset(mem, 0xFF, sizeof mem);
        t.md5 = true;
        add(&t, "nvs", &(struct ptable_entry){ PTABLE_DATA, PTABLE_DATA_NVS, NVS_AT, FAKE_PART });
        add(&t, "otadata",
            &(struct ptable_entry){ PTABLE_DATA, PTABLE_DATA_OTA, OTADATA_AT, OTADATA_LEN });
        add(&t, "ota_0", &(struct ptable_entry){ PTABLE_APP, PTABLE_APP_OTA_0, SLOT0, SLOT_SIZE });
        add(&t, "ota_1",
            &(struct ptable_entry){ PTABLE_APP, PTABLE_APP_OTA_0 + 1, SLOT1, SLOT_SIZE });
        add(&t, "fctry",
            &(struct ptable_entry){ PTABLE_DATA, PTABLE_DATA_NVS, FCTRY_AT, FAKE_PART,
                                    PTABLE_FLAG_READONLY });
        assert_true(ptable_write(&t, mem + PTABLE_OFFSET, PTABLE_LEN, NULL) > 0);
        fake_reset();
        fake_fctry("mfg_ns", identity);
        memcpy(mem + FCTRY_AT, fake.fctry, FAKE_PART);
        fake_image(mem + (home ? SLOT1 : SLOT0), IMAGE, 5, "1.0.0");
        if (home)
                fake_image(mem + SLOT0, IMAGE, 5, "0.9.0");
        image_len = fake_image(image, IMAGE, 5, "2.0.0");
        memcpy(pristine, mem, sizeof mem);
        assert_int_equal(nor_init(&nor, mem, FLASH, NULL), 0);
        if (home)
                assert_int_equal(otadata_store(&nor.flash, OTADATA_AT, 1, 2, OTADATA_VALID), 0);
        nor.ops = 0;
        new_slot = home ? SLOT0 : SLOT1;
        memset(&done, 0, sizeof done);
}

static const char *stored(const char *part, const char *ns, const char *key)
{
        static char text[128];
        const int n = port_kv_get(part, ns, key, text, sizeof text - 1);

        text[n < 0 ? 0 : n] = 0;
        return n < 0 ? NULL : text;
}

static bool is(const char *ns, const char *key, const char *want)
{
        const char *got = stored(PORT_NVS, ns, key);

        return got && strcmp(got, want) == 0;
}

/* Power comes: bootloader, then the app that it has chosen. False: the power went. */
static bool start(uint64_t now)
{
        static const struct outlet_config cfg = {
                .ca = "-----BEGIN CA", .endpoint = "h", .esp_topics = true, .no_shadow = true
        };
        static const struct bootsel_config loader = {
                .flash = &nor.flash, .chip_id = 5, .need_hash = true, .tries = 3
        };
        struct espimg_desc desc;
        int rc = bootsel_choose(&boot, &loader, NULL);

        if (nor.off)
                return false;
        assert_int_equal(rc, 0);
        assert_in_range(boot.slot, 0, 1);
        assert_int_equal(espimg_desc_read(mem + boot.app->offset + ESPIMG_HEADER + ESPIMG_EXT +
                                                  ESPIMG_SEGMENT,
                                          ESPIMG_DESC_LEN, &desc),
                         0);
        fake_power_on();
        memcpy(fake.version, desc.version, sizeof desc.version);
        fake.wifi_stored = true; /* the fake's own network, which is not what is tried here */
        outlet_start(&o, &cfg, now);
        return !nor.off;
}

/* Nothing that was there is lost. The store is mounted: the unit has started. */
static void check_kept(const char *when)
{
        const bool creds = is("wifi", "ssid", "home") && is("wifi", "passphrase", "correct horse");
        const bool none = !stored(PORT_NVS, "wifi", "ssid");

        if (strcmp(fake.version, "0.9.0") == 0)
                fail_msg("%s: a version before the last runs", when);
        if (strcmp(fake.version, "2.0.0") == 0 && !done.proving &&
            port_ota_state() != PORT_OTA_PENDING)
                fail_msg("%s: a new version that was never on trial", when);
        if (memcmp(mem + FCTRY_AT, pristine + FCTRY_AT, FAKE_PART) != 0 || !o.id.complete ||
            strcmp(o.id.serial, "dev-1") != 0)
                fail_msg("%s: the identity is not what it was", when);
        if (done.reset_begun)
                return;
        if (!(creds || (none && !done.stored)))
                fail_msg("%s: credentials half there or lost", when);
        if (done.taught && strcmp(esptopics_url(&o.topics), URL) != 0)
                fail_msg("%s: the cloud's URL is lost", when);
        if (done.valid && strcmp(fake.version, "2.0.0") != 0)
                fail_msg("%s: a confirmed version is lost", when);
}

/* ---- the steps; each returns false if the power went ---- */

/* As provisioning does: the SSID last. */
static bool store_credentials(void)
{
        if (port_kv_set(PORT_NVS, "wifi", "passphrase", "correct horse") == 0 &&
            port_kv_set(PORT_NVS, "wifi", "ssid", "home") == 0)
                done.stored = true;
        return !nor.off;
}

static bool teach(void)
{
        fake_message(&o, "/esp/update/url", URL, 20);
        fake_message(&o, "/esp/update/use_url", "1", 20);
        fake_message(&o, "/esp/update/interval", "777", 20);
        done.taught |= !nor.off;
        return !nor.off;
}

/* A click, and the time until its state is stored. */
static bool click(void)
{
        fake.level[9] = false;
        outlet_tick(&o, 1000);
        outlet_tick(&o, 1100);
        fake.level[9] = true;
        outlet_tick(&o, 1200);
        outlet_tick(&o, 1300);
        for (uint64_t now = 2000; now < 9000; now += 500)
                outlet_tick(&o, now);
        return !nor.off;
}

static bool update(void)
{
        struct port_event ev = { .type = PORT_EV_HTTP_HEAD,
                                 .http = { .status = 200, .total = image_len } };

        fake_message(&o, "/esp/update/run", "", 9000);
        fake_event(&o, &ev, 9000);
        for (size_t at = 0; at < image_len && !o.stopped && !nor.off; at += 700) {
                ev = (struct port_event){ .type = PORT_EV_HTTP_DATA };
                ev.data.p = image + at;
                ev.data.n = image_len - at < 700 ? image_len - at : 700;
                fake_event(&o, &ev, 9000);
        }
        ev = (struct port_event){ .type = PORT_EV_HTTP_END };
        if (!o.stopped && !nor.off)
                fake_event(&o, &ev, 9000);
        return !nor.off;
}

static bool online(uint64_t now)
{
        done.proving |= strcmp(fake.version, "2.0.0") == 0;
        fake_online(&o, now);
        done.valid |= !nor.off && strcmp(fake.version, "2.0.0") == 0 &&
                      port_ota_state() == PORT_OTA_VALID;
        return !nor.off;
}

static bool reset_to_factory(void)
{
        done.reset_begun = true;
        fake.level[9] = false;
        outlet_tick(&o, 20000);
        outlet_tick(&o, 20100);
        fake.level[9] = true;
        outlet_tick(&o, 23500);
        outlet_tick(&o, 23600);
        return !nor.off;
}

/* All that is still to be done, from a start to the reset. */
static bool live(void)
{
        if (!start(0))
                return false;
        check_kept("start");
        if ((!done.stored && !store_credentials()) || !online(10) || (!done.taught && !teach()) ||
            !click())
                return false;
        if (strcmp(fake.version, "2.0.0") != 0) {
                if (!update() || !start(0))
                        return false;
                assert_string_equal(fake.version, "2.0.0");
                check_kept("first start of the new version");
                if (!online(10))
                        return false;
        }
        assert_true(done.valid);
        assert_memory_equal(mem + new_slot, image, image_len);
        return reset_to_factory();
}

/* Once more with power: the work is finished, and the reset has left nothing of the user's. */
static void finish(void)
{
        nor_power_on(&nor);
        if (done.reset_begun && !start(0))
                fail_msg("the power is not cut here");
        if (done.reset_begun) {
                check_kept("after the reset");
                assert_true(reset_to_factory());
        } else {
                assert_true(live());
        }
        assert_int_equal(fake.restarts, 1);
        assert_true(start(0));
        assert_string_equal(fake.version, "2.0.0");
        assert_null(stored(PORT_NVS, "wifi", "ssid"));
        assert_null(stored(PORT_NVS, "wifi", "passphrase"));
        check_kept("at the end");
        assert_int_equal(nor.violations, 0);
}

/* A whole life, undisturbed; the number of its flash operations. */
static uint64_t undisturbed(unsigned home)
{
        uint64_t ops;

        make_unit(home);
        assert_true(live());
        ops = nor.ops;
        assert_true(is(OUTLET_CLOUD_NS, "interval", "777")); /* 3 seconds: kept */
        finish();
        return ops;
}

static void cut(uint64_t at, size_t bytes, enum nor_torn_erase torn)
{
        nor.cut_at = nor.ops + at;
        nor.cut_bytes = bytes;
        nor.torn_erase = torn;
        nor.seed = (uint32_t)(at * 31 + bytes);
}

static const size_t amounts[] = { 0, 1, 17, 33, 100, 2000, SIZE_MAX };
#define AMOUNTS (sizeof amounts / sizeof *amounts)

static void test_every_operation(void **state)
{
        (void)state;
        for (unsigned home = 0; home < 2; home++) {
                const uint64_t ops = undisturbed(home);
                unsigned cuts = 0;

                for (uint64_t at = 0; at < ops; at++) {
                        for (unsigned how = 0; how < AMOUNTS * 3; how++) {
                                make_unit(home);
                                cut(at, amounts[how % AMOUNTS],
                                    (enum nor_torn_erase)(how / AMOUNTS));
                                assert_false(live());
                                cuts++;
                                finish();
                        }
                }
                print_message("# update from slot %u: a life of %u flash operations, %u cuts (7 "
                              "lengths and 3 kinds of torn erase at each)\n",
                              home, (unsigned)ops, cuts);
                assert_true(ops > 60);
        }
}

/* And the power goes again, at any operation of what follows. */
static void test_twice(void **state)
{
        const uint64_t ops = undisturbed(1);
        unsigned cuts = 0;

        (void)state;
        for (uint64_t at = 0; at < ops; at++) {
                for (uint64_t again = 0; again < ops; again += 1 + again / 4) {
                        make_unit((at + again) & 1);
                        cut(at, amounts[(at + again) % AMOUNTS], NOR_ERASE_RANDOM);
                        assert_false(live());
                        nor_power_on(&nor);
                        cut(again, amounts[again % AMOUNTS], NOR_ERASE_RANDOM);
                        if (!done.reset_begun)
                                (void)live();
                        else if (start(0))
                                (void)reset_to_factory();
                        cuts += nor.off;
                        finish();
                }
        }
        print_message("# %u second cuts\n", cuts);
        assert_true(cuts > 500);
}

/* The new version crashes whenever it starts: three times, then the old one runs again. */
static bool crash(unsigned *starts)
{
        if (!start(0) || !online(10) || !teach() || !update())
                return false;
        do {
                if (!start(0))
                        return false;
                check_kept("start behind the update");
        } while (strcmp(fake.version, "2.0.0") == 0 && ++*starts < 10);
        return true;
}

static void test_bad_version(void **state)
{
        unsigned cuts = 0;

        (void)state;
        for (unsigned home = 0; home < 2; home++) {
                for (uint64_t at = 0;; at++) {
                        unsigned starts = 0;

                        make_unit(home);
                        cut(at, amounts[at % AMOUNTS], NOR_ERASE_RANDOM);
                        if (crash(&starts)) {
                                assert_int_equal(starts, 3);
                                assert_true(at > 30);
                                break;
                        }
                        cuts++;
                        nor_power_on(&nor);
                        for (unsigned i = 0; i < 5; i++) {
                                assert_true(start(0));
                                check_kept("after the cut");
                                starts += strcmp(fake.version, "2.0.0") == 0;
                        }
                        assert_in_range(starts, 0, 3);
                        assert_string_equal(fake.version, "1.0.0");
                }
        }
        print_message("# a version that crashes: %u cuts\n", cuts);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_operation),
                cmocka_unit_test(test_twice),
                cmocka_unit_test(test_bad_version),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
