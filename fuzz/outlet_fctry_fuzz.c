/*
 * Any bytes as the factory partition. Properties: the outlet starts and switches by its button; an
 * identity that is complete has a serial number that a topic may hold; no key reaches log or
 * console.
 *
 * Input: one byte (mend checksums), then pages; missing ones are erased.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "fmt/nvs_wire.h"
#include "tests/unit/fake_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Checksums as a writer would make them, so that the fuzzer gets past them. */
static void mend(void)
{
        for (uint8_t *page = fake.fctry; page < fake.fctry + FAKE_PART; page += NVS_PAGE_SIZE) {
                le32_put(page + NVS_HDR_CRC, crc32_esp(page + NVS_HDR_SEQ, 24));
                for (uint8_t *e = page + NVS_ENTRIES_AT; e < page + NVS_PAGE_SIZE;
                     e += NVS_ENTRY_SIZE)
                        le32_put(e + NVS_ENT_CRC,
                                 crc32_le(crc32_esp(e, 4), e + 8, NVS_ENTRY_SIZE - 8));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        static const struct outlet_config cfg = { .ca = "x", .endpoint = "h" };
        static struct outlet o;

        if (n < 1 || n > FAKE_PART + 1)
                return 0;
        fake_reset();
        memcpy(fake.fctry, p + 1, n - 1);
        if (p[0] & 1)
                mend();
        fake.wifi_stored = p[0] & 2;
        outlet_start(&o, &cfg, 0);
        if (!identity_serial_ok(o.id.serial))
                abort();
        fake_type(&o, "fctry\nselftest\n", 10);
        if (strstr(fake.log, "PRIVATE KEY") || strstr(fake.console, "PRIVATE KEY"))
                abort();
        fake.level[9] = false;
        outlet_tick(&o, 1000);
        outlet_tick(&o, 1030);
        fake.level[9] = true;
        outlet_tick(&o, 1100);
        outlet_tick(&o, 1130);
        if (!fake.level[19])
                abort();
        return 0;
}
