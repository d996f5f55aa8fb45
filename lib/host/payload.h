/*
 * A Linux program in an ESP image: what the virtual board runs. One segment holds the application's
 * or bootloader's descriptor and, right behind it, the ELF file. A bootloader, which has to lie
 * below the partition table with its signature, may be packed: PAYLOAD_PACKED, the ELF file's
 * length (u32, little-endian), a zlib stream of it. Only the board's ROM opens that.
 */
#ifndef HOST_PAYLOAD_H
#define HOST_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/espimg.h"
#include "host/file.h"

#define PAYLOAD_PACKED   "ZELF" /* without its NUL */
#define PAYLOAD_PACKED_N 8u     /* bytes before the stream */

/*
 * What a build decides, in a place of its own in the program (firmware/port/linux/settings.c): the
 * mark, u8 enum payload_encrypt, u8 1 if there is a key, the key.
 */
#define PAYLOAD_SETTINGS_MARK "FCTRY-SETTINGS\r" /* with its NUL */
#define PAYLOAD_SETTINGS_LEN  96u
#define PAYLOAD_AT_ENCRYPT    16u
#define PAYLOAD_AT_HAS_KEY    17u
#define PAYLOAD_AT_KEY        32u

/* Flash encryption that a bootloader switches on. */
enum payload_encrypt { PAYLOAD_PLAIN, PAYLOAD_DEVELOPMENT, PAYLOAD_RELEASE };

struct payload_settings {
        enum payload_encrypt encrypt;
        bool has_key;
        uint8_t key[64]; /* of secure boot version 1: X, Y, big endian */
};

/* Into the program, in place. -E_NOTFOUND: it has no such place; -E_EXISTS: two. */
int payload_set(struct blob *elf, const struct payload_settings *s, struct diag *d);

struct payload {
        uint16_t chip_id;
        bool bootloader;     /* with its descriptor; version and project are not in it */
        const char *version; /* at most 31 bytes, borrowed */
        const char *project; /* the same */
        uint32_t secure_version;
};

/*
 * The image around elf (or a packed one): checksum and SHA-256 at its end, the ELF file's SHA-256
 * in the descriptor, no date, so that the same input makes the same image. out is returned
 * (blob_free). -E_RANGE: a text too long; -E_FORMAT: no ELF file; -E_NOSPACE: larger than a
 * segment.
 */
int payload_pack(const struct payload *p, const struct blob *elf, struct blob *out, struct diag *d);

/* Where the program lies: its first byte, counted from the image's start, and its length. */
int payload_find(const struct flash *f, uint32_t offset, const struct espimg *img, uint32_t *at,
                 uint32_t *len);

/*
 * The program of a verified image that begins at offset, in a file that lives in memory only
 * (memfd_create(2), closed on exec): execute it with fexecve(3). Returns the descriptor, or
 * -E_UNSUPPORTED: the image holds code for another processor, or a packed program.
 */
int payload_open(const struct flash *f, uint32_t offset, const struct espimg *img, struct diag *d);

#endif
