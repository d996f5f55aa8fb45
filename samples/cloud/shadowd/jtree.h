/*
 * JSON as a tree, for documents of some kilobytes. Keys, strings and numbers stay as they were
 * written, so that nothing is rounded or escaped anew on its way through.
 */
#ifndef SHADOWD_JTREE_H
#define SHADOWD_JTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "firmware/core/jdoc.h"

struct jtree {
        enum jdoc_type type; /* JDOC_OBJECT, JDOC_ARRAY, JDOC_STRING … JDOC_NULL */
        struct jtree *next;  /* in the object or array that holds this */
        struct jtree *child; /* the first one in this */
        struct jtree *last;  /* … and the last one */
        char *key;           /* as written, between its quotes; NULL: not a member of an object */
        char *text;          /* as written (a string: between its quotes); NULL: has children */
        int64_t stamp;       /* of a leaf: when it was set, seconds since 1970 */
};

/*
 * Read n bytes (RFC 8259, UTF-8), every leaf with that stamp. Of members of the same name the last
 * counts. Returned: free with jtree_free. -E_SYNTAX (also for a NUL or half a surrogate pair in a
 * string), -E_TRUNC, -E_RANGE (more than JDOC_DEPTH_MAX levels), -E_NOMEM; *out is NULL then.
 */
int jtree_read(const char *p, size_t n, int64_t stamp, struct jtree **out);

void jtree_free(struct jtree *t); /* with its children; NULL is fine */

/* Returned; NULL: no memory, or t is NULL. */
struct jtree *jtree_copy(const struct jtree *t);

/* The member of that name (a plain word, no escapes in it); NULL: not there, or t is no object. */
struct jtree *jtree_find(const struct jtree *t, const char *name);

/* The member called as member is. */
struct jtree *jtree_same_key(const struct jtree *t, const struct jtree *member);

/* At the end of t, an object or array; child is taken. */
void jtree_append(struct jtree *t, struct jtree *child);

/* Takes the member out of t and frees it. */
void jtree_drop(struct jtree *t, struct jtree *member);

/* The same value? Numbers and strings by what they mean, objects whatever their order. */
bool jtree_equal(const struct jtree *a, const struct jtree *b);

/* A whole number: 0, -E_TYPE (t is none, or NULL), -E_RANGE. */
int jtree_int(const struct jtree *t, int64_t *out);

/* Levels of objects and arrays: 0 for a leaf. */
unsigned jtree_depth(const struct jtree *t);

/* Compact JSON; the second writes {"timestamp":N} for every leaf. */
void jtree_put(const struct jtree *t, FILE *out);
void jtree_put_stamps(const struct jtree *t, FILE *out);

/* The stamps back from what jtree_put_stamps wrote; leaves that are not in it keep theirs. */
void jtree_take_stamps(struct jtree *t, const struct jtree *stamps);

/* How many bytes jtree_put writes. */
size_t jtree_size(const struct jtree *t);

#endif
