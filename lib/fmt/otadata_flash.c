#include "fmt/otadata_flash.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"

int otadata_load(const struct flash *f, uint32_t offset, struct otadata *o, struct diag *d)
{
        uint8_t record[OTADATA_RECORD];

        for (unsigned i = 0; i < 2; i++) {
                const int rc = flash_read(f, offset + i * OTADATA_COPY, record, sizeof record);

                if (rc < 0)
                        return diag_set(d, -rc, "otadata cannot be read");
                otadata_copy_parse(&o->copy[i], record);
        }
        return 0;
}

int otadata_store(const struct flash *f, uint32_t offset, unsigned copy, uint32_t seq,
                  uint32_t state)
{
        const uint32_t at = offset + copy * OTADATA_COPY;
        uint8_t record[OTADATA_RECORD];
        int rc;

        memset(record, 0xFF, sizeof record);
        le32_put(record + OTADATA_AT_SEQ, seq);
        le32_put(record + OTADATA_AT_STATE, state);
        le32_put(record + OTADATA_AT_CRC, crc32_esp(record + OTADATA_AT_SEQ, 4));
        if ((rc = flash_erase(f, at, OTADATA_COPY)) < 0)
                return rc;
        return flash_write(f, at, record, sizeof record);
}

int otadata_count_start(const struct flash *f, uint32_t offset, unsigned copy,
                        const struct otadata_copy *c)
{
        const uint8_t left = c->label[OTADATA_LABEL - 1];
        const uint8_t next = left & (uint8_t)(left - 1u);

        if (otadata_starts(c) >= OTADATA_STARTS_MAX)
                return -E_RANGE;
        return flash_write(f, offset + copy * OTADATA_COPY + OTADATA_AT_STARTS, &next, 1);
}

int otadata_activate(const struct flash *f, uint32_t offset, unsigned slot, unsigned slots,
                     enum otadata_state state)
{
        struct otadata o;
        uint64_t seq = (uint64_t)slot + 1;
        int active;
        int rc;

        if (slots == 0 || slots > OTADATA_SLOTS || slot >= slots)
                return -E_RANGE;
        if ((rc = otadata_load(f, offset, &o, NULL)) < 0)
                return rc;
        active = otadata_active(&o);
        if (active >= 0)
                seq = otadata_next_seq(o.copy[active].seq, slot, slots);
        if (seq >= OTADATA_NONE)
                return -E_RANGE;
        return otadata_store(f, offset, active == 0 ? 1 : 0, (uint32_t)seq, state);
}

int otadata_mark(const struct flash *f, uint32_t offset, enum otadata_state state)
{
        struct otadata o;
        int active;
        int rc;

        if ((rc = otadata_load(f, offset, &o, NULL)) < 0)
                return rc;
        if ((active = otadata_active(&o)) < 0)
                return -E_NOTFOUND;
        if (o.copy[active].state == state)
                return 0;
        return otadata_store(f, offset, (unsigned)active, o.copy[active].seq, state);
}
