/* ESP application and bootloader images: read, check, patch. No allocation, no I/O. */
#ifndef FMT_ESPIMG_H
#define FMT_ESPIMG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "fmt/espimg_wire.h"

struct espimg_header {
        uint8_t count; /* segments */
        uint8_t mode, size_code, freq_code;
        uint32_t entry;
        /* the extended header; zero without */
        uint8_t wp_pin;
        uint8_t drv[3];
        uint16_t chip_id;
        uint8_t min_rev;
        uint16_t min_rev_full, max_rev_full;
        uint8_t hash_appended;
};

struct espimg_segment {
        uint32_t addr;
        uint32_t len;  /* of the data, bytes */
        size_t offset; /* of the data in the file */
};

struct espimg {
        struct espimg_header header;
        struct espimg_segment segments[ESPIMG_SEGMENTS_MAX];
        unsigned count;
        uint8_t checksum, checksum_stored;
        bool hash_there;
        uint8_t hash[ESPIMG_HASH_LEN], hash_stored[ESPIMG_HASH_LEN];
        size_t len; /* all of it, the hash included; more may follow in the file (signature,
                       padding) */
};

/* Does p look like an image: magic, a possible segment count, a possible mode? */
bool espimg_is_image(const uint8_t *p, size_t n);

/* extended: every chip but the ESP8266. -E_TRUNC, -E_FORMAT. */
int espimg_header_read(const uint8_t *p, size_t n, bool extended, struct espimg_header *h,
                       struct diag *d);
/* Writes ESPIMG_HEADER (+ ESPIMG_EXT) bytes; count is h->count. */
void espimg_header_write(const struct espimg_header *h, bool extended, uint8_t *out);

/*
 * Take an image apart and compute its checksum and hash. A wrong checksum or hash is no failure
 * here: compare the pairs, or call espimg_check. Errors: -E_TRUNC, -E_FORMAT (with the offset).
 */
int espimg_read(const uint8_t *p, size_t n, bool extended, struct espimg *img, struct diag *d);

/* 0, or -E_CRC with the sentence. */
int espimg_check(const struct espimg *img, struct diag *d);

/* XOR of n bytes into sum. */
uint8_t espimg_checksum(uint8_t sum, const uint8_t *p, size_t n);

/*
 * Change the flash parameters in bytes 2 and 3 (negative: keep) and, if a hash is appended, compute
 * it again at its place. Only the header and the segment table are looked at, not the checksum.
 * Returns 1 if something changed, 0, or the failure of espimg_read (then nothing is changed).
 */
int espimg_patch(uint8_t *p, size_t n, bool extended, int mode, int freq, int size, struct diag *d);

struct espimg_desc {
        uint32_t secure_version;
        char version[33], project[33], time[17], date[17], idf[33];
        uint8_t elf_sha[32];
        uint16_t min_blk, max_blk;
        uint8_t page_log2;
};
/* 0 or -E_NOTFOUND: p (n bytes of a segment) does not begin with an application descriptor. */
int espimg_desc_read(const uint8_t *p, size_t n, struct espimg_desc *desc);

struct espimg_boot_desc {
        uint32_t version;
        char idf[33], date[25];
};
int espimg_boot_desc_read(const uint8_t *p, size_t n, struct espimg_boot_desc *desc);

#endif
