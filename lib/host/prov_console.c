/* Provisioning over a serial console: the lines of wire/prov_console.h on a link. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "host/link.h"
#include "host/prov_link.h"
#include "wire/prov_console.h"

#define BAUD_DEFAULT 115200u
#define ANSWER_MS    5000u  /* the device answers at once, or never: it says nothing on an error */
#define SCAN_MS      20000u /* but a scan of all channels takes some */

struct console_link {
        struct prov_link base;
        struct link *link;
        uint32_t session;
        unsigned timeout_ms; /* 0: as above */
        bool heard;      /* it has answered before */
        bool long_heard; /* also a line that ESP-IDF's does not take */
        struct prov_console_reader reader;
};

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static long wait_answer(struct console_link *l, unsigned ms, uint8_t *out, size_t cap)
{
        const uint64_t end = now_ms() + ms;
        uint64_t now;

        prov_console_begin(&l->reader);
        while ((now = now_ms()) < end) {
                uint8_t buf[256];
                const long n = link_read(l->link, buf, sizeof buf, (unsigned)(end - now));

                if (n < 0)
                        return n;
                for (long i = 0; i < n; i++) {
                        const long got = prov_console_take(&l->reader, buf[i], out, cap);

                        if (got)
                                return got;
                }
        }
        return -E_TIMEOUT;
}

static long console_request(struct prov_link *base, const char *endpoint, const uint8_t *in,
                            size_t n, uint8_t *out, size_t cap, struct diag *d)
{
        struct console_link *l = (struct console_link *)base;
        const unsigned ms = l->timeout_ms                     ? l->timeout_ms
                            : !strcmp(endpoint, "prov-scan") ? SCAN_MS
                                                              : ANSWER_MS;
        char line[PROV_CONSOLE_LINE];
        bool too_long; /* for ESP-IDF */
        long rc = prov_console_request(endpoint, l->session, in, n, line, sizeof line);

        if (rc < 0)
                return diag_set(d, E_RANGE,
                                "%s: a message of %zu bytes does not fit into a console line of %u "
                                "characters",
                                endpoint, n, PROV_CONSOLE_LINE);
        too_long = (size_t)rc > PROV_CONSOLE_STOCK;
        link_flush_input(l->link);
        base->requests++;
        if ((rc = link_write(l->link, line, (size_t)rc)) < 0)
                return diag_set(d, (int)-rc, "%s: cannot be written to", link_name(l->link));
        rc = wait_answer(l, ms, out, cap);
        wipe(line, sizeof line);
        if (rc == -E_TIMEOUT && too_long && !l->long_heard)
                return diag_set(d, E_RANGE,
                                "%s: no answer to a line of more than %u characters, which is all "
                                "that ESP-IDF's own console takes: security 2 does not fit there; "
                                "use SoftAP or BLE",
                                link_name(l->link), PROV_CONSOLE_STOCK);
        l->long_heard |= rc > 0 && too_long;
        if (rc > 0) {
                l->heard = true;
                return rc;
        }
        if (rc == -E_TIMEOUT && l->heard)
                return diag_set(d, E_REFUSED, "%s: no answer to %s in %u s: so the console says no",
                                link_name(l->link), endpoint, ms / 1000);
        return diag_set(d, (int)-rc, "%s: %s; is the device's provisioning console there?",
                        link_name(l->link), err_text((int)rc));
}

/* Another number is another session. */
static int console_restart(struct prov_link *base, struct diag *d)
{
        struct console_link *l = (struct console_link *)base;

        if (crypt_random(&l->session, sizeof l->session) < 0)
                return diag_set(d, E_RANDOM, "no random numbers to be had");
        l->session >>= 1; /* the device reads a signed number */
        return 0;
}

static void console_close(struct prov_link *base)
{
        struct console_link *l = (struct console_link *)base;

        link_close(l->link);
        free(l);
}

static const struct prov_link_ops console_ops = { console_request, console_restart, console_close };

int prov_console_open(const char *port, unsigned baud, unsigned timeout_ms, struct prov_link **out,
                      struct diag *d)
{
        struct console_link *l = calloc(1, sizeof *l);
        struct diag why = { 0 };
        int rc;

        *out = NULL;
        if (!l)
                return diag_set(d, E_NOMEM, "out of memory");
        l->base.ops = &console_ops;
        l->timeout_ms = timeout_ms;
        rc = link_open(port, baud ? baud : BAUD_DEFAULT, &l->link, &why);
        if (rc < 0)
                diag_set(d, -rc, "%s: %s", port, diag_text(&why));
        if (rc == 0)
                rc = console_restart(&l->base, d);
        if (rc < 0) {
                console_close(&l->base);
                return rc;
        }
        *out = &l->base;
        return 0;
}
