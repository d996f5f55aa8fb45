#include "fmt/efuse_model.h"

#include <string.h>

#include "base/bytes.h"

static bool is_v1(const struct efuse_model *m)
{
        return m->chip->flags & EFUSE_CHIP_V1;
}

static uint8_t *block_data(const struct efuse_model *m, unsigned i)
{
        return m->image + m->chip->blocks[i].read;
}

static size_t block_len(const struct efuse_model *m, unsigned i)
{
        return 4u * m->chip->blocks[i].words;
}

void efuse_model_init(struct efuse_model *m, const struct efuse_chip *chip, uint8_t *image)
{
        memset(m, 0, sizeof *m);
        m->chip = chip;
        m->image = image;
        for (unsigned i = 0; i < chip->block_count; i++) {
                if (efuse_coding(chip, image, i) == EFUSE_34)
                        efuse_34_encode(block_data(m, i), m->cells[i]);
                else
                        memcpy(m->cells[i], block_data(m, i), block_len(m, i));
                /* of a block in error nobody knows its check bytes: those of what completes it fit
                 */
                if (!efuse_errors(chip, image, i).fail)
                        efuse_rs_encode(m->cells[i], m->check[i]);
        }
}

/* Clear the bits of f in data. */
static void clear_field(const struct efuse_field *f, uint8_t *data)
{
        for (unsigned b = f->bit; b < (unsigned)f->bit + f->len; b++)
                data[b / 8] &= (uint8_t) ~(1u << b % 8);
}

uint32_t efuse_model_read(const struct efuse_model *m, uint32_t offset)
{
        uint8_t seen[EFUSE_IMAGE_MAX];
        uint32_t word;

        memcpy(seen, m->image, m->chip->size);
        efuse_hide(m->chip, seen);
        word = le32_get(seen + offset);
        wipe(seen, sizeof seen);
        return word;
}

void efuse_model_forget(struct efuse_model *m)
{
        efuse_hide(m->chip, m->image);
}

/*
 * The decoder's verdict on block i: how many check bytes do not fit its data. Silicon corrects up
 * to six wrong bytes and counts them; here they are only counted, up to the field's 7.
 */
static void judge_rs(struct efuse_model *m, unsigned i)
{
        const unsigned at = 4 * (i - 1);
        const unsigned fail = at + 3 + (m->chip->flags & EFUSE_CHIP_ERR_SHIFT ? 4 : 0);
        uint64_t err = le64_get(m->image + m->chip->rs_err);
        uint8_t check[EFUSE_RS_CHECK];
        uint64_t wrong = 0;

        efuse_rs_encode(m->cells[i], check);
        for (size_t k = 0; k < sizeof check; k++)
                wrong += check[k] != m->check[i][k];
        err &= ~((uint64_t)7 << at | (uint64_t)1 << fail);
        err |= (wrong < 7 ? wrong : 7) << at | (uint64_t)(wrong != 0) << fail;
        le64_put(m->image + m->chip->rs_err, err);
}

static void judge_34(struct efuse_model *m, unsigned i)
{
        const uint32_t bits = 0xfu << 4 * (i - 1);
        uint32_t status = le32_get(m->image + m->chip->rs_err) & ~bits;

        if (efuse_coding(m->chip, m->image, i) == EFUSE_34 && !efuse_34_valid(m->cells[i]))
                status |= bits;
        le32_put(m->image + m->chip->rs_err, status);
}

static void show(struct efuse_model *m, unsigned i)
{
        uint8_t *data = block_data(m, i);

        if (efuse_coding(m->chip, m->image, i) != EFUSE_34) {
                memcpy(data, m->cells[i], block_len(m, i));
                return;
        }
        memset(data, 0, block_len(m, i));
        for (size_t k = 0; k < 4; k++)
                memcpy(data + 6 * k, m->cells[i] + 8 * k, 6);
}

void efuse_model_latch(struct efuse_model *m)
{
        for (unsigned i = 0; i < m->chip->block_count; i++) {
                show(m, i);
                if (i == 0 || !(m->due >> i & 1))
                        continue;
                if (is_v1(m))
                        judge_34(m, i);
                else
                        judge_rs(m, i);
        }
        m->due = 0;
        m->powerless = false;
}

/* Every second of the bits that are set. */
static void halve(uint8_t *bits, size_t n)
{
        bool keep = true;

        for (size_t b = 0; b < 8 * n; b++) {
                if (!(bits[b / 8] >> b % 8 & 1))
                        continue;
                if (!keep)
                        bits[b / 8] &= (uint8_t) ~(1u << b % 8);
                keep = !keep;
        }
}

/* Burn data into block i, as far as WR_DIS lets it. */
static void burn(struct efuse_model *m, unsigned i, const uint8_t *data, const uint8_t *check)
{
        const struct efuse_chip *c = m->chip;
        uint8_t bits[EFUSE_DATA_MAX] = { 0 };
        uint8_t code[EFUSE_RS_CHECK] = { 0 };

        if (efuse_write_protected(c, m->image, c->blocks[i].write_protect))
                return;
        memcpy(bits, data, block_len(m, i));
        for (size_t k = 0; k < c->field_count && i == 0; k++)
                if (c->fields[k].block == 0 && c->fields[k].write_protect != EFUSE_NO &&
                    efuse_write_protected(c, m->image, c->fields[k].write_protect))
                        clear_field(&c->fields[k], bits);
        if (check)
                memcpy(code, check, sizeof code);
        if (m->powerless) {
                halve(bits, sizeof bits);
                halve(code, sizeof code);
        }
        for (size_t k = 0; k < sizeof bits; k++)
                m->cells[i][k] |= bits[k];
        for (size_t k = 0; k < sizeof code; k++)
                m->check[i][k] |= code[k];
        m->due |= (uint16_t)(1u << i);
}

/* The ESP32 burns all blocks at once, each from its own registers. */
static void burn_all(struct efuse_model *m)
{
        for (unsigned i = 0; i < m->chip->block_count; i++) {
                uint8_t *from = m->image + m->chip->blocks[i].write;

                burn(m, i, from, NULL);
                memset(from, 0, block_len(m, i));
        }
}

static void command(struct efuse_model *m, uint32_t value)
{
        const uint32_t conf = le32_get(m->image + m->chip->conf) & 0xffff;
        const unsigned block = value >> 2 & 15;

        if (m->powerless)
                return;
        if (value & EFUSE_CMD_READ && conf == EFUSE_CONF_READ) {
                efuse_model_latch(m);
        } else if (value & EFUSE_CMD_PGM && conf == EFUSE_CONF_WRITE) {
                m->powerless = m->cut && --m->cut == 0;
                if (is_v1(m))
                        burn_all(m);
                else if (block < m->chip->block_count)
                        burn(m, block, m->image, m->image + EFUSE_CHECK);
                m->burnt = true;
                m->burns++;
        }
}

void efuse_model_write(struct efuse_model *m, uint32_t offset, uint32_t value)
{
        const struct efuse_chip *c = m->chip;

        for (unsigned i = 0; i < c->block_count; i++)
                if (offset >= c->blocks[i].read && offset - c->blocks[i].read < block_len(m, i))
                        return; /* changes by burning only */
        if (offset == c->cmd)
                command(m, value);
        else if (offset != c->rs_err && (is_v1(m) || offset != c->rs_err + 4u))
                le32_put(m->image + offset, value);
}
