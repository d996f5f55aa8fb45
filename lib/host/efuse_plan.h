/*
 * What is to be burnt into a chip's eFuses: gathered, checked as a whole, shown, burnt in an order
 * that can be resumed, verified bit by bit. No bit is burnt that is not in the plan.
 *
 * Rules: facts of the technical reference manuals (coding, protection, purposes) and what espefuse
 * 4.8.1 refuses; where it lets something through that breaks a unit, this does not.
 */
#ifndef HOST_EFUSE_PLAN_H
#define HOST_EFUSE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/efuse_dev.h"

struct efuse_plan; /* opaque */

/* dev is borrowed until efuse_plan_free. 0 or -E_NOMEM. */
int efuse_plan_new(struct efuse_dev *dev, struct efuse_plan **out);
void efuse_plan_free(struct efuse_plan *p); /* wipes; NULL is fine */

/*
 * From now on let what looks wrong through: a value that misses burnt bits, protected fields. What
 * Reed-Solomon or 3/4 coding would make unreadable stays refused.
 */
void efuse_plan_force(struct efuse_plan *p, bool force);

/*
 * What follows adds to the plan. What is burnt already with the same value adds nothing. All return
 * 0 or: -E_EXISTS (burnt already with another value), -E_REFUSED (write- or read-protected),
 * -E_UNSUPPORTED (this chip, this revision), -E_RANGE, -E_TYPE, -E_STATE; d says which and what to
 * do.
 */

/* bits: f->len of them, in the order in which the block has them. */
int efuse_plan_field(struct efuse_plan *p, const struct efuse_field *f, const uint8_t *bits,
                     struct diag *d);
int efuse_plan_bit(struct efuse_plan *p, unsigned block, unsigned bit, struct diag *d);

/* data as the block will hold it, from byte offset on. */
int efuse_plan_data(struct efuse_plan *p, unsigned block, size_t offset, const uint8_t *data,
                    size_t len, struct diag *d);

enum {
        EFUSE_PLAN_NO_READ_PROTECT = 1 << 0,
        EFUSE_PLAN_NO_WRITE_PROTECT = 1 << 1,
};

/*
 * A key as its file has it (reversed here where the hardware wants that), its purpose, and its
 * protection: purposes are always write-protected; blocks read-protected where only hardware needs
 * the key, and write-protected.
 */
int efuse_plan_key(struct efuse_plan *p, unsigned block, const struct efuse_purpose *purpose,
                   const uint8_t *key, size_t len, unsigned flags, struct diag *d);

/*
 * XTS-AES-256: the first half of 64 bytes into block, the second into the next free key block
 * (taken: more blocks that the same command fills, a bit each). *second: which.
 */
int efuse_plan_key_512(struct efuse_plan *p, unsigned block, unsigned taken, const uint8_t *key,
                       size_t len, unsigned flags, unsigned *second, struct diag *d);

/*
 * The same on an ESP32, which knows a block's use by its name: for "flash_encryption" and
 * "secure_boot_v1" the key is reversed and read-protected; flags both or none.
 */
int efuse_plan_key_v1(struct efuse_plan *p, const char *block_name, const uint8_t *key, size_t len,
                      unsigned flags, struct diag *d);

int efuse_plan_write_protect(struct efuse_plan *p, const struct efuse_field *f, struct diag *d);
int efuse_plan_read_protect(struct efuse_plan *p, const struct efuse_field *f, struct diag *d);

/* CUSTOM_MAC with what belongs to it. -E_RANGE: a group address. */
int efuse_plan_mac(struct efuse_plan *p, const uint8_t mac[6], struct diag *d);

/* The regulator of the flash's supply: 1800, 3300 (mV), 0 off. */
int efuse_plan_flash_voltage(struct efuse_plan *p, unsigned millivolt, struct diag *d);

/* What block i holds, once more, so that its coding is whole again. */
int efuse_plan_recover(struct efuse_plan *p, unsigned block, struct diag *d);

/*
 * Check the plan as a whole against what is burnt; what is there already is dropped. Returns how
 * many bits remain to be burnt, or an error as above. To be called before the next three.
 */
int efuse_plan_settle(struct efuse_plan *p, struct diag *d);

/* One line for each field that changes ("KEY_PURPOSE_0: USER -> HMAC_UP"); keys are not shown. */
void efuse_plan_show(const struct efuse_plan *p, bool secrets,
                     void (*line)(void *ctx, const char *text), void *ctx);

/*
 * Burn it: keys and data first, then BLOCK0 without what protects or closes, then that, what closes
 * the chip last; each step is read back, and burnt again (twice at most) where bits are missing.
 * Errors: -E_VERIFY (bits missing, bits that nobody asked for, coding errors), those of
 * efuse_dev_burn. Cut off at any point, the same plan made again burns the rest.
 */
int efuse_plan_burn(struct efuse_plan *p, struct diag *d);

/* efuse_dev_digest as it will be behind the burn: for whoever has to know before a chip closes. */
int efuse_plan_digest(const struct efuse_plan *p, uint8_t out[32]);

/* The blocks that the last burn wrote, a bit each. */
unsigned efuse_plan_blocks(const struct efuse_plan *p);

#endif
