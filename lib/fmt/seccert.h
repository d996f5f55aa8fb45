/*
 * esp_secure_cert partitions: device credentials as a row of TLV entries, as Espressif's modules
 * are delivered with. Source: tlv_format_construct.py and tlv_parser.py of esp_secure_cert_mgr
 * (git 2296511). Freestanding.
 *
 *     header (12) | data | zeros up to a multiple of 16 | CRC (4)
 *
 * Entries follow each other without a gap. A reader ends where the partition ends, at erased flash,
 * at the end mark, or, as the device does, at bytes that are no entry.
 */
#ifndef FMT_SECCERT_H
#define FMT_SECCERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define SECCERT_SIZE   0x2000u /* bytes of the partition, and so of all entries */
#define SECCERT_OFFSET 0xD000u /* where modules have it in their flash */

/* An entry: byte offsets. The CRC is crc32_esp of header, data and padding. */
#define SECCERT_AT_MAGIC   0u
#define SECCERT_AT_FLAGS   4u
#define SECCERT_AT_TYPE    8u
#define SECCERT_AT_SUBTYPE 9u
#define SECCERT_AT_LEN     10u /* u16: bytes of data */
#define SECCERT_HEADER     12u
#define SECCERT_FOOTER     4u
#define SECCERT_ALIGN      16u
#define SECCERT_MAGIC      0xBA5EBA11u
#define SECCERT_END_MARK   0x0000FFFFu /* behind an integrity entry that was added later */

/* Bytes that an entry with n bytes of data takes. */
#define SECCERT_ENTRY(n)                                                              \
        (SECCERT_HEADER + ((n) + SECCERT_ALIGN - 1) / SECCERT_ALIGN * SECCERT_ALIGN + \
         SECCERT_FOOTER)

enum seccert_type {
        SECCERT_CA_CERT = 0,
        SECCERT_DEV_CERT = 1,
        SECCERT_PRIV_KEY = 2,
        SECCERT_DS_DATA = 3,    /* RSA key encrypted for the digital signature peripheral */
        SECCERT_DS_CONTEXT = 4, /* … its eFuse key and size */
        SECCERT_ECDSA_SALT = 5,
        SECCERT_SEC_CFG = 6, /* eFuse key of the ECDSA peripheral */
        SECCERT_TEE_KEY = 7,
        SECCERT_SIGNATURE = 8,
        SECCERT_INTEGRITY = 9, /* SHA-256 of all bytes before the entry */
        SECCERT_TYPE_END = 50,
        SECCERT_USER_1 = 51,
        SECCERT_USER_5 = 55,
};
#define SECCERT_SUBTYPE_MAX 254u /* 255 means "invalid" to the device */

/* Flags of a private key. */
#define SECCERT_FLAG_HMAC       0x80u /* encrypted with a key from the HMAC peripheral */
#define SECCERT_FLAG_DERIVED    0x40u /* ECDSA key derived by the HMAC peripheral */
#define SECCERT_FLAG_PERIPHERAL 0x08u /* the ECDSA peripheral has the key in eFuse */

/* The name of a type as CSV files have it ("ESP_SECURE_CERT_CA_CERT_TLV"), NULL if it has none. */
const char *seccert_type_name(unsigned type);
/* The type of such a name, or -E_NOTFOUND. */
int seccert_type_of(const char *name);

struct seccert_entry {
        size_t offset; /* of its header */
        uint8_t flags, type, subtype;
        bool crc_ok;
        const uint8_t *data; /* borrowed from the image */
        size_t len;
};

/*
 * The entry at *at, which moves behind it. Returns 1, 0 at the end of the entries (*at stays
 * there), -E_FORMAT: bytes that are no entry, -E_TRUNC: the entry reaches beyond n. An entry with a
 * wrong CRC is returned with crc_ok false.
 */
int seccert_next(const uint8_t *image, size_t n, size_t *at, struct seccert_entry *e,
                 struct diag *d);

/* The first entry of this type and subtype. 0, -E_NOTFOUND, -E_CRC, or as seccert_next. */
int seccert_find(const uint8_t *image, size_t n, unsigned type, unsigned subtype,
                 struct seccert_entry *e, struct diag *d);

struct seccert_facts {
        size_t used;        /* bytes of all entries, without an end mark */
        unsigned entries;   /* all */
        unsigned integrity; /* integrity entries among them, each of them right */
        bool sealed;        /* the last entry is an integrity entry */
        bool stray;         /* what follows is neither erased flash nor an end mark */
};

/*
 * Every rule of the format: sizes, CRCs, no type and subtype twice, known types, padding of zeros,
 * integrity entries that tell the truth. Bytes behind the last entry that are no entry end it
 * (stray). -E_FORMAT where there is no entry at all; -E_CRC, -E_EXISTS, -E_TYPE, -E_TRUNC,
 * -E_VERIFY (an integrity entry's digest); d has the offset.
 */
int seccert_check(const uint8_t *image, size_t n, struct seccert_facts *f, struct diag *d);

/* Writer: sticky, the first failure stays in error. */
struct seccert_writer {
        uint8_t *buf; /* the caller's, borrowed until the last call */
        size_t cap;   /* bytes there; at most SECCERT_SIZE are used */
        size_t len;   /* bytes written */
        int error;    /* 0 or -E_XXX */
};

/* -E_NOSPACE: says by how much; -E_RANGE: 65536 bytes and more, or a subtype beyond the limit. */
int seccert_add(struct seccert_writer *w, uint8_t flags, unsigned type, unsigned subtype,
                const void *data, size_t len, struct diag *d);

/* An integrity entry over all that was written; end_mark: with the mark behind it, which an entry
 * added to a finished partition needs. */
int seccert_seal(struct seccert_writer *w, unsigned subtype, bool end_mark, struct diag *d);

#endif
