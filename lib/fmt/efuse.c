#include "fmt/efuse.h"

#include <string.h>

#include "base/bytes.h"

static const struct efuse_chip *const all[] = { &efuse_esp32,   &efuse_esp32s2, &efuse_esp32s3,
                                                &efuse_esp32c3, &efuse_esp32c6, &efuse_esp32h2 };

static char lower(char c)
{
        return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Letters in either case; a dash or underscore more or less in word does not count. */
static bool same_chip(const char *word, const char *name)
{
        for (;; word++, name++) {
                while (*word == '-' || *word == '_')
                        word++;
                if (lower(*word) != *name)
                        return false;
                if (!*name)
                        return true;
        }
}

const struct efuse_chip *efuse_chip_at(size_t i)
{
        return i < sizeof all / sizeof *all ? all[i] : NULL;
}

const struct efuse_chip *efuse_chip_of(const char *name)
{
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                if (same_chip(name, all[i]->name))
                        return all[i];
        return NULL;
}

size_t efuse_name_len(const char *names)
{
        size_t n = 0;

        while (names[n] && names[n] != '|')
                n++;
        return n;
}

/* Is word one of the spellings in names? */
static bool name_is(const char *names, const char *word)
{
        for (;;) {
                const size_t n = efuse_name_len(names);
                size_t i = 0;

                while (i < n && word[i] && lower(word[i]) == lower(names[i]))
                        i++;
                if (i == n && !word[i])
                        return true;
                if (!names[n])
                        return false;
                names += n + 1;
        }
}

const struct efuse_field *efuse_field(const struct efuse_chip *c, const char *name)
{
        for (size_t i = 0; i < c->field_count; i++)
                if (name_is(c->fields[i].name, name))
                        return &c->fields[i];
        return NULL;
}

const struct efuse_block *efuse_block(const struct efuse_chip *c, const char *name)
{
        for (size_t i = 0; i < c->block_count; i++)
                if (name_is(c->blocks[i].name, name))
                        return &c->blocks[i];
        return NULL;
}

const struct efuse_purpose *efuse_purpose(const struct efuse_chip *c, const char *name)
{
        for (size_t i = 0; i < c->purpose_count; i++)
                if (name_is(c->purposes[i].name, name))
                        return &c->purposes[i];
        return NULL;
}

const struct efuse_purpose *efuse_purpose_of(const struct efuse_chip *c, unsigned id)
{
        for (size_t i = 0; i < c->purpose_count; i++)
                if (c->purposes[i].id == id)
                        return &c->purposes[i];
        return NULL;
}

void efuse_bits_get(const uint8_t *data, unsigned bit, unsigned len, uint8_t *out)
{
        memset(out, 0, (len + 7) / 8);
        for (unsigned i = 0; i < len; i++)
                if (data[(bit + i) / 8] >> (bit + i) % 8 & 1)
                        out[i / 8] |= (uint8_t)(1u << i % 8);
}

void efuse_bits_or(uint8_t *data, unsigned bit, unsigned len, const uint8_t *in)
{
        for (unsigned i = 0; i < len; i++)
                if (in[i / 8] >> i % 8 & 1)
                        data[(bit + i) / 8] |= (uint8_t)(1u << (bit + i) % 8);
}

uint32_t efuse_get(const struct efuse_chip *c, const uint8_t *image, const struct efuse_field *f)
{
        uint8_t raw[4] = { 0 };

        if (f->kind != EFUSE_CALC)
                efuse_bits_get(image + c->blocks[f->block].read, f->bit, f->len < 32 ? f->len : 32,
                               raw);
        return le32_get(raw);
}

uint32_t efuse_value(const struct efuse_chip *c, const uint8_t *image, const char *name)
{
        const struct efuse_field *f = efuse_field(c, name);

        return f ? efuse_get(c, image, f) : 0;
}

bool efuse_write_protected(const struct efuse_chip *c, const uint8_t *image, unsigned bit)
{
        return bit < 32 && efuse_value(c, image, "WR_DIS") >> bit & 1;
}

bool efuse_read_protected(const struct efuse_chip *c, const uint8_t *image, unsigned bit)
{
        return bit < 32 && efuse_value(c, image, "RD_DIS") >> bit & 1;
}

void efuse_hide(const struct efuse_chip *c, uint8_t *image)
{
        const uint32_t hidden = efuse_value(c, image, "RD_DIS");

        for (unsigned i = 0; i < c->block_count && hidden; i++) {
                uint8_t *data = image + c->blocks[i].read;

                if (c->blocks[i].read_protect < 32 && hidden >> c->blocks[i].read_protect & 1)
                        memset(data, 0, 4u * c->blocks[i].words);
        }
        for (size_t k = 0; k < c->field_count && hidden; k++) {
                const struct efuse_field *f = &c->fields[k];
                uint8_t *data = image + c->blocks[f->block].read;

                if (f->read_protect >= 32 || !(hidden >> f->read_protect & 1))
                        continue;
                for (unsigned b = f->bit; b < (unsigned)f->bit + f->len; b++)
                        data[b / 8] &= (uint8_t) ~(1u << b % 8);
        }
}

int efuse_key_find(const struct efuse_chip *c, const uint8_t *image, unsigned id, unsigned from)
{
        for (unsigned i = from; i < c->block_count; i++)
                if (c->blocks[i].purpose && efuse_value(c, image, c->blocks[i].purpose) == id)
                        return (int)i;
        return -1;
}

static unsigned bits_set(uint32_t v)
{
        unsigned n = 0;

        for (; v; v &= v - 1)
                n++;
        return n;
}

struct efuse_errors efuse_errors(const struct efuse_chip *c, const uint8_t *image, unsigned i)
{
        const bool late = c->flags & EFUSE_CHIP_ERR_SHIFT;
        struct efuse_errors e = { 0 };
        uint64_t bits;

        if (c->flags & EFUSE_CHIP_V1) { /* the register does not say which block */
                e.fail = i && le32_get(image + c->rs_err) & 0xfff;
                return e;
        }
        if (i == 0) {
                for (unsigned k = 0; k < 5; k++)
                        e.count += bits_set(le32_get(image + c->repeat_err + 4 * k));
                e.fail = e.count != 0;
                return e;
        }
        bits = le64_get(image + c->rs_err);
        e.count = bits >> 4 * (i - 1) & 7;
        e.fail = !(late && i == 10) && bits >> (4 * (i - 1) + (late ? 7 : 3)) & 1;
        return e;
}

enum efuse_coding efuse_coding(const struct efuse_chip *c, const uint8_t *image, unsigned i)
{
        if (i == 0)
                return EFUSE_PLAIN;
        if (!(c->flags & EFUSE_CHIP_V1))
                return EFUSE_RS;
        switch (efuse_value(c, image, "CODING_SCHEME")) {
        case 1:
                return EFUSE_34;
        case 2:
                return EFUSE_UNKNOWN;
        default:
                return EFUSE_PLAIN; /* 3 is read as 0 */
        }
}

size_t efuse_data_len(const struct efuse_chip *c, const uint8_t *image, unsigned i)
{
        return efuse_coding(c, image, i) == EFUSE_34 ? 24 : 4u * c->blocks[i].words;
}

/* a * b over GF(256) with the polynomial 0x11d. */
static uint8_t gf_mul(uint8_t a, uint8_t b)
{
        unsigned product = 0;
        unsigned factor = a;

        for (; b; b >>= 1) {
                if (b & 1)
                        product ^= factor;
                factor <<= 1;
                if (factor & 0x100)
                        factor ^= 0x11d;
        }
        return (uint8_t)product;
}

void efuse_rs_encode(const uint8_t data[32], uint8_t check[EFUSE_RS_CHECK])
{
        /* (x - 2^0)(x - 2^1) … (x - 2^11) without its first coefficient, highest power first */
        static const uint8_t generator[EFUSE_RS_CHECK] = { 0x44, 0x77, 0x43, 0x76, 0xdc, 0x1f,
                                                           0x07, 0x54, 0x5c, 0x7f, 0xd5, 0x61 };

        memset(check, 0, EFUSE_RS_CHECK);
        for (size_t i = 0; i < 32; i++) {
                const uint8_t lead = data[i] ^ check[0];

                for (size_t k = 0; k < EFUSE_RS_CHECK; k++)
                        check[k] = (k + 1 < EFUSE_RS_CHECK ? check[k + 1] : 0) ^
                                   gf_mul(lead, generator[k]);
        }
}

static void code_34(const uint8_t data[6], uint8_t check[2])
{
        check[0] = check[1] = 0;
        for (unsigned i = 0; i < 6; i++) {
                check[0] ^= data[i];
                for (unsigned b = data[i]; b; b >>= 1)
                        if (b & 1)
                                check[1] = (uint8_t)(check[1] + i + 1);
        }
}

void efuse_34_encode(const uint8_t data[24], uint8_t out[32])
{
        for (size_t i = 0; i < 4; i++) {
                memcpy(out + 8 * i, data + 6 * i, 6);
                code_34(data + 6 * i, out + 8 * i + 6);
        }
}

bool efuse_34_valid(const uint8_t coded[32])
{
        uint8_t check[2];

        for (size_t i = 0; i < 4; i++) {
                code_34(coded + 8 * i, check);
                if (memcmp(check, coded + 8 * i + 6, sizeof check) != 0)
                        return false;
        }
        return true;
}

uint8_t efuse_mac_crc(const uint8_t mac[6])
{
        uint8_t crc = 0;

        for (size_t i = 0; i < 6; i++) {
                crc ^= mac[i];
                for (int k = 0; k < 8; k++)
                        crc = (uint8_t)(crc & 1 ? crc >> 1 ^ 0x8c : crc >> 1);
        }
        return crc;
}

void efuse_file_get(const struct efuse_chip *c, uint8_t *image, const uint8_t *file)
{
        for (size_t i = 0; i < c->size; i++)
                image[i] = file[c->size - 1 - i];
}

void efuse_file_put(const struct efuse_chip *c, const uint8_t *image, uint8_t *file)
{
        for (size_t i = 0; i < c->size; i++)
                file[i] = image[c->size - 1 - i];
}
