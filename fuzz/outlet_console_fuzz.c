/*
 * Any bytes typed into the factory console. Properties: it never prints a key; every line that it
 * prints ends with CR LF unless it is of a PEM text; behind `lock` nothing but its refusal comes.
 *
 * Input: one byte (bit 0: fctry is read-only, bit 1: no identity yet), then what is typed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        static const char *const known[] = { "serial_no", "dev-1",
                                             "cert",      "-----BEGIN C",
                                             "priv_key",  "-----BEGIN PRIVATE KEY",
                                             NULL };
        static const char *const none[] = { "pop", "ab/cd", NULL };
        static const struct outlet_config cfg = { .ca = "x", .endpoint = "h" };
        static struct outlet o;
        struct port_event ev = { .type = PORT_EV_CONSOLE };

        if (n < 1 || n > 4096)
                return 0;
        fake_reset();
        fake_fctry("mfg_ns", p[0] & 2 ? none : known);
        fake.fctry_writable = !(p[0] & 1);
        outlet_start(&o, &cfg, 0);
        for (size_t i = 1; i < n; i++) {
                const bool locked = o.console.locked;

                fake_forget();
                ev.data.p = p + i;
                ev.data.n = 1;
                fake_event(&o, &ev, 10);
                if (strstr(fake.console, "PRIVATE KEY") || strstr(fake.console, "ab/cd"))
                        abort();
                if (fake.console_len && (fake.console_len < 2 ||
                                         memcmp(fake.console + fake.console_len - 2, "\r\n", 2)))
                        abort();
                if (locked && fake.console_len && strcmp(fake.console, "ERROR locked\r\n") != 0 &&
                    strcmp(fake.console, "ERROR line too long\r\n") != 0)
                        abort();
        }
        return 0;
}
