/*
 * The self-test's token line, as a unit's firmware prints it on its UART and a production line
 * reads it. Freestanding, both ends. fctry-console(5) says the same for people.
 *
 *   FCTRY-SELFTEST v1 PASS version=1.2.0 project=outlet chip=5 mac=240ac4000001 serial=SO-000001
 *   slot=valid nvs=ok fctry=ok cert=ok output=ok button=ok crc=eb69920f
 *
 * (one line, here broken). The word, the version of the format, the verdict, then fields
 * NAME=VALUE, words with one blank between them. NAME: a-z, 0-9, _; VALUE: bytes from 0x21 to
 * 0x7E, perhaps none. The fields version, project, chip, mac, serial and slot are facts. crc is the
 * last field: CRC-32 (that of zlib, 8 lower-case hex digits) over all bytes from the F up to the
 * blank before it. Every other field is a check: "ok", or a word for what is wrong. PASS is said if
 * and only if all checks are ok. Fields may be added within v1, in any order but for crc.
 */
#ifndef WIRE_SELFTEST_H
#define WIRE_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>

#define SELFTEST_WORD "FCTRY-SELFTEST"
#define SELFTEST_MAX  512u /* bytes of a token with its NUL */
#define SELFTEST_NAME 24u  /* bytes of a field's name with its NUL */

/* ---- writing ---- */

struct selftest_writer {
        bool pass; /* read-only: no check has failed so far */
        /* private: */
        size_t len;
        char line[SELFTEST_MAX];
};

void selftest_begin(struct selftest_writer *w);

/*
 * A field; bytes of value that none may have become '_'. One that does not fit is left out, and the
 * verdict becomes FAIL: a line that is not whole does not pass a unit.
 */
void selftest_fact(struct selftest_writer *w, const char *name, const char *value);
void selftest_check(struct selftest_writer *w, const char *name, const char *result);

/* The line, without its end; borrowed from w. */
const char *selftest_end(struct selftest_writer *w);

/* ---- reading ---- */

struct selftest {
        bool pass;
        /* private: */
        const char *fields;
        size_t len;
};
struct selftest_field {
        bool is_check; /* else a fact */
        bool ok;       /* of a check */
        const char *name, *value;
        size_t name_len, value_len;
};

/*
 * Find the token in a line of n bytes (other text may stand before it, CR or blanks behind it). t
 * borrows line. 0; -E_NOTFOUND: no token; -E_UNSUPPORTED: another version of the format; -E_CRC:
 * damaged or cut; -E_FORMAT: whole, but not as above, or verdict and checks contradict each other.
 */
int selftest_read(struct selftest *t, const char *line, size_t n);

/* The next field from *at on (0 at first), crc left out; false at the end. Borrowed from the line.
 */
bool selftest_next(const struct selftest *t, size_t *at, struct selftest_field *f);

/* The value of a field as a string. Returns its length, -E_NOTFOUND, -E_NOSPACE. */
int selftest_get(const struct selftest *t, const char *name, char *out, size_t cap);

#endif
