/*
 * What a secured unit looks like, as fctry-secure(5) describes it: a JSON file read and judged as a
 * text. Keys are named there, not held.
 *
 * Recipes: Espressif's security guides (flash encryption, secure boot v2, host-based workflow).
 */
#ifndef HOST_SECURE_PROFILE_H
#define HOST_SECURE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "fmt/efuse.h"
#include "host/report.h"

#define SECURE_DIGESTS 3u
#define SECURE_EXTRAS  32u

enum secure_download { SECURE_DOWNLOAD_KEEP, SECURE_DOWNLOAD_SECURE, SECURE_DOWNLOAD_OFF };

/* A key of the unit's own: {mac} in file is its address. */
struct secure_key {
        const char *file; /* NULL: not wanted; joined to the profile's folder */
        bool make;        /* if the file is not there yet */
        unsigned bits;    /* 192 (ESP32 with 3/4 coding), 256, 512 (two blocks) */
        unsigned block, second;
};

struct secure_extra {
        const struct efuse_field *field;
        const char *value; /* as burn-efuse takes it */
};

struct secure_profile {
        const struct efuse_chip *chip;
        bool release; /* else development: what can be taken back is left open */
        struct secure_key flash, nvs;
        bool flash_by_boot; /* its bootloader makes the key and encrypts, at its first start */
        struct {
                const char
                        *keys[SECURE_DIGESTS]; /* public (or private) keys, joined to the folder */
                unsigned blocks[SECURE_DIGESTS];
                size_t count; /* 0: no secure boot */
                bool aggressive_revoke;
        } boot;
        bool jtag_off;
        enum secure_download download;
        struct secure_extra extras[SECURE_EXTRAS];
        size_t extra_count;
        /* private: */
        char *path, *dir;
        char **own; /* strings on the heap */
        size_t own_count;
};

/*
 * Returned: secure_profile_free. Every mistake is reported to r with line and column; the first
 * one's code comes back.
 */
int secure_profile_load(const char *path, struct secure_profile **out, struct report *r);

/* The same from text (text[len] is a NUL); name is for messages and for the folder. */
int secure_profile_parse(const char *name, const char *text, size_t len,
                         struct secure_profile **out, struct report *r);
void secure_profile_free(struct secure_profile *p); /* NULL is fine */

#endif
