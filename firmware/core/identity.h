/* Who this unit is: what the factory has written, in any of the layouts that are about. */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/core/port.h"

/*
 * The factory partition is fctry, or storage (as the FreeRTOS examples name it) where there is
 * none. Looked for in this order; the first that holds a certificate and a key is taken. there,
 * namespace mfg_ns: cert, priv_key (esp-jumpstart) there, namespace certs: certificate, priv_key
 *   there, namespace creds: P11_Cert, P11_Key (DER)
 *   nvs, certs and creds the same way: used, with a warning, as reset to factory erases nvs
 * Each as string or blob, PEM or DER. The rest always comes from the factory partition: P11_CSK
 * from creds, all other items from mfg_ns.
 */
#define IDENTITY_NS "mfg_ns"

#define IDENTITY_ROOM       8192u /* bytes of all values together, each with a NUL behind it */
#define IDENTITY_SERIAL_MAX 65u   /* bytes with the NUL: letters, digits, _ : - only */

enum identity_item {
        IDENTITY_SERIAL, /* serial_no */
        IDENTITY_CERT,
        IDENTITY_KEY,
        IDENTITY_CA,       /* ca */
        IDENTITY_CODE_KEY, /* P11_CSK: code-signing certificate; shown, used by nothing here */
        IDENTITY_ENDPOINT, /* endpoint: host or host:port */
        IDENTITY_SERVICE_NAME,
        IDENTITY_SERVICE_KEY,
        IDENTITY_POP,
        IDENTITY_SALT,      /* sec2_salt */
        IDENTITY_VERIFIER,  /* sec2_verifier */
        IDENTITY_PRODUCT,   /* product_key */
        IDENTITY_TRANSPORT, /* prov_transport: "ble", "softap" or "console" */
        IDENTITY_SECURITY,  /* prov_security: "0", on a unit without a proof; else not there */
        IDENTITY_ITEMS,
};

struct identity {
        char serial[IDENTITY_SERIAL_MAX]; /* serial_no, or the MAC in 12 hex digits */
        bool complete;      /* certificate and key are there and look like what they should be */
        int fctry;          /* 0, or why the partition cannot be used (-E_XXX) */
        const char *part;   /* the factory partition's label */
        const char *layout; /* "fctry/mfg_ns" …, NULL: no certificate with a key anywhere */
        struct port_blob item[IDENTITY_ITEMS]; /* p NULL: not there; a NUL follows each */
        /* private: */
        char layout_name[24];
        unsigned char room[IDENTITY_ROOM];
        size_t used;
};

/* Mounts fctry and reads all of it. What is missing or damaged is said in the log, plainly; that
 * keeps nothing but the cloud from working. */
void identity_load(struct identity *id);

/* The text of an item, NULL if it is not there or holds a NUL. */
const char *identity_text(const struct identity *id, enum identity_item item);

/* The key under which an item is stored. */
const char *identity_key(enum identity_item item);

/* Can text be a serial number: 1 … 64 letters, digits, '_', ':', '-' (what a topic and an AWS thing
 * may be named)? */
bool identity_serial_ok(const char *text);

/* Overwrites keys and all else. */
void identity_wipe(struct identity *id);

#endif
