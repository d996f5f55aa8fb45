/* Factory partitions of every kind: layouts, missing and damaged parts. Images by lib/fmt's writer,
 * read through lib/fmt's store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_port.h"

#define CERT "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
#define KEY  "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
#define DER  "\x30\x03\x02\x01\x05"

static struct identity id;

struct row {
        const char *name, *ns;
        const char *pairs[12];
        const char *layout, *serial;
        bool complete;
        const char *said; /* in the log; NULL: anything */
};

static const struct row rows[] = {
        { "jumpstart",
          "mfg_ns",
          { "serial_no", "dev-1", "cert", CERT, "priv_key", KEY },
          "fctry/mfg_ns",
          "dev-1",
          true,
          "dev-1, from fctry/mfg_ns" },
        { "jumpstart, blobs",
          "mfg_ns",
          { "#serial_no", "dev-2", "#cert", CERT, "#priv_key", KEY },
          "fctry/mfg_ns",
          "dev-2",
          true,
          NULL },
        { "serial number with a newline",
          "mfg_ns",
          { "serial_no", "017\n", "cert", CERT, "priv_key", KEY },
          "fctry/mfg_ns",
          "017",
          true,
          NULL },
        { "certs",
          "certs",
          { "certificate", CERT, "priv_key", KEY },
          "fctry/certs",
          "020000abcdef",
          true,
          "no serial_no" },
        { "creds in DER",
          "creds",
          { "#P11_Cert", DER, "#P11_Key", DER },
          "fctry/creds",
          "020000abcdef",
          true,
          NULL },
        { "DER with a wrong length",
          "creds",
          { "#P11_Cert", DER, "#P11_Key", DER "x" },
          "fctry/creds",
          "020000abcdef",
          false,
          "P11_Key of fctry/creds is neither" },
        { "no key",
          "mfg_ns",
          { "serial_no", "dev-3", "cert", CERT },
          NULL,
          "dev-3",
          false,
          "has a cert without its priv_key" },
        { "no certificate",
          "mfg_ns",
          { "priv_key", KEY },
          NULL,
          "020000abcdef",
          false,
          "has a priv_key without its cert" },
        { "not a certificate",
          "mfg_ns",
          { "cert", "hello", "priv_key", KEY },
          "fctry/mfg_ns",
          "020000abcdef",
          false,
          "neither PEM nor DER" },
        { "another namespace",
          "other",
          { "cert", CERT, "priv_key", KEY },
          NULL,
          "020000abcdef",
          false,
          "works by its button only" },
        { "serial number that would change the topic",
          "mfg_ns",
          { "serial_no", "a/#", "cert", CERT, "priv_key", KEY },
          "fctry/mfg_ns",
          "020000abcdef",
          true,
          "a topic may not have" },
        { "empty serial number",
          "mfg_ns",
          { "serial_no", "", "cert", CERT, "priv_key", KEY },
          "fctry/mfg_ns",
          "020000abcdef",
          true,
          "no serial_no" },
};

static void test_variants(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct row *r = &rows[i];

                fake_reset();
                fake_fctry(r->ns, r->pairs);
                identity_load(&id);
                if (id.complete != r->complete || strcmp(id.serial, r->serial) != 0 ||
                    !id.layout != !r->layout || (r->layout && strcmp(id.layout, r->layout) != 0) ||
                    (r->said && !strstr(fake.log, r->said)))
                        fail_msg("%s: complete %d, %s, %s\n%s", r->name, id.complete,
                                 id.layout ? id.layout : "none", id.serial, fake.log);
                assert_null(strstr(fake.log, "PRIVATE"));
        }
}

static void test_extras(void **state)
{
        static const char *const pairs[] = {
                "serial_no",
                "s",
                "cert",
                CERT,
                "priv_key",
                KEY,
                "ca",
                CERT,
                "endpoint",
                "h:1",
                "pop",
                "abcd1234",
                "#sec2_salt",
                "0123456789abcdef",
                "#sec2_verifier",
                "vvvvvvvvvvvvvvvv",
                "service_key",
                "12345678",
                "product_key",
                "P",
                NULL,
        };

        (void)state;
        fake_reset();
        fake_fctry("mfg_ns", pairs);
        identity_load(&id);
        assert_string_equal(identity_text(&id, IDENTITY_ENDPOINT), "h:1");
        assert_string_equal(identity_text(&id, IDENTITY_POP), "abcd1234");
        assert_string_equal(identity_text(&id, IDENTITY_SERVICE_KEY), "12345678");
        assert_string_equal(identity_text(&id, IDENTITY_PRODUCT), "P");
        assert_int_equal(id.item[IDENTITY_SALT].len, 16);
        assert_null(identity_text(&id, IDENTITY_SERVICE_NAME));
        identity_wipe(&id);
        assert_null(id.item[IDENTITY_KEY].p);
}

/* samples/freertos-creds: partition storage, namespace creds, DER; and fctry wins over it. */
static void test_storage(void **state)
{
        static const char *const pairs[] = { "#P11_Cert", DER, "#P11_Key", DER,
                                             "#P11_CSK",  DER, NULL };

        (void)state;
        fake_reset();
        fake.is_storage = true;
        fake_fctry("creds", pairs);
        identity_load(&id);
        assert_int_equal(id.fctry, 0);
        assert_true(id.complete);
        assert_string_equal(id.layout, "storage/creds");
        assert_int_equal(id.item[IDENTITY_CODE_KEY].len, 5);
        assert_int_equal(port_kv_format(PORT_STORAGE), -E_PERM);
        fake_reset();
        fake_fctry("creds", pairs);
        identity_load(&id);
        assert_string_equal(id.layout, "fctry/creds");
}

/* What no writer has made: said, and the outlet is named after its MAC. */
static void test_rubbish(void **state)
{
        static const uint8_t fill[] = { 0x00, 0x55, 0xFE };

        (void)state;
        for (size_t i = 0; i < sizeof fill; i++) {
                fake_reset();
                memset(fake.fctry, fill[i], sizeof fake.fctry);
                identity_load(&id);
                assert_false(id.complete);
                assert_string_equal(id.serial, "020000abcdef");
                assert_non_null(strstr(fake.log, "works by its button only"));
        }
}

static void test_missing(void **state)
{
        (void)state;
        fake_reset();
        fake.fctry_missing = true;
        identity_load(&id);
        assert_int_equal(id.fctry, -E_NOTFOUND);
        assert_non_null(strstr(fake.log, "factory partition: not found"));
        assert_false(id.complete);
}

/* An identity in nvs is used, and the log says what that means. */
static void test_in_nvs(void **state)
{
        (void)state;
        fake_reset();
        assert_int_equal(port_kv_mount(PORT_NVS), 0);
        assert_int_equal(port_kv_set(PORT_NVS, "certs", "certificate", CERT), 0);
        assert_int_equal(port_kv_set(PORT_NVS, "certs", "priv_key", KEY), 0);
        identity_load(&id);
        assert_true(id.complete);
        assert_string_equal(id.layout, "nvs/certs");
        assert_non_null(strstr(fake.log, "reset to factory erases"));
}

/* More than there is room for is said, and the rest still works. */
static void test_too_much(void **state)
{
        static char big[3800];
        const char *const pairs[] = { "serial_no", "s",  "cert", big, "priv_key",
                                      big,         "ca", big,    NULL };

        (void)state;
        memset(big, 'A', sizeof big - 1);
        memcpy(big, "-----BEGIN ", 11);
        fake_reset();
        fake_fctry("mfg_ns", pairs);
        identity_load(&id);
        assert_true(id.complete);
        assert_null(id.item[IDENTITY_CA].p);
        assert_non_null(strstr(fake.log, "mfg_ns:ca cannot be used: does not fit"));
        assert_string_equal(id.serial, "s");
}

/* Bytes damaged in turn: never a crash, and the outlet starts and switches. */
static void test_damaged(void **state)
{
        static struct outlet o;
        static const struct outlet_config cfg = { .ca = CERT, .endpoint = "h" };
        static uint8_t good[FAKE_PART];

        (void)state;
        fake_reset();
        fake_fctry(rows[0].ns, rows[0].pairs);
        memcpy(good, fake.fctry, sizeof good);
        for (size_t i = 0; i < 1024; i += 3) {
                memcpy(fake.fctry, good, sizeof good);
                fake.fctry[i] ^= 0x55;
                fake_power_on();
                fake.wifi_stored = true;
                outlet_start(&o, &cfg, 0);
                fake.level[9] = false;
                outlet_tick(&o, 1000);
                outlet_tick(&o, 1030);
                fake.level[9] = true;
                outlet_tick(&o, 1100);
                outlet_tick(&o, 1130);
                if (!o.id.complete)
                        assert_non_null(strstr(fake.log, "identity: "));
                assert_true(fake.level[19]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_variants), cmocka_unit_test(test_extras),
                cmocka_unit_test(test_missing),  cmocka_unit_test(test_in_nvs),
                cmocka_unit_test(test_too_much), cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_storage),  cmocka_unit_test(test_rubbish),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
