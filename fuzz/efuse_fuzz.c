/*
 * eFuse files and the controller. First byte: the chip; then its register space; then writes of six
 * bytes, a register's number and a word. Properties: a burnt bit stays, what is write-protected
 * does not change, what is read-protected reads as 0, and every field's value is a text that ends.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/efuse_model.h"
#include "host/efuse_value.h"

static void look(const struct efuse_chip *c, const uint8_t *image)
{
        const struct efuse_view v = { c, image, 300 };
        char raw[EFUSE_TEXT_MAX];
        struct efuse_text t;

        for (size_t i = 0; i < c->field_count; i++) {
                efuse_text_get(&v, &c->fields[i], &t);
                efuse_raw_text(&v, &c->fields[i], raw);
                if (!memchr(t.text, 0, sizeof t.text) || !memchr(raw, 0, sizeof raw) || !t.text[0])
                        abort();
                efuse_is_shown(&v, &c->fields[i]);
        }
}

static void check_hidden(const struct efuse_model *m)
{
        const struct efuse_chip *c = m->chip;

        for (unsigned i = 0; i < c->block_count; i++) {
                if (!efuse_read_protected(c, m->image, c->blocks[i].read_protect))
                        continue;
                for (unsigned k = 0; k < c->blocks[i].words; k++)
                        if (efuse_model_read(m, c->blocks[i].read + 4 * k))
                                abort();
        }
}

/* cells before and behind one write; locked: WR_DIS before it */
static void check_write(const struct efuse_model *before, const struct efuse_model *after,
                        uint32_t locked)
{
        for (unsigned i = 0; i < before->chip->block_count; i++) {
                const unsigned bit = before->chip->blocks[i].write_protect;

                for (size_t k = 0; k < EFUSE_DATA_MAX; k++)
                        if (before->cells[i][k] & ~after->cells[i][k])
                                abort(); /* unburnt */
                if (bit < 32 && locked >> bit & 1 &&
                    memcmp(before->cells[i], after->cells[i], EFUSE_DATA_MAX) != 0)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t image[EFUSE_IMAGE_MAX];
        static uint8_t seen[EFUSE_IMAGE_MAX];
        static uint8_t file[EFUSE_IMAGE_MAX];
        const struct efuse_chip *c = size ? efuse_chip_at(data[0] % 6) : NULL;
        struct efuse_model m;

        if (!c || size < 1u + c->size)
                return 0;
        efuse_file_get(c, image, data + 1);
        efuse_file_put(c, image, file);
        if (memcmp(file, data + 1, c->size) != 0)
                abort();
        efuse_model_init(&m, c, image);
        for (size_t at = 1u + c->size; at + 6 <= size; at += 6) {
                const uint32_t offset = le16_get(data + at) % (c->size / 4) * 4u;
                const struct efuse_model before = m;
                const uint32_t locked = efuse_value(c, image, "WR_DIS");

                efuse_model_write(&m, offset, le32_get(data + at + 2));
                check_write(&before, &m, locked);
        }
        check_hidden(&m);
        for (uint32_t o = 0; o < c->size; o += 4)
                le32_put(seen + o, efuse_model_read(&m, o));
        look(c, seen);
        efuse_model_forget(&m);
        check_hidden(&m);
        return 0;
}
