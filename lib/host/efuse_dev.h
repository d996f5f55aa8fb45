/*
 * The eFuses of one chip, through the loader in its ROM or in a file: read, burnt a block at a
 * time, read back.
 *
 * The loader's requests and answers carry no checksum. So registers are read until two readings
 * agree, and what is to be burnt is read back before the command that burns it; that command alone
 * is sent unguarded.
 *
 * Sources: technical reference manuals, chapter "eFuse Controller" (programming sequence and
 * timing). Files are those of espefuse's virtual chips (--path-efuse-file) and of QEMU.
 */
#ifndef HOST_EFUSE_DEV_H
#define HOST_EFUSE_DEV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "fmt/efuse.h"
#include "host/loader.h"

struct efuse_dev; /* opaque; one thread at a time */

/*
 * l is borrowed until efuse_dev_close. Reads everything. Errors: -E_UNSUPPORTED (no table for this
 * chip), -E_REFUSED (secure download mode: registers are closed), those of the loader.
 */
int efuse_dev_open(struct loader *l, struct efuse_dev **out, struct diag *d);

/*
 * A file, made blank if it is not there; NULL: nowhere, a blank chip. Its versions are those that
 * espefuse's virtual chips have. Errors: -E_FORMAT (not chip->size bytes), those of file_load.
 */
int efuse_dev_open_file(const char *path, const struct efuse_chip *chip, struct efuse_dev **out,
                        struct diag *d);

void efuse_dev_close(struct efuse_dev *dev); /* wipes; NULL is fine */

const struct efuse_chip *efuse_dev_chip(const struct efuse_dev *dev);
const char *
efuse_dev_name(const struct efuse_dev *dev); /* "ESP32-C3 (revision v0.4)" or the file */
unsigned efuse_dev_revision(const struct efuse_dev *dev); /* major * 100 + minor */
bool efuse_dev_is_file(const struct efuse_dev *dev);

/* Registers as last read, borrowed, for efuse_get and its like (efuse_errors too). What is
 * read-protected is 0. */
const uint8_t *efuse_dev_image(const struct efuse_dev *dev);

/*
 * True behind a burn that closed the chip to us (ENABLE_SECURITY_DOWNLOAD, DIS_DOWNLOAD_MODE,
 * UART_DOWNLOAD_DIS): the image is what was burnt, not what was read.
 */
bool efuse_dev_is_closed(const struct efuse_dev *dev);

/* … and the chip has said that it is in secure download mode. */
bool efuse_dev_is_confirmed(const struct efuse_dev *dev);

/* Read it all again. */
int efuse_dev_read(struct efuse_dev *dev, struct diag *d);

/*
 * Burn data (efuse_data_len bytes; coded here) into block i and read everything again. Nothing is
 * verified and nothing is refused: host/efuse_plan.h does both. closes: the bits close the chip;
 * that it does not answer afterwards is right then. Errors: -E_UNSUPPORTED (no timing known for its
 * crystal, before anything is burnt), -E_TIMEOUT, those of the loader or of the file.
 */
int efuse_dev_burn(struct efuse_dev *dev, unsigned i, const uint8_t *data, bool closes,
                   struct diag *d);

/*
 * SHA-256 over the chip's name with its NUL and the data of all blocks, as read: what a ledger
 * keeps to see later whether fuses have changed. 0 or -E_NOMEM.
 */
int efuse_dev_digest(const struct efuse_dev *dev, uint8_t out[32]);
int efuse_image_digest(const struct efuse_chip *c, const uint8_t *image, uint8_t out[32]);

#endif
