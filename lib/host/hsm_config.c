#include "host/hsm_config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/err.h"

#define SECTION "hsm_config"

enum option { LIB, SLOT, LABEL, CREDENTIALS, LABEL_PUBKEY, OPTIONS };
static const char *const names[OPTIONS] = { "pkcs11_lib", "slot", "label", "credentials",
                                            "label_pubkey" };

/* A part of a line, borrowed from the text. */
struct part {
        const char *p;
        size_t len;
};

struct reader {
        uint32_t line;
        const char *start; /* of the line: columns count from here */
        bool ours;         /* inside of our section */
        bool any;          /* it has been there */
        bool option;       /* a line with an option came before, that could go on */
        size_t indent;     /* of it */
        struct blob values[OPTIONS];
};

static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct part trim(const char *p, const char *end)
{
        while (p < end && is_blank(*p))
                p++;
        while (end > p && is_blank(end[-1]))
                end--;
        return (struct part){ p, (size_t)(end - p) };
}

static bool part_is(struct part a, const char *word)
{
        return a.len == strlen(word) && strncasecmp(a.p, word, a.len) == 0;
}

static int syntax(const struct reader *r, const char *at, struct diag *d, const char *why)
{
        return diag_at(d, E_SYNTAX, r->line, (uint32_t)(at - r->start) + 1, "%s", why);
}

/* A value, "%%" as one "%". */
static int keep(struct reader *r, enum option o, struct part value, struct diag *d)
{
        struct blob *b = &r->values[o];

        if (b->data)
                return syntax(r, value.p, d, "this option was there before; remove one of them");
        if (!(b->data = malloc(value.len + 1)))
                return diag_set(d, E_NOMEM, "no memory");
        for (size_t i = 0; i < value.len; i++) {
                b->data[b->len++] = (uint8_t)value.p[i];
                if (value.p[i] != '%')
                        continue;
                if (++i == value.len || value.p[i] != '%')
                        return syntax(
                                r, value.p + i - 1, d,
                                "a % in a value is written as %%; %(option)s is not supported");
        }
        b->data[b->len] = 0;
        return 0;
}

static int take_section(struct reader *r, struct part line, struct diag *d)
{
        const char *close = memchr(line.p, ']', line.len);

        if (!close || close == line.p + 1)
                return syntax(r, line.p, d, "a section is a name in brackets");
        r->ours = (size_t)(close - line.p) == sizeof SECTION &&
                  memcmp(line.p + 1, SECTION, sizeof SECTION - 1) == 0;
        r->any |= r->ours;
        r->option = false;
        return 0;
}

static int take_option(struct reader *r, struct part line, struct diag *d)
{
        const char *end = line.p + line.len;
        const char *at = line.p;
        struct part name;

        while (at < end && *at != '=' && *at != ':')
                at++;
        name = trim(line.p, at);
        if (at == end || !name.len)
                return syntax(r, line.p, d, "not an option: name = value");
        for (size_t i = 0; i < OPTIONS && r->ours; i++)
                if (part_is(name, names[i]))
                        return keep(r, (enum option)i, trim(at + 1, end), d);
        return 0;
}

static int take_line(struct reader *r, const char *p, const char *end, struct diag *d)
{
        const struct part line = trim(p, end);
        const size_t indent = (size_t)(line.p - p);

        r->start = p;
        r->line++;
        if (!line.len || *line.p == '#' || *line.p == ';')
                return 0;
        if (memchr(p, 0, (size_t)(end - p)))
                return syntax(r, p, d, "a zero byte: not a text file");
        if (r->option && indent > r->indent)
                return syntax(r, line.p, d,
                              "a value that goes on in the next line is not supported");
        if (*line.p == '[')
                return take_section(r, line, d);
        r->option = true;
        r->indent = indent;
        return take_option(r, line, d);
}

static int read_lines(struct reader *r, const struct blob *text, struct diag *d)
{
        const char *p = (const char *)text->data;
        const char *end = p + text->len;
        int rc = 0;

        while (rc == 0 && p < end) {
                const char *nl = memchr(p, '\n', (size_t)(end - p));

                rc = take_line(r, p, nl ? nl : end, d);
                p = nl ? nl + 1 : end;
        }
        if (rc == 0 && !r->any)
                rc = diag_set(d, E_NOTFOUND, "there is no section [" SECTION "]");
        for (size_t i = 0; i <= LABEL && rc == 0; i++)
                if (!r->values[i].len)
                        rc = diag_set(d, E_NOTFOUND, "[" SECTION "] has no %s", names[i]);
        return rc;
}

static int slot_number(const struct blob *text, uint64_t *out, struct diag *d)
{
        *out = 0;
        for (size_t i = 0; i < text->len; i++) {
                const unsigned digit = (unsigned)text->data[i] - '0';

                if (digit > 9 || *out > (UINT64_MAX - digit) / 10)
                        return diag_set(d, E_RANGE, "slot: '%.40s' is no number", text->data);
                *out = 10 * *out + digit;
        }
        return 0;
}

static char *take_text(struct blob *b)
{
        char *text = (char *)b->data;

        *b = (struct blob){ 0 };
        return text;
}

int hsm_config_read(const struct blob *text, struct hsm_config *c, struct diag *d)
{
        struct reader r = { 0 };
        int rc;

        *c = (struct hsm_config){ 0 };
        rc = read_lines(&r, text, d);
        if (rc == 0)
                rc = slot_number(&r.values[SLOT], &c->slot, d);
        if (rc == 0) {
                c->module = take_text(&r.values[LIB]);
                c->label = take_text(&r.values[LABEL]);
                c->has_pin = r.values[CREDENTIALS].data != NULL;
                c->pin = r.values[CREDENTIALS];
                r.values[CREDENTIALS] = (struct blob){ 0 };
        }
        for (size_t i = 0; i < OPTIONS; i++)
                blob_free_secret(&r.values[i]);
        return rc;
}

void hsm_config_free(struct hsm_config *c)
{
        free(c->module);
        free(c->label);
        blob_free_secret(&c->pin);
        *c = (struct hsm_config){ 0 };
}
