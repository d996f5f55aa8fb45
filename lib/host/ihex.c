#include "host/ihex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"

enum { DATA = 0, END = 1, SEGMENT = 2, START_SEGMENT = 3, LINEAR = 4, START_LINEAR = 5 };

#define LIMIT ((uint64_t)256 << 20)

struct record {
        uint8_t len, type;
        uint16_t offset;
        uint8_t data[255];
};

bool ihex_looks_like(const uint8_t *p, size_t n)
{
        return n >= 11 && p[0] == ':' && hex_digit((char)p[1]) >= 0 && hex_digit((char)p[2]) >= 0 &&
               p[7] == '0' && p[8] >= '0' && p[8] <= '5';
}

/* One line (n characters without its end). */
static int parse(const char *text, size_t n, uint32_t line, struct record *r, struct diag *d)
{
        uint8_t raw[260];
        size_t bad = 0;
        uint8_t sum = 0;
        const long len = n && text[0] == ':' ? hex_decode(text + 1, n - 1, raw, sizeof raw, &bad)
                                             : -E_SYNTAX;

        if (len < 5 || raw[0] + 5 != len)
                return diag_at(d, E_SYNTAX, line, (uint32_t)bad + 1, "no Intel HEX record");
        for (long i = 0; i < len; i++)
                sum = (uint8_t)(sum + raw[i]);
        if (sum)
                return diag_at(d, E_CRC, line, 0, "the record's checksum does not match");
        r->len = raw[0];
        r->offset = be16_get(raw + 1);
        r->type = raw[3];
        memcpy(r->data, raw + 4, r->len);
        if ((r->type == SEGMENT || r->type == LINEAR) && r->len != 2)
                return diag_at(d, E_SYNTAX, line, 0, "an address record has two bytes");
        return r->type > START_LINEAR
                       ? diag_at(d, E_SYNTAX, line, 0, "record type %u is not known", r->type)
                       : 0;
}

struct reader {
        uint32_t upper; /* added to offsets */
        uint64_t low, high;
        uint8_t *data;  /* second pass */
        uint8_t *taken; /* a byte for each of data */
};

static int place(struct reader *rd, const struct record *r, uint32_t line, struct diag *d)
{
        for (unsigned i = 0; i < r->len; i++) {
                const uint64_t at = (uint64_t)rd->upper + (uint16_t)(r->offset + i);

                if (!rd->data) {
                        if (at < rd->low)
                                rd->low = at;
                        if (at + 1 > rd->high)
                                rd->high = at + 1;
                        continue;
                }
                if (rd->taken[at - rd->low])
                        return diag_at(d, E_EXISTS, line, 0, "address 0x%llx is given twice",
                                       (unsigned long long)at);
                rd->taken[at - rd->low] = 1;
                rd->data[at - rd->low] = r->data[i];
        }
        return 0;
}

static int pass(struct reader *rd, const char *text, size_t n, struct diag *d)
{
        uint32_t line = 1;

        rd->upper = 0;
        for (size_t at = 0; at < n; line++) {
                const char *end = memchr(text + at, '\n', n - at);
                size_t len = end ? (size_t)(end - text) - at : n - at;
                struct record r;
                int rc;

                while (len && strchr("\r \t", text[at + len - 1]) && text[at + len - 1])
                        len--;
                if (len) {
                        if ((rc = parse(text + at, len, line, &r, d)) < 0)
                                return rc;
                        if (r.type == END)
                                return 0;
                        if (r.type == SEGMENT)
                                rd->upper = (uint32_t)be16_get(r.data) << 4;
                        else if (r.type == LINEAR)
                                rd->upper = (uint32_t)be16_get(r.data) << 16;
                        else if (r.type == DATA && (rc = place(rd, &r, line, d)) < 0)
                                return rc;
                }
                at = end ? (size_t)(end - text) + 1 : n;
        }
        return diag_at(d, E_TRUNC, line, 0, "the end record is missing: the file is cut short");
}

int ihex_read(const char *text, size_t n, struct blob *out, uint32_t *base, struct diag *d)
{
        struct reader rd = { .low = UINT64_MAX };
        size_t len;
        int rc = pass(&rd, text, n, d);

        memset(out, 0, sizeof *out);
        if (rc < 0)
                return rc;
        if (rd.high == 0)
                return diag_set(d, E_FORMAT, "the file has no data");
        if (rd.high - rd.low > LIMIT)
                return diag_set(d, E_NOSPACE, "its data lie more than 256 MB apart");
        len = (size_t)(rd.high - rd.low);
        rd.data = malloc(len + 1);
        rd.taken = calloc(1, len + 1);
        if (!rd.data || !rd.taken) {
                rc = diag_set(d, E_NOMEM, "out of memory");
        } else {
                memset(rd.data, 0xff, len);
                rc = pass(&rd, text, n, d);
        }
        free(rd.taken);
        if (rc < 0) {
                free(rd.data);
                return rc;
        }
        rd.data[len] = 0;
        *out = (struct blob){ rd.data, len };
        *base = (uint32_t)rd.low;
        return 0;
}

struct text {
        char *at;
        size_t len, cap;
};

static int add_record(struct text *t, uint8_t type, uint16_t offset, const uint8_t *p, size_t n)
{
        uint8_t sum = (uint8_t)(n + (offset >> 8) + (offset & 0xff) + type);

        if (t->cap - t->len < 16 + 2 * n) {
                const size_t cap = (t->cap + 64) * 2;
                char *grown = realloc(t->at, cap);

                if (!grown)
                        return -E_NOMEM;
                t->at = grown;
                t->cap = cap;
        }
        t->len += (size_t)sprintf(t->at + t->len, ":%02X%04X%02X", (unsigned)n, offset, type);
        for (size_t i = 0; i < n; i++) {
                sum = (uint8_t)(sum + p[i]);
                t->len += (size_t)sprintf(t->at + t->len, "%02X", p[i]);
        }
        t->len += (size_t)sprintf(t->at + t->len, "%02X\n", (uint8_t)-sum);
        return 0;
}

static int add_piece(struct text *t, const struct ihex_piece *p, bool addresses, uint32_t *upper)
{
        int rc = 0;

        for (size_t at = 0; at < p->len && rc == 0;) {
                const uint32_t addr = p->addr + (uint32_t)at;
                const size_t row = 16 - addr % 16;
                const size_t n = p->len - at < row ? p->len - at : row;

                if (addresses && addr >> 16 != *upper) {
                        uint8_t high[2];

                        *upper = addr >> 16;
                        be16_put(high, (uint16_t)*upper);
                        rc = add_record(t, LINEAR, 0, high, 2);
                }
                if (rc == 0)
                        rc = add_record(t, DATA, (uint16_t)addr, p->data + at, n);
                at += n;
        }
        return rc;
}

int ihex_write(const struct ihex_piece *pieces, size_t n, struct blob *out, struct diag *d)
{
        struct text t = { 0 };
        uint32_t upper = UINT32_MAX;
        bool addresses = false;
        int rc = 0;

        for (size_t i = 0; i < n; i++)
                addresses = addresses || pieces[i].addr + pieces[i].len > 0x10000;
        for (size_t i = 0; i < n && rc == 0; i++)
                rc = add_piece(&t, &pieces[i], addresses, &upper);
        if (rc == 0)
                rc = add_record(&t, END, 0, NULL, 0);
        if (rc < 0) {
                free(t.at);
                return diag_set(d, -rc, "out of memory");
        }
        *out = (struct blob){ (uint8_t *)t.at, t.len };
        return 0;
}
