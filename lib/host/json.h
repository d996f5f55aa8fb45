/* JSON: read through cJSON with line and column, written as a stream. */
#ifndef HOST_JSON_H
#define HOST_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/diag.h"

struct cJSON;

/*
 * Parse len bytes of text (NUL-terminated at text[len]). Nothing but white space may follow the
 * value. Returned: free with cJSON_Delete. NULL on failure, with line and column in d.
 */
struct cJSON *json_parse(const char *text, size_t len, struct diag *d);

/* Load and parse a file; the failure's diag names line and column. */
struct cJSON *json_load(const char *path, struct diag *d);

/* A streaming writer: commas and quotes are its business. Zero-initialise, set out. */
struct json_writer {
        FILE *out; /* borrowed */
        unsigned depth;
        uint64_t not_first; /* a bit a level */
        bool pretty;        /* one member a line at the first two levels */
};

/* key NULL inside arrays and at the top. Levels: at most 60. */
void json_open(struct json_writer *w, const char *key, char bracket);     /* '{' or '[' */
void json_close(struct json_writer *w, char bracket);                     /* '}' or ']' */
void json_str(struct json_writer *w, const char *key, const char *value); /* NULL value: null */
void json_strn(struct json_writer *w, const char *key, const char *value, size_t len);
void json_uint(struct json_writer *w, const char *key, uint64_t value);
void json_int(struct json_writer *w, const char *key, int64_t value);
void json_number(struct json_writer *w, const char *key, const char *text); /* "-12.3" */
void json_bool(struct json_writer *w, const char *key, bool value);

#endif
