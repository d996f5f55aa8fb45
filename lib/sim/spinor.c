#include "sim/spinor.h"

#include <string.h>

#include "base/bytes.h"

enum {
        OP_WRITE_STATUS_1 = 0x01,
        OP_PAGE_PROGRAM = 0x02,
        OP_READ = 0x03,
        OP_WRITE_DISABLE = 0x04,
        OP_READ_STATUS_1 = 0x05,
        OP_WRITE_ENABLE = 0x06,
        OP_FAST_READ = 0x0b,
        OP_WRITE_STATUS_3 = 0x11,
        OP_READ_STATUS_3 = 0x15,
        OP_ERASE_4K = 0x20,
        OP_WRITE_STATUS_2 = 0x31,
        OP_READ_STATUS_2 = 0x35,
        OP_VOLATILE_ENABLE = 0x50,
        OP_ERASE_32K = 0x52,
        OP_SFDP = 0x5a,
        OP_ERASE_CHIP_2 = 0x60,
        OP_RDID = 0x9f,
        OP_ERASE_CHIP = 0xc7,
        OP_ERASE_64K = 0xd8,
};

#define STATUS_WIP    0x01u
#define STATUS_WEL    0x02u
#define PAGE          256u
#define MANUFACTURER  0xc8u /* GigaDevice */
#define MEMORY_TYPE   0x40u
#define SFDP_TABLE_AT 0x30u

void sim_spinor_init(struct sim_spinor *c, const struct flash *flash)
{
        memset(c, 0, sizeof *c);
        c->flash = flash;
}

static unsigned size_log2(const struct sim_spinor *c)
{
        unsigned n = 0;

        while (n < 31 && 1u << n < c->flash->size)
                n++;
        return n;
}

/* JESD216: header, one parameter header, basic table with the density and the erase types. */
static uint8_t sfdp_byte(const struct sim_spinor *c, uint32_t at)
{
        static const uint8_t head[] = { 'S',  'F',  'D',  'P',  0x06,          0x01, 0x00, 0xff,
                                        0x00, 0x06, 0x01, 0x09, SFDP_TABLE_AT, 0x00, 0x00, 0xff };
        uint8_t table[9 * 4] = { 0xe5, OP_ERASE_4K, 0xf9, 0xff };

        if (at < sizeof head)
                return head[at];
        if (at < SFDP_TABLE_AT || at - SFDP_TABLE_AT >= sizeof table)
                return at < SFDP_TABLE_AT ? 0 : 0xff;
        le32_put(table + 4, c->flash->size * 8u - 1);
        le16_put(table + 7 * 4, (uint16_t)(0x0cu | OP_ERASE_4K << 8));
        le16_put(table + 7 * 4 + 2, (uint16_t)(0x0fu | OP_ERASE_32K << 8));
        le16_put(table + 8 * 4, (uint16_t)(0x10u | OP_ERASE_64K << 8));
        return table[at - SFDP_TABLE_AT];
}

static void read_id(const struct sim_spinor *c, uint8_t *in, size_t n)
{
        const uint8_t id[] = { MANUFACTURER, MEMORY_TYPE, (uint8_t)size_log2(c) };

        for (size_t i = 0; i < n; i++)
                in[i] = i < sizeof id ? id[i] : 0;
}

static void read_array(const struct sim_spinor *c, uint32_t addr, uint8_t *in, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (flash_read(c->flash, (addr + (uint32_t)i) % c->flash->size, in + i, 1) < 0)
                        in[i] = 0;
}

/* Past the end of its page the data wrap to the page's beginning, as on silicon. */
static void program(const struct sim_spinor *c, uint32_t addr, const uint8_t *out, size_t n)
{
        const uint32_t at = addr % c->flash->size;
        const uint32_t room = PAGE - at % PAGE;
        const size_t first = n < room ? n : room;

        if (flash_write(c->flash, at, out, first) == 0 && n > first)
                flash_write(c->flash, at & ~(PAGE - 1), out + first, n - first);
}

static void erase(const struct sim_spinor *c, uint32_t addr, uint32_t size)
{
        const uint32_t at = addr % c->flash->size & ~(size - 1);

        flash_erase(c->flash, at, size < c->flash->size ? size : c->flash->size);
}

static uint8_t status(const struct sim_spinor *c, unsigned i)
{
        uint8_t v = c->status[i];

        if (i == 0) {
                v &= (uint8_t) ~(STATUS_WIP | STATUS_WEL);
                if (c->busy && c->busy(c->ctx))
                        v |= STATUS_WIP;
                if (c->write_enabled)
                        v |= STATUS_WEL;
        }
        return v;
}

/* Commands that change something: they need WREN before and clear it. */
static void change(struct sim_spinor *c, const struct sim_spi *t)
{
        if (!c->write_enabled)
                return;
        c->write_enabled = false;
        switch (t->opcode) {
        case OP_WRITE_STATUS_1:
                for (size_t i = 0; i < t->out_len && i < 2; i++)
                        c->status[i] = t->out[i];
                break;
        case OP_WRITE_STATUS_2:
                c->status[1] = t->out_len ? t->out[0] : c->status[1];
                break;
        case OP_WRITE_STATUS_3:
                c->status[2] = t->out_len ? t->out[0] : c->status[2];
                break;
        case OP_PAGE_PROGRAM:
                program(c, t->addr, t->out, t->out_len);
                break;
        case OP_ERASE_4K:
                erase(c, t->addr, FLASH_SECTOR);
                break;
        case OP_ERASE_32K:
                erase(c, t->addr, 32u << 10);
                break;
        case OP_ERASE_64K:
                erase(c, t->addr, 64u << 10);
                break;
        default:
                flash_erase(c->flash, 0, c->flash->size);
                break;
        }
}

void sim_spinor_transfer(struct sim_spinor *c, const struct sim_spi *t)
{
        const bool is_status = t->opcode == OP_READ_STATUS_1 || t->opcode == OP_READ_STATUS_2 ||
                               t->opcode == OP_READ_STATUS_3;

        memset(t->in, 0, t->in_len);
        /* while it works, a chip answers status reads only */
        if (c->busy && c->busy(c->ctx) && !is_status)
                return;
        switch (t->opcode) {
        case OP_WRITE_ENABLE:
        case OP_VOLATILE_ENABLE:
                c->write_enabled = true;
                break;
        case OP_WRITE_DISABLE:
                c->write_enabled = false;
                break;
        case OP_READ_STATUS_1:
                memset(t->in, status(c, 0), t->in_len);
                break;
        case OP_READ_STATUS_2:
                memset(t->in, status(c, 1), t->in_len);
                break;
        case OP_READ_STATUS_3:
                memset(t->in, status(c, 2), t->in_len);
                break;
        case OP_RDID:
                read_id(c, t->in, t->in_len);
                break;
        case OP_SFDP:
                for (size_t i = 0; i < t->in_len; i++)
                        t->in[i] = sfdp_byte(c, t->addr + (uint32_t)i);
                break;
        case OP_READ:
        case OP_FAST_READ:
                read_array(c, t->addr, t->in, t->in_len);
                break;
        case OP_WRITE_STATUS_1:
        case OP_WRITE_STATUS_2:
        case OP_WRITE_STATUS_3:
        case OP_PAGE_PROGRAM:
        case OP_ERASE_4K:
        case OP_ERASE_32K:
        case OP_ERASE_64K:
        case OP_ERASE_CHIP:
        case OP_ERASE_CHIP_2:
                change(c, t);
                break;
        default: /* unique id, deep sleep, reset: nothing to see */
                break;
        }
}
