/*
 * The otadata partition changed on flash, by the bootloader and by the app: one record, one sector,
 * erased and written. The other record stays, so a power cut leaves one to boot from. Freestanding.
 */
#ifndef FMT_OTADATA_FLASH_H
#define FMT_OTADATA_FLASH_H

#include <stdint.h>

#include "base/diag.h"
#include "base/flash.h"
#include "fmt/otadata.h"

/* Both records of the partition at offset. 0, or what the flash returned. */
int otadata_load(const struct flash *f, uint32_t offset, struct otadata *o, struct diag *d);

/* Erases copy (0, 1) and writes seq and state there; the label stays empty. */
int otadata_store(const struct flash *f, uint32_t offset, unsigned copy, uint32_t seq,
                  uint32_t state);

/* One more start of the pending app of record c, which is copy (0, 1): writes one byte, erases
 * nothing. -E_RANGE: OTADATA_STARTS_MAX are counted already, or the flash is encrypted and takes no
 * single byte. */
int otadata_count_start(const struct flash *f, uint32_t offset, unsigned copy,
                        const struct otadata_copy *c);

/*
 * Make slot boot next with this state (OTADATA_NEW where rollback is in use): the record goes into
 * the copy that does not boot now (esp_ota_set_boot_partition of ESP-IDF v5.5; other than otatool's
 * otadata_switch, which counts from the highest number and may write over the running one).
 * -E_RANGE: slot, slots or the sequence number out of range.
 */
int otadata_activate(const struct flash *f, uint32_t offset, unsigned slot, unsigned slots,
                     enum otadata_state state);

/* The copy that boots gets another state: the app confirms itself (VALID) or gives up (INVALID).
 * -E_NOTFOUND: there is none; 0 without a write if it has that state. */
int otadata_mark(const struct flash *f, uint32_t offset, enum otadata_state state);

#endif
