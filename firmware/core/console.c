#include "firmware/core/console.h"

#include <stdarg.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"
#include "firmware/core/driver.h"
#include "firmware/core/outlet_config.h"
#include "wire/selftest.h"

#define LOCK_KEY "locked"

static void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void print(const char *fmt, ...)
{
        char line[SELFTEST_MAX + 2];
        va_list ap;
        size_t n;

        va_start(ap, fmt);
        n = strf_v(line, sizeof line - 2, fmt, ap);
        va_end(ap);
        if (n > sizeof line - 3)
                n = sizeof line - 3;
        memcpy(line + n, "\r\n", 2);
        port_console_write(line, n + 2);
}

static void answer(int rc)
{
        if (rc < 0)
                print("ERROR %s", err_text(rc));
        else
                print("OK");
}

static bool is_locked(void)
{
        char v[2];

        return port_kv_get(PORT_FCTRY, IDENTITY_NS, LOCK_KEY, v, sizeof v) != -E_NOTFOUND ||
               port_kv_get(PORT_NVS, OUTLET_NS, LOCK_KEY, v, sizeof v) != -E_NOTFOUND;
}

void console_init(struct console *c, const struct identity *id, int nvs)
{
        memset(c, 0, sizeof *c);
        c->id = id;
        c->nvs = nvs;
        c->locked = is_locked();
}

int console_restore_lock(const struct console *c)
{
        return c->locked ? port_kv_set(PORT_NVS, OUTLET_NS, LOCK_KEY, "1") : 0;
}

/* ---- commands: argument in, result of the answer out ---- */

static int cmd_version(struct console *c, const char *arg)
{
        (void)c;
        (void)arg;
        print("%s %s chip %u", port_project(), port_version(), (unsigned)port_chip());
        return 0;
}

static void mac_text(char out[13])
{
        uint8_t mac[6];

        port_mac(mac);
        hex_encode(mac, sizeof mac, out);
}

static int cmd_mac(struct console *c, const char *arg)
{
        char text[13];

        (void)c;
        (void)arg;
        mac_text(text);
        print("%s", text);
        return 0;
}

static int cmd_fctry(struct console *c, const char *arg)
{
        (void)arg;
        if (c->id->fctry < 0)
                return c->id->fctry;
        print("serial %s", c->id->serial);
        print("layout %s", c->id->layout ? c->id->layout : "none");
        for (unsigned i = 0; i < IDENTITY_ITEMS; i++)
                if (c->id->item[i].p)
                        print("%s %u bytes", identity_key((enum identity_item)i),
                              (unsigned)c->id->item[i].len);
        return 0;
}

/*
 * The serial number for a request, into out: the one that is stored, which wanted ("": none) must
 * not contradict; else wanted, which is stored; else what the unit calls itself.
 */
static int take_serial(const struct console *c, const char *wanted, char out[IDENTITY_SERIAL_MAX])
{
        const char *key = identity_key(IDENTITY_SERIAL);
        const int n = port_kv_get(PORT_FCTRY, IDENTITY_NS, key, out, IDENTITY_SERIAL_MAX - 1);

        if (n >= 0) {
                out[n] = 0;
                return !*wanted || strcmp(out, wanted) == 0 ? 0 : -E_EXISTS;
        }
        if (!*wanted) {
                memcpy(out, c->id->serial, sizeof c->id->serial);
                return 0;
        }
        if (!identity_serial_ok(wanted))
                return -E_SYNTAX;
        memcpy(out, wanted, strlen(wanted) + 1);
        return port_kv_set(PORT_FCTRY, IDENTITY_NS, key, wanted);
}

/* A unit that has its certificate: with another one it would be another unit. */
static bool has_cert(const struct console *c)
{
        return c->id->layout || port_kv_get(PORT_FCTRY, IDENTITY_NS, identity_key(IDENTITY_CERT),
                                            NULL, 0) != -E_NOTFOUND;
}

/* The key that is there, or a new one, in c->text as PEM. */
static int own_key(struct console *c)
{
        const char *name = identity_key(IDENTITY_KEY);
        const size_t cap = CONSOLE_PEM_MAX / 2;
        int n = port_kv_get(PORT_FCTRY, IDENTITY_NS, name, c->text, cap - 1);

        if (n >= 0) {
                c->text[n] = 0;
                return n;
        }
        if (n != -E_NOTFOUND)
                return n;
        n = port_key_new(c->text, cap);
        if (n >= 0)
                n = port_kv_set(PORT_FCTRY, IDENTITY_NS, name, c->text);
        return n < 0 ? n : (int)strlen(c->text);
}

static int cmd_csr(struct console *c, const char *arg)
{
        char *pem = c->text + CONSOLE_PEM_MAX / 2; /* behind the key */
        char serial[IDENTITY_SERIAL_MAX];
        struct port_blob key;
        int rc;

        if (has_cert(c))
                return -E_EXISTS;
        if ((rc = take_serial(c, arg, serial)) < 0)
                return rc;
        rc = own_key(c);
        if (rc >= 0) {
                key = (struct port_blob){ (const uint8_t *)c->text, (size_t)rc };
                rc = port_csr(key, serial, pem, CONSOLE_PEM_MAX / 2);
        }
        if (rc >= 0)
                port_console_write(pem, strlen(pem));
        wipe(c->text, sizeof c->text);
        return rc < 0 ? rc : 0;
}

static int cmd_cert(struct console *c, const char *arg)
{
        (void)arg;
        c->pem = true;
        c->text_len = 0;
        return 1; /* answered when it is there */
}

static int store_cert(struct console *c)
{
        const struct port_blob cert = { (const uint8_t *)c->text, c->text_len };
        char key[PORT_KEY_PEM_MAX];
        int rc;

        if (has_cert(c))
                return -E_EXISTS;
        rc = port_kv_get(PORT_FCTRY, IDENTITY_NS, identity_key(IDENTITY_KEY), key, sizeof key - 1);
        if (rc >= 0) {
                const struct port_blob own = { (const uint8_t *)key, (size_t)rc };

                key[rc] = 0;
                rc = port_key_matches(own, cert);
        }
        wipe(key, sizeof key);
        if (rc == 0)
                rc = port_kv_set(PORT_FCTRY, IDENTITY_NS, identity_key(IDENTITY_CERT), c->text);
        c->made = rc == 0;
        return rc;
}

static const char *cert_result(const struct identity *id)
{
        if (!id->layout)
                return "missing";
        if (!id->complete || port_key_matches(id->item[IDENTITY_KEY], id->item[IDENTITY_CERT]) < 0)
                return "bad";
        return "ok";
}

bool console_token(struct console *c)
{
        const int fctry = c->id->fctry;
        struct selftest_writer w;
        struct driver_check check;
        char text[13];

        selftest_begin(&w);
        selftest_fact(&w, "version", port_version());
        selftest_fact(&w, "project", port_project());
        (void)strf(text, sizeof text, "%u", (unsigned)port_chip());
        selftest_fact(&w, "chip", text);
        mac_text(text);
        selftest_fact(&w, "mac", text);
        selftest_fact(&w, "serial", c->id->serial);
        selftest_fact(&w, "slot", port_ota_state() == PORT_OTA_PENDING ? "pending" : "valid");
        selftest_check(&w, "nvs", c->nvs < 0 ? "bad" : "ok");
        selftest_check(&w, "fctry", fctry == -E_NOTFOUND ? "missing" : fctry < 0 ? "bad" : "ok");
        selftest_check(&w, "cert", cert_result(c->id));
        for (unsigned i = 0; driver_check(i, &check); i++)
                selftest_check(&w, check.name, check.result);
        print("%s", selftest_end(&w));
        return w.pass;
}

static int cmd_selftest(struct console *c, const char *arg)
{
        (void)arg;
        return console_token(c) ? 0 : -E_VERIFY;
}

static int cmd_lock(struct console *c, const char *arg)
{
        int rc;

        (void)arg;
        rc = port_kv_set(PORT_FCTRY, IDENTITY_NS, LOCK_KEY, "1");
        if (rc < 0) /* a read-only identity: there the console has nothing to change either */
                rc = port_kv_set(PORT_NVS, OUTLET_NS, LOCK_KEY, "1");
        c->locked = rc == 0;
        return rc;
}

static int cmd_help(struct console *c, const char *arg);

static const struct {
        const char *name, *help;
        int (*run)(struct console *c, const char *arg);
} commands[] = {
        { "help", "these lines", cmd_help },
        { "version", "project, version, chip", cmd_version },
        { "mac", "of the station interface", cmd_mac },
        { "fctry", "which factory data is there", cmd_fctry },
        { "csr", "[SERIAL]: make the key, print a certificate request", cmd_csr },
        { "cert", "take the certificate, PEM, in the lines that follow", cmd_cert },
        { "selftest", "one token line", cmd_selftest },
        { "lock", "close this console for good", cmd_lock },
};

static int cmd_help(struct console *c, const char *arg)
{
        (void)c;
        (void)arg;
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
                print("%s: %s", commands[i].name, commands[i].help);
        return 0;
}

static void run(struct console *c)
{
        char *arg = strchr(c->line, ' ');
        int rc;

        if (arg) {
                *arg++ = 0;
                while (*arg == ' ')
                        arg++;
        }
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
                if (strcmp(c->line, commands[i].name) != 0)
                        continue;
                rc = commands[i].run(c, arg ? arg : "");
                if (rc <= 0)
                        answer(rc);
                return;
        }
        print("ERROR unknown command; try help");
}

/* A line of the certificate. */
static void gather(struct console *c)
{
        static const char end[] = "-----END CERTIFICATE-----";
        const size_t room = sizeof c->text - c->text_len;

        if (c->len + 2 > room) {
                c->pem = false;
                answer(-E_NOSPACE);
                return;
        }
        memcpy(c->text + c->text_len, c->line, c->len);
        c->text_len += c->len;
        c->text[c->text_len++] = '\n';
        c->text[c->text_len] = 0;
        if (strcmp(c->line, end) != 0)
                return;
        c->pem = false;
        answer(store_cert(c));
}

static void line_end(struct console *c)
{
        c->line[c->len] = 0;
        if (c->too_long) {
                c->pem = false;
                print("ERROR line too long");
        } else if (!c->len) {
                ; /* CR LF, or nothing */
        } else if (c->locked) {
                print("ERROR locked");
        } else if (c->pem) {
                gather(c);
        } else {
                run(c);
        }
        c->len = 0;
        c->too_long = false;
}

void console_input(struct console *c, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const char ch = (char)p[i];

                if (ch == '\r' || ch == '\n') {
                        line_end(c);
                } else if (ch == 8 || ch == 127) {
                        c->len -= c->len > 0;
                } else if (c->len + 1 >= sizeof c->line) {
                        c->too_long = true;
                } else {
                        c->line[c->len++] = ch >= ' ' && ch <= '~' ? ch : '?';
                }
        }
}
