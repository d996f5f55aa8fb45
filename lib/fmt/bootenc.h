/*
 * Flash encryption switched on by a bootloader, at the first start or after the count of
 * FLASH_CRYPT_CNT (SPI_BOOT_CRYPT_CNT) was made even again: the key is made in eFuses if there is
 * none, everything that has to be ciphertext is encrypted where it lies, the count gets one bit
 * more. Order and choices are those of flash_encrypt.c in ESP-IDF v5.5. Freestanding; 5 KiB of
 * stack.
 */
#ifndef FMT_BOOTENC_H
#define FMT_BOOTENC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/bootsel.h"
#include "fmt/efuse.h"

struct bootenc {
        const struct efuse_chip *efuses;
        /*
         * All of the flash as it lies there, and the same written through the cipher with the key
         * that is in eFuses now, although encryption is not on yet. Both borrowed.
         */
        const struct flash *raw, *cipher;
        uint8_t *sector;      /* FLASH_SECTOR bytes to work in. Borrowed */
        uint32_t boot_offset; /* of the bootloader that runs */
        bool digest;          /* secure boot version 1: sector 0 is ciphertext too */
        bool release;         /* the count goes to its end: no plain image is ever taken again */
        /* Registers of the eFuse controller: 0 or -E_XXX. */
        int (*get)(void *ctx, uint32_t offset, uint32_t *value);
        int (*set)(void *ctx, uint32_t offset, uint32_t value);
        int (*random)(void *out, size_t n);
        void *ctx;
        /* Table, apps and console as in fmt/bootsel.h; its flash is raw. Borrowed. */
        const struct bootsel_config *boot;
};

/*
 * 0: nothing to be done, encryption is on. 1: it is from the next start on: restart. Errors:
 * -E_PERM (the count is write-protected), -E_KEY (a key that is not protected, or no free block for
 * one), -E_UNSUPPORTED (3/4 coding), those of the bootloader's image, of the table and of the
 * flash.
 *
 * A power cut while eFuses burn costs at most a key block. One while the flash is encrypted leaves
 * a sector erased or half written and, as on the chips, a bootloader that is part ciphertext: the
 * flash is to be written again, plain, and the next start goes on with the key that is there; that
 * does not count. Differs from ESP-IDF: protections of the key that a cut left out are burnt at the
 * next start (not the ESP32's, whose key may be half burnt then).
 */
int bootenc_run(const struct bootenc *e, struct bootsel *scratch, struct diag *d);

#endif
