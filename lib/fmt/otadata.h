/*
 * The otadata partition: which OTA slot boots. Source: bootloader_common_loader.c,
 * bootloader_utility.c and otatool.py of ESP-IDF v5.5.5. Freestanding.
 */
#ifndef FMT_OTADATA_H
#define FMT_OTADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define OTADATA_COPY   0x1000u /* bytes of a copy: one flash sector; its record lies at the start */
#define OTADATA_LEN    0x2000u /* the partition: two copies */
#define OTADATA_RECORD 32u     /* bytes of a record that mean something */
#define OTADATA_LABEL  20u
#define OTADATA_NONE   0xFFFFFFFFu /* the sequence number of an empty copy */
#define OTADATA_SLOTS  16u         /* most slots that a table can have */

/* A record: byte offsets. The checksum (crc32_esp) covers the sequence number only. */
#define OTADATA_AT_SEQ   0u
#define OTADATA_AT_LABEL 4u
#define OTADATA_AT_STATE 24u
#define OTADATA_AT_CRC   28u

enum otadata_state {
        OTADATA_NEW = 0,     /* written; the bootloader makes it pending at the first boot */
        OTADATA_PENDING = 1, /* booted once; a reboot before it is confirmed aborts it */
        OTADATA_VALID = 2,
        OTADATA_INVALID = 3, /* the app found itself unfit */
        OTADATA_ABORTED = 4, /* rebooted while pending */
};
#define OTADATA_UNDEFINED 0xFFFFFFFFu /* rollback is not in use */

struct otadata_copy {
        uint32_t seq;
        uint32_t state; /* enum otadata_state or OTADATA_UNDEFINED; other numbers count as bootable
                         */
        uint8_t label[OTADATA_LABEL];
        bool crc_ok;
};
struct otadata {
        struct otadata_copy copy[2];
};

/* One record of OTADATA_RECORD bytes. */
void otadata_copy_parse(struct otadata_copy *c, const uint8_t *p);

/* Read both records of an otadata partition of n bytes. -E_TRUNC: fewer than OTADATA_LEN. */
int otadata_parse(struct otadata *o, const uint8_t *p, size_t n, struct diag *d);

/* True if the bootloader may boot what this copy says. */
bool otadata_bootable(const struct otadata_copy *c);

/*
 * The copy that decides, 0 or 1 (equal sequence numbers: 0), or -1: the bootloader takes the
 * factory app, or the first slot where there is none. Rollback of a pending copy, which the
 * bootloader aborts before it chooses, is the caller's business.
 */
int otadata_active(const struct otadata *o);

/* The slot (0 … slots-1) that boots, or -1 as above or where slots is 0. */
int otadata_slot(const struct otadata *o, unsigned slots);

/*
 * Make slot boot next: the record goes into the copy that does not count. image holds the whole
 * partition (OTADATA_LEN bytes) and is changed there; *copy (may be NULL) tells which sector has to
 * be erased and written. The sequence number is otatool's: from the higher of those with a right
 * checksum, whatever its state. Label and state of the copy stay, as otatool leaves them, except a
 * state INVALID or ABORTED: that would keep the bootloader from the new record, so it becomes
 * UNDEFINED. -E_RANGE: slot, slots or the sequence number out of range; -E_TRUNC.
 */
int otadata_switch(uint8_t *image, size_t n, unsigned slot, unsigned slots, unsigned *copy,
                   struct diag *d);

/* The smallest sequence number from seq on that stands for slot. slots > slot; may be above 32
 * bits.
 */
uint64_t otadata_next_seq(uint32_t seq, unsigned slot, unsigned slots);

/* "NEW", "PENDING_VERIFY", … or "unknown". */
const char *otadata_state_name(uint32_t state);

#endif
