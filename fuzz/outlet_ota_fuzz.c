/*
 * Any bytes as the image of an update. Property: what is activated is an image that lib/fmt reads
 * and finds sound, for this chip, of a higher version, and lies in the slot byte for byte.
 *
 * Input: two bytes (flags; chunk length), then the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/crypt.h"
#include "firmware/core/version.h"
#include "fmt/espimg.h"
#include "tests/unit/fake_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static uint8_t file[FAKE_SLOT];

/* Checksum and hash as a writer would make them, so that the fuzzer gets past them. */
static void mend(size_t n)
{
        struct espimg img;

        if (espimg_read(file, n, true, &img, NULL) < 0 || !img.hash_there)
                return;
        file[img.len - ESPIMG_HASH_LEN - 1] = img.checksum;
        if (crypt_sha256(file, img.len - ESPIMG_HASH_LEN, file + img.len - ESPIMG_HASH_LEN) < 0)
                abort();
}

static void check(size_t n)
{
        struct espimg img;
        struct espimg_desc desc;

        if (espimg_read(file, n, true, &img, NULL) < 0 || espimg_check(&img, NULL) < 0 ||
            !img.hash_there || img.header.chip_id != fake.chip ||
            espimg_desc_read(file + img.segments[0].offset, img.segments[0].len, &desc) < 0 ||
            version_compare(desc.version, fake.version) <= 0)
                abort();
        if (fake.written != n || memcmp(fake.slot, file, n) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        static const struct port_blob ca = { (const uint8_t *)"x", 1 };
        static struct ota ota;
        struct port_event ev = { .type = PORT_EV_HTTP_HEAD };

        if (n < 2 || n - 2 > sizeof file)
                return 0;
        fake_reset();
        memcpy(file, p + 2, n - 2);
        if (p[0] & 1)
                mend(n - 2);
        ota_init(&ota, ca, false);
        if (ota_begin(&ota, "https://u", 0) < 0)
                abort();
        ev.http.status = 200;
        ev.http.total = p[0] & 2 ? n - 2 : 0;
        ota_event(&ota, &ev, 0);
        for (size_t at = 0, some; at < n - 2; at += some) {
                some = n - 2 - at < p[1] + 1u ? n - 2 - at : p[1] + 1u;
                ev = (struct port_event){ .type = PORT_EV_HTTP_DATA, .data = { file + at, some } };
                ota_event(&ota, &ev, 0);
        }
        ev = (struct port_event){ .type = PORT_EV_HTTP_END };
        ota_event(&ota, &ev, 0);
        if ((ota.state == OTA_DONE) != fake.activated)
                abort();
        if (fake.activated)
                check(n - 2);
        ota_stop(&ota);
        return 0;
}
