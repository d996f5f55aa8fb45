#include "ledger_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/utf8.h"

static const char *const state_words[LEDGER_STATES] = {
        [LEDGER_FREE] = "free",         [LEDGER_RESERVED] = "reserved",
        [LEDGER_MADE] = "made",         [LEDGER_FLASHED] = "flashed",
        [LEDGER_VERIFIED] = "verified", [LEDGER_PASSED] = "passed",
        [LEDGER_FAILED] = "failed",     [LEDGER_REWORK] = "rework",
        [LEDGER_SCRAPPED] = "scrapped",
};

#define COLUMN(name, kind, right)                                                                 \
        {                                                                                         \
#name, offsetof(struct ledger_unit, name), sizeof((struct ledger_unit *)0)->name, \
                        kind, right                                                               \
        }

/* The order of the table, of events and of exports. A new column goes to the end. */
const struct ledger_column ledger_columns[] = {
        COLUMN(serial, LEDGER_TEXT, LEDGER_FIXED),
        COLUMN(state, LEDGER_STATE, LEDGER_OURS),
        COLUMN(batch, LEDGER_TEXT, LEDGER_FIXED),
        COLUMN(number, LEDGER_INT, LEDGER_FIXED),
        COLUMN(mac, LEDGER_TEXT, LEDGER_FIXED),
        COLUMN(chip, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(revision, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(flash_id, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(efuse, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(firmware, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(cert_serial, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(cert_state, LEDGER_TEXT, LEDGER_OURS),
        COLUMN(service, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(files, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(factory, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(images, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(attempt, LEDGER_INT, LEDGER_FIXED),
        COLUMN(station, LEDGER_TEXT, LEDGER_OURS),
        COLUMN(operator, LEDGER_TEXT, LEDGER_OURS),
        COLUMN(slot, LEDGER_TEXT, LEDGER_OURS),
        COLUMN(claimed_at, LEDGER_TEXT, LEDGER_OURS),
        COLUMN(ended_at, LEDGER_TEXT, LEDGER_OURS),
        COLUMN(cycle_ms, LEDGER_INT, LEDGER_CALLER),
        COLUMN(phases, LEDGER_TEXT, LEDGER_CALLER),
        COLUMN(failure, LEDGER_TEXT, LEDGER_OURS),
        COLUMN(note, LEDGER_TEXT, LEDGER_OURS),
        COLUMN(labels, LEDGER_INT, LEDGER_OURS),
        COLUMN(board_free, LEDGER_INT, LEDGER_OURS),
};
const size_t ledger_column_count = sizeof ledger_columns / sizeof *ledger_columns;

const char *ledger_state_word(enum ledger_state s)
{
        return (unsigned)s < LEDGER_STATES ? state_words[s] : "?";
}

int ledger_state_of(const char *word)
{
        for (int i = 0; i < LEDGER_STATES; i++)
                if (strcmp(state_words[i], word) == 0)
                        return i;
        return -1;
}

const char *ledger_column_get(const struct ledger_unit *u, const struct ledger_column *c,
                              char num[24])
{
        const char *at = (const char *)u + c->offset;

        if (c->kind == LEDGER_TEXT)
                return at;
        if (c->kind == LEDGER_STATE)
                return ledger_state_word(u->state);
        snprintf(num, 24, "%" PRId64, *(const int64_t *)(const void *)at);
        return num;
}

int ledger_column_set(struct ledger_unit *u, const struct ledger_column *c, const char *text)
{
        char *at = (char *)u + c->offset;
        char *end;
        int s;

        if (c->kind == LEDGER_TEXT) {
                if (strlen(text) >= c->size)
                        return -E_RANGE;
                strcpy(at, text);
                return 0;
        }
        if (c->kind == LEDGER_STATE) {
                if ((s = ledger_state_of(text)) < 0)
                        return -E_SYNTAX;
                u->state = (enum ledger_state)s;
                return 0;
        }
        *(int64_t *)(void *)at = strtoll(text, &end, 10);
        return *end || end == text ? -E_SYNTAX : 0;
}

int ledger_row_read(struct ledger_unit *u, const char *const *cols, int n)
{
        *u = (struct ledger_unit){ 0 };
        if (n != (int)ledger_column_count + 1)
                return -E_FORMAT;
        u->id = strtoll(cols[0], NULL, 10);
        for (size_t i = 0; i < ledger_column_count; i++)
                if (ledger_column_set(u, &ledger_columns[i], cols[i + 1]) < 0)
                        return -E_FORMAT;
        return 0;
}

int ledger_text_check(const char *what, const char *text, size_t size, struct diag *d)
{
        const size_t n = strlen(text);

        if (n >= size)
                return diag_set(d, E_RANGE, "%s '%.60s…': longer than %zu bytes", what, text,
                                size - 1);
        if (!utf8_valid(text, n))
                return diag_set(d, E_SYNTAX, "%s: not UTF-8", what);
        for (const char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        return diag_set(d, E_SYNTAX, "%s: a control character in it", what);
        return 0;
}

int ledger_serial_check(const char *serial, struct diag *d)
{
        if (!*serial)
                return diag_set(d, E_SYNTAX, "an empty serial number");
        for (const char *p = serial; *p; p++)
                if (*p <= 0x20 || *p >= 0x7f)
                        return diag_set(d, E_SYNTAX,
                                        "serial number '%.60s': only printable ASCII without "
                                        "blanks works on a label",
                                        serial);
        return ledger_text_check("serial number", serial, LEDGER_SERIAL_MAX, d);
}

void ledger_text_clean(char *out, size_t size, const char *text)
{
        size_t n = 0;

        while (text && *text) {
                const size_t k = utf8_length(text, strlen(text));
                const bool good =
                        k > 1 || (k == 1 && (unsigned char)*text >= 0x20 && *text != 0x7f);

                if (n + (k ? k : 1) >= size)
                        break;
                if (good)
                        memcpy(out + n, text, k);
                else
                        out[n] = k ? ' ' : '?';
                n += good ? k : 1;
                text += k ? k : 1;
        }
        out[n] = 0;
}

int ledger_mac(const char *text, char out[LEDGER_MAC_LEN])
{
        uint8_t b[8];
        char digits[17];
        size_t n = 0;

        for (const char *p = text; *p; p++) {
                if ((*p == ':' || *p == '-') && n % 2 == 0 && n)
                        continue;
                if (n >= 16 || hex_digit(*p) < 0)
                        return -E_SYNTAX;
                digits[n++] = *p;
        }
        if ((n != 12 && n != 16) || hex_decode(digits, n, b, sizeof b, NULL) < 0)
                return -E_SYNTAX;
        for (size_t i = 0; i < n / 2; i++)
                sprintf(out + 3 * i, i + 1 < n / 2 ? "%02x:" : "%02x", b[i]);
        return 0;
}

/* "name=value " in a list of such; an old value of the name goes. */
static int list_put(char *list, size_t size, const char *name, const char *value)
{
        const size_t k = strlen(name);
        char *at = list;
        size_t len;

        if (!k || strpbrk(name, " =\n\t"))
                return -E_SYNTAX;
        while (*at) {
                char *end = strchr(at, ' ');

                end = end ? end + 1 : at + strlen(at);
                if (strncmp(at, name, k) == 0 && at[k] == '=')
                        memmove(at, end, strlen(end) + 1);
                else
                        at = end;
        }
        len = strlen(list);
        if (len && list[len - 1] == ' ')
                list[--len] = 0; /* the removed one was the last */
        if (k + strlen(value) + 3 > size - len)
                return -E_NOSPACE;
        sprintf(list + len, "%s%s=%s", len ? " " : "", name, value);
        return 0;
}

int ledger_image_add(struct ledger_unit *u, const char *label, const uint8_t sha256[32])
{
        char hex[LEDGER_HASH_MAX];

        hex_encode(sha256, 32, hex);
        return list_put(u->images, sizeof u->images, label, hex);
}

int ledger_phase_add(struct ledger_unit *u, const char *phase, int64_t ms)
{
        char num[24];

        snprintf(num, sizeof num, "%" PRId64, ms);
        return list_put(u->phases, sizeof u->phases, phase, num);
}
