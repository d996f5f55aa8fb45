/* JSON (RFC 8259): a scanner that is pulled token by token, and a bounded writer. No allocation, no
 * recursion. */
#ifndef CORE_JDOC_H
#define CORE_JDOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JDOC_DEPTH_MAX 16u /* objects and arrays in one another */

enum jdoc_type {
        JDOC_END, /* the document is complete */
        JDOC_OBJECT,
        JDOC_OBJECT_END,
        JDOC_ARRAY,
        JDOC_ARRAY_END,
        JDOC_KEY, /* of an object; its value is the next token */
        JDOC_STRING,
        JDOC_NUMBER,
        JDOC_TRUE,
        JDOC_FALSE,
        JDOC_NULL,
};

struct jdoc_token {
        enum jdoc_type type;
        const char
                *text; /* as it stands in the document (a string: between its quotes); borrowed */
        size_t len;
};

struct jdoc {
        /* private: */
        const char *text;
        size_t len, at;
        uint32_t objects; /* a bit for each depth: object or array */
        unsigned depth;
        unsigned state;
};

/* text: n bytes, borrowed as long as tokens are used. */
void jdoc_init(struct jdoc *j, const char *text, size_t n);

/*
 * The next token: 0, -E_SYNTAX, -E_TRUNC (the text ends too early) or -E_RANGE (too deep). After a
 * failure, and after JDOC_END, the same comes again. A document of which JDOC_END was seen is
 * well-formed as a whole, its strings are UTF-8.
 */
int jdoc_next(struct jdoc *j, struct jdoc_token *t);

/* Behind the first token of a value: go to its end (at once for all but objects and arrays). */
int jdoc_skip(struct jdoc *j, const struct jdoc_token *t);

/* Key or string without its escapes, with a NUL: its length, or -E_NOSPACE; -E_SYNTAX: it holds a
 * NUL or half a surrogate pair. */
int jdoc_text(const struct jdoc_token *t, char *out, size_t cap);

/* Is this key or string that text? */
bool jdoc_is(const struct jdoc_token *t, const char *text);

/* A whole number in the range of int64_t, or -E_TYPE, -E_RANGE. */
int jdoc_int(const struct jdoc_token *t, int64_t *out);

/* Text that grows in a buffer. Sticky: once something did not fit, cut is set and nothing more is
 * added. */
struct jdoc_writer {
        char *out;
        size_t cap, len; /* len: without the NUL, which is always there */
        bool cut;
};
void jdoc_writer_init(struct jdoc_writer *w, char *out, size_t cap); /* cap >= 1 */
void jdoc_put(struct jdoc_writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A string in quotes, escaped as needed. */
void jdoc_put_string(struct jdoc_writer *w, const char *s);

#endif
