/* Updates over the air: judged, written, resumed, refused; power cut between any two calls of the
 * port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fake_port.h"

#define URL   "https://updates.example/outlet.bin"
#define IMAGE 4000u

static struct ota ota;
static const struct port_blob ca = { (const uint8_t *)"-----BEGIN CA", 13 };
static uint8_t image[FAKE_SLOT + 4096];
static size_t image_len;

static void start(const char *version, uint16_t chip)
{
        fake_reset();
        image_len = fake_image(image, IMAGE, chip, version);
        ota_init(&ota, ca, false);
        assert_int_equal(ota_begin(&ota, URL, 0), 0);
}

static void head(unsigned status, uint64_t from, uint64_t total)
{
        const struct port_event ev = { .type = PORT_EV_HTTP_HEAD,
                                       .http = { status, from, total, "\"v1\"" } };

        ota_event(&ota, &ev, 0);
}

static void data(size_t from, size_t to, size_t chunk)
{
        for (size_t n; from < to && ota.state == OTA_READING; from += n) {
                struct port_event ev = { .type = PORT_EV_HTTP_DATA };

                n = chunk < to - from ? chunk : to - from;
                ev.data.p = image + from;
                ev.data.n = n;
                ota_event(&ota, &ev, 0);
        }
}

static void end(int error)
{
        const struct port_event ev = { .type = PORT_EV_HTTP_END, .error = error };

        ota_event(&ota, &ev, 0);
}

static void whole(uint64_t total, size_t chunk)
{
        head(200, 0, total);
        data(0, image_len, chunk);
        end(0);
}

static void assert_installed(void)
{
        assert_int_equal(ota.state, OTA_DONE);
        assert_true(fake.activated && !fake.ota_open);
        assert_int_equal(fake.written, image_len);
        assert_memory_equal(fake.slot, image, image_len);
}

static void test_good(void **state)
{
        static const size_t chunks[] = { 1, 7, 16, 287, 288, 289, 1000, 100000 };

        (void)state;
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
                for (unsigned known = 0; known < 2; known++) {
                        start("1.0.1", 5);
                        whole(known ? image_len : 0, chunks[i]);
                        assert_installed();
                }
        }
        assert_string_equal(ota.version, "1.0.1");
        assert_int_equal(ota_begin(&ota, URL, 0), -E_BUSY); /* restart first */
}

/* Bytes behind the image (a signature's sector) are written too. */
static void test_tail(void **state)
{
        (void)state;
        start("1.0.1", 5);
        memset(image + image_len, 0xA5, 4096);
        image_len += 4096;
        whole(image_len, 512);
        assert_installed();
        start("1.0.1", 5);
        fake.bad_signature = true;
        whole(image_len, 512);
        assert_int_equal(ota.state, OTA_REFUSED);
        assert_non_null(strstr(ota.status, "signature"));
        assert_false(fake.activated || fake.ota_open);
}

static void test_refused(void **state)
{
        static const struct {
                const char *version;
                uint16_t chip;
                uint32_t secure;
                const char *avoid, *why;
        } rows[] = {
                { "0.9.9", 5, 0, NULL, "not higher" },
                { "1.0.0", 5, 0, NULL, "not higher" },
                { "1.0.0-rc1", 5, 0, NULL, "not higher" },
                { "junk", 5, 0, NULL, "not higher" },
                { "1.0.1", 0, 0, NULL, "for chip 0" },
                { "1.0.1", 5, 1, NULL, "security version" },
                { "1.0.1", 5, 0, "1.0.1", "rolled back" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                start(rows[i].version, rows[i].chip);
                fake.secure_version = rows[i].secure;
                ota.avoid = rows[i].avoid;
                whole(image_len, 100);
                if (ota.state != OTA_REFUSED || !strstr(ota.status, rows[i].why))
                        fail_msg("row %zu: %s", i, ota.status);
                assert_int_equal(fake.begins, 0); /* the slot was not touched */
                assert_int_equal(fake.cancels, 1);
        }
        start("0.9.0", 5);
        ota.allow_downgrade = true;
        whole(image_len, 100);
        assert_installed();
}

static void test_begin(void **state)
{
        char url[PORT_URL_MAX + 1];

        (void)state;
        fake_reset();
        ota_init(&ota, ca, false);
        assert_int_equal(ota_begin(&ota, "http://a/b", 0), -E_INVAL);
        memset(url, 'a', sizeof url);
        memcpy(url, "https://", 8);
        url[PORT_URL_MAX] = 0;
        assert_int_equal(ota_begin(&ota, url, 0), -E_INVAL);
        url[PORT_URL_MAX - 1] = 0;
        assert_int_equal(ota_begin(&ota, url, 0), 0);
        assert_int_equal(ota_begin(&ota, url, 0), -E_BUSY);
        ota_stop(&ota);
        assert_int_equal(ota.state, OTA_FAILED);
        ota_init(&ota, (struct port_blob){ 0 }, false);
        assert_int_equal(ota_begin(&ota, URL, 0), -E_KEY);
        assert_int_equal(fake.gets, 1);
}

/* Every byte damaged in turn: never activated. */
static void test_corrupt(void **state)
{
        (void)state;
        for (size_t i = 0;; i++) {
                start("1.0.1", 5);
                if (i == image_len)
                        break;
                image[i] ^= 0x40;
                whole(image_len, 333);
                if (ota.state == OTA_DONE || fake.activated || fake.ota_open)
                        fail_msg("byte %zu: %s", i, ota.status);
        }
}

/* The connection lost behind every byte, then resumed where it was. */
static void test_resume(void **state)
{
        (void)state;
        image_len = IMAGE;
        for (size_t at = 0; at < image_len; at += 13) {
                start("1.0.1", 5);
                head(200, 0, image_len);
                data(0, at, 256);
                end(-E_LINK);
                assert_int_equal(ota.state, OTA_WAITING);
                ota_tick(&ota, OTA_RETRY_CAP_MS);
                assert_int_equal(fake.gets, 2);
                assert_int_equal(fake.http.from, at);
                assert_string_equal(fake.http.etag, "\"v1\"");
                head(at ? 206 : 200, at, image_len);
                data(at, image_len, 256);
                end(0);
                assert_installed();
                assert_int_equal(fake.begins, 1);
        }
}

/* Lost again and again, but always a little further: that is no reason to give up. */
static void test_slow_progress(void **state)
{
        size_t at = 0;
        uint64_t now = 0;

        (void)state;
        start("1.0.1", 5);
        for (; at + 100 < image_len; at += 100) {
                head(at ? 206 : 200, at, image_len);
                data(at, at + 100, 100);
                end(-E_LINK);
                ota_tick(&ota, now += OTA_RETRY_CAP_MS);
        }
        assert_true(fake.gets > 2 * OTA_RETRIES);
        head(206, at, image_len);
        data(at, image_len, 100);
        end(0);
        assert_installed();
}

/* The hash is right, the checksum is not: the ROM would not boot it. */
static void test_checksum(void **state)
{
        (void)state;
        start("1.0.1", 5);
        image[image_len - ESPIMG_HASH_LEN - 1] ^= 1;
        assert_int_equal(crypt_sha256(image, image_len - ESPIMG_HASH_LEN,
                                      image + image_len - ESPIMG_HASH_LEN),
                         0);
        whole(image_len, 100);
        assert_int_equal(ota.state, OTA_REFUSED);
        assert_non_null(strstr(ota.status, "damaged"));
}

/* A server without ranges, or a file that is another one now: from the start, in a fresh slot. */
static void test_start_again(void **state)
{
        (void)state;
        start("1.0.1", 5);
        head(200, 0, image_len);
        data(0, 2000, 256);
        end(-E_TIMEOUT);
        ota_tick(&ota, OTA_RETRY_CAP_MS);
        image_len = fake_image(image, IMAGE + 100, 5, "1.0.2");
        whole(image_len, 256);
        assert_installed();
        assert_string_equal(ota.version, "1.0.2");
        assert_int_equal(fake.begins, 2);

        start("1.0.1", 5); /* 416: what we have is of no use */
        head(200, 0, image_len);
        data(0, 2000, 256);
        end(-E_LINK);
        ota_tick(&ota, OTA_RETRY_CAP_MS);
        head(416, 0, 0);
        assert_int_equal(ota.state, OTA_WAITING);
        ota_tick(&ota, 2 * OTA_RETRY_CAP_MS);
        assert_int_equal(fake.http.from, 0);
        whole(image_len, 256);
        assert_installed();
}

static void test_gives_up(void **state)
{
        uint64_t now = 0;

        (void)state;
        start("1.0.1", 5);
        while (ota_busy(&ota) && now < 10000000) { /* always cut at the same place */
                head(200, 0, image_len);
                data(0, 1000, 256);
                end(-E_LINK);
                ota_tick(&ota, now += OTA_RETRY_CAP_MS);
        }
        assert_int_equal(ota.state, OTA_FAILED);
        assert_in_range(fake.gets, OTA_RETRIES, OTA_RETRIES + 2);
        assert_false(fake.ota_open);

        start("1.0.1", 5);
        head(404, 0, 0);
        assert_int_equal(ota.state, OTA_REFUSED);
        start("1.0.1", 5);
        head(503, 0, 0);
        assert_int_equal(ota.state, OTA_WAITING);
        start("1.0.1", 5);
        end(-E_VERIFY);
        assert_int_equal(ota.state, OTA_REFUSED);
        assert_non_null(strstr(ota.status, "certificate"));
        start("1.0.1", 5); /* the file ends before the image does */
        head(200, 0, 1000);
        data(0, 1000, 256);
        end(0);
        assert_int_equal(ota.state, OTA_REFUSED);
}

static void test_too_large(void **state)
{
        (void)state;
        start("1.0.1", 5);
        image_len = fake_image(image, FAKE_SLOT + 200, 5, "1.0.1");
        whole(image_len, 512);
        assert_int_equal(ota.state, OTA_REFUSED);
        assert_non_null(strstr(ota.status, "does not fit"));
        assert_false(fake.activated || fake.ota_open);
}

/* ---- the whole outlet, with power cuts ---- */

static struct outlet o;

static void send(const struct port_event *ev, uint64_t now)
{
        if (!o.stopped)
                fake_event(&o, ev, now);
}

static void update_whole(void)
{
        static const struct outlet_config cfg = { .ca = "-----BEGIN CA",
                                                  .endpoint = "h",
                                                  .update_url = URL,
                                                  .esp_topics = true,
                                                  .no_shadow = true };
        struct port_event ev = { .type = PORT_EV_HTTP_HEAD };

        outlet_start(&o, &cfg, 0);
        fake_online(&o, 10);
        fake_message(&o, "/esp/update/run", "", 20);
        ev.http.status = 200;
        ev.http.total = image_len;
        send(&ev, 30);
        for (size_t at = 0; at < image_len; at += 500) {
                ev = (struct port_event){ .type = PORT_EV_HTTP_DATA };
                ev.data.p = image + at;
                ev.data.n = image_len - at < 500 ? image_len - at : 500;
                send(&ev, 40);
        }
        ev = (struct port_event){ .type = PORT_EV_HTTP_END };
        send(&ev, 50);
}

static void test_power_cut(void **state)
{
        static const char *const pairs[] = { "serial_no", "dev-1",        "cert", "-----BEGIN C",
                                             "priv_key",  "-----BEGIN K", NULL };
        static volatile unsigned cut, updated, kept; /* live over longjmp */

        (void)state;
        updated = kept = 0;
        for (cut = 1; cut < 1000; cut++) {
                fake_reset();
                fake_fctry("mfg_ns", pairs);
                fake.wifi_stored = true;
                image_len = fake_image(image, IMAGE, 5, "1.1.0");
                fake.cut_at = cut;
                if (setjmp(fake.dark) == 0) {
                        update_whole();
                        assert_int_equal(fake.restarts, 1);
                        assert_true(fake.activated);
                        break; /* not so many calls: it went through */
                }
                if (fake.activated) {
                        assert_memory_equal(fake.slot, image, image_len);
                        updated++;
                } else {
                        kept++;
                }
                fake_power_on(); /* what runs now, runs: the old version updates again, … */
                fake.wifi_stored = true;
                if (fake.activated) {
                        memcpy(fake.version, "1.1.0", 6); /* … the new one proves itself */
                        fake.pending = true;
                }
                update_whole();
                assert_true(fake.activated);
                assert_int_equal(fake.pending, false);
        }
        assert_in_range(cut, 20, 999);
        assert_true(kept > 15 && updated > 0);
}

/* No pulse of the output from the update's start to the new version's. */
static void test_no_flicker(void **state)
{
        static const char *const pairs[] = { "serial_no", "dev-1",        "cert", "-----BEGIN C",
                                             "priv_key",  "-----BEGIN K", NULL };

        (void)state;
        for (int on = 0; on < 2; on++) {
                fake_reset();
                fake_fctry("mfg_ns", pairs);
                fake.wifi_stored = true;
                fake.kept = on;
                image_len = fake_image(image, IMAGE, 5, "1.1.0");
                update_whole();
                assert_int_equal(fake.restarts, 1);
                assert_int_equal(fake.changes[19], 0);
                assert_int_equal(fake.level[19], on);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),          cmocka_unit_test(test_tail),
                cmocka_unit_test(test_refused),       cmocka_unit_test(test_begin),
                cmocka_unit_test(test_corrupt),       cmocka_unit_test(test_resume),
                cmocka_unit_test(test_start_again),   cmocka_unit_test(test_gives_up),
                cmocka_unit_test(test_slow_progress), cmocka_unit_test(test_checksum),
                cmocka_unit_test(test_too_large),     cmocka_unit_test(test_power_cut),
                cmocka_unit_test(test_no_flicker),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
