/* port.h's update slots: the passive slot and otadata on the board's flash. */
#include <string.h>

#include "base/err.h"
#include "bus.h"
#include "firmware/core/port.h"
#include "fmt/espimg_flash.h"
#include "fmt/otadata_flash.h"
#include "machine.h"

static struct {
        const struct ptable_entry *slot; /* NULL: none is open */
        uint32_t at;                     /* bytes written */
        uint32_t held;                   /* bytes that wait in block */
        uint8_t block[FLASHENC_BLOCK];   /* flash encryption writes whole ones */
        uint32_t erased;                 /* up to here */
        bool verified;
} update;

static const struct ptable_entry *otadata_part(void)
{
        return ptable_find_type(machine_table(), PTABLE_DATA, PTABLE_DATA_OTA, NULL);
}

/* True if the record that decides stands for the running slot; then state is its state. */
static bool running_record(uint32_t *state)
{
        const struct ptable_entry *part = otadata_part();
        const struct ptable_entry *self = machine_running();
        struct otadata o;
        int active;

        if (!part || !ptable_is_slot(self) ||
            otadata_load(bus_plain(), part->offset, &o, NULL) < 0 ||
            (active = otadata_active(&o)) < 0 ||
            otadata_slot(&o, ptable_slots(machine_table())) != self->subtype - PTABLE_APP_OTA_0)
                return false;
        *state = o.copy[active].state;
        return true;
}

enum port_ota_state port_ota_state(void)
{
        uint32_t state;

        return running_record(&state) && state == OTADATA_PENDING ? PORT_OTA_PENDING
                                                                  : PORT_OTA_VALID;
}

/* The slot behind the running one; behind the factory app the first. */
static const struct ptable_entry *passive_slot(void)
{
        const struct ptable_entry *self = machine_running();
        const unsigned slots = ptable_slots(machine_table());
        unsigned next = 0;

        if (ptable_is_slot(self) && slots)
                next = (self->subtype - PTABLE_APP_OTA_0 + 1u) % slots;
        if (next >= slots)
                return NULL;
        return ptable_find_type(machine_table(), PTABLE_APP, (uint8_t)(PTABLE_APP_OTA_0 + next),
                                NULL);
}

int port_ota_begin(uint32_t *size)
{
        const struct ptable_entry *slot = passive_slot();

        memset(&update, 0, sizeof update);
        if (port_ota_state() == PORT_OTA_PENDING)
                return -E_STATE;
        if (!slot || slot == machine_running() || !otadata_part())
                return -E_NOTFOUND;
        update.slot = slot;
        *size = slot->size;
        return 0;
}

/* Whole blocks go to the flash as they fill up. */
static int put_blocks(const uint8_t *p, size_t n)
{
        const struct flash *f = bus_plain();
        int rc;

        while (update.erased < update.at + n) {
                rc = flash_erase(f, update.slot->offset + update.erased, FLASH_SECTOR);
                if (rc < 0)
                        return rc;
                update.erased += FLASH_SECTOR;
        }
        if ((rc = flash_write(f, update.slot->offset + update.at, p, n)) < 0)
                return rc;
        update.at += (uint32_t)n;
        return 0;
}

int port_ota_write(const void *p, size_t n)
{
        const uint8_t *from = p;
        size_t some;
        int rc = 0;

        if (!update.slot)
                return -E_STATE;
        if (n > update.slot->size - update.at - update.held)
                return -E_NOSPACE;
        if (update.held) {
                some = sizeof update.block - update.held;
                some = n < some ? n : some;
                memcpy(update.block + update.held, from, some);
                update.held += (uint32_t)some;
                from += some;
                n -= some;
                if (update.held < sizeof update.block)
                        return 0;
                update.held = 0;
                if ((rc = put_blocks(update.block, sizeof update.block)) < 0)
                        return rc;
        }
        some = n - n % sizeof update.block;
        if (some)
                rc = put_blocks(from, some);
        update.held = (uint32_t)(n - some);
        memcpy(update.block, from + some, update.held);
        return rc;
}

int port_ota_finish(void)
{
        struct espimg_place place = { .flash = bus_plain(),
                                      .chip_id = port_chip(),
                                      .need_hash = true };
        struct espimg img;
        int rc;

        if (!update.slot)
                return -E_STATE;
        if (update.held) {
                memset(update.block + update.held, 0xff, sizeof update.block - update.held);
                update.held = 0;
                if ((rc = put_blocks(update.block, sizeof update.block)) < 0)
                        return rc;
        }
        place.offset = update.slot->offset;
        place.room = update.at;
        place.trust = bootfuse_trust(machine_fuses());
        update.verified = espimg_flash_check(&place, &img, NULL) == 0;
        return update.verified ? 0 : -E_VERIFY;
}

int port_ota_activate(void)
{
        int rc;

        if (!update.slot || !update.verified)
                return -E_STATE;
        rc = otadata_activate(bus_plain(), otadata_part()->offset,
                              update.slot->subtype - PTABLE_APP_OTA_0,
                              ptable_slots(machine_table()), OTADATA_NEW);
        update.slot = NULL;
        return rc;
}

void port_ota_abort(void)
{
        update.slot = NULL;
}

int port_ota_mark_valid(void)
{
        if (port_ota_state() != PORT_OTA_PENDING)
                return 0;
        return otadata_mark(bus_plain(), otadata_part()->offset, OTADATA_VALID);
}

/* Is there an app to go back to: a bootable record of another slot, or a factory app? */
static bool other_boots(const struct otadata *o, int active)
{
        const struct otadata_copy *c = &o->copy[1 - active];
        const unsigned slots = ptable_slots(machine_table());

        if (ptable_find_type(machine_table(), PTABLE_APP, PTABLE_APP_FACTORY, NULL))
                return true;
        return otadata_bootable(c) && (c->seq - 1) % slots != (o->copy[active].seq - 1) % slots;
}

int port_ota_rollback(void)
{
        const struct ptable_entry *part = otadata_part();
        struct otadata o;
        uint32_t state;
        int rc;

        if (!running_record(&state))
                return -E_NOTFOUND;
        if ((rc = otadata_load(bus_plain(), part->offset, &o, NULL)) < 0)
                return rc;
        if (!other_boots(&o, otadata_active(&o)))
                return -E_NOTFOUND;
        if ((rc = otadata_mark(bus_plain(), part->offset, OTADATA_INVALID)) < 0)
                return rc;
        port_restart();
        return 0;
}
