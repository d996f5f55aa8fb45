#include "host/batch_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"

#define READ_STEP ((size_t)256 << 10)

int batch_reader_open(struct batch_reader *r, const char *path, struct sha256 *sha, struct diag *d)
{
        *r = (struct batch_reader){ .name = path, .line = 1, .fd = -1, .sha = sha };
        if (strcmp(path, "-") == 0)
                return diag_set(d, E_USAGE,
                                "standard input cannot be read twice, as a batch is; put the "
                                "values into a file");
        r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (r->fd < 0)
                return diag_set(d, errno == EACCES ? E_PERM : E_NOTFOUND, "%s: cannot open: %s",
                                path, strerror(errno));
        if (fstat(r->fd, &r->st) < 0)
                return diag_set(d, E_IO, "%s: cannot read: %s", path, strerror(errno));
        if (!S_ISREG(r->st.st_mode))
                return diag_set(
                        d, E_IO,
                        "%s: is no regular file; it is read twice, so put the values into one",
                        path);
        if (sha && sha256_begin(sha) < 0)
                return diag_set(d, E_NOMEM, "out of memory");
        return 0;
}

void batch_reader_close(struct batch_reader *r)
{
        if (r->fd >= 0)
                close(r->fd);
        if (r->buf)
                wipe(r->buf, r->cap);
        free(r->buf);
        r->buf = NULL;
        r->fd = -1;
}

bool batch_reader_unchanged(const struct batch_reader *r)
{
        struct stat now;

        return fstat(r->fd, &now) == 0 && now.st_size == r->st.st_size &&
               now.st_mtim.tv_sec == r->st.st_mtim.tv_sec &&
               now.st_mtim.tv_nsec == r->st.st_mtim.tv_nsec;
}

/* Line ends are LF, CRLF and CR. 0: not in these bytes, or a CR that may be half of a CRLF. */
static size_t line_end(const char *p, size_t n, bool eof)
{
        if (n && *p == '\n')
                return 1;
        if (n && *p == '\r')
                return n > 1 ? 1 + (p[1] == '\n') : eof;
        return 0;
}

static bool is_delimiter(char c, char delimiter)
{
        return delimiter ? c == delimiter : c == ',' || c == ';' || c == '\t';
}

/* Does one of eight bytes equal c? (x - 1) & ~x has a high bit where a byte of x is 0. */
static bool has_byte(uint64_t eight, char c)
{
        const uint64_t ones = UINT64_C(0x0101010101010101);
        const uint64_t x = eight ^ (ones * (unsigned char)c);

        return ((x - ones) & ~x & ones << 7) != 0;
}

/* How many bytes inside quotes mean nothing to us, counted in eights: most of a certificate. */
static size_t quoted_run(const char *p, size_t n)
{
        size_t i = 0;

        for (; n - i >= 8; i += 8) {
                uint64_t eight;

                memcpy(&eight, p + i, sizeof eight);
                if (has_byte(eight, '"') || has_byte(eight, '\n') || has_byte(eight, '\r'))
                        break;
        }
        return i;
}

size_t batch_record_length(const char *p, size_t n, char delimiter, bool eof, uint32_t *lines,
                           bool *is_record)
{
        const bool comment = n && *p == '#';
        bool start = true; /* of a field */
        bool quoted = false;
        bool blank = true;
        size_t i = 0;

        *lines = 0;
        while (i < n) {
                char c;

                if (quoted)
                        i += quoted_run(p + i, n - i);
                if (i == n)
                        break;
                c = p[i];
                if (c == '\n' || c == '\r') {
                        const size_t k = line_end(p + i, n - i, eof);

                        if (!k)
                                return 0;
                        i += k;
                        ++*lines;
                        if (!quoted) {
                                *is_record = !blank && !comment;
                                return i;
                        }
                        continue;
                }
                blank &= c == ' ' || c == '\t';
                i++;
                if (comment)
                        continue;
                if (quoted) {
                        if (c != '"')
                                continue;
                        if (i == n && !eof)
                                return 0;
                        if (i < n && p[i] == '"')
                                i++;
                        else
                                quoted = false;
                } else if (c == '"' && start) {
                        quoted = true;
                        start = false;
                } else {
                        start = is_delimiter(c, delimiter);
                }
        }
        *is_record = !blank && !comment;
        return eof ? n : 0;
}

static int fill(struct batch_reader *r, struct diag *d)
{
        ssize_t n;

        if (r->from) {
                memmove(r->buf, r->buf + r->from, r->to - r->from);
                r->to -= r->from;
                r->from = 0;
        }
        if (r->cap - r->to < READ_STEP) {
                const size_t cap = r->cap ? 2 * r->cap : 2 * READ_STEP;
                char *grown;

                if (r->to > BATCH_RECORD_MAX)
                        return diag_at(
                                d, E_RANGE, r->line, 0,
                                "one record of more than %zu MiB; is a closing quote missing?",
                                BATCH_RECORD_MAX >> 20);
                grown = malloc(cap);
                if (!grown)
                        return diag_set(d, E_NOMEM, "out of memory");
                if (r->buf) {
                        memcpy(grown, r->buf, r->to);
                        wipe(r->buf, r->cap);
                        free(r->buf);
                }
                r->buf = grown;
                r->cap = cap;
        }
        do
                n = read(r->fd, r->buf + r->to, READ_STEP);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return diag_set(d, E_IO, "cannot read: %s", strerror(errno));
        if (n > 0 && r->sha && sha256_add(r->sha, r->buf + r->to, (size_t)n) < 0)
                return diag_set(d, E_NOMEM, "out of memory");
        if (n == 0 && !batch_reader_unchanged(r))
                return diag_set(d, E_STATE, "was changed while it was read; run the command again");
        r->eof = n == 0;
        r->to += (size_t)n;
        return 0;
}

static int piece_add(struct batch_piece *p, const char *text, size_t n, struct diag *d)
{
        if (n > p->cap - p->len) {
                const size_t cap = 2 * (p->len + n);
                char *grown = malloc(cap);

                if (!grown)
                        return diag_set(d, E_NOMEM, "out of memory");
                if (p->text) {
                        memcpy(grown, p->text, p->len);
                        wipe(p->text, p->cap);
                        free(p->text);
                }
                p->text = grown;
                p->cap = cap;
        }
        memcpy(p->text + p->len, text, n);
        p->len += n;
        return 0;
}

int batch_reader_next(struct batch_reader *r, struct batch_piece *p, size_t max, size_t bytes,
                      struct diag *d)
{
        p->len = 0;
        p->records = 0;
        p->line = r->line;
        p->first = r->records;
        while (p->records < max && p->len < bytes) {
                uint32_t lines;
                bool is_record;
                const size_t n = batch_record_length(r->buf + r->from, r->to - r->from,
                                                     r->delimiter, r->eof, &lines, &is_record);
                int rc;

                if (n == 0) {
                        if (r->eof)
                                break;
                        if ((rc = fill(r, d)) < 0)
                                return rc;
                        continue;
                }
                if ((rc = piece_add(p, r->buf + r->from, n, d)) < 0)
                        return rc;
                r->from += n;
                r->line += lines;
                r->records += is_record;
                p->records += is_record;
        }
        return p->len > 0;
}

void batch_piece_free(struct batch_piece *p)
{
        if (p->text)
                wipe(p->text, p->cap);
        free(p->text);
        *p = (struct batch_piece){ 0 };
}
