/* Values of eFuse fields as people and espefuse's JSON have them. */
#ifndef HOST_EFUSE_VALUE_H
#define HOST_EFUSE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/efuse_dev.h"

#define EFUSE_TEXT_MAX 128u

/* What a value is, for JSON. */
enum efuse_shape { EFUSE_SHAPE_BOOL, EFUSE_SHAPE_NUMBER, EFUSE_SHAPE_TEXT };

struct efuse_text {
        enum efuse_shape shape;
        char text[EFUSE_TEXT_MAX]; /* "True", "17", "-12.3", "XTS_AES_128_KEY", "00 01 …" */
        bool readable, writable;
};

/* eFuses to look at: a chip's, or what they would become. */
struct efuse_view {
        const struct efuse_chip *chip;
        const uint8_t *image; /* borrowed */
        unsigned revision;    /* major * 100 + minor */
};
struct efuse_view efuse_view_of(const struct efuse_dev *dev); /* borrows its image */

/*
 * A field's value in its own terms: words where the chip's manual has words, purposes by name,
 * addresses with the verdict on them; digits of what cannot be read are question marks.
 */
void efuse_text_get(const struct efuse_view *v, const struct efuse_field *f, struct efuse_text *t);

/* Its length in bits; with 3/4 coding whole blocks have 192. */
unsigned efuse_shown_bits(const struct efuse_view *v, const struct efuse_field *f);

/* Raw bits of a field as hexadecimal with 0x, highest first; "" for bytes. out: EFUSE_TEXT_MAX. */
void efuse_raw_text(const struct efuse_view *v, const struct efuse_field *f, char *out);

/* Does this field mean something on this chip as it is (calibration, custom MAC of an ESP32)? */
bool efuse_is_shown(const struct efuse_view *v, const struct efuse_field *f);

/* "security", "identity", … as espefuse groups them, and a few words on what it is for. */
const char *efuse_category(const struct efuse_field *f);
const char *efuse_about(const struct efuse_field *f);

/*
 * What the user wants a field to be: decimal or 0x; purposes by name or number; bytes
 * as hexadecimal (in the block's order, or with 0x as one number, last pair first); addresses with
 * colons. text NULL: 1 for a bit, one more bit of a counter. out: 32 bytes, f->len bits in the
 * block's order. Errors: -E_SYNTAX, -E_RANGE, -E_UNSUPPORTED (a field that nobody burns).
 */
int efuse_value_parse(const struct efuse_view *v, const struct efuse_field *f, const char *text,
                      uint8_t out[32], struct diag *d);

/* "aa:bb:cc:dd:ee:ff". -E_SYNTAX. */
int efuse_mac_parse(const char *text, uint8_t mac[6], struct diag *d);

#endif
