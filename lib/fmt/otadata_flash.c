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

static void make_mark(uint8_t mark[OTADATA_MARK], unsigned n, uint32_t seq)
{
        memset(mark, 0, OTADATA_MARK);
        memcpy(mark, "FCTRYTRY", 8);
        le32_put(mark + 8, n);
        le32_put(mark + 12, seq);
}

/* 1 if mark n is there, 0, or -E_XXX. */
static int has_mark(const struct flash *f, uint32_t sector, unsigned n, uint32_t seq)
{
        uint8_t want[OTADATA_MARK], got[OTADATA_MARK];
        const int rc = flash_read(f, sector + OTADATA_MARK * n, got, sizeof got);

        make_mark(want, n, seq);
        return rc < 0 ? rc : memcmp(want, got, sizeof got) == 0;
}

int otadata_starts(const struct flash *f, uint32_t offset, unsigned copy, uint32_t seq)
{
        unsigned n = 1;

        for (; n < OTADATA_STARTS_MAX; n++) {
                const int rc = has_mark(f, offset + copy * OTADATA_COPY, n, seq);

                if (rc < 0)
                        return rc;
                if (rc == 0)
                        break;
        }
        return (int)n;
}

int otadata_count_start(const struct flash *f, uint32_t offset, unsigned copy, uint32_t seq)
{
        const uint32_t sector = offset + copy * OTADATA_COPY;
        const int n = otadata_starts(f, offset, copy, seq);
        uint8_t mark[OTADATA_MARK];
        int rc;

        if (n < 0)
                return n;
        if ((unsigned)n >= OTADATA_STARTS_MAX)
                return -E_RANGE;
        make_mark(mark, (unsigned)n, seq);
        if ((rc = flash_write(f, sector + OTADATA_MARK * (unsigned)n, mark, sizeof mark)) < 0 ||
            (rc = has_mark(f, sector, (unsigned)n, seq)) < 0)
                return rc;
        return rc ? 0 : -E_VERIFY;
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
