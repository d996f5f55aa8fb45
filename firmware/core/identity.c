#include "firmware/core/identity.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"
#include "firmware/core/say.h"

static const char *const keys[IDENTITY_ITEMS] = {
        [IDENTITY_SERIAL] = "serial_no",
        [IDENTITY_CERT] = "cert",
        [IDENTITY_KEY] = "priv_key",
        [IDENTITY_CA] = "ca",
        [IDENTITY_CODE_KEY] = "P11_CSK",
        [IDENTITY_ENDPOINT] = "endpoint",
        [IDENTITY_SERVICE_NAME] = "service_name",
        [IDENTITY_SERVICE_KEY] = "service_key",
        [IDENTITY_POP] = "pop",
        [IDENTITY_SALT] = "sec2_salt",
        [IDENTITY_VERIFIER] = "sec2_verifier",
        [IDENTITY_PRODUCT] = "product_key",
        [IDENTITY_TRANSPORT] = "prov_transport",
        [IDENTITY_SECURITY] = "prov_security",
};

#define CREDS "creds"
static const struct layout {
        const char *ns, *cert, *key;
} layouts[] = {
        { IDENTITY_NS, "cert", "priv_key" }, /* never in nvs */
        { "certs", "certificate", "priv_key" },
        { CREDS, "P11_Cert", "P11_Key" },
};
#define LAYOUTS (sizeof layouts / sizeof *layouts)

const char *identity_key(enum identity_item item)
{
        return keys[item];
}

bool identity_serial_ok(const char *text)
{
        const size_t n = strlen(text);

        for (size_t i = 0; i < n; i++) {
                const char c = text[i];

                if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
                    c != '_' && c != ':' && c != '-')
                        return false;
        }
        return n > 0 && n < IDENTITY_SERIAL_MAX;
}

/* Strings are sometimes made from files with a newline at their end. */
static size_t trimmed(const unsigned char *p, size_t n)
{
        while (n && (p[n - 1] == '\n' || p[n - 1] == '\r' || p[n - 1] == 0))
                n--;
        return n;
}

/* Read a key into the room; false: not there, or damaged (which is said). */
static bool load(struct identity *id, enum identity_item item, const char *part, const char *ns,
                 const char *key)
{
        unsigned char *p = id->room + id->used;
        const size_t room = sizeof id->room - id->used;
        const bool binary = item == IDENTITY_SALT || item == IDENTITY_VERIFIER;
        const bool pem = item >= IDENTITY_CERT && item <= IDENTITY_CODE_KEY;
        const int n = room > 1 ? port_kv_get(part, ns, key, p, room - 1) : -E_NOSPACE;

        if (n < 0) {
                if (n != -E_NOTFOUND)
                        say(PORT_ERROR, "identity: %s %s:%s cannot be used: %s", part, ns, key,
                            err_text(n));
                return false;
        }
        p[n] = 0;
        id->item[item] = (struct port_blob){ p, (size_t)n };
        if (!binary && !(pem && p[0] == 0x30)) { /* not DER */
                id->item[item].len = trimmed(p, (size_t)n);
                p[id->item[item].len] = 0;
        }
        id->used += (size_t)n + 1;
        return true;
}

/* PEM, or a DER sequence of just this length (X.690, 8.1.3). */
static bool plausible(const struct port_blob *b)
{
        static const char pem[] = "-----BEGIN ";
        size_t head = 2;
        size_t len = 0;

        if (b->len >= sizeof pem - 1 && memcmp(b->p, pem, sizeof pem - 1) == 0)
                return memchr(b->p, 0, b->len) == NULL;
        if (b->len < 2 || b->p[0] != 0x30)
                return false;
        if (b->p[1] < 0x80)
                return b->len == head + b->p[1];
        head += b->p[1] & 0x7Fu;
        if (head > 4 || b->len < head)
                return false;
        for (size_t i = 2; i < head; i++)
                len = len << 8 | b->p[i];
        return b->len == head + len;
}

static void set_layout(struct identity *id, const char *part, const char *ns)
{
        (void)strf(id->layout_name, sizeof id->layout_name, "%s/%s", part, ns);
        id->layout = id->layout_name;
}

/* Certificate and key of one layout; both or none. */
static bool load_pair(struct identity *id, const char *part, const struct layout *l)
{
        const size_t used = id->used;
        const bool cert = load(id, IDENTITY_CERT, part, l->ns, l->cert);
        const bool key = load(id, IDENTITY_KEY, part, l->ns, l->key);

        if (cert && key) {
                set_layout(id, part, l->ns);
                id->complete = true;
                for (unsigned i = IDENTITY_CERT; i <= IDENTITY_KEY; i++) {
                        if (plausible(&id->item[i]))
                                continue;
                        say(PORT_ERROR, "identity: %s of %s is neither PEM nor DER",
                            i == IDENTITY_CERT ? l->cert : l->key, id->layout);
                        id->complete = false;
                }
                return true;
        }
        if (cert || key)
                say(PORT_WARN, "identity: %s/%s has a %s without its %s", part, l->ns,
                    cert ? l->cert : l->key, cert ? l->key : l->cert);
        wipe(id->room + used, id->used - used);
        id->used = used;
        id->item[IDENTITY_CERT] = id->item[IDENTITY_KEY] = (struct port_blob){ 0 };
        return false;
}

static void choose_serial(struct identity *id)
{
        const char *text = identity_text(id, IDENTITY_SERIAL);
        uint8_t mac[6];

        if (text && identity_serial_ok(text)) {
                memcpy(id->serial, text, strlen(text) + 1);
                return;
        }
        port_mac(mac);
        hex_encode(mac, sizeof mac, id->serial);
        say(PORT_WARN, "identity: %s; named after the MAC: %s",
            text ? "serial_no has characters that a topic may not have" : "no serial_no",
            id->serial);
}

static void report(const struct identity *id)
{
        if (id->fctry < 0)
                say(PORT_ERROR, "identity: factory partition: %s; write this unit's fctry image",
                    err_text(id->fctry));
        if (!id->layout)
                say(PORT_ERROR, "identity: no certificate and key: the outlet works by its button "
                                "only");
        else
                say(PORT_INFO, "identity: %s, from %s", id->serial, id->layout);
        if (id->layout && strncmp(id->layout, "nvs/", 4) == 0)
                say(PORT_WARN, "identity: it lies in nvs, which reset to factory erases");
}

static void find_part(struct identity *id)
{
        id->part = PORT_FCTRY;
        id->fctry = port_kv_mount(PORT_FCTRY);
        if (id->fctry != -E_NOTFOUND || port_kv_mount(PORT_STORAGE) < 0)
                return;
        id->part = PORT_STORAGE;
        id->fctry = 0;
}

static void find_pair(struct identity *id)
{
        for (size_t i = 0; i < LAYOUTS; i++)
                if (load_pair(id, id->part, &layouts[i]))
                        return;
        for (size_t i = 1; i < LAYOUTS; i++)
                if (load_pair(id, PORT_NVS, &layouts[i]))
                        return;
}

void identity_load(struct identity *id)
{
        memset(id, 0, sizeof *id);
        find_part(id);
        find_pair(id);
        for (unsigned i = 0; i < IDENTITY_ITEMS; i++)
                if (i != IDENTITY_CERT && i != IDENTITY_KEY)
                        (void)load(id, (enum identity_item)i, id->part,
                                   i == IDENTITY_CODE_KEY ? CREDS : IDENTITY_NS, keys[i]);
        choose_serial(id);
        report(id);
}

const char *identity_text(const struct identity *id, enum identity_item item)
{
        const struct port_blob *b = &id->item[item];

        return b->p && b->len && !memchr(b->p, 0, b->len) ? (const char *)b->p : NULL;
}

void identity_wipe(struct identity *id)
{
        wipe(id, sizeof *id);
}
