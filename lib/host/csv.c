#include "host/csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/utf8.h"

/* Where the next character of a line stands, as Python's csv module sees it. */
enum place {
        AT_START, /* of a field */
        IN_PLAIN,
        IN_QUOTES,
        BEHIND_QUOTE /* the closing one, or the first of two */
};

struct reader {
        const char *name;
        const struct csv_config *cfg;
        int (*row)(void *ctx, const struct csv_row *row);
        void *ctx;
        struct report *r;
        struct csv_parser csv;
        char delim;
        int rc; /* first failure */

        char *arena; /* the fields of the current row; as large as the text, so it never moves */
        size_t arena_used, arena_peak;
        struct csv_field *fields; /* their places come from the scanner, their texts from libcsv */
        size_t begun, ended, cap;

        enum place at;
        const char *field_at; /* of the field that is being read */
        uint32_t line;
        const char *counted; /* characters of this line are counted up to here */
        uint32_t column;     /* of that place */
};

static uint32_t column_of(struct reader *rd, const char *p)
{
        rd->column += (uint32_t)utf8_count(rd->counted, (size_t)(p - rd->counted));
        rd->counted = p;
        return rd->column;
}

/* An error at a place of the current line. */
static int fail_at(struct reader *rd, int code, const char *p, const char *text)
{
        if (rd->rc == 0)
                rd->rc =
                        report_error(rd->r, code, rd->name, rd->line, column_of(rd, p), "%s", text);
        return rd->rc;
}

/* The same where the field began that is being read. */
static int fail_field(struct reader *rd, int code, const char *text)
{
        const struct csv_field *f = &rd->fields[rd->begun - 1];

        if (rd->rc == 0)
                rd->rc = report_error(rd->r, code, rd->name, f->line, f->column, "%s", text);
        return rd->rc;
}

static int field_begin(struct reader *rd, const char *p)
{
        struct csv_field *f;

        if (rd->begun == rd->cap) {
                const size_t cap = rd->cap ? 2 * rd->cap : 16;
                struct csv_field *grown = realloc(rd->fields, cap * sizeof *grown);

                if (!grown)
                        return rd->rc = report_error(rd->r, E_NOMEM, rd->name, 0, 0,
                                                     "out of memory");
                rd->fields = grown;
                rd->cap = cap;
        }
        f = &rd->fields[rd->begun++];
        memset(f, 0, sizeof *f);
        f->line = rd->line;
        f->column = column_of(rd, p);
        f->quoted = *p == '"';
        rd->field_at = p;
        rd->at = AT_START;
        return 0;
}

/* libcsv's callbacks */
static void on_field(void *text, size_t len, void *ctx)
{
        struct reader *rd = ctx;
        struct csv_field *f;

        if (rd->rc < 0 || rd->ended >= rd->begun)
                return;
        f = &rd->fields[rd->ended++];
        if (len > CSV_FIELD_MAX) {
                rd->rc = report_error(rd->r, E_RANGE, rd->name, f->line, f->column,
                                      "field over 1 MiB: put it into a file of its own");
                return;
        }
        f->text = rd->arena + rd->arena_used;
        f->len = len;
        if (len)
                memcpy(rd->arena + rd->arena_used, text, len);
        rd->arena[rd->arena_used + len] = 0;
        rd->arena_used += len + 1;
}

static void on_row(int terminator, void *ctx)
{
        struct reader *rd = ctx;
        const struct csv_row row = { rd->fields, rd->ended, rd->ended ? rd->fields[0].line : 0 };

        (void)terminator;
        if (rd->rc == 0)
                rd->rc = rd->row(rd->ctx, &row);
        if (rd->rc > 0)
                rd->rc = 0;
        if (rd->arena_used > rd->arena_peak)
                rd->arena_peak = rd->arena_used;
        rd->begun = rd->ended = rd->arena_used = 0;
}

static int no_blank(unsigned char c)
{
        (void)c;
        return 0;
}

static void feed(struct reader *rd, const char *from, const char *to)
{
        if (to > from && rd->rc == 0 &&
            csv_parse(&rd->csv, from, (size_t)(to - from), on_field, on_row, rd) !=
                    (size_t)(to - from))
                rd->rc = report_error(rd->r, E_NOMEM, rd->name, rd->line, 0, "%s",
                                      csv_strerror(csv_error(&rd->csv)));
}

static const char *plain_end(const struct reader *rd, const char *p, const char *end)
{
        while (p < end && *p != rd->delim && *p != '\n' && *p != '\r')
                p++;
        return p;
}

/*
 * "ab"cd is the field abcd to Python, and quotes in the tail are characters; libcsv would read on
 * inside the quotes. So it is shown "abcd" instead. p is behind the closing quote, from what is not
 * fed yet; returns where the tail ends.
 */
static const char *feed_tail(struct reader *rd, const char *from, const char *p, const char *end)
{
        const char *stop = plain_end(rd, p, end);

        feed(rd, from, p - 1);
        for (const char *q; (q = memchr(p, '"', (size_t)(stop - p))) != NULL; p = q + 1) {
                feed(rd, p, q + 1);
                feed(rd, q, q + 1);
        }
        feed(rd, p, stop);
        feed(rd, "\"", &"\""[1]);
        return stop;
}

/* One physical line with its end; the scanner finds where fields begin, libcsv what is in them. */
static int scan_line(struct reader *rd, const char *p, const char *end)
{
        const char *from = p;

        while (p < end && rd->rc == 0) {
                switch (rd->at) {
                case AT_START:
                        rd->at = *p == '"' ? IN_QUOTES : IN_PLAIN;
                        p += rd->at == IN_QUOTES;
                        continue;
                case IN_QUOTES:
                        p = memchr(p, '"', (size_t)(end - p));
                        rd->at = p ? BEHIND_QUOTE : IN_QUOTES;
                        p = p ? p + 1 : end;
                        continue;
                case BEHIND_QUOTE:
                        if (*p == '"') {
                                rd->at = IN_QUOTES;
                                p++;
                                continue;
                        }
                        if (*p != rd->delim && *p != '\n' && *p != '\r')
                                from = p = feed_tail(rd, from, p, end);
                        break;
                case IN_PLAIN:
                        p = plain_end(rd, p, end);
                        break;
                }
                if (p < end && *p == rd->delim)
                        field_begin(rd, ++p);
                else
                        p = end;
        }
        if (rd->begun && rd->at == IN_QUOTES && (size_t)(end - rd->field_at) > CSV_FIELD_MAX)
                return fail_field(rd, E_RANGE, "field over 1 MiB; is its closing quote missing?");
        feed(rd, from, end);
        return rd->rc;
}

static const char *line_end(const char *p, const char *end)
{
        while (p < end && *p != '\n' && *p != '\r')
                p++;
        if (p < end)
                p += *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1;
        return p;
}

static bool is_blank_line(const char *p)
{
        return *p == '\n' || *p == '\r';
}

/* The delimiter of the first row, if none was given. */
static void choose_delim(struct reader *rd, const char *p, const char *end)
{
        const size_t n = (size_t)(end - p);

        rd->delim = rd->cfg->delimiter ? rd->cfg->delimiter : ',';
        if (!rd->cfg->delimiter && !memchr(p, ',', n)) {
                rd->delim = memchr(p, ';', n) ? ';' : memchr(p, '\t', n) ? '\t' : ',';
                if (rd->delim != ',')
                        report_note(rd->r, rd->name, rd->line, 0,
                                    "fields are separated by %s, not by commas",
                                    rd->delim == ';' ? "';'" : "tabs");
        }
        csv_set_delim(&rd->csv, (unsigned char)rd->delim);
}

/* text ends in a line end. */
static int read_lines(struct reader *rd, const char *p, const char *end)
{
        const char *next;

        for (; p < end && rd->rc == 0; p = next) {
                const bool inside = rd->begun > 0; /* quotes that a line above opened */

                next = line_end(p, end);
                rd->line++;
                rd->column = 1;
                rd->counted = p;
                if (*p == '#' && rd->cfg->comments) {
                        if (inside)
                                fail_at(rd, E_SYNTAX, p,
                                        "'#' begins a line inside quotes, which would be dropped "
                                        "as a comment: put a blank before it, or the text into a "
                                        "file");
                        continue;
                }
                if (!inside && is_blank_line(p))
                        continue;
                if (!rd->delim)
                        choose_delim(rd, p, next);
                if (!inside && field_begin(rd, p) < 0)
                        break;
                scan_line(rd, p, next);
        }
        if (rd->rc == 0 && rd->begun)
                fail_field(rd, E_SYNTAX,
                           "the quote that opens here is never closed: close it, or double it if "
                           "it is meant as a character");
        return rd->rc;
}

/* By its byte order mark, or without one by its first character, which is ASCII in our files. */
static bool is_utf16(const char *text, size_t len)
{
        return len >= 2 && (!memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2) ||
                            (len % 2 == 0 && !text[0] != !text[1]));
}

/* Text that cannot be text: reported with its place. */
static int check_text(struct reader *rd, const char *text, size_t len)
{
        const char *nul = memchr(text, 0, len);
        const size_t stop = nul ? (size_t)(nul - text) : len;
        const size_t good = utf8_prefix(text, stop);
        const char *bad = good < stop ? text + good : nul;

        if (is_utf16(text, len))
                return report_error(rd->r, E_FORMAT, rd->name, 1, 1,
                                    "the file is UTF-16: save it as 'CSV UTF-8' or convert it with "
                                    "iconv -f UTF-16 -t UTF-8");
        if (!bad)
                return 0;
        rd->line = rd->cfg->first_line ? rd->cfg->first_line : 1;
        rd->counted = text;
        rd->column = 1;
        for (const char *p = text; p < bad; p++)
                if (*p == '\n' || (*p == '\r' && p[1] != '\n')) {
                        rd->line++;
                        rd->counted = p + 1;
                }
        return fail_at(rd, E_FORMAT, bad,
                       bad == nul ? "NUL byte: this is no text file"
                                  : "not UTF-8: save the file as 'CSV UTF-8', or as text in UTF-8");
}

/* A copy that ends in a line end and a NUL, with CRLF and CR as LF unless they are to be kept. */
static char *copy_text(const struct csv_config *cfg, const char *text, size_t *len)
{
        char *copy = calloc(1, *len + 2);
        char *q = copy;

        if (!copy)
                return NULL;
        if (cfg->keep_line_ends || !memchr(text, '\r', *len)) {
                memcpy(copy, text, *len);
                q += *len;
        } else {
                for (size_t i = 0; i < *len; i++) {
                        const bool cr = text[i] == '\r';

                        *q++ = cr ? '\n' : text[i];
                        i += cr && i + 1 < *len && text[i + 1] == '\n';
                }
        }
        if (q == copy || !is_blank_line(q - 1))
                *q++ = '\n';
        *len = (size_t)(q - copy);
        return copy;
}

int csv_read(const char *name, const char *text, size_t len, const struct csv_config *cfg,
             int (*row)(void *ctx, const struct csv_row *row), void *ctx, struct report *r)
{
        struct reader rd = { .name = name, .cfg = cfg, .row = row, .ctx = ctx, .r = r };
        char *copy = NULL;
        size_t size;

        if (cfg->first_line <= 1 && len >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) {
                report_note(r, name, 1, 0, "byte order mark skipped");
                text += 3;
                len -= 3;
        }
        if (!len)
                return 0;
        if (check_text(&rd, text, len) < 0)
                return -r->first_code;
        rd.line = cfg->first_line ? cfg->first_line - 1 : 0;
        size = len;
        copy = copy_text(cfg, text, &size);
        rd.arena = malloc(size + 1);
        if (!copy || !rd.arena || csv_init(&rd.csv, 0) != 0) {
                free(copy);
                free(rd.arena);
                return report_error(r, E_NOMEM, name, 0, 0, "out of memory");
        }
        csv_set_space_func(&rd.csv, no_blank);
        csv_set_blk_size(&rd.csv, 4096);
        read_lines(&rd, copy, copy + size);
        /* a configuration may hold passwords and keys */
        wipe(copy, size);
        wipe(rd.arena, rd.arena_used > rd.arena_peak ? rd.arena_used : rd.arena_peak);
        wipe(rd.csv.entry_buf, rd.csv.entry_size);
        csv_free(&rd.csv);
        free(copy);
        free(rd.arena);
        free(rd.fields);
        return rd.rc;
}
