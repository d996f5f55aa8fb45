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

/*
 * How often a pending app was started: behind its record, in the rest of the sector, stands a mark
 * for each start but the first. The marks are our own. ESP-IDF reads the record alone and erases
 * the sector whenever it writes one. A mark holds the record's sequence number, and is written
 * whole without an erase, so that a power cut costs no record, and with flash encryption too.
 *
 *   mark n (n from 1) at OTADATA_MARK * n in the sector: "FCTRYTRY", n u32, sequence number u32,
 *   16 zero bytes
 */
#define OTADATA_MARK       32u
#define OTADATA_STARTS_MAX 9u

/* Starts so far of the pending app whose record is copy (0, 1), from 1; or what the flash returned.
 */
int otadata_starts(const struct flash *f, uint32_t offset, unsigned copy, uint32_t seq);

/* One more. -E_RANGE: OTADATA_STARTS_MAX are counted already; -E_VERIFY: the place is not erased,
 * nothing can be counted there; or what the flash returned. */
int otadata_count_start(const struct flash *f, uint32_t offset, unsigned copy, uint32_t seq);

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
