/* QR codes (libqrencode) as text for terminals, PNG and SVG. */
#ifndef HOST_QR_H
#define HOST_QR_H

#include <stddef.h>

#include "base/diag.h"
#include "host/file.h"

enum qr_form {
        QR_TEXT, /* UTF-8 half blocks, for a terminal or a label printer's preview */
        QR_PNG,
        QR_SVG,
};

/*
 * Encode text (UTF-8) with error correction level M and a quiet zone of four modules. scale: pixels
 * a module in PNG, 0 for 8. Returned: blob_free_secret. -E_NOSPACE: longer than a QR code holds.
 */
int qr_make(const char *text, enum qr_form form, unsigned scale, struct blob *out, struct diag *d);

#endif
