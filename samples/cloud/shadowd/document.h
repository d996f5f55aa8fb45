/*
 * The shadow document of one thing: requests in, replies out; no clock, no files, no network.
 * Sources: AWS IoT Core Developer Guide, "Device Shadow service documents", "Interacting with
 * shadows", "Device Shadow error messages"; AWS General Reference, quotas of AWS IoT Core; and
 * tests/golden/shadow, which others have proved against the service itself.
 *
 * Rules
 * - An update changes the members that it names; null removes one. Arrays are replaced whole. An
 *   object with nothing but nulls in it adds nothing, a section that is left empty goes.
 * - delta: what is desired and not reported so. Arrays count whole.
 * - Every accepted update raises the version by one. One that names a version counts only if that
 * is the version so far. A shadow that was deleted less than 48 hours ago goes on counting.
 * - At most 8 KiB of desired and reported, written compactly, without metadata.
 */
#ifndef SHADOWD_DOCUMENT_H
#define SHADOWD_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jtree.h"

#define DOCUMENT_MAX         8192u  /* bytes of state */
#define DOCUMENT_REQUEST_MAX 16384u /* bytes of a request; AWS does not say: state and blanks */
#define DOCUMENT_DEPTH       6u     /* objects and arrays in one another, "state" is the first */
#define DOCUMENT_TOKEN_MAX   64u    /* bytes of a clientToken */
#define DOCUMENT_MEMORY_S    (48 * 3600)
#define DOCUMENT_FILE_MAX \
        ((size_t)1 << 20)       /* bytes of document_store's text; 8 KiB of "1," need 120 KB */
#define DOCUMENT_THING_MAX 128u /* characters of a thing's name */

/* Zero-initialise: no shadow yet. */
struct document {
        struct jtree *state; /* desired, reported, neither of them empty; NULL: no shadow exists */
        int64_t version;     /* of the last change; 0: there was none */
        int64_t changed;     /* when, seconds since 1970 */
};

/* What a request brings. Free with document_reply_free. */
struct document_reply {
        int code;        /* 200: accepted; or AWS's 400, 404, 409, 413, 415, 500 */
        char *answer;    /* for /accepted or /rejected, and for the REST client; NULL: no memory */
        char *delta;     /* for /update/delta; NULL: there is none */
        char *documents; /* for /update/documents; NULL: nothing was changed */
};

/* p: n bytes as they came. Times in seconds since 1970. A refusal leaves the document as it was. */
void document_update(struct document *d, const char *p, size_t n, int64_t now,
                     struct document_reply *r);

/* p: nothing, or an object with a clientToken; other content is ignored, as AWS does. */
void document_get(const struct document *d, const char *thing, const char *p, size_t n, int64_t now,
                  struct document_reply *r);
void document_delete(struct document *d, const char *thing, const char *p, size_t n, int64_t now,
                     struct document_reply *r);

/* A refusal for another reason. text: its message, a plain sentence. */
void document_refuse(int code, const char *text, int64_t now, struct document_reply *r);

void document_reply_free(struct document_reply *r);

/* Text for the disk (returned, free() it; NULL: no memory), and back: 0, -E_NOMEM, or -E_FORMAT. */
char *document_store(const struct document *d);
int document_load(struct document *d, const char *p, size_t n);

void document_free(struct document *d);

/* May a thing be called so? 1 … 128 of a-z A-Z 0-9 : _ - (AWS IoT API Reference, thingName). */
bool document_thing_ok(const char *name);

/* The thing in a topic or path: text is prefix, a name that may be one, and the rest, which is
 * returned (borrowed from text). NULL: it is something else. */
const char *document_thing_in(const char *text, const char *prefix,
                              char out[DOCUMENT_THING_MAX + 1]);

#endif
