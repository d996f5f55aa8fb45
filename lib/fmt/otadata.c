#include "fmt/otadata.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"

void otadata_copy_parse(struct otadata_copy *c, const uint8_t *p)
{
        c->seq = le32_get(p + OTADATA_AT_SEQ);
        c->state = le32_get(p + OTADATA_AT_STATE);
        memcpy(c->label, p + OTADATA_AT_LABEL, OTADATA_LABEL);
        c->crc_ok = le32_get(p + OTADATA_AT_CRC) == crc32_esp(p + OTADATA_AT_SEQ, 4);
}

int otadata_parse(struct otadata *o, const uint8_t *p, size_t n, struct diag *d)
{
        if (n < OTADATA_LEN)
                return diag_set(d, E_TRUNC, "otadata: %zu bytes, must be 0x%x", n, OTADATA_LEN);
        otadata_copy_parse(&o->copy[0], p);
        otadata_copy_parse(&o->copy[1], p + OTADATA_COPY);
        return 0;
}

bool otadata_bootable(const struct otadata_copy *c)
{
        return c->seq != OTADATA_NONE && c->state != OTADATA_INVALID &&
               c->state != OTADATA_ABORTED && c->crc_ok;
}

int otadata_active(const struct otadata *o)
{
        const bool first = otadata_bootable(&o->copy[0]);
        const bool second = otadata_bootable(&o->copy[1]);

        if (first && second)
                return o->copy[1].seq > o->copy[0].seq ? 1 : 0;
        return first ? 0 : second ? 1 : -1;
}

int otadata_slot(const struct otadata *o, unsigned slots)
{
        const int active = otadata_active(o);

        if (active < 0 || slots == 0 || slots > OTADATA_SLOTS)
                return -1;
        return (int)((o->copy[active].seq - 1) % slots);
}

/* What otatool counts from: the copy with the higher number among those with a right checksum. */
static int base_copy(const struct otadata *o)
{
        const bool first = o->copy[0].seq != OTADATA_NONE && o->copy[0].crc_ok;
        const bool second = o->copy[1].seq != OTADATA_NONE && o->copy[1].crc_ok;

        if (first && second)
                return o->copy[0].seq >= o->copy[1].seq ? 0 : 1;
        return first ? 0 : second ? 1 : -1;
}

uint64_t otadata_next_seq(uint32_t seq, unsigned slot, unsigned slots)
{
        const uint64_t first = (uint64_t)slot + 1;

        return seq > first ? first + (seq - first + slots - 1) / slots * slots : first;
}

int otadata_switch(uint8_t *image, size_t n, unsigned slot, unsigned slots, unsigned *copy,
                   struct diag *d)
{
        struct otadata o;
        uint64_t seq = (uint64_t)slot + 1;
        uint8_t *p;
        uint32_t state;
        int base;
        int rc;

        if (slots == 0 || slots > OTADATA_SLOTS || slot >= slots)
                return diag_set(d, E_RANGE, "slot ota_%u: the table has %u", slot, slots);
        if ((rc = otadata_parse(&o, image, n, d)) < 0)
                return rc;
        base = base_copy(&o);
        if (base >= 0)
                seq = otadata_next_seq(o.copy[base].seq, slot, slots);
        if (seq >= OTADATA_NONE)
                return diag_set(
                        d, E_RANGE,
                        "otadata: its sequence numbers are used up; erase it to begin again");
        p = image + (base == 0 ? OTADATA_COPY : 0);
        le32_put(p + OTADATA_AT_SEQ, (uint32_t)seq);
        le32_put(p + OTADATA_AT_CRC, crc32_esp(p + OTADATA_AT_SEQ, 4));
        state = le32_get(p + OTADATA_AT_STATE);
        if (state == OTADATA_INVALID || state == OTADATA_ABORTED)
                le32_put(p + OTADATA_AT_STATE, OTADATA_UNDEFINED);
        if (copy)
                *copy = base == 0 ? 1 : 0;
        return 0;
}

const char *otadata_state_name(uint32_t state)
{
        static const char *const names[] = { "NEW", "PENDING_VERIFY", "VALID", "INVALID",
                                             "ABORTED" };

        if (state == OTADATA_UNDEFINED)
                return "UNDEFINED";
        return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}
