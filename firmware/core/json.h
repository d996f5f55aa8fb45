/* JSON (RFC 8259): a scanner that is pulled token by token, and a bounded writer. No allocation, no
 * recursion. */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 16u /* objects and arrays in one another */

enum json_type {
        JSON_END, /* the document is complete */
        JSON_OBJECT,
        JSON_OBJECT_END,
        JSON_ARRAY,
        JSON_ARRAY_END,
        JSON_KEY, /* of an object; its value is the next token */
        JSON_STRING,
        JSON_NUMBER,
        JSON_TRUE,
        JSON_FALSE,
        JSON_NULL,
};

struct json_token {
        enum json_type type;
        const char
                *text; /* as it stands in the document (a string: between its quotes); borrowed */
        size_t len;
};

struct json {
        /* private: */
        const char *text;
        size_t len, at;
        uint32_t objects; /* a bit for each depth: object or array */
        unsigned depth;
        unsigned state;
};

/* text: n bytes, borrowed as long as tokens are used. */
void json_init(struct json *j, const char *text, size_t n);

/*
 * The next token: 0, -E_SYNTAX, -E_TRUNC (the text ends too early) or -E_RANGE (too deep). After a
 * failure, and after JSON_END, the same comes again. A document of which JSON_END was seen is
 * well-formed as a whole, its strings are UTF-8.
 */
int json_next(struct json *j, struct json_token *t);

/* Behind the first token of a value: go to its end (at once for all but objects and arrays). */
int json_skip(struct json *j, const struct json_token *t);

/* Key or string without its escapes, with a NUL: its length, or -E_NOSPACE; -E_SYNTAX: it holds a
 * NUL or half a surrogate pair. */
int json_text(const struct json_token *t, char *out, size_t cap);

/* Is this key or string that text? */
bool json_is(const struct json_token *t, const char *text);

/* A whole number in the range of int64_t, or -E_TYPE, -E_RANGE. */
int json_int(const struct json_token *t, int64_t *out);

/* Text that grows in a buffer. Sticky: once something did not fit, cut is set and nothing more is
 * added. */
struct json_writer {
        char *out;
        size_t cap, len; /* len: without the NUL, which is always there */
        bool cut;
};
void json_writer_init(struct json_writer *w, char *out, size_t cap); /* cap >= 1 */
void json_put(struct json_writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A string in quotes, escaped as needed. */
void json_put_string(struct json_writer *w, const char *s);

#endif
