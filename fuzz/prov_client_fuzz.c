/*
 * A malicious device: the input is what it answers. Property: a client never believes in a session
 * whose proof it did not get (security 1 and 2), and every message decodes or is refused.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/prov_msg.h"
#include "wire/prov_sec.h"

static int fixed_random(void *ctx, void *out, size_t n)
{
        (void)ctx;
        memset(out, 0x42, n);
        return 0;
}

static void messages(const uint8_t *p, size_t n)
{
        static struct prov_ap entries[16];
        static uint8_t out[PROV_MESSAGE_MAX];
        struct prov_config_msg c;
        struct prov_scan_msg s = { .entries = entries, .entries_cap = 16 };
        struct prov_ctrl_msg k;

        if (prov_config_decode(&c, p, n) == 0 && prov_config_encode(&c, out, sizeof out) < 0)
                abort(); /* accepted what it cannot say */
        if (prov_scan_decode(&s, p, n) == 0) {
                if (s.op == PROV_SCAN_RESULT_RESP && s.count > 16)
                        abort();
                if (prov_scan_encode(&s, out, sizeof out) < 0)
                        abort();
        }
        if (prov_ctrl_decode(&k, p, n) == 0 && prov_ctrl_encode(&k, out, sizeof out) < 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct prov_client_sec c;
        static uint8_t out[PROV_MESSAGE_MAX];
        struct prov_client_config cfg = { .username = (const uint8_t *)"wifiprov",
                                          .username_len = 8,
                                          .secret = (const uint8_t *)"abcd1234",
                                          .secret_len = 8,
                                          .random = { fixed_random, NULL } };
        size_t at = 1;
        bool alive = true;

        if (size < 1)
                return 0;
        messages(data + 1, size - 1);
        /* the 3072-bit exponentiation of security 2 only now and then */
        cfg.security = data[0] % 16 == 15 ? 2 : data[0] % 2;
        if (prov_client_init(&c, &cfg) < 0)
                abort();
        while (alive && at + 2 <= size && prov_client_next(&c, out, sizeof out) > 0) {
                size_t n = data[at] | (size_t)data[at + 1] << 8;

                at += 2;
                n = n > size - at ? size - at : n;
                alive = prov_client_answer(&c, data + at, n, NULL) == 0;
                at += n;
        }
        if (cfg.security && c.phase == PROV_READY)
                abort(); /* nobody can guess a 32-byte proof */
        prov_client_free(&c);
        return 0;
}
