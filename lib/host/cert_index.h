/*
 * The index of a CA: which serial number, name and public key was given out, exactly once (SQLite).
 *
 * A device's way: claimed (its row is committed before a key is made), recorded (key and
 * certificate are in their files), settled (the files are on disk for good). What a killed process
 * left unsettled is taken over by the next one that is asked for the same device; the kernel tells
 * whether the owner still lives (a record lock on FILE.lock). No private key, passphrase or proof
 * of possession ever enters the index.
 */
#ifndef HOST_CERT_INDEX_H
#define HOST_CERT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/file.h"
#include "host/x509_cert.h"
#include "host/x509_key.h"

struct cert_index;

enum cert_index_use {
        INDEX_READ,  /* only cert_index_by_key, _state, _each and _count; also from a disk that
                        cannot be written */
        INDEX_WRITE, /* brought to the newest version */
        INDEX_MAKE,  /* the same, and made if there is none */
};

/* Open. Errors: -E_NOTFOUND, -E_PERM, -E_IO, -E_FORMAT (another file, a newer version). */
int cert_index_open(const char *path, enum cert_index_use use, struct cert_index **out,
                    struct diag *d);
void cert_index_close(
        struct cert_index *ix); /* claims that were not recorded can be taken over then */

enum claim_state {
        CLAIM_MINE,   /* make the key; serial is set */
        CLAIM_RESUME, /* mine, but a killed process may have written the files: look there first;
                         serial is set */
        CLAIM_ISSUED, /* has a certificate: serial, key_id, folder and cert are set */
        CLAIM_BUSY,   /* another living process is at it: ask again in a moment */
};

struct cert_claim {
        const char *cn; /* borrowed */
        enum claim_state state;
        int64_t row;
        uint8_t serial[CERT_SERIAL_LEN];
        uint8_t key_id[KEY_ID_LEN];
        char *folder;     /* where the key was written; freed by cert_claim_clear */
        struct blob cert; /* DER; freed by cert_claim_clear */
};
void cert_claim_clear(struct cert_claim *c);

/*
 * Claim n devices in one transaction. reissue: a device that has a certificate gets its old one
 * revoked (superseded) and a new claim. A row whose state is CLAIM_MINE, CLAIM_RESUME or
 * CLAIM_ISSUED already is left alone, so that a call can be repeated while some are CLAIM_BUSY:
 * zero-initialise with CLAIM_BUSY first.
 */
int cert_index_claim(struct cert_index *ix, struct cert_claim *rows, size_t n, bool reissue,
                     struct diag *d);

struct cert_record {
        int64_t row;
        const uint8_t *key_id;   /* KEY_ID_LEN bytes */
        const struct blob *cert; /* DER */
        int64_t not_after;       /* seconds since 1970 */
        const char *folder;      /* absolute */
};

/* Record n certificates in one transaction, to be settled. -E_EXISTS: a public key that was
 * certified before. */
int cert_index_record(struct cert_index *ix, const struct cert_record *rows, size_t n,
                      struct diag *d);

/* All that this process recorded is on disk for good: the caller has synced the files. */
int cert_index_settle(struct cert_index *ix, struct diag *d);

/* Give back claims of ours for which nothing was made (a refused request, a full disk). */
int cert_index_release(struct cert_index *ix, const struct cert_claim *rows, size_t n,
                       struct diag *d);

/* Which device has this key? CN returned (free), NULL if none. */
int cert_index_by_key(struct cert_index *ix, const uint8_t key_id[KEY_ID_LEN], char **cn,
                      struct diag *d);

/*
 * Revoke by CN (its live certificate) or by serial number in hexadecimal. reason: CRLReason of RFC
 * 5280. Returns 0, 1 if it was revoked before, -E_NOTFOUND. serial (may be NULL) gets what was
 * revoked.
 */
int cert_index_revoke(struct cert_index *ix, const char *cn_or_serial, int reason,
                      char serial[CERT_SERIAL_TEXT], struct diag *d);

/* 1: this serial number or CN is issued; 2: revoked; -E_NOTFOUND. */
int cert_index_state(struct cert_index *ix, const char *cn_or_serial, struct diag *d);

/* One certificate of the index, for lists; pointers are borrowed until the callback returns. */
struct cert_entry {
        const char *cn;
        const char *serial; /* hexadecimal */
        bool revoked;
        int reason;
        int64_t issued_at, revoked_at, not_after; /* seconds since 1970 */
        struct blob cert;                         /* DER */
};

/* Calls fn for each settled or revoked certificate in the order of issue; stops at a negative
 * return and returns it. */
int cert_index_each(struct cert_index *ix, bool revoked_only,
                    int (*fn)(void *ctx, const struct cert_entry *e), void *ctx, struct diag *d);

/* The number of the next revocation list: rises with every call. */
int cert_index_next_crl(struct cert_index *ix, uint64_t *number, struct diag *d);

struct cert_counts {
        uint64_t claimed, issued, revoked;
};
int cert_index_count(struct cert_index *ix, struct cert_counts *out, struct diag *d);

#endif
