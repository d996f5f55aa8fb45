/* An ESP image checked where it lies on flash, piece by piece. Freestanding; 1 KiB of stack, 4 with
 * a signature. */
#ifndef FMT_ESPIMG_FLASH_H
#define FMT_ESPIMG_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/espimg.h"
#include "fmt/secboot_flash.h"

struct espimg_place {
        const struct flash *flash; /* borrowed */
        uint32_t offset, room;     /* bytes: where the image begins, how long it may be */
        uint16_t chip_id;          /* of the chip that shall run it */
        /*
         * An image without an appended SHA-256 is refused. ESP-IDF lets it pass unless secure boot
         * is on; then one turned bit in the header (byte 23) switches the check off.
         */
        bool need_hash;
        const struct secboot_trust *trust; /* secure boot: by whom it has to be signed; NULL: off */
        uint8_t *broken;                   /* see secboot_flash.h; NULL: not wanted */
};

/*
 * Reads and judges all of it: header, chip, segments, checksum, SHA-256 (esp_image_verify of
 * ESP-IDF v5.5). Fills img as espimg_read does, offsets counted from the image's start. Returns 0,
 * -E_FORMAT (no image, or of another chip), -E_TRUNC (longer than room), -E_CRC, -E_VERIFY (not
 * signed by anybody trusted), or what the flash returned.
 */
int espimg_flash_check(const struct espimg_place *place, struct espimg *img, struct diag *d);

#endif
